//! Readers against files that others wrote.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed; counts are for people")]

mod dmrpp_corpus;
mod dump;
mod grids;
mod hdf5;
mod hostile;
mod netcdf3;
mod remote;
mod values;
