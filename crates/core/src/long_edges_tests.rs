use geo::Geometry;
use serde::Deserialize;

use super::*;
use crate::{Roi, shapes::contains};

/// Also read by the tests of `cube-geometry` and of the library: one region, one reading.
const CASES: &str = include_str!("../../../fixtures/regions/long-edges.json");

#[derive(Deserialize)]
struct Case {
    name: String,
    geometry: geojson::Geometry,
    area: f64,
    inside: Vec<[f64; 2]>,
    outside: Vec<[f64; 2]>,
    short_way: usize,
    as_written: usize,
    poles: usize,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(CASES).expect("cases")
}

fn area_of(shapes: &Shapes) -> f64 {
    let of = |ring: &LineString| 0.5 * double_area(&ring.0).abs();
    shapes.areas.iter().map(|p| of(p.exterior()) - p.interiors().iter().map(of).sum::<f64>()).sum()
}

fn holds(shapes: &Shapes, [x, y]: [f64; 2]) -> bool {
    let rings = |p: &Polygon| std::iter::once(p.exterior()).chain(p.interiors()).map(|r| r.0.clone()).collect::<Vec<_>>();
    let inside = |p: &Polygon, turn: f64| contains(rings(p).iter().map(Vec::as_slice), Coord { x: x + turn, y });
    shapes.areas.iter().any(|p| [-360.0, 0.0, 360.0].into_iter().any(|turn| inside(p, turn)))
}

#[test]
fn long_edges_are_read_by_one_rule() {
    for case in cases() {
        let name = case.name;
        let roi = Roi::new(case.geometry, crate::Crs::wgs84()).expect(&name);
        let seen = roi.long_edges().expect(&name);
        assert_eq!((seen.short_way, seen.as_written, seen.poles), (case.short_way, case.as_written, case.poles), "{name}");
        // As it runs on, and cut to ±180.
        for shapes in [roi.shapes().expect(&name), roi.shapes().expect(&name).cut()] {
            assert!((area_of(&shapes) - case.area).abs() <= 1e-6 * case.area, "{name}: {} square degrees, not {}", area_of(&shapes), case.area);
            assert!(case.inside.iter().all(|p| holds(&shapes, *p)), "{name}: {shapes:?}");
            assert!(!case.outside.iter().any(|p| holds(&shapes, *p)), "{name}: {shapes:?}");
        }
        assert!(roi.shapes().expect(&name).cut().coords().all(|c| c.x.abs() <= 180.0), "{name}");
    }
}

/// What was read once is read the same again: regions are written down and read in many places.
#[test]
fn a_reading_stands() {
    for case in cases() {
        let read = Shapes::from_geojson(&case.geometry).expect("shapes").read_long_edges().0;
        let again = Shapes::from_geojson(&read.to_geojson()).expect("shapes").read_long_edges().0;
        assert_eq!(read, again, "{}", case.name);
    }
}

#[test]
fn lines_go_the_short_way_unless_they_go_all_the_way() {
    let read = |points: Vec<(f64, f64)>| {
        let (shapes, seen) = Shapes::of(Geometry::LineString(points.into())).read_long_edges();
        (shapes.lines[0].0.iter().map(|c| c.x).collect::<Vec<_>>(), seen.short_way, seen.as_written)
    };
    assert_eq!(read(vec![(170.0, 0.0), (-170.0, 1.0)]), (vec![170.0, 190.0], 1, 0));
    assert_eq!(read(vec![(-180.0, 0.0), (180.0, 0.0)]), (vec![-180.0, 180.0], 0, 1));
    assert_eq!(read(vec![(-90.0, 0.0), (90.0, 1.0)]), (vec![-90.0, 90.0], 0, 0));
}

/// Grids state their area as clockwise as their pixels run; it is the area of the grid for all that.
#[test]
fn the_area_of_a_wide_grid_is_that_of_the_grid() {
    let grid = crate::GeoBox::from_shape(crate::Crs::wgs84(), [-170.0, -60.0, 170.0, 60.0].into(), crate::Shape::new(120, 340)).expect("a grid");
    let roi = Roi::from_geobox(&grid).expect("a region");
    assert_eq!((area_of(&roi.shapes().expect("shapes")), roi.long_edges().expect("read")), (340.0 * 120.0, LongEdges::default()));
    let turned =
        crate::GeoBox::new(crate::Crs::wgs84(), crate::Affine::new(3.0, 0.1, -150.0, 0.1, -1.0, 40.0), crate::Shape::new(50, 100)).expect("a grid");
    let roi = Roi::from_geobox(&turned).expect("a region");
    assert_eq!(roi.long_edges().expect("read"), LongEdges::default());
    assert!((area_of(&roi.shapes().expect("shapes")) - 5000.0 * 3.01).abs() < 1e-6);
}

/// A step of half a turn goes the way that it is written, in either direction.
#[test]
fn half_a_turn_is_no_long_edge() {
    for corners in [[0.0, 180.0, -90.0], [0.0, -180.0, 90.0], [-90.0, 90.0, 180.0], [90.0, -90.0, -180.0]] {
        let ring: Vec<[f64; 2]> = corners.iter().chain(&corners[..1]).map(|x| [*x, 60.0]).collect();
        let roi = Roi::new(geojson::Geometry::new(geojson::GeometryValue::new_polygon([ring])), crate::Crs::wgs84()).expect("a region");
        let cap = roi.shapes().expect("shapes").cut();
        assert!(holds(&cap, [10.0, 75.0]) && holds(&cap, [-100.0, 89.0]) && !holds(&cap, [10.0, 55.0]), "{corners:?}: {cap:?}");
        assert!((area_of(&cap) - 360.0 * 30.0).abs() < 1e-6, "{corners:?}: {cap:?}");
    }
}
