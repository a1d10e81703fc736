//! The catalogue keeps every promise, held against an emulated CMR.

use std::path::Path;

use cube_backend::{
    Catalog, Kind, PatchQuery,
    testing::catalog::{Expectation, Known, conforms, is_lazy},
};
use cube_catalog_cmr::{CatalogOptions, CmrCatalog, CmrOptions};
use cube_core::{Extent, TimeValue};
use cube_testkit::earthdata::{Earthdata, Options, Role};
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::server::access;

const DAY: i64 = 86_400_000_000;
/// 2024-01-01.
const START: i64 = 19_723 * DAY;
const COLLECTIONS: [(&str, &str, &str); 2] = [("C100-MADE", "FIRST", "1.0"), ("C200-MADE", "SECOND", "002")];

fn time(t: i64) -> String {
    TimeValue(t).to_datetime().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Records as CMR gives them, and what is known of the patches that they are.
fn archive(cloud_cover_in_attributes: bool) -> (Vec<Value>, Expectation) {
    let mut records: Vec<Value> = COLLECTIONS
        .iter()
        .map(|(id, name, version)| {
            json!({"meta": {"concept-id": id, "concept-type": "collection", "provider-id": "MADE", "native-id": name, "revision-id": 1, "revision-date": time(START)},
                "umm": {"ShortName": name, "Version": version, "EntryTitle": format!("{name} of the test"), "Abstract": "Made."}})
        })
        .collect();
    let mut expected = Expectation { asset: "B04".into(), property: Some(("eo:cloud_cover".into(), 40.0)), ..Expectation::default() };
    for i in 0..60_i64 {
        let (collection, name, version) = COLLECTIONS[usize::from(i % 3 != 0)];
        let ur = format!("granule_{i:02}");
        let lon = if i % 20 == 5 { 179.25 } else { (i * 37 % 180) as f64 * 2.0 - 180.0 + 0.25 };
        let (w, s) = (lon, (i * 11 % 120) as f64 - 60.0);
        let (e, n) = (if w + 1.5 > 180.0 { w + 1.5 - 360.0 } else { w + 1.5 }, s + 1.0);
        let corners = [[w, s], [e, s], [e, n], [w, n], [w, s]];
        // Edges along parallels are no great circles: a polygon of that extent would bulge, a rectangle does not.
        let geometry = if i % 2 == 0 || w > e {
            json!({"BoundingRectangles": [{"WestBoundingCoordinate": w, "SouthBoundingCoordinate": s, "EastBoundingCoordinate": e, "NorthBoundingCoordinate": n}]})
        } else {
            let points = corners.map(|[x, y]| json!({"Longitude": x, "Latitude": y}));
            json!({"GPolygons": [{"Boundary": {"Points": points}}]})
        };
        let at = START + i * DAY / 3 + i * 1_000_000;
        let end = if i % 10 == 7 { at + DAY } else { at };
        let temporal = if end == at {
            json!({"SingleDateTime": time(at)})
        } else {
            json!({"RangeDateTime": {"BeginningDateTime": time(at), "EndingDateTime": time(end)}})
        };
        let cloud = (i * 7 % 100) as f64;
        let mut umm = json!({
            "GranuleUR": ur, "CollectionReference": {"ShortName": name, "Version": version}, "TemporalExtent": temporal,
            "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": geometry}}, "Platforms": [{"ShortName": "LANDSAT-9"}],
            "ProviderDates": [{"Date": time(at), "Type": "Insert"}],
            "RelatedUrls": [
                {"URL": format!("https://data.test/{ur}/{ur}.B04.tif"), "Type": "GET DATA"},
                {"URL": format!("https://data.test/{ur}/{ur}.Fmask.tif"), "Type": "GET DATA"},
                {"URL": format!("https://data.test/{ur}/{ur}.xml"), "Type": "EXTENDED METADATA"}]});
        if cloud_cover_in_attributes && i % 3 == 0 {
            umm["AdditionalAttributes"] = json!([{"Name": "CLOUD_COVERAGE", "Values": [cloud.to_string()]}]);
        } else {
            umm["CloudCover"] = json!(cloud);
        }
        records.push(json!({
            "meta": {"concept-id": format!("G{}-MADE", 1000 + i), "concept-type": "granule", "provider-id": "MADE", "native-id": ur,
                "collection-concept-id": collection, "revision-id": 1 + i % 3, "revision-date": time(at + DAY)},
            "umm": umm}));
        let id = format!("{collection}/{ur}");
        expected.values.insert(id.clone(), cloud);
        expected.patches.push(Known { id, time: (TimeValue(at), TimeValue(end)), bbox: [w, s, e, n] });
    }
    // The known patches that the suite asks around begin with one across the antimeridian.
    expected.patches.sort_by_key(|k| k.bbox[0] < k.bbox[2]);
    assert!(expected.patches[0].bbox[0] > expected.patches[0].bbox[2]);
    (records, expected)
}

fn emulated(records: &[Value], folder: &Path) -> Earthdata {
    std::fs::write(folder.join("records.json"), Value::from(records).to_string()).expect("a file");
    Earthdata::start(&Options { granules: 3, records: Some(folder.to_owned()), ..Options::default() }).expect("services")
}

fn catalog(services: &Earthdata, page_size: u64) -> CmrCatalog {
    let client = CmrOptions { page_size, ..CmrOptions::default() };
    let options = CatalogOptions { provider: Some("MADE".into()), properties: vec!["CLOUD_COVERAGE".into()], client, ..CatalogOptions::default() };
    CmrCatalog::open(&services.url(Role::Cmr), &access(), options).expect("a catalogue")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalogue_conforms() {
    for in_attributes in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let (records, expected) = archive(in_attributes);
        let services = emulated(&records, folder.path());
        for page_size in [7, 2000] {
            conforms(&catalog(&services, page_size), &expected).await;
        }
        let asked = || services.log(Role::Cmr).records().len();
        is_lazy(&catalog(&services, 5), 1, asked, 5).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_go_by_every_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (records, expected) = archive(false);
    let services = emulated(&records, folder.path());
    let catalog = catalog(&services, 2000);
    let first = expected.patches.iter().filter(|k| k.id.starts_with("C100")).count();
    for name in ["C100-MADE", "FIRST.v1.0", "FIRST_1.0", "FIRST"] {
        let query = PatchQuery { collections: vec![name.into(), name.into()], ..PatchQuery::default() };
        let found: Vec<_> = catalog.patches(&query).try_collect().await.expect("patches");
        assert_eq!(found.len(), first, "{name}");
        assert!(found.iter().all(|p| p.id.as_str().starts_with("C100-MADE/")));
        catalog.check(&[name.into()]).await.expect(name);
    }
    let e = catalog.check(&["FIRST.v2.0".into()]).await.expect_err("another version");
    assert!(e.kind() == Kind::NotFound && e.hint().is_some_and(|h| h.contains("FIRST.v1.0 (C100-MADE)")), "{e} {:?}", e.hint());
    let e = catalog.check(&["G1000-MADE".into()]).await.expect_err("a granule");
    assert_eq!(e.kind(), Kind::Invalid);
    catalog.check(&[]).await.expect("a service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (records, _) = archive(false);
    let services = emulated(&records, folder.path());
    let open = CmrCatalog::open(&services.url(Role::Cmr), &access(), CatalogOptions::default()).expect("a catalogue");
    let somewhere = PatchQuery { boxes: vec![Extent::new(0.0, 0.0, 1.0, 1.0)], ..PatchQuery::default() };
    let e = open.patches(&somewhere).try_next().await.expect_err("no collection");
    assert!(e.kind() == Kind::Invalid && e.hint().is_some_and(|h| h.contains("collections")), "{e}");
    let filtered = PatchQuery { filter: Some(json!("a = 1 or b = 2")), ..PatchQuery::default() };
    let e = open.patches(&filtered).try_next().await.expect_err("no comparison");
    assert!(e.to_string().contains("a = 1 or b = 2"), "{e}");
    let wrong = PatchQuery { query: [("a".to_owned(), json!({"around": 1}))].into(), ..PatchQuery::default() };
    assert!(open.patches(&wrong).try_next().await.is_err());
}
