//! From a request to a filled cube.
//!
//! ```text
//!  CubeSpec ──resolve──▶ Layout ─────────────▶ a new cube
//!
//!  Roi + Toi ──request──▶ units × steps          (whole storage units, whole steps)
//!               │
//!               ├─ search   ask the catalogue for what no recorded search covers
//!               ├─ plan     unit → ordered patches, minus what the ledger has   ─▶ Task (pure data)
//!               └─ run      fetch (tokio) → decode, warp, encode (rayon) → upload → commit in batches
//! ```
//!
//! The engine names no backend: catalogue and formats come with the [`Context`], which holds every handle, limit and
//! clock. A [`cube_core::Task`] holds none, and a different context never changes the pixels.

mod area;
mod context;
mod error;
mod fetch;
mod footprint;
mod load;
mod native;
mod planner;
mod provenance;
mod region;
mod request;
mod resolve;
mod search;
mod stated;
mod task;

pub use context::{Cancel, CatalogSource, Context, Event, Limits, Progress, Quiet};
pub use error::{Error, Result};
pub use load::{Failure, Load, LoadOptions, Outcome, load, write_patch};
pub use planner::{Planned, Preview, plan};
pub use provenance::{BandExplanation, Explanation, explain};
pub use request::Request;
pub use resolve::{ResolveOptions, resolve};
pub use task::{TaskOutput, run_task};
