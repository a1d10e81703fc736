//! How long an index of a million items takes to write, to open and to ask.
//!
//! ```text
//! cargo run --release -p cube-catalog-stac --example million -- [items] [index.parquet]
//! ```
//!
//! The items are those of an imaginary archive in the manner of Sentinel-2: tiles of 1° all over the land and sea between 60° south and
//! 70° north, 28 dates each, four bands. The index is written when it is not there.

#![allow(clippy::print_stdout, reason = "a program that reports")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use cube_access::{Access, AccessOptions};
use cube_backend::{Catalog, PatchQuery};
use cube_catalog_stac::{Item, StacCatalog, StacOptions, write_index};
use cube_core::{Extent, Period, TimeValue};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const BANDS: [(&str, &str); 4] = [("B02", "blue"), ("B03", "green"), ("B04", "red"), ("B08", "nir")];

fn item(i: usize) -> Outcome<Item> {
    let (tile, date) = (i % 35_750, i / 35_750);
    let (w, s) = ((tile % 275) as f64 * 1.309 - 180.0, (tile / 275) as f64 - 60.0);
    let (e, n) = (w + 1.3, s + 1.1);
    let day = 1 + date % 28;
    let assets: serde_json::Map<_, _> = BANDS
        .iter()
        .map(|(key, name)| {
            let asset = json!({"href": format!("https://archive.example/s2/{tile}/2024/1/{day}/{i}/{key}.tif"), "type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"],
                "eo:bands": [{"name": key, "common_name": name}], "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}], "gsd": 10,
                "proj:shape": [10980, 10980], "proj:transform": [10.0, 0.0, 300_000.0 + tile as f64, 0.0, -10.0, 5_000_040.0], "file:size": 150_000_000 + i});
            ((*key).to_owned(), asset)
        })
        .collect();
    Ok(serde_json::from_value(json!({
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": format!("S2B_{tile:05}_202401{day:02}_{}_L2A", date / 28), "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}, "bbox": [w, s, e, n], "links": [], "assets": assets,
        "properties": {"datetime": format!("2024-01-{day:02}T10:{:02}:{:02}.5Z", tile / 60 % 60, tile % 60), "platform": "sentinel-2b", "constellation": "sentinel-2", "eo:cloud_cover": (i * 7919 % 1000) as f64 / 10.0,
            "proj:epsg": 32601 + tile % 60, "s2:processing_baseline": "05.10", "created": "2024-02-01T00:00:00Z", "updated": "2024-02-02T00:00:00Z"},
    }))?)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let items: usize = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let path: PathBuf = arguments.next().map_or_else(|| std::env::temp_dir().join("million.parquet"), PathBuf::from);
    if !path.exists() {
        let start = Instant::now();
        let all = stream::iter(0..items).map(|i| item(i).map_err(|e| cube_backend::Error::corrupt(e.to_string())));
        let written = write_index(all, &path).await?;
        println!("written: {} items, {:.1} MB in {:.1} s", written.items, written.bytes as f64 / 1e6, start.elapsed().as_secs_f64());
    }
    let access = Access::new(AccessOptions::default())?;
    let start = Instant::now();
    let catalog = StacCatalog::open(&path.to_string_lossy(), Arc::new(access), StacOptions::default()).await?;
    println!("opened in {:.1} ms; {:.0} MB resident", start.elapsed().as_secs_f64() * 1e3, resident());
    let day = |d: i64| TimeValue((19_723 + d - 1) * 86_400_000_000);
    let week = Period::new(day(5), day(12));
    for (name, area, period, assets) in [
        ("one tile, one week, two bands", Extent::new(9.5, 45.2, 9.8, 45.4), week, vec!["red", "nir"]),
        ("3° × 3°, one week, two bands", Extent::new(9.0, 45.0, 12.0, 48.0), week, vec!["red", "nir"]),
        ("3° × 3°, one month, all bands", Extent::new(9.0, 45.0, 12.0, 48.0), Period::new(day(1), day(32)), vec![]),
        ("nothing there", Extent::new(9.0, -89.0, 12.0, -88.0), week, vec!["red"]),
    ] {
        let query =
            PatchQuery { boxes: vec![area], periods: vec![period], assets: assets.into_iter().map(str::to_owned).collect(), ..PatchQuery::default() };
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..9 {
            let start = Instant::now();
            found = catalog.patches(&query).try_collect::<Vec<_>>().await?.len();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{name}: {found} patches, median {:.1} ms, slowest {:.1} ms", times[4], times[8]);
    }
    let start = Instant::now();
    let mut all = catalog.patches(&PatchQuery::default());
    let mut count = 0usize;
    while all.try_next().await?.is_some() {
        count += 1;
    }
    println!("all: {count} patches streamed in {:.1} s; {:.0} MB resident at most", start.elapsed().as_secs_f64(), peak());
    Ok(())
}

fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(name));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn resident() -> f64 {
    status("VmRSS")
}

fn peak() -> f64 {
    status("VmHWM")
}
