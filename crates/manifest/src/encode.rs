use std::{borrow::Cow, io::Write};

use crate::{Blosc, Codec, checksum::fletcher32, decode::applied};

/// Encodes one chunk as [`decode`](crate::decode) undoes it.
///
/// Chunks are stored so when a reader could not decode them as they are: those that skipped a codec, or that are stored cut.
///
/// # Errors
/// A codec without encoder, or a chunk that one cannot hold.
pub fn encode(codecs: &[Codec], filter_mask: u32, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut data = Cow::Borrowed(bytes);
    for codec in applied(codecs, filter_mask) {
        data = Cow::Owned(apply(codec, &data)?);
    }
    Ok(data.into_owned())
}

fn apply(codec: &Codec, data: &[u8]) -> Result<Vec<u8>, String> {
    match codec {
        Codec::Shuffle { element_size } => Ok(shuffle(data, *element_size as usize)),
        Codec::Deflate { level } => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(u32::from(level.unwrap_or(6).min(9))));
            encoder.write_all(data).and_then(|()| encoder.finish()).map_err(|e| format!("deflate: {e}"))
        }
        Codec::Fletcher32 => Ok([data, &fletcher32(data).to_le_bytes()].concat()),
        Codec::Zstd { level } => zstd::bulk::compress(data, level.unwrap_or(3)).map_err(|e| format!("zstd: {e}")),
        Codec::Bzip2 { level } => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(u32::from(level.unwrap_or(9).clamp(1, 9))));
            encoder.write_all(data).and_then(|()| encoder.finish()).map_err(|e| format!("bzip2: {e}"))
        }
        Codec::Blosc(parameters) => container(parameters, data),
        Codec::Other { name, id, .. } => Err(format!("there is no encoder for `{name}` (HDF5 filter {id})")),
    }
}

fn shuffle(data: &[u8], width: usize) -> Vec<u8> {
    let count = data.len().checked_div(width).unwrap_or(0);
    if width < 2 || count < 2 {
        return data.to_vec();
    }
    let (elements, rest) = data.split_at(count * width);
    let planes = (0..width).flat_map(|byte| elements[byte..].iter().step_by(width).copied());
    planes.chain(rest.iter().copied()).collect()
}

/// A Blosc container of version 2 that holds the data as it is (flag "memcpyed" of the Blosc chunk format): every reader opens it, and few chunks
/// are ever written so.
fn container(parameters: &Blosc, data: &[u8]) -> Result<Vec<u8>, String> {
    const HEADER: u32 = 16;
    const MEMCPYED: u8 = 2;
    let length = u32::try_from(data.len()).ok().filter(|n| *n <= i32::MAX as u32 - HEADER);
    let length = length.ok_or_else(|| format!("blosc: {} bytes are too many for a chunk", data.len()))?;
    let mut out = Vec::with_capacity(data.len() + HEADER as usize);
    out.extend([2, 1, MEMCPYED, u8::try_from(parameters.type_size).unwrap_or(1).max(1)]);
    for word in [length, length, length + HEADER] {
        out.extend(word.to_le_bytes());
    }
    out.extend(data);
    Ok(out)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use crate::{Blosc, BloscShuffle, Codec, decode, encode};

    fn blosc() -> Codec {
        Codec::Blosc(Blosc { compressor: "zstd".into(), level: 5, shuffle: BloscShuffle::Byte, type_size: 4, block_size: 0 })
    }

    fn pipelines() -> Vec<Vec<Codec>> {
        let (shuffle, deflate) = (Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: Some(4) });
        vec![
            vec![],
            vec![deflate.clone()],
            vec![shuffle.clone(), deflate.clone()],
            vec![shuffle.clone(), deflate.clone(), Codec::Fletcher32],
            vec![Codec::Fletcher32, shuffle.clone(), deflate.clone()],
            vec![deflate.clone(), deflate.clone()],
            vec![Codec::Zstd { level: None }, Codec::Fletcher32],
            vec![shuffle, Codec::Bzip2 { level: None }],
            vec![blosc()],
            vec![deflate, blosc()],
        ]
    }

    #[test]
    fn what_was_encoded_decodes_whatever_was_left_out() {
        for length in [0, 1, 3, 4, 7, 8, 4000, 4001] {
            let data: Vec<u8> = (0..length as u32).map(|i| (i * i / 7) as u8).collect();
            for codecs in pipelines() {
                for mask in [0, 1, 2, 3] {
                    let bytes = encode(&codecs, mask, &data).unwrap();
                    assert_eq!(decode(&codecs, mask, &bytes, data.len()).as_ref(), Ok(&data), "{codecs:?} without {mask:b}, {length} bytes");
                    assert!(decode(&codecs, mask, &bytes, data.len() + 1).is_err());
                }
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let data: Vec<u8> = (0..1000_u32).flat_map(|i| (i * 77).to_be_bytes()).collect();
        for codecs in pipelines() {
            let bytes = encode(&codecs, 0, &data).unwrap();
            for cut in [0, 1, 3, 15, bytes.len() / 2, bytes.len() - 1] {
                assert!(decode(&codecs, 0, &bytes[..cut], data.len()).is_err(), "{codecs:?} cut at {cut}");
            }
            for at in 0..bytes.len().min(300) {
                let mut bad = bytes.clone();
                bad[at] ^= 0x55;
                let _ = decode(&codecs, 0, &bad, data.len());
            }
        }
        let sum = [Codec::Fletcher32];
        let mut bytes = encode(&sum, 0, &data[..3]).unwrap();
        bytes[2] ^= 1;
        assert!(decode(&sum, 0, &bytes, 3).unwrap_err().contains("fletcher32"), "the last byte of an odd number counts");
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let zeros = vec![0; 50 << 20];
        for codecs in [vec![Codec::Zstd { level: None }], vec![Codec::Bzip2 { level: None }], vec![Codec::Deflate { level: None }]] {
            let bytes = encode(&codecs, 0, &zeros).unwrap();
            assert!(decode(&codecs, 0, &bytes, 1000).is_err());
        }
        assert!(decode(&[Codec::Deflate { level: None }], 0, &[0x78, 0x9c, 3, 0], usize::MAX).is_err());
        let mut huge = encode(&[blosc()], 0, &[0; 64]).unwrap();
        huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&[blosc()], 0, &huge, 64).is_err());
    }

    #[test]
    fn what_has_no_decoder_is_named() {
        let szip = Codec::Other { id: 4, name: "szip".into(), parameters: vec![] };
        assert!(decode(&[szip], 0, &[1], 1).unwrap_err().contains("szip"));
    }
}
