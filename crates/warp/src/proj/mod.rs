//! Coordinate reference systems: what they are, and the way from one to another.
//!
//! With the feature `gdal` PROJ answers, through GDAL. Without it a pure-Rust implementation answers for the CRSs in which it is
//! exact (see [`families`](self)), and refuses every other by name.

use std::sync::Arc;

use cube_core::{Crs, Extent, Transform};

use crate::Result;

#[cfg(feature = "gdal")]
mod ogr;
#[cfg_attr(feature = "gdal", expect(dead_code, reason = "compared with PROJ in tests, used without it"))]
mod pure;

#[cfg(feature = "gdal")]
use ogr as backend;
#[cfg(not(feature = "gdal"))]
use pure as backend;

/// What is known of a CRS.
#[derive(Debug, Clone, PartialEq)]
pub struct CrsInfo {
    /// Its name, e.g. `WGS 84 / UTM zone 32N`.
    pub name: String,
    /// WKT2:2019 with PROJ, WKT2 or WKT1 from a table without it.
    pub wkt: String,
    /// Whether coordinates are longitude and latitude.
    pub geographic: bool,
    /// Its EPSG code, where it has one.
    pub epsg: Option<u32>,
    /// Where it is meant to be used, in longitude and latitude. `east` is beyond 180 where it crosses the antimeridian.
    pub area_of_use: Option<Extent>,
    /// Name of the unit of x and y, e.g. `metre` or `degree`.
    pub unit: String,
    /// Metres in one unit; for degrees, along the equator.
    pub metres_per_unit: f64,
}

/// What is known of a CRS; an error with a hint when it is not a CRS.
pub fn describe(crs: &Crs) -> Result<CrsInfo> {
    backend::describe(crs)
}

/// The shortest name of a CRS: a WKT or PROJ text that is exactly an EPSG CRS (datum, parameters and units the same) becomes its
/// code; anything else stays as it is.
pub fn canonical(crs: &Crs) -> Result<Crs> {
    backend::canonical(crs)
}

/// The way from one CRS to another: x before y, longitude before latitude in degrees, whatever the CRS itself says of its axes.
/// Points that have no image become NaN, the others are not affected.
pub fn transform(from: &Crs, to: &Crs) -> Result<Arc<dyn Transform>> {
    let (from, to) = (canonical(from)?, canonical(to)?);
    if from == to { Ok(Arc::new(Identity)) } else { backend::transform(&from, &to) }
}

/// The map that changes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity;

impl Transform for Identity {
    fn transform(&self, _x: &mut [f64], _y: &mut [f64]) {}
}
