use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::Problem;

/// Decodes TIFF's LZW. The end code may be missing once the block is full.
pub(super) fn decode(bytes: &[u8], target: &mut [u8]) -> Result<(), Problem> {
    if bytes.len() > 1 && bytes[0] == 0 && bytes[1] & 1 == 1 {
        return Err("its LZW stream is in the reversed bit order of software before 1989, which is not supported".to_owned());
    }
    let mut decoder = Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    while written < target.len() {
        let step = decoder.decode_bytes(&bytes[read..], &mut target[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(format!("its LZW stream is damaged ({error})")),
        }
    }
    if written == target.len() { Ok(()) } else { Err(format!("it holds {written} bytes instead of {}", target.len())) }
}
