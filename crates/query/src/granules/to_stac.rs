//! Queries for granules as STAC searches.

use cube_core::{Period, TimeValue};
use serde_json::{Map, Value, json};

use super::{GranuleQuery, rules::SORT_KEYS};
use crate::{
    cql2,
    field::{Item, Wire, json_number},
    ids::CollectionId,
    items::StacItemQuery,
    options::is_pattern,
    problem::{Converted, Effect, Invalid, ProblemKind, Service, plain},
    values::{Range, SortKey},
    when,
};

/// What CMR sorts granules by, and the same in STAC.
const SORT_FIELDS: [(&str, &str); 9] = [
    ("start_date", "properties.datetime"),
    ("end_date", "properties.end_datetime"),
    ("cloud_cover", "properties.eo:cloud_cover"),
    ("revision_date", "properties.updated"),
    ("platform", "properties.platform"),
    ("granule_ur", "id"),
    ("readable_granule_name", "id"),
    ("start_date", "properties.start_datetime"),
    ("short_name", "collection"),
];

/// CMR's name for what granules are sorted by, which may be given in STAC's words.
pub(super) fn cmr_sort_field(field: &str) -> Option<&'static str> {
    let bare = field.strip_prefix("properties.").unwrap_or(field);
    let in_stac = || SORT_FIELDS.iter().find(|(_, stac)| stac.strip_prefix("properties.").unwrap_or(stac) == bare).map(|(cmr, _)| *cmr);
    SORT_KEYS.into_iter().find(|key| *key == field).or_else(in_stac)
}

/// Fields that no STAC service has words for.
const ONLY_CMR: [&str; 22] = [
    "attribute",
    "browsable",
    "crid_id",
    "cycle",
    "day_night",
    "doi",
    "downloadable",
    "entry_title",
    "equator_crossing_date",
    "equator_crossing_longitude",
    "exclude_concept_id",
    "feature_id",
    "native_id",
    "online_only",
    "orbit_number",
    "passes",
    "producer_granule_id",
    "production_date",
    "project",
    "provider",
    "sensor",
    "two_d_coordinate_system",
];

impl GranuleQuery {
    /// The query as a STAC search with the `query` extension and CQL2 JSON, and what STAC cannot be told.
    ///
    /// # Errors
    /// Everything that [`GranuleQuery::validate`] finds wrong.
    pub fn to_stac(&self) -> Result<Converted<StacItemQuery>, Invalid> {
        self.to_stac_for(Service::Stac)
    }

    /// Conditions that items can be held against, and that no service is asked for: platforms and instruments are spelt in many ways, and CMR pays no
    /// heed to case. Each in CQL2 JSON, with the field that it comes from; `casei` of a list is meant of each member.
    pub fn conditions_on_items(&self) -> Vec<(&'static str, Value)> {
        let of = |parameter: &str, option: &str| self.options.get(parameter, option);
        let folded = |parameter: &str, v: Value| if of(parameter, "ignore_case") == Some(false) { v } else { cql2::op("casei", vec![v]) };
        let is_pattern = |parameter: &str, name: &String| of(parameter, "pattern") != Some(false) && is_pattern(name);
        let mut out = Vec::new();
        let names = self.platform.iter().map(|name| {
            if is_pattern("platform", name) {
                return cql2::like("platform", name, of("platform", "ignore_case") != Some(false));
            }
            cql2::op("=", vec![folded("platform", cql2::property("platform")), folded("platform", json!(name))])
        });
        let every = of("platform", "and") == Some(true);
        out.extend(if every { cql2::all(names.collect()) } else { cql2::any(names.collect()) }.map(|c| ("platform", c)));
        if !self.instrument.is_empty() && !self.instrument.iter().any(|name| is_pattern("instrument", name)) {
            let operator = if of("instrument", "and") == Some(true) { "a_contains" } else { "a_overlaps" };
            let sides = [cql2::property("instruments"), json!(self.instrument)].map(|side| folded("instrument", side));
            out.push(("instrument", cql2::op(operator, sides.to_vec())));
        }
        out
    }

    /// The same in the words of a certain kind of STAC service. [`Service::Cmr`] counts as [`Service::Stac`].
    ///
    /// # Errors
    /// Everything that [`GranuleQuery::validate`] finds wrong.
    pub fn to_stac_for(&self, service: Service) -> Result<Converted<StacItemQuery>, Invalid> {
        let service = if service == Service::Cmr { Service::Stac } else { service };
        let mut problems = self.validate();
        problems.retain(|p| p.kind == ProblemKind::Wrong);
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        let mut to = Writer { service, out: Converted::new(StacItemQuery::default()), filter: Vec::new(), query: Map::new() };
        to.collections(self);
        to.names(self);
        to.times(self);
        to.shapes(self);
        to.cloud_cover(self);
        to.sort(&self.sort);
        to.spelt_otherwise(self);
        to.only_cmr(self);
        Ok(to.finish(self))
    }
}

struct Writer {
    service: Service,
    out: Converted<StacItemQuery>,
    filter: Vec<Value>,
    query: Map<String, Value>,
}

impl Writer {
    fn collections(&mut self, q: &GranuleQuery) {
        // A name without version has those that are given beside it, as a short name has.
        let (named, mut ids): (Vec<CollectionId>, Vec<CollectionId>) =
            q.collections.iter().cloned().partition(|id| !q.version.is_empty() && matches!(id, CollectionId::Name(_)));
        ids.extend(q.collection_concept_id.iter().chain(&q.concept_id).map(|id| CollectionId::parse(id)));
        let short_names: Vec<String> = named.iter().map(ToString::to_string).chain(q.short_name.iter().cloned()).collect();
        for short_name in &short_names {
            if q.version.is_empty() {
                ids.push(CollectionId::Name(short_name.clone()));
            }
            for version in &q.version {
                ids.push(CollectionId::Versioned { short_name: short_name.clone(), version: version.clone() });
            }
        }
        ids.extend(q.entry_id.iter().map(|id| CollectionId::Name(id.clone())));
        if short_names.is_empty() && !q.version.is_empty() {
            self.drop("version", q.version.join(", "), "a version alone names no collection of a STAC service");
        }
        let patterns: Vec<Value> =
            ids.iter().map(CollectionId::to_string).filter(|id| is_pattern(id)).map(|id| cql2::like("collection", &id, false)).collect();
        if patterns.is_empty() {
            for id in &ids {
                self.collection(id);
            }
        } else {
            let exact = ids.iter().map(CollectionId::to_string).filter(|id| !is_pattern(id)).map(|id| cql2::like("collection", &id, false));
            let value = ids.iter().map(CollectionId::to_string).collect::<Vec<_>>().join(", ");
            self.filter("collections", &value, patterns.iter().cloned().chain(exact).collect());
        }
    }

    fn collection(&mut self, id: &CollectionId) {
        let text = id.to_string();
        match id {
            CollectionId::Granule(_) => {
                self.drop("concept_id", &text, "STAC services do not know the concept ids of granules");
                self.out.advise("name the granule by `granule_ur`, which is the id of the item");
                return;
            }
            CollectionId::Concept(_) => {
                let reason = "a STAC service may name its collections otherwise, and CMR-STAC does: by short name and version";
                self.out.note("collections", &text, Effect::Narrowed, reason);
                self.out.advise("name the collection by short name and version, such as `HLSL30.v2.0`");
            }
            CollectionId::Name(_) if self.service == Service::CmrStac => {
                self.out.note("collections", &text, Effect::Narrowed, "CMR-STAC finds collections by short name with version alone");
                self.out.advise(format!("add the version: `{text}.v…`"));
            }
            _ => {}
        }
        self.out.value.collections.push(text);
    }

    fn names(&mut self, q: &GranuleQuery) {
        for (field, parameter, names) in [("granule_name", "readable_granule_name", &q.granule_name), ("granule_ur", "granule_ur", &q.granule_ur)] {
            if names.is_empty() {
                continue;
            }
            let literal = q.options.get(parameter, "pattern") == Some(false);
            let exact = literal || !names.iter().any(|n| is_pattern(n));
            let case = q.options.get(parameter, "ignore_case");
            let ignore_case = case == Some(true);
            let every = q.options.get(parameter, "and") == Some(true);
            let value = names.join(", ");
            if exact && !ignore_case && !every && self.out.value.ids.is_empty() {
                self.out.value.ids.clone_from(names);
                continue;
            }
            let conditions: Vec<Value> = names
                .iter()
                .map(|n| if literal { cql2::op("=", vec![cql2::property("id"), json!(n)]) } else { cql2::like("id", n, ignore_case) })
                .collect();
            if every {
                conditions.into_iter().for_each(|c| self.filter(field, &value, vec![c]));
            } else {
                self.filter(field, &value, conditions);
            }
            if self.service.has_filter() && case.is_none() {
                self.out.note(field, &value, Effect::Narrowed, "CMR pays no heed to case here, CQL2 does");
                self.out.advise(format!("ask for `ignore_case` with option(\"{parameter}\", \"ignore_case\", true) where the service knows CASEI"));
            }
        }
    }

    fn times(&mut self, q: &GranuleQuery) {
        for when in q.temporal.iter().filter(|w| w.season.is_some()) {
            self.out.note("temporal", plain(&when.write()), Effect::Widened, "STAC knows no seasons");
            self.out.advise("filter what is found by day of the year");
        }
        if let Some(period) = q.single_period() {
            self.out.value.datetime = Some(period);
        } else if q.temporal.len() > 1 {
            if self.service.has_filter() {
                let interval = |p: &Period| {
                    let text = when::to_stac(p).unwrap_or_else(|| "../..".into());
                    let (a, b) = text.split_once('/').map_or((text.as_str(), text.as_str()), |ends| ends);
                    cql2::op("t_intersects", vec![cql2::property("datetime"), json!({"interval": [a, b]})])
                };
                let every = q.options.get("temporal", "and") == Some(true);
                let conditions: Vec<Value> = q.temporal.iter().map(|w| interval(&w.period)).collect();
                self.filter.extend(if every { cql2::all(conditions) } else { cql2::any(conditions) });
            } else {
                let periods: Vec<Period> = q.temporal.iter().map(|w| w.period).collect();
                self.out.note(
                    "temporal",
                    periods.iter().map(|p| plain(&p.write())).collect::<Vec<_>>().join(", "),
                    Effect::Widened,
                    "one interval is all that can be said, so it goes from the first to the last",
                );
                let start = periods.iter().map(|p| p.start).min().flatten();
                let end = periods.iter().map(|p| p.end).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
                self.out.value.datetime = Some(Period { start, end });
            }
        }
        if q.options.get("temporal", "exclude_boundary") == Some(true) {
            self.out.note("options[temporal]", "exclude_boundary", Effect::Widened, "STAC's intervals hold their ends");
        }
        if let Some(since) = q.updated_since {
            self.instants("updated_since", "updated", &[Period { start: Some(since), end: None }], false);
        }
        self.instants("revision_date", "updated", &q.revision_date, q.options.get("revision_date", "and") == Some(true));
        self.instants("created_at", "created", &q.created_at, q.options.get("created_at", "and") == Some(true));
    }

    /// That an instant lies in one of some periods, or in every one.
    fn instants(&mut self, field: &str, property: &str, periods: &[Period], every: bool) {
        if periods.is_empty() {
            return;
        }
        let bound = |name: &str, t: TimeValue| cql2::op(name, vec![cql2::property(property), json!({"timestamp": when::instant(t)})]);
        let conditions =
            periods.iter().filter_map(|p| cql2::all(p.start.map(|t| bound(">=", t)).into_iter().chain(p.end.map(|t| bound("<", t))).collect()));
        let value = periods.iter().map(|p| plain(&p.write())).collect::<Vec<_>>().join(", ");
        if every {
            return conditions.collect::<Vec<_>>().into_iter().for_each(|c| self.filter(field, &value, vec![c]));
        }
        self.filter(field, &value, conditions.collect());
    }

    fn shapes(&mut self, q: &GranuleQuery) {
        for circle in &q.circle {
            self.out.note("circle", circle.send().unwrap_or_default(), Effect::Widened, "STAC knows no circles, so the box around it is asked for");
            self.out.advise("filter what is found by distance");
        }
        let holes: usize = q.polygon.iter().map(|p| p.holes.len()).sum();
        if self.service == Service::CmrStac && holes > 0 {
            self.out.note("polygon", format!("{holes} holes"), Effect::Widened, "CMR-STAC leaves out holes");
        }
        let other = !(q.polygon.is_empty() && q.line.is_empty() && q.point.is_empty());
        match (&q.bounding_box[..], &q.circle[..]) {
            ([one], []) if !other => return self.out.value.bbox = Some((*one).into()),
            ([], [one]) if !other => return self.out.value.bbox = Some(one.bounds().into()),
            _ => {}
        }
        let mut needed = q.places().into_iter();
        if let Some(first) = needed.next() {
            self.out.value.intersects = Some(first.into());
        }
        for shape in needed {
            let value = shape.to_string();
            self.filter("intersects", &value, vec![cql2::op("s_intersects", vec![cql2::property("geometry"), shape])]);
        }
    }

    fn cloud_cover(&mut self, q: &GranuleQuery) {
        let Some(Range { min, max }) = q.cloud_cover else { return };
        if self.service == Service::StacFilter {
            let bound = |name: &str, n: f64| cql2::op(name, vec![cql2::property("eo:cloud_cover"), json_number(n)]);
            self.filter.extend(min.map(|n| bound(">=", n)).into_iter().chain(max.map(|n| bound("<=", n))));
            return;
        }
        let ends = [("gte", min), ("lte", max)].into_iter().filter_map(|(name, end)| end.map(|n| (name.to_owned(), json_number(n))));
        self.query.insert("eo:cloud_cover".into(), Value::Object(ends.collect()));
        if self.service == Service::CmrStac && max == Some(0.0) {
            self.out.note("cloud_cover", "0", Effect::Widened, "CMR-STAC takes 0 for no bound at all");
        }
    }

    fn sort(&mut self, keys: &[SortKey]) {
        for key in keys {
            match SORT_FIELDS.iter().find(|(cmr, _)| *cmr == key.field) {
                Some((_, stac)) => self.out.value.sortby.push(SortKey { field: (*stac).to_owned(), descending: key.descending }),
                None if SORT_KEYS.contains(&key.field.as_str()) => self.drop("sort", &key.field, "STAC has no such property in common"),
                // What is no name of CMR's is one of the service's.
                None => self.out.value.sortby.push(key.clone()),
            }
        }
    }

    fn only_cmr(&mut self, q: &GranuleQuery) {
        let written = q.written();
        for field in ONLY_CMR {
            if let Some(value) = written.get(field) {
                self.drop(field, plain(value), "only CMR knows it");
            }
        }
        if let Some(hosted) = q.cloud_hosted {
            self.drop("cloud_hosted", hosted, "only CMR knows it");
            self.out.advise("for collections in the cloud use CMR-STAC's `cloudstac` root");
        }
    }

    fn spelt_otherwise(&mut self, q: &GranuleQuery) {
        for (field, names, before, after) in
            [("platform", &q.platform, "platform IN (", ")"), ("instrument", &q.instrument, "A_OVERLAPS(instruments, (", "))")]
        {
            if !names.is_empty() {
                let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
                self.drop(field, names.join(", "), "each service spells it in its own way");
                self.out.advise(format!("for a service to filter, write a filter as its collection spells it: {before}{}{after}", quoted.join(", ")));
            }
        }
    }

    fn drop(&mut self, field: &str, value: impl ToString, reason: &str) {
        self.out.note(field, value, Effect::Dropped, reason);
    }

    /// Any of the conditions, if the service has a filter.
    fn filter(&mut self, field: &str, value: &str, conditions: Vec<Value>) {
        if self.service.has_filter() {
            self.filter.extend(cql2::any(conditions));
        } else {
            let name = self.service.name();
            self.drop(field, value, &format!("{name} has no words for it"));
        }
    }

    fn finish(mut self, q: &GranuleQuery) -> Converted<StacItemQuery> {
        let to = &mut self.out.value;
        to.query = (!self.query.is_empty()).then(|| Value::Object(self.query).into());
        to.filter = cql2::all(self.filter).map(Into::into);
        to.limit = q.page_size.filter(|n| *n > 0);
        to.max_items = q.limit;
        if q.page_size == Some(0) {
            self.out.note("page_size", 0, Effect::Rewritten, "STAC gives the number of matches with any page");
        }
        self.out
    }
}
