use cube_core::Pixel;

use super::{
    Missing, Row,
    bilinear::{at_edge, partial},
};
use crate::{
    steps::Steps,
    view::{Interior, View},
    wide::wide,
};

/// Cubic convolution (a = −0.5) of the sixteen pixels around each coordinate; bilinear where one of them is missing or without data.
#[derive(Debug)]
pub(crate) struct Cubic {
    inner: Interior,
    cols: Steps,
    rows: Steps,
}

impl Cubic {
    pub(crate) fn new<T: Pixel>(view: &View<'_, T>) -> Self {
        Self { inner: Interior::new(view, (1, 1), (2, 2)), cols: Steps::default(), rows: Steps::default() }
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
                Some(first) if full || (0..4).all(|i| view.is_run_valid(first + i * stride, 4)) => {
                    let across = weights(right);
                    let line = |i: usize| dot(view.run(first + i * stride, 4), across);
                    let down = weights(down);
                    Some(line(0) * down[0] + line(1) * down[1] + line(2) * down[2] + line(3) * down[3])
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

#[inline(always)]
fn dot<T: Pixel>(run: &[T], weights: [f64; 4]) -> f64 {
    run[0].to_f64() * weights[0] + run[1].to_f64() * weights[1] + run[2].to_f64() * weights[2] + run[3].to_f64() * weights[3]
}

/// Weights of four neighbours for a place `t` of the way from the second to the third.
#[inline(always)]
fn weights(t: f64) -> [f64; 4] {
    let half = 0.5 * t;
    let half_squared = half * t;
    [half * (-1.0 + t * (2.0 - t)), 1.0 + half_squared * (-5.0 + 3.0 * t), half * (1.0 + t * (4.0 - 3.0 * t)), half_squared * (-1.0 + t)]
}
