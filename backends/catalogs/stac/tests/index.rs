//! Indexes: what is written is found again, by us and by others; what others write is found by us.

mod common;

use std::path::{Path, PathBuf};

use common::{corpus, open, patches, python, run};
use cube_backend::{Kind, PatchQuery};
use cube_catalog_stac::{Item, StacCatalog, write_index};
use cube_core::{Extent, PatchIndex};
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn collection(folder: &Path, items: &[Value]) -> PathBuf {
    let path = folder.join("items.json");
    std::fs::write(&path, json!({"type": "FeatureCollection", "features": items}).to_string()).expect("a file");
    path
}

async fn indexed(source: &Path, to: &Path) -> StacCatalog {
    let catalog = open(source).await.expect("a catalogue");
    let written = write_index(catalog.items(&PatchQuery::default()), to).await.expect("an index");
    assert!(written.bytes > 0);
    open(to).await.expect("the index")
}

fn sorted(mut patches: Vec<PatchIndex>) -> Vec<PatchIndex> {
    patches.sort_by(|a, b| a.id.cmp(&b.id));
    patches
}

/// The same, numbers compared as numbers: a column of doubles makes 5 into 5.0.
fn same(a: &PatchIndex, b: &PatchIndex) -> bool {
    fn plain(v: &Value) -> Value {
        match v {
            Value::Number(n) => json!(n.as_f64()),
            Value::Array(l) => l.iter().map(plain).collect(),
            Value::Object(m) => m.iter().map(|(k, v)| (k.clone(), plain(v))).collect::<serde_json::Map<_, _>>().into(),
            other => other.clone(),
        }
    }
    plain(&serde_json::to_value(a).expect("JSON")) == plain(&serde_json::to_value(b).expect("JSON"))
}

#[tokio::test]
async fn items_of_every_kind_go_through_an_index_unchanged() {
    let Some(root) = corpus() else { return };
    let dir = folder();
    let sources = [
        "odc-tools/S2A_17SPR_20221106_0_L2A.json",
        "odc-tools/S2B_T37MGP_20240710T073012_L2A_C1.json",
        "odc-tools/world-wrapping.stac-item.json",
        "odc-stac/LC08_L2SP_028030_20200114_20200824_02_T1_SR.json",
        "odc-tools/ga_ls8c_ard_3-1-0_088080_2020-05-25_final.stac-item.json",
        "pystac-ext/projection__example-with-version-1.2.json",
        "pystac-ext/raster__raster-planet-example.json",
        "extensions/raster/item-sentinel2.json",
        "stac-geoparquet/naip-pc.json",
        "stac-geoparquet/sentinel-2-l2a-pc.json",
        "stac-geoparquet/landsat-c2-l1-pc.json",
        "stac-geoparquet/io-lulc-pc.json",
        "stac-geoparquet/umbra-sar.json",
        "rustac/sentinel-2__item-collection.json",
        "pgstac/items.ndjson",
        "stactools-sentinel2/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE__expected_output.json",
        "stactools-landsat/assets3__LC08_L2SP_008059_20191201_20200825_02_T1_SR_stac.json",
        "pystac-1.1/examples/1.1.0/extended-item.json",
    ];
    let mut together = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        let catalog = open(root.join(source)).await.expect(source);
        let before = sorted(patches(&catalog, &PatchQuery::default()).await.expect(source));
        for ending in ["parquet", "json", "ndjson"] {
            let index = indexed(&root.join(source), &dir.path().join(format!("{i}.{ending}"))).await;
            let after = sorted(patches(&index, &PatchQuery::default()).await.expect(source));
            assert_eq!(before.len(), after.len(), "{source}");
            for (b, a) in before.iter().zip(&after) {
                assert!(same(b, a), "{source} {ending}\n{}\n{}", serde_json::to_string(b).expect("JSON"), serde_json::to_string(a).expect("JSON"));
            }
        }
        together.extend(catalog.items(&PatchQuery::default()).try_collect::<Vec<Item>>().await.expect(source));
    }
    // All of them in one file: columns of every archive side by side.
    let path = dir.path().join("all.parquet");
    write_index(stream::iter(together.clone().into_iter().map(Ok)), &path).await.expect("one index");
    let index = open(&path).await.expect("the index");
    let all = patches(&index, &PatchQuery::default()).await.expect("patches");
    let ids: std::collections::BTreeSet<_> = together.iter().map(Item::patch_id).collect();
    assert_eq!(all.len(), ids.len());
    for wanted in ["red", "B04", "image", "image.2", "nir08"] {
        let query = PatchQuery { assets: vec![wanted.to_owned()], ..PatchQuery::default() };
        for p in patches(&index, &query).await.expect("patches") {
            let item = together.iter().find(|i| i.patch_id() == p.id).expect("an item");
            let plain = dir.path().join("one.json");
            std::fs::write(&plain, serde_json::to_string(item).expect("JSON")).expect("a file");
            let direct = patches(&open(&plain).await.expect("an item"), &query).await.expect("a patch").remove(0);
            assert!(same(&direct, &p), "{wanted} of {}\n{direct:?}\n{p:?}", p.id);
        }
    }
    if let Some(python) = python() {
        let script = r"
import sys, pyarrow.parquet as pq, stac_geoparquet.arrow as a, geopandas, pystac
t = pq.read_table(sys.argv[1])
items = list(a.stac_table_to_items(t))
assert len(items) == int(sys.argv[2]), len(items)
for i in items: pystac.Item.from_dict({**i, 'assets': {k: v for k, v in i['assets'].items() if v}})
g = geopandas.read_parquet(sys.argv[1])
assert len(g) == len(items) and g.crs.to_epsg() in (None, 4326) or str(g.crs) == 'OGC:CRS84', g.crs
b = geopandas.read_parquet(sys.argv[1], bbox=(40, -7, 42, -5))
assert 0 < len(b) < len(g), len(b)
print('read', len(items))
";
        run(&python, script, &[path.to_str().expect("a path"), &all.len().to_string()]);
    }
}

#[tokio::test]
async fn files_of_other_writers_are_read() {
    let Some(root) = corpus() else { return };
    for (file, count) in [
        ("stac-geoparquet/naip.parquet", 5),
        ("rustac/data__extended-item.parquet", 1),
        ("rustac/data__sentinel-1-global-mosaics.parquet", 4),
        ("rustac/data__opr-one.parquet", 1),
    ] {
        let all = patches(&open(root.join(file)).await.expect(file), &PatchQuery::default()).await.expect(file);
        assert_eq!(all.len(), count, "{file}");
        assert!(all.iter().all(|p| p.time.is_some() && p.footprint.is_some() && p.bbox.is_some()), "{file}");
    }
    let mosaics = patches(
        &open(root.join("rustac/data__sentinel-1-global-mosaics.parquet")).await.expect("a file"),
        &PatchQuery { assets: vec!["VH".into()], ..PatchQuery::default() },
    )
    .await
    .expect("patches");
    assert!(mosaics.iter().all(|p| p.assets["VH"].grid.as_ref().is_some_and(|g| g.geobox().is_some())));

    let Some(python) = python() else { return };
    let dir = folder();
    let path = dir.path().join("python.parquet");
    let source = root.join("rustac/sentinel-2__item-collection.json");
    let script = r"
import sys, json, stac_geoparquet.arrow as a
d = json.load(open(sys.argv[1]))['features']
a.to_parquet(a.parse_stac_items_to_arrow(d), sys.argv[2])
";
    run(&python, script, &[source.to_str().expect("a path"), path.to_str().expect("a path")]);
    let (ours, theirs) = (open(&source).await.expect("items"), open(&path).await.expect("an index"));
    let query = PatchQuery { assets: vec!["red".into(), "scl".into()], ..PatchQuery::default() };
    let (a, b) = (sorted(patches(&ours, &query).await.expect("patches")), sorted(patches(&theirs, &query).await.expect("patches")));
    assert!(!a.is_empty() && a.len() == b.len());
    assert!(a.iter().zip(&b).all(|(a, b)| same(a, b)));
}

fn plain_item(id: &str) -> Value {
    json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "geometry": {"type": "Point", "coordinates": [0.0, 1.0]}, "bbox": [0.0, 1.0, 0.0, 1.0],
        "properties": {"datetime": "2024-01-01T12:00:00Z"}, "links": [], "assets": {"a": {"href": format!("https://h/{id}.tif"), "type": "image/tiff"}}})
}

#[tokio::test]
async fn odd_items_fit_into_columns() {
    let dir = folder();
    let mut a = plain_item("a");
    let mut b = plain_item("b");
    a["properties"]["mixed"] = json!("text");
    b["properties"]["mixed"] = json!({"an": ["object", 1]});
    a["properties"]["number"] = json!(1);
    b["properties"]["number"] = json!(1.5);
    a["properties"]["empty"] = json!({});
    a["properties"]["none"] = json!([]);
    a["properties"]["id"] = json!("a property that is named like a member");
    a["properties"]["created"] = json!("2024-01-01T00:00:00.123456+02:00");
    b["properties"]["expires"] = json!("never");
    a["assets"]["a"]["raster:bands"] = json!([{"nodata": "nan", "data_type": "float32"}]);
    b["assets"]["a"]["raster:bands"] = json!([{"nodata": -9999, "data_type": "float32"}]);
    b["geometry"] = Value::Null;
    b["links"] = json!([{"rel": "self", "href": "https://h/b.json", "odd": [1, "two"]}]);
    let plain = collection(dir.path(), &[a, b]);
    let index = indexed(&plain, &dir.path().join("odd.parquet")).await;
    let items: Vec<Item> = index.items(&PatchQuery::default()).try_collect().await.expect("items");
    let of = |id: &str| items.iter().find(|i| i.id() == id).expect("an item");
    assert_eq!(of("b").property("mixed"), Some(&json!({"an": ["object", 1]})));
    assert_eq!(of("a").property("mixed"), Some(&json!("text")));
    assert_eq!(of("a").property("created"), Some(&json!("2023-12-31T22:00:00.123456Z")));
    assert_eq!(of("b").property("expires"), Some(&json!("never")));
    assert_eq!(of("b").as_json()["geometry"], Value::Null);
    let before = sorted(patches(&open(&plain).await.expect("items"), &PatchQuery::default()).await.expect("patches"));
    let after = sorted(patches(&index, &PatchQuery::default()).await.expect("patches"));
    assert!(before.iter().zip(&after).all(|(a, b)| same(a, b)), "{before:?}\n{after:?}");
}

#[tokio::test]
async fn an_index_is_whole_or_not_there() {
    let dir = folder();
    let broken = stream::iter([Err(cube_backend::Error::corrupt("a page that failed"))]);
    for name in ["x.parquet", "x.json"] {
        let path = dir.path().join(name);
        let items = stream::iter([Err(cube_backend::Error::corrupt("a page that failed"))]);
        assert!(write_index(items, &path).await.is_err());
        assert!(!path.exists());
    }
    let e = write_index(broken, &dir.path().join("x.csv")).await.expect_err("refused");
    assert!(e.kind() == Kind::Invalid && e.hint().is_some());
    for name in ["empty.parquet", "empty.json", "empty.ndjson"] {
        let path = dir.path().join(name);
        assert_eq!(write_index(stream::empty(), &path).await.expect("an empty index").items, 0);
        assert_eq!(patches(&open(&path).await.expect(name), &PatchQuery::default()).await.expect("nothing").len(), 0, "{name}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 3, "nothing is left behind");
}

#[tokio::test]
async fn files_that_are_no_index_are_refused() {
    let dir = folder();
    let path = dir.path().join("x.parquet");
    assert_eq!(open(&path).await.err().map(|e| e.kind()), Some(Kind::NotFound));
    std::fs::write(&path, b"PAR1 but nothing else PAR1").expect("a file");
    assert_eq!(open(&path).await.err().map(|e| e.kind()), Some(Kind::Corrupt));
    write_index(stream::empty(), &path).await.expect("an index");
    let whole = std::fs::read(&path).expect("bytes");
    for cut in [whole.len() / 2, whole.len() - 1, 4] {
        std::fs::write(&path, &whole[..cut]).expect("a file");
        assert_eq!(open(&path).await.err().map(|e| e.kind()), Some(Kind::Corrupt), "{cut}");
    }
}

/// Files of the Python package have the boxes that libraries write of crossings, and none is lost for it; and it reads projected outlines of ours.
#[tokio::test]
async fn files_of_the_python_package_say_the_same_at_the_antimeridian() {
    let Some(python) = python() else { return };
    let dir = folder();
    let ring = |points: [[f64; 2]; 5]| json!({"type": "Polygon", "coordinates": [points]});
    let jumping = ring([[179.2, 60.0], [-179.3, 60.1], [-179.4, 61.0], [179.1, 60.9], [179.2, 60.0]]);
    let wide = ring([[179.7, -14.5], [179.7, 71.3], [-179.1, 71.3], [-179.1, -14.5], [179.7, -14.5]]);
    let small = ring([[10.0, 60.0], [11.0, 60.0], [11.0, 61.0], [10.0, 61.0], [10.0, 60.0]]);
    let item = |id: &str, geometry: &Value, bbox: [f64; 4]| {
        json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "links": [], "geometry": geometry, "bbox": bbox, "stac_extensions": [],
            "assets": {"a": {"href": "https://h/a.tif", "proj:geometry": small}},
            "properties": {"datetime": "2024-01-01T12:00:00Z", "proj:code": "EPSG:32601", "proj:geometry": small}})
    };
    let items = [
        item("least and greatest", &jumping, [-179.4, 60.0, 179.2, 61.0]),
        item("right", &jumping, [179.1, 60.0, -179.3, 61.0]),
        item("wide", &wide, [-179.1, -14.5, 179.7, 71.3]),
        item("small", &small, [10.0, 60.0, 11.0, 61.0]),
    ];
    let (plain, theirs, ours) = (collection(dir.path(), &items), dir.path().join("theirs.parquet"), dir.path().join("ours.parquet"));
    indexed(&plain, &ours).await;
    let script = r"
import sys, json, geopandas, pyarrow.parquet as pq, stac_geoparquet.arrow as a
items = json.load(open(sys.argv[1]))['features']
a.to_parquet(a.parse_stac_items_to_arrow(items), sys.argv[2])
read = {i['id']: i for i in a.stac_table_to_items(pq.read_table(sys.argv[3]))}
for i in items:
    assert read[i['id']]['properties']['proj:geometry'] == i['properties']['proj:geometry'], read[i['id']]
    assert read[i['id']]['assets']['a']['proj:geometry'] == i['assets']['a']['proj:geometry'], read[i['id']]
g = geopandas.read_parquet(sys.argv[3])
assert g['proj:geometry'].crs is None and g.crs is not None and len(g) == 4
";
    run(&python, script, &[&plain, &theirs, &ours].map(|p| p.to_str().expect("a path")));
    for (west, south, wanted) in [
        (179.5, 60.3, vec!["least and greatest", "right", "wide"]),
        (-179.8, 60.3, vec!["least and greatest", "right"]),
        (-100.0, 40.0, vec!["wide"]),
        (10.2, 60.3, vec!["small", "wide"]),
        (-179.05, 80.0, vec![]),
    ] {
        let query = PatchQuery { boxes: vec![Extent::new(west, south, west + 0.1, south + 0.1)], ..PatchQuery::default() };
        for file in [&plain, &theirs, &ours] {
            let found: Vec<Item> = open(file).await.expect("a catalogue").items(&query).try_collect().await.expect("items");
            let mut ids: Vec<&str> = found.iter().map(Item::id).collect();
            ids.sort_unstable();
            assert_eq!(ids, wanted, "{west},{south} in {}", file.display());
        }
    }
}
