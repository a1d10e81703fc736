//! What to look for in a catalogue, as data: one query that speaks CMR and STAC. No login, no network.
//!
//! ```text
//!  named fields, chaining, JSON ──▶ GranuleQuery ──── to_cmr ──▶ CmrParameters      CMR's granule search
//!                                   CollectionQuery ◀─ from_cmr
//!                                   StacItemQuery  ──── to_stac ─▶ body, keywords   STAC APIs, pystac-client
//!                                                  ◀─ from_stac
//! ```
//!
//! * A query holds whatever it is given. [`GranuleQuery::validate`] and its like name **everything** that is wrong, each with field, value,
//!   message and hint; `validate_for` a [`Service`] also what that service cannot express.
//! * A conversion fails only for what is wrong. What a service cannot be told is in the report beside the result ([`Converted::changes`]);
//!   nothing is left out in silence.
//! * [`Query`] is any of the three, as a file holds it.
//! * A date is the whole day, a month the whole month. What comes from a service has the meaning it has there: instants, both ends inclusive.
//!
//! ```
//! use cube_query::{GranuleQuery, Service};
//!
//! let query = GranuleQuery::new()
//!     .collections(["HLSL30.v2.0", "HLSS30.v2.0"])
//!     .temporal("2024-06")
//!     .bounding_box((7.0, 46.0, 8.0, 47.0))
//!     .cloud_cover([0, 20])
//!     .granule_name("HLS.?30.T32TMT.*");
//! assert!(query.validate_for(Service::Cmr).is_empty());
//!
//! let cmr = query.to_cmr()?;
//! assert_eq!(cmr.value.get("temporal"), ["2024-06-01T00:00:00Z,2024-06-30T23:59:59.999Z"]);
//! assert_eq!(cmr.value.get("options[readable_granule_name][pattern]"), ["true"]);
//!
//! let stac = query.to_stac()?.value.body();
//! assert_eq!(stac["query"]["eo:cloud_cover"]["lte"], 20);
//! assert_eq!(stac["filter"]["args"][1], "HLS._30.T32TMT.%");
//!
//! let wrong = GranuleQuery::new().temporal("June").cloud_cover([20, 120]).limit(0);
//! assert_eq!(wrong.validate().len(), 3);
//! # Ok::<(), cube_query::Invalid>(())
//! ```

mod any;
mod collections;
mod cql2;
mod field;
mod granules;
mod ids;
mod input;
mod items;
mod names;
mod options;
mod problem;
mod shape;
mod shape_rules;
mod values;
mod when;
mod wire;

pub use any::Query;
pub use collections::{CollectionQuery, StacCollectionSearch};
pub use granules::GranuleQuery;
pub use ids::CollectionId;
pub use input::Input;
pub use items::{Json, StacBox, StacItemQuery};
pub use names::advice;
pub use problem::{Change, Converted, Effect, Invalid, Problem, ProblemKind, Service, Unread};
pub use shape::{BoundingBox, Circle, Line, Point, Polygon};
pub use shape_rules::{CMR_LINE_POINTS, CMR_POLYGON_POINTS, DEFAULT_POLYGON_POINTS};
pub use values::{Attribute, AttributeValues, DayNight, Options, Pass, Range, ScienceKeywords, SortKey};
pub use when::{Season, When};
pub use wire::CmrParameters;

/// Records that CMR gives in one page at most.
pub const CMR_PAGE_SIZE: u64 = 2000;
