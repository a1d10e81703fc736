//! What recorded granules become: patches, and STAC.

use cube_backend::{Catalog, PatchQuery};
use cube_catalog_cmr::{CatalogOptions, CmrCatalog};
use cube_core::{Crs, Extent, PatchIndex, Period, TimeValue};
use cube_metadata::StacVersion;
use cube_query::GranuleQuery;
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::{
    replay::corpus,
    server::{Answer, Server, access},
};

/// A recorded page, and the collection of its granules.
async fn server_of(recording: &str, collection: &'static str) -> Option<Server> {
    let body = bytes::Bytes::from(std::fs::read(corpus()?.join(recording)).expect("a recording"));
    let hits = serde_json::from_slice::<Value>(&body).expect("JSON")["hits"].as_u64().expect("a number");
    let server = Server::start(move |call, _| {
        if call.path.contains("collections") {
            return Answer::page(1, &[collection]);
        }
        if call.header("cmr-search-after").is_some() {
            return Answer::page::<&str>(usize::try_from(hits).expect("small"), &[]);
        }
        Answer::new(200, body.clone()).with("CMR-Hits", hits).with("CMR-Search-After", "[1]")
    });
    Some(server.await)
}

const HLS: &str = r#"{"meta":{"concept-id":"C2021957657-LPCLOUD"},"umm":{"ShortName":"HLSL30","Version":"2.0","EntryTitle":"HLS"}}"#;
const GAMSSA: &str =
    r#"{"meta":{"concept-id":"C2036881735-POCLOUD"},"umm":{"ShortName":"GAMSSA_28km-ABOM-L4-GLOB-v01","Version":"1.0","EntryTitle":"GAMSSA"}}"#;

async fn patches(server: &Server, query: PatchQuery) -> Vec<PatchIndex> {
    let catalog = CmrCatalog::open(&server.url(), &access(), CatalogOptions::default()).expect("a catalogue");
    catalog.patches(&query).try_collect().await.expect("patches")
}

#[tokio::test]
async fn hls_granules_are_patches_of_bands() {
    let Some(server) = server_of("titiler-cmr/bodies/test_get_assets.00.body.json", HLS).await else { return };
    let found = patches(&server, PatchQuery { collections: vec!["HLSL30.v2.0".into()], ..PatchQuery::default() }).await;
    assert_eq!(found.len(), 2);
    let patch = found.iter().find(|p| p.id.as_str().contains("T15UXP")).expect("a tile");
    assert_eq!(patch.id.as_str(), "C2021957657-LPCLOUD/HLS.L30.T15UXP.2024042T165831.v2.0");
    assert_eq!(patch.time.map(|t| t.to_string()).as_deref(), Some("2024-02-11T16:58:31.150Z"));
    assert_eq!(patch.interval, None, "it begins when it ends");
    let names: Vec<&str> = patch.assets.keys().map(String::as_str).collect();
    assert_eq!(names, ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B09", "B10", "B11", "Fmask", "SAA", "SZA", "VAA", "VZA"]);
    let b04 = &patch.assets["B04"];
    assert!(b04.href.starts_with("https://data.lpdaac.earthdatacloud.nasa.gov/") && b04.href.ends_with(".B04.tif"));
    assert!(b04.alternates["s3"].starts_with("s3://lp-prod-protected/") && b04.alternates["s3"].ends_with(".B04.tif"));
    let grid = b04.grid.as_ref().and_then(cube_core::SourceGrid::geobox).expect("a grid");
    assert_eq!(
        (grid.crs(), grid.shape().rows, grid.extent()),
        (&Crs::from_epsg(32615), 3660, Extent::new(600_000.0, 5_290_200.0, 709_800.0, 5_400_000.0))
    );
    assert_eq!((&patch.properties["eo:cloud_cover"], &patch.properties["platform"]), (&json!(100.0), &json!("landsat-9")));
    assert_eq!(patch.version, "revision 1 of 2024-02-15T00:22:50.376Z");
    // The outline is that of the valid pixels: a box in the empty corner of the tile touches nothing.
    let west =
        PatchQuery { collections: vec!["C2021957657-LPCLOUD".into()], boxes: vec![Extent::new(-91.6, 48.3, -91.5, 48.4)], ..PatchQuery::default() };
    assert!(patches(&server, west).await.iter().all(|p| p.id != patch.id));
    let cloudless = PatchQuery { query: [("eo:cloud_cover".to_owned(), json!({"lt": 100}))].into(), ..PatchQuery::default() };
    assert!(patches(&server, cloudless).await.iter().all(|p| p.properties["eo:cloud_cover"].as_f64() < Some(100.0)));
}

#[tokio::test]
async fn a_grid_of_a_day_is_one_patch() {
    let Some(server) = server_of("titiler-cmr/bodies/test_xarray_feature.00.body.json", GAMSSA).await else { return };
    let day = |d: i64| TimeValue(d * 86_400_000_000);
    let query =
        PatchQuery { collections: vec!["C2036881735-POCLOUD".into()], periods: vec![Period::new(day(20_007), day(20_008))], ..PatchQuery::default() };
    let found = patches(&server, query).await;
    let [patch] = found.as_slice() else { unreachable!("{} patches", found.len()) };
    assert_eq!(patch.interval, Some((day(20_007), day(20_008))));
    assert_eq!(patch.assets.keys().map(String::as_str).collect::<Vec<_>>(), ["data"]);
    let data = patch.asset("data#analysed_sst").expect("a variable");
    assert_eq!((data.variable.as_deref(), data.size, data.sidecar.as_deref()), (Some("analysed_sst"), Some(1_036_053), None));
    assert_eq!(data.checksum.as_deref(), Some("d50110ed46e0dae99d7c5a84c4b659ebbdb2f0"));
    assert!(data.alternates.contains_key("s3"));
    assert!(patch.version.starts_with("xxh3:"), "by its checksum");
}

#[tokio::test]
async fn granules_are_stac_items_of_their_collection() {
    let Some(server) = server_of("titiler-cmr/bodies/test_get_assets.00.body.json", HLS).await else { return };
    let results = server.cmr(2000).granules(&GranuleQuery::new().short_name("HLSL30")).expect("a query");
    let items: Vec<Value> =
        results.to_stac(StacVersion::default()).map_ok(|r| serde_json::from_slice(&r.json).expect("JSON")).try_collect().await.expect("items");
    assert_eq!(items.len(), 2);
    // The records name their collection by its title alone.
    assert!(items.iter().all(|i| i["collection"] == "HLSL30.v2.0" && i["stac_version"] == "1.1.0"), "{}", items[0]);
    assert_eq!(server.calls().iter().filter(|c| c.path.contains("collections")).count(), 1, "asked once");
    let clear = results.filter(|g| g.cloud_cover().is_some_and(|c| c < 100.0)).get_all().await.expect("records");
    let expected = items.iter().filter(|i| i["properties"]["eo:cloud_cover"].as_f64() < Some(100.0)).count();
    assert_eq!(clear.len(), expected);
}
