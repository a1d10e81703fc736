use std::sync::Arc;

use cube_core::{Shape, Window};

use crate::{
    bounds::Bounds,
    lattice::{Along, Lattice, Line},
    path::Path,
};

/// Source coordinates of the pixels of a destination window, row by row.
#[derive(Debug)]
pub(crate) struct Coordinates<'a> {
    path: &'a Path,
    window: Window,
    lattice: Option<Arc<Lattice>>,
    line: Line,
    /// Columns of the row before, when every row has the same: the offset they are for, and they.
    columns: Option<(f64, Vec<f64>)>,
}

impl<'a> Coordinates<'a> {
    pub(crate) fn new(path: &'a Path, window: Window, lattice: Option<Arc<Lattice>>) -> Self {
        Self { path, window, lattice, line: Line::default(), columns: None }
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

    /// A box around the coordinates of the centres that lie on the source; a little larger where the path bends.
    pub(crate) fn bounds(&mut self, source: Shape) -> Option<Bounds> {
        if let Some(lattice) = &self.lattice {
            return lattice.bounds(self.path, self.window, source);
        }
        let (mut x, mut y) = (vec![0.0; self.window.cols], vec![0.0; self.window.cols]);
        let mut found = None;
        if self.path.is_separable() {
            self.centres(self.window.row, &mut x, &mut y);
            let rows: Vec<f64> = (self.window.row..self.window.row_end()).map(|row| self.path.point_to_source(0.5, row as f64 + 0.5).1).collect();
            return Bounds::of_sides(&x, &rows, source);
        }
        for row in self.window.row..self.window.row_end() {
            self.centres(row, &mut x, &mut y);
            x.iter().zip(&y).for_each(|(&x, &y)| Bounds::extend(&mut found, Bounds::point(x, y).on(source)));
        }
        found
    }

    fn fill(&mut self, row: f64, offset: f64, x: &mut [f64], y: &mut [f64]) {
        if let Some(lattice) = &self.lattice {
            lattice.fill(self.path, Along { row, first: self.window.col, offset }, &mut self.line, x, y);
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
