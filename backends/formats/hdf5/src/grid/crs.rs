use cube_backend::{Error, Result};
use cube_core::Crs;
use cube_manifest::Variable;

use super::values::{as_decimal, as_number, as_text};

/// A CRS as a grid mapping says it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mapping {
    pub(super) crs: Crs,
    /// Height of the viewpoint in metres, by which the angles of a geostationary view are scaled.
    pub(super) height: Option<f64>,
}

/// Understands a grid mapping: its WKT, where there is one (CF-1.11, 5.6.1), else its parameters (appendix F).
pub(super) fn read(mapping: &Variable, file: &str) -> Result<Mapping> {
    let text = |name: &str| mapping.attribute(name).and_then(as_text).filter(|t| !t.is_empty());
    let height = number(mapping, "perspective_point_height");
    if let Some(wkt) = ["crs_wkt", "spatial_ref"].into_iter().find_map(text) {
        return Ok(Mapping { crs: Crs::parse(wkt)?, height });
    }
    // Not of CF, but of many archives; and where it contradicts the figure of the Earth beside it, that has been a slip of the pen.
    if let Some(code) = text("epsg_code").filter(|code| code.to_ascii_uppercase().starts_with("EPSG:")) {
        return Ok(Mapping { crs: Crs::parse(code)?, height });
    }
    let named = text("grid_mapping_name").or_else(|| text("projection"));
    let name = named.ok_or_else(|| refused(mapping, file, "says neither `crs_wkt` nor `grid_mapping_name`"))?;
    let projection = match projection(name, mapping) {
        Some(parameters) => parameters,
        None => return Err(refused(mapping, file, &format!("is `{name}`, which is not known here without `crs_wkt`"))),
    };
    let figure = ellipsoid(mapping);
    if name == "latitude_longitude" && figure == WGS84 {
        return Ok(Mapping { crs: Crs::wgs84(), height: None });
    }
    Ok(Mapping { crs: Crs::parse(&format!("{projection} {figure} +no_defs +type=crs"))?, height })
}

fn refused(mapping: &Variable, file: &str, what: &str) -> Error {
    Error::unsupported(format!("the grid mapping `{}` of `{file}` {what}", mapping.name))
}

fn number(mapping: &Variable, name: &str) -> Option<f64> {
    mapping.attribute(name).and_then(as_decimal)
}

/// The parameters of PROJ for a projection of CF.
fn projection(name: &str, mapping: &Variable) -> Option<String> {
    let get = |name: &str| number(mapping, name);
    let or_zero = |name: &str| get(name).unwrap_or(0.0);
    let lon = || get("longitude_of_projection_origin").or_else(|| get("longitude_of_central_meridian")).unwrap_or(0.0);
    let lat = or_zero("latitude_of_projection_origin");
    let parallels = parallels(mapping);
    let scale = get("scale_factor_at_projection_origin").or_else(|| get("scale_factor_at_central_meridian"));
    let scaled = scale.map_or_else(String::new, |k| format!(" +k_0={k}"));
    let moved = format!(" +x_0={} +y_0={}", or_zero("false_easting"), or_zero("false_northing"));
    let first = parallels.first().copied();
    Some(match name {
        "latitude_longitude" => return Some("+proj=longlat".to_owned()),
        "albers_conical_equal_area" => format!("+proj=aea{} +lat_0={lat} +lon_0={}{moved}", both(&parallels)?, lon()),
        "azimuthal_equidistant" => format!("+proj=aeqd +lat_0={lat} +lon_0={}{moved}", lon()),
        "geostationary" => {
            let sweep = mapping.attribute("sweep_angle_axis").and_then(as_text);
            let fixed = mapping.attribute("fixed_angle_axis").and_then(as_text).map(|axis| if axis == "y" { "x" } else { "y" });
            format!("+proj=geos +h={} +lon_0={} +sweep={}{moved}", get("perspective_point_height")?, lon(), sweep.or(fixed).unwrap_or("y"))
        }
        "lambert_azimuthal_equal_area" => format!("+proj=laea +lat_0={lat} +lon_0={}{moved}", lon()),
        "lambert_conformal_conic" => format!("+proj=lcc{} +lat_0={lat} +lon_0={}{scaled}{moved}", both(&parallels)?, lon()),
        "lambert_cylindrical_equal_area" => format!("+proj=cea +lon_0={}{}{moved}", lon(), true_at(first)),
        "mercator" => format!("+proj=merc +lon_0={}{}{scaled}{moved}", lon(), true_at(first)),
        "orthographic" => format!("+proj=ortho +lat_0={lat} +lon_0={}{moved}", lon()),
        "polar_stereographic" => {
            let lon = get("straight_vertical_longitude_from_pole").unwrap_or_else(lon);
            let pole = get("latitude_of_projection_origin").or_else(|| first.map(|lat| 90_f64.copysign(lat)))?;
            format!("+proj=stere +lat_0={pole} +lon_0={lon}{}{scaled}{moved}", true_at(first))
        }
        "sinusoidal" => format!("+proj=sinu +lon_0={}{moved}", lon()),
        "stereographic" => format!("+proj=stere +lat_0={lat} +lon_0={}{scaled}{moved}", lon()),
        "transverse_mercator" => format!("+proj=tmerc +lat_0={lat} +lon_0={}{scaled}{moved}", lon()),
        _ => return None,
    })
}

fn parallels(mapping: &Variable) -> Vec<f64> {
    use cube_manifest::AttributeValue::Numbers;
    match mapping.attribute("standard_parallel") {
        Some(Numbers(_, all)) => all.iter().map(|n| n.as_f64()).collect(),
        Some(one) => as_number(one).map(|n| n.as_f64()).into_iter().collect(),
        None => Vec::new(),
    }
}

fn both(parallels: &[f64]) -> Option<String> {
    let first = parallels.first()?;
    Some(format!(" +lat_1={first} +lat_2={}", parallels.get(1).unwrap_or(first)))
}

fn true_at(parallel: Option<f64>) -> String {
    parallel.map_or_else(String::new, |lat| format!(" +lat_ts={lat}"))
}

const WGS84: &str = "+datum=WGS84";

/// The figure of the Earth; WGS 84 where nothing is said, as in GDAL.
fn ellipsoid(mapping: &Variable) -> String {
    let get = |name: &str| number(mapping, name);
    if let Some(radius) = get("earth_radius") {
        return format!("+R={radius}");
    }
    match (get("semi_major_axis"), get("semi_minor_axis"), get("inverse_flattening")) {
        (Some(a), _, Some(0.0)) => format!("+R={a}"),
        (Some(6_378_137.0), _, Some(rf)) if (rf - 298.257_223_563).abs() < 1e-7 => WGS84.to_owned(),
        (Some(6_378_137.0), Some(b), None) if (b - 6_356_752.314_245).abs() < 1e-4 => WGS84.to_owned(),
        (Some(a), _, Some(rf)) => format!("+a={a} +rf={rf}"),
        (Some(a), Some(b), None) => format!("+a={a} +b={b}"),
        (Some(a), None, None) => format!("+R={a}"),
        _ => WGS84.to_owned(),
    }
}
