//! An Item that was made from a record and then edited has the last word on the way back.

use cube_metadata::{
    Effect, Options,
    convert::{collection_to_stac, granule_to_item, item_to_granule, stac_to_collection},
};
use serde_json::{Value, json};

fn record() -> Value {
    json!({
        "meta": {"concept-id": "G1-P", "collection-concept-id": "C1-P", "revision-date": "2024-06-03T00:00:00Z"},
        "umm": {
            "GranuleUR": "A.2024",
            "CollectionReference": {"ShortName": "A", "Version": "1"},
            "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": "2024-06-01T00:00:00+02:00", "EndingDateTime": "2024-06-02T00:00:00Z"}},
            "SpatialExtent": {"HorizontalSpatialDomain": {
                "Geometry": {"BoundingRectangles": [{"WestBoundingCoordinate": 170, "SouthBoundingCoordinate": -5, "EastBoundingCoordinate": -170, "NorthBoundingCoordinate": 5}]},
                "Track": {"Cycle": 3, "Passes": [{"Pass": 1}]},
            }},
            "CloudCover": 20,
            "Platforms": [{"ShortName": "Terra", "Instruments": [{"ShortName": "MODIS", "OperationalModes": ["Day"]}]}],
            "DataGranule": {
                "DayNightFlag": "Day", "ProductionDateTime": "2024-06-02T01:00:00Z",
                "ArchiveAndDistributionInformation": [{"Name": "A.2024.nc", "SizeInBytes": 100, "Checksum": {"Algorithm": "MD5", "Value": "ab".repeat(16)}}],
            },
            "ProviderDates": [{"Date": "2024-06-02T02:00:00Z", "Type": "Insert"}],
            "RelatedUrls": [
                {"URL": "https://d.test/A.2024.nc", "Type": "GET DATA", "MimeType": "application/x-netcdf"},
                {"URL": "s3://b/A.2024.nc", "Type": "GET DATA VIA DIRECT ACCESS"},
            ],
        },
    })
}

/// The record that comes back after an edit of the Item.
fn after(edit: impl FnOnce(&mut Value)) -> (Value, Vec<(String, Effect)>) {
    let mut item = granule_to_item(&record(), &Options::default()).expect("an Item").value;
    edit(&mut item);
    let back = item_to_granule(&item).expect("a granule");
    (back.value, back.report.changes.iter().map(|c| (c.field.to_string(), c.effect)).collect())
}

#[test]
fn what_is_not_edited_stays() {
    let (back, changes) = after(|_| {});
    assert_eq!(back, record());
    assert_eq!(changes, []);
}

#[test]
fn time_geometry_and_cloud_cover_are_taken_from_the_item() {
    let (back, changes) = after(|item| {
        item["properties"]["start_datetime"] = "2024-07-01T00:00:00Z".into();
        item["properties"]["end_datetime"] = "2024-07-02T00:00:00Z".into();
        item["properties"]["eo:cloud_cover"] = 33.into();
        item["geometry"] = json!({"type": "Point", "coordinates": [1.5, 2]});
        item["bbox"] = json!([1.5, 2, 1.5, 2]);
    });
    let umm = &back["umm"];
    assert_eq!(umm["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"], "2024-07-01T00:00:00Z");
    assert_eq!(umm["SpatialExtent"], json!({"HorizontalSpatialDomain": {"Geometry": {"Points": [{"Longitude": 1.5, "Latitude": 2}]}}}));
    assert_eq!(umm["CloudCover"], 33);
    assert_eq!(umm["Platforms"], record()["umm"]["Platforms"]);
    assert!(changes.contains(&("TemporalExtent".into(), Effect::Dropped)), "{changes:?}");
}

#[test]
fn assets_are_taken_from_the_item() {
    let (back, _) = after(|item| {
        item["assets"]["data"]["href"] = "https://mirror.test/A.2024.nc".into();
        item["assets"]["data"]["file:size"] = 200.into();
        item["assets"]["data"]["type"] = "application/x-hdf5".into();
        item["assets"]["new"] = json!({"href": "https://mirror.test/A.png", "roles": ["thumbnail"], "title": "A picture", "file:size": 5});
    });
    let urls = back["umm"]["RelatedUrls"].as_array().expect("a list");
    assert_eq!(urls[0], json!({"URL": "https://mirror.test/A.2024.nc", "Type": "GET DATA", "MimeType": "application/x-hdf5"}));
    assert_eq!(urls[1]["URL"], "s3://b/A.2024.nc");
    assert_eq!((&urls[2]["Type"], urls.len()), (&json!("GET RELATED VISUALIZATION"), 3));
    let files = back["umm"]["DataGranule"]["ArchiveAndDistributionInformation"].as_array().expect("a list");
    assert_eq!((&files[0]["SizeInBytes"], &files[1]), (&json!(200), &json!({"Name": "A.png", "SizeInBytes": 5})));
    // What UMM has no word for is not lost.
    let again = granule_to_item(&back, &Options::default()).expect("an Item").value;
    assert_eq!(again["assets"]["new"]["title"], "A picture");
}

/// A record that was edited after it carried an Item has the last word, too.
#[test]
fn an_edited_record_outdoes_what_it_carries() {
    let item = json!({
        "type": "Feature", "stac_version": "1.1.0", "id": "x", "geometry": {"type": "Point", "coordinates": [1, 2, 300]}, "bbox": [1, 2, 300, 1, 2, 300],
        "properties": {"datetime": "2024-01-01T00:00:00Z", "eo:snow_cover": 5}, "links": [],
        "assets": {"one": {"href": "https://a.test/1.tif", "title": "One"}, "two": {"href": "https://a.test/2.tif"}}, "stac_extensions": [],
    });
    let mut granule = item_to_granule(&item).expect("a granule").value;
    assert_eq!(granule_to_item(&granule, &Options::default()).expect("an Item").value, item);
    granule["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["Points"][0]["Longitude"] = 7.into();
    granule["RelatedUrls"].as_array_mut().expect("a list").remove(1);
    let edited = granule_to_item(&granule, &Options::default()).expect("an Item").value;
    assert_eq!(edited["geometry"]["coordinates"], json!([7, 2]));
    assert_eq!(edited["assets"], json!({"one": {"href": "https://a.test/1.tif", "title": "One"}}));
    assert_eq!(edited["properties"]["eo:snow_cover"], 5);
}

#[test]
fn an_edited_collection_has_the_last_word() {
    let record = json!({"ShortName": "A", "Version": "1", "EntryTitle": "Title", "Abstract": "Text", "TemporalExtents": [{"SingleDateTimes": ["2024-01-01T00:00:00Z"]}]});
    let mut stac = collection_to_stac(&record, &Options::default()).expect("a Collection").value;
    assert_eq!(stac_to_collection(&stac).expect("a record").value, record);
    stac["title"] = "Another".into();
    stac["extent"]["temporal"]["interval"] = json!([["2020-01-01T00:00:00Z", null]]);
    let back = stac_to_collection(&stac).expect("a record").value;
    assert_eq!(back["EntryTitle"], "Another");
    assert_eq!(back["TemporalExtents"][0]["RangeDateTimes"][0], json!({"BeginningDateTime": "2020-01-01T00:00:00Z"}));
}
