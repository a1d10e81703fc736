//! What the CMR refuses, in its words.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::params::Params;

/// Largest page.
pub(super) const MOST_ITEMS: usize = 2000;

/// Parameters of both kinds of search.
const BOTH: &[&str] = &[
    "page_size",
    "page_num",
    "offset",
    "scroll",
    "sort_key",
    "token",
    "pretty",
    "echo_compatible",
    "concept_id",
    "echo_collection_id",
    "provider",
    "short_name",
    "version",
    "entry_title",
    "dataset_id",
    "native_id",
    "temporal",
    "bounding_box",
    "polygon",
    "point",
    "line",
    "circle",
    "platform",
    "instrument",
    "sensor",
    "project",
    "campaign",
    "updated_since",
    "revision_date",
    "created_at",
    "production_date",
    "downloadable",
    "online_only",
    "browsable",
    "browse_only",
    "cloud_hosted",
    "spatial_keyword",
    "two_d_coordinate_system",
    "two_d_coordinate_system_name",
    "attribute",
    "include_facets",
    "all_revisions",
];

/// Further parameters of a granule search.
const GRANULES: &[&str] = &[
    "collection_concept_id",
    "echo_granule_id",
    "granule_ur",
    "producer_granule_id",
    "readable_granule_name",
    "cloud_cover",
    "day_night_flag",
    "day_night",
    "orbit_number",
    "equator_crossing_longitude",
    "equator_crossing_date",
    "cycle",
    "passes",
    "feature_id",
    "crid_id",
];

/// Further parameters of a collection search.
const COLLECTIONS: &[&str] = &[
    "entry_id",
    "doi",
    "keyword",
    "data_center",
    "archive_center",
    "has_granules",
    "has_granules_or_cwic",
    "has_opendap_url",
    "processing_level_id",
    "granule_data_format",
    "science_keywords",
    "include_granule_counts",
    "include_has_granules",
    "include_tags",
    "collection_data_type",
    "tag_key",
    "consortium",
    "standard_product",
];

const GRANULE_ORDERS: &[&str] = &[
    "start_date",
    "end_date",
    "granule_ur",
    "producer_granule_id",
    "readable_granule_name",
    "entry_title",
    "dataset_id",
    "short_name",
    "version",
    "provider",
    "data_size",
    "cloud_cover",
    "platform",
    "instrument",
    "sensor",
    "project",
    "campaign",
    "day_night",
    "downloadable",
    "browsable",
    "revision_date",
];

const COLLECTION_ORDERS: &[&str] = &[
    "short_name",
    "entry_title",
    "entry_id",
    "dataset_id",
    "start_date",
    "end_date",
    "provider",
    "platform",
    "instrument",
    "sensor",
    "revision_date",
    "score",
    "has_granules",
    "has_granules_or_cwic",
    "usage_score",
    "ongoing",
    "create_data_date",
];

/// Granules of all collections that can be paged through.
const MOST_OF_EVERYTHING: usize = 10_000;

/// What narrows a granule search to some collections.
const NARROWING: &[&str] = &[
    "concept_id",
    "collection_concept_id",
    "echo_collection_id",
    "provider",
    "short_name",
    "version",
    "entry_title",
    "dataset_id",
    "entry_id",
    "echo_granule_id",
];

/// Everything that is wrong with a search.
pub(super) fn problems(params: &Params, granules: bool, search_after: Option<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let own = if granules { GRANULES } else { COLLECTIONS };
    for name in params.values.keys().filter(|name| !BOTH.contains(&name.as_str()) && !own.contains(&name.as_str())) {
        problems.push(format!("Parameter [{name}] was not recognized."));
    }
    paging(params, search_after, &mut problems);
    let orders = if granules { GRANULE_ORDERS } else { COLLECTION_ORDERS };
    for key in params.all("sort_key") {
        let field = key.trim_start_matches(['-', '+', ' ']);
        if !orders.contains(&field) {
            problems.push(format!("The sort key [{field}] is not a valid field for sorting {}.", if granules { "granules" } else { "collections" }));
        }
    }
    for text in params.all("temporal") {
        temporal(text, &mut problems);
    }
    params.all("updated_since").iter().filter(|text| instant(text).is_none()).for_each(|text| problems.push(invalid_date("updated_since", text)));
    for name in ["revision_date", "created_at", "production_date", "equator_crossing_date"] {
        for text in params.all(name) {
            let ends = text.split(',').map(str::trim).filter(|end| !end.is_empty());
            ends.filter(|end| instant(end).is_none()).for_each(|end| problems.push(invalid_date(name, end)));
        }
    }
    for name in ["downloadable", "online_only", "browsable", "browse_only", "has_granules", "cloud_hosted"] {
        if let Some(value) = params.one(name).filter(|value| !["true", "false", "unset"].contains(&value.to_lowercase().as_str())) {
            problems.push(format!("Parameter {name} must take value of true, false, or unset, but was [{value}]"));
        }
    }
    for text in params.all("cloud_cover") {
        if !text.contains(|char: char| char.is_ascii_digit()) || text.split(',').any(|part| !part.is_empty() && part.trim().parse::<f64>().is_err()) {
            problems.push("Cloud cover values must be numeric".into());
        }
    }
    for text in params.all("orbit_number") {
        if text.split(',').any(|part| !part.is_empty() && part.trim().parse::<f64>().is_err()) {
            problems.push("orbit_number must be an number or a range in the form 'number,number'.".into());
        }
    }
    super::shapes::problems(params, &mut problems);
    if granules && !NARROWING.iter().any(|name| params.values.contains_key(*name)) {
        let advice = "You should limit your query using conditions that identify one or more collections such as provider, concept_id, short_name, or entry_title.";
        if ["bounding_box", "polygon", "point", "line", "circle"].iter().any(|name| params.values.contains_key(*name)) {
            problems.push(format!("The CMR does not allow querying across granules in all collections with a spatial condition. {advice}"));
        }
        if search_after.is_some() {
            problems.push(format!("The CMR does not allow querying across granules in all collections when using search-after. {advice}"));
        }
        let number = |name: &str| params.one(name).and_then(|text| text.parse::<usize>().ok());
        let size = number("page_size").unwrap_or(10);
        let depth = number("offset").map_or_else(|| number("page_num").unwrap_or(1) * size, |offset| offset + size);
        if depth > MOST_OF_EVERYTHING {
            problems
                .push(format!("The paging depth (page_num * page_size) or offset of [{depth}] exceeds the limit of {MOST_OF_EVERYTHING}. {advice}"));
        }
    }
    problems
}

fn paging(params: &Params, search_after: Option<&str>, problems: &mut Vec<String>) {
    if params.one("page_size").is_some_and(|text| text.parse::<usize>().map_or(true, |size| size > MOST_ITEMS)) {
        problems.push(format!("page_size must be a number between 0 and {MOST_ITEMS}"));
    }
    if params.one("page_num").is_some_and(|text| text.parse::<usize>().map_or(true, |number| number == 0)) {
        problems.push("page_num must be a number greater than or equal to 1".into());
    }
    if params.one("offset").is_some_and(|text| text.parse::<usize>().is_err()) {
        problems.push("offset must be an integer between zero and 1000000".into());
    }
    if params.one("scroll").is_some_and(|text| text != "false") {
        problems.push(
            "Scrolling is no longer supported. Please use search-after instead. For instructions on how to use this pagination method, see: \
             https://cmr.earthdata.nasa.gov/search/site/docs/search/api.html#search-after"
                .into(),
        );
    }
    if let Some(text) = search_after {
        if serde_json::from_str::<Vec<serde_json::Value>>(text).is_err() {
            problems.push("search-after header value is invalid, must be in the form of a JSON array.".into());
        }
        for name in ["page_num", "offset", "scroll"].iter().filter(|name| params.values.contains_key(**name)) {
            problems.push(format!("{name} is not allowed with search-after"));
        }
    }
}

fn temporal(text: &str, problems: &mut Vec<String>) {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (ends, days) = if parts[0].contains('/') {
        (interval_ends(parts[0]), &parts[1..])
    } else {
        (parts[..parts.len().min(2)].to_vec(), &parts[parts.len().min(2)..])
    };
    for (name, end) in ["start", "end"].iter().zip(&ends) {
        // In an interval, one end may be a duration.
        if !end.is_empty() && !end.starts_with('P') && instant(end).is_none() {
            problems.push(format!("temporal {name} datetime is invalid: [{end}] is not a valid datetime."));
        }
    }
    for (tag, day) in ["temporal_start_day", "temporal_end_day"].iter().zip(days) {
        if !day.is_empty() && !day.parse::<u32>().is_ok_and(|day| (1..=366).contains(&day)) {
            problems.push(format!("{tag} [{day}] must be an integer between 1 and 366"));
        }
    }
}

/// The two ends of an ISO 8601 interval.
pub(super) fn interval_ends(text: &str) -> Vec<&str> {
    text.split('/').map(str::trim).collect()
}

fn invalid_date(name: &str, text: &str) -> String {
    format!("{name} datetime is invalid: [{text}] is not a valid datetime.")
}

/// Milliseconds since 1970; a date alone is its midnight.
pub(super) fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let naive = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S%.f").ok();
    let day = || NaiveDate::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    naive.or_else(day).map(|time| time.and_utc().timestamp_millis())
}
