//! Cases by hand.
#![expect(clippy::unwrap_used, reason = "tests may break off")]

use cube_core::{Crs, Roi, Transform};
use cube_geometry::{Edges, Error, Limits, Region, RepairKind, Repaired, SimplifyKind, simplify_containing};
use geo::{Geometry, wkt};
use serde_json::json;

use crate::shapes::{Random, collection, polygon, star};

fn repair(value: serde_json::Value) -> Repaired {
    Region::repair(&serde_json::from_value(value).unwrap()).unwrap()
}

fn kinds(repaired: &Repaired) -> Vec<(RepairKind, usize)> {
    repaired.steps.iter().map(|s| (s.kind, s.count)).collect()
}

fn boxed(west: f64, south: f64, east: f64, north: f64) -> Vec<[f64; 2]> {
    vec![[west, south], [east, south], [east, north], [west, north], [west, south]]
}

fn geodesic(max_points: usize) -> Limits {
    Limits { max_points, edges: Edges::Geodesic }
}

#[test]
fn what_is_right_stays_as_it_is() {
    let ring = [[0.1, 0.2], [4.7, 0.3], [4.1, 5.9], [0.1, 0.2]];
    let repaired = repair(json!({"type": "Polygon", "coordinates": [ring]}));
    assert_eq!(repaired.steps, []);
    assert_eq!(repaired.region.shapes().areas[0].exterior().0.iter().map(|c| [c.x, c.y]).collect::<Vec<_>>(), ring);
    let simple = simplify_containing(&repaired.region, Limits::default()).unwrap();
    assert_eq!((simple.region, simple.added_area_share, simple.steps.len()), (repaired.region, Some(0.0), 0));
}

#[test]
fn every_repair_is_told() {
    use RepairKind as K;
    let polygon = |rings: serde_json::Value| json!({"type": "Polygon", "coordinates": rings});
    for (value, expected) in [
        (polygon(json!([[[0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 0, 5]]])), vec![(K::HeightsDropped, 4)]),
        (polygon(json!([[[0, 0], [1, 0], [1, 1]]])), vec![(K::RingsClosed, 1)]),
        (polygon(json!([[[0, 0], [1, 0], [1, 0], [1, 0], [1, 1], [0, 0]]])), vec![(K::DuplicatePointsDropped, 2)]),
        (polygon(json!([[[0, 0], [1, 1], [1, 0], [0, 0]]])), vec![(K::RingsReversed, 1)]),
        (polygon(json!([[[0, 0], [1, 1], [2, 2], [0, 0]]])), vec![(K::AreaCollapsed, 1)]),
        (polygon(json!([[[3, 3], [3, 3], [3, 3], [3, 3]]])), vec![(K::DuplicatePointsDropped, 3), (K::AreaCollapsed, 1)]),
        (polygon(json!([[[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]])), vec![(K::SelfIntersection, 1)]),
        // A spike, and a hole beyond its ring.
        (polygon(json!([[[0, 0], [4, 0], [9, 0], [4, 0], [4, 4], [0, 4], [0, 0]]])), vec![(K::SelfIntersection, 1)]),
        (polygon(json!([boxed(0., 0., 4., 4.), [[3, 1], [3, 3], [6, 3], [6, 1], [3, 1]]])), vec![(K::SelfIntersection, 1)]),
        (json!({"type": "MultiPolygon", "coordinates": [[boxed(0., 0., 2., 2.)], [boxed(1., 1., 3., 3.)]]}), vec![(K::PartsUnited, 2)]),
        (json!({"type": "MultiPolygon", "coordinates": [[boxed(0., 0., 9., 9.)], [boxed(1., 1., 3., 3.)]]}), vec![(K::PartsUnited, 2)]),
        // Touching in a point is right.
        (json!({"type": "MultiPolygon", "coordinates": [[boxed(0., 0., 1., 1.)], [boxed(1., 1., 3., 3.)]]}), vec![]),
        (
            polygon(json!([[[179, 0], [-179, 0], [-179, 2], [179, 2], [179, 0]]])),
            vec![(K::AntimeridianJump, 2), (K::LongitudesWrapped, 2), (K::AntimeridianCut, 1)],
        ),
        (polygon(json!([[[170, 0], [190, 0], [190, 2], [170, 2], [170, 0]]])), vec![(K::LongitudesWrapped, 2), (K::AntimeridianCut, 1)]),
        (
            json!({"type": "LineString", "coordinates": [[179, 0], [-179, 2]]}),
            vec![(K::AntimeridianJump, 1), (K::LongitudesWrapped, 1), (K::AntimeridianCut, 1)],
        ),
        (json!({"type": "Point", "coordinates": [190, 1]}), vec![(K::LongitudesWrapped, 1)]),
        // Boxes mean their long edges, when they run counter-clockwise.
        (polygon(json!([boxed(-170., -20., 170., 20.)])), vec![]),
        (polygon(json!([[[170, -20], [170, 20], [-170, 20], [-170, -20], [170, -20]]])), vec![(K::LongEdgeKept, 2)]),
        (
            polygon(json!([boxed(-170., -20., 170., 20.).into_iter().rev().collect::<Vec<_>>()])),
            vec![(K::AntimeridianJump, 2), (K::LongitudesWrapped, 2), (K::AntimeridianCut, 1)],
        ),
        (polygon(json!([boxed(-180., -90., 180., 90.)])), vec![]),
        (polygon(json!([[[-180, 90], [-180, -90], [180, -90], [180, 90], [-180, 90]]])), vec![]),
    ] {
        let repaired = repair(value.clone());
        assert_eq!(kinds(&repaired), expected, "{value}");
        assert!(repaired.region.shapes().coords().all(|c| c.x.abs() <= 180.0), "{value}");
    }
}

#[test]
fn areas_are_what_was_meant() {
    let area = |value| repair(value).region.shapes().areas.iter().map(geo::Area::unsigned_area).sum::<f64>();
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 * b, "{a} is not {b}");
    // Both halves of a bowtie, though its signed area is nothing.
    close(area(json!({"type": "Polygon", "coordinates": [[[0, 0], [4, 4], [4, 0], [0, 4], [0, 0]]]})), 8.0);
    // A ring that goes round twice covers what it goes around.
    let twice = [boxed(0., 0., 4., 4.), boxed(0., 0., 4., 4.)].concat();
    close(area(json!({"type": "Polygon", "coordinates": [twice]})), 16.0);
    // A hole beyond its ring takes off what both share, and covers the rest; an island in a hole stays.
    close(area(json!({"type": "Polygon", "coordinates": [boxed(0., 0., 4., 4.), boxed(3., 1., 6., 3.)]})), 18.0);
    let island = json!({"type": "MultiPolygon", "coordinates": [[boxed(0., 0., 9., 9.), boxed(1., 1., 8., 8.)], [boxed(2., 2., 4., 4.)]]});
    close(area(island.clone()), 81.0 - 49.0 + 4.0);
    assert_eq!(repair(island).steps.iter().map(|s| s.kind).collect::<Vec<_>>(), [RepairKind::RingsReversed]);
    // Across the antimeridian, with a hole that crosses too.
    close(area(json!({"type": "Polygon", "coordinates": [boxed(170., 0., 190., 10.), boxed(-181., 4., -179., 6.)]})), 196.0);
}

/// What shapely says, and what a load with the same region covers.
#[test]
fn rings_that_cross_themselves_are_read_as_everywhere() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../../fixtures/regions/tangled.json")).unwrap();
    for case in cases {
        let repaired = repair(json!({"type": "Polygon", "coordinates": [case["ring"]]}));
        let shapes = repaired.region.shapes();
        let (area, expected) = (shapes.areas.iter().map(geo::Area::unsigned_area).sum::<f64>(), case["area"].as_f64().unwrap());
        assert!((area - expected).abs() <= 1e-6 * expected, "{}: {area} is not {expected}", case["name"]);
        assert_eq!(shapes.areas.is_empty(), expected == 0.0, "{}", case["name"]);
        assert_ne!(repaired.steps, [], "{}", case["name"]);
    }
}

#[test]
fn boxes_are_told_from_other_areas() {
    let as_box = |ring: Vec<[f64; 2]>| repair(json!({"type": "Polygon", "coordinates": [ring]})).region.as_box().map(<[f64; 4]>::from);
    assert_eq!(as_box(boxed(1., 2., 3., 4.)), Some([1., 2., 3., 4.]));
    assert_eq!(as_box(boxed(170., 2., 190., 4.)), Some([170., 2., -170., 4.]));
    assert_eq!(as_box(vec![[1., 2.], [3., 2.], [3., 4.], [1., 2.]]), None);
    assert_eq!(as_box(vec![[1., 2.], [3., 2.], [3., 4.], [1., 4.1], [1., 2.]]), None);
}

/// The cases that the crate of regions of interest is tested with: one region, one reading.
#[test]
fn long_edges_are_read_as_everywhere() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../../fixtures/regions/long-edges.json")).unwrap();
    for case in cases {
        let name = &case["name"];
        let repaired = repair(case["geometry"].clone());
        let area: f64 = repaired.region.shapes().areas.iter().map(geo::Area::unsigned_area).sum();
        let expected = case["area"].as_f64().unwrap();
        assert!((area - expected).abs() < 1e-6 * expected, "{name}: {area} is not {expected}");
        let count = |kind| repaired.steps.iter().filter(|s| s.kind == kind).map(|s| s.count as u64).sum::<u64>();
        for (kind, field) in
            [(RepairKind::AntimeridianJump, "short_way"), (RepairKind::LongEdgeKept, "as_written"), (RepairKind::PoleEnclosed, "poles")]
        {
            assert_eq!(Some(count(kind)), case[field].as_u64(), "{name}: {:?}", repaired.steps);
        }
        for (field, inside) in [("inside", true), ("outside", false)] {
            for p in case[field].as_array().unwrap() {
                let point = Geometry::Point(geo::Point::new(p[0].as_f64().unwrap(), p[1].as_f64().unwrap()));
                assert_eq!(repaired.region.intersects(&point, Edges::Planar), inside, "{name}: {p}");
            }
        }
        // As an outline of something found, it is read in the same way.
        let footprint: Geometry = serde_json::from_value::<geojson::Geometry>(case["geometry"].clone()).unwrap().try_into().unwrap();
        for (field, inside) in [("inside", true), ("outside", false)] {
            for p in case[field].as_array().unwrap() {
                let point = repair(json!({"type": "Point", "coordinates": p})).region;
                assert_eq!(point.intersects(&footprint, Edges::Planar), inside, "{name}: {p}");
            }
        }
    }
}

#[test]
fn a_ring_around_a_pole_holds_it() {
    let repaired =
        repair(json!({"type": "Polygon", "coordinates": [[[58.41, 76.95], [163.98, 80.56], [-122.99, 81.94], [-26.18, 82.82], [58.41, 76.95]]]}));
    assert!(repaired.steps.iter().any(|s| s.kind == RepairKind::PoleEnclosed), "{:?}", repaired.steps);
    let point = |x: f64, y: f64| Geometry::Point(geo::Point::new(x, y));
    assert!(repaired.region.intersects(&point(0.0, 90.0), Edges::Planar));
    assert!(repaired.region.intersects(&point(-179.0, 85.0), Edges::Planar));
    assert!(!repaired.region.intersects(&point(0.0, 70.0), Edges::Planar));
    let asked = simplify_containing(&repaired.region, geodesic(300)).unwrap();
    let poles: usize = asked.region.shapes().areas.iter().map(|a| a.exterior().0[1..].iter().filter(|c| c.y == 90.0).count()).sum();
    assert_eq!(poles, asked.region.shapes().areas.len(), "one corner at the pole in each piece");
}

/// The north border of the region bulges outwards along its great circle, the south border inwards, by an eighth of a degree.
#[test]
fn great_circles_do_not_cut_into_the_region() {
    let repaired = repair(json!({"type": "Polygon", "coordinates": [boxed(0., 45., 10., 50.)]}));
    let as_it_is = repaired.region.shapes().areas[0].exterior().clone();
    let asked = simplify_containing(&repaired.region, geodesic(300)).unwrap();
    assert_eq!(asked.steps.iter().map(|s| s.kind).collect::<Vec<_>>(), [SimplifyKind::EdgesWidened]);
    let share = asked.added_area_share.unwrap();
    assert!(share > 0.0 && share < 0.002, "{share}");
    // The middle of the south border lies outside of the box as CMR reads it, and inside of what is asked.
    let chord = (2.0_f64.to_radians().cos() * 0.0 + (45.0_f64.to_radians().tan() / 5.0_f64.to_radians().cos())).atan().to_degrees();
    assert!((chord - 45.109).abs() < 1e-3, "{chord}");
    assert!(asked.region.shapes().areas[0].exterior().0.len() > as_it_is.0.len());
    assert!(asked.region.shapes().areas[0].exterior().0.iter().any(|c| c.y < 45.0));
    assert!(asked.points_after <= 300);
}

#[test]
fn holes_are_filled_only_where_they_must() {
    let repaired = repair(json!({"type": "Polygon", "coordinates": [boxed(0., 0., 9., 9.), [[1, 1], [1, 8], [8, 8], [8, 1], [1, 1]]]}));
    assert_eq!(simplify_containing(&repaired.region, Limits::default()).unwrap().region, repaired.region);
    let asked = simplify_containing(&repaired.region, geodesic(300)).unwrap();
    assert_eq!(asked.steps[0].kind, SimplifyKind::HolesFilled);
    assert!(asked.region.shapes().areas[0].interiors().is_empty());
}

#[test]
fn lines_and_points_are_kept_or_widened() {
    let points = repair(json!({"type": "MultiPoint", "coordinates": [[0, 0], [10, 40], [-170, 80]]}));
    assert_eq!(simplify_containing(&points.region, geodesic(300)).unwrap().region, points.region);
    let line = repair(json!({"type": "LineString", "coordinates": [[0, 40], [10, 40], [20, 60]]}));
    assert_eq!(simplify_containing(&line.region, Limits::default()).unwrap().region, line.region);
    let asked = simplify_containing(&line.region, geodesic(40)).unwrap();
    assert!(asked.steps.iter().any(|s| s.kind == SimplifyKind::ThinAreas) && asked.added_area_share.is_none());
    assert!(!asked.region.shapes().areas.is_empty() && asked.points_after <= 40);
    let mut random = Random::new(7);
    let many: Vec<[f64; 2]> = (0..5000).map(|_| [random.within(0.0, 30.0), random.within(0.0, 30.0)]).collect();
    let many = repair(json!({"type": "MultiPoint", "coordinates": many}));
    let asked = simplify_containing(&many.region, geodesic(300)).unwrap();
    assert!(asked.points_after <= 300, "{}", asked.points_after);
    for p in &many.region.shapes().points {
        assert!(asked.region.intersects(&Geometry::Point(geo::Point(*p)), Edges::Planar));
    }
}

#[test]
fn few_points_are_enough_or_refused() {
    let mut random = Random::new(3);
    let islands = (0..400).map(|_| {
        let middle = [random.within(-170.0, 170.0), random.within(-80.0, 80.0)];
        polygon(vec![star(&mut random, middle, 1.5, 20)])
    });
    let region = Region::repair(&collection(islands.collect())).unwrap().region;
    for edges in [Edges::Planar, Edges::Geodesic] {
        for max_points in [300, 100, 60] {
            let asked = simplify_containing(&region, Limits { max_points, edges }).unwrap();
            assert!(asked.points_after <= max_points);
        }
    }
    assert!(simplify_containing(&region, Limits { max_points: 5, edges: Edges::Planar }).unwrap().points_after <= 5);
    let refused = simplify_containing(&region, geodesic(6)).unwrap_err();
    assert!(matches!(refused, Error::TooFewPoints { max_points: 6, needed } if needed > 6), "{refused}");
    assert!(refused.hint().unwrap().contains("--max-points"));
}

#[test]
fn footprints_are_kept_by_what_they_truly_meet() {
    // A ring of land around a lake, a line, a point.
    let region = repair(json!({"type": "GeometryCollection", "geometries": [
        {"type": "Polygon", "coordinates": [boxed(0., 0., 10., 10.), [[2, 2], [2, 8], [8, 8], [8, 2], [2, 2]]]},
        {"type": "LineString", "coordinates": [[20, 0], [30, 10]]},
        {"type": "Point", "coordinates": [179.5, 5]},
    ]}))
    .region;
    for (footprint, expected) in [
        (wkt!(POLYGON((3. 3., 7. 3., 7. 7., 3. 7., 3. 3.))).into(), false),
        (wkt!(POLYGON((3. 3., 8. 3., 7. 7., 3. 7., 3. 3.))).into(), true),
        (wkt!(POLYGON((0.5 0.5, 1. 0.5, 1. 1., 0.5 1., 0.5 0.5))).into(), true),
        (wkt!(POLYGON((-5. -5., 15. -5., 15. 15., -5. 15., -5. -5.))).into(), true),
        // Around the land, in its own hole.
        (wkt!(POLYGON((-5. -5., 15. -5., 15. 15., -5. 15., -5. -5.), (-1. -1., -1. 11., 11. 11., 11. -1., -1. -1.))).into(), false),
        (wkt!(POLYGON((24. 4., 26. 4., 26. 6., 24. 6., 24. 4.))).into(), true),
        (wkt!(POLYGON((24. 6., 25. 6., 24. 7., 24. 6.))).into(), false),
        (wkt!(LINESTRING(5. 5., 6. 6.)).into(), false),
        (wkt!(LINESTRING(5. 5., 12. 6.)).into(), true),
        (wkt!(POINT(1. 1.)).into(), true),
        (wkt!(POINT(25. 5.)).into(), true),
        (wkt!(POINT(25. 6.)).into(), false),
        // Over the antimeridian: with a jump, run on to either side, in a box.
        (wkt!(POLYGON((179. 4., -179. 4., -179. 6., 179. 6., 179. 4.))).into(), true),
        (wkt!(POLYGON((179. 4., 181. 4., 181. 6., 179. 6., 179. 4.))).into(), true),
        (wkt!(POLYGON((-181. 4., -179. 4., -179. 6., -181. 6., -181. 4.))).into(), true),
        (wkt!(POLYGON((-179.4 4., -179. 4., -179. 6., -179.4 4.))).into(), false),
        (wkt!(POLYGON((-180. -90., 180. -90., 180. 90., -180. 90., -180. -90.))).into(), true),
    ] {
        let footprint: Geometry = footprint;
        assert_eq!(region.intersects(&footprint, Edges::Planar), expected, "{footprint:?}");
    }
}

/// A granule's outline from 0 to 60 degrees east along 60 north: its great circle reaches 63.4 north.
#[test]
fn footprints_may_follow_great_circles() {
    let region = repair(json!({"type": "Point", "coordinates": [30, 62.5]})).region;
    let granule: Geometry = wkt!(POLYGON((0. 50., 60. 50., 60. 60., 0. 60., 0. 50.))).into();
    assert!(!region.intersects(&granule, Edges::Planar));
    assert!(region.intersects(&granule, Edges::Geodesic));
    let south = repair(json!({"type": "Point", "coordinates": [30, 52]})).region;
    assert!(south.intersects(&granule, Edges::Planar));
    assert!(!south.intersects(&granule, Edges::Geodesic));
}

#[test]
fn what_is_no_region_says_why() {
    for (value, problem, hint) in [
        (json!({"type": "Point", "coordinates": [45, 100]}), "(45, 100)", "longitude first"),
        (json!({"type": "Point", "coordinates": [600_000, 5_000_000]}), "not a longitude", "CRS"),
        (json!({"type": "Polygon", "coordinates": []}), "no place", "area"),
    ] {
        let error = Region::repair(&serde_json::from_value(value).unwrap()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}

/// Ten degrees of longitude and latitude to one unit each.
#[derive(Debug)]
struct Tenth(f64);

impl Transform for Tenth {
    fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        x.iter_mut().chain(y).for_each(|v| *v *= self.0);
    }
}

#[test]
fn other_systems_are_carried_over() {
    let roi = Roi::parse("SRID=32632;POLYGON((0 0, 1 0, 1 1, 0 1, 0 0))", None).unwrap();
    assert_ne!(roi.crs, Crs::wgs84());
    let repaired = Region::of_roi(&roi, &Tenth(10.0), &Tenth(0.1)).unwrap();
    assert_eq!(repaired.steps[0].kind, RepairKind::Reprojected);
    let extent = repaired.region.shapes().extent().unwrap();
    assert_eq!([extent.west, extent.south, extent.east, extent.north], [0.0, 0.0, 10.0, 10.0]);
}

#[test]
fn reports_can_be_written() {
    let repaired = repair(json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}));
    assert_eq!(
        serde_json::to_value(&repaired.steps).unwrap(),
        json!([{"kind": "rings_closed", "count": 1, "detail": "1 ring did not end with its first point, and is closed"}])
    );
}
