use cube_core::{Pixel, Resampling};

use super::{
    Missing, Row,
    bilinear::at_edge,
    weights::{Shape, fill},
};
use crate::{
    method,
    scale::Scale,
    steps::Steps,
    view::{Interior, View},
    wide::wide,
};

/// A kernel of any width: cubic spline and lanczos always, bilinear and cubic when the destination is coarser than the source.
///
/// As with the other kernels, a coordinate over a pixel without data has no value, and other pixels without data are left out. Lanczos
/// asks for data in half of its pixels.
#[derive(Debug)]
pub(crate) struct Filter {
    shape: Shape,
    scale: Scale,
    radius_x: usize,
    radius_y: usize,
    inner: Interior,
    cols: Steps,
    rows: Steps,
    across: Vec<f64>,
    down: Vec<f64>,
}

impl Filter {
    pub(crate) fn new<T: Pixel>(view: &View<'_, T>, method: Resampling, shape: Shape, scale: Scale) -> Self {
        let (x, y) = method::radii(method, scale);
        let weights = |radius: usize| vec![0.0; 2 * radius + 2];
        Self {
            shape,
            scale: Scale { x: scale.x.min(1.0), y: scale.y.min(1.0) },
            radius_x: x,
            radius_y: y,
            inner: Interior::new(view, (x - 1, y - 1), (x, y)),
            cols: Steps::default(),
            rows: Steps::default(),
            across: weights(x),
            down: weights(y),
        }
    }

    pub(crate) fn row<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        // Widths known at compile time are several times as fast.
        wide(
            #[inline(always)]
            || match self.radius_x {
                2 => self.row_of::<4, T>(view, x, y, out),
                3 => self.row_of::<6, T>(view, x, y, out),
                4 => self.row_of::<8, T>(view, x, y, out),
                6 => self.row_of::<12, T>(view, x, y, out),
                _ => self.row_of::<0, T>(view, x, y, out),
            },
        )
    }

    /// `N` is the width of the kernel, or 0 when only known now.
    #[inline(always)]
    fn row_of<const N: usize, T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        let (mut cols, mut rows) = (std::mem::take(&mut self.cols), std::mem::take(&mut self.rows));
        cols.of_centres(x);
        rows.of_centres(y);
        let (full, stride) = (view.is_full(), view.window.cols);
        let (width, height) = (if N == 0 { 2 * self.radius_x } else { N }, 2 * self.radius_y);
        let (left, above) = (1 - self.radius_x as i64, 1 - self.radius_y as i64);
        // All rows of a grid in the same CRS, and many others, share the fraction.
        let mut last_down = f64::NAN;
        for k in 0..x.len() {
            let found = match self.inner.first(rows.index[k], cols.index[k]) {
                Some(first) if full || (0..height).all(|i| view.is_run_valid(first + i * stride, width)) => {
                    fill(self.shape, left, cols.fraction[k], self.scale.x, &mut self.across[..width]);
                    if rows.fraction[k] != last_down {
                        last_down = rows.fraction[k];
                        fill(self.shape, above, last_down, self.scale.y, &mut self.down[..height]);
                    }
                    let (across, down) = (&self.across[..width], &self.down[..height]);
                    let sum = match N {
                        0 => down.iter().enumerate().map(|(i, weight)| weight * dot(view.run(first + i * stride, width), across)).sum(),
                        _ => columns_first::<N, T>(view, first, across, down),
                    };
                    self.normalised(sum, across.iter().sum::<f64>() * down.iter().sum::<f64>())
                }
                _ => {
                    last_down = f64::NAN;
                    at_edge(view, x[k], y[k], |view, x, y| self.partial(view, x, y))?
                }
            };
            if let Some(found) = found {
                out.values[k] = found;
                out.valid[k] = true;
            }
        }
        (self.cols, self.rows) = (cols, rows);
        Ok(())
    }

    /// A value where some pixels are without data or outside the source.
    fn partial<T: Pixel>(&mut self, view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
        let (col, across) = taps(self.shape, x, self.radius_x, self.scale.x, view.image.cols, &mut self.across);
        let (row, down) = taps(self.shape, y, self.radius_y, self.scale.y, view.image.rows, &mut self.down);
        if !view.holds(row, row + down.len(), col, col + across.len()) {
            return Err(Missing);
        }
        let first = view.index(row, col);
        let (mut sum, mut weight, mut count) = (0.0, 0.0, 0);
        for (i, down) in down.iter().enumerate() {
            for (j, across) in across.iter().enumerate() {
                let index = first + i * view.window.cols + j;
                if view.is_valid(index) {
                    sum += view.value(index).to_f64() * (down * across);
                    weight += down * across;
                    count += 1;
                }
            }
        }
        let enough = self.shape != Shape::Lanczos || count >= down.len() * across.len() / 2;
        Ok(if enough { self.normalised(sum, weight) } else { None })
    }

    fn normalised(&self, sum: f64, weight: f64) -> Option<f64> {
        if weight < 1e-6 {
            None
        } else if self.shape == Shape::Lanczos && (0.99999..=1.00001).contains(&weight) {
            // GDAL takes such a sum for one.
            Some(sum)
        } else {
            Some(sum / weight)
        }
    }
}

/// The sum under a kernel, down its columns first: these lie side by side, so that several are added at once.
#[inline(always)]
fn columns_first<const N: usize, T: Pixel>(view: &View<'_, T>, first: usize, across: &[f64], down: &[f64]) -> f64 {
    let mut columns = [0.0; N];
    for (i, weight) in down.iter().enumerate() {
        let run = view.run(first + i * view.window.cols, N);
        for (column, pixel) in columns.iter_mut().zip(run) {
            *column += weight * pixel.to_f64();
        }
    }
    columns.iter().zip(across).map(|(column, weight)| column * weight).sum()
}

#[inline(always)]
fn dot<T: Pixel>(run: &[T], weights: &[f64]) -> f64 {
    run.iter().zip(weights).map(|(p, w)| p.to_f64() * w).sum()
}

/// The first pixel under a kernel along one axis, clipped to `0..size`, and the weights of it and its successors. The coordinate lies on the source.
fn taps(shape: Shape, at: f64, radius: usize, scale: f64, size: usize, weights: &mut [f64]) -> (usize, &[f64]) {
    let middle = (at - 0.5).floor();
    let delta = at - 0.5 - middle;
    let (middle, radius) = (middle as i64, radius as i64);
    let mut first = (if shape == Shape::Lanczos { -radius } else { 1 - radius }).max(-middle);
    let mut last = radius.min(size as i64 - 1 - middle);
    if shape == Shape::Lanczos {
        while (first as f64 - delta) * scale < -3.0 {
            first += 1;
        }
        while (last as f64 - delta) * scale > 3.0 {
            last -= 1;
        }
    }
    let n = (last - first + 1).max(0) as usize;
    let weights = &mut weights[..n];
    fill(shape, first, delta, scale, weights);
    ((middle + first) as usize, weights)
}
