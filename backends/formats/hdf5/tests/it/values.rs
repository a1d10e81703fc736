//! Whole arrays from a manifest and the bytes of its file, as any reader of the manifest would put them together.

use std::ops::Range;

use cube_manifest::{ChunkRefs, Codec, Data, Place, Variable, decode};

/// Bytes of an array that is put together.
const LARGEST: u64 = 32 << 20;

/// The bytes of all elements, row-major; `None` where the manifest has no chunks, none that can be decoded here, or too many bytes.
pub(crate) fn values(variable: &Variable, file: &[u8]) -> Option<Result<Vec<u8>, String>> {
    let (Ok(Data::Chunks(refs)), Some(element)) = (&variable.data, variable.element.size()) else { return None };
    let length = variable.len()?.checked_mul(element as u64).filter(|l| *l <= LARGEST)?;
    if variable.codecs.iter().any(|c| matches!(c, Codec::Other { .. })) {
        return None;
    }
    let fill = variable.fill.clone().unwrap_or_else(|| vec![0; element]);
    let mut array = fill.repeat(length as usize / element);
    Some(refs.iter().try_for_each(|chunk| {
        let bytes = match &chunk.place {
            Place::Inline(bytes) => bytes,
            Place::Reference(r) => &file[r.offset as usize..(r.offset + r.length) as usize],
        };
        let expected = refs.chunk_shape().iter().product::<u64>() as usize * element;
        let decoded = decode(&variable.codecs, chunk.filter_mask, bytes, expected)?;
        for (from, to) in rows(refs, &variable.shape, &refs.position(chunk.index), element) {
            array[to].copy_from_slice(&decoded[from]);
        }
        Ok(())
    }))
    .map(|done: Result<(), String>| done.map(|()| array))
}

/// Where each row of a chunk lies in the chunk, and in the array; what is beyond the array is left out.
fn rows(refs: &ChunkRefs, shape: &[u64], at: &[u64], element: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let chunk = refs.chunk_shape();
    let Some(last) = shape.len().checked_sub(1) else { return vec![(0..element, 0..element)] };
    let length = chunk[last].min(shape[last] - at[last] * chunk[last]) as usize * element;
    let count: u64 = chunk[..last].iter().product();
    let row = |number: u64| {
        let mut rest = number;
        let mut place = at[last] * chunk[last];
        let mut stride = shape[last];
        for d in (0..last).rev() {
            let i = at[d] * chunk[d] + rest % chunk[d];
            if i >= shape[d] {
                return None;
            }
            place += i * stride;
            stride *= shape[d];
            rest /= chunk[d];
        }
        let (from, to) = ((number * chunk[last]) as usize * element, place as usize * element);
        Some((from..from + length, to..to + length))
    };
    (0..count).filter_map(row).collect()
}
