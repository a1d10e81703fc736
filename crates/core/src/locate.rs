//! Which storage units of a grid a region or a patch touches.

use geo::{Coord, LineString, Polygon};

use crate::{
    ChunkGrid, ChunkSet, Crs, Error, Extent, GeoBox, Result, Roi, Shapes, Transform, Window,
    chunk_set::touched,
    error::shorten,
    outline::{self, finite, images, lonlat_boxes, trace, turn, unwrap},
};

/// How far a densified edge may run from the true curve in the grid, in pixels.
const TOLERANCE_PIXELS: f64 = 0.01;
/// Shapes that are not widened.
const EXACT: (f64, f64) = (0.0, 0.0);
/// Points on each edge of a patch's outline.
const PATCH_EDGE: usize = 21;
/// Times a piece is cut where a projection tears before it is answered by its bounding box.
const MAX_TEARS: usize = 4;

/// Finds the storage units of one grid. Holds what does not change from one patch to the next.
#[derive(Debug, Clone)]
pub struct UnitLocator<'a> {
    grid: &'a GeoBox,
    units: ChunkGrid,
    geographic: bool,
    from_lonlat: &'a dyn Transform,
    /// Where the grid lies in longitude and latitude, one pixel or 0.01 degree wider than it is.
    boxes: Vec<Extent>,
    /// See [`UnitLocator::most_pixels_per_degree`]; not asked of a geographic grid.
    pixels_per_degree: f64,
}

impl<'a> UnitLocator<'a> {
    /// `geographic`: x and y of the grid are longitude and latitude in degrees. The transformations lead between the grid's CRS and
    /// longitude and latitude on WGS 84.
    pub fn new(grid: &'a GeoBox, units: ChunkGrid, geographic: bool, to_lonlat: &dyn Transform, from_lonlat: &'a dyn Transform) -> Self {
        let wider =
            |e: Extent| Extent::new((e.west - 0.01).max(-180.0), (e.south - 0.01).max(-90.0), (e.east + 0.01).min(180.0), (e.north + 0.01).min(90.0));
        let boxes = lonlat_boxes(&grid.pad(1), to_lonlat).into_iter().map(wider).collect();
        let locator = Self { grid, units, geographic, from_lonlat, boxes, pixels_per_degree: 0.0 };
        let pixels_per_degree = if geographic { 0.0 } else { locator.most_pixels_per_degree() };
        Self { pixels_per_degree, ..locator }
    }

    /// The units that a region touches: with which it shares an area, or that hold its lines and points. Exact when both are in one CRS;
    /// else within 0.01 pixel. `to_lonlat` leads from the region's CRS to longitude and latitude, `from_lonlat` back.
    ///
    /// [`Error::Invalid`], with both extents, when it touches none.
    pub fn touched(&self, roi: &Roi, to_lonlat: &dyn Transform, from_lonlat: &dyn Transform) -> Result<ChunkSet> {
        let set = if roi.crs == *self.grid.crs() {
            self.touched_by(&self.to_pixels(&roi.shapes()?), EXACT)
        } else {
            self.touched_by_lonlat(&roi.to_lonlat(to_lonlat, from_lonlat)?, EXACT, 0.0)
        };
        if set.is_empty() {
            return Err(self.outside(roi));
        }
        Ok(set)
    }

    fn outside(&self, roi: &Roi) -> Error {
        let extent = roi.shapes().ok().and_then(|s| s.extent());
        let point = extent.filter(|e| e.width() == 0.0 && e.height() == 0.0);
        let own = match (point, extent) {
            (Some(point), _) => format!("{}, {}", point.west, point.south),
            (None, Some(extent)) => extent.to_string(),
            (None, None) => shorten(&roi.geometry.to_string()),
        };
        let grid = self.grid.extent();
        let mut problem = format!("({}) lies outside the extent of the cube, {grid} ({})", roi.crs.label(), self.grid.crs().label());
        let mut hint = format!("choose a region inside {grid} and give `--roi-crs {}`", self.grid.crs());
        if roi.crs != *self.grid.crs() && !self.boxes.is_empty() {
            let boxes: Vec<_> = self.boxes.iter().map(|e| format!("{:.4}, {:.4}, {:.4}, {:.4}", e.west, e.south, e.east, e.north)).collect();
            problem = format!("{problem}: about {} in longitude and latitude", boxes.join(" and "));
            hint = format!("choose a region inside {}", boxes.join(" or "));
        }
        let swapped = extent.filter(|_| roi.crs == Crs::wgs84()).map(|e| Extent::new(e.south, e.west, e.north, e.east));
        if swapped.is_some_and(|swapped| self.boxes.iter().any(|e| e.intersects(&swapped))) {
            hint = format!("longitude comes before latitude: are they swapped? Else {hint}");
        }
        Error::invalid(if point.is_some() { "point" } else { "ROI" }, own, problem).with_hint(hint)
    }

    /// The units that a patch may touch, by its grid. Never too few; a few too many where the outline is bent, all of its bounding box
    /// where it holds a pole or crosses a tear of the projection. `to_grid` leads from the patch's CRS to the grid's.
    pub fn touched_by_grid(&self, patch: &GeoBox, to_grid: &dyn Transform) -> ChunkSet {
        let corners: Vec<Coord> = patch.outline(1).into_iter().map(|(x, y)| Coord { x, y }).collect();
        if patch.crs() == self.grid.crs() {
            return self.touched_by(&self.to_pixels(&area(corners)), EXACT);
        }
        let outline: Vec<Coord> = patch.outline(PATCH_EDGE).into_iter().map(|(x, y)| Coord { x, y }).collect();
        let image = images(&outline, to_grid);
        if image.iter().any(|c| !finite(*c)) {
            return self.touched_by_bounds(patch, to_grid);
        }
        let (ring, total) = if self.geographic { unwrap(image) } else { (image, 0.0) };
        if total.abs() > 180.0 {
            return self.touched_by_bounds(patch, to_grid);
        }
        let pixels = self.to_pixels(&area(ring));
        let bend = pixels.areas.first().map_or(0.0, |p| bend(&p.exterior().0, PATCH_EDGE));
        let extent = pixels.extent().unwrap_or(Extent::new(0.0, 0.0, 0.0, 0.0));
        // A smooth outline bends little between neighbours; one that does not has crossed a tear or a pole.
        if bend > 4.0 + 0.05 * extent.width().hypot(extent.height()) {
            return self.touched_by_bounds(patch, to_grid);
        }
        let set = self.touched_by(&pixels, (0.5 + bend, 0.5 + bend));
        if self.holds_inside(&set, patch, to_grid) { set } else { self.touched_by_bounds(patch, to_grid) }
    }

    /// Whether some pixels inside a patch lie in units of the set, as they must unless the outline was carried over inside out.
    fn holds_inside(&self, set: &ChunkSet, patch: &GeoBox, to_grid: &dyn Transform) -> bool {
        const N: usize = 5;
        let part = |len: usize, i: usize| len as f64 * (i as f64 + 0.5) / N as f64;
        let places = (0..N * N).map(|i| patch.affine().apply(part(patch.shape().cols, i % N), part(patch.shape().rows, i / N)).into());
        let points =
            Shapes { points: images(&places.collect::<Vec<_>>(), to_grid).into_iter().filter(|c| finite(*c)).collect(), ..Shapes::default() };
        let inside = self.touched_by(&self.to_pixels(&points), EXACT);
        inside.intersection(set) == inside
    }

    /// Everything between the outermost points of a lattice over the patch, grown by the widest spacing that is not a tear.
    fn touched_by_bounds(&self, patch: &GeoBox, to_grid: &dyn Transform) -> ChunkSet {
        const N: usize = 33;
        let shape = patch.shape();
        let points: Vec<Coord> = (0..N * N)
            .map(|i| patch.affine().apply(shape.cols as f64 * (i % N) as f64 / (N - 1) as f64, shape.rows as f64 * (i / N) as f64 / (N - 1) as f64))
            .map(|(x, y)| Coord { x, y })
            .collect();
        let image = images(&points, to_grid);
        let to_pixel = self.grid.world_to_pixel();
        let pixel = |c: &Coord| to_pixel.apply(c.x, c.y);
        let known = image.iter().filter(|c| finite(**c)).count();
        let Some(mut e) = Extent::of(image.iter().map(pixel)).filter(|_| known * 10 >= N * N) else { return self.all() };
        if self.geographic {
            // A pole inside, or NaN: any longitude.
            let far = self.units.shape.len() as f64;
            (e.west, e.east) = (-far, far);
        }
        let steps = image.windows(2).enumerate().filter(|(i, w)| (i + 1) % N != 0 && finite(w[0]) && finite(w[1]));
        let mut gaps: Vec<f64> = steps.map(|(_, w)| (pixel(&w[0]), pixel(&w[1]))).map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).collect();
        gaps.sort_by(f64::total_cmp);
        let grow = gaps.get(gaps.len().saturating_sub(1) * 9 / 10).copied().unwrap_or(0.0) * 2.0 + 1.0;
        let grown = Extent::new(e.west - grow, e.south - grow, e.east + grow, e.north + grow);
        self.window(grown)
    }

    /// The units that a patch may touch, by what its catalogue states of it when no grid is known: the outline in longitude and latitude
    /// (edges of some unknown projection, so widened by what a great circle bends), else the bounding box (`west > east` crosses the
    /// antimeridian), else all units.
    pub fn touched_by_footprint(&self, footprint: Option<&geojson::Geometry>, bbox: Option<[f64; 4]>) -> ChunkSet {
        let from_geometry = footprint.and_then(|g| Shapes::from_geojson(g).ok()).filter(|s| !s.is_empty() && s.coords().all(finite));
        let from_bbox = || bbox.filter(|b| b.iter().all(|v| v.is_finite())).map(bbox_shapes);
        let Some(shapes) = from_geometry.map(as_meant).or_else(from_bbox) else { return self.all() };
        let sag = sag_degrees(&shapes);
        let shapes = outline::cut(&shapes);
        let (x, y) = self.pixels_of_degrees(sag, &shapes);
        self.touched_by_lonlat(&shapes, (1.0 + x, 1.0 + y), sag)
    }

    /// At most how many pixels some degrees of arc are along x and y, near some shapes.
    fn pixels_of_degrees(&self, arc: f64, near: &Shapes) -> (f64, f64) {
        if !self.geographic {
            return (arc * self.pixels_per_degree, arc * self.pixels_per_degree);
        }
        let lat = near.coords().fold(0.0, |m: f64, c| m.max(c.y.abs())).min(89.0).to_radians();
        let to_pixel = self.grid.world_to_pixel();
        let lon = arc / lat.cos();
        ((to_pixel.a * lon).abs() + (to_pixel.b * arc).abs(), (to_pixel.d * lon).abs() + (to_pixel.e * arc).abs())
    }

    /// The most pixels that a degree of arc takes anywhere on a lattice over the grid's own boxes.
    fn most_pixels_per_degree(&self) -> f64 {
        const N: i32 = 8;
        const STEP: f64 = 1e-3;
        let places: Vec<Coord> = self
            .boxes
            .iter()
            .flat_map(|b| {
                (0..=N)
                    .flat_map(move |i| (0..=N).map(move |j| (f64::from(i) / f64::from(N), f64::from(j) / f64::from(N))))
                    .map(|(u, v)| Coord { x: b.west + u * b.width(), y: b.south + v * b.height() })
            })
            .collect();
        let moved = |dx: f64, dy: f64| {
            self.to_grid_pixels(
                &places.iter().map(|c| Coord { x: c.x + dx / c.y.to_radians().cos().max(0.01), y: c.y - dy.copysign(c.y) }).collect::<Vec<_>>(),
            )
        };
        let (at, east, north) = (moved(0.0, 0.0), moved(STEP, 0.0), moved(0.0, STEP));
        let mut rates: Vec<f64> = at
            .iter()
            .zip(east.iter().zip(&north))
            .flat_map(|(a, (e, n))| [(e.x - a.x).hypot(e.y - a.y), (n.x - a.x).hypot(n.y - a.y)])
            .filter(|d| d.is_finite())
            .map(|d| d / STEP)
            .collect();
        rates.sort_by(f64::total_cmp);
        // The few largest may lie across a tear.
        rates.get(rates.len().saturating_sub(1) * 19 / 20).copied().unwrap_or(0.0)
    }

    /// Every unit.
    pub fn all(&self) -> ChunkSet {
        let chunks = self.units.chunks();
        ChunkSet::from_window(Window::new(0, 0, chunks.rows, chunks.cols))
    }

    fn window(&self, pixels: Extent) -> ChunkSet {
        let clamp = |v: f64, max: usize| v.clamp(0.0, max as f64);
        let (x0, x1) = (clamp(pixels.west.floor(), self.units.shape.cols), clamp(pixels.east.ceil(), self.units.shape.cols));
        let (y0, y1) = (clamp(pixels.south.floor(), self.units.shape.rows), clamp(pixels.north.ceil(), self.units.shape.rows));
        if x0 >= x1 || y0 >= y1 {
            return ChunkSet::default();
        }
        ChunkSet::from_window(self.units.touched(Window::new(y0 as usize, x0 as usize, (y1 - y0) as usize, (x1 - x0) as usize)))
    }

    fn to_pixels(&self, shapes: &Shapes) -> Shapes {
        let to_pixel = self.grid.world_to_pixel();
        shapes.map(|c| to_pixel.apply(c.x, c.y).into())
    }

    /// The units touched by shapes in pixel coordinates; in a geographic grid also by their copies whole turns away.
    fn touched_by(&self, pixels: &Shapes, grow: (f64, f64)) -> ChunkSet {
        if !self.geographic {
            return touched(pixels, &self.units, grow);
        }
        let turn = self.grid.affine();
        let to_pixel = self.grid.world_to_pixel();
        // One turn in pixels, along both axes should the grid be rotated.
        let (origin, turned) = (to_pixel.apply(turn.c, turn.f), to_pixel.apply(turn.c + 360.0, turn.f));
        let (dx, dy) = (turned.0 - origin.0, turned.1 - origin.1);
        (-2..=2).fold(ChunkSet::default(), |set, k| {
            let k = f64::from(k);
            set.union(&touched(&pixels.map(|c| Coord { x: c.x + k * dx, y: c.y + k * dy }), &self.units, grow))
        })
    }

    /// The units touched by shapes in longitude and latitude within ±180, which are meant `margin` degrees wider than they are.
    fn touched_by_lonlat(&self, shapes: &Shapes, grow: (f64, f64), margin: f64) -> ChunkSet {
        let near = self.boxes.iter().flat_map(|b| {
            let flat = b.south.abs().max(b.north.abs()).min(89.0).to_radians().cos();
            let wide = Extent::new(b.west - margin / flat, (b.south - margin).max(-90.0), b.east + margin / flat, (b.north + margin).min(90.0));
            if margin > 0.0 { outline::split(wide) } else { vec![*b] }
        });
        near.fold(ChunkSet::default(), |set, near| set.union(&self.touched_by_piece(&shapes.clip(near), grow, MAX_TEARS)))
    }

    fn touched_by_piece(&self, shapes: &Shapes, grow: (f64, f64), tears: usize) -> ChunkSet {
        let mut pixels = Shapes::default();
        let mut rest = ChunkSet::default();
        for polygon in &shapes.areas {
            let rings: Vec<_> = std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|r| self.carry(&r.0)).collect();
            match rings.iter().find_map(|r| r.tear) {
                None => {
                    let mut lines = rings.into_iter().map(|r| LineString(self.known(r.image)));
                    pixels.areas.extend(lines.next().map(|outer| Polygon::new(outer, lines.collect())));
                }
                Some(_) if tears == 0 => rest = rest.union(&self.bounds_of(rings.into_iter().flat_map(|r| r.image))),
                Some((a, b)) => {
                    let one = Shapes { areas: vec![polygon.clone()], ..Shapes::default() };
                    rest =
                        sides_of_tear(a, b).into_iter().fold(rest, |set, side| set.union(&self.touched_by_piece(&one.clip(side), grow, tears - 1)));
                }
            }
        }
        for line in &shapes.lines {
            // A tear in a line is left out: its two sides are lines of their own.
            let carried = self.carry(&line.0);
            let parts = carried.image.split(|c| !finite(*c)).filter(|part| part.len() > 1);
            pixels.lines.extend(parts.map(|part| LineString(part.to_vec())));
        }
        pixels.points = self.known(self.to_grid_pixels(&shapes.points));
        rest.union(&self.touched_by(&pixels, grow))
    }

    fn known(&self, points: Vec<Coord>) -> Vec<Coord> {
        points.into_iter().filter(|c| finite(*c)).collect()
    }

    fn bounds_of(&self, pixels: impl Iterator<Item = Coord>) -> ChunkSet {
        Extent::of(pixels.map(|c| (c.x, c.y))).map_or_else(ChunkSet::default, |e| self.window(e))
    }

    /// A line in longitude and latitude, densified, in pixels.
    fn carry(&self, line: &[Coord]) -> outline::Traced {
        let flat = |a: Coord, mid: Coord, b: Coord| (mid.x - 0.5 * (a.x + b.x)).hypot(mid.y - 0.5 * (a.y + b.y)) <= TOLERANCE_PIXELS;
        trace(line, &ToPixels(self), &flat)
    }

    fn to_grid_pixels(&self, points: &[Coord]) -> Vec<Coord> {
        images(points, &ToPixels(self))
    }
}

/// From longitude and latitude to the pixels of a grid.
#[derive(Debug)]
struct ToPixels<'a, 'b>(&'b UnitLocator<'a>);

impl Transform for ToPixels<'_, '_> {
    fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        let asked: Vec<f64> = if self.0.geographic { x.to_vec() } else { Vec::new() };
        self.0.from_lonlat.transform(x, y);
        // A datum shift near ±180 may come out on the other side.
        asked.iter().zip(x.iter_mut()).for_each(|(lon, x)| *x = lon + turn(*lon, *x));
        let to_pixel = self.0.grid.world_to_pixel();
        x.iter_mut().zip(y.iter_mut()).for_each(|(x, y)| (*x, *y) = to_pixel.apply(*x, *y));
    }
}

fn area(ring: Vec<Coord>) -> Shapes {
    Shapes::of(geo::Geometry::Polygon(Polygon::new(LineString(ring), Vec::new())))
}

/// The two sides of the meridian (or the parallel, when the edge runs along a meridian) on which a projection tears, a hair apart.
fn sides_of_tear(a: Coord, b: Coord) -> [Extent; 2] {
    const HAIR: f64 = 1e-9;
    let (x, y) = (0.5 * (a.x + b.x), 0.5 * (a.y + b.y));
    if a.x == b.x {
        [Extent::new(-180.0, -90.0, 180.0, y - HAIR), Extent::new(-180.0, y + HAIR, 180.0, 90.0)]
    } else {
        [Extent::new(-180.0, -90.0, x - HAIR, 90.0), Extent::new(x + HAIR, -90.0, 180.0, 90.0)]
    }
}

/// A bound on how far the true outline runs from the straight pieces between its points: the largest second difference along an edge
/// (a parabola through three points runs an eighth of it from its chord), doubled.
fn bend(ring: &[Coord], per_edge: usize) -> f64 {
    let within_edge = ring.windows(3).enumerate().filter(|(i, _)| (i + 1) % per_edge != 0);
    within_edge.map(|(_, w)| (w[0].x - 2.0 * w[1].x + w[2].x).hypot(w[0].y - 2.0 * w[1].y + w[2].y)).fold(0.0, f64::max) / 4.0
}

fn bbox_shapes([west, south, east, north]: [f64; 4]) -> Shapes {
    let east = if west > east { east + 360.0 } else { east };
    Shapes::of(geo::Geometry::Rect(geo::Rect::new(Coord { x: west, y: south }, Coord { x: east, y: north })))
}

/// The outline of a scene, its long edges read as [`Shapes::read_long_edges`] says. Outlines are often written with a jump from 180 to -180,
/// whatever way their rings run: what could be meant by the short way is added.
fn as_meant(shapes: Shapes) -> Shapes {
    if !shapes.has_long_edges() {
        return shapes;
    }
    let short = shapes.short_way();
    let (mut meant, _) = shapes.read_long_edges();
    meant.extend(short);
    meant
}

/// How far an edge of the outline may bend from a straight line in longitude and latitude, in degrees of arc.
fn sag_degrees(shapes: &Shapes) -> f64 {
    let lines = shapes.areas.iter().map(Polygon::exterior).chain(&shapes.lines);
    lines.flat_map(|l| l.0.windows(2)).fold(0.0, |worst: f64, e| {
        let lat = e[0].y.abs().max(e[1].y.abs()).min(89.0).to_radians();
        let length = ((e[1].x - e[0].x) * lat.cos()).hypot(e[1].y - e[0].y).min(180.0);
        worst.max(1.5 * length * length * lat.tan().max(0.2) / (8.0 * 57.3))
    })
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
