/// A format that this crate reads from the file itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// HDF5, which netCDF-4 is too.
    Hdf5,
    /// Classic netCDF: CDF-1, CDF-2 or CDF-5.
    NetCdf3,
}

/// Bytes at the start of a file that say what it is.
pub(crate) const FIRST_BYTES: u64 = 64 << 10;
pub(crate) const HDF5_SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// What a file is, by its first bytes.
///
/// An HDF5 file may start with a block of the user: its signature is then at 512 bytes, or at twice as many and so on. So give as many
/// bytes as are at hand; 64 KiB find every block in practice.
pub fn recognise(start: &[u8]) -> Option<Kind> {
    if start.len() >= 4 && start.starts_with(b"CDF") && matches!(start[3], 1 | 2 | 5) {
        return Some(Kind::NetCdf3);
    }
    signature_places(start.len() as u64).find(|at| start[*at as usize..].starts_with(&HDF5_SIGNATURE)).map(|_| Kind::Hdf5)
}

/// Where HDF5's signature may be in a file of some size: 0, 512, 1024, 2048, …
pub(crate) fn signature_places(size: u64) -> impl Iterator<Item = u64> {
    std::iter::once(0).chain(std::iter::successors(Some(512_u64), |at| at.checked_mul(2))).take_while(move |at| *at < size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        assert_eq!(recognise(&HDF5_SIGNATURE), Some(Kind::Hdf5));
        assert_eq!(recognise(&[vec![0; 1024], HDF5_SIGNATURE.to_vec()].concat()), Some(Kind::Hdf5));
        assert_eq!(recognise(&[vec![0; 1000], HDF5_SIGNATURE.to_vec()].concat()), None);
        assert_eq!(recognise(b"CDF\x05"), Some(Kind::NetCdf3));
        assert_eq!(recognise(b"CDF\x03"), None);
        assert_eq!(recognise(b""), None);
    }
}
