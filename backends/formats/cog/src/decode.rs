//! One block: codec, byte order and predictor, samples, window.

use std::{borrow::Cow, ops::Range};

use cube_core::{DType, Pixel, Pixels, Window, with_dtype};

use crate::{
    codec::{Expected, Problem},
    layout::{Cell, Layout},
    predictor,
    samples::{Samples, widen},
};

/// What a block decodes to.
pub(crate) struct Decoded {
    /// The bands that were asked for.
    pub(crate) bands: Vec<Pixels>,
    /// Where the alpha band is not 0, when it was asked for.
    pub(crate) opaque: Option<Vec<bool>>,
}

/// Decodes the bytes of a cell and cuts them to a window of the image inside it. `bands` count inside the block.
pub(crate) fn decode(layout: &Layout, cell: &Cell, window: Window, bands: Range<usize>, bytes: &[u8], alpha: bool) -> Result<Decoded, Problem> {
    let bytes = if layout.reversed && !layout.codec.ignores_fill_order() {
        Cow::Owned(bytes.iter().map(|b| b.reverse_bits()).collect())
    } else {
        Cow::Borrowed(bytes)
    };
    with_dtype!(layout.sample.dtype, T => {
        let mut data = samples::<T>(layout, cell, &bytes)?;
        let samples = Samples { data: &mut data, depth: layout.samples_per_block(), cols: cell.encoded.cols };
        let local = Window { row: window.row - cell.window.row, col: window.col - cell.window.col, ..window };
        let opaque = alpha.then(|| samples.band(local, samples.depth - 1).into_iter().map(|v| v != T::default()).collect());
        Ok(Decoded { bands: samples.bands(local, bands), opaque })
    })
}

/// Decodes the bytes of a cell of a mask: true where it is not 0.
pub(crate) fn decode_mask(layout: &Layout, cell: &Cell, window: Window, bytes: &[u8]) -> Result<Vec<bool>, Problem> {
    let decoded = decode(layout, cell, window, 0..1, bytes, false)?;
    match decoded.bands.into_iter().next() {
        Some(Pixels::UInt8(values)) => Ok(values.into_iter().map(|v| v != 0).collect()),
        _ => Err("its mask is not of 1 or 8 bits".to_owned()),
    }
}

/// The whole cell as encoded.
fn samples<T: Pixel>(layout: &Layout, cell: &Cell, bytes: &[u8]) -> Result<Vec<T>, Problem> {
    let depth = layout.samples_per_block();
    let expected = Expected { shape: cell.encoded, samples: depth };
    if layout.sample.is_plain() {
        let mut data = vec![T::default(); cell.encoded.len() * depth];
        let raw = bytemuck::cast_slice_mut(&mut data);
        layout.codec.decode(bytes, expected, raw)?;
        predictor::undo(layout.predictor, raw, layout.row_bytes(), size_of::<T>(), depth, layout.order);
        return Ok(data);
    }
    let mut raw = vec![0; layout.decoded_len(cell)];
    layout.codec.decode(bytes, expected, &mut raw)?;
    if layout.sample.dtype == DType::Float32 {
        predictor::undo(layout.predictor, &mut raw, layout.row_bytes(), 2, depth, layout.order);
    }
    Ok(widen(&raw, layout.sample, cell.encoded, depth))
}
