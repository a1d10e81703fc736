//! Differencing before compression (TIFF 6.0 section 14; Adobe Photoshop TIFF Technical Note 3), undone in place.

use async_tiff::reader::Endianness;
use cube_backend::{Error, Result};
use cube_core::DType;

use crate::{
    header::{Directory, tag},
    layout::Sample,
};

/// How the samples of a row were changed before they were compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predictor {
    /// Not at all.
    None,
    /// Each sample is the difference to the one of the pixel on its left.
    Horizontal,
    /// The bytes of floats are sorted by significance, then differenced.
    Float,
}

impl Predictor {
    /// Reads the tag; a predictor that does not fit the samples is refused.
    pub(crate) fn read(directory: &Directory, sample: Sample, what: &str) -> Result<Self> {
        let code = directory.number(tag::PREDICTOR).unwrap_or(1);
        let float = matches!(sample.dtype, DType::Float32 | DType::Float64);
        match code {
            1 => Ok(Self::None),
            2 if matches!(sample.bits, 8 | 16 | 32 | 64) => Ok(Self::Horizontal),
            3 if float => Ok(Self::Float),
            2 | 3 => Err(Error::unsupported(format!("{what} uses Predictor {code} on {} with {} bits", sample.dtype, sample.bits))),
            _ => Err(Error::unsupported(format!("{what} uses Predictor {code}"))),
        }
    }
}

/// Undoes a predictor on whole rows of `row_bytes`, and brings samples of `size` bytes to native byte order.
pub(crate) fn undo(predictor: Predictor, data: &mut [u8], row_bytes: usize, size: usize, samples: usize, order: Endianness) {
    if predictor == Predictor::Float {
        let mut row = vec![0; row_bytes];
        data.chunks_exact_mut(row_bytes).for_each(|target| undo_float(target, &mut row, size, samples));
        return;
    }
    if !order.is_native() {
        to_native(data, size);
    }
    if predictor == Predictor::Horizontal {
        data.chunks_exact_mut(row_bytes).for_each(|row| match size {
            1 => accumulate::<1>(row, samples, |a, b| [a[0].wrapping_add(b[0])]),
            2 => accumulate::<2>(row, samples, |a, b| u16::from_ne_bytes(a).wrapping_add(u16::from_ne_bytes(b)).to_ne_bytes()),
            4 => accumulate::<4>(row, samples, |a, b| u32::from_ne_bytes(a).wrapping_add(u32::from_ne_bytes(b)).to_ne_bytes()),
            _ => accumulate::<8>(row, samples, |a, b| u64::from_ne_bytes(a).wrapping_add(u64::from_ne_bytes(b)).to_ne_bytes()),
        });
    }
}

fn to_native(data: &mut [u8], size: usize) {
    match size {
        2 => data.as_chunks_mut::<2>().0.iter_mut().for_each(|b| b.reverse()),
        3 => data.as_chunks_mut::<3>().0.iter_mut().for_each(|b| b.reverse()),
        4 => data.as_chunks_mut::<4>().0.iter_mut().for_each(|b| b.reverse()),
        8 => data.as_chunks_mut::<8>().0.iter_mut().for_each(|b| b.reverse()),
        _ => {}
    }
}

/// Running sums over a row, one for each sample of a pixel.
fn accumulate<const N: usize>(row: &mut [u8], samples: usize, add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let row = row.as_chunks_mut::<N>().0;
    match samples {
        1 => running::<N, 1>(row, add),
        2 => running::<N, 2>(row, add),
        3 => running::<N, 3>(row, add),
        4 => running::<N, 4>(row, add),
        _ => (samples..row.len()).for_each(|i| row[i] = add(row[i], row[i - samples])),
    }
}

/// The same with the sums in registers, for the usual numbers of samples.
fn running<const N: usize, const S: usize>(row: &mut [[u8; N]], add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let mut sums = [[0; N]; S];
    for pixel in row.as_chunks_mut::<S>().0 {
        for (value, sum) in pixel.iter_mut().zip(&mut sums) {
            *sum = add(*sum, *value);
            *value = *sum;
        }
    }
}

fn undo_float(target: &mut [u8], sums: &mut [u8], size: usize, samples: usize) {
    sums.copy_from_slice(target);
    accumulate::<1>(sums, samples, |a, b| [a[0].wrapping_add(b[0])]);
    match size {
        2 => gather::<2>(target, sums),
        4 => gather::<4>(target, sums),
        _ => gather::<8>(target, sums),
    }
}

/// Puts together the bytes of each float, which lie in planes, the most significant first.
fn gather<const N: usize>(target: &mut [u8], planes: &[u8]) {
    let values = target.as_chunks_mut::<N>().0;
    let count = values.len();
    for (byte, plane) in planes.chunks_exact(count).take(N).enumerate() {
        let at = if cfg!(target_endian = "little") { N - 1 - byte } else { byte };
        values.iter_mut().zip(plane).for_each(|(value, b)| value[at] = *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_run_along_each_sample_of_a_row() {
        let mut data = [1, 10, 1, 1, 2, 2, 5, 5, 0, 0, 1, 1];
        undo(Predictor::Horizontal, &mut data, 6, 1, 2, Endianness::LittleEndian);
        assert_eq!(data, [1, 10, 2, 11, 4, 13, 5, 5, 5, 5, 6, 6]);
    }

    #[test]
    fn big_endian_samples_are_turned_before_they_are_summed() {
        let mut data = [1, 0, 0, 255, 0, 1];
        undo(Predictor::Horizontal, &mut data, 6, 2, 1, Endianness::BigEndian);
        let values: Vec<u16> = data.as_chunks::<2>().0.iter().map(|b| u16::from_ne_bytes(*b)).collect();
        assert_eq!(values, [256, 511, 512]);
    }

    #[test]
    fn floats_are_put_together_from_their_planes() {
        let values = [1.5_f32, -2.25, 1e-30, f32::NAN];
        let mut planes: Vec<u8> = (0..4).flat_map(|b| values.map(|v| v.to_be_bytes()[b])).collect();
        for i in (1..planes.len()).rev() {
            planes[i] = planes[i].wrapping_sub(planes[i - 1]);
        }
        undo(Predictor::Float, &mut planes, 16, 4, 1, Endianness::LittleEndian);
        let back: Vec<u32> = planes.as_chunks::<4>().0.iter().map(|b| u32::from_ne_bytes(*b)).collect();
        assert_eq!(back, values.map(f32::to_bits));
    }
}
