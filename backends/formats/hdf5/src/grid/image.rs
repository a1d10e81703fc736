use std::sync::Arc;

use bytes::Bytes;
use cube_backend::{Block, ByteSource, Error, Image, Kind, Label, Place, Result};
use cube_core::{DType, GeoBox, Number, Pixel, Pixels, Raster, Window, with_dtype};
use cube_manifest::{Chunk, ChunkRefs, Endian, Variable, decode};

use super::{axes::Plane, values};

/// What is not encoded is cut into strips of about this many bytes, so that a large variable in one piece is not read whole.
const STRIP: usize = 1 << 20;

/// One layer of a variable.
#[derive(Debug)]
pub(super) struct Layer {
    /// Named by file and variable.
    pub(super) source: ByteSource,
    pub(super) variable: Arc<Variable>,
    pub(super) chunks: Arc<ChunkRefs>,
    pub(super) plane: Plane,
    pub(super) grids: [GeoBox; 1],
    /// Index along each dimension; of rows and columns, not used.
    pub(super) at: Vec<u64>,
    /// Of which times it is one, from 1, where there are several.
    pub(super) time: Option<(u64, u64)>,
    pub(super) dtype: DType,
    pub(super) endian: Endian,
    pub(super) nodata: Option<Number>,
    /// Another value that means "no data".
    pub(super) missing: Option<Number>,
    pub(super) scaling: Option<(f64, f64)>,
}

/// A chunk, or a strip of one: which pixels of the grid it holds, and where these are in its bytes.
struct Part {
    /// Index of the chunk.
    chunk: u64,
    /// Pixels of the grid.
    window: Window,
    /// Row of the chunk that the bytes begin with, and rows in them.
    strip: (usize, usize),
}

/// The chunks along one axis that hold a run of the file's rows or columns.
struct Run {
    chunk: u64,
    /// First index in the file, and how many.
    from: usize,
    count: usize,
}

impl Image for Layer {
    fn bands(&self) -> usize {
        1
    }

    fn dtype(&self, _band: usize) -> DType {
        self.dtype
    }

    fn nodata(&self, _band: usize) -> Option<Number> {
        self.nodata
    }

    fn scaling(&self, _band: usize) -> Option<(f64, f64)> {
        self.scaling
    }

    fn label(&self, _band: usize) -> Label {
        let text = |name: &str| self.variable.attribute(name).and_then(values::as_text).filter(|text| !text.is_empty()).map(str::to_owned);
        Label { unit: text("units"), long_name: text("long_name") }
    }

    fn time(&self) -> Option<(u64, u64)> {
        self.time
    }

    fn levels(&self) -> &[GeoBox] {
        &self.grids
    }

    fn blocks(&self, level: usize, bands: &[usize], window: Window) -> Vec<Block> {
        if level != 0 || !bands.contains(&0) {
            return Vec::new();
        }
        let parts = self.parts(window).into_iter();
        parts.map(|part| Block { level, window: part.window, bands: 0..1, place: self.place(&part), mask: None }).collect()
    }

    fn decode(&self, block: &Block, bytes: Bytes, _mask: Option<Bytes>) -> Result<Vec<Raster>> {
        let part = self.parts(block.window).into_iter().find(|p| p.window == block.window && block.level == 0 && block.bands == (0..1));
        let part =
            part.ok_or_else(|| Error::new(Kind::Invalid, format!("a block was given that `{}` does not have: {block:?}", self.source.name)))?;
        let failed = |problem: String| {
            let (w, name) = (block.window, &self.source.name);
            Error::corrupt(format!("the chunk at row {}, column {} of `{name}` cannot be decoded: {problem}", w.row, w.col))
        };
        let raster = match self.chunks.get(part.chunk) {
            None => self.unstored(&part),
            Some(Chunk { place: cube_manifest::Place::Inline(bytes), filter_mask, .. }) => self.stored(&part, bytes, filter_mask).map_err(failed)?,
            Some(Chunk { filter_mask, .. }) => self.stored(&part, &bytes, filter_mask).map_err(failed)?,
        };
        Ok(vec![raster])
    }

    fn source(&self) -> &ByteSource {
        &self.source
    }
}

impl Layer {
    fn chunk_rows(&self) -> usize {
        self.chunks.chunk_shape()[self.plane.rows] as usize
    }

    fn chunk_cols(&self) -> usize {
        self.chunks.chunk_shape()[self.plane.cols] as usize
    }

    /// Rows of a strip: those of the chunk, unless it can be cut because nothing is encoded and rows lie one after the other.
    fn strip_rows(&self) -> usize {
        let shape = self.chunks.chunk_shape();
        let rows_then_columns = self.plane.cols + 1 == shape.len() && self.plane.rows + 2 == shape.len();
        let flat = rows_then_columns && shape[..self.plane.rows].iter().all(|n| *n == 1);
        if !flat || !self.variable.codecs.is_empty() || self.chunks.short_last() {
            return self.chunk_rows();
        }
        (STRIP / (self.chunk_cols() * self.dtype.size()).max(1)).clamp(1, self.chunk_rows())
    }

    /// The parts that hold pixels of a window, each whole.
    fn parts(&self, window: Window) -> Vec<Part> {
        let shape = self.grids[0].shape();
        let whole = Window::new(0, 0, shape.rows, shape.cols);
        let Some(window) = window.intersection(whole) else { return Vec::new() };
        let (chunk_rows, strip_rows) = (self.chunk_rows(), self.strip_rows());
        let mut parts = Vec::new();
        for rows in runs(window.row..window.row_end(), chunk_rows) {
            let first = rows.from.max(rows.chunk as usize * chunk_rows) - rows.chunk as usize * chunk_rows;
            for strip in first / strip_rows..=(first + rows.count - 1) / strip_rows {
                let start = strip * strip_rows;
                let row = rows.chunk as usize * chunk_rows + start;
                let height = strip_rows.min(chunk_rows - start).min(shape.rows - row);
                for (cols, col) in self.columns(window.col..window.col_end()) {
                    let mut at = self.at_chunk();
                    (at[self.plane.rows], at[self.plane.cols]) = (rows.chunk, cols.chunk);
                    let Some(chunk) = self.chunks.index_of(&at) else { continue };
                    parts.push(Part { chunk, window: Window::new(row, col, height, cols.count), strip: (start, strip_rows.min(chunk_rows - start)) });
                }
            }
        }
        parts
    }

    fn at_chunk(&self) -> Vec<u64> {
        self.at.iter().zip(self.chunks.chunk_shape()).map(|(at, chunk)| at / chunk).collect()
    }

    /// The file's columns under some columns of the grid, chunk by chunk and each whole, with the column of the grid where they begin.
    fn columns(&self, wanted: std::ops::Range<usize>) -> Vec<(Run, usize)> {
        let (width, cut, chunk) = (self.grids[0].shape().cols, self.plane.cut, self.chunk_cols());
        // Columns of the grid from 0 are those of the file from `cut`; from `width - cut` those from 0.
        let pieces = [(0..width - cut, cut), (width - cut..width, 0)];
        let mut all = Vec::new();
        for (piece, stored) in pieces {
            let (start, end) = (wanted.start.max(piece.start), wanted.end.min(piece.end));
            if start >= end {
                continue;
            }
            for run in runs(start - piece.start + stored..end - piece.start + stored, chunk) {
                let from = (run.chunk as usize * chunk).max(stored);
                let until = ((run.chunk as usize + 1) * chunk).min(stored + piece.len());
                all.push((Run { from, count: until - from, ..run }, from - stored + piece.start));
            }
        }
        all
    }

    fn place(&self, part: &Part) -> Place {
        match self.chunks.get(part.chunk).map(|c| c.place) {
            Some(cube_manifest::Place::Reference(r)) if part.strip.1 < self.chunk_rows() => {
                let row = (self.chunk_cols() * self.dtype.size()) as u64;
                Place::Range { offset: r.offset + part.strip.0 as u64 * row, length: part.strip.1 as u64 * row }
            }
            Some(cube_manifest::Place::Reference(r)) => Place::Range { offset: r.offset, length: r.length },
            // What lies in the header needs no bytes either.
            Some(cube_manifest::Place::Inline(_)) | None => Place::Absent,
        }
    }

    /// Pixels that are not stored: HDF5's fill value.
    fn unstored(&self, part: &Part) -> Raster {
        let shape = part.window.shape();
        let fill = self.variable.fill.clone().and_then(|bytes| values::pixels(self.dtype, self.endian, bytes)).filter(|p| p.len() == 1);
        let bytes = fill.map_or_else(|| vec![0; self.dtype.size()], |p| p.as_bytes().to_vec());
        let pixels = with_dtype!(self.dtype, T => {
            let one = Pixels::from_bytes(self.dtype, &bytes).and_then(|p| T::unwrap_ref(&p).map(|v| v[0])).unwrap_or_default();
            T::wrap(vec![one; shape.len()])
        });
        let is_nodata = self.nodata.is_some_and(|n| pixels.all_same(n)) || self.missing.is_some_and(|n| pixels.all_same(n));
        Raster { shape, pixels, mask: is_nodata.then(|| vec![false; shape.len()]) }
    }

    fn stored(&self, part: &Part, bytes: &[u8], filter_mask: u32) -> Result<Raster, String> {
        let mut shape: Vec<usize> = values::shape_of(&self.variable, &self.chunks, part.chunk).iter().map(|n| *n as usize).collect();
        let strip = part.strip.1 < self.chunk_rows();
        // A chunk that lies in the header is here whole, also when it counts as several strips.
        let here = self.chunks.get(part.chunk).is_some_and(|c| matches!(c.place, cube_manifest::Place::Inline(_)));
        if strip && !here {
            shape[self.plane.rows] = part.strip.1;
        }
        let expected = shape.iter().product::<usize>() * self.dtype.size();
        let decoded = decode(&self.variable.codecs, filter_mask, bytes, expected)?;
        let pixels = values::pixels(self.dtype, self.endian, decoded).ok_or("a chunk of the wrong length")?;
        let first_row = self.first_row(part) - if strip && !here { part.strip.0 } else { 0 };
        with_dtype!(self.dtype, T => {
            let all = T::unwrap_ref(&pixels).ok_or("a chunk of the wrong type")?;
            let out = self.cut(part, &shape, first_row, all)?;
            let mask = self.missing.and_then(|n| missing(&out, n));
            Ok(Raster { shape: part.window.shape(), pixels: T::wrap(out), mask })
        })
    }

    /// The row of the chunk that a part begins with.
    fn first_row(&self, part: &Part) -> usize {
        part.window.row % self.chunk_rows()
    }

    /// The pixels of a part from those of its chunk (or strip) of some shape.
    fn cut<T: Pixel>(&self, part: &Part, shape: &[usize], first_row: usize, all: &[T]) -> Result<Vec<T>, String> {
        let steps: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        let chunk = self.chunks.chunk_shape();
        let others = (0..shape.len()).filter(|axis| *axis != self.plane.rows && *axis != self.plane.cols);
        let layer: usize = others.map(|axis| (self.at[axis] % chunk[axis]) as usize * steps[axis]).sum();
        let stored_col = (part.window.col + self.plane.cut) % self.grids[0].shape().cols;
        let (row_step, col_step) = (steps[self.plane.rows], steps[self.plane.cols]);
        let origin = layer + first_row * row_step + stored_col % self.chunk_cols() * col_step;
        let (rows, cols) = (part.window.rows, part.window.cols);
        if origin + (rows - 1) * row_step + (cols - 1) * col_step >= all.len() {
            return Err("a chunk that is too short".to_owned());
        }
        let mut out = Vec::with_capacity(rows * cols);
        for row in 0..rows {
            let from = origin + row * row_step;
            match col_step {
                1 => out.extend_from_slice(&all[from..from + cols]),
                step => out.extend(all[from..].iter().step_by(step).take(cols)),
            }
        }
        Ok(out)
    }
}

/// Chunks that hold a range of indices.
fn runs(range: std::ops::Range<usize>, chunk: usize) -> impl Iterator<Item = Run> {
    let (first, last) = (range.start / chunk, (range.end - 1) / chunk);
    (first..=last).map(move |index| {
        let (from, until) = (range.start.max(index * chunk), range.end.min((index + 1) * chunk));
        Run { chunk: index as u64, from, count: until - from }
    })
}

/// Where pixels are not `value`, if any is.
fn missing<T: Pixel>(pixels: &[T], value: Number) -> Option<Vec<bool>> {
    let value = T::from_number(value)?;
    pixels.contains(&value).then(|| pixels.iter().map(|p| *p != value).collect())
}
