//! The emulated STAC API: by its own rules, and as pystac-client sees it.

mod common;

use bytes::Bytes;
use cube_testkit::demo::Archive;
use cube_testkit::server::{Call, Server, Service};
use cube_testkit::stac::{Api, Flavour, Paging, item};
use http::Method;
use serde_json::{Value, json};

/// The twelve items of the demo archive, without files.
fn items(flavour: Flavour) -> Vec<Value> {
    let scenes = Archive::demo().scenes();
    scenes.iter().map(|scene| item(scene, flavour, |band| format!("{}/{}.tif", scene.id, band.name)).expect("an item")).collect()
}

fn api(paging: Paging) -> Api {
    Api::new(items(Flavour::V1_0)).expect("an api").paging(paging)
}

fn call(method: Method, path: &str, query: &[(&str, &str)], body: &Value) -> Call {
    Call {
        root: "http://host".into(),
        base: "http://host/stac".into(),
        method,
        path: path.into(),
        query: query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        headers: http::HeaderMap::new(),
        body: Bytes::from(if body.is_null() { String::new() } else { body.to_string() }),
    }
}

fn ask(api: &Api, call: &Call) -> (u16, Value) {
    let answer = api.answer(call);
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).expect("JSON"))
}

fn ids(page: &Value) -> Vec<String> {
    page["features"].as_array().expect("features").iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn post(body: &Value) -> Vec<String> {
    let (status, page) = ask(&api(Paging::PostMerge), &call(Method::POST, "/search", &[], body));
    assert_eq!(status, 200, "{page}");
    ids(&page)
}

/// Ids of the twelve items for which `keep(tile, day)` holds.
fn expected(keep: impl Fn(&str, u32) -> bool) -> Vec<String> {
    let all = items(Flavour::V1_0).into_iter().map(|item| item["id"].as_str().expect("an id").to_owned());
    all.filter(|id| keep(&id[4..9], id[16..18].parse().expect("a day"))).collect()
}

#[test]
fn every_parameter_narrows_the_search() {
    let limit = json!(100);
    let polygon = json!({ "type": "Polygon", "coordinates": [[[13.5, 46.5], [13.6, 46.5], [13.6, 46.6], [13.5, 46.6], [13.5, 46.5]]] });
    let cloud = |id: &str| -> f64 {
        let item = items(Flavour::V1_0).into_iter().find(|item| item["id"] == id).expect("the item");
        item["properties"]["eo:cloud_cover"].as_f64().expect("a number")
    };
    let all = expected(|_, _| true);
    let clear: Vec<String> = all.iter().filter(|id| cloud(id) < 30.0).cloned().collect();
    assert!(!clear.is_empty() && clear.len() < all.len());
    for (body, wanted) in [
        (json!({}), all.clone()),
        (json!({ "bbox": [13.5, 46.5, 13.6, 46.6] }), expected(|tile, _| tile == "33TUN")),
        (json!({ "bbox": [13.5, 46.5, 0.0, 13.6, 46.6, 9.0] }), expected(|tile, _| tile == "33TUN")),
        (json!({ "bbox": [179.0, 46.5, 11.7, 46.6] }), expected(|tile, _| tile == "32TQT")),
        (json!({ "intersects": polygon }), expected(|tile, _| tile == "33TUN")),
        (json!({ "datetime": "2024-06-05T00:00:00Z/2024-06-10T00:00:00Z" }), expected(|_, day| day == 8)),
        (json!({ "datetime": "../2024-06-10T00:00:00Z" }), expected(|_, day| day < 10)),
        (json!({ "datetime": "2024-06-10T00:00:00Z/.." }), expected(|_, day| day > 10)),
        (json!({ "ids": [all[3], all[5], "none"] }), vec![all[3].clone(), all[5].clone()]),
        (json!({ "collections": ["other"] }), vec![]),
        (json!({ "query": { "eo:cloud_cover": { "lt": 30 } } }), clear.clone()),
        (json!({ "query": { "eo:cloud_cover": { "gte": 30 } } }), all.iter().filter(|id| !clear.contains(id)).cloned().collect()),
        (
            json!({ "query": { "grid:code": { "in": ["MGRS-33TUM"] }, "platform": { "startsWith": "sentinel" } } }),
            expected(|tile, _| tile == "33TUM"),
        ),
        (json!({ "filter": { "op": "<", "args": [{ "property": "eo:cloud_cover" }, 30] } }), clear.clone()),
        (json!({ "filter-lang": "cql2-text", "filter": "eo:cloud_cover < 30 AND NOT platform IS NULL" }), clear),
        (
            json!({ "filter-lang": "cql2-text", "filter": "\"grid:code\" LIKE 'MGRS-32%' and datetime < TIMESTAMP('2024-06-05T00:00:00Z')" }),
            expected(|tile, day| tile.starts_with("32") && day == 3),
        ),
        (
            json!({ "filter": { "op": "t_intersects", "args": [{ "property": "datetime" }, { "interval": ["2024-06-08T00:00:00Z", ".."] }] } }),
            expected(|_, day| day >= 8),
        ),
        (json!({ "filter": { "op": "s_intersects", "args": [{ "property": "geometry" }, polygon] } }), expected(|tile, _| tile == "33TUN")),
    ] {
        let mut body = body;
        body["limit"] = limit.clone();
        assert_eq!(post(&body), wanted, "{body}");
    }
}

#[test]
fn sorting() {
    let sorted = post(
        &json!({ "limit": 100, "sortby": [{ "field": "properties.eo:cloud_cover", "direction": "desc" }, { "field": "id", "direction": "asc" }] }),
    );
    let clouds = |ids: &[String]| -> Vec<f64> {
        let items = items(Flavour::V1_0);
        ids.iter()
            .map(|id| {
                items.iter().find(|item| item["id"] == id.as_str()).expect("the item")["properties"]["eo:cloud_cover"].as_f64().expect("a number")
            })
            .collect()
    };
    assert!(clouds(&sorted).is_sorted_by(|a, b| a >= b));
    let (_, page) = ask(&api(Paging::Token), &call(Method::GET, "/search", &[("limit", "100"), ("sortby", "-eo:cloud_cover,+id")], &Value::Null));
    assert_eq!(ids(&page), sorted);
}

#[test]
fn malformed_searches_are_refused() {
    for body in [
        json!({ "bbox": [1, 2, 3] }),
        json!({ "bbox": [0, 0, 1, 1], "intersects": { "type": "Point", "coordinates": [0, 0] } }),
        json!({ "datetime": "2024-06" }),
        json!({ "datetime": "../.." }),
        json!({ "limit": 0 }),
        json!({ "query": { "eo:cloud_cover": { "below": 3 } } }),
        json!({ "filter": { "op": "soundsLike", "args": [] } }),
        json!({ "filter": "a = 1" }),
        json!({ "intersects": { "type": "Blob" } }),
        json!({ "token": "made up" }),
        json!([]),
    ] {
        let (status, answer) = ask(&api(Paging::PostMerge), &call(Method::POST, "/search", &[], &body));
        assert_eq!(status, 400, "{body}");
        assert!(answer["description"].is_string());
    }
    for path in ["/collections/none", "/collections/none/items", "/nowhere"] {
        assert_eq!(ask(&api(Paging::Token), &call(Method::GET, path, &[], &Value::Null)).0, 404, "{path}");
    }
}

/// Follows next links as the item-search specification says; returns all ids and the sizes of the pages.
fn follow(api: &Api, first: Call) -> (Vec<String>, Vec<usize>) {
    let (original, mut next) = (first.body.clone(), first);
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let (status, page) = ask(api, &next);
        assert_eq!(status, 200, "{page}");
        sizes.push(ids(&page).len());
        found.extend(ids(&page));
        let links = page["links"].as_array().expect("links");
        let Some(link) = links.iter().find(|link| link["rel"] == "next") else { return (found, sizes) };
        let href = link["href"].as_str().expect("a href").strip_prefix("http://host/stac").expect("an absolute URL");
        let (path, query) = href.split_once('?').unwrap_or((href, ""));
        let pairs: Vec<(String, String)> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decoded(key), decoded(value))).collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        next = if link["method"] == "POST" {
            let mut body = if link["merge"] == true { serde_json::from_slice(&original).expect("JSON") } else { json!({}) };
            link["body"].as_object().expect("a body").iter().for_each(|(key, value)| body[key] = value.clone());
            call(Method::POST, path, &[], &body)
        } else {
            call(Method::GET, path, &pairs, &Value::Null)
        };
        assert!(sizes.len() < 50, "paging does not end");
    }
}

/// Percent-decoding of ASCII.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| done + &char::from(u8::from_str_radix(&part[..2], 16).expect("hex")).to_string() + &part[2..])
}

#[test]
fn every_paging_style_gives_every_item_once() {
    let wanted = expected(|_, day| day != 8);
    for paging in [Paging::Token, Paging::PostMerge, Paging::PostBody, Paging::Page] {
        let api = api(paging);
        let body = json!({ "limit": 3, "query": { "platform": { "eq": "sentinel-2a" } } });
        assert_eq!(follow(&api, call(Method::POST, "/search", &[], &body)), (wanted.clone(), vec![3, 3, 2]), "{paging:?}");
        let (found, _) = follow(&api, call(Method::GET, "/search", &[("limit", "5"), ("bbox", "-180,-90,180,90")], &Value::Null));
        assert_eq!(found, expected(|_, _| true), "{paging:?}");
    }
    let mut api = api(Paging::PostMerge);
    api.empty_pages = true;
    let (found, sizes) = follow(&api, call(Method::POST, "/search", &[], &json!({ "limit": 5 })));
    assert_eq!((found.len(), sizes), (12, vec![5, 0, 5, 0, 2]));
}

#[test]
fn limits_are_clamped() {
    let mut api = api(Paging::Token);
    api.max_limit = 4;
    let (_, page) = ask(&api, &call(Method::GET, "/search", &[("limit", "9999")], &Value::Null));
    assert_eq!((ids(&page).len(), &page["numberMatched"]), (4, &json!(12)));
}

#[test]
fn both_flavours_say_the_same() {
    let (old, new) = (items(Flavour::V1_0).remove(0), items(Flavour::V1_1).remove(0));
    assert_eq!((&old["properties"]["proj:epsg"], &new["properties"]["proj:code"]), (&json!(32632), &json!("EPSG:32632")));
    let (old, new) = (&old["assets"]["red"], &new["assets"]["red"]);
    assert_eq!(old["raster:bands"][0]["scale"], new["bands"][0]["raster:scale"]);
    assert_eq!(old["raster:bands"][0]["nodata"], new["bands"][0]["nodata"]);
    assert_eq!(old["eo:bands"][0]["common_name"], new["bands"][0]["eo:common_name"]);
}

#[test]
fn pystac_client_accepts_it() {
    for (flavour, paging) in
        [(Flavour::V1_0, Paging::Token), (Flavour::V1_1, Paging::PostMerge), (Flavour::V1_0, Paging::PostBody), (Flavour::V1_1, Paging::Page)]
    {
        // Without empty pages: pystac-client takes the first empty page for the end.
        let api = Api::new(items(flavour)).expect("an api").paging(paging);
        let server = Server::builder().service("/stac", api).start().expect("a server");
        let clear: Vec<Value> = items(flavour)
            .into_iter()
            .filter(|item| item["properties"]["eo:cloud_cover"].as_f64() < Some(30.0))
            .map(|item| item["id"].clone())
            .collect();
        let truth = json!({
            "collections": ["sentinel-2-l2a"], "all": 12, "limit": 3, "code": "EPSG:32632",
            "searches": {
                "all": { "parameters": {}, "ids": expected(|_, _| true) },
                "bbox": { "parameters": { "bbox": [13.5, 46.5, 13.6, 46.6] }, "ids": expected(|tile, _| tile == "33TUN") },
                "month": { "parameters": { "datetime": "2024-06" }, "ids": expected(|_, _| true) },
                "days": { "parameters": { "datetime": "2024-06-04/2024-06-09" }, "ids": expected(|_, day| day == 8) },
                "point": { "parameters": { "intersects": { "type": "Point", "coordinates": [13.6, 46.6] } }, "ids": expected(|tile, _| tile == "33TUN") },
                "query": { "parameters": { "query": { "eo:cloud_cover": { "lt": 30 } } }, "ids": clear },
                "text": { "parameters": { "filter": "eo:cloud_cover < 30", "filter_lang": "cql2-text" }, "ids": clear },
                "json": { "parameters": { "filter": { "op": "<", "args": [{ "property": "eo:cloud_cover" }, 30] } , "filter_lang": "cql2-json" }, "ids": clear },
                "sorted": { "parameters": { "sortby": "-properties.eo:cloud_cover" }, "ids": expected(|_, _| true) },
            },
        });
        common::python("check_stac.py", &[&server.url_of("/stac"), &truth.to_string()]);
    }
}
