//! Which source pixels a destination pixel covers.
//!
//! As GDAL's average family sees it: the upper left and lower right corner of the destination pixel span a rectangle in the source.

use cube_core::Window;

use crate::{mapping::Mapping, method::EDGE, scale::Scale};

/// A rectangle of source pixels, and the coordinates of its sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cover {
    min_x: f64,
    max_x: f64,
    min_y: f64,
    max_y: f64,
    /// First column, and one past the last.
    pub(crate) x0: usize,
    pub(crate) x1: usize,
    /// First row, and one past the last.
    pub(crate) y0: usize,
    pub(crate) y1: usize,
    /// Whether columns run over the right edge of a source around the globe, to go on at its left.
    pub(crate) wraps: bool,
}

impl Cover {
    /// Share of a row that is covered.
    #[inline]
    pub(crate) fn row_weight(&self, row: usize) -> f64 {
        weight(row, self.y0, self.y1, self.min_y, self.max_y)
    }

    /// Share of a column that is covered.
    #[inline]
    pub(crate) fn col_weight(&self, col: usize) -> f64 {
        weight(col, self.x0, self.x1, self.min_x, self.max_x)
    }
}

/// The first pixel counts from its covered side even when the rectangle begins before the image: GDAL's rule.
#[inline]
fn weight(at: usize, first: usize, end: usize, min: f64, max: f64) -> f64 {
    if at == first {
        if first + 1 == end { 1.0 } else { 1.0 - (min - first as f64) }
    } else if at + 1 == end {
        1.0 - (end as f64 - max)
    } else {
        1.0
    }
}

/// Calls `visit(row, column, cover)` for each destination pixel (counted in the grid) of a window that covers source pixels.
pub(crate) fn each_cover(mapping: &Mapping, dst: Window, scale: Scale, mut visit: impl FnMut(usize, usize, Cover)) {
    let mut coordinates = mapping.coordinates(dst);
    let n = dst.cols + 1;
    let (mut x, mut y, mut below_x, mut below_y) = (vec![0.0; n], vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let rule = Rule::new(mapping, scale);
    coordinates.corners(dst.row, &mut below_x, &mut below_y);
    for row in dst.row..dst.row_end() {
        std::mem::swap(&mut x, &mut below_x);
        std::mem::swap(&mut y, &mut below_y);
        coordinates.corners(row + 1, &mut below_x, &mut below_y);
        for k in 0..dst.cols {
            if let Some(cover) = rule
                .cover((x[k], y[k]), (below_x[k + 1], below_y[k + 1]), || mapping.path().point_to_source((dst.col + k) as f64 + 0.5, row as f64).0)
            {
                visit(row, dst.col + k, cover);
            }
        }
    }
}

/// What decides whether corners are taken seriously.
struct Rule {
    cols: usize,
    rows: usize,
    /// How far outside the source a corner may be.
    margin_x: f64,
    margin_y: f64,
    scale_x: f64,
}

impl Rule {
    fn new(mapping: &Mapping, scale: Scale) -> Self {
        let margin = |s: f64| 2.0 * (1.0 / s).ceil().max(1.0);
        let source = mapping.source();
        Self { cols: source.cols, rows: source.rows, margin_x: margin(scale.x), margin_y: margin(scale.y), scale_x: scale.x }
    }

    /// `middle` answers the column of the middle of the upper edge.
    fn cover(&self, (ax, ay): (f64, f64), (bx, by): (f64, f64), middle: impl FnOnce() -> f64) -> Option<Cover> {
        let (w, h) = (self.cols as f64, self.rows as f64);
        let near = |v: f64, size: f64, margin: f64| v >= -margin && v - size <= margin;
        if !(near(ax, w, self.margin_x) && near(bx, w, self.margin_x) && near(ay, h, self.margin_y) && near(by, h, self.margin_y)) {
            return None;
        }
        let (mut min_x, mut max_x) = (ax.min(bx), ax.max(bx));
        let threshold = 2.min(self.cols / 10) as f64;
        let wraps = min_x * self.scale_x < threshold && (w - max_x) * self.scale_x < threshold && middle() < min_x;
        if wraps {
            (min_x, max_x) = (max_x, min_x + w);
        }
        let (min_y, max_y) = (ay.min(by), ay.max(by));
        let apart = |min: f64, max: f64, size: f64| max <= -EDGE || min >= size + EDGE;
        if apart(min_x, max_x, w) || apart(min_y, max_y, h) {
            return None;
        }
        let (x0, x1) = range(min_x, max_x, if wraps { usize::MAX } else { self.cols }, self.cols);
        let (y0, y1) = range(min_y, max_y, self.rows, self.rows);
        (x0 < x1 && y0 < y1).then_some(Cover { min_x, max_x, min_y, max_y, x0, x1, y0, y1, wraps })
    }
}

fn range(min: f64, max: f64, limit: usize, size: usize) -> (usize, usize) {
    let first = (min + EDGE).floor().max(0.0) as usize;
    let end = ((max - EDGE).ceil().max(0.0) as usize).min(limit);
    if first == end && end < size { (first, end + 1) } else { (first, end) }
}
