//! Filters of HDF5 that Zarr has no counterpart for, undone.
//!
//! SZIP, n-bit and scale-offset are those of the crate `hdf5-reader`, whose LZ4 expects other frames than the plugin writes; LZF and the frames of LZ4
//! and bitshuffle follow the sources of their libraries.

use hdf5_reader::filters::{nbit, scaleoffset, szip};

const SZIP: u32 = 4;
const NBIT: u32 = 5;
const SCALE_OFFSET: u32 = 6;
const LZF: u32 = 32000;
const LZ4: u32 = 32004;
const BITSHUFFLE: u32 = 32008;

/// Whether a filter of HDF5 without counterpart in Zarr can be undone here.
pub fn is_decodable(id: u32) -> bool {
    matches!(id, SZIP | NBIT | SCALE_OFFSET | LZF | LZ4 | BITSHUFFLE)
}

/// Undoes a filter; nothing longer than `most` is made. `None` for a filter that cannot be undone here.
pub(crate) fn undo(id: u32, parameters: &[u32], data: &[u8], most: usize) -> Option<Result<Vec<u8>, String>> {
    Some(match id {
        SZIP => szip::decompress_with_limit(data, parameters, most).map_err(|e| format!("szip: {e}")),
        NBIT => nbit::decompress_with_limit(data, parameters, most).map_err(|e| format!("n-bit: {e}")),
        SCALE_OFFSET => scaleoffset::decompress_with_limit(data, parameters, most).map_err(|e| format!("scale-offset: {e}")),
        LZ4 => unlz4(data, most),
        LZF => unlzf(data, most),
        BITSHUFFLE => unbitshuffle(parameters, data, most),
        _ => return None,
    })
}

/// Literal runs and copies of what was before, as `lzf_d.c` of LibLZF reads them.
fn unlzf(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let ends = || "lzf: the data ends in the middle".to_owned();
    let mut out = Vec::with_capacity(most.min(data.len().saturating_mul(4)));
    let mut rest = data;
    while let Some((control, after)) = rest.split_first() {
        let control = usize::from(*control);
        rest = after;
        if control < 32 {
            let (literal, after) = rest.split_at_checked(control + 1).ok_or_else(ends)?;
            out.extend_from_slice(literal);
            rest = after;
        } else {
            let mut length = control >> 5;
            if length == 7 {
                let (more, after) = rest.split_first().ok_or_else(ends)?;
                length += usize::from(*more);
                rest = after;
            }
            let (low, after) = rest.split_first().ok_or_else(ends)?;
            rest = after;
            let distance = ((control & 31) << 8 | usize::from(*low)) + 1;
            let start = out.len().checked_sub(distance).ok_or_else(|| "lzf: a copy from before the beginning".to_owned())?;
            for i in start..start + length + 2 {
                out.push(out[i]);
            }
        }
        if out.len() > most {
            return Err(format!("lzf gives more than {most} bytes"));
        }
    }
    Ok(out)
}

/// The length of all and of a block, then blocks, each with its length before it, as `H5Zlz4.c` reads them.
fn unlz4(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let ends = || "lz4: the data ends in the middle".to_owned();
    let (length, rest) = data.split_first_chunk::<8>().ok_or_else(ends)?;
    let (block, mut rest) = rest.split_first_chunk::<4>().ok_or_else(ends)?;
    let (length, block) = (u64::from_be_bytes(*length), u32::from_be_bytes(*block) as usize);
    let length =
        usize::try_from(length).ok().filter(|n| *n <= most).ok_or_else(|| format!("lz4 gives {length} bytes, but should give at most {most}"))?;
    if block == 0 {
        return Err("lz4: blocks of no bytes".to_owned());
    }
    let mut out = Vec::with_capacity(length.min(data.len().saturating_mul(256)));
    while out.len() < length {
        let size = block.min(length - out.len());
        let (packed, after) = rest.split_first_chunk::<4>().ok_or_else(ends)?;
        let (packed, after) = after.split_at_checked(u32::from_be_bytes(*packed) as usize).ok_or_else(ends)?;
        rest = after;
        // What does not become shorter is stored as it is.
        if packed.len() == size {
            out.extend_from_slice(packed);
            continue;
        }
        let unpacked = lz4_flex::block::decompress(packed, size).map_err(|e| format!("lz4: {e}"))?;
        if unpacked.len() != size {
            return Err(format!("lz4: a block of {} bytes instead of {size}", unpacked.len()));
        }
        out.extend_from_slice(&unpacked);
    }
    Ok(out)
}

/// Compression inside bitshuffle, as `bshuf_h5filter.h` numbers it.
enum Inside {
    Nothing,
    Lz4,
    Zstd,
}

/// Blocks of elements sorted by bits, each perhaps compressed, as `bshuf_h5filter.c` reads them.
fn unbitshuffle(parameters: &[u32], data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let wrong = |what: &str| format!("bitshuffle: {what}");
    let width = parameters.get(2).map(|n| *n as usize).filter(|n| (1..=1 << 16).contains(n)).ok_or_else(|| wrong("elements of no size"))?;
    let inside = match parameters.get(4).copied().unwrap_or(0) {
        0 => Inside::Nothing,
        2 => Inside::Lz4,
        3 => Inside::Zstd,
        other => return Err(wrong(&format!("compression number {other} is not known"))),
    };
    let (length, block, mut rest) = match inside {
        Inside::Nothing => {
            let block = parameters.get(3).copied().unwrap_or(0) as usize;
            (data.len(), if block == 0 { default_block(width) } else { block }, data)
        }
        _ => {
            let (length, after) = data.split_first_chunk::<8>().ok_or_else(|| wrong("too few bytes for a header"))?;
            let (block, after) = after.split_first_chunk::<4>().ok_or_else(|| wrong("too few bytes for a header"))?;
            let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| wrong("too many bytes"))?;
            (length, u32::from_be_bytes(*block) as usize / width, after)
        }
    };
    if length > most {
        return Err(format!("bitshuffle gives {length} bytes, but should give at most {most}"));
    }
    if block == 0 || !block.is_multiple_of(8) || length % width != 0 {
        return Err(wrong(&format!("blocks of {block} elements of {width} bytes for {length} bytes")));
    }
    let mut out = Vec::with_capacity(length.min(data.len().saturating_mul(256)));
    let elements = length / width;
    while out.len() < elements / 8 * 8 * width {
        let count = block.min(elements - out.len() / width) / 8 * 8;
        let size = count * width;
        let sorted = match inside {
            Inside::Nothing => {
                let (block, after) = rest.split_at_checked(size).ok_or_else(|| wrong("the data ends in the middle"))?;
                rest = after;
                block.to_vec()
            }
            _ => {
                let (packed, after) = rest.split_first_chunk::<4>().ok_or_else(|| wrong("the data ends in the middle"))?;
                let packed = u32::from_be_bytes(*packed) as usize;
                let (packed, after) = after.split_at_checked(packed).ok_or_else(|| wrong("the data ends in the middle"))?;
                rest = after;
                let unpacked = match inside {
                    Inside::Zstd => zstd::bulk::decompress(packed, size).map_err(|e| wrong(&e.to_string()))?,
                    _ => lz4_flex::block::decompress(packed, size).map_err(|e| wrong(&e.to_string()))?,
                };
                if unpacked.len() != size {
                    return Err(wrong(&format!("a block of {} bytes instead of {size}", unpacked.len())));
                }
                unpacked
            }
        };
        unsort_bits(&sorted, width, &mut out);
    }
    // What is no eight elements at the end is as it was.
    let tail = rest.get(..length - out.len()).ok_or_else(|| wrong("the data ends in the middle"))?;
    out.extend_from_slice(tail);
    Ok(out)
}

/// Elements of a block when the file does not say, as `bshuf_default_block_size` chooses.
fn default_block(width: usize) -> usize {
    (8192 / width / 8 * 8).max(128)
}

/// Bit `k` of byte `b` of all elements stands together: plane `8 b + k`, the first element in the lowest bit.
fn unsort_bits(sorted: &[u8], width: usize, out: &mut Vec<u8>) {
    let bytes_of_plane = sorted.len() / width / 8;
    for group in 0..bytes_of_plane {
        let start = out.len();
        out.resize(start + 8 * width, 0);
        for byte in 0..width {
            // An 8 × 8 matrix of bits, turned on its side.
            let mut rows = [0_u8; 8];
            for (bit, row) in rows.iter_mut().enumerate() {
                *row = sorted[(byte * 8 + bit) * bytes_of_plane + group];
            }
            for element in 0..8 {
                let value = rows.iter().enumerate().fold(0, |value, (bit, row)| value | (row >> element & 1) << bit);
                out[start + element * width + byte] = value;
            }
        }
    }
}
