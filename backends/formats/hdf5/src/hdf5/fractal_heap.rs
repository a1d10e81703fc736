//! Fractal heaps (format specification III.F): names and attributes of large groups, and shared messages.

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{
    btree2::Tree,
    cursor::{Cursor, bytes_for},
    file::File,
};

/// A heap whose header was read.
pub(super) struct FractalHeap<'f, 'a> {
    file: &'f File<'a>,
    id_size: usize,
    filtered: bool,
    largest_managed: u64,
    huge: Option<u64>,
    width: u64,
    first_block: u64,
    largest_direct: u64,
    offset_bytes: usize,
    root: Option<u64>,
    root_rows: u64,
}

const DEEPEST: usize = 32;

impl<'f, 'a> FractalHeap<'f, 'a> {
    pub(super) fn read(file: &'f File<'a>, address: u64) -> Result<Self> {
        let (o, l) = (file.offset_size, file.length_size);
        let bytes = file.read_up_to(address, 1024)?;
        let mut c = Cursor::signed(&bytes, b"FRHP", "fractal heap")?;
        c.expect_u8("version", &[0])?;
        let id_size = usize::from(c.u16()?);
        let filters = usize::from(c.u16()?);
        c.skip(1)?;
        let largest_managed = u64::from(c.u32()?);
        c.skip(l)?;
        let huge = c.address(o)?;
        c.skip(l + o + 8 * l)?;
        let width = u64::from(c.u16()?);
        let first_block = c.uint(l)?;
        let largest_direct = c.uint(l)?;
        let offset_bytes = usize::from(c.u16()?).div_ceil(8);
        c.skip(2)?;
        let root = c.address(o)?;
        let root_rows = u64::from(c.u16()?);
        c.skip(if filters > 0 { l + 4 + filters } else { 0 })?;
        c.check()?;
        let power = |size: u64| size.is_power_of_two() && size < 1 << 40;
        if width == 0 || !power(first_block) || !power(largest_direct) || largest_direct < first_block || offset_bytes > 8 {
            return Err(Error::corrupt(format!("a fractal heap {width} blocks wide, of {first_block} to {largest_direct} bytes")));
        }
        let filtered = filters > 0;
        Ok(Self { file, id_size, filtered, largest_managed, huge, width, first_block, largest_direct, offset_bytes, root, root_rows })
    }

    /// Bytes of an identifier in this heap.
    pub(super) fn id_size(&self) -> usize {
        self.id_size
    }

    /// The object of an identifier.
    pub(super) fn object(&self, id: &[u8]) -> Result<Bytes> {
        let mut c = Cursor::new(id, "an identifier of a fractal heap");
        let first = c.u8()?;
        match first >> 4 & 3 {
            0 => {
                let offset = c.uint(self.offset_bytes)?;
                let length = c.uint(self.length_bytes())?;
                self.managed(offset, length)
            }
            1 => self.huge(c.rest()),
            2 => {
                let mut length = usize::from(first & 0x0f);
                if self.id_size > 18 {
                    length = length << 8 | usize::from(c.u8()?);
                }
                Ok(Bytes::copy_from_slice(c.take(length + 1)?))
            }
            kind => Err(Error::corrupt(format!("an object of kind {kind} in a fractal heap"))),
        }
    }

    fn length_bytes(&self) -> usize {
        let direct = (self.largest_direct.ilog2() as usize).div_ceil(8);
        direct.min(bytes_for(self.largest_managed))
    }

    fn managed(&self, offset: u64, length: u64) -> Result<Bytes> {
        if self.filtered {
            return Err(Error::unsupported("a fractal heap with filters"));
        }
        let root = self.root.ok_or_else(|| Error::corrupt("an object in a fractal heap that is empty"))?;
        let (block, start, size) =
            if self.root_rows == 0 { (root, 0, self.first_block) } else { self.direct_block(root, 0, self.root_rows, offset, 0)? };
        let within = offset - start;
        if within.checked_add(length).is_none_or(|end| end > size) {
            return Err(Error::corrupt(format!("{length} bytes from {within} of a block of {size} in a fractal heap")));
        }
        self.file.read(block.saturating_add(within), length)
    }

    /// The direct block that holds an offset: address, its first offset, its size.
    fn direct_block(&self, address: u64, start: u64, rows: u64, offset: u64, depth: usize) -> Result<(u64, u64, u64)> {
        let outside = || Error::corrupt(format!("offset {offset} is outside its fractal heap"));
        if depth > DEEPEST {
            return Err(outside());
        }
        let direct_rows = u64::from(self.largest_direct.ilog2() - self.first_block.ilog2()) + 2;
        let (mut row_start, mut row) = (start, 0);
        loop {
            let size = self.row_block(row).filter(|_| row < rows).ok_or_else(outside)?;
            let row_end = size.checked_mul(self.width).and_then(|w| row_start.checked_add(w)).ok_or_else(outside)?;
            if offset < row_end {
                let column = (offset - row_start) / size;
                let child = self.child(address, rows, row * self.width + column)?;
                let child_start = row_start + column * size;
                if row < direct_rows {
                    return Ok((child, child_start, size));
                }
                let child_rows = u64::from(size.ilog2().checked_sub((self.first_block * self.width).ilog2()).ok_or_else(outside)?) + 1;
                return self.direct_block(child, child_start, child_rows, offset, depth + 1);
            }
            (row_start, row) = (row_end, row + 1);
        }
    }

    /// Bytes of a block of a row.
    fn row_block(&self, row: u64) -> Option<u64> {
        let doublings = u32::try_from(row.saturating_sub(1)).ok().filter(|d| *d < 63)?;
        self.first_block.checked_mul(1 << doublings)
    }

    fn child(&self, block: u64, rows: u64, index: u64) -> Result<u64> {
        let (o, count) = (self.file.offset_size as u64, rows * self.width);
        let prefix = 5 + o + self.offset_bytes as u64;
        let bytes = self.file.read(block, prefix + count * o + 4)?;
        let mut c = Cursor::signed(&bytes, b"FHIB", "indirect block of a fractal heap")?;
        c.expect_u8("version", &[0])?;
        c.skip((prefix - 5 + index * o) as usize)?;
        let child = c.address(self.file.offset_size)?.ok_or_else(|| Error::corrupt("an object in a block that a fractal heap does not have"))?;
        c.skip(((count - index - 1) * o) as usize)?;
        c.check()?;
        Ok(child)
    }

    /// An object too large for blocks: its place is in the identifier, or in a tree of its own.
    fn huge(&self, id: &[u8]) -> Result<Bytes> {
        let (o, l) = (self.file.offset_size, self.file.length_size);
        if self.filtered {
            return Err(Error::unsupported("a fractal heap with filters"));
        }
        if id.len() >= o + l {
            let mut c = Cursor::new(id, "an identifier of a fractal heap");
            let address = c.address(o)?.ok_or_else(|| Error::corrupt("a huge object is nowhere"))?;
            return self.file.read(address, c.uint(l)?);
        }
        let wanted = Cursor::new(id, "an identifier of a fractal heap").uint(id.len().min(l))?;
        let tree = Tree::open(self.file, self.huge.ok_or_else(|| Error::corrupt("a fractal heap has no huge objects"))?)?;
        let mut found = None;
        tree.walk(&mut |record| {
            let mut c = Cursor::new(record, "a huge object");
            let (address, length) = (c.address(o)?, c.uint(l)?);
            if c.uint(l)? == wanted {
                found = address.map(|a| (a, length));
            }
            Ok(())
        })?;
        let (address, length) = found.ok_or_else(|| Error::corrupt(format!("huge object {wanted} is not in its fractal heap")))?;
        self.file.read(address, length)
    }
}
