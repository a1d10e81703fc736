use std::sync::Arc;

use cube_core::Window;

use crate::{lattice::Lattice, path::Path};

/// Source coordinates of the pixels of a destination window, row by row.
#[derive(Debug)]
pub(crate) struct Coordinates<'a> {
    path: &'a Path,
    window: Window,
    lattice: Option<Arc<Lattice>>,
}

impl<'a> Coordinates<'a> {
    pub(crate) fn new(path: &'a Path, window: Window, lattice: Option<Arc<Lattice>>) -> Self {
        Self { path, window, lattice }
    }

    /// Coordinates of the centres of a row of destination pixels (counted in the grid), one for each column of `x`, from column `first`.
    pub(crate) fn centres(&self, row: usize, first: usize, x: &mut [f64], y: &mut [f64]) {
        self.fill(row as f64 + 0.5, first, 0.5, x, y);
    }

    /// Coordinates of the corners along the upper edge of a row of destination pixels, from the left corner of column `first`.
    pub(crate) fn corners(&self, row: usize, first: usize, x: &mut [f64], y: &mut [f64]) {
        self.fill(row as f64, first, 0.0, x, y);
    }

    fn fill(&self, row: f64, first: usize, offset: f64, x: &mut [f64], y: &mut [f64]) {
        debug_assert!(first >= self.window.col && first + x.len() <= self.window.col_end() + 1);
        match &self.lattice {
            Some(lattice) => lattice.fill(self.path, row, first, offset, x, y),
            None => {
                for (k, x) in x.iter_mut().enumerate() {
                    *x = (first + k) as f64 + offset;
                }
                y.fill(row);
                self.path.to_source(x, y);
            }
        }
    }
}
