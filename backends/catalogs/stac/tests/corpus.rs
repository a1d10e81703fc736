//! Documents that others wrote: understood, or refused by name.
#![allow(clippy::print_stdout, reason = "what was refused is shown")]

mod common;

use std::collections::BTreeMap;

use common::{corpus, files, open, patches};
use cube_backend::{Kind, PatchQuery};
use cube_core::{Extent, PatchIndex};

/// What a document is, in short.
async fn reading(path: &std::path::Path) -> Result<usize, (Kind, String)> {
    let told = |e: cube_backend::Error| {
        assert!(e.to_string().contains('`'), "{}: an error names what it is about: {e}", path.display());
        (e.kind(), e.to_string())
    };
    let catalog = open(path).await.map_err(told)?;
    let found = patches(&catalog, &PatchQuery::default()).await.map_err(told)?;
    for p in &found {
        assert!(
            p.bbox.is_none_or(|b| b.iter().all(|v| v.is_finite()) && b[1] <= b[3] && b[0].abs() <= 180.0 && b[2].abs() <= 180.0),
            "{}: {:?}",
            path.display(),
            p.bbox
        );
        assert!(!p.version.is_empty());
        for (name, asset) in &p.assets {
            assert!(asset.href.contains("://") || asset.href.starts_with('/'), "{}: {name}: {}", path.display(), asset.href);
        }
    }
    Ok(found.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_is_understood_or_refused_by_name() {
    let Some(root) = corpus() else { return };
    let mut refused = BTreeMap::new();
    let (mut documents, mut items) = (0, 0);
    for path in files(&root, &[".json", ".parquet", ".ndjson"]) {
        documents += 1;
        match reading(&path).await {
            Ok(n) => items += n,
            Err(why) => drop(refused.insert(path.strip_prefix(&root).expect("inside").to_owned(), why)),
        }
    }
    for (path, (kind, why)) in &refused {
        println!("{} {kind:?} {why}", path.display());
    }
    println!("{documents} documents, {items} items, {} refused", refused.len());
    assert!(documents > 300 && items > 500, "{documents} documents, {items} items");
    // A whole STAC item is never refused, except where it is broken on purpose.
    for (path, (_, why)) in &refused {
        let text = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let is_item = value["type"] == "Feature" && value["assets"].is_object() && value["id"].as_str().is_some_and(|id| !id.is_empty());
        assert!(!is_item || why.contains("is no time") || why.contains("has no properties"), "{}: {why}", path.display());
    }
}

async fn one(path: &str, wanted: &[&str]) -> Option<PatchIndex> {
    let root = corpus()?;
    let catalog = open(root.join(path)).await.expect(path);
    let query = PatchQuery { assets: wanted.iter().map(|s| (*s).to_owned()).collect(), ..PatchQuery::default() };
    let mut found = patches(&catalog, &query).await.expect(path);
    assert_eq!(found.len(), 1, "{path}");
    Some(found.remove(0))
}

#[tokio::test]
async fn an_item_of_each_archive_is_read_right() {
    // Earth Search v1, collection 1: never applied, declared.
    let Some(c1) = one("odc-tools/S2B_T37MGP_20240710T073012_L2A_C1.json", &["red", "B04", "scl", "visual.2"]).await else { return };
    let red = &c1.assets["red"];
    assert_eq!(
        (red.scale, red.offset, red.dtype, red.nodata),
        (Some(0.0001), Some(-0.1), Some(cube_core::DType::UInt16), Some(cube_core::Number::Int(0)))
    );
    assert_eq!(
        (red.size, red.checksum.as_deref()),
        (Some(195_515_104), Some("1220e5dcfaeab33dc3ec24325538556024f618caf595ea427a3877db60949c69d565"))
    );
    assert_eq!(
        red.grid.as_ref().and_then(|g| g.geobox()).map(|g| (g.crs().to_string(), g.affine().c, g.shape().rows)),
        Some(("EPSG:32737".into(), 699_960.0, 10_980))
    );
    assert_eq!(c1.assets["B04"], *red, "one asset, two names");
    assert_eq!((c1.assets["scl"].offset, c1.assets["visual.2"].band), (None, 1));

    // Earth Search v0: applied, and so nothing to subtract.
    let v0 = one("odc-tools/S2A_17SPR_20221106_0_L2A.json", &["red", "B04"]).await.expect("an item");
    assert_eq!(
        v0.assets["red"].href,
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/17/S/PR/2022/11/S2A_17SPR_20221106_0_L2A/B04.tif"
    );
    assert_eq!(v0.assets["red"].offset, Some(0.0));
    assert_eq!(v0.id.as_str(), "sentinel-s2-l2a-cogs/S2A_17SPR_20221106_0_L2A");

    // Landsat of USGS: a web server with a login, and a bucket beside it.
    let landsat = one("odc-stac/LC08_L2SP_028030_20200114_20200824_02_T1_SR.json", &["red"]).await.expect("an item");
    let red = &landsat.assets["red"];
    assert!(red.href.starts_with("https://landsatlook.usgs.gov/") && red.alternates["s3"].starts_with("s3://usgs-landsat/"), "{red:?}");

    // Across the antimeridian, in a CRS of the Pacific.
    let pacific = one("odc-tools/world-wrapping.stac-item.json", &[]).await.expect("an item");
    let [w, _, e, _] = pacific.bbox.expect("a box");
    assert!(w > 179.0 && e < -179.0, "{:?}", pacific.bbox);
    assert!(pacific.interval.is_some_and(|(a, b)| a < b));

    // Relative hrefs of a local item.
    let relative = one("stactools-sentinel2/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE__expected_output.json", &["red"])
        .await
        .expect("an item");
    assert!(
        relative.assets["red"]
            .href
            .ends_with("/stactools-sentinel2/GRANULE/L2A_T01WCP_A041826_20230625T234624/IMG_DATA/R10m/T01WCP_20230625T234621_B04_10m.jp2")
    );
    assert_eq!(relative.assets["red"].grid.as_ref().and_then(|g| g.crs.as_ref()).and_then(|c| c.epsg()), Some(32601));
}

#[tokio::test]
async fn a_static_catalogue_is_walked_and_pruned() {
    let Some(root) = corpus() else { return };
    let catalog = open(root.join("pystac-catalog/test-case-1/catalog.json")).await.expect("a catalogue");
    let all = patches(&catalog, &PatchQuery::default()).await.expect("items");
    assert_eq!(all.len(), 8, "{:?}", all.iter().map(|p| p.id.as_str()).collect::<Vec<_>>());
    let nowhere = PatchQuery { boxes: vec![Extent::new(100.0, -80.0, 101.0, -79.0)], ..PatchQuery::default() };
    assert_eq!(patches(&catalog, &nowhere).await.expect("an answer").len(), 0);
}
