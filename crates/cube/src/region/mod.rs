//! Regions as people give them: text, or the name of a file.

#[cfg(feature = "gdal")]
mod ogr;

use std::path::Path;

use cube_core::{Crs, Roi};
use cube_geometry::{Region, Repaired};

use crate::{Environment, Error, Result};

/// Vector files that GDAL reads.
const VECTOR: [&str; 9] = ["shp", "gpkg", "kml", "kmz", "fgb", "gml", "gpx", "zip", "parquet"];
const GEOJSON: [&str; 2] = ["geojson", "json"];
const WKT: [&str; 1] = ["wkt"];
const RASTER: [&str; 3] = ["tif", "tiff", "vrt"];

/// Reads a region: `west,south,east,north`, WKT or GeoJSON as text or in a file, `@file.tif` (the grid of a raster, also by URL), or a
/// Shapefile, GeoPackage, KML or other vector file (with the feature `gdal`).
///
/// `crs` is what the coordinates are in, where the text or file does not say; longitude and latitude when absent. How an edge of more than
/// 180 degrees was read (see [`cube_core::Shapes::read_long_edges`]) is said as a warning, where it could be meant in two ways.
pub async fn read_roi(text: &str, crs: Option<Crs>, environment: &Environment) -> Result<Roi> {
    let roi = read(text, crs, environment).await?;
    for step in cube_geometry::steps_of_long_edges(&roi.long_edges()?) {
        tracing::warn!("of the region, {}", step.detail);
    }
    Ok(roi)
}

async fn read(text: &str, crs: Option<Crs>, environment: &Environment) -> Result<Roi> {
    let text = text.trim();
    if let Some(raster) = text.strip_prefix('@') {
        return of_raster(raster, crs, environment).await;
    }
    let Some(extension) = extension_of_file(text) else {
        return Roi::parse(text, crs).map_err(|e| Error::option("--roi", e));
    };
    let path = Path::new(text);
    if RASTER.contains(&extension.as_str()) {
        return Err(Error::refused(format!("`{text}` is a raster, not a geometry"), format!("write `@{text}` for the region that its grid covers")));
    }
    std::fs::metadata(path).map_err(|e| Error::unreadable(path, e))?;
    match extension.as_str() {
        "wkt" => Roi::from_wkt(&read_text(path)?, crs).map_err(|e| Error::option("--roi", e)),
        known if GEOJSON.contains(&known) => of_geojson(path, crs),
        _ => of_vector(path, crs),
    }
}

/// Reads a region to search with: whatever [`read_roi`] reads, in longitude and latitude, repaired, with the steps of the repair.
///
/// Several features are one region. What a service is asked with is then [`cube_geometry::simplify_containing`] of it, and what of the
/// answer is meant says [`Region::intersects`]. Text in WKT also answers what reading it left out (heights, unclosed rings).
pub async fn read_region(text: &str, crs: Option<Crs>, environment: &Environment) -> Result<Repaired> {
    let roi = read(text, crs, environment).await?;
    let lonlat = Crs::wgs84();
    let (to, from) = (cube_warp::proj::transform(&roi.crs, &lonlat)?, cube_warp::proj::transform(&lonlat, &roi.crs)?);
    let mut repaired = Region::of_roi(&roi, to.as_ref(), from.as_ref())?;
    if let Some(wkt) = wkt_of(text.trim())? {
        let seen = cube_geometry::steps_of_wkt(&wkt);
        repaired.steps.splice(0..0, seen);
    }
    Ok(repaired)
}

/// The well-known text that was given, or that the file holds.
fn wkt_of(text: &str) -> Result<Option<String>> {
    match extension_of_file(text).as_deref() {
        Some("wkt") => read_text(Path::new(text)).map(Some),
        Some(_) => Ok(None),
        None => Ok((text.contains('(') && !text.starts_with(['{', '@'])).then(|| text.to_owned())),
    }
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => broken(format!("`{}` cannot be read", path.display()), e),
        _ => Error::unreadable(path, e),
    })
}

fn of_geojson(path: &Path, crs: Option<Crs>) -> Result<Roi> {
    let text = read_text(path)?;
    Roi::from_geojson_text(&text, crs).map_err(|e| match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Error::option("--roi", e),
        Err(e) => broken(format!("`{}` is not valid JSON", path.display()), e),
    })
}

/// A file that was named and holds no region that can be read: what was typed is wrong.
fn broken(what: String, why: impl std::fmt::Display) -> Error {
    Error::refused(format!("{what}: {why}"), "see whether other programs open the file, such as QGIS or `ogrinfo`")
}

#[cfg(feature = "gdal")]
fn of_vector(path: &Path, crs: Option<Crs>) -> Result<Roi> {
    ogr::read(path, crs)
}

#[cfg(not(feature = "gdal"))]
fn of_vector(path: &Path, _crs: Option<Crs>) -> Result<Roi> {
    Err(Error::NeedsGdal { what: format!("reading `{}`", path.display()), instead: "convert it to GeoJSON in longitude and latitude" })
}

async fn of_raster(href: &str, crs: Option<Crs>, environment: &Environment) -> Result<Roi> {
    if crs.is_some() {
        return Err(Error::refused("a raster says itself in which CRS it is", "leave out --roi-crs"));
    }
    let image = environment.open_image(href).await?;
    let grid = image.levels().first().ok_or_else(|| Error::refused(format!("`{href}` has no grid"), "choose a georeferenced raster"))?;
    Ok(Roi::from_geobox(grid)?)
}

/// The extension in lower case, when a text is the name of a file rather than coordinates, WKT or JSON.
fn extension_of_file(text: &str) -> Option<String> {
    if text.starts_with('{') || text.contains(['(', '\n']) || text.is_empty() {
        return None;
    }
    let extension = Path::new(text).extension()?.to_str()?.to_ascii_lowercase();
    let known = [&VECTOR[..], &GEOJSON, &WKT, &RASTER].concat().contains(&extension.as_str());
    (known || (Path::new(text).is_file() && extension.parse::<u64>().is_err())).then_some(extension)
}

#[cfg(test)]
mod tests;
