//! STAC and UMM records, turned into each other with a report of what did not map; assets and their filters. No IO, no clock.
//!
//! ```text
//!  page of CMR (umm_json) ──▶ umm::Page ──▶ umm::Granule<'a> ──▶ footprint, time, assets, ids     (typed, borrowed from the page)
//!                                                 │
//!                                                 ▼
//!                             convert::write_item: bytes of a STAC Item, and a Report
//!
//!  convert::{granule_to_item, item_to_granule, collection_to_stac, stac_to_collection}            (the same on serde_json::Value)
//! ```
//!
//! * What both forms can say is said in each one's own words. What only one can say travels in a namespace of the other and comes back:
//!   `umm:*` and `cmr:*` fields in STAC, additional attributes named `stac:*` in UMM. Design note 6 has the rules.
//! * A [`Report`] names each field that was said otherwise, carried along, or lost.

pub mod assets;
pub mod convert;
mod error;
mod footprint;
mod json;
mod records;
mod report;
mod time;
pub mod umm;

pub use assets::{Asset, AssetFields, AssetFilter, AssetFilterError, Band, Checksum, StacVersion};
pub use convert::Options;
pub use error::MetadataError;
pub use footprint::Footprint;
pub use json::{Number, Raw, Text};
pub use records::{RecordBlock, RecordReader};
pub use report::{Change, Converted, Effect, Report};
