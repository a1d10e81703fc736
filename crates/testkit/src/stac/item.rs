//! A scene as a STAC item, in the forms of both current versions.

use serde_json::{Map, Value, json};

use crate::geography::footprint;
use crate::scene::{Band, Scene};
use crate::{Error, Result};

/// Version of STAC and of the extensions that changed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// STAC 1.0: `proj:epsg`, `raster:bands`, `eo:bands` with `common_name`.
    V1_0,
    /// STAC 1.1: `proj:code`, `bands` with `raster:scale` and `eo:common_name`.
    #[default]
    V1_1,
}

/// The item of a scene with one asset for each band; `href` names the file of a band.
///
/// # Errors
/// [`Error::Scene`] if the footprint cannot be computed ([`Scene::lonlat_ring`]).
pub fn item(scene: &Scene, flavour: Flavour, href: impl Fn(&Band) -> String) -> Result<Value> {
    let (geometry, bbox) = footprint(&scene.lonlat_ring()?);
    let mut properties = scene.properties.clone();
    properties.insert("datetime".into(), json!(scene.datetime.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()));
    properties.insert("proj:shape".into(), json!([scene.shape.0, scene.shape.1]));
    properties.insert("proj:transform".into(), json!(scene.affine));
    properties.insert("proj:bbox".into(), json!(projected_bounds(scene)));
    match flavour {
        Flavour::V1_0 => properties.insert("proj:epsg".into(), json!(scene.epsg)),
        Flavour::V1_1 => properties.insert("proj:code".into(), json!(format!("EPSG:{}", scene.epsg))),
    };
    let assets: Map<String, Value> = scene.bands.iter().map(|band| (band.name.clone(), asset(scene, band, flavour, &href(band)))).collect();
    let (version, projection, raster, eo) = match flavour {
        Flavour::V1_0 => ("1.0.0", "v1.1.0", "v1.1.0", "v1.1.0"),
        Flavour::V1_1 => ("1.1.0", "v2.0.0", "v2.0.0", "v2.0.0"),
    };
    Ok(json!({
        "type": "Feature",
        "stac_version": version,
        "stac_extensions": [
            format!("https://stac-extensions.github.io/projection/{projection}/schema.json"),
            format!("https://stac-extensions.github.io/raster/{raster}/schema.json"),
            format!("https://stac-extensions.github.io/eo/{eo}/schema.json"),
        ],
        "id": scene.id,
        "collection": scene.collection,
        "geometry": geometry,
        "bbox": bbox,
        "properties": properties,
        "links": [],
        "assets": assets,
    }))
}

fn asset(scene: &Scene, band: &Band, flavour: Flavour, href: &str) -> Value {
    let mut asset = json!({
        "href": href,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "title": band.name,
    });
    let resolution = scene.affine[0].hypot(scene.affine[3]);
    let nodata = band.nodata.map(|nodata| if nodata.is_nan() { json!("nan") } else { json!(nodata) });
    let mut raster = Map::new();
    raster.insert("data_type".into(), json!(band.sample.name()));
    raster.extend(nodata.map(|nodata| ("nodata".to_owned(), nodata)));
    match flavour {
        Flavour::V1_0 => {
            raster.insert("scale".into(), json!(band.scale));
            raster.insert("offset".into(), json!(band.offset));
            raster.insert("spatial_resolution".into(), json!(resolution));
            let mut eo = Map::from_iter([("name".to_owned(), json!(band.name))]);
            eo.extend(band.common_name.as_ref().map(|name| ("common_name".to_owned(), json!(name))));
            asset["raster:bands"] = json!([raster]);
            asset["eo:bands"] = json!([eo]);
        }
        Flavour::V1_1 => {
            raster.insert("name".into(), json!(band.name));
            raster.insert("raster:scale".into(), json!(band.scale));
            raster.insert("raster:offset".into(), json!(band.offset));
            raster.insert("raster:spatial_resolution".into(), json!(resolution));
            raster.extend(band.common_name.as_ref().map(|name| ("eo:common_name".to_owned(), json!(name))));
            asset["bands"] = json!([raster]);
        }
    }
    asset
}

/// `[left, bottom, right, top]` in the scene's CRS.
fn projected_bounds(scene: &Scene) -> [f64; 4] {
    let (rows, cols) = (scene.shape.0 as f64, scene.shape.1 as f64);
    let corners = [scene.place(0.0, 0.0), scene.place(rows, 0.0), scene.place(rows, cols), scene.place(0.0, cols)];
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    corners.iter().fold(start, |b, (x, y)| [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)])
}

/// Collections of items, in the order of their first item, with the extent of each.
///
/// # Errors
/// [`Error::Scene`] if an item names no collection.
pub fn collections(items: &[Value]) -> Result<Vec<Value>> {
    let mut found: Vec<(String, Vec<&Value>)> = Vec::new();
    for item in items {
        let missing = || Error::Scene { id: item["id"].as_str().unwrap_or_default().to_owned(), problem: "the item names no collection".into() };
        let id = item["collection"].as_str().ok_or_else(missing)?;
        match found.iter_mut().find(|(known, _)| known == id) {
            Some((_, members)) => members.push(item),
            None => found.push((id.to_owned(), vec![item])),
        }
    }
    Ok(found.iter().map(|(id, members)| collection(id, members)).collect())
}

fn collection(id: &str, members: &[&Value]) -> Value {
    let boxes = || members.iter().filter_map(|item| item["bbox"].as_array()).map(|bbox| bbox.iter().filter_map(Value::as_f64).collect::<Vec<_>>());
    let mut bbox = [180.0_f64, 90.0, -180.0, -90.0];
    for member in boxes().filter(|member| member.len() == 4) {
        // A member across the antimeridian makes the collection's box span all longitudes.
        let (west, east) = if member[0] > member[2] { (-180.0, 180.0) } else { (member[0], member[2]) };
        bbox = [bbox[0].min(west), bbox[1].min(member[1]), bbox[2].max(east), bbox[3].max(member[3])];
    }
    let mut times: Vec<&str> = members.iter().filter_map(|item| item["properties"]["datetime"].as_str()).collect();
    times.sort_unstable();
    json!({
        "type": "Collection",
        "stac_version": members.first().map_or(json!("1.1.0"), |item| item["stac_version"].clone()),
        "id": id,
        "title": id,
        "description": format!("Synthetic scenes of the collection {id}"),
        "license": "CC0-1.0",
        "extent": { "spatial": { "bbox": [bbox] }, "temporal": { "interval": [[times.first(), times.last()]] } },
        "links": [],
    })
}
