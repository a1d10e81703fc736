//! A pixel does not depend on how the destination was cut, nor on how much of the source was read.

use cube_core::{DType, GeoBox, Number, Pixels, Raster, Resampling, Shape, Window};
use cube_warp::{Canvas, Error, Mapping, Source, resample};

use crate::{METHODS, grid, noise, raster};

const NODATA: Option<Number> = Some(Number::Int(0));

/// Pixels of a window of a raster.
fn cut(from: &Raster, w: Window) -> Raster {
    let size = from.pixels.dtype().size();
    let bytes = from.pixels.as_bytes();
    let rows = (w.row..w.row_end()).flat_map(|r| bytes[(r * from.shape.cols + w.col) * size..][..w.cols * size].to_vec());
    Raster { shape: w.shape(), pixels: Pixels::from_bytes(from.pixels.dtype(), &rows.collect::<Vec<_>>()).expect("whole pixels"), mask: None }
}

/// Windows that cover a shape, of uneven sizes.
fn tiles(shape: Shape, side: usize) -> Vec<Window> {
    let steps = |n: usize| (0..n).step_by(side).map(move |at| (at, side.min(n - at)));
    steps(shape.rows).flat_map(|(row, rows)| steps(shape.cols).map(move |(col, cols)| Window::new(row, col, rows, cols))).collect()
}

fn pixels_of(source: &GeoBox, dtype: DType) -> Raster {
    let n = source.shape().len();
    // One in sixteen is nodata.
    let value = |i: usize| if noise(i).is_multiple_of(16) { 0 } else { noise(i) % 5000 + 1 };
    match dtype {
        DType::UInt16 => raster(source.shape(), (0..n).map(|i| value(i) as u16).collect()),
        _ => raster(source.shape(), (0..n).map(|i| value(i) as f32 / 7.0).collect()),
    }
}

fn whole_and_cut(source: &GeoBox, destination: &GeoBox, dtype: DType, side: usize) {
    let mapping = Mapping::new(source, destination).expect("a mapping");
    let pixels = pixels_of(source, dtype);
    for method in METHODS {
        let input = Source::new(&pixels, Window::whole(source.shape()), NODATA).expect("it fits");
        let whole = resample(&mapping, &input, Window::whole(destination.shape()), method, dtype, NODATA).expect("a canvas");
        assert!(!whole.is_empty(), "{method:?}: the grids meet");
        for at in tiles(destination.shape(), side) {
            // A mapping of its own, as another worker has.
            let mapping = Mapping::new(source, destination).expect("a mapping");
            let (part, read) = match mapping.source_window(at, method) {
                Some(window) => (cut(&pixels, window), window),
                None => (cut(&pixels, Window::new(0, 0, 1, 1)), Window::new(0, 0, 1, 1)),
            };
            let input = Source::new(&part, read, NODATA).expect("it fits");
            let found = resample(&mapping, &input, at, method, dtype, NODATA).unwrap_or_else(|e| panic_with(method, at, &e));
            same(&whole, destination.shape(), &found, at, method);
        }
    }
}

#[expect(clippy::panic, reason = "a test")]
fn panic_with(method: Resampling, at: Window, e: &Error) -> Canvas {
    panic!("{method:?} {at:?}: {e}")
}

fn same(whole: &Canvas, shape: Shape, part: &Canvas, at: Window, method: Resampling) {
    let size = whole.pixels.dtype().size();
    for r in 0..at.rows {
        let (i, j) = ((at.row + r) * shape.cols + at.col, r * at.cols);
        assert_eq!(whole.valid[i..i + at.cols], part.valid[j..j + at.cols], "{method:?} {at:?} row {r}");
        let (a, b) = (&whole.pixels.as_bytes()[i * size..(i + at.cols) * size], &part.pixels.as_bytes()[j * size..(j + at.cols) * size]);
        assert!(method == Resampling::Sum || a == b, "{method:?} {at:?} row {r}: bytes differ");
    }
    if method == Resampling::Sum {
        sums_are_equal(whole, shape, part, at);
    }
}

/// Sums add the same shares in the same order, cut from the same pixels: what differs is where a share begins.
fn sums_are_equal(whole: &Canvas, shape: Shape, part: &Canvas, at: Window) {
    let value = |p: &Pixels, i: usize| match p {
        Pixels::UInt16(v) => f64::from(v[i]),
        Pixels::Float32(v) => f64::from(v[i]),
        _ => f64::NAN,
    };
    for (k, i) in (0..at.rows).flat_map(|r| (0..at.cols).map(move |c| (r * at.cols + c, (at.row + r) * shape.cols + at.col + c))) {
        assert_eq!(value(&whole.pixels, i), value(&part.pixels, k), "{at:?}");
    }
}

#[test]
fn between_two_zones() {
    let source = grid("EPSG:32632", 766_287.0, 5_194_242.0, 20.0, 150, 170);
    whole_and_cut(&source, &grid("EPSG:32633", 309_040.0, 5_190_960.0, 21.3, 110, 133), DType::Float32, 37);
    whole_and_cut(&source, &grid("EPSG:32633", 308_540.0, 5_191_460.0, 47.0, 70, 81), DType::UInt16, 16);
}

#[test]
fn around_a_pole_and_over_the_antimeridian() {
    let north = grid("EPSG:4326", -180.0, 90.0, 1.0, 20, 360);
    whole_and_cut(&north, &grid("EPSG:3413", -1_500_000.0, 1_500_000.0, 50_000.0, 60, 60), DType::Float32, 17);
    let source = grid("EPSG:32660", 600_000.0, 1_500_000.0, 2000.0, 120, 130);
    whole_and_cut(&source, &grid("EPSG:4326", 178.5, 13.0, 0.031, 70, 90), DType::UInt16, 32);
}

#[test]
fn in_one_crs() {
    let source = grid("EPSG:32632", 600_000.0, 5_000_000.0, 10.0, 150, 170);
    whole_and_cut(&source, &grid("EPSG:32632", 600_003.3, 4_999_995.0, 10.0, 140, 160), DType::UInt16, 45);
    whole_and_cut(&source, &grid("EPSG:32632", 599_903.3, 5_000_095.0, 27.0, 70, 80), DType::Float32, 16);
    whole_and_cut(&source, &grid("EPSG:32632", 599_900.0, 5_000_100.0, 10.0, 150, 180), DType::Float32, 64);
}

#[test]
fn too_few_pixels_are_an_error_not_a_hole() {
    let source = grid("EPSG:32632", 766_287.0, 5_194_242.0, 20.0, 150, 170);
    let destination = grid("EPSG:32633", 309_240.0, 5_190_760.0, 21.3, 90, 90);
    let mapping = Mapping::new(&source, &destination).expect("a mapping");
    let pixels = pixels_of(&source, DType::Float32);
    let at = Window::new(10, 10, 40, 40);
    for method in METHODS {
        let needed = mapping.source_window(at, method).expect("they meet");
        let short = Window::new(needed.row, needed.col, needed.rows / 2, needed.cols);
        let part = cut(&pixels, short);
        let found = resample(&mapping, &Source::new(&part, short, NODATA).expect("it fits"), at, method, DType::Float32, NODATA);
        assert!(matches!(found, Err(Error::SourceTooSmall { .. })), "{method:?}: {found:?}");
    }
}

#[test]
fn apart_means_nothing_to_read() {
    let source = grid("EPSG:32632", 766_287.0, 5_194_242.0, 20.0, 150, 170);
    for destination in [grid("EPSG:32633", 399_000.0, 5_199_000.0, 20.0, 40, 40), grid("EPSG:32632", 100_000.0, 5_199_000.0, 20.0, 40, 40)] {
        let mapping = Mapping::new(&source, &destination).expect("a mapping");
        for method in METHODS {
            assert_eq!(mapping.source_window(Window::whole(destination.shape()), method), None, "{method:?}");
        }
    }
}

#[test]
fn aligned_grids_are_pasted_and_drifting_ones_never() {
    let source = grid("EPSG:32632", 600_000.0, 5_000_000.0, 10.0, 2100, 2100);
    let mapping = |to: &GeoBox| Mapping::new(&source, to).expect("a mapping");
    let aligned = mapping(&grid("EPSG:32632", 599_970.0, 4_999_980.0, 10.0, 2048, 2048));
    assert!(METHODS.iter().all(|m| aligned.is_paste(*m)));
    let drifting = mapping(&grid("EPSG:32632", 600_000.0, 5_000_000.0, 10.009, 2048, 2048));
    assert!(METHODS.iter().all(|m| !drifting.is_paste(*m)), "it is off by 1.8 pixels at its far corner");
    let shifted = mapping(&grid("EPSG:32632", 600_003.0, 4_999_997.0, 10.0, 2048, 2048));
    assert!(shifted.is_paste(Resampling::Nearest) && !shifted.is_paste(Resampling::Bilinear));
    let flipped = GeoBox::new(source.crs().clone(), cube_core::Affine::new(10.0, 0.0, 600_000.0, 0.0, 10.0, 4_980_000.0), Shape::new(100, 100))
        .expect("a grid");
    assert!(!mapping(&flipped).is_paste(Resampling::Nearest));
}

/// The kernels, made to run by a drift too small to see, agree with pasting.
#[test]
fn pasting_is_what_the_kernels_do() {
    let source = grid("EPSG:32632", 600_000.0, 5_000_000.0, 10.0, 1100, 1100);
    let pixels = pixels_of(&source, DType::UInt16);
    let input = Source::new(&pixels, Window::whole(source.shape()), NODATA).expect("it fits");
    let aligned = grid("EPSG:32632", 600_030.0, 4_999_980.0, 10.0, 1000, 1000);
    let nearly = grid("EPSG:32632", 600_030.0, 4_999_980.0, 10.0 + 3e-8, 1000, 1000);
    for method in [Resampling::Nearest, Resampling::Bilinear, Resampling::Cubic] {
        let warped = |to: &GeoBox| {
            let mapping = Mapping::new(&source, to).expect("a mapping");
            (mapping.is_paste(method), resample(&mapping, &input, Window::whole(to.shape()), method, DType::UInt16, NODATA).expect("a canvas"))
        };
        let ((paste, a), (not_paste, b)) = (warped(&aligned), warped(&nearly));
        assert!(paste && (method == Resampling::Nearest || !not_paste));
        assert_eq!(a.valid, b.valid, "{method:?}");
        assert_eq!(a.pixels, b.pixels, "{method:?}");
    }
}

/// What lies on both sides of the antimeridian is shared out whole.
#[test]
fn sums_are_kept_over_the_antimeridian() {
    let source = grid("EPSG:32660", 700_000.0, 1_500_000.0, 2000.0, 60, 80);
    let pixels = raster(source.shape(), vec![1.0f64; source.shape().len()]);
    let destination = grid("EPSG:4326", 177.0, 15.0, 0.03, 150, 170);
    let mapping = Mapping::new(&source, &destination).expect("a mapping");
    let input = Source::new(&pixels, Window::whole(source.shape()), None).expect("it fits");
    let canvas = resample(&mapping, &input, Window::whole(destination.shape()), Resampling::Sum, DType::Float64, None).expect("a canvas");
    let Pixels::Float64(values) = canvas.pixels else { unreachable!("asked for") };
    let total: f64 = values.iter().sum();
    assert!((total - source.shape().len() as f64).abs() < 1e-6, "{total}");
}
