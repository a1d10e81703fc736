//! Vector files, read by GDAL.

use std::path::Path;

use cube_core::{Crs, Roi};
use gdal::{
    Dataset, DatasetOptions, GdalOpenFlags,
    spatial_ref::SpatialRef,
    vector::{Geometry, LayerAccess},
};
use geojson::GeometryValue;

use crate::{Error, Result};

/// The geometries of every layer of a file, in the CRS of its layers, which must be one.
pub(super) fn read(path: &Path, given: Option<Crs>) -> Result<Roi> {
    crate::gdal_errors::catch();
    let failed = |e: gdal::errors::GdalError| Error::failed(format!("`{}` cannot be read as a vector file", path.display()), e);
    let options = DatasetOptions { open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_READONLY, ..DatasetOptions::default() };
    let dataset = Dataset::open_ex(path, options).map_err(failed)?;
    let mut geometries = Vec::new();
    let mut crs: Option<Crs> = None;
    for mut layer in dataset.layers() {
        let of_layer = layer.spatial_ref().map(|s| name(&s)).transpose()?;
        let mut any = false;
        for feature in layer.features() {
            if let Some(geometry) = feature.geometry() {
                geometries.push(to_geojson(geometry, path)?);
                any = true;
            }
        }
        match (&crs, of_layer) {
            (Some(a), Some(b)) if any && *a != b => {
                return Err(Error::refused(
                    format!("the layers of `{}` are in {a} and in {b}", path.display()),
                    "put what you mean into a file of its own",
                ));
            }
            (None, Some(b)) if any => crs = Some(b),
            _ => {}
        }
    }
    let crs = match (crs, given) {
        (Some(own), Some(given)) if own != given => {
            return Err(Error::refused(format!("`{}` is in {own} by its own word, and in {given} by yours", path.display()), "leave out --roi-crs"));
        }
        (own, given) => own.or(given).unwrap_or_else(Crs::wgs84),
    };
    let geometry = geojson::Geometry::new(GeometryValue::GeometryCollection { geometries });
    Roi::new(geometry, crs).map_err(|e| Error::option("--roi", e))
}

/// A CRS by its code where it has one, else by its WKT.
fn name(srs: &SpatialRef) -> Result<Crs> {
    let text = srs.to_wkt().map_err(|e| Error::failed("the CRS of the file cannot be read", e))?;
    Ok(cube_warp::proj::canonical(&Crs::parse(&text)?)?)
}

/// OGR keeps x before y inside files, whatever the axes of a CRS are called. Heights and measures are left out.
fn to_geojson(geometry: &Geometry, path: &Path) -> Result<geojson::Geometry> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| Error::failed(format!("a geometry of `{}` cannot be understood", path.display()), e);
    let mut flat = geometry.clone();
    flat.flatten_to_2d();
    let text = flat.json().map_err(|e| failed(e.into()))?;
    serde_json::from_str(&text).map_err(|e| failed(e.into()))
}
