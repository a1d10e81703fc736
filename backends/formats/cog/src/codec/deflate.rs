use std::{cell::RefCell, io::Read};

use libdeflater::{DecompressionError, Decompressor};

use super::Problem;

thread_local! {
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// Decodes a zlib stream. Its checksum is verified, except where the stream holds more than the block needs: the rest is not looked at.
pub(super) fn decode(bytes: &[u8], target: &mut [u8]) -> Result<(), Problem> {
    let outcome = DECOMPRESSOR.with(|d| d.borrow_mut().zlib_decompress(bytes, target));
    match outcome {
        Ok(n) if n == target.len() => Ok(()),
        Ok(n) => Err(format!("it holds {n} bytes instead of {}", target.len())),
        Err(DecompressionError::InsufficientSpace) => {
            flate2::read::ZlibDecoder::new(bytes).read_exact(target).map_err(|e| format!("its deflate stream is damaged ({e})"))
        }
        Err(DecompressionError::BadData) => Err("its deflate stream is damaged".to_owned()),
    }
}
