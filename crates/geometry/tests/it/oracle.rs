//! What shapely says of regions and their simplifications, and what exact rational arithmetic says; see `oracle.py`. Needs `CUBE_PYTHON`.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![expect(clippy::unwrap_used, reason = "tests may break off")]

use std::{fs::File, io::BufWriter, path::Path, process::Command};

use cube_core::Roi;
use cube_geometry::{Edges, Limits, Region, simplify_containing};
use geo::Coord;
use geojson::Geometry;
use serde_json::{Value, json};

use crate::shapes::{corpus, files, generated};

#[test]
fn shapely_agrees_on_generated_shapes() {
    let cases = generated().into_iter().map(|(name, geometry)| case(&name, &geometry, &[300, 40, 12]));
    compare("generated", cases.collect());
}

/// Without Python: by exact predicates no edge of a region crosses one of its simplification, and every corner lies inside.
#[test]
fn what_is_simplified_contains_the_region() {
    for (name, geometry) in generated() {
        let region = Region::repair(&geometry).unwrap().region;
        for max_points in [300, 60, 12] {
            let simple = simplify_containing(&region, Limits { max_points, edges: Edges::Planar }).unwrap();
            assert!(simple.points_after <= max_points, "{name}");
            let rings: Vec<Vec<Coord>> = simple.region.shapes().areas.iter().map(|p| p.exterior().0.clone()).collect();
            let given = region.shapes();
            for line in given.areas.iter().map(geo::Polygon::exterior).chain(&given.lines).filter(|_| !rings.is_empty()) {
                assert!(line.0.iter().all(|c| rings.iter().any(|r| holds(r, *c))), "{name}: a corner lies outside");
                let crossed = line.0.windows(2).any(|e| rings.iter().flat_map(|r| r.windows(2)).any(|f| cross(e[0], e[1], f[0], f[1])));
                assert!(!crossed, "{name}: an edge leads outside");
            }
        }
    }
}

fn side(a: Coord, b: Coord, c: Coord) -> f64 {
    let [a, b, c] = [a, b, c].map(|p| robust::Coord { x: p.x, y: p.y });
    robust::orient2d(a, b, c)
}

fn cross(a: Coord, b: Coord, c: Coord, d: Coord) -> bool {
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

fn holds(ring: &[Coord], p: Coord) -> bool {
    let on = |e: &[Coord]| {
        let within = |a: f64, b: f64, v: f64| (a.min(b)..=a.max(b)).contains(&v);
        within(e[0].x, e[1].x, p.x) && within(e[0].y, e[1].y, p.y) && side(e[0], e[1], p) == 0.0
    };
    let up = |e: &&[Coord]| e[0].y <= p.y && p.y < e[1].y && side(e[0], e[1], p) > 0.0;
    let down = |e: &&[Coord]| e[1].y <= p.y && p.y < e[0].y && side(e[0], e[1], p) < 0.0;
    ring.windows(2).any(on) || ring.windows(2).filter(up).count() != ring.windows(2).filter(down).count()
}

#[test]
fn shapely_agrees_on_the_corpus() {
    let Some(folder) = corpus() else { return };
    let mut cases = Vec::new();
    for path in files(&folder, &["geojson", "json"]) {
        let Ok(roi) = Roi::parse(&std::fs::read_to_string(&path).unwrap(), None) else { continue };
        if roi.crs == cube_core::Crs::wgs84() {
            cases.push(case(path.strip_prefix(&folder).unwrap().to_str().unwrap(), &roi.geometry, &[300, 30]));
        }
    }
    compare("corpus", cases);
}

fn case(name: &str, geometry: &Geometry, limits: &[usize]) -> Value {
    let repaired = Region::repair(geometry).unwrap();
    let mut simplified = Vec::new();
    for max_points in limits {
        for edges in [Edges::Planar, Edges::Geodesic] {
            let limits = Limits { max_points: *max_points, edges };
            let simple = match simplify_containing(&repaired.region, limits) {
                Ok(simple) => simple,
                Err(e) => {
                    simplified.push(json!({"max_points": max_points, "edges": edges, "error": e.to_string()}));
                    continue;
                }
            };
            assert_eq!(simple.points_after, simple.region.points(), "{name}");
            simplified.push(json!({
                "max_points": max_points, "edges": edges, "region": simple.region.to_geojson(),
                "points_after": simple.points_after, "added_area_share": simple.added_area_share, "steps": simple.steps,
            }));
        }
    }
    json!({"name": name, "original": geometry, "region": repaired.region.to_geojson(), "steps": repaired.steps, "simplified": simplified})
}

fn compare(name: &str, cases: Vec<Value>) {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else {
        println!("CUBE_PYTHON is not set: skipped");
        return;
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("regions-{name}.json"));
    serde_json::to_writer(BufWriter::new(File::create(&path).unwrap()), &cases).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/oracle.py");
    let output = Command::new(python).arg(script).arg(&path).output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(path).unwrap();
}
