use cube_core::Pixel;

use super::{Missing, Row};
use crate::{
    method::{EDGE, is_inside},
    view::View,
};

/// Bilinear interpolation between the four pixels around each coordinate.
///
/// A coordinate over a pixel without data has none; otherwise pixels without data or outside the source are left out and the others
/// weigh accordingly.
pub(crate) fn bilinear<T: Pixel>(view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
    let (w, h) = (view.image.cols as f64, view.image.rows as f64);
    for (((&x, &y), value), valid) in x.iter().zip(y).zip(out.values.iter_mut()).zip(out.valid.iter_mut()) {
        if is_inside(x, y, w, h)
            && centre_is_valid(view, x, y)?
            && let Some(v) = bilinear_at(view, x, y)?
        {
            *value = v;
            *valid = true;
        }
    }
    Ok(())
}

/// Whether the pixel under a coordinate, which lies on the source, holds data.
#[inline(always)]
pub(crate) fn centre_is_valid<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<bool, Missing> {
    if view.is_full() {
        return Ok(true);
    }
    let (col, row) = (((x + EDGE) as usize).min(view.image.cols - 1), ((y + EDGE) as usize).min(view.image.rows - 1));
    if view.holds(row, row + 1, col, col + 1) { Ok(view.is_valid(view.index(row, col))) } else { Err(Missing) }
}

/// One value; `None` when all four pixels are without data.
#[inline(always)]
pub(crate) fn bilinear_at<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
    let (fx, fy) = ((x - 0.5).floor(), (y - 0.5).floor());
    if fx >= 0.0 && fy >= 0.0 {
        let (col, row) = (fx as usize, fy as usize);
        if col + 1 < view.image.cols && row + 1 < view.image.rows {
            if !view.holds(row, row + 2, col, col + 2) {
                return Err(Missing);
            }
            let (top, bottom) = (view.index(row, col), view.index(row + 1, col));
            if view.is_full() || (view.is_run_valid(top, 2) && view.is_run_valid(bottom, 2)) {
                let (right, down) = (x - 0.5 - fx, y - 0.5 - fy);
                let (a, b) = (view.run(top, 2), view.run(bottom, 2));
                let upper = a[0].to_f64() * (1.0 - right) + a[1].to_f64() * right;
                let lower = b[0].to_f64() * (1.0 - right) + b[1].to_f64() * right;
                return Ok(Some(upper * (1.0 - down) + lower * down));
            }
        }
    }
    partial(view, x, y)
}

/// The same where not all four pixels are there.
#[cold]
fn partial<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
    let (fx, fy) = ((x - 0.5).floor(), (y - 0.5).floor());
    let (right, down) = (x - 0.5 - fx, y - 0.5 - fy);
    let (mut sum, mut weight) = (0.0, 0.0);
    for (row, wy) in [(fy, 1.0 - down), (fy + 1.0, down)] {
        for (col, wx) in [(fx, 1.0 - right), (fx + 1.0, right)] {
            if row < 0.0 || col < 0.0 || row >= view.image.rows as f64 || col >= view.image.cols as f64 {
                continue;
            }
            let (row, col) = (row as usize, col as usize);
            if !view.holds(row, row + 1, col, col + 1) {
                return Err(Missing);
            }
            let index = view.index(row, col);
            if view.is_valid(index) {
                sum += view.value(index).to_f64() * (wx * wy);
                weight += wx * wy;
            }
        }
    }
    Ok(if weight < 1e-5 {
        None
    } else if weight == 1.0 {
        Some(sum)
    } else {
        Some(sum / weight)
    })
}
