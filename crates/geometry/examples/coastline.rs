//! Repairs and simplifies a generated coastline of a million points, then as many points in islands; and asks which of many footprints
//! meet it: `cargo run --release --example coastline [POINTS] [FOOTPRINTS]`.
//!
//! One thread. Prints seconds of the processor (on Linux), what was added, and the peak of the memory used.
#![expect(clippy::print_stdout, reason = "an example")]

use cube_geometry::{Edges, Limits, Region, simplify_containing};
use geo::{Coord, Geometry, LineString, Polygon};

/// A ring of about so many points around (10, 50): midpoints displaced by shares of the edge, so that bays have bays (which
/// cross each other where it is rough).
fn coastline(points: usize, roughness: f64) -> Vec<Coord> {
    let mut seed = 42_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let mut ring: Vec<Coord> =
        (0..8).map(|i| f64::from(i) * std::f64::consts::TAU / 8.0).map(|t| Coord { x: 10.0 + 8.0 * t.cos(), y: 50.0 + 6.0 * t.sin() }).collect();
    while ring.len() < points {
        let mut next = Vec::with_capacity(2 * ring.len());
        for (i, a) in ring.iter().enumerate() {
            let b = ring[(i + 1) % ring.len()];
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let (along, across) = (0.5 + 0.1 * random(), roughness * random());
            next.extend([*a, Coord { x: a.x + along * dx - across * dy, y: a.y + along * dy + across * dx }]);
        }
        ring = next;
    }
    ring.push(ring[0]);
    ring
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let (points, footprints) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(100_000));
    let positions = |ring: Vec<Coord>| ring.into_iter().map(|c| [c.x, c.y]).collect::<Vec<_>>();
    for roughness in [0.45, 0.2] {
        println!("coastline, roughness {roughness}");
        let ring = coastline(points, roughness);
        measure(&geojson::Geometry::new(geojson::GeometryValue::new_polygon([positions(ring)])), footprints)?;
    }
    println!("islands");
    let side = ((points / 20) as f64).sqrt().ceil() as usize;
    let islands = (0..side * side).map(|i| {
        let (x, y) = ((i % side) as f64 / side as f64 * 20.0, (i / side) as f64 / side as f64 * 16.0 + 42.0);
        let radius = 6.0 / side as f64;
        let ring = (0..=20).map(|k| f64::from(k % 20) * std::f64::consts::TAU / 20.0);
        [positions(ring.map(|t| Coord { x: x + radius * t.cos(), y: y + radius * t.sin() }).collect())]
    });
    measure(&geojson::Geometry::new(geojson::GeometryValue::new_multi_polygon(islands)), footprints)?;
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|l| l.starts_with("VmHWM")).for_each(|l| println!("peak memory {}", l.trim_start_matches("VmHWM:").trim()));
    }
    Ok(())
}

/// Seconds that the processor has worked for this program; a machine that is busy otherwise does not count.
fn worked() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(stat.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}

fn measure(geometry: &geojson::Geometry, footprints: usize) -> Result<(), Box<dyn std::error::Error>> {
    let start = worked();
    let repaired = Region::repair(geometry)?;
    let region = repaired.region;
    println!(
        "  repair      {:.3} s: {} points in {} areas",
        worked().zip(start).map_or(f64::NAN, |(now, then)| now - then),
        region.points(),
        region.shapes().areas.len()
    );
    for step in repaired.steps {
        println!("              {}", step.detail);
    }
    for edges in [Edges::Planar, Edges::Geodesic] {
        for max_points in [300, 50] {
            let start = worked();
            let simple = simplify_containing(&region, Limits { max_points, edges })?;
            let seconds = worked().zip(start).map_or(f64::NAN, |(now, then)| now - then);
            println!(
                "  simplify    {seconds:.3} s: {} points in {} areas, {edges:?}, {:.2} % added",
                simple.points_after,
                simple.region.shapes().areas.len(),
                100.0 * simple.added_area_share.unwrap_or(f64::NAN)
            );
        }
    }
    let start = worked();
    let found = (0..footprints).filter(|i| {
        let (x, y) = (((*i % 400) as f64) * 0.06 - 2.0, ((*i / 400) as f64) * 0.064 + 42.0);
        let corners = [(x, y), (x + 1.1, y + 0.1), (x + 1.0, y + 1.1), (x - 0.1, y + 1.0), (x, y)].map(Coord::from);
        region.intersects(&Geometry::Polygon(Polygon::new(LineString(corners.to_vec()), Vec::new())), Edges::Geodesic)
    });
    let count = found.count();
    println!("  intersects  {:.3} s: {count} of {footprints} footprints", worked().zip(start).map_or(f64::NAN, |(now, then)| now - then));
    Ok(())
}
