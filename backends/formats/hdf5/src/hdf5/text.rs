//! Values of variable-length text.

use cube_backend::{Error, Result};
use cube_manifest::{ChunkRefs, Codec, Data, Place, Reason, Refusal, decode};

use super::{attribute::variable_text, file::File, global_heap::VariableValue};

/// More texts than this in one variable are not read.
const MOST_VALUES: u64 = 1 << 20;
/// No chunk of references is larger.
const LARGEST_CHUNK: u64 = 64 << 20;
/// Collections that are announced at once.
const AT_ONCE: usize = 512;

/// Reads all values, row-major: what is in the chunks are references to a heap, which no other reader can follow.
pub(super) fn read(file: &File<'_>, shape: &[u64], refs: &ChunkRefs, codecs: &[Codec], fill: Option<&[u8]>) -> Result<Result<Data, Refusal>> {
    let size = VariableValue::size(file) as u64;
    let count = shape.iter().try_fold(1_u64, |n, length| n.checked_mul(*length));
    let chunk = refs.chunk_shape().iter().try_fold(size, |n, length| n.checked_mul(*length));
    let (Some(count), Some(chunk)) = (count.filter(|n| *n <= MOST_VALUES), chunk.filter(|n| *n <= LARGEST_CHUNK)) else {
        return Ok(Err(Refusal::new(Reason::ElementType, format!("variable-length text of shape {shape:?}: more than is read"))));
    };
    if let Some(Codec::Other { name, .. }) = codecs.iter().find(|c| matches!(c, Codec::Other { .. })) {
        return Ok(Err(Refusal::new(Reason::Codec, format!("variable-length text behind {name}"))));
    }
    file.spend(count * 24)?;
    let missing = match fill {
        Some(bytes) => variable_text(file, bytes)?,
        None => String::new(),
    };
    file.spend(count.saturating_mul(missing.len() as u64))?;
    let mut values = vec![missing; count as usize];
    file.expect(refs.iter().filter_map(|c| match c.place {
        Place::Reference(r) => Some((r.offset - file.base, r.length)),
        Place::Inline(_) => None,
    }))?;
    for stored in refs.iter() {
        let bytes = match stored.place {
            Place::Inline(bytes) => bytes.clone(),
            Place::Reference(r) => file.source.read(r.offset, r.length)?,
        };
        file.spend(chunk / 8)?;
        let bytes = decode(codecs, stored.filter_mask, &bytes, chunk as usize).map_err(Error::corrupt)?;
        spread(file, &bytes, shape, refs.chunk_shape(), &refs.position(stored.index), &mut values)?;
    }
    Ok(Ok(Data::Text(values)))
}

/// Puts the values of one chunk to their places.
fn spread(file: &File<'_>, bytes: &[u8], shape: &[u64], chunk: &[u64], at: &[u64], values: &mut [String]) -> Result<()> {
    let size = VariableValue::size(file);
    let places: Vec<(u64, &[u8])> =
        bytes.chunks_exact(size).enumerate().filter_map(|(n, value)| Some((place(n as u64, shape, chunk, at)?, value))).collect();
    for group in places.chunks(AT_ONCE) {
        let heaps = group.iter().filter_map(|(_, value)| VariableValue::parse(file, value).ok()?.collection());
        file.expect(heaps.map(|address| (address, 4096)))?;
        for (index, value) in group {
            if let Some(slot) = usize::try_from(*index).ok().and_then(|i| values.get_mut(i)) {
                *slot = variable_text(file, value)?;
            }
        }
    }
    Ok(())
}

/// Row-major index in the array of element `n` of a chunk; `None` beyond the array.
fn place(mut n: u64, shape: &[u64], chunk: &[u64], at: &[u64]) -> Option<u64> {
    let mut index = 0;
    let mut stride = 1;
    for ((size, length), position) in shape.iter().zip(chunk).zip(at).rev() {
        let i = position * length + n % length;
        if i >= *size {
            return None;
        }
        index += i * stride;
        stride *= size;
        n /= length;
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn elements_of_a_chunk_go_to_their_rows() {
        let places: Vec<_> = (0..4).map(|n| place(n, &[3, 5], &[2, 2], &[1, 2])).collect();
        assert_eq!(places, [Some(14), None, None, None]);
        assert_eq!(place(3, &[3, 5], &[2, 2], &[0, 1]), Some(8));
        assert_eq!(place(0, &[], &[], &[]), Some(0));
    }
}
