//! A geometry sorted by dimension, and cut at lines of constant x or y.

use std::collections::HashSet;

use geo::{Coord, Geometry, LineString, Polygon};

use crate::{Extent, Result, long_edges::winds, outline};

/// Areas, lines and points of a geometry, each in x, y order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shapes {
    /// Polygons with holes; rings are closed. Inside is what a ring goes around an odd number of times: both wings of a bowtie.
    pub areas: Vec<Polygon>,
    /// Lines, also polygons that have no area.
    pub lines: Vec<LineString>,
    /// Points.
    pub points: Vec<Coord>,
}

impl Shapes {
    /// Takes a geometry apart. Empty parts vanish; a polygon without area becomes a line (unless it [`winds`] around a pole), a line of one place a point.
    pub fn of(geometry: Geometry) -> Self {
        let mut out = Self::default();
        out.add(geometry);
        out
    }

    fn add(&mut self, geometry: Geometry) {
        match geometry {
            Geometry::Point(p) => self.points.push(p.0),
            Geometry::MultiPoint(all) => self.points.extend(all.0.into_iter().map(|p| p.0)),
            Geometry::Line(l) => self.add_line(LineString(vec![l.start, l.end])),
            Geometry::LineString(l) => self.add_line(l),
            Geometry::MultiLineString(all) => all.0.into_iter().for_each(|l| self.add_line(l)),
            Geometry::Polygon(p) => self.add_polygon(p),
            Geometry::MultiPolygon(all) => all.0.into_iter().for_each(|p| self.add_polygon(p)),
            Geometry::Rect(r) => self.add_polygon(r.to_polygon()),
            Geometry::Triangle(t) => self.add_polygon(t.to_polygon()),
            Geometry::GeometryCollection(all) => all.0.into_iter().for_each(|g| self.add(g)),
        }
    }

    fn add_polygon(&mut self, mut polygon: Polygon) {
        if !has_area(&polygon.exterior().0) && !winds(&polygon.exterior().0) {
            return self.add_line(polygon.exterior().clone());
        }
        if let Some(once) = round(&polygon.exterior().0) {
            polygon.exterior_mut(|ring| ring.0.truncate(once + 1));
        }
        self.areas.push(polygon);
    }

    fn add_line(&mut self, line: LineString) {
        match line.0.as_slice() {
            [] => {}
            [first, rest @ ..] if rest.iter().all(|c| c == first) => self.points.push(*first),
            _ => self.lines.push(line),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty() && self.lines.is_empty() && self.points.is_empty()
    }

    /// Every vertex.
    pub fn coords(&self) -> impl Iterator<Item = Coord> {
        let areas = self.areas.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()));
        areas.chain(&self.lines).flat_map(|l| &l.0).chain(&self.points).copied()
    }

    /// The extent of every finite vertex.
    pub fn extent(&self) -> Option<Extent> {
        Extent::of(self.coords().map(|c| (c.x, c.y)))
    }

    /// The same with every vertex moved.
    #[must_use]
    pub fn map(&self, f: impl Fn(Coord) -> Coord + Copy) -> Self {
        let line = |l: &LineString| LineString(l.0.iter().map(|c| f(*c)).collect());
        Self {
            areas: self.areas.iter().map(|p| Polygon::new(line(p.exterior()), p.interiors().iter().map(line).collect())).collect(),
            lines: self.lines.iter().map(line).collect(),
            points: self.points.iter().map(|c| f(*c)).collect(),
        }
    }

    /// The part inside an extent. The boundary of a clipped area may run along the extent's sides, twice where it leaves and returns.
    #[must_use]
    pub fn clip(&self, to: Extent) -> Self {
        let mut out = Self::default();
        for polygon in &self.areas {
            let exterior = clip_ring(&polygon.exterior().0, to);
            if has_area(&exterior) {
                let holes = polygon.interiors().iter().map(|r| LineString(clip_ring(&r.0, to))).filter(|r| !r.0.is_empty()).collect();
                out.areas.push(Polygon::new(LineString(exterior), holes));
            }
        }
        for line in &self.lines {
            clip_line(&line.0, to).into_iter().for_each(|part| out.add_line(LineString(part)));
        }
        let inside = |c: &Coord| (to.west..=to.east).contains(&c.x) && (to.south..=to.north).contains(&c.y);
        out.points.extend(self.points.iter().copied().filter(inside));
        out
    }

    /// In pieces within ±180, where longitudes run on beyond; edges are straight. The boundary of a piece may run along ±180 twice.
    #[must_use]
    pub fn cut(&self) -> Self {
        outline::cut(self)
    }

    /// With every edge taken the short way round, so that longitudes run on without jumps; rings around a pole are closed over the one
    /// that is nearer.
    #[must_use]
    pub fn short_way(&self) -> Self {
        let ring = |l: &LineString| {
            let latitudes: f64 = l.0.iter().map(|c| c.y).sum();
            LineString(outline::close(l.0.clone(), || 90.0_f64.copysign(latitudes)))
        };
        let areas = self.areas.iter().map(|p| Polygon::new(ring(p.exterior()), p.interiors().iter().map(ring).collect()));
        Self {
            areas: areas.collect(),
            lines: self.lines.iter().map(|l| LineString(outline::unwrap(l.0.clone()).0)).collect(),
            points: self.points.clone(),
        }
    }

    /// Adds everything of another.
    pub fn extend(&mut self, other: Self) {
        self.areas.extend(other.areas);
        self.lines.extend(other.lines);
        self.points.extend(other.points);
    }

    /// As one geometry, for catalogues and pictures.
    pub fn to_geojson(&self) -> geojson::Geometry {
        let mut all: Vec<Geometry> = Vec::new();
        if !self.areas.is_empty() {
            all.push(Geometry::MultiPolygon(geo::MultiPolygon(self.areas.clone())));
        }
        if !self.lines.is_empty() {
            all.push(Geometry::MultiLineString(geo::MultiLineString(self.lines.clone())));
        }
        if !self.points.is_empty() {
            all.push(Geometry::MultiPoint(geo::MultiPoint(self.points.iter().map(|c| geo::Point(*c)).collect())));
        }
        let geometry = if all.len() == 1 { all.remove(0) } else { Geometry::GeometryCollection(geo::GeometryCollection(all)) };
        geojson::Geometry::new((&geometry).into())
    }

    /// From GeoJSON. Errors are the library's words.
    pub(crate) fn from_geojson(geometry: &geojson::Geometry) -> Result<Self, String> {
        // The library takes every position to have two numbers.
        if !has_whole_positions(&geometry.value) {
            return Err("a position has fewer than two numbers".into());
        }
        Geometry::<f64>::try_from(geometry).map(Self::of).map_err(|e| e.to_string())
    }
}

fn has_whole_positions(value: &geojson::GeometryValue) -> bool {
    use geojson::GeometryValue as V;
    let line = |l: &Vec<geojson::Position>| l.iter().all(|p| p.len() >= 2);
    match value {
        V::Point { coordinates } => coordinates.len() >= 2,
        V::MultiPoint { coordinates } | V::LineString { coordinates } => line(coordinates),
        V::MultiLineString { coordinates } | V::Polygon { coordinates } => coordinates.iter().all(line),
        V::MultiPolygon { coordinates } => coordinates.iter().flatten().all(line),
        V::GeometryCollection { geometries } => geometries.iter().all(|g| has_whole_positions(&g.value)),
    }
}

/// Twice the signed area of a closed ring, computed around its first vertex so that large coordinates do not swamp small rings.
pub(crate) fn double_area(ring: &[Coord]) -> f64 {
    let Some(o) = ring.first().copied() else { return 0.0 };
    ring.windows(2).map(|e| (e[0].x - o.x) * (e[1].y - o.y) - (e[1].x - o.x) * (e[0].y - o.y)).sum()
}

/// After how many edges a closed ring begins anew that runs over all of its course several times; `None` for other rings.
fn round(ring: &[Coord]) -> Option<usize> {
    let edges = ring.len().checked_sub(1)?;
    let once = 1 + ring[1..].iter().position(|c| *c == ring[0])?;
    (once < edges && edges % once == 0 && (once..=edges).all(|i| ring[i] == ring[i % once])).then_some(once)
}

/// Whether a closed ring goes around anything. The signed area alone is no measure: the wings of a bowtie take each other away.
pub(crate) fn has_area(ring: &[Coord]) -> bool {
    double_area(ring) != 0.0 || !retraces(ring)
}

/// Whether a ring runs over all of its course an even number of times, so that nothing is inside of it: points on one line, or what is left
/// of a ring where an extent cuts all of its inside away. Exact for edges along x or y, as cutting makes them; others must be the same ones.
fn retraces(ring: &[Coord]) -> bool {
    let Some((first, other)) = ring.first().and_then(|f| Some((*f, *ring.iter().find(|c| *c != f)?))) else { return true };
    if ring.iter().all(|c| (other.x - first.x) * (c.y - first.y) == (c.x - first.x) * (other.y - first.y)) {
        return true;
    }
    // How often a place on a line is covered changes at the ends of edges: it is even everywhere if an even number ends at each place.
    let mut odd: HashSet<[u64; 5]> = HashSet::new();
    let mut turn = |end: [u64; 5]| {
        if !odd.remove(&end) {
            odd.insert(end);
        }
    };
    // -0 is 0.
    let bits = |v: f64| (v + 0.0).to_bits();
    for edge in ring.windows(2).filter(|e| e[0] != e[1]) {
        let (a, b) = ([bits(edge[0].x), bits(edge[0].y)], [bits(edge[1].x), bits(edge[1].y)]);
        if a[0] == b[0] {
            [a[1], b[1]].into_iter().for_each(|end| turn([0, a[0], end, 0, 0]));
        } else if a[1] == b[1] {
            [a[0], b[0]].into_iter().for_each(|end| turn([1, a[1], end, 0, 0]));
        } else {
            let (a, b) = (a.min(b), a.max(b));
            turn([2, a[0], a[1], b[0], b[1]]);
        }
    }
    odd.is_empty()
}

/// Whether a point lies inside closed rings, by the even-odd rule.
pub(crate) fn contains<'a>(rings: impl IntoIterator<Item = &'a [Coord]>, p: Coord) -> bool {
    rings.into_iter().flat_map(|r| r.windows(2)).fold(false, |inside, e| {
        let (a, b) = (e[0], e[1]);
        let crosses = (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * ((p.y - a.y) / (b.y - a.y)) + a.x;
        inside != crosses
    })
}

/// The ring cut to an extent, side after side (Sutherland and Hodgman); empty when nothing is left.
pub(crate) fn clip_ring(ring: &[Coord], to: Extent) -> Vec<Coord> {
    let mut points = ring.to_vec();
    for (on_x, at, sign) in [(true, to.west, 1.0), (true, to.east, -1.0), (false, to.south, 1.0), (false, to.north, -1.0)] {
        let inside = |c: Coord| (if on_x { c.x } else { c.y } - at) * sign;
        if points.iter().all(|c| inside(*c) >= 0.0) {
            continue;
        }
        let mut kept = Vec::with_capacity(points.len() + 4);
        for edge in points.windows(2) {
            let (da, db) = (inside(edge[0]), inside(edge[1]));
            if da >= 0.0 {
                kept.push(edge[0]);
            }
            if (da > 0.0 && db < 0.0) || (da < 0.0 && db > 0.0) {
                kept.push(between(edge[0], edge[1], da / (da - db), on_x, at));
            }
        }
        if let Some(first) = kept.first().copied()
            && kept.last() != Some(&first)
        {
            kept.push(first);
        }
        points = kept;
    }
    if points.len() < 4 { Vec::new() } else { points }
}

/// The point at `t` of an edge, set exactly onto the line `x = at` or `y = at` that it was computed for.
fn between(a: Coord, b: Coord, t: f64, on_x: bool, at: f64) -> Coord {
    if on_x { Coord { x: at, y: a.y + t * (b.y - a.y) } } else { Coord { x: a.x + t * (b.x - a.x), y: at } }
}

/// The parts of a line inside an extent (Liang and Barsky, edge by edge).
fn clip_line(line: &[Coord], to: Extent) -> Vec<Vec<Coord>> {
    let mut parts: Vec<Vec<Coord>> = Vec::new();
    for edge in line.windows(2) {
        let (a, d) = (edge[0], Coord { x: edge[1].x - edge[0].x, y: edge[1].y - edge[0].y });
        let (mut t0, mut t1) = (0.0_f64, 1.0_f64);
        let mut outside = false;
        for (p, q) in [(-d.x, a.x - to.west), (d.x, to.east - a.x), (-d.y, a.y - to.south), (d.y, to.north - a.y)] {
            if p == 0.0 {
                outside |= q < 0.0;
            } else if p < 0.0 {
                t0 = t0.max(q / p);
            } else {
                t1 = t1.min(q / p);
            }
        }
        if outside || t0 > t1 {
            continue;
        }
        let at = |t: f64| {
            if t == 0.0 {
                a
            } else if t == 1.0 {
                edge[1]
            } else {
                Coord { x: a.x + t * d.x, y: a.y + t * d.y }
            }
        };
        let (start, end) = (at(t0), at(t1));
        match parts.last_mut() {
            Some(part) if part.last() == Some(&start) => part.push(end),
            _ => parts.push(vec![start, end]),
        }
    }
    parts
}

#[cfg(test)]
#[path = "shapes_tests.rs"]
mod tests;
