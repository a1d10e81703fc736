use cube_core::{Pixel, Resampling};

use super::{
    Missing, Row,
    bilinear::centre_is_valid,
    weights::{Shape, fill},
};
use crate::{
    method::{self, is_inside},
    scale::Scale,
    view::View,
};

/// A kernel of any width: cubic spline and lanczos always, bilinear and cubic when the destination is coarser than the source.
#[derive(Debug)]
pub(crate) struct Filter {
    shape: Shape,
    scale: Scale,
    radius_x: i64,
    radius_y: i64,
    across: Vec<f64>,
    down: Vec<f64>,
}

/// The pixels along one axis that a kernel reads: the first, and the weights of it and its successors.
struct Taps {
    first: usize,
    n: usize,
}

impl Filter {
    pub(crate) fn new(method: Resampling, shape: Shape, scale: Scale) -> Self {
        let (x, y) = method::radii(method, scale);
        let weights = |radius: usize| vec![0.0; 2 * radius + 2];
        let scale = Scale { x: scale.x.min(1.0), y: scale.y.min(1.0) };
        Self { shape, scale, radius_x: x as i64, radius_y: y as i64, across: weights(x), down: weights(y) }
    }

    /// A row of filtered values. As with the other kernels, a coordinate over a pixel without data has no value; other pixels without
    /// data are left out. Lanczos asks for data in half of its pixels.
    pub(crate) fn row<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        let (w, h) = (view.image.cols as f64, view.image.rows as f64);
        for (((&x, &y), value), valid) in x.iter().zip(y).zip(out.values.iter_mut()).zip(out.valid.iter_mut()) {
            if is_inside(x, y, w, h)
                && centre_is_valid(view, x, y)?
                && let Some(v) = self.at(view, x, y)?
            {
                *value = v;
                *valid = true;
            }
        }
        Ok(())
    }

    fn at<T: Pixel>(&mut self, view: &View<'_, T>, x: f64, y: f64) -> Result<Option<f64>, Missing> {
        let cols = taps(self.shape, x, self.radius_x, self.scale.x, view.image.cols, &mut self.across);
        let rows = taps(self.shape, y, self.radius_y, self.scale.y, view.image.rows, &mut self.down);
        if !view.holds(rows.first, rows.first + rows.n, cols.first, cols.first + cols.n) {
            return Err(Missing);
        }
        let (across, down) = (&self.across[..cols.n], &self.down[..rows.n]);
        let first = view.index(rows.first, cols.first);
        let stride = view.window.cols;
        if !view.is_full() && !(0..rows.n).all(|i| view.is_run_valid(first + i * stride, cols.n)) {
            return Ok(self.partial(view, first, &cols, &rows));
        }
        let mut sum = 0.0;
        for (i, weight) in down.iter().enumerate() {
            let run = view.run(first + i * stride, cols.n);
            sum += weight * run.iter().zip(across).map(|(p, w)| p.to_f64() * w).sum::<f64>();
        }
        Ok(self.normalised(sum, across.iter().sum::<f64>() * down.iter().sum::<f64>()))
    }

    /// The same where some pixels are without data.
    #[cold]
    fn partial<T: Pixel>(&self, view: &View<'_, T>, first: usize, cols: &Taps, rows: &Taps) -> Option<f64> {
        let (mut sum, mut weight, mut count) = (0.0, 0.0, 0);
        for (i, down) in self.down[..rows.n].iter().enumerate() {
            for (j, across) in self.across[..cols.n].iter().enumerate() {
                let index = first + i * view.window.cols + j;
                if view.is_valid(index) {
                    sum += view.value(index).to_f64() * (down * across);
                    weight += down * across;
                    count += 1;
                }
            }
        }
        if self.shape == Shape::Lanczos && count < rows.n * cols.n / 2 { None } else { self.normalised(sum, weight) }
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

/// The pixels under a kernel along one axis, inside `0..size`, and their weights. The coordinate lies on the source.
fn taps(shape: Shape, at: f64, radius: i64, scale: f64, size: usize, weights: &mut [f64]) -> Taps {
    let middle = (at - 0.5).floor();
    let delta = at - 0.5 - middle;
    let middle = middle as i64;
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
    fill(shape, first, delta, scale, &mut weights[..n]);
    Taps { first: (middle + first) as usize, n }
}
