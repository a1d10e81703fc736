//! Messages that several objects share (format specification IV.A.2, "shared message", and III.G, "shared object header message table").

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{
    cursor::Cursor,
    file::File,
    fractal_heap::FractalHeap,
    header::{self, Header},
};

/// Where shared messages are that belong to no object.
#[derive(Default)]
pub(super) enum SharedTable {
    /// The file has none.
    #[default]
    None,
    /// The superblock's extension, at this address, may say where.
    Extension(u64),
    /// Which kinds of message each heap holds (bit `k` for kind `k`), and its address.
    Heaps(Vec<(u16, u64)>),
}

/// The message that a reference stands for.
pub(super) fn resolve(file: &File<'_>, kind: u8, reference: &[u8]) -> Result<Bytes> {
    let mut c = Cursor::new(reference, "a shared message");
    let version = c.expect_u8("version", &[1, 2, 3])?;
    let place = c.u8()?;
    if version == 3 && place == 1 {
        return in_heap(file, kind, c.take(8)?);
    }
    // Version 1 is an entry of a symbol table: after six bytes of nothing the place of a name that nobody needs.
    c.skip(if version == 1 { 6 + file.offset_size } else { 0 })?;
    let address = c.address(file.offset_size)?.ok_or_else(|| Error::corrupt("a shared message is nowhere"))?;
    let header = Header::read(file, address)?;
    let message = header.messages.into_iter().find(|m| m.kind == kind && !m.shared);
    message.map(|m| m.body).ok_or_else(|| Error::corrupt(format!("a shared message is not at {address}, where it should be")))
}

pub(super) fn in_heap(file: &File<'_>, kind: u8, id: &[u8]) -> Result<Bytes> {
    load_table(file)?;
    let heap = match &*file.shared.borrow() {
        SharedTable::Heaps(heaps) => heaps.iter().find(|(kinds, _)| kinds & 1_u16.checked_shl(u32::from(kind)).unwrap_or(0) != 0).map(|h| h.1),
        _ => None,
    };
    let heap = heap.ok_or_else(|| Error::corrupt("a message is in a shared table that the file does not have"))?;
    FractalHeap::read(file, heap)?.object(id)
}

fn load_table(file: &File<'_>) -> Result<()> {
    let SharedTable::Extension(extension) = *file.shared.borrow() else { return Ok(()) };
    // Set first: a table that refers to itself is not read again.
    *file.shared.borrow_mut() = SharedTable::None;
    let Some(message) = Header::read(file, extension)?.messages.into_iter().find(|m| m.kind == header::SHARED_TABLE && !m.shared) else {
        return Ok(());
    };
    let mut c = Cursor::new(&message.body, "the table of shared messages");
    c.expect_u8("version", &[0])?;
    let address = c.address(file.offset_size)?.ok_or_else(|| Error::corrupt("the table of shared messages is nowhere"))?;
    let count = c.u8()?;
    let entry = 14 + 2 * file.offset_size as u64;
    let bytes = file.read(address, 8 + u64::from(count) * entry)?;
    let mut c = Cursor::signed(&bytes, b"SMTB", "table of shared messages")?;
    let mut heaps = Vec::new();
    for _ in 0..count {
        c.skip(2)?;
        let kinds = c.u16()?;
        c.skip(4 + 2 + 2 + 2)?;
        c.skip(file.offset_size)?;
        if let Some(heap) = c.address(file.offset_size)? {
            heaps.push((kinds, heap));
        }
    }
    c.check()?;
    *file.shared.borrow_mut() = SharedTable::Heaps(heaps);
    Ok(())
}
