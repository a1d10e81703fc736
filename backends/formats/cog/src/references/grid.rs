//! Coordinates and the CRS, with the attributes that cubes have: `x`, `y`, `spatial_ref`.

use bytes::Bytes;
use cube_backend::{Error, Result};
use cube_core::{DType, GeoBox, Number};
use cube_manifest::{Attribute, AttributeValue, ChunkRefs, Data, Element, Endian, Group, Variable};

use super::attribute;

/// Adds the coordinates of a grid to a group, and what names them to the variable of its pixels.
pub(super) fn add(grid: &GeoBox, group: &mut Group, pixels: &mut Variable) -> Result<()> {
    let info = cube_warp::proj::describe(grid.crs()).map_err(|e| Error::corrupt(e.to_string()))?;
    if grid.affine().is_rectilinear() {
        group.variables.push(floats("y", &grid.y_coordinates(), axis(&info, 'Y'))?);
        group.variables.push(floats("x", &grid.x_coordinates(), axis(&info, 'X'))?);
    }
    let transform = grid.affine().to_gdal().map(|v| v.to_string()).join(" ");
    let mut attributes = vec![text("crs_wkt", &info.wkt), text("spatial_ref", &info.wkt), text("GeoTransform", &transform)];
    if info.geographic {
        attributes.push(text("grid_mapping_name", "latitude_longitude"));
    }
    group.variables.push(stored("spatial_ref", vec![], DType::Int64, vec![0; 8], attributes)?);

    let numbers = |values: &[f64]| AttributeValue::Numbers(DType::Float64, values.iter().map(|v| Number::Float(*v)).collect());
    pixels.attributes.extend([text("grid_mapping", "spatial_ref"), text("coordinates", "spatial_ref")]);
    match info.epsg {
        Some(code) => pixels.attributes.push(text("proj:code", &format!("EPSG:{code}"))),
        None => pixels.attributes.push(text("proj:wkt2", &info.wkt)),
    }
    pixels.attributes.push(attribute("spatial:dimensions", AttributeValue::Texts(vec!["y".to_owned(), "x".to_owned()])));
    pixels.attributes.push(attribute("spatial:transform", numbers(&<[f64; 6]>::from(grid.affine()))));
    pixels.attributes.push(attribute("spatial:bbox", numbers(&<[f64; 4]>::from(grid.extent()))));
    Ok(())
}

/// Numbers of bands from 1, as GDAL counts them.
pub(super) fn bands(count: usize) -> Result<Variable> {
    let bytes = (1..=count as i64).flat_map(i64::to_le_bytes).collect();
    stored("band", vec![("band", count)], DType::Int64, bytes, vec![text("long_name", "band number")])
}

fn axis(info: &cube_warp::proj::CrsInfo, axis: char) -> Vec<Attribute> {
    let is_x = axis == 'X';
    let unit = if matches!(info.unit.as_str(), "metre" | "meter") { "m" } else { &info.unit };
    let (standard_name, long_name, units) = match (info.geographic, is_x) {
        (true, true) => ("longitude", "longitude of pixel centre", "degrees_east"),
        (true, false) => ("latitude", "latitude of pixel centre", "degrees_north"),
        (false, true) => ("projection_x_coordinate", "x of pixel centre", unit),
        (false, false) => ("projection_y_coordinate", "y of pixel centre", unit),
    };
    vec![text("standard_name", standard_name), text("long_name", long_name), text("units", units), text("axis", &axis.to_string())]
}

fn floats(name: &str, values: &[f64], attributes: Vec<Attribute>) -> Result<Variable> {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    stored(name, vec![(name, values.len())], DType::Float64, bytes, attributes)
}

/// A variable whose values are here.
fn stored(name: &str, dimensions: Vec<(&str, usize)>, dtype: DType, bytes: Vec<u8>, attributes: Vec<Attribute>) -> Result<Variable> {
    let shape: Vec<u64> = dimensions.iter().map(|(_, size)| *size as u64).collect();
    let refused = |e: cube_manifest::Refusal| Error::corrupt(e.to_string());
    let mut chunks = ChunkRefs::new(&shape, shape.clone()).map_err(refused)?;
    chunks.push_inline(0, Bytes::from(bytes), 0).map_err(refused)?;
    Ok(Variable {
        name: name.to_owned(),
        dimensions: dimensions.iter().map(|(name, _)| Some(format!("/{name}"))).collect(),
        shape,
        element: Element::Number(dtype, Endian::Little),
        enumeration: Vec::new(),
        attributes,
        fill: None,
        codecs: Vec::new(),
        data: Ok(Data::Chunks(chunks)),
    })
}

fn text(name: &str, value: &str) -> Attribute {
    attribute(name, AttributeValue::Text(value.to_owned()))
}
