//! The arrows between crates point down the rows of `docs/architecture.md`.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

/// Names of the dependencies of a kind: `None` is what the crate itself is built with.
fn dependencies<'a>(package: &'a Value, kind: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    let of_kind = move |d: &&Value| d["kind"].as_str() == kind;
    package["dependencies"].as_array().unwrap().iter().filter(of_kind).map(|d| d["name"].as_str().unwrap())
}

#[test]
fn arrows_point_down() {
    let packages = packages();
    let row = |p: &Value| p["metadata"]["cube"]["row"].as_u64().unwrap_or_else(|| panic!("{} states no row: add [package.metadata.cube]", name(p)));
    let rows: BTreeMap<&str, u64> = packages.iter().map(|p| (name(p), row(p))).collect();
    let mut offending = Vec::new();
    for package in &packages {
        for kind in [None, Some("build")] {
            for to in dependencies(package, kind).filter(|d| rows.contains_key(d)) {
                if rows[to] >= rows[name(package)] {
                    offending.push(format!("{} (row {}) -> {to} (row {})", name(package), rows[name(package)], rows[to]));
                }
                if to == "cube-testkit" {
                    offending.push(format!("{} -> {to}, which is for tests only", name(package)));
                }
            }
        }
    }
    assert!(offending.is_empty(), "arrows that do not point down:\n  {}", offending.join("\n  "));
}

#[test]
fn the_middle_is_pure() {
    const IO: [&str; 6] = ["tokio", "reqwest", "object_store", "icechunk", "futures", "hyper"];
    for package in packages().iter().filter(|p| ["cube-core", "cube-warp"].contains(&name(p))) {
        let impure: Vec<_> = dependencies(package, None).filter(|d| IO.contains(d)).collect();
        assert!(impure.is_empty(), "{} depends on {impure:?}", name(package));
    }
}

/// A second copy would make `dyn ObjectStore` two types.
#[test]
fn there_is_one_object_store() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lines: Vec<&str> = lock.lines().collect();
    let versions: Vec<&str> = lines.windows(2).filter(|w| w[0] == "name = \"object_store\"").map(|w| w[1]).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}

/// Only the programs print, and only `access` reads the environment; in the facade and below nothing else asks for it.
#[test]
fn only_access_reads_the_environment() {
    let mut found = Vec::new();
    for crate_folder in ["core", "backend", "warp", "store", "engine", "cube"].map(|c| root().join("crates").join(c).join("src")) {
        for file in rust_files(&crate_folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let reads = ["env::var", "env::vars"].iter().any(|needle| code.contains(needle));
            if reads && !file.to_string_lossy().contains("test") {
                found.push(file.display().to_string());
            }
        }
    }
    assert!(found.is_empty(), "these read the environment: {found:?}");
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).filter(|p| p.extension().is_some_and(|e| e == "rs")).collect()
}
