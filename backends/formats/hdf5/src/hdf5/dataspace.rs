//! Extents (format specification IV.A.2.b).

use cube_backend::Result;

use super::{cursor::Cursor, file::File};

/// How many elements there are along each dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dataspace {
    pub(super) shape: Vec<u64>,
    /// As far as each dimension may grow; `None` without end.
    pub(super) most: Vec<Option<u64>>,
    /// There is no value at all, not even one.
    pub(super) null: bool,
}

impl Dataspace {
    pub(super) fn parse(file: &File<'_>, message: &[u8]) -> Result<Self> {
        let mut c = Cursor::new(message, "an extent");
        let version = c.expect_u8("version", &[1, 2])?;
        let rank = usize::from(c.u8()?);
        let flags = c.u8()?;
        let null = if version == 1 {
            c.skip(5)?;
            false
        } else {
            c.u8()? == 2
        };
        let shape = (0..rank).map(|_| c.uint(file.length_size)).collect::<Result<Vec<_>>>()?;
        let most = if flags & 1 != 0 {
            (0..rank).map(|_| c.address(file.length_size)).collect::<Result<Vec<_>>>()?
        } else {
            shape.iter().copied().map(Some).collect()
        };
        Ok(Self { shape, most, null })
    }

    /// Number of elements; `None` when it does not fit into 64 bits.
    pub(super) fn len(&self) -> Option<u64> {
        if self.null { Some(0) } else { self.shape.iter().try_fold(1_u64, |n, size| n.checked_mul(*size)) }
    }
}
