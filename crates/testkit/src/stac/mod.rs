//! A STAC API over items held in memory, and the items themselves.
//!
//! * [`Api`] — landing page, conformance, collections, items and search (GET and POST) as a [`Service`] for the test server.
//! * [`Paging`] — the ways in which real servers say what comes next.
//! * [`item()`] — a scene as an item; [`collections`] — the collections of items.
//!
//! Known: `limit`, `bbox`, `intersects`, `datetime`, `ids`, `collections`, `sortby`, the query extension, CQL2-JSON and the usual
//! part of CQL2-Text. `fields` is accepted and ignored. Anything malformed is answered with 400 and a description.

mod cql2;
mod cql2_text;
pub(crate) mod geometry;
mod item;
mod search;
mod time;

pub use item::{Flavour, collections, item};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Result;
use crate::server::{Answer, Call, Service, encode};
use search::Search;

/// How the next page of a search is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paging {
    /// A GET link with all parameters and a token, also after a POST.
    Token,
    /// After a POST: a POST link whose body holds only the token, with `merge: true`. After a GET: as [`Self::Token`].
    #[default]
    PostMerge,
    /// After a POST: a POST link whose body is complete, without `merge`. After a GET: as [`Self::Token`].
    PostBody,
    /// A page number, in the link of a GET or the body of a POST.
    Page,
}

impl Paging {
    /// The style of a name: `token`, `post-merge`, `post-body`, `page`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "token" => Some(Self::Token),
            "post-merge" => Some(Self::PostMerge),
            "post-body" => Some(Self::PostBody),
            "page" => Some(Self::Page),
            _ => None,
        }
    }
}

/// A STAC API over items held in memory.
#[derive(Debug, Clone)]
pub struct Api {
    items: Vec<Value>,
    collections: Vec<Value>,
    /// How pages follow each other.
    pub paging: Paging,
    /// Items of a page if the client says nothing.
    pub default_limit: usize,
    /// Larger limits are clamped to this.
    pub max_limit: usize,
    /// True: after every page that is not the last follows an empty one with a next link (not with [`Paging::Page`]).
    pub empty_pages: bool,
}

/// What a handler answers: a JSON value and its media type, or a status with a description.
type Outcome = std::result::Result<(Value, &'static str), (StatusCode, String)>;

const JSON: &str = "application/json";
const GEOJSON: &str = "application/geo+json";

impl Api {
    /// An API over these items. Relative hrefs of assets are taken from the root of the server.
    ///
    /// # Errors
    /// [`Error::Scene`](crate::Error::Scene) if an item names no collection.
    pub fn new(items: Vec<Value>) -> Result<Self> {
        Ok(Self { collections: collections(&items)?, items, paging: Paging::default(), default_limit: 10, max_limit: 10_000, empty_pages: false })
    }

    /// Chooses the style of paging.
    #[must_use]
    pub fn paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    fn route(&self, call: &Call) -> Outcome {
        let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        if call.method == Method::POST {
            return match parts[..] {
                ["search"] => self.search(call, None),
                _ => Err((StatusCode::METHOD_NOT_ALLOWED, "only /search takes POST".into())),
            };
        }
        if call.method != Method::GET && call.method != Method::HEAD {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "GET or POST".into()));
        }
        match parts[..] {
            [] => Ok((self.landing(&call.base), JSON)),
            ["conformance"] => Ok((json!({ "conformsTo": CONFORMANCE }), JSON)),
            ["api"] => Ok((json!({ "openapi": "3.0.3", "info": { "title": "Emulated STAC API", "version": "1.0.0" }, "paths": {} }), JSON)),
            ["search"] => self.search(call, None),
            ["collections"] => {
                let collections: Vec<Value> = self.collections.iter().map(|collection| with_links(collection, &call.base)).collect();
                let links = [link("self", &format!("{}/collections", call.base), JSON), link("root", &call.base, JSON)];
                Ok((json!({ "collections": collections, "links": links }), JSON))
            }
            ["collections", id] => Ok((with_links(self.collection(id)?, &call.base), JSON)),
            ["collections", id, "items"] => {
                self.collection(id)?;
                self.search(call, Some(id))
            }
            ["collections", collection, "items", id] => {
                let found = self.items.iter().find(|item| item["collection"] == collection && item["id"] == id);
                let item = found.ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no item `{id}`")))?;
                Ok((served(item, call), GEOJSON))
            }
            _ => Err((StatusCode::NOT_FOUND, format!("there is no `{}`", call.path))),
        }
    }

    fn collection(&self, id: &str) -> std::result::Result<&Value, (StatusCode, String)> {
        let found = self.collections.iter().find(|collection| collection["id"] == id);
        found.ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no collection `{id}`")))
    }

    fn landing(&self, base: &str) -> Value {
        let mut links = vec![
            link("self", base, JSON),
            link("root", base, JSON),
            link("conformance", &format!("{base}/conformance"), JSON),
            link("data", &format!("{base}/collections"), JSON),
            link("service-desc", &format!("{base}/api"), "application/vnd.oai.openapi+json;version=3.0"),
        ];
        for method in ["GET", "POST"] {
            let mut search = link("search", &format!("{base}/search"), GEOJSON);
            search["method"] = json!(method);
            links.push(search);
        }
        links.extend(self.collections.iter().map(|collection| {
            let id = collection["id"].as_str().unwrap_or_default();
            link("child", &format!("{base}/collections/{}", encode(id)), JSON)
        }));
        json!({
            "type": "Catalog", "stac_version": "1.1.0", "id": "emulated", "title": "Emulated STAC API",
            "description": "Synthetic scenes held in memory", "conformsTo": CONFORMANCE, "links": links,
        })
    }

    /// `/search`, and `/collections/{id}/items` with the collection fixed.
    fn search(&self, call: &Call, collection: Option<&str>) -> Outcome {
        let bad = |problem: String| (StatusCode::BAD_REQUEST, problem);
        let body = if call.method == Method::POST {
            serde_json::from_slice(if call.body.is_empty() { b"{}" } else { &call.body }).map_err(|error| bad(error.to_string()))?
        } else {
            search::body_of_query(&call.query).map_err(bad)?
        };
        let mut asked = body.clone();
        if let Some(collection) = collection {
            asked["collections"] = json!([collection]);
        }
        let search = Search::new(&asked, self.default_limit, self.max_limit).map_err(bad)?;
        let page = self.position(&body, search.limit).map_err(bad)?;
        let found = search.run(&self.items).map_err(bad)?;
        let count = if page.empty { 0 } else { search.limit };
        let features: Vec<Value> = found.iter().skip(page.offset).take(count).map(|item| served(item, call)).collect();
        let end = page.offset + features.len();
        let mut links = vec![link("root", &call.base, JSON), link("self", &format!("{}{}", call.base, call.path), GEOJSON)];
        if end < found.len() {
            let next = Position { offset: end, empty: self.empty_pages && !page.empty };
            links.push(self.next_link(call, body, &next, search.limit));
        }
        let answer = json!({
            "type": "FeatureCollection", "numberMatched": found.len(), "numberReturned": features.len(), "features": features, "links": links,
        });
        Ok((answer, GEOJSON))
    }

    /// Where a page starts, from its token or number.
    fn position(&self, body: &Value, limit: usize) -> std::result::Result<Position, String> {
        if self.paging == Paging::Page {
            let page = body.get("page").map_or(Some(1), Value::as_u64).filter(|page| *page > 0).ok_or("page is not a positive number")?;
            return Ok(Position { offset: (page as usize - 1) * limit, empty: false });
        }
        let Some(token) = body.get("token") else { return Ok(Position { offset: 0, empty: false }) };
        let text = token.as_str().unwrap_or_default();
        let (empty, digits) = text.strip_prefix("empty:").map_or((false, text.strip_prefix("next:").unwrap_or("?")), |digits| (true, digits));
        let offset = digits.parse().map_err(|_| format!("`{token}` is not a token of this server"))?;
        Ok(Position { offset, empty })
    }

    fn next_link(&self, call: &Call, mut body: Value, next: &Position, limit: usize) -> Value {
        let here = format!("{}{}", call.base, call.path);
        let (key, value) = match self.paging {
            Paging::Page => ("page", json!(next.offset / limit + 1)),
            _ => ("token", json!(format!("{}:{}", if next.empty { "empty" } else { "next" }, next.offset))),
        };
        let posts = call.method == Method::POST;
        let mut found = link("next", &here, GEOJSON);
        if posts && self.paging == Paging::PostMerge {
            found["method"] = json!("POST");
            found["body"] = json!({ key: value });
            found["merge"] = json!(true);
            return found;
        }
        body[key] = value;
        if posts && self.paging != Paging::Token {
            found["method"] = json!("POST");
            found["body"] = body;
        } else {
            let query: Vec<String> = search::query_of_body(&body).iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
            found["href"] = json!(format!("{here}?{}", query.join("&")));
            found["method"] = json!("GET");
        }
        found
    }
}

/// Start of a page; an empty one holds nothing and leads on to the same offset.
struct Position {
    offset: usize,
    empty: bool,
}

impl Service for Api {
    fn answer(&self, call: &Call) -> Answer {
        match self.route(call) {
            Ok((_, media)) if call.method == Method::HEAD => {
                let mut answer = Answer::new(StatusCode::OK, Bytes::new());
                answer.header(http::header::CONTENT_TYPE, media);
                answer
            }
            Ok((value, media)) => Answer::json(StatusCode::OK, media, &value),
            Err((status, description)) => Answer::json(status, JSON, &json!({ "code": status.as_str(), "description": description })),
        }
    }
}

const CONFORMANCE: [&str; 15] = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#query",
    "https://api.stacspec.org/v1.0.0/item-search#sort",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
];

fn link(rel: &str, href: &str, media: &str) -> Value {
    json!({ "rel": rel, "href": href, "type": media })
}

fn with_links(collection: &Value, base: &str) -> Value {
    let here = format!("{base}/collections/{}", encode(collection["id"].as_str().unwrap_or_default()));
    let mut served = collection.clone();
    served["links"] =
        json!([link("self", &here, JSON), link("root", base, JSON), link("parent", base, JSON), link("items", &format!("{here}/items"), GEOJSON)]);
    served
}

/// An item with links and absolute hrefs.
fn served(item: &Value, call: &Call) -> Value {
    let mut served = item.clone();
    let collection = format!("{}/collections/{}", call.base, encode(item["collection"].as_str().unwrap_or_default()));
    let here = format!("{collection}/items/{}", encode(item["id"].as_str().unwrap_or_default()));
    served["links"] = json!([
        link("self", &here, GEOJSON),
        link("root", &call.base, JSON),
        link("parent", &collection, JSON),
        link("collection", &collection, JSON)
    ]);
    for asset in served["assets"].as_object_mut().into_iter().flat_map(|assets| assets.values_mut()) {
        if let Some(href) = asset["href"].as_str().filter(|href| !href.contains("://")) {
            asset["href"] = json!(format!("{}/{}", call.root, href.trim_start_matches("./").trim_start_matches('/')));
        }
    }
    served
}
