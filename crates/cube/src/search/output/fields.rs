//! Fields of records that are asked for by name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{Result, search::Record};

/// Facts that are values, not lists of files.
pub(super) const FACTS: [&str; 7] = ["id", "collection", "concept_id", "start", "end", "cloud_cover", "size"];
/// Records whose fields are remembered, to say what may have been meant.
const REMEMBERED: u64 = 100;

/// The fields that are asked for, in their order, and which of them were met.
#[derive(Debug)]
pub(super) struct Fields {
    names: Vec<String>,
    /// Names that no record had so far.
    unmet: Vec<String>,
    /// Names that exist.
    known: BTreeSet<String>,
    records: u64,
}

impl Fields {
    /// The facts, when nothing is asked for. `own` are names that the form of the results has beside them.
    pub(super) fn new(given: &[String], own: &[&str]) -> Self {
        let known: BTreeSet<String> = FACTS.iter().chain(own).map(|name| (*name).to_owned()).collect();
        let names: Vec<String> = if given.is_empty() { FACTS.map(str::to_owned).to_vec() } else { given.to_vec() };
        let unmet = names.iter().filter(|name| !known.contains(*name)).cloned().collect();
        Self { names, unmet, known, records: 0 }
    }

    /// Those of a record; null for what it does not have.
    pub(super) fn of(&mut self, record: &Record) -> Result<Map<String, Value>> {
        let facts = serde_json::to_value(record.facts()?).unwrap_or_default();
        let item = record.item()?;
        let asks_umm = self.names.iter().any(|n| n.starts_with("umm.") || n.starts_with("meta."));
        let umm: Value = record.umm().filter(|_| asks_umm).and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
        let field = |name: &str| {
            let fact = facts.get(name).filter(|v| !v.is_null());
            let property = || item.get("properties").and_then(|p| p.get(name));
            fact.or_else(property).or_else(|| by_path(item, &umm, name))
        };
        self.unmet.retain(|name| field(name).is_none());
        if !self.unmet.is_empty() && self.records < REMEMBERED {
            self.known.extend(names_in(item));
        }
        self.records += 1;
        Ok(self.names.iter().map(|name| (name.clone(), field(name).cloned().unwrap_or(Value::Null))).collect())
    }

    /// Says which names no record had.
    pub(super) fn tell(&self) {
        self.problems().iter().for_each(|problem| tracing::warn!("{problem}"));
    }

    fn problems(&self) -> Vec<String> {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let unmet = self.unmet.iter().filter(|_| self.records > 0);
        unmet.map(|name| format!("no result has a field `{name}`: {}", cube_query::advice(name, &known))).collect()
    }
}

/// Names under which something of an item can be asked for.
fn names_in(item: &Map<String, Value>) -> impl Iterator<Item = String> {
    let of = |member: &str| item.get(member).and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
    of("properties").cloned().chain(of("assets").map(|key| format!("assets.{key}.href"))).chain(["geometry", "bbox"].map(str::to_owned))
}

/// A value by its path: `properties.view:azimuth`, `assets.B04.href`, or of CMR's record `umm.DataGranule.DayNightFlag`, `meta.revision-date`.
fn by_path<'a>(item: &'a Map<String, Value>, umm: &'a Value, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let start = match first {
        "umm" | "meta" => umm.get(first)?,
        _ => item.get(first)?,
    };
    if rest.is_empty() {
        return Some(start);
    }
    let pointer: String = rest.split('.').map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
    start.pointer(&pointer).or_else(|| start.get(rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_no_record_has_are_told() {
        let record = |properties: Value| {
            let item =
                json!({"type": "Feature", "id": "a", "geometry": null, "properties": properties, "assets": {"B04": {"href": "b.tif"}}, "links": []});
            Record::from_item(serde_json::from_value(item).expect("an item"))
        };
        let names = ["id", "href", "cloud_cover", "platfrom", "eo:cloud_cover", "gsd", "assets.B4.href", "nothing"].map(str::to_owned);
        let mut fields = Fields::new(&names, &["href"]);
        assert_eq!(fields.problems(), Vec::<String>::new(), "nothing was found");
        let first = fields.of(&record(json!({"datetime": "2024-06-01T00:00:00Z", "platform": "x", "gsd": null}))).expect("fields");
        let second = fields.of(&record(json!({"datetime": "2024-06-02T00:00:00Z", "eo:cloud_cover": 5}))).expect("fields");
        assert_eq!((&first["id"], &first["eo:cloud_cover"], &second["eo:cloud_cover"]), (&json!("a"), &Value::Null, &json!(5)));
        let problems = fields.problems();
        assert_eq!(problems[0], "no result has a field `platfrom`: did you mean `platform`?");
        assert_eq!(problems[1], "no result has a field `assets.B4.href`: did you mean `assets.B04.href`?");
        assert!(problems[2].starts_with("no result has a field `nothing`: the fields are assets.B04.href, ") && problems.len() == 3, "{problems:?}");
    }
}
