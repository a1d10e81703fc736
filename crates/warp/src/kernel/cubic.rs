use cube_core::Pixel;

use super::{
    Missing, Row,
    bilinear::{bilinear_at, centre_is_valid},
};
use crate::{method::is_inside, view::View};

/// Cubic convolution (a = −0.5) of the sixteen pixels around each coordinate; bilinear where one of them is missing or without data.
pub(crate) fn cubic<T: Pixel>(view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
    let (w, h) = (view.image.cols as f64, view.image.rows as f64);
    for (((&x, &y), value), valid) in x.iter().zip(y).zip(out.values.iter_mut()).zip(out.valid.iter_mut()) {
        if is_inside(x, y, w, h)
            && centre_is_valid(view, x, y)?
            && let Some(v) = cubic_at(view, x, y)?
        {
            *value = v;
            *valid = true;
        }
    }
    Ok(())
}

#[inline(always)]
fn cubic_at<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
    let (fx, fy) = ((x - 0.5).floor(), (y - 0.5).floor());
    if fx < 1.0 || fy < 1.0 {
        return bilinear_at(view, x, y);
    }
    let (col, row) = (fx as usize - 1, fy as usize - 1);
    if col + 3 >= view.image.cols || row + 3 >= view.image.rows {
        return bilinear_at(view, x, y);
    }
    if !view.holds(row, row + 4, col, col + 4) {
        return Err(Missing);
    }
    let first = view.index(row, col);
    let stride = view.window.cols;
    if !view.is_full() && !(0..4).all(|i| view.is_run_valid(first + i * stride, 4)) {
        return bilinear_at(view, x, y);
    }
    let (across, down) = (weights(x - 0.5 - fx), weights(y - 0.5 - fy));
    let mut sum = 0.0;
    for (i, weight) in down.into_iter().enumerate() {
        let p = view.run(first + i * stride, 4);
        sum += weight * (across[0] * p[0].to_f64() + across[1] * p[1].to_f64() + across[2] * p[2].to_f64() + across[3] * p[3].to_f64());
    }
    Ok(Some(sum))
}

/// Weights of four neighbours for a place `t` of the way from the second to the third.
#[inline(always)]
fn weights(t: f64) -> [f64; 4] {
    let half = 0.5 * t;
    let half_squared = half * t;
    [half * (-1.0 + t * (2.0 - t)), 1.0 + half_squared * (-5.0 + 3.0 * t), half * (1.0 + t * (4.0 - 3.0 * t)), half_squared * (-1.0 + t)]
}
