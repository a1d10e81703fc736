//! Bytes of a file, from memory or by ranges, for parsers that are plain functions.

mod cache;
mod remote;

use std::{cell::RefCell, ops::Range};

use bytes::Bytes;
use cube_backend::{Error, Result};

use cache::Cache;
pub(crate) use remote::read_remote;

/// How many requests a header took, and how many bytes they brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Byte ranges asked for.
    pub count: u64,
    /// Times that the reader waited for an answer: ranges asked for together count once.
    pub rounds: u64,
    /// Bytes received.
    pub bytes: u64,
}

/// Something that byte ranges can be fetched from: a local file, a connection to a remote one.
pub trait Fetch {
    /// Bytes in all.
    fn size(&self) -> u64;

    /// The bytes of some ranges, in their order.
    ///
    /// # Behaviour
    /// - Ranges are never empty and never end beyond [`size`](Self::size).
    /// - An answer has exactly the length of its range; the caller checks that.
    fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>>;
}

/// Random access to the bytes of a file.
pub(crate) struct Source<'a> {
    origin: Origin<'a>,
    size: u64,
}

enum Origin<'a> {
    Memory(&'a [u8]),
    Ranges { fetch: &'a dyn Fetch, cache: RefCell<Cache> },
}

/// No single piece of metadata is larger: what asks for more is corrupt.
const LONGEST_READ: u64 = 64 << 20;

impl<'a> Source<'a> {
    /// All bytes are here.
    pub(crate) fn memory(bytes: &'a [u8]) -> Self {
        Self { size: bytes.len() as u64, origin: Origin::Memory(bytes) }
    }

    /// Ranges are fetched as they are needed, and kept within bounds.
    pub(crate) fn ranges(fetch: &'a dyn Fetch) -> Self {
        Self { size: fetch.size(), origin: Origin::Ranges { fetch, cache: RefCell::default() } }
    }

    /// The same, of which the first bytes are known already.
    pub(crate) fn ranges_with_start(fetch: &'a dyn Fetch, start: Bytes) -> Self {
        let mut cache = Cache::default();
        cache.insert(0, start);
        Self { size: fetch.size(), origin: Origin::Ranges { fetch, cache: RefCell::new(cache) } }
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What was asked for so far; nothing for a file in memory.
    pub(crate) fn requests(&self) -> Requests {
        match &self.origin {
            Origin::Memory(_) => Requests::default(),
            Origin::Ranges { cache, .. } => cache.borrow().requests,
        }
    }

    /// Exactly `length` bytes from `offset`.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Bytes> {
        let end = offset.checked_add(length).filter(|end| *end <= self.size);
        let end = end.ok_or_else(|| Error::corrupt(format!("{length} bytes from {offset} are beyond the end of the file at {}", self.size)))?;
        if length > LONGEST_READ {
            return Err(Error::corrupt(format!("{length} bytes of metadata from {offset}")));
        }
        match &self.origin {
            Origin::Memory(bytes) => Ok(Bytes::copy_from_slice(&bytes[offset as usize..end as usize])),
            Origin::Ranges { fetch, cache } => cache.borrow_mut().read(*fetch, offset..end),
        }
    }

    /// At most `length` bytes from `offset`: fewer at the end of the file, none beyond it.
    pub(crate) fn read_up_to(&self, offset: u64, length: u64) -> Result<Bytes> {
        self.read(offset.min(self.size), length.min(self.size.saturating_sub(offset)))
    }

    /// Whether every read is a matter of memory, so that nothing need be announced.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.origin, Origin::Memory(_))
    }

    /// Announces ranges that will be read soon, so that they come in one round. What lies beyond the file is left out.
    pub(crate) fn expect(&self, ranges: impl Iterator<Item = (u64, u64)>) -> Result<()> {
        match &self.origin {
            Origin::Memory(_) => Ok(()),
            Origin::Ranges { fetch, cache } => {
                let within =
                    ranges.filter(|(offset, _)| *offset < self.size).map(|(offset, length)| offset..offset.saturating_add(length).min(self.size));
                cache.borrow_mut().prefetch(*fetch, within)
            }
        }
    }
}

impl Fetch for std::fs::File {
    fn size(&self) -> u64 {
        self.metadata().map_or(0, |m| m.len())
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        use std::io::{Read, Seek, SeekFrom};
        let failed = |e: std::io::Error| Error::new(cube_backend::Kind::Unavailable, "reading bytes failed").with_source(e);
        let read = |range: &Range<u64>| {
            let mut file = self;
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.seek(SeekFrom::Start(range.start)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
            Ok(Bytes::from(bytes))
        };
        ranges.iter().map(read).collect()
    }
}
