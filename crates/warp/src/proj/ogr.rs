//! PROJ through GDAL's OGR.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, Once, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use cube_core::{Crs, Extent, Transform};
use gdal::{
    config,
    errors::GdalError,
    spatial_ref::{AxisMappingStrategy, CoordTransform, CoordTransformOptions, SpatialRef},
};

use super::CrsInfo;
use crate::{Error, Result};

/// Coordinate operations kept open by each thread; opening one costs about a millisecond.
const OPEN_PER_THREAD: usize = 32;
/// Codes that a WKT text without an authority is compared with, besides what GDAL guesses: grids of common archives.
const COMMON: [u32; 19] = [4326, 3857, 3035, 4258, 3413, 3031, 6933, 6931, 6932, 5070, 2193, 3395, 3575, 3571, 2154, 27700, 5514, 28992, 4269];

/// GDAL writes its errors to stderr unless told otherwise; here they reach the caller as results.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| config::set_error_handler(|_, _, _| {}));
}

fn open(crs: &Crs) -> Result<SpatialRef> {
    quiet();
    let mut srs = SpatialRef::from_definition(crs.as_str()).map_err(|e| Error::UnknownCrs {
        crs: crs.to_string(),
        reason: e.to_string(),
        hint: "name one that PROJ knows, such as `EPSG:32632`, or give its WKT".into(),
    })?;
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(srs)
}

fn wkt2(srs: &SpatialRef) -> Option<String> {
    config::set_thread_local_config_option("OSR_WKT_FORMAT", "WKT2_2019").ok()?;
    let wkt = srs.to_wkt();
    config::clear_thread_local_config_option("OSR_WKT_FORMAT").ok()?;
    wkt.ok().filter(|w| !w.is_empty())
}

pub(super) fn describe(crs: &Crs) -> Result<CrsInfo> {
    let srs = open(crs)?;
    let bad =
        |reason: String| Error::UnknownCrs { crs: crs.to_string(), reason, hint: "give a geographic or projected CRS, such as `EPSG:4326`".into() };
    let geographic = srs.is_geographic();
    if !geographic && !srs.is_projected() && !srs.is_local() {
        return Err(bad("it is neither geographic nor projected".into()));
    }
    let wkt = match wkt2(&srs) {
        Some(wkt) => wkt,
        None => srs.to_wkt().map_err(|e| bad(e.to_string()))?,
    };
    let area_of_use = srs.area_of_use().filter(|a| a.west_lon_degree > -1000.0).map(|a| {
        let east = if a.east_lon_degree < a.west_lon_degree { a.east_lon_degree + 360.0 } else { a.east_lon_degree };
        Extent::new(a.west_lon_degree, a.south_lat_degree, east, a.north_lat_degree)
    });
    let (unit, metres_per_unit) = if geographic {
        (srs.angular_units_name(), srs.angular_units() * srs.semi_major().unwrap_or(6_378_137.0))
    } else {
        (srs.linear_units_name(), srs.linear_units())
    };
    Ok(CrsInfo {
        name: srs.name().unwrap_or_else(|| crs.to_string()),
        wkt,
        geographic,
        epsg: super::canonical(crs)?.epsg(),
        area_of_use,
        unit: unit.unwrap_or_else(|| "unknown".into()),
        metres_per_unit,
    })
}

pub(super) fn canonical(crs: &Crs) -> Result<Crs> {
    Ok(identify(&open(crs)?).map_or_else(|| crs.clone(), Crs::from_epsg))
}

/// The EPSG code of a CRS that PROJ finds equal to it: the one it claims, the one GDAL guesses, or a common one.
fn identify(srs: &SpatialRef) -> Option<u32> {
    let own_code = |srs: &SpatialRef| (srs.auth_name()? == "EPSG").then(|| srs.auth_code().ok()).flatten().and_then(|c| u32::try_from(c).ok());
    let guess = || {
        let mut copy = srs.clone();
        copy.auto_identify_epsg().ok()?;
        own_code(&copy)
    };
    let same = |code: &u32| SpatialRef::from_epsg(*code).is_ok_and(|candidate| is_same(srs, &candidate));
    own_code(srs).into_iter().chain(guess()).chain(zones(srs)).find(&same).or_else(|| COMMON.into_iter().find(same))
}

/// Whether two CRSs are one when x comes before y in both: datum, projection, parameters and units, but not the order of axes.
fn is_same(a: &SpatialRef, b: &SpatialRef) -> bool {
    let one = |a: &SpatialRef, b: &SpatialRef| {
        let plain = |srs: &SpatialRef| {
            let mut srs = srs.clone();
            srs.set_axis_mapping_strategy(AxisMappingStrategy::AuthorityCompliant);
            srs
        };
        plain(a) == plain(b)
    };
    if one(a, b) {
        return true;
    }
    // PROJ strings know no order of axes, and the datum is compared apart.
    let definition = |srs: &SpatialRef| srs.to_proj4().ok().filter(|p| !p.trim().is_empty());
    let geographic = (a.geog_cs(), b.geog_cs());
    matches!(geographic, (Ok(ga), Ok(gb)) if one(&ga, &gb)) && definition(a).is_some() && definition(a) == definition(b)
}

/// Codes of a UTM zone: on WGS 84 (north and south), ETRS89, NAD83 and NAD27.
fn zones(srs: &SpatialRef) -> Vec<u32> {
    let definition = srs.to_proj4().unwrap_or_default();
    let zone = definition.split_whitespace().find_map(|p| p.strip_prefix("+zone=")?.parse::<u32>().ok());
    zone.map_or_else(Vec::new, |zone| [32600, 32700, 25800, 26900, 26700].map(|series| series + zone).to_vec())
}

/// West, south, east, north in whole degrees.
type Area = [i32; 4];

/// The number of each operation that was asked for.
type Numbers = HashMap<(Crs, Crs, Option<Area>), u64>;

pub(super) fn transform(from: &Crs, to: &Crs, area: Option<Extent>) -> Result<Arc<dyn Transform>> {
    static KNOWN: LazyLock<Mutex<Numbers>> = LazyLock::new(Mutex::default);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let area = if area.is_some() && is_shifted(from, to)? { area.and_then(whole_degrees) } else { None };
    let id = *KNOWN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry((from.clone(), to.clone(), area))
        .or_insert_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
    let operation = Operation { id, from: from.clone(), to: to.clone(), area };
    operation.with(|_| ())?;
    Ok(Arc::new(operation))
}

/// Rounded outwards, so that neighbouring patches share an operation. `None` when it is no area on one side of the antimeridian.
fn whole_degrees(e: Extent) -> Option<Area> {
    let sides = [e.west.floor().max(-180.0), e.south.floor().max(-90.0), e.east.ceil().min(180.0), e.north.ceil().min(90.0)];
    (sides[0] < sides[2] && sides[1] < sides[3] && sides[2] - sides[0] < 180.0).then(|| sides.map(|v| v as i32))
}

/// Whether the way leads over a shift of datum, for which PROJ may know several operations.
fn is_shifted(from: &Crs, to: &Crs) -> Result<bool> {
    /// Geographic CRSs that differ from WGS 84 by nothing.
    const UNSHIFTED: [u32; 4] = [4326, 4258, 4269, 4167];
    static KNOWN: LazyLock<Mutex<HashMap<Crs, bool>>> = LazyLock::new(Mutex::default);
    let unshifted = |crs: &Crs| {
        if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(crs) {
            return Ok(*known);
        }
        let own = open(crs)?.geog_cs().ok();
        let found = own.is_some_and(|own| UNSHIFTED.into_iter().any(|c| SpatialRef::from_epsg(c).is_ok_and(|g| is_same(&own, &g))));
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(crs.clone(), found);
        Ok::<_, Error>(found)
    };
    Ok(!(unshifted(from)? && unshifted(to)?))
}

/// A coordinate operation by name. GDAL's handles belong to one thread each, so every thread opens its own.
#[derive(Clone)]
struct Operation {
    id: u64,
    from: Crs,
    to: Crs,
    /// Where it is used: what chooses among several operations.
    area: Option<Area>,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

thread_local! {
    /// Most recently used first.
    static OPEN: RefCell<Vec<(u64, Handle)>> = const { RefCell::new(Vec::new()) };
}

/// An open operation.
enum Handle {
    Direct(CoordTransform),
    /// By way of the source's own longitudes and latitudes.
    Refined {
        unproject: CoordTransform,
        project: CoordTransform,
        onward: CoordTransform,
    },
}

impl Operation {
    fn open(&self) -> Result<Handle> {
        let (source, target) = (open(&self.from)?, open(&self.to)?);
        let failed = |e: GdalError| Error::NoOperation { from: self.from.to_string(), to: self.to.to_string(), reason: e.to_string() };
        let between = |source: &SpatialRef, target: &SpatialRef| {
            let mut options = CoordTransformOptions::new()?;
            if let Some([west, south, east, north]) = self.area.map(|a| a.map(f64::from)) {
                options.set_area_of_interest(west, south, east, north)?;
            }
            CoordTransform::new_with_options(source, target, &options)
        };
        if !is_authalic(&source) {
            return between(&source, &target).map(Handle::Direct).map_err(failed);
        }
        let mut geographic = source.geog_cs().map_err(failed)?;
        geographic.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        Ok(Handle::Refined {
            unproject: CoordTransform::new(&source, &geographic).map_err(failed)?,
            project: CoordTransform::new(&geographic, &source).map_err(failed)?,
            onward: between(&geographic, &target).map_err(failed)?,
        })
    }

    fn with<R>(&self, work: impl FnOnce(&Handle) -> R) -> Result<R> {
        OPEN.with_borrow_mut(|open| {
            match open.iter().position(|(id, _)| *id == self.id) {
                Some(0) => {}
                Some(at) => open[..=at].rotate_right(1),
                None => {
                    open.insert(0, (self.id, self.open()?));
                    open.truncate(OPEN_PER_THREAD);
                }
            }
            Ok(work(&open[0].1))
        })
    }
}

/// Whether PROJ's inverse of a projection goes through the authalic latitude: before 9.6 that is a series which errs by up to 0.4 mm.
fn is_authalic(srs: &SpatialRef) -> bool {
    srs.to_proj4().is_ok_and(|p| p.contains("+proj=laea") || p.contains("+proj=cea"))
}

impl Transform for Operation {
    fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        if self.with(|handle| handle.apply(x, y)).is_err() {
            x.fill(f64::NAN);
            y.fill(f64::NAN);
        }
    }
}

impl Handle {
    fn apply(&self, x: &mut [f64], y: &mut [f64]) {
        match self {
            Self::Direct(direct) => apply(direct, x, y),
            Self::Refined { unproject, project, onward } => {
                // The forward projection is exact: what comes back tells by how much to correct what goes in.
                let (mut back_x, mut back_y) = (x.to_vec(), y.to_vec());
                apply(unproject, &mut back_x, &mut back_y);
                apply(project, &mut back_x, &mut back_y);
                x.iter_mut().zip(&back_x).for_each(|(x, back)| *x += *x - back);
                y.iter_mut().zip(&back_y).for_each(|(y, back)| *y += *y - back);
                apply(unproject, x, y);
                apply(onward, x, y);
            }
        }
    }
}

/// OGR reports one failure for all points and marks those that failed with infinity.
fn apply(handle: &CoordTransform, x: &mut [f64], y: &mut [f64]) {
    // NaN and infinity are not to reach PROJ, which may answer them with a place.
    let unusable: Vec<usize> = (0..x.len()).filter(|&i| !(x[i].is_finite() && y[i].is_finite())).collect();
    for &i in &unusable {
        (x[i], y[i]) = (0.0, 0.0);
    }
    let _all_well = handle.transform_coords(x, y, &mut []);
    for (x, y) in x.iter_mut().zip(y.iter_mut()) {
        if !(x.is_finite() && y.is_finite()) {
            (*x, *y) = (f64::NAN, f64::NAN);
        }
    }
    for i in unusable {
        (x[i], y[i]) = (f64::NAN, f64::NAN);
    }
}
