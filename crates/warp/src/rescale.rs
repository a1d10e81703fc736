use cube_core::{DType, Number, Pixel, with_dtype};

use crate::{Canvas, Result, store::store_row};

/// Changes values linearly: `v·gain + bias`, on pixels with data only, as type `out`.
///
/// Rounding, clamping and the distance from nodata are those of [`crate::resample`]; pixels without data hold `nodata` (0 when there is
/// none).
///
/// # Errors
/// [`crate::Error::DoesNotFit`] when `out` cannot hold `nodata`.
pub fn rescale(canvas: &Canvas, gain: f64, bias: f64, out: DType, nodata: Option<Number>) -> Result<Canvas> {
    fn values<T: Pixel>(canvas: &Canvas, gain: f64, bias: f64) -> Vec<f64> {
        T::unwrap_ref(&canvas.pixels).map_or_else(Vec::new, |p| p.iter().map(|v| v.to_f64() * gain + bias).collect())
    }
    let mut result = Canvas::new(canvas.shape, out, nodata)?;
    let values = with_dtype!(canvas.pixels.dtype(), T => values::<T>(canvas, gain, bias));
    store_row(&mut result.pixels, 0, &values, &canvas.valid, nodata);
    result.valid.clone_from(&canvas.valid);
    Ok(result)
}
