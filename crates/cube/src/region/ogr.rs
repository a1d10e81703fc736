//! Vector files, read by GDAL; archives of them are united.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use cube_core::{Crs, Roi};
use gdal::{
    Dataset, DatasetOptions, GdalOpenFlags,
    spatial_ref::SpatialRef,
    vector::{Geometry, LayerAccess},
};
use geojson::GeometryValue;

use super::broken;
use crate::{Error, Result};

/// What of an archive is read.
const MEMBERS: [&str; 7] = ["shp", "gpkg", "kml", "fgb", "gml", "geojson", "json"];

/// The geometries of every layer of a file, or of every vector file in an archive, in the CRS of its layers, which must be one.
pub(super) fn read(path: &Path, given: Option<Crs>) -> Result<Roi> {
    crate::gdal_errors::catch();
    let mut found = Found::default();
    for dataset in open(path)? {
        found.add(&dataset, path)?;
    }
    let crs = match (found.crs, given) {
        (Some(own), Some(given)) if own != given => {
            return Err(Error::refused(format!("`{}` is in {own} by its own word, and in {given} by yours", path.display()), "leave out --roi-crs"));
        }
        (own, given) => own.or(given).unwrap_or_else(Crs::wgs84),
    };
    if found.geometries.is_empty() {
        return Err(Error::refused(format!("`{}` has no geometries", path.display()), "give a file with an area, a line or a point"));
    }
    let geometry = geojson::Geometry::new(GeometryValue::GeometryCollection { geometries: found.geometries });
    Roi::new(geometry, crs).map_err(|e| Error::option("--roi", e))
}

fn open(path: &Path) -> Result<Vec<Dataset>> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if extension == "zip" {
        return members(path)?.iter().map(|member| open_one(member, path)).collect();
    }
    match open_one(path, path) {
        Ok(dataset) => Ok(vec![dataset]),
        // GDAL reads KMZ itself where it is built with LIBKML.
        Err(_) if extension == "kmz" => members(path)?.iter().map(|member| open_one(member, path)).collect(),
        Err(e) => Err(e),
    }
}

fn open_one(path: &Path, shown: &Path) -> Result<Dataset> {
    let lacks = |extension: &str| path.exists() && !path.with_extension(extension).exists();
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("shp")) && lacks("shx") && lacks("SHX") {
        return Err(Error::refused(format!("`{}` has no .shx beside it", path.display()), "put all files of the shapefile into one folder"));
    }
    let options = DatasetOptions { open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY, ..DatasetOptions::default() };
    Dataset::open_ex(path, options).map_err(|e| broken(format!("`{}` cannot be read as a vector file", shown.display()), e))
}

/// The vector files in an archive, in order of their names, as GDAL addresses them.
fn members(path: &Path) -> Result<Vec<PathBuf>> {
    let absolute = path.canonicalize().map_err(|e| Error::unreadable(path, e))?;
    let mut archive = OsString::from("/vsizip/");
    archive.push(&absolute);
    let archive = PathBuf::from(archive);
    let failed = |e: gdal::errors::GdalError| broken(format!("`{}` cannot be read as an archive", path.display()), e);
    // macOS puts files of its own beside each, named `._…`.
    let is_own = |p: &PathBuf| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| !n.starts_with("._"));
    let is_vector = |p: &PathBuf| p.extension().and_then(|e| e.to_str()).is_some_and(|e| MEMBERS.contains(&e.to_ascii_lowercase().as_str()));
    let mut found: Vec<PathBuf> = gdal::vsi::read_dir(&archive, true).map_err(failed)?.into_iter().filter(|p| is_vector(p) && is_own(p)).collect();
    found.sort();
    if found.is_empty() {
        let hint = format!("an archive holds one or more of: {}", MEMBERS.map(|m| format!(".{m}")).join(", "));
        return Err(Error::refused(format!("`{}` holds no vector file", path.display()), hint));
    }
    Ok(found.into_iter().map(|member| archive.join(member)).collect())
}

#[derive(Debug, Default)]
struct Found {
    geometries: Vec<geojson::Geometry>,
    crs: Option<Crs>,
}

impl Found {
    fn add(&mut self, dataset: &Dataset, path: &Path) -> Result<()> {
        // A shapefile's outer rings run clockwise, by its specification; GeoJSON's the other way, which tells how long edges are meant.
        let is_shapefile = dataset.driver().short_name() == "ESRI Shapefile";
        for mut layer in dataset.layers() {
            let of_layer = layer.spatial_ref().map(|s| name(&s)).transpose()?;
            let before = self.geometries.len();
            for feature in layer.features() {
                // A feature without a geometry has one without a name.
                if let Some(geometry) = feature.geometry().filter(|g| !g.geometry_name().is_empty()) {
                    let mut geometry = to_geojson(geometry, path)?;
                    if is_shapefile {
                        reverse_rings(&mut geometry.value);
                    }
                    self.geometries.push(geometry);
                }
            }
            let any = self.geometries.len() > before;
            match (&self.crs, of_layer) {
                (Some(a), Some(b)) if any && *a != b => {
                    return Err(Error::refused(
                        format!("the layers of `{}` are in {a} and in {b}", path.display()),
                        "put what you mean into a file of its own",
                    ));
                }
                (None, Some(b)) if any => self.crs = Some(b),
                _ => {}
            }
        }
        Ok(())
    }
}

fn reverse_rings(value: &mut GeometryValue) {
    match value {
        GeometryValue::Polygon { coordinates } => coordinates.iter_mut().for_each(|ring| ring.reverse()),
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter_mut().flatten().for_each(|ring| ring.reverse()),
        GeometryValue::GeometryCollection { geometries } => geometries.iter_mut().for_each(|g| reverse_rings(&mut g.value)),
        _ => {}
    }
}

/// A CRS by its code where it has one, else by its WKT.
fn name(srs: &SpatialRef) -> Result<Crs> {
    let text = srs.to_wkt().map_err(|e| broken("the CRS of the file cannot be read".to_owned(), e))?;
    Ok(cube_warp::proj::canonical(&Crs::parse(&text)?)?)
}

/// OGR keeps x before y inside files, whatever the axes of a CRS are called. Heights are kept, so that the repair can tell of them.
fn to_geojson(geometry: &Geometry, path: &Path) -> Result<geojson::Geometry> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| broken(format!("a geometry of `{}` cannot be understood", path.display()), e);
    // Curves have no GeoJSON; a buffer of no width makes them straight, 30 pieces to a quarter of a circle.
    let text = geometry.json().or_else(|_| geometry.buffer(0.0, 30)?.json()).map_err(|e| failed(e.into()))?;
    serde_json::from_str(&text).map_err(|e| failed(e.into()))
}
