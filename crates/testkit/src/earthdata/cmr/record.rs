//! Conditions for which a granule's record has to be parsed.

use serde_json::Value;

use super::filter::{Candidate, Check, Texts, flag};
use super::params::Params;
use super::times::in_range;

/// The checks for which a record has to be parsed.
pub(super) fn checks(params: &Params) -> Vec<Check<'_>> {
    let mut checks: Vec<Check<'_>> = Vec::new();
    if let Some(texts) = Texts::new(params, "producer_granule_id") {
        checks.push(Box::new(move |candidate| texts.accepts(&identifiers(candidate.umm()))));
    }
    for (name, instruments) in [("platform", false), ("instrument", true), ("sensor", true)] {
        if let Some(texts) = Texts::new(params, name) {
            checks.push(Box::new(move |candidate| texts.accepts(&platforms(candidate.umm(), instruments))));
        }
    }
    for (name, field) in [("orbit_number", "OrbitNumber"), ("equator_crossing_longitude", "EquatorCrossingLongitude")] {
        if let Some(range) = params.one(name) {
            let single = !range.contains(',');
            checks.push(Box::new(move |candidate| {
                let found =
                    candidate.umm()["OrbitCalculatedSpatialDomains"].as_array().into_iter().flatten().filter_map(|orbit| orbit[field].as_f64());
                found.into_iter().any(|number| if single { range.trim().parse() == Ok(number) } else { in_range(range, number) })
            }));
        }
    }
    let track = |candidate: &Candidate<'_>| candidate.umm()["SpatialExtent"]["HorizontalSpatialDomain"]["Track"].clone();
    let cycles: Vec<i64> = params.all("cycle").iter().filter_map(|text| text.parse().ok()).collect();
    if !cycles.is_empty() {
        checks.push(Box::new(move |candidate| track(candidate)["Cycle"].as_i64().is_some_and(|cycle| cycles.contains(&cycle))));
    }
    let passes: Vec<i64> = params
        .values
        .get("passes")
        .into_iter()
        .flatten()
        .filter(|(group, _)| group.ends_with("[pass]"))
        .filter_map(|(_, text)| text.parse().ok())
        .collect();
    if !passes.is_empty() {
        checks.push(Box::new(move |candidate| {
            track(candidate)["Passes"].as_array().into_iter().flatten().any(|pass| pass["Pass"].as_i64().is_some_and(|pass| passes.contains(&pass)))
        }));
    }
    let attributes = params.all("attribute");
    if !attributes.is_empty() {
        let any = params.option("attribute", "or");
        checks.push(Box::new(move |candidate| {
            let mut each = attributes.iter().map(|wanted| has_attribute(candidate.umm(), wanted));
            if any { each.any(|is| is) } else { each.all(|is| is) }
        }));
    }
    for name in ["downloadable", "online_only"] {
        if let Some(wanted) = flag(params, name) {
            checks.push(Box::new(move |candidate| has_url(candidate.umm(), "GET DATA") == wanted));
        }
    }
    for name in ["browsable", "browse_only"] {
        if let Some(wanted) = flag(params, name) {
            checks.push(Box::new(move |candidate| has_url(candidate.umm(), "GET RELATED VISUALIZATION") == wanted));
        }
    }
    checks
}

fn has_url(umm: &Value, kind: &str) -> bool {
    umm["RelatedUrls"].as_array().into_iter().flatten().any(|url| url["Type"] == kind)
}

fn identifiers(umm: &Value) -> Vec<String> {
    let list = umm["DataGranule"]["Identifiers"].as_array().into_iter().flatten();
    list.filter(|entry| entry["IdentifierType"] == "ProducerGranuleId").filter_map(|entry| entry["Identifier"].as_str().map(str::to_owned)).collect()
}

fn platforms(umm: &Value, instruments: bool) -> Vec<String> {
    let platforms = umm["Platforms"].as_array().into_iter().flatten();
    let names = |list: Vec<&Value>| list.iter().filter_map(|entry| entry["ShortName"].as_str().map(str::to_owned)).collect();
    if instruments {
        names(platforms.flat_map(|platform| platform["Instruments"].as_array().into_iter().flatten()).collect())
    } else {
        names(platforms.collect())
    }
}

/// `type,name,value` or `type,name,min,max`; the name alone asks that there is one.
fn has_attribute(umm: &Value, wanted: &str) -> bool {
    let parts: Vec<&str> = wanted.split(',').collect();
    let name = if parts.len() == 1 { parts[0] } else { parts[1] };
    let values = umm["AdditionalAttributes"].as_array().into_iter().flatten().filter(|attribute| attribute["Name"] == name);
    let values: Vec<&str> = values.flat_map(|attribute| attribute["Values"].as_array().into_iter().flatten()).filter_map(Value::as_str).collect();
    let numeric = matches!(parts[0], "float" | "int");
    match parts[..] {
        [_] => !values.is_empty(),
        [_, _, value] if numeric => values.iter().any(|found| found.parse::<f64>().ok() == value.parse().ok()),
        [_, _, value] => values.iter().any(|found| found.eq_ignore_ascii_case(value)),
        [_, _, low, high] if numeric => {
            values.iter().filter_map(|found| found.parse().ok()).any(|found: f64| in_range(&format!("{low},{high}"), found))
        }
        [_, _, low, high] => values.iter().any(|found| (low.is_empty() || *found >= low) && (high.is_empty() || *found <= high)),
        _ => false,
    }
}
