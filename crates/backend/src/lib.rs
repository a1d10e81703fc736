//! The contracts that a backend fulfils, and (feature `testing`) the suites that prove an implementation.
//!
//! ```text
//!  Catalog ── answers a query with a lazy stream of PatchIndex      (STAC, CMR, …)
//!  Format  ── opens one file: an Image, from its header alone        (COG, HDF5, …)
//!    └─ Image::blocks(level, bands, window) ─▶ Block { place }       where bytes lie, or what to request
//!       Image::decode(block, bytes)         ─▶ Raster                sync, on a CPU thread
//! ```
//!
//! Fetching is async and happens between the two `Image` calls, in the engine; a block's [`Place`] may as well be
//! written into a virtual cube as it is. Backends know neither credentials nor each other.

mod answer;
mod catalog;
mod error;
mod format;
mod patch_store;
mod scene;
#[cfg(feature = "testing")]
pub mod testing;
mod unfinished;

pub use answer::{AdmittedPages, answer};
pub use catalog::{Catalog, CatalogExt, PatchQuery, PatchStream};
pub use error::{Error, Kind, Result};
pub use format::{Block, ByteSource, Format, Image, Label, Place, Sources, Taken};
pub use patch_store::{Downloaded, PatchStore};
pub use scene::{PROCESSED, SCENE, newest_by};
pub use unfinished::{note_unfinished, remove_unfinished};
