//! Regions as people bring them: repaired with a report, and simplified so that nothing is missed. No IO.
//!
//! ```text
//!  GeoJSON, Roi ──▶ Region::repair ──▶ Repaired { region, steps }
//!                                          │
//!                                          ├─▶ simplify_containing ──▶ Simplified { region, … }   what a service is asked
//!                                          └─▶ Region::intersects                                 what of its answer is kept
//! ```
//!
//! * A [`Region`] is in longitude and latitude within ±180, its areas valid and apart from each other: outer rings counter-clockwise, holes
//!   clockwise, nothing crossing. Its edges are straight in longitude and latitude, as GeoJSON has it.
//! * [`Region::repair`] says in [`RepairStep`]s what it changed.
//! * [`simplify_containing`] answers a region of so many points that **contains** the given one, under the reading of edges that the service
//!   has ([`Edges`]); so a search with it misses nothing.
//! * [`Region::intersects`] then keeps of the results what truly meets the region.
//!
//! ```
//! use cube_geometry::{Edges, Limits, Region, simplify_containing};
//!
//! let bowtie = serde_json::json!({"type": "Polygon", "coordinates": [[[0, 50], [4, 54], [4, 50], [0, 54], [0, 50]]]});
//! let repaired = Region::repair(&serde_json::from_value(bowtie)?)?;
//! assert_eq!(repaired.region.shapes().areas.len(), 2);
//!
//! let asked = simplify_containing(&repaired.region, Limits { edges: Edges::Geodesic, ..Limits::default() })?;
//! assert!(asked.points_after <= 300);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod corridor;
mod error;
mod exact;
mod geodesic;
mod index;
mod overlay;
mod region;
mod repair;
mod simplify;
mod sphere;
mod text;

pub use error::{Error, Result};
pub use region::Region;
pub use repair::{RepairKind, RepairStep, Repaired, steps_of_long_edges};
pub use simplify::{Edges, Limits, Simplified, SimplifyKind, SimplifyStep, simplify_containing};
pub use text::steps_of_wkt;
