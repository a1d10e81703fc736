use std::sync::Arc;

use cube_core::Window;

use crate::{lattice::Lattice, path::Path};

/// Source coordinates of the pixels of a destination window, row by row.
#[derive(Debug)]
pub(crate) struct Coordinates<'a> {
    path: &'a Path,
    window: Window,
    lattice: Option<Arc<Lattice>>,
    /// Columns of the row before, when every row has the same: the offset they are for, and they.
    columns: Option<(f64, Vec<f64>)>,
}

impl<'a> Coordinates<'a> {
    pub(crate) fn new(path: &'a Path, window: Window, lattice: Option<Arc<Lattice>>) -> Self {
        Self { path, window, lattice, columns: None }
    }

    /// Whether the source lies smoothly under the window: no pole, no edge of a map, no turn around the globe.
    pub(crate) fn is_smooth(&self) -> bool {
        match &self.lattice {
            Some(lattice) => lattice.is_smooth(),
            None => {
                let (row, col, end) = (self.window.row as f64, self.window.col as f64, self.window.col_end() as f64);
                let at = |col: f64| self.path.point_to_source(col, row).0;
                let (first, second, last) = (at(col), at(col + 1.0), at(end));
                ((last - first) - (second - first) * (end - col)).abs() < 1.0
            }
        }
    }

    /// Coordinates of the centres of a row of destination pixels (counted in the grid), one for each column of the window.
    pub(crate) fn centres(&mut self, row: usize, x: &mut [f64], y: &mut [f64]) {
        self.fill(row as f64 + 0.5, 0.5, x, y);
    }

    /// Coordinates of the corners along the upper edge of a row of destination pixels, one more than the window has columns.
    pub(crate) fn corners(&mut self, row: usize, x: &mut [f64], y: &mut [f64]) {
        self.fill(row as f64, 0.0, x, y);
    }

    fn fill(&mut self, row: f64, offset: f64, x: &mut [f64], y: &mut [f64]) {
        if let Some(lattice) = &self.lattice {
            lattice.fill(self.path, row, self.window.col, offset, x, y);
            return;
        }
        if let Some((of, columns)) = &self.columns
            && *of == offset
            && columns.len() == x.len()
        {
            x.copy_from_slice(columns);
            y.fill(self.path.point_to_source(self.window.col as f64 + offset, row).1);
            return;
        }
        for (k, x) in x.iter_mut().enumerate() {
            *x = (self.window.col + k) as f64 + offset;
        }
        y.fill(row);
        self.path.to_source(x, y);
        if self.path.is_separable() {
            self.columns = Some((offset, x.to_vec()));
        }
    }
}
