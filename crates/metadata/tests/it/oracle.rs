//! Made Items and Collections are valid by the official schemas, and for pystac. Runs where `CUBE_PYTHON` names a Python that has pystac and
//! jsonschema. The schemas of STAC 1.0.0 and of the extensions are looked for in `CUBE_STAC_SCHEMAS` (or `stac/schemas` of the corpus); where
//! they are not, documents of STAC 1.1 are judged by the core's schema, which pystac brings.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cube_metadata::{
    Options, StacVersion,
    convert::{collection_to_stac, granule_to_item},
};
use serde_json::{Value, json};

use crate::{generator::Generator, records};

fn schemas() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let corpus = || std::env::var_os("CUBE_CORPUS").map_or(beside, PathBuf::from).join("stac/schemas");
    let folder = std::env::var_os("CUBE_STAC_SCHEMAS").map_or_else(corpus, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn judge(name: &str, documents: impl Iterator<Item = Value>) {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else {
        println!("CUBE_PYTHON is not set: skipped");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(format!("{name}.ndjson"));
    let lines: Vec<String> = documents.map(|d| d.to_string()).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
    let output = Command::new(python).arg(script).arg(&file).args(schemas()).output().expect("Python runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{} documents", lines.len())), "{text}");
}

/// What is made of polygons covers what they cover, wherever they lie: across the antimeridian, with holes, concave.
#[test]
fn footprints_cover_what_is_meant() {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else {
        println!("CUBE_PYTHON is not set: skipped");
        return;
    };
    let mut generator = Generator::new(5);
    let lines: Vec<String> = (0..1500)
        .map(|_| {
            let polygon = generator.tidy_polygon();
            let record = json!({"GranuleUR": "x", "TemporalExtent": {"SingleDateTime": "2024-01-01T00:00:00Z"}, "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [polygon]}}}});
            let item = granule_to_item(&record, &Options::default()).expect("an Item").value;
            json!({"umm": polygon, "geometry": item["geometry"], "bbox": item["bbox"]}).to_string()
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("footprints.ndjson");
    std::fs::write(&file, lines.join("\n")).expect("written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/footprints.py");
    let output = Command::new(python).arg(script).arg(&file).output().expect("Python runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1500 documents"), "{text}");
}

fn both() -> impl Iterator<Item = Options<'static>> + Clone {
    [StacVersion::V1_1, StacVersion::V1_0].into_iter().map(|stac_version| Options { stac_version, ..Options::default() })
}

#[test]
fn items_and_collections_of_the_corpus_are_valid() {
    let Some(records) = records::corpus() else { return };
    let items = records.granules.iter().flat_map(|(_, r)| both().map(move |o| granule_to_item(r, &o).expect("an Item").value));
    let collections = records.collections.iter().flat_map(|(_, r)| both().map(move |o| collection_to_stac(r, &o).expect("a Collection").value));
    judge("corpus", items.chain(collections));
}

#[test]
fn items_of_generated_granules_are_valid() {
    let mut generator = Generator::new(11);
    let records: Vec<Value> = (0..300).map(|_| generator.granule()).collect();
    judge("generated", records.iter().flat_map(|r| both().map(move |o| granule_to_item(r, &o).expect("an Item").value)));
}
