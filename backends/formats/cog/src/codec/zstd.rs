use std::{cell::RefCell, io::Read};

use zstd::bulk::Decompressor;

use super::Problem;

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Decodes a Zstandard frame.
pub(super) fn decode(bytes: &[u8], target: &mut [u8]) -> Result<(), Problem> {
    let damaged = |e: std::io::Error| format!("its Zstandard frame is damaged ({e})");
    let outcome = DECOMPRESSOR.with(|slot| {
        let mut slot = slot.borrow_mut();
        let decompressor = match &mut *slot {
            Some(d) => d,
            None => slot.insert(Decompressor::new()?),
        };
        decompressor.decompress_to_buffer(bytes, &mut *target)
    });
    match outcome {
        Ok(n) if n == target.len() => Ok(()),
        Ok(n) => Err(format!("it holds {n} bytes instead of {}", target.len())),
        // A frame that holds more than the block needs, as libtiff accepts it.
        Err(_) => zstd::Decoder::with_buffer(bytes).and_then(|mut d| d.read_exact(target)).map_err(damaged),
    }
}
