//! How the values of a dataset are laid out (format specification IV.A.2.i, versions 1 to 5).

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{cursor::Cursor, file::File};

/// Where the values are.
pub(super) enum Layout {
    /// In the header itself.
    Compact(Bytes),
    /// In one piece; `None` when it was never written.
    Contiguous(Option<u64>),
    /// In chunks.
    Chunked(Chunked),
    /// In other datasets.
    Virtual,
}

pub(super) struct Chunked {
    /// Elements of a chunk along each dimension.
    pub(super) chunk: Vec<u64>,
    pub(super) index: Index,
    /// Where the index is; `None` when no chunk was written.
    pub(super) address: Option<u64>,
    /// Chunks that reach beyond the array are stored without any filter.
    pub(super) edges_unfiltered: bool,
}

/// How chunks are found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Index {
    /// B-tree of version 1.
    Tree1,
    /// B-tree of version 2.
    Tree2,
    /// There is one chunk; bytes and filter mask where it is filtered.
    Single {
        size: Option<u64>,
        mask: u32,
    },
    /// One after the other.
    Implicit,
    Fixed,
    Extensible,
}

impl Layout {
    pub(super) fn parse(file: &File<'_>, message: &Bytes) -> Result<Self> {
        let mut c = Cursor::new(message, "a layout");
        match c.expect_u8("version", &[1, 2, 3, 4, 5])? {
            1 | 2 => old(file, &mut c),
            version => match c.u8()? {
                0 => {
                    let length = usize::from(c.u16()?);
                    Ok(Self::Compact(Bytes::copy_from_slice(c.take(length)?)))
                }
                1 => Ok(Self::Contiguous(c.address(file.offset_size)?)),
                2 if version == 3 => {
                    let rank = c.u8()?;
                    let address = c.address(file.offset_size)?;
                    Ok(tree(address, sizes(&mut c, rank, 4)?))
                }
                2 => chunked(file, &mut c),
                3 => Ok(Self::Virtual),
                class => Err(Error::unsupported(format!("a layout of class {class}"))),
            },
        }
    }
}

/// Versions 1 and 2.
fn old(file: &File<'_>, c: &mut Cursor<'_>) -> Result<Layout> {
    let rank = c.u8()?;
    let class = c.u8()?;
    c.skip(5)?;
    match class {
        0 => {
            sizes(c, rank, 4)?;
            let length = c.u32()? as usize;
            Ok(Layout::Compact(Bytes::copy_from_slice(c.take(length)?)))
        }
        1 => Ok(Layout::Contiguous(c.address(file.offset_size)?)),
        2 => {
            let address = c.address(file.offset_size)?;
            Ok(tree(address, sizes(c, rank, 4)?))
        }
        class => Err(Error::unsupported(format!("a layout of class {class}"))),
    }
}

fn tree(address: Option<u64>, chunk: Vec<u64>) -> Layout {
    Layout::Chunked(Chunked { chunk, index: Index::Tree1, address, edges_unfiltered: false })
}

/// Versions 4 and 5.
fn chunked(file: &File<'_>, c: &mut Cursor<'_>) -> Result<Layout> {
    let flags = c.u8()?;
    let rank = c.u8()?;
    let width = usize::from(c.u8()?);
    let chunk = sizes(c, rank, width)?;
    let index = match c.expect_u8("index", &[1, 2, 3, 4, 5])? {
        1 if flags & 2 != 0 => Index::Single { size: Some(c.uint(file.length_size)?), mask: c.u32()? },
        1 => Index::Single { size: None, mask: 0 },
        2 => Index::Implicit,
        3 => {
            c.skip(1)?;
            Index::Fixed
        }
        4 => {
            c.skip(5)?;
            Index::Extensible
        }
        _ => {
            c.skip(6)?;
            Index::Tree2
        }
    };
    let address = c.address(file.offset_size)?;
    Ok(Layout::Chunked(Chunked { chunk, index, address, edges_unfiltered: flags & 1 != 0 }))
}

/// The lengths of a chunk; the last number is the bytes of an element, which the type says too.
fn sizes(c: &mut Cursor<'_>, rank: u8, width: usize) -> Result<Vec<u64>> {
    let mut sizes = (0..rank).map(|_| c.uint(width)).collect::<Result<Vec<_>>>()?;
    sizes.pop();
    Ok(sizes)
}
