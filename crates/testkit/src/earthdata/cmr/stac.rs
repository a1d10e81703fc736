//! CMR-STAC: one catalogue for each provider, with the habits of `nasa/cmr-stac` that clients stumble over.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::filter::record_of;
use crate::earthdata::records::Collection;
use crate::earthdata::roots::Role;
use crate::earthdata::world::Ready;
use crate::server::{Answer, Call, Service};
use crate::stac::{Api, Paging};

/// Granules of a collection that are in its catalogue.
const MOST: usize = 500;

/// The catalogues, made when they are first asked for.
#[derive(Debug, Default)]
pub(in crate::earthdata) struct Catalogs(OnceLock<BTreeMap<String, Api>>);

impl Catalogs {
    /// Answers below `/stac`.
    pub(super) fn answer(&self, ready: &Ready, call: &Call) -> Answer {
        let apis = self.0.get_or_init(|| catalogs(&ready.holdings.collections));
        let base = format!("{}/stac", ready.roots.of(Role::Cmr));
        let rest = call.path.trim_start_matches("/stac").trim_matches('/').to_owned();
        let (provider, path) = rest.split_once('/').unwrap_or((&rest, ""));
        if provider.is_empty() {
            return Answer::json(StatusCode::OK, "application/json", &root(&base, apis.keys()));
        }
        let Some(api) = apis.get(provider) else {
            let problem = json!({ "errors": [format!("Provider [{provider}] not found.")] });
            return Answer::json(StatusCode::NOT_FOUND, "application/json", &problem);
        };
        if let Some(problem) = habits(call) {
            return Answer::json(StatusCode::BAD_REQUEST, "application/json", &json!({ "errors": [problem] }));
        }
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        api.answer(&Call { base: format!("{base}/{provider}"), path, ..call.clone() })
    }
}

fn catalogs(collections: &[Collection]) -> BTreeMap<String, Api> {
    let mut items: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for collection in collections {
        let own = items.entry(collection.provider().to_owned()).or_default();
        own.extend((0..collection.granules.len().min(MOST)).map(|index| item(collection, index)));
    }
    let apis = items.into_iter().filter_map(|(provider, items)| {
        let mut api = Api::new(items).ok()?.paging(Paging::Token);
        api.max_limit = 100;
        Some((provider, api))
    });
    apis.collect()
}

fn root<'a>(base: &str, providers: impl Iterator<Item = &'a String>) -> Value {
    let link = |rel: &str, href: String, title: &str| json!({ "rel": rel, "href": href, "type": "application/json", "title": title });
    let mut links = vec![link("self", base.to_owned(), "CMR-STAC"), link("root", base.to_owned(), "CMR-STAC")];
    links.extend(providers.map(|provider| link("child", format!("{base}/{provider}"), provider)));
    json!({
        "type": "Catalog", "stac_version": "1.1.0", "id": "stac", "title": "NASA Common Metadata Repository STAC API (emulated)",
        "description": "One catalogue for each provider", "links": links, "conformsTo": ["https://api.stacspec.org/v1.0.0/core"],
    })
}

/// What the real one refuses although the specification allows it: a date without a time.
fn habits(call: &Call) -> Option<String> {
    let body: Value = if call.method == Method::POST { serde_json::from_slice(&call.body).unwrap_or_default() } else { Value::Null };
    let datetime = call.parameter("datetime").map(str::to_owned).or_else(|| body["datetime"].as_str().map(str::to_owned))?;
    let dates_only = datetime.split('/').any(|end| end.len() == 10 && !end.contains('T'));
    dates_only
        .then(|| "Query param datetime does not match a valid date format. Please use RFC3339 or ISO8601 formatted datetime strings.".to_owned())
}

/// A granule as an item.
fn item(collection: &Collection, index: usize) -> Value {
    let record = record_of(collection, index);
    let (meta, umm) = (&record["meta"], &record["umm"]);
    let extent = &umm["TemporalExtent"];
    let start = extent["RangeDateTime"]["BeginningDateTime"].as_str().or(extent["SingleDateTime"].as_str()).unwrap_or_default();
    let end = extent["RangeDateTime"]["EndingDateTime"].as_str().unwrap_or(start);
    let mut properties =
        Map::from_iter([("datetime".to_owned(), json!(start)), ("start_datetime".into(), json!(start)), ("end_datetime".into(), json!(end))]);
    if let Some(cloud) = umm["CloudCover"].as_f64() {
        properties.insert("eo:cloud_cover".into(), json!(cloud));
    }
    let (geometry, bbox) = place(umm);
    json!({
        "type": "Feature", "stac_version": "1.1.0", "id": umm["GranuleUR"], "collection": collection.entry_id(),
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.0.0/schema.json"],
        "geometry": geometry, "bbox": bbox, "properties": properties, "assets": assets(umm, &meta["concept-id"]), "links": [],
    })
}

/// Keys from file names, which overwrite each other where they are equal.
fn assets(umm: &Value, concept: &Value) -> Map<String, Value> {
    let mut assets = Map::new();
    for url in umm["RelatedUrls"].as_array().into_iter().flatten() {
        let href = url["URL"].as_str().unwrap_or_default();
        let file = href.rsplit('/').next().unwrap_or(href);
        let name = file.rsplit_once('.').map_or(file, |(stem, _)| stem).rsplit('.').next().unwrap_or(file);
        let (key, role) = match url["Type"].as_str().unwrap_or_default() {
            "GET DATA" => (name.to_owned(), "data"),
            "GET DATA VIA DIRECT ACCESS" => (format!("s3_{name}"), "data"),
            "GET RELATED VISUALIZATION" if href.starts_with("http") => ("browse".to_owned(), "browse"),
            _ => continue,
        };
        assets.insert(key, json!({ "href": href, "title": format!("Download {file}"), "roles": [role] }));
    }
    let id = concept.as_str().unwrap_or_default();
    let href = format!("https://cmr.earthdata.nasa.gov/search/concepts/{id}.xml");
    assets.insert("metadata".into(), json!({ "href": href, "title": "CMR XML metadata", "type": "application/xml", "roles": ["metadata"] }));
    assets
}

/// Outer rings only; the whole world where there is no outline.
fn place(umm: &Value) -> (Value, [f64; 4]) {
    let geometry = &umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"];
    if let Some(points) = geometry["GPolygons"][0]["Boundary"]["Points"].as_array() {
        let ring: Vec<(f64, f64)> =
            points.iter().map(|point| (point["Longitude"].as_f64().unwrap_or_default(), point["Latitude"].as_f64().unwrap_or_default())).collect();
        return crate::geography::footprint(&ring);
    }
    let rectangle = &geometry["BoundingRectangles"][0];
    let side = |name: &str, default: f64| rectangle[format!("{name}BoundingCoordinate")].as_f64().unwrap_or(default);
    let [west, south, east, north] = [side("West", -180.0), side("South", -90.0), side("East", 180.0), side("North", 90.0)];
    (
        json!({ "type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]] }),
        [west, south, east, north],
    )
}
