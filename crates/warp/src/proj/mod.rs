//! Coordinate reference systems: what they are, and the way from one to another.
//!
//! With the feature `gdal` PROJ answers, through GDAL. Without it a pure-Rust implementation answers for the CRSs in which it is
//! exact, and refuses every other by name.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

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
    static KNOWN: Memory<CrsInfo> = LazyLock::new(Mutex::default);
    remembered(&KNOWN, crs, || backend::describe(crs))
}

/// The shortest name of a CRS: a WKT or PROJ text that is exactly an EPSG CRS (datum, parameters and units the same) becomes its
/// code; anything else stays as it is. Axes may be in another order: here x always comes before y.
pub fn canonical(crs: &Crs) -> Result<Crs> {
    static KNOWN: Memory<Crs> = LazyLock::new(Mutex::default);
    if crs.epsg().is_some() { Ok(crs.clone()) } else { remembered(&KNOWN, crs, || backend::canonical(crs)) }
}

type Memory<T> = LazyLock<Mutex<HashMap<Crs, T>>>;

fn remembered<T: Clone>(known: &Memory<T>, crs: &Crs, find: impl FnOnce() -> Result<T>) -> Result<T> {
    /// More CRSs than this are not in use at once.
    const KEPT: usize = 1024;
    if let Some(found) = known.lock().unwrap_or_else(PoisonError::into_inner).get(crs) {
        return Ok(found.clone());
    }
    let found = find()?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(crs.clone(), found.clone());
    Ok(found)
}

/// The way from one CRS to another: x before y, longitude before latitude in degrees, whatever the CRS itself says of its axes.
/// Points that have no image become NaN, the others are not affected.
pub fn transform(from: &Crs, to: &Crs) -> Result<Arc<dyn Transform>> {
    transform_near(from, to, None)
}

/// The same for points in an area (longitude and latitude), which PROJ takes into account where it knows several shifts of datum.
pub(crate) fn transform_near(from: &Crs, to: &Crs, area: Option<Extent>) -> Result<Arc<dyn Transform>> {
    let (from, to) = (canonical(from)?, canonical(to)?);
    if from == to { Ok(Arc::new(Identity)) } else { backend::transform(&from, &to, area) }
}

/// The map that changes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity;

impl Transform for Identity {
    fn transform(&self, _x: &mut [f64], _y: &mut [f64]) {}
}
