use cube_core::{Shape, Window};

use crate::{bounds::Bounds, path::Path, wide::wide};

/// Destination pixels between two nodes.
pub(crate) const STEP: usize = 32;
/// Largest error at a point where it is checked, in source pixels; half an interval away from a node along one axis, where the error
/// of the interpolation is greatest. Errors along both axes add up, so a quarter of the bound of 1e-6.
const CHECK: f64 = 2.5e-7;
/// Interpolation weights half-way between the middle two of four nodes.
const HALF: [f64; 4] = [-0.0625, 0.5625, 0.5625, -0.0625];

/// Source coordinates of a part of the destination, interpolated between exact ones.
///
/// Nodes lie at multiples of [`STEP`] pixels of the destination *grid*, and a cell knows only the sixteen nodes around it: so a
/// coordinate does not depend on the window it is computed for. A cell whose interpolation errs is computed exactly.
#[derive(Debug)]
pub(crate) struct Lattice {
    /// First row and column of cells, and how many.
    cells: Window,
    /// `(cells.rows + 3) × (cells.cols + 3)` nodes, the first one cell before the first cell.
    x: Vec<f64>,
    y: Vec<f64>,
    kinds: Vec<Kind>,
}

/// How the coordinates in a cell are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Interpolated,
    Exact,
    /// All far from the source.
    Nowhere,
}

impl Lattice {
    /// The lattice under a window of the destination, its far edges included.
    pub(crate) fn new(path: &Path, window: Window, source: Shape) -> Self {
        let (row, col) = (window.row / STEP, window.col / STEP);
        let cells = Window::new(row, col, window.row_end() / STEP + 1 - row, window.col_end() / STEP + 1 - col);
        let (rows, cols) = (cells.rows + 3, cells.cols + 3);
        let (mut x, mut y) = (Vec::with_capacity(rows * cols), Vec::with_capacity(rows * cols));
        for i in 0..rows {
            for j in 0..cols {
                let at = |first: usize, n: usize| (first as f64 + n as f64 - 1.0) * STEP as f64;
                // Point by point: among several operations PROJ chooses by the mean of the points it is given.
                let (sx, sy) = path.point_to_source(at(col, j), at(row, i));
                x.push(sx);
                y.push(sy);
            }
        }
        let mut lattice = Self { cells, x, y, kinds: Vec::new() };
        lattice.kinds = (0..cells.rows).flat_map(|i| (0..cells.cols).map(move |j| (i, j))).map(|(i, j)| lattice.kind(path, i, j, source)).collect();
        lattice
    }

    /// Exact coordinates that it holds.
    pub(crate) fn nodes(&self) -> usize {
        self.x.len()
    }

    /// Whether the source lies smoothly under all of it: no pole, no edge of a map.
    pub(crate) fn is_smooth(&self) -> bool {
        !self.kinds.contains(&Kind::Exact)
    }

    fn kind(&self, path: &Path, i: usize, j: usize, source: Shape) -> Kind {
        let pick =
            |values: &[f64]| -> [[f64; 4]; 4] { std::array::from_fn(|r| std::array::from_fn(|c| values[(i + r) * (self.cells.cols + 3) + j + c])) };
        let (x, y) = (pick(&self.x), pick(&self.y));
        if x.iter().chain(&y).flatten().any(|v| !v.is_finite()) {
            return Kind::Exact;
        }
        if apart(&x, source.cols) || apart(&y, source.rows) {
            return Kind::Nowhere;
        }
        let (row, col) = ((self.cells.row + i) as f64, (self.cells.col + j) as f64);
        let first = [0.0, 1.0, 0.0, 0.0];
        let good = [(first, HALF, 0.0, 0.5), (HALF, first, 0.5, 0.0), (HALF, HALF, 0.5, 0.5)].into_iter().all(|(down, across, v, u)| {
            let (ex, ey) = path.point_to_source((col + u) * STEP as f64, (row + v) * STEP as f64);
            (weigh(&x, down, across) - ex).abs() <= CHECK && (weigh(&y, down, across) - ey).abs() <= CHECK
        });
        if good { Kind::Interpolated } else { Kind::Exact }
    }

    /// Source coordinates along a row of the destination.
    pub(crate) fn fill(&self, path: &Path, Along { row, first, offset }: Along, line: &mut Line, x: &mut [f64], y: &mut [f64]) {
        let (i, down) = self.row_of(row);
        self.across(&self.x, i, down, &mut line.x);
        self.across(&self.y, i, down, &mut line.y);
        let mut done = 0;
        while done < x.len() {
            let col = first + done;
            let j = col / STEP - self.cells.col;
            let n = (STEP - col % STEP).min(x.len() - done);
            let (xs, ys) = (&mut x[done..done + n], &mut y[done..done + n]);
            match self.kinds[i * self.cells.cols + j] {
                Kind::Interpolated => wide(
                    #[inline(always)]
                    || {
                        evaluate(Cubic::through(&line.x[j..]), col % STEP, offset, xs);
                        evaluate(Cubic::through(&line.y[j..]), col % STEP, offset, ys);
                    },
                ),
                Kind::Exact => {
                    for (k, (x, y)) in xs.iter_mut().zip(ys).enumerate() {
                        (*x, *y) = path.point_to_source((col + k) as f64 + offset, row);
                    }
                }
                Kind::Nowhere => {
                    xs.fill(f64::NAN);
                    ys.fill(f64::NAN);
                }
            }
            done += n;
        }
    }

    /// A box around the source coordinates of the centres of a window, as far as they lie on the source. It may be larger, by less than
    /// what the path bends within a cell.
    pub(crate) fn bounds(&self, path: &Path, window: Window, source: Shape) -> Option<Bounds> {
        let mut found = None;
        for i in 0..self.cells.rows {
            for j in 0..self.cells.cols {
                let cell = Window::new((self.cells.row + i) * STEP, (self.cells.col + j) * STEP, STEP, STEP);
                let Some(part) = cell.intersection(window) else { continue };
                match self.kinds[i * self.cells.cols + j] {
                    Kind::Interpolated => {
                        let (x, y) = (self.range(&self.x, i, j, part), self.range(&self.y, i, j, part));
                        Bounds::extend(&mut found, Bounds { x, y }.on(source));
                    }
                    Kind::Exact => {
                        for (row, col) in (part.row..part.row_end()).flat_map(|row| (part.col..part.col_end()).map(move |col| (row, col))) {
                            let (x, y) = path.point_to_source(col as f64 + 0.5, row as f64 + 0.5);
                            Bounds::extend(&mut found, Bounds::point(x, y).on(source));
                        }
                    }
                    Kind::Nowhere => {}
                }
            }
        }
        found
    }

    /// Bounds of one coordinate over the centres of a part of a cell: a surface leaves the box of its corners by at most an eighth of
    /// its second derivatives, and those of a cubic lie between the second differences at its middle nodes.
    fn range(&self, values: &[f64], i: usize, j: usize, part: Window) -> [f64; 2] {
        let width = self.cells.cols + 3;
        let at = |r: usize, c: usize| values[(i + r) * width + j + c];
        let across = |r: usize, c: usize| (at(r, c - 1) - 2.0 * at(r, c) + at(r, c + 1)).abs();
        let down = |r: usize, c: usize| (at(r - 1, c) - 2.0 * at(r, c) + at(r + 1, c)).abs();
        let bend = |difference: &dyn Fn(usize, usize) -> f64| {
            [1, 2].into_iter().flat_map(|a| (0..4).map(move |b| (a, b))).map(|(a, b)| difference(a, b)).fold(0.0, f64::max)
        };
        // Weights across a cell add up to at most 1.25 in size.
        let margin = 1.25 / 8.0 * (bend(&|a, b| across(b, a)) + bend(&down)) + 1e-6;
        let mut found = [f64::INFINITY, f64::NEG_INFINITY];
        for row in [part.row, part.row_end() - 1] {
            let (_, down) = self.row_of(row as f64 + 0.5);
            let line: [f64; 4] = std::array::from_fn(|c| (0..4).map(|r| down[r] * at(r, c)).sum());
            for col in [part.col, part.col_end() - 1] {
                let v = Cubic::through(&line).at(((col % STEP) as f64 + 0.5) / STEP as f64);
                found = [found[0].min(v - margin), found[1].max(v + margin)];
            }
        }
        found
    }

    /// The row of cells that a row of the destination lies in, and the weights of its nodes.
    fn row_of(&self, row: f64) -> (usize, [f64; 4]) {
        let i = (row / STEP as f64) as usize - self.cells.row;
        (i, weights(row / STEP as f64 - (self.cells.row + i) as f64))
    }

    /// A row of nodes, interpolated down to a row of the destination.
    fn across(&self, values: &[f64], i: usize, down: [f64; 4], line: &mut Vec<f64>) {
        let width = self.cells.cols + 3;
        let row = |r: usize| &values[(i + r) * width..(i + r + 1) * width];
        line.clear();
        line.extend(row(0).iter().zip(row(1)).zip(row(2)).zip(row(3)).map(|(((a, b), c), d)| down[0] * a + down[1] * b + down[2] * c + down[3] * d));
    }
}

/// Places along a row of the destination: `row` is a pixel coordinate (`r + 0.5` is the middle of pixel row `r`), columns are
/// `first + offset`, `first + 1 + offset`, … with `0 ≤ offset < 1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Along {
    pub(crate) row: f64,
    pub(crate) first: usize,
    pub(crate) offset: f64,
}

/// Room for a row of nodes.
#[derive(Debug, Default)]
pub(crate) struct Line {
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Whether all of a cell is far from `0..=size`: its nodes, and half of what lies between them on either side, are.
fn apart(nodes: &[[f64; 4]; 4], size: usize) -> bool {
    let (min, max) = nodes.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
    let margin = 0.5 * (max - min) + 4.0;
    max + margin < 0.0 || min - margin > size as f64
}

fn weigh(nodes: &[[f64; 4]; 4], down: [f64; 4], across: [f64; 4]) -> f64 {
    (0..4).map(|r| down[r] * (0..4).map(|c| across[c] * nodes[r][c]).sum::<f64>()).sum()
}

/// Lagrange's cubic through nodes at −1, 0, 1, 2.
fn weights(t: f64) -> [f64; 4] {
    [-t * (t - 1.0) * (t - 2.0) / 6.0, (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0, -(t + 1.0) * t * (t - 2.0) / 2.0, (t + 1.0) * t * (t - 1.0) / 6.0]
}

/// A cubic, by its coefficients.
#[derive(Clone, Copy)]
struct Cubic([f64; 4]);

impl Cubic {
    /// Through the first four nodes, which lie at −1, 0, 1, 2.
    #[inline(always)]
    fn through(nodes: &[f64]) -> Self {
        let [p0, p1, p2, p3] = [nodes[0], nodes[1], nodes[2], nodes[3]];
        let c3 = (p3 - 3.0 * p2 + 3.0 * p1 - p0) / 6.0;
        let c2 = (p2 - 2.0 * p1 + p0) / 2.0;
        Self([p1, p2 - p1 - c2 - c3, c2, c3])
    }

    #[inline(always)]
    fn at(self, t: f64) -> f64 {
        let [c0, c1, c2, c3] = self.0;
        c0 + t * (c1 + t * (c2 + t * c3))
    }
}

/// A cubic at whole steps of a pixel from `start` after its second node, each moved by `offset`.
#[inline(always)]
fn evaluate(cubic: Cubic, start: usize, offset: f64, out: &mut [f64]) {
    for (v, step) in out.iter_mut().zip(&WHOLE[start..]) {
        *v = cubic.at((step + offset) * (1.0 / STEP as f64));
    }
}

/// 0, 1, 2, …
const WHOLE: [f64; STEP] = {
    let mut steps = [0.0; STEP];
    let mut k = 0;
    while k < STEP {
        steps[k] = k as f64;
        k += 1;
    }
    steps
};
