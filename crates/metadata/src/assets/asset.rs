use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Band, Checksum, formats};

/// One file of a granule or item, wherever its copies lie.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asset {
    /// Key, unique in its granule or item; see [`AssetKeys`](super::AssetKeys).
    pub key: String,
    /// Where it is read: `https` where there is one, else as stated.
    pub href: String,
    /// Other places of the same bytes, by name: `s3` for direct access, `https`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<(String, String)>,
    /// Title, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Description, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Distance between samples on the ground, in metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gsd: Option<f64>,
    /// Media type (RFC 6838); from the extension of the file when none is stated, see [`media_type`](super::media_type).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// STAC roles: `data`, `metadata`, `thumbnail`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The bands in it, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<Band>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Sum of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// What else a STAC asset says, under the names of STAC 1.1: kept, so that nothing is lost in reading and writing.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl Asset {
    /// An asset of which key and place are known. Its media type comes from the extension.
    pub fn new(key: impl Into<String>, href: impl Into<String>) -> Self {
        let href = href.into();
        let media_type = super::media_type(None, &href).map(Into::into);
        Self { key: key.into(), href, media_type, ..Self::default() }
    }

    /// Name of the file: what follows the last `/` of the path, without query and fragment. A Zarr store that ends in `/` has a name too.
    pub fn file_name(&self) -> &str {
        file_name(&self.href)
    }

    /// Where it is read with `scheme` (`https`, `s3`, …): its own place, or an alternate.
    ///
    /// ```
    /// use cube_metadata::Asset;
    ///
    /// let mut asset = Asset::new("data", "https://data.example.test/a.nc");
    /// asset.alternates.push(("s3".into(), "s3://bucket/a.nc".into()));
    /// assert_eq!(asset.place("s3"), Some("s3://bucket/a.nc"));
    /// assert_eq!(asset.place("gs"), None);
    /// ```
    pub fn place(&self, scheme: &str) -> Option<&str> {
        let places = std::iter::once(self.href.as_str()).chain(self.alternates.iter().map(|(_, href)| href.as_str()));
        places.into_iter().find(|href| has_scheme(href, scheme))
    }

    /// Has it this STAC role?
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// Can parts of it be read without the whole file, as its own media type says: COG, Zarr, GeoParquet, COPC, FlatGeobuf, PMTiles?
    ///
    /// A TIFF whose media type does not name the COG profile is not known to be one. A netCDF or HDF5 file is cloud-optimised where a DMR++ lies
    /// beside it; that is asked of all assets together, see [`AssetFilter`](super::AssetFilter).
    pub fn is_cloud_optimised(&self) -> bool {
        self.media_type.as_deref().and_then(formats::of_media_type).is_some_and(|f| f.cloud_optimised)
    }
}

fn has_scheme(href: &str, scheme: &str) -> bool {
    href.split_once("://").is_some_and(|(s, _)| s.eq_ignore_ascii_case(scheme))
}

/// Name of the file that `href` leads to, without query and fragment.
pub(crate) fn file_name(href: &str) -> &str {
    let path = path(href).trim_end_matches('/');
    &path[path.rfind('/').map_or(0, |slash| slash + 1)..]
}

/// Up to the query or fragment. Most have none; looking at all bytes without a stop tells that soonest.
fn path(href: &str) -> &str {
    let marked = href.bytes().fold(false, |found, byte| found | (byte == b'?') | (byte == b'#'));
    if marked { href.split(['?', '#']).next().unwrap_or(href) } else { href }
}
