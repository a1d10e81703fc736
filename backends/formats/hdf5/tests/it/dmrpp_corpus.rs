//! DMR++ over a corpus of sidecars, and against h5py where the data file is there.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use cube_format_hdf5::dmrpp::{Error, Fault, Location, read};
use cube_manifest::{Attribute, AttributeValue, Codec, Data, Element, Endian, Granule, Group, Place, Reason, Variable};
use serde_json::{Value, json};

/// Documents that are no XML: program output precedes it, or they are lists of variables.
const MALFORMED: [&str; 8] = [
    "legacy/testsds_splice/dmr_spliced__testsds_splice.dmrpp",
    "lone/SDS_simple/SDS_simple.hdf.dmrpp",
    "lone/SDS_simple_comp/SDS_simple_comp.hdf.dmrpp",
    "special/grid_1_2d/dmrpp_module__merge_dmrpp__grid_1_2d.h5.dmrpp.missvars",
    "special/grid_1_2d_cf/dmrpp_module__merge_dmrpp__grid_1_2d_cf.h5.dmrpp.missvars",
    "special/grid_1_2d_cfdap2/dmrpp_module__merge_dmrpp__grid_1_2d_cfdap2.h5.dmrpp.missvars",
    "special/grid_1_2d_extra_missing/dmrpp_module__merge_dmrpp__grid_1_2d_extra_missing.dmrpp.missvars",
    "special/grid_2_2d_sin/dmrpp_module__merge_dmrpp__grid_2_2d_sin.h5.dmrpp.missvars",
];

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let corpus = std::env::var_os("CUBE_CORPUS").map_or_else(beside, PathBuf::from).join("dmrpp");
    if !corpus.is_dir() {
        eprintln!("corpus not found: skipped");
        return None;
    }
    Some(corpus)
}

/// What a difference is that is the document's fault, and why.
struct Exception {
    /// How the path of the document ends.
    document: &'static str,
    variable: &'static str,
    /// What differs, as the script calls it.
    kind: &'static str,
    why: &'static str,
}

const FILL_TIME: &str = "the file says never to write the fill value, so that what h5py gives for absent chunks is whatever memory it has";
const LIST: &str = "lists of any length are written out by the sidecar as an array";
const OTHER_FILE: &str = "the document was made by hand, of another file";
const NO_BYTE_ORDER: &str = "nothing is stored, and then no byte order is written either";

const EXCEPTIONS: [Exception; 13] = [
    Exception { document: "/FValue.h5.dmrpp", variable: "/chunks_fill_not_write", kind: "values", why: FILL_TIME },
    Exception { document: "/FValue_fd.h5.dmrpp", variable: "/chunks_fill_not_write", kind: "values", why: FILL_TIME },
    Exception { document: "/FValue_int64.h5.dmrpp", variable: "/chunks_fill_not_write", kind: "values", why: FILL_TIME },
    Exception { document: "/FValue_int8.h5.dmrpp", variable: "/chunks_fill_not_write", kind: "values", why: FILL_TIME },
    Exception { document: "/FValue_uint8.h5.dmrpp", variable: "/chunks_fill_not_write", kind: "values", why: FILL_TIME },
    Exception { document: "/t_int_scalar_compact.h5.dmrpp", variable: "/scalar", kind: "compact", why: OTHER_FILE },
    Exception { document: "/t_string_compact.h5.dmrpp", variable: "/scalar", kind: "values", why: OTHER_FILE },
    Exception { document: "/t_string_compact.h5.dmrpp", variable: "/scalar", kind: "attribute", why: OTHER_FILE },
    Exception { document: "__test_array_dim2.h5.dmrpp", variable: "/bigdim", kind: "dtype", why: NO_BYTE_ORDER },
    Exception { document: "__test_array_dim2.h5.dmrpp", variable: "/dim", kind: "dtype", why: NO_BYTE_ORDER },
    Exception { document: "__vlen.h5.dmrpp", variable: "/DS1", kind: "shape", why: LIST },
    Exception { document: "__vlen_dim.h5.dmrpp", variable: "/var", kind: "shape", why: LIST },
    Exception { document: "__vlen_no_data.h5.dmrpp", variable: "/DS1", kind: "shape", why: LIST },
];

const SCALAR_TEXT: &str = "a sidecar does not say whether a scalar text is of fixed length, nor how it is filled up";
const CONTROL: &str = "XML cannot hold a control character: the sidecar says `\\\\013`";
const RENAMED: &str = "dimensions were named by who made the sidecar";

/// The same between a sidecar and the reader of the file itself.
const BOTH_SIDES: [Exception; 23] = [
    Exception { document: "t_special_char_attr.h5.dmrpp", variable: "/", kind: "attribute", why: CONTROL },
    Exception { document: "__grid_1_2d_msv_extra_missing.h5.dmrpp", variable: "/", kind: "attribute", why: "the file was changed since" },
    Exception { document: "FValue_string_sca.h5.dmrpp", variable: "/fill_str_sca", kind: "element", why: SCALAR_TEXT },
    Exception { document: "FValue_string_sca2.h5.dmrpp", variable: "/fill_str_sca", kind: "element", why: SCALAR_TEXT },
    Exception { document: "/compact_example.h5.dmrpp", variable: "/var_str_sca", kind: "element", why: SCALAR_TEXT },
    Exception { document: "_compact_example.h5.dmrpp", variable: "/var_str_sca", kind: "element", why: SCALAR_TEXT },
    Exception { document: "/t_string_chunk.h5.dmrpp", variable: "/scalar", kind: "element", why: SCALAR_TEXT },
    Exception { document: "/t_string_compact.h5__2.dmrpp", variable: "/scalar", kind: "element", why: SCALAR_TEXT },
    Exception { document: "/t_string_cont.h5.dmrpp", variable: "/scalar", kind: "element", why: SCALAR_TEXT },
    Exception { document: "__t_string_enhanced.h5.dmrpp", variable: "/scalar", kind: "element", why: SCALAR_TEXT },
    Exception { document: "/t_string_compact.h5.dmrpp", variable: "/scalar", kind: "element", why: OTHER_FILE },
    Exception { document: "/t_int_scalar_compact.h5.dmrpp", variable: "/scalar", kind: "data", why: OTHER_FILE },
    Exception { document: "/chunked_enum.h5.dmrpp", variable: "/DS1", kind: "attribute", why: "DAP4 has no attributes of enumerations" },
    Exception {
        document: "/chunked_string_array.h5.dmrpp",
        variable: "/string_array",
        kind: "refused",
        why: "texts of any length were not written then",
    },
    Exception { document: "__t_cf_1dllzs.h5.dmrpp", variable: "/lat", kind: "dimensions", why: RENAMED },
    Exception { document: "__t_cf_1dllzs.h5.dmrpp", variable: "/lon", kind: "dimensions", why: RENAMED },
    Exception { document: "__t_cf_1dllzs.h5.dmrpp", variable: "/temp", kind: "dimensions", why: RENAMED },
    Exception { document: "__t_cf_1dllzs2.h5.dmrpp", variable: "/lat", kind: "dimensions", why: RENAMED },
    Exception { document: "__t_cf_1dllzs2.h5.dmrpp", variable: "/lon", kind: "dimensions", why: RENAMED },
    Exception { document: "__t_cf_1dllzs2.h5.dmrpp", variable: "/temp", kind: "dimensions", why: RENAMED },
    Exception { document: "__vlen.h5.dmrpp", variable: "/DS1", kind: "refused", why: LIST },
    Exception { document: "__vlen_dim.h5.dmrpp", variable: "/var", kind: "refused", why: LIST },
    Exception { document: "__vlen_no_data.h5.dmrpp", variable: "/DS1", kind: "refused", why: LIST },
];

const FOR_CF: &str = "made for clients of the CF or HDF-EOS conventions: names are changed, groups flattened, coordinates and dimensions added";

/// Documents, by the start of their path, that list other variables or dimensions than their file, and why.
const OTHER_NAMES: [(&str, &str); 10] = [
    ("pairs/grid_", FOR_CF),
    ("pairs/eos5_grid/", FOR_CF),
    ("pairs/swath_1_2d_xyz_special_char_aug/", FOR_CF),
    ("pairs/nc4_group_atomic", FOR_CF),
    ("pairs/t_cf_1dllzs", FOR_CF),
    ("pairs/test_array_dim2/", FOR_CF),
    ("pairs/vlen", LIST),
    ("pairs/t_string_chunk/", OTHER_FILE),
    ("pairs/t_string_array_compact/", OTHER_FILE),
    ("pairs/t_int", OTHER_FILE),
];

impl Exception {
    /// Whether it explains a difference: document, variable, kind and more, apart by tabs.
    fn explains(&self, line: &str) -> bool {
        let parts: Vec<&str> = line.split('\t').collect();
        parts[0].ends_with(self.document) && parts[1] == self.variable && parts[2] == self.kind
    }
}

fn check(differences: &[&str], exceptions: &[Exception]) {
    let unexplained: Vec<&&str> = differences.iter().filter(|line| !exceptions.iter().any(|e| e.explains(line))).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for e in exceptions {
        assert!(differences.iter().any(|line| e.explains(line)), "{} {} no longer differs in {}: {}", e.document, e.variable, e.kind, e.why);
    }
}

/// Every document below the corpus, by its path in it.
fn documents(corpus: &Path) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(corpus, &mut found);
    let name = |p: &PathBuf| p.strip_prefix(corpus).unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = found.iter().map(name).filter(|n| is_document(n)).collect();
    names.sort();
    names
}

fn is_document(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    name.contains(".dmrpp") || name.ends_with(".dmr")
}

fn read_file(path: &Path, location: &Location) -> Result<Granule, Error> {
    read(&std::fs::read(path).unwrap(), location)
}

#[test]
fn every_document_is_read_or_refused() {
    let Some(corpus) = corpus() else { return };
    let mut counts = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    for name in documents(&corpus) {
        let path = corpus.join(&name);
        match read_file(&path, &Location::new(path.to_str().unwrap())) {
            Ok(granule) => {
                let plain = name.ends_with(".dmr");
                *counts.entry(if plain { "documents without references" } else { "documents read" }.into()).or_default() += 1;
                if MALFORMED.contains(&name.as_str()) {
                    wrong.push(format!("{name}: read though it is no XML"));
                }
                if !plain {
                    granule.root.walk("", &mut |_, group| group.variables.iter().for_each(|v| count(v, &mut counts)));
                }
            }
            Err(e) => {
                *counts.entry("documents that cannot be read".into()).or_default() += 1;
                // What has no references at all is no DMR++, and need not say which file it is of.
                let plain = name.ends_with(".dmr") && matches!(e.fault, Fault::DataFile(_) | Fault::Name(_));
                if !MALFORMED.contains(&name.as_str()) && !plain {
                    wrong.push(format!("{name}: {e}"));
                }
                assert!(e.at.line > 0 && e.at.column > 0);
            }
        }
    }
    for (what, number) in &counts {
        println!("{number:>7} {what}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn damaged_documents_never_panic() {
    let Some(corpus) = corpus() else { return };
    // A linear congruential generator: the same damage in every run.
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let parts: [&[u8]; 14] =
        [b"<", b">", b"\"", b"/", b"&", b"-1", b"0", b"99999999999999999999", b"[", b"<!DOCTYPE", b"<Group name=\"g\">", b"</Group>", b"\xff", b""];
    for name in documents(&corpus) {
        let xml = std::fs::read(corpus.join(&name)).unwrap();
        if xml.len() > 40_000 {
            continue;
        }
        let location = Location { size: Some(1 << 20), ..Location::new(name) };
        for _ in 0..40 {
            let mut damaged = xml.clone();
            for _ in 0..=random(3) {
                let at = random(damaged.len());
                let end = (at + random(8)).min(damaged.len());
                damaged.splice(at..end, parts[random(parts.len())].iter().copied());
            }
            if let Err(e) = read(&damaged, &location) {
                assert!(!e.to_string().is_empty());
            }
        }
    }
}

#[test]
fn two_generations_of_a_sidecar_agree() {
    let Some(corpus) = corpus() else { return };
    let name = "granules/SWOT_L2_LR_SSH_Expert_001_001_20140412T120000_20140412T125105_DG10_01.nc.dmrpp";
    let [new, old] = ["", ".old"].map(|suffix| {
        let path = format!("{}{suffix}", corpus.join(name).display());
        read_file(Path::new(&path), &Location { data: Some("x".into()), ..Location::new(path.as_str()) }).unwrap()
    });
    let mut compared = 0;
    for new in &new.root.variables {
        let Some(old) = old.root.variables.iter().find(|v| v.name == new.name) else { continue };
        let names = |v: &Variable| v.codecs.iter().map(|c| codec_name(c)["name"].clone()).collect::<Vec<_>>();
        if let Err(refusal) = &old.data {
            // How long texts are was not written then.
            assert_eq!(refusal.reason, Reason::ElementType, "{}", new.name);
            continue;
        }
        assert_eq!((&new.data, names(new)), (&old.data, names(old)), "{}", new.name);
        compared += 1;
    }
    assert!(compared > 90, "{compared}");
}

fn count(variable: &Variable, counts: &mut BTreeMap<String, usize>) {
    let mut add = |what: String, n: usize| *counts.entry(what).or_default() += n;
    add("variables".into(), 1);
    match &variable.data {
        Ok(Data::Text(_)) => add("  as texts".into(), 1),
        Ok(Data::Chunks(chunks)) => {
            let inline = chunks.iter().filter(|c| matches!(c.place, Place::Inline(_))).count();
            let kind = match (chunks.is_empty(), inline > 0, chunks.capacity() == 1) {
                (true, _, _) => "nothing stored",
                (_, true, _) => "inline",
                (_, _, true) => "one chunk",
                _ => "chunks",
            };
            add(format!("  as {kind}"), 1);
            add("references".into(), chunks.len());
            for codec in &variable.codecs {
                add(format!("  codec {}", codec_name(codec)["name"].as_str().unwrap()), 1);
            }
        }
        Err(refusal) => {
            add(format!("  refused: {}", refusal.reason), 1);
            add(format!("    {}: {}", refusal.reason, refusal.detail), 1);
        }
    }
}

fn codec_name(codec: &Codec) -> Value {
    match codec {
        Codec::Shuffle { element_size } => json!({"name": "shuffle", "size": element_size}),
        Codec::Deflate { level } => json!({"name": "deflate", "level": level}),
        Codec::Fletcher32 => json!({"name": "fletcher32"}),
        other => json!({"name": format!("{other:?}")}),
    }
}

/// The manifest as the script beside this file reads it.
fn dump(variable: &Variable, path: &str) -> Value {
    let (kind, size, endian) = match variable.element {
        Element::Number(dtype, endian) => (dtype.name().to_owned(), dtype.size(), endian),
        Element::Text { bytes, padding } => (format!("text {padding:?}"), bytes as usize, Endian::Little),
        Element::Opaque(bytes) => ("opaque".to_owned(), bytes as usize, Endian::Little),
        other => (format!("{other:?}"), 0, Endian::Little),
    };
    let attributes: serde_json::Map<String, Value> = variable.attributes.iter().map(|a| (a.name.clone(), attribute(&a.value))).collect();
    let mut json = json!({
        "path": path,
        "shape": variable.shape,
        "dimensions": variable.dimensions,
        "element": kind,
        "size": size,
        "big_endian": endian == Endian::Big,
        "fill": variable.fill.as_ref().map(|f| BASE64_STANDARD.encode(f)),
        "codecs": variable.codecs.iter().map(codec_name).collect::<Vec<_>>(),
        "enumeration": !variable.enumeration.is_empty(),
        "attributes": attributes,
    });
    match &variable.data {
        Ok(Data::Text(texts)) => json["texts"] = json!(texts),
        Ok(Data::Chunks(chunks)) => {
            json["chunk_shape"] = json!(chunks.chunk_shape());
            let list = chunks.iter().map(|c| match c.place {
                Place::Reference(r) => {
                    json!({"at": chunks.position(c.index), "file": r.url.as_ref(), "offset": r.offset, "length": r.length, "mask": c.filter_mask})
                }
                Place::Inline(bytes) => json!({"at": chunks.position(c.index), "inline": BASE64_STANDARD.encode(bytes), "mask": c.filter_mask}),
            });
            json["chunks"] = list.collect();
        }
        Err(refusal) => json["refusal"] = json!(refusal.to_string()),
    }
    json
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!(["text", text]),
        AttributeValue::Texts(texts) => json!(["text", texts]),
        AttributeValue::Number(dtype, number) => json!([dtype.name(), number.to_string()]),
        AttributeValue::Numbers(dtype, numbers) => json!([dtype.name(), numbers.iter().map(ToString::to_string).collect::<Vec<_>>()]),
        AttributeValue::Other(what) => json!(["other", what]),
    }
}

fn dump_group(group: &Group) -> Vec<Value> {
    let mut variables = Vec::new();
    group.walk("", &mut |path, group| variables.extend(group.variables.iter().map(|v| dump(v, &format!("{path}/{}", v.name)))));
    variables
}

/// The data file of a sidecar: the one that it names, the only one beside it, or that of the same name beside another.
fn data_file(corpus: &Path, sidecar: &Path) -> Option<PathBuf> {
    let location = Location::new(sidecar.to_str()?);
    let named = read_file(sidecar, &location).ok().map(|g| PathBuf::from(g.origin.url.as_ref()));
    let is_data = |p: &PathBuf| p.is_file() && !is_document(p.to_str().unwrap_or_default());
    let elsewhere = |named: &PathBuf| {
        let name = named.file_name()?;
        let at = corpus.join("pairs").join(Path::new(name).file_stem()?).join(name);
        at.is_file().then_some(at)
    };
    let far = named.as_ref().and_then(elsewhere);
    named.filter(is_data).or(far).or_else(|| {
        let mut beside = std::fs::read_dir(sidecar.parent()?).ok()?.map(|e| e.unwrap().path()).filter(is_data);
        beside.next().filter(|_| beside.next().is_none())
    })
}

#[test]
fn sidecars_agree_with_the_reader_of_hdf5() {
    let Some(corpus) = corpus() else { return };
    let (mut same, mut differences) = (0, Vec::new());
    let nothing = Group::default();
    for name in documents(&corpus) {
        let sidecar = corpus.join(&name);
        let Some(data) = data_file(&corpus, &sidecar) else { continue };
        let location = Location { data: data.to_str().map(str::to_owned), ..Location::new(sidecar.to_str().unwrap()) };
        let Ok(ours) = read_file(&sidecar, &location) else { continue };
        let Ok(theirs) = cube_format_hdf5::read_bytes(&std::fs::read(&data).unwrap(), ours.origin.clone()) else { continue };
        ours.root.walk("", &mut |path, group| {
            let other = theirs.root.group(path).unwrap_or(&nothing);
            for v in &group.variables {
                let what = match other.variables.iter().find(|w| w.name == v.name) {
                    Some(w) => difference(v, w),
                    None => Some("only in the sidecar\t".to_owned()),
                };
                match what {
                    Some(what) => differences.push(format!("{name}\t{path}/{}\t{what}", v.name)),
                    None => same += 1,
                }
            }
            if let Some(what) = dimensions_differ(group, other) {
                differences.push(format!("{name}\t{path}/\t{what}"));
            }
            if let Some(what) = attributes_differ(&group.attributes, &other.attributes) {
                differences.push(format!("{name}\t{path}/\t{what}"));
            }
        });
        theirs.root.walk("", &mut |path, group| {
            let other = ours.root.group(path).unwrap_or(&nothing);
            let missing = group.variables.iter().filter(|v| other.variables.iter().all(|w| w.name != v.name));
            differences.extend(missing.map(|v| format!("{name}\t{path}/{}\tonly in the file\t", v.name)));
        });
    }
    println!("{same} variables are the same from both sides, {} differ", differences.len());
    let kinds = ["only in the sidecar", "only in the file", "dimensions of the group"];
    let (names, others): (Vec<&str>, Vec<&str>) =
        differences.iter().map(String::as_str).partition(|line| line.split('\t').nth(2).is_some_and(|kind| kinds.contains(&kind)));
    let unexplained: Vec<_> = names.iter().filter(|line| !OTHER_NAMES.iter().any(|(start, _)| line.starts_with(start))).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for (start, why) in OTHER_NAMES {
        assert!(names.iter().any(|line| line.starts_with(start)), "{start} lists what its file does, though {why}");
    }
    check(&others, &BOTH_SIDES);
}

/// The first attribute that differs, or is only in the file: who makes a sidecar may add some.
fn attributes_differ(sidecar: &[Attribute], file: &[Attribute]) -> Option<String> {
    let of = |all: &[Attribute], name: &str| all.iter().find(|a| a.name == name).map(|a| format!("{:?}", a.value));
    let differing = sidecar.iter().find(|a| of(file, &a.name).is_some_and(|b| b != format!("{:?}", a.value)));
    let missing = || file.iter().find(|a| of(sidecar, &a.name).is_none());
    differing.or_else(missing).map(|a| format!("attribute\t{}: {:?} but {:?}", a.name, of(sidecar, &a.name), of(file, &a.name)))
}

/// How the dimensions of a group differ. Whether they may grow is not known from a sidecar.
fn dimensions_differ(sidecar: &Group, file: &Group) -> Option<String> {
    let sizes = |g: &Group| g.dimensions.iter().map(|d| (d.name.clone(), d.size)).collect::<std::collections::BTreeSet<_>>();
    (sizes(sidecar) != sizes(file)).then(|| format!("dimensions of the group\t{:?} but {:?}", sizes(sidecar), sizes(file)))
}

/// What differs between a variable as a sidecar tells it and as its file does.
fn difference(sidecar: &Variable, file: &Variable) -> Option<String> {
    let (Ok(ours), Ok(theirs)) = (&sidecar.data, &file.data) else {
        let reason = |v: &Variable| v.data.as_ref().err().map(ToString::to_string);
        return (sidecar.data.is_ok() != file.data.is_ok()).then(|| format!("refused\t{:?} but {:?}", reason(sidecar), reason(file)));
    };
    // That a fill value is zero and that none is stated come to the same, and a sidecar always states it.
    let fill = |v: &Variable| v.fill.clone().filter(|f| f.iter().any(|b| *b != 0));
    let steps = |v: &Variable| v.codecs.iter().map(|c| codec_name(c)["name"].clone()).collect::<Vec<_>>();
    if sidecar.shape != file.shape {
        Some(format!("shape\t{:?} but {:?}", sidecar.shape, file.shape))
    } else if sidecar.dimensions != file.dimensions {
        Some(format!("dimensions\t{:?} but {:?}", sidecar.dimensions, file.dimensions))
    } else if sidecar.element != file.element {
        Some(format!("element\t{:?} but {:?}", sidecar.element, file.element))
    } else if matches!(ours, Data::Chunks(_)) && steps(sidecar) != steps(file) {
        Some(format!("codecs\t{:?} but {:?}", sidecar.codecs, file.codecs))
    } else if sidecar.fill.is_some() && fill(sidecar) != fill(file) {
        Some(format!("fill\t{:?} but {:?}", sidecar.fill, file.fill))
    } else if ours != theirs {
        Some(format!("data\t{ours:?} but {theirs:?}"))
    } else {
        attributes_differ(&sidecar.attributes, &file.attributes)
    }
}

#[test]
fn sidecars_agree_with_h5py() {
    let Some(corpus) = corpus() else { return };
    let Some(python) = std::env::var_os("CUBE_PYTHON") else {
        eprintln!("CUBE_PYTHON is not set to an interpreter with h5py: skipped");
        return;
    };
    let mut granules = Vec::new();
    for name in documents(&corpus) {
        let sidecar = corpus.join(&name);
        let Some(data) = data_file(&corpus, &sidecar) else { continue };
        let size = std::fs::metadata(&data).unwrap().len();
        let location = Location { data: data.to_str().map(str::to_owned), size: Some(size), ..Location::new(sidecar.to_str().unwrap()) };
        match read_file(&sidecar, &location) {
            Ok(granule) => granules.push(json!({"sidecar": name, "data": data, "variables": dump_group(&granule.root)})),
            Err(e) => granules.push(json!({"sidecar": name, "data": data, "error": e.to_string()})),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifests.json");
    std::fs::write(&manifest, serde_json::to_vec(&granules).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/dmrpp_h5py.py");
    let run = Command::new(python).arg(script).arg(&manifest).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let output = String::from_utf8(run.stdout).unwrap();
    let (counts, differences): (Vec<&str>, Vec<&str>) = output.lines().partition(|line| line.starts_with('#'));
    println!("{}", counts.join("\n"));
    check(&differences, &EXCEPTIONS);
}
