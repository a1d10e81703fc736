//! Whether what a granule covers touches a box.
//!
//! CMR draws the edges of polygons as great circles where a collection is geodetic, and straight on the map where it is cartesian; a record does not say
//! which. CMR has judged already; here a granule is left out only when neither reading touches the box, so that nothing is lost.

use cube_core::Extent;
use cube_metadata::Footprint;
use geo::{Coord, Intersects, LineString, Polygon, Rect};

/// Edges that are longer than this, in degrees, differ from great circles by more than a metre or so.
const LONG: f64 = 0.05;
/// Longest piece of a great circle that is drawn straight, in degrees.
const PIECE: f64 = 0.25;

/// Whether it shares an area, an edge or a point with a box (`west ≤ east`, within ±180); true when nothing is stated.
pub(super) fn touches(footprint: &Footprint, area: &Extent) -> bool {
    let shapes = &footprint.shapes;
    if shapes.is_empty() {
        return true;
    }
    let rect = Rect::new((area.west, area.south), (area.east, area.north));
    shapes.areas.iter().any(|p| meets(p, &rect))
        || shapes.lines.iter().any(|l| l.intersects(&rect))
        || shapes.points.iter().any(|p| rect.intersects(p))
        || shapes.areas.iter().filter(|p| is_long(p.exterior())).any(|p| meets(&round(p), &rect))
}

/// A box without an area is a line or a point, which the predicates of polygons do not expect.
fn meets(polygon: &Polygon, rect: &Rect) -> bool {
    let (low, high) = (rect.min(), rect.max());
    match (low.x == high.x, low.y == high.y) {
        (false, false) => polygon.intersects(rect),
        (true, true) => polygon.intersects(&low),
        _ => polygon.intersects(&geo::Line::new(low, high)),
    }
}

fn is_long(ring: &LineString) -> bool {
    ring.lines().any(|l| (l.end.x - l.start.x).abs() > LONG)
}

/// The polygon with its edges along great circles. Edges along ±180 are cuts, and stay.
fn round(polygon: &Polygon) -> Polygon {
    let ring = |l: &LineString| {
        let mut out: Vec<Coord> = Vec::with_capacity(l.0.len() * 4);
        for edge in l.lines() {
            let span = (edge.end.x - edge.start.x).abs().max((edge.end.y - edge.start.y).abs());
            let pieces = (span / PIECE).ceil().clamp(1.0, 2000.0) as usize;
            out.extend((0..pieces).map(|i| along(edge.start, edge.end, i as f64 / pieces as f64)));
        }
        out.extend(l.0.last());
        LineString(out)
    };
    Polygon::new(ring(polygon.exterior()), polygon.interiors().iter().map(ring).collect())
}

/// A point of the great circle between two points, which lie less than half the world apart.
fn along(a: Coord, b: Coord, share: f64) -> Coord {
    let vector = |c: Coord| {
        let (lon, lat) = (c.x.to_radians(), c.y.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let straight = Coord { x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y) };
    let (u, v) = (vector(a), vector(b));
    let angle = u.iter().zip(v).map(|(p, q)| p * q).sum::<f64>().clamp(-1.0, 1.0).acos();
    if share == 0.0 || !(1e-9..=3.1).contains(&angle) || a.x == b.x {
        return straight;
    }
    let (from, to) = (((1.0 - share) * angle).sin() / angle.sin(), (share * angle).sin() / angle.sin());
    let [x, y, z] = [0, 1, 2].map(|i| from * u[i] + to * v[i]);
    // The longitude on the same turn as the straight one.
    let lon = y.atan2(x).to_degrees();
    let lon = lon + ((straight.x - lon) / 360.0).round() * 360.0;
    Coord { x: lon, y: z.clamp(-1.0, 1.0).asin().to_degrees() }
}

#[cfg(test)]
mod tests {
    use cube_metadata::umm::Granule;

    use super::*;

    fn footprint(geometry: &str) -> Footprint {
        let record = format!(r#"{{"umm": {{"GranuleUR": "a", "SpatialExtent": {{"HorizontalSpatialDomain": {{"Geometry": {geometry}}}}}}}}}"#);
        Granule::parse(record.as_bytes()).expect("a granule").footprint()
    }

    fn polygon(points: &[[f64; 2]], hole: &[[f64; 2]]) -> Footprint {
        let ring = |points: &[[f64; 2]]| {
            let points: Vec<String> = points.iter().map(|p| format!(r#"{{"Longitude": {}, "Latitude": {}}}"#, p[0], p[1])).collect();
            format!(r#"{{"Points": [{}]}}"#, points.join(","))
        };
        let zone = if hole.is_empty() { String::new() } else { format!(r#", "ExclusiveZone": {{"Boundaries": [{}]}}"#, ring(hole)) };
        footprint(&format!(r#"{{"GPolygons": [{{"Boundary": {}{zone}}}]}}"#, ring(points)))
    }

    #[test]
    fn holes_and_the_antimeridian_are_seen() {
        let square = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]];
        let holed = polygon(&square, &[[2.0, 2.0], [2.0, 8.0], [8.0, 8.0], [8.0, 2.0], [2.0, 2.0]]);
        assert!(touches(&holed, &Extent::new(0.5, 0.5, 1.0, 1.0)));
        assert!(!touches(&holed, &Extent::new(4.0, 4.0, 5.0, 5.0)), "inside the hole");
        let across = polygon(&[[179.0, 0.0], [-179.0, 0.0], [-179.0, 2.0], [179.0, 2.0], [179.0, 0.0]], &[]);
        assert!(touches(&across, &Extent::new(-179.5, 0.5, -179.4, 0.6)) && touches(&across, &Extent::new(179.4, 0.5, 179.5, 0.6)));
        assert!(!touches(&across, &Extent::new(0.0, 0.5, 1.0, 0.6)));
        let boxed = footprint(
            r#"{"BoundingRectangles": [{"WestBoundingCoordinate": 170, "SouthBoundingCoordinate": 0, "EastBoundingCoordinate": -170, "NorthBoundingCoordinate": 5}]}"#,
        );
        assert!(touches(&boxed, &Extent::new(-175.0, 1.0, -175.0, 1.0)) && !touches(&boxed, &Extent::new(160.0, 1.0, 165.0, 2.0)));
        let point = footprint(r#"{"Points": [{"Longitude": 7.5, "Latitude": 46.5}]}"#);
        assert!(touches(&point, &Extent::new(7.0, 46.0, 8.0, 47.0)) && !touches(&point, &Extent::new(7.6, 46.0, 8.0, 47.0)));
        assert!(touches(&Footprint::default(), &Extent::new(0.0, 0.0, 1.0, 1.0)), "nothing is stated");
    }

    #[test]
    fn edges_may_be_great_circles() {
        // From 0 to 60 degrees east at 60 north, a great circle reaches atan(tan 60 / cos 30) = 63.4 north in the middle.
        let swath = polygon(&[[0.0, 50.0], [60.0, 50.0], [60.0, 60.0], [0.0, 60.0], [0.0, 50.0]], &[]);
        assert!(touches(&swath, &Extent::new(29.0, 63.0, 31.0, 63.3)));
        assert!(!touches(&swath, &Extent::new(29.0, 63.6, 31.0, 64.0)));
        assert!(touches(&swath, &Extent::new(29.0, 50.5, 31.0, 50.6)), "also where only the straight edge has it");
    }
}
