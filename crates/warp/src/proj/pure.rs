//! The CRSs that a build without GDAL can do exactly: those of common archives that differ from WGS 84 by no datum shift.
//!
//! Each was compared with PROJ on random points of its area of use (largest difference 0.2 µm). Everything else is refused by name.

use std::{fmt, sync::Arc};

use cube_core::{Crs, Extent, Transform};
use proj4rs::Proj;

use super::CrsInfo;
use crate::{Error, Result};

const WGS84_AXIS: f64 = 6_378_137.0;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A CRS of the table, as EPSG defines it.
struct Known {
    code: Option<u32>,
    name: String,
    /// Definition without a datum: coordinates pass between ellipsoids unshifted.
    proj: String,
    base: Base,
    /// Method and parameters of the projection; `None` for longitude and latitude.
    conversion: Option<Conversion>,
    area: [f64; 4],
}

struct Conversion {
    method: &'static str,
    parameters: Vec<(&'static str, f64, Unit)>,
}

#[derive(Clone, Copy)]
enum Unit {
    Degree,
    Metre,
    One,
}

#[derive(Clone, Copy)]
enum Base {
    Wgs84,
    Etrs89,
    Nad83,
    Nzgd2000,
    Sphere,
}

use Unit::{Degree, Metre, One};

impl Base {
    /// Name, datum, ellipsoid, its axis and inverse flattening, EPSG code.
    const fn facts(self) -> (&'static str, &'static str, &'static str, f64, f64, Option<u32>) {
        match self {
            Self::Wgs84 => ("WGS 84", "World Geodetic System 1984", "WGS 84", WGS84_AXIS, 298.257_223_563, Some(4326)),
            Self::Etrs89 => ("ETRS89", "European Terrestrial Reference System 1989", "GRS 1980", WGS84_AXIS, 298.257_222_101, Some(4258)),
            Self::Nad83 => ("NAD83", "North American Datum 1983", "GRS 1980", WGS84_AXIS, 298.257_222_101, Some(4269)),
            Self::Nzgd2000 => ("NZGD2000", "New Zealand Geodetic Datum 2000", "GRS 1980", WGS84_AXIS, 298.257_222_101, Some(4167)),
            Self::Sphere => ("unknown", "unknown", "unknown", 6_371_007.181, 0.0, None),
        }
    }

    fn wkt(self, keyword: &str, body: &str) -> String {
        let (name, datum, ellipsoid, axis, flattening, code) = self.facts();
        let id = code.map_or_else(String::new, |c| format!(",ID[\"EPSG\",{c}]"));
        format!(
            "{keyword}[\"{name}\",DATUM[\"{datum}\",ELLIPSOID[\"{ellipsoid}\",{axis},{flattening},LENGTHUNIT[\"metre\",1]]],\
             PRIMEM[\"Greenwich\",0,ANGLEUNIT[\"degree\",0.0174532925199433]]{body}{id}]"
        )
    }
}

/// The MODIS grid, which has no EPSG code.
const MODIS: &str = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs";

fn utm(code: u32) -> Known {
    let (zone, south) = (code % 100, code / 100 == 327);
    let (meridian, hemisphere) = (f64::from(zone) * 6.0 - 183.0, if south { 'S' } else { 'N' });
    let northing = if south { 1e7 } else { 0.0 };
    Known {
        code: Some(code),
        name: format!("WGS 84 / UTM zone {zone}{hemisphere}"),
        proj: format!("+proj=utm +zone={zone} +ellps=WGS84 +units=m{}", if south { " +south" } else { "" }),
        base: Base::Wgs84,
        conversion: Some(Conversion { method: "Transverse Mercator", parameters: transverse(meridian, 0.9996, 500_000.0, northing) }),
        area: if south { [meridian - 3.0, -80.0, meridian + 3.0, 0.0] } else { [meridian - 3.0, 0.0, meridian + 3.0, 84.0] },
    }
}

fn transverse(meridian: f64, scale: f64, easting: f64, northing: f64) -> Vec<(&'static str, f64, Unit)> {
    vec![
        ("Latitude of natural origin", 0.0, Degree),
        ("Longitude of natural origin", meridian, Degree),
        ("Scale factor at natural origin", scale, One),
        ("False easting", easting, Metre),
        ("False northing", northing, Metre),
    ]
}

fn polar(parallel: f64, meridian: f64) -> Conversion {
    let parameters = vec![
        ("Latitude of standard parallel", parallel, Degree),
        ("Longitude of origin", meridian, Degree),
        ("False easting", 0.0, Metre),
        ("False northing", 0.0, Metre),
    ];
    Conversion { method: "Polar Stereographic (variant B)", parameters }
}

fn origin(latitude: f64, longitude: f64, easting: f64, northing: f64) -> Vec<(&'static str, f64, Unit)> {
    vec![
        ("Latitude of natural origin", latitude, Degree),
        ("Longitude of natural origin", longitude, Degree),
        ("False easting", easting, Metre),
        ("False northing", northing, Metre),
    ]
}

fn by_code(code: u32) -> Option<Known> {
    let known =
        |name: &str, proj: &str, base, conversion, area| Known { code: Some(code), name: name.into(), proj: proj.into(), base, conversion, area };
    Some(match code {
        32601..=32660 | 32701..=32760 => utm(code),
        4326 => known("WGS 84", "+proj=longlat +ellps=WGS84", Base::Wgs84, None, [-180.0, -90.0, 180.0, 90.0]),
        3857 => known(
            "WGS 84 / Pseudo-Mercator",
            "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m",
            Base::Wgs84,
            Some(Conversion { method: "Popular Visualisation Pseudo Mercator", parameters: origin(0.0, 0.0, 0.0, 0.0) }),
            [-180.0, -85.06, 180.0, 85.06],
        ),
        3035 => known(
            "ETRS89-extended / LAEA Europe",
            "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m",
            Base::Etrs89,
            Some(Conversion { method: "Lambert Azimuthal Equal Area", parameters: origin(52.0, 10.0, 4_321_000.0, 3_210_000.0) }),
            [-35.58, 24.6, 44.83, 84.73],
        ),
        3413 => known(
            "WGS 84 / NSIDC Sea Ice Polar Stereographic North",
            "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +x_0=0 +y_0=0 +ellps=WGS84 +units=m",
            Base::Wgs84,
            Some(polar(70.0, -45.0)),
            [-180.0, 60.0, 180.0, 90.0],
        ),
        3031 => known(
            "WGS 84 / Antarctic Polar Stereographic",
            "+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 +x_0=0 +y_0=0 +ellps=WGS84 +units=m",
            Base::Wgs84,
            Some(polar(-71.0, 0.0)),
            [-180.0, -90.0, 180.0, -60.0],
        ),
        6933 => known(
            "WGS 84 / NSIDC EASE-Grid 2.0 Global",
            "+proj=cea +lat_ts=30 +lon_0=0 +x_0=0 +y_0=0 +ellps=WGS84 +units=m",
            Base::Wgs84,
            Some(Conversion {
                method: "Lambert Cylindrical Equal Area",
                parameters: vec![
                    ("Latitude of 1st standard parallel", 30.0, Degree),
                    ("Longitude of natural origin", 0.0, Degree),
                    ("False easting", 0.0, Metre),
                    ("False northing", 0.0, Metre),
                ],
            }),
            [-180.0, -86.0, 180.0, 86.0],
        ),
        5070 => known(
            "NAD83 / Conus Albers",
            "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +x_0=0 +y_0=0 +ellps=GRS80 +units=m",
            Base::Nad83,
            Some(Conversion {
                method: "Albers Equal Area",
                parameters: vec![
                    ("Latitude of false origin", 23.0, Degree),
                    ("Longitude of false origin", -96.0, Degree),
                    ("Latitude of 1st standard parallel", 29.5, Degree),
                    ("Latitude of 2nd standard parallel", 45.5, Degree),
                    ("Easting at false origin", 0.0, Metre),
                    ("Northing at false origin", 0.0, Metre),
                ],
            }),
            [-124.79, 24.41, -66.91, 49.38],
        ),
        2193 => known(
            "NZGD2000 / New Zealand Transverse Mercator 2000",
            "+proj=tmerc +lat_0=0 +lon_0=173 +k=0.9996 +x_0=1600000 +y_0=10000000 +ellps=GRS80 +units=m",
            Base::Nzgd2000,
            Some(Conversion { method: "Transverse Mercator", parameters: transverse(173.0, 0.9996, 1_600_000.0, 10_000_000.0) }),
            [166.37, -47.33, 178.63, -34.1],
        ),
        _ => return None,
    })
}

fn modis() -> Known {
    let parameters = vec![("Longitude of natural origin", 0.0, Degree), ("False easting", 0.0, Metre), ("False northing", 0.0, Metre)];
    Known {
        code: None,
        name: "MODIS Sinusoidal".into(),
        proj: MODIS.into(),
        base: Base::Sphere,
        conversion: Some(Conversion { method: "Sinusoidal", parameters }),
        area: [-180.0, -90.0, 180.0, 90.0],
    }
}

fn lookup(crs: &Crs) -> Result<Known> {
    let refused = || Error::UnknownCrs {
        crs: crs.to_string(),
        reason: "this program was built without GDAL, and its own projections do not cover it".into(),
        hint: "rebuild with the feature `gdal`, or use one of EPSG:4326, 326xx, 327xx, 3857, 3035, 3413, 3031, 6933, 5070, 2193 \
               or the MODIS sinusoidal grid"
            .into(),
    };
    match crs.epsg() {
        Some(code) => by_code(code),
        None => is_modis(crs.as_str()).then(modis),
    }
    .ok_or_else(refused)
}

/// Whether a PROJ or WKT text is the sinusoidal grid of MODIS and VIIRS: that sphere, no offsets, meridian 0.
fn is_modis(text: &str) -> bool {
    if text.contains("+proj=") {
        let has = |key: &str, wanted: &[f64], absent: bool| {
            let value = text.split_whitespace().find_map(|p| p.strip_prefix(key)).map(str::parse::<f64>);
            value.map_or(absent, |v| v.is_ok_and(|v| wanted.contains(&v)))
        };
        let sphere = has("+R=", &[6_371_007.181], false) || (has("+a=", &[6_371_007.181], false) && has("+b=", &[6_371_007.181], false));
        return text.split_whitespace().any(|p| p == "+proj=sinu")
            && sphere
            && [("+lon_0=", 0.0), ("+x_0=", 0.0), ("+y_0=", 0.0)].into_iter().all(|(k, v)| has(k, &[v], true))
            && text.split_whitespace().all(|p| !p.starts_with("+units=") || p == "+units=m");
    }
    let flat = text.replace(['\n', ' '], "").to_ascii_lowercase();
    let zero = |name: &str| {
        let from = flat.match_indices(&format!("\"{name}\"")).next().map(|(at, m)| &flat[at + m.len()..]);
        from.is_none_or(|rest| rest.trim_start_matches(',').split([',', ']']).next().is_some_and(|v| v.parse() == Ok(0.0)))
    };
    (flat.contains("\"sinusoidal\"") && flat.contains(",6371007.181,"))
        && ["longitude_of_center", "central_meridian", "false_easting", "false_northing", "longitudeofnaturalorigin", "falseeasting", "falsenorthing"]
            .into_iter()
            .all(zero)
}

pub(super) fn describe(crs: &Crs) -> Result<CrsInfo> {
    let known = lookup(crs)?;
    let [west, south, east, north] = known.area;
    let geographic = known.conversion.is_none();
    Ok(CrsInfo {
        wkt: wkt(&known),
        name: known.name,
        geographic,
        epsg: known.code,
        area_of_use: Some(Extent::new(west, south, east, north)),
        unit: if geographic { "degree" } else { "metre" }.into(),
        metres_per_unit: if geographic { DEGREE * WGS84_AXIS } else { 1.0 },
    })
}

/// WKT2:2019 (OGC 18-010r7) of a CRS of the table.
fn wkt(known: &Known) -> String {
    const DEGREES: &str = "ANGLEUNIT[\"degree\",0.0174532925199433]";
    const METRES: &str = "LENGTHUNIT[\"metre\",1]";
    let id = known.code.map_or_else(String::new, |c| format!(",ID[\"EPSG\",{c}]"));
    let Some(conversion) = &known.conversion else {
        let axes = format!(
            ",CS[ellipsoidal,2],AXIS[\"geodetic latitude (Lat)\",north,ORDER[1],{DEGREES}],AXIS[\"geodetic longitude (Lon)\",east,ORDER[2],{DEGREES}]"
        );
        return known.base.wkt("GEOGCRS", &axes);
    };
    let parameters: String = conversion
        .parameters
        .iter()
        .map(|(name, value, unit)| {
            let unit = match unit {
                Degree => DEGREES,
                Metre => METRES,
                One => "SCALEUNIT[\"unity\",1]",
            };
            format!(",PARAMETER[\"{name}\",{value},{unit}]")
        })
        .collect();
    let (east, north) = (format!("AXIS[\"(E)\",east,ORDER[1],{METRES}]"), format!("AXIS[\"(N)\",north,ORDER[2],{METRES}]"));
    let axes = match known.code {
        Some(3413) => format!(
            "AXIS[\"easting (X)\",south,MERIDIAN[45,{DEGREES}],ORDER[1],{METRES}],AXIS[\"northing (Y)\",south,MERIDIAN[135,{DEGREES}],ORDER[2],{METRES}]"
        ),
        Some(3031) => {
            format!("AXIS[\"(E)\",north,MERIDIAN[90,{DEGREES}],ORDER[1],{METRES}],AXIS[\"(N)\",north,MERIDIAN[0,{DEGREES}],ORDER[2],{METRES}]")
        }
        Some(3035 | 2193) => format!("AXIS[\"northing (N)\",north,ORDER[1],{METRES}],AXIS[\"easting (E)\",east,ORDER[2],{METRES}]"),
        _ => format!("{east},{north}"),
    };
    format!(
        "PROJCRS[\"{}\",{},CONVERSION[\"{}\",METHOD[\"{}\"]{parameters}],CS[Cartesian,2],{axes}{id}]",
        known.name,
        known.base.wkt("BASEGEOGCRS", ""),
        known.name,
        conversion.method
    )
}

/// Only the MODIS grid has several names here: what an unverified WKT claims of itself is not believed.
pub(super) fn canonical(crs: &Crs) -> Result<Crs> {
    if is_modis(crs.as_str()) { Ok(Crs::parse(MODIS)?) } else { Ok(crs.clone()) }
}

pub(super) fn transform(from: &Crs, to: &Crs, _area: Option<Extent>) -> Result<Arc<dyn Transform>> {
    let (source, target) = (lookup(from)?, lookup(to)?);
    let authalic = source.proj.contains("+proj=laea") || source.proj.contains("+proj=cea");
    let ellipsoid = source.proj.split_whitespace().find(|p| p.starts_with("+ellps=")).unwrap_or("+ellps=WGS84");
    Ok(Arc::new(Operation {
        geographic: authalic.then(|| open(from, &format!("+proj=longlat {ellipsoid}"))).transpose()?,
        source: open(from, &source.proj)?,
        target: open(to, &target.proj)?,
        from_degrees: source.conversion.is_none(),
        to_degrees: target.conversion.is_none(),
    }))
}

fn open(crs: &Crs, definition: &str) -> Result<Proj> {
    Proj::from_proj_string(definition).map_err(|e| Error::UnknownCrs {
        crs: crs.to_string(),
        reason: e.to_string(),
        hint: "rebuild with the feature `gdal`".into(),
    })
}

struct Operation {
    source: Proj,
    target: Proj,
    /// Longitude and latitude of the source, where its inverse needs refinement.
    geographic: Option<Proj>,
    from_degrees: bool,
    to_degrees: bool,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.source.projname(), self.target.projname())
    }
}

impl Operation {
    fn point(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        if !(x.is_finite() && y.is_finite()) || (self.from_degrees && y.abs() > 90.0) {
            return None;
        }
        let mut point = if self.from_degrees { (x.to_radians(), y.to_radians()) } else { self.refined(x, y)? };
        proj4rs::transform::transform(&self.source, &self.target, &mut point).ok()?;
        let (x, y) = if self.to_degrees { (point.0.to_degrees(), point.1.to_degrees()) } else { point };
        (x.is_finite() && y.is_finite()).then_some((x, y))
    }
}

impl Operation {
    /// Corrects for an inverse projection that is a series (authalic latitude, up to 0.4 mm) by what the exact forward one makes of it.
    fn refined(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let Some(geographic) = &self.geographic else { return Some((x, y)) };
        let mut back = (x, y);
        proj4rs::transform::transform(&self.source, geographic, &mut back).ok()?;
        proj4rs::transform::transform(geographic, &self.source, &mut back).ok()?;
        Some((2.0 * x - back.0, 2.0 * y - back.1))
    }
}

impl Transform for Operation {
    fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = self.point(*x, *y).unwrap_or((f64::NAN, f64::NAN));
        }
    }
}
