//! Tiles as GeoTIFF, through GDAL: one file for each step (and group), one band for each variable.

use std::path::{Path, PathBuf};

use cube_core::{BandLayout, DType, Number, Pixel, Pixels, TimeValue, Window};
use cube_store::Snapshot;
use gdal::{
    Dataset, DriverManager, GeoTransform, Metadata,
    errors::GdalError,
    raster::{Buffer, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

use super::{Part, TileFile};
use crate::{Error, Result, gdal_errors::Watch, pixels::with_pixels, whole_file};

/// Side of the blocks of the file.
const BLOCK: usize = 512;

pub(super) async fn write(snapshot: &Snapshot, parts: &[Part<'_>], path: &Path) -> Result<Vec<TileFile>> {
    let several_steps = parts.iter().any(|p| p.steps.len() > 1);
    let mut files = Vec::new();
    for part in parts {
        let (dtype, nodata) = common(&part.bands)?;
        for step in &part.steps {
            let group = (parts.len() > 1).then_some(part.group.name.as_str());
            let path = name(path, step.filter(|_| several_steps), group);
            one(snapshot, part, *step, dtype, nodata, &path).await?;
            files.push(part.file(&path, &[*step]));
        }
    }
    Ok(files)
}

/// `tile.tif`, `tile_2024-06-03.tif`, `tile_EPSG_32632_2024-06-03.tif`.
fn name(path: &Path, step: Option<TimeValue>, group: Option<&str>) -> PathBuf {
    let mut stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for part in group.map(str::to_owned).into_iter().chain(step.map(|t| t.to_string().replace(':', ""))) {
        stem = format!("{stem}_{part}");
    }
    path.with_file_name(format!("{stem}.{}", path.extension().unwrap_or_default().to_string_lossy()))
}

/// A GeoTIFF has one type and one nodata value for all bands: the smallest type that holds every value of every band.
fn common(bands: &[&BandLayout]) -> Result<(DType, Option<Number>)> {
    let names = || bands.iter().map(|b| format!("{} ({})", b.name, b.dtype)).collect::<Vec<_>>().join(", ");
    let hint = "choose bands that agree with --bands, or write a tile whose name ends in .zarr";
    let candidates =
        [DType::UInt8, DType::UInt16, DType::Int16, DType::UInt32, DType::Int32, DType::Float32, DType::UInt64, DType::Int64, DType::Float64];
    let dtype = candidates.into_iter().find(|c| bands.iter().all(|b| holds(*c, b.dtype)));
    let dtype = dtype.ok_or_else(|| Error::refused(format!("no type of a GeoTIFF holds the values of {}", names()), hint))?;
    let nodata = bands.first().and_then(|b| b.nodata);
    let same = |b: &&BandLayout| match (b.nodata, nodata) {
        (Some(a), Some(b)) => a.same(b) || a.as_f64() == b.as_f64(),
        (a, b) => a.is_none() && b.is_none(),
    };
    if !bands.iter().all(same) {
        return Err(Error::refused("the bands have different nodata values, and a GeoTIFF has one for all", hint));
    }
    Ok((dtype, nodata))
}

/// Whether every value of one type is a value of another.
fn holds(wide: DType, narrow: DType) -> bool {
    let (wide_bits, narrow_bits) = (wide.size() * 8, narrow.size() * 8);
    let signed = |d: DType| matches!(d, DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64);
    match (wide.is_float(), narrow.is_float()) {
        (true, true) => wide_bits >= narrow_bits,
        (true, false) => narrow_bits < if wide_bits == 64 { 53 } else { 24 },
        (false, true) => false,
        (false, false) if signed(wide) == signed(narrow) => wide_bits >= narrow_bits,
        (false, false) => signed(wide) && wide_bits > narrow_bits,
    }
}

async fn one(snapshot: &Snapshot, part: &Part<'_>, step: Option<TimeValue>, dtype: DType, nodata: Option<Number>, path: &Path) -> Result<()> {
    // Whole or not at all: a file that GDAL has begun looks like one that is finished.
    let path = &whole_file::place(path);
    let unfinished = whole_file::beside(path, ".tif")?.into_temp_path();
    let failed = |e: GdalError| Error::unwritable(path, std::io::Error::other(e));
    let watch = Watch::new();
    let mut file = create(part, step, dtype, nodata, &unfinished).map_err(failed)?;
    for (index, band) in part.bands.iter().enumerate() {
        for piece in part.pieces(BLOCK, BLOCK) {
            let pixels = part.read(snapshot, band, step, piece).await?;
            put(&mut file, index + 1, piece, &pixels, dtype).map_err(failed)?;
        }
    }
    file.close().map_err(failed)?;
    // Blocks are written behind our back, and their errors come to nobody else.
    if let Some(message) = watch.failure() {
        return Err(Error::unwritable(path, std::io::Error::other(message)));
    }
    whole_file::put(unfinished, path)
}

fn create(part: &Part<'_>, step: Option<TimeValue>, dtype: DType, nodata: Option<Number>, path: &Path) -> Result<Dataset, GdalError> {
    let shape = part.grid.shape();
    let block = BLOCK.to_string();
    let predictor = if dtype.is_float() { "PREDICTOR=3" } else { "PREDICTOR=2" };
    let options = ["TILED=YES", "COMPRESS=DEFLATE", predictor, "BIGTIFF=IF_SAFER", "INTERLEAVE=BAND"];
    let mut options = options.into_iter().collect::<RasterCreationOptions>();
    options.set_name_value("BLOCKXSIZE", &block)?;
    options.set_name_value("BLOCKYSIZE", &block)?;
    let driver = DriverManager::get_driver_by_name("GTiff")?;
    let (cols, rows, bands) = (shape.cols, shape.rows, part.bands.len());
    let mut file = match dtype {
        DType::UInt8 => driver.create_with_band_type_with_options::<u8, _>(path, cols, rows, bands, &options),
        DType::UInt16 => driver.create_with_band_type_with_options::<u16, _>(path, cols, rows, bands, &options),
        DType::Int8 | DType::Int16 => driver.create_with_band_type_with_options::<i16, _>(path, cols, rows, bands, &options),
        DType::UInt32 => driver.create_with_band_type_with_options::<u32, _>(path, cols, rows, bands, &options),
        DType::Int32 => driver.create_with_band_type_with_options::<i32, _>(path, cols, rows, bands, &options),
        DType::UInt64 => driver.create_with_band_type_with_options::<u64, _>(path, cols, rows, bands, &options),
        DType::Int64 => driver.create_with_band_type_with_options::<i64, _>(path, cols, rows, bands, &options),
        DType::Float32 => driver.create_with_band_type_with_options::<f32, _>(path, cols, rows, bands, &options),
        DType::Float64 => driver.create_with_band_type_with_options::<f64, _>(path, cols, rows, bands, &options),
    }?;
    let t = part.grid.affine();
    let transform: GeoTransform = [t.c, t.a, t.b, t.f, t.d, t.e];
    file.set_geo_transform(&transform)?;
    file.set_spatial_ref(&SpatialRef::from_wkt(&part.group.crs_wkt)?)?;
    if let Some(step) = step {
        file.set_metadata_item("TIME", &step.to_string(), "")?;
    }
    for (index, band) in part.bands.iter().enumerate() {
        let mut raster = file.rasterband(index + 1)?;
        raster.set_description(&band.name)?;
        if let Some(scale) = band.scale {
            raster.set_scale(scale)?;
        }
        if let Some(offset) = band.offset {
            raster.set_offset(offset)?;
        }
        match nodata {
            Some(Number::Int(i)) if dtype == DType::UInt64 => raster.set_no_data_value_u64(u64::try_from(i).ok())?,
            Some(Number::Int(i)) if dtype == DType::Int64 => raster.set_no_data_value_i64(i64::try_from(i).ok())?,
            other => raster.set_no_data_value(other.map(Number::as_f64))?,
        }
    }
    Ok(file)
}

fn put(file: &mut Dataset, band: usize, piece: Window, pixels: &Pixels, dtype: DType) -> Result<(), GdalError> {
    match dtype {
        DType::UInt8 => put_as::<u8>(file, band, piece, pixels),
        DType::UInt16 => put_as::<u16>(file, band, piece, pixels),
        DType::Int8 | DType::Int16 => put_as::<i16>(file, band, piece, pixels),
        DType::UInt32 => put_as::<u32>(file, band, piece, pixels),
        DType::Int32 => put_as::<i32>(file, band, piece, pixels),
        DType::UInt64 => put_as::<u64>(file, band, piece, pixels),
        DType::Int64 => put_as::<i64>(file, band, piece, pixels),
        DType::Float32 => put_as::<f32>(file, band, piece, pixels),
        DType::Float64 => put_as::<f64>(file, band, piece, pixels),
    }
}

/// Values of another type go through doubles, which hold every value of the types that are widened.
fn put_as<T: Pixel + GdalType + Copy>(file: &mut Dataset, band: usize, piece: Window, pixels: &Pixels) -> Result<(), GdalError> {
    let values = match T::unwrap_ref(pixels) {
        Some(values) => values.clone(),
        None => with_pixels!(pixels, values => values.iter().map(|v| T::from_f64(v.to_f64())).collect()),
    };
    let size = (piece.cols, piece.rows);
    file.rasterband(band)?.write((piece.col as isize, piece.row as isize), size, &mut Buffer::new(size, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_loses_nothing() {
        assert!(holds(DType::UInt16, DType::UInt8) && holds(DType::Int16, DType::UInt8) && holds(DType::Float32, DType::UInt16));
        assert!(!holds(DType::Int16, DType::UInt16) && !holds(DType::Float32, DType::Int32) && !holds(DType::UInt8, DType::Int8));
        assert!(holds(DType::Float64, DType::UInt32) && !holds(DType::Float64, DType::Int64) && holds(DType::Int16, DType::Int8));
    }

    #[test]
    fn names_say_step_and_group() {
        let t = |text: &str| cube_core::Toi::parse(text).expect("a time").periods()[0].start;
        let name = |step, group| name(Path::new("out/a.b.tif"), step, group).display().to_string();
        assert_eq!(name(None, None), "out/a.b.tif");
        assert_eq!(name(t("2024-06-03"), Some("EPSG_32632")), "out/a.b_EPSG_32632_2024-06-03.tif");
        assert_eq!(name(t("2024-06-03T10:10:31Z"), None), "out/a.b_2024-06-03T101031Z.tif");
    }
}
