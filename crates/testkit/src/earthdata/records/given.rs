//! Records from files: UMM-G and UMM-C as others wrote them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::facts::{Facts, Shape};
use super::{Collection, Granules};
use crate::earthdata::roots::Roots;
use crate::{Error, Result};

/// Granules that were read from records.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<One>);

#[derive(Debug)]
struct One {
    name: String,
    facts: Facts,
    text: String,
    number: u64,
}

impl Granules for Given {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, index: usize) -> String {
        self.0[index].name.clone()
    }

    fn facts(&self, index: usize) -> Facts {
        self.0[index].facts.clone()
    }

    fn render(&self, index: usize, out: &mut String) {
        out.push_str(&self.0[index].text);
    }

    fn number(&self, index: usize) -> u64 {
        self.0[index].number
    }
}

/// A record as a search answers it. The text of its UMM is kept: numbers are served with the digits they came with.
#[derive(Debug)]
pub(super) struct Record {
    meta: Value,
    umm: Value,
    text: String,
}

impl Record {
    /// From a value that has `meta` and `umm`.
    pub(super) fn new(mut value: Value) -> Self {
        let umm = value["umm"].take();
        Self { meta: value["meta"].take(), text: umm.to_string(), umm }
    }

    /// From a text with `meta` and `umm`, or a UMM alone, which gets the meta that a search adds.
    fn read(text: &RawValue, number: usize) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Both<'a> {
            meta: Value,
            #[serde(borrow)]
            umm: &'a RawValue,
        }
        let both: Option<Both<'_>> = serde_json::from_str(text.get()).ok();
        let umm = both.as_ref().map_or(text, |both| both.umm);
        let value: Value = serde_json::from_str(umm.get()).ok()?;
        let meta = both.map_or_else(|| meta(&value, number), |both| Some(both.meta))?;
        Some(Self { meta, umm: value, text: umm.get().to_owned() })
    }
}

/// All records of a file, or of the `.json` files below a folder in the order of their paths.
pub(super) fn read(path: &Path, roots: &Roots) -> Result<Vec<Record>> {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let mut files = Vec::new();
    list(path, &mut files)?;
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = roots.fill(&fs::read_to_string(&file).map_err(Error::io(&file))?);
        let answer = serde_json::from_str(&text).map(|answer: Answer<'_>| answer.items);
        let found: Vec<&RawValue> = answer.or_else(|_| serde_json::from_str(&text)).or_else(|_| serde_json::from_str(&text).map(|one| vec![one]))?;
        for one in found {
            let record = Record::read(one, records.len());
            let neither = || Error::Json(serde::de::Error::custom(format!("`{}` holds neither UMM-G nor UMM-C", file.display())));
            records.push(record.ok_or_else(neither)?);
        }
    }
    Ok(records)
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(Error::io(path))? {
        let entry = entry.map_err(Error::io(path))?.path();
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "json") {
            list(&entry, files)?;
        }
    }
    Ok(())
}

/// What a search adds to a UMM.
fn meta(umm: &Value, number: usize) -> Option<Value> {
    let granule = umm["GranuleUR"].as_str();
    let collection = umm["ShortName"].as_str().filter(|_| umm["EntryTitle"].is_string());
    let (kind, letter, native) = granule.map(|name| ("granule", 'G', name)).or_else(|| collection.map(|name| ("collection", 'C', name)))?;
    Some(json!({
        "concept-type": kind, "concept-id": format!("{letter}{}-GIVEN", 2_500_000_000_u64 + number as u64), "revision-id": 1,
        "native-id": native, "provider-id": "GIVEN", "format": "application/vnd.nasa.cmr.umm+json", "revision-date": "2024-07-01T00:00:00.000Z",
    }))
}

/// The collections of records; granules whose collection is not among them get one that says no more than they do.
pub(super) fn collections(records: Vec<Record>) -> Vec<Collection> {
    let (granules, mut found): (Vec<Record>, Vec<Record>) = records.into_iter().partition(|record| record.umm["GranuleUR"].is_string());
    let mut sorted: BTreeMap<usize, Vec<One>> = BTreeMap::new();
    for mut granule in granules {
        let place = found.iter().position(|collection| belongs(&granule, collection));
        let place = place.unwrap_or_else(|| {
            found.push(stand_in(&granule, found.len()));
            found.len() - 1
        });
        granule.meta["collection-concept-id"] = found[place].meta["concept-id"].clone();
        sorted.entry(place).or_default().push(one(&granule));
    }
    let places = found.into_iter().enumerate();
    places
        .map(|(place, mut record)| {
            let mut granules = sorted.remove(&place).unwrap_or_default();
            granules.sort_by_key(|granule| (granule.facts.start, granule.number));
            record.meta["granule-count"] = json!(granules.len());
            Collection { meta: record.meta, umm: record.umm, granules: Box::new(Given(granules)) }
        })
        .collect()
}

fn belongs(granule: &Record, collection: &Record) -> bool {
    let named = &granule.meta["collection-concept-id"];
    if named.is_string() {
        return *named == collection.meta["concept-id"];
    }
    let (reference, umm) = (&granule.umm["CollectionReference"], &collection.umm);
    match reference["EntryTitle"].is_string() {
        true => reference["EntryTitle"] == umm["EntryTitle"],
        false => reference["ShortName"] == umm["ShortName"] && reference["Version"] == umm["Version"],
    }
}

fn stand_in(granule: &Record, number: usize) -> Record {
    let (meta, reference) = (&granule.meta, &granule.umm["CollectionReference"]);
    let provider = meta["provider-id"].as_str().unwrap_or("GIVEN");
    let text = |field: &str| reference[field].as_str();
    let own = format!("C{}-{provider}", 2_600_000_000_u64 + number as u64);
    let name = text("ShortName").or(text("EntryTitle")).unwrap_or("given");
    Record::new(json!({
        "meta": {
            "concept-type": "collection", "concept-id": meta["collection-concept-id"].as_str().unwrap_or(&own), "revision-id": 1,
            "native-id": name, "provider-id": provider, "format": "application/vnd.nasa.cmr.umm+json", "revision-date": "2024-07-01T00:00:00.000Z",
        },
        "umm": {
            "ShortName": name, "Version": text("Version").unwrap_or("1"), "EntryTitle": text("EntryTitle").unwrap_or(name),
            "Abstract": "Given without a record of its own.",
        },
    }))
}

fn one(record: &Record) -> One {
    let umm = &record.umm;
    let time = |text: &Value| {
        let text = text.as_str()?;
        DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
    };
    let (range, single) = (&umm["TemporalExtent"]["RangeDateTime"], &umm["TemporalExtent"]["SingleDateTime"]);
    let start = time(&range["BeginningDateTime"]).or_else(|| time(single)).unwrap_or_default();
    let id = record.meta["concept-id"].as_str().unwrap_or_default();
    One {
        name: umm["GranuleUR"].as_str().unwrap_or_default().to_owned(),
        facts: Facts {
            start,
            end: time(&range["EndingDateTime"]).unwrap_or(start),
            revised: time(&record.meta["revision-date"]).unwrap_or_default(),
            cloud: umm["CloudCover"].as_f64(),
            day_night: umm["DataGranule"]["DayNightFlag"].as_str().unwrap_or("Unspecified").to_owned(),
            shape: Shape::of_record(umm),
        },
        text: format!("{{\"meta\":{},\"umm\":{}}}", record.meta, record.text),
        number: id.trim_start_matches('G').split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default(),
    }
}
