//! Virtual cubes of Earth-observation data: the library people use.
//!
//! ```text
//!  read_spec ─▶ CubeSpec ─┐
//!                         ├─▶ Environment::create_cube ─▶ Cube ─┬─▶ load      fills what a request lacks
//!  Environment::from_env ─┘   Environment::open_cube            ├─▶ plan      says what that would be
//!        │                                                      ├─▶ status, check, explain
//!        └─▶ context: catalogue (opened when needed), formats,  └─▶ preview, TileTarget
//!            bytes, limits, clock
//! ```
//!
//! * [`Environment`] — what a run has of the world: bytes, credentials, formats, clock.
//! * [`CubeSpec`] — what is declared; [`Layout`] — the same with every default settled; [`Cube`] — the store.
//! * [`Request`] — a [`Roi`], a [`Toi`] and bands; [`load`] — fills exactly what it lacks; [`plan()`] — what that would be.
//! * [`virtualize`] — references to granules as one array; [`inspect`] — what of a granule can be one.
//! * [`builtin`] — the one place where backends are registered.
//!
//! Everything else re-exported here belongs to the crates below, whose documentation says more.

pub mod builtin;
mod check;
mod environment;
mod error;
mod files;
#[cfg(feature = "gdal")]
mod gdal_errors;
mod index;
mod outline;
mod pixels;
mod preview;
mod region;
pub mod search;
mod spec;
mod survey;
mod tile;
mod virtualize;
mod wanted;
mod whole_file;

pub use check::{Check, check};
pub use cube_access as access;
pub use cube_access::{Access, AccessOptions, Stats};
pub use cube_backend::{Catalog, Format, Kind as BackendKind, PatchQuery, remove_unfinished};
pub use cube_core::{
    BandLayout, ChunkGrid, ChunkIndex, Crs, CubeSpec, DType, Extent, GeoBox, GroupLayout, Layout, Number, PatchId, PatchIndex, Period, Pixels, Plan,
    Roi, Shape, Task, TimeStep, TimeValue, Toi, Window,
};
pub use cube_engine::{
    BandExplanation, Cancel, CatalogSource, Context, Event, Explanation, Failure, Limits, LoadOptions, Outcome, Planned, Preview, Progress, Quiet,
    Request, ResolveOptions, explain, load, plan, resolve, run_task, write_patch,
};
pub use cube_geometry as geometry;
pub use cube_query as query;
pub use cube_store::{Cube, Error as StoreError, GcReport, Kind as StoreKind, LedgerBlock, Location, SizeReport, Snapshot, State, Version};
pub use environment::Environment;
pub use error::{Error, Result};
pub use index::{FolderOptions, Indexed, Skipped, index_folders, index_search};
pub use outline::Outline;
pub use preview::{Picture, PreviewOptions, preview};
pub use region::{read_region, read_roi};
pub use spec::{differences, read_spec};
pub use survey::{BandStatus, GroupStatus, Runs, Status, status};
pub use tile::{TileFile, TileTarget};
pub use virtualize::{
    AddressChoice, Addresses, CombineAttributes, CombineOptions, Compare, Coordinates, FailedGranule, Fate, GranuleOrder, Groups, Inspected,
    InspectedVariable, Join, LoadVariables, Mismatch, OnMismatch, OutputOptions, ReadFrom, RefusalReason, RefusedVariable, Repair, Sidecars,
    VirtualArray, VirtualEvent, VirtualFormat, VirtualProgress, VirtualizeOptions, Virtualized, inspect, virtualize, virtualize_found,
};
pub use whole_file::WholeFile;
