//! What collections to look for.

use cube_core::{Period, TimeValue};
use serde_json::{Value, json};

use crate::{
    CMR_PAGE_SIZE,
    field::{Field, Item, Misread, query},
    ids::{CollectionId, bare_dois, check_concept_ids, check_dois},
    names, options,
    problem::{Converted, Effect, Invalid, Problem, ProblemKind, Service, plain},
    shape::{BoundingBox, Circle, Line, Point, Polygon},
    shape_rules,
    values::{Attribute, Options, ScienceKeywords, SortKey},
    when::{self, When},
    wire::{CmrParameters, path},
};

query! {
    /// What collections to look for. All fields must be fulfilled; of the values of one field any, unless `options` say otherwise (shapes and
    /// attributes: all of them, unless `options` say `or`).
    pub struct CollectionQuery {
        /// Words to be found anywhere in the record; `*` and `?` are wildcards, and `"…"` is a phrase.
        keyword: Option<String> => "keyword",
        /// Concept ids (`C…`).
        concept_id: Vec<String> => "concept_id",
        /// Short names. With a version after `.v`, as in `HLSL30.v2.0`, the setter makes it an `entry_id`.
        short_name: Vec<String> => "short_name",
        /// Versions.
        version: Vec<String> => "version",
        /// Titles.
        entry_title: Vec<String> => "entry_title",
        /// Short names with `_` and version.
        entry_id: Vec<String> => "entry_id",
        /// DOIs.
        doi: Vec<String> => "doi",
        /// Ids that the providers gave.
        native_id: Vec<String> => "native_id",
        /// Providers, such as `LPCLOUD`.
        provider: Vec<String> => "provider",
        /// Short names of providers.
        provider_short_name: Vec<String> => "provider_short_name",
        /// Archive centres.
        archive_center: Vec<String> => "archive_center",
        /// Data centres.
        data_center: Vec<String> => "data_center",
        /// Authors.
        author: Vec<String> => "author",
        /// Kinds of data, such as `NEAR_REAL_TIME`.
        collection_data_type: Vec<String> => "collection_data_type",
        /// `ACTIVE`, `COMPLETE`, …
        collection_progress: Vec<String> => "collection_progress",
        /// Consortia.
        consortium: Vec<String> => "consortium",
        /// Formats of the granules.
        granule_data_format: Vec<String> => "granule_data_format",
        /// Platforms.
        platform: Vec<String> => "platform",
        /// Instruments.
        instrument: Vec<String> => "instrument",
        /// Sensors.
        sensor: Vec<String> => "sensor",
        /// Projects or campaigns.
        project: Vec<String> => "project",
        /// Latencies.
        latency: Vec<String> => "latency",
        /// Processing levels.
        processing_level_id: Vec<String> => "processing_level_id",
        /// Names of places.
        spatial_keyword: Vec<String> => "spatial_keyword",
        /// Science keywords; those of one object belong together.
        science_keywords: Vec<ScienceKeywords>,
        /// Names of tilings.
        two_d_coordinate_system_name: Vec<String> => "two_d_coordinate_system_name",
        /// Keys of tags; wildcards are allowed.
        tag_key: Vec<String> => "tag_key",
        /// Who made tags.
        tag_originator_id: Vec<String> => "tag_originator_id",
        /// Keys of tags that it may not have.
        exclude_tag_key: Vec<String> => "exclude[tag_key]",
        /// Measurements.
        measurement: Vec<String> => "measurement",
        /// Names of variables.
        variable_name: Vec<String> => "variable_name",
        /// Concept ids of variables.
        variable_concept_id: Vec<String> => "variable_concept_id",
        /// Ids that providers gave to variables.
        variable_native_id: Vec<String> => "variable_native_id",
        /// Names of services.
        service_name: Vec<String> => "service_name",
        /// Types of services.
        service_type: Vec<String> => "service_type",
        /// Concept ids of services.
        service_concept_id: Vec<String> => "service_concept_id",
        /// Names of tools.
        tool_name: Vec<String> => "tool_name",
        /// Types of tools.
        tool_type: Vec<String> => "tool_type",
        /// Concept ids of tools.
        tool_concept_id: Vec<String> => "tool_concept_id",
        /// When: any of these times. A date alone is the whole day.
        temporal: Vec<When> => "temporal",
        /// Boxes: west, south, east, north.
        bounding_box: Vec<BoundingBox> => "bounding_box",
        /// Polygons: closed rings, counter-clockwise.
        polygon: Vec<Polygon> => "polygon",
        /// Points: longitude, latitude.
        point: Vec<Point> => "point",
        /// Lines.
        line: Vec<Line> => "line",
        /// Circles: longitude, latitude, radius in metres.
        circle: Vec<Circle> => "circle",
        /// Additional attributes: all of these.
        attribute: Vec<Attribute> => "attribute",
        /// Whether it is hosted in the cloud.
        cloud_hosted: Option<bool> => "cloud_hosted",
        /// Whether it has granules.
        has_granules: Option<bool> => "has_granules",
        /// Whether it has granules, or is one of CWIC.
        has_granules_or_cwic: Option<bool> => "has_granules_or_cwic",
        /// Whether it has granules, or is searched through OpenSearch.
        has_granules_or_opensearch: Option<bool> => "has_granules_or_opensearch",
        /// Whether it has an address of OPeNDAP.
        has_opendap_url: Option<bool> => "has_opendap_url",
        /// Whether there is a preview.
        browsable: Option<bool> => "browsable",
        /// Whether there is something to download.
        downloadable: Option<bool> => "downloadable",
        /// The former name of `downloadable`.
        online_only: Option<bool> => "online_only",
        /// Whether it is a standard product.
        standard_product: Option<bool> => "standard_product",
        /// Whether planned, deprecated and unreviewed collections are found too.
        include_non_operational: Option<bool> => "include_non_operational",
        /// Changed at or after this time.
        updated_since: Option<TimeValue> => "updated_since",
        /// When the record was changed last.
        revision_date: Vec<Period> => "revision_date",
        /// When the record was made.
        created_at: Vec<Period> => "created_at",
        /// When granules were added.
        has_granules_created_at: Vec<Period> => "has_granules_created_at",
        /// When granules were added or changed.
        has_granules_revised_at: Vec<Period> => "has_granules_revised_at",
        /// What to sort by, with `-` for the highest first.
        sort: Vec<SortKey> => "sort_key",
        /// How CMR is to treat parameters.
        options: Options,
        /// How many to ask for in one request.
        page_size: Option<u64> => "page_size",
        /// How many to find at most.
        limit: Option<u64>,
    }
}

/// Other names under which fields are known.
const ALIASES: [(&str, &str); 10] = [
    ("bbox", "bounding_box"),
    ("collections", "short_name"),
    ("count", "limit"),
    ("datetime", "temporal"),
    ("keywords", "keyword"),
    ("max_items", "limit"),
    ("processing_level", "processing_level_id"),
    ("q", "keyword"),
    ("sort_key", "sort"),
    ("sortby", "sort"),
];

/// By what CMR sorts collections.
const SORT_KEYS: [&str; 21] = [
    "create_data_date",
    "create-data-date",
    "dataset_id",
    "end_date",
    "entry_id",
    "entry_title",
    "has_granules",
    "has_granules_or_cwic",
    "has_granules_or_opensearch",
    "instrument",
    "ongoing",
    "platform",
    "provider",
    "provider_id",
    "revision_date",
    "score",
    "sensor",
    "short_name",
    "start_date",
    "usage_relevancy_score",
    "usage_score",
];

const SORT_FIELDS: [(&str, &str); 4] = [("entry_title", "title"), ("entry_id", "id"), ("start_date", "start_datetime"), ("end_date", "end_datetime")];

/// A search for collections of a STAC API.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StacCollectionSearch(pub serde_json::Map<String, Value>);

impl StacCollectionSearch {
    /// The named arguments of pystac-client's `Client.collection_search`; the same names are the parameters of `GET /collections`.
    pub fn keywords(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

impl CollectionQuery {
    /// Gives an option of CMR: `option("short_name", "ignore_case", false)`.
    #[must_use]
    pub fn option(mut self, parameter: &str, key: &str, value: bool) -> Self {
        self.options.set(parameter, key, value);
        self
    }

    fn prepare(&mut self, field: &str, given: Value) -> Result<Option<(String, Value)>, Misread> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == field).map_or(field, |(_, name)| name);
        if name == "doi" {
            return Ok(Some((name.to_owned(), bare_dois(given))));
        }
        if name != "short_name" || given.is_null() {
            return Ok(Some((name.to_owned(), given)));
        }
        for one in <String as Item>::split(given) {
            let (field, value) = match one.as_str().map(CollectionId::parse) {
                Some(CollectionId::Versioned { short_name, version }) => (&mut self.entry_id, json!(format!("{short_name}_{version}"))),
                Some(CollectionId::Concept(id)) if field == "collections" => (&mut self.concept_id, json!(id)),
                _ => (&mut self.short_name, one),
            };
            let misread = Field::read(field, json!([value]));
            self.unread.extend(misread.into_iter().map(|e| e.of(name)));
        }
        Ok(None)
    }

    /// Everything that is wrong with the query, wherever it is sent.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = self.check_fields();
        check_concept_ids("concept_id", &self.concept_id, &['C'], &mut problems);
        check_concept_ids("variable_concept_id", &self.variable_concept_id, &['V'], &mut problems);
        check_concept_ids("service_concept_id", &self.service_concept_id, &['S'], &mut problems);
        for id in self.tool_concept_id.iter().filter(|id| !id.strip_prefix('T').is_some_and(|t| crate::ids::is_concept_id(t, 'L'))) {
            problems.push(Problem::wrong("tool_concept_id", id, "is not a concept id of a tool", "write TL, digits, `-` and a provider"));
        }
        check_dois("doi", &self.doi, &mut problems);
        if let Some(keyword) = &self.keyword {
            check_keyword(keyword, &mut problems);
        }
        if self.online_only.is_some() && self.downloadable.is_some() {
            problems.push(Problem::wrong(
                "online_only",
                self.online_only.is_some_and(|o| o),
                "is another name of `downloadable`, which is given too",
                "give `downloadable` alone",
            ));
        }
        if self.limit == Some(0) {
            problems.push(Problem::wrong("limit", 0, "asks for nothing", "give 1 or more; `cube search --count` counts alone"));
        }
        problems
    }

    /// Everything that is wrong with the query when it is sent to a service, and everything for which the service has no words.
    pub fn validate_for(&self, service: Service) -> Vec<Problem> {
        let mut problems = self.validate();
        if service == Service::Cmr {
            self.check_for_cmr(&mut problems);
        }
        if problems.iter().all(|p| p.kind != ProblemKind::Wrong) {
            let changes = if service == Service::Cmr { self.to_cmr().map(|c| c.changes) } else { self.to_stac().map(|c| c.changes) };
            problems.extend(options::inexpressible(changes.unwrap_or_default()));
        }
        problems
    }

    fn check_for_cmr(&self, problems: &mut Vec<Problem>) {
        self.polygon.iter().for_each(|p| problems.extend(shape_rules::check_polygon_for_cmr("polygon", p)));
        self.line.iter().for_each(|l| problems.extend(shape_rules::check_line_for_cmr("line", l)));
        self.circle.iter().for_each(|c| problems.extend(shape_rules::check_circle_for_cmr("circle", c)));
        if let Some(n) = self.page_size.filter(|n| *n > CMR_PAGE_SIZE) {
            problems.push(Problem::wrong("page_size", n, "is more than CMR gives in a page", "give 2000 at most"));
        }
        for key in self.sort.iter().filter(|k| !SORT_KEYS.contains(&k.field.as_str())) {
            problems.push(Problem::wrong("sort", &key.field, "is not what CMR sorts collections by", names::advice(&key.field, &SORT_KEYS)));
        }
        options::check(&self.options, options::COLLECTIONS, Self::WIRE, problems);
        options::check_leading_wildcards(&self.names_in_cmr(), problems);
    }

    /// The fields that may hold patterns, by their names in CMR. (Of `tag_key` CMR takes wildcards anyway.)
    fn names_in_cmr(&self) -> [(&'static str, &[String]); 9] {
        [
            ("short_name", &self.short_name),
            ("version", &self.version),
            ("entry_id", &self.entry_id),
            ("native_id", &self.native_id),
            ("platform", &self.platform),
            ("instrument", &self.instrument),
            ("sensor", &self.sensor),
            ("project", &self.project),
            ("author", &self.author),
        ]
    }

    /// The query as parameters of CMR's collection search, and what CMR cannot be told.
    ///
    /// # Errors
    /// Everything that [`CollectionQuery::validate_for`] finds wrong.
    pub fn to_cmr(&self) -> Result<Converted<CmrParameters>, Invalid> {
        let mut problems = self.validate();
        self.check_for_cmr(&mut problems);
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        let mut out = Converted::new(CmrParameters::default());
        self.send_fields(&mut out.value);
        options::send_page_size(self.page_size, self.limit, &mut out.value);
        for (i, keywords) in self.science_keywords.iter().enumerate() {
            for (level, word) in &keywords.0 {
                out.value.push(format!("science_keywords[{i}][{}]", level.replace('_', "-")), word.as_str());
            }
        }
        options::with_patterns(&self.options, &options::wildcards(self.names_in_cmr())).send(&mut out.value);
        let holes: usize = self.polygon.iter().map(|p| p.holes.len()).sum();
        if holes > 0 {
            out.note("polygon", format!("{holes} holes"), Effect::Widened, "polygons in a search of CMR have no holes");
        }
        if let Some(limit) = self.limit {
            out.note("limit", limit, Effect::Local, "CMR is told the size of a page, not how many records are wanted in all");
        }
        Ok(out)
    }

    /// Reads parameters of CMR's collection search, with the meaning that they have there, and reports what has no field.
    pub fn from_cmr(parameters: &CmrParameters) -> Converted<Self> {
        let mut out = Converted::new(Self::default());
        let mut keywords: std::collections::BTreeMap<String, ScienceKeywords> = std::collections::BTreeMap::new();
        for (name, value) in &parameters.0 {
            let parts = path(name);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            if value.trim().is_empty() {
                out.note(name, value, Effect::Rewritten, "is empty, and CMR pays no heed to it");
                continue;
            }
            let field = match parts[..] {
                ["options", parameter, key] => {
                    if let Err(reason) = options::receive(&mut out.value.options, parameter, key, value) {
                        out.note(name, value, Effect::Dropped, reason);
                    }
                    continue;
                }
                ["science_keywords", index, level] => {
                    keywords.entry(index.to_owned()).or_default().0.insert(level.replace('-', "_"), value.clone());
                    continue;
                }
                ["exclude", what] => format!("exclude[{what}]"),
                ["two_d_coordinate_system", "name"] => "two_d_coordinate_system_name".to_owned(),
                [field] => options::current_name(field).to_owned(),
                _ => name.clone(),
            };
            match out.value.receive_field(&field, value) {
                Some(Ok(())) => {}
                Some(Err(e)) => {
                    out.note(name, value, Effect::Dropped, "cannot be read");
                    let known = Self::WIRE.iter().find(|(_, wire)| *wire == field).map_or(field.as_str(), |(f, _)| f);
                    out.value.unread.push(e.of(known));
                }
                None => out.note(name, options::shown(&field, value), Effect::Dropped, options::reason_without_field(&field)),
            }
        }
        out.value.science_keywords = keywords.into_values().collect();
        let wildcards = options::wildcards(out.value.names_in_cmr());
        options::settle_patterns(&mut out.value.options, &wildcards);
        out
    }

    /// The query as a search for collections of a STAC API: words, a box, a time. Everything else only CMR knows, and is reported.
    ///
    /// # Errors
    /// Everything that [`CollectionQuery::validate`] finds wrong.
    pub fn to_stac(&self) -> Result<Converted<StacCollectionSearch>, Invalid> {
        let problems = self.validate();
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        let mut out = Converted::new(StacCollectionSearch::default());
        let mut written = self.written();
        for said in ["keyword", "options", "limit", "page_size", "sort"] {
            written.remove(said);
        }
        if let Some(keyword) = &self.keyword {
            out.value.0.insert("q".into(), keyword.as_str().into());
            if keyword.contains(['*', '?']) {
                out.note("keyword", keyword, Effect::Narrowed, "free text in STAC knows no wildcards, other than in CMR-STAC");
            } else if keyword.contains(' ') && !keyword.starts_with('"') {
                out.note("keyword", keyword, Effect::Narrowed, "several words are one phrase to some STAC services; to CMR each is one for itself");
            }
        }
        if let ([one], true) = (&self.bounding_box[..], self.polygon.is_empty()) {
            written.remove("bounding_box");
            out.value.0.insert("bbox".into(), one.write());
        }
        if let [one] = &self.temporal[..] {
            written.remove("temporal");
            if let Some(text) = when::to_stac(&one.period) {
                out.value.0.insert("datetime".into(), text.into());
            }
            if one.season.is_some() {
                out.note("temporal", plain(&one.write()), Effect::Widened, "STAC knows no seasons");
            }
        }
        let sortby: Vec<Value> = self
            .sort
            .iter()
            .filter_map(|key| {
                let stac = SORT_FIELDS.iter().find(|(cmr, _)| *cmr == key.field);
                if stac.is_none() {
                    out.note("sort", &key.field, Effect::Dropped, "STAC has no such property in common");
                }
                stac.map(|(_, field)| json!({"field": field, "direction": if key.descending { "desc" } else { "asc" }}))
            })
            .collect();
        if !sortby.is_empty() {
            out.value.0.insert("sortby".into(), sortby.into());
        }
        for (name, number) in [("limit", self.page_size.filter(|n| *n > 0)), ("max_collections", self.limit)] {
            if let Some(n) = number {
                out.value.0.insert(name.into(), n.into());
            }
        }
        for (field, value) in written {
            out.note(field, plain(&value), Effect::Dropped, "only CMR knows it");
        }
        Ok(out)
    }

    /// Reads a search for collections of a STAC API (parameters, or the named arguments of pystac-client), and reports what has no field.
    pub fn from_stac(search: &Value) -> Converted<Self> {
        let mut out = Converted::new(Self::default());
        for (name, value) in search.as_object().into_iter().flatten() {
            match name.as_str() {
                "q" => {
                    let words = value.as_array().map_or_else(|| plain(value), |all| all.iter().map(plain).collect::<Vec<_>>().join(" "));
                    if value.as_array().is_some_and(|all| all.len() > 1) {
                        out.note("q", &words, Effect::Narrowed, "STAC finds any of the words, CMR all of them");
                    }
                    out.value.keyword = Some(words);
                }
                "bbox" => out.value.read("bounding_box", value.clone()),
                "datetime" => match when::from_stac(value) {
                    Ok(period) => out.value.temporal.push(When::during(period)),
                    Err(e) => out.value.unread.push(e.of("temporal")),
                },
                "limit" => out.value.read("page_size", value.clone()),
                "max_collections" => out.value.read("limit", value.clone()),
                "sortby" => {
                    let keys: Vec<SortKey> = <SortKey as Item>::split(value.clone()).iter().filter_map(|v| SortKey::read(v).ok()).collect();
                    for key in keys {
                        match SORT_FIELDS.iter().find(|(_, stac)| *stac == key.field.trim_start_matches("properties.")) {
                            Some((cmr, _)) => out.value.sort.push(SortKey { field: (*cmr).to_owned(), descending: key.descending }),
                            None => out.note("sortby", &key.field, Effect::Dropped, "CMR does not sort by it"),
                        }
                    }
                }
                _ => out.note(name, plain(value), Effect::Dropped, "CMR has no words for it"),
            }
        }
        out
    }
}

/// CMR takes words, or one phrase in double quotes, and thirty wildcards.
fn check_keyword(keyword: &str, problems: &mut Vec<Problem>) {
    let literal = keyword.replace("\\\"", "");
    let quotes = literal.matches('"').count();
    let one_phrase = quotes == 2 && literal.trim().starts_with('"') && literal.trim().ends_with('"');
    if quotes > 0 && !one_phrase {
        let hint = "write words alone, or one phrase alone in double quotes; a double quote itself is \\\"";
        problems.push(Problem::wrong("keyword", keyword, "mixes a phrase with something else", hint));
    }
    let wildcards = literal.matches(['*', '?']).count();
    if wildcards > 30 {
        problems.push(Problem::wrong("keyword", keyword, format!("has {wildcards} wildcards"), "CMR takes 30 at most"));
    }
}
