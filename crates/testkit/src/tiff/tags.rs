//! Tags of an image: baseline TIFF, GDAL's private tags, GeoTIFF keys.

use super::ifd::Value;
use super::{Blocks, Georeference, Interleave, MaskDepth, Options, Plane, Predictor};

/// Tags of an image or of one of its overviews.
pub(super) fn image(bands: &[Plane], options: &Options, reduced: bool) -> Vec<(u16, Value)> {
    let (rows, cols) = bands[0].shape();
    let sample = bands[0].sample();
    let count = bands.len() as u16;
    let mut tags = vec![
        (258, Value::Short(vec![sample.size() as u16 * 8; bands.len()])),
        (262, Value::Short(vec![1])),
        (277, Value::Short(vec![count])),
        (284, Value::Short(vec![if options.interleave == Interleave::Pixel { 1 } else { 2 }])),
        (339, Value::Short(vec![sample.format(); bands.len()])),
    ];
    layout(&mut tags, rows, cols, options, u32::from(reduced));
    if count > 1 {
        // Photometric "min is black" has one sample; all others are extra samples of no stated meaning.
        tags.push((338, Value::Short(vec![0; bands.len() - 1])));
    }
    if options.predictor != Predictor::None {
        tags.push((317, Value::Short(vec![options.predictor.code()])));
    }
    if let Some(nodata) = &options.nodata {
        tags.push((42113, Value::Ascii(nodata.clone())));
    }
    if !reduced {
        if !options.scale_offset.is_empty() {
            tags.push((42112, Value::Ascii(gdal_metadata(&options.scale_offset))));
        }
        if let Some(georeference) = &options.georeference {
            geo(&mut tags, georeference);
        }
    }
    tags
}

/// Tags of a mask (NewSubfileType 4; 5 for the mask of an overview).
pub(super) fn mask(rows: usize, cols: usize, depth: MaskDepth, options: &Options, reduced: bool) -> Vec<(u16, Value)> {
    let bits = if depth == MaskDepth::Bit { 1 } else { 8 };
    let mut tags = vec![
        (258, Value::Short(vec![bits])),
        (262, Value::Short(vec![4])),
        (277, Value::Short(vec![1])),
        (284, Value::Short(vec![1])),
        (339, Value::Short(vec![1])),
    ];
    layout(&mut tags, rows, cols, options, 4 | u32::from(reduced));
    tags
}

fn layout(tags: &mut Vec<(u16, Value)>, rows: usize, cols: usize, options: &Options, subfile: u32) {
    tags.push((254, Value::Long(vec![subfile])));
    tags.push((256, Value::Long(vec![cols as u32])));
    tags.push((257, Value::Long(vec![rows as u32])));
    tags.push((259, Value::Short(vec![options.compression.code()])));
    match options.blocks {
        Blocks::Tiles(height, width) => {
            tags.push((322, Value::Long(vec![width as u32])));
            tags.push((323, Value::Long(vec![height as u32])));
        }
        Blocks::Strips(height) => tags.push((278, Value::Long(vec![height.min(rows) as u32]))),
    }
}

/// GDAL's metadata tag with scale and offset of each band.
fn gdal_metadata(scale_offset: &[(f64, f64)]) -> String {
    let items: String = scale_offset
        .iter()
        .enumerate()
        .map(|(band, (scale, offset))| {
            format!(
                "  <Item name=\"OFFSET\" sample=\"{band}\" role=\"offset\">{offset}</Item>\n  \
                 <Item name=\"SCALE\" sample=\"{band}\" role=\"scale\">{scale}</Item>\n"
            )
        })
        .collect();
    format!("<GDALMetadata>\n{items}</GDALMetadata>\n")
}

/// Transform and keys (OGC GeoTIFF 1.1, sections 7.1 and 7.4).
fn geo(tags: &mut Vec<(u16, Value)>, georeference: &Georeference) {
    let [a, b, c, d, e, f] = georeference.affine;
    // With PixelIsPoint, raster coordinate (0, 0) is the centre of the first pixel.
    let shift = if georeference.pixel_is_point { 0.5 } else { 0.0 };
    let (x, y) = (c + shift * (a + b), f + shift * (d + e));
    if b == 0.0 && d == 0.0 && a > 0.0 && e < 0.0 {
        tags.push((33550, Value::Double(vec![a, -e, 0.0])));
        tags.push((33922, Value::Double(vec![0.0, 0.0, 0.0, x, y, 0.0])));
    } else {
        let matrix = vec![a, b, 0.0, x, d, e, 0.0, y, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        tags.push((34264, Value::Double(matrix)));
    }
    let geographic = (4000..5000).contains(&georeference.epsg);
    let raster_type = if georeference.pixel_is_point { 2 } else { 1 };
    let (model, key) = if geographic { (2, 2048) } else { (1, 3072) };
    let keys = [[1, 1, 0, 3], [1024, 0, 1, model], [1025, 0, 1, raster_type], [key, 0, 1, georeference.epsg as u16]];
    tags.push((34735, Value::Short(keys.concat())));
}
