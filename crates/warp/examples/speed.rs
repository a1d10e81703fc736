//! Millions of destination pixels per second, one thread: 1024 × 1024 pixels from UTM zone 32 to zone 33, and in one CRS. The mapping is
//! made once, as a load makes it once for all bands and dates.
//!
//! `cargo run --release -p cube-warp --example speed`

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program")]

use std::time::Instant;

use cube_core::{Affine, Crs, DType, GeoBox, Pixels, Raster, Resampling, Shape, Window};
use cube_warp::{Mapping, Source, resample};

const SIDE: usize = 1024;

fn main() {
    let grid = |crs: u32, x: f64, y: f64, pixel: f64, side: usize| {
        GeoBox::new(Crs::from_epsg(crs), Affine::new(pixel, 0.0, x, 0.0, -pixel, y), Shape::new(side, side)).expect("a grid")
    };
    // The destination lies inside the source: every pixel gets a value.
    let destination = grid(32633, 300_000.0, 5_200_000.0, 20.0, SIDE);
    let source = grid(32632, 752_787.0, 5_207_742.0, 20.0, 1500);
    let shifted = grid(32633, 297_003.3, 5_203_004.7, 20.0, 1500);
    for (name, source) in [("UTM 32 to 33", &source), ("same CRS, shifted", &shifted)] {
        for dtype in [DType::UInt16, DType::Float32] {
            let raster = Raster { shape: source.shape(), pixels: pixels(dtype, source.shape()), mask: None };
            println!("{name}, {dtype}");
            for method in METHODS {
                println!("  {method:<12?} {:8.1} Mpx/s", speed(source, &destination, &raster, method));
            }
        }
    }
}

const METHODS: [Resampling; 14] = [
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

fn pixels(dtype: DType, shape: Shape) -> Pixels {
    let values = (0..shape.len()).map(|i| i.wrapping_mul(2_654_435_761) >> 7 & 0x3fff);
    match dtype {
        DType::UInt16 => Pixels::UInt16(values.map(|v| v as u16).collect()),
        _ => Pixels::Float32(values.map(|v| v as f32).collect()),
    }
}

/// Best of ten.
fn speed(source: &GeoBox, destination: &GeoBox, raster: &Raster, method: Resampling) -> f64 {
    let input = Source::new(raster, Window::whole(source.shape()), None).expect("it fits");
    let mapping = Mapping::new(source, destination).expect("a mapping");
    let seconds = (0..10).map(|_| {
        let start = Instant::now();
        let canvas = resample(&mapping, &input, Window::whole(destination.shape()), method, raster.pixels.dtype(), None).expect("a canvas");
        assert!(canvas.is_complete(), "{method:?} left pixels without a value");
        start.elapsed().as_secs_f64()
    });
    SIDE as f64 * SIDE as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e6
}
