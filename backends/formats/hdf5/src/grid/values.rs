use bytes::Bytes;
use cube_backend::{ByteSource, Error, Result};
use cube_core::{DType, Number, Pixels, with_dtype};
use cube_manifest::{AttributeValue, Chunk, Data, Element, Endian, Place, Variable, decode};
use object_store::ObjectStoreExt;

/// Coordinates are small: more values than this are no axis.
const MOST_VALUES: u64 = 64 << 20;

/// All values of a small variable as numbers, row-major and unpacked (`scale_factor`, `add_offset`).
pub(super) async fn read(source: &ByteSource, name: &str, variable: &Variable) -> Result<Vec<f64>> {
    let chunks = match &variable.data {
        Ok(Data::Chunks(chunks)) => chunks,
        Ok(Data::Text(_)) => return Err(Error::unsupported(format!("the coordinate `{name}` of `{}` is text", source.name))),
        Err(refusal) => return Err(Error::unsupported(format!("the coordinate `{name}` of `{}` cannot be read: {refusal}", source.name))),
    };
    let count = variable.len().filter(|n| *n <= MOST_VALUES);
    let count =
        count.ok_or_else(|| Error::unsupported(format!("the coordinate `{name}` of `{}` has more than {MOST_VALUES} values", source.name)))?;
    let Element::Number(dtype, endian) = variable.element else {
        return Err(Error::unsupported(format!("the coordinate `{name}` of `{}` holds no numbers", source.name)));
    };
    let fill = variable.fill.as_ref().and_then(|bytes| pixels(dtype, endian, bytes.clone())).map_or(0.0, |p| doubles(&p)[0]);
    let mut values = vec![fill; count as usize];
    for chunk in chunks.iter() {
        let stored = shape_of(variable, chunks, chunk.index);
        let expected = stored.iter().product::<u64>() as usize * dtype.size();
        let bytes = bytes(source, &chunk).await?;
        let wrong = |problem: String| Error::corrupt(format!("the coordinate `{name}` of `{}` cannot be read: {problem}", source.name));
        let decoded = decode(&variable.codecs, chunk.filter_mask, &bytes, expected).map_err(wrong)?;
        let part = pixels(dtype, endian, decoded).map(|p| doubles(&p)).ok_or_else(|| wrong("a chunk of the wrong length".to_owned()))?;
        place(&mut values, &variable.shape, &chunks.position(chunk.index), chunks.chunk_shape(), &stored, &part);
    }
    unpack(variable, &mut values);
    Ok(values)
}

/// The shape of a chunk as it is stored: whole, unless the last ones are cut to the array.
pub(super) fn shape_of(variable: &Variable, chunks: &cube_manifest::ChunkRefs, index: u64) -> Vec<u64> {
    let whole = chunks.chunk_shape();
    if !chunks.short_last() {
        return whole.to_vec();
    }
    let cut = |((at, chunk), size): ((u64, &u64), &u64)| (*chunk).min(size.saturating_sub(at * chunk));
    chunks.position(index).into_iter().zip(whole).zip(&variable.shape).map(cut).collect()
}

/// Decoded bytes as pixels in the order of this machine; `None` when they are no whole number of elements.
pub(super) fn pixels(dtype: DType, endian: Endian, mut bytes: Vec<u8>) -> Option<Pixels> {
    let native = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };
    if endian != native && dtype.size() > 1 {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    Pixels::from_bytes(dtype, &bytes)
}

async fn bytes(source: &ByteSource, chunk: &Chunk<'_>) -> Result<Bytes> {
    match &chunk.place {
        Place::Inline(bytes) => Ok((*bytes).clone()),
        Place::Reference(r) => Ok(source.store.get_range(&source.path, r.offset..r.offset + r.length).await?),
    }
}

/// Numbers as doubles; what is single precision is read as the shortest decimal that stands for it.
fn doubles(pixels: &Pixels) -> Vec<f64> {
    if let Pixels::Float32(values) = pixels {
        return values.iter().map(|v| decimal(*v)).collect();
    }
    with_dtype!(pixels.dtype(), T => {
        use cube_core::Pixel;
        T::unwrap_ref(pixels).map(|values| values.iter().map(|v| v.to_f64()).collect()).unwrap_or_default()
    })
}

/// The double nearest to the shortest decimal that names a single-precision number: 0.1, not 0.10000000149011612.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Writes the part of a chunk that lies in the array to its place.
fn place(values: &mut [f64], shape: &[u64], at: &[u64], chunk: &[u64], stored: &[u64], part: &[f64]) {
    let Some((last, outer)) = shape.split_last() else {
        values[0] = part[0];
        return;
    };
    let start: Vec<u64> = at.iter().zip(chunk).map(|(i, c)| i * c).collect();
    let kept: Vec<u64> = start.iter().zip(stored).zip(shape).map(|((from, n), size)| (*n).min(size - from)).collect();
    let width = kept[outer.len()] as usize;
    let rows = kept[..outer.len()].iter().product::<u64>();
    for row in 0..rows {
        let (mut rest, mut to, mut from, mut step_to, mut step_from) = (row, 0, 0, *last, stored[outer.len()]);
        for axis in (0..outer.len()).rev() {
            let i = rest % kept[axis];
            rest /= kept[axis];
            to += (start[axis] + i) * step_to;
            from += i * step_from;
            step_to *= shape[axis];
            step_from *= stored[axis];
        }
        let to = (to + start[outer.len()]) as usize;
        values[to..to + width].copy_from_slice(&part[from as usize..from as usize + width]);
    }
}

fn unpack(variable: &Variable, values: &mut [f64]) {
    let number = |name: &str| variable.attribute(name).and_then(as_decimal);
    let (scale, offset) = (number("scale_factor"), number("add_offset"));
    if scale.is_some() || offset.is_some() {
        let (scale, offset) = (scale.unwrap_or(1.0), offset.unwrap_or(0.0));
        values.iter_mut().for_each(|v| *v = *v * scale + offset);
    }
}

/// The number in an attribute.
pub(super) fn as_number(value: &AttributeValue) -> Option<Number> {
    match value {
        AttributeValue::Number(_, n) => Some(*n),
        AttributeValue::Numbers(_, all) if all.len() == 1 => Some(all[0]),
        _ => None,
    }
}

/// The same as a double; what is single precision as the shortest decimal that stands for it.
pub(super) fn as_decimal(value: &AttributeValue) -> Option<f64> {
    let single = matches!(value, AttributeValue::Number(DType::Float32, _) | AttributeValue::Numbers(DType::Float32, _));
    as_number(value).map(|n| if single { decimal(n.as_f64() as f32) } else { n.as_f64() })
}

/// The text in an attribute.
pub(super) fn as_text(value: &AttributeValue) -> Option<&str> {
    match value {
        AttributeValue::Text(text) => Some(text.trim_end_matches('\0').trim()),
        AttributeValue::Texts(all) if all.len() == 1 => Some(all[0].trim()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_stands_for_a_short_decimal() {
        assert_eq!(decimal(-89.99_f32), -89.99);
        assert_eq!(decimal(0.1_f32), 0.1);
        assert!(decimal(f32::NAN).is_nan());
    }

    #[test]
    fn chunks_at_the_edge_are_cut_to_the_array() {
        let mut values = vec![0.0; 6];
        place(&mut values, &[2, 3], &[0, 1], &[2, 2], &[2, 2], &[1.0, 9.0, 2.0, 9.0]);
        assert_eq!(values, [0.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
    }
}
