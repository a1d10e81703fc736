use std::collections::BTreeSet;

use serde::Deserialize;

use super::*;
use crate::{ChunkGrid, Roi, Shape, chunk_set::touched};

/// What shapely makes of rings that cross themselves; `fixtures/regions/tangled.py` writes it.
#[derive(Deserialize)]
struct Case {
    name: String,
    ring: Vec<[f64; 2]>,
    area: f64,
    clipped: f64,
    cells: BTreeSet<(u32, u32)>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../fixtures/regions/tangled.json")).expect("cases")
}

fn shapes(case: &Case) -> Shapes {
    let roi = Roi::new(geojson::Geometry::new(geojson::GeometryValue::new_polygon([case.ring.clone()])), crate::Crs::from_epsg(32632));
    roi.expect(&case.name).shapes().expect(&case.name)
}

/// The area inside by the even-odd rule, from a fine lattice.
fn sampled(shapes: &Shapes) -> f64 {
    let rings: Vec<&[Coord]> = shapes.areas.iter().map(|p| p.exterior().0.as_slice()).collect();
    let at = |i: i32| f64::from(i) * 0.1 + 0.0123;
    let inside = (-110..310).flat_map(|i| (-10..210).map(move |j| Coord { x: at(i), y: at(j) })).filter(|c| contains(rings.iter().copied(), *c));
    inside.count() as f64 * 0.01
}

#[test]
fn rings_that_cross_themselves_cover_what_shapely_says() {
    let grid = ChunkGrid { shape: Shape::new(20, 20), chunk: Shape::new(1, 1) };
    for case in cases() {
        let name = &case.name;
        let shapes = shapes(&case);
        assert_eq!(shapes.areas.is_empty(), case.area == 0.0, "{name}");
        assert!((sampled(&shapes) - case.area).abs() < 0.02 * case.area.max(1.0), "{name}: {} is not {}", sampled(&shapes), case.area);
        let clipped = shapes.clip(Extent::new(5.0, 5.0, 13.0, 13.0));
        assert_eq!(clipped.areas.is_empty(), case.clipped == 0.0, "{name}: {clipped:?}");
        assert!((sampled(&clipped) - case.clipped).abs() < 0.03 * case.clipped.max(1.0), "{name}: {} is not {}", sampled(&clipped), case.clipped);
        if case.area > 0.0 {
            let set: BTreeSet<(u32, u32)> = touched(&shapes, &grid, (0.0, 0.0)).iter().map(|c| (c.row, c.col)).collect();
            let missing: Vec<_> = case.cells.difference(&set).collect();
            assert!(missing.is_empty(), "{name} misses {missing:?}");
            // An edge inside of a spike touches what it runs through; nothing else is more than shapely's.
            let more = set.difference(&case.cells).count();
            assert!(more == 0 || name.contains("spike"), "{name} has {more} cells more");
        }
    }
}

#[test]
fn what_an_extent_leaves_of_a_ring_around_its_corner_is_nothing() {
    // The ring goes around the corner of the extent without reaching into it.
    let ring = [(0.0, 12.0), (12.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0), (0.0, 12.0)];
    let shapes = Shapes::of(Geometry::Polygon(Polygon::new(ring.to_vec().into(), vec![])));
    assert_eq!(shapes.clip(Extent::new(-5.0, -5.0, 5.0, 5.0)), Shapes::default());
    // One with a bay over the whole extent.
    let ring = [(-9.0, -9.0), (9.0, -9.0), (9.0, 9.0), (-9.0, 9.0), (-9.0, 7.0), (7.0, 7.0), (7.0, -7.0), (-9.0, -7.0), (-9.0, -9.0)];
    let shapes = Shapes::of(Geometry::Polygon(Polygon::new(ring.to_vec().into(), vec![])));
    assert_eq!(shapes.clip(Extent::new(-5.0, -5.0, 5.0, 5.0)), Shapes::default());
}

#[test]
fn a_ring_that_is_written_twice_is_one() {
    let ring = [(2.0, 2.0), (10.0, 2.0), (10.0, 10.0), (2.0, 10.0)];
    for times in 1..4 {
        let closed: Vec<(f64, f64)> = ring.iter().cycle().take(4 * times).chain(&ring[..1]).copied().collect();
        let shapes = Shapes::of(Geometry::Polygon(Polygon::new(closed.into(), vec![])));
        assert_eq!(shapes.areas[0].exterior().0.len(), 5, "{times}");
        assert_eq!(touched(&shapes, &ChunkGrid { shape: Shape::new(20, 20), chunk: Shape::new(1, 1) }, (0.0, 0.0)).len(), 64, "{times}");
    }
    // Rings that come back to their first corner once more are not.
    let eight = [(2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 2.0), (0.0, 2.0), (0.0, 0.0), (2.0, 2.0)];
    let shapes = Shapes::of(Geometry::Polygon(Polygon::new(eight.to_vec().into(), vec![])));
    assert_eq!(shapes.areas[0].exterior().0.len(), 7);
}
