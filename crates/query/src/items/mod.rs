//! What STAC items to look for, in STAC's own words.

mod rules;

use cube_core::Period;
use serde_json::{Map, Value, json};

use crate::{
    field::{Item, Misread, json_number, number, query},
    granules::GranuleQuery,
    problem::{Converted, Effect, Invalid, Problem, ProblemKind, Service, plain},
    shape::BoundingBox,
    shape_rules,
    values::SortKey,
    when,
    wire::CmrParameters,
};

query! {
    /// A search of a STAC API. All fields must be fulfilled.
    pub struct StacItemQuery {
        /// Ids of collections: any of these.
        collections: Vec<String>,
        /// Ids of items: any of these. Some services pay no heed to anything else then.
        ids: Vec<String>,
        /// West, south, east, north; with heights west, south, low, east, north, high.
        bbox: Option<StacBox>,
        /// A GeoJSON geometry, which may not be given together with `bbox`.
        intersects: Option<Json>,
        /// When. A date alone is the whole day.
        datetime: Option<Period>,
        /// Conditions on properties: `{"eo:cloud_cover": {"lt": 20}}`.
        query: Option<Json>,
        /// A condition in CQL2 JSON, or a text in CQL2.
        filter: Option<Json>,
        /// What to sort by, with `-` for the highest first.
        sortby: Vec<SortKey>,
        /// What the answer should hold: `{"include": […], "exclude": […]}`, or names with `-` before what should not be.
        fields: Option<Json>,
        /// How many to ask for in one request.
        limit: Option<u64>,
        /// How many to find at most.
        max_items: Option<u64>,
    }
}

/// A value that STAC defines, and that is handed on as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub Value);

impl From<Value> for Json {
    fn from(v: Value) -> Self {
        Self(v)
    }
}

impl Item for Json {
    /// A text that holds an object is read as one.
    fn read(given: &Value) -> Result<Self, Misread> {
        match given {
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => serde_json::from_str(text)
                .map(Self)
                .map_err(|e| Misread::new(given, format!("is not JSON: {e}"), "write it as JSON, with names and texts in double quotes")),
            other => Ok(Self(other.clone())),
        }
    }

    fn write(&self) -> Value {
        self.0.clone()
    }
}

/// A box, perhaps with a lowest and a highest height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StacBox {
    /// The box.
    pub bounds: BoundingBox,
    /// From where to where above the ground, in metres.
    pub heights: Option<(f64, f64)>,
}

impl From<BoundingBox> for StacBox {
    fn from(bounds: BoundingBox) -> Self {
        Self { bounds, heights: None }
    }
}

impl Item for StacBox {
    fn read(given: &Value) -> Result<Self, Misread> {
        let parts: Vec<Value> = match given {
            Value::String(text) => text.split(',').map(|t| t.trim().into()).collect(),
            Value::Array(all) => all.clone(),
            _ => Vec::new(),
        };
        if let [Some(west), Some(south), Some(low), Some(east), Some(north), Some(high)] = parts.iter().map(number).collect::<Vec<_>>()[..] {
            return Ok(Self { bounds: BoundingBox { west, south, east, north }, heights: Some((low, high)) });
        }
        BoundingBox::read(given).map(Self::from)
    }

    fn write(&self) -> Value {
        let b = &self.bounds;
        match self.heights {
            None => b.write(),
            Some((low, high)) => [b.west, b.south, low, b.east, b.north, high].map(json_number).to_vec().into(),
        }
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let mut problems = shape_rules::check_box(field, &self.bounds);
        if let Some((low, high)) = self.heights.filter(|(low, high)| low > high) {
            problems.push(Problem::wrong(field, low, "is a lowest height above the highest", format!("write {high} before {low}")));
        }
        problems
    }
}

/// Other names under which fields are known.
const ALIASES: [(&str, &str); 6] = [
    ("bounding_box", "bbox"),
    ("collection", "collections"),
    ("temporal", "datetime"),
    ("sort", "sortby"),
    ("sort_by", "sortby"),
    ("item_ids", "ids"),
];

impl StacItemQuery {
    /// The body of a POST to `/search`. `max_items` is no part of it: who pages through the answer has to see to it.
    pub fn body(&self) -> Value {
        let mut body = self.common();
        if let Some(filter) = &self.filter {
            body.insert("filter-lang".into(), json!(filter_lang(filter)));
        }
        body.remove("max_items");
        Value::Object(body)
    }

    /// The named arguments of pystac-client's `Client.search`.
    pub fn keywords(&self) -> Value {
        let mut keywords = self.common();
        if let Some(filter) = &self.filter {
            keywords.insert("filter_lang".into(), json!(filter_lang(filter)));
        }
        Value::Object(keywords)
    }

    fn common(&self) -> Map<String, Value> {
        let mut map = self.written();
        for list in ["collections", "ids"] {
            if let Some(one) = map.get_mut(list).filter(|v| v.is_string()) {
                *one = json!([one.take()]);
            }
        }
        match self.datetime.as_ref().and_then(when::to_stac) {
            Some(text) => map.insert("datetime".into(), text.into()),
            None => map.remove("datetime"),
        };
        if !self.sortby.is_empty() {
            let direction = |k: &SortKey| if k.descending { "desc" } else { "asc" };
            map.insert("sortby".into(), self.sortby.iter().map(|k| json!({"field": k.field, "direction": direction(k)})).collect());
        }
        map
    }

    /// Reads the body of a search, or the named arguments of pystac-client: times are instants, and both ends inclusive.
    pub fn from_stac(body: &Value) -> Converted<Self> {
        let mut out = Converted::new(Self::default());
        let Some(map) = body.as_object() else {
            out.note("search", body, Effect::Dropped, "is not an object");
            return out;
        };
        for (field, value) in map {
            match field.as_str() {
                "filter-lang" | "filter_lang" | "conf" => {}
                "filter-crs" | "filter_crs" if value.as_str().is_some_and(|t| t.ends_with("CRS84")) => {}
                "datetime" if !value.is_null() => match when::from_stac(value) {
                    Ok(period) => out.value.datetime = Some(period),
                    Err(e) => out.value.unread.push(e.of(field)),
                },
                "token" | "next" | "page" | "cursor" => out.note(field, "…", Effect::Dropped, "says which page is wanted, not what is searched"),
                "method" => out.note(field, plain(value), Effect::Dropped, "says how to ask, not what is searched"),
                field if Self::FIELDS.contains(&field) => out.value.read(field, value.clone()),
                _ => out.note(field, plain(value), Effect::Dropped, "is not a part of a search that is known here"),
            }
        }
        out
    }

    /// This search, checked.
    ///
    /// # Errors
    /// Everything that [`StacItemQuery::validate`] finds wrong.
    pub fn to_stac(&self) -> Result<Converted<Self>, Invalid> {
        let problems = self.validate();
        if problems.is_empty() {
            let mut out = Converted::new(self.clone());
            if let Some(n) = self.max_items {
                out.note("max_items", n, Effect::Local, "STAC is told the size of a page, not how many items are wanted in all");
            }
            return Ok(out);
        }
        Err(Invalid(problems))
    }

    /// This search in the words of a certain kind of STAC service.
    ///
    /// # Errors
    /// Everything that [`StacItemQuery::validate`] finds wrong.
    pub fn to_stac_for(&self, service: Service) -> Result<Converted<Self>, Invalid> {
        let mut out = self.to_stac()?;
        if !service.has_filter()
            && service != Service::Cmr
            && let Some(filter) = out.value.filter.take()
        {
            out.note("filter", plain(&filter.0), Effect::Dropped, format!("{} takes no filter", service.name()));
        }
        if service == Service::StacFilter
            && let Some(query) = out.value.query.take()
        {
            rules::query_as_filter(&query.0, &mut out);
        }
        if service == Service::CmrStac {
            rules::for_cmr_stac(&mut out);
        }
        Ok(out)
    }

    /// The search as parameters of CMR's granule search, and what CMR cannot be told.
    ///
    /// # Errors
    /// Everything that [`StacItemQuery::validate`] finds wrong, or CMR would.
    pub fn to_cmr(&self) -> Result<Converted<CmrParameters>, Invalid> {
        let _checked = self.to_stac()?;
        GranuleQuery::from_stac(self).and_then(|q| q.to_cmr())
    }

    /// Reads parameters of CMR's granule search, and reports what STAC has no words for.
    ///
    /// # Errors
    /// Everything that is wrong with the parameters.
    pub fn from_cmr(parameters: &CmrParameters) -> Result<Converted<Self>, Invalid> {
        GranuleQuery::from_cmr(parameters).and_then(|q| q.to_stac())
    }

    fn prepare(&mut self, field: &str, given: Value) -> Result<Option<(String, Value)>, Misread> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == field).map_or(field, |(_, name)| name);
        match name {
            // The language is seen from the filter.
            "filter-lang" | "filter_lang" => Ok(None),
            "sortby" if given.is_string() => Ok(Some((name.to_owned(), plain(&given).split(',').map(Value::from).collect()))),
            // A second condition is one more, as with all fields that can hold several.
            "query" => {
                let given = rules::query_of_texts(Json::read(&given)?.0)?;
                let merged = match self.query.take() {
                    Some(Json(before)) => rules::both_queries(before, given)?,
                    None => given,
                };
                Ok(Some((name.to_owned(), merged)))
            }
            // Of a feature, where it lies.
            "intersects" => {
                let Json(given) = Json::read(&given)?;
                let geometry = given.get("geometry").filter(|g| g.is_object()).cloned();
                Ok(Some((name.to_owned(), geometry.unwrap_or(given))))
            }
            _ => Ok(Some((name.to_owned(), given))),
        }
    }

    /// Everything that is wrong with the search.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = self.check_fields();
        rules::check(self, &mut problems);
        problems
    }

    /// Everything that is wrong with the search when it is sent to a service, and everything for which the service has no words.
    pub fn validate_for(&self, service: Service) -> Vec<Problem> {
        let converted = if service == Service::Cmr { self.to_cmr().map(|c| c.changes) } else { self.to_stac_for(service).map(|c| c.changes) };
        match converted {
            Ok(changes) => crate::options::inexpressible(changes).collect(),
            Err(Invalid(problems)) => problems.into_iter().filter(|p| p.kind == ProblemKind::Wrong).collect(),
        }
    }
}

fn filter_lang(filter: &Json) -> &'static str {
    if filter.0.is_string() { "cql2-text" } else { "cql2-json" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_back() {
        let body = json!({
            "collections": ["HLSL30.v2.0"], "bbox": [-180, -90, 180, -60], "datetime": "2020-01-01T00:00:00Z/2020-12-31T23:59:59Z",
            "query": {"eo:cloud_cover": {"lt": 20}}, "filter": {"op": "=", "args": [{"property": "platform"}, "x"]}, "filter-lang": "cql2-json",
            "sortby": [{"field": "properties.datetime", "direction": "desc"}], "fields": {"include": ["id"]}, "limit": 100, "ids": ["a", "b"]
        });
        let read = StacItemQuery::from_stac(&body);
        assert!(read.changes.is_empty(), "{:?}", read.changes);
        assert_eq!(read.value.validate(), []);
        assert_eq!(read.value.body(), body);
    }

    #[test]
    fn heights_are_kept() {
        let q = StacItemQuery::new().bbox([0, 1, -5, 2, 3, 100]);
        assert_eq!(q.body(), json!({"bbox": [0, 1, -5, 2, 3, 100]}));
        assert!(q.to_cmr().is_err() || q.collections("X").to_cmr().is_ok_and(|c| c.changes[0].field == "bbox"));
    }

    #[test]
    fn parts_of_a_search_that_say_no_condition_are_reported() {
        let read = StacItemQuery::from_stac(&json!({"token": "secret", "what": 1}));
        assert_eq!(read.changes.len(), 2);
        assert!(read.changes.iter().all(|c| !c.value.contains("secret")));
    }
}
