//! Sets of chunks, and the chunks that shapes touch.

use std::ops::Range;

use geo::Coord;
use serde::{Deserialize, Serialize};

use crate::{ChunkGrid, ChunkIndex, Shapes, Window};

/// Some chunks of a grid, as runs along its rows: small also where it holds millions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkSet {
    /// Sorted by row, then column; runs of one row are apart from each other.
    runs: Vec<ChunkRun>,
}

/// Neighbouring chunks of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChunkRun {
    /// Row of chunks.
    pub row: u32,
    /// First column.
    pub start: u32,
    /// One past the last column.
    pub end: u32,
}

impl ChunkSet {
    /// From runs in any order; those that overlap or adjoin become one.
    pub fn from_runs(runs: impl IntoIterator<Item = ChunkRun>) -> Self {
        let mut sorted: Vec<_> = runs.into_iter().filter(|r| r.start < r.end).collect();
        sorted.sort_unstable();
        let mut merged: Vec<ChunkRun> = Vec::with_capacity(sorted.len());
        for run in sorted {
            match merged.last_mut() {
                Some(last) if last.row == run.row && run.start <= last.end => last.end = last.end.max(run.end),
                _ => merged.push(run),
            }
        }
        Self { runs: merged }
    }

    /// The chunks of a rectangle of chunks.
    pub fn from_window(chunks: Window) -> Self {
        let run = |row: usize| ChunkRun { row: row as u32, start: chunks.col as u32, end: chunks.col_end() as u32 };
        Self::from_runs((chunks.row..chunks.row_end()).map(run))
    }

    /// The runs, sorted.
    pub fn runs(&self) -> &[ChunkRun] {
        &self.runs
    }

    /// Number of chunks.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|r| u64::from(r.end - r.start)).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Every chunk, row by row.
    pub fn iter(&self) -> impl Iterator<Item = ChunkIndex> + '_ {
        self.runs.iter().flat_map(|r| (r.start..r.end).map(|col| ChunkIndex { row: r.row, col }))
    }

    /// Whether a chunk is one of them.
    pub fn contains(&self, at: ChunkIndex) -> bool {
        let after = self.runs.partition_point(|r| (r.row, r.start) <= (at.row, at.col));
        after.checked_sub(1).is_some_and(|i| self.runs[i].row == at.row && at.col < self.runs[i].end)
    }

    /// The chunks in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        let mut runs = Vec::new();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            if x.row == y.row {
                runs.push(ChunkRun { row: x.row, start: x.start.max(y.start), end: x.end.min(y.end).max(x.start.max(y.start)) });
            }
            if (x.row, x.end) <= (y.row, y.end) {
                a.next()
            } else {
                b.next()
            };
        }
        Self::from_runs(runs)
    }

    /// The chunks in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::from_runs(self.runs.iter().chain(&other.runs).cloned())
    }

    /// The smallest rectangle of chunks that holds all; `None` when there is none.
    pub fn bounds(&self) -> Option<Window> {
        let (first, last) = (self.runs.first()?, self.runs.last()?);
        let start = self.runs.iter().map(|r| r.start).min()?;
        let end = self.runs.iter().map(|r| r.end).max()?;
        Some(Window::new(first.row as usize, start as usize, (last.row - first.row + 1) as usize, (end - start) as usize))
    }
}

/// How near to a whole pixel a vertex counts as being on it, in pixels: less is not a shared area but the rounding of a transformation.
const SNAP: f64 = 1e-6;

/// The chunks with which shapes in *pixel* coordinates share an area; a line or a point shares the chunks it runs through.
///
/// `grow` widens the shapes by some pixels along x and y; then chunks that are merely met at an edge count too.
pub(crate) fn touched(shapes: &Shapes, grid: &ChunkGrid, grow: (f64, f64)) -> ChunkSet {
    let canvas = Canvas::new(grid, grow);
    let mut runs = Vec::new();
    for polygon in &shapes.areas {
        let rings: Vec<Vec<Coord>> = std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|r| canvas.place(&r.0)).collect();
        rings.iter().for_each(|r| canvas.edges(r, Bounds::Area, &mut runs));
        canvas.fill(&rings, &mut runs);
    }
    for line in &shapes.lines {
        canvas.edges(&canvas.place(&line.0), Bounds::Line, &mut runs);
    }
    for point in canvas.place(&shapes.points) {
        canvas.edges(&[point, point], Bounds::Line, &mut runs);
    }
    ChunkSet::from_runs(runs)
}

/// Which chunks an edge on the border between two belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Bounds {
    /// None: the edge of an area that shares only its border.
    Area,
    /// The one after the border, as a pixel belongs to its first edge; at the end of the grid the last one.
    Line,
}

/// A grid of unit cells: chunk (row, column) is the square from (column, row) on.
struct Canvas {
    cell: (f64, f64),
    /// Size of the grid in cells: the last row and column may be partial.
    size: (f64, f64),
    /// Number of cells.
    cells: (u32, u32),
    grow: (f64, f64),
}

impl Canvas {
    fn new(grid: &ChunkGrid, grow: (f64, f64)) -> Self {
        let cell = (grid.chunk.cols as f64, grid.chunk.rows as f64);
        let chunks = grid.chunks();
        Self {
            cell,
            size: (grid.shape.cols as f64 / cell.0, grid.shape.rows as f64 / cell.1),
            cells: (chunks.cols as u32, chunks.rows as u32),
            grow: (grow.0 / cell.0, grow.1 / cell.1),
        }
    }

    /// Pixel to cell coordinates.
    fn place(&self, points: &[Coord]) -> Vec<Coord> {
        let snap = |v: f64| if (v - v.round()).abs() < SNAP { v.round() } else { v };
        points.iter().map(|c| Coord { x: snap(c.x) / self.cell.0, y: snap(c.y) / self.cell.1 }).collect()
    }

    fn edges(&self, ring: &[Coord], bounds: Bounds, runs: &mut Vec<ChunkRun>) {
        for edge in ring.windows(2) {
            let (top, bottom) = if edge[0].y <= edge[1].y { (edge[0], edge[1]) } else { (edge[1], edge[0]) };
            for row in self.span(top.y, bottom.y, self.grow.1, self.size.1, self.cells.1, bounds) {
                let (x0, x1) = band(top, bottom, f64::from(row) - self.grow.1, (f64::from(row) + 1.0).min(self.size.1) + self.grow.1);
                let cols = self.span(x0, x1, self.grow.0, self.size.0, self.cells.0, bounds);
                runs.push(ChunkRun { row, start: cols.start, end: cols.end });
            }
        }
    }

    /// The cells along one axis that an interval reaches into.
    fn span(&self, lo: f64, hi: f64, grow: f64, size: f64, cells: u32, bounds: Bounds) -> Range<u32> {
        let clamp = |v: f64| v.clamp(0.0, f64::from(cells)) as u32;
        if grow > 0.0 {
            let (lo, hi) = (lo - grow, hi + grow);
            return if hi < 0.0 || lo > size { 0..0 } else { clamp(lo.floor())..clamp(hi.floor() + 1.0) };
        }
        match bounds {
            Bounds::Line if hi < 0.0 || lo > size => 0..0,
            Bounds::Line => clamp(lo.floor()).min(cells - 1)..clamp(hi.floor() + 1.0),
            Bounds::Area if hi <= 0.0 || lo >= size => 0..0,
            // A border that runs along a line of the grid reaches into neither side.
            Bounds::Area if lo == hi && lo.fract() == 0.0 => 0..0,
            Bounds::Area => clamp(lo.floor())..clamp(hi.ceil()),
        }
    }

    /// The cells inside rings (even-odd), found along the middle of each row of cells. Where no edge passes through a cell, its middle speaks for it.
    fn fill(&self, rings: &[Vec<Coord>], runs: &mut Vec<ChunkRun>) {
        let mut crossings: std::collections::BTreeMap<u32, Vec<f64>> = std::collections::BTreeMap::new();
        for edge in rings.iter().flat_map(|r| r.windows(2)) {
            let (top, bottom) = if edge[0].y <= edge[1].y { (edge[0], edge[1]) } else { (edge[1], edge[0]) };
            for row in (top.y.floor().max(0.0) as u32)..(bottom.y.ceil().clamp(0.0, f64::from(self.cells.1)) as u32) {
                let y = self.middle(row);
                if (top.y <= y) && (y < bottom.y) {
                    crossings.entry(row).or_default().push(top.x + (y - top.y) / (bottom.y - top.y) * (bottom.x - top.x));
                }
            }
        }
        for (row, mut xs) in crossings {
            xs.sort_by(f64::total_cmp);
            for pair in xs.chunks_exact(2).filter(|p| p[0] < p[1]) {
                let cols = self.span(pair[0], pair[1], self.grow.0, self.size.0, self.cells.0, Bounds::Area);
                runs.push(ChunkRun { row, start: cols.start, end: cols.end });
            }
        }
    }

    /// The middle of the part of a row of cells that lies in the grid.
    fn middle(&self, row: u32) -> f64 {
        let row = f64::from(row);
        0.5 * (row + (row + 1.0).min(self.size.1))
    }
}

/// Smallest and largest x of the part of an edge within a band of y.
fn band(top: Coord, bottom: Coord, y0: f64, y1: f64) -> (f64, f64) {
    let at = |y: f64| {
        if y <= top.y {
            top.x
        } else if y >= bottom.y {
            bottom.x
        } else {
            top.x + (y - top.y) / (bottom.y - top.y) * (bottom.x - top.x)
        }
    };
    let (a, b) = if top.y == bottom.y { (top.x, bottom.x) } else { (at(y0), at(y1)) };
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use geo::{LineString, Polygon};

    use super::*;
    use crate::{Shape, shapes::contains};

    const GRID: ChunkGrid = ChunkGrid { shape: Shape::new(95, 105), chunk: Shape::new(10, 10) };

    fn area(points: &[(f64, f64)]) -> Shapes {
        Shapes { areas: vec![Polygon::new(points.to_vec().into(), vec![])], ..Shapes::default() }
    }

    fn rect(x0: f64, y0: f64, x1: f64, y1: f64) -> Shapes {
        area(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    }

    #[test]
    fn sharing_an_edge_is_not_touching() {
        let set = touched(&rect(10.0, 20.0, 30.0, 40.0), &GRID, (0.0, 0.0));
        assert_eq!(set, ChunkSet::from_window(Window::new(2, 1, 2, 2)));
        assert_eq!(touched(&rect(10.0, 20.0, 30.0 + 1e-9, 40.0), &GRID, (0.0, 0.0)), set, "rounding is not area");
        assert_eq!(touched(&rect(9.99, 20.0, 30.01, 40.0), &GRID, (0.0, 0.0)), ChunkSet::from_window(Window::new(2, 0, 2, 4)));
        assert_eq!(touched(&rect(10.0, 20.0, 30.0, 40.0), &GRID, (0.1, 0.1)), ChunkSet::from_window(Window::new(1, 0, 4, 4)));
    }

    #[test]
    fn the_grid_ends_where_its_pixels_end() {
        assert!(touched(&rect(105.5, 0.0, 109.0, 9.0), &GRID, (0.0, 0.0)).is_empty(), "the padding of the last chunk is not grid");
        assert!(touched(&rect(-20.0, -20.0, 0.0, 0.0), &GRID, (0.0, 0.0)).is_empty());
        assert_eq!(touched(&rect(-1e9, -1e9, 1e9, 1e9), &GRID, (0.0, 0.0)).len(), 110);
    }

    #[test]
    fn points_and_lines_choose_what_holds_them() {
        let point = |x, y| touched(&Shapes { points: vec![Coord { x, y }], ..Shapes::default() }, &GRID, (0.0, 0.0)).iter().collect::<Vec<_>>();
        assert_eq!(point(10.0, 10.0), [ChunkIndex { row: 1, col: 1 }]);
        assert_eq!(point(105.0, 95.0), [ChunkIndex { row: 9, col: 10 }], "the far corner belongs to the last chunk");
        assert_eq!(point(105.1, 5.0), []);
        let line = Shapes { lines: vec![LineString::from(vec![(5.0, 10.0), (25.0, 10.0)])], ..Shapes::default() };
        assert_eq!(touched(&line, &GRID, (0.0, 0.0)), ChunkSet::from_window(Window::new(1, 0, 1, 3)));
    }

    #[test]
    fn holes_are_left_out() {
        let hole = LineString::from(vec![(20.0, 20.0), (50.0, 20.0), (50.0, 50.0), (20.0, 50.0), (20.0, 20.0)]);
        let ring = LineString::from(vec![(10.0, 10.0), (60.0, 10.0), (60.0, 60.0), (10.0, 60.0), (10.0, 10.0)]);
        let set = touched(&Shapes { areas: vec![Polygon::new(ring, vec![hole])], ..Shapes::default() }, &GRID, (0.0, 0.0));
        assert_eq!(set.len(), 25 - 9);
        assert!(!set.contains(ChunkIndex { row: 3, col: 3 }));
    }

    /// Random triangles against the answer of dense sampling: every sampled cell is touched, and no touched cell is far from the triangle.
    #[test]
    fn triangles_agree_with_sampling() {
        let mut seed = 3_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 40) % 1400) as f64 / 10.0 - 20.0
        };
        for _ in 0..100 {
            let corners = [(random(), random()), (random(), random()), (random(), random())];
            let shapes = area(&corners);
            let ring = &shapes.areas[0].exterior().0;
            let set = touched(&shapes, &GRID, (0.0, 0.0));
            let grown = touched(&shapes, &GRID, (0.5, 0.5));
            assert_eq!(set.intersection(&grown), set, "growing only adds");
            let sampled = (0..950).flat_map(|r| (0..1050).map(move |c| Coord { x: f64::from(c) / 10.0 + 0.05, y: f64::from(r) / 10.0 + 0.05 }));
            let mut seen = std::collections::BTreeSet::new();
            for p in sampled.filter(|p| contains([ring.as_slice()], *p)) {
                seen.insert(ChunkIndex { row: (p.y / 10.0) as u32, col: (p.x / 10.0) as u32 });
            }
            assert!(seen.iter().all(|c| set.contains(*c)), "{corners:?}");
            let slivers = set.iter().filter(|c| !seen.contains(c)).count();
            assert!(slivers <= 3, "{corners:?}: {slivers} chunks without a sample inside");
        }
    }

    #[test]
    fn sets_are_algebra() {
        let (a, b) = (ChunkSet::from_window(Window::new(0, 0, 3, 3)), ChunkSet::from_window(Window::new(2, 1, 3, 5)));
        assert_eq!(a.intersection(&b), ChunkSet::from_window(Window::new(2, 1, 1, 2)));
        assert_eq!(a.union(&b).len(), 9 + 15 - 2);
        assert_eq!(a.union(&b).bounds(), Some(Window::new(0, 0, 5, 6)));
        assert!(a.iter().all(|c| a.contains(c)) && !a.contains(ChunkIndex { row: 3, col: 0 }));
    }
}
