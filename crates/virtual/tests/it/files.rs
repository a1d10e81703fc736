//! Files that HDF5's library wrote, through stores, against h5py.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use cube_manifest::Origin;
use cube_virtual::{
    Dataset, LocalFiles, Repair,
    write::{
        icechunk::{self, Target},
        kerchunk::{self, ZarrFormat},
    },
};
use serde_json::{Value, json};

use crate::python;

/// What was made of a file.
async fn stores_of(file: &Path, directory: &Path, refusals: &mut BTreeMap<String, usize>) -> Option<Value> {
    let bytes = std::fs::read(file).unwrap();
    let origin = Origin { url: file.to_string_lossy().as_ref().into(), size: Some(bytes.len() as u64), etag: None, last_modified: None };
    let granule = cube_format_hdf5::read_bytes(&bytes, origin).ok()?;
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair { materialize_unsupported: true, ..Repair::default() }).await.unwrap();
    for refused in &dataset.refused {
        *refusals.entry(format!("{}: {}", refused.refusal.reason, refused.refusal.detail)).or_default() += 1;
    }
    std::fs::create_dir_all(directory).unwrap();
    let arrays: Vec<String> = dataset.arrays().iter().map(|(group, a)| format!("{}/{}", group.trim_end_matches('/'), a.name)).collect();
    let mut stores = Vec::new();
    let path = directory.join("ice");
    let written = icechunk::write(&dataset, &Target::local(&path).await.unwrap(), &icechunk::Options::default()).await.unwrap();
    stores.push(json!({"kind": "icechunk", "path": path, "containers": written.containers}));
    for (kind, format) in [("json2", ZarrFormat::V2), ("json3", ZarrFormat::V3)] {
        let path = directory.join(format!("{kind}.json"));
        match kerchunk::write_json(&dataset, &path, &kerchunk::Options { format, ..kerchunk::Options::default() }) {
            Ok(_) => stores.push(json!({"kind": kind, "path": path})),
            Err(error) => *refusals.entry(format!("{kind}: {error}")).or_default() += 1,
        }
    }
    Some(json!({"file": file, "arrays": arrays, "stores": stores}))
}

async fn check(files: &[PathBuf], scratch: &Path) {
    let mut refusals = BTreeMap::new();
    let mut made = Vec::new();
    for (i, file) in files.iter().enumerate() {
        made.extend(stores_of(file, &scratch.join(i.to_string()), &mut refusals).await);
    }
    println!("# {} of {} files", made.len(), files.len());
    for (reason, count) in refusals {
        println!("# {count:6} refused: {reason}");
    }
    python::check(scratch, "hdf5", &json!({"files": made}));
}

#[tokio::test]
async fn what_hdf5_wrote_reads_the_same_through_stores() {
    if !python::available() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/files.py");
    let output = Command::new(std::env::var_os("CUBE_PYTHON").unwrap()).arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    check(&files, &directory.path().join("stores")).await;
}

/// Takes minutes; runs where the environment variable `CUBE_CORPUS` names the corpus.
#[tokio::test]
async fn files_of_the_corpus_read_the_same_through_stores() {
    let Some(corpus) = std::env::var_os("CUBE_CORPUS").map(|c| PathBuf::from(c).join("hdf5")).filter(|c| c.is_dir() && python::available()) else {
        println!("corpus not found: skipped");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    check(&files_below(&corpus), directory.path()).await;
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
