use async_tiff::{
    decoder::{Decoder, WebPDecoder},
    tags::PhotometricInterpretation,
};
use bytes::Bytes;

use super::{Expected, Problem};

/// Decodes a WebP image with libwebp, as GDAL does.
pub(super) fn decode(bytes: &[u8], expected: Expected, target: &mut [u8]) -> Result<(), Problem> {
    let (width, height) = size(bytes).ok_or("it is no WebP image")?;
    if (width, height) != (expected.shape.cols, expected.shape.rows) {
        return Err(format!("its WebP image has {width} × {height} pixels instead of {} × {}", expected.shape.cols, expected.shape.rows));
    }
    let samples = expected.samples as u16;
    let decoded = WebPDecoder
        .decode_tile(Bytes::copy_from_slice(bytes), PhotometricInterpretation::RGB, None, samples, 8, None)
        .map_err(|e| format!("its WebP image is damaged ({e})"))?;
    match (decoded.len(), target.len()) {
        (have, want) if have == want => target.copy_from_slice(&decoded),
        // An image with alpha where the file promises none.
        (have, want) if have / 4 * 3 == want => {
            target.as_chunks_mut::<3>().0.iter_mut().zip(decoded.as_chunks::<4>().0).for_each(|(t, s)| t.copy_from_slice(&s[..3]))
        }
        (have, want) => return Err(format!("its WebP image holds {have} bytes instead of {want}")),
    }
    Ok(())
}

/// Width and height from the header, before anything is allocated (WebP container specification).
fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    let u24 = |at: usize| Some(bytes.get(at..at + 3)?.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b)));
    match bytes.get(12..16)? {
        b"VP8X" => Some((u24(24)? + 1, u24(27)? + 1)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(bytes.get(21..25)?.try_into().ok()?) as usize;
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        b"VP8 " => Some((u24(26)? & 0x3FFF, u24(28)? & 0x3FFF)),
        _ => None,
    }
}
