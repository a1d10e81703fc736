//! Short rows whose results GDAL 3.12 printed.

use cube_core::{GeoBox, Number, Pixel, Pixels, Raster, Resampling, Shape, Window};
use cube_warp::{Mapping, Source, resample};

use crate::{grid, raster};

const X: f64 = 600_000.0;
const Y: f64 = 5_000_000.0;

/// The destination: pixels of a size, moved right and down.
fn target(pixel: f64, shift: f64, rows: usize, cols: usize) -> GeoBox {
    grid("EPSG:32632", X + shift, Y, pixel, rows, cols)
}

/// Resamples a raster of 10 m pixels.
fn warp<T: Pixel>(pixels: &[&[T]], to: &GeoBox, method: Resampling, nodata: Option<Number>) -> Vec<T> {
    let source = grid("EPSG:32632", X, Y, 10.0, pixels.len(), pixels[0].len());
    run(&raster(source.shape(), pixels.concat()), &source, to, method, nodata)
}

fn run<T: Pixel>(raster: &Raster, source: &GeoBox, to: &GeoBox, method: Resampling, nodata: Option<Number>) -> Vec<T> {
    let mapping = Mapping::new(source, to).expect("a mapping");
    let input = Source::new(raster, Window::whole(source.shape()), nodata).expect("it fits");
    let canvas = resample(&mapping, &input, Window::whole(to.shape()), method, T::DTYPE, nodata).expect("a canvas");
    T::unwrap_ref(&canvas.pixels).expect("of this type").clone()
}

/// One row of eight equal rows.
fn row(of: [f32; 8], to: &GeoBox, method: Resampling, row: usize) -> Vec<f32> {
    let cols = to.shape().cols;
    warp(&[&of[..]; 8], to, method, None)[row * cols..(row + 1) * cols].to_vec()
}

fn close(a: &[f32], b: &[f32]) {
    assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6 * b.abs().max(1.0)), "{a:?} instead of {b:?}");
}

const RAMP: [f32; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
const TEN: [f32; 8] = [0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0];
const SIXTEEN: [f32; 8] = [0.0, 0.0, 0.0, 16.0, 0.0, 0.0, 0.0, 0.0];

#[test]
fn nearest_takes_the_pixel_to_the_right_on_a_tie() {
    let ramp: Vec<&[f32]> = vec![&RAMP; 8];
    assert_eq!(warp(&ramp, &target(10.0, 5.0, 1, 8), Resampling::Nearest, Some(Number::Int(-1))), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -1.0]);
    assert_eq!(warp(&ramp, &target(10.0, 4.999_999, 1, 3), Resampling::Nearest, None), [0.0, 1.0, 2.0]);
    assert_eq!(row(RAMP, &target(20.0, 0.0, 4, 4), Resampling::Nearest, 0), [1.0, 3.0, 5.0, 7.0]);
    assert_eq!(row(RAMP, &target(30.0, 0.0, 2, 2), Resampling::Nearest, 0), [1.0, 4.0]);
}

#[test]
fn bilinear() {
    let ramp: Vec<&[f32]> = vec![&RAMP; 8];
    let half = warp(&ramp, &target(10.0, 5.0, 8, 8), Resampling::Bilinear, Some(Number::Int(-1)));
    assert_eq!(half[32..40], [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, -1.0]);
    let up = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75, 5.25, 5.75, 6.25, 6.75, 7.0];
    close(&row(RAMP, &target(5.0, 0.0, 16, 16), Resampling::Bilinear, 0), &up);
    close(&row(RAMP, &target(20.0, 0.0, 4, 4), Resampling::Bilinear, 1), &[0.714_285_73, 2.5, 4.5, 6.285_714]);
    close(&row(RAMP, &target(40.0, 0.0, 2, 2), Resampling::Bilinear, 0), &[1.892_857_2, 5.107_143]);
    close(&row(SIXTEEN, &target(20.0, 0.0, 4, 4), Resampling::Bilinear, 1), &[0.0, 6.0, 2.0, 0.0]);
}

#[test]
fn cubic() {
    close(&row(TEN, &target(10.0, 5.0, 8, 8), Resampling::Cubic, 4), &[0.0, -0.625, 5.625, 5.625, -0.625, 0.0, 0.0, 0.0]);
    close(&row(TEN, &target(10.0, 3.0, 8, 8), Resampling::Cubic, 4), &[0.0, -0.315, 2.895, 8.155, -0.735, 0.0, 0.0, 0.0]);
    close(&row(SIXTEEN, &target(20.0, 0.0, 4, 4), Resampling::Cubic, 1), &[-0.602_510_45, 6.857_143, 1.791_505_8, -0.200_836_82]);
}

#[test]
fn cubic_spline() {
    let half = [0.0, 0.208_333_33, 4.791_666_5, 4.791_666_5, 0.208_333_33, 0.0, 0.0, 0.0];
    close(&row(TEN, &target(10.0, 5.0, 8, 8), Resampling::CubicSpline, 4), &half);
    let third = [0.0, 0.045, 3.481_666_6, 5.901_666_6, 0.571_666_66, 0.0, 0.0, 0.0];
    close(&row(TEN, &target(10.0, 3.0, 8, 8), Resampling::CubicSpline, 4), &third);
    close(&row(SIXTEEN, &target(20.0, 0.0, 4, 4), Resampling::CubicSpline, 1), &[0.697_899_8, 4.902_216_4, 2.524_119_9, 0.025_848_14]);
}

#[test]
fn lanczos() {
    let half = [0.220_048_9, -1.392_757_7, 6.114_130_5, 6.114_130_5, -1.358_695_6, 0.250_696_4, 0.0, 0.0];
    close(&row(TEN, &target(10.0, 5.0, 8, 8), Resampling::Lanczos, 4), &half);
    close(&row(SIXTEEN, &target(20.0, 0.0, 4, 4), Resampling::Lanczos, 1), &[-1.126_599_3, 7.060_517, 2.143_298_9, -0.574_795_54]);
}

/// At odd whole factors a tap lies exactly in the middle of the kernel. GDAL 3.12 gives it a weight that is too small by π⁴ (its
/// stretched kernel is scaled by that, its middle is not); here it weighs as the function says.
#[test]
fn lanczos_by_three_keeps_its_middle() {
    let constant_but_one: Vec<f32> = (0..21).map(|i| if i == 10 { 1.0 } else { 0.0 }).collect();
    let found = warp(&vec![constant_but_one.as_slice(); 21], &target(30.0, 0.0, 7, 7), Resampling::Lanczos, None);
    assert!((found[3 * 7 + 3] - 0.333).abs() < 0.01, "{found:?}");
}

#[test]
fn average_and_mode() {
    close(&row(RAMP, &target(20.0, 0.0, 4, 4), Resampling::Average, 0), &[0.5, 2.5, 4.5, 6.5]);
    close(&row(RAMP, &target(15.0, 0.0, 5, 5), Resampling::Average, 0), &[0.333_333_34, 1.666_666_6, 3.333_333_3, 4.666_666_5, 6.333_333_5]);
    close(&row(RAMP, &target(20.0, 0.0, 4, 4), Resampling::Mode, 0), &[0.0, 2.0, 4.0, 6.0]);
}

#[test]
fn statistics_of_four() {
    use Resampling::{Max, Med, Min, Q1, Q3, Rms, Sum};
    for (method, a, b) in
        [(Med, 2.0, 4.0), (Q1, 1.0, 4.0), (Q3, 5.0, 7.0), (Max, 9.0, 8.0), (Min, 1.0, 4.0), (Sum, 17.0, 23.0), (Rms, 5.267_827, 6.020_797_3)]
    {
        close(&warp(&[&[1.0f32, 5.0], &[2.0, 9.0]], &target(20.0, 0.0, 1, 1), method, None), &[a]);
        close(&warp(&[&[4.0f32, 4.0], &[8.0, 7.0]], &target(20.0, 0.0, 1, 1), method, None), &[b]);
    }
}

#[test]
fn integers_are_rounded_up_from_the_half_and_clamped() {
    for (pair, expected) in [([0i16, 1], 1), ([1, 2], 2), ([-1, -2], -1), ([-3, -4], -3), ([4, 5], 5)] {
        assert_eq!(warp(&[&pair, &pair], &target(20.0, 0.0, 1, 1), Resampling::Average, None), [expected]);
        assert_eq!(warp(&[&pair, &pair], &target(10.0, 5.0, 1, 1), Resampling::Bilinear, None), [expected]);
    }
    let edge: [u8; 8] = [0, 0, 0, 255, 255, 255, 0, 0];
    assert_eq!(warp(&[&edge[..]; 8], &target(10.0, 3.0, 8, 8), Resampling::Cubic, None)[32..40], [0, 0, 66, 255, 255, 189, 0, 0]);
}

#[test]
fn a_result_that_equals_nodata_is_moved() {
    let three = Some(Number::Int(3));
    assert_eq!(warp(&[&[2i16, 4], &[2, 4]], &target(20.0, 0.0, 1, 1), Resampling::Average, three), [2]);
    assert_eq!(warp(&[&[2u8, 4], &[2, 4]], &target(20.0, 0.0, 1, 1), Resampling::Average, three), [2]);
    assert_eq!(warp(&[&[2.0f32, 4.0], &[2.0, 4.0]], &target(20.0, 0.0, 1, 1), Resampling::Average, three), [3.0f32.next_up()]);
}

#[test]
fn masks_and_nan_count_as_nodata() {
    let source = grid("EPSG:32632", X, Y, 10.0, 2, 4);
    let to = target(20.0, 0.0, 1, 2);
    let values = vec![1.0f32, 2.0, f32::NAN, 4.0, 5.0, 6.0, 7.0, 8.0];
    let mask = vec![true, true, true, true, true, false, true, true];
    let raster = Raster { shape: source.shape(), pixels: Pixels::Float32(values), mask: Some(mask) };
    let nodata = Some(Number::Int(-1));
    assert_eq!(run::<f32>(&raster, &source, &to, Resampling::Average, nodata), [8.0 / 3.0, 19.0 / 3.0]);
    assert_eq!(run::<f32>(&raster, &source, &to, Resampling::Nearest, nodata), [-1.0, 8.0]);
    assert_eq!(run::<f32>(&raster, &source, &to, Resampling::Max, nodata), [5.0, 8.0]);
}

#[test]
fn sixty_four_bits_are_exact() {
    let big = i64::MAX - 2;
    let values: [&[i64]; 2] = [&[big, big - 1], &[big - 1, big - 1]];
    let to = target(20.0, 0.0, 1, 1);
    assert_eq!(warp(&values, &to, Resampling::Max, None), [big]);
    assert_eq!(warp(&values, &to, Resampling::Min, None), [big - 1]);
    assert_eq!(warp(&values, &to, Resampling::Mode, None), [big - 1]);
    assert_eq!(warp(&values, &target(10.0, 3.0, 1, 1), Resampling::Nearest, None), [big]);
    let top: [&[u64]; 1] = [&[u64::MAX, u64::MAX - 1]];
    assert_eq!(warp(&top, &target(10.0, 0.0, 1, 2), Resampling::Nearest, Some(Number::Int(0))), top[0]);
}

#[test]
fn another_type_is_rounded_into() {
    let source = grid("EPSG:32632", X, Y, 10.0, 1, 3);
    let to = target(10.0, 0.0, 1, 3);
    let raster = raster(Shape::new(1, 3), vec![1.5f64, -7.0, 300.0]);
    let input = Source::new(&raster, Window::whole(source.shape()), None).expect("it fits");
    let mapping = Mapping::new(&source, &to).expect("a mapping");
    let found =
        resample(&mapping, &input, Window::whole(to.shape()), Resampling::Nearest, cube_core::DType::UInt8, Some(Number::Int(0))).expect("a canvas");
    assert_eq!(found.pixels, Pixels::UInt8(vec![2, 1, 255]), "0 is nodata, so -7 becomes 1");
    assert!(found.is_complete());
}
