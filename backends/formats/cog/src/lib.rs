//! GeoTIFF and cloud-optimised GeoTIFF: headers, byte ranges, decoding.
//!
//! ```text
//!  Cog::open ─▶ header   directories and tag values, in as few range requests as the file allows
//!            ─▶ layout   per image (full, overviews, masks): samples, block grid, codec, block index
//!            ─▶ geo      tie points, matrix and GeoKeys: affine and CRS
//!            ─▶ image    blocks(level, bands, window), decode(block, bytes)
//!                 └ decode: codec ─▶ byte order, predictor ─▶ rasters, cut to the window
//! ```
//!
//! What is meant by "right" is what GDAL reads. Codecs and tag names come from `async-tiff` and the libraries that it builds on
//! where these agree with GDAL; headers are read here, because files from archives are not always well-formed and a bad one must
//! end in an error. What is not understood is refused by name.
//!
//! Decisions that a caller may want to know:
//! * Pixels are raw: palettes, `MINISWHITE` and CMYK are not applied; JPEG in YCbCr is answered as RGB, as GDAL does.
//! * The mask of a pixel is the internal mask, if the file has one; else the alpha band, if its last band is one and no nodata value is
//!   declared (valid where alpha is not 0). The alpha band itself carries no mask.
//! * A nodata value that the type of the pixels cannot hold is none.
//! * Samples of 1 to 31 bits are widened to 8, 16 or 32 bits, half floats to `float32`.
//! * External sidecars (`.ovr`, `.msk`, `.aux.xml`, world files) are not looked for.

mod codec;
mod cog;
mod decode;
mod geo;
mod header;
mod image;
mod index;
mod layout;
mod metadata;
mod predictor;
mod references;
mod samples;

pub use cog::Cog;
pub use references::references;
