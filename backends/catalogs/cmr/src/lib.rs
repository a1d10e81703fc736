//! NASA's Common Metadata Repository: collections and granules as streams, and as patches for cubes.
//!
//! ```text
//!  GranuleQuery ─────▶ Plan ──▶ searches ──▶ Pager ──▶ pages of records ──▶ Results
//!  CollectionQuery     (what CMR can         (search-after, hits,           (matched, pages, items, get_all,
//!                       express)              time-outs)                     to_umm, to_stac; again and again)
//! ```
//!
//! * [`Cmr`] — a client of one service: [`Cmr::granules`], [`Cmr::collections`], [`Cmr::describe`].
//! * [`Results`] — what a search finds. A few pages are in memory at a time, whatever their number: one that is used and
//!   [`CmrOptions::prefetch_pages`] ahead.
//! * [`Record`] — one granule or collection in the bytes in which it came.
//! * [`CmrCatalog`] — granules as patches, for cubes whose spec says `backend = "cmr"`.
//!
//! Requests, retries, waiting and credentials are those of [`cube_access`].
//!
//! ```no_run
//! use cube_access::{Access, AccessOptions};
//! use cube_catalog_cmr::{Cmr, CmrOptions, PRODUCTION};
//! use cube_query::GranuleQuery;
//! use futures::TryStreamExt;
//!
//! # async fn search() -> Result<(), Box<dyn std::error::Error>> {
//! let cmr = Cmr::new(PRODUCTION, &Access::new(AccessOptions::from_env()?)?, CmrOptions::default())?;
//! let june = cmr.granules(&GranuleQuery::new().collections("HLSL30.v2.0").temporal("2024-06").bounding_box((7, 46, 8, 47)))?;
//! let count = june.matched().await?;
//! let mut clear = june.filter(|granule| granule.cloud_cover().is_some_and(|c| c < 20.0)).items();
//! while let Some(record) = clear.try_next().await? {
//!     let granule = record.granule()?;
//!     assert!(granule.cloud_cover() < Some(20.0), "one of {count}");
//! }
//! # Ok(())
//! # }
//! ```

mod ahead;
mod catalog;
mod client;
mod error;
mod names;
mod page;
mod pager;
mod plan;
mod results;
mod service;
mod stac;
mod walk;

pub use ahead::PageStream;
pub use catalog::{CatalogOptions, CmrCatalog};
pub use client::{Cmr, CmrOptions, PRODUCTION, UAT};
pub use error::{Error, Result};
pub use names::Named;
pub use page::{Collections, Concept, Granules, Meta, Page, Record};
pub use results::{RecordStream, Results};
pub use stac::{StacRecord, StacStream};
