//! Every kind of source keeps every promise of a catalogue.

mod common;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use common::{access, open};
use cube_backend::testing::catalog::{Expectation, Known, conforms, is_lazy};
use cube_backend::{Kind, PatchQuery};
use cube_catalog_stac::{StacCatalog, StacOptions, write_index};
use cube_core::TimeValue;
use cube_testkit::{
    server::{Fault, Rule, Server},
    stac::{Api, Paging},
};
use futures::TryStreamExt;
use serde_json::{Value, json};

const DAY: i64 = 86_400_000_000;
/// 2024-01-01.
const START: i64 = 19_723 * DAY;

fn archive() -> (Vec<Value>, Expectation) {
    let mut items = Vec::new();
    let mut expected = Expectation { asset: "red".into(), property: Some(("eo:cloud_cover".into(), 40.0)), ..Expectation::default() };
    for i in 0..60_i64 {
        let (collection, id) = (if i % 3 == 0 { "first" } else { "second" }, format!("item_{i:02}"));
        let lon = if i % 20 == 5 { 179.25 } else { (i * 37 % 180) as f64 * 2.0 - 180.0 + 0.25 };
        let (w, s) = (lon, (i * 11 % 120) as f64 - 60.0);
        let (e, n) = (if w + 1.5 > 180.0 { w + 1.5 - 360.0 } else { w + 1.5 }, s + 1.0);
        let ring = |w: f64, e: f64| json!([[[w, s], [e, s], [e, n], [w, n], [w, s]]]);
        let geometry = if w > e {
            json!({"type": "MultiPolygon", "coordinates": [ring(w, 180.0), ring(-180.0, e)]})
        } else {
            json!({"type": "Polygon", "coordinates": ring(w, e)})
        };
        let at = TimeValue(START + i * DAY / 3 + i * 1_000_000);
        let mut properties = json!({"datetime": at.to_datetime().to_rfc3339(), "eo:cloud_cover": i * 7 % 100, "proj:code": "EPSG:4326"});
        let mut time = (at, at);
        if i % 10 == 7 {
            time = (at, TimeValue(at.0 + DAY));
            properties["datetime"] = Value::Null;
            properties["start_datetime"] = time.0.to_datetime().to_rfc3339().into();
            properties["end_datetime"] = time.1.to_datetime().to_rfc3339().into();
        }
        items.push(json!({"type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": id, "collection": collection, "geometry": geometry, "bbox": [w, s, e, n], "properties": properties, "links": [],
            "assets": {"B04": {"href": format!("/scenes/{id}/B04.tif"), "type": "image/tiff; application=geotiff", "roles": ["data"], "bands": [{"name": "B04", "eo:common_name": "red"}]},
                       "meta": {"href": format!("/scenes/{id}/meta.json"), "type": "application/json"}}}));
        let id = format!("{collection}/{id}");
        expected.values.insert(id.clone(), (i * 7 % 100) as f64);
        expected.patches.push(Known { id, time, bbox: [w, s, e, n] });
    }
    // The known patches that the suite asks around begin with one across the antimeridian.
    expected.patches.sort_by_key(|k| k.bbox[0] < k.bbox[2]);
    assert!(expected.patches[0].bbox[0] > expected.patches[0].bbox[2]);
    (items, expected)
}

async fn open_url(url: &str, page_limit: usize) -> StacCatalog {
    StacCatalog::open(url, access(), StacOptions { page_limit, ..StacOptions::default() }).await.expect("an API")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_of_every_paging() {
    let (items, expected) = archive();
    for paging in [Paging::Token, Paging::PostMerge, Paging::PostBody, Paging::Page] {
        let mut api = Api::new(items.clone()).expect("an API").paging(paging);
        api.empty_pages = paging != Paging::Page;
        let server = Server::builder().service("/stac", api).start().expect("a server");
        conforms(&open_url(&server.url_of("/stac"), 25).await, &expected).await;
        let small = open_url(&server.url_of("/stac"), 5).await;
        let searches = || server.log().records().iter().filter(|r| r.path.contains("search")).count();
        is_lazy(&small, 3, searches, 8).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files() {
    let (items, expected) = archive();
    let dir = tempfile::tempdir().expect("a folder");
    let plain = dir.path().join("items.json");
    std::fs::write(&plain, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    conforms(&open(&plain).await.expect("items"), &expected).await;
    for name in ["index.parquet", "again.json", "lines.ndjson"] {
        let path = dir.path().join(name);
        write_index(open(&plain).await.expect("items").items(&PatchQuery::default()), &path).await.expect("an index");
        conforms(&open(&path).await.expect(name), &expected).await;
    }
    let server = Server::builder().directory(dir.path()).start().expect("a server");
    for name in ["items.json", "index.parquet", "lines.ndjson"] {
        conforms(&open_url(&server.url_of(name), 100).await, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_catalogue_on_disk_and_on_the_web() {
    let (items, expected) = archive();
    let dir = tempfile::tempdir().expect("a folder");
    write_static(dir.path(), &items);
    conforms(&open(dir.path()).await.expect("a folder with a catalogue"), &expected).await;
    let server = Server::builder().directory(dir.path()).start().expect("a server");
    let catalog = open_url(&server.url_of("catalog.json"), 100).await;
    conforms(&catalog, &expected).await;
    is_lazy(&catalog, 3, || server.log().records().len(), 40).await;
}

fn write_static(root: &Path, items: &[Value]) {
    let write = |path: &Path, value: &Value| {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, value.to_string()).expect("a file");
    };
    let mut by_collection: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for item in items {
        by_collection.entry(item["collection"].as_str().expect("a collection")).or_default().push(item);
    }
    let children: Vec<Value> = by_collection.keys().map(|c| json!({"rel": "child", "href": format!("./{c}/collection.json")})).collect();
    // A link upwards and to itself must not lead in circles.
    let mut links = children;
    links.extend([json!({"rel": "self", "href": "./catalog.json"}), json!({"rel": "child", "href": "catalog.json"})]);
    write(&root.join("catalog.json"), &json!({"type": "Catalog", "stac_version": "1.1.0", "id": "root", "description": "x", "links": links}));
    for (collection, items) in by_collection {
        let mut links = vec![json!({"rel": "parent", "href": "../catalog.json"})];
        for item in items {
            let id = item["id"].as_str().expect("an id");
            links.push(json!({"rel": "item", "href": format!("{id}/{id}.json")}));
            write(&root.join(collection).join(id).join(format!("{id}.json")), item);
        }
        write(
            &root.join(collection).join("collection.json"),
            &json!({"type": "Collection", "stac_version": "1.1.0", "id": collection, "description": "x", "license": "other", "links": links,
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2024-01-01T00:00:00Z", null]]}}}),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_for_a_while_is_asked_again_and_one_that_fails_for_good_is_named() {
    let (items, expected) = archive();
    let server = Server::builder().service("/stac", Api::new(items).expect("an API")).start().expect("a server");
    let catalog = open_url(&server.url_of("/stac"), 10).await;
    server.faults().set(vec![Rule::once_per_path("*search*", Fault::Status { status: 503, retry_after: None })]);
    let found: Vec<_> = cube_backend::Catalog::patches(&catalog, &PatchQuery::default()).try_collect().await.expect("after another try");
    assert_eq!(found.len(), expected.patches.len());
    server.faults().set(vec![Rule::always("*search*", Fault::Status { status: 403, retry_after: None })]);
    let outcome: Result<Vec<_>, _> = cube_backend::Catalog::patches(&catalog, &PatchQuery::default()).try_collect().await;
    let error = outcome.expect_err("refused");
    assert!(error.kind() == Kind::Denied && error.to_string().contains("/stac/search"), "{error}");
    let _keep: Arc<dyn cube_catalog_stac::Http> = access();
}
