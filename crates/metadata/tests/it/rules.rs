//! What design note 6 says, one case for each rule.

use cube_metadata::{
    Options, StacVersion,
    convert::{collection_to_stac, granule_to_item, item_to_granule},
    umm::{Granule, Page},
};
use serde_json::{Value, json};

use crate::compare::difference;

fn granule(fields: Value) -> Value {
    let mut record = json!({"GranuleUR": "G.v1", "CollectionReference": {"ShortName": "S", "Version": "1"}, "TemporalExtent": {"SingleDateTime": "2024-01-01T00:00:00Z"}});
    record.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    record
}

fn item(fields: Value) -> Value {
    granule_to_item(&granule(fields), &Options::default()).expect("an Item").value
}

fn rectangle(west: f64, south: f64, east: f64, north: f64) -> Value {
    json!({"WestBoundingCoordinate": west, "SouthBoundingCoordinate": south, "EastBoundingCoordinate": east, "NorthBoundingCoordinate": north})
}

fn placed(geometry: Value) -> Value {
    item(json!({"SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": geometry}}}))
}

fn ring(corners: &[(f64, f64)]) -> Value {
    json!({"Points": corners.iter().map(|(x, y)| json!({"Longitude": x, "Latitude": y})).collect::<Vec<_>>()})
}

#[test]
fn every_part_of_a_geometry_is_there() {
    let two = placed(json!({"BoundingRectangles": [rectangle(0.0, 0.0, 1.0, 1.0), rectangle(5.0, 5.0, 6.0, 6.0)]}));
    assert_eq!((&two["geometry"]["type"], two["geometry"]["coordinates"].as_array().map(Vec::len)), (&json!("MultiPolygon"), Some(2)));
    assert_eq!(two["bbox"], json!([0.0, 0.0, 6.0, 6.0]));
    let points = placed(json!({"Points": [{"Longitude": 1, "Latitude": 2}, {"Longitude": 3, "Latitude": 4}]}));
    assert_eq!(points["geometry"], json!({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}));
    let mixed = json!({"Points": [{"Longitude": 100, "Latitude": 2}], "BoundingRectangles": [rectangle(0.0, 0.0, 1.0, 1.0)]});
    let record = granule(json!({"SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": mixed}}}));
    let made = granule_to_item(&record, &Options::default()).expect("an Item");
    assert_eq!((&made.value["geometry"]["type"], &made.value["bbox"]), (&json!("Polygon"), &json!([0, 0, 100, 2])));
    assert!(!made.report.is_lossless());
    let text = record.to_string();
    let footprint = Granule::parse(text.as_bytes()).expect("a granule").footprint();
    assert_eq!((footprint.shapes.areas.len(), footprint.shapes.points.len()), (1, 1));
}

#[test]
fn holes_go_the_other_way_round() {
    let outer = ring(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.5), (0.0, 0.0)]);
    let hole = ring(&[(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (1.0, 1.0)]);
    let made = placed(json!({"GPolygons": [{"Boundary": outer, "ExclusiveZone": {"Boundaries": [hole]}}]}));
    assert_eq!(made["geometry"]["coordinates"][1], json!([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]]));
    assert_eq!(made["properties"].get("umm:SpatialExtent"), None);
}

#[test]
fn the_antimeridian_is_crossed() {
    let made = placed(json!({"BoundingRectangles": [rectangle(170.0, -10.0, -160.0, 10.0)]}));
    assert_eq!((&made["geometry"]["type"], &made["bbox"]), (&json!("MultiPolygon"), &json!([170, -10, -160, 10])));
    // East on the antimeridian is no crossing, and zero is a longitude like any other.
    assert_eq!(placed(json!({"BoundingRectangles": [rectangle(170.0, -10.0, 180.0, 10.0)]}))["bbox"], json!([170.0, -10.0, 180.0, 10.0]));
    assert_eq!(placed(json!({"BoundingRectangles": [rectangle(-20.0, -10.0, 0.0, 10.0)]}))["bbox"], json!([-20.0, -10.0, 0.0, 10.0]));
    // Cut by the provider: the box is the small one.
    let cut = placed(json!({"BoundingRectangles": [rectangle(170.0, 0.0, 180.0, 1.0), rectangle(-180.0, 0.0, -175.0, 1.0)]}));
    assert_eq!(cut["bbox"], json!([170, 0, -175, 1]));
    let polygon = placed(json!({"GPolygons": [{"Boundary": ring(&[(175.0, 0.0), (-175.0, 0.0), (-175.0, 10.0), (175.0, 10.0), (175.0, 0.0)])}]}));
    assert_eq!((&polygon["geometry"]["type"], &polygon["bbox"]), (&json!("MultiPolygon"), &json!([175, 0, -175, 10])));
    // A line around the corner.
    let line = placed(json!({"Lines": [ring(&[(179.0, 0.0), (-179.0, 2.0)])]}));
    assert_eq!(line["geometry"], json!({"type": "MultiLineString", "coordinates": [[[179.0, 0.0], [180.0, 1.0]], [[-180.0, 1.0], [-179.0, 2.0]]]}));
}

#[test]
fn the_world_and_the_poles_are_areas() {
    let world =
        placed(json!({"GPolygons": [{"Boundary": ring(&[(-180.0, -90.0), (180.0, -90.0), (180.0, 90.0), (-180.0, 90.0), (-180.0, -90.0)])}]}));
    assert_eq!((&world["geometry"]["type"], &world["bbox"]), (&json!("Polygon"), &json!([-180.0, -90.0, 180.0, 90.0])));
    let pole = placed(json!({"GPolygons": [{"Boundary": ring(&[(-135.0, 70.0), (-45.0, 70.0), (45.0, 70.0), (135.0, 70.0), (-135.0, 70.0)])}]}));
    assert_eq!(pole["bbox"], json!([-180, 70, 180, 90]));
    let around = |corners: &[(f64, f64)]| placed(json!({"GPolygons": [{"Boundary": ring(corners)}]}))["geometry"].clone();
    let cap = |y: f64, pole: f64| json!({"type": "Polygon", "coordinates": [[[-180.0, y], [-90.0, y], [0.0, y], [90.0, y], [180.0, y], [180.0, pole], [-180.0, pole], [-180.0, y]]]});
    // From one side of the map to the other along a parallel is no step on the globe; the ring is one area, wherever it begins.
    assert_eq!(around(&[(-180.0, 60.0), (-90.0, 60.0), (0.0, 60.0), (90.0, 60.0), (180.0, 60.0), (-180.0, 60.0)]), cap(60.0, 90.0));
    for corners in [
        &[(0.0, -60.0), (-90.0, -60.0), (180.0, -60.0), (90.0, -60.0), (0.0, -60.0)][..],
        &[(-180.0, -60.0), (180.0, -60.0), (90.0, -60.0), (0.0, -60.0), (-90.0, -60.0), (-180.0, -60.0)],
        &[(90.0, -60.0), (180.0, -60.0), (-90.0, -60.0), (0.0, -60.0), (90.0, -60.0)],
    ] {
        let south = around(corners);
        let mut listed: Vec<Value> = south["coordinates"][0].as_array().expect("a ring").clone();
        let mut expected: Vec<Value> = cap(-60.0, -90.0)["coordinates"][0].as_array().expect("a ring").clone();
        let by_place = |a: &Value, b: &Value| a.to_string().cmp(&b.to_string());
        listed.pop();
        expected.pop();
        listed.sort_by(by_place);
        expected.sort_by(by_place);
        assert_eq!((&south["type"], listed), (&json!("Polygon"), expected), "{corners:?}");
    }
    // Corners on the antimeridian are kept as far as something lies behind them, at whatever latitudes the two sides of the map meet.
    for (corners, expected) in [
        (
            &[(-180.0, 60.0), (-90.0, 50.0), (0.0, 55.0), (90.0, 52.0), (180.0, 65.0), (-180.0, 60.0)][..],
            json!([[-180.0, 60.0], [-90.0, 50.0], [0.0, 55.0], [90.0, 52.0], [180.0, 65.0], [180.0, 90.0], [-180.0, 90.0], [-180.0, 60.0]]),
        ),
        (
            &[(180.0, -60.0), (90.0, -50.0), (0.0, -55.0), (-90.0, -52.0), (-180.0, -65.0), (180.0, -60.0)],
            json!([[180.0, -60.0], [90.0, -50.0], [0.0, -55.0], [-90.0, -52.0], [-180.0, -65.0], [-180.0, -90.0], [180.0, -90.0], [180.0, -60.0]]),
        ),
    ] {
        assert_eq!(around(corners), json!({"type": "Polygon", "coordinates": [expected]}), "{corners:?}");
    }
    // Wider than half the world, counter-clockwise: as it is listed.
    let wide = placed(json!({"GPolygons": [{"Boundary": ring(&[(-170.0, -60.0), (170.0, -60.0), (170.0, 60.0), (-170.0, 61.0), (-170.0, -60.0)])}]}));
    assert_eq!(wide["bbox"], json!([-170, -60, 170, 61]));
}

#[test]
fn times_are_said_as_stac_says_them() {
    let times = |extent: Value| {
        let made = item(json!({"TemporalExtent": extent}));
        ["datetime", "start_datetime", "end_datetime"].map(|key| made["properties"][key].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(times(json!({"SingleDateTime": "2024-01-01T00:00:00Z"})), ["2024-01-01T00:00:00Z", "-", "-"]);
    let range = |start: &str, end: &str| json!({"RangeDateTime": {"BeginningDateTime": start, "EndingDateTime": end}});
    assert_eq!(times(range("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")), ["-", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]);
    assert_eq!(times(range("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"))[0], "2024-01-01T00:00:00Z");
    assert_eq!(times(range("2024-01-01T02:00:00+02:00", "2024-01-02"))[1..], ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]);
    assert_eq!(times(json!({"RangeDateTime": {"BeginningDateTime": "2024-01-01T00:00:00Z"}})), ["2024-01-01T00:00:00Z", "-", "-"]);
    let timeless = json!({"GranuleUR": "x"});
    assert!(granule_to_item(&timeless, &Options::default()).is_err_and(|e| e.to_string().contains("no time")));
}

fn keys(urls: &[(&str, &str)]) -> Vec<(String, usize)> {
    let urls: Vec<Value> = urls.iter().map(|(url, kind)| json!({"URL": url, "Type": kind})).collect();
    let text = granule(json!({"RelatedUrls": urls})).to_string();
    let granule = Granule::parse(text.as_bytes()).expect("a granule");
    granule.assets().into_iter().map(|a| (a.key, a.alternates.len())).collect()
}

#[test]
fn keys_are_what_differs() {
    const DATA: &str = "GET DATA";
    const DIRECT: &str = "GET DATA VIA DIRECT ACCESS";
    const BROWSE: &str = "GET RELATED VISUALIZATION";
    let named = |names: &[(&str, usize)]| names.iter().map(|(n, a)| ((*n).to_owned(), *a)).collect::<Vec<_>>();
    let one = [
        ("https://h.test/G.v1.nc", DATA),
        ("s3://b/G.v1.nc", DIRECT),
        ("https://h.test/G.v1.nc.dmrpp", "EXTENDED METADATA"),
        ("https://h.test/G.v1.png", BROWSE),
    ];
    assert_eq!(keys(&one), named(&[("data", 1), ("metadata", 0), ("browse", 0)]));
    let bands = [("https://h.test/G.v1.B04.tif", DATA), ("s3://b/G.v1.B04.tif", DIRECT), ("https://h.test/G.v1.Fmask.tif", DATA)];
    assert_eq!(keys(&bands), named(&[("B04", 1), ("Fmask", 0)]));
    // Not named after the granule: after what they have in common.
    let others = [("https://h.test/x_20240101_red.tif", DATA), ("https://h.test/x_20240101_nir.tif", DATA)];
    assert_eq!(keys(&others), named(&[("red", 0), ("nir", 0)]));
    let browses = [("https://h.test/G.v1.a.jpg", BROWSE), ("https://h.test/G.v1.b.jpg", BROWSE), ("https://h.test/G.v1_thumbnail.jpg", BROWSE)];
    assert_eq!(keys(&browses), named(&[("browse_a.jpg", 0), ("browse_b.jpg", 0), ("thumbnail", 0)]));
    let colliding = [("https://h.test/1/a.nc", DATA), ("https://h.test/2/a.nc", DATA), ("s3://b/2/a.nc", DIRECT)];
    assert_eq!(keys(&colliding).iter().map(|k| k.1).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn services_and_software_are_never_data() {
    let made = item(json!({"RelatedUrls": [
        {"URL": "https://opendap.test/G.v1.nc", "Type": "USE SERVICE API", "Subtype": "OPENDAP DATA"},
        {"URL": "https://h.test/tool.zip", "Type": "DOWNLOAD SOFTWARE"},
        {"URL": "https://h.test/s3credentials", "Type": "VIEW RELATED INFORMATION"},
        {"URL": "https://h.test/G.v1.nc", "Type": "GET DATA"},
    ]}));
    let roles = |key: &str| made["assets"][key]["roles"].clone();
    assert_eq!((roles("service"), roles("software"), roles("data")), (json!(["service"]), json!(["software"]), json!(["data"])));
    assert_eq!(roles("s3_credentials"), json!(["metadata", "documentation"]));
    let back = item_to_granule(&made).expect("a granule").value;
    assert_eq!(back["RelatedUrls"].as_array().map(Vec::len), Some(4));
    // From another catalogue, by the roles alone.
    let foreign = json!({"type": "Feature", "stac_version": "1.0.0", "id": "x", "geometry": null, "properties": {"datetime": "2024-01-01T00:00:00Z"}, "links": [], "assets": {
        "a": {"href": "s3://b/a.tif", "roles": ["data"]}, "b": {"href": "https://h.test/b", "roles": ["service"]}, "c": {"href": "https://h.test/c.xml", "roles": ["metadata", "iso-19115"]},
        "d": {"href": "https://h.test/d.png", "roles": ["overview"]}, "e": {"href": "https://h.test/e.tif"},
    }});
    let urls = item_to_granule(&foreign).expect("a granule").value["RelatedUrls"].clone();
    let types: Vec<_> = urls.as_array().into_iter().flatten().map(|u| u["Type"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(types, ["GET DATA VIA DIRECT ACCESS", "USE SERVICE API", "EXTENDED METADATA", "GET RELATED VISUALIZATION", "GET DATA"]);
}

#[test]
fn facts_of_attributes_are_found() {
    let attributes = [
        ("CLOUD_COVERAGE", "17"),
        ("MGRS_TILE_ID", "32TMT"),
        ("HORIZONTAL_CS_NAME", "UTM, WGS84, UTM ZONE 32"),
        ("ULX", "399960.0"),
        ("ULY", "5200020.0"),
        ("NROWS", "3660"),
        ("NCOLS", "3660"),
        ("SPATIAL_RESOLUTION", "30.0"),
        ("IDENTIFIER_PRODUCT_DOI", "10.5067/HLS/HLSL30.002"),
    ];
    let list = |attributes: &[(&str, &str)]| attributes.iter().map(|(n, v)| json!({"Name": n, "Values": [v]})).collect::<Vec<_>>();
    let at =
        |latitude: f64| json!({"HorizontalSpatialDomain": {"Geometry": {"BoundingRectangles": [rectangle(7.0, latitude - 1.0, 8.0, latitude)]}}});
    let fields = json!({"AdditionalAttributes": list(&attributes), "SpatialExtent": at(47.0)});
    let made = item(fields.clone());
    let properties = &made["properties"];
    assert_eq!(
        (&properties["eo:cloud_cover"], &properties["proj:code"], &properties["grid:code"]),
        (&json!(17), &json!("EPSG:32632"), &json!("MGRS-32TMT"))
    );
    assert_eq!(properties["proj:transform"], json!([30, 0, 399960, 0, -30, 5200020]));
    let old = granule_to_item(&granule(fields), &Options { stac_version: StacVersion::V1_0, ..Options::default() }).expect("an Item").value;
    assert_eq!((&old["stac_version"], &old["properties"]["proj:epsg"]), (&json!("1.0.0"), &json!(32632)));
    // South of the equator the footprint tells how the northing is counted.
    let south = |northing: &str| {
        let mut attributes = attributes;
        attributes[4].1 = northing;
        item(json!({"AdditionalAttributes": list(&attributes), "SpatialExtent": at(-20.0)}))["properties"]["proj:code"].clone()
    };
    assert_eq!((south("-2211960"), south("7788040"), south("3000000")), (json!("EPSG:32632"), json!("EPSG:32732"), Value::Null));
}

#[test]
fn a_page_is_read_record_by_record() {
    let one = granule(json!({}));
    let page = json!({"hits": 3, "took": 1, "items": [{"meta": {"concept-id": "G1-P"}, "umm": one}, {"umm": 1}, {"meta": {}, "umm": granule(json!({"GranuleUR": "second"}))}]});
    let text = serde_json::to_string_pretty(&page).expect("JSON");
    let page = Page::parse(text.as_bytes()).expect("a page");
    let ids: Vec<_> = page.granules().map(|g| g.map(|g| g.id.into_owned()).ok()).collect();
    assert_eq!((page.hits(), ids), (Some(3), vec![Some("G.v1".into()), None, Some("second".into())]));
    let lines = format!("{one}\n{one}\n");
    assert_eq!(Page::parse(lines.as_bytes()).expect("lines").granules().filter(Result::is_ok).count(), 2);
    let broken = format!("{{\"items\": [{one}, {{\"umm\": ");
    assert_eq!(Page::parse(broken.as_bytes()).expect("a page").granules().map(|g| g.is_ok()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn collections_are_said_in_stacs_words() {
    let record = json!({
        "ShortName": "HLSL30", "Version": "2.0", "EntryTitle": "HLS", "Abstract": "Text", "DOI": {"DOI": "10.5067/HLS/HLSL30.002"},
        "DataCenters": [{"ShortName": "LP", "Roles": ["ARCHIVER", "DISTRIBUTOR"]}, {"ShortName": "GSFC", "Roles": ["ORIGINATOR"]}, {"ShortName": "GSFC", "Roles": ["PROCESSOR"]}],
        "UseConstraints": {"LicenseURL": {"Linkage": "https://creativecommons.org/publicdomain/zero/1.0/"}},
        "ScienceKeywords": [{"Category": "EARTH SCIENCE", "Topic": "LAND SURFACE", "Term": "REFLECTANCE"}],
        "Platforms": [{"ShortName": "LANDSAT-9", "Instruments": [{"ShortName": "OLI"}]}],
        "ProcessingLevel": {"Id": "3"},
        "TemporalExtents": [
            {"RangeDateTimes": [{"BeginningDateTime": "2013-04-11T00:00:00Z", "EndingDateTime": "2014-01-01T00:00:00Z"}, {"BeginningDateTime": "2015-01-01T00:00:00Z"}], "EndsAtPresentFlag": false},
        ],
        "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"CoordinateSystem": "CARTESIAN", "BoundingRectangles": [rectangle(-10.0, 0.0, 0.0, 10.0), rectangle(20.0, -5.0, 30.0, 0.0)]}}},
        "RelatedUrls": [{"URL": "https://lp.test", "URLContentType": "CollectionURL", "Type": "DATA SET LANDING PAGE"}],
    });
    let made = collection_to_stac(&record, &Options::default()).expect("a Collection").value;
    assert_eq!((&made["id"], &made["license"], &made["sci:doi"]), (&json!("HLSL30.v2.0"), &json!("CC0-1.0"), &json!("10.5067/HLS/HLSL30.002")));
    assert_eq!(made["providers"], json!([{"name": "LP", "roles": ["host"]}, {"name": "GSFC", "roles": ["producer", "processor"]}]));
    assert_eq!(made["keywords"], json!(["LAND SURFACE", "REFLECTANCE", "LANDSAT-9", "OLI"]));
    assert_eq!(made["extent"]["spatial"]["bbox"], json!([[-10, -5, 30, 10], [-10, 0, 0, 10], [20, -5, 30, 0]]));
    let intervals = json!([["2013-04-11T00:00:00Z", null], ["2013-04-11T00:00:00Z", "2014-01-01T00:00:00Z"], ["2015-01-01T00:00:00Z", null]]);
    assert_eq!(made["extent"]["temporal"]["interval"], intervals);
    assert_eq!(made["summaries"], json!({"platform": ["LANDSAT-9"], "instruments": ["OLI"], "processing:level": ["L3"]}));
    assert!(made["links"].as_array().is_some_and(|l| l.iter().any(|l| l["rel"] == "about" && l["href"] == "https://lp.test")));
}

/// Read in one version of STAC, written in the other.
#[test]
fn versions_are_turned_into_each_other() {
    let old = json!({
        "type": "Feature", "stac_version": "1.0.0", "id": "x", "geometry": null, "links": [],
        "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
        "properties": {"datetime": "2024-01-01T00:00:00Z", "proj:epsg": 32632},
        "assets": {"a": {"href": "https://h.test/a.tif", "type": "image/tiff", "eo:bands": [{"name": "B1", "common_name": "red"}], "proj:epsg": 4326}},
    });
    let granule = item_to_granule(&old).expect("a granule").value;
    let new = granule_to_item(&granule, &Options::default()).expect("an Item").value;
    assert_eq!((&new["stac_version"], &new["properties"]["proj:code"]), (&json!("1.1.0"), &json!("EPSG:32632")));
    assert_eq!(
        (&new["assets"]["a"]["bands"], &new["assets"]["a"]["proj:code"]),
        (&json!([{"name": "B1", "eo:common_name": "red"}]), &json!("EPSG:4326"))
    );
    let again = granule_to_item(&granule, &Options { stac_version: StacVersion::V1_0, ..Options::default() }).expect("an Item").value;
    assert_eq!(again, old);
}

#[test]
fn an_entry_that_cannot_be_read_costs_no_other_file() {
    let record = granule(json!({"RelatedUrls": [
        {"URL": "", "Type": "GET DATA"},
        "https://d.test/list.txt",
        {"URL": "s3://b/k.tif", "Type": "GET DATA VIA DIRECT ACCESS"},
    ]}));
    let made = granule_to_item(&record, &Options::default()).expect("an Item");
    assert_eq!(made.value["assets"]["data"]["href"], "s3://b/k.tif");
    assert!(made.report.changes.iter().any(|c| c.field == "RelatedUrls"), "{:?}", made.report);
    assert_eq!(item_to_granule(&made.value).expect("a granule").value, record);
    let mut edited = made.value;
    edited["assets"]["data"]["href"] = "s3://b/other.tif".into();
    let back = item_to_granule(&edited).expect("a granule");
    assert_eq!(back.value["RelatedUrls"], json!([{"URL": "s3://b/other.tif", "Type": "GET DATA VIA DIRECT ACCESS"}]));
    assert!(back.report.changes.iter().any(|c| c.field == "RelatedUrls"), "{:?}", back.report);
}

/// What an entry of the archive says of the files in a package is no entry of theirs.
#[test]
fn files_of_packages_stay_in_them() {
    let package = json!({"Name": "pack.zip", "Files": [{"Name": "x.bin", "SizeInBytes": 7}]});
    let (x, pack) = (json!({"URL": "https://d.test/x.bin", "Type": "GET DATA"}), json!({"URL": "https://d.test/pack.zip", "Type": "GET DATA"}));
    let data = |entries: Value| json!({"DayNightFlag": "Day", "ArchiveAndDistributionInformation": entries});
    for (urls, entries, size) in [
        (json!([x, pack]), json!([package]), 7),
        (json!([pack, x]), json!([package]), 7),
        // An entry of its own comes first, wherever it stands.
        (json!([x]), json!([package, {"Name": "x.bin", "SizeInBytes": 9}]), 9),
    ] {
        let record = granule(json!({"RelatedUrls": urls, "DataGranule": data(entries)}));
        let item = granule_to_item(&record, &Options::default()).expect("an Item").value;
        let of_x = item["assets"].as_object().expect("assets").values().find(|a| a["href"] == "https://d.test/x.bin").expect("an asset");
        assert_eq!(of_x["file:size"], size);
        assert_eq!(difference(&record, &item_to_granule(&item).expect("a granule").value), None, "{item}");
    }
}

#[test]
fn an_end_that_cannot_be_read_costs_no_beginning() {
    let range = json!({"RangeDateTime": {"BeginningDateTime": "2024-06-01T00:00:00Z", "EndingDateTime": "present"}});
    let record = granule(json!({"TemporalExtent": range, "ProviderDates": [{"Date": "2024-07-01T00:00:00Z", "Type": "Insert"}]}));
    let made = granule_to_item(&record, &Options::default()).expect("an Item");
    assert_eq!(made.value["properties"]["datetime"], "2024-06-01T00:00:00Z");
    assert!(made.report.changes.iter().any(|c| c.field == "TemporalExtent"), "{:?}", made.report);
    assert_eq!(item_to_granule(&made.value).expect("a granule").value, record);
}
