use cube_core::Pixel;

use super::{Missing, Row};
use crate::{
    method::is_inside,
    steps::Steps,
    view::{Interior, View},
    wide::wide,
};

/// The pixel under each coordinate; on an edge, the one to the right or below.
#[derive(Debug)]
pub(crate) struct Nearest {
    inner: Interior,
    cols: Steps,
    rows: Steps,
}

impl Nearest {
    pub(crate) fn new<T: Pixel>(view: &View<'_, T>) -> Self {
        Self { inner: Interior::new(view, (0, 0), (0, 0)), cols: Steps::default(), rows: Steps::default() }
    }

    pub(crate) fn row<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, T>) -> Result<(), Missing> {
        wide(
            #[inline(always)]
            || self.row_of(view, x, y, out),
        )
    }

    #[inline(always)]
    fn row_of<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, T>) -> Result<(), Missing> {
        self.cols.of_pixels(x);
        self.rows.of_pixels(y);
        let steps = self.cols.index.iter().zip(&self.rows.index);
        let full = view.is_full();
        for (k, ((&col, &row), (value, valid))) in steps.zip(out.values.iter_mut().zip(out.valid.iter_mut())).enumerate() {
            match self.inner.first(row, col) {
                Some(index) => {
                    if full || view.is_valid(index) {
                        *value = view.value(index);
                        *valid = true;
                    }
                }
                None => {
                    if let Some(found) = outside(view, x[k], y[k])? {
                        *value = found;
                        *valid = true;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A coordinate that is not on a pixel at hand: on none at all, or on the far edge of the source.
#[cold]
fn outside<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<Option<T>, Missing> {
    if !is_inside(x, y, view.image.cols as f64, view.image.rows as f64) {
        return Ok(None);
    }
    let index = view.under(x, y)?;
    Ok(view.is_valid(index).then(|| view.value(index)))
}
