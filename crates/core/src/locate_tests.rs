#![expect(clippy::panic, reason = "tests say what they met")]

use std::collections::BTreeSet;

use super::*;
use crate::{
    ChunkIndex, Crs, Shape,
    shapes::contains,
    sphere::{
        Map,
        Projection::{self, LonLat, Mercator, PolarStereographic, Sinusoidal, TransverseMercator},
    },
};

const NORTH: Projection = PolarStereographic(1.0, -45.0);
const SOUTH: Projection = PolarStereographic(-1.0, 0.0);

struct Cube {
    grid: GeoBox,
    units: ChunkGrid,
    projection: Projection,
}

impl Cube {
    fn new(epsg: u32, projection: Projection, e: [f64; 4], shape: Shape, chunk: usize) -> Self {
        let grid = GeoBox::from_shape(Crs::from_epsg(epsg), e.into(), shape).expect("a grid");
        let units = ChunkGrid { shape, chunk: Shape::new(chunk, chunk) };
        Self { grid, units, projection }
    }

    fn with<T>(&self, f: impl FnOnce(&UnitLocator<'_>) -> T) -> T {
        let back = self.projection.of_lonlat();
        let locator = UnitLocator::new(&self.grid, self.units, matches!(self.projection, LonLat), &self.projection.to_lonlat(), &back);
        f(&locator)
    }

    fn roi(&self, text: &str, epsg: u32, projection: Projection) -> Result<ChunkSet> {
        let roi = Roi::parse(text, Some(Crs::from_epsg(epsg)))?;
        self.with(|l| l.touched(&roi, &projection.to_lonlat(), &projection.of_lonlat()))
    }

    /// Unit that holds a point of another projection.
    fn unit_of(&self, projection: Projection, x: f64, y: f64) -> Option<ChunkIndex> {
        let (lon, lat) = projection.to_lonlat().point(x, y);
        let copies: &[f64] = if matches!(self.projection, LonLat) { &[0.0, -360.0, 360.0] } else { &[0.0] };
        copies.iter().find_map(|turn| {
            let (x, y) = self.projection.of_lonlat().point(lon + turn, lat);
            let (col, row) = self.grid.world_to_pixel().apply(x, y);
            let inside = col >= 0.0 && row >= 0.0 && col < self.units.shape.cols as f64 && row < self.units.shape.rows as f64;
            inside.then(|| ChunkIndex { row: (row as usize / self.units.chunk.rows) as u32, col: (col as usize / self.units.chunk.cols) as u32 })
        })
    }
}

/// The units that hold one of many points of a box.
fn sampled(cube: &Cube, projection: Projection, e: [f64; 4], n: u32) -> BTreeSet<ChunkIndex> {
    let at = |lo: f64, hi: f64, i: u32| lo + (hi - lo) * (f64::from(i) + 0.5) / f64::from(n);
    (0..n * n).filter_map(|i| cube.unit_of(projection, at(e[0], e[2], i % n), at(e[1], e[3], i / n))).collect()
}

#[test]
fn one_crs_is_exact() {
    let cube = Cube::new(32632, TransverseMercator(9.0), [600_000.0, 4_990_000.0, 800_000.0, 5_210_000.0], Shape::new(11_000, 10_000), 512);
    let set = cube.roi("610240,5199760,620480,5210000", 32632, TransverseMercator(9.0)).expect("inside");
    assert_eq!(set, ChunkSet::from_window(Window::new(0, 1, 1, 1)), "a chunk's own extent touches that chunk alone");
    let whole = cube.roi("0,0,9000000,9000000", 32632, TransverseMercator(9.0)).expect("around");
    assert_eq!(whole.len(), 22 * 20);
}

#[test]
fn regions_in_other_systems_agree_with_sampling() {
    let utm = Cube::new(32632, TransverseMercator(9.0), [600_000.0, 4_990_000.0, 800_000.0, 5_210_000.0], Shape::new(2200, 2000), 100);
    let north = Cube::new(3413, NORTH, [-3e6, -3e6, 3e6, 3e6], Shape::new(6000, 6000), 250);
    let south = Cube::new(3031, SOUTH, [-3e6, -3e6, 3e6, 3e6], Shape::new(6000, 6000), 250);
    let pacific = Cube::new(4326, LonLat, [163.0, -60.0, 283.0, 60.0], Shape::new(1200, 1200), 50);
    let mercator = Cube::new(3832, Mercator(150.0), [-2e7, -1e7, 2e7, 1e7], Shape::new(2000, 4000), 100);
    let sinusoidal = Cube::new(9999, Sinusoidal(0.0), [-2.0015e7, -1.0007e7, 2.0015e7, 1.0007e7], Shape::new(2000, 4000), 100);
    let cases = [
        (&utm, LonLat, 4326, [10.6, 45.2, 12.1, 46.3]),
        (&utm, NORTH, 9998, [4.4e6, -3.4e6, 4.8e6, -2.0e6]),
        (&north, LonLat, 4326, [-180.0, 70.0, 180.0, 90.0]),
        (&north, LonLat, 4326, [170.0, 65.0, 200.0, 75.0]),
        (&north, LonLat, 4326, [-180.0, -90.0, 180.0, 90.0]),
        (&south, LonLat, 4326, [-60.0, -90.0, 60.0, -70.0]),
        (&south, LonLat, 4326, [-180.0, -90.0, 180.0, 90.0]),
        (&pacific, LonLat, 4326, [-175.0, -10.0, -150.0, 10.0]),
        (&pacific, LonLat, 4326, [150.0, -10.0, 190.0, 10.0]),
        (&pacific, TransverseMercator(177.0), 32660, [3e5, 3e6, 9e5, 4e6]),
        (&mercator, LonLat, 4326, [-40.0, -20.0, -10.0, 30.0]),
        (&mercator, LonLat, 4326, [170.0, -20.0, 200.0, 30.0]),
        (&sinusoidal, LonLat, 4326, [170.0, -60.0, 200.0, 60.0]),
        (&sinusoidal, NORTH, 3413, [-2e6, -2e6, 2e6, 2e6]),
    ];
    for (cube, projection, epsg, e) in cases {
        let set = cube.roi(&e.map(|v| v.to_string()).join(","), epsg, projection).unwrap_or_else(|error| panic!("{e:?}: {error}"));
        let seen = sampled(cube, projection, e, 600);
        let missing: Vec<_> = seen.iter().filter(|c| !set.contains(**c)).collect();
        assert!(missing.is_empty(), "{e:?} in {}: {missing:?} missing", cube.grid);
        // What is touched and not sampled must be at the border: it has a neighbour that is not whole inside.
        let extra: Vec<_> = set.iter().filter(|c| !seen.contains(c)).collect();
        let holds_none = |c: &&ChunkIndex| !has_point_inside(cube, **c, projection, e);
        let wrong: Vec<_> = extra.iter().filter(holds_none).collect();
        assert!(wrong.len() * 50 <= set.len() as usize + 50, "{e:?} in {}: {} of {} without a point: {wrong:?}", cube.grid, wrong.len(), set.len());
    }
}

/// Whether one of many points of a unit lies in a box of another projection.
fn has_point_inside(cube: &Cube, at: ChunkIndex, projection: Projection, e: [f64; 4]) -> bool {
    let ring: Vec<Coord> = [(e[0], e[1]), (e[2], e[1]), (e[2], e[3]), (e[0], e[3]), (e[0], e[1])].into_iter().map(Coord::from).collect();
    let w = cube.units.window(at);
    (0..3600).any(|i| {
        let (col, row) =
            (w.col as f64 + w.cols as f64 * (f64::from(i % 60) + 0.5) / 60.0, w.row as f64 + w.rows as f64 * (f64::from(i / 60) + 0.5) / 60.0);
        let (x, y) = cube.grid.affine().apply(col, row);
        let (lon, lat) = cube.projection.to_lonlat().point(x, y);
        [0.0, 360.0, -360.0].into_iter().any(|turn| {
            let (x, y) = Map(LonLat, projection).point(lon + turn, lat);
            finite(Coord { x, y }) && contains([ring.as_slice()], Coord { x, y })
        })
    })
}

#[test]
fn outside_names_both_extents() {
    let cube = Cube::new(32632, TransverseMercator(9.0), [600_000.0, 4_990_000.0, 800_000.0, 5_210_000.0], Shape::new(1100, 1000), 100);
    let e = cube.roi("100,10,101,11", 4326, LonLat).expect_err("far away");
    assert!(e.to_string().contains("100, 10, 101, 11") && e.to_string().contains("600000, 4990000, 800000, 5210000"), "{e}");
    assert!(e.hint().is_some_and(|h| h.contains("inside 10.")), "{:?}", e.hint());
    let e = cube.roi("0,0,1,1", 32632, TransverseMercator(9.0)).expect_err("far away");
    assert!(e.to_string().contains("outside"), "{e}");
    assert!(!e.hint().is_some_and(|h| h.contains("swapped")), "{:?}", e.hint());
    let e = cube.roi("POINT (46 11)", 4326, LonLat).expect_err("latitude first");
    assert!(e.to_string().starts_with("point `46, 11` "), "{e}");
    assert!(e.hint().is_some_and(|h| h.contains("swapped")), "{:?}", e.hint());
    assert!(cube.roi("800000,4990000,900000,5210000", 32632, TransverseMercator(9.0)).is_err(), "an edge is not an area");
}

#[test]
fn points_choose_one_unit() {
    let cube = Cube::new(32632, TransverseMercator(9.0), [600_000.0, 4_990_000.0, 800_000.0, 5_210_000.0], Shape::new(1100, 1000), 100);
    let (lon, lat) = TransverseMercator(9.0).to_lonlat().point(650_100.0, 5_100_100.0);
    let set = cube.roi(&format!("POINT({lon} {lat})"), 4326, LonLat).expect("inside");
    assert_eq!(set.iter().collect::<Vec<_>>(), [cube.unit_of(TransverseMercator(9.0), 650_100.0, 5_100_100.0).expect("inside")]);
}

/// Every sampled pixel of a patch lies in a unit that the patch is said to touch.
#[test]
fn patches_never_miss_a_unit() {
    let cubes = [
        Cube::new(32632, TransverseMercator(9.0), [300_000.0, 4_000_000.0, 900_000.0, 6_000_000.0], Shape::new(2000, 600), 20),
        Cube::new(3413, NORTH, [-3e6, -3e6, 3e6, 3e6], Shape::new(6000, 6000), 250),
        Cube::new(4326, LonLat, [0.0, -90.0, 360.0, 90.0], Shape::new(1800, 3600), 50),
        Cube::new(4326, LonLat, [-180.0, -90.0, 180.0, 90.0], Shape::new(1800, 3600), 50),
        Cube::new(3857, Mercator(0.0), [-2e7, -1e7, 2e7, 1e7], Shape::new(2000, 4000), 50),
        Cube::new(9999, Sinusoidal(0.0), [-2.0015e7, -1.0007e7, 2.0015e7, 1.0007e7], Shape::new(2000, 4000), 50),
    ];
    let patches = [
        (TransverseMercator(15.0), [300_000.0, 4_990_200.0, 409_800.0, 5_100_000.0]),
        (TransverseMercator(177.0), [300_000.0, 7_000_000.0, 900_000.0, 7_600_000.0]),
        (TransverseMercator(-177.0), [100_000.0, 7_000_000.0, 700_000.0, 7_600_000.0]),
        (NORTH, [-5e5, -6e5, 7e5, 4e5]),
        (NORTH, [1e5, -6e5, 7e5, -1e5]),
        (SOUTH, [-5e5, -6e5, 7e5, 4e5]),
        (LonLat, [175.0, 50.0, 185.0, 60.0]),
        (LonLat, [-180.0, -90.0, 180.0, 90.0]),
        (LonLat, [-30.0, 60.0, 60.0, 89.0]),
        (Sinusoidal(0.0), [-1.8e7, 0.0, -1.6e7, 2e6]),
        (Mercator(0.0), [-2.0037e7, -1.9e7, 2.0037e7, 1.9e7]),
    ];
    for cube in &cubes {
        for (projection, e) in patches {
            let patch = GeoBox::from_shape(Crs::from_epsg(9990), e.into(), Shape::new(100, 100)).expect("a grid");
            let set = cube.with(|l| l.touched_by_grid(&patch, &Map(projection, cube.projection)));
            let missing: Vec<_> = sampled(cube, projection, e, 300).into_iter().filter(|c| !set.contains(*c)).collect();
            assert!(missing.is_empty(), "{projection:?} {e:?} in {}: {} missing, e.g. {:?}", cube.grid, missing.len(), missing.first());
        }
    }
    // A small patch far from every edge is not answered by the whole grid.
    let patch =
        GeoBox::from_shape(Crs::from_epsg(9990), [300_000.0, 4_990_200.0, 409_800.0, 5_100_000.0].into(), Shape::new(100, 100)).expect("a grid");
    let few = cubes[0].with(|l| l.touched_by_grid(&patch, &Map(TransverseMercator(15.0), cubes[0].projection)));
    assert!(few.len() < 80, "{}", few.len());
}

#[test]
fn footprints_are_read_generously() {
    let cube = Cube::new(4326, LonLat, [-180.0, -90.0, 180.0, 90.0], Shape::new(1800, 3600), 50);
    let touched = |json: &str, bbox| {
        cube.with(|l| l.touched_by_footprint((!json.is_empty()).then(|| json.parse::<geojson::Geometry>().expect("GeoJSON")).as_ref(), bbox))
    };
    let jump = touched(r#"{"type":"Polygon","coordinates":[[[178,-10],[-178,-10],[-178,-8],[178,-8],[178,-10]]]}"#, None);
    let unit = |lon: f64, lat: f64| cube.unit_of(LonLat, lon, lat).expect("on the globe");
    assert!(jump.contains(unit(179.0, -9.0)) && jump.contains(unit(-179.0, -9.0)) && !jump.contains(unit(0.0, -9.0)), "{jump:?}");
    let globe = touched(r#"{"type":"Polygon","coordinates":[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]}"#, None);
    assert_eq!(globe.len(), 36 * 72);
    let crossing = touched("", Some([178.0, -10.0, -178.0, -8.0]));
    assert!(crossing.contains(unit(179.0, -9.0)) && crossing.contains(unit(-179.0, -9.0)) && !crossing.contains(unit(0.0, -9.0)));
    assert_eq!(touched("", None).len(), 36 * 72, "nothing known: everything");
    let polar = touched(r#"{"type":"Polygon","coordinates":[[[0,80],[60,81],[120,80],[180,80],[-120,80],[-60,80],[0,80]]]}"#, None);
    let missing: Vec<_> = (-180..180).step_by(5).filter(|lon| !polar.contains(unit(f64::from(*lon) + 0.5, 89.0))).collect();
    assert!(missing.is_empty(), "around the pole means over it: {missing:?} {polar:?}");
    assert!(!polar.contains(unit(0.0, 0.0)));
}

/// A tile's five-point footprint in longitude and latitude covers the units that its pixels touch.
#[test]
fn footprints_of_bent_tiles_miss_no_unit() {
    let cube = Cube::new(3413, NORTH, [-3e6, -3e6, 3e6, 3e6], Shape::new(6000, 6000), 50);
    for e in [[300_000.0, 8_000_000.0, 409_800.0, 8_109_800.0], [199_980.0, 7_000_000.0, 800_000.0, 7_600_000.0]] {
        for lon0 in [9.0, -177.0, 177.0] {
            let corners =
                [(e[0], e[1]), (e[2], e[1]), (e[2], e[3]), (e[0], e[3]), (e[0], e[1])].map(|(x, y)| TransverseMercator(lon0).to_lonlat().point(x, y));
            let ring: Vec<[f64; 2]> = corners.iter().map(|(x, y)| [*x, *y]).collect();
            let geometry = geojson::Geometry::new(geojson::GeometryValue::new_polygon([ring]));
            let set = cube.with(|l| l.touched_by_footprint(Some(&geometry), None));
            let missing = sampled(&cube, TransverseMercator(lon0), e, 400).into_iter().filter(|c| !set.contains(*c)).count();
            assert_eq!(missing, 0, "{e:?} at {lon0}");
        }
    }
}

#[test]
fn large_grids_are_never_walked() {
    let cube = Cube::new(4326, LonLat, [-180.0, -90.0, 180.0, 90.0], Shape::new(180_000_000, 360_000_000), 256);
    let set = cube.roi("10,40,10.001,40.001", 4326, LonLat).expect("inside");
    assert_eq!(set.len(), 5 * 5);
    let triangle = cube.roi("POLYGON((10 40, 10.5 40, 10.25 40.5, 10 40))", 4326, LonLat).expect("inside");
    assert!(triangle.runs().len() < 2000 && triangle.len() > 1_000_000, "{} runs", triangle.runs().len());
}

/// Not an assertion: prints what a patch costs (`cargo test --release -p cube-core cost -- --ignored --nocapture`).
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn cost_of_a_patch() {
    let cube = Cube::new(32632, TransverseMercator(9.0), [300_000.0, 4_000_000.0, 900_000.0, 6_000_000.0], Shape::new(200_000, 60_000), 512);
    let patch = GeoBox::from_shape(Crs::from_epsg(32633), [300_000.0, 4_990_200.0, 409_800.0, 5_100_000.0].into(), Shape::new(10_980, 10_980))
        .expect("a grid");
    let geometry: geojson::Geometry = r#"{"type":"Polygon","coordinates":[[[9,45],[10.4,45],[10.4,46],[9,46],[9,45]]]}"#.parse().expect("GeoJSON");
    cube.with(|l| {
        let started = std::time::Instant::now();
        let touched: u64 = (0..1000).map(|_| l.touched_by_grid(&patch, &Map(TransverseMercator(15.0), cube.projection)).len()).sum();
        println!("by grid: {:?} each, {} units", started.elapsed() / 1000, touched / 1000);
        let started = std::time::Instant::now();
        let touched: u64 = (0..1000).map(|_| l.touched_by_footprint(Some(&geometry), None).len()).sum();
        println!("by footprint: {:?} each, {} units", started.elapsed() / 1000, touched / 1000);
    });
    let started = std::time::Instant::now();
    (0..100).for_each(|_| cube.with(|_| ()));
    println!("a locator: {:?}", started.elapsed() / 100);
}
