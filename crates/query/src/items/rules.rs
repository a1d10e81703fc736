//! What is wrong with a search of a STAC API, and what some services cannot be told.

use serde_json::{Value, json};

use super::StacItemQuery;
use crate::{
    cql2,
    field::{Misread, json_number},
    problem::{Converted, Effect, Problem, plain},
};

const OPERATORS: [&str; 11] = ["eq", "neq", "lt", "lte", "gt", "gte", "startsWith", "endsWith", "contains", "in", "notIn"];
const GEOMETRIES: [&str; 7] = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"];
const OPERATORS_HINT: &str = "operators are and, or, not, =, <>, <, <=, >, >=, like, in, between, isNull, and those that begin with s_, t_, a_";
/// What looks like an operator of CQL2 and is none, with what is one.
const NOT_OF_CQL2: [(&str, &str); 9] =
    [("eq", "="), ("neq", "<>"), ("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">="), ("==", "="), ("&&", "and"), ("||", "or")];
/// How deep a filter may nest; deeper ones are an attack on the stack.
const DEPTH: usize = 64;

pub(super) fn check(q: &StacItemQuery, problems: &mut Vec<Problem>) {
    if q.bbox.is_some()
        && let Some(geometry) = &q.intersects
    {
        problems.push(Problem::wrong("intersects", &geometry.0, "is given together with `bbox`, which STAC forbids", "give one of them"));
    }
    if let Some(geometry) = &q.intersects {
        check_geometry(&geometry.0, problems);
    }
    if let Some(query) = &q.query {
        check_query(&query.0, problems);
    }
    match q.filter.as_ref().map(|f| &f.0) {
        Some(Value::String(text)) if text.trim().is_empty() => problems.push(Problem::wrong("filter", "", "is empty", "leave it out")),
        Some(Value::String(_)) | None => {}
        Some(filter) => check_filter(filter, 0, problems),
    }
    if let Some(n) = q.limit.filter(|n| !(1..=10_000).contains(n)) {
        problems.push(Problem::wrong("limit", n, "is not a size of pages", "STAC APIs take 1 to 10,000"));
    }
    if q.max_items == Some(0) {
        problems.push(Problem::wrong("max_items", 0, "asks for nothing", "give 1 or more"));
    }
}

fn check_geometry(geometry: &Value, problems: &mut Vec<Problem>) {
    let mut wrong = |value: String, message: &str, hint: &str| problems.push(Problem::wrong("intersects", value, message, hint));
    let kind = geometry.get("type").and_then(Value::as_str).unwrap_or_default();
    if !GEOMETRIES.contains(&kind) {
        return wrong(
            plain(geometry),
            "is not a GeoJSON geometry",
            "give {\"type\": \"Polygon\", \"coordinates\": [[[lon, lat], …]]}; of a feature, its `geometry`",
        );
    }
    if kind == "GeometryCollection" {
        match geometry.get("geometries").and_then(Value::as_array) {
            Some(all) => all.iter().for_each(|g| check_geometry(g, problems)),
            None => wrong(plain(geometry), "has no geometries", "give `geometries`"),
        }
        return;
    }
    let Some(coordinates) = geometry.get("coordinates") else { return wrong(plain(geometry), "has no coordinates", "give `coordinates`") };
    let mut positions = Vec::new();
    let levels = match kind {
        "Point" => 0,
        "LineString" | "MultiPoint" => 1,
        "Polygon" | "MultiLineString" => 2,
        _ => 3,
    };
    if !collect_positions(coordinates, levels, &mut positions) || positions.is_empty() {
        return wrong(plain(geometry), &format!("has coordinates that are not those of a {kind}"), "see RFC 7946, section 3.1");
    }
    for p in positions {
        if !(-180.0..=180.0).contains(&p[0]) {
            wrong(p[0].to_string(), "is not a longitude", "longitudes lie within ±180");
        }
        if !(-90.0..=90.0).contains(&p[1]) {
            wrong(p[1].to_string(), "is not a latitude", "latitudes lie within ±90, after the longitude");
        }
    }
    if kind.ends_with("Polygon") {
        check_rings(coordinates, levels - 2, &mut wrong);
    }
}

fn check_rings(coordinates: &Value, levels: usize, wrong: &mut impl FnMut(String, &str, &str)) {
    let all = coordinates.as_array().map(Vec::as_slice).unwrap_or_default();
    if levels > 0 {
        return all.iter().for_each(|c| check_rings(c, levels - 1, wrong));
    }
    for ring in all.iter().filter_map(Value::as_array) {
        if ring.first() != ring.last() {
            wrong(format!("{} points", ring.len()), "are not closed: the last is not the first", "end each ring with its first point");
        } else if ring.len() < 4 {
            wrong(format!("{} points", ring.len()), "are too few for a ring", "a ring has three corners, and ends with its first point");
        }
    }
}

/// The positions in coordinates that nest so deep; `false` when they do not.
fn collect_positions(coordinates: &Value, levels: usize, into: &mut Vec<[f64; 2]>) -> bool {
    let Some(all) = coordinates.as_array() else { return false };
    if levels > 0 {
        return all.iter().all(|c| collect_positions(c, levels - 1, into));
    }
    match all.iter().map(Value::as_f64).collect::<Option<Vec<_>>>().as_deref() {
        Some([lon, lat] | [lon, lat, _]) => into.push([*lon, *lat]),
        _ => return false,
    }
    true
}

/// Conditions that are given as pystac-client takes them, `["eo:cloud_cover<10"]`, as an object; anything else as it is.
///
/// # Errors
/// A text in a list that is no condition.
pub(super) fn query_of_texts(query: Value) -> Result<Value, Misread> {
    const SIGNS: [(&str, &str); 7] = [(">=", "gte"), ("<=", "lte"), ("<>", "neq"), ("!=", "neq"), ("=", "eq"), (">", "gt"), ("<", "lt")];
    let texts = match &query {
        Value::Array(all) => all.as_slice(),
        Value::String(_) => std::slice::from_ref(&query),
        _ => return Ok(query),
    };
    let mut conditions = json!({});
    for given in texts {
        let text = given.as_str().unwrap_or_default();
        let parts = SIGNS.iter().find_map(|(sign, name)| text.split_once(sign).map(|(property, value)| (property.trim(), *name, value.trim())));
        let Some((property, operator, value)) = parts.filter(|(property, _, value)| !property.is_empty() && !value.is_empty()) else {
            let message = format!("has `{}`, which is no condition on a property", plain(given));
            return Err(Misread::new(&query, message, "write \"eo:cloud_cover<10\", or {\"eo:cloud_cover\": {\"lt\": 10}}"));
        };
        let number = value.parse().ok().filter(|n: &f64| n.is_finite()).map(json_number);
        let printed = number.as_ref().map(Value::to_string);
        let is_number = printed.as_deref() == Some(value);
        let condition = match (operator, number) {
            // Services hold `192` as a number or as a text, which a text alone does not tell.
            ("eq", Some(number)) if is_number => json!({"in": [number, value]}),
            ("neq", Some(number)) if is_number => json!({"notIn": [number, value]}),
            ("eq" | "neq", _) | (_, None) => json!({operator: value}),
            (_, Some(number)) => json!({operator: number}),
        };
        conditions = both_queries(conditions, json!({property: condition})).map_err(|e| Misread::new(&query, e.message, e.hint))?;
    }
    Ok(conditions)
}

/// The conditions of both queries. What is no query is left to be told so.
///
/// # Errors
/// Two conditions of a property with one operator, which the `query` extension has no form for.
pub(super) fn both_queries(mut before: Value, more: Value) -> Result<Value, Misread> {
    let (Value::Object(all), Value::Object(new)) = (&mut before, &more) else { return Ok(more) };
    for (property, conditions) in new {
        match (all.get_mut(property), conditions) {
            (Some(Value::Object(known)), Value::Object(new)) => {
                for (operator, value) in new {
                    if known.insert(operator.clone(), value.clone()).is_some_and(|known| known != *value) {
                        let given = json!({property: {operator: value}});
                        let hint = "join the two to one, or write one of them as a filter";
                        return Err(Misread::new(&given, format!("is a second `{operator}` of `{property}`, and `query` has room for one"), hint));
                    }
                }
            }
            _ => drop(all.insert(property.clone(), conditions.clone())),
        }
    }
    Ok(before)
}

fn check_query(query: &Value, problems: &mut Vec<Problem>) {
    let hint = "write {\"eo:cloud_cover\": {\"lt\": 20}}";
    let Value::Object(properties) = query else {
        return problems.push(Problem::wrong("query", plain(query), "is not an object of conditions", hint));
    };
    for (property, conditions) in properties {
        let field = format!("query.{property}");
        let Value::Object(conditions) = conditions else {
            problems.push(Problem::wrong(
                field,
                plain(conditions),
                "is a value where conditions are wanted",
                format!("write {{\"eq\": {conditions}}}"),
            ));
            continue;
        };
        for (operator, value) in conditions {
            if !OPERATORS.contains(&operator.as_str()) {
                problems.push(Problem::wrong(&field, operator, "is not an operator", crate::names::advice(operator, &OPERATORS)));
            } else if matches!(operator.as_str(), "in" | "notIn") && !value.is_array() {
                problems.push(Problem::wrong(&field, plain(value), format!("is not a list, which `{operator}` takes"), "write [\"a\", \"b\"]"));
            } else if matches!(operator.as_str(), "startsWith" | "endsWith") && !value.is_string() {
                problems.push(Problem::wrong(&field, plain(value), format!("is not a text, which `{operator}` takes"), "write a text"));
            }
        }
    }
}

/// The shape of CQL2 JSON: objects with `op` and `args`.
fn check_filter(filter: &Value, depth: usize, problems: &mut Vec<Problem>) {
    let hint = "write {\"op\": \"<=\", \"args\": [{\"property\": \"eo:cloud_cover\"}, 20]}";
    if depth > DEPTH {
        return problems.push(Problem::wrong("filter", "", "nests too deeply", "split it"));
    }
    if filter.is_boolean() || filter.get("property").is_some_and(Value::is_string) {
        return;
    }
    let (Some(operator), Some(args)) = (filter.get("op").and_then(Value::as_str), filter.get("args").and_then(Value::as_array)) else {
        return problems.push(Problem::wrong("filter", plain(filter), "is not a condition of CQL2 JSON", hint));
    };
    let count = match operator.to_ascii_lowercase().as_str() {
        "and" | "or" => {
            args.iter().for_each(|a| check_filter(a, depth + 1, problems));
            if args.len() < 2 { Some("two or more") } else { None }
        }
        "not" => {
            args.iter().for_each(|a| check_filter(a, depth + 1, problems));
            (args.len() != 1).then_some("one")
        }
        "isnull" => (args.len() != 1).then_some("one"),
        "between" => (args.len() != 3).then_some("three"),
        "=" | "<>" | "<" | "<=" | ">" | ">=" | "like" | "in" => (args.len() != 2).then_some("two"),
        name if name.starts_with("s_") || name.starts_with("t_") || name.starts_with("a_") => (args.len() != 2).then_some("two"),
        name if !is_function(name) => {
            let known = NOT_OF_CQL2.iter().find(|(wrong, _)| *wrong == name).map(|(_, right)| format!("write `{right}`"));
            return problems.push(Problem::wrong("filter", operator, "is not an operator of CQL2", known.unwrap_or_else(|| OPERATORS_HINT.into())));
        }
        _ => None,
    };
    if let Some(count) = count {
        problems.push(Problem::wrong("filter", plain(filter), format!("has {} arguments, where `{operator}` takes {count}", args.len()), hint));
    }
}

/// Whether a name may be that of a function of the service.
fn is_function(name: &str) -> bool {
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || "_.:".contains(c));
    // `!=` is understood by many.
    name == "!=" || is_name && NOT_OF_CQL2.iter().all(|(wrong, _)| *wrong != name)
}

/// What CMR-STAC does not understand, or otherwise.
pub(super) fn for_cmr_stac(out: &mut Converted<StacItemQuery>) {
    if let Some(Value::Object(mut properties)) = out.value.query.take().map(|q| q.0) {
        for (property, conditions) in properties.clone() {
            if property != "eo:cloud_cover" && property != "properties.eo:cloud_cover" {
                properties.remove(&property);
                out.note(property, conditions, Effect::Dropped, "CMR-STAC understands conditions on `eo:cloud_cover` alone");
                continue;
            }
            for (operator, value) in conditions.as_object().into_iter().flatten() {
                match operator.as_str() {
                    "lte" | "gte" => {}
                    "lt" | "gt" => out.note(&property, format!("{operator} {value}"), Effect::Widened, "CMR-STAC takes the end itself too"),
                    _ => out.note(&property, format!("{operator} {value}"), Effect::Dropped, "CMR-STAC understands lt, lte, gt and gte alone"),
                }
                if value.as_f64() == Some(0.0) {
                    out.note(&property, format!("{operator} 0"), Effect::Widened, "CMR-STAC takes 0 for no bound at all");
                }
            }
        }
        out.value.query = (!properties.is_empty()).then(|| Value::Object(properties).into());
    }
    if let Some(geometry) = &out.value.intersects
        && has_holes(&geometry.0)
    {
        let shown = plain(&geometry.0);
        out.note("intersects", shown, Effect::Widened, "CMR-STAC leaves out holes");
    }
    if !out.value.ids.is_empty() {
        let shown = out.value.ids.join(", ");
        out.note("ids", shown, Effect::Widened, "CMR-STAC may pay no heed to anything else when ids are given");
    }
    if let Some((low, high)) = out.value.bbox.and_then(|b| b.heights) {
        out.note("bbox", format!("{low} to {high}"), Effect::Widened, "CMR-STAC leaves out heights");
    }
}

fn has_holes(geometry: &Value) -> bool {
    let rings = |c: &Value| c.as_array().is_some_and(|r| r.len() > 1);
    let coordinates = geometry.get("coordinates");
    match geometry.get("type").and_then(Value::as_str) {
        Some("Polygon") => coordinates.is_some_and(rings),
        Some("MultiPolygon") => coordinates.and_then(Value::as_array).is_some_and(|all| all.iter().any(rings)),
        Some("GeometryCollection") => geometry.get("geometries").and_then(Value::as_array).is_some_and(|all| all.iter().any(has_holes)),
        _ => false,
    }
}

/// Conditions of the `query` extension in CQL2, added to the filter.
pub(super) fn query_as_filter(query: &Value, out: &mut Converted<StacItemQuery>) {
    if let Some(Value::String(text)) = out.value.filter.as_ref().map(|f| &f.0) {
        let shown = text.clone();
        out.value.query = Some(query.clone().into());
        return out.note("query", shown, Effect::Rewritten, "cannot be joined with a filter that is a text, and stays as it is");
    }
    let mut all: Vec<Value> = out.value.filter.take().map(|f| f.0).into_iter().collect();
    for (name, conditions) in query.as_object().into_iter().flatten() {
        for (operator, value) in conditions.as_object().into_iter().flatten() {
            let property = cql2::property(name);
            let like = |before: &str, after: &str| {
                let escaped = escape(&plain(value));
                cql2::op("like", vec![property.clone(), json!(format!("{before}{escaped}{after}"))])
            };
            all.push(match operator.as_str() {
                "neq" => cql2::op("<>", vec![property, value.clone()]),
                "lt" => cql2::op("<", vec![property, value.clone()]),
                "lte" => cql2::op("<=", vec![property, value.clone()]),
                "gt" => cql2::op(">", vec![property, value.clone()]),
                "gte" => cql2::op(">=", vec![property, value.clone()]),
                "in" => cql2::op("in", vec![property, value.clone()]),
                "notIn" => cql2::op("not", vec![cql2::op("in", vec![property, value.clone()])]),
                "startsWith" => like("", "%"),
                "endsWith" => like("%", ""),
                "contains" if value.is_string() => like("%", "%"),
                "contains" => {
                    out.note(name, plain(value), Effect::Dropped, "CQL2 has no common word for lists that contain a value");
                    continue;
                }
                _ => cql2::op("=", vec![property, value.clone()]),
            });
        }
    }
    out.value.filter = cql2::all(all).map(Into::into);
}

/// A text as `like` takes it literally.
fn escape(text: &str) -> String {
    text.chars().flat_map(|c| if matches!(c, '%' | '_' | '\\') { vec!['\\', c] } else { vec![c] }).collect()
}
