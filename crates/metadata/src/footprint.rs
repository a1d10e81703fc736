//! What a granule covers, brought into the form that GeoJSON asks for: counter-clockwise outer rings, clockwise holes, nothing across the antimeridian.

use cube_core::Shapes;
use geo::{BooleanOps, Coord, LineString, Polygon, Rect};

/// What a granule covers, in longitude and latitude within ±180.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Footprint {
    /// Areas with holes, lines, points: all that the record states. Areas and lines are cut at the antimeridian.
    pub shapes: Shapes,
    /// West, south, east, north; `west > east` when it crosses the antimeridian.
    pub bbox: Option<[f64; 4]>,
}

impl Footprint {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// As one geometry: everything, in a collection where areas, lines and points stand beside each other.
    pub fn to_geojson(&self) -> Option<geojson::Geometry> {
        (!self.is_empty()).then(|| self.shapes.to_geojson())
    }

    /// As STAC's schemas allow it, which know no collection: the areas, else the lines, else the points. `None` for nothing.
    pub(crate) fn principal(&self) -> Option<geojson::Geometry> {
        let Shapes { areas, lines, points } = &self.shapes;
        let one = match (areas.as_slice(), lines.as_slice(), points.as_slice()) {
            ([], [], []) => return None,
            ([], [], [point]) => geo::Geometry::from(geo::Point(*point)),
            ([], [], _) => geo::Geometry::from(geo::MultiPoint(points.iter().map(|c| geo::Point(*c)).collect())),
            ([], [line], _) => geo::Geometry::from(line.clone()),
            ([], _, _) => geo::Geometry::from(geo::MultiLineString(lines.clone())),
            ([area], _, _) => geo::Geometry::from(area.clone()),
            _ => geo::Geometry::from(geo::MultiPolygon(areas.clone())),
        };
        Some(geojson::Geometry::new((&one).into()))
    }

    /// Whether [`Footprint::principal`] leaves something out.
    pub(crate) fn is_mixed(&self) -> bool {
        let Shapes { areas, lines, points } = &self.shapes;
        usize::from(!areas.is_empty()) + usize::from(!lines.is_empty()) + usize::from(!points.is_empty()) > 1
    }
}

/// Longitude and latitude.
type Position = [f64; 2];

/// Gathers what a record lists.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    shapes: Shapes,
    /// West and east of each part, longitudes running on beyond ±180.
    spans: Vec<(f64, f64)>,
    south_north: Option<(f64, f64)>,
}

impl Builder {
    /// A polygon whose edges take the short way round. An edge from one side of the map to the other, as in polygons around the world, does not.
    pub(crate) fn polygon(&mut self, boundary: &[Position], holes: impl Iterator<Item = Vec<Position>>) {
        let rings: Vec<LineString> = std::iter::once(ring(boundary)).chain(holes.map(|h| ring(&h))).collect();
        let planar = Polygon::new(rings[0].clone(), rings[1..].to_vec());
        if !rings.iter().any(|r| jumps(&r.0) || winds(r.0.iter().map(|c| [c.x, c.y]))) {
            return self.area(planar, false);
        }
        let around = align_holes(&Polygon::new(run_on(&rings[0]), rings[1..].iter().map(run_on).collect()));
        // Providers list boundaries counter-clockwise. Where only the long way is that, the long way is meant.
        let is_around_pole = around.exterior().0.len() > planar.exterior().0.len();
        if !is_around_pole && double_area(&around.exterior().0) < 0.0 && double_area(&planar.exterior().0) > 0.0 {
            return self.area(planar, false);
        }
        let is_within = around.exterior().0.iter().all(|c| (-180.0..=180.0).contains(&c.x)) && around.interiors().is_empty();
        self.area(around, !is_within);
    }

    /// Sides are parallels and meridians; `west > east` crosses the antimeridian.
    pub(crate) fn rectangle(&mut self, [west, south, east, north]: [f64; 4]) {
        let run_on = if east < west { east + 360.0 } else { east };
        let corners = [[west, south], [run_on, south], [run_on, north], [west, north], [west, south]];
        self.area(Polygon::new(ring(&corners), Vec::new()), run_on > 180.0 || west < -180.0);
    }

    pub(crate) fn line(&mut self, positions: &[Position]) {
        let line = LineString(positions.iter().map(|p| Coord { x: p[0], y: p[1] }).collect());
        let across = jumps(&line.0);
        let one = Shapes::of(geo::Geometry::from(if across { longitudes_run_on(&line).0 } else { line }));
        self.spans_of(&one);
        self.shapes.extend(if across { one.cut() } else { one });
    }

    pub(crate) fn point(&mut self, position: Position) {
        let one = Shapes { points: vec![Coord { x: position[0], y: position[1] }], ..Shapes::default() };
        self.spans_of(&one);
        self.shapes.extend(one);
    }

    fn area(&mut self, polygon: Polygon, across: bool) {
        let one = Shapes::of(geo::Geometry::from(polygon));
        self.spans_of(&one);
        let pieces = if across { with_digits(cut(one.clone()), &one) } else { one };
        let Shapes { areas, lines, points } = pieces;
        self.shapes.areas.extend(areas.into_iter().map(oriented));
        self.shapes.lines.extend(lines);
        self.shapes.points.extend(points);
    }

    fn spans_of(&mut self, one: &Shapes) {
        let Some(extent) = one.extent() else { return };
        self.spans.push((extent.west, extent.east));
        let (south, north) = self.south_north.unwrap_or((extent.south, extent.north));
        self.south_north = Some((south.min(extent.south), north.max(extent.north)));
    }

    pub(crate) fn finish(self) -> Footprint {
        let bbox = self.south_north.map(|(south, north)| {
            let (west, east) = west_east(&self.spans);
            [west, south, east, north]
        });
        Footprint { shapes: self.shapes, bbox }
    }
}

/// The shortest stretch of longitudes that holds all spans, if one reaches across the antimeridian or two meet there; else the least and greatest.
fn west_east(spans: &[(f64, f64)]) -> (f64, f64) {
    let plain = spans.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(w, e), s| (w.min(s.0), e.max(s.1)));
    let across = plain.0 < -180.0 || plain.1 > 180.0;
    let meet = spans.iter().any(|s| s.1 == 180.0) && spans.iter().any(|s| s.0 == -180.0);
    if !across && !meet {
        return plain;
    }
    let mut turned: Vec<(f64, f64)> = spans.iter().map(|&(w, e)| (wrap(w), e - w)).map(|(w, width)| (w, w + width)).collect();
    turned.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(&(first, _)) = turned.first() else { return plain };
    let (mut gap, mut bounds, mut reach) = (0.0, (-180.0, 180.0), f64::NEG_INFINITY);
    for &(west, east) in turned.iter().chain(std::iter::once(&(first + 360.0, first + 360.0))) {
        if reach.is_finite() && west - reach > gap {
            gap = west - reach;
            bounds = (wrap(west), east_of(reach));
        }
        reach = reach.max(east);
    }
    bounds
}

/// Into -180 ≤ longitude < 180.
fn wrap(longitude: f64) -> f64 {
    if (-180.0..180.0).contains(&longitude) { longitude } else { without_error((longitude + 180.0).rem_euclid(360.0) - 180.0) }
}

/// Twelve digits are more than a longitude has; what lies behind them is the error of adding a turn and taking it away again.
fn without_error(longitude: f64) -> f64 {
    (longitude * 1e12).round() / 1e12
}

/// Into -180 < longitude ≤ 180: an eastern end may lie on the antimeridian.
fn east_of(longitude: f64) -> f64 {
    if longitude > -180.0 && longitude <= 180.0 { longitude } else { -wrap(-longitude) }
}

fn ring(positions: &[Position]) -> LineString {
    let mut ring: Vec<Coord> = positions.iter().map(|p| Coord { x: p[0], y: p[1] }).collect();
    if ring.last() != ring.first() {
        ring.extend(ring.first().copied());
    }
    LineString(ring)
}

/// Whether an edge leads over the antimeridian: the short way round is not the one on the map.
fn jumps(line: &[Coord]) -> bool {
    line.windows(2).any(|e| is_jump(e[0].x, e[1].x))
}

/// From one side of the map to the other, ±180 to ∓180, is an edge along a parallel in a map of the whole world.
pub(crate) fn is_jump(from: f64, to: f64) -> bool {
    let step = (to - from).abs();
    step > 180.0 && step != 360.0
}

/// Whether a ring goes around a pole and says so with a step from ±180 to ∓180, which on the globe is none. Two such steps are the borders of a map, and so is
/// one along a pole.
pub(crate) fn winds(ring: impl Iterator<Item = Position>) -> bool {
    let (mut before, mut steps) = (None::<Position>, 0);
    for [x, y] in ring {
        if let Some([from, _]) = before
            && (x - from).abs() == 360.0
        {
            if y.abs() == 90.0 {
                return false;
            }
            steps += 1;
        }
        before = Some([x, y]);
    }
    steps % 2 == 1
}

/// A line with every step taken the short way, and how many turns it has made at its end.
fn longitudes_run_on(line: &LineString) -> (LineString, f64) {
    let mut turns = 0.0;
    let mut before: Option<f64> = None;
    let run = line.0.iter().map(|c| {
        let step = before.map_or(0.0, |b| c.x - b);
        turns += if step > 180.0 {
            -1.0
        } else if step < -180.0 {
            1.0
        } else {
            0.0
        };
        before = Some(c.x);
        Coord { x: c.x + 360.0 * turns, y: c.y }
    });
    let run = LineString(run.collect());
    (run, turns)
}

/// A closed ring with every step taken the short way; one around a pole is closed over the pole that is nearer.
fn run_on(ring: &LineString) -> LineString {
    let (run, turns) = longitudes_run_on(ring);
    if turns == 0.0 {
        return run;
    }
    let mut path = at_the_antimeridian(&run.0, &ring.0, turns).unwrap_or(run.0);
    if let (Some(&first), Some(&last)) = (path.first(), path.last()) {
        let pole = 90.0_f64.copysign(ring.0.iter().map(|c| c.y).sum());
        path.extend([Coord { x: last.x, y: pole }, Coord { x: first.x, y: pole }, first]);
    }
    LineString(path)
}

/// A path around the earth from one side of the map to the other, with the longitudes that are listed, where it crosses the antimeridian once: cut
/// anywhere else, it would have a seam there.
fn at_the_antimeridian(run: &[Coord], listed: &[Coord], turns: f64) -> Option<Vec<Coord>> {
    let strip = |x: f64| ((x + 180.0) / 360.0).floor();
    let mut edges = run.windows(2).enumerate().filter(|(_, e)| strip(e[0].x) != strip(e[1].x));
    let (Some((at, edge)), None, 1.0) = (edges.next(), edges.next(), turns.abs()) else { return None };
    let x = 360.0 * strip(edge[0].x).max(strip(edge[1].x)) - 180.0;
    let y = edge[0].y + (edge[1].y - edge[0].y) * ((x - edge[0].x) / (edge[1].x - edge[0].x));
    let start = 180.0_f64.copysign(-turns);
    let mut path = vec![Coord { x: start, y }];
    // Listed once more at the end, the first corner is left out.
    for c in listed[at + 1..].iter().chain(&listed[1..=at]) {
        let side = if path.iter().all(|before| before.x == start) { start } else { -start };
        path.push(Coord { x: if c.x.abs() == 180.0 { side } else { c.x }, y: c.y });
    }
    path.push(Coord { x: -start, y });
    // What runs along the side of the map, the way over the pole takes up.
    let before = path.iter().take_while(|c| c.x == start).count();
    path.drain(..before - 1);
    let behind = path.iter().rev().take_while(|c| c.x == -start).count();
    path.truncate(path.len() - (behind - 1));
    Some(path)
}

/// Corners with the digits that they were listed with: adding a turn and taking it away again costs the last one.
fn with_digits(pieces: Shapes, listed: &Shapes) -> Shapes {
    let corners: Vec<Coord> = listed.coords().map(|c| Coord { x: wrap(c.x), y: c.y }).collect();
    let same = |a: &Coord, b: Coord| (a.x - b.x).abs() < 1e-9 && a.y == b.y;
    pieces.map(|c| corners.iter().copied().find(|corner| same(corner, c)).unwrap_or(c))
}

/// Cut at ±180. Pieces of a simple shape keep their corners to the last digit; a shape that would leave edges along the cut is overlaid with it.
fn cut(shapes: Shapes) -> Shapes {
    let simple = shapes.areas.iter().all(|a| a.interiors().is_empty() && crossings(&a.exterior().0) <= 2);
    if simple {
        return shapes.cut();
    }
    let mut out = Shapes { areas: Vec::new(), ..shapes.clone() }.cut();
    for area in &shapes.areas {
        let area = oriented(area.clone());
        let corners = corners_and_crossings(&area);
        for turn in -2..=2 {
            let shift = 360.0 * f64::from(turn);
            let strip = Rect::new((shift - 180.0, -90.0), (shift + 180.0, 90.0)).to_polygon();
            for piece in area.intersection(&strip) {
                let place = |c: Coord| {
                    let exact = nearest(&corners, c);
                    Coord { x: (exact.x - shift).clamp(-180.0, 180.0), y: exact.y }
                };
                out.areas.extend(Shapes { areas: vec![piece], ..Shapes::default() }.map(place).areas.into_iter().map(oriented));
            }
        }
    }
    out
}

/// Every corner, and where edges cross a cut: what the corners of the pieces are. The overlay computes on a grid of some 1e-7 degrees.
fn corners_and_crossings(area: &Polygon) -> Vec<Coord> {
    let mut found: Vec<Coord> = Vec::new();
    for ring in std::iter::once(area.exterior()).chain(area.interiors()) {
        for edge in ring.0.windows(2) {
            found.push(edge[0]);
            let (west, east) = (edge[0].x.min(edge[1].x), edge[0].x.max(edge[1].x));
            let cuts = (-5..=5).map(|k| 180.0 * f64::from(k)).filter(|c| (c / 180.0) as i64 % 2 != 0 && west < *c && *c < east);
            found.extend(cuts.map(|x| Coord { x, y: edge[0].y + (edge[1].y - edge[0].y) * ((x - edge[0].x) / (edge[1].x - edge[0].x)) }));
        }
    }
    found
}

fn nearest(corners: &[Coord], to: Coord) -> Coord {
    let distance = |c: &Coord| (c.x - to.x).abs().max((c.y - to.y).abs());
    corners.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b))).filter(|c| distance(c) < 1e-5).unwrap_or(to)
}

/// Holes on the same turn as the outer ring: each ring was unwrapped from its own first point.
fn align_holes(area: &Polygon) -> Polygon {
    let middle = |ring: &LineString| ring.0.iter().map(|c| c.x).sum::<f64>() / ring.0.len().max(1) as f64;
    let outer = middle(area.exterior());
    let holes = area.interiors().iter().map(|hole| {
        let turns = ((outer - middle(hole)) / 360.0).round() * 360.0;
        LineString(hole.0.iter().map(|c| Coord { x: c.x + turns, y: c.y }).collect())
    });
    Polygon::new(area.exterior().clone(), holes.collect())
}

/// How often a ring changes from one side of ±180 to the other.
fn crossings(ring: &[Coord]) -> usize {
    let strip = |x: f64| ((x + 180.0) / 360.0).floor();
    ring.windows(2).filter(|e| strip(e[0].x) != strip(e[1].x)).count()
}

fn oriented(mut polygon: Polygon) -> Polygon {
    if double_area(&polygon.exterior().0) < 0.0 {
        polygon.exterior_mut(|ring| ring.0.reverse());
    }
    polygon.interiors_mut(|rings| {
        for ring in rings.iter_mut().filter(|r| double_area(&r.0) > 0.0) {
            ring.0.reverse();
        }
    });
    polygon
}

/// Twice the signed area of a closed ring, around its first corner.
fn double_area(ring: &[Coord]) -> f64 {
    let Some(o) = ring.first().copied() else { return 0.0 };
    ring.windows(2).map(|e| (e[0].x - o.x) * (e[1].y - o.y) - (e[1].x - o.x) * (e[0].y - o.y)).sum()
}
