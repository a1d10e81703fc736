//! The nouns of a cube and their geometry: no IO, no clock, no environment.
//!
//! ```text
//!  CubeSpec ── what a user declares (TOML or YAML)
//!     │ resolved against a source
//!  Layout ──── what a store holds: groups (one per CRS), bands, time axis, chunks
//!     │
//!  Roi + Toi ─▶ chunks × steps ─▶ Plan ─▶ Task      pure, serialisable data
//!                                   ▲
//!                              PatchIndex           what is known of a source array
//! ```
//!
//! * [`Roi`] — a region of interest, spatial only; [`Toi`] — a time of interest, temporal only.
//! * [`GeoBox`] — CRS + affine + shape: a pixel grid, immutable.
//! * [`PatchIndex`] — one array as its source stores it, known without reading pixels.
//! * [`ChunkGrid`] — how a grid is cut into the chunks that a store keeps.
//! * [`Pixels`] — a typed buffer, the only thing that decoders, warps and encoders hand on.
//!
//! Only the *shapes* of coordinate transformations are known here ([`Transform`]); PROJ is reached in `cube-warp`.

mod affine;
mod chunk_set;
mod chunks;
mod crs;
mod dtype;
mod error;
mod geobox;
mod layout;
mod locate;
mod long_edges;
mod outline;
mod patch;
mod pixels;
mod plan;
pub mod roi;
mod shapes;
mod spec;
#[cfg(test)]
mod sphere;
mod time;
mod toi;
mod written;

pub use affine::Affine;
pub use chunk_set::{ChunkRun, ChunkSet};
pub use chunks::{ChunkGrid, ChunkIndex};
pub use crs::{Crs, Transform};
pub use dtype::{DType, Number};
pub use error::{Error, Result};
pub use geobox::{Anchor, Extent, GeoBox, Overlap, Resolution, Shape, Window};
pub use layout::{BandLayout, Codec, GroupLayout, Layout, Shuffle};
pub use locate::UnitLocator;
pub use long_edges::{LongEdges, is_wide_box, winds};
pub use patch::{Asset, PatchId, PatchIndex, SourceGrid};
pub use pixels::{Pixel, Pixels, Raster};
pub use plan::{Plan, TASK_VERSION, Task, Unit};
pub use roi::Roi;
pub use shapes::Shapes;
pub use spec::{
    BandSpec, ChunkSpec, CubeSpec, EncodingSpec, GridSpec, MosaicMethod, MosaicSpec, Resampling, SourceSpec, SpecFormat, TimeSpec, Values,
};
pub use time::{Period, TimeAxis, TimeStep, TimeValue};
pub use toi::Toi;
