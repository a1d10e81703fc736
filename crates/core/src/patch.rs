use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Affine, Crs, DType, Extent, Number, Shape, TimeValue};

/// `collection/id`: unique in a cube.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PatchId(Arc<str>);

impl PatchId {
    /// From the collection and the id inside it.
    pub fn new(collection: &str, id: &str) -> Self {
        Self(format!("{collection}/{id}").into())
    }

    /// `collection/id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a patch — an array as its source stores it — without reading pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatchIndex {
    /// Unique in a cube.
    pub id: PatchId,
    /// The time that names it: STAC `datetime`, else the start, else the end. Absent when the source states none.
    pub time: Option<TimeValue>,
    /// First and last instant, where the source states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(TimeValue, TimeValue)>,
    /// Outline in longitude and latitude (a multipolygon's outer and inner rings; longitudes within ±180), where the source states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footprint: Option<geojson::Geometry>,
    /// Bounding box in longitude and latitude; `west > east` when it crosses the antimeridian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<[f64; 4]>,
    /// What changes when the source publishes the patch anew: checksum, else `updated` or etag. Empty when nothing is known.
    #[serde(default)]
    pub version: String,
    /// One per band of the source, under each name it goes by (asset key, common name).
    pub assets: BTreeMap<String, Arc<Asset>>,
    /// The properties that a mosaic order or a filter may ask for (`eo:cloud_cover`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, serde_json::Value>,
}

impl PatchIndex {
    /// The band of a name: an asset key, a common name, `asset.2` for the second band of an asset's file, or `asset#variable` for one of
    /// several variables in it (`asset.2#variable` for its second band).
    pub fn asset(&self, name: &str) -> Option<Arc<Asset>> {
        if let Some(asset) = self.assets.get(name) {
            return Some(Arc::clone(asset));
        }
        if let Some((name, variable)) = name.split_once('#') {
            // What a catalogue says of the type, nodata and scaling of a file's pixels is not said of each of its variables.
            let Asset { href, band, grid, media_type, size, checksum, alternates, sidecar, .. } = Asset::clone(self.asset(name)?.as_ref());
            let variable = Some(variable.to_owned());
            return Some(Arc::new(Asset { href, band, variable, grid, media_type, size, checksum, alternates, sidecar, ..Asset::bare("") }));
        }
        let (key, band) = name.rsplit_once('.')?;
        let band = band.parse::<usize>().ok()?.checked_sub(1)?;
        self.assets.get(key).map(|asset| Arc::new(Asset { band, ..Asset::clone(asset) }))
    }
}

/// One band of a patch: where its bytes lie and what the source says of its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Absolute URL or path, unsigned.
    pub href: String,
    /// Band in that file, from 0.
    #[serde(default)]
    pub band: usize,
    /// Which of its arrays, for a file that holds several: the path of a variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The grid, where the source states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<SourceGrid>,
    /// Type of the pixels, where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<DType>,
    /// The value that stands for "no data", where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodata: Option<Number>,
    /// `value = pixel × scale + offset`; absent where the source says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// See `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// Scale or offset follow from what is known of the product, and not from a statement: what the file states comes first, and pixels in
    /// floating point have neither.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub presumed: bool,
    /// Unit of the scaled value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Media type as stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Size of the file in bytes, where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Checksum of the file as a multihash in hex (STAC file extension), where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Other places of the same bytes, by scheme: `s3` for direct access.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alternates: BTreeMap<String, String>,
    /// A file beside it that says where its blocks lie (DMR++), where the source lists one or was told that there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<String>,
}

impl Asset {
    /// The first band of a file of which nothing else is known.
    pub fn bare(href: &str) -> Self {
        Self {
            href: href.to_owned(),
            band: 0,
            variable: None,
            grid: None,
            dtype: None,
            nodata: None,
            scale: None,
            offset: None,
            presumed: false,
            unit: None,
            title: None,
            media_type: None,
            size: None,
            checksum: None,
            alternates: BTreeMap::new(),
            sidecar: None,
        }
    }
}

/// What a source states of a grid; each part may be missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceGrid {
    /// CRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<Crs>,
    /// Pixel corner to world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affine: Option<Affine>,
    /// Rows and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// Extent in the CRS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
}

impl SourceGrid {
    /// The grid, when enough is stated: CRS and shape, and a transform or an extent.
    pub fn geobox(&self) -> Option<crate::GeoBox> {
        let (crs, shape) = (self.crs.clone()?, self.shape?);
        match (self.affine, self.extent) {
            (Some(affine), _) => crate::GeoBox::new(crs, affine, shape).ok(),
            (None, Some(extent)) => crate::GeoBox::from_shape(crs, extent, shape).ok(),
            (None, None) => None,
        }
    }
}
