//! STAC searches as queries for granules.

use cube_core::{Period, TimeValue};
use serde_json::Value;

use super::{GranuleQuery, to_stac::cmr_sort_field};
use crate::{
    cql2,
    field::Item,
    ids::CollectionId,
    items::StacItemQuery,
    options::is_pattern,
    problem::{Converted, Effect, Invalid, Problem, plain},
    values::{Range, SortKey},
    when,
};

impl GranuleQuery {
    /// Reads a STAC search as a query for granules, and reports what has no field.
    pub fn from_stac(search: &StacItemQuery) -> Converted<Self> {
        let mut out = Converted::new(Self { unread: search.unread.clone(), ..Self::default() });
        let to = &mut out.value;
        to.collections = search.collections.iter().map(|c| CollectionId::parse(c)).collect();
        to.granule_ur.clone_from(&search.ids);
        to.temporal = search.datetime.filter(|p| *p != Period::ALWAYS).map(when::When::during).into_iter().collect();
        to.page_size = search.limit;
        to.limit = search.max_items;
        if let Some(bbox) = &search.bbox {
            to.bounding_box.push(bbox.bounds);
            if bbox.heights.is_some() {
                out.note("bbox", plain(&bbox.write()), Effect::Widened, "heights are left out: granules are searched by area alone");
            }
        }
        if let Some(geometry) = &search.intersects {
            out.value.read("intersects", geometry.0.clone());
        }
        for (property, conditions) in search.query.iter().filter_map(|q| q.0.as_object()).flatten() {
            let Value::Object(conditions) = conditions else {
                receive_comparison(&mut out, property, "eq", conditions);
                continue;
            };
            for (operator, value) in conditions {
                receive_comparison(&mut out, property, operator, value);
            }
        }
        match search.filter.as_ref().map(|f| &f.0) {
            Some(Value::String(text)) => {
                out.note("filter", text, Effect::Dropped, "is CQL2 text, which is not read here");
                out.advise("write the filter as CQL2 JSON");
            }
            Some(filter) => cql2::conjuncts(filter).iter().for_each(|c| receive_condition(&mut out, c)),
            None => {}
        }
        for key in &search.sortby {
            match cmr_sort_field(&key.field) {
                Some(cmr) => out.value.sort.push(SortKey { field: cmr.to_owned(), descending: key.descending }),
                None => out.note("sortby", &key.field, Effect::Dropped, "CMR does not sort by it"),
            }
        }
        if let Some(fields) = &search.fields {
            out.note("fields", &fields.0, Effect::Rewritten, "CMR gives whole records");
        }
        out
    }
}

impl GranuleQuery {
    /// The same query under one more condition, in CQL2 JSON. What cannot be said beside what is asked already is reported as dropped; it is never
    /// taken for an alternative to it.
    ///
    /// # Errors
    /// When both name collections and none is named by both in the same way: short names, versioned ids and concept ids cannot be compared here.
    pub fn and_filter(self, filter: &Value) -> Result<Converted<Self>, Invalid> {
        let mut out = Converted::new(self);
        for condition in cql2::conjuncts(filter) {
            let collections = collections_of(&condition).filter(|_| out.value.lists_collections());
            match collections {
                Some(wanted) => out.value.keep_collections(&wanted)?,
                None => receive_condition(&mut out, &condition),
            }
        }
        Ok(out)
    }

    fn lists_collections(&self) -> bool {
        let others = [&self.concept_id, &self.collection_concept_id, &self.short_name, &self.entry_title, &self.entry_id];
        !self.collections.is_empty() || others.iter().any(|list| !list.is_empty())
    }

    fn keep_collections(&mut self, wanted: &[CollectionId]) -> Result<(), Invalid> {
        let is_wanted = |name: &String| wanted.contains(&CollectionId::parse(name));
        let by_name = self.collections.iter().any(|c| wanted.contains(c)) || self.short_name.iter().any(is_wanted);
        let by_concept = self.collection_concept_id.iter().any(is_wanted);
        if !by_name && !by_concept {
            let named = wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = "is named in a filter, and other collections beside it: a granule would have to be in both";
            return Err(Invalid(vec![Problem::wrong("collection", named, message, "name collections in one place, each in one way")]));
        }
        if by_name {
            self.collections.retain(|c| wanted.contains(c));
            self.short_name.retain(is_wanted);
        }
        if by_concept {
            self.collection_concept_id.retain(is_wanted);
        }
        Ok(())
    }
}

/// The collections of a condition that asks for nothing but collections, exactly named.
fn collections_of(condition: &Value) -> Option<Vec<CollectionId>> {
    let mut alone = Converted::new(GranuleQuery::default());
    understood(&mut alone, condition)?;
    let GranuleQuery { collections, .. } = alone.value;
    (!collections.is_empty()).then_some(collections)
}

fn receive_comparison(out: &mut Converted<GranuleQuery>, property: &str, operator: &str, value: &Value) {
    let name = property.trim_start_matches("properties.");
    let shown = format!("{operator} {}", plain(value));
    let strict = matches!(operator, "lt" | "gt");
    let known = match (name, operator) {
        ("eo:cloud_cover", "lt" | "lte" | "gt" | "gte" | "eq") => value.as_f64().map(|n| {
            let range = out.value.cloud_cover.get_or_insert(Range { min: None, max: None });
            if operator != "gt" && operator != "gte" {
                range.max = Some(range.max.map_or(n, |m| m.min(n)));
            }
            if operator != "lt" && operator != "lte" {
                range.min = Some(range.min.map_or(n, |m| m.max(n)));
            }
            if strict {
                out.note(property, &shown, Effect::Widened, "CMR's ranges hold their ends");
            }
        }),
        ("updated" | "created", "lt" | "lte" | "gt" | "gte") => cql2::text(value).and_then(|t| TimeValue::read(&t.into()).ok()).and_then(|t| {
            let period = if operator.starts_with('g') {
                Period { start: Some(if strict { when::next_millisecond(t) } else { t }), end: None }
            } else {
                Period { start: None, end: Some(TimeValue(t.0 + i64::from(!strict))) }
            };
            let field = if name == "updated" { &mut out.value.revision_date } else { &mut out.value.created_at };
            // Both must hold, and of several periods CMR asks for any.
            let both: Vec<Period> = match field.as_slice() {
                [] => vec![period],
                before => before.iter().filter_map(|p| p.intersection(&period)).collect(),
            };
            (!both.is_empty()).then(|| *field = both)
        }),
        _ => None,
    };
    if known.is_none() {
        out.note(property, shown, Effect::Dropped, "CMR has no words for it");
    }
}

fn receive_condition(out: &mut Converted<GranuleQuery>, condition: &Value) {
    if let Some(()) = understood(out, condition) {
        return;
    }
    out.note("filter", condition, Effect::Dropped, "CMR has no words for it");
}

fn understood(out: &mut Converted<GranuleQuery>, condition: &Value) -> Option<()> {
    let alternatives =
        if condition.get("op").is_some_and(|o| o == "or") { condition.get("args")?.as_array()?.clone() } else { vec![condition.clone()] };
    let mut names = Vec::new();
    for a in &alternatives {
        let (operator, property, args) = cql2::parts(a)?;
        match (property.as_str(), operator.as_str()) {
            ("id" | "collection", "=" | "like" | "in") => names.push((property, operator, args.get(1)?.clone(), cql2::ignores_case(a))),
            _ if alternatives.len() == 1 => return single(out, &operator, &property, args),
            ("datetime", "t_intersects" | "anyinteracts") => return times(out, &alternatives),
            _ => return None,
        }
    }
    let property = names.first()?.0.clone();
    let ignore_case = names[0].3;
    if names.iter().any(|(p, _, _, i)| *p != property || *i != ignore_case) {
        return None;
    }
    let mut texts = Vec::new();
    for (_, operator, value, _) in &names {
        match (operator.as_str(), value) {
            ("in", Value::Array(list)) => texts.extend(list.iter().map(plain)),
            ("like", v) => texts.push(cql2::from_like(cql2::text(v)?)?),
            (_, v) => texts.push(cql2::text(v)?.to_owned()),
        }
    }
    let pattern_meant = names.iter().any(|(_, operator, ..)| operator == "like");
    if !pattern_meant && texts.iter().any(|t| is_pattern(t)) {
        return None;
    }
    let to = &mut out.value;
    if property == "collection" {
        if !to.collections.is_empty() || ignore_case {
            return None;
        }
        to.collections = texts.iter().map(|t| CollectionId::parse(t)).collect();
        return Some(());
    }
    if !to.granule_name.is_empty() {
        return None;
    }
    to.options.set("readable_granule_name", "ignore_case", ignore_case);
    to.granule_name = texts;
    Some(())
}

fn single(out: &mut Converted<GranuleQuery>, operator: &str, property: &str, args: &[Value]) -> Option<()> {
    let value = args.get(1)?;
    match (property, operator) {
        ("eo:cloud_cover" | "updated" | "created", _) => {
            let name = [("<", "lt"), ("<=", "lte"), (">", "gt"), (">=", "gte"), ("=", "eq")].iter().find(|(sign, _)| *sign == operator);
            if operator == "between" && property == "eo:cloud_cover" {
                receive_comparison(out, property, "gte", value);
                receive_comparison(out, property, "lte", args.get(2)?);
                return Some(());
            }
            receive_comparison(out, property, name?.1, value);
            Some(())
        }
        ("geometry", "s_intersects" | "intersects") => {
            // With several parts, here or before, this would become an alternative to what is asked for already.
            let kind = value.get("type")?.as_str()?;
            let several = kind.starts_with("Multi") || kind == "GeometryCollection";
            let before = ["polygon", "line", "point", "spatial"].iter().any(|p| out.value.options.get(p, "or") == Some(true));
            if out.value.has_shape() && (several || before) {
                return None;
            }
            out.value.read("intersects", value.clone());
            Some(())
        }
        ("datetime", "t_intersects" | "anyinteracts") => times(out, &[cql2::op(operator, args.to_vec())]),
        _ => None,
    }
}

/// Intervals of which any is enough.
fn times(out: &mut Converted<GranuleQuery>, alternatives: &[Value]) -> Option<()> {
    if !out.value.temporal.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for a in alternatives {
        let (operator, property, args) = cql2::parts(a)?;
        if property != "datetime" || !matches!(operator.as_str(), "t_intersects" | "anyinteracts") {
            return None;
        }
        let value = args.get(1)?;
        let text = match value.get("interval").and_then(Value::as_array) {
            Some(ends) => format!("{}/{}", cql2::text(ends.first()?)?, cql2::text(ends.get(1)?)?),
            None => cql2::text(value)?.to_owned(),
        };
        all.push(when::When::during(when::from_stac(&text.into()).ok()?));
    }
    out.value.temporal = all;
    Some(())
}
