//! What shapes have to be like.

use crate::{
    field::Item,
    problem::Problem,
    shape::{BoundingBox, Circle, Line, Point, Polygon},
};

/// Points of a polygon to which clients simplify by default. CMR itself takes some more, see [`CMR_POLYGON_POINTS`].
pub const DEFAULT_POLYGON_POINTS: usize = 300;
/// Points of a polygon above which CMR's own pattern overflows (`spatial-lib`, `codec.clj`: "about 660").
pub const CMR_POLYGON_POINTS: usize = 660;
/// Points that CMR takes in a line (`spatial-lib`, `messages.clj`).
pub const CMR_LINE_POINTS: usize = 500;

fn check_point(field: &str, p: &Point, problems: &mut Vec<Problem>) {
    check_longitude(field, p.lon, problems);
    if !(-90.0..=90.0).contains(&p.lat) {
        let swapped = (-90.0..=90.0).contains(&p.lon) && (-180.0..=180.0).contains(&p.lat);
        let hint = if swapped { "longitude comes first: are they swapped?" } else { "latitudes lie within ±90" };
        problems.push(Problem::wrong(field, p.lat, "is not a latitude", hint));
    }
}

fn check_longitude(field: &str, lon: f64, problems: &mut Vec<Problem>) {
    if !(-180.0..=180.0).contains(&lon) {
        problems.push(Problem::wrong(field, lon, "is not a longitude", "longitudes lie within ±180; a box beyond the antimeridian has west > east"));
    }
}

pub(crate) fn check_points(field: &str, points: &[Point]) -> Vec<Problem> {
    let mut problems = Vec::new();
    points.iter().for_each(|p| check_point(field, p, &mut problems));
    problems
}

pub(crate) fn check_box(field: &str, b: &BoundingBox) -> Vec<Problem> {
    let mut problems = check_points(field, &[Point { lon: b.west, lat: b.south }, Point { lon: b.east, lat: b.north }]);
    if problems.is_empty() && b.south > b.north {
        let hint = format!("the order is west, south, east, north: did you mean [{}, {}, {}, {}]?", b.west, b.north, b.east, b.south);
        problems.push(Problem::wrong(field, b.write(), "has its south above its north", hint));
    }
    problems
}

pub(crate) fn check_ring(field: &str, ring: &[Point]) -> Vec<Problem> {
    let mut problems = check_points(field, ring);
    let count = format!("{} points", ring.len());
    match (ring.first(), ring.last()) {
        (Some(a), Some(b)) if a != b => {
            let hint = format!("end it with its first point, [{}, {}]", a.lon, a.lat);
            problems.push(Problem::wrong(field, &count, "are not closed: the last is not the first", hint));
        }
        _ if ring.len() < 4 => {
            problems.push(Problem::wrong(field, &count, "are too few for a ring", "a ring has three corners, and ends with its first point"))
        }
        _ => {}
    }
    problems
}

pub(crate) fn check_polygon(field: &str, p: &Polygon) -> Vec<Problem> {
    std::iter::once(&p.exterior).chain(&p.holes).flat_map(|r| check_ring(field, r)).collect()
}

pub(crate) fn check_line(field: &str, line: &Line) -> Vec<Problem> {
    let mut problems = check_points(field, &line.0);
    if line.0.len() < 2 {
        problems.push(Problem::wrong(field, format!("{} points", line.0.len()), "are too few for a line", "give two points or more"));
    }
    problems
}

pub(crate) fn check_circle(field: &str, c: &Circle) -> Vec<Problem> {
    let mut problems = check_points(field, &[c.center]);
    if c.radius.is_nan() || c.radius <= 0.0 {
        problems.push(Problem::wrong(field, c.radius, "is not a radius", "give the radius in metres"));
    }
    problems
}

/// What CMR answers with an error, beyond what makes no sense anyway.
pub(crate) fn check_polygon_for_cmr(field: &str, p: &Polygon) -> Vec<Problem> {
    let ring = &p.exterior;
    let mut problems = Vec::new();
    if ring.len() > CMR_POLYGON_POINTS {
        let hint = format!("simplify it: {DEFAULT_POLYGON_POINTS} points are customary");
        problems.push(Problem::wrong(
            field,
            format!("{} points", ring.len()),
            format!("are more than CMR takes in a polygon ({CMR_POLYGON_POINTS})"),
            hint,
        ));
    }
    problems.extend(check_neighbours(field, ring));
    let corners = &ring[..ring.len().saturating_sub(1)];
    let mut seen: Vec<_> = corners.iter().map(|p| (p.lon.to_bits(), p.lat.to_bits())).collect();
    seen.sort_unstable();
    if problems.is_empty() && seen.windows(2).any(|w| w[0] == w[1]) {
        problems.push(Problem::wrong(
            field,
            format!("{} points", ring.len()),
            "touch themselves: a corner occurs twice",
            "CMR takes each corner once",
        ));
    }
    if problems.is_empty()
        && let Some((a, b)) = first_crossing(ring)
    {
        problems.push(Problem::wrong(
            field,
            format!("{} points", ring.len()),
            format!("cross themselves between [{}, {}] and [{}, {}], which CMR refuses", ring[a].lon, ring[a].lat, ring[b].lon, ring[b].lat),
            "cut it into polygons that do not cross themselves; a region that is given with --roi is repaired",
        ));
    }
    if problems.is_empty() && is_clockwise(ring) {
        problems.push(Problem::wrong(
            field,
            format!("{} points", ring.len()),
            "run clockwise: CMR takes that for all the rest of the earth, and refuses it",
            "reverse the order of the points",
        ));
    }
    problems
}

pub(crate) fn check_line_for_cmr(field: &str, line: &Line) -> Vec<Problem> {
    let mut problems = check_neighbours(field, &line.0);
    if line.0.len() > CMR_LINE_POINTS {
        let message = format!("are more than CMR takes in a line ({CMR_LINE_POINTS})");
        problems.push(Problem::wrong(field, format!("{} points", line.0.len()), message, "simplify it, or cut it into several lines"));
    }
    problems
}

pub(crate) fn check_circle_for_cmr(field: &str, c: &Circle) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !(10.0..=6_000_000.0).contains(&c.radius) {
        problems.push(Problem::wrong(field, c.radius, "is not a radius that CMR takes", "radii lie between 10 and 6,000,000 metres"));
    }
    if c.center.lat.abs() == 90.0 {
        problems.push(Problem::wrong(
            field,
            c.center.lat,
            "is a pole, which CMR takes for no circle's middle",
            "use a bounding box down to a parallel",
        ));
    }
    problems
}

/// Points beside each other that are the same or opposite.
fn check_neighbours(field: &str, points: &[Point]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pair in points.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let value = format!("[{}, {}]", a.lon, a.lat);
        if a == b {
            problems.push(Problem::wrong(field, &value, "is there twice in succession", "leave one out"));
        } else if a.lat == -b.lat && ((a.lon - b.lon).abs() == 180.0 || a.lat.abs() == 90.0) {
            let message = format!("is followed by [{}, {}], on the other side of the earth: no shortest way joins them", b.lon, b.lat);
            problems.push(Problem::wrong(field, &value, message, "add a point between them"));
        }
    }
    problems
}

/// The points at which two edges begin that cross each other, along great circles as CMR has them.
fn first_crossing(ring: &[Point]) -> Option<(usize, usize)> {
    let on_sphere = |p: &Point| {
        let ((lon_sin, lon_cos), (lat_sin, lat_cos)) = (p.lon.to_radians().sin_cos(), p.lat.to_radians().sin_cos());
        [lat_cos * lon_cos, lat_cos * lon_sin, lat_sin]
    };
    let points: Vec<[f64; 3]> = ring.iter().map(on_sphere).collect();
    let edges: Vec<[[f64; 3]; 2]> = points.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    // Neighbours have a point in common, and the first edge is a neighbour of the last.
    let apart = |i: usize, j: usize| j > i + 1 && (i, j) != (0, edges.len() - 1);
    (0..edges.len()).find_map(|i| (i..edges.len()).find(|j| apart(i, *j) && cross_each_other(edges[i], edges[*j])).map(|j| (i, j)))
}

/// Whether two arcs have an inner point in common. Arcs that only touch do not cross.
fn cross_each_other([a, b]: [[f64; 3]; 2], [c, d]: [[f64; 3]; 2]) -> bool {
    /// Below it there is nothing but rounding.
    const NEAR: f64 = 1e-15;
    let cross = |u: [f64; 3], v: [f64; 3]| [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let dot = |u: [f64; 3], v: [f64; 3]| u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
    let (ab, cd) = (cross(a, b), cross(c, d));
    let sides = [-dot(ab, c), dot(ab, d), -dot(cd, b), dot(cd, a)];
    sides.iter().all(|side| *side > NEAR) || sides.iter().all(|side| *side < -NEAR)
}

/// Whether a closed ring runs clockwise seen from above. Each step goes the shorter way round; a ring round a pole runs either way, since
/// what lies to its left is its inside.
pub(crate) fn is_clockwise(ring: &[Point]) -> bool {
    let (mut lon, mut twice_area, mut turned) = (0.0, 0.0, 0.0);
    for pair in ring.windows(2) {
        let step = (pair[1].lon - pair[0].lon + 540.0).rem_euclid(360.0) - 180.0;
        twice_area += lon * pair[1].lat - (lon + step) * pair[0].lat;
        lon += step;
        turned += step;
    }
    turned.abs() < 180.0 && twice_area < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(points: &[(f64, f64)]) -> Vec<Point> {
        points.iter().map(|(lon, lat)| Point { lon: *lon, lat: *lat }).collect()
    }

    #[test]
    fn orientation_is_found_across_the_antimeridian_and_round_the_poles() {
        for (points, clockwise) in [
            (vec![(10.0, 10.0), (30.0, 10.0), (30.0, 20.0), (10.0, 20.0), (10.0, 10.0)], false),
            (vec![(10.0, 10.0), (10.0, 20.0), (30.0, 20.0), (30.0, 10.0), (10.0, 10.0)], true),
            (vec![(170.0, -5.0), (-170.0, -5.0), (-170.0, 5.0), (170.0, 5.0), (170.0, -5.0)], false),
            (vec![(170.0, -5.0), (170.0, 5.0), (-170.0, 5.0), (-170.0, -5.0), (170.0, -5.0)], true),
            (vec![(0.0, 80.0), (120.0, 80.0), (-120.0, 80.0), (0.0, 80.0)], false),
            (vec![(0.0, 80.0), (-120.0, 80.0), (120.0, 80.0), (0.0, 80.0)], false),
        ] {
            assert_eq!(is_clockwise(&ring(&points)), clockwise, "{points:?}");
        }
    }

    #[test]
    fn every_fault_of_a_shape_is_named() {
        let polygon = |points: &[(f64, f64)]| Polygon { exterior: ring(points), holes: Vec::new() };
        let message = |problems: &[Problem]| problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>().join("|");
        let open = polygon(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]);
        assert!(message(&check_polygon("polygon", &open)).contains("not closed"));
        let far = polygon(&[(0.0, 0.0), (200.0, 0.0), (1.0, 95.0), (0.0, 0.0)]);
        assert_eq!(check_polygon("polygon", &far).len(), 2);
        for (points, text) in [
            (vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)], "clockwise"),
            (vec![(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)], "twice in succession"),
            (vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)], "occurs twice"),
            (vec![(0.0, 10.0), (180.0, -10.0), (1.0, 1.0), (0.0, 10.0)], "other side of the earth"),
            (vec![(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0)], "cross themselves between [0, 0] and [2, 0]"),
            (vec![(179.0, 0.0), (-179.0, 2.0), (-179.0, 0.0), (179.0, 2.0), (179.0, 0.0)], "cross themselves"),
        ] {
            let problems = check_polygon_for_cmr("polygon", &polygon(&points));
            assert!(message(&problems).contains(text), "{points:?}: {problems:?}");
        }
        // The great circle of the edge along 60 degrees north comes up to 63.4 degrees.
        for fine in [
            vec![(0.0, 0.0), (10.0, 0.0), (5.0, 5.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)],
            vec![(0.0, 60.0), (60.0, 60.0), (60.0, 70.0), (30.0, 64.0), (0.0, 70.0), (0.0, 60.0)],
            vec![(170.0, -5.0), (-170.0, -5.0), (-170.0, 5.0), (170.0, 5.0), (170.0, -5.0)],
        ] {
            assert!(check_polygon_for_cmr("polygon", &polygon(&fine)).is_empty(), "{fine:?}");
        }
        let over_the_arc = vec![(0.0, 60.0), (60.0, 60.0), (60.0, 70.0), (30.0, 61.0), (0.0, 70.0), (0.0, 60.0)];
        assert!(message(&check_polygon_for_cmr("polygon", &polygon(&over_the_arc))).contains("cross themselves"));
        let many = Polygon {
            exterior: (0..=700).map(|i| f64::from(i % 700).to_radians() * 360.0 / 700.0).map(|a| Point { lon: a.cos(), lat: a.sin() }).collect(),
            holes: Vec::new(),
        };
        assert!(message(&check_polygon_for_cmr("polygon", &many)).contains("more than CMR takes"));
        let long = Line((0..501).map(|i| Point { lon: f64::from(i) / 10.0, lat: 0.0 }).collect());
        assert_eq!(check_line_for_cmr("line", &long).len(), 1);
        let circle = |lat, radius| check_circle_for_cmr("circle", &Circle { center: Point { lon: 0.0, lat }, radius }).len();
        assert_eq!((circle(0.0, 9.0), circle(90.0, 7e6), circle(45.0, 10.0)), (1, 2, 0));
        let upside_down = check_box("bounding_box", &BoundingBox { west: 0.0, south: 5.0, east: 1.0, north: -5.0 });
        assert!(upside_down[0].hint().is_some_and(|h| h.contains("[0, -5, 1, 5]")));
        assert!(check_points("point", &[Point { lon: 45.0, lat: 120.0 }])[0].hint().is_some_and(|h| h.contains("swapped")));
    }
}
