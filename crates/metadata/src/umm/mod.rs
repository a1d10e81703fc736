//! Records of NASA's Unified Metadata Model, as CMR's `umm_json` gives them: typed, and borrowed from the bytes.
//!
//! A [`Page`] of an answer gives its [`Granule`]s one after another, in one pass over the bytes. A field that has another shape than the schema says
//! does not end the reading: it is kept as it stands, in [`Granule::other`].

mod attributes;
mod files;
mod granule;
mod kind;
mod page;
mod parts;
mod read;
mod spatial;
mod spatial_read;

pub use attributes::{Attribute, Grid};
pub(crate) use attributes::{Facts, is_doi};
pub use files::{File, Place};
pub use granule::{CollectionReference, Granule, TimeRange};
pub use kind::Kind;
pub use page::{Granules, Page, Records};
pub use parts::{ArchiveFile, DataGranule, Identifier, Instrument, Meta, Other, Platform, ProviderDate, RelatedUrl, Stated, Temporal};
pub use spatial::{GPolygon, Geometry, Orbit, Point, Rectangle, Spatial, Track};
pub(crate) use spatial_read::spatial as read_spatial;
