//! What would be silently wrong is refused, by name.

use std::path::Path;

use cube_core::DType;
use cube_manifest::{Codec, Element, Granule, Padding};
use cube_virtual::{
    Combiner, Dataset, Error, LocalFiles, Mismatch, Repair, combine,
    combine::{CombineAttributes, Compare, Coordinates, Join, Load, OnMismatch, Options, Order},
    read::kerchunk::read_json,
    write::icechunk,
};
use serde_json::{Value, json};

use crate::{
    combining::{Day, along_time},
    made::{Made, Spec, be, counted, le, number, numeric, text},
    python,
    readers::stores,
};

fn mismatches(error: Error) -> Vec<String> {
    let Error::Mismatch { mismatches, .. } = error else { panic!("{error}") };
    mismatches.iter().map(|m: &Mismatch| format!("{} {} {}", m.granule.rsplit('/').next().unwrap(), m.variable, m.reason)).collect()
}

async fn check(directory: &Path, granules: Vec<Granule>, options: Options, expected: Value) {
    let (dataset, _) = combine(granules, &LocalFiles, options).await.unwrap().into_dataset();
    let stores = stores(directory, &dataset, &icechunk::Options::default()).await;
    python::check(directory, "decoded", &json!({"stores": stores, "groups": {"/": expected}}));
}

/// A granule of one field along `t` and `y`, and what `change` makes of it.
fn field(directory: &Path, name: &str, t: i64, ys: &[f64], change: impl FnOnce(&mut Spec)) -> Granule {
    let mut made = Made::new(&directory.join(name));
    let rows = ys.len() as u64;
    let mut values = counted("v", &["t", "y"], &[1, rows], &[1, 2], be(DType::Int16), 10 * t);
    change(&mut values);
    made.add("/", values);
    let mut y = counted("y", &["y"], &[rows], &[rows], le(DType::Float64), 0);
    y.values = ys.iter().flat_map(|v| number(le(DType::Float64), *v)).collect();
    made.add("/", y);
    made.add("/", counted("t", &["t"], &[1], &[1], le(DType::Int32), t));
    made.save().0
}

fn along_t() -> Options {
    Options { along: Some("t".into()), ..Options::default() }
}

#[tokio::test]
async fn what_granules_lack_is_missing_and_never_zero() {
    let directory = tempfile::tempdir().unwrap();
    let outer = Options { join: Join::Outer, ..along_t() };
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]);
    let plain = vec![field(directory.path(), "a.h5", 0, &a, |_| {}), field(directory.path(), "b.h5", 1, &b, |_| {})];
    let found = mismatches(combine(plain, &LocalFiles, outer.clone()).await.unwrap_err());
    assert_eq!(found, ["a.h5 /v some granules lack a part of it, and it has no `_FillValue` that says so"]);

    let other = |spec: &mut Spec| {
        (spec.fill, spec.attributes) = (Some(number(be(DType::Int16), 7.0)), vec![numeric("_FillValue", DType::Int16, -1.0)]);
        spec.absent = vec![0];
    };
    let granules = vec![field(directory.path(), "c.h5", 0, &a, other), field(directory.path(), "d.h5", 1, &b, other)];
    let found = mismatches(combine(granules, &LocalFiles, outer.clone()).await.unwrap_err());
    assert!(found[0].contains("another value than the missing one"), "{found:?}");

    let floats = |spec: &mut Spec| {
        spec.element = le(DType::Float32);
        spec.values = (1..=4).flat_map(|i| number(le(DType::Float32), f64::from(i))).collect();
    };
    let granules = vec![field(directory.path(), "e.h5", 0, &a, floats), field(directory.path(), "f.h5", 1, &b, floats)];
    let expected = json!({"v": [1, 2, 3, 4, null, null, null, null, 1, 2, 3, 4], "y": [1, 2, 3, 4, 5, 6]});
    check(directory.path(), granules, outer, expected).await;
}

#[tokio::test]
async fn axes_without_coordinate_are_not_joined() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, t: i64, rows: u64| {
        let mut made = Made::new(&directory.path().join(name));
        made.add("/", counted("v", &["t", "y"], &[1, rows], &[1, 2], be(DType::Int16), 0));
        made.add("/", counted("t", &["t"], &[1], &[1], le(DType::Int32), t));
        made.save().0
    };
    let outer = Options { join: Join::Outer, ..along_t() };
    let found = mismatches(combine([make("a.h5", 0, 4), make("b.h5", 1, 6)], &LocalFiles, outer).await.unwrap_err());
    assert_eq!(found, ["b.h5 /v it has 6 elements along `y`, not 4"]);
}

#[tokio::test]
async fn coordinates_are_compared_unless_asked_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let granules = || vec![field(directory.path(), "a.h5", 0, &[1.0, 2.0], |_| {}), field(directory.path(), "b.h5", 1, &[1.0, 2.5], |_| {})];
    for options in [
        Options { load: Load::Nothing, ..along_t() },
        Options { compare: Compare::Override, ..along_t() },
        Options { coordinates: Coordinates::Different, ..along_t() },
        Options { coordinates: Coordinates::All, ..along_t() },
    ] {
        let error = combine(granules(), &LocalFiles, options.clone()).await.unwrap_err();
        assert_eq!(mismatches(error), ["b.h5 /y its values differ"], "{options:?}");
    }
    let options = Options { join: Join::Override, ..along_t() };
    check(directory.path(), granules(), options, json!({"v": [0, 1, 10, 11], "y": [1, 2]})).await;
}

#[tokio::test]
async fn order_needs_no_loaded_coordinate_and_may_descend() {
    let directory = tempfile::tempdir().unwrap();
    let granules = [2, 0, 1].map(|t| field(directory.path(), &format!("{t}.h5"), t, &[1.0, 2.0], |_| {}));
    let options = Options { load: Load::Nothing, ..along_t() };
    check(directory.path(), granules.to_vec(), options, json!({"v": [0, 1, 10, 11, 20, 21], "t": [0, 1, 2]})).await;

    let rows = |name: &str, ys: &[f64]| field(directory.path(), name, 0, ys, |spec| spec.chunks = vec![1, 1]);
    let granules = vec![rows("low.h5", &[2.0, 1.0]), rows("high.h5", &[4.0, 3.0])];
    let elsewhere = tempfile::tempdir().unwrap();
    let options = Options { along: Some("y".into()), ..Options::default() };
    check(elsewhere.path(), granules, options, json!({"v": [0, 1, 0, 1], "y": [4, 3, 2, 1]})).await;
}

fn with_place(directory: &Path, name: &str, t: i64, place: [f64; 2]) -> Granule {
    let mut made = Made::new(&directory.join(name));
    let mut field = counted("v", &["t", "x"], &[1, 2], &[1, 2], be(DType::Int16), 10 * t);
    field.attributes = vec![text("coordinates", "place")];
    made.add("/", field);
    let mut at = counted("place", &["x"], &[2], &[2], be(DType::Float64), 0);
    at.values = place.iter().flat_map(|v| number(be(DType::Float64), *v)).collect();
    made.add("/", at);
    made.add("/", counted("t", &["t"], &[1], &[1], le(DType::Int32), t));
    made.save().0
}

#[tokio::test]
async fn coordinates_that_differ_can_be_concatenated() {
    for (coordinates, load) in
        [(Coordinates::Different, Load::Coordinates), (Coordinates::All, Load::Coordinates), (Coordinates::Different, Load::Nothing)]
    {
        let directory = tempfile::tempdir().unwrap();
        let granules = vec![
            with_place(directory.path(), "a.h5", 0, [1.0, 2.0]),
            with_place(directory.path(), "b.h5", 1, [1.0, 2.0]),
            with_place(directory.path(), "c.h5", 2, [1.0, 3.0]),
        ];
        let found = mismatches(combine(granules.clone(), &LocalFiles, along_t()).await.unwrap_err());
        assert_eq!(found, ["c.h5 /place its values differ"]);
        let options = Options { coordinates, load, ..along_t() };
        check(directory.path(), granules, options, json!({"v": [0, 1, 10, 11, 20, 21], "place": [1, 2, 1, 2, 1, 3]})).await;
    }
}

#[tokio::test]
async fn values_without_conflict_fill_each_other_up() {
    let directory = tempfile::tempdir().unwrap();
    let nan = f64::NAN;
    let granules = vec![
        with_place(directory.path(), "a.h5", 0, [1.0, nan]),
        with_place(directory.path(), "b.h5", 1, [nan, 2.0]),
        with_place(directory.path(), "c.h5", 2, [1.0, 2.0]),
    ];
    assert!(combine(granules.clone(), &LocalFiles, along_t()).await.is_err());
    let options = Options { compare: Compare::NoConflicts, ..along_t() };
    check(directory.path(), granules, options.clone(), json!({"place": [1, 2]})).await;
    let granules = [with_place(directory.path(), "d.h5", 0, [1.0, nan]), with_place(directory.path(), "e.h5", 1, [5.0, 2.0])];
    assert_eq!(mismatches(combine(granules, &LocalFiles, options).await.unwrap_err()), ["e.h5 /place its values differ"]);
}

#[tokio::test]
async fn a_granule_that_cannot_be_loaded_is_never_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let granules: Vec<Granule> = [0, 1]
        .map(|t| {
            let mut made = Made::new(&directory.path().join(format!("{t}.h5")));
            let mut time = counted("t", &["t"], &[1], &[1], le(DType::Int32), t);
            time.codecs = vec![Codec::Fletcher32];
            made.add("/", time);
            made.save().0
        })
        .to_vec();
    let path = directory.path().join("1.h5");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for mismatch in [OnMismatch::Refuse, OnMismatch::Split, OnMismatch::Materialize] {
        let error = combine(granules.clone(), &LocalFiles, Options { mismatch, ..along_t() }).await.unwrap_err();
        let found = mismatches(error);
        assert!(found.len() == 1 && found[0].starts_with("1.h5 /t") && found[0].contains("fletcher32"), "{found:?}");
    }
}

#[tokio::test]
async fn what_ends_within_a_chunk_can_be_materialised() {
    let directory = tempfile::tempdir().unwrap();
    let make = |t: i64| field(directory.path(), &format!("{t}.h5"), t, &[1.0, 2.0], |spec| spec.chunks = vec![4, 2]);
    let found = mismatches(combine([make(0), make(1)], &LocalFiles, along_t()).await.unwrap_err());
    assert!(found[0].contains("whole chunks of 4"), "{found:?}");
    let options = Options { mismatch: OnMismatch::Materialize, ..along_t() };
    check(directory.path(), vec![make(0), make(1)], options, json!({"v": [0, 1, 10, 11]})).await;
}

#[tokio::test]
async fn fills_that_say_nothing_need_not_agree() {
    let directory = tempfile::tempdir().unwrap();
    let make = |t: i64, fill: f64, absent: Vec<u64>| {
        field(directory.path(), &format!("{t}.h5"), t, &[1.0, 2.0, 3.0], |spec| {
            (spec.fill, spec.absent) = (Some(number(be(DType::Int16), fill)), absent);
        })
    };
    let granules = vec![make(0, 5.0, vec![]), make(1, 6.0, vec![]), make(2, 7.0, vec![1])];
    check(directory.path(), granules, along_t(), json!({"v": [0, 1, 2, 10, 11, 12, 20, 21, 7]})).await;
    let granules = [make(3, 5.0, vec![0]), make(4, 6.0, vec![0])];
    assert_eq!(mismatches(combine(granules, &LocalFiles, along_t()).await.unwrap_err()), ["4.h5 /v what chunks that are not stored hold differs"]);
}

#[tokio::test]
async fn times_that_would_lose_digits_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str, units: &str, value: f64, element: Element, packed: bool| {
        let mut made = Made::new(&directory.path().join(name));
        let mut time = counted("t", &["t"], &[1], &[1], element, 0);
        time.values = number(element, value);
        time.attributes = vec![text("units", units)];
        if packed {
            time.attributes.push(numeric("scale_factor", DType::Float64, 0.5));
        }
        made.add("/", time);
        made.save().0
    };
    let (f32, i32) = (le(DType::Float32), le(DType::Int32));
    let pair = |element, packed| {
        [make("a.h5", "seconds since 1970-01-01", 0.0, element, packed), make("b.h5", "seconds since 2020-01-01", 1.0, element, packed)]
    };
    assert!(combine(pair(i32, false), &LocalFiles, along_t()).await.is_ok());
    assert!(mismatches(combine(pair(f32, false), &LocalFiles, along_t()).await.unwrap_err())[0].contains("exactly"));
    assert!(mismatches(combine(pair(i32, true), &LocalFiles, along_t()).await.unwrap_err())[0].contains("units"));
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    for name in ["v", "v", "..", "a/b", "", ".zarray"] {
        made.add("/", counted(name, &["x"], &[2], &[2], le(DType::Int16), 0));
    }
    made.add("/..", counted("w", &["x"], &[2], &[2], le(DType::Int16), 0));
    let dataset = Dataset::from_granule(made.save().0);
    assert_eq!((dataset.arrays().len(), dataset.refused.len()), (1, 6), "{:?}", dataset.refused);
}

#[tokio::test]
async fn groups_are_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    for (group, name) in [("/", "top"), ("/a", "v"), ("/a/b", "w"), ("/c", "u")] {
        made.add(group, counted(name, &["x"], &[2], &[2], le(DType::Int16), 0));
    }
    let dataset = Dataset::from_granule(made.save().0);
    let names = |dataset: &Dataset| dataset.arrays().iter().map(|(group, a)| format!("{group}:{}", a.name)).collect::<Vec<_>>();
    assert_eq!(names(&dataset.clone().into_group("/a", false).unwrap()), ["/:v"]);
    assert_eq!(names(&dataset.clone().into_group("a", true).unwrap()), ["/:v", "/b:w"]);
    let mut several = dataset.clone();
    several.keep_groups(&["/a/b", "/c"]).unwrap();
    assert_eq!(names(&several), ["/a/b:w", "/c:u"]);
    assert!(dataset.into_group("/nowhere", true).is_err());
}

#[tokio::test]
async fn readers_never_see_what_follows_the_end_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let mut made = Made::new(&directory.path().join("a.h5"));
    let mut words = counted("words", &["w"], &[2], &[2], le(DType::UInt8), 0);
    (words.element, words.values) = (Element::Text { bytes: 4, padding: Padding::NullTerminated }, b"ab\0cdefg".to_vec());
    made.add("/", words);
    made.truth[0]["hex"] = "6162000064656667".into();
    let mut sorted = counted("sorted", &["w"], &[2], &[2], le(DType::Int32), 0);
    sorted.codecs = vec![Codec::Fletcher32, Codec::Shuffle { element_size: 4 }];
    made.add("/", sorted);
    let (granule, truth) = made.save();
    let mut dataset = Dataset::from_granule(granule.clone());
    dataset.repair(&LocalFiles, Repair::default()).await.unwrap();
    assert_eq!(dataset.refused.iter().map(|r| r.variable.as_str()).collect::<Vec<_>>(), ["/sorted"]);
    let mut dataset = Dataset::from_granule(granule);
    dataset.repair(&LocalFiles, Repair { materialize_unsupported: true, ..Repair::default() }).await.unwrap();
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    python::check(directory.path(), "raw", &json!({"stores": stores, "truth": truth}));
}

#[tokio::test]
async fn kept_references_combine_with_granules() {
    let directory = tempfile::tempdir().unwrap();
    let mut combiner = Combiner::new(along_time());
    let days: Vec<Day> = (0..2).map(Day::new).collect();
    let first = days[0].make(directory.path(), 0);
    combiner.add(first, &LocalFiles).await.unwrap();
    let second = days[1].make(directory.path(), 24);
    let origin = second.origin.clone();
    let mut dataset = Dataset::from_granule(second);
    dataset.repair(&LocalFiles, Repair::default()).await.unwrap();
    let path = directory.path().join("kept.json");
    for _ in 0..2 {
        cube_virtual::write::kerchunk::write_reference(&dataset, &origin, &path).unwrap();
    }
    combiner.add(read_json(&std::fs::read(&path).unwrap(), "kept.json").unwrap(), &LocalFiles).await.unwrap();
    let (dataset, _) = combiner.finish().unwrap().into_dataset();
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    let pixels = [days[0].pixels(), days[1].pixels()].concat();
    python::check(directory.path(), "decoded", &json!({"stores": stores, "groups": {"/": {"sst": pixels, "lat": days[0].lat}}}));
}

#[test]
fn references_that_are_none_are_errors_and_arrays_that_are_wrong_are_refused() {
    let array = |zarray: &str, refs: &str| {
        format!(r#"{{"version":1,"templates":{{"u":"/d/"}},"refs":{{"v/.zarray":{},"v/.zattrs":"{{}}"{refs}}}}}"#, json!(zarray))
    };
    let good = r#"{"zarr_format":2,"shape":[4],"chunks":[2],"dtype":"<i2","fill_value":null,"order":"C","filters":null,"compressor":null}"#;
    for bad in [
        "",
        "[]",
        "{}",
        "null",
        "{\"refs\":1}",
        r#"{"version":2,"refs":{}}"#,
        r#"{"version":1,"gen":[{}],"refs":{}}"#,
        r#"{"a/.zarray":"{"}"#,
        &array(good, "").repeat(2),
    ] {
        assert!(matches!(read_json(bad.as_bytes(), "r.json"), Err(Error::Unreadable { .. })), "{bad}");
    }
    let cases = [
        (good.to_owned(), r#","v/2":["a",0,4]"#, "chunk [2]"),
        (good.to_owned(), r#","v/0":["a"]"#, "whole file"),
        (good.to_owned(), r#","v/0":["a",0,0]"#, "0 bytes"),
        (good.to_owned(), r#","v/0":["{{x}}a",0,4]"#, "template"),
        (good.to_owned(), r#","v/0":["a",18446744073709551615,4]"#, "bytes from"),
        (good.to_owned(), r#","v/0":"base64:?""#, "base64"),
        (good.replace("[2]", "[0]"), "", "chunks of shape"),
        (good.replace("[4]", "[-4]"), "", "whole numbers"),
        (good.replace("[4]", "[18446744073709551615,18446744073709551615]").replace("[2]", "[1,1]"), "", "array of shape"),
        (good.replace("<i2", "<M8[ns]"), "", "type"),
        (good.replace("\"filters\":null", r#""filters":[{"id":"delta"}]"#), "", "`delta`"),
        (good.replace("[4]", "[4,4]").replace("[2]", "[2,2]").replace("\"C\"", "\"F\""), "", "Fortran"),
        (good.replace("null,\"order", "\"x\",\"order"), "", "fill value"),
    ];
    for (zarray, refs, says) in cases {
        let granule = read_json(array(&zarray, refs).as_bytes(), "r.json").unwrap();
        let refusal = granule.root.variables[0].data.as_ref().unwrap_err();
        assert!(refusal.detail.contains(says), "{zarray} {refs}: {refusal}");
    }
    let granule = read_json(array(good, r#","v/1":["{{u}}a.nc",3,4]"#).as_bytes(), "r.json").unwrap();
    assert_eq!(&*granule.origin.url, "/d/a.nc");
}

/// The WKT of a zone of UTM, as one program writes it.
fn utm(zone: u8) -> String {
    format!("PROJCS[\"WGS 84 / UTM zone {zone}N\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\"]],AUTHORITY[\"EPSG\",\"326{zone}\"]]")
}

/// A field on a grid mapping with these attributes.
fn mapped(directory: &Path, t: i64, has_coordinates: bool, attributes: Vec<cube_manifest::Attribute>) -> Granule {
    let mut made = Made::new(&directory.join(format!("{t}.h5")));
    let mut field = counted("v", &["t", "y", "x"], &[1, 2, 2], &[1, 2, 2], be(DType::Int16), 10 * t);
    field.attributes = vec![text("grid_mapping", "crs")];
    made.add("/", field);
    let mut crs = counted("crs", &[], &[], &[], le(DType::Int32), 0);
    crs.attributes = attributes;
    made.add("/", crs);
    if has_coordinates {
        made.add("/", counted("y", &["y"], &[2], &[2], le(DType::Int32), 0));
        made.add("/", counted("x", &["x"], &[2], &[2], le(DType::Int32), 0));
    }
    made.add("/", counted("t", &["t"], &[1], &[1], le(DType::Int32), t));
    made.save().0
}

#[tokio::test]
async fn another_crs_is_refused_whatever_becomes_of_attributes() {
    let directory = tempfile::tempdir().unwrap();
    let on = |t, zone, name: &str| mapped(directory.path(), t, true, vec![text("crs_wkt", &utm(zone)), text("long_name", name)]);
    for attributes in [CombineAttributes::DropConflicts, CombineAttributes::Override, CombineAttributes::Drop] {
        let options = Options { attributes, ..along_t() };
        let found = mismatches(combine([on(0, 32, ""), on(1, 33, "")], &LocalFiles, options).await.unwrap_err());
        assert!(found.len() == 1 && found[0].starts_with("1.h5 /crs its `crs_wkt` is "), "{found:?}");
        assert!(found[0].contains("zone 33N") && found[0].contains("zone 32N"), "{found:?}");
    }
    let plain = |t, lon| {
        let attributes = vec![text("grid_mapping_name", "sinusoidal"), numeric("longitude_of_projection_origin", DType::Float64, lon)];
        mapped(directory.path(), t, true, attributes)
    };
    let found = mismatches(combine([plain(0, 0.0), plain(1, 9.0)], &LocalFiles, along_t()).await.unwrap_err());
    assert_eq!(found, ["1.h5 /crs its `longitude_of_projection_origin` is 9.0, not 0.0"]);

    // Free text says nothing, and one code in the words of two programs is one CRS.
    let mut other = on(1, 32, "another name");
    let crs = other.root.variables.iter_mut().find(|v| v.name == "crs").unwrap();
    crs.attributes[0] = text("crs_wkt", "PROJCRS[\"WGS 84 / UTM zone 32N\", BASEGEOGCRS[\"WGS 84\"],\n ID[\"EPSG\", 32632]]");
    let both = combine([on(0, 32, "a name"), other], &LocalFiles, along_t()).await.unwrap();
    let arrays = both.parts[0].dataset.arrays();
    let (_, crs) = arrays.iter().find(|(_, a)| a.name == "crs").unwrap();
    assert_eq!(crs.attributes, [text("crs_wkt", &utm(32))]);
}

#[tokio::test]
async fn a_transform_counts_where_nothing_else_places_the_pixels() {
    let directory = tempfile::tempdir().unwrap();
    let at = |t, has_coordinates, x: u32| {
        mapped(directory.path(), t, has_coordinates, vec![text("crs_wkt", &utm(32)), text("GeoTransform", &format!("{x} 10 0 5000000 0 -10"))])
    };
    combine([at(0, true, 1), at(1, true, 2)], &LocalFiles, along_t()).await.unwrap();
    let found = mismatches(combine([at(0, false, 1), at(1, false, 2)], &LocalFiles, along_t()).await.unwrap_err());
    assert_eq!(found, ["1.h5 /crs its `GeoTransform` is \"2 10 0 5000000 0 -10\", not \"1 10 0 5000000 0 -10\""]);
    // Side by side, each begins elsewhere.
    let options = Options { along: Some("x".into()), order: Order::Given, ..Options::default() };
    combine([at(0, false, 1), at(0, false, 2)], &LocalFiles, options).await.unwrap();
}

#[tokio::test]
async fn what_tiffs_say_of_their_numbers_must_agree() {
    let directory = tempfile::tempdir().unwrap();
    let with = |t: i64, attribute| field(directory.path(), &format!("{t}.h5"), t, &[1.0, 2.0], |spec| spec.attributes = vec![attribute]);
    let scales = |name: &str, a: f64| {
        let list = [a, 1.0].map(cube_core::Number::Float).to_vec();
        cube_manifest::Attribute { name: name.into(), value: cube_manifest::AttributeValue::Numbers(DType::Float64, list) }
    };
    for (name, here, there, a, b) in [
        ("nodata", "5", "0", numeric("nodata", DType::Int16, 0.0), numeric("nodata", DType::Int16, 5.0)),
        ("scales", "[0.5,1.0]", "[0.1,1.0]", scales("scales", 0.1), scales("scales", 0.5)),
        ("offsets", "[2.0,1.0]", "[3.0,1.0]", scales("offsets", 3.0), scales("offsets", 2.0)),
    ] {
        let found = mismatches(combine([with(0, a), with(1, b)], &LocalFiles, along_t()).await.unwrap_err());
        assert_eq!(found, [format!("1.h5 /v its `{name}` is {here}, not {there}")]);
    }
}

#[tokio::test]
async fn another_crs_is_not_appended() {
    let directory = tempfile::tempdir().unwrap();
    let target = icechunk::Target::local(&directory.path().join("ice")).await.unwrap();
    let one = async |t, zone| {
        let granule = mapped(directory.path(), t, true, vec![text("crs_wkt", &utm(zone)), text("GeoTransform", &format!("{t} 10 0 0 0 -10"))]);
        let options = icechunk::Options { granules: vec![granule.origin.url.to_string()], ..icechunk::Options::default() };
        (combine([granule], &LocalFiles, along_t()).await.unwrap().into_dataset().0, options)
    };
    let (first, options) = one(0, 32).await;
    icechunk::write(&first, &target, &options).await.unwrap();
    let (other, options) = one(1, 33).await;
    let found = mismatches(icechunk::Existing::open(&target).await.unwrap().append(&other, "t", &options).await.unwrap_err());
    assert!(found.len() == 1 && found[0].contains("/crs its `crs_wkt` is "), "{found:?}");
    assert!(found[0].contains("zone 33N") && found[0].contains("in the store") && found[0].contains("zone 32N"), "{found:?}");
    let (same, options) = one(2, 32).await;
    icechunk::Existing::open(&target).await.unwrap().append(&same, "t", &options).await.unwrap();
}
