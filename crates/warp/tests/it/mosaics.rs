//! Mosaics and linear changes of value.

use cube_core::{DType, MosaicMethod, Number, Pixels, Shape};
use cube_warp::{Canvas, Error, Mosaic, rescale};

const NODATA: Option<Number> = Some(Number::Int(0));

/// A row of pixels, 0 being without data.
fn canvas(values: &[u8]) -> Canvas {
    Canvas { shape: Shape::new(1, values.len()), pixels: Pixels::UInt8(values.to_vec()), valid: values.iter().map(|v| *v != 0).collect() }
}

fn mosaic(method: MosaicMethod, rows: &[&[u8]]) -> (Vec<u8>, Vec<bool>) {
    let mut mosaic = Mosaic::new(method, Shape::new(1, rows[0].len()), DType::UInt8, NODATA).expect("a mosaic");
    for row in rows {
        mosaic.add(canvas(row)).expect("it fits");
    }
    let found = mosaic.finish();
    let Pixels::UInt8(pixels) = found.pixels else { unreachable!("asked for") };
    (pixels, found.valid)
}

#[test]
fn every_method() {
    let rows: [&[u8]; 3] = [&[5, 0, 0, 9, 0], &[3, 7, 0, 4, 0], &[8, 2, 0, 5, 1]];
    let seen = vec![true, true, false, true, true];
    for (method, expected) in [
        (MosaicMethod::First, [5, 7, 0, 9, 1]),
        (MosaicMethod::Last, [8, 2, 0, 5, 1]),
        (MosaicMethod::Min, [3, 2, 0, 4, 1]),
        (MosaicMethod::Max, [8, 7, 0, 9, 1]),
        // 16/3, 9/2 and 6 rounded: halves go up.
        (MosaicMethod::Mean, [5, 5, 0, 6, 1]),
        (MosaicMethod::Median, [5, 5, 0, 5, 1]),
        (MosaicMethod::Count, [3, 2, 0, 3, 1]),
    ] {
        assert_eq!(mosaic(method, &rows), (expected.to_vec(), seen.clone()), "{method:?}");
    }
}

#[test]
fn first_is_complete_when_nothing_is_missing() {
    let mut mosaic = Mosaic::new(MosaicMethod::First, Shape::new(1, 3), DType::UInt8, NODATA).expect("a mosaic");
    mosaic.add(canvas(&[1, 0, 2])).expect("it fits");
    assert!(!mosaic.is_complete());
    mosaic.add(canvas(&[9, 3, 9])).expect("it fits");
    assert!(mosaic.is_complete());
    assert_eq!(mosaic.finish(), canvas(&[1, 3, 2]));
    let mut last = Mosaic::new(MosaicMethod::Last, Shape::new(1, 3), DType::UInt8, NODATA).expect("a mosaic");
    last.add(canvas(&[1, 2, 3])).expect("it fits");
    assert!(!last.is_complete(), "a later one may replace it");
}

#[test]
fn disjoint_canvases_commute() {
    let rows: [&[u8]; 3] = [&[5, 0, 0, 0], &[0, 7, 0, 0], &[0, 0, 3, 0]];
    for method in
        [MosaicMethod::First, MosaicMethod::Last, MosaicMethod::Min, MosaicMethod::Max, MosaicMethod::Mean, MosaicMethod::Median, MosaicMethod::Count]
    {
        let forward = mosaic(method, &rows);
        assert_eq!(forward, mosaic(method, &[rows[2], rows[0], rows[1]]), "{method:?}");
    }
}

#[test]
fn a_mean_that_equals_nodata_is_moved() {
    let mut mosaic = Mosaic::new(MosaicMethod::Mean, Shape::new(1, 1), DType::Int16, Some(Number::Int(3))).expect("a mosaic");
    for v in [2i16, 4] {
        mosaic.add(Canvas { shape: Shape::new(1, 1), pixels: Pixels::Int16(vec![v]), valid: vec![true] }).expect("it fits");
    }
    assert_eq!(mosaic.finish().pixels, Pixels::Int16(vec![2]));
}

#[test]
fn other_shapes_and_types_are_refused() {
    let mut mosaic = Mosaic::new(MosaicMethod::First, Shape::new(1, 3), DType::UInt8, NODATA).expect("a mosaic");
    assert!(matches!(mosaic.add(canvas(&[1, 2])), Err(Error::CanvasMismatch { .. })));
    let floats = Canvas::new(Shape::new(1, 3), DType::Float32, None).expect("a canvas");
    assert!(matches!(mosaic.add(floats), Err(Error::CanvasMismatch { .. })));
    let too_small = Mosaic::new(MosaicMethod::First, Shape::new(1, 3), DType::UInt8, Some(Number::Int(-9999))).expect_err("u8 has no -9999");
    assert!(too_small.to_string().contains("-9999") && too_small.hint().is_some());
}

#[test]
fn a_change_of_offset_spares_what_has_no_data() {
    let before = Canvas { shape: Shape::new(1, 4), pixels: Pixels::UInt16(vec![0, 1200, 900, 1000]), valid: vec![false, true, true, true] };
    let after = rescale(&before, 1.0, -1000.0, DType::UInt16, NODATA).expect("a canvas");
    // Negative reflectance is clamped to 0, which is nodata, and so moved to 1; so is what was just 1000.
    assert_eq!(after.pixels, Pixels::UInt16(vec![0, 200, 1, 1]));
    assert_eq!(after.valid, before.valid);
    let scaled = rescale(&before, 0.0001, -0.1, DType::Float32, Some(Number::Float(f64::NAN))).expect("a canvas");
    let Pixels::Float32(values) = scaled.pixels else { unreachable!("asked for") };
    assert!(values[0].is_nan() && (values[1] - 0.02).abs() < 1e-7);
}
