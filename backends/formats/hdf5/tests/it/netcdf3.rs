//! The classic netCDF reader against netCDF4-python: over a corpus, and over files made for it.

use std::path::Path;

use cube_format_hdf5::{Kind, read_bytes, recognise};
use serde_json::{Value, json};

use crate::dump::{self, corpus, files, origin, python, run};

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap();
    match read_bytes(&bytes, origin(path.to_str().unwrap())) {
        Ok(granule) => json!([path, dump::granule(&granule, &bytes), null]),
        Err(e) => json!([path, null, e.to_string()]),
    }
}

fn compare(python: &std::ffi::OsStr, paths: &[std::path::PathBuf]) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifests.json");
    let all: Vec<Value> = paths.iter().map(|p| read(p)).collect();
    std::fs::write(&manifest, serde_json::to_vec(&all).unwrap()).unwrap();
    let output = run(python, "netcdf3.py", &[Path::new("compare"), &manifest]);
    let (counts, differences): (Vec<&str>, Vec<&str>) = output.lines().partition(|l| l.starts_with('#'));
    println!("{}", counts.join("\n"));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_corpus_agrees_with_netcdf4() {
    let (Some(corpus), Some(python)) = (corpus("hdf5"), python()) else { return };
    let classic = |path: &std::path::PathBuf| recognise(&std::fs::read(path).unwrap()) == Some(Kind::NetCdf3);
    let paths: Vec<_> = files(&corpus).into_iter().filter(classic).collect();
    assert!(paths.len() >= 10, "{} classic files", paths.len());
    compare(&python, &paths);
}

#[test]
fn every_kind_of_classic_file_agrees_with_netcdf4() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    run(&python, "netcdf3.py", &[Path::new("make"), folder.path()]);
    let paths = files(folder.path());
    assert!(paths.len() >= 12, "{} files", paths.len());
    compare(&python, &paths);
}

/// CDF-1: a dimension `t` that grows, and one variable `v(t)` of shorts; three records of two bytes without padding.
fn small() -> Vec<u8> {
    let mut bytes = b"CDF\x01\0\0\0\x03\0\0\0\x0a\0\0\0\x01\0\0\0\x01t\0\0\0\0\0\0\0".to_vec();
    bytes.extend(b"\0\0\0\0\0\0\0\0");
    bytes.extend(b"\0\0\0\x0b\0\0\0\x01\0\0\0\x01v\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x04\0\0\0\x50");
    assert_eq!(bytes.len(), 0x50);
    bytes.extend([0, 1, 0, 2, 0, 3]);
    bytes
}

#[test]
fn one_variable_on_records_is_not_padded() {
    let granule = read_bytes(&small(), origin("x")).unwrap();
    let v = dump::granule(&granule, &small())["variables"][0].clone();
    assert_eq!(v["data"]["chunks"], json!([[[0], 80, 2, 0], [[1], 82, 2, 0], [[2], 84, 2, 0]]));
    assert_eq!((v["dimensions"].clone(), v["shape"].clone()), (json!(["/t"]), json!([3])));
    assert_eq!(granule.root.dimensions[0].size, 3);
}

#[test]
fn records_that_were_never_counted_are_those_in_the_file() {
    let mut bytes = small();
    bytes[4..8].fill(0xff);
    let granule = read_bytes(&bytes, origin("x")).unwrap();
    assert_eq!((granule.root.dimensions[0].size, granule.root.variables[0].shape.clone()), (3, vec![3]));
}

#[test]
fn a_file_that_is_cut_refuses_what_is_missing() {
    let bytes = small();
    let granule = read_bytes(&bytes[..bytes.len() - 1], origin("x")).unwrap();
    assert!(granule.root.variables[0].data.as_ref().unwrap_err().to_string().starts_with("inconsistent"));
    for end in 0..0x50 {
        assert!(read_bytes(&bytes[..end], origin("x")).is_err());
    }
}

#[test]
fn broken_bytes_neither_panic_nor_hang() {
    let bytes = small();
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[at] = value;
            let _ = read_bytes(&broken, origin("x"));
        }
    }
}
