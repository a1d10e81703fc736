//! One STAC item, as its source wrote it.

use cube_backend::{Error, Result};
use cube_core::{PatchId, TimeValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{document, location::Location, time};

/// A STAC item of any version: the JSON object, whole, with hrefs made absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub(crate) Map<String, Value>);

/// What an item says of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct When {
    /// `datetime`, else the start, else the end.
    pub(crate) nominal: Option<TimeValue>,
    /// First and last instant.
    pub(crate) interval: Option<(TimeValue, TimeValue)>,
    /// The interval is all of time: the item is valid always.
    pub(crate) always: bool,
}

/// Years that stand for "since ever" and "for ever" in an interval of an item without a time.
pub(crate) const ALWAYS: (&str, &str) = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z");

/// By what name items are found that name no collection.
pub(crate) const NO_COLLECTION: &str = "items";

impl Item {
    /// From a JSON object; relative hrefs are relative to `at`. An item whose document names no collection belongs to `parent`.
    ///
    /// # Errors
    /// What is not an item is refused by name.
    pub(crate) fn new(value: Value, at: &Location, parent: Option<&str>) -> Result<Self> {
        let Value::Object(mut map) = value else {
            return Err(Error::corrupt(format!("`{at}` holds something that is not a STAC item: {}", kind_of(&value))));
        };
        let id = match map.get("id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(n)) => n.to_string(),
            _ => return Err(Error::corrupt(format!("`{at}` holds an item without an id"))),
        };
        if !matches!(map.get("assets"), Some(Value::Object(_))) {
            return Err(Error::corrupt(format!("item `{id}` in `{at}` has no assets, so it is not a STAC item")));
        }
        if !matches!(map.get("properties"), Some(Value::Object(_))) {
            return Err(Error::corrupt(format!("item `{id}` in `{at}` has no properties, so it is not a STAC item")));
        }
        map.insert("id".into(), id.into());
        let mut item = Self(map);
        if item.collection_stated().is_none()
            && let Some(parent) = parent
        {
            item.0.insert("collection".into(), parent.into());
        }
        item.resolve(at);
        Ok(item)
    }

    /// From a page of items: what is relative in one is relative to its own address, where it states one.
    pub(crate) fn of_answer(value: Value, page: &Location) -> Result<Self> {
        let links = document::links(value.get("links"));
        let own = links.iter().find(|l| l.rel == "self" && l.href.contains("://")).and_then(|l| Location::parse(&l.href).ok());
        Self::new(value, own.as_ref().unwrap_or(page), None)
    }

    fn resolve(&mut self, at: &Location) {
        let absolute = |holder: &mut Map<String, Value>| {
            if let Some(Value::String(href)) = holder.get_mut("href") {
                *href = at.join(href);
            }
        };
        if let Some(Value::Object(assets)) = self.0.get_mut("assets") {
            for asset in assets.values_mut().filter_map(Value::as_object_mut) {
                absolute(asset);
                let alternates = asset.get_mut("alternate").and_then(Value::as_object_mut).into_iter().flatten();
                alternates.filter_map(|(_, place)| place.as_object_mut()).for_each(absolute);
            }
        }
        if let Some(Value::Array(links)) = self.0.get_mut("links") {
            links.iter_mut().filter_map(Value::as_object_mut).for_each(absolute);
        }
    }

    /// Its id inside the collection.
    pub fn id(&self) -> &str {
        self.0.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its collection; `items` when nothing names one.
    pub fn collection(&self) -> &str {
        self.collection_stated().unwrap_or(NO_COLLECTION)
    }

    /// The collection that it names itself.
    pub(crate) fn collection_stated(&self) -> Option<&str> {
        let stated = self.0.get("collection").or_else(|| self.property("collection"));
        stated.and_then(Value::as_str).filter(|c| !c.is_empty())
    }

    /// `collection/id`.
    pub fn patch_id(&self) -> PatchId {
        PatchId::new(self.collection(), self.id())
    }

    /// The whole item.
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The whole item.
    pub fn into_json(self) -> Map<String, Value> {
        self.0
    }

    /// One of its properties, unless it is null.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.0.get("properties")?.get(name).filter(|v| !v.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.property(name)?.as_str()
    }

    /// Its assets by key; those that are not objects are left out.
    pub(crate) fn assets(&self) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
        let assets = self.0.get("assets").and_then(Value::as_object);
        // In order of key: how a document happens to be written must not decide which asset an alias means.
        let sorted: std::collections::BTreeMap<_, _> = assets.into_iter().flatten().collect();
        sorted.into_iter().filter_map(|(key, asset)| Some((key.as_str(), asset.as_object()?)))
    }

    /// Bounding box in longitude and latitude, heights left out.
    pub(crate) fn bbox(&self) -> Option<[f64; 4]> {
        let numbers: Vec<f64> = self.0.get("bbox")?.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        match numbers[..] {
            [w, s, e, n] | [w, s, _, e, n, _] if numbers.iter().all(|v| v.is_finite()) => Some([w, s, e, n]),
            _ => None,
        }
    }

    /// What it says of its time.
    ///
    /// # Errors
    /// A time that cannot be read is refused: leaving the item out, or in, would be a guess.
    pub(crate) fn when(&self) -> Result<When> {
        let read = |name: &str| match self.property(name) {
            None => Ok(None),
            Some(v) => v
                .as_str()
                .and_then(time::parse)
                .map(Some)
                .ok_or_else(|| Error::corrupt(format!("item `{}` has a `{name}` that is no time: {v}", self.patch_id()))),
        };
        let (nominal, mut start, mut end) = (read("datetime")?, read("start_datetime")?, read("end_datetime")?);
        // Version 0.7 and 0.8 wrote `dtr:` before these names.
        if start.is_none() && end.is_none() {
            (start, end) = (read("dtr:start_datetime")?, read("dtr:end_datetime")?);
        }
        if nominal.is_none() && start == time::parse(ALWAYS.0) && end == time::parse(ALWAYS.1) {
            return Ok(When { nominal: None, interval: None, always: true });
        }
        let interval = match (start, end) {
            // Some items have the two the wrong way round; the time between them is the same.
            (Some(s), Some(e)) => Some((s.min(e), s.max(e))),
            _ => None,
        };
        Ok(When { nominal: nominal.or(start).or(end), interval, always: false })
    }
}

/// What a JSON value is, for messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
