use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use cube_core::{Crs, GeoBox, Resampling, Shape, Window};

use crate::{
    Result,
    area::Cover,
    bounds::Bounds,
    coordinates::Coordinates,
    lattice::Lattice,
    method,
    path::Path,
    proj,
    scale::{Division, Grids, Scale, Span, halves},
};

/// Largest misalignment of grids that are pasted with methods that weigh neighbours, in pixels; GDAL's bound too.
const ALIGNED: f64 = 1e-6;
/// Nodes of the lattices that are kept for the next band or date: 4 MiB, a region of some 600 chunks of 512² pixels.
const KEPT_NODES: usize = 1 << 18;
/// Parts of the destination whose source span is remembered.
const KEPT_SPANS: usize = 4096;
/// Bits a pixel can take in GDAL's warper: eight types in four sizes, without and with a validity mask.
const BITS: [usize; 8] = [8, 9, 16, 17, 32, 33, 64, 65];

/// How a source grid lies under a destination grid.
///
/// Cheap to share (`Arc`), and shared by every band and date of a source grid. What it answers for a destination pixel depends on the
/// two grids alone, never on the window that is asked for.
#[derive(Debug)]
pub struct Mapping {
    path: Path,
    source: Shape,
    destination: Shape,
    shift: Option<Shift>,
    poles: Vec<(f64, f64)>,
    lattices: Mutex<Lattices>,
    spans: Mutex<HashMap<(Window, usize), Option<Span>>>,
    scattered: OnceLock<Vec<[(f64, f64); 2]>>,
}

/// Lattices by the window they lie under; when they are too many, all are let go.
#[derive(Debug, Default)]
struct Lattices {
    made: HashMap<Window, Arc<Lattice>>,
    nodes: usize,
}

/// Whole pixels from destination to source, and how far the grids are from that anywhere in what they share.
#[derive(Debug, Clone, Copy)]
struct Shift {
    rows: i64,
    cols: i64,
    error: f64,
}

impl Mapping {
    /// Finds the way from each pixel of `destination` to `source`. Grids in one CRS need no coordinate operation.
    ///
    /// # Errors
    /// When PROJ does not know a CRS, or no operation between the two.
    pub fn new(source: &GeoBox, destination: &GeoBox) -> Result<Self> {
        let path = Path::new(source, destination)?;
        let poles = if path.is_affine() { Vec::new() } else { poles(&path, source.crs(), destination.crs())? };
        let shift = if path.is_separable() { Shift::between(&path, source.shape(), destination.shape()) } else { None };
        Ok(Self {
            path,
            source: source.shape(),
            destination: destination.shape(),
            shift,
            poles,
            lattices: Mutex::default(),
            spans: Mutex::default(),
            scattered: OnceLock::new(),
        })
    }

    /// Rows and columns of the source grid.
    pub fn source(&self) -> Shape {
        self.source
    }

    /// Rows and columns of the destination grid.
    pub fn destination(&self) -> Shape {
        self.destination
    }

    /// Whether pixels are copied as they are.
    ///
    /// Bounded by the error at the *corners* of what the grids share, so that a drift is not overlooked: with `nearest` every index must
    /// be that of the kernel, with the other methods the grids must lie on each other within 1e-6 pixel. As in GDAL, the two
    /// methods that change aligned pixels (cubic spline and lanczos, which smooth or drop) do so in longitude and latitude.
    pub fn is_paste(&self, method: Resampling) -> bool {
        self.paste(method).is_some()
    }

    /// Rows and columns to add to those of a destination pixel, when it is pasted.
    pub(crate) fn paste(&self, method: Resampling) -> Option<(i64, i64)> {
        let shift = self.shift?;
        let geographic = self.path.wrap().is_some();
        let near = match method {
            Resampling::Nearest => shift.error < 0.5 - ALIGNED,
            Resampling::CubicSpline | Resampling::Lanczos | Resampling::Rms => shift.error <= ALIGNED && !geographic,
            _ => shift.error <= ALIGNED,
        };
        near.then_some((shift.rows, shift.cols))
    }

    /// The source pixels that a window of the destination needs, with what the kernel reaches, clipped to the source. `None` when no
    /// destination pixel in it gets a value.
    pub fn source_window(&self, dst: Window, method: Resampling) -> Option<Window> {
        let dst = dst.intersection(Window::whole(self.destination))?;
        if let Some(shift) = self.paste(method) {
            return self.pasted(dst, shift).map(|(source, _)| source);
        }
        match method {
            Resampling::Nearest => self.window_of_centres(dst, 0, 0),
            Resampling::Sum => self.window_of_corners(dst),
            _ if method::is_area(method) => {
                self.scales_of_any(dst, method).into_iter().filter_map(|(part, scale)| self.window_of_areas(part, scale)).reduce(Window::union)
            }
            _ => self
                .scales_of_any(dst, method)
                .into_iter()
                .filter_map(|(part, scale)| {
                    let (x, y) = method::reach(method, scale);
                    self.window_of_centres(part, x, y)
                })
                .reduce(Window::union),
        }
    }

    /// What a window of the destination and the source share when pasted: source pixels, and destination pixels relative to the window.
    pub(crate) fn pasted(&self, dst: Window, (rows, cols): (i64, i64)) -> Option<(Window, Window)> {
        let clip = |first: usize, n: usize, shift: i64, size: usize| {
            let (lo, hi) = ((first as i64 + shift).max(0), (first as i64 + n as i64 + shift).min(size as i64));
            (lo < hi).then(|| (lo as usize, (lo - shift) as usize - first, (hi - lo) as usize))
        };
        let (row, to_row, n_rows) = clip(dst.row, dst.rows, rows, self.source.rows)?;
        let (col, to_col, n_cols) = clip(dst.col, dst.cols, cols, self.source.cols)?;
        Some((Window::new(row, col, n_rows, n_cols), Window::new(to_row, to_col, n_rows, n_cols)))
    }

    /// Source coordinates of the pixels of a window.
    pub(crate) fn coordinates(&self, window: Window) -> Coordinates<'_> {
        let lattice = (!self.path.is_affine()).then(|| self.lattice(window));
        Coordinates::new(&self.path, window, lattice)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lattice(&self, window: Window) -> Arc<Lattice> {
        let lock = || self.lattices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().made.get(&window) {
            return Arc::clone(found);
        }
        let made = Arc::new(Lattice::new(&self.path, window, self.source));
        lock().keep(window, &made);
        made
    }

    /// The parts of the destination that meet a window, cut to it, each with the scale of its kernel. Parts without source are left out.
    pub(crate) fn scales(&self, dst: Window, division: Division) -> Vec<(Window, Scale)> {
        let mut found = Vec::new();
        let mut open = vec![Window::whole(self.destination)];
        let grids = Grids { path: &self.path, source: self.source, destination: self.destination, poles: &self.poles, scattered: &self.scattered };
        while let Some(part) = open.pop() {
            let Some(shared) = part.intersection(dst) else { continue };
            let Some(span) = self.span(&grids, part, division.radius) else { continue };
            if span.is_divided(part, division.bits) {
                let [first, second] = halves(part);
                open.extend([second, first]);
            } else {
                found.push((shared, grids.scale(part, &span)));
            }
        }
        found
    }

    fn span(&self, grids: &Grids<'_>, part: Window, radius: usize) -> Option<Span> {
        if let Some(span) = self.spans.lock().unwrap_or_else(PoisonError::into_inner).get(&(part, radius)) {
            return *span;
        }
        let span = grids.span(part, radius);
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() >= KEPT_SPANS {
            spans.clear();
        }
        spans.insert((part, radius), span);
        span
    }

    /// The parts and scales of every type that a pixel can have: a reader does not know it yet.
    fn scales_of_any(&self, dst: Window, method: Resampling) -> Vec<(Window, Scale)> {
        let radius = method::radius(method);
        let mut found = Vec::new();
        for bits in BITS {
            for scale in self.scales(dst, Division { radius, bits }) {
                if !found.contains(&scale) {
                    found.push(scale);
                }
            }
        }
        found
    }

    fn window_of_centres(&self, dst: Window, reach_x: usize, reach_y: usize) -> Option<Window> {
        let Bounds { x: [x0, x1], y: [y0, y1] } = self.coordinates(dst).bounds(self.source)?;
        Some(self.clipped(x0 as i64 - reach_x as i64, y0 as i64 - reach_y as i64, x1 as i64 + 1 + reach_x as i64, y1 as i64 + 1 + reach_y as i64))
    }

    fn window_of_areas(&self, dst: Window, scale: Scale) -> Option<Window> {
        let mut found: Option<Window> = None;
        crate::area::each_cover(self, dst, scale, |_, _, cover: Cover| {
            let cols = if cover.wraps { 0..self.source.cols } else { cover.x0..cover.x1 };
            let window = Window::new(cover.y0, cols.start, cover.y1 - cover.y0, cols.len());
            found = Some(found.map_or(window, |f| f.union(window)));
        });
        found.filter(|w| !w.is_empty())
    }

    /// All source pixels that touch the area of a window: those between the corners of its pixels, or any where these do not bound it.
    fn window_of_corners(&self, dst: Window) -> Option<Window> {
        let mut coordinates = self.coordinates(dst);
        if !coordinates.is_smooth() {
            return Some(Window::whole(self.source));
        }
        let (mut x, mut y) = (vec![0.0; dst.cols + 1], vec![0.0; dst.cols + 1]);
        let mut bounds = None;
        for row in dst.row..=dst.row_end() {
            coordinates.corners(row, &mut x, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                if x.is_finite() && y.is_finite() {
                    Bounds::extend(&mut bounds, Some(Bounds::point(x, y)));
                }
            }
        }
        let Bounds { x: [x0, x1], y: [y0, y1] } = bounds?;
        let far = (x1 < -1.0) || (y1 < -1.0) || x0 > self.source.cols as f64 + 1.0 || y0 > self.source.rows as f64 + 1.0;
        let window = self.clipped(x0.floor() as i64 - 1, y0.floor() as i64 - 1, x1.ceil() as i64 + 1, y1.ceil() as i64 + 1);
        (!far && !window.is_empty()).then_some(window)
    }

    fn clipped(&self, x0: i64, y0: i64, x1: i64, y1: i64) -> Window {
        let clip = |v: i64, n: usize| v.clamp(0, n as i64) as usize;
        let (x0, x1, y0, y1) = (clip(x0, self.source.cols), clip(x1, self.source.cols), clip(y0, self.source.rows), clip(y1, self.source.rows));
        Window::new(y0, x0, y1 - y0, x1 - x0)
    }
}

impl Lattices {
    fn keep(&mut self, window: Window, lattice: &Arc<Lattice>) {
        if self.nodes + lattice.nodes() > KEPT_NODES {
            *self = Self::default();
        }
        // Two threads may have made the same one.
        if self.made.insert(window, Arc::clone(lattice)).is_none() {
            self.nodes += lattice.nodes();
        }
    }
}

/// Where the poles lie in pixels of the destination. Not quite the poles: there longitude has no meaning.
fn poles(path: &Path, source: &Crs, destination: &Crs) -> Result<Vec<(f64, f64)>> {
    let latitudes = [-89.9999, 89.9999];
    if proj::describe(source)?.geographic {
        // GDAL takes these degrees for coordinates of the destination, which finds the pole of a polar projection.
        return Ok(latitudes.map(|y| path.world_to_destination(0.0, y)).to_vec());
    }
    let (mut x, mut y) = ([0.0; 2], latitudes);
    proj::transform(&Crs::wgs84(), destination)?.transform(&mut x, &mut y);
    Ok(x.into_iter().zip(y).filter(|(x, _)| x.is_finite()).map(|(x, y)| path.world_to_destination(x, y)).collect())
}

impl Shift {
    fn between(path: &Path, source: Shape, destination: Shape) -> Option<Self> {
        let (first, last) = (path.point_to_source(0.5, 0.5), path.point_to_source(destination.cols as f64 - 0.5, destination.rows as f64 - 0.5));
        // A wrap somewhere between would make two pieces of one.
        let steps = [(first.0, last.0, destination.cols, source.cols), (first.1, last.1, destination.rows, source.rows)];
        let [(cols, error_x), (rows, error_y)] = steps.map(|(a, b, n, size)| shift(a, b, n, size).unwrap_or((0, f64::INFINITY)));
        let error = error_x.max(error_y);
        error.is_finite().then_some(Self { rows, cols, error })
    }
}

/// The whole number that leads from destination to source along one axis, and the largest error of it in what they share.
///
/// `first` and `last` are the source coordinates of the first and last of `n` centres; the source has `size` pixels.
fn shift(first: f64, last: f64, n: usize, size: usize) -> Option<(i64, f64)> {
    let step = if n > 1 { (last - first) / (n - 1) as f64 } else { 1.0 };
    if !(0.5..2.0).contains(&step) {
        return None;
    }
    let lo = ((0.0 - first) / step).ceil().max(0.0);
    let hi = ((size as f64 - first) / step).floor().min((n - 1) as f64);
    if lo > hi {
        return None;
    }
    let error = |k: f64, whole: f64| first + k * step - (k + 0.5 + whole);
    let middle = ((lo + hi) / 2.0).round();
    let whole = error(middle, 0.0).round();
    Some((whole as i64, error(lo, whole).abs().max(error(hi, whole).abs())))
}
