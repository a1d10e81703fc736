//! Regions as people give them: text, or the name of a file.

#[cfg(feature = "gdal")]
mod ogr;

use std::path::Path;

use cube_core::{Crs, Roi};

use crate::{Environment, Error, Result};

/// Vector files that GDAL reads.
const VECTOR: [&str; 9] = ["shp", "gpkg", "kml", "kmz", "fgb", "gml", "gpx", "zip", "parquet"];
const GEOJSON: [&str; 2] = ["geojson", "json"];
const RASTER: [&str; 3] = ["tif", "tiff", "vrt"];

/// Reads a region: `west,south,east,north`, WKT, GeoJSON as text or in a file, `@file.tif` (the grid of a raster, also by URL), or a
/// Shapefile, GeoPackage, KML or other vector file (with the feature `gdal`).
///
/// `crs` is what the coordinates are in, where the text or file does not say; longitude and latitude when absent.
pub async fn read_roi(text: &str, crs: Option<Crs>, environment: &Environment) -> Result<Roi> {
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
    if !path.exists() {
        return Err(Error::unreadable(path, std::io::ErrorKind::NotFound.into()));
    }
    if GEOJSON.contains(&extension.as_str()) { of_geojson(path, crs) } else { of_vector(path, crs) }
}

fn of_geojson(path: &Path, crs: Option<Crs>) -> Result<Roi> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::unreadable(path, e))?;
    let value = serde_json::from_str(&text).map_err(|e| Error::failed(format!("`{}` is not valid JSON", path.display()), e))?;
    Roi::from_geojson(&value, crs).map_err(|e| Error::option("--roi", e))
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
    let known = [&VECTOR[..], &GEOJSON, &RASTER].concat().contains(&extension.as_str());
    (known || (Path::new(text).is_file() && extension.parse::<u64>().is_err())).then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_text() {
        for (text, extension) in [("a.geojson", Some("geojson")), ("dir/b.SHP", Some("shp")), ("x.tif", Some("tif"))] {
            assert_eq!(extension_of_file(text).as_deref(), extension, "{text}");
        }
        for text in ["10.5,46.5,11.5,47.5", "POINT (10.5 46.5)", "{\"type\": \"Point\"}", "", "eleven", "-10.1 46 11 47.25"] {
            assert_eq!(extension_of_file(text), None, "{text}");
        }
    }
}
