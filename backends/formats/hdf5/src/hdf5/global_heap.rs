//! Global heaps (format specification III.E): where values of variable length are.

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{cursor::Cursor, file::File};

/// The collections read so far.
#[derive(Default)]
pub(super) struct GlobalHeap {
    collections: HashMap<u64, Arc<Collection>>,
    held: usize,
}

struct Collection {
    bytes: Bytes,
    objects: HashMap<u32, Range<usize>>,
}

/// Bytes of collections that are kept; all go when there are more.
const CAPACITY: usize = 16 << 20;

/// Where a value of variable length is: as datasets and attributes hold it.
#[derive(Debug, Clone, Copy)]
pub(super) struct VariableValue {
    /// Its elements.
    pub(super) count: u32,
    place: Option<(u64, u32)>,
}

impl VariableValue {
    /// Bytes that it takes in a chunk.
    pub(super) fn size(file: &File<'_>) -> usize {
        8 + file.offset_size
    }

    pub(super) fn parse(file: &File<'_>, bytes: &[u8]) -> Result<Self> {
        let mut c = Cursor::new(bytes, "a value of variable length");
        let count = c.u32()?;
        let address = c.address(file.offset_size)?;
        let index = c.u32()?;
        Ok(Self { count, place: address.filter(|a| *a != 0 && count > 0).map(|a| (a, index)) })
    }

    /// Where its collection starts.
    pub(super) fn collection(&self) -> Option<u64> {
        self.place.map(|p| p.0)
    }

    /// Its bytes; none when it is empty.
    pub(super) fn bytes(&self, file: &File<'_>) -> Result<Bytes> {
        let Some((address, index)) = self.place else { return Ok(Bytes::new()) };
        let collection = collection(file, address)?;
        let range = collection.objects.get(&index).cloned();
        let range = range.ok_or_else(|| Error::corrupt(format!("object {index} is not in the global heap at {address}")))?;
        Ok(collection.bytes.slice(range))
    }
}

fn collection(file: &File<'_>, address: u64) -> Result<Arc<Collection>> {
    if let Some(known) = file.heap.borrow().collections.get(&address) {
        return Ok(Arc::clone(known));
    }
    let collection = Arc::new(read(file, address)?);
    let mut heap = file.heap.borrow_mut();
    if heap.held + collection.bytes.len() > CAPACITY {
        *heap = GlobalHeap::default();
    }
    heap.held += collection.bytes.len();
    heap.collections.insert(address, Arc::clone(&collection));
    Ok(collection)
}

fn read(file: &File<'_>, address: u64) -> Result<Collection> {
    let start = file.read_up_to(address, 4096)?;
    let mut c = Cursor::signed(&start, b"GCOL", "global heap")?;
    c.expect_u8("version", &[1])?;
    c.skip(3)?;
    let size = c.uint(file.length_size)?;
    // Everything starts at a multiple of eight bytes.
    let prefix = c.at().next_multiple_of(8);
    let bytes = file.read(address, size)?;
    // A heap that was dropped is read again: time is bounded too.
    file.spend(size / 8)?;
    let mut c = Cursor::new(&bytes, "a global heap");
    c.skip(prefix)?;
    let mut objects = HashMap::new();
    let head = (8 + file.length_size).next_multiple_of(8);
    while c.left() >= head {
        let index = u32::from(c.u16()?);
        c.skip(6)?;
        let length = usize::try_from(c.uint(file.length_size)?).unwrap_or(usize::MAX);
        // Object 0 is the free space, up to the end.
        if index == 0 {
            break;
        }
        c.skip(head - 8 - file.length_size)?;
        let at = c.at();
        c.skip(length)?;
        objects.insert(index, at..at + length);
        // The padding of the last object may be missing.
        let padding = (length.next_multiple_of(8) - length).min(c.left());
        c.skip(padding)?;
    }
    Ok(Collection { bytes, objects })
}
