//! Queries for granules as parameters of CMR, and back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GranuleQuery, to_stac::cmr_sort_field};
use crate::{
    field::{Field, Misread},
    ids::CollectionId,
    options,
    problem::{Converted, Effect, Invalid, ProblemKind},
    values::SortKey,
    wire::{CmrParameters, path},
};

/// In how many ways collections are named that CMR cannot offer as alternatives in one search.
pub(super) fn kinds(collections: &[CollectionId]) -> usize {
    let mut kinds: Vec<u8> = collections.iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len()
}

fn kind(id: &CollectionId) -> u8 {
    match id {
        CollectionId::Concept(_) => 0,
        CollectionId::Granule(_) => 1,
        CollectionId::Versioned { .. } => 2,
        CollectionId::Name(_) => 3,
    }
}

impl GranuleQuery {
    /// The query as parameters of CMR's granule search, and what CMR cannot be told.
    ///
    /// # Errors
    /// Everything that [`GranuleQuery::validate_for`] finds wrong; collections that are named in several ways, which are as many searches
    /// ([`GranuleQuery::split_for_cmr`]).
    pub fn to_cmr(&self) -> Result<Converted<CmrParameters>, Invalid> {
        let mut problems = self.validate();
        self.check_is_one_search(&mut problems);
        self.check_for_cmr(&mut problems);
        problems.retain(|p| p.kind == ProblemKind::Wrong);
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        let mut out = Converted::new(CmrParameters::default());
        send_collections(&self.collections, &mut out.value);
        let named = Self { sort: self.sort.iter().map(in_words_of_cmr).collect(), ..self.clone() };
        named.send_fields(&mut out.value);
        options::send_page_size(self.page_size, self.limit, &mut out.value);
        for (i, pass) in self.passes.iter().enumerate() {
            out.value.push(format!("passes[{i}][pass]"), pass.pass.to_string());
            if !pass.tiles.is_empty() {
                out.value.push(format!("passes[{i}][tiles]"), pass.tiles.join(","));
            }
        }
        options::with_patterns(&self.options, &self.wildcards()).send(&mut out.value);
        self.report_for_cmr(&mut out);
        Ok(out)
    }

    /// Which parameters have values with wildcards; names of collections are sent as short names.
    fn wildcards(&self) -> Vec<(&'static str, bool)> {
        let mut all = options::wildcards(self.names_in_cmr());
        let collections = self.collections.iter().any(|id| match id {
            CollectionId::Name(name) | CollectionId::Versioned { short_name: name, .. } => options::is_pattern(name),
            CollectionId::Concept(_) | CollectionId::Granule(_) => false,
        });
        all.iter_mut().filter(|(name, _)| *name == "short_name").for_each(|(_, has)| *has |= collections);
        all
    }

    fn report_for_cmr(&self, out: &mut Converted<CmrParameters>) {
        let first = "find the collections first, and ask for granules by their concept ids";
        if !self.doi.is_empty() {
            out.note("doi", self.doi.join(", "), Effect::Dropped, "CMR finds collections by DOI, not granules");
            out.advise(first);
        }
        if let Some(hosted) = self.cloud_hosted {
            out.note("cloud_hosted", hosted, Effect::Dropped, "CMR knows of collections whether they are in the cloud, not of granules");
            out.advise(first);
        }
        let holes: usize = self.polygon.iter().map(|p| p.holes.len()).sum();
        if holes > 0 {
            out.note("polygon", format!("{holes} holes"), Effect::Widened, "polygons in a search of CMR have no holes");
            out.advise("filter what is found by the polygon");
        }
        if let Some(limit) = self.limit {
            out.note("limit", limit, Effect::Local, "CMR is told the size of a page, not how many records are wanted in all");
        }
        if !self.names_collections() {
            out.note(
                "collections",
                "",
                Effect::Narrowed,
                "a search that names no collection and no provider is paged to the 10,000th granule at most",
            );
            out.advise("name a collection or a provider");
        }
    }

    /// The same as searches that CMR can express: one for each way in which `collections` are named, and one for each version. What they
    /// find together, the query finds.
    pub fn split_for_cmr(&self) -> Vec<Self> {
        let mut groups: BTreeMap<(u8, String), Vec<CollectionId>> = BTreeMap::new();
        for id in &self.collections {
            let version = if let CollectionId::Versioned { version, .. } = id { version.clone() } else { String::new() };
            groups.entry((kind(id), version)).or_default().push(id.clone());
        }
        if groups.len() < 2 {
            return vec![self.clone()];
        }
        groups.into_values().map(|collections| Self { collections, ..self.clone() }).collect()
    }

    /// Reads parameters of CMR's granule search, with the meaning that they have there, and reports what has no field.
    pub fn from_cmr(parameters: &CmrParameters) -> Converted<Self> {
        let mut out = Converted::new(Self::default());
        let mut passes: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in &parameters.0 {
            let parts = path(name);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            if value.trim().is_empty() {
                out.note(name, value, Effect::Rewritten, "is empty, and CMR pays no heed to it");
                continue;
            }
            match parts[..] {
                ["options", parameter, key] => {
                    if let Err(reason) = options::receive(&mut out.value.options, parameter, key, value) {
                        out.note(name, value, Effect::Dropped, reason);
                    }
                }
                ["passes", index, part @ ("pass" | "tiles")] => add_to_pass(passes.entry(index.to_owned()).or_insert_with(|| json!({})), part, value),
                ["exclude", what] => receive_one(&mut out, name, &format!("exclude[{}]", options::current_name(what)), value),
                [field] => receive_one(&mut out, name, options::current_name(field), value),
                _ => out.note(name, value, Effect::Dropped, "is not a parameter that is known here"),
            }
        }
        let misread: Vec<Misread> = passes.into_values().flat_map(|p| Field::read(&mut out.value.passes, json!([p]))).collect();
        for e in misread {
            out.note("passes", "", Effect::Dropped, "cannot be read");
            out.value.unread.push(e.of("passes"));
        }
        let wildcards = out.value.wildcards();
        options::settle_patterns(&mut out.value.options, &wildcards);
        out
    }
}

fn receive_one(out: &mut Converted<GranuleQuery>, name: &str, field: &str, value: &str) {
    match out.value.receive_field(field, value) {
        Some(Ok(())) => {}
        Some(Err(e)) => {
            out.note(name, value, Effect::Dropped, "cannot be read");
            let known = GranuleQuery::WIRE.iter().find(|(_, wire)| *wire == field).map_or(field, |(f, _)| f);
            out.value.unread.push(e.of(known));
        }
        None => out.note(name, options::shown(field, value), Effect::Dropped, options::reason_without_field(field)),
    }
}

/// STAC's words for what CMR sorts by as CMR's.
fn in_words_of_cmr(key: &SortKey) -> SortKey {
    SortKey { field: cmr_sort_field(&key.field).map_or_else(|| key.field.clone(), str::to_owned), descending: key.descending }
}

/// Tiles may come in one text or in several.
fn add_to_pass(pass: &mut Value, part: &str, value: &str) {
    let before = pass.get(part).and_then(Value::as_str).map(|t| format!("{t},"));
    pass[part] = json!(before.unwrap_or_default() + value);
}

fn send_collections(collections: &[CollectionId], out: &mut CmrParameters) {
    let mut versions = Vec::new();
    let mut ids: Vec<(&str, String)> = Vec::new();
    for id in collections {
        match id {
            CollectionId::Concept(c) => ids.push(("collection_concept_id", c.clone())),
            CollectionId::Granule(g) => ids.push(("concept_id", g.clone())),
            CollectionId::Name(n) => ids.push(("short_name", n.clone())),
            CollectionId::Versioned { short_name, version } => {
                versions.push(version.clone());
                ids.push(("short_name", short_name.clone()));
            }
        }
    }
    versions.sort_unstable();
    versions.dedup();
    if versions.len() > 1 {
        // Short names and versions would be combined each with each; an entry id is one with its own.
        let entry = |id: &CollectionId| match id {
            CollectionId::Versioned { short_name, version } => format!("{short_name}_{version}"),
            other => other.to_string(),
        };
        return out.push_all("entry_id", collections.iter().map(entry));
    }
    for (name, value) in ids {
        out.push(format!("{name}[]"), value);
    }
    out.push_all("version", versions);
}
