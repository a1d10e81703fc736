//! `SpatialExtent` to `geometry` and `bbox`. Where a record lists its corners as GeoJSON wants them, their digits are copied.

use crate::{
    Number,
    footprint::{Footprint, is_jump, winds},
    json::Writer,
    umm::{Geometry, Point, Rectangle, Spatial},
};

/// What is to be written for a record's extent.
#[derive(Debug)]
pub(super) enum Outline<'g> {
    /// Nothing is stated.
    Nothing,
    /// As listed.
    Listed(Listed<'g>),
    /// Computed.
    Computed(Footprint),
}

impl<'g> Outline<'g> {
    pub(super) fn of(spatial: Option<&'g Spatial<'g>>) -> Self {
        let Some(spatial) = spatial else { return Self::Nothing };
        if let Some(listed) = spatial.geometry.as_ref().and_then(Listed::of) {
            return Self::Listed(listed);
        }
        let footprint = spatial.footprint();
        if footprint.is_empty() { Self::Nothing } else { Self::Computed(footprint) }
    }

    /// Whether the record's extent follows from the geometry.
    pub(super) fn says_all(&self, spatial: &Spatial<'_>) -> bool {
        matches!(self, Self::Listed(listed) if listed.exact && spatial.is_geometry_alone())
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        w.key("geometry");
        match self {
            Self::Nothing => w.literal("null"),
            Self::Listed(listed) => listed.write(w),
            Self::Computed(footprint) => match footprint.principal() {
                Some(geometry) => write_geojson(&geometry, w),
                None => w.literal("null"),
            },
        }
        self.write_bbox(w);
    }

    pub(super) fn write_bbox(&self, w: &mut Writer<'_>) {
        match self {
            Self::Nothing => {}
            Self::Listed(listed) => {
                w.key("bbox");
                w.open(b'[');
                listed.bounds.sides().iter().for_each(|side| w.literal(side.as_str()));
                w.close(b']');
            }
            Self::Computed(footprint) => {
                if let Some(bbox) = footprint.bbox {
                    w.key("bbox");
                    w.open(b'[');
                    bbox.iter().for_each(|side| w.number(*side));
                    w.close(b']');
                }
            }
        }
    }
}

/// The parts of a geometry of one dimension that can be written as they are listed.
#[derive(Debug)]
pub(super) struct Listed<'g> {
    geometry: &'g Geometry<'g>,
    /// For each ring of each polygon, whether it must be turned round.
    turned: Vec<bool>,
    bounds: Bounds<'g>,
    /// Whether reading the GeoJSON gives the lists again.
    exact: bool,
}

/// West, south, east, north of what was met.
#[derive(Debug, Clone, Copy)]
struct Bounds<'g> {
    values: [f64; 4],
    texts: [Number<'g>; 4],
}

impl<'g> Bounds<'g> {
    const NONE: Self = Self { values: [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], texts: [Number("0"); 4] };

    fn sides(&self) -> [Number<'g>; 4] {
        self.texts
    }

    #[inline]
    fn add(&mut self, point: Point<'g>, [x, y]: [f64; 2]) {
        for (side, value, text, less) in
            [(0, x, point.longitude, true), (1, y, point.latitude, true), (2, x, point.longitude, false), (3, y, point.latitude, false)]
        {
            if (less && value < self.values[side]) || (!less && value > self.values[side]) {
                self.values[side] = value;
                self.texts[side] = text;
            }
        }
    }
}

impl<'g> Listed<'g> {
    fn of(geometry: &'g Geometry<'g>) -> Option<Self> {
        let kinds = [!geometry.polygons.is_empty() || !geometry.rectangles.is_empty(), !geometry.lines.is_empty(), !geometry.points.is_empty()];
        if kinds.iter().filter(|k| **k).count() != 1 {
            return None;
        }
        let mut listed = Self { geometry, turned: Vec::new(), bounds: Bounds::NONE, exact: true };
        for polygon in &geometry.polygons {
            let boundary = listed.ring(&polygon.boundary, true)?;
            for hole in &polygon.holes {
                listed.ring(hole, false)?;
            }
            listed.exact &= !(polygon.holes.is_empty() && rectangle_of(&boundary).is_some());
        }
        for r in &geometry.rectangles {
            let ([west, south], [east, north]) = ([r.west.value(), r.south.value()], [r.east.value(), r.north.value()]);
            if !(west < east && south < north && in_range([west, south]) && in_range([east, north])) {
                return None;
            }
            listed.bounds.add(Point { longitude: r.west, latitude: r.south }, [west, south]);
            listed.bounds.add(Point { longitude: r.east, latitude: r.north }, [east, north]);
        }
        for line in &geometry.lines {
            let (mut last, mut moves) = (None, false);
            for &point in line {
                let position = point.position();
                moves |= last.is_some_and(|l: [f64; 2]| l != position);
                if !in_range(position) || last.is_some_and(|l: [f64; 2]| is_jump(l[0], position[0])) {
                    return None;
                }
                listed.bounds.add(point, position);
                last = Some(position);
            }
            moves.then_some(())?;
        }
        for &point in &geometry.points {
            let position = point.position();
            in_range(position).then_some(())?;
            listed.bounds.add(point, position);
        }
        // Where parts meet at the antimeridian, the bounding box is one across it.
        let parts = geometry.polygons.len() + geometry.rectangles.len() + geometry.lines.len() + geometry.points.len();
        let around = listed.bounds.values[0] == -180.0 && listed.bounds.values[2] == 180.0;
        (parts == 1 || !around).then_some(listed)
    }

    /// Takes in a ring: closed, of three corners at least, within the map, not over the antimeridian. Answers its corners.
    fn ring(&mut self, points: &'g [Point<'g>], outer: bool) -> Option<Vec<[f64; 2]>> {
        let positions: Vec<[f64; 2]> = points.iter().map(|p| p.position()).collect();
        let first = *positions.first()?;
        if positions.len() < 4 || Some(&first) != positions.last() {
            return None;
        }
        let (mut area, mut before) = (0.0, first);
        for (&point, &[x, y]) in points.iter().zip(&positions) {
            if !in_range([x, y]) || is_jump(before[0], x) {
                return None;
            }
            area += (before[0] - first[0]) * (y - first[1]) - (x - first[0]) * (before[1] - first[1]);
            self.bounds.add(point, [x, y]);
            before = [x, y];
        }
        if area == 0.0 || winds(positions.iter().copied()) {
            return None;
        }
        // Both kinds of rings are listed counter-clockwise; GeoJSON wants holes clockwise.
        self.turned.push((area > 0.0) != outer);
        self.exact &= area > 0.0;
        Some(positions)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let Geometry { polygons, rectangles, lines, points, .. } = self.geometry;
        w.open(b'{');
        let several = polygons.len() + rectangles.len() + lines.len() + points.len() > 1;
        let of = |one, many| if several { many } else { one };
        w.key("type");
        w.plain(if !lines.is_empty() {
            of("LineString", "MultiLineString")
        } else if !points.is_empty() {
            of("Point", "MultiPoint")
        } else {
            of("Polygon", "MultiPolygon")
        });
        w.key("coordinates");
        if several {
            w.open(b'[');
        }
        let mut turned = self.turned.iter();
        for polygon in polygons {
            w.open(b'[');
            for ring in std::iter::once(&polygon.boundary).chain(&polygon.holes) {
                write_points(w, ring, turned.next() == Some(&true));
            }
            w.close(b']');
        }
        for rectangle in rectangles {
            w.open(b'[');
            write_points(w, &corners(rectangle), false);
            w.close(b']');
        }
        for line in lines {
            write_points(w, line, false);
        }
        for point in points {
            write_point(w, point);
        }
        if several {
            w.close(b']');
        }
        w.close(b'}');
    }
}

fn in_range([x, y]: [f64; 2]) -> bool {
    (-180.0..=180.0).contains(&x) && (-90.0..=90.0).contains(&y)
}

/// Counter-clockwise from the south-western corner: so a rectangle is told from a polygon on the way back.
fn corners<'a>(r: &Rectangle<'a>) -> [Point<'a>; 5] {
    [(r.west, r.south), (r.east, r.south), (r.east, r.north), (r.west, r.north), (r.west, r.south)]
        .map(|(longitude, latitude)| Point { longitude, latitude })
}

/// West, south, east, north of a ring that is written as a rectangle is.
pub(super) fn rectangle_of(ring: &[[f64; 2]]) -> Option<[f64; 4]> {
    let &[a, b, c, d, e] = ring else { return None };
    (a == e && a[1] == b[1] && b[0] == c[0] && c[1] == d[1] && d[0] == a[0] && a[0] < b[0] && b[1] < c[1]).then_some([a[0], a[1], c[0], c[1]])
}

fn write_points(w: &mut Writer<'_>, points: &[Point<'_>], turned: bool) {
    w.open(b'[');
    if turned {
        points.iter().rev().for_each(|p| write_point(w, p));
    } else {
        points.iter().for_each(|p| write_point(w, p));
    }
    w.close(b']');
}

#[inline]
fn write_point(w: &mut Writer<'_>, point: &Point<'_>) {
    w.open(b'[');
    w.literal(point.longitude.as_str());
    w.literal(point.latitude.as_str());
    w.close(b']');
}

/// GeoJSON with whole numbers written as such.
fn write_geojson(geometry: &geojson::Geometry, w: &mut Writer<'_>) {
    w.value(&serde_json::to_value(geometry).unwrap_or_default());
}
