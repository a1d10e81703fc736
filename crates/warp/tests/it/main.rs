//! Tests against GDAL, and of what holds whatever GDAL says.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod chunks;
mod levels;
mod mosaics;
mod oracle;
mod transforms;
mod vectors;

use cube_core::{Affine, Crs, GeoBox, Pixel, Raster, Resampling, Shape};

/// Every method, as `Resampling` lists them.
pub(crate) const METHODS: [Resampling; 14] = [
    Resampling::Nearest,
    Resampling::Bilinear,
    Resampling::Cubic,
    Resampling::CubicSpline,
    Resampling::Lanczos,
    Resampling::Average,
    Resampling::Mode,
    Resampling::Min,
    Resampling::Max,
    Resampling::Med,
    Resampling::Q1,
    Resampling::Q3,
    Resampling::Sum,
    Resampling::Rms,
];

/// A north-up grid of square pixels from its upper left corner.
pub(crate) fn grid(crs: &str, x: f64, y: f64, pixel: f64, rows: usize, cols: usize) -> GeoBox {
    GeoBox::new(Crs::parse(crs).expect("a CRS"), Affine::new(pixel, 0.0, x, 0.0, -pixel, y), Shape::new(rows, cols)).expect("a grid")
}

pub(crate) fn raster<T: Pixel>(shape: Shape, pixels: Vec<T>) -> Raster {
    Raster { shape, pixels: T::wrap(pixels), mask: None }
}

/// Repeatable noise: the `i`-th of a sequence of 32-bit numbers.
pub(crate) fn noise(i: usize) -> u32 {
    let mut v = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    v = (v ^ (v >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (v >> 32) as u32
}
