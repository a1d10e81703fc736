//! What is wrong with a query for granules.

use cube_core::Period;

use super::{GranuleQuery, to_stac::cmr_sort_field};
use crate::{
    field::Wire,
    ids::{CollectionId, check_concept_ids, check_dois},
    options,
    problem::{Problem, ProblemKind, Service},
    shape_rules,
    values::check_positive,
};

/// By what CMR sorts granules.
pub(super) const SORT_KEYS: [&str; 25] = [
    "browsable",
    "browse_only",
    "campaign",
    "cloud_cover",
    "data_size",
    "dataset_id",
    "day_night",
    "day_night_flag",
    "downloadable",
    "end_date",
    "entry_title",
    "granule_ur",
    "instrument",
    "online_only",
    "platform",
    "producer_granule_id",
    "project",
    "provider",
    "provider_id",
    "readable_granule_name",
    "revision_date",
    "sensor",
    "short_name",
    "start_date",
    "version",
];

impl GranuleQuery {
    /// Everything that is wrong with the query, wherever it is sent.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = self.check_fields();
        check_concept_ids("concept_id", &self.concept_id, &['G', 'C'], &mut problems);
        check_concept_ids("collection_concept_id", &self.collection_concept_id, &['C'], &mut problems);
        check_concept_ids("exclude_concept_id", &self.exclude_concept_id, &['G'], &mut problems);
        check_dois("doi", &self.doi, &mut problems);
        let are_names = self.collections.iter().all(|c| matches!(c, CollectionId::Name(_)));
        let twice = [
            ("collection_concept_id", &self.collection_concept_id),
            ("short_name", &self.short_name),
            ("entry_id", &self.entry_id),
            ("version", &self.version),
        ];
        // Names without version are looked for in the versions given, as short names are.
        let twice = &twice[..if are_names { 3 } else { 4 }];
        for (field, values) in twice.iter().filter(|(_, values)| !values.is_empty() && !self.collections.is_empty()) {
            problems.push(Problem::wrong(
                *field,
                values.join(", "),
                "names collections, and so does `collections`",
                "put all of them into `collections`",
            ));
        }
        if !self.concept_id.is_empty() && self.collections.iter().any(|c| matches!(c, CollectionId::Granule(_))) {
            let value = self.concept_id.join(", ");
            problems.push(Problem::wrong("concept_id", value, "names granules, and so does `collections`", "put all granules into `concept_id`"));
        }
        if self.online_only.is_some() && self.downloadable.is_some() {
            problems.push(Problem::wrong(
                "online_only",
                self.online_only.is_some_and(|o| o),
                "is another name of `downloadable`, which is given too",
                "give `downloadable` alone",
            ));
        }
        if let Some(r) = self.cloud_cover {
            let before = problems.len();
            for end in [r.min, r.max].into_iter().flatten().filter(|e| !(0.0..=100.0).contains(e)) {
                problems.push(Problem::wrong("cloud_cover", end, "is not a percentage", "cloud cover lies between 0 and 100"));
            }
            // In which order they stand matters when they are percentages.
            if problems.len() == before {
                problems.extend(check_order("cloud_cover", &r));
            }
        }
        if let Some(r) = self.orbit_number {
            problems.extend(check_order("orbit_number", &r));
        }
        if let Some(r) = self.equator_crossing_longitude {
            for end in [r.min, r.max].into_iter().flatten().filter(|e| !(-180.0..=180.0).contains(e)) {
                problems.push(Problem::wrong("equator_crossing_longitude", end, "is not a longitude", "longitudes lie within ±180"));
            }
        }
        problems.extend(self.cycle.iter().flat_map(|c| check_positive("cycle", *c)));
        if !self.passes.is_empty() && self.cycle.len() != 1 {
            let cycles = self.cycle.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            problems.push(Problem::wrong("cycle", cycles, "is not one cycle, which passes are counted in", "give exactly one `cycle` with `passes`"));
        }
        for tiling in &self.two_d_coordinate_system {
            check_tiling(tiling, &mut problems);
        }
        if self.limit == Some(0) {
            problems.push(Problem::wrong("limit", 0, "asks for nothing", "give 1 or more; `cube search --count` counts alone"));
        }
        problems
    }

    /// Everything that is wrong with the query when it is sent to a service, and everything for which the service has no words. Collections may be
    /// named in several ways, of which CMR takes one at a time: it is then asked as often ([`GranuleQuery::split_for_cmr`]).
    pub fn validate_for(&self, service: Service) -> Vec<Problem> {
        let mut problems = self.validate();
        if service == Service::Cmr {
            self.check_for_cmr(&mut problems);
        }
        // What a conversion would report is what the service cannot express. It is the same for all parts.
        if problems.iter().all(|p| p.kind != ProblemKind::Wrong) {
            let changes = match service {
                Service::Cmr => self.split_for_cmr().first().unwrap_or(self).to_cmr().map(|c| c.changes),
                _ => self.to_stac_for(service).map(|c| c.changes),
            };
            problems.extend(options::inexpressible(changes.unwrap_or_default()));
        }
        problems
    }

    /// That collections are named in one way, as one search of CMR has to.
    pub(super) fn check_is_one_search(&self, problems: &mut Vec<Problem>) {
        if super::cmr::kinds(&self.collections) > 1 {
            let value = self.collections.iter().map(CollectionId::to_string).collect::<Vec<_>>().join(", ");
            problems.push(Problem::wrong(
                "collections",
                value,
                "are named in different ways, of which CMR would ask for all at once",
                "name all by concept id, all by short name, or all with a version",
            ));
        }
    }

    pub(super) fn check_for_cmr(&self, problems: &mut Vec<Problem>) {
        let position = |field: &str, i: usize, n: usize| if n == 1 { field.to_owned() } else { format!("{field}[{i}]") };
        for (i, p) in self.polygon.iter().enumerate() {
            problems.extend(shape_rules::check_polygon_for_cmr(&position("polygon", i, self.polygon.len()), p));
        }
        for (i, l) in self.line.iter().enumerate() {
            problems.extend(shape_rules::check_line_for_cmr(&position("line", i, self.line.len()), l));
        }
        for (i, c) in self.circle.iter().enumerate() {
            problems.extend(shape_rules::check_circle_for_cmr(&position("circle", i, self.circle.len()), c));
        }
        if self.has_shape() && !self.names_collections() {
            problems.push(Problem::wrong(
                "collections",
                "",
                "is not given: CMR searches no area in all granules at once",
                "name a collection or a provider",
            ));
        }
        if let Some(n) = self.page_size.filter(|n| *n > crate::CMR_PAGE_SIZE) {
            problems.push(Problem::wrong("page_size", n, "is more than CMR gives in a page", "give 2000 at most"));
        }
        for key in self.sort.iter().filter(|k| cmr_sort_field(&k.field).is_none()) {
            problems.push(Problem::wrong("sort", &key.field, "is not what CMR sorts granules by", crate::names::advice(&key.field, &SORT_KEYS)));
        }
        options::check(&self.options, options::GRANULES, Self::WIRE, problems);
        options::check_leading_wildcards(&self.names_in_cmr(), problems);
    }

    pub(super) fn has_shape(&self) -> bool {
        !(self.bounding_box.is_empty() && self.polygon.is_empty() && self.point.is_empty() && self.line.is_empty() && self.circle.is_empty())
    }

    /// Whether CMR can limit the search to some collections.
    pub(super) fn names_collections(&self) -> bool {
        !self.collections.is_empty()
            || [&self.concept_id, &self.collection_concept_id, &self.short_name, &self.version, &self.entry_title, &self.entry_id, &self.provider]
                .iter()
                .any(|f| !f.is_empty())
    }

    /// The fields that may hold patterns, by their names in CMR.
    pub(super) fn names_in_cmr(&self) -> [(&'static str, &[String]); 10] {
        [
            ("readable_granule_name", &self.granule_name),
            ("granule_ur", &self.granule_ur),
            ("producer_granule_id", &self.producer_granule_id),
            ("native_id", &self.native_id),
            ("short_name", &self.short_name),
            ("version", &self.version),
            ("platform", &self.platform),
            ("instrument", &self.instrument),
            ("sensor", &self.sensor),
            ("project", &self.project),
        ]
    }

    /// The time asked for, when it is one.
    pub(super) fn single_period(&self) -> Option<Period> {
        match &self.temporal[..] {
            [one] => Some(one.period),
            _ => None,
        }
    }
}

fn check_order(field: &str, r: &crate::Range) -> Option<Problem> {
    let (min, max) = r.min.zip(r.max)?;
    (min > max).then(|| Problem::wrong(field, r.send().unwrap_or_default(), "has its lowest above its highest", format!("write [{max}, {min}]")))
}

/// `name:x,y:x1-x2,y1-y2`.
fn check_tiling(text: &str, problems: &mut Vec<Problem>) {
    let hint = "write a name and coordinates, such as `wrs-1:5,10:8-10,0-10`";
    let mut parts = text.split(':');
    if parts.next().is_none_or(|name| name.trim().is_empty()) {
        problems.push(Problem::wrong("two_d_coordinate_system", text, "names no tiling", hint));
    }
    let number = |t: &str| t.is_empty() || t.parse::<f64>().is_ok();
    let range = |t: &str| {
        let (a, b) = t.trim().split_once('-').unwrap_or((t.trim(), ""));
        number(a) && number(b) && a.parse::<f64>().ok().zip(b.parse().ok()).is_none_or(|(a, b): (f64, f64)| a <= b)
    };
    for pair in parts.filter(|p| p.split(',').count() > 2 || !p.split(',').all(range)) {
        problems.push(Problem::wrong("two_d_coordinate_system", pair, "is not a pair of coordinates", hint));
    }
}
