use super::{
    crs::USER_DEFINED,
    keys::{Keys, key},
};

/// A projected CRS of the file's own on a datum in PROJ parameters, as a PROJ string.
pub(super) fn projected(keys: &Keys, datum: &str) -> Result<String, String> {
    let (unit, metres) = unit(keys)?;
    let projection = match keys.code(key::PROJECTION) {
        Some(code @ 16001..=16060) => format!("+proj=utm +zone={}", code - 16000),
        Some(code @ 16101..=16160) => format!("+proj=utm +zone={} +south", code - 16100),
        Some(USER_DEFINED) | None => format!("{} {}", method(keys)?, offset(keys, metres)),
        Some(code) => return Err(format!("its projection is {code} (ProjectionGeoKey)")),
    };
    Ok(format!("{projection} {datum} {unit} +no_defs +type=crs"))
}

/// Name of the unit of x and y, and its length in metres.
fn unit(keys: &Keys) -> Result<(String, f64), String> {
    let size = keys.double(key::LINEAR_UNIT_SIZE).filter(|s| *s > 0.0 && s.is_finite());
    Ok(match (keys.code(key::LINEAR_UNITS), size) {
        (Some(9001) | None, _) => ("+units=m".to_owned(), 1.0),
        (Some(9002), _) => ("+units=ft".to_owned(), 0.3048),
        (Some(9003), _) => ("+units=us-ft".to_owned(), 1200.0 / 3937.0),
        (Some(9036), _) => ("+units=km".to_owned(), 1000.0),
        (Some(_), Some(size)) => (format!("+to_meter={size}"), size),
        (Some(code), None) => return Err(format!("its unit is {code} (ProjLinearUnitsGeoKey)")),
    })
}

/// False easting and northing, which GeoKeys state in the unit of the CRS and PROJ in metres.
fn offset(keys: &Keys, metres: f64) -> String {
    let x = keys.first(&[key::FALSE_EASTING, key::FALSE_ORIGIN_EASTING, key::CENTER_EASTING]).unwrap_or(0.0);
    let y = keys.first(&[key::FALSE_NORTHING, key::FALSE_ORIGIN_NORTHING, key::CENTER_NORTHING]).unwrap_or(0.0);
    format!("+x_0={} +y_0={}", x * metres, y * metres)
}

/// Method and parameters (OGC GeoTIFF 1.1, annex C; the keys that libgeotiff accepts in each other's place).
fn method(keys: &Keys) -> Result<String, String> {
    let lon = keys.first(&[key::NAT_ORIGIN_LONG, key::FALSE_ORIGIN_LONG, key::CENTER_LONG, key::STRAIGHT_POLE_LONG]).unwrap_or(0.0);
    let lat = keys.first(&[key::NAT_ORIGIN_LAT, key::FALSE_ORIGIN_LAT, key::CENTER_LAT]).unwrap_or(0.0);
    let scale = keys.first(&[key::SCALE_AT_NAT_ORIGIN, key::SCALE_AT_CENTER]).filter(|k| *k != 0.0).unwrap_or(1.0);
    let parallel_1 = keys.first(&[key::STD_PARALLEL_1]);
    let (lat_1, lat_2) = (parallel_1.unwrap_or(0.0), keys.first(&[key::STD_PARALLEL_2]).unwrap_or(0.0));
    let azimuth = keys.first(&[key::AZIMUTH]).unwrap_or(0.0);
    let gamma = keys.first(&[key::RECTIFIED_ANGLE]).unwrap_or(90.0);
    let code = keys.code(key::METHOD).ok_or("it names no projection method (ProjCoordTransGeoKey)")?;
    Ok(match code {
        1 => format!("+proj=tmerc +lat_0={lat} +lon_0={lon} +k={scale}"),
        3 => format!("+proj=omerc +no_uoff +lat_0={lat} +lonc={lon} +alpha={azimuth} +gamma={gamma} +k={scale}"),
        9815 => format!("+proj=omerc +lat_0={lat} +lonc={lon} +alpha={azimuth} +gamma={gamma} +k={scale}"),
        7 if lat == 0.0 && parallel_1.is_some_and(|p| p != 0.0) => format!("+proj=merc +lat_ts={lat_1} +lon_0={lon}"),
        7 if lat == 0.0 => format!("+proj=merc +lon_0={lon} +k={scale}"),
        8 => format!("+proj=lcc +lat_0={lat} +lon_0={lon} +lat_1={lat_1} +lat_2={lat_2}"),
        9 => format!("+proj=lcc +lat_1={lat} +lat_0={lat} +lon_0={lon} +k_0={scale}"),
        10 => format!("+proj=laea +lat_0={lat} +lon_0={lon}"),
        11 => format!("+proj=aea +lat_0={lat} +lon_0={lon} +lat_1={lat_1} +lat_2={lat_2}"),
        12 => format!("+proj=aeqd +lat_0={lat} +lon_0={lon}"),
        13 => format!("+proj=eqdc +lat_0={lat} +lon_0={lon} +lat_1={lat_1} +lat_2={lat_2}"),
        14 => format!("+proj=stere +lat_0={lat} +lon_0={lon} +k={scale}"),
        15 => polar(lat, lon, scale)?,
        16 => format!("+proj=sterea +lat_0={lat} +lon_0={lon} +k={scale}"),
        17 => format!("+proj=eqc +lat_ts={lat_1} +lat_0={lat} +lon_0={lon}"),
        18 => format!("+proj=cass +lat_0={lat} +lon_0={lon}"),
        19 => format!("+proj=gnom +lat_0={lat} +lon_0={lon}"),
        20 => format!("+proj=mill +lon_0={lon}"),
        21 => format!("+proj=ortho +lat_0={lat} +lon_0={lon}"),
        22 => format!("+proj=poly +lat_0={lat} +lon_0={lon}"),
        23 => format!("+proj=robin +lon_0={lon}"),
        24 => format!("+proj=sinu +lon_0={lon}"),
        25 => format!("+proj=vandg +lon_0={lon}"),
        26 => format!("+proj=nzmg +lat_0={lat} +lon_0={lon}"),
        27 => format!("+proj=tmerc +axis=wsu +lat_0={lat} +lon_0={lon} +k={scale}"),
        28 => format!("+proj=cea +lat_ts={lat_1} +lon_0={lon}"),
        _ => return Err(format!("its projection method is {code} (ProjCoordTransGeoKey)")),
    })
}

/// Polar stereographic: a scale at the pole, or true scale along a parallel.
fn polar(lat: f64, lon: f64, scale: f64) -> Result<String, String> {
    let pole = if lat < 0.0 { -90 } else { 90 };
    match lat.abs() {
        90.0 => Ok(format!("+proj=stere +lat_0={pole} +lon_0={lon} +k={scale}")),
        _ if scale == 1.0 => Ok(format!("+proj=stere +lat_0={pole} +lat_ts={lat} +lon_0={lon}")),
        _ => Err(format!("its polar stereographic projection has the scale {scale} at latitude {lat}")),
    }
}
