//! Small archives in the manner of Sentinel-2: files, items and a static catalogue.
//!
//! ```text
//! DIR/items.json                                   ItemCollection, hrefs relative to DIR
//! DIR/catalog.json                                 static catalogue
//! DIR/sentinel-2-l2a/collection.json
//! DIR/sentinel-2-l2a/<id>/<id>.json                item, hrefs relative to itself
//! DIR/sentinel-2-l2a/<id>/<band>.tif               cloud-optimised GeoTIFF
//! ```

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use crate::scene::{Band, Hole, Scene};
use crate::stac::{Flavour, collections, item};
use crate::tiff::{self, Blocks, Compression, Reduce};
use crate::{Error, Result};

/// Id of the collection of all archives.
pub const COLLECTION: &str = "sentinel-2-l2a";

/// Side of a Sentinel-2 tile in metres.
const TILE: f64 = 109_800.0;

/// Four tiles that overlap each other, north and south in each zone and across the zones: (name, EPSG code, left, top).
const TILES: [(&str, u32, f64, f64); 4] = [
    ("32TQT", 32632, 699_960.0, 5_200_020.0),
    ("32TQS", 32632, 699_960.0, 5_100_000.0),
    ("33TUN", 32633, 300_000.0, 5_200_020.0),
    ("33TUM", 32633, 300_000.0, 5_100_000.0),
];

/// What an archive holds: the four tiles 32TQT, 32TQS, 33TUN and 33TUM on three dates of June 2024.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// Pixel size in metres; tiles are snapped to its multiples and as many pixels wide as fit into 109.8 km.
    pub resolution: f64,
    /// Bands of every scene.
    pub bands: Vec<Band>,
    /// Side of the files' tiles in pixels.
    pub block: usize,
    /// Deflate level.
    pub level: u32,
    /// Factors of the overviews.
    pub overviews: Vec<usize>,
    /// Form of the items.
    pub flavour: Flavour,
}

impl Archive {
    /// 1098 × 1098 pixels of 100 m; blue, green, red, nir.
    #[must_use]
    pub fn demo() -> Self {
        let bands = [("blue", 1400.0, -150.0), ("green", 1650.0, -120.0), ("red", 1800.0, -400.0), ("nir", 3600.0, 900.0)];
        Self {
            resolution: 100.0,
            bands: bands.iter().map(|(name, level, contrast)| Band::reflectance(name, *level, *contrast)).collect(),
            block: 256,
            level: 1,
            overviews: vec![2, 4],
            flavour: Flavour::V1_0,
        }
    }

    /// 5490 × 5490 pixels of 20 m; red, nir, swir16; as the public archives store them (about 1.4 GB; a minute or two on two cores).
    #[must_use]
    pub fn bench() -> Self {
        let bands = [("red", 1800.0, -400.0), ("nir", 3600.0, 900.0), ("swir16", 2500.0, 500.0)];
        Self {
            resolution: 20.0,
            bands: bands.iter().map(|(name, level, contrast)| Band::reflectance(name, *level, *contrast)).collect(),
            block: 512,
            // On this noise as small as level 6, at about a quarter of its time.
            level: 4,
            overviews: vec![2, 4, 8],
            flavour: Flavour::V1_0,
        }
    }

    /// The scenes, tile by tile: twelve.
    #[must_use]
    pub fn scenes(&self) -> Vec<Scene> {
        (0..TILES.len()).flat_map(|tile| (0..3).map(move |date| (tile, date))).map(|(tile, date)| self.scene(tile, date)).collect()
    }

    fn scene(&self, tile: usize, date: i32) -> Scene {
        let (name, epsg, left, top) = TILES[tile];
        let resolution = self.resolution;
        let snapped = |value: f64| (value / resolution).round() * resolution;
        let side = (TILE / resolution) as usize;
        // The tiles of one pass follow each other within seconds, so that instants differ and solar days do not.
        let first = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(19_877) + TimeDelta::milliseconds(36_631_024);
        let datetime = first + TimeDelta::days(5 * i64::from(date)) + TimeDelta::milliseconds(14_317 * tile as i64);
        // The swath ends in the west of one pass and in the east of the next.
        let reach = side as f64 * (0.15 + 0.1 * f64::from(date));
        let hole = match date % 2 {
            0 => Hole::Edge { cols: 1.0, rows: 0.3, limit: reach },
            _ => Hole::Edge { cols: -1.0, rows: 0.3, limit: reach - side as f64 },
        };
        let platform = if date % 2 == 0 { "sentinel-2a" } else { "sentinel-2b" };
        let cloud = f64::from((tile as i32 * 23 + date * 31) % 80) + 0.5;
        let properties = json!({
            "platform": platform,
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "gsd": resolution,
            "eo:cloud_cover": cloud,
            "grid:code": format!("MGRS-{name}"),
            "s2:processing_baseline": "05.10",
            "created": "2024-07-01T00:00:00Z",
            "updated": "2024-07-01T00:00:00Z",
        });
        let satellite = if date % 2 == 0 { "S2A" } else { "S2B" };
        Scene {
            id: format!("{satellite}_{name}_{}_0_L2A", datetime.format("%Y%m%d")),
            collection: COLLECTION.into(),
            datetime,
            epsg,
            affine: [resolution, 0.0, snapped(left), 0.0, -resolution, snapped(top)],
            shape: (side, side),
            bands: self.bands.clone(),
            holes: vec![hole],
            properties: properties.as_object().cloned().unwrap_or_else(Map::new),
            ring: None,
        }
    }

    /// Writes all files, on as many threads as there are processors, and returns the items of `items.json`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written.
    pub fn write(&self, directory: &Path) -> Result<Vec<Value>> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            loop {
                let tile = next.fetch_add(1, Ordering::Relaxed);
                if tile >= TILES.len() {
                    return Ok(());
                }
                self.write_tile(tile, directory)?;
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(TILES.len());
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| Error::Worker)?)
        })?;
        let scenes = self.scenes();
        let items: Vec<Value> = scenes.iter().map(|scene| item(scene, self.flavour, |band| file_of(scene, band))).collect::<Result<_>>()?;
        write_json(&directory.join("items.json"), &json!({ "type": "FeatureCollection", "features": items }))?;
        write_catalog(directory, &items)?;
        Ok(items)
    }

    /// All files of one tile; its terrain is computed once.
    fn write_tile(&self, tile: usize, directory: &Path) -> Result<()> {
        let terrain = self.scene(tile, 0).terrain();
        for date in 0..3 {
            let scene = self.scene(tile, date);
            for band in &scene.bands {
                let options = tiff::Options {
                    blocks: Blocks::Tiles(self.block, self.block),
                    compression: Compression::Deflate(self.level),
                    overviews: self.overviews.clone(),
                    reduce: Reduce::Average,
                    ..scene.tiff_options(band)
                };
                let bytes = tiff::encode(&[scene.plane_over(band, &terrain)?], &options)?;
                write(&directory.join(file_of(&scene, band)), &bytes)?;
            }
        }
        Ok(())
    }
}

/// Writes [`Archive::demo`] and returns its items.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written.
pub fn demo_archive(directory: &Path) -> Result<Vec<Value>> {
    Archive::demo().write(directory)
}

/// Writes [`Archive::bench`] and returns its items.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written.
pub fn bench_archive(directory: &Path) -> Result<Vec<Value>> {
    Archive::bench().write(directory)
}

/// The items of an archive, from its `items.json`.
///
/// # Errors
/// [`Error::Io`] or [`Error::Json`] if there is no such file or it is something else.
pub fn read_items(directory: &Path) -> Result<Vec<Value>> {
    let path = directory.join("items.json");
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let mut collection: Value = serde_json::from_str(&text)?;
    match collection["features"].take() {
        Value::Array(items) => Ok(items),
        _ => Err(Error::Json(serde::de::Error::custom("items.json has no features"))),
    }
}

fn file_of(scene: &Scene, band: &Band) -> String {
    format!("{}/{}/{}.tif", scene.collection, scene.id, band.name)
}

/// A catalogue that is followed link by link, all hrefs relative to the file that holds them.
fn write_catalog(directory: &Path, items: &[Value]) -> Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let link =
        |rel: &str, href: &str| json!({ "rel": rel, "href": href, "type": if rel == "item" { "application/geo+json" } else { "application/json" } });
    let collections = collections(items)?;
    let mut children = vec![link("root", "./catalog.json")];
    for mut collection in collections {
        let id = text(&collection["id"]);
        children.push(link("child", &format!("./{id}/collection.json")));
        let mut links = vec![link("root", "../catalog.json"), link("parent", "../catalog.json")];
        for item in items.iter().filter(|item| item["collection"] == id.as_str()) {
            let name = text(&item["id"]);
            links.push(link("item", &format!("./{name}/{name}.json")));
            let mut item = item.clone();
            item["links"] =
                json!([link("root", "../../catalog.json"), link("parent", "../collection.json"), link("collection", "../collection.json")]);
            for asset in item["assets"].as_object_mut().into_iter().flat_map(|assets| assets.values_mut()) {
                let file = text(&asset["href"]);
                asset["href"] = json!(format!("./{}", file.rsplit('/').next().unwrap_or(&file)));
            }
            write_json(&directory.join(format!("{id}/{name}/{name}.json")), &item)?;
        }
        collection["links"] = json!(links);
        write_json(&directory.join(format!("{id}/collection.json")), &collection)?;
    }
    let catalog = json!({
        "type": "Catalog", "stac_version": "1.1.0", "id": "synthetic", "title": "Synthetic archive",
        "description": "Scenes whose pixels encode their own place and time", "links": children,
    });
    write_json(&directory.join("catalog.json"), &catalog)
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    write(path, format!("{value:#}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    fs::write(path, bytes).map_err(Error::io(path))
}
