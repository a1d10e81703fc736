//! From an item to what the engine knows of a patch.

use std::{collections::BTreeMap, sync::Arc};

use cube_backend::Result;
use cube_core::{Asset, PatchIndex};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::Xxh3;

use crate::{
    assets, grid,
    item::{Item, When},
    outline::Outline,
    scene, time,
};

/// Properties that are always kept: mosaic orders ask for them often.
const KEPT: [&str; 4] = ["eo:cloud_cover", "eo:snow_cover", "s2:nodata_pixel_percentage", "platform"];

/// Members and properties of an item that patches are made from; an index reads no others.
pub(crate) const READ: &[&str] = &[
    "id",
    "collection",
    "geometry",
    "bbox",
    "datetime",
    "start_datetime",
    "end_datetime",
    "dtr:start_datetime",
    "dtr:end_datetime",
    "created",
    "updated",
    "version",
    "proj:code",
    "proj:epsg",
    "proj:wkt2",
    "proj:projjson",
    "proj:shape",
    "proj:transform",
    "proj:bbox",
    "eo:epsg",
    "eo:bands",
    "nodata",
    "data_type",
    "unit",
    "raster:scale",
    "raster:offset",
    "raster:spatial_resolution",
    "eo:cloud_cover",
    "eo:snow_cover",
    "platform",
    "constellation",
    "mission",
    "title",
    "product_id",
    "processing:version",
    "processing:datetime",
    "s2:nodata_pixel_percentage",
    "s2:processing_baseline",
    "s2:product_uri",
    "s2:product_id",
    "s2:granule_id",
    "s2:tile_id",
    "s2:datatake_id",
    "s2:product_type",
    "s2:generation_time",
    "s2:mgrs_tile",
    "s2:sequence",
    "sentinel:processing_baseline",
    "sentinel2:processing_baseline",
    "sentinel:product_id",
    "sentinel:sequence",
    "earthsearch:sequence",
    "earthsearch:boa_offset_applied",
    "sentinel:boa_offset_applied",
    "grid:code",
    "mgrs:utm_zone",
    "mgrs:latitude_band",
    "mgrs:grid_square",
    "sentinel:utm_zone",
    "sentinel:latitude_band",
    "sentinel:grid_square",
    "landsat:wrs_path",
    "landsat:wrs_row",
    "landsat:correction",
    "landsat:updated",
    "product:type",
    "sar:product_type",
];

/// What the filters of a query need to know of an item before its assets are looked at.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) when: When,
    pub(crate) outline: Outline,
}

impl Facts {
    pub(crate) fn of(item: &Item) -> Result<Self> {
        let nothing = Map::new();
        let properties = item.0.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let mut stated = grid::item_grid(properties);
        if stated.crs.is_none() {
            stated = item.assets().map(|(_, a)| grid::grid(a, properties)).find(|g| g.crs.is_some()).unwrap_or(stated);
        }
        Ok(Self { when: item.when()?, outline: Outline::of(item, &stated) })
    }
}

/// The patch of an item with the assets that are wanted; `properties` names what to keep beside the usual ones.
pub(crate) fn patch(item: &Item, facts: Facts, wanted: &[String], properties: &[String]) -> PatchIndex {
    let assets = assets::assets(item, wanted);
    let kept = properties.iter().map(String::as_str).chain(KEPT);
    let mut kept: BTreeMap<String, Value> = kept
        .filter_map(|name| Some((name.to_owned(), item.property(name).filter(|v| v.is_number() || v.is_string() || v.is_boolean())?.clone())))
        .collect();
    scene::mark(item, &facts.when, &mut kept);
    PatchIndex {
        id: item.patch_id(),
        time: facts.when.nominal,
        interval: facts.when.interval,
        footprint: facts.outline.footprint,
        bbox: facts.outline.bbox,
        version: version(item, &assets),
        assets,
        properties: kept,
    }
}

/// What changes when the source publishes the patch anew: the checksums of the wanted files when all have one, with what turns
/// their pixels into values; else `updated`; else a hash of what the item says of its files.
fn version(item: &Item, assets: &BTreeMap<String, Arc<Asset>>) -> String {
    let mut hash = Xxh3::new();
    let mut say = |text: &str| {
        hash.update(text.as_bytes());
        hash.update(&[0]);
    };
    let verified = !assets.is_empty() && assets.values().all(|a| a.checksum.is_some());
    // One instant has many spellings, and an index keeps the instant.
    let said = |name: &str| item.text(name).map(|t| time::parse(t).map_or_else(|| t.to_owned(), time::text));
    if !verified && let Some(updated) = said("updated") {
        return updated;
    }
    if !verified {
        ["created", "s2:generation_time", "processing:datetime", "version"].iter().for_each(|n| say(&said(n).unwrap_or_default()));
    }
    for (name, asset) in assets {
        say(name);
        // What follows `?` is a signature or a token, and differs from search to search.
        say(asset.href.split('?').next().filter(|_| !verified).unwrap_or_default());
        say(asset.checksum.as_deref().unwrap_or_default());
        say(&format!("{:?} {:?} {:?} {:?}", asset.size, asset.nodata, asset.scale, asset.offset));
    }
    format!("xxh3:{:032x}", hash.digest128())
}
