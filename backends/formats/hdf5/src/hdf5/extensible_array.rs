//! Extensible arrays (format specification VII.E): chunks of arrays that grow in one dimension.
//!
//! The first elements are in the index block, the next in data blocks that it lists, the others in data blocks that super blocks list.
//! Super block `s` has 2^(s/2) data blocks of 2^((s+1)/2) times the least number of elements each.

use cube_backend::{Error, Result};

use super::{
    chunks::Elements,
    cursor::Cursor,
    file::File,
    fixed_array::{each, paged},
};

type Visit<'v> = &'v mut dyn FnMut(u64, &[u8]) -> Result<()>;

/// Calls `visit(index, element)` for each element that may have been written.
pub(super) fn walk(file: &File<'_>, address: u64, elements: &Elements<'_>, visit: Visit<'_>) -> Result<()> {
    let (array, block) = Array::read(file, address, elements)?;
    block.map_or(Ok(()), |block| array.index_block(block, visit))
}

struct Array<'f, 'a> {
    file: &'f File<'a>,
    client: u8,
    size: usize,
    offset_bytes: usize,
    in_index: u64,
    least: u64,
    least_pointers: u64,
    page: u64,
    super_blocks: u64,
}

/// A super block that was read.
struct SuperBlock {
    /// Its data blocks; `None` where one was never written.
    blocks: Vec<Option<u64>>,
    /// Elements of each.
    length: u64,
    /// Number of the first element.
    first: u64,
    /// Pages of each; 0 when data blocks are in one piece.
    pages: u64,
    /// One bit for each page that was written.
    written: Vec<u8>,
}

/// Bytes that most super blocks fit into.
const USUAL_SUPER_BLOCK: u64 = 1024;

impl<'f, 'a> Array<'f, 'a> {
    fn read(file: &'f File<'a>, address: u64, elements: &Elements<'_>) -> Result<(Self, Option<u64>)> {
        let (o, l) = (file.offset_size, file.length_size);
        let bytes = file.read(address, 16 + (o + 6 * l) as u64)?;
        let mut c = Cursor::signed(&bytes, b"EAHD", "extensible array")?;
        c.expect_u8("version", &[0])?;
        let client = c.expect_u8("kind", &[0, 1])?;
        let size = elements.check_size(c.u8()?)?;
        let most_bits = c.u8()?;
        let in_index = u64::from(c.u8()?);
        let least = u64::from(c.u8()?);
        let least_pointers = u64::from(c.u8()?);
        let page_bits = c.u8()?;
        c.skip(6 * l)?;
        let block = c.address(o)?;
        c.check()?;
        let sound =
            most_bits <= 64 && page_bits < 48 && least.is_power_of_two() && least_pointers.is_power_of_two() && least.ilog2() <= u32::from(most_bits);
        if !sound {
            return Err(Error::corrupt(format!("an extensible array of 2^{most_bits} elements in blocks of {least}, {least_pointers} pointers")));
        }
        let super_blocks = 1 + u64::from(most_bits) - u64::from(least.ilog2());
        let offset_bytes = usize::from(most_bits).div_ceil(8);
        Ok((Self { file, client, size, offset_bytes, in_index, least, least_pointers, page: 1 << page_bits, super_blocks }, block))
    }

    /// Data blocks of a super block, and elements of each.
    fn shape(&self, super_block: u64) -> (u64, u64) {
        (1 << (super_block / 2), (1 << super_block.div_ceil(2)) * self.least)
    }

    fn index_block(&self, address: u64, visit: Visit<'_>) -> Result<()> {
        let o = self.file.offset_size;
        let without = 2 * u64::from(self.least_pointers.ilog2());
        let direct = 2 * (self.least_pointers - 1);
        let listed = self.super_blocks.saturating_sub(without);
        let values = self.in_index * self.size as u64;
        let bytes = self.file.read(address, 6 + o as u64 + values + (direct + listed) * o as u64 + 4)?;
        let mut c = self.start(&bytes, b"EAIB")?;
        let values = c.take(values as usize)?;
        let direct = addresses(&mut c, direct, o)?;
        let listed = addresses(&mut c, listed, o)?;
        c.check()?;
        each(values, self.size, 0, visit)?;

        let mut first = self.in_index;
        let mut direct = direct.into_iter();
        self.expect_blocks(direct.as_slice(), 1024)?;
        for super_block in 0..without.min(self.super_blocks) {
            let (blocks, length) = self.shape(super_block);
            for block in direct.by_ref().take(blocks as usize) {
                if let Some(block) = block {
                    self.data_block(block, length, first, None, visit)?;
                }
                first += length;
            }
        }
        // All super blocks in one round, then all data blocks in one.
        self.expect_blocks(&listed, USUAL_SUPER_BLOCK)?;
        let mut super_blocks = Vec::new();
        for (super_block, address) in (without..).zip(listed) {
            let (blocks, length) = self.shape(super_block);
            // Beyond it is no chunk that can be counted.
            let Some(next) = blocks.checked_mul(length).and_then(|n| n.checked_add(first)) else { break };
            if let Some(address) = address {
                super_blocks.push(self.super_block(address, (blocks, length), first)?);
            }
            first = next;
        }
        let blocks = super_blocks.iter().flat_map(|s| s.blocks.iter().flatten().map(|block| (*block, self.announced(s))));
        self.file.expect(blocks)?;
        super_blocks.iter().try_for_each(|s| self.data_blocks(s, visit))
    }

    /// Bytes of a data block that are fetched at once: all, or what precedes its pages.
    fn announced(&self, s: &SuperBlock) -> u64 {
        if s.pages > 0 { 64 } else { s.length.saturating_mul(self.size as u64).saturating_add(64) }
    }

    fn super_block(&self, address: u64, (blocks, length): (u64, u64), first: u64) -> Result<SuperBlock> {
        let o = self.file.offset_size;
        let pages = if length > self.page { length / self.page } else { 0 };
        let bitmap_size = pages.div_ceil(8);
        let too_many = || Error::corrupt(format!("an extensible array with a block of {blocks} times {length} elements"));
        let bitmaps = blocks.checked_mul(bitmap_size).ok_or_else(too_many)?;
        let rest = blocks.checked_mul(o as u64).and_then(|n| n.checked_add(bitmaps)).filter(|n| *n < self.file.source.size()).ok_or_else(too_many)?;
        let bytes = self.file.read(address, 10 + (o + self.offset_bytes) as u64 + rest)?;
        let mut c = self.start(&bytes, b"EASB")?;
        c.skip(self.offset_bytes)?;
        let written = c.take(bitmaps as usize)?.to_vec();
        let blocks = addresses(&mut c, blocks, o)?;
        c.check()?;
        self.file.spend(rest.saturating_mul(2))?;
        Ok(SuperBlock { blocks, length, first, pages, written })
    }

    fn data_blocks(&self, s: &SuperBlock, visit: Visit<'_>) -> Result<()> {
        for (number, block) in s.blocks.iter().enumerate() {
            let Some(block) = *block else { continue };
            // The pages of all blocks are numbered on, whatever room each block has for its bits.
            let written = |page: u64| {
                let bit = number as u64 * s.pages + page;
                s.written.get((bit / 8) as usize).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
            };
            let written: Option<&dyn Fn(u64) -> bool> = if s.pages > 0 { Some(&written) } else { None };
            self.data_block(block, s.length, s.first + number as u64 * s.length, written, visit)?;
        }
        Ok(())
    }

    fn data_block(&self, address: u64, length: u64, first: u64, written: Option<&dyn Fn(u64) -> bool>, visit: Visit<'_>) -> Result<()> {
        let prefix = 6 + (self.file.offset_size + self.offset_bytes) as u64;
        let Some(written) = written else {
            let values = length.saturating_mul(self.size as u64);
            let bytes = self.file.read(address, values.saturating_add(prefix + 4))?;
            // An array may list one block many times: time is bounded too.
            self.file.spend(values / 8 + 16)?;
            let mut c = self.start(&bytes, b"EADB")?;
            c.skip(self.offset_bytes)?;
            let values = c.take(length as usize * self.size)?;
            c.check()?;
            return each(values, self.size, first, visit);
        };
        let bytes = self.file.read(address, prefix + 4)?;
        let mut c = self.start(&bytes, b"EADB")?;
        c.skip(self.offset_bytes)?;
        c.check()?;
        let page_length = self.page * self.size as u64;
        for number in (0..length / self.page).filter(|page| written(*page)) {
            let at = address.saturating_add(prefix + 4).saturating_add(number.saturating_mul(page_length + 4));
            paged(self.file, at, page_length, self.size, first + number * self.page, visit)?;
        }
        Ok(())
    }

    fn start<'b>(&self, bytes: &'b [u8], signature: &[u8; 4]) -> Result<Cursor<'b>> {
        let mut c = Cursor::signed(bytes, signature, "block of an extensible array")?;
        c.expect_u8("version", &[0])?;
        c.expect_u8("kind", &[self.client])?;
        c.skip(self.file.offset_size)?;
        Ok(c)
    }

    fn expect_blocks(&self, blocks: &[Option<u64>], length: u64) -> Result<()> {
        self.file.expect(blocks.iter().flatten().map(|address| (*address, length)))
    }
}

fn addresses(c: &mut Cursor<'_>, count: u64, size: usize) -> Result<Vec<Option<u64>>> {
    (0..count).map(|_| c.address(size)).collect()
}
