//! Which options CMR takes for which parameter (`parameter_validation.clj`, `valid-parameter-options`).

use crate::{
    names,
    problem::{Change, Effect, Problem, ProblemKind},
    values::Options,
    wire::CmrParameters,
};

type Table = &'static [(&'static str, &'static [&'static str])];

const TEXT: &[&str] = &["pattern", "ignore_case"];
const TEXT_AND: &[&str] = &["pattern", "ignore_case", "and"];
const INHERITED: &[&str] = &["pattern", "ignore_case", "and", "exclude_collection"];
const SHAPE: &[&str] = &["and", "or"];
const AND: &[&str] = &["and"];
const PATTERN: &[&str] = &["pattern"];

/// Options of a search for granules.
pub(crate) const GRANULES: Table = &[
    ("attribute", &["exclude_collection", "or", "exclude_boundary"]),
    ("bounding_box", SHAPE),
    ("circle", SHAPE),
    ("collection_concept_id", PATTERN),
    ("created_at", AND),
    ("crid_id", TEXT_AND),
    ("day_night_flag", TEXT),
    ("entry_id", TEXT_AND),
    ("entry_title", TEXT_AND),
    ("feature_id", TEXT_AND),
    ("granule_ur", TEXT),
    ("instrument", INHERITED),
    ("line", SHAPE),
    ("native_id", TEXT),
    ("passes", AND),
    ("platform", INHERITED),
    ("point", SHAPE),
    ("polygon", SHAPE),
    ("producer_granule_id", TEXT),
    ("production_date", AND),
    ("project", TEXT_AND),
    ("provider", TEXT),
    ("readable_granule_name", TEXT_AND),
    ("revision_date", AND),
    ("sensor", INHERITED),
    ("short_name", TEXT_AND),
    ("spatial", SHAPE),
    ("temporal", &["exclude_boundary", "and", "or"]),
    ("two_d_coordinate_system", TEXT),
    ("version", TEXT),
];

/// Options of a search for collections.
pub(crate) const COLLECTIONS: Table = &[
    ("archive_center", TEXT),
    ("attribute", &["exclude_collection", "or", "exclude_boundary"]),
    ("author", TEXT_AND),
    ("bounding_box", SHAPE),
    ("circle", SHAPE),
    ("collection_data_type", TEXT),
    ("collection_progress", TEXT_AND),
    ("consortium", TEXT_AND),
    ("created_at", AND),
    ("data_center", TEXT_AND),
    ("doi", TEXT_AND),
    ("entry_id", TEXT_AND),
    ("entry_title", TEXT_AND),
    ("granule_data_format", TEXT_AND),
    ("instrument", TEXT_AND),
    ("keyword", PATTERN),
    ("latency", TEXT),
    ("line", SHAPE),
    ("measurement", TEXT_AND),
    ("native_id", TEXT),
    ("platform", TEXT_AND),
    ("point", SHAPE),
    ("polygon", SHAPE),
    ("processing_level_id", TEXT),
    ("project", TEXT_AND),
    ("provider", TEXT),
    ("revision_date", AND),
    ("science_keywords", &["pattern", "ignore_case", "or"]),
    ("sensor", TEXT_AND),
    ("service_concept_id", AND),
    ("service_name", TEXT_AND),
    ("service_type", TEXT),
    ("short_name", TEXT_AND),
    ("spatial", SHAPE),
    ("spatial_keyword", TEXT_AND),
    ("tag_data", PATTERN),
    ("tag_key", PATTERN),
    ("tag_originator_id", PATTERN),
    ("temporal", &["exclude_boundary", "and", "or", "limit_to_granules"]),
    ("tool_concept_id", AND),
    ("tool_name", TEXT_AND),
    ("tool_type", TEXT),
    ("two_d_coordinate_system", TEXT),
    ("two_d_coordinate_system_name", TEXT),
    ("variable_concept_id", AND),
    ("variable_name", TEXT_AND),
    ("variable_native_id", TEXT_AND),
    ("version", TEXT),
];

/// The former names of parameters (`legacy_parameters.clj`), brought to those used here.
pub(crate) fn current_name(name: &str) -> &str {
    match name {
        "dataset_id" => "entry_title",
        "campaign" => "project",
        "echo_collection_id" | "echo_granule_id" => "concept_id",
        "provider_id" => "provider",
        "day_night" => "day_night_flag",
        "browse_only" => "browsable",
        "processing_level" => "processing_level_id",
        "grid" => "two_d_coordinate_system",
        other => other,
    }
}

pub(crate) fn check(options: &Options, table: Table, wire: &[(&str, &str)], problems: &mut Vec<Problem>) {
    for (parameter, keys) in &options.0 {
        let Some((_, allowed)) = table.iter().find(|(name, _)| name == parameter) else {
            let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
            let own = wire.iter().find(|(field, _)| field == parameter).filter(|(f, w)| f != w);
            let hint = own.map_or_else(|| names::advice(parameter, &known), |(_, w)| format!("its name in CMR is `{w}`"));
            problems.push(Problem::wrong("options", parameter, "takes no options in CMR", hint));
            continue;
        };
        for key in keys.keys().filter(|k| !allowed.contains(&k.as_str())) {
            problems.push(Problem::wrong(
                format!("options[{parameter}]"),
                key,
                "is not an option of this parameter",
                format!("it takes {}", allowed.join(", ")),
            ));
        }
    }
}

pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// CMR takes five patterns that begin with a wildcard.
pub(crate) fn check_leading_wildcards(fields: &[(&str, &[String])], problems: &mut Vec<Problem>) {
    let leading: Vec<&str> = fields.iter().flat_map(|(_, all)| *all).filter(|t| t.starts_with(['*', '?'])).map(String::as_str).collect();
    if leading.len() > 5 {
        problems.push(Problem::wrong(
            "patterns",
            leading.join(", "),
            "begin with a wildcard, of which CMR takes five",
            "begin some of them with text",
        ));
    }
}

/// Which fields have values with wildcards.
pub(crate) fn wildcards<const N: usize>(fields: [(&'static str, &[String]); N]) -> Vec<(&'static str, bool)> {
    fields.map(|(name, values)| (name, values.iter().any(|v| is_pattern(v)))).to_vec()
}

/// The options as given, and `pattern` wherever a value has wildcards and nothing else was said.
pub(crate) fn with_patterns(options: &Options, fields: &[(&str, bool)]) -> Options {
    let mut all = options.clone();
    for (name, has_wildcards) in fields {
        if *has_wildcards && all.get(name, "pattern").is_none() {
            all.set(name, "pattern", true);
        }
    }
    all
}

/// Takes an option from CMR.
pub(crate) fn receive(options: &mut Options, parameter: &str, key: &str, value: &str) -> Result<(), &'static str> {
    let value = match value.to_ascii_lowercase().as_str() {
        "true" => true,
        "false" => false,
        _ => return Err("is an option that is neither true nor false"),
    };
    options.set(current_name(&parameter.replace('-', "_")), &key.replace('-', "_").to_lowercase(), value);
    Ok(())
}

/// After reading from CMR: what would be said without being asked is left out, and what would be said wrongly is forbidden.
pub(crate) fn settle_patterns(options: &mut Options, fields: &[(&str, bool)]) {
    for (name, has_wildcards) in fields {
        match (has_wildcards, options.get(name, "pattern")) {
            (true, Some(true)) => {
                let keys = options.0.get_mut(*name);
                keys.into_iter().for_each(|k| {
                    k.remove("pattern");
                });
                options.0.retain(|_, keys| !keys.is_empty());
            }
            (true, None) => options.set(name, "pattern", false),
            _ => {}
        }
    }
}

/// Parameters that say how an answer is paged or dressed, not what is searched.
pub(crate) fn reason_without_field(name: &str) -> &'static str {
    match name {
        "page_num" | "offset" | "scroll" => "is a way of paging that CMR gives up; pages are asked for with CMR-Search-After",
        "token" => "is a secret, which does not belong into a query",
        "pretty"
        | "echo_compatible"
        | "result_format"
        | "include_facets"
        | "facets_size"
        | "include_granule_counts"
        | "include_has_granules"
        | "include_highlights"
        | "include_tags"
        | "hierarchical_facets"
        | "boosts" => "says how the answer looks, not what is searched",
        "shapefile" | "simplify_shapefile" | "force_cartesian" => "belongs to an uploaded file, which a query does not hold",
        _ => "is not a parameter that is known here",
    }
}

/// What may be told of a value: a secret is not.
pub(crate) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if name == "token" { "…" } else { value }
}

/// What a conversion left out or weakened, as problems.
pub(crate) fn inexpressible(changes: Vec<Change>) -> impl Iterator<Item = Problem> {
    changes.into_iter().filter(|c| matches!(c.effect, Effect::Dropped | Effect::Widened | Effect::Narrowed)).map(|c| Problem {
        field: c.field,
        value: c.value,
        message: format!("cannot be said: {}", c.reason),
        hint: c.hint,
        kind: ProblemKind::Inexpressible,
    })
}

/// Sends `page_size`: the given one, or the limit as far as a page goes.
pub(crate) fn send_page_size(page_size: Option<u64>, limit: Option<u64>, out: &mut CmrParameters) {
    if page_size.is_none()
        && let Some(limit) = limit
    {
        out.push("page_size", limit.min(crate::CMR_PAGE_SIZE).to_string());
    }
}
