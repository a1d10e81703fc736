//! From samples to the bytes of one tile or strip: predictor, byte order, compression.

use std::io::Write;

use super::SampleType;
use crate::{Error, Result};

/// How the bytes of a tile or strip are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all (tag value 1).
    None,
    /// LZW (5).
    Lzw,
    /// Deflate with a zlib header (8); level 1 to 9.
    Deflate(u32),
    /// Zstandard (50000, as libtiff registers it); level 1 to 22.
    Zstd(i32),
}

impl Default for Compression {
    /// Deflate at level 6, the usual choice of archives.
    fn default() -> Self {
        Self::Deflate(6)
    }
}

impl Compression {
    /// Value of the Compression tag.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::None => 1,
            Self::Lzw => 5,
            Self::Deflate(_) => 8,
            Self::Zstd(_) => 50000,
        }
    }

    /// Compresses one tile or strip.
    pub(super) fn encode(self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| Error::Tiff(format!("compression failed: {error}"));
        match self {
            Self::None => Ok(bytes),
            Self::Lzw => Ok(super::lzw::encode(&bytes)),
            Self::Deflate(level) => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
                encoder.write_all(&bytes).and_then(|()| encoder.finish()).map_err(failed)
            }
            Self::Zstd(level) => zstd::bulk::compress(&bytes, level).map_err(failed),
        }
    }
}

/// Byte order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endian {
    /// `II`.
    #[default]
    Little,
    /// `MM`.
    Big,
}

/// What precedes compression (TIFF 6.0 section 14 and Adobe's technical note 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Predictor {
    /// The samples as they are (tag value 1).
    #[default]
    None,
    /// Each sample less the one before it in its row and band (2).
    Horizontal,
    /// Floating point: bytes of a row by significance, then byte differences (3).
    FloatingPoint,
}

impl Predictor {
    /// Value of the Predictor tag.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::None => 1,
            Self::Horizontal => 2,
            Self::FloatingPoint => 3,
        }
    }
}

/// Applies predictor and byte order to a block of whole rows of little-endian samples; `stride` samples belong to one pixel.
pub(super) fn predict(bytes: &mut Vec<u8>, sample: SampleType, row_samples: usize, stride: usize, predictor: Predictor, endian: Endian) {
    let size = sample.size();
    match predictor {
        Predictor::None => {}
        Predictor::Horizontal => {
            let difference = match size {
                1 => difference::<1>,
                2 => difference::<2>,
                4 => difference::<4>,
                _ => difference::<8>,
            };
            bytes.chunks_exact_mut(row_samples * size).for_each(|row| difference(row, stride));
        }
        Predictor::FloatingPoint => {
            let mut shuffled = Vec::with_capacity(bytes.len());
            for row in bytes.chunks_exact(row_samples * size) {
                shuffled.extend(float_row(row, size, stride));
            }
            *bytes = shuffled;
        }
    }
    // The floating point predictor orders bytes by significance whatever the order of the file.
    if endian == Endian::Big && predictor != Predictor::FloatingPoint {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

/// Wrapping differences of the `N`-byte samples of one row, from its end so that the left neighbour is still whole.
fn difference<const N: usize>(row: &mut [u8], stride: usize) {
    for index in (stride..row.len() / N).rev() {
        let value = load::<N>(row, index).wrapping_sub(load::<N>(row, index - stride));
        row[index * N..(index + 1) * N].copy_from_slice(&value.to_le_bytes()[..N]);
    }
}

#[inline(always)]
fn load<const N: usize>(row: &[u8], index: usize) -> u64 {
    let mut wide = [0_u8; 8];
    wide[..N].copy_from_slice(&row[index * N..(index + 1) * N]);
    u64::from_le_bytes(wide)
}

/// Most significant bytes of the whole row first, then differences between bytes `stride` apart.
fn float_row(row: &[u8], size: usize, stride: usize) -> Vec<u8> {
    let samples = row.len() / size;
    let mut out = vec![0_u8; row.len()];
    for (index, sample) in row.chunks_exact(size).enumerate() {
        for (byte, value) in sample.iter().enumerate() {
            out[(size - 1 - byte) * samples + index] = *value;
        }
    }
    for index in (stride..out.len()).rev() {
        out[index] = out[index].wrapping_sub(out[index - stride]);
    }
    out
}
