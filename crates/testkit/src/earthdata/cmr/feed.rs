//! Records in the older form of a feed (`.json`).

use serde_json::{Map, Value, json};

use super::filter::record_of;
use crate::earthdata::records::Collection;

/// What stands before the entries.
pub(super) const HEAD: &str = "{\"feed\":{\"updated\":\"2024-03-01T00:00:00.000Z\",\"id\":\"https://cmr.earthdata.nasa.gov:443/search/granules.json\",\
                               \"title\":\"ECHO granule metadata\",\"entry\":[";

/// What stands after them.
pub(super) const TAIL: &str = "]}}";

/// A granule as an entry.
pub(super) fn granule(collection: &Collection, index: usize) -> Value {
    let record = record_of(collection, index);
    let (meta, umm) = (&record["meta"], &record["umm"]);
    let facts = collection.granules.facts(index);
    let time =
        |milliseconds: i64| chrono::DateTime::from_timestamp_millis(milliseconds).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let links: Vec<Value> = umm["RelatedUrls"].as_array().into_iter().flatten().map(link).collect();
    let mut entry = json!({
        "id": meta["concept-id"], "title": umm["GranuleUR"], "time_start": time(facts.start), "time_end": time(facts.end), "updated": time(facts.revised),
        "dataset_id": collection.entry_title(), "data_center": collection.provider(), "collection_concept_id": collection.concept_id(),
        "day_night_flag": facts.day_night.to_uppercase(), "coordinate_system": "GEODETIC", "original_format": "UMM_JSON", "browse_flag": false,
        "online_access_flag": true, "links": links,
    });
    if let Some(cloud) = facts.cloud {
        entry["cloud_cover"] = json!(cloud.to_string());
    }
    if let Some(size) = umm["DataGranule"]["ArchiveAndDistributionInformation"][0]["Size"].as_f64() {
        entry["granule_size"] = json!(size.to_string());
    }
    let geometry = &umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"];
    let list = |name: &str| geometry[name].as_array().filter(|list| !list.is_empty());
    if let Some(polygons) = list("GPolygons") {
        let holes = |polygon: &Value| polygon["ExclusiveZone"]["Boundaries"].as_array().cloned().unwrap_or_default();
        let rings =
            |polygon: &Value| std::iter::once(polygon["Boundary"].clone()).chain(holes(polygon)).map(|ring| ring_text(&ring)).collect::<Vec<_>>();
        entry["polygons"] = polygons.iter().map(rings).collect();
    }
    if let Some(boxes) = list("BoundingRectangles") {
        let side = |rectangle: &Value, name: &str| rectangle[format!("{name}BoundingCoordinate")].to_string();
        entry["boxes"] = boxes.iter().map(|one| ["South", "West", "North", "East"].map(|name| side(one, name)).join(" ")).collect();
    }
    entry
}

fn ring_text(ring: &Value) -> String {
    let points = ring["Points"].as_array().into_iter().flatten();
    points.map(|point| format!("{} {}", point["Latitude"], point["Longitude"])).collect::<Vec<_>>().join(" ")
}

fn link(url: &Value) -> Value {
    let kind = match url["Type"].as_str().unwrap_or_default() {
        "GET DATA" => "data",
        "GET DATA VIA DIRECT ACCESS" => "s3",
        "GET RELATED VISUALIZATION" => "browse",
        "USE SERVICE API" => "service",
        _ => "metadata",
    };
    json!({ "rel": format!("http://esipfed.org/ns/fedsearch/1.1/{kind}#"), "hreflang": "en-US", "title": url["Description"], "href": url["URL"] })
}

/// A collection as an entry.
pub(super) fn collection(collection: &Collection) -> Value {
    let mut entry = Map::new();
    let umm = &collection.umm;
    for (name, value) in [
        ("id", json!(collection.concept_id())),
        ("title", json!(collection.entry_title())),
        ("dataset_id", json!(collection.entry_title())),
        ("entry_id", json!(collection.entry_id())),
        ("short_name", json!(collection.short_name())),
        ("version_id", json!(collection.version())),
        ("data_center", json!(collection.provider())),
        ("summary", umm["Abstract"].clone()),
        ("cloud_hosted", json!(collection.is_in_cloud())),
        ("has_granules", json!(collection.granules.len() > 0)),
        ("time_start", umm["TemporalExtents"][0]["RangeDateTimes"][0]["BeginningDateTime"].clone()),
        ("updated", collection.meta["revision-date"].clone()),
        ("boxes", json!(["-90 -180 90 180"])),
        ("original_format", json!("UMM_JSON")),
        ("online_access_flag", json!(true)),
        ("links", json!([])),
    ] {
        entry.insert(name.to_owned(), value);
    }
    Value::Object(entry)
}
