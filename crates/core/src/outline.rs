//! Outlines carried from one coordinate system to another: densified, unwrapped, closed over poles, cut at the antimeridian.

use geo::{Coord, LineString, Polygon};

use crate::{
    Extent, GeoBox, Transform,
    shapes::{Shapes, clip_ring, contains, has_area},
};

/// How far a densified edge may run from the true curve on the sphere, in degrees (about 0.1 m).
const TOLERANCE_DEGREES: f64 = 1e-6;
/// Parts that each edge is cut into before its curvature is judged.
const FIRST_PARTS: usize = 8;
/// Halvings after that. A gap that is still open then is a place where the map tears.
const ROUNDS: usize = 20;
/// Limit on the number of points of one outline.
const MAX_POINTS: usize = 200_000;

/// A line carried through a transformation.
#[derive(Debug)]
pub(crate) struct Traced {
    /// The images, in order; points without one are NaN.
    pub(crate) image: Vec<Coord>,
    /// The ends of a gap that no densification closes, when there is one: points of the line, before the transformation.
    pub(crate) tear: Option<(Coord, Coord)>,
}

/// Carries a line over, with points added until `flat(a, mid, b)` says that the image of each piece is straight enough.
pub(crate) fn trace(line: &[Coord], to: &dyn Transform, flat: &dyn Fn(Coord, Coord, Coord) -> bool) -> Traced {
    let mut points = Vec::with_capacity(line.len() * FIRST_PARTS);
    for edge in line.windows(2) {
        points.extend((0..FIRST_PARTS).map(|i| along(edge[0], edge[1], i as f64 / FIRST_PARTS as f64)));
    }
    points.extend(line.last());
    let mut nodes: Vec<(Coord, Coord, bool)> = points.iter().copied().zip(images(&points, to)).map(|(p, i)| (p, i, true)).collect();
    for round in 0..ROUNDS {
        let open: Vec<usize> =
            nodes.windows(2).enumerate().filter(|(_, n)| n[0].2 && worth_splitting(n[0].1, n[1].1, round)).map(|(i, _)| i).collect();
        if open.is_empty() || nodes.len() + open.len() > MAX_POINTS {
            break;
        }
        let middles: Vec<Coord> = open.iter().map(|i| along(nodes[*i].0, nodes[*i + 1].0, 0.5)).collect();
        let mut split = open.into_iter().zip(middles.iter().copied().zip(images(&middles, to))).peekable();
        let mut next = Vec::with_capacity(nodes.len() + middles.len());
        for (i, node) in nodes.iter().enumerate() {
            match split.next_if(|(at, _)| *at == i) {
                Some((_, (middle, image))) if !flat(node.1, image, nodes[i + 1].1) => next.extend([*node, (middle, image, true)]),
                _ => next.push((node.0, node.1, false)),
            }
        }
        nodes = next;
    }
    let torn = nodes.windows(2).find(|n| n[0].2 && finite(n[0].1) && finite(n[1].1));
    Traced { tear: torn.map(|n| (n[0].0, n[1].0)), image: nodes.into_iter().map(|n| n.1).collect() }
}

/// Pieces with no image at either end are looked into a few times only.
fn worth_splitting(a: Coord, b: Coord, round: usize) -> bool {
    finite(a) && finite(b) || (finite(a) != finite(b) && round < 12) || round < 2
}

pub(crate) fn finite(c: Coord) -> bool {
    c.x.is_finite() && c.y.is_finite()
}

fn along(a: Coord, b: Coord, t: f64) -> Coord {
    Coord { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) }
}

/// The images of some points.
pub(crate) fn images(points: &[Coord], to: &dyn Transform) -> Vec<Coord> {
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().map(|c| (c.x, c.y)).unzip();
    to.transform(&mut x, &mut y);
    x.into_iter().zip(y).map(|(x, y)| Coord { x, y }).collect()
}

/// Whether the middle of a straight piece in longitude and latitude lies on the true curve.
fn flat_on_sphere(a: Coord, mid: Coord, b: Coord) -> bool {
    if ![a, mid, b].into_iter().all(finite) {
        return false;
    }
    let guess = Coord { x: a.x + 0.5 * turn(a.x, b.x), y: 0.5 * (a.y + b.y) };
    let (dy, dx) = (mid.y - guess.y, turn(guess.x, mid.x) * mid.y.to_radians().cos());
    // A quarter of a turn in one piece could go either way round.
    dx.hypot(dy) <= TOLERANCE_DEGREES && (turn(a.x, b.x).abs() < 90.0 || mid.y.abs() > 90.0 - TOLERANCE_DEGREES)
}

/// The short way from one longitude to another, in degrees within ±180.
pub(crate) fn turn(from: f64, to: f64) -> f64 {
    let d = (to - from).rem_euclid(360.0);
    if d > 180.0 { d - 360.0 } else { d }
}

/// Makes longitudes run on without jumps, from the first one: a step of more than 180 degrees goes the short way. Points without an image are left out.
/// Answers the total turn.
pub(crate) fn unwrap(points: Vec<Coord>) -> (Vec<Coord>, f64) {
    let (mut turns, mut before) = (0.0, None::<f64>);
    let run_on = |p: Coord| {
        let step = before.replace(p.x).map_or(0.0, |b| p.x - b);
        turns -= ((step.abs() - 180.0) / 360.0).ceil().max(0.0).copysign(step);
        Coord { x: p.x + 360.0 * turns, y: p.y }
    };
    let out: Vec<Coord> = points.into_iter().filter(|c| finite(*c)).map(run_on).collect();
    let total = out.first().zip(out.last()).map_or(0.0, |(a, b)| b.x - a.x);
    (out, total)
}

/// A closed ring in longitude and latitude, longitudes running on; one that goes around a pole is closed over it. `pole` answers the
/// latitude (±90) of the pole inside, when asked.
pub(crate) fn close(points: Vec<Coord>, pole: impl FnOnce() -> f64) -> Vec<Coord> {
    let (mut ring, total) = unwrap(points);
    let (Some(first), Some(last)) = (ring.first().copied(), ring.last().copied()) else { return ring };
    if total.abs() > 180.0 {
        let lat = pole();
        ring.extend([Coord { x: last.x, y: lat }, Coord { x: first.x, y: lat }]);
    }
    if ring.last() != Some(&first) {
        ring.push(first);
    }
    ring
}

/// Geometries carried to longitude and latitude, in pieces within ±180. `from` leads back and decides which pole an area holds.
pub(crate) fn to_lonlat(shapes: &Shapes, to: &dyn Transform, from: &dyn Transform) -> Shapes {
    let ring = |r: &LineString| {
        let traced = trace(&r.0, to, &flat_on_sphere);
        let latitudes: Vec<f64> = traced.image.iter().filter(|c| finite(**c)).map(|c| c.y).collect();
        close(traced.image, || pole_inside(&r.0, from).unwrap_or_else(|| 90.0_f64.copysign(latitudes.iter().sum())))
    };
    let mut out = Shapes::default();
    for polygon in &shapes.areas {
        let mut rings = vec![ring(polygon.exterior())];
        rings.extend(polygon.interiors().iter().map(ring));
        out.areas.extend(cut_polygon(&rings));
    }
    for line in &shapes.lines {
        let (points, _) = unwrap(trace(&line.0, to, &flat_on_sphere).image);
        out.extend(cut(&Shapes { lines: vec![LineString(points)], ..Shapes::default() }));
    }
    let points = images(&shapes.points, to).into_iter().filter(|c| finite(*c));
    out.points.extend(points.map(|c| Coord { x: turn(0.0, c.x), y: c.y }));
    out
}

/// The latitude of the one pole inside a closed ring; `None` when both or neither are.
fn pole_inside(ring: &[Coord], from: &dyn Transform) -> Option<f64> {
    let poles = images(&[Coord { x: 0.0, y: 90.0 }, Coord { x: 0.0, y: -90.0 }], from);
    let inside = |p: Coord| finite(p) && contains([ring], p);
    match (inside(poles[0]), inside(poles[1])) {
        (true, false) => Some(90.0),
        (false, true) => Some(-90.0),
        _ => None,
    }
}

/// Brings shapes whose longitudes run on beyond ±180 into pieces within it.
pub(crate) fn cut(shapes: &Shapes) -> Shapes {
    let mut out = Shapes::default();
    for polygon in &shapes.areas {
        let rings: Vec<Vec<Coord>> = std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|r| r.0.clone()).collect();
        out.areas.extend(cut_polygon(&rings));
    }
    let lines = Shapes { lines: shapes.lines.clone(), ..Shapes::default() };
    for (strip, shift) in strips(lines.extent()) {
        out.extend(lines.clip(strip).map(|c| Coord { x: c.x - shift, ..c }));
    }
    out.points.extend(shapes.points.iter().map(|c| Coord { x: if c.x.abs() <= 180.0 { c.x } else { turn(0.0, c.x) }, y: c.y }));
    out
}

/// An outer ring and holes, cut at ±180; holes may have been unwrapped onto another turn than the outer ring.
fn cut_polygon(rings: &[Vec<Coord>]) -> Vec<Polygon> {
    let Some(outer) = rings.first().and_then(|r| Extent::of(r.iter().map(|c| (c.x, c.y)))) else { return Vec::new() };
    let mut pieces = Vec::new();
    for (strip, shift) in strips(Some(outer)) {
        // Within the outer ring's own longitudes, so that no other turn of a hole is taken for an island.
        let strip = Extent::new(strip.west.max(outer.west), strip.south, strip.east.min(outer.east), strip.north);
        let part = |ring: &[Coord], extra: f64| -> Vec<Coord> {
            let moved: Vec<Coord> = ring.iter().map(|c| Coord { x: c.x + extra, ..*c }).collect();
            clip_ring(&moved, strip).into_iter().map(|c| Coord { x: c.x - shift, ..c }).collect()
        };
        let exterior = part(&rings[0], 0.0);
        if exterior.is_empty() {
            continue;
        }
        let holes = rings[1..].iter().flat_map(|hole| {
            let turns = Extent::of(hole.iter().map(|c| (c.x, c.y))).map_or(0..0, |h| turns(h.west - strip.east, h.east - strip.west));
            turns.map(|k| LineString(part(hole, -360.0 * k as f64))).collect::<Vec<_>>()
        });
        pieces.push(Polygon::new(LineString(exterior), holes.filter(|h| has_area(&h.0)).collect()));
    }
    pieces
}

/// The whole turns `k` for which `lo < 360·k < hi`.
fn turns(lo: f64, hi: f64) -> std::ops::Range<i64> {
    ((lo / 360.0).floor() as i64 + 1)..((hi / 360.0).ceil() as i64)
}

/// The strips of 360 degrees that an extent reaches into, each with the shift that brings it to ±180.
fn strips(extent: Option<Extent>) -> impl Iterator<Item = (Extent, f64)> {
    let range = extent.map_or(0..0, |e| {
        let first = ((e.west + 180.0) / 360.0).floor() as i64;
        // One that ends on the antimeridian does not reach beyond it.
        first..(((e.east + 180.0) / 360.0).ceil() as i64).max(first + 1)
    });
    range.map(|k| {
        let shift = 360.0 * k as f64;
        (Extent::new(shift - 180.0, -90.0, shift + 180.0, 90.0), shift)
    })
}

/// The boxes in longitude and latitude (`west ≤ east`, within ±180) that hold a grid: two when it crosses the antimeridian.
///
/// Edges are densified; a grid that holds a pole answers all longitudes; where parts of the grid have no longitude and latitude (the corners
/// of a global sinusoidal grid, the sky around a full disk) the boxes hold the parts that have. Empty when none has.
pub fn lonlat_boxes(geobox: &GeoBox, to_lonlat: &dyn Transform) -> Vec<Extent> {
    let corners: Vec<Coord> = geobox.outline(1).into_iter().map(|(x, y)| Coord { x, y }).collect();
    let traced = trace(&corners, to_lonlat, &flat_on_sphere);
    if traced.image.iter().any(|c| !finite(*c)) {
        return boxes_of_lattice(geobox, to_lonlat);
    }
    let (ring, total) = unwrap(traced.image);
    let Some(mut e) = Extent::of(ring.iter().map(|c| (c.x, c.y))) else { return Vec::new() };
    if total.abs() > 180.0 {
        // Around a pole: the inside lies towards the latitudes that only it reaches.
        let inner = Extent::of(lattice(geobox, 33, to_lonlat).into_iter().flatten().map(|c| (c.x, c.y))).unwrap_or(e);
        let (north, south) = (inner.north > e.north, inner.south < e.south);
        e = Extent::new(-180.0, if south || !north { -90.0 } else { e.south }, 180.0, if north || !south { 90.0 } else { e.north });
    }
    split(e).into_iter().map(|b| pad(b, 10.0 * TOLERANCE_DEGREES)).collect()
}

/// Wider by some degrees, within ±180 and ±90.
fn pad(e: Extent, by: f64) -> Extent {
    Extent::new((e.west - by).max(-180.0), (e.south - by).max(-90.0), (e.east + by).min(180.0), (e.north + by).min(90.0))
}

/// A box whose longitudes may run on beyond ±180, as one or two within it.
pub(crate) fn split(e: Extent) -> Vec<Extent> {
    if e.width() >= 360.0 {
        return vec![Extent::new(-180.0, e.south, 180.0, e.north)];
    }
    strips(Some(e))
        .map(|(strip, shift)| Extent::new(e.west.max(strip.west) - shift, e.south, e.east.min(strip.east) - shift, e.north))
        .filter(|b| b.west < b.east || e.width() == 0.0)
        .collect()
}

/// A lattice of `n × n` points over the grid, row by row, in longitude and latitude.
fn lattice(geobox: &GeoBox, n: usize, to_lonlat: &dyn Transform) -> Vec<Vec<Coord>> {
    let shape = geobox.shape();
    let step = |len: usize, i: usize| len as f64 * i as f64 / (n - 1) as f64;
    let points: Vec<Coord> =
        (0..n * n).map(|i| geobox.affine().apply(step(shape.cols, i % n), step(shape.rows, i / n))).map(|(x, y)| Coord { x, y }).collect();
    images(&points, to_lonlat).chunks(n).map(<[Coord]>::to_vec).collect()
}

/// The boxes of the points of a dense lattice that have an image, grown by the spacing of the lattice.
fn boxes_of_lattice(geobox: &GeoBox, to_lonlat: &dyn Transform) -> Vec<Extent> {
    let rows = lattice(geobox, 129, to_lonlat);
    let (mut grow_x, mut grow_y) = (0.0_f64, 0.0_f64);
    for (r, row) in rows.iter().enumerate() {
        for (c, p) in row.iter().enumerate().filter(|(_, p)| finite(**p)) {
            for q in [row.get(c + 1), rows.get(r + 1).map(|below| &below[c])].into_iter().flatten().filter(|q| finite(**q)) {
                grow_x = grow_x.max(turn(p.x, q.x).abs());
                grow_y = grow_y.max((p.y - q.y).abs());
            }
        }
    }
    let finite_points: Vec<Coord> = rows.into_iter().flatten().filter(|c| finite(*c)).collect();
    let Some(e) = Extent::of(finite_points.iter().map(|c| (c.x, c.y))) else { return Vec::new() };
    let (west, east) = smallest_arc(finite_points.into_iter().map(|c| c.x.rem_euclid(360.0)).collect());
    let grown = Extent::new(west - grow_x, (e.south - grow_y).max(-90.0), east + grow_x, (e.north + grow_y).min(90.0));
    // Within a spacing of a pole every longitude may be inside.
    let polar = grown.north >= 90.0 || grown.south <= -90.0;
    split(if polar { Extent::new(-180.0, grown.south, 180.0, grown.north) } else { grown })
}

/// First and last longitude of the shortest arc that holds all of some longitudes within 0 … 360; the last may exceed 360.
fn smallest_arc(mut lons: Vec<f64>) -> (f64, f64) {
    lons.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (lons.first().copied(), lons.last().copied()) else { return (-180.0, 180.0) };
    let widest = lons.windows(2).max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])));
    match widest {
        Some(gap) if gap[1] - gap[0] > first + 360.0 - last => (gap[1], gap[0] + 360.0),
        _ => (first, last),
    }
}

#[cfg(test)]
#[path = "outline_tests.rs"]
mod tests;
