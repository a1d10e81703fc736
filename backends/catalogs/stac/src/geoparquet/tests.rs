//! What is left out of an index while it is read never changes an answer.

use std::{path::Path, sync::Arc};

use cube_access::{Access, AccessOptions};
use cube_backend::{Catalog, Kind, PatchQuery};
use cube_core::{Extent, PatchIndex, Period, TimeValue};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::{Spool, write::write_grouped};
use crate::{Item, StacCatalog, StacOptions, location::Location};

async fn open(path: &Path) -> StacCatalog {
    let access = Access::new(AccessOptions::default()).expect("access");
    StacCatalog::open(&path.to_string_lossy(), Arc::new(access), StacOptions::default()).await.expect("a catalogue")
}

async fn sorted(catalog: &StacCatalog, query: &PatchQuery) -> Vec<String> {
    let patches: Vec<PatchIndex> = catalog.patches(query).try_collect().await.expect("patches");
    let mut all: Vec<String> = patches.iter().map(|p| serde_json::to_string(p).expect("JSON")).collect();
    all.sort();
    all
}

fn grid_item(lon: i32, lat: i32, day: u32) -> Value {
    let (w, s) = (f64::from(lon), f64::from(lat));
    let crossing = w + 1.5 > 180.0;
    let (e, n) = (if crossing { w + 1.5 - 360.0 } else { w + 1.5 }, s + 1.5);
    let east = w + 1.5;
    let interval = day.is_multiple_of(3);
    let mut properties = json!({"datetime": format!("2024-01-{day:02}T12:00:00Z"), "eo:cloud_cover": f64::from(day), "platform": "x"});
    if interval {
        properties["datetime"] = Value::Null;
        properties["start_datetime"] = format!("2024-01-{day:02}T00:00:00Z").into();
        properties["end_datetime"] = format!("2024-01-{day:02}T23:59:59Z").into();
    }
    json!({"type": "Feature", "stac_version": "1.1.0", "id": format!("t_{lon}_{lat}_{day}"), "collection": if day.is_multiple_of(2) { "even" } else { "odd" },
        "geometry": {"type": "Polygon", "coordinates": [[[w, s], [east, s], [east, n], [w, n], [w, s]]]}, "bbox": [w, s, e, n], "properties": properties, "links": [],
        "assets": {"a": {"href": format!("https://h/{lon}/{lat}/{day}/a.tif"), "type": "image/tiff"}, "b": {"href": "https://h/b.tif", "type": "image/tiff", "bands": [{"name": "nir"}]}}})
}

/// Every kind of question gets from an index the answer that the plain items give.
#[tokio::test]
async fn pruning_never_changes_an_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let items: Vec<Value> = (-12..12)
        .flat_map(|x| (-6..6).flat_map(move |y| [1, 5, 6, 9, 28].map(move |d| grid_item(x * 15, y * 15, d))))
        .chain((1..20).map(|d| grid_item(179, 10, d)))
        .collect();
    let (plain_file, index_file) = (dir.path().join("items.json"), dir.path().join("index.parquet"));
    std::fs::write(&plain_file, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    let mut spool = Spool::new(dir.path()).expect("a spool");
    let here = Location::parse("/items.json").expect("a path");
    items.into_iter().for_each(|i| spool.add(&Item::new(i, &here, None).expect("an item")).expect("room"));
    write_grouped(spool, &index_file, 60).expect("an index");
    let (plain, index) = (open(&plain_file).await, open(&index_file).await);
    let at = |day: i64, hour: i64| TimeValue((19_723 + day - 1) * 86_400_000_000 + hour * 3_600_000_000);
    let boxes = [
        vec![],
        vec![Extent::new(0.2, 0.2, 0.4, 0.4)],
        vec![Extent::new(-180.0, 9.0, -179.0, 12.0)],
        vec![Extent::new(179.5, 9.0, 180.0, 12.0), Extent::new(-180.0, 9.0, -179.9, 12.0)],
        vec![Extent::new(-180.0, -90.0, 180.0, 90.0)],
        vec![Extent::new(3.0, 3.0, 4.0, 4.0)],
        vec![Extent::new(-46.0, -46.0, 16.0, 16.0)],
    ];
    let periods = [
        vec![],
        vec![Period::new(at(5, 0), at(6, 0))],
        vec![Period::new(at(6, 12), at(6, 13)), Period { start: Some(at(27, 0)), end: None }],
        vec![Period::new(at(40, 0), at(50, 0))],
    ];
    let mut found = 0;
    for boxes in &boxes {
        for periods in &periods {
            for (collections, filter, assets) in
                [(vec![], None, vec![]), (vec!["even"], Some(json!("eo:cloud_cover < 9")), vec!["nir"]), (vec!["odd", "even"], None, vec!["a"])]
            {
                let query = PatchQuery {
                    boxes: boxes.clone(),
                    periods: periods.clone(),
                    collections: collections.into_iter().map(str::to_owned).collect(),
                    filter,
                    assets: assets.into_iter().map(str::to_owned).collect(),
                    ..PatchQuery::default()
                };
                let (a, b) = (sorted(&plain, &query).await, sorted(&index, &query).await);
                assert!(a == b, "{query:?}: {} and {}", a.len(), b.len());
                found += a.len();
            }
        }
    }
    assert!(found > 5_000, "{found}");
    index.check(&["even".into(), "odd".into()]).await.expect("both are there");
    let e = index.check(&["neither".into()]).await.expect_err("it is not there");
    assert!(e.kind() == Kind::NotFound && e.to_string().contains("`neither`") && e.hint().is_some_and(|h| h.contains("`even`")));
}

/// Heights of outlines are kept, those of boxes where all have some; what is lost is told.
#[tokio::test]
async fn heights_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = Location::parse("/items.json").expect("a path");
    let with_heights = |id: &str, z: f64| {
        json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "links": [], "assets": {}, "bbox": [0.0, 0.0, z, 1.0, 1.0, z + 9.0],
            "geometry": {"type": "Polygon", "coordinates": [[[0.0, 0.0, z], [1.0, 0.0, z], [1.0, 1.0, z + 9.0], [0.0, 0.0, z]]]},
            "properties": {"datetime": "2024-01-01T12:00:00Z"}})
    };
    let mut flat = grid_item(0, 0, 1);
    flat["properties"]["collection"] = "even".into();
    for (items, boxes, lost) in [(vec![with_heights("a", 5.5), with_heights("b", -3.0)], 6, 0), (vec![with_heights("a", 5.5), flat], 4, 2)] {
        let file = dir.path().join("heights.parquet");
        let mut spool = Spool::new(dir.path()).expect("a spool");
        items.iter().for_each(|i| spool.add(&Item::new(i.clone(), &here, None).expect("an item")).expect("room"));
        assert_eq!(spool.losses().len(), lost, "{:?}", spool.losses());
        write_grouped(spool, &file, 60).expect("an index");
        let mut read: Vec<Item> = open(&file).await.items(&PatchQuery::default()).try_collect().await.expect("items");
        read.sort_by_key(|i| i.id().to_owned());
        for (before, after) in items.iter().zip(&read) {
            assert_eq!(after.as_json()["geometry"], before["geometry"]);
            assert_eq!(after.as_json()["bbox"].as_array().map(Vec::len), Some(boxes), "{:?}", after.as_json()["bbox"]);
            assert!(boxes == 4 || after.as_json()["bbox"] == before["bbox"], "{:?}", after.as_json()["bbox"]);
        }
    }
}

/// Items of which the ends of the interval are the wrong way round, or one is missing, or which state no time at all.
#[tokio::test]
async fn odd_times_are_found_in_an_index_as_in_plain_items() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = Location::parse("/items.json").expect("a path");
    let item = |id: usize, times: Value| {
        let mut item = grid_item(0, 0, 1);
        item["id"] = format!("i{id}").into();
        item["properties"] = times;
        item
    };
    let day = |d: u32| format!("2024-01-{d:02}T00:00:00Z");
    let items: Vec<Value> = [
        json!({"datetime": null, "start_datetime": day(10), "end_datetime": day(5)}),
        json!({"datetime": null, "start_datetime": day(7)}),
        json!({"datetime": null, "end_datetime": day(7)}),
        json!({"datetime": null}),
        json!({"datetime": day(2)}),
        json!({"datetime": day(2), "start_datetime": day(2), "end_datetime": day(12)}),
    ]
    .into_iter()
    .enumerate()
    .map(|(id, times)| item(id, times))
    .collect();
    let (plain_file, index_file) = (dir.path().join("items.json"), dir.path().join("index.parquet"));
    std::fs::write(&plain_file, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    for row_group in [1, 2, 3, 60] {
        let mut spool = Spool::new(dir.path()).expect("a spool");
        items.iter().for_each(|i| spool.add(&Item::new(i.clone(), &here, None).expect("an item")).expect("room"));
        write_grouped(spool, &index_file, row_group).expect("an index");
        let (plain, index) = (open(&plain_file).await, open(&index_file).await);
        let at = |day: i64| TimeValue((19_723 + day - 1) * 86_400_000_000);
        for first in 1..14 {
            let query = PatchQuery { periods: vec![Period::new(at(first), at(first + 1))], ..PatchQuery::default() };
            assert_eq!(sorted(&plain, &query).await, sorted(&index, &query).await, "the {first}. in groups of {row_group}");
            // The one without a time is read, so that it can be told.
            let store = Arc::new(object_store::local::LocalFileSystem::new());
            let path = object_store::path::Path::from_absolute_path(&index_file).expect("a path");
            let file = Arc::new(super::Index::open(store, path, here.clone()).await.expect("an index"));
            let wanted = Arc::new(crate::wanted::Wanted::new(&query, &[], false).expect("a query"));
            let read: Vec<Vec<Item>> = file.pages(wanted, true).try_collect().await.expect("items");
            assert!(read.iter().flatten().any(|i| i.id() == "i3"), "the {first}. in groups of {row_group}");
        }
    }
}

/// Items as files hold them that cross the antimeridian, and wide ones; from an index every box finds what it finds in plain items.
#[tokio::test]
async fn the_antimeridian_is_one_in_an_index_and_in_plain_items() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = Location::parse("/items.json").expect("a path");
    let item = |id: &str, ring: &[[f64; 2]], bbox: Value| {
        json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "links": [], "assets": {}, "bbox": bbox,
            "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"datetime": "2024-01-01T12:00:00Z"}})
    };
    let jumping = [[179.2, 60.0], [-179.3, 60.1], [-179.4, 61.0], [179.1, 60.9], [179.2, 60.0]];
    let running = jumping.map(|[x, y]| [if x < 0.0 { x + 360.0 } else { x }, y]);
    let wide = [[179.7, -14.5], [179.7, 71.3], [-179.1, 71.3], [-179.1, -14.5], [179.7, -14.5]];
    let items = [
        item("least and greatest", &jumping, json!([-179.4, 60.0, 179.2, 61.0])),
        item("the whole turn", &jumping, json!([-180.0, 60.0, 180.0, 61.0])),
        item("right", &jumping, json!([179.1, 60.0, -179.3, 61.0])),
        item("none", &jumping, Value::Null),
        item("one side", &jumping, json!([179.1, 60.0, 180.0, 61.0])),
        item("running", &running, json!([179.1, 60.0, 180.7, 61.0])),
        item("wide", &wide, json!([-179.1, -14.5, 179.7, 71.3])),
        grid_item(0, 0, 1),
        grid_item(-120, 60, 2),
        grid_item(120, 60, 2),
    ];
    let (plain_file, index_file) = (dir.path().join("items.json"), dir.path().join("index.parquet"));
    std::fs::write(&plain_file, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    for row_group in [1, 3, 60] {
        let mut spool = Spool::new(dir.path()).expect("a spool");
        items.iter().for_each(|i| spool.add(&Item::new(i.clone(), &here, None).expect("an item")).expect("room"));
        write_grouped(spool, &index_file, row_group).expect("an index");
        let (plain, index) = (open(&plain_file).await, open(&index_file).await);
        for (west, south, many) in
            [(179.5, 60.3, 7), (-180.0, 60.3, 6), (-179.6, 60.3, 6), (178.5, 60.3, 1), (-100.0, 40.0, 1), (0.1, 0.1, 2), (-179.1, 0.0, 1)]
        {
            let query = PatchQuery { boxes: vec![Extent::new(west, south, west + 0.1, south + 0.2)], ..PatchQuery::default() };
            let (a, b) = (sorted(&plain, &query).await, sorted(&index, &query).await);
            let ids = |all: &[String]| all.iter().filter_map(|p| Some(serde_json::from_str::<Value>(p).ok()?["id"].clone())).collect::<Vec<_>>();
            assert_eq!(ids(&a), ids(&b), "{west},{south} in groups of {row_group}");
            assert_eq!(a.len(), many, "{west},{south}: {:?}", ids(&a));
        }
    }
}

/// Items that state no place are found by no region, and none that states no collection gets one.
#[tokio::test]
async fn what_items_do_not_state_is_not_made_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = Location::parse("/items.json").expect("a path");
    let mut items: Vec<Value> = (0..6).map(|x| grid_item(x * 20, 0, 1)).collect();
    for (i, item) in items.iter_mut().enumerate().filter(|(i, _)| i % 2 == 1) {
        item["id"] = format!("nowhere_{i}").into();
        item["geometry"] = Value::Null;
        item.as_object_mut().expect("an object").retain(|name, _| name != "bbox" && name != "collection");
    }
    let (plain_file, index_file) = (dir.path().join("items.json"), dir.path().join("index.parquet"));
    std::fs::write(&plain_file, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    for row_group in [1, 2, 60] {
        let mut spool = Spool::new(dir.path()).expect("a spool");
        items.iter().for_each(|i| spool.add(&Item::new(i.clone(), &here, None).expect("an item")).expect("room"));
        write_grouped(spool, &index_file, row_group).expect("an index");
        for file in [&plain_file, &index_file] {
            let catalog = open(file).await;
            let near = Extent::new(40.2, 0.2, 40.4, 0.4);
            let by_box = PatchQuery { boxes: vec![near], ..PatchQuery::default() };
            let point = json!({"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [40.3, 0.3]}]});
            let by_point = PatchQuery { filter: Some(point), ..PatchQuery::default() };
            for query in [by_box, by_point] {
                let found: Vec<Item> = catalog.items(&query).try_collect().await.expect("items");
                assert_eq!(found.iter().map(Item::id).collect::<Vec<_>>(), ["t_40_0_1"], "{} in groups of {row_group}", file.display());
            }
            // Those that are left out are read, so that they can be told.
            let wanted =
                Arc::new(crate::wanted::Wanted::new(&PatchQuery { boxes: vec![near], ..PatchQuery::default() }, &[], false).expect("a query"));
            if file == &index_file {
                let store = Arc::new(object_store::local::LocalFileSystem::new());
                let path = object_store::path::Path::from_absolute_path(&index_file).expect("a path");
                let index = Arc::new(super::Index::open(store, path, here.clone()).await.expect("an index"));
                let read: Vec<Vec<Item>> = index.pages(wanted, true).try_collect().await.expect("items");
                assert_eq!(read.iter().flatten().filter(|i| i.id().starts_with("nowhere")).count(), 3, "in groups of {row_group}");
            }
            let all: Vec<Item> = catalog.items(&PatchQuery::default()).try_collect().await.expect("items");
            assert_eq!(all.len(), 6);
            for item in all {
                let is_stated = item.as_json().get("collection").is_some_and(|c| !c.is_null());
                assert_eq!(is_stated, !item.id().starts_with("nowhere"), "{:?}", item.as_json().get("collection"));
            }
            catalog.check(&["items".into(), "odd".into()]).await.expect("both are there");
            let of_none = PatchQuery { collections: vec!["items".into()], ..PatchQuery::default() };
            assert_eq!(sorted(&catalog, &of_none).await.len(), 3, "they are found by the name that the engine gives them");
        }
    }
}

/// The outline in the CRS of the pixels is kept where all items have one; where not, that is told.
#[tokio::test]
async fn projected_outlines_are_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = Location::parse("/items.json").expect("a path");
    let outline = |x: f64| json!({"type": "Polygon", "coordinates": [[[x, 0.0], [x + 1.5, 0.0], [x + 1.5, 9.0], [x, 0.0]]]});
    let full = |lon: i32| {
        let mut item = grid_item(lon, 0, 1);
        item["properties"]["proj:geometry"] = outline(500_000.0 + f64::from(lon));
        item["assets"]["a"]["proj:geometry"] = outline(300_000.0);
        item
    };
    let (mut unreadable, mut of_property) = (full(0), full(20));
    unreadable["properties"]["proj:geometry"] = "somewhere".into();
    of_property["assets"]["a"] = json!({"href": "https://h/a.tif", "proj:geometry": null});
    for (items, lost, kept) in [
        (vec![full(0), full(20)], 0, [2, 2]),
        (vec![full(0), grid_item(20, 0, 1)], 2, [0, 0]),
        (vec![full(0), of_property], 1, [2, 0]),
        (vec![unreadable], 1, [0, 1]),
        (vec![grid_item(0, 0, 1)], 0, [0, 0]),
    ] {
        let file = dir.path().join("projected.parquet");
        let mut spool = Spool::new(dir.path()).expect("a spool");
        items.iter().for_each(|i| spool.add(&Item::new(i.clone(), &here, None).expect("an item")).expect("room"));
        let losses = spool.losses();
        assert!(losses.len() == lost && losses.iter().all(|l| l.contains("proj:geometry")), "{losses:?}");
        write_grouped(spool, &file, 60).expect("an index");
        let mut read: Vec<Item> = open(&file).await.items(&PatchQuery::default()).try_collect().await.expect("items");
        read.sort_by_key(|i| i.id().to_owned());
        for (n, pointer) in [(0, "/properties/proj:geometry"), (1, "/assets/a/proj:geometry")] {
            let found: Vec<(Value, Option<&Value>)> = read
                .iter()
                .zip(&items)
                .filter_map(|(after, before)| Some((Value::Object(after.as_json().clone()).pointer(pointer)?.clone(), before.pointer(pointer))))
                .collect();
            assert_eq!(found.len(), kept[n], "{pointer}");
            assert!(found.iter().all(|(after, before)| Some(after) == *before), "{found:?}");
        }
    }
}
