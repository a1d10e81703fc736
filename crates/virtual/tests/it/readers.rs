//! Every kind of layout, codec, element and byte order, in every kind of store.

use std::path::Path;

use cube_core::DType;
use cube_manifest::{Blosc, BloscShuffle, Codec, Element, Endian, Granule, Origin, Padding};
use cube_virtual::{
    Addresses, Dataset, LocalFiles, Repair,
    read::kerchunk::read_json,
    write::{
        icechunk::{self, Target},
        kerchunk::{self, ZarrFormat},
    },
};
use serde_json::{Value, json};

use crate::{
    made::{Made, be, counted, le, number, numeric, text},
    python,
};

fn shuffle(element_size: u32) -> Codec {
    Codec::Shuffle { element_size }
}

const DEFLATE: Codec = Codec::Deflate { level: Some(4) };

/// One variable of each kind.
fn everything(directory: &Path) -> (Granule, Vec<Value>) {
    let mut made = Made::new(&directory.join("all kinds#1.h5"));
    let yx = ["y", "x"];
    for dtype in DType::ALL {
        for (order, element) in [("le", le(dtype)), ("be", be(dtype))] {
            let name: &'static str = format!("{}_{order}", dtype.name()).leak();
            made.add("/numbers", counted(name, &yx, &[7, 10], &[3, 4], element, 1));
        }
    }
    made.add("/numbers", counted("half_be", &yx, &[7, 10], &[3, 4], Element::Float16(Endian::Big), 1));
    made.add("/numbers", counted("half_le", &yx, &[7, 10], &[7, 10], Element::Float16(Endian::Little), 1));
    let blosc = |name: &str| Codec::Blosc(Blosc { compressor: name.into(), level: 5, shuffle: BloscShuffle::Byte, type_size: 4, block_size: 0 });
    let pipelines: [(&str, Vec<Codec>); 9] = [
        ("deflate", vec![DEFLATE]),
        ("shuffle_deflate", vec![shuffle(4), DEFLATE]),
        ("shuffle_deflate_sum", vec![shuffle(4), DEFLATE, Codec::Fletcher32]),
        ("sum", vec![Codec::Fletcher32]),
        ("sum_deflate", vec![Codec::Fletcher32, DEFLATE]),
        ("twice", vec![DEFLATE, DEFLATE]),
        ("zstd", vec![shuffle(4), Codec::Zstd { level: None }]),
        ("bzip2", vec![Codec::Bzip2 { level: Some(5) }]),
        ("blosc", vec![blosc("lz4")]),
    ];
    for (name, codecs) in pipelines {
        for element in [le(DType::Float32), be(DType::Int32)] {
            let name: &'static str = format!("{name}_{:?}", element.endian()).to_lowercase().leak();
            let mut spec = counted(name, &yx, &[7, 10], &[3, 4], element, -20);
            spec.codecs.clone_from(&codecs);
            // The second chunk skipped its first codec, the fourth is not there, the last is inline.
            spec.masks = [(1, 1)].into();
            spec.absent = vec![3];
            spec.inline = vec![8];
            made.add("/codecs", spec);
        }
    }
    let mut spec = counted("odd_sum", &["odd"], &[7], &[7], le(DType::UInt8), 3);
    spec.codecs = vec![Codec::Fletcher32];
    made.add("/codecs", spec);

    let mut spec = counted("filled", &yx, &[7, 10], &[3, 4], be(DType::Int16), 1);
    (spec.fill, spec.absent) = (Some(number(be(DType::Int16), -999.0)), vec![0, 4, 8]);
    spec.codecs = vec![DEFLATE];
    made.add("/layouts", spec);
    let mut spec = counted("nothing", &yx, &[7, 10], &[3, 4], le(DType::Float64), 1);
    (spec.fill, spec.absent) = (Some(number(le(DType::Float64), f64::NAN)), (0..9).collect());
    made.add("/layouts", spec);
    made.add("/layouts", counted("scalar", &[], &[], &[], be(DType::Float64), 42));
    let mut spec = counted("scalar_inline", &[], &[], &[], le(DType::Int32), 43);
    spec.inline = vec![0];
    made.add("/layouts", spec);
    let mut spec = counted("short", &yx, &[7, 10], &[3, 10], le(DType::Int16), 1);
    (spec.short_last, spec.codecs) = (true, vec![shuffle(2), DEFLATE]);
    made.add("/layouts", spec);
    made.add("/layouts", counted("empty", &["none", "x"], &[0, 10], &[4, 4], le(DType::Int16), 1));
    made.add("/layouts/deep/er", counted("below", &["x"], &[10], &[10], le(DType::UInt16), 5));

    for (name, padding) in [("null", Padding::Null), ("terminated", Padding::NullTerminated)] {
        let element = Element::Text { bytes: 5, padding };
        let mut spec = counted(name, &["word"], &[4], &[3], le(DType::UInt8), 0);
        (spec.element, spec.values, spec.codecs) = (element, b"ab\0\0\0abcde\0\0\0\0\0z\0\0\0\0".to_vec(), vec![DEFLATE]);
        made.add("/texts", spec);
    }
    let mut spec = counted("opaque", &["word"], &[4], &[4], le(DType::UInt8), 0);
    (spec.element, spec.values) = (Element::Opaque(3), b"abc\0\x01\x02\xff\xfe\xfdxyz".to_vec());
    made.add("/texts", spec);
    made.add_texts("/texts", "any", "word", &["", "a", "Ünïcode", "longer than the others"]);

    let mut spec = counted("described", &["x"], &[10], &[10], le(DType::Float32), 0);
    spec.attributes = vec![
        text("units", "m s-1"),
        numeric("missing_value", DType::Float32, f64::NAN),
        numeric("flag", DType::UInt64, 9e15),
        numeric("whole", DType::Float64, 3.0),
        text("quoted", "a \"b\" \\ \n ü"),
    ];
    made.add("/", spec);
    made.save()
}

/// Text with spaces, which is stored anew, and what is refused by name.
fn spaces(made: &mut Made) {
    let mut spec = counted("spaces", &["word"], &[3], &[2], le(DType::UInt8), 0);
    (spec.element, spec.values) = (Element::Text { bytes: 4, padding: Padding::Space }, b"ab  abcd    ".to_vec());
    made.add("/", spec);
    let last = made.truth.last_mut().unwrap();
    last["hex"] = "616200006162636400000000".into();
}

pub async fn stores(directory: &Path, dataset: &Dataset, options: &icechunk::Options) -> Vec<Value> {
    let mut stores = Vec::new();
    let path = directory.join("ice");
    let written = icechunk::write(dataset, &Target::local(&path).await.unwrap(), options).await.unwrap();
    stores.push(json!({"kind": "icechunk", "path": path, "containers": written.containers}));
    let with = |format| kerchunk::Options { format, record_size: 4, addresses: options.addresses.clone() };
    for (kind, format) in [("json2", ZarrFormat::V2), ("json3", ZarrFormat::V3)] {
        let path = directory.join(format!("{kind}.json"));
        kerchunk::write_json(dataset, &path, &with(format)).unwrap();
        stores.push(json!({"kind": kind, "path": path}));
    }
    let path = directory.join("refs.parquet");
    kerchunk::write_parquet(dataset, &path, &with(ZarrFormat::V2)).unwrap();
    stores.push(json!({"kind": "parquet", "path": path}));
    stores.push(json!({"kind": "engine", "path": path}));
    stores.push(json!({"kind": "engine", "path": directory.join("json2.json")}));
    stores
}

#[tokio::test]
async fn every_reader_sees_what_the_files_hold() {
    let directory = tempfile::tempdir().unwrap();
    let (granule, truth) = everything(directory.path());
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair::default()).await.unwrap();
    assert_eq!(dataset.refused, []);
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": truth}));
}

/// References that were written are read, and written once more.
#[tokio::test]
async fn references_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let (mut granule, truth) = everything(directory.path());
    granule.origin = Origin { size: Some(7), etag: Some("\"x\"".into()), last_modified: Some(5), ..granule.origin };
    let origin = granule.origin.clone();
    let szip = Codec::Other { id: 4, name: "szip".into(), parameters: vec![] };
    let mut other = granule.root.group("numbers").unwrap().variables[1].clone();
    (other.name, other.codecs) = ("compressed".into(), vec![szip]);
    granule.root.groups[0].variables.push(other);
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair::default()).await.unwrap();
    let refused = dataset.refused.clone();
    assert_eq!(refused.len(), 1);
    for (name, format) in [("v2.json", Some(ZarrFormat::V2)), ("v3.json", Some(ZarrFormat::V3)), ("reference.json", None)] {
        let path = directory.path().join(name);
        match format {
            Some(format) => kerchunk::write_json(&dataset, &path, &kerchunk::Options { format, ..kerchunk::Options::default() }),
            None => kerchunk::write_reference(&dataset, &origin, &path),
        }
        .unwrap();
        let granule = read_json(&std::fs::read(&path).unwrap(), name).unwrap();
        assert_eq!(granule.origin.url, origin.url);
        let read = Dataset::from_granule(granule.clone());
        // In version 2, chunks that are not stored may have to be written out.
        assert!(format == Some(ZarrFormat::V2) || read.references() == dataset.references());
        if format.is_none() {
            assert_eq!((&granule.origin, &read.refused), (&origin, &refused));
        }
        let again = directory.path().join(format!("again-{name}"));
        kerchunk::write_json(&read, &again, &kerchunk::Options::default()).unwrap();
        python::check(directory.path(), "raw", &json!({"stores": [{"kind": "json2", "path": again}], "truth": truth}));
    }
}

#[tokio::test]
async fn what_no_reader_knows_is_stored_or_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    spaces(&mut made);
    made.add("/", counted("small", &["x"], &[3], &[2], be(DType::Int16), 1));
    made.add("/", counted("large", &["y"], &[300], &[100], be(DType::Int16), 1));
    let (mut granule, truth) = made.save();
    let szip = Codec::Other { id: 4, name: "szip".into(), parameters: vec![] };
    let mut other = granule.root.variables[1].clone();
    (other.name, other.codecs) = ("compressed".into(), vec![szip]);
    granule.root.variables.push(other);
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair { inline_threshold: 100, materialize_unsupported: false }).await.unwrap();
    let refused: Vec<String> = dataset.refused.iter().map(|r| format!("{} {}", r.variable, r.refusal)).collect();
    assert_eq!(refused, ["/compressed codec: `szip` (HDF5 filter 4) has no counterpart in Zarr"]);
    let references: usize = dataset.arrays().iter().map(|(_, a)| a.parts()[0].chunks.urls().len()).sum();
    assert_eq!(references, 1, "only the large variable leads to the file");
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    std::fs::remove_file(directory.path().join("a.h5")).unwrap();
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": &truth[..2]}));
}

#[tokio::test]
async fn missing_values_are_missing_and_zeros_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    let i16 = be(DType::Int16);
    let mut packed = counted("packed", &["x"], &[6], &[2], i16, 0);
    packed.values = [10.0, -999.0, 0.0, 20.0, 1.0, 2.0].iter().flat_map(|v| number(i16, *v)).collect();
    (packed.fill, packed.absent) = (Some(number(i16, -999.0)), vec![2]);
    packed.attributes =
        vec![numeric("_FillValue", DType::Int16, -999.0), numeric("scale_factor", DType::Float64, 0.5), numeric("add_offset", DType::Float64, 100.0)];
    made.add("/", packed);
    let f32 = le(DType::Float32);
    let mut floats = counted("floats", &["x"], &[6], &[2], f32, 0);
    (floats.fill, floats.absent) = (Some(number(f32, 1e20)), vec![1]);
    floats.attributes = vec![numeric("_FillValue", DType::Float32, f64::from(1e20_f32))];
    made.add("/", floats);
    // Unwritten chunks hold zero, and nothing is missing; readers of Zarr v2 would take a fill value for that.
    let mut zeros = counted("zeros", &["x"], &[6], &[2], i16, 0);
    zeros.absent = vec![1];
    made.add("/", zeros);
    // Unwritten chunks hold 7, and 3 is missing.
    let mut both = counted("both", &["x"], &[6], &[2], i16, 0);
    (both.fill, both.absent) = (Some(number(i16, 7.0)), vec![0]);
    both.attributes = vec![numeric("_FillValue", DType::Int16, 3.0)];
    made.add("/", both);
    let mut time = counted("time", &["t"], &[3], &[3], le(DType::Int64), 0);
    time.attributes = vec![text("units", "days since 2020-02-28"), text("calendar", "standard")];
    made.add("/", time);
    let (granule, _) = made.save();
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair::default()).await.unwrap();
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    let groups = json!({"/": {
        "packed": [105.0, null, 100.0, 110.0, null, null],
        "floats": [0.0, 1.0, null, null, 4.0, 5.0],
        "zeros": [0.0, 1.0, 0.0, 0.0, 4.0, 5.0],
        "both": [7.0, 7.0, 2.0, null, 4.0, 5.0],
        "time": ["2020-02-28T00:00:00", "2020-02-29T00:00:00", "2020-03-01T00:00:00"],
    }});
    python::check(directory.path(), "decoded", &json!({"stores": stores, "groups": groups}));
}

#[tokio::test]
async fn references_can_be_relative() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("moved");
    std::fs::create_dir(&data).unwrap();
    let mut made = Made::new(&data.join("a b.h5"));
    made.add("/", counted("v", &["x"], &[6], &[2], be(DType::Int16), 1));
    let (mut granule, truth) = made.save();
    let Ok(cube_manifest::Data::Chunks(chunks)) = &mut granule.root.variables[0].data else { panic!() };
    let gone = |url: &str| url.replace("/moved/", "/gone/");
    chunks.rename(|url| gone(url).into());
    granule.origin.url = gone(&granule.origin.url).into();
    let dataset = Dataset::from_granule(granule);
    let addresses = Addresses { relative: true, rewrite: vec![] };
    let path = directory.path().join("r.json");
    kerchunk::write_json(&dataset, &path, &kerchunk::Options { addresses: addresses.clone(), ..kerchunk::Options::default() }).unwrap();
    let moved = format!("{}/", data.display());
    let stores = [json!({"kind": "json2", "path": path, "templates": {"s0": moved}})];
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": truth}));

    let from = format!("{}/", directory.path().join("gone").display());
    let rewritten = Addresses { rewrite: vec![(from, moved)], relative: true };
    let all = self::stores(&directory.path().join("."), &dataset, &icechunk::Options { addresses: rewritten, ..icechunk::Options::default() }).await;
    python::check(directory.path(), "raw", &json!({"stores": all, "truth": truth}));
}

#[tokio::test]
async fn a_file_that_has_changed_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.h5");
    let mut made = Made::new(&file);
    made.add("/", counted("v", &["x"], &[600], &[200], be(DType::Int16), 1));
    let (mut granule, truth) = made.save();
    granule.origin.last_modified = Some(1_000_000_000);
    let dataset = Dataset::from_granule(granule.clone());
    let path = directory.path().join("old");
    let options = icechunk::Options::default();
    let written = icechunk::write(&dataset, &Target::local(&path).await.unwrap(), &options).await.unwrap();
    let stores = [json!({"kind": "icechunk", "path": path, "containers": written.containers})];
    python::check(directory.path(), "fails", &json!({"stores": stores, "name": "v", "says": "modified"}));

    granule.origin.last_modified = Some(4_000_000_000);
    let path = directory.path().join("new");
    let dataset = Dataset::from_granule(granule);
    let written = icechunk::write(&dataset, &Target::local(&path).await.unwrap(), &options).await.unwrap();
    let stores = [json!({"kind": "icechunk", "path": path, "containers": written.containers})];
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": truth}));
}

#[tokio::test]
async fn a_store_is_never_overwritten_and_never_half_visible() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    made.add("/", counted("v", &["x"], &[6], &[2], be(DType::Int16), 1));
    let dataset = Dataset::from_granule(made.save().0);
    let path = directory.path().join("ice");
    let target = Target::local(&path).await.unwrap();
    let options = icechunk::Options::default();
    let mut writer = icechunk::Writer::create(&dataset, &target, &options).await.unwrap();
    writer.add("/v", &dataset.arrays()[0].1.parts()[0]).await.unwrap();
    assert!(writer.add("/w", &dataset.arrays()[0].1.parts()[0]).await.is_err());
    python::check(directory.path(), "absent", &json!({"path": path}));
    drop(writer);
    // A writer that was stopped is followed by another.
    icechunk::write(&dataset, &target, &options).await.unwrap();
    let again = icechunk::write(&dataset, &target, &options).await.unwrap_err();
    assert!(matches!(again, cube_virtual::Error::AlreadyExists { .. }), "{again}");
    let json = directory.path().join("r.json");
    kerchunk::write_json(&dataset, &json, &kerchunk::Options::default()).unwrap();
    assert!(kerchunk::write_json(&dataset, &json, &kerchunk::Options::default()).is_err());
    let _ = python::available();
}
