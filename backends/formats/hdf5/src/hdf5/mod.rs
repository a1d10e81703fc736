//! HDF5 files, netCDF-4 among them, read over byte ranges: what they hold and where each chunk lies, without HDF5's library.
//!
//! Source: *HDF5 File Format Specification*, version 4.0, and `libhdf5/` of netcdf-c for the conventions of netCDF-4. Why there is a reader
//! here: `docs/design/0004-reading-hdf5.md`.
//!
//! What a variable is, is what h5py says of a dataset (shape, chunks, filters, fill value); names of dimensions, and which attributes are
//! bookkeeping, is what netCDF4-python says. Where the two differ:
//!
//! - A dimension without a scale has no name (`None`), also where netCDF makes one up (`phony_dim_0`).
//! - A variable that is shorter than its unlimited dimension keeps the shape that is stored.
//! - An element that is an array of numbers becomes further dimensions, without names.
//! - Of several scales on one dimension the last one names it, as in netCDF; an object with several names keeps the first.
//! - Half-precision floats of attributes are told as `float32`, and arrays of attributes without their shape.
//! - Links to other files, and links that lead nowhere, are variables that refuse themselves; a link to a group above it is left out.

mod attribute;
mod btree1;
mod btree2;
mod checksum;
mod chunks;
mod cursor;
mod dataset;
mod dataspace;
mod datatype;
mod dimensions;
mod extensible_array;
mod file;
mod fill;
mod filters;
mod fixed_array;
mod fractal_heap;
mod global_heap;
mod group;
mod header;
mod layout;
mod shared;
mod superblock;
mod text;
pub(crate) mod value;
mod walk;

use cube_backend::Result;
use cube_manifest::{Granule, Origin};

use crate::source::Source;

/// What a file holds. What is wrong with one variable is in that variable.
pub(crate) fn parse(source: &Source<'_>, origin: Origin) -> Result<Granule> {
    let (file, root) = superblock::open(source)?;
    let found = walk::Walk::new(&file, &origin.url, root).run()?;
    Ok(Granule { root: dimensions::name(found), origin })
}
