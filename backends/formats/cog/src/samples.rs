//! From decoded blocks to the pixels of bands, cut to a window.

use std::ops::Range;

use cube_core::{DType, Pixel, Pixels, Shape, Window};

use crate::layout::Sample;

/// Decoded samples, row by row, those of a pixel side by side.
pub(crate) struct Samples<'a, T> {
    pub(crate) data: &'a mut Vec<T>,
    /// Samples of a pixel.
    pub(crate) depth: usize,
    /// Pixels of a row.
    pub(crate) cols: usize,
}

impl<T: Pixel> Samples<'_, T> {
    /// The pixels of some bands in a window, which counts from the first pixel of the block.
    pub(crate) fn bands(self, window: Window, bands: Range<usize>) -> Vec<Pixels> {
        if self.depth == 1 {
            return vec![T::wrap(self.cropped(window))];
        }
        bands.map(|band| T::wrap(self.band(window, band))).collect()
    }

    /// One band of interleaved samples.
    pub(crate) fn band(&self, window: Window, band: usize) -> Vec<T> {
        let mut out = Vec::with_capacity(window.shape().len());
        for row in window.row..window.row_end() {
            let start = (row * self.cols + window.col) * self.depth;
            let row = &self.data[start..start + window.cols * self.depth];
            match self.depth {
                1 => out.extend_from_slice(row),
                2 => out.extend(row.as_chunks::<2>().0.iter().map(|p| p[band])),
                3 => out.extend(row.as_chunks::<3>().0.iter().map(|p| p[band])),
                4 => out.extend(row.as_chunks::<4>().0.iter().map(|p| p[band])),
                depth => out.extend(row.chunks_exact(depth).map(|p| p[band])),
            }
        }
        out
    }

    /// The only band, moved together in place.
    fn cropped(self, window: Window) -> Vec<T> {
        let data = self.data;
        if window.cols != self.cols || window.row > 0 {
            for row in 0..window.rows {
                let start = (window.row + row) * self.cols + window.col;
                data.copy_within(start..start + window.cols, row * window.cols);
            }
        }
        data.truncate(window.shape().len());
        std::mem::take(data)
    }
}

/// Widens samples that do not lie in the file as they lie in memory: bit fields and half floats. `bytes` are whole rows,
/// floats in native byte order.
pub(crate) fn widen<T: Pixel>(bytes: &[u8], sample: Sample, shape: Shape, depth: usize) -> Vec<T> {
    let per_row = shape.cols * depth;
    let mut out = Vec::with_capacity(shape.rows * per_row);
    for row in bytes.chunks_exact((per_row * sample.bits).div_ceil(8)).take(shape.rows) {
        match sample.dtype {
            DType::Float32 => out.extend(row.as_chunks::<2>().0.iter().map(|b| T::from_f64(half::f16::from_ne_bytes(*b).to_f64()))),
            _ => out.extend((0..per_row).map(|i| integer::<T>(field(row, i * sample.bits, sample.bits)))),
        }
    }
    out
}

/// An integer of at most 32 bits as a pixel; exact, since the type was chosen for it.
fn integer<T: Pixel>(value: u32) -> T {
    T::from_f64(value.into())
}

/// Bits of a row, the highest first (TIFF 6.0: FillOrder 1).
fn field(row: &[u8], at: usize, bits: usize) -> u32 {
    let (first, last) = (at / 8, (at + bits - 1) / 8);
    let word = row[first..=last].iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
    let below = 8 * (last + 1) - at - bits;
    (word >> below & ((1 << bits) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_fields_may_cross_bytes() {
        let row = [0b1010_1100, 0b0111_0001];
        assert_eq!((0..5).map(|i| field(&row, i * 3, 3)).collect::<Vec<_>>(), [0b101, 0b011, 0b000, 0b111, 0b000]);
        assert_eq!(field(&row, 0, 12), 0b1010_1100_0111);
    }

    #[test]
    fn a_single_band_is_cut_in_place() {
        let mut data: Vec<u8> = (0..12).collect();
        let cut = Samples { data: &mut data, depth: 1, cols: 4 }.bands(Window::new(1, 1, 2, 2), 0..1);
        assert_eq!(cut, [Pixels::UInt8(vec![5, 6, 9, 10])]);
    }
}
