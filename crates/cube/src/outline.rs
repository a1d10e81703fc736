//! A region in the pixel coordinates of a grid: which pixels lie inside, which rectangle holds them, how large it is.

use cube_core::{Affine, Crs, GeoBox, Roi, Shape, Transform, Window};

use crate::Result;

/// Edges are followed into the grid until they lie this near to their true course, in pixels.
const TOLERANCE: f64 = 1e-3;
/// An edge is halved at least so often, because a long one may look straight in the middle, …
const FEWEST_HALVINGS: u32 = 2;
/// … and at most so often.
const MOST_HALVINGS: u32 = 16;
/// What rounding may move an edge that lies on an edge of pixels.
const ON_EDGE: f64 = 1e-6;

type Point = (f64, f64);
type Line = Vec<Point>;

/// The outline of a region, in pixel coordinates (column, row) of a grid.
#[derive(Debug)]
pub struct Outline {
    /// The rings of each area, the outer one first.
    areas: Vec<Vec<Line>>,
    /// Lines, and points as lines of one vertex.
    lines: Vec<Line>,
    shape: Shape,
    /// The area of the region, in pixels, also where it lies beyond the grid.
    whole: f64,
}

impl Outline {
    /// Follows the edges of a region, which are straight in its own CRS, into a grid.
    pub fn new(roi: &Roi, grid: &GeoBox) -> Result<Self> {
        let shapes = roi.shapes()?;
        let crs = cube_warp::proj::canonical(grid.crs())?;
        let geographic = crs == Crs::wgs84() || cube_warp::proj::describe(&crs)?.geographic;
        let to_pixel = grid.world_to_pixel();
        let turn = geographic.then_some(360.0 * to_pixel.a);
        let to_grid = cube_warp::proj::transform(&roi.crs, &crs)?;
        let project = Project { to_grid: to_grid.as_ref(), to_pixel, turn };
        let line = |l: &[geo_types::Coord]| project.line(&l.iter().map(|c| (c.x, c.y)).collect::<Vec<_>>());
        let areas = shapes.areas.iter().map(|p| std::iter::once(p.exterior()).chain(p.interiors()).map(|r| line(&r.0)).collect());
        let points = shapes.points.iter().map(|p| line(std::slice::from_ref(p)));
        let areas: Vec<Vec<Line>> = areas.collect();
        let whole = areas.iter().map(|rings| area_of(rings, Line::clone)).sum();
        let mut outline = Self { areas, lines: shapes.lines.iter().map(|l| line(&l.0)).chain(points).collect(), shape: grid.shape(), whole };
        if let Some(turn) = turn {
            outline.repeat(turn);
        }
        Ok(outline)
    }

    /// Whether there is an inside.
    pub fn has_area(&self) -> bool {
        !self.areas.is_empty()
    }

    /// The smallest window of the grid that holds every pixel that the region touches; none when it lies outside.
    pub fn bounds(&self) -> Option<Window> {
        let whole = Window::whole(self.shape);
        let lines = self.areas.iter().flatten().chain(&self.lines);
        lines.filter_map(|line| window_of(line, self.shape)).filter_map(|w| w.intersection(whole)).reduce(Window::union)
    }

    /// The area of the region that lies in the grid, in pixels. Areas that overlap count twice.
    pub fn area(&self) -> f64 {
        self.areas.iter().map(|rings| area_of(rings, |ring| clip(ring, self.shape))).sum()
    }

    /// The share of the region that lies beyond the grid, 0 to 1; 0 for a region without an area.
    pub fn share_beyond(&self) -> f64 {
        if self.whole > 0.0 { (1.0 - self.area() / self.whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// For each pixel of a window, row by row, whether its centre lies inside an area.
    pub fn inside(&self, window: Window) -> Vec<bool> {
        let mut inside = vec![false; window.shape().len()];
        let (top, bottom) = (window.row as f64, window.row_end() as f64);
        for rings in &self.areas {
            let edges = rings.iter().flat_map(|ring| ring.windows(2).map(|w| (w[0], w[1])));
            let near: Vec<(Point, Point)> = edges.filter(|(a, b)| a.1.max(b.1) >= top && a.1.min(b.1) <= bottom).collect();
            for (r, row) in inside.chunks_exact_mut(window.cols.max(1)).enumerate() {
                fill(row, window.col, &crossings(&near, (window.row + r) as f64 + 0.5));
            }
        }
        inside
    }

    /// A geographic grid may begin at another turn of the globe than the region does.
    fn repeat(&mut self, turn: f64) {
        let moved = |line: &Line, by: f64| -> Line { line.iter().map(|(x, y)| (x + by, *y)).collect() };
        let (areas, lines) = (self.areas.clone(), self.lines.clone());
        for by in [-turn, turn] {
            self.areas.extend(areas.iter().map(|rings| rings.iter().map(|ring| moved(ring, by)).collect::<Vec<_>>()));
            self.lines.extend(lines.iter().map(|line| moved(line, by)));
        }
        let meets = |line: &Line| window_of(line, self.shape).is_some();
        self.areas.retain(|rings| rings.first().is_some_and(meets));
        self.lines.retain(meets);
    }
}

/// The area of an outer ring without the inner ones, each taken as `seen`.
fn area_of(rings: &[Line], seen: impl Fn(&Line) -> Line) -> f64 {
    let mut areas = rings.iter().map(|ring| ring_area(&seen(ring)));
    areas.next().unwrap_or(0.0) - areas.sum::<f64>()
}

/// The pixels of the grid that a line's bounds touch.
fn window_of(line: &Line, shape: Shape) -> Option<Window> {
    let range = |values: &mut dyn Iterator<Item = f64>, n: usize| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let first = (low + ON_EDGE).floor();
        let last = (high - ON_EDGE).ceil().max(first + 1.0);
        let (first, last) = (first.max(0.0), last.min(n as f64));
        (first < last).then_some((first as usize, (last - first) as usize))
    };
    let (col, cols) = range(&mut line.iter().map(|p| p.0), shape.cols)?;
    let (row, rows) = range(&mut line.iter().map(|p| p.1), shape.rows)?;
    Some(Window::new(row, col, rows, cols))
}

/// Where edges cross a line of centres, from west to east.
fn crossings(edges: &[(Point, Point)], y: f64) -> Vec<f64> {
    let crossing = edges.iter().filter(|(a, b)| (a.1 <= y) != (b.1 <= y));
    let mut xs: Vec<f64> = crossing.map(|(a, b)| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0)).collect();
    xs.sort_by(f64::total_cmp);
    xs
}

/// Marks the pixels of a row whose centres lie between a crossing and the next.
fn fill(row: &mut [bool], first: usize, crossings: &[f64]) {
    let len = row.len();
    let index = |x: f64| ((x - 0.5 - first as f64).ceil().max(0.0) as usize).min(len);
    for pair in crossings.chunks_exact(2) {
        let (from, to) = (index(pair[0]), index(pair[1]));
        row[from..to.max(from)].fill(true);
    }
}

/// A ring, cut to the rectangle of a grid, side by side.
fn clip(ring: &Line, shape: Shape) -> Line {
    let sides: [(usize, f64, f64); 4] = [(0, 0.0, 1.0), (0, shape.cols as f64, -1.0), (1, 0.0, 1.0), (1, shape.rows as f64, -1.0)];
    sides.into_iter().fold(ring.clone(), |ring, (axis, limit, sign)| {
        let depth = |p: &Point| sign * (if axis == 0 { p.0 } else { p.1 } - limit);
        let mut out = Line::with_capacity(ring.len());
        for pair in ring.windows(2) {
            let (a, b, da, db) = (pair[0], pair[1], depth(&pair[0]), depth(&pair[1]));
            if da >= 0.0 {
                out.push(a);
            }
            if (da >= 0.0) != (db >= 0.0) {
                let t = da / (da - db);
                out.push((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)));
            }
        }
        out.extend(out.first().copied());
        out
    })
}

fn ring_area(ring: &Line) -> f64 {
    (ring.windows(2).map(|w| w[0].0 * w[1].1 - w[1].0 * w[0].1).sum::<f64>() / 2.0).abs()
}

/// From the CRS of a region to the pixels of a grid.
struct Project<'a> {
    to_grid: &'a dyn Transform,
    to_pixel: Affine,
    /// One turn of the globe in pixels, on a geographic grid.
    turn: Option<f64>,
}

impl Project<'_> {
    fn pixel(&self, (x, y): Point) -> Point {
        let (mut x, mut y) = ([x], [y]);
        self.to_grid.transform(&mut x, &mut y);
        self.to_pixel.apply(x[0], y[0])
    }

    /// A line with as many vertices as its bends ask for; vertices without an image are left out.
    fn line(&self, line: &[Point]) -> Line {
        let mut out: Line = line.first().map(|p| self.pixel(*p)).into_iter().collect();
        for pair in line.windows(2) {
            self.halve((pair[0], self.pixel(pair[0])), (pair[1], self.pixel(pair[1])), 0, &mut out);
        }
        out.retain(|(x, y)| x.is_finite() && y.is_finite());
        if let Some(turn) = self.turn {
            for i in 1..out.len() {
                out[i].0 += turn * ((out[i - 1].0 - out[i].0) / turn).round();
            }
        }
        out
    }

    /// The vertices after `a` up to `b`; each is given in the CRS of the region and in pixels.
    fn halve(&self, a: (Point, Point), b: (Point, Point), depth: u32, out: &mut Line) {
        let middle = ((a.0.0 + b.0.0) / 2.0, (a.0.1 + b.0.1) / 2.0);
        let m = (middle, self.pixel(middle));
        let bend = (m.1.0 - (a.1.0 + b.1.0) / 2.0).hypot(m.1.1 - (a.1.1 + b.1.1) / 2.0);
        if depth >= MOST_HALVINGS || (depth >= FEWEST_HALVINGS && (bend <= TOLERANCE || !bend.is_finite())) {
            out.push(b.1);
            return;
        }
        self.halve(a, m, depth + 1, out);
        self.halve(m, b, depth + 1, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> GeoBox {
        GeoBox::new(Crs::from_epsg(32632), Affine::new(10.0, 0.0, 600_000.0, 0.0, -10.0, 5_200_000.0), Shape::new(40, 50)).expect("a grid")
    }

    fn utm(text: &str) -> Roi {
        Roi::parse(text, Some(Crs::from_epsg(32632))).expect("a region")
    }

    #[test]
    fn centres_decide() {
        // From a quarter of a pixel past the corner: the first centre is inside; the last column and row end before their centre.
        let outline = Outline::new(&utm("600002.5,5199856,600104,5199997.5"), &grid()).expect("an outline");
        let inside = outline.inside(Window::new(0, 0, 40, 50));
        assert_eq!(inside.iter().filter(|i| **i).count(), 14 * 10);
        assert_eq!(outline.bounds(), Some(Window::new(0, 0, 15, 11)));
        assert!((outline.area() - 10.15 * 14.15).abs() < 1e-6);
    }

    #[test]
    fn bounds_on_pixel_edges_hold_nothing_more() {
        let outline = Outline::new(&utm("600100,5199900,600200,5199950"), &grid()).expect("an outline");
        assert_eq!(outline.bounds(), Some(Window::new(5, 10, 5, 10)));
        let point = Outline::new(&utm("POINT(600105 5199905)"), &grid()).expect("an outline");
        assert_eq!(point.bounds(), Some(Window::new(9, 10, 1, 1)));
        assert!(!point.has_area());
        let reaching_out = Outline::new(&utm("599000,5199900,600200,5300000"), &grid()).expect("an outline");
        assert_eq!(reaching_out.bounds(), Some(Window::new(0, 0, 10, 20)));
        assert!((reaching_out.area() - 200.0).abs() < 1e-6, "only what lies in the grid counts");
        assert!((reaching_out.share_beyond() - (1.0 - 200.0 / (120.0 * 10_014.4))).abs() < 1e-4, "{}", reaching_out.share_beyond());
        assert_eq!(Outline::new(&utm("600002,5199900,600104,5199950"), &grid()).expect("an outline").share_beyond(), 0.0);
        assert_eq!(Outline::new(&utm("0,0,10,10"), &grid()).expect("an outline").bounds(), None);
    }

    #[test]
    fn windows_are_parts_of_the_whole_and_holes_are_outside() {
        let rings = "POLYGON((600100 5199900, 600450 5199700, 600300 5199990, 600100 5199900),(600200 5199900, 600300 5199850, 600290 5199920, 600200 5199900))";
        let outline = Outline::new(&utm(rings), &grid()).expect("an outline");
        let whole = outline.inside(Window::new(0, 0, 40, 50));
        let part = outline.inside(Window::new(5, 7, 20, 30));
        for r in 0..20 {
            for c in 0..30 {
                assert_eq!(part[r * 30 + c], whole[(r + 5) * 50 + c + 7]);
            }
        }
        // (600 265 E, 5 199 895 N) lies in the hole.
        assert!(!whole[10 * 50 + 26]);
        assert!(whole[6 * 50 + 26]);
    }

    /// A box in longitude and latitude, point by point: the inside of the box, whatever its image looks like.
    #[test]
    fn edges_bend_as_the_projection_does() {
        let far =
            GeoBox::new(Crs::from_epsg(32632), Affine::new(1000.0, 0.0, 200_000.0, 0.0, -1000.0, 6_000_000.0), Shape::new(600, 700)).expect("a grid");
        let outline = Outline::new(&Roi::parse("6.0,49.5,13.0,53.0", None).expect("a region"), &far).expect("an outline");
        let inside = outline.inside(Window::whole(far.shape()));
        let to_lonlat = cube_warp::proj::transform(far.crs(), &Crs::wgs84()).expect("a transformation");
        let mut wrong = 0;
        for r in 0..600 {
            for c in 0..700 {
                let (x, y) = far.affine().apply(c as f64 + 0.5, r as f64 + 0.5);
                let (mut x, mut y) = ([x], [y]);
                to_lonlat.transform(&mut x, &mut y);
                let truth = (6.0..13.0).contains(&x[0]) && (49.5..53.0).contains(&y[0]);
                wrong += usize::from(truth != inside[r * 700 + c]);
            }
        }
        assert!(wrong <= 3, "{wrong} pixels");
    }

    #[test]
    fn the_antimeridian_is_no_edge() {
        let world = GeoBox::new(Crs::wgs84(), Affine::new(1.0, 0.0, -180.0, 0.0, -1.0, 90.0), Shape::new(180, 360)).expect("a grid");
        let outline = Outline::new(&Roi::parse("170,-10,-170,10", None).expect("a region"), &world).expect("an outline");
        let inside = outline.inside(Window::new(90, 0, 1, 360));
        assert_eq!(inside.iter().filter(|i| **i).count(), 20);
        assert!(inside[0] && inside[359] && !inside[180]);
    }
}
