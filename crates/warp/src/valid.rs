use cube_core::{Number, Pixel, Raster};

/// Which pixels hold data: those that the mask has, that are not nodata, and that are numbers.
pub(crate) fn validity<T: Pixel>(raster: &Raster, nodata: Option<Number>) -> Option<Vec<bool>> {
    let pixels = T::unwrap_ref(&raster.pixels)?;
    let is_data = data_test::<T>(nodata);
    match &raster.mask {
        Some(mask) if !all(mask, |m| m) => Some(pixels.iter().zip(mask).map(|(p, m)| *m & is_data(*p)).collect()),
        _ if all(pixels, is_data) => None,
        _ => Some(pixels.iter().map(|p| is_data(*p)).collect()),
    }
}

/// Whether all values pass a test: in runs without branches, so that several are tested at once.
pub(crate) fn all<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> bool {
    values.chunks(1024).all(|run| run.iter().fold(true, |all, v| all & test(*v)))
}

/// Tells data from nodata. Floats are nodata when they are NaN or, as in GDAL, within two units of rounding of nodata.
fn data_test<T: Pixel>(nodata: Option<Number>) -> impl Fn(T) -> bool + Copy {
    // NaN is no data anyway.
    let exact = nodata.filter(|n| !n.as_f64().is_nan()).and_then(T::from_number);
    let epsilon = match T::DTYPE {
        cube_core::DType::Float32 => f64::from(f32::EPSILON),
        cube_core::DType::Float64 => f64::EPSILON,
        _ => 0.0,
    };
    let float = T::DTYPE.is_float();
    move |p: T| {
        if !float {
            return exact.is_none_or(|n| p != n);
        }
        // NaN is not equal to itself.
        #[expect(clippy::eq_op, reason = "the test for NaN that every pixel type has")]
        let number = p == p;
        number
            && exact.is_none_or(|n| {
                let (p, n) = (p.to_f64(), n.to_f64());
                p != n && (p - n).abs() >= epsilon * (p + n).abs() * 2.0
            })
    }
}
