use cube_core::Pixel;

use super::{Missing, Row};
use crate::{
    method::{EDGE, is_inside},
    view::View,
};

/// The pixel under each coordinate; on an edge, the one to the right or below.
pub(crate) fn nearest<T: Pixel>(view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, T>) -> Result<(), Missing> {
    let (w, h) = (view.image.cols as f64, view.image.rows as f64);
    let (last_col, last_row) = (view.image.cols - 1, view.image.rows - 1);
    let mut missing = false;
    for (((&x, &y), value), valid) in x.iter().zip(y).zip(out.values.iter_mut()).zip(out.valid.iter_mut()) {
        if !is_inside(x, y, w, h) {
            continue;
        }
        let (col, row) = (((x + EDGE) as usize).min(last_col), ((y + EDGE) as usize).min(last_row));
        if !view.holds(row, row + 1, col, col + 1) {
            missing = true;
            continue;
        }
        let index = view.index(row, col);
        if view.is_valid(index) {
            *value = view.value(index);
            *valid = true;
        }
    }
    if missing { Err(Missing) } else { Ok(()) }
}
