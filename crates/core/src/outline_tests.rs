use super::*;
use crate::{
    Affine, Crs, Extent, GeoBox, Roi, Shape,
    sphere::Projection::{self, LonLat, Mercator, PolarStereographic, Sinusoidal, TransverseMercator},
};

const NORTH: Projection = PolarStereographic(1.0, -45.0);
const SOUTH: Projection = PolarStereographic(-1.0, 0.0);

fn grid(epsg: u32, e: [f64; 4], n: usize) -> GeoBox {
    GeoBox::from_shape(Crs::from_epsg(epsg), e.into(), Shape::new(n, n)).expect("a grid")
}

fn near(a: Extent, b: [f64; 4], tolerance: f64) -> bool {
    <[f64; 4]>::from(a).iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[track_caller]
fn assert_boxes(boxes: &[Extent], expected: &[[f64; 4]], tolerance: f64) {
    let sorted: Vec<_> = expected.iter().filter(|e| boxes.iter().any(|b| near(*b, **e, tolerance))).collect();
    assert!(boxes.len() == expected.len() && sorted.len() == expected.len(), "{boxes:?} is not {expected:?}");
}

#[test]
fn grids_in_longitude_and_latitude_are_their_own_boxes() {
    let boxes = |e| lonlat_boxes(&grid(4326, e, 100), &LonLat.to_lonlat());
    assert_boxes(&boxes([5.0, 40.0, 15.0, 50.0]), &[[5.0, 40.0, 15.0, 50.0]], 1e-4);
    assert_boxes(&boxes([163.0, -60.0, 283.0, 60.0]), &[[163.0, -60.0, 180.0, 60.0], [-180.0, -60.0, -77.0, 60.0]], 1e-4);
    assert_boxes(&boxes([0.0, -90.0, 360.0, 90.0]), &[[-180.0, -90.0, 180.0, 90.0]], 1e-4);
    assert_boxes(&boxes([-180.0, -90.0, 180.0, 90.0]), &[[-180.0, -90.0, 180.0, 90.0]], 1e-4);
    assert_boxes(&boxes([-180.0, 0.0, -170.0, 10.0]), &[[-180.0, 0.0, -170.0, 10.0]], 1e-4);
}

#[test]
fn polar_grids_hold_all_longitudes() {
    let e = [-3e6, -3e6, 3e6, 3e6];
    let lat = NORTH.to_lonlat().point(3e6, 3e6).1;
    assert_boxes(&lonlat_boxes(&grid(3413, e, 100), &NORTH.to_lonlat()), &[[-180.0, lat, 180.0, 90.0]], 1e-3);
    assert_boxes(&lonlat_boxes(&grid(3031, e, 100), &SOUTH.to_lonlat()), &[[-180.0, -90.0, 180.0, -lat]], 1e-3);
    let beside = lonlat_boxes(&grid(3413, [1e5, 1e5, 1e6, 1e6], 100), &NORTH.to_lonlat());
    assert!(beside.iter().all(|b| b.width() < 180.0 && b.north < 90.0), "{beside:?}");
}

#[test]
fn utm_zones_beside_the_antimeridian_have_two_boxes() {
    for (lon0, side) in [(177.0, 1.0), (-177.0, -1.0)] {
        let boxes = lonlat_boxes(&grid(32660, [300_000.0, 7_000_000.0, 900_000.0, 7_600_000.0], 100), &TransverseMercator(lon0).to_lonlat());
        let mirrored = lonlat_boxes(&grid(32601, [100_000.0, 7_000_000.0, 700_000.0, 7_600_000.0], 100), &TransverseMercator(lon0).to_lonlat());
        let crossing = if side > 0.0 { &boxes } else { &mirrored };
        assert_eq!(crossing.len(), 2, "{crossing:?}");
        assert!(crossing.iter().any(|b| b.east == 180.0) && crossing.iter().any(|b| b.west == -180.0), "{crossing:?}");
        assert!(crossing.iter().map(Extent::width).sum::<f64>() < 20.0, "{crossing:?}");
    }
}

/// Each sampled point of a grid lies in one of its boxes.
#[test]
fn boxes_hold_their_grids() {
    let cases = [
        (LonLat, [150.0, -20.0, 190.0, 20.0]),
        (NORTH, [-1e6, -2e6, 5e5, -5e5]),
        (NORTH, [-4e6, -1e5, 1e5, 4e6]),
        (SOUTH, [-1e6, -2e6, 2e6, 1e5]),
        (TransverseMercator(177.0), [2e5, 6.9e6, 8e5, 8.9e6]),
        (Sinusoidal(0.0), [-1.8e7, -8e6, -1.2e7, 8e6]),
        (Sinusoidal(0.0), [-2.002e7, -1.0007e7, 2.002e7, 1.0007e7]),
        (Mercator(150.0), [-1e7, -5e6, 1e7, 5e6]),
    ];
    for (projection, e) in cases {
        let boxes = lonlat_boxes(&grid(9999, e, 10), &projection.to_lonlat());
        for i in 0..=100 {
            for j in 0..=100 {
                let (lon, lat) =
                    projection.to_lonlat().point(e[0] + (e[2] - e[0]) * f64::from(i) / 100.0, e[1] + (e[3] - e[1]) * f64::from(j) / 100.0);
                let lon = turn(0.0, lon);
                let inside = |b: &Extent| (b.west..=b.east).contains(&lon) && (b.south..=b.north).contains(&lat);
                assert!(!lat.is_finite() || boxes.iter().any(inside), "{projection:?} {e:?}: {lon} {lat} not in {boxes:?}");
            }
        }
    }
}

fn roi_lonlat(text: &str, crs: u32, projection: Projection) -> Shapes {
    let roi = Roi::parse(text, Some(Crs::from_epsg(crs))).expect("a region");
    roi.to_lonlat(&projection.to_lonlat(), &projection.of_lonlat()).expect("somewhere on Earth")
}

fn holds(shapes: &Shapes, lon: f64, lat: f64) -> bool {
    let rings = |p: &Polygon| std::iter::once(p.exterior()).chain(p.interiors()).map(|r| r.0.clone()).collect::<Vec<_>>();
    shapes.areas.iter().any(|p| contains(rings(p).iter().map(Vec::as_slice), Coord { x: lon, y: lat }))
}

#[test]
fn boxes_across_the_antimeridian_become_two_pieces() {
    let shapes = roi_lonlat("170,-20,-160,10", 4326, LonLat);
    assert_eq!(shapes.areas.len(), 2);
    let mut extents: Vec<_> = shapes.areas.iter().filter_map(|p| Extent::of(p.exterior().0.iter().map(|c| (c.x, c.y)))).collect();
    extents.sort_by(|a, b| a.west.total_cmp(&b.west));
    assert_eq!(extents, [Extent::new(-180.0, -20.0, -160.0, 10.0), Extent::new(170.0, -20.0, 180.0, 10.0)]);
}

#[test]
fn areas_over_a_pole_hold_it() {
    let shapes = roi_lonlat("-500000,-400000,600000,700000", 3413, NORTH);
    assert!((-180..180).all(|lon| holds(&shapes, f64::from(lon) + 0.5, 89.99)), "{shapes:?}");
    let shapes = roi_lonlat("-500000,-400000,600000,700000", 3031, SOUTH);
    assert!((-180..180).all(|lon| holds(&shapes, f64::from(lon) + 0.5, -89.99)));
    assert!(!holds(&shapes, 0.0, 89.0));
}

#[test]
fn rings_around_a_pole_keep_their_hole() {
    let ring = |r: f64| {
        (0..=36).map(|i| (f64::from(i) * 10.0_f64).to_radians()).map(|a| format!("{} {}", r * a.cos(), r * a.sin())).collect::<Vec<_>>().join(",")
    };
    let shapes = roi_lonlat(&format!("POLYGON(({}),({}))", ring(2e6), ring(1e6)), 3413, NORTH);
    let at = |r: f64| NORTH.to_lonlat().point(r, 0.0).1;
    for lon in (-180..180).map(|l| f64::from(l) + 0.5) {
        assert!(!holds(&shapes, lon, at(0.5e6)) && holds(&shapes, lon, at(1.5e6)) && !holds(&shapes, lon, at(2.5e6)), "{lon}");
    }
}

/// Random boxes in polar projections: a point is in the box exactly when its image is in the pieces (unless it lies on the border).
#[test]
fn pieces_hold_what_the_region_holds() {
    let mut seed = 11_u64;
    let mut random = |scale: f64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) as f64 / f64::from(1_u32 << 31) * 2.0 - 1.0) * scale
    };
    for round in 0..60 {
        let projection = [NORTH, SOUTH, TransverseMercator(177.0)][round % 3];
        let (cx, cy, w, h) = (random(1e6), random(1e6), random(9e5).abs() + 1e4, random(9e5).abs() + 1e4);
        let e = if round % 3 == 2 { [cx / 2.0, cy + 5e6, cx / 2.0 + w, cy + 5e6 + h] } else { [cx, cy, cx + w, cy + h] };
        let shapes = roi_lonlat(&e.map(|v| v.to_string()).join(","), 9999, projection);
        for _ in 0..200 {
            let (x, y) = (e[0] + (e[2] - e[0]) * (random(0.8) + 0.5), e[1] + (e[3] - e[1]) * (random(0.8) + 0.5));
            if [(x - e[0]).abs(), (x - e[2]).abs(), (y - e[1]).abs(), (y - e[3]).abs()].into_iter().any(|d| d < 1.0) {
                continue;
            }
            let (lon, lat) = projection.to_lonlat().point(x, y);
            if !lat.is_finite() {
                continue;
            }
            let inside = (e[0]..e[2]).contains(&x) && (e[1]..e[3]).contains(&y);
            assert_eq!(holds(&shapes, lon, lat), inside, "{projection:?} {e:?} at {x} {y} = {lon} {lat}");
        }
    }
}

#[test]
fn points_and_lines_stay_what_they_are() {
    let shapes = roi_lonlat("LINESTRING(170 0, 190 10)", 4326, LonLat);
    assert_eq!(shapes.lines.len(), 2);
    assert_eq!(roi_lonlat("POINT(190 10)", 4326, LonLat).points, [Coord { x: -170.0, y: 10.0 }]);
    assert_eq!(roi_lonlat("10,20,10,20", 4326, LonLat).points, [Coord { x: 10.0, y: 20.0 }]);
    assert_eq!(roi_lonlat("10,20,10,30", 4326, LonLat).lines.len(), 1);
}

#[test]
fn rotated_grids_are_held() {
    let g = GeoBox::new(Crs::from_epsg(4326), Affine::new(0.1, 0.1, 0.0, 0.1, -0.1, 0.0), Shape::new(100, 100)).expect("a grid");
    assert_boxes(&lonlat_boxes(&g, &LonLat.to_lonlat()), &[[0.0, -10.0, 20.0, 10.0]], 1e-4);
}
