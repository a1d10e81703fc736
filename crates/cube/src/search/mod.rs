//! Searching catalogues: one question, one stream of results, whether CMR or a STAC API answers.
//!
//! ```text
//!  Asked ── query file + named fields + region ──┬─ for_cmr  ──▶ GranuleQuery ──▶ CMR
//!                                                └─ for_stac ──▶ StacItemQuery ─▶ STAC API, catalogue, item collection, index
//!                                                                                  │
//!                               Found { matched, records } ◀── true region ◀── what the service was not told
//!                                   │
//!                                   └─▶ write: JSON, NDJSON, UMM, STAC, GeoJSON, CSV, URLs; write_parquet
//! ```
//!
//! Results come page by page and are handed on as they come; memory holds a few pages.

mod asked;
mod cmr;
mod collection_facts;
mod collections;
mod convert;
mod granule_facts;
mod local;
mod output;
mod places;
mod record;
mod region;
mod service;
mod stac;
mod stac_collections;
mod times;
mod validate;

pub use cube_metadata::{AssetFields, AssetFilter, StacVersion};

pub use asked::{Asked, read_query};
pub use collection_facts::{CollectionFacts, DirectAccess};
pub use collections::{Collection, CollectionStream, CollectionsAsked, CollectionsFound, collections, describe};
pub use convert::{AsStac, ConvertTo, ConvertedRecord, RecordKind, convert_records};
pub use cube_metadata::Effect as ConvertEffect;
pub use output::{OutputFormat, WriteOptions, Wrote, write, write_file, write_parquet};
pub use record::{Facts, FileFacts, Record, RecordStream};
pub use region::SearchRegion;
pub use service::{CMR, CMR_UAT, Found, Matched, SearchOptions, SearchService, count, search};
pub use validate::validate;
