//! Filter pipelines (format specification IV.A.2.l) and what they are here.

use cube_backend::Result;
use cube_manifest::{Blosc, BloscShuffle, Codec};

use super::cursor::Cursor;

/// One filter as the file describes it.
struct Filter {
    id: u32,
    name: String,
    parameters: Vec<u32>,
}

/// The codecs of a dataset, in the order in which they were applied.
pub(super) fn parse(message: &[u8], element: u32) -> Result<Vec<Codec>> {
    let mut c = Cursor::new(message, "a filter pipeline");
    let version = c.expect_u8("version", &[1, 2])?;
    let count = c.u8()?;
    c.skip(if version == 1 { 6 } else { 0 })?;
    (0..count).map(|_| filter(&mut c, version).map(|f| codec(f, element))).collect()
}

fn filter(c: &mut Cursor<'_>, version: u8) -> Result<Filter> {
    let id = u32::from(c.u16()?);
    let name_length = if version == 1 || id >= 256 { usize::from(c.u16()?) } else { 0 };
    c.skip(2)?;
    let count = usize::from(c.u16()?);
    let padded = if version == 1 { name_length.next_multiple_of(8) } else { name_length };
    let name = c.take(padded)?.split(|b| *b == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    let parameters = (0..count).map(|_| c.u32()).collect::<Result<Vec<_>>>()?;
    c.skip(if version == 1 && count % 2 == 1 { 4 } else { 0 })?;
    Ok(Filter { id, name, parameters })
}

/// Numbers and names: the registry of filters of the HDF Group.
fn codec(filter: Filter, element: u32) -> Codec {
    let Filter { id, name, parameters } = filter;
    let first = parameters.first().copied();
    let level = first.and_then(|l| u8::try_from(l).ok());
    match id {
        1 => Codec::Deflate { level },
        2 => Codec::Shuffle { element_size: first.unwrap_or(element) },
        3 => Codec::Fletcher32,
        307 => Codec::Bzip2 { level },
        32001 => blosc(id, name, parameters),
        32015 => Codec::Zstd { level: first.map(|l| l as i32) },
        _ => Codec::Other { id, name: usual_name(id).map_or(name, str::to_owned), parameters },
    }
}

/// Parameters of Blosc: two versions, bytes of an element, bytes of a chunk, level, shuffle, compressor.
fn blosc(id: u32, name: String, parameters: Vec<u32>) -> Codec {
    let at = |index: usize, default: u32| parameters.get(index).copied().unwrap_or(default);
    let compressor = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"].get(at(6, 0) as usize);
    let shuffle = [BloscShuffle::No, BloscShuffle::Byte, BloscShuffle::Bit].get(at(5, 1) as usize);
    match (compressor, shuffle, u8::try_from(at(4, 5))) {
        (Some(compressor), Some(shuffle), Ok(level)) => {
            Codec::Blosc(Blosc { compressor: (*compressor).to_owned(), level, shuffle: *shuffle, type_size: at(2, 1), block_size: 0 })
        }
        _ => Codec::Other { id, name: if name.is_empty() { "blosc".to_owned() } else { name }, parameters },
    }
}

fn usual_name(id: u32) -> Option<&'static str> {
    Some(match id {
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        305 => "lzo",
        32000 => "lzf",
        32002 => "mafisc",
        32003 => "snappy",
        32004 => "lz4",
        32008 => "bitshuffle",
        32011 => "ccsds-123",
        32012 => "jpeg-ls",
        32013 => "zfp",
        32014 => "fpzip",
        32016 => "b3d",
        32017 => "sz",
        32018 => "fcidecomp",
        32019 => "jpeg",
        32020 => "vbz",
        32022 => "bitgroom",
        32023 => "granular-bitround",
        32024 => "sz3",
        32025 => "delta-rice",
        32026 => "blosc2",
        32027 => "flac",
        32028 => "sperr",
        _ => return None,
    })
}
