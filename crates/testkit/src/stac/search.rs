//! One item search: parameters checked as STAC API 1.0 wants them, then applied to items in memory.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::{cql2, cql2_text, geometry, time};

/// The parameters of a search.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) limit: usize,
    area: Option<Value>,
    datetime: Option<time::Interval>,
    ids: Option<Vec<String>>,
    collections: Option<Vec<String>>,
    query: Map<String, Value>,
    filter: Option<Value>,
    /// (property, true for descending).
    sortby: Vec<(String, bool)>,
}

impl Search {
    /// From a POST body, or a GET query brought into its form by [`body_of_query`].
    pub(super) fn new(body: &Value, default_limit: usize, max_limit: usize) -> Result<Self, String> {
        if !body.is_object() {
            return Err("the body is not an object".into());
        }
        let given = |name: &str| body.get(name).filter(|value| !value.is_null());
        let limit = match given("limit") {
            None => default_limit,
            Some(value) => value.as_u64().filter(|limit| *limit > 0).ok_or_else(|| format!("limit `{value}` is not a positive number"))? as usize,
        };
        let area = match (given("bbox"), given("intersects")) {
            (Some(_), Some(_)) => return Err("bbox and intersects exclude each other".into()),
            (Some(bbox), None) => Some(geometry::from_bbox(&numbers(bbox)?)?),
            (None, intersects) => intersects.cloned(),
        };
        if let Some(area) = &area {
            geometry::intersects(area, area)?;
        }
        let datetime = match given("datetime") {
            None => None,
            Some(Value::String(text)) => Some(time::interval(text)?),
            Some(other) => return Err(format!("datetime `{other}` is not a text")),
        };
        let strings = |name: &str| given(name).map(|value| texts(name, value)).transpose();
        Ok(Self {
            limit: limit.min(max_limit),
            area,
            datetime,
            ids: strings("ids")?,
            collections: strings("collections")?,
            query: given("query").map(|query| query.as_object().cloned().ok_or("query is not an object")).transpose()?.unwrap_or_default(),
            filter: given("filter").map(|filter| parse_filter(filter, given("filter-lang"))).transpose()?,
            sortby: given("sortby").map(parse_sortby).transpose()?.unwrap_or_default(),
        })
    }

    /// The items that match, in order.
    pub(super) fn run<'a>(&self, items: &'a [Value]) -> Result<Vec<&'a Value>, String> {
        let mut found = Vec::new();
        for item in items {
            if self.accepts(item)? {
                found.push(item);
            }
        }
        // Stable, so that items keep their order where the sort keys are equal.
        found.sort_by(|a, b| self.sortby.iter().map(|key| order(a, b, key)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal));
        Ok(found)
    }

    fn accepts(&self, item: &Value) -> Result<bool, String> {
        let listed = |list: &Option<Vec<String>>, name: &str| list.as_ref().is_none_or(|list| list.iter().any(|id| item[name] == id.as_str()));
        if !listed(&self.ids, "id") || !listed(&self.collections, "collection") {
            return Ok(false);
        }
        if self.datetime.is_some_and(|wanted| !time::overlap(wanted, time::of_item(item))) {
            return Ok(false);
        }
        if let Some(area) = &self.area
            && !touches(area, item)?
        {
            return Ok(false);
        }
        for (name, operators) in &self.query {
            for (operator, wanted) in operators.as_object().ok_or_else(|| format!("query of `{name}` is not an object"))? {
                if !queried(cql2::property(item, name), operator, wanted)? {
                    return Ok(false);
                }
            }
        }
        Ok(match &self.filter {
            Some(filter) => cql2::evaluate(filter, item)? == Some(true),
            None => true,
        })
    }
}

fn touches(area: &Value, item: &Value) -> Result<bool, String> {
    match &item["geometry"] {
        Value::Null => match item.get("bbox").filter(|bbox| bbox.is_array()) {
            Some(bbox) => geometry::intersects(area, &geometry::from_bbox(&numbers(bbox)?)?),
            None => Ok(false),
        },
        geometry => geometry::intersects(area, geometry),
    }
}

/// One operator of the query extension.
fn queried(found: Option<&Value>, operator: &str, wanted: &Value) -> Result<bool, String> {
    let order = cql2::compare(found.cloned(), Some(wanted.clone()));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let both = || text(found).zip(text(Some(wanted)));
    Ok(match operator {
        "eq" => order.is_some_and(Ordering::is_eq),
        "neq" => order.is_none_or(Ordering::is_ne),
        "lt" => order.is_some_and(Ordering::is_lt),
        "lte" => order.is_some_and(Ordering::is_le),
        "gt" => order.is_some_and(Ordering::is_gt),
        "gte" => order.is_some_and(Ordering::is_ge),
        "in" => wanted.as_array().ok_or("`in` wants a list")?.iter().any(|entry| found == Some(entry)),
        "startsWith" => both().is_some_and(|(found, wanted)| found.starts_with(&wanted)),
        "endsWith" => both().is_some_and(|(found, wanted)| found.ends_with(&wanted)),
        "contains" => both().is_some_and(|(found, wanted)| found.contains(&wanted)),
        other => return Err(format!("the query operator `{other}` is not known")),
    })
}

fn order(a: &Value, b: &Value, (name, descending): &(String, bool)) -> Ordering {
    let order = match (cql2::property(a, name), cql2::property(b, name)) {
        (None, None) => Ordering::Equal,
        // Items without the property come last, whichever way the sort goes.
        (None, _) => return Ordering::Greater,
        (_, None) => return Ordering::Less,
        (a, b) => cql2::compare(a.cloned(), b.cloned()).unwrap_or(Ordering::Equal),
    };
    if *descending { order.reverse() } else { order }
}

fn parse_filter(filter: &Value, language: Option<&Value>) -> Result<Value, String> {
    match (language.and_then(Value::as_str), filter) {
        (None | Some("cql2-json"), Value::Object(_)) => Ok(filter.clone()),
        (Some("cql2-text"), Value::String(text)) => cql2_text::parse(text),
        (language, _) => Err(format!("filter `{filter}` is not in the language `{}`", language.unwrap_or("cql2-json"))),
    }
}

fn parse_sortby(sortby: &Value) -> Result<Vec<(String, bool)>, String> {
    let keys = sortby.as_array().ok_or("sortby is not a list")?;
    keys.iter()
        .map(|key| {
            let field = key["field"].as_str().ok_or_else(|| format!("`{key}` has no field"))?;
            match key["direction"].as_str() {
                Some("asc") | None => Ok((field.to_owned(), false)),
                Some("desc") => Ok((field.to_owned(), true)),
                Some(other) => Err(format!("`{other}` is not a direction")),
            }
        })
        .collect()
}

fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or_else(|| format!("`{value}` is not a list of numbers"))?;
    list.iter().map(|number| number.as_f64().ok_or_else(|| format!("`{number}` is not a number"))).collect()
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().ok_or_else(|| format!("{name} `{value}` is not a list"))?;
    list.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(|| format!("`{text}` is not a text"))).collect()
}

/// A GET query as the body that means the same; unknown parameters stay texts.
pub(super) fn body_of_query(query: &[(String, String)]) -> Result<Value, String> {
    let mut body = Map::new();
    let language = query.iter().find(|(key, _)| key == "filter-lang").map_or("cql2-text", |(_, value)| value);
    for (key, text) in query {
        let json = || serde_json::from_str::<Value>(text).map_err(|_| format!("{key} `{text}` is not JSON"));
        let value = match key.as_str() {
            "limit" | "page" => json!(text.parse::<u64>().map_err(|_| format!("{key} `{text}` is not a number"))?),
            "bbox" => text
                .split(',')
                .map(|number| number.trim().parse::<f64>().map_err(|_| format!("`{number}` is not a number")))
                .collect::<Result<_, _>>()?,
            "ids" | "collections" => text.split(',').map(str::trim).collect(),
            "intersects" | "query" => json()?,
            "filter" if language == "cql2-json" => json()?,
            "filter-lang" => continue,
            "sortby" => text.split(',').map(sort_key).collect(),
            _ => json!(text),
        };
        body.insert(key.clone(), value);
    }
    if body.contains_key("filter") {
        body.insert("filter-lang".into(), json!(language));
    }
    Ok(Value::Object(body))
}

fn sort_key(text: &str) -> Value {
    let direction = if text.starts_with('-') { "desc" } else { "asc" };
    json!({ "field": text.trim_start_matches(['-', '+', ' ']), "direction": direction })
}

/// The GET query that means the same as a body.
pub(super) fn query_of_body(body: &Value) -> Vec<(String, String)> {
    let Some(object) = body.as_object() else { return Vec::new() };
    let mut query: Vec<(String, String)> = object
        .iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Array(keys) if key == "sortby" => keys.iter().map(sort_text).collect::<Vec<_>>().join(","),
                Value::Array(list) => {
                    list.iter().map(|entry| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned)).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            };
            (key.clone(), text)
        })
        .collect();
    if object.get("filter").is_some_and(Value::is_object) && !object.contains_key("filter-lang") {
        query.push(("filter-lang".into(), "cql2-json".into()));
    }
    query
}

fn sort_text(key: &Value) -> String {
    let sign = if key["direction"] == "desc" { "-" } else { "+" };
    format!("{sign}{}", key["field"].as_str().unwrap_or_default())
}
