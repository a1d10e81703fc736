//! Which records a search finds, and in which order.

use std::cell::OnceCell;

use serde_json::Value;

use super::params::{Params, is_like};
use super::rules::instant;
use super::times::{in_range, in_time};
use super::{order, record, shapes};
use crate::earthdata::records::{Collection, Facts, Holdings, Shape};

/// A granule: the places of its collection and of itself in it.
pub(super) type Place = (u16, u32);

/// What a text parameter asks.
pub(super) struct Texts {
    wanted: Vec<String>,
    fold: bool,
    pattern: bool,
    all: bool,
}

impl Texts {
    pub(super) fn new(params: &Params, name: &str) -> Option<Self> {
        let values = params.all(name);
        let fold = params.ignores_case(name);
        let wanted: Vec<String> = values.iter().map(|value| if fold { value.to_lowercase() } else { (*value).to_owned() }).collect();
        (!wanted.is_empty()).then(|| Self { wanted, fold, pattern: params.option(name, "pattern"), all: params.option(name, "and") })
    }

    /// True if one of the texts found is one that is wanted (or every wanted one is found, where that is asked).
    pub(super) fn accepts<T: AsRef<str>>(&self, found: &[T]) -> bool {
        let found: Vec<String> = found.iter().map(|text| if self.fold { text.as_ref().to_lowercase() } else { text.as_ref().to_owned() }).collect();
        let is = |wanted: &String| found.iter().any(|text| if self.pattern { is_like(wanted, text) } else { wanted == text });
        if self.all { self.wanted.iter().all(is) } else { self.wanted.iter().any(is) }
    }
}

/// The collections that match; also those of a granule search, of which only what names collections counts.
pub(super) fn collections(holdings: &Holdings, params: &Params, granules: bool) -> Vec<usize> {
    let by_collection: Vec<(&str, Option<Texts>)> =
        ["provider", "short_name", "version", "entry_title", "dataset_id", "entry_id", "collection_concept_id", "echo_collection_id"]
            .into_iter()
            .map(|name| (name, Texts::new(params, name)))
            .collect();
    let concepts: Vec<&str> = params.all("concept_id").into_iter().filter(|id| !granules || id.starts_with('C')).collect();
    let found = holdings.collections.iter().enumerate().filter(|(_, collection)| {
        let named = by_collection.iter().all(|(name, texts)| {
            texts.as_ref().is_none_or(|texts| {
                texts.accepts(&[match *name {
                    "provider" => collection.provider().to_owned(),
                    "short_name" => collection.short_name().to_owned(),
                    "version" => collection.version().to_owned(),
                    "entry_title" | "dataset_id" => collection.entry_title().to_owned(),
                    "entry_id" => collection.entry_id(),
                    _ => collection.concept_id().to_owned(),
                }])
            })
        });
        named
            && (concepts.is_empty() || concepts.contains(&collection.concept_id()))
            && flag(params, "cloud_hosted").is_none_or(|wanted| wanted == collection.is_in_cloud())
            && (granules || collection_matches(collection, params))
    });
    found.map(|(place, _)| place).collect()
}

pub(super) fn flag(params: &Params, name: &str) -> Option<bool> {
    params.one(name).and_then(|value| value.to_lowercase().parse().ok())
}

fn collection_matches(collection: &Collection, params: &Params) -> bool {
    let umm = &collection.umm;
    let texts = |list: &Value, field: &str| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|entry| entry[field].as_str().map(str::to_owned)).collect()
    };
    let instruments: Vec<String> =
        umm["Platforms"].as_array().into_iter().flatten().flat_map(|platform| texts(&platform["Instruments"], "ShortName")).collect();
    let checks: [(&str, Vec<String>); 6] = [
        ("doi", vec![collection.doi().to_owned()]),
        ("platform", texts(&umm["Platforms"], "ShortName")),
        ("instrument", instruments),
        ("project", texts(&umm["Projects"], "ShortName")),
        ("data_center", texts(&umm["DataCenters"], "ShortName")),
        ("processing_level_id", vec![umm["ProcessingLevel"]["Id"].as_str().unwrap_or_default().to_owned()]),
    ];
    let granules = collection.granules.len() > 0;
    let begins = umm["TemporalExtents"][0]["RangeDateTimes"][0]["BeginningDateTime"].as_str().and_then(instant).unwrap_or(i64::MIN);
    let ends = umm["TemporalExtents"][0]["RangeDateTimes"][0]["EndingDateTime"].as_str().and_then(instant).unwrap_or(i64::MAX);
    let revised = collection.meta["revision-date"].as_str().and_then(instant).unwrap_or_default();
    checks.iter().all(|(name, found)| Texts::new(params, name).is_none_or(|texts| texts.accepts(found)))
        && flag(params, "has_granules").is_none_or(|wanted| wanted == granules)
        && flag(params, "downloadable").or(flag(params, "online_only")).is_none_or(|wanted| wanted == granules)
        && params.one("keyword").is_none_or(|words| has_words(umm, words))
        && in_time(params, "temporal", begins, ends)
        && params.one("updated_since").and_then(instant).is_none_or(|since| revised >= since)
        && in_time(params, "revision_date", revised, revised)
        && shapes::spatial(params)(&Shape::of_record(umm))
}

/// Every word of a keyword search somewhere in the record; `*` and `?` in words are wildcards.
fn has_words(umm: &Value, words: &str) -> bool {
    let text = umm.to_string().to_lowercase();
    let found: Vec<&str> = text.split(|char: char| !char.is_alphanumeric() && !"-_.".contains(char)).collect();
    words.to_lowercase().split_whitespace().all(|word| found.iter().any(|known| is_like(word.trim_matches('"'), known)))
}

/// One granule, of which the costly parts are made when they are asked for.
pub(super) struct Candidate<'a> {
    collection: &'a Collection,
    index: usize,
    facts: Facts,
    name: OnceCell<String>,
    umm: OnceCell<Value>,
}

impl Candidate<'_> {
    fn name(&self) -> &str {
        self.name.get_or_init(|| self.collection.granules.name(self.index))
    }

    /// The record.
    pub(super) fn umm(&self) -> &Value {
        self.umm.get_or_init(|| umm_of(self.collection, self.index))
    }
}

/// The record of a granule, parsed.
pub(super) fn umm_of(collection: &Collection, index: usize) -> Value {
    record_of(collection, index)["umm"].take()
}

/// A granule's record with `meta` and `umm`.
pub(super) fn record_of(collection: &Collection, index: usize) -> Value {
    let mut text = String::new();
    collection.granules.render(index, &mut text);
    serde_json::from_str(&text).unwrap_or_default()
}

/// A condition of a search.
pub(super) type Check<'a> = Box<dyn Fn(&Candidate<'_>) -> bool + 'a>;

/// The granules that match, in order.
pub(super) fn granules(holdings: &Holdings, params: &Params) -> Vec<Place> {
    let checks = checks(params);
    let mut found = Vec::new();
    for place in collections(holdings, params, true) {
        let collection = &holdings.collections[place];
        for index in 0..collection.granules.len() {
            let candidate = Candidate { collection, index, facts: collection.granules.facts(index), name: OnceCell::new(), umm: OnceCell::new() };
            if checks.iter().all(|check| check(&candidate)) {
                found.push((place as u16, index as u32));
            }
        }
    }
    order::sort(holdings, params, &mut found);
    found
}

fn checks(params: &Params) -> Vec<Check<'_>> {
    let mut checks: Vec<Check<'_>> = Vec::new();
    let granule_ids: Vec<&str> = params.all("concept_id").into_iter().chain(params.all("echo_granule_id")).filter(|id| id.starts_with('G')).collect();
    let id = |candidate: &Candidate<'_>| format!("G{}-{}", candidate.collection.granules.number(candidate.index), candidate.collection.provider());
    if !granule_ids.is_empty() {
        checks.push(Box::new(move |candidate| granule_ids.contains(&id(candidate).as_str())));
    }
    let excluded: Vec<&str> = params.exclude.iter().filter(|(name, _)| name == "concept_id").map(|(_, id)| id.as_str()).collect();
    if !excluded.is_empty() {
        checks.push(Box::new(move |candidate| !excluded.contains(&id(candidate).as_str())));
    }
    if params.values.contains_key("temporal") {
        checks.push(Box::new(|candidate| in_time(params, "temporal", candidate.facts.start, candidate.facts.end)));
    }
    for name in ["revision_date", "created_at"] {
        if params.values.contains_key(name) {
            checks.push(Box::new(move |candidate| in_time(params, name, candidate.facts.revised, candidate.facts.revised)));
        }
    }
    if let Some(since) = params.one("updated_since").and_then(instant) {
        checks.push(Box::new(move |candidate| candidate.facts.revised >= since));
    }
    for name in ["granule_ur", "readable_granule_name", "native_id"] {
        if let Some(texts) = Texts::new(params, name) {
            checks.push(Box::new(move |candidate| texts.accepts(&[candidate.name()])));
        }
    }
    for name in ["day_night_flag", "day_night"] {
        if let Some(texts) = Texts::new(params, name) {
            checks.push(Box::new(move |candidate| texts.accepts(&[&candidate.facts.day_night])));
        }
    }
    if let Some(range) = params.one("cloud_cover") {
        checks.push(Box::new(move |candidate| candidate.facts.cloud.is_some_and(|cloud| in_range(range, cloud))));
    }
    if shapes::NAMES.iter().any(|name| params.values.contains_key(*name)) {
        let spatial = shapes::spatial(params);
        checks.push(Box::new(move |candidate| spatial(&candidate.facts.shape)));
    }
    checks.extend(record::checks(params));
    checks
}
