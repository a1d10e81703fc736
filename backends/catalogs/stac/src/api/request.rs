//! The first request of a search.

use cube_backend::{Error, Kind, PatchQuery, Result};
use cube_core::{Extent, Period};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{filter, http::Request, time, wanted::Wanted};

/// How a search is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Post,
    Get,
}

/// One search: one box, one period.
#[derive(Debug, Clone)]
pub(super) struct Search {
    collections: Vec<String>,
    area: Option<Extent>,
    period: Option<Period>,
    query: Map<String, Value>,
    filter: Option<Filter>,
    /// Members of the body that are sent as they are.
    more: Map<String, Value>,
}

#[derive(Debug, Clone)]
enum Filter {
    Json(Value),
    Text(String),
}

impl Search {
    /// The searches of a query: one for each box and period. What the server does not filter is left out; it is filtered afterwards.
    pub(super) fn of(query: &PatchQuery, wanted: &Wanted, filters: bool, queries: bool) -> Result<Vec<Self>> {
        if query.filter.is_some() && wanted.filter.is_none() && !filters {
            return Err(Error::unsupported("the filter cannot be evaluated here, and the service does not filter"));
        }
        let filter = query.filter.as_ref().filter(|_| filters).map(|given| match (&wanted.filter, given) {
            (Some(expr), _) => Filter::Json(filter::to_json(expr)),
            (None, Value::String(text)) => Filter::Text(text.clone()),
            (None, json) => Filter::Json(json.clone()),
        });
        let query_part: Map<String, Value> = if queries {
            query.query.clone().into_iter().map(|(k, v)| (k, if v.is_object() { v } else { json!({"eq": v}) })).collect()
        } else {
            Map::new()
        };
        let filter = match filter {
            None if !queries && filters => filter::query_as_cql2(&wanted.query).map(Filter::Json),
            other => other,
        };
        let areas: Vec<Option<Extent>> = if query.boxes.is_empty() { vec![None] } else { query.boxes.iter().copied().map(Some).collect() };
        let periods: Vec<Option<Period>> = if query.periods.is_empty() { vec![None] } else { query.periods.iter().copied().map(Some).collect() };
        let both = areas.iter().flat_map(|a| periods.iter().map(move |p| (*a, *p)));
        Ok(both
            .map(|(area, period)| Self {
                collections: query.collections.clone(),
                area,
                period,
                query: query_part.clone(),
                filter: filter.clone(),
                more: Map::new(),
            })
            .collect())
    }

    /// A search whose body somebody else has written; the size of its pages is not its own.
    pub(super) fn verbatim(mut body: Map<String, Value>) -> Self {
        body.remove("limit");
        Self { collections: Vec::new(), area: None, period: None, query: Map::new(), filter: None, more: body }
    }

    pub(super) fn request(&self, url: &str, headers: &[(String, String)], limit: usize, sent: Sent) -> Result<Request> {
        let mut headers = headers.to_vec();
        headers.push(("accept".into(), "application/geo+json, application/json;q=0.9".into()));
        if sent == Sent::Get {
            return Ok(Request { url: self.url(url, limit)?, headers, body: None });
        }
        headers.push(("content-type".into(), "application/json".into()));
        Ok(Request { url: url.to_owned(), headers, body: Some(self.body(limit).to_string()) })
    }

    fn body(&self, limit: usize) -> Value {
        let mut body = Map::from_iter([("limit".to_owned(), json!(limit))]);
        body.extend(self.more.clone());
        if !self.collections.is_empty() {
            body.insert("collections".into(), json!(self.collections));
        }
        if let Some(area) = self.area {
            body.insert("bbox".into(), json!(<[f64; 4]>::from(area)));
        }
        if let Some(interval) = self.period.as_ref().and_then(time::interval) {
            body.insert("datetime".into(), interval.into());
        }
        if !self.query.is_empty() {
            body.insert("query".into(), Value::Object(self.query.clone()));
        }
        let (filter, lang) = match &self.filter {
            None => return Value::Object(body),
            Some(Filter::Json(json)) => (json.clone(), "cql2-json"),
            Some(Filter::Text(text)) => (text.as_str().into(), "cql2-text"),
        };
        body.insert("filter".into(), filter);
        body.insert("filter-lang".into(), lang.into());
        Value::Object(body)
    }

    fn url(&self, url: &str, limit: usize) -> Result<String> {
        let mut url = Url::parse(url).map_err(|e| Error::new(Kind::Invalid, format!("`{url}` is not a URL")).with_source(e))?;
        let mut pairs = url.query_pairs_mut();
        if let Value::Object(body) = self.body(limit) {
            for (name, value) in body.iter().collect::<std::collections::BTreeMap<_, _>>() {
                let text = match value {
                    Value::String(s) => s.clone(),
                    Value::Array(keys) if name == "sortby" => keys.iter().map(sort_key).collect::<Vec<_>>().join(","),
                    Value::Array(list) => list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect::<Vec<_>>().join(","),
                    other => other.to_string(),
                };
                pairs.append_pair(name, &text);
            }
        }
        drop(pairs);
        Ok(url.into())
    }
}

/// `+field` or `-field`, as it stands in a URL.
fn sort_key(key: &Value) -> String {
    let descending = key.get("direction").and_then(Value::as_str).is_some_and(|d| d.eq_ignore_ascii_case("desc"));
    format!("{}{}", if descending { '-' } else { '+' }, key.get("field").and_then(Value::as_str).unwrap_or_default())
}
