//! Variables on a grid as patches: netCDF and HDF5 for `cube load`.
//!
//! ```text
//!  Grids::open_asset ─▶ file    headers, read once for all variables of a file
//!                    ─▶ axes    which dimensions are rows and columns; their coordinates; the CRS
//!                    ─▶ layer   one plane of a variable: blocks(window), decode(block, bytes)
//! Grids::taken      ─▶ taken   the time coordinate, else what attributes state
//! ```
//!
//! Conventions: *CF-1.11*, chapters 4 (coordinate types), 5.6 (grid mappings), 8.1 (packed data) and appendix F. What they leave open is
//! read as xarray and GDAL do:
//!
//! * Pixels are raw: packed numbers stay packed; `scale_factor` and `add_offset` are handed on.
//! * `_FillValue` is nodata, without it `missing_value`; where both are there and differ, pixels of either are invalid.
//! * `_Unsigned = "true"` makes signed integers unsigned.
//! * A chunk that is not stored holds the fill value of HDF5: nodata when that is `_FillValue`, else data.
//! * Longitudes from 0 to 360 become -180 to 180 where the grid goes round the Earth or lies beyond 180.
//! * Coordinates in `float32` are read as the shortest decimal that they stand for.
//!
//! What is on no regular grid (swaths, Gaussian latitudes) is refused by name.

mod axes;
mod crs;
mod file;
mod format;
mod image;
mod regular;
mod taken;
mod values;

pub use format::Grids;
