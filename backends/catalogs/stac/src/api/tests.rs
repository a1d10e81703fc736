//! Against a server in memory: every form of paging, every way a server may complain.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cube_backend::{Catalog, Kind, PatchQuery, Result};
use cube_core::{Extent, Period, TimeValue};
use futures::TryStreamExt;
use object_store::{ObjectStore, path::Path};
use serde_json::{Value, json};

use crate::{Http, Reply, Request, StacCatalog, StacOptions};

type Answer = Box<dyn Fn(&Request) -> (u16, Value) + Send + Sync>;

/// Answers requests by a function, and writes them down.
struct Fake {
    answer: Answer,
    asked: Mutex<Vec<Request>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

#[async_trait]
impl Http for Fake {
    async fn request(&self, request: &Request) -> Result<Reply> {
        self.asked.lock().expect("a log").push(request.clone());
        let (status, body) = (self.answer)(request);
        Ok(Reply { status, body: body.to_string().into() })
    }

    async fn object(&self, href: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
        Err(cube_backend::Error::new(Kind::NotFound, href.to_owned()))
    }
}

impl Fake {
    fn new(answer: impl Fn(&Request) -> (u16, Value) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    fn searches(&self) -> Vec<Request> {
        self.asked.lock().expect("a log").iter().filter(|r| r.url.contains("search")).cloned().collect()
    }
}

const ROOT: &str = "https://api.test/v1";

fn landing() -> Value {
    json!({"type": "Catalog", "id": "t", "stac_version": "1.0.0", "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search", "https://api.stacspec.org/v1.0.0/item-search#query", "https://api.stacspec.org/v1.0.0/item-search#filter"],
        "links": [{"rel": "search", "href": "https://api.test/v1/search", "method": "GET"}, {"rel": "search", "href": "https://api.test/v1/search", "method": "POST"}, {"rel": "data", "href": "./v1/collections"}]})
}

fn item(i: usize) -> Value {
    json!({"type": "Feature", "stac_version": "1.0.0", "id": format!("i{i}"), "collection": "c", "geometry": null, "bbox": [0, 0, 1, 1],
        "properties": {"datetime": format!("2024-01-01T00:00:{:02}Z", i % 60), "eo:cloud_cover": i}, "links": [], "assets": {"a": {"href": format!("https://f.test/{i}.tif"), "type": "image/tiff"}}})
}

fn page(ids: std::ops::Range<usize>, next: Option<Value>) -> Value {
    let links: Vec<Value> = next
        .into_iter()
        .map(|mut l| {
            l["rel"] = "next".into();
            l
        })
        .collect();
    json!({"type": "FeatureCollection", "features": ids.map(item).collect::<Vec<_>>(), "links": links})
}

fn body(r: &Request) -> Value {
    r.body.as_deref().map_or(Value::Null, |b| serde_json::from_str(b).expect("JSON"))
}

fn header<'a>(r: &'a Request, name: &str) -> Option<&'a str> {
    r.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

async fn open(fake: &Arc<Fake>) -> StacCatalog {
    let options = StacOptions { headers: vec![("x-key".into(), "secret".into())], page_limit: 100, ..StacOptions::default() };
    StacCatalog::open(ROOT, Arc::clone(fake) as _, options).await.expect("an API")
}

async fn ids(fake: &Arc<Fake>, query: &PatchQuery) -> Result<Vec<String>> {
    open(fake).await.patches(query).map_ok(|p| p.id.as_str().to_owned()).try_collect().await
}

fn all(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("c/i{i}")).collect()
}

fn query() -> PatchQuery {
    PatchQuery { collections: vec!["c".into()], ..PatchQuery::default() }
}

/// An API whose pages are linked by `next`.
fn paged(next: impl Fn(&Request) -> Value + Send + Sync + 'static) -> Arc<Fake> {
    Fake::new(move |r| {
        if !r.url.contains("search") {
            return (200, landing());
        }
        (200, next(r))
    })
}

#[tokio::test]
async fn a_get_link_is_followed_as_it_is() {
    let fake = paged(|r| match r.url.as_str() {
        "https://api.test/v1/search?token=a%2Fb&x=%20" => page(2..4, Some(json!({"href": "search?token=relative"}))),
        "https://api.test/v1/search?token=relative" => page(4..5, None),
        _ => page(0..2, Some(json!({"href": "https://api.test/v1/search?token=a%2Fb&x=%20", "method": "GET"}))),
    });
    assert_eq!(ids(&fake, &query()).await.expect("pages"), all(5));
    assert!(fake.searches()[1].body.is_none());
}

#[tokio::test]
async fn a_post_body_is_sent_as_it_is_or_merged() {
    let fake = paged(|r| match body(r)["token"].as_str() {
        None => page(
            0..2,
            Some(
                json!({"href": "https://api.test/v1/search", "method": "POST", "merge": true, "body": {"token": "one"}, "headers": {"x-page": "1", "x-list": ["a", "b"]}}),
            ),
        ),
        Some("one") => {
            page(2..4, Some(json!({"href": "https://api.test/v1/search", "method": "POST", "merge": false, "body": {"token": "two", "mine": 1}})))
        }
        _ => page(4..6, None),
    });
    assert_eq!(ids(&fake, &query()).await.expect("pages"), all(6));
    let asked = fake.searches();
    assert_eq!(body(&asked[1]), json!({"collections": ["c"], "limit": 100, "token": "one"}), "laid over the first");
    assert_eq!((header(&asked[1], "x-page"), header(&asked[1], "x-list"), header(&asked[1], "x-key")), (Some("1"), Some("a, b"), Some("secret")));
    assert_eq!(body(&asked[2]), json!({"token": "two", "mine": 1}), "as it is");
    assert_eq!(header(&asked[2], "x-page"), None, "headers do not pile up");
}

#[tokio::test]
async fn old_tokens_empty_pages_and_page_numbers_lead_on() {
    let old = paged(|r| match body(r)["next"].as_str() {
        None => {
            let mut p = page(0..2, None);
            p["search:metadata"] = json!({"next": "MTAx", "limit": 2});
            p
        }
        _ => page(2..3, None),
    });
    assert_eq!(ids(&old, &query()).await.expect("pages"), all(3));

    let empty = paged(|r| match r.url.split("page=").nth(1) {
        None => page(0..0, Some(json!({"href": "https://api.test/v1/search?page=2"}))),
        Some("2") => page(0..0, Some(json!({"href": "https://api.test/v1/search?page=3"}))),
        _ => page(0..2, None),
    });
    assert_eq!(ids(&empty, &query()).await.expect("pages"), all(2), "an empty page with a next one is no end");
}

#[tokio::test]
async fn a_circle_is_an_error_and_not_an_end() {
    let fake = paged(|r| match r.url.split("page=").nth(1) {
        Some("2") => page(2..4, Some(json!({"href": "https://api.test/v1/search?page=3"}))),
        _ => page(0..2, Some(json!({"href": "https://api.test/v1/search?page=2"}))),
    });
    let e = ids(&fake, &query()).await.expect_err("a circle");
    assert!(e.to_string().contains("circles"), "{e}");
    assert!(fake.searches().len() < 6);
}

#[tokio::test]
async fn a_page_that_fails_is_an_error() {
    let fake = Fake::new(|r| {
        if !r.url.contains("search") {
            return (200, landing());
        }
        if r.url.contains("page=2") {
            (403, json!({"detail": "no"}))
        } else {
            (200, page(0..2, Some(json!({"href": "https://api.test/v1/search?page=2"}))))
        }
    });
    let e = ids(&fake, &query()).await.expect_err("a failed page");
    assert_eq!(e.kind(), Kind::Denied);
    let html = paged(|_| json!("<html>"));
    assert_eq!(ids(&html, &query()).await.expect_err("no items").kind(), Kind::Corrupt);
}

#[tokio::test]
async fn post_falls_back_to_get_and_pages_shrink() {
    let fake = Fake::new(|r| {
        if !r.url.contains("search") {
            return (200, landing());
        }
        match (r.body.is_some(), r.url.contains("limit=25&") || r.url.ends_with("limit=25")) {
            (true, _) => (405, json!({"detail": "method not allowed"})),
            (_, false) => (400, json!({"description": "limit must be below 30"})),
            _ => (200, page(0..2, None)),
        }
    });
    let q = PatchQuery {
        boxes: vec![Extent::new(-1.0, -2.0, 3.5, 4.0)],
        periods: vec![Period { start: None, end: Some(TimeValue(1_704_067_260_000_000)) }],
        ..query()
    };
    assert_eq!(ids(&fake, &q).await.expect("items"), all(2));
    let last = fake.searches().pop().expect("a search");
    assert_eq!(last.url, "https://api.test/v1/search?bbox=-1.0%2C-2.0%2C3.5%2C4.0&collections=c&datetime=..%2F2024-01-01T00%3A01%3A00Z&limit=25");
}

#[tokio::test]
async fn what_a_server_ignores_is_filtered_here() {
    let fake = paged(|_| page(0..20, None));
    let start = TimeValue(1_704_067_205_000_000);
    let q = PatchQuery {
        periods: vec![
            Period::new(start, TimeValue(start.0 + 5_000_000)),
            Period::new(TimeValue(start.0 + 3_000_000), TimeValue(start.0 + 9_000_000)),
        ],
        query: [("eo:cloud_cover".to_owned(), json!({"lt": 12}))].into(),
        filter: Some(json!("eo:cloud_cover <> 6")),
        ..query()
    };
    assert_eq!(ids(&fake, &q).await.expect("items"), ["c/i5", "c/i7", "c/i8", "c/i9", "c/i10", "c/i11"], "half-open periods, each item once");
    let asked = fake.searches();
    assert_eq!(asked.len(), 2, "one search for each period");
    assert_eq!(body(&asked[0])["datetime"], "2024-01-01T00:00:05Z/2024-01-01T00:00:10Z");
    assert_eq!(body(&asked[0])["filter"], json!({"op": "<>", "args": [{"property": "eo:cloud_cover"}, 6]}));
    assert_eq!(body(&asked[0])["filter-lang"], "cql2-json");
    assert_eq!(body(&asked[0])["query"], json!({"eo:cloud_cover": {"lt": 12}}));
    let far = PatchQuery { boxes: vec![Extent::new(5.0, 5.0, 6.0, 6.0), Extent::new(7.0, 7.0, 8.0, 8.0)], ..query() };
    assert_eq!(ids(&fake, &far).await.expect("an empty answer"), Vec::<String>::new());
}

#[tokio::test]
async fn filters_that_a_server_does_not_know_are_not_sent() {
    let fake = Fake::new(|r| {
        let mut l = landing();
        l["conformsTo"] = json!(["https://api.stacspec.org/v1.0.0/item-search"]);
        if r.url.contains("search") { (200, page(0..3, None)) } else { (200, l) }
    });
    let q = PatchQuery { filter: Some(json!("eo:cloud_cover = 1")), query: [("eo:cloud_cover".to_owned(), json!(1))].into(), ..query() };
    assert_eq!(ids(&fake, &q).await.expect("items"), ["c/i1"]);
    let sent = body(&fake.searches()[0]);
    assert_eq!((sent.get("filter"), sent.get("query")), (None, None));
    let e = ids(&fake, &PatchQuery { filter: Some(json!("s_near(geometry, POINT(1 1))")), ..query() }).await.expect_err("nobody can");
    assert_eq!(e.kind(), Kind::Unsupported);
}

#[tokio::test]
async fn an_api_without_conformance_is_one_too() {
    let fake = Fake::new(|r| {
        if r.url.contains("search") {
            return (200, page(0..1, None));
        }
        (
            200,
            json!({"type": "Catalog", "id": "cdse", "stac_version": "1.0.0", "links": [{"rel": "data", "href": "https://api.test/v1/collections"}, {"rel": "child", "href": "https://api.test/v1/collections/c"}]}),
        )
    });
    assert_eq!(ids(&fake, &query()).await.expect("items"), all(1));
    assert_eq!(fake.searches()[0].url, "https://api.test/v1/search");
}

#[tokio::test]
async fn an_unknown_collection_is_named_with_those_that_exist() {
    let fake = Fake::new(|r| match r.url.strip_prefix("https://api.test/v1/collections") {
        Some("") => (200, json!({"collections": [{"id": "landsat-c2-l2"}, {"id": "sentinel-2-l2a"}]})),
        Some("/sentinel-2-l2a") => (200, json!({"type": "Collection", "id": "sentinel-2-l2a"})),
        Some(_) => (404, json!({"code": "NotFound"})),
        None => (200, landing()),
    });
    let catalog = open(&fake).await;
    catalog.check(&["sentinel-2-l2a".into()]).await.expect("it exists");
    let e = catalog.check(&["sentinel-2/l2".into()]).await.expect_err("it does not");
    assert_eq!(e.kind(), Kind::NotFound);
    assert!(e.to_string().contains("`sentinel-2/l2`"), "{e}");
    assert!(e.hint().is_some_and(|h| h.starts_with("it has `sentinel-2-l2a`")), "{:?}", e.hint());
    assert!(fake.asked.lock().expect("a log").iter().any(|r| r.url.ends_with("/collections/sentinel-2%2Fl2")));
}

#[tokio::test]
async fn pages_are_asked_for_as_the_answer_is_read() {
    let fake = paged(|r| {
        let n: usize = r.url.split("page=").nth(1).map_or(0, |n| n.parse().expect("a number"));
        page(n * 2..n * 2 + 2, (n < 500).then(|| json!({"href": format!("https://api.test/v1/search?page={}", n + 1)})))
    });
    let mut patches = open(&fake).await.patches(&query());
    for _ in 0..3 {
        patches.try_next().await.expect("a patch");
    }
    assert!(fake.searches().len() <= 4, "{}", fake.searches().len());
}

#[tokio::test]
async fn a_key_stays_with_its_host() {
    let fake =
        paged(|r| if r.url.contains("other") { page(1..2, None) } else { page(0..1, Some(json!({"href": "https://other.test/search?page=2"}))) });
    assert_eq!(ids(&fake, &query()).await.expect("items"), all(2));
    assert_eq!(fake.searches().iter().map(|r| header(r, "x-key")).collect::<Vec<_>>(), [Some("secret"), None]);
}

#[tokio::test]
async fn one_collection_of_an_api_can_be_opened() {
    let fake = Fake::new(|r| match r.url.as_str() {
        "https://api.test/v1/collections/c" => (
            200,
            json!({"type": "Collection", "id": "c", "extent": {}, "links": [{"rel": "root", "href": "https://api.test/v1"}, {"rel": "items", "href": "https://api.test/v1/collections/c/items"}]}),
        ),
        url if url.contains("search") => (200, page(0..2, None)),
        _ => (200, landing()),
    });
    let catalog = StacCatalog::open("https://api.test/v1/collections/c", Arc::clone(&fake) as _, StacOptions::default()).await.expect("a collection");
    assert_eq!(catalog.patches(&PatchQuery::default()).try_collect::<Vec<_>>().await.expect("items").len(), 2);
    assert_eq!(body(&fake.searches()[0])["collections"], json!(["c"]));
}

fn scene(id: &str, updated: &str) -> Value {
    let mut i = item(0);
    i["id"] = id.into();
    i["properties"] = json!({"datetime": "2024-01-01T00:00:00Z", "platform": "sentinel-2a", "grid:code": "MGRS-32TLR", "updated": updated});
    i
}

#[tokio::test]
async fn a_scene_that_is_listed_twice_comes_once_also_from_two_pages() {
    for swap in [false, true] {
        let fake = paged(move |r| {
            let (old, new) = (scene("S2A_32TLR_20240101_0_L2A", "2024-01-02T00:00:00Z"), scene("S2A_32TLR_20240101_1_L2A", "2024-05-01T00:00:00Z"));
            let (a, b) = if swap { (new, old) } else { (old, new) };
            let second = r.url.contains("page=2");
            let mut p = page(if second { 3..5 } else { 1..3 }, (!second).then(|| json!({"href": "https://api.test/v1/search?page=2"})));
            p["features"].as_array_mut().expect("a list").push(if second { b } else { a });
            p
        });
        let mut found = ids(&fake, &query()).await.expect("items");
        found.sort();
        assert_eq!(found, ["c/S2A_32TLR_20240101_1_L2A", "c/i1", "c/i2", "c/i3", "c/i4"], "{swap}");
    }
}

#[tokio::test]
async fn a_saved_search_is_followed_to_its_end() {
    let fake = Fake::new(|r| {
        (200, if r.url.contains("page=2") { page(2..3, None) } else { page(0..2, Some(json!({"href": "https://api.test/v1/search?page=2"}))) })
    });
    let catalog =
        StacCatalog::open("https://api.test/v1/search?collections=c", Arc::clone(&fake) as _, StacOptions::default()).await.expect("a search");
    assert_eq!(catalog.patches(&PatchQuery::default()).try_collect::<Vec<_>>().await.expect("items").len(), 3);
}

#[tokio::test]
async fn an_api_says_whether_it_sorts() {
    let of = |conforms: Value| async move {
        let fake = Fake::new(move |_| {
            let mut page = landing();
            page["conformsTo"] = conforms.clone();
            (200, page)
        });
        StacCatalog::open(ROOT, fake, StacOptions::default()).await.expect("an API").sorts()
    };
    for (conforms, sorts) in [
        (landing()["conformsTo"].clone(), false),
        (json!(["https://api.stacspec.org/v1.0.0/item-search#sort"]), true),
        (json!(["https://api.stacspec.org/v1.0.0-rc.1/item-search#sort:item-search-sort"]), true),
        (json!(["https://api.stacspec.org/v1.0.0/item-search", "https://api.stacspec.org/v1.0.0/ogcapi-features#sort"]), false),
        // One that says nothing may do everything.
        (json!([]), true),
    ] {
        assert_eq!(of(conforms.clone()).await, Some(sorts), "{conforms}");
    }
}
