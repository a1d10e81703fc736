//! How one image of a file is stored: samples, blocks, codec.

use async_tiff::{
    reader::Endianness,
    tags::{Compression, PhotometricInterpretation},
};
use cube_backend::{Error, Place, Result};
use cube_core::{DType, Shape, Window};

use crate::{
    codec::Codec,
    header::{Directory, tag},
    index::Index,
    predictor::Predictor,
};

/// Most bytes that one decoded block may have.
const MAX_BLOCK: u64 = 1 << 30;
/// Uncompressed strips are cut into parts of about this many bytes.
const PART: usize = 4 << 20;

/// One image of a file.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    /// Samples (bands) of a pixel.
    pub(crate) samples: usize,
    /// How a sample is stored.
    pub(crate) sample: Sample,
    /// Whether each band has blocks of its own.
    pub(crate) planar: bool,
    /// Whether the last sample is an alpha value.
    pub(crate) alpha: bool,
    pub(crate) order: Endianness,
    pub(crate) codec: Codec,
    pub(crate) predictor: Predictor,
    /// Whether the bits of each stored byte stand in reverse order (FillOrder 2).
    pub(crate) reversed: bool,
    blocks: Blocks,
    index: Index,
}

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) bits: usize,
    pub(crate) dtype: DType,
}

impl Sample {
    /// Whether a sample lies in the file as it lies in memory (but for its byte order).
    pub(crate) fn is_plain(self) -> bool {
        self.bits == 8 * self.dtype.size()
    }
}

/// The grid of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Blocks {
    tiled: bool,
    /// Shape of a block, as encoded.
    shape: Shape,
    /// Rows of the parts into which a block is cut; the rows of the block where it is not.
    part: usize,
    down: usize,
    across: usize,
}

/// The grid of blocks as they lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredBlocks {
    /// Rows and columns of a block.
    pub(crate) shape: Shape,
    pub(crate) down: usize,
    pub(crate) across: usize,
    /// Whether blocks at the edges are stored whole.
    pub(crate) whole_at_edges: bool,
}

/// One block, or part of an uncompressed strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its pixels, cut to the image.
    pub(crate) window: Window,
    /// Rows and columns as encoded: tiles reach over the edge of the image.
    pub(crate) encoded: Shape,
    strip: usize,
    col: usize,
    /// First row of the part inside its block.
    skip: usize,
}

impl Layout {
    /// Reads what a directory says of its image. `what` names file and image in messages.
    pub(crate) fn read(directory: &Directory, what: &str, file_size: u64) -> Result<Self> {
        let corrupt = |text: String| Error::corrupt(format!("{what} {text}"));
        let side = |t: u16, name: &str| {
            directory
                .number(t)
                .filter(|n| (1..=u64::from(u32::MAX >> 1)).contains(n))
                .map(|n| n as usize)
                .ok_or_else(|| corrupt(format!("has no valid {name}")))
        };
        let shape = Shape::new(side(tag::IMAGE_LENGTH, "ImageLength")?, side(tag::IMAGE_WIDTH, "ImageWidth")?);
        let samples = directory.number(tag::SAMPLES_PER_PIXEL).unwrap_or(1);
        if !(1..=u64::from(u16::MAX)).contains(&samples) {
            return Err(corrupt(format!("has {samples} samples per pixel")));
        }
        let samples = samples as usize;
        let sample = sample(directory, what)?;
        let planar = match directory.number(tag::PLANAR_CONFIGURATION).unwrap_or(1) {
            1 => false,
            2 => samples > 1,
            other => return Err(corrupt(format!("has PlanarConfiguration {other}"))),
        };
        let compression = Compression::from_u16_exhaustive(directory.number(tag::COMPRESSION).unwrap_or(1) as u16);
        let photometric = directory.number(tag::PHOTOMETRIC).and_then(|p| PhotometricInterpretation::from_u16(p as u16));
        let codec = Codec::read(directory, compression, photometric, samples, sample, planar, what)?;
        let predictor = if codec.has_predictor() { Predictor::read(directory, sample, what)? } else { Predictor::None };
        let tiled = directory.bytes(tag::TILE_WIDTH).is_some();
        let block = if tiled {
            Shape::new(side(tag::TILE_LENGTH, "TileLength")?, side(tag::TILE_WIDTH, "TileWidth")?)
        } else {
            let rows = directory.number(tag::ROWS_PER_STRIP).unwrap_or(u64::MAX).clamp(1, shape.rows as u64);
            Shape::new(rows as usize, shape.cols)
        };
        let mut layout = Self {
            shape,
            samples,
            sample,
            planar,
            alpha: has_alpha(directory, samples, sample),
            order: directory.order,
            codec,
            predictor,
            reversed: directory.number(tag::FILL_ORDER) == Some(2),
            blocks: Blocks { tiled, shape: block, part: block.rows, down: shape.rows.div_ceil(block.rows), across: shape.cols.div_ceil(block.cols) },
            index: Index::new(std::iter::empty(), std::iter::empty()),
        };
        if layout.is_raw() && !tiled {
            layout.blocks.part = (PART / layout.row_bytes().max(1)).clamp(1, block.rows);
        }
        let decoded = (layout.row_bytes() as u64).saturating_mul(layout.blocks.part as u64);
        if decoded > MAX_BLOCK {
            return Err(Error::unsupported(format!("{what} has blocks of {decoded} bytes; the most that is decoded at once is {MAX_BLOCK}")));
        }
        layout.index = layout.read_index(directory, what, file_size)?;
        Ok(layout)
    }

    fn read_index(&self, directory: &Directory, what: &str, file_size: u64) -> Result<Index> {
        let tags = |a, b| if self.blocks.tiled { a } else { b };
        let corrupt = |text: &str| Error::corrupt(format!("{what} {text}"));
        // Some writers use the strip tags for tiles as well.
        let offsets = directory.numbers(tags(tag::TILE_OFFSETS, tag::STRIP_OFFSETS)).or_else(|| directory.numbers(tag::STRIP_OFFSETS));
        let counts = directory.numbers(tags(tag::TILE_BYTE_COUNTS, tag::STRIP_BYTE_COUNTS)).or_else(|| directory.numbers(tag::STRIP_BYTE_COUNTS));
        let offsets: Vec<u64> = offsets.ok_or_else(|| corrupt("does not say where its blocks lie"))?.collect();
        let planes = if self.planar { self.samples } else { 1 };
        let expected = self.blocks.down.checked_mul(self.blocks.across).and_then(|n| n.checked_mul(planes));
        let expected = expected.filter(|n| *n <= offsets.len()).ok_or_else(|| {
            Error::corrupt(format!(
                "{what} has {} × {} × {planes} blocks, but states the place of {}",
                self.blocks.down,
                self.blocks.across,
                offsets.len()
            ))
        })?;
        let counts: Vec<u64> = match counts {
            Some(counts) if counts.len() >= expected => counts.collect(),
            // TIFF 6.0 lets it be left out for an uncompressed image; old writers also did so for a single strip.
            _ if self.is_raw() => (0..expected).map(|i| self.raw_length(i)).collect(),
            _ if expected == 1 => vec![file_size.saturating_sub(offsets[0])],
            _ => return Err(corrupt("does not say how long its blocks are")),
        };
        let stored = || offsets.iter().zip(&counts).take(expected).filter(|(offset, count)| **offset > 0 && **count > 0);
        if let Some((offset, count)) = stored().find(|(offset, count)| offset.checked_add(**count).is_none_or(|end| end > file_size)) {
            return Err(Error::corrupt(format!("{what} has a block of {count} bytes at byte {offset}, beyond the end of the file at {file_size}")));
        }
        Ok(Index::new(offsets.iter().copied().take(expected), counts.iter().copied().take(expected)))
    }

    /// Bytes of an uncompressed block.
    fn raw_length(&self, index: usize) -> u64 {
        let strip = index % (self.blocks.down * self.blocks.across) / self.blocks.across;
        let rows =
            if self.blocks.tiled { self.blocks.shape.rows } else { self.blocks.shape.rows.min(self.shape.rows - strip * self.blocks.shape.rows) };
        rows as u64 * self.row_bytes() as u64
    }

    fn is_raw(&self) -> bool {
        matches!(self.codec, Codec::None)
    }

    /// Samples of a pixel inside one block.
    pub(crate) fn samples_per_block(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of one row of a decoded block.
    pub(crate) fn row_bytes(&self) -> usize {
        let bits = (self.blocks.shape.cols as u64).saturating_mul(self.samples_per_block() as u64).saturating_mul(self.sample.bits as u64);
        usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// The cells that hold a window.
    pub(crate) fn cells(&self, window: Window) -> Vec<Cell> {
        let Some(window) = window.intersection(Window::whole(self.shape)) else { return Vec::new() };
        let parts_of = |strip: usize| {
            let top = strip * self.blocks.shape.rows;
            let rows = self.blocks.shape.rows.min(self.shape.rows - top);
            let first = window.row.saturating_sub(top) / self.blocks.part;
            let last = (window.row_end().min(top + rows) - 1 - top) / self.blocks.part;
            first..=last
        };
        let strips = window.row / self.blocks.shape.rows..=(window.row_end() - 1) / self.blocks.shape.rows;
        let cols = window.col / self.blocks.shape.cols..=(window.col_end() - 1) / self.blocks.shape.cols;
        let mut cells = Vec::new();
        for strip in strips {
            for part in parts_of(strip) {
                cells.extend(cols.clone().map(|col| self.cell(strip, part, col)));
            }
        }
        cells
    }

    /// The cell that holds a pixel of the image.
    pub(crate) fn cell_at(&self, row: usize, col: usize) -> Option<Cell> {
        if row >= self.shape.rows || col >= self.shape.cols {
            return None;
        }
        let strip = row / self.blocks.shape.rows;
        Some(self.cell(strip, row % self.blocks.shape.rows / self.blocks.part, col / self.blocks.shape.cols))
    }

    fn cell(&self, strip: usize, part: usize, col: usize) -> Cell {
        let block = self.blocks.shape;
        let (top, skip, left) = (strip * block.rows, part * self.blocks.part, col * block.cols);
        let block_rows = block.rows.min(self.shape.rows - top);
        let rows = self.blocks.part.min(block_rows - skip);
        let window = Window::new(top + skip, left, rows, block.cols.min(self.shape.cols - left));
        let encoded = if self.blocks.tiled { block } else { Shape::new(rows, block.cols) };
        Cell { window, encoded, strip, col, skip }
    }

    /// Where a cell of a plane lies (plane 0 holds all bands where they are interleaved).
    pub(crate) fn place(&self, cell: &Cell, plane: usize) -> Place {
        let place = self.index.place((plane * self.blocks.down + cell.strip) * self.blocks.across + cell.col);
        if self.blocks.part == self.blocks.shape.rows {
            return place;
        }
        let Place::Range { offset, length } = place else { return place };
        let row = self.row_bytes() as u64;
        let (skip, wanted) = (cell.skip as u64 * row, cell.encoded.rows as u64 * row);
        Place::Range { offset: offset.saturating_add(skip), length: wanted.min(length.saturating_sub(skip)).max(1) }
    }

    /// The blocks as they lie in the file; a single strip without compression is cut into parts.
    pub(crate) fn stored_blocks(&self) -> StoredBlocks {
        let Blocks { tiled, shape, part, down, across } = self.blocks;
        if self.is_one_raw_strip() {
            return StoredBlocks { shape: Shape::new(part, shape.cols), down: self.shape.rows.div_ceil(part), across, whole_at_edges: false };
        }
        StoredBlocks { shape, down, across, whole_at_edges: tiled }
    }

    /// Where one of them lies, by its number: row by row, plane after plane.
    pub(crate) fn stored_block(&self, number: usize) -> Place {
        if !self.is_one_raw_strip() {
            return self.index.place(number);
        }
        let parts = self.shape.rows.div_ceil(self.blocks.part);
        let Place::Range { offset, length } = self.index.place(number / parts) else { return Place::Absent };
        let skip = (number % parts * self.blocks.part) as u64 * self.row_bytes() as u64;
        Place::Range { offset: offset.saturating_add(skip), length: length.saturating_sub(skip) }
    }

    fn is_one_raw_strip(&self) -> bool {
        self.is_raw() && !self.blocks.tiled && self.blocks.down == 1
    }

    /// Bytes of a decoded cell.
    pub(crate) fn decoded_len(&self, cell: &Cell) -> usize {
        self.row_bytes() * cell.encoded.rows
    }
}

/// Type of the samples; all bands must have the same.
fn sample(directory: &Directory, what: &str) -> Result<Sample> {
    let same = |t: u16, default: u64| -> Result<u64, Vec<u64>> {
        let values: Vec<u64> = directory.numbers(t).map(Iterator::collect).unwrap_or_default();
        let first = values.first().copied().unwrap_or(default);
        if values.iter().all(|v| *v == first) { Ok(first) } else { Err(values) }
    };
    let bits = same(tag::BITS_PER_SAMPLE, 1).map_err(|v| Error::unsupported(format!("{what} has bands of different depth (BitsPerSample {v:?})")))?;
    let format = same(tag::SAMPLE_FORMAT, 1).map_err(|v| Error::unsupported(format!("{what} has bands of different type (SampleFormat {v:?})")))?;
    if bits == 24 && directory.order == Endianness::BigEndian {
        return Err(Error::unsupported(format!("{what} has samples of 24 bits in big-endian order")));
    }
    let dtype = match (format, bits) {
        (1 | 4, 1..=8) => DType::UInt8,
        (1 | 4, 9..=16) => DType::UInt16,
        (1 | 4, 17..=32) => DType::UInt32,
        (1 | 4, 64) => DType::UInt64,
        (2, 8) => DType::Int8,
        (2, 16) => DType::Int16,
        (2, 32) => DType::Int32,
        (2, 64) => DType::Int64,
        (3, 16 | 32) => DType::Float32,
        (3, 64) => DType::Float64,
        (5 | 6, _) => return Err(Error::unsupported(format!("{what} has complex pixels (SampleFormat {format}), which a cube cannot hold"))),
        _ => return Err(Error::unsupported(format!("{what} has pixels of {bits} bits with SampleFormat {format}"))),
    };
    Ok(Sample { bits: bits as usize, dtype })
}

/// Whether the last band is an alpha value as GDAL uses one for a mask: 8 or 16 bits, ExtraSamples 1 or 2.
fn has_alpha(directory: &Directory, samples: usize, sample: Sample) -> bool {
    let last_extra = directory.numbers(tag::EXTRA_SAMPLES).and_then(Iterator::last);
    samples > 1 && matches!(last_extra, Some(1 | 2)) && matches!(sample.dtype, DType::UInt8 | DType::UInt16) && sample.is_plain()
}
