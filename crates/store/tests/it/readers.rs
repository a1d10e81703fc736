//! What others read: zarr-python, Icechunk's own Python, xarray, rioxarray, odc-geo, GDAL. Needs `CUBE_PYTHON`, see `readers.py`.

use std::{path::Path, process::Command};

use cube_core::{Crs, DType, GeoBox, GroupLayout, Layout, Number, Shape, TimeStep, TimeValue};
use cube_store::{Batch, Cube, Location};
use serde_json::{Value, json};

use crate::{s3::python, support::*};

/// A layout, the steps that it is filled at, and what the reader is to know of it.
struct Case {
    name: &'static str,
    layout: Layout,
    steps: Vec<TimeValue>,
}

fn cases() -> Vec<Case> {
    let with = |change: fn(&mut Layout)| {
        let mut layout = layout();
        let mut scaled = band("scaled", DType::Int16, -9999.0);
        (scaled.scale, scaled.offset, scaled.units, scaled.long_name) = (Some(0.01), Some(-273.15), Some("K".into()), Some("temperature".into()));
        layout.bands = vec![band("red", DType::UInt16, 0.0), band("height", DType::Float32, f64::NAN), scaled];
        change(&mut layout);
        layout
    };
    let days = || vec![day(5), day(1), day(3)];
    vec![
        Case { name: "growing", layout: with(|_| {}), steps: days() },
        Case { name: "empty", layout: with(|_| {}), steps: vec![] },
        Case { name: "flat", layout: with(|l| l.time.step = TimeStep::None), steps: vec![TimeValue(0)] },
        Case {
            name: "declared",
            layout: with(|l| {
                l.time.declared = Some(vec![day(1), day(3), day(5), day(9)]);
                (l.unit_time, l.unit, l.chunk) = (2, Shape::new(64, 64), Shape::new(32, 32));
            }),
            steps: vec![day(1), day(5)],
        },
        Case { name: "native", layout: with(|l| l.groups = zones()), steps: days() },
        Case {
            name: "native_flat",
            layout: with(|l| {
                l.groups = zones();
                l.time.step = TimeStep::None;
            }),
            steps: vec![TimeValue(0)],
        },
        Case { name: "degrees", layout: with(|l| l.groups = vec![degrees()]), steps: days() },
    ]
}

fn zones() -> Vec<GroupLayout> {
    vec![utm(32, "EPSG_32632", Shape::new(100, 130)), utm(33, "EPSG_32633", Shape::new(70, 40))]
}

fn degrees() -> GroupLayout {
    let affine = cube_core::Affine::new(0.25, 0.0, -20.0, 0.0, -0.5, 60.0);
    let grid = GeoBox::new(Crs::wgs84(), affine, Shape::new(100, 130)).expect("a grid");
    let crs_wkt = "GEOGCRS[\"WGS 84\",DATUM[\"World Geodetic System 1984\",ELLIPSOID[\"WGS 84\",6378137,298.257223563,LENGTHUNIT[\"metre\",1]]],\
                   PRIMEM[\"Greenwich\",0,ANGLEUNIT[\"degree\",0.0174532925199433]],CS[ellipsoidal,2],AXIS[\"geodetic latitude (Lat)\",north,ORDER[1],\
                   ANGLEUNIT[\"degree\",0.0174532925199433]],AXIS[\"geodetic longitude (Lon)\",east,ORDER[2],ANGLEUNIT[\"degree\",0.0174532925199433]],ID[\"EPSG\",4326]]";
    GroupLayout { name: String::new(), grid, crs_wkt: crs_wkt.into(), geographic: true }
}

/// Fills some units and says which.
async fn fill(cube: &Cube, case: &Case) -> Vec<Value> {
    let layout = &case.layout;
    let writer = cube.writer().await.expect("a writer");
    let mut steps = case.steps.clone();
    if cube.kind() == cube_store::Kind::Zarr {
        steps.sort_unstable();
    }
    let mut written = Vec::new();
    for (i, step) in steps.into_iter().enumerate() {
        let mut receipts = Vec::new();
        for group in &layout.groups {
            for (j, name) in layout.bands.iter().map(|b| b.name.as_str()).enumerate() {
                for at in [unit(0, 0), unit(1, 0)] {
                    let value = 1000 + i as u32 * 100 + j as u32 * 10 + at.row;
                    let pixels = match layout.bands[j].dtype {
                        DType::Int16 => cube_core::Pixels::Int16(vec![value as i16; layout.unit_time * layout.unit.len()]),
                        _ => pixels(layout, name, at, value),
                    };
                    let bytes = writer.encode(&group.name, name, &pixels).expect("encoded");
                    let payload = writer.upload(&group.name, name, bytes).await.expect("uploaded");
                    let receipt = cube_store::Receipt {
                        group: group.name.clone(),
                        band: name.into(),
                        step,
                        at,
                        payload,
                        state: cube_store::State::Loaded,
                        fingerprint: value.into(),
                    };
                    receipts.push(receipt);
                    written.push(json!({"group": group.name, "band": name, "step": step.0, "row": at.row, "col": at.col, "value": value}));
                }
            }
        }
        let patches = vec![patch(&format!("p{i}"), "1", Some(step), Some([8.0, 45.0, 9.0, 46.0]))];
        cube.commit(&Batch { receipts, patches, message: "fill".into(), ..Batch::default() }).await.expect("committed");
    }
    written
}

fn description(case: &Case, path: &Path, written: &[Value]) -> Value {
    let layout = &case.layout;
    let number = |n: Number| if n.as_f64().is_nan() { Value::Null } else { json!(n.as_f64()) };
    let groups = layout.groups.iter().map(|g| {
        let shape = g.grid.shape();
        json!({"name": g.name, "crs": g.grid.crs().as_str(), "affine": <[f64; 6]>::from(g.grid.affine()), "rows": shape.rows, "cols": shape.cols})
    });
    let bands =
        layout.bands.iter().map(|b| json!({"name": b.name, "dtype": b.dtype.name(), "fill": number(b.fill), "scale": b.scale, "offset": b.offset}));
    let mut steps: Vec<_> = layout.time.declared.clone().unwrap_or_else(|| case.steps.clone()).iter().map(|t| t.0).collect();
    steps.sort_unstable();
    json!({
        "path": path, "groups": groups.collect::<Vec<_>>(), "bands": bands.collect::<Vec<_>>(), "steps": steps, "written": written,
        "has_time": layout.time.step != TimeStep::None, "unit": [layout.unit_time, layout.unit.rows, layout.unit.cols],
        "sharded": layout.unit != layout.chunk,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn others_read_the_same() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let mut descriptions = Vec::new();
    for case in cases() {
        for suffix in ["", ".zarr"] {
            let path = directory.path().join(format!("{}{suffix}", case.name));
            let location = Location::parse(&path.to_string_lossy()).expect("a location");
            let cube = Cube::create(&location, &options(), &case.layout).await.expect("created");
            let written = fill(&cube, &case).await;
            descriptions.push(description(&case, &path, &written));
        }
    }
    let list = directory.path().join("cubes.json");
    std::fs::write(&list, serde_json::to_string(&descriptions).expect("written")).expect("written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers.py");
    let output = Command::new(python).arg("-W").arg("error").arg(script).arg(&list).output().expect("python");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
