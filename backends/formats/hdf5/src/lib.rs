//! HDF5, netCDF-3 and DMR++: what a granule holds and where its chunks lie.
//!
//! Two readers give one [`Granule`](cube_manifest::Granule): [`dmrpp`] from a sidecar, [`read`] from the file itself. Variables on a grid are patches
//! of [`Grids`].

pub mod dmrpp;
mod grid;
mod hdf5;
mod netcdf3;
mod read;
mod recognise;
mod source;

pub use grid::Grids;
pub use read::{read, read_bytes, read_counted, read_ranges};
pub use recognise::{Kind, recognise};
pub use source::{Fetch, Requests};
