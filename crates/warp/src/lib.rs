//! Resample, reproject and mosaic, in agreement with GDAL. Synchronous, no IO.
//!
//! ```text
//!  source GeoBox ─┐
//!                 ├─▶ Mapping ── source_window ──▶ what to read
//!  destination ───┘      │
//!                        ▼
//!   Source (pixels) ▶ resample ─▶ Canvas ─▶ Mosaic ─▶ Canvas ─▶ rescale ─▶ …
//! ```
//!
//! * [`Mapping`] — how a source grid lies under a destination grid; made once, shared by every band and date.
//! * [`Canvas`] — destination pixels, and which of them hold data.
//! * [`Mosaic`] — canvases laid on each other in a declared order.
//! * [`choose_level`] — which overview of a source to read.
//! * [`proj`] — what CRSs are, and the way between them: the only place that knows PROJ.
//!
//! # What holds
//!
//! * Pixels agree with GDAL 3.12's warper with an exact transformer: which pixels count, how they weigh, edges, holes, rounding.
//! * A destination pixel depends on the two grids and the source, never on how the destination was cut or how much was read.
//! * Nothing here reads, prints, waits or starts a thread.

mod area;
mod bounds;
mod canvas;
mod coordinates;
mod error;
mod kernel;
mod lattice;
mod level;
mod mapping;
mod method;
mod mosaic;
mod path;
pub mod proj;
mod resample;
mod rescale;
mod scale;
mod steps;
mod store;
mod valid;
mod view;
mod wide;

pub use canvas::{Canvas, Source};
pub use error::{Error, Result};
pub use level::choose_level;
pub use mapping::Mapping;
pub use mosaic::Mosaic;
pub use resample::resample;
pub use rescale::rescale;
