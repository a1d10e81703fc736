//! Granules combined: order, checks by name, joins, times, attributes.

use std::path::Path;

use cube_core::DType;
use cube_manifest::{Attribute, AttributeValue, Codec, Granule};
use cube_virtual::{
    Combined, Combiner, Error, LocalFiles, combine,
    combine::{CombineAttributes, Join, OnMismatch, Options, Order},
    write::icechunk,
};
use serde_json::{Value, json};

use crate::{
    made::{Made, be, counted, le, number, numeric, text},
    python,
    readers::stores,
};

/// What one day's granule is like.
#[derive(Clone)]
pub struct Day {
    pub day: i64,
    pub units: String,
    pub scale: f64,
    pub codecs: Vec<Codec>,
    pub chunks: [u64; 3],
    pub lat: Vec<f64>,
    pub title: &'static str,
    pub fill: f64,
}

impl Day {
    pub fn new(day: i64) -> Self {
        Self {
            day,
            units: "hours since 2020-01-01".into(),
            scale: 0.5,
            codecs: vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: Some(4) }],
            chunks: [1, 2, 3],
            lat: vec![40.0, 39.0, 38.0, 37.0],
            title: "same",
            fill: -999.0,
        }
    }

    /// Writes the file of a day; `time` is the day's number in hours from the epoch of its units.
    pub fn make(&self, directory: &Path, time: i64) -> Granule {
        let mut made = Made::new(&directory.join(format!("day{:02}.nc", self.day)));
        made.group("/").attributes = vec![text("title", self.title), text("history", &format!("made on day {}", self.day))];
        let rows = self.lat.len() as u64;
        let i16 = be(DType::Int16);
        let mut sst = counted("sst", &["time", "lat", "lon"], &[1, rows, 5], &self.chunks, i16, 100 * self.day);
        (sst.codecs, sst.fill) = (self.codecs.clone(), Some(number(i16, self.fill)));
        sst.attributes = vec![
            numeric("_FillValue", DType::Int16, self.fill),
            numeric("scale_factor", DType::Float64, self.scale),
            numeric("add_offset", DType::Float64, 0.0),
            text("comment", if self.day == 2 { "differs" } else { "equal" }),
        ];
        sst.absent = vec![1];
        made.add("/", sst);
        let f32 = be(DType::Float32);
        let mut lat = counted("lat", &["lat"], &[rows], &[rows], f32, 0);
        lat.values = self.lat.iter().flat_map(|v| number(f32, *v)).collect();
        made.add("/", lat);
        made.add("/", counted("lon", &["lon"], &[5], &[5], f32, 10));
        let mut hours = counted("time", &["time"], &[1], &[512], le(DType::Int32), time);
        hours.attributes = vec![text("units", &self.units), text("calendar", "standard"), text("bounds", "time_bnds")];
        made.add("/", hours);
        let mut bounds = counted("time_bnds", &["time", "nv"], &[1, 2], &[1, 2], le(DType::Int32), time);
        bounds.values = [time, time + 3600].iter().flat_map(|t| number(le(DType::Int32), *t as f64)).collect();
        made.add("/", bounds);
        made.save().0
    }

    /// What xarray should make of its pixels.
    pub fn pixels(&self) -> Vec<Option<f64>> {
        let rows = self.lat.len();
        let [_, rows_of_chunk, columns_of_chunk] = self.chunks.map(|c| c as usize);
        let columns = 5_usize.div_ceil(columns_of_chunk);
        let pixel = |i: usize| {
            let chunk = (i / 5) / rows_of_chunk * columns + (i % 5) / columns_of_chunk;
            (chunk != 1).then(|| (100 * self.day + i as i64) as f64 * self.scale)
        };
        (0..rows * 5).map(pixel).collect()
    }
}

pub fn along_time() -> Options {
    Options { along: Some("time".into()), ..Options::default() }
}

fn days(directory: &Path, days: &[Day]) -> Vec<Granule> {
    days.iter().map(|d| d.make(directory, 24 * d.day)).collect()
}

fn mismatches(error: Error) -> Vec<String> {
    let Error::Mismatch { mismatches, .. } = error else { panic!("{error}") };
    mismatches.iter().map(|m| format!("{} {} {}", m.granule.rsplit('/').next().unwrap(), m.variable, m.reason)).collect()
}

/// Checks decoded values in every kind of store.
async fn check(directory: &Path, combined: Combined, expected: Value) {
    let (dataset, granules) = combined.into_dataset();
    let options = icechunk::Options { granules: granules.iter().map(ToString::to_string).collect(), batch: Some(7), ..icechunk::Options::default() };
    let stores = stores(directory, &dataset, &options).await;
    python::check(directory, "decoded", &json!({"stores": stores, "groups": {"/": expected}}));
}

#[tokio::test]
async fn days_are_sorted_and_their_times_said_from_one_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let mut all: Vec<Day> = (0..5).map(Day::new).collect();
    let mut granules = Vec::new();
    for (day, from) in [
        (3, "hours since 2020-01-01"),
        (0, "hours since 2020-01-01 00:00:00"),
        (4, "seconds since 2020-01-05"),
        (1, "days since 2020-01-02"),
        (2, "days since 2020-01-01"),
    ] {
        all[day].units = from.into();
        let time = match day {
            0 | 1 | 4 => 0,
            2 => 2,
            _ => 72,
        };
        granules.push(all[day].make(directory.path(), time));
    }
    let combined = combine(granules, &LocalFiles, along_time()).await.unwrap();
    assert!(combined.parts[0].granules[4].ends_with("day04.nc"));
    let root = &combined.parts[0].dataset.root;
    let names = |attributes: &[Attribute]| attributes.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&root.attributes), ["title"], "the history differs");
    assert!(!names(&root.arrays[0].attributes).contains(&"comment".to_owned()));
    let pixels: Vec<_> = all.iter().flat_map(Day::pixels).collect();
    let times: Vec<_> = (1..=5).map(|d| format!("2020-01-0{d}T00:00:00")).collect();
    // 3600 of each granule's own units after its beginning.
    let ends = ["2020-05-30T00:00:00", "2029-11-10T00:00:00", "2029-11-11T00:00:00", "2020-06-02T00:00:00", "2020-01-05T01:00:00"];
    let bounds: Vec<_> = times.iter().zip(ends).flat_map(|(a, b)| [a.clone(), b.to_owned()]).collect();
    check(directory.path(), combined, json!({"sst": pixels, "time": times, "time_bnds": bounds, "lat": all[0].lat, "lon": [10, 11, 12, 13, 14]}))
        .await;
}

#[tokio::test]
async fn what_differs_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = Day::new(1);
    let mut all = vec![Day::new(0)];
    let change = |all: &mut Vec<Day>, day: i64, change: &dyn Fn(&mut Day)| {
        let mut d = Day::new(day);
        change(&mut d);
        all.push(d);
    };
    other.scale = 0.25;
    all.push(other);
    change(&mut all, 2, &|d| d.codecs = vec![Codec::Deflate { level: Some(4) }]);
    change(&mut all, 3, &|d| d.chunks = [1, 4, 5]);
    change(&mut all, 4, &|d| d.lat[3] = 36.5);
    change(&mut all, 5, &|d| d.lat.push(36.0));
    change(&mut all, 6, &|d| d.units = "months since 2020-01-01".into());
    change(&mut all, 7, &|d| d.codecs = vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: Some(9) }]);
    change(&mut all, 8, &|d| d.fill = -1.0);
    let error = combine(days(directory.path(), &all), &LocalFiles, along_time()).await.unwrap_err();
    let found = mismatches(error);
    let expected = [
        "day01.nc /sst its `scale_factor` is 0.25, not 0.5",
        "day02.nc /sst its codecs are [Deflate { level: Some(4) }], not [Shuffle { element_size: 2 }, Deflate { level: Some(4) }]",
        "day03.nc /sst its chunks are [1, 4, 5], not [1, 2, 3]",
        "day04.nc /lat its values differ",
        "day05.nc /sst it has 5 elements along `lat`, not 4",
        "day05.nc /lat it has 5 elements along `lat`, not 4",
        "day06.nc /time its `units` is \"months since 2020-01-01\", not \"hours since 2020-01-01\"",
        "day08.nc /sst its `_FillValue` is -1, not -999",
    ];
    for text in expected {
        assert!(found.contains(&text.to_owned()), "{text} is not among {found:#?}");
    }
    assert!(!found.iter().any(|f| f.starts_with("day07") || f.starts_with("day00")), "{found:#?}");
}

#[tokio::test]
async fn what_is_only_stored_otherwise_can_be_materialised() {
    let directory = tempfile::tempdir().unwrap();
    let mut all: Vec<Day> = (0..4).map(Day::new).collect();
    all[1].codecs = vec![Codec::Deflate { level: None }];
    all[2].chunks = [1, 4, 5];
    let options = Options { mismatch: OnMismatch::Materialize, ..along_time() };
    let combined = combine(days(directory.path(), &all), &LocalFiles, options.clone()).await.unwrap();
    let pixels: Vec<_> = all.iter().flat_map(Day::pixels).collect();
    check(directory.path(), combined, json!({"sst": pixels})).await;
    all[3].scale = 0.1;
    let error = combine(days(directory.path(), &all), &LocalFiles, options).await.unwrap_err();
    assert_eq!(mismatches(error), ["day03.nc /sst its `scale_factor` is 0.1, not 0.5"], "other numbers are never made up");
}

#[tokio::test]
async fn what_differs_can_be_split() {
    let directory = tempfile::tempdir().unwrap();
    let mut all: Vec<Day> = (0..4).map(Day::new).collect();
    (all[1].scale, all[3].scale) = (0.25, 0.25);
    let options = Options { mismatch: OnMismatch::Split, ..along_time() };
    let combined = combine(days(directory.path(), &all), &LocalFiles, options).await.unwrap();
    assert_eq!((combined.parts.len(), combined.mismatches.len()), (2, 1));
    let (dataset, _) = combined.into_dataset();
    let stores = stores(directory.path(), &dataset, &icechunk::Options::default()).await;
    let of = |a: usize, b: usize| all[a].pixels().into_iter().chain(all[b].pixels()).collect::<Vec<_>>();
    python::check(directory.path(), "decoded", &json!({"stores": stores, "groups": {"/part_0": {"sst": of(0, 2)}, "/part_1": {"sst": of(1, 3)}}}));
}

#[tokio::test]
async fn granules_of_one_time_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = Day::new(1).make(directory.path(), 24);
    let second = Day::new(2).make(directory.path(), 24);
    let error = combine([first.clone(), second.clone()], &LocalFiles, along_time()).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Order { .. }) && said.contains("day01.nc") && said.contains("day02.nc") && said.contains("24"), "{said}");
    let given = Options { order: Order::Given, ..along_time() };
    assert_eq!(combine([second, first], &LocalFiles, given).await.unwrap().parts[0].granules.len(), 2);
}

#[tokio::test]
async fn axes_are_joined() {
    let directory = tempfile::tempdir().unwrap();
    let mut all: Vec<Day> = (0..2).map(Day::new).collect();
    all[1].lat = vec![38.0, 37.0, 36.0, 35.0];
    let outer = Options { join: Join::Outer, ..along_time() };
    let combined = combine(days(directory.path(), &all), &LocalFiles, outer).await.unwrap();
    let none = vec![None; 10];
    let pixels: Vec<_> = [all[0].pixels(), none.clone(), none, all[1].pixels()].concat();
    let outside = tempfile::tempdir().unwrap();
    check(outside.path(), combined, json!({"sst": pixels, "lat": [40.0, 39.0, 38.0, 37.0, 36.0, 35.0]})).await;
    let inner = Options { join: Join::Inner, ..along_time() };
    let combined = combine(days(directory.path(), &all), &LocalFiles, inner).await.unwrap();
    let pixels: Vec<_> = [all[0].pixels()[10..].to_vec(), all[1].pixels()[..10].to_vec()].concat();
    let outside = tempfile::tempdir().unwrap();
    check(outside.path(), combined, json!({"sst": pixels, "lat": [38.0, 37.0]})).await;

    all[1].lat = vec![39.0, 38.0, 37.0, 36.0];
    let outer = Options { join: Join::Outer, ..along_time() };
    let found = mismatches(combine(days(directory.path(), &all), &LocalFiles, outer).await.unwrap_err());
    assert!(found[0].contains("whole chunks"), "{found:?}");
}

#[tokio::test]
async fn a_new_dimension_takes_what_each_granule_has() {
    let directory = tempfile::tempdir().unwrap();
    let mut granules = Vec::new();
    for day in [2, 0, 1] {
        let mut made = Made::new(&directory.path().join(format!("{day}.nc")));
        let mut field = counted("field", &["x"], &[4], &[2], be(DType::Int16), 10 * day);
        field.attributes = vec![text("coordinates", "step place"), text("grid_mapping", "crs")];
        made.add("/", field);
        made.add("/", counted("x", &["x"], &[4], &[4], le(DType::Int16), 0));
        made.add("/", counted("step", &[], &[], &[], le(DType::Int32), day));
        made.add("/", counted("place", &["x"], &[4], &[4], le(DType::Int16), 7));
        made.add("/", counted("crs", &[], &[], &[], le(DType::Int32), 0));
        granules.push(made.save().0);
    }
    let options = Options { along: Some("step".into()), ..Options::default() };
    let combined = combine(granules, &LocalFiles, options).await.unwrap();
    let arrays: Vec<(String, Vec<String>)> = combined.parts[0].dataset.arrays().iter().map(|(_, a)| (a.name.clone(), a.dimensions.clone())).collect();
    let of = |name: &str| arrays.iter().find(|(n, _)| n == name).unwrap().1.join(" ");
    assert_eq!([of("field"), of("x"), of("step"), of("place"), of("crs")], ["step x", "x", "step", "x", ""]);
    let field: Vec<i32> = (0..3).flat_map(|d| (0..4).map(move |i| 10 * d + i)).collect();
    check(directory.path(), combined, json!({"field": field, "step": [0, 1, 2], "place": [7, 8, 9, 10]})).await;
}

#[tokio::test]
async fn variables_of_several_files_are_merged_and_then_concatenated() {
    let directory = tempfile::tempdir().unwrap();
    let mut along = Combiner::new(along_time());
    for day in [0, 1] {
        let first = Day::new(day).make(directory.path(), 24 * day);
        let mut made = Made::new(&directory.path().join(format!("other{day}.nc")));
        made.add("/", counted("ice", &["time", "lat", "lon"], &[1, 4, 5], &[1, 4, 5], le(DType::UInt8), 50 * day));
        made.add("/", counted("lon", &["lon"], &[5], &[5], be(DType::Float32), 10));
        let url = first.origin.url.clone();
        let merged = combine([first, made.save().0], &LocalFiles, Options::default()).await.unwrap();
        along.add_dataset(url, merged.into_dataset().0, &LocalFiles).await.unwrap();
    }
    let combined = along.finish().unwrap();
    let ice: Vec<i64> = (0..2).flat_map(|d| (0..20).map(move |i| 50 * d + i)).collect();
    let sst = [Day::new(0).pixels(), Day::new(1).pixels()].concat();
    check(directory.path(), combined, json!({"sst": sst, "ice": ice})).await;

    let mut made = Made::new(&directory.path().join("wrong.nc"));
    made.add("/", counted("lon", &["lon"], &[5], &[5], be(DType::Float32), 11));
    let error = combine([Day::new(0).make(directory.path(), 0), made.save().0], &LocalFiles, Options::default()).await.unwrap_err();
    assert_eq!(mismatches(error), ["wrong.nc /lon its values differ"]);
}

#[tokio::test]
async fn attributes_follow_the_rule_that_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let all: Vec<Day> = (0..2).map(Day::new).collect();
    let with = |attributes| Options { attributes, ..along_time() };
    let granules = || days(directory.path(), &all);
    let first = combine(granules(), &LocalFiles, with(CombineAttributes::Override)).await.unwrap();
    assert_eq!(first.parts[0].dataset.root.attributes[1].value, AttributeValue::Text("made on day 0".into()));
    let none = combine(granules(), &LocalFiles, with(CombineAttributes::Drop)).await.unwrap();
    let root = &none.parts[0].dataset.root;
    assert!(root.attributes.is_empty() && root.arrays[0].attribute("scale_factor").is_some(), "what gives numbers their meaning stays");
    let error = combine(granules(), &LocalFiles, with(CombineAttributes::Identical)).await.unwrap_err();
    assert_eq!(mismatches(error), ["day01.nc / its attribute `history` differs"]);
}
