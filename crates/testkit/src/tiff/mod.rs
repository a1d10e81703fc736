//! A small GeoTIFF and COG writer for tests: what it writes is known to the byte, also the unusual forms that few tools can be made to write.
//!
//! * [`Plane`] — one band of samples; [`Options`] — how it is laid out; [`encode()`] — the whole file as bytes.
//!
//! All directories stand at the start of the file, the blocks of the smallest overview follow first and those of the full
//! image last, so that every tiled file with overviews is a cloud-optimised GeoTIFF. Written after TIFF 6.0, libtiff's
//! BigTIFF description and OGC GeoTIFF 1.1; the crate's tests compare every form with rasterio.

mod encode;
mod ifd;
mod lzw;
mod plane;
mod tags;

pub use encode::{Compression, Endian, Predictor};
pub use plane::{Plane, Reduce, Sample, SampleType};

use crate::{Error, Result};
use ifd::Directory;

/// How the image is cut into separately compressed blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// Tiles of (rows, columns), both multiples of 16.
    Tiles(usize, usize),
    /// Strips of this many rows.
    Strips(usize),
}

/// How bands lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interleave {
    /// All bands of a pixel side by side (PlanarConfiguration 1).
    #[default]
    Pixel,
    /// One band after the other, each in its own blocks (PlanarConfiguration 2).
    Band,
}

/// Where the pixels lie on Earth.
#[derive(Debug, Clone, PartialEq)]
pub struct Georeference {
    /// EPSG code; 4000 to 4999 are written as geographic, all others as projected.
    pub epsg: u32,
    /// (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f, of pixel corners (rasterio's order).
    pub affine: [f64; 6],
    /// True: GTRasterTypeGeoKey is PixelIsPoint, so that the stored tie point is the centre of the first pixel.
    pub pixel_is_point: bool,
}

/// Depth of an internal mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskDepth {
    /// One bit a pixel, as GDAL writes it.
    Bit,
    /// One byte a pixel.
    Byte,
}

/// An internal mask (TIFF 6.0 NewSubfileType bit 2): rows × columns, true where a pixel is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// True where valid, in row order.
    pub valid: Vec<bool>,
    /// How it is stored.
    pub depth: MaskDepth,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Tiles or strips.
    pub blocks: Blocks,
    /// 64-bit offsets.
    pub big: bool,
    /// Byte order.
    pub endian: Endian,
    /// How bands lie.
    pub interleave: Interleave,
    /// Compression of every image.
    pub compression: Compression,
    /// Predictor of every image.
    pub predictor: Predictor,
    /// Overviews: factors above 1, ascending.
    pub overviews: Vec<usize>,
    /// How overviews are computed.
    pub reduce: Reduce,
    /// Text of the GDAL_NODATA tag.
    pub nodata: Option<String>,
    /// (scale, offset) of every band, written as GDAL_METADATA when not empty.
    pub scale_offset: Vec<(f64, f64)>,
    /// CRS and transform.
    pub georeference: Option<Georeference>,
    /// Leaves out blocks that hold nothing but nodata (or zero, where none is declared): offset 0, count 0.
    pub sparse: bool,
    /// Internal mask.
    pub mask: Option<Mask>,
}

impl Default for Options {
    /// Tiles of 256, classic, little endian, deflate, nothing else.
    fn default() -> Self {
        Self {
            blocks: Blocks::Tiles(256, 256),
            big: false,
            endian: Endian::default(),
            interleave: Interleave::default(),
            compression: Compression::default(),
            predictor: Predictor::default(),
            overviews: Vec::new(),
            reduce: Reduce::default(),
            nodata: None,
            scale_offset: Vec::new(),
            georeference: None,
            sparse: false,
            mask: None,
        }
    }
}

/// Writes bands of one shape and type as a TIFF file in memory.
///
/// # Errors
/// [`Error::Tiff`] if there are no bands or they differ in shape or type, if a predictor does not fit the sample type, if tile
/// sides are not multiples of 16, if overview factors do not ascend, or if mask or scales do not fit the bands.
pub fn encode(bands: &[Plane], options: &Options) -> Result<Vec<u8>> {
    check(bands, options)?;
    let nodata = options.nodata.as_deref().and_then(|text| text.trim().parse::<f64>().ok());
    let mut directories = vec![image(bands, options, nodata, false)?];
    directories.extend(mask(bands[0].shape(), options, 1)?);
    for factor in &options.overviews {
        let reduced: Vec<_> = bands.iter().map(|band| band.reduced(*factor, options.reduce, nodata)).collect();
        directories.push(image(&reduced, options, nodata, true)?);
        directories.extend(mask(bands[0].shape(), options, *factor)?);
    }
    let size: u64 = directories.iter().flat_map(|directory| directory.blocks.iter().flatten()).map(|block| block.len() as u64).sum();
    if !options.big && size > u64::from(u32::MAX) - (1 << 20) {
        return Err(Error::Tiff(format!("{size} bytes need BigTIFF")));
    }
    Ok(ifd::assemble(&directories, options.big, options.endian))
}

fn check(bands: &[Plane], options: &Options) -> Result<()> {
    let refuse = |problem: &str| Err(Error::Tiff(problem.to_owned()));
    let Some(first) = bands.first() else { return refuse("there are no bands") };
    if bands.iter().any(|band| band.shape() != first.shape() || band.sample() != first.sample()) {
        return refuse("the bands differ in shape or type");
    }
    match options.predictor {
        Predictor::FloatingPoint if !first.sample().is_float() => return refuse("predictor 3 is for floats"),
        Predictor::Horizontal | Predictor::FloatingPoint if options.compression == Compression::None => {
            return refuse("a predictor needs a compression");
        }
        _ => {}
    }
    match options.blocks {
        Blocks::Tiles(rows, cols) if rows == 0 || cols == 0 || rows % 16 != 0 || cols % 16 != 0 => {
            return refuse("tile sides must be multiples of 16");
        }
        Blocks::Strips(0) => return refuse("a strip needs rows"),
        _ => {}
    }
    if options.overviews.iter().any(|factor| *factor < 2) || options.overviews.windows(2).any(|pair| pair[0] >= pair[1]) {
        return refuse("overview factors must be above 1 and ascend");
    }
    if !options.scale_offset.is_empty() && options.scale_offset.len() != bands.len() {
        return refuse("there must be one scale and offset for each band");
    }
    let (rows, cols) = first.shape();
    if options.mask.as_ref().is_some_and(|mask| mask.valid.len() != rows * cols) {
        return refuse("the mask has another shape than the bands");
    }
    Ok(())
}

/// One image with its blocks.
fn image(bands: &[Plane], options: &Options, nodata: Option<f64>, reduced: bool) -> Result<Directory> {
    let groups: Vec<&[Plane]> = match options.interleave {
        Interleave::Pixel => vec![bands],
        Interleave::Band => bands.chunks(1).collect(),
    };
    let (rows, cols) = bands[0].shape();
    let mut blocks = Vec::new();
    for group in groups {
        for window in windows(rows, cols, options.blocks) {
            blocks.push(block(group, window, options, nodata)?);
        }
    }
    Ok(Directory { tags: tags::image(bands, options, reduced), blocks, tiled: matches!(options.blocks, Blocks::Tiles(..)) })
}

/// A window of pixels; tiles may reach over the edge of the image.
#[derive(Clone, Copy)]
struct Window {
    top: usize,
    left: usize,
    rows: usize,
    cols: usize,
}

fn windows(rows: usize, cols: usize, blocks: Blocks) -> Vec<Window> {
    let (height, width) = match blocks {
        Blocks::Tiles(height, width) => (height, width),
        Blocks::Strips(height) => (height.min(rows), cols),
    };
    let whole = matches!(blocks, Blocks::Tiles(..));
    let mut windows = Vec::new();
    for top in (0..rows).step_by(height) {
        for left in (0..cols).step_by(width) {
            let height = if whole { height } else { height.min(rows - top) };
            windows.push(Window { top, left, rows: height, cols: width });
        }
    }
    windows
}

/// Encodes one block of the given bands; beyond the image the last row and column repeat, as GDAL pads.
fn block(bands: &[Plane], window: Window, options: &Options, nodata: Option<f64>) -> Result<Option<Vec<u8>>> {
    let sample = bands[0].sample();
    let (rows, cols) = bands[0].shape();
    let mut bytes = Vec::with_capacity(window.rows * window.cols * bands.len() * sample.size());
    // Where one band lies alone, whole pieces of rows are copied.
    let piece = if bands.len() == 1 { window.cols.min(cols - window.left) } else { 0 };
    for row in window.top..window.top + window.rows {
        let row = row.min(rows - 1);
        bytes.extend_from_slice(bands[0].raw(row, window.left, piece));
        for col in window.left + piece..window.left + window.cols {
            bands.iter().for_each(|band| bytes.extend_from_slice(band.raw(row, col.min(cols - 1), 1)));
        }
    }
    if options.sparse && is_empty(&bytes, sample, nodata) {
        return Ok(None);
    }
    encode::predict(&mut bytes, sample, window.cols * bands.len(), bands.len(), options.predictor, options.endian);
    options.compression.encode(bytes).map(Some)
}

/// True if every sample is what a reader takes an absent block for.
fn is_empty(bytes: &[u8], sample: SampleType, nodata: Option<f64>) -> bool {
    let mut absent = Vec::new();
    sample.push(nodata.unwrap_or(0.0), &mut absent);
    bytes.chunks_exact(sample.size()).all(|value| value == absent)
}

/// The directory of the mask of the image at 1/`factor`.
fn mask((rows, cols): (usize, usize), options: &Options, factor: usize) -> Result<Option<Directory>> {
    let Some(mask) = &options.mask else { return Ok(None) };
    let (height, width) = (rows.div_ceil(factor), cols.div_ceil(factor));
    let mut blocks = Vec::new();
    for window in windows(height, width, options.blocks) {
        let mut bytes = Vec::new();
        for row in window.top..window.top + window.rows {
            let line: Vec<bool> = (window.left..window.left + window.cols)
                .map(|col| row < height && col < width && mask.valid[row * factor * cols + col * factor])
                .collect();
            match mask.depth {
                MaskDepth::Byte => bytes.extend(line.iter().map(|valid| if *valid { 255_u8 } else { 0 })),
                MaskDepth::Bit => bytes.extend(line.chunks(8).map(packed)),
            }
        }
        blocks.push(Some(options.compression.encode(bytes)?));
    }
    Ok(Some(Directory {
        tags: tags::mask(height, width, mask.depth, options, factor > 1),
        blocks,
        tiled: matches!(options.blocks, Blocks::Tiles(..)),
    }))
}

/// Up to eight flags in one byte, the first in the highest bit.
fn packed(flags: &[bool]) -> u8 {
    flags.iter().enumerate().fold(0, |byte, (index, valid)| byte | (u8::from(*valid) << (7 - index)))
}
