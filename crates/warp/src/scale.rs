//! How far a kernel is stretched when the destination is coarser than the source.
//!
//! GDAL's warper (3.12, `gdalwarpoperation.cpp` and `gdalwarpkernel.cpp`) halves the destination until the source pixels under a part
//! fit into memory and fill at least half of their bounding box, and then stretches the kernel, in that whole part, by destination
//! pixels over source pixels. This module finds the same parts and the same scales. They hang on the two grids, the method and the type
//! of pixel, never on the window that is being computed.

use std::sync::OnceLock;

use cube_core::{Shape, Window};

use crate::path::Path;

/// What GDAL allows source and destination of one part to take (`dfWarpMemoryLimit`), in bits.
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0 * 8.0;
/// Points along an edge at which the source window of a part is measured.
const STEPS: usize = 21;

/// Destination pixels per source pixel, along columns and rows; below 1 the kernel is stretched by the inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Scale {
    /// Whether bilinear and cubic use their plain formula.
    pub(crate) fn is_plain(self) -> bool {
        self.x >= 0.95 && self.y >= 0.95
    }
}

/// What decides how a destination is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Division {
    /// Radius of the kernel at scale 1.
    pub(crate) radius: usize,
    /// Bits that a pixel takes in the warper: its type, and one for validity when there is nodata.
    pub(crate) bits: usize,
}

/// The grids that are warped.
#[derive(Debug)]
pub(crate) struct Grids<'a> {
    pub(crate) path: &'a Path,
    pub(crate) source: Shape,
    pub(crate) destination: Shape,
    /// Where the poles lie in the destination, when they do: around them edges do not bound an area.
    pub(crate) poles: &'a [(f64, f64)],
    /// A grid of points of the source and where they lie in the destination, found when first needed.
    pub(crate) scattered: &'a OnceLock<Vec<[(f64, f64); 2]>>,
}

/// The part of the source under a part of the destination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    cols: Side,
    rows: Side,
    /// Pixels in the source over pixels in the unclipped bounding box.
    fill: f64,
}

/// One axis of a [`Span`].
#[derive(Debug, Clone, Copy)]
struct Side {
    /// Source pixels with those that the kernel reaches.
    size: f64,
    /// Of which for the kernel.
    extra: f64,
    /// Extent of the unclipped bounding box with what the kernel reaches.
    unclipped: f64,
}

impl Span {
    /// Whether GDAL would halve this part.
    pub(crate) fn is_divided(&self, part: Window, bits: usize) -> bool {
        let memory = bits as f64 * (self.cols.size * self.rows.size + part.rows as f64 * part.cols as f64);
        (memory > MEMORY && (part.cols > 2 || part.rows > 2)) || (self.fill > 0.0 && self.fill < 0.5 && (part.cols > 100 || part.rows > 100))
    }
}

/// The halves of a part.
pub(crate) fn halves(part: Window) -> [Window; 2] {
    if part.cols > part.rows {
        let n = part.cols / 2;
        [Window::new(part.row, part.col, part.rows, n), Window::new(part.row, part.col + n, part.rows, part.cols - n)]
    } else {
        let n = part.rows / 2;
        [Window::new(part.row, part.col, n, part.cols), Window::new(part.row + n, part.col, part.rows - n, part.cols)]
    }
}

impl Grids<'_> {
    /// The source under a part of the destination; `None` when there is none.
    pub(crate) fn span(&self, part: Window, radius: usize) -> Option<Span> {
        let (bounds, failures) = self.bounds(part)?;
        let [min_x, min_y, max_x, max_y] = bounds.map(|v| if (v.round() - v).abs() < 1e-6 { v.round() } else { v });
        if min_x > self.source.cols as f64 || max_x < 0.0 || min_y > self.source.rows as f64 || max_y < 0.0 {
            return None;
        }
        let more = if failures { 10.0 } else { 0.0 };
        let cols = side(min_x, max_x, part.cols, self.source.cols, radius, more);
        let rows = side(min_y, max_y, part.rows, self.source.rows, radius, more);
        if cols.size <= 0.0 || rows.size <= 0.0 {
            return None;
        }
        Some(Span { cols, rows, fill: cols.size * rows.size / (cols.unclipped * rows.unclipped).max(1.0) })
    }

    /// The scale in a part that is not divided further.
    pub(crate) fn scale(&self, part: Window, span: &Span) -> Scale {
        let scale = Scale { x: ratio(part.cols, span.cols), y: ratio(part.rows, span.rows) };
        // A source that wraps around the globe looks too wide: measure pixel by pixel.
        if scale.y / scale.x > 100.0 { Scale { x: self.sampled(part).unwrap_or(scale.x), ..scale } } else { scale }
    }

    /// Bounding box of a part in source pixels, and whether some of the points have no image.
    fn bounds(&self, part: Window) -> Option<([f64; 4], bool)> {
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(u, v)| (u * part.cols as f64, v * part.rows as f64));
        let mut found = Bounds::new();
        let all = self.add(&mut Bounds::new(), part, corners.to_vec()).failed > 0;
        let mut tally = self.add(&mut found, part, if all { edge_all(part) } else { edge(part) });
        let (w, h) = (self.destination.cols as f64, self.destination.rows as f64);
        let on_pole = self.poles.iter().any(|&(x, y)| (0.0..=w).contains(&x) && (0.0..=h).contains(&y));
        if on_pole || tally.failed > 0 {
            tally = self.add(&mut found, part, grid(part));
            self.add_from_source(&mut found, part);
        }
        (tally.failed + 5 <= tally.tried && found.0[0].is_finite()).then_some((found.0, tally.failed > 0))
    }

    fn add(&self, bounds: &mut Bounds, part: Window, points: Vec<(f64, f64)>) -> Tally {
        let (mut x, mut y): (Vec<_>, Vec<_>) = points.into_iter().map(|(x, y)| (x + part.col as f64, y + part.row as f64)).unzip();
        self.path.to_source(&mut x, &mut y);
        let failed = x.iter().zip(&y).filter(|&(&x, &y)| !bounds.take(x, y)).count();
        Tally { tried: x.len(), failed }
    }

    /// Source pixels that fall into the part although nothing in it was found to lead to them.
    fn add_from_source(&self, bounds: &mut Bounds, part: Window) {
        let scattered = self.scattered.get_or_init(|| {
            let points = grid(Window::whole(self.source));
            let (mut x, mut y): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
            self.path.to_destination(&mut x, &mut y);
            points.into_iter().zip(x.into_iter().zip(y)).map(|(from, to)| [from, to]).collect()
        });
        let inside = |v: f64, first: usize, end: usize| v >= first as f64 && v <= end as f64;
        for [(source_x, source_y), (x, y)] in scattered {
            if inside(*x, part.col, part.col_end()) && inside(*y, part.row, part.row_end()) {
                bounds.take(*source_x, *source_y);
            }
        }
    }

    /// Mean scale along x of up to ten by ten places, without those where it is far smaller than elsewhere.
    fn sampled(&self, part: Window) -> Option<f64> {
        let (nx, ny) = (part.cols.min(10), part.rows.min(10));
        let at = |i: usize, n: usize, size: usize| if n == 1 { 0.0 } else { i as f64 * size as f64 / (n - 1) as f64 };
        let mut scales = Vec::new();
        for i in 0..ny {
            for j in 0..nx {
                let (x, y) = (at(j, nx, part.cols) + part.col as f64, at(i, ny, part.rows) + part.row as f64);
                let (dx, dy) = (if j + 1 == nx { -1.0 } else { 1.0 }, if i + 1 == ny { -1.0 } else { 1.0 });
                let x_of = |x, y| self.path.point_to_source(x, y).0;
                let (here, right, below) = (x_of(x, y), x_of(x + dx, y), x_of(x, y + dy));
                scales.push(1.0 / (right - here).abs().max((below - here).abs()));
            }
        }
        scales.retain(|s| s.is_finite());
        let most = scales.iter().copied().fold(0.0, f64::max);
        let kept: Vec<f64> = scales.into_iter().filter(|s| *s > most / 10.0).collect();
        (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
    }
}

struct Tally {
    tried: usize,
    failed: usize,
}

/// Smallest x and y, largest x and y.
struct Bounds([f64; 4]);

impl Bounds {
    const fn new() -> Self {
        Self([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY])
    }

    fn take(&mut self, x: f64, y: f64) -> bool {
        let ok = !x.is_nan() && !y.is_nan();
        if ok {
            let [x0, y0, x1, y1] = self.0;
            self.0 = [x0.min(x), y0.min(y), x1.max(x), y1.max(y)];
        }
        ok
    }
}

fn side(min: f64, max: f64, part: usize, source: usize, radius: usize, more: f64) -> Side {
    let n = source as f64;
    let scale = (part as f64 / (max - min)).max(1e-3);
    let reach = more + if scale < 0.95 { (radius as f64 / scale).ceil() } else { radius as f64 };
    let (first, end) = (min.max(0.0).trunc(), max.ceil().min(n));
    let raw = (n - first).min(max - min).max(0.0);
    let size = if end - first > 0.9 * n {
        n
    } else {
        let offset = (first - reach).clamp(0.0, n);
        (n - offset).min(end - offset + reach).max(0.0)
    };
    Side { size, extra: size - raw, unclipped: max - min + 2.0 * reach }
}

fn ratio(part: usize, side: Side) -> f64 {
    let part = part as f64;
    if side.size >= part && side.size <= part + side.extra {
        return 1.0;
    }
    let scale = part / (side.size - side.extra);
    let whole = (1.0 / scale + 0.5).trunc();
    if scale < 1.0 && (1.0 / scale - whole).abs() < 0.05 { 1.0 / whole } else { scale }
}

fn edge(part: Window) -> Vec<(f64, f64)> {
    let (w, h) = (part.cols as f64, part.rows as f64);
    (0..STEPS).map(|i| i as f64 / (STEPS - 1) as f64).flat_map(|t| [(t * w, 0.0), (t * w, h), (0.0, t * h), (w, t * h)]).collect()
}

/// Every pixel corner along the edges; of parts so large that they are divided anyway, some.
fn edge_all(part: Window) -> Vec<(f64, f64)> {
    const ALL: usize = 2048;
    const SOME: usize = 256;
    let (w, h) = (part.cols as f64, part.rows as f64);
    let along = |n: usize| {
        let steps = if n <= ALL { n } else { SOME };
        (0..=steps).map(move |i| (i as f64 * n as f64 / steps as f64).round())
    };
    along(part.cols).flat_map(|x| [(x, 0.0), (x, h)]).chain(along(part.rows).flat_map(|y| [(0.0, y), (w, y)])).collect()
}

fn grid(part: Window) -> Vec<(f64, f64)> {
    let (w, h) = (part.cols as f64, part.rows as f64);
    let ratios = |half: f64| {
        let steps = (0..STEPS).map(|i| i as f64 / (STEPS - 1) as f64);
        std::iter::once(half).chain(steps).chain(std::iter::once(1.0 - half)).collect::<Vec<_>>()
    };
    let (u, v) = (ratios(0.5 / w), ratios(0.5 / h));
    v.iter().flat_map(|v| u.iter().map(move |u| (u * w, v * h))).collect()
}
