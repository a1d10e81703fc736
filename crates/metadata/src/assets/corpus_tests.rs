//! Assets that others wrote, read and written again.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Asset, StacVersion};

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let found = std::env::var_os("CUBE_CORPUS").map_or(beside, PathBuf::from).join("stac");
    found.is_dir().then_some(found)
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "json" || e == "geojson") {
            out.push(path);
        }
    }
}

/// The assets of each item and collection anywhere in a document.
fn assets<'a>(value: &'a Value, out: &mut Vec<(&'a String, &'a Map<String, Value>)>) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| assets(v, out)),
        Value::Object(object) => {
            let of_item = object.get("assets").and_then(Value::as_object).into_iter().flatten();
            out.extend(of_item.filter_map(|(key, asset)| Some((key, asset.as_object()?))));
            object.values().for_each(|v| assets(v, out));
        }
        _ => {}
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}

/// What is said is written again, under the same names or under those of the version that is written.
fn is_kept(name: &str, said: &Value, written: &Map<String, Value>, version: StacVersion) -> bool {
    let again = written.get(name);
    match name {
        "roles" if said.as_array().is_some_and(Vec::is_empty) => true,
        "type" if said == "application/octet-stream" || said == "" => true,
        "bands" | "eo:bands" | "raster:bands" if again.is_none_or(|again| !same(said, again)) => {
            let lists = if version == StacVersion::V1_1 { ["bands", "bands"] } else { ["eo:bands", "raster:bands"] };
            said_in_bands(said).all(|text| lists.iter().any(|list| written.get(*list).is_some_and(|l| said_in_bands(l).any(|t| same(t, text)))))
        }
        "checksum:multihash" if again.is_none() => written.get("file:checksum") == Some(said),
        _ => again.is_some_and(|again| same(said, again)),
    }
}

/// Every value of every band.
fn said_in_bands(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(|band| band.values())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test says that it did nothing")]
fn assets_of_the_corpus_lose_nothing() {
    let Some(folder) = corpus() else {
        eprintln!("corpus not found: skipped");
        return;
    };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let mut count = 0;
    for path in paths {
        let text = std::fs::read(&path).expect("a file");
        let Ok(document) = serde_json::from_slice::<Value>(&text) else { continue };
        let mut found = Vec::new();
        assets(&document, &mut found);
        for (key, stated) in found {
            let Some(asset) = Asset::from_stac(key, stated) else {
                assert!(!stated.get("href").is_some_and(Value::is_string), "{}: {key}", path.display());
                continue;
            };
            count += 1;
            for version in [StacVersion::V1_0, StacVersion::V1_1] {
                let written = asset.to_stac(version);
                let lost: Vec<_> = stated.iter().filter(|(name, said)| !is_kept(name, said, &written, version)).collect();
                assert!(lost.is_empty(), "{}: {key}, {version:?}: {lost:?} in {written:?}", path.display());
                assert_eq!(Asset::from_stac(key, &written).as_ref(), Some(&asset), "{}: {key}, {version:?}", path.display());
            }
        }
    }
    assert!(count > 3000, "only {count} assets in the corpus");
}
