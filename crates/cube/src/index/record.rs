//! Rasters as a STAC item. <https://github.com/radiantearth/stac-spec> 1.1.0, projection 2.0.0, raster 2.0.0, file 2.1.0.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use cube_backend::{Image, Label, Taken};
use cube_catalog_stac::Item;
use cube_core::{Crs, DType, Extent, GeoBox, Number, Roi, Shapes, TimeValue};
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// One raster, by its header.
pub(super) struct Raster {
    pub(super) path: PathBuf,
    media_type: &'static str,
    grid: GeoBox,
    /// None for a file of variables, of which each has its own type.
    bands: Vec<Band>,
    bytes: u64,
    modified: Option<TimeValue>,
    /// When it was taken, where the file says so.
    pub(super) taken: Option<Taken>,
}

struct Band {
    dtype: DType,
    nodata: Option<Number>,
    scaling: Option<(f64, f64)>,
    label: Label,
}

/// Rasters that are the assets of one item.
pub(super) struct Scene {
    pub(super) id: String,
    pub(super) folder: PathBuf,
    pub(super) taken: Option<Taken>,
    /// By the name of the asset.
    pub(super) assets: Vec<(String, Raster)>,
}

impl Raster {
    pub(super) fn new(path: &Path, media_type: &'static str, image: &dyn Image) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|e| Error::unreadable(path, e))?;
        let grid = image.levels().first().cloned().ok_or_else(|| Error::refused("it has no grid", "georeference it"))?;
        let band = |b| Band { dtype: image.dtype(b), nodata: image.nodata(b), scaling: image.scaling(b), label: image.label(b) };
        let since = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|d| i64::try_from(d.as_micros()).ok()).map(TimeValue);
        Ok(Self { path: path.to_owned(), media_type, grid, bands: (0..image.bands()).map(band).collect(), bytes: meta.len(), modified, taken: None })
    }

    /// The same as a file of variables, and when it was taken.
    pub(super) fn with_variables(self, taken: Option<Taken>) -> Self {
        Self { bands: Vec::new(), taken, ..self }
    }

    /// Whether its arrays are variables.
    pub(super) fn has_variables(&self) -> bool {
        self.bands.is_empty()
    }

    /// Whether two rasters show one area, whatever their resolutions.
    pub(super) fn same_footprint(&self, other: &Self) -> bool {
        let (a, b) = (self.grid.extent(), other.grid.extent());
        let (ra, rb) = (self.grid.resolution(), other.grid.resolution());
        let near = |x: f64, y: f64, r: f64| (x - y).abs() <= r;
        let (rx, ry) = (ra.0.max(rb.0), ra.1.max(rb.1));
        self.grid.crs() == other.grid.crs()
            && near(a.west, b.west, rx)
            && near(a.east, b.east, rx)
            && near(a.south, b.south, ry)
            && near(a.north, b.north, ry)
    }

    fn asset(&self, folder: &Path) -> Result<Value> {
        let mut asset = Map::new();
        // Relative to the index where the raster lies below it, so that the two can be moved together.
        let href = match self.path.strip_prefix(folder) {
            Ok(below) => format!("./{}", below.display()),
            Err(_) => self.path.display().to_string(),
        };
        asset.insert("href".into(), href.into());
        asset.insert("type".into(), self.media_type.into());
        asset.insert("roles".into(), json!(["data"]));
        asset.insert("file:size".into(), self.bytes.into());
        let shape = self.grid.shape();
        let t = self.grid.affine();
        asset.insert("proj:shape".into(), json!([shape.rows, shape.cols]));
        asset.insert("proj:transform".into(), json!([t.a, t.b, t.c, t.d, t.e, t.f]));
        let crs = cube_warp::proj::canonical(self.grid.crs())?;
        match crs.epsg() {
            Some(code) => asset.insert("proj:code".into(), format!("EPSG:{code}").into()),
            None => {
                asset.insert("proj:code".into(), Value::Null);
                asset.insert("proj:wkt2".into(), cube_warp::proj::describe(&crs)?.wkt.into())
            }
        };
        match &self.bands[..] {
            [] => {}
            [one] => asset.extend(one.record()),
            several => {
                let record = |(i, b): (usize, &Band)| {
                    let mut record = b.record();
                    record.insert("name".into(), format!("{}", i + 1).into());
                    Value::Object(record)
                };
                asset.insert("bands".into(), several.iter().enumerate().map(record).collect());
            }
        }
        Ok(Value::Object(asset))
    }
}

impl Band {
    fn record(&self) -> Map<String, Value> {
        let mut record = Map::new();
        record.insert("data_type".into(), self.dtype.name().into());
        if let Some(nodata) = self.nodata {
            // JSON has no NaN and no infinity: STAC writes their names.
            let value = match nodata {
                Number::Int(i) => i64::try_from(i).map_or_else(|_| json!(i.to_string()), |i| json!(i)),
                Number::Float(f) if f.is_nan() => "nan".into(),
                Number::Float(f) if f.is_infinite() => if f > 0.0 { "inf" } else { "-inf" }.into(),
                Number::Float(f) => json!(f),
            };
            record.insert("nodata".into(), value);
        }
        if let Some((scale, offset)) = self.scaling {
            record.insert("raster:scale".into(), json!(scale));
            record.insert("raster:offset".into(), json!(offset));
        }
        for (name, text) in [("unit", &self.label.unit), ("description", &self.label.long_name)] {
            if let Some(text) = text {
                record.insert(name.into(), text.as_str().into());
            }
        }
        record
    }
}

/// The item of a scene; hrefs of rasters below `folder` are relative to it.
pub(super) fn item(scene: &Scene, collection: &str, folder: &Path) -> Result<Item> {
    let shapes = footprint(&scene.assets[0].1.grid)?;
    let mut properties = Map::new();
    properties.insert("datetime".into(), scene.taken.and_then(|taken| taken.at).map(rfc3339).into());
    let ends = match scene.taken {
        Some(taken) if taken.at.is_some() && taken.first == taken.last => None,
        Some(taken) => Some((rfc3339(taken.first), rfc3339(taken.last))),
        None => Some(("0001-01-01T00:00:00Z".into(), "9999-12-31T23:59:59Z".into())),
    };
    if let Some((first, last)) = ends {
        properties.insert("start_datetime".into(), first.into());
        properties.insert("end_datetime".into(), last.into());
    }
    if let Some(updated) = scene.assets.iter().filter_map(|(_, r)| r.modified).max() {
        properties.insert("updated".into(), rfc3339(updated).into());
    }
    let mut assets = Map::new();
    for (name, raster) in &scene.assets {
        assets.insert(name.clone(), raster.asset(folder)?);
    }
    let extensions = ["projection/v2.0.0", "raster/v2.0.0", "file/v2.1.0"].map(|e| format!("https://stac-extensions.github.io/{e}/schema.json"));
    let item = json!({
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": extensions,
        "id": scene.id,
        "collection": collection,
        "geometry": serde_json::to_value(shapes.to_geojson()).unwrap_or(Value::Null),
        "bbox": bbox(&shapes),
        "properties": properties,
        "links": [],
        "assets": assets,
    });
    serde_json::from_value(item).map_err(|e| Error::failed(format!("`{}` cannot be written as an item", scene.id), e))
}

/// The outline of a grid in longitude and latitude, cut at the antimeridian.
fn footprint(grid: &GeoBox) -> Result<Shapes> {
    let lonlat = Crs::wgs84();
    let crs = cube_warp::proj::canonical(grid.crs())?;
    let (to, from) = (cube_warp::proj::transform(&crs, &lonlat)?, cube_warp::proj::transform(&lonlat, &crs)?);
    let area = grid.extent();
    let beyond_poles = *grid.crs() == lonlat && (area.south < -90.0 || area.north > 90.0) && grid.affine().b == 0.0 && grid.affine().d == 0.0;
    let outline = if beyond_poles {
        // Pixels whose centres are the poles reach beyond them.
        Roi::from_extent(Extent::new(area.west, area.south.max(-90.0), area.east, area.north.min(90.0)), lonlat.clone())?
    } else {
        Roi::from_geobox(grid)?
    };
    let outline = Roi { crs, ..outline };
    Ok(outline.to_lonlat(to.as_ref(), from.as_ref())?)
}

/// West, south, east, north; west is greater than east where the outline crosses the antimeridian (RFC 7946, section 5.2).
fn bbox(shapes: &Shapes) -> [f64; 4] {
    let pieces: Vec<Extent> = shapes.areas.iter().filter_map(|p| Extent::of(p.exterior().0.iter().map(|c| (c.x, c.y)))).collect();
    let all = pieces.iter().copied().reduce(|a, b| a.union(&b)).unwrap_or(Extent::new(-180.0, -90.0, 180.0, 90.0));
    let (eastern, western): (Vec<&Extent>, Vec<&Extent>) = pieces.iter().partition(|e| e.west >= 0.0);
    let crosses = all.west <= -180.0 && all.east >= 180.0 && !eastern.is_empty() && western.iter().all(|e| e.east <= 0.0) && !western.is_empty();
    if !crosses {
        return all.into();
    }
    let west = eastern.iter().map(|e| e.west).fold(180.0, f64::min);
    let east = western.iter().map(|e| e.east).fold(-180.0, f64::max);
    [west, all.south, east, all.north]
}

fn rfc3339(time: TimeValue) -> String {
    let text = time.to_string();
    if text.contains('T') { text } else { format!("{text}T00:00:00Z") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cube_core::{Affine, Shape};

    #[test]
    fn boxes_cross_the_antimeridian() {
        let fiji =
            GeoBox::new(Crs::from_epsg(32760), Affine::new(100.0, 0.0, 600_000.0, 0.0, -100.0, 8_100_000.0), Shape::new(2000, 3000)).expect("a grid");
        let [west, _, east, _] = bbox(&footprint(&fiji).expect("an outline"));
        assert!(west > 170.0 && east < -170.0, "{west} {east}");
        let alps =
            GeoBox::new(Crs::from_epsg(32632), Affine::new(100.0, 0.0, 600_000.0, 0.0, -100.0, 5_200_000.0), Shape::new(1000, 1000)).expect("a grid");
        let [west, south, east, north] = bbox(&footprint(&alps).expect("an outline"));
        assert!(west > 10.0 && west < east && east < 12.0 && south > 45.0 && north < 47.0);
    }

    #[test]
    fn midnight_is_a_time_too() {
        assert_eq!(rfc3339(TimeValue(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(TimeValue(1_500_000)), "1970-01-01T00:00:01.500Z");
    }
}
