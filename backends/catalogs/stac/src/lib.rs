//! STAC as a catalogue: APIs, static catalogues, item collections, stac-geoparquet.
//!
//! ```text
//!  address ─▶ StacCatalog ─┬─ api          landing page, /search, paging
//!                          ├─ walk         catalog.json and what it links to
//!                          ├─ collection_file   item collections, lists, one item a line
//!                          └─ geoparquet   row groups, columns and rows that a query touches
//!                                │
//!                          pages of Item ─▶ wanted (filters) ─▶ patch (Item → PatchIndex) ─▶ found (unique, newest)
//! ```
//!
//! Items are kept as their source wrote them; everything that is understood of them is read in `patch`, `assets`, `bands`,
//! `grid`, `outline` and `sentinel2`.

mod access;
mod api;
mod assets;
mod bands;
mod catalog;
mod collection_file;
mod document;
mod filter;
mod found;
mod geoparquet;
mod grid;
mod http;
mod index;
mod item;
mod location;
mod naming;
mod outline;
mod patch;
mod raster;
mod scene;
mod sentinel2;
mod time;
mod walk;
mod wanted;

pub use api::{ItemPage, ItemPages};
pub use catalog::{StacCatalog, StacOptions};
pub use filter::cql2_json;
pub use found::ItemStream;
pub use http::{Http, Reply, Request};
pub use index::{Written, write_index};
pub use item::Item;
pub use naming::{FileName, Naming, Taken, read_name};
pub use raster::{RasterBand, RasterFile, RasterScene, item_from_rasters};
pub use wanted::ItemFilter;
