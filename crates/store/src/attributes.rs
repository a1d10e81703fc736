//! Attributes of groups and variables: CF, and the Zarr conventions `proj` and `spatial`.
//!
//! Every variable carries them itself, because readers look in different places: rioxarray and odc-geo want `coordinates` beside `grid_mapping`,
//! others the `proj:` attributes, and none of them inherits from the group.

use cube_core::{BandLayout, GeoBox, GroupLayout, Layout, TimeStep};
use serde_json::{Map, Value, json};

/// Attributes of a group that is a grid.
pub(crate) fn group(layout: &Layout, group: &GroupLayout) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("Conventions".into(), json!("CF-1.11"));
    if let Some(title) = &layout.spec.title {
        all.insert("title".into(), json!(title));
    }
    conventions(&mut all, group);
    all
}

/// Attributes of a variable.
pub(crate) fn band(band: &BandLayout, group: &GroupLayout) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("grid_mapping".into(), json!("spatial_ref"));
    all.insert("coordinates".into(), json!("spatial_ref"));
    for (key, text) in [("units", &band.units), ("long_name", &band.long_name)] {
        if let Some(text) = text {
            all.insert(key.into(), json!(text));
        }
    }
    let rescaled = band.scale.is_some_and(|s| s != 1.0) || band.offset.is_some_and(|o| o != 0.0);
    if rescaled {
        all.insert("scale_factor".into(), json!(band.scale.unwrap_or(1.0)));
        all.insert("add_offset".into(), json!(band.offset.unwrap_or(0.0)));
    }
    if let Some(nodata) = band.nodata {
        // CF readers turn integers with `_FillValue` into floats. Where they rescale, they do that anyway, and without it nodata would
        // become a plausible value; elsewhere `nodata` tells rioxarray and odc-geo without changing the type.
        all.insert(if rescaled { "_FillValue" } else { "nodata" }.into(), crate::documents::attribute_number(nodata, band.dtype, rescaled));
    }
    conventions(&mut all, group);
    all
}

/// Attributes of the `spatial_ref` coordinate.
pub(crate) fn spatial_ref(group: &GroupLayout) -> Map<String, Value> {
    let transform = group.grid.affine().to_gdal().map(|v| v.to_string()).join(" ");
    let mut all = Map::new();
    all.insert("crs_wkt".into(), json!(group.crs_wkt));
    all.insert("spatial_ref".into(), json!(group.crs_wkt));
    all.insert("GeoTransform".into(), json!(transform));
    if group.geographic {
        all.insert("grid_mapping_name".into(), json!("latitude_longitude"));
    }
    all
}

/// Attributes of `x` (axis `X`) or `y`.
pub(crate) fn axis(group: &GroupLayout, axis: char) -> Map<String, Value> {
    let x = axis == 'X';
    let (standard_name, long_name, units) = match (group.geographic, x) {
        (true, true) => ("longitude", "longitude of pixel centre", "degrees_east".into()),
        (true, false) => ("latitude", "latitude of pixel centre", "degrees_north".into()),
        (false, true) => ("projection_x_coordinate", "x of pixel centre", linear_unit(&group.crs_wkt)),
        (false, false) => ("projection_y_coordinate", "y of pixel centre", linear_unit(&group.crs_wkt)),
    };
    let mut all = Map::new();
    all.insert("standard_name".into(), json!(standard_name));
    all.insert("long_name".into(), json!(long_name));
    all.insert("units".into(), json!(units));
    all.insert("axis".into(), json!(axis.to_string()));
    all
}

/// Attributes of `time`.
pub(crate) fn time(layout: &Layout) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("standard_name".into(), json!("time"));
    all.insert("long_name".into(), json!(if layout.time.step == TimeStep::Instant { "time of acquisition" } else { "start of time step" }));
    all.insert("units".into(), json!("microseconds since 1970-01-01T00:00:00"));
    all.insert("calendar".into(), json!("proleptic_gregorian"));
    all.insert("axis".into(), json!("T"));
    all
}

/// The conventions `proj` and `spatial`, registered by their UUIDs.
fn conventions(all: &mut Map<String, Value>, group: &GroupLayout) {
    let grid: &GeoBox = &group.grid;
    let (shape, extent) = (grid.shape(), grid.extent());
    match grid.crs().as_str() {
        code if is_code(code) => all.insert("proj:code".into(), json!(code)),
        _ => all.insert("proj:wkt2".into(), json!(group.crs_wkt)),
    };
    all.insert("spatial:dimensions".into(), json!(["y", "x"]));
    all.insert("spatial:transform".into(), json!(<[f64; 6]>::from(grid.affine())));
    all.insert("spatial:bbox".into(), json!(<[f64; 4]>::from(extent)));
    all.insert("spatial:shape".into(), json!([shape.rows, shape.cols]));
    all.insert(
        "zarr_conventions".into(),
        json!([
            {"uuid": "f17cb550-5864-4468-aeb7-f3180cfb622f", "name": "proj:"},
            {"uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "name": "spatial:"},
        ]),
    );
}

/// Whether a CRS is named as the `proj` convention allows: an authority and a number.
fn is_code(text: &str) -> bool {
    text.split_once(':').is_some_and(|(authority, code)| {
        !authority.is_empty() && !code.is_empty() && authority.bytes().all(|b| b.is_ascii_uppercase()) && code.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The unit of a projected CRS: the last one that its WKT names.
fn linear_unit(wkt: &str) -> String {
    let named = ["LENGTHUNIT[\"", ",UNIT[\""].into_iter().filter_map(|tag| wkt.rfind(tag).map(|at| at + tag.len())).max();
    let name = named.and_then(|start| wkt[start..].split('"').next());
    match name {
        None | Some("metre" | "meter") => "m".into(),
        Some(name) => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_from_the_wkt() {
        assert_eq!(
            linear_unit("PROJCRS[\"x\",CS[Cartesian,2],AXIS[\"e\",east,LENGTHUNIT[\"US survey foot\",0.3048]],ID[\"EPSG\",2263]]"),
            "US survey foot"
        );
        assert_eq!(linear_unit("PROJCS[\"x\",GEOGCS[\"y\",UNIT[\"degree\",0.01]],UNIT[\"metre\",1]]"), "m");
    }

    #[test]
    fn only_an_authority_and_a_number_is_a_code() {
        assert!(is_code("EPSG:32632"));
        assert!(!is_code("PROJCRS[\"a:b\"]") && !is_code("+proj=utm +zone=32") && !is_code("OGC:CRS84"));
    }
}
