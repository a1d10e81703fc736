use std::sync::Arc;

use cube_backend::{ByteSource, Error, Result};
use cube_core::{Affine, Crs, GeoBox, Shape, SourceGrid};
use cube_manifest::Variable;

use super::{
    crs::{self, Mapping},
    file::File,
    regular::{Irregular, Regular},
    values::{self, as_text},
};

/// Where the plane of a variable lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) grid: GeoBox,
    /// The dimension that rows follow.
    pub(super) rows: usize,
    /// The dimension that columns follow.
    pub(super) cols: usize,
    /// Columns of the file before the first column of the grid: the grid begins there and goes on with the file's first column.
    pub(super) cut: usize,
}

/// What a coordinate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Longitude,
    Latitude,
    X,
    Y,
}

impl Axis {
    fn is_column(self) -> bool {
        matches!(self, Self::Longitude | Self::X)
    }

    fn is_geographic(self) -> bool {
        matches!(self, Self::Longitude | Self::Latitude)
    }
}

/// An axis whose coordinates are known.
struct Known {
    dimension: usize,
    axis: Axis,
    values: Vec<f64>,
    unit: Option<String>,
}

/// Finds rows, columns and CRS of a variable.
pub(super) async fn plane(source: &ByteSource, file: &File, path: &str, stated: Option<&SourceGrid>) -> Result<Plane> {
    let Some(variable) = file.get(path) else { return Err(Error::corrupt(format!("`{}` has no variable `{path}`", source.name))) };
    let group = path.trim_matches('/').rsplit_once('/').map_or("", |(group, _)| group);
    let mapping = match grid_mapping(variable) {
        Some(name) => file.near(group, name).map(|mapping| (crs::read(mapping, &source.name), mapping)),
        None => None,
    };
    let axes = match one_dimensional(source, file, group, variable).await? {
        Some(axes) => Some(axes),
        None => two_dimensional(source, file, group, variable).await?,
    };
    let Some([rows, cols]) = axes else {
        return without_coordinates(source, path, variable, mapping.map(|(read, m)| (read, m.as_ref())), stated);
    };
    let geographic = cols.axis.is_geographic() && rows.axis.is_geographic();
    let mapping = match mapping {
        // Latitudes and longitudes beside a projection are on its datum; which, only matters to those who survey.
        Some((Ok(m), _)) if geographic && !is_geographic(&m.crs) => Mapping { crs: Crs::wgs84(), height: None },
        Some((Ok(m), _)) => m,
        Some((Err(_), _)) | None if geographic => Mapping { crs: Crs::wgs84(), height: None },
        Some((Err(error), _)) => return Err(error),
        None => Mapping { crs: stated_crs(source, path, stated)?, height: None },
    };
    let y = regular(source, path, &rows, &mapping)?;
    let (x, cut) = match regular(source, path, &cols, &mapping)? {
        x if geographic => x.turned(),
        x => (x, 0),
    };
    let affine = Affine::new(x.step, 0.0, x.start(), 0.0, y.step, y.start());
    let grid = GeoBox::new(mapping.crs, affine, Shape::new(y.count, x.count))?;
    Ok(Plane { grid, rows: rows.dimension, cols: cols.dimension, cut })
}

/// Names of the variables that describe this one: they are coordinates, bounds or mappings, not data.
pub(super) fn described(variable: &Variable) -> Vec<String> {
    let of =
        |name: &str| variable.attribute(name).and_then(as_text).unwrap_or_default().split_whitespace().map(|n| n.trim_end_matches(':').to_owned());
    ["coordinates", "bounds", "climatology", "grid_mapping"].into_iter().flat_map(of).collect()
}

/// The name in `grid_mapping`; the first one of the extended form `crs: x y`.
fn grid_mapping(variable: &Variable) -> Option<&str> {
    variable.attribute("grid_mapping").and_then(as_text)?.split_whitespace().next().map(|name| name.trim_end_matches(':'))
}

fn is_geographic(crs: &Crs) -> bool {
    let text = crs.as_str();
    let upper = text.to_ascii_uppercase();
    crs.epsg() == Some(4326)
        || text.contains("+proj=longlat")
        || upper.starts_with("GEOGCS")
        || upper.starts_with("GEOGCRS")
        || upper.starts_with("GEODCRS")
}

/// Rows and columns by the coordinate variables of two dimensions.
async fn one_dimensional(source: &ByteSource, file: &File, group: &str, variable: &Variable) -> Result<Option<[Known; 2]>> {
    let mut found: [Option<(usize, Axis, Arc<Variable>)>; 2] = [None, None];
    for (dimension, path) in variable.dimensions.iter().enumerate() {
        let Some(path) = path else { continue };
        let Some(coordinate) = file.get(path).or_else(|| file.near(group, path.rsplit('/').next().unwrap_or(path))) else { continue };
        if coordinate.shape.len() != 1 || Some(&coordinate.shape[0]) != variable.shape.get(dimension) {
            continue;
        }
        let Some(axis) = axis(coordinate) else { continue };
        let slot = &mut found[usize::from(axis.is_column())];
        if slot.is_some() {
            return Ok(None);
        }
        *slot = Some((dimension, axis, Arc::clone(coordinate)));
    }
    let [Some(rows), Some(cols)] = found else { return Ok(None) };
    let (rows, cols) = futures::try_join!(known(source, rows), known(source, cols))?;
    Ok(Some([rows, cols]))
}

async fn known(source: &ByteSource, (dimension, axis, coordinate): (usize, Axis, Arc<Variable>)) -> Result<Known> {
    let values = values::read(source, &coordinate.name, &coordinate).await?;
    Ok(Known { dimension, axis, values, unit: unit(&coordinate) })
}

/// Rows and columns by latitudes and longitudes of two dimensions, where the one depends on rows alone and the other on columns.
async fn two_dimensional(source: &ByteSource, file: &File, group: &str, variable: &Variable) -> Result<Option<[Known; 2]>> {
    let names = variable.attribute("coordinates").and_then(as_text).unwrap_or_default();
    let mut found: [Option<Arc<Variable>>; 2] = [None, None];
    for coordinate in names.split_whitespace().filter_map(|name| file.near(group, name)) {
        if let Some(axis) = axis(coordinate).filter(|a| a.is_geographic() && coordinate.shape.len() == 2) {
            found[usize::from(axis.is_column())] = Some(Arc::clone(coordinate));
        }
    }
    let [Some(lat), Some(lon)] = found else { return Ok(None) };
    let dimension = |of: &Option<String>| variable.dimensions.iter().position(|d| d.is_some() && d == of);
    let (Some(a), Some(b)) = (dimension(&lat.dimensions[0]), dimension(&lat.dimensions[1])) else { return Ok(None) };
    if lat.shape != lon.shape || lat.dimensions != lon.dimensions || lat.is_empty() {
        return Ok(None);
    }
    let (lats, lons) = futures::try_join!(values::read(source, &lat.name, &lat), values::read(source, &lon.name, &lon))?;
    let width = lat.shape[1] as usize;
    let first_row = |values: &[f64]| values[..width].to_vec();
    let first_column = |values: &[f64]| values.iter().step_by(width).copied().collect::<Vec<_>>();
    let along_rows = |values: &[f64]| values.chunks(width).all(|row| row.iter().all(|v| *v == row[0]));
    let along_columns = |values: &[f64]| values.chunks(width).all(|row| row == &values[..width]);
    let axis = |dimension, axis, values| Known { dimension, axis, values, unit: None };
    if along_rows(&lats) && along_columns(&lons) {
        return Ok(Some([axis(a, Axis::Latitude, first_column(&lats)), axis(b, Axis::Longitude, first_row(&lons))]));
    }
    if along_columns(&lats) && along_rows(&lons) {
        return Ok(Some([axis(b, Axis::Latitude, first_row(&lats)), axis(a, Axis::Longitude, first_column(&lons))]));
    }
    Err(Error::unsupported(format!(
        "`{}` of `{}` is a swath: its latitudes and longitudes form no grid of rows and columns",
        variable.name, source.name
    ))
    .with_hint("use a product on a grid (level 3 or 4), or resample the swath first, e.g. with pyresample"))
}

/// The plane of a variable whose file says nothing of coordinates: from `GeoTransform`, else from what the catalogue states.
fn without_coordinates(
    source: &ByteSource,
    path: &str,
    variable: &Variable,
    mapping: Option<(Result<Mapping>, &Variable)>,
    stated: Option<&SourceGrid>,
) -> Result<Plane> {
    let unknown = || {
        Error::unsupported(format!("`{path}` of `{}` has no coordinates that say where its pixels are", source.name))
            .with_hint("a grid has latitude and longitude, or x and y with a grid mapping; another source may state `proj:transform` and `proj:code`")
    };
    let dimensions = variable.shape.len();
    let [.., rows, cols] = variable.shape[..] else { return Err(unknown()) };
    let shape = Shape::new(rows as usize, cols as usize);
    let place = |grid| Plane { grid, rows: dimensions - 2, cols: dimensions - 1, cut: 0 };
    let transform = mapping.as_ref().and_then(|(_, m)| m.attribute("GeoTransform").and_then(as_text)).and_then(geotransform);
    if let (Some(affine), Some((read, _))) = (transform, mapping) {
        return Ok(place(GeoBox::new(read?.crs, affine, shape)?));
    }
    stated.and_then(SourceGrid::geobox).filter(|grid| grid.shape() == shape).map(place).ok_or_else(unknown)
}

/// GDAL's six numbers: x of the corner, width of a pixel, rotation, y of the corner, rotation, height of a pixel.
fn geotransform(text: &str) -> Option<Affine> {
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [x, a, b, y, d, e] = numbers[..] else { return None };
    Some(Affine::new(a, b, x, d, e, y))
}

fn stated_crs(source: &ByteSource, path: &str, stated: Option<&SourceGrid>) -> Result<Crs> {
    stated.and_then(|s| s.crs.clone()).ok_or_else(|| {
        Error::unsupported(format!("`{path}` of `{}` is on a projection, but the file does not say which (it has no `grid_mapping`)", source.name))
            .with_hint("another source, or a STAC item with `proj:code`, may state the CRS")
    })
}

fn regular(source: &ByteSource, path: &str, known: &Known, mapping: &Mapping) -> Result<Regular> {
    let name = if known.axis.is_column() { "columns" } else { "rows" };
    let irregular = |why: Irregular| {
        Error::unsupported(format!("the {name} of `{path}` of `{}` are not at equal steps: {why}", source.name))
            .with_hint("grids with uneven steps cannot be loaded; `cube virtualize` keeps them as they are")
    };
    let regular = Regular::of(&known.values).map_err(irregular)?;
    if known.axis.is_geographic() {
        return Ok(regular);
    }
    let unit = known.unit.as_deref().unwrap_or("m");
    let metres = match unit {
        "m" | "meter" | "meters" | "metre" | "metres" | "1" | "" => 1.0,
        "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => 1000.0,
        "rad" | "radian" | "radians" if mapping.height.is_some() => mapping.height.unwrap_or(1.0),
        _ if is_geographic(&mapping.crs) && unit.starts_with("degree") => 1.0,
        _ => return Err(Error::unsupported(format!("the {name} of `{path}` of `{}` are in `{unit}`", source.name))),
    };
    Ok(regular.times(metres))
}

fn unit(coordinate: &Variable) -> Option<String> {
    coordinate.attribute("units").and_then(as_text).map(|unit| unit.to_ascii_lowercase())
}

/// What a coordinate counts: by standard name, units, `axis`, and last by its name.
fn axis(coordinate: &Variable) -> Option<Axis> {
    let text = |name: &str| coordinate.attribute(name).and_then(as_text).unwrap_or_default();
    match text("standard_name") {
        "longitude" => return Some(Axis::Longitude),
        "latitude" => return Some(Axis::Latitude),
        "projection_x_coordinate" | "projection_x_angular_coordinate" => return Some(Axis::X),
        "projection_y_coordinate" | "projection_y_angular_coordinate" => return Some(Axis::Y),
        // A rotated pole: degrees, but not of longitude and latitude.
        "grid_longitude" | "grid_latitude" => return None,
        _ => {}
    }
    match unit(coordinate).unwrap_or_default().as_str() {
        "degrees_east" | "degree_east" | "degrees_e" | "degree_e" | "degreese" | "degreee" => return Some(Axis::Longitude),
        "degrees_north" | "degree_north" | "degrees_n" | "degree_n" | "degreesn" | "degreen" => return Some(Axis::Latitude),
        _ => {}
    }
    match coordinate.name.to_ascii_lowercase().as_str() {
        "lon" | "longitude" => return Some(Axis::Longitude),
        "lat" | "latitude" => return Some(Axis::Latitude),
        _ => {}
    }
    match (text("axis"), coordinate.name.as_str()) {
        ("X" | "x", _) | ("", "x" | "X" | "XDim") => Some(Axis::X),
        ("Y" | "y", _) | ("", "y" | "Y" | "YDim") => Some(Axis::Y),
        _ => None,
    }
}
