//! Items made of rasters: what the headers of files say, as STAC.

use cube_backend::{Error, Kind, Result};
use cube_core::{Crs, DType, GeoBox, Number, SourceGrid};
use serde_json::{Map, Value, json};

use crate::{
    item::{ALWAYS, Item},
    location::Location,
    naming::Taken,
    outline::Outline,
    time,
};

/// One band of a file, as its header describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterBand {
    /// What the file calls it; `band_N` when it says nothing.
    pub name: Option<String>,
    /// Type of its pixels.
    pub dtype: DType,
    /// The value that means "no data".
    pub nodata: Option<Number>,
    /// Scale and offset, where stated.
    pub scaling: Option<(f64, f64)>,
    /// Unit of the scaled value.
    pub unit: Option<String>,
}

/// One file of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterFile {
    /// Its key among the assets: the name of its band, or `data`.
    pub key: String,
    /// URL or absolute path.
    pub href: String,
    /// Full resolution.
    pub grid: GeoBox,
    /// Its bands, in order.
    pub bands: Vec<RasterBand>,
    /// Media type; GeoTIFF when absent.
    pub media_type: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// When it was last written, where known: a file that is written anew is a new version of its patch.
    pub modified: Option<cube_core::TimeValue>,
}

/// Files that were taken together: one patch.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterScene {
    /// Unique in the collection.
    pub id: String,
    /// The collection.
    pub collection: String,
    /// When it was taken; absent for what has no time (terrain), which then is an answer at any time.
    pub taken: Option<Taken>,
    /// The outline in longitude and latitude, densified, closed ([`GeoBox::footprint`] of the largest file); NaN points are left out.
    pub outline: Vec<(f64, f64)>,
    /// The files.
    pub files: Vec<RasterFile>,
}

/// A scene as a STAC 1.1 item, with the projection, raster and file extensions.
///
/// # Errors
/// [`Kind::Invalid`] when there is no file, two have one key, or the outline has no area in longitude and latitude.
pub fn item_from_rasters(scene: &RasterScene) -> Result<Item> {
    let refuse = |why: String| Error::new(Kind::Invalid, format!("`{}` cannot become an item: {why}", scene.id));
    let Some(first) = scene.files.first() else { return Err(refuse("it has no file".into())) };
    let grid = SourceGrid { crs: Some(first.grid.crs().clone()), affine: None, shape: None, extent: Some(first.grid.extent()) };
    let outline = Outline::of_ring(&scene.outline, &grid).ok_or_else(|| refuse("its outline has no area in longitude and latitude".into()))?;
    let mut properties = times(scene.taken);
    if scene.files.iter().all(|f| f.grid.crs() == first.grid.crs()) {
        properties.extend(crs(first.grid.crs()));
    }
    if let Some(latest) = scene.files.iter().filter_map(|f| f.modified).max() {
        properties.insert("updated".into(), time::text(latest).into());
    }
    let mut assets = Map::new();
    for file in &scene.files {
        if assets.insert(file.key.clone(), asset(file)).is_some() {
            return Err(refuse(format!("two of its files are named `{}`", file.key)));
        }
    }
    let extensions = ["projection/v2.0.0", "raster/v2.0.0", "file/v2.1.0"].map(|e| format!("https://stac-extensions.github.io/{e}/schema.json"));
    let item = json!({
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": extensions, "id": scene.id, "collection": scene.collection,
        "geometry": outline.footprint, "bbox": outline.bbox, "properties": properties, "links": [], "assets": assets,
    });
    Item::new(item, &Location::parse("/")?, None)
}

fn times(taken: Option<Taken>) -> Map<String, Value> {
    let mut out = Map::new();
    let mut say = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    match taken {
        None => {
            say("datetime", Value::Null);
            say("start_datetime", ALWAYS.0.into());
            say("end_datetime", ALWAYS.1.into());
        }
        Some(t) => {
            say("datetime", time::text(t.nominal).into());
            if let Some((start, end)) = t.interval {
                say("start_datetime", time::text(start).into());
                say("end_datetime", time::text(end).into());
            }
        }
    }
    out
}

fn crs(crs: &Crs) -> Map<String, Value> {
    let text = crs.as_str();
    let is_code = text.split_once(':').is_some_and(|(a, c)| !c.is_empty() && a.bytes().chain(c.bytes()).all(|b| b.is_ascii_alphanumeric()));
    let members = if is_code { json!({"proj:code": text}) } else { json!({"proj:code": null, "proj:wkt2": text}) };
    members.as_object().cloned().unwrap_or_default()
}

fn asset(file: &RasterFile) -> Value {
    let shape = file.grid.shape();
    let mut asset = crs(file.grid.crs());
    let bands: Vec<Value> = file.bands.iter().enumerate().map(|(i, b)| band(b, i)).collect();
    asset.extend([
        ("href".to_owned(), json!(file.href)),
        ("type".to_owned(), json!(file.media_type.as_deref().unwrap_or("image/tiff; application=geotiff"))),
        ("roles".to_owned(), json!(["data"])),
        ("bands".to_owned(), json!(bands)),
        ("proj:shape".to_owned(), json!([shape.rows, shape.cols])),
        ("proj:transform".to_owned(), json!(<[f64; 6]>::from(file.grid.affine()))),
        ("proj:bbox".to_owned(), json!(<[f64; 4]>::from(file.grid.extent()))),
    ]);
    if let Some(size) = file.size {
        asset.insert("file:size".into(), json!(size));
    }
    asset.into()
}

fn band(b: &RasterBand, index: usize) -> Value {
    let name = b.name.clone().filter(|n| !n.is_empty()).unwrap_or_else(|| format!("band_{}", index + 1));
    let mut out = Map::from_iter([("name".to_owned(), json!(name)), ("data_type".to_owned(), json!(b.dtype.name()))]);
    if let Some(nodata) = b.nodata {
        out.insert("nodata".into(), number(nodata));
    }
    if let Some((scale, offset)) = b.scaling {
        out.insert("raster:scale".into(), json!(scale));
        out.insert("raster:offset".into(), json!(offset));
    }
    if let Some(unit) = &b.unit {
        out.insert("unit".into(), json!(unit));
    }
    out.into()
}

/// As the raster extension writes numbers: what JSON cannot is `nan`, `inf` or `-inf`.
fn number(n: Number) -> Value {
    match n {
        Number::Int(i) => i64::try_from(i).map(Value::from).or_else(|_| u64::try_from(i).map(Value::from)).unwrap_or_else(|_| i.to_string().into()),
        Number::Float(f) if f.is_finite() => json!(f),
        Number::Float(f) if f.is_nan() => "nan".into(),
        Number::Float(f) => if f > 0.0 { "inf" } else { "-inf" }.into(),
    }
}
