//! Filters that Zarr has no counterpart for, as HDF5 and its plugins wrote them, decoded and stored.

use std::{path::Path, process::Command, sync::Arc};

use cube_core::DType;
use cube_manifest::{ChunkRefs, Codec, Data, Element, Endian, Granule, Group, Origin, Variable};
use cube_virtual::{Dataset, LocalFiles, Repair, write::icechunk};
use serde_json::{Value, json};

use crate::{python, readers::stores};

fn codec(filter: &Value, width: usize) -> Codec {
    let parameters: Vec<u32> = filter["parameters"].as_array().unwrap().iter().map(|p| p.as_u64().unwrap() as u32).collect();
    match filter["id"].as_u64().unwrap() as u32 {
        2 => Codec::Shuffle { element_size: width as u32 },
        3 => Codec::Fletcher32,
        id => Codec::Other { id, name: filter["name"].as_str().unwrap().into(), parameters },
    }
}

fn variable(described: &Value, url: &Arc<str>) -> Variable {
    let dtype = DType::ALL.into_iter().find(|d| d.name() == described["dtype"]).unwrap();
    let endian = if described["big"].as_bool().unwrap() { Endian::Big } else { Endian::Little };
    let mut refs = ChunkRefs::new(&[70, 33], vec![32, 16]).unwrap();
    for chunk in described["chunks"].as_array().unwrap() {
        let at: Vec<u64> = chunk["at"].as_array().unwrap().iter().map(|i| i.as_u64().unwrap()).collect();
        let number = |name: &str| chunk[name].as_u64().unwrap();
        refs.push(refs.index_of(&at).unwrap(), url, number("offset"), number("size"), number("mask") as u32).unwrap();
    }
    Variable {
        name: described["name"].as_str().unwrap().into(),
        dimensions: vec![Some("/y".into()), Some("/x".into())],
        shape: vec![70, 33],
        element: Element::Number(dtype, endian),
        enumeration: vec![],
        attributes: vec![],
        fill: None,
        codecs: described["filters"].as_array().unwrap().iter().map(|f| codec(f, dtype.size())).collect(),
        data: Ok(Data::Chunks(refs)),
    }
}

fn truth(described: &Value) -> Value {
    let dtype = DType::ALL.into_iter().find(|d| d.name() == described["dtype"]).unwrap();
    let kind = if dtype.is_float() { 'f' } else { dtype.name().chars().next().unwrap() };
    let order = if described["big"].as_bool().unwrap() { '>' } else { '<' };
    json!({
        "group": "/", "name": described["name"], "dims": ["y", "x"], "dtype": format!("{order}{kind}{}", dtype.size()),
        "shape": [70, 33], "hex": described["hex"], "attrs": {},
    })
}

#[tokio::test]
async fn what_zarr_cannot_decode_is_decoded_when_asked_for() {
    if !python::available() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/foreign.py");
    let output = Command::new(std::env::var_os("CUBE_PYTHON").unwrap()).arg(script).arg(directory.path()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("No module named 'hdf5plugin'") {
        println!("hdf5plugin is not installed: skipped");
        return;
    }
    let described: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {complaint}"));
    let url: Arc<str> = directory.path().join("foreign.h5").to_string_lossy().as_ref().into();
    let variables = described.iter().map(|d| variable(d, &url)).collect();
    let origin = Origin { url, size: None, etag: None, last_modified: None };
    let granule = Granule { origin, root: Group { variables, ..Group::default() } };

    let mut refused = Dataset::from_granule(granule.clone());
    refused.repair(&LocalFiles, Repair::default()).await.unwrap();
    assert_eq!((refused.refused.len(), refused.arrays().len()), (described.len(), 0));

    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair { materialize_unsupported: true, ..Repair::default() }).await.unwrap();
    assert_eq!(dataset.refused, [], "of {} variables", described.len());
    let truth: Vec<Value> = described.iter().map(truth).collect();
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": truth}));
}
