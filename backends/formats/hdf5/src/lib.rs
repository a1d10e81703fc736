//! HDF5, netCDF-3 and DMR++: what a granule holds and where its chunks lie.
//!
//! Three readers give one [`Granule`](cube_manifest::Granule): [`dmrpp`] from a sidecar, [`hdf5`] from the file itself, [`netcdf3`] from
//! classic files. [`read`] takes a file that is one of the last two.

pub mod dmrpp;
mod grid;
pub mod hdf5;
pub mod netcdf3;
mod read;
mod recognise;
mod source;

pub use grid::Grids;
pub use read::{read, read_bytes, read_counted, read_ranges};
pub use recognise::{Kind, recognise};
pub use source::{Fetch, Requests};
