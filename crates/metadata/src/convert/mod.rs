//! UMM to STAC and back. Design note 6 has the rules.

mod asset;
mod carried;
mod collection;
mod collection_back;
mod extent;
mod geojson;
mod geometry;
mod granule;
mod item;
mod links;
mod moment;
mod names;
mod urls;
pub(crate) mod value;
mod version;

use serde_json::Value;

use crate::{Converted, MetadataError, StacVersion, json, umm};

pub use collection::collection_to_stac;
pub use collection_back::stac_to_collection;
pub use granule::item_to_granule;
pub use item::{write_item, write_summary};

/// Makes a STAC Item of a UMM-G record, alone or in CMR's envelope.
///
/// # Errors
/// Those of [`umm::Granule::parse`] and [`write_item`].
pub fn granule_to_item(record: &Value, options: &Options<'_>) -> Result<Converted<Value>, MetadataError> {
    let text = record.to_string();
    let granule = umm::Granule::parse(text.as_bytes())?;
    let mut item = Vec::with_capacity(text.len() * 2);
    let report = write_item(&granule, options, &mut item)?;
    let value = json::parse(json::whole(&item)?)?;
    Ok(Converted { value, report })
}

/// How to write STAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options<'o> {
    /// 1.1.0, unless asked otherwise.
    pub stac_version: StacVersion,
    /// Where CMR lies, for links: `https://cmr.earthdata.nasa.gov`.
    pub cmr: &'o str,
    /// Id of the collection in STAC, for granules that name theirs by title alone.
    pub collection: Option<&'o str>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { stac_version: StacVersion::default(), cmr: "https://cmr.earthdata.nasa.gov", collection: None }
    }
}

impl Options<'_> {
    /// With a version as people write it: `1.1.0`, `1.0.0`.
    ///
    /// # Errors
    /// For any other version.
    pub fn with_version(self, version: &str) -> Result<Self, MetadataError> {
        let stac_version = match version.trim_start_matches('v') {
            "1.1" | "1.1.0" => StacVersion::V1_1,
            "1.0" | "1.0.0" => StacVersion::V1_0,
            _ => return Err(MetadataError::StacVersion(version.into())),
        };
        Ok(Self { stac_version, ..self })
    }
}
