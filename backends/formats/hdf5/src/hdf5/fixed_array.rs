//! Fixed arrays (format specification VII.D): chunks of arrays whose extent is bounded.

use cube_backend::{Error, Result};

use super::{chunks::Elements, cursor::Cursor, file::File};

/// Calls `visit(index, element)` for each element that was written.
pub(super) fn walk(file: &File<'_>, address: u64, elements: &Elements<'_>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let o = file.offset_size;
    let bytes = file.read(address, 12 + (o + file.length_size) as u64)?;
    let mut c = Cursor::signed(&bytes, b"FAHD", "fixed array")?;
    c.expect_u8("version", &[0])?;
    let client = c.expect_u8("kind", &[0, 1])?;
    let size = elements.check_size(c.u8()?)?;
    let page_bits = c.u8()?;
    let count = c.uint(file.length_size)?;
    let block = c.address(o)?;
    c.check()?;
    let Some(block) = block else { return Ok(()) };
    let page = 1_u64.checked_shl(page_bits.into()).ok_or_else(|| Error::corrupt(format!("a fixed array with pages of 2^{page_bits}")))?;
    let prefix = 6 + o as u64;
    let too_long = || Error::corrupt(format!("a fixed array of {count} elements"));
    if count <= page {
        let length = count.checked_mul(size as u64).filter(|l| *l < file.source.size()).ok_or_else(too_long)?;
        let bytes = file.read(block, prefix + length + 4)?;
        file.spend(length / 8 + 16)?;
        let mut c = start(&bytes, client)?;
        c.skip(o)?;
        let values = c.take(length as usize)?;
        c.check()?;
        return each(values, size, 0, visit);
    }
    let pages = count.div_ceil(page);
    if pages.checked_mul(page).and_then(|n| n.checked_mul(size as u64)).is_none() {
        return Err(too_long());
    }
    let bitmap_size = pages.div_ceil(8);
    let bytes = file.read(block, prefix.saturating_add(bitmap_size).saturating_add(4))?;
    let mut c = start(&bytes, client)?;
    c.skip(o)?;
    let bitmap = c.take(bitmap_size as usize)?.to_vec();
    c.check()?;
    let first = block + prefix + bitmap_size + 4;
    let page_size = page * size as u64 + 4;
    let written = |number: &u64| bitmap[(*number / 8) as usize] & (0x80 >> (*number % 8)) != 0;
    let length = |number: u64| page.min(count - number * page) * size as u64;
    for number in (0..pages).filter(written) {
        let at = first.saturating_add(number * page_size);
        paged(file, at, length(number), size, number * page, visit)?;
    }
    Ok(())
}

/// One page of elements, with its checksum.
pub(super) fn paged(
    file: &File<'_>,
    address: u64,
    length: u64,
    size: usize,
    first: u64,
    visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let bytes = file.read(address, length + 4)?;
    file.spend(length / 8 + 16)?;
    let mut c = Cursor::new(&bytes, "a page of a chunk index");
    let values = c.take(length as usize)?;
    c.check()?;
    each(values, size, first, visit)
}

pub(super) fn each(values: &[u8], size: usize, first: u64, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    values.chunks_exact(size).enumerate().try_for_each(|(i, element)| visit(first + i as u64, element))
}

fn start(bytes: &[u8], client: u8) -> Result<Cursor<'_>> {
    let mut c = Cursor::signed(bytes, b"FADB", "block of a fixed array")?;
    c.expect_u8("version", &[0])?;
    c.expect_u8("kind", &[client])?;
    Ok(c)
}
