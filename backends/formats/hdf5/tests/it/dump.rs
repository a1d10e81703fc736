//! Granules as JSON, for the scripts that compare them, and what tests of readers share.

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use cube_core::Number;
use cube_manifest::{AttributeValue, Codec, Data, Element, Granule, Group, Origin, Place, Variable};
use serde_json::{Value, json};

use crate::values::values;

pub(crate) fn origin(url: &str) -> Origin {
    Origin { url: url.into(), size: None, etag: None, last_modified: None }
}

/// A folder of the corpus.
pub(crate) fn corpus(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let corpus = std::env::var_os("CUBE_CORPUS").map_or_else(beside, PathBuf::from).join(folder);
    if !corpus.is_dir() {
        println!("corpus not found: skipped");
        return None;
    }
    Some(corpus)
}

/// The interpreter that has h5py and netCDF4.
pub(crate) fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("CUBE_PYTHON");
    if python.is_none() {
        println!("CUBE_PYTHON is not set to an interpreter with h5py and netCDF4: skipped");
    }
    python
}

/// Runs a script beside this file; what it printed. Fails when it does.
pub(crate) fn run(python: &std::ffi::OsStr, script: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script);
    let run = std::process::Command::new(python).arg(script).args(arguments).output().unwrap();
    let output = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{output}\n{}", String::from_utf8_lossy(&run.stderr));
    output
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A granule, and checksums of the values of its variables, read from the bytes of its file.
pub(crate) fn granule(granule: &Granule, file: &[u8]) -> Value {
    group(&granule.root, file)
}

fn group(g: &Group, file: &[u8]) -> Value {
    json!({
        "name": g.name,
        "attributes": attributes(&g.attributes),
        "dimensions": g.dimensions.iter().map(|d| json!([d.name, d.size, d.unlimited])).collect::<Vec<_>>(),
        "variables": g.variables.iter().map(|v| variable(v, file)).collect::<Vec<_>>(),
        "groups": g.groups.iter().map(|g| group(g, file)).collect::<Vec<_>>(),
    })
}

fn attributes(all: &[cube_manifest::Attribute]) -> Value {
    all.iter().map(|a| json!([a.name, attribute(&a.value)])).collect()
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!(["text", [text], true]),
        AttributeValue::Texts(texts) => json!(["text", texts, false]),
        AttributeValue::Number(dtype, n) => json!([dtype.name(), [number(*n)], true]),
        AttributeValue::Numbers(dtype, numbers) => json!([dtype.name(), numbers.iter().map(|n| number(*n)).collect::<Vec<_>>(), false]),
        AttributeValue::Other(what) => json!(["other", what, true]),
    }
}

/// Exactly: integers in digits, floats by their bits.
fn number(n: Number) -> Value {
    match n {
        Number::Int(i) => json!(format!("i{i}")),
        Number::Float(f) => json!(format!("f{:016x}", f.to_bits())),
    }
}

fn variable(v: &Variable, file: &[u8]) -> Value {
    let endian = match v.element.endian() {
        cube_manifest::Endian::Little => "<",
        cube_manifest::Endian::Big => ">",
    };
    let element = match v.element {
        Element::Number(dtype, _) => json!(["number", dtype.name(), endian]),
        Element::Float16(_) => json!(["number", "float16", endian]),
        Element::Text { bytes, padding } => json!(["text", bytes, format!("{padding:?}")]),
        Element::VariableText => json!(["variable text"]),
        Element::Opaque(bytes) => json!(["opaque", bytes]),
        Element::Other => json!(["other"]),
    };
    let data = match &v.data {
        Err(refusal) => json!({"refusal": refusal.to_string()}),
        Ok(Data::Text(texts)) => json!({"texts": texts}),
        Ok(Data::Chunks(refs)) => {
            let chunks = refs.iter().map(|c| {
                let at = refs.position(c.index);
                match c.place {
                    Place::Reference(r) => json!([at, r.offset, r.length, c.filter_mask]),
                    Place::Inline(bytes) => json!([at, BASE64_STANDARD.encode(bytes)]),
                }
            });
            json!({"chunk_shape": refs.chunk_shape(), "short_last": refs.short_last(), "chunks": chunks.collect::<Vec<_>>()})
        }
    };
    json!({
        "name": v.name,
        "dimensions": v.dimensions,
        "shape": v.shape,
        "element": element,
        "enumeration": v.enumeration.iter().map(|(name, n)| json!([name, number(*n)])).collect::<Vec<_>>(),
        "attributes": attributes(&v.attributes),
        "fill": v.fill.as_ref().map(|f| BASE64_STANDARD.encode(f)),
        "codecs": v.codecs.iter().map(codec).collect::<Vec<_>>(),
        "data": data,
        "values": values(v, file).map(|bytes| bytes.map_or_else(|e| json!(e), |bytes| json!(checksum(&bytes)))),
    })
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn codec(codec: &Codec) -> Value {
    match codec {
        Codec::Shuffle { element_size } => json!([2, [element_size]]),
        Codec::Deflate { level } => json!([1, [level]]),
        Codec::Fletcher32 => json!([3, []]),
        Codec::Zstd { level } => json!([32015, [level]]),
        Codec::Blosc(b) => json!([32001, [b.compressor, b.level, format!("{:?}", b.shuffle), b.type_size]]),
        Codec::Bzip2 { level } => json!([307, [level]]),
        Codec::Other { id, name, parameters } => json!([id, parameters, name]),
    }
}
