use cube_core::{Pixel, Window};

use super::Missing;
use crate::{mapping::Mapping, view::View};

type Point = (f64, f64);

/// Parts of a destination pixel below this are rounding, not data.
const SLIVER: f64 = 1e-9;

/// Shares the value of each source pixel out among the destination pixels that it lies on, by area: totals are kept.
///
/// `out` and `valid` are a whole window of the destination.
pub(crate) fn sum<T: Pixel>(mapping: &Mapping, view: &View<'_, T>, dst: Window, out: &mut [f64], valid: &mut [bool]) -> Result<(), Missing> {
    let Some(needed) = mapping.source_window(dst, cube_core::Resampling::Sum) else { return Ok(()) };
    if !view.holds(needed.row, needed.row_end(), needed.col, needed.col_end()) {
        return Err(Missing);
    }
    let corners = |row: usize| {
        let mut x: Vec<f64> = (needed.col..=needed.col_end()).map(|c| c as f64).collect();
        let mut y = vec![row as f64; x.len()];
        mapping.path().to_destination(&mut x, &mut y);
        x.into_iter().zip(y).map(|(x, y)| (x - dst.col as f64, y - dst.row as f64)).collect::<Vec<Point>>()
    };
    let mut pieces = Pieces::default();
    let mut below = corners(needed.row);
    for row in needed.row..needed.row_end() {
        let above = std::mem::replace(&mut below, corners(row + 1));
        for col in needed.col..needed.col_end() {
            let index = view.index(row, col);
            if !view.is_valid(index) {
                continue;
            }
            let k = col - needed.col;
            let mut quad = [above[k], above[k + 1], below[k + 1], below[k]];
            if let Some(period) = mapping.path().period() {
                gather(&mut quad, period);
            }
            if quad.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) || is_crossed(&quad) || is_torn(mapping, &quad, (row, col), dst) {
                continue;
            }
            let value = view.value(index).to_f64();
            for shift in turns(mapping.path().period()) {
                pieces.each(&quad.map(|(x, y)| (x + shift, y)), dst, |at, share| {
                    out[at] += value * share;
                    valid[at] = true;
                });
            }
        }
    }
    Ok(())
}

/// Brings the corners of a pixel to the same turn around the globe.
fn gather(quad: &mut [Point; 4], period: f64) {
    let first = quad[0].0;
    for (x, _) in quad {
        *x -= ((*x - first) / period).round() * period;
    }
}

/// Where a place repeats in a destination that may reach beyond 180 degrees.
fn turns(period: Option<f64>) -> impl Iterator<Item = f64> {
    period.map_or(0..=0, |_| -1..=1).map(move |k| f64::from(k) * period.unwrap_or(0.0))
}

/// Whether a pixel lies on both sides of the edge of a map: the middles of its upper and lower side are not between its corners.
fn is_torn(mapping: &Mapping, quad: &[Point; 4], (row, col): (usize, usize), dst: Window) -> bool {
    /// Pixels that are smaller than this, in destination pixels, are whole.
    const LARGE: f64 = 16.0;
    let [a, b, c, d] = quad;
    if (a.0 - b.0).abs().max((d.0 - c.0).abs()) < LARGE {
        return false;
    }
    [(a, b, row), (d, c, row + 1)].into_iter().any(|(left, right, row)| {
        let (mut x, mut y) = ([col as f64 + 0.5], [row as f64]);
        mapping.path().to_destination(&mut x, &mut y);
        let mut middle = x[0] - dst.col as f64;
        if let Some(period) = mapping.path().period() {
            middle -= ((middle - left.0) / period).round() * period;
        }
        middle.is_nan() || (middle - (left.0 + right.0) / 2.0).abs() > 0.25 * (left.0 - right.0).abs()
    })
}

/// Buffers for cutting polygons.
#[derive(Debug, Default)]
struct Pieces {
    cut: Vec<Point>,
    other: Vec<Point>,
}

impl Pieces {
    /// Calls `visit(index, share)` for each pixel of a window that a quadrilateral lies on.
    fn each(&mut self, quad: &[Point; 4], dst: Window, mut visit: impl FnMut(usize, f64)) {
        let total = area(quad);
        let range = |values: [f64; 4], n: usize| {
            let (lo, hi) = values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
            (lo.floor().clamp(0.0, n as f64) as usize, hi.ceil().clamp(0.0, n as f64) as usize)
        };
        let (x0, x1) = range(quad.map(|p| p.0), dst.cols);
        let (y0, y1) = range(quad.map(|p| p.1), dst.rows);
        if total <= 0.0 {
            return;
        }
        for row in y0..y1 {
            for col in x0..x1 {
                let shared = self.shared(quad, col as f64, row as f64);
                if shared > SLIVER {
                    visit(row * dst.cols + col, shared / total);
                }
            }
        }
    }

    /// Area that a quadrilateral has in common with the pixel at `(x, y)` (Sutherland and Hodgman).
    fn shared(&mut self, quad: &[Point; 4], x: f64, y: f64) -> f64 {
        self.cut.clear();
        self.cut.extend(quad.iter().map(|p| (p.0 - x, p.1 - y)));
        self.clip(|p| p.0, |p, q, t| (0.0, p.1 + t * (q.1 - p.1)));
        self.clip(|p| 1.0 - p.0, |p, q, t| (1.0, p.1 + t * (q.1 - p.1)));
        self.clip(|p| p.1, |p, q, t| (p.0 + t * (q.0 - p.0), 0.0));
        self.clip(|p| 1.0 - p.1, |p, q, t| (p.0 + t * (q.0 - p.0), 1.0));
        area(&self.cut)
    }

    /// Keeps what lies on the positive side of a line; `meet` is the point a share `t` of the way from one point to another.
    fn clip(&mut self, side: impl Fn(Point) -> f64, meet: impl Fn(Point, Point, f64) -> Point) {
        self.other.clear();
        for (i, &q) in self.cut.iter().enumerate() {
            let p = self.cut[if i == 0 { self.cut.len() - 1 } else { i - 1 }];
            let (at_p, at_q) = (side(p), side(q));
            if (at_p < 0.0) != (at_q < 0.0) {
                self.other.push(meet(p, q, at_p / (at_p - at_q)));
            }
            if at_q >= 0.0 {
                self.other.push(q);
            }
        }
        std::mem::swap(&mut self.cut, &mut self.other);
    }
}

fn area(polygon: &[Point]) -> f64 {
    let n = polygon.len();
    (0..n).map(|i| (polygon[i], polygon[(i + 1) % n])).map(|(p, q)| p.0 * q.1 - q.0 * p.1).sum::<f64>().abs() / 2.0
}

/// Whether opposite sides cross: a pixel that a projection turns inside out.
fn is_crossed([a, b, c, d]: &[Point; 4]) -> bool {
    let turn = |p: &Point, q: &Point, r: &Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    let cross = |p: &Point, q: &Point, r: &Point, s: &Point| turn(p, q, r) * turn(p, q, s) < 0.0 && turn(r, s, p) * turn(r, s, q) < 0.0;
    cross(a, b, c, d) || cross(b, c, a, d)
}
