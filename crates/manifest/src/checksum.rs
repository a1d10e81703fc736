//! The checksum of HDF5's filter 3, as in section "Fletcher32" of the HDF5 file format and its reference library.

/// Fletcher's checksum over 16-bit big-endian words; the last byte of an odd number is the high byte of a word.
pub(crate) fn fletcher32(bytes: &[u8]) -> u32 {
    // So many words can be added before a 32-bit sum may overflow.
    const BLOCK: usize = 360;
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let (mut low, mut high) = (0_u32, 0_u32);
    for block in bytes.chunks(BLOCK * 2) {
        for word in block.chunks(2) {
            let second = word.get(1).copied().unwrap_or(0);
            low += u32::from(u16::from_be_bytes([word[0], second]));
            high += low;
        }
        (low, high) = (fold(low), fold(high));
    }
    (low, high) = (fold(low), fold(high));
    high << 16 | low
}

/// Whether a stored checksum is that of some bytes. Libraries before 1.6.3 wrote the bytes of each half in the other order.
pub(crate) fn fletcher32_matches(stored: [u8; 4], bytes: &[u8]) -> bool {
    let computed = fletcher32(bytes);
    let [a, b, c, d] = stored;
    computed == u32::from_le_bytes(stored) || computed == u32::from_le_bytes([b, a, d, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values computed by libhdf5's `H5_checksum_fletcher32` (written to a file and read back through h5py's `read_direct_chunk`).
    #[test]
    fn it_is_the_sum_that_hdf5_writes() {
        let ramp = |n: usize| (0..n).map(|i| (i * 7 % 256) as u8).collect::<Vec<u8>>();
        for (length, expected) in [(1, 0x00000000), (2, 0x00070007), (5, 0x383f2a1c), (720, 0xf8da9a71), (2001, 0xa2750bb1)] {
            let sum = fletcher32(&ramp(length));
            assert_eq!(sum, expected, "{length} bytes");
            let swapped = {
                let [a, b, c, d] = sum.to_le_bytes();
                [b, a, d, c]
            };
            assert!(fletcher32_matches(sum.to_le_bytes(), &ramp(length)) && fletcher32_matches(swapped, &ramp(length)));
        }
    }
}
