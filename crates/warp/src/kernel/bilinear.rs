use cube_core::Pixel;

use super::{Missing, Row};
use crate::{
    method::is_inside,
    steps::Steps,
    view::{Interior, View},
    wide::wide,
};

/// Bilinear interpolation between the four pixels around each coordinate.
///
/// A coordinate over a pixel without data has none; otherwise pixels without data or outside the source are left out and the others
/// weigh accordingly.
#[derive(Debug)]
pub(crate) struct Bilinear {
    inner: Interior,
    cols: Steps,
    rows: Steps,
}

impl Bilinear {
    pub(crate) fn new<T: Pixel>(view: &View<'_, T>) -> Self {
        Self { inner: Interior::new(view, (0, 0), (1, 1)), cols: Steps::default(), rows: Steps::default() }
    }

    pub(crate) fn row<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        wide(
            #[inline(always)]
            || self.row_of(view, x, y, out),
        )
    }

    #[inline(always)]
    fn row_of<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        self.cols.of_centres(x);
        self.rows.of_centres(y);
        let steps = self.cols.index.iter().zip(&self.cols.fraction).zip(self.rows.index.iter().zip(&self.rows.fraction));
        let (full, stride) = (view.is_full(), view.window.cols);
        for (k, (((&col, &right), (&row, &down)), (value, valid))) in steps.zip(out.values.iter_mut().zip(out.valid.iter_mut())).enumerate() {
            let found = match self.inner.first(row, col) {
                Some(first) if full || (view.is_run_valid(first, 2) && view.is_run_valid(first + stride, 2)) => {
                    Some(blend(view.run(first, 2), view.run(first + stride, 2), right, down))
                }
                _ => at_edge(view, x[k], y[k], partial)?,
            };
            if let Some(found) = found {
                *value = found;
                *valid = true;
            }
        }
        Ok(())
    }
}

/// Two pixels of a row and the two below them.
#[inline(always)]
fn blend<T: Pixel>(above: &[T], below: &[T], right: f64, down: f64) -> f64 {
    let upper = above[0].to_f64() * (1.0 - right) + above[1].to_f64() * right;
    let lower = below[0].to_f64() * (1.0 - right) + below[1].to_f64() * right;
    upper * (1.0 - down) + lower * down
}

/// A value where not all pixels of a kernel are there: none when the coordinate is not on a pixel with data.
#[cold]
pub(super) fn at_edge<T: Pixel>(
    view: &View<'_, T>,
    x: f64,
    y: f64,
    value: impl FnOnce(&View<'_, T>, f64, f64) -> Result<Option<f64>, Missing>,
) -> Result<Option<f64>, Missing> {
    let on_data = is_inside(x, y, view.image.cols as f64, view.image.rows as f64) && view.is_valid(view.under(x, y)?);
    if on_data { value(view, x, y) } else { Ok(None) }
}

/// Interpolation among those of the four pixels that are there; `None` when none is.
pub(super) fn partial<T: Pixel>(view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
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
    Ok((weight >= 1e-5).then(|| sum / weight))
}
