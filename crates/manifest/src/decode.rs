use std::{borrow::Cow, io::Read};

use zarrs::array::{BytesRepresentation, codec::BloscCodec};

use crate::{Blosc, Codec, checksum::fletcher32_matches, foreign};

/// Undoes the encoding of one chunk: the codecs in reverse, without those whose bit of `filter_mask` is set.
///
/// `expected` is the length of the decoded chunk; nothing much longer is ever allocated, whatever the bytes claim.
///
/// # Errors
/// What does not fit: bytes that no such codec wrote, another length than expected, a checksum that differs, or a codec without decoder.
pub fn decode(codecs: &[Codec], filter_mask: u32, bytes: &[u8], expected: usize) -> Result<Vec<u8>, String> {
    let steps: Vec<&Codec> = applied(codecs, filter_mask).collect();
    let mut data = Cow::Borrowed(bytes);
    for (i, codec) in steps.iter().enumerate().rev() {
        data = undo(codec, data, Size::before(&steps[..i], expected))?;
    }
    if data.len() != expected {
        return Err(format!("the chunk decodes to {} bytes, but should have {expected}", data.len()));
    }
    Ok(data.into_owned())
}

/// The codecs that a chunk went through, in order.
pub(crate) fn applied(codecs: &[Codec], filter_mask: u32) -> impl Iterator<Item = &Codec> {
    codecs.iter().enumerate().filter(move |(i, _)| *i >= 32 || filter_mask & 1 << i == 0).map(|(_, codec)| codec)
}

/// What is known of the length of the data between two steps.
#[derive(Clone, Copy)]
enum Size {
    Exactly(usize),
    AtMost(usize),
}

impl Size {
    /// After the first steps were applied to `length` bytes.
    fn before(steps: &[&Codec], length: usize) -> Self {
        let mut length = length;
        let mut exact = true;
        for step in steps {
            match step {
                Codec::Shuffle { .. } => {}
                Codec::Fletcher32 => length = length.saturating_add(4),
                // No encoder makes incompressible data much longer; bzip2 is the worst.
                _ => (length, exact) = (length.saturating_add(length / 50).saturating_add(4096), false),
            }
        }
        if exact { Self::Exactly(length) } else { Self::AtMost(length) }
    }

    fn most(self) -> usize {
        match self {
            Self::Exactly(n) | Self::AtMost(n) => n,
        }
    }
}

fn undo<'a>(codec: &Codec, data: Cow<'a, [u8]>, size: Size) -> Result<Cow<'a, [u8]>, String> {
    Ok(match codec {
        Codec::Shuffle { element_size } => match unshuffle(&data, *element_size as usize) {
            Some(sorted) => Cow::Owned(sorted),
            None => data,
        },
        Codec::Deflate { .. } => Cow::Owned(inflate(&data, size)?),
        Codec::Fletcher32 => verified(data)?,
        Codec::Zstd { .. } => Cow::Owned(bounded("zstd", zstd::stream::read::Decoder::with_buffer(&data[..]).map_err(|e| e.to_string())?, size)?),
        Codec::Bzip2 { .. } => Cow::Owned(bounded("bzip2", bzip2::read::MultiBzDecoder::new(&data[..]), size)?),
        Codec::Blosc(parameters) => Cow::Owned(unblosc(parameters, &data, size)?),
        Codec::Other { name, id, parameters } => match foreign::undo(*id, parameters, &data, size.most()) {
            Some(undone) => Cow::Owned(undone?),
            None => return Err(format!("there is no decoder for `{name}` (HDF5 filter {id})")),
        },
    })
}

/// Bytes that were sorted by significance, in the order of the elements; `None` where sorting changes nothing.
fn unshuffle(data: &[u8], width: usize) -> Option<Vec<u8>> {
    let count = data.len().checked_div(width)?;
    if width < 2 || count < 2 {
        return None;
    }
    let mut sorted = vec![0; data.len()];
    let (elements, rest) = sorted.split_at_mut(count * width);
    for (byte, plane) in data[..count * width].chunks_exact(count).enumerate() {
        for (element, value) in elements.chunks_exact_mut(width).zip(plane) {
            element[byte] = *value;
        }
    }
    // HDF5 leaves what is no whole element at the end, as it is.
    rest.copy_from_slice(&data[count * width..]);
    Some(sorted)
}

fn inflate(data: &[u8], size: Size) -> Result<Vec<u8>, String> {
    let Size::Exactly(length) = size else {
        return bounded("deflate", flate2::read::ZlibDecoder::new(data), size);
    };
    // Deflate packs at most 1032 times; more is not allocated for bytes that cannot fill it.
    if length / 1032 > data.len() {
        return Err(format!("{} bytes of deflate cannot hold {length} bytes", data.len()));
    }
    let mut out = vec![0; length];
    let written = libdeflater::Decompressor::new().zlib_decompress(data, &mut out).map_err(|e| format!("deflate: {e}"))?;
    if written != length {
        return Err(format!("deflate gives {written} bytes, but should give {length}"));
    }
    Ok(out)
}

fn verified(data: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, String> {
    let Some((body, sum)) = data.split_last_chunk::<4>() else {
        return Err(format!("{} bytes are too few for a checksum", data.len()));
    };
    if !fletcher32_matches(*sum, body) {
        return Err("the checksum (fletcher32) differs: the bytes are damaged".to_owned());
    }
    let length = body.len();
    Ok(match data {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..length]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(length);
            Cow::Owned(bytes)
        }
    })
}

fn bounded(name: &str, reader: impl Read, size: Size) -> Result<Vec<u8>, String> {
    let most = size.most();
    let mut out = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut out).map_err(|e| format!("{name}: {e}"))?;
    if out.len() > most {
        return Err(format!("{name} gives more than {most} bytes"));
    }
    Ok(out)
}

/// A Blosc container says itself how it was made; the parameters do not matter.
fn unblosc(_: &Blosc, data: &[u8], size: Size) -> Result<Vec<u8>, String> {
    use zarrs::array::{BytesToBytesCodecTraits, CodecOptions};
    let claimed = data.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or("blosc: too few bytes for a header")?;
    if claimed == 0 && data.len() >= 16 {
        return Ok(Vec::new());
    }
    if claimed as usize > size.most() {
        return Err(format!("blosc gives {claimed} bytes, but should give at most {}", size.most()));
    }
    let codec = BloscCodec::new(
        zarrs::metadata_ext::codec::blosc::BloscCompressor::LZ4,
        0.try_into().map_err(|_| "blosc: level 0".to_owned())?,
        None,
        zarrs::metadata_ext::codec::blosc::BloscShuffleMode::NoShuffle,
        None,
    );
    let codec = codec.map_err(|e| format!("blosc: {e}"))?;
    let decoded = codec.decode(Cow::Borrowed(data), &BytesRepresentation::UnboundedSize, &CodecOptions::default());
    decoded.map(Cow::into_owned).map_err(|e| format!("blosc: {e}"))
}
