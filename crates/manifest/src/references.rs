use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;

use crate::{Reason, Refusal};

/// The chunks of a variable: a regular grid of which some chunks are stored.
///
/// A stored chunk takes 24 bytes. A chunk that is not listed is absent: its elements are the fill value. Chunks at the far edges are
/// stored whole, as in HDF5, unless [`short_last`](Self::short_last) says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkRefs {
    /// Elements of a chunk along each dimension; at least 1 each.
    chunk_shape: Vec<u64>,
    /// Chunks along each dimension.
    grid: Vec<u64>,
    /// Sorted by index.
    entries: Vec<Entry>,
    urls: Vec<Arc<str>>,
    /// Where each URL is in `urls`: there may be as many as chunks.
    url_numbers: HashMap<Arc<str>, usize>,
    inline: BTreeMap<u64, Bytes>,
    masks: BTreeMap<u64, u32>,
    short_last: bool,
}

/// Row-major index, offset, and length (40 bits) with the number of the URL (24 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    index: u64,
    offset: u64,
    length_url: u64,
}

const _: () = assert!(size_of::<Entry>() == 24);
const URL_BITS: u32 = 24;
const MAX_LENGTH: u64 = 1 << (64 - URL_BITS);

/// A range of bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The file.
    pub url: &'a Arc<str>,
    /// First byte.
    pub offset: u64,
    /// Bytes; more than 0.
    pub length: u64,
}

/// Where the bytes of a chunk are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a file.
    Reference(Reference<'a>),
    /// Here.
    Inline(&'a Bytes),
}

/// A chunk that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Row-major index in the grid of chunks.
    pub index: u64,
    /// Where its bytes are.
    pub place: Place<'a>,
    /// Bit `i` is set when codec `i` of the variable was left out for this chunk.
    pub filter_mask: u32,
}

impl ChunkRefs {
    /// The grid of an array of some shape, without chunks.
    ///
    /// # Errors
    /// A refusal when the numbers of dimensions differ, a chunk has no extent, or there are more than 2⁶³ chunks.
    pub fn new(shape: &[u64], chunk_shape: Vec<u64>) -> Result<Self, Refusal> {
        let wrong = |what: String| Refusal::new(Reason::Inconsistent, what);
        if shape.len() != chunk_shape.len() {
            return Err(wrong(format!("chunks of {} dimensions in an array of {}", chunk_shape.len(), shape.len())));
        }
        if chunk_shape.contains(&0) {
            return Err(wrong(format!("chunks of shape {chunk_shape:?}")));
        }
        let grid: Vec<u64> = shape.iter().zip(&chunk_shape).map(|(size, chunk)| size.div_ceil(*chunk)).collect();
        let count = grid.iter().try_fold(1_u64, |n, size| n.checked_mul(*size)).filter(|n| *n < 1 << 63);
        count.ok_or_else(|| wrong(format!("an array of shape {shape:?} in chunks of {chunk_shape:?}")))?;
        Ok(Self {
            chunk_shape,
            grid,
            entries: Vec::new(),
            urls: Vec::new(),
            url_numbers: HashMap::new(),
            inline: BTreeMap::new(),
            masks: BTreeMap::new(),
            short_last: false,
        })
    }

    /// The same with chunks at the far edges stored cut to the array, as in TIFF strips and netCDF-3 records.
    #[must_use]
    pub fn with_short_last(mut self) -> Self {
        self.short_last = true;
        self
    }

    /// No chunk of a scalar.
    pub fn nothing() -> Self {
        Self {
            chunk_shape: vec![],
            grid: vec![],
            entries: vec![],
            urls: vec![],
            url_numbers: HashMap::new(),
            inline: BTreeMap::new(),
            masks: BTreeMap::new(),
            short_last: false,
        }
    }

    /// The same chunks as the only ones along a new first axis, one element long.
    #[must_use]
    pub fn with_leading_axis(mut self) -> Self {
        self.chunk_shape.insert(0, 1);
        self.grid.insert(0, 1);
        self
    }

    /// Whether chunks at the far edges are stored cut to the array.
    pub fn short_last(&self) -> bool {
        self.short_last
    }

    /// Elements of a chunk along each dimension.
    pub fn chunk_shape(&self) -> &[u64] {
        &self.chunk_shape
    }

    /// Chunks along each dimension; empty for a scalar, which has one chunk.
    pub fn grid(&self) -> &[u64] {
        &self.grid
    }

    /// Chunks of the grid, stored or not.
    pub fn capacity(&self) -> u64 {
        self.grid.iter().product()
    }

    /// Chunks that are stored.
    pub fn len(&self) -> usize {
        self.entries.len() + self.inline.len()
    }

    /// Whether no chunk is stored.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row-major index of a chunk of the grid; `None` outside it.
    pub fn index_of(&self, at: &[u64]) -> Option<u64> {
        if at.len() != self.grid.len() || at.iter().zip(&self.grid).any(|(i, n)| i >= n) {
            return None;
        }
        Some(at.iter().zip(&self.grid).fold(0, |index, (i, n)| index * n + i))
    }

    /// The place of a chunk in the grid, by its row-major index.
    pub fn position(&self, mut index: u64) -> Vec<u64> {
        let mut at = vec![0; self.grid.len()];
        for (i, n) in at.iter_mut().zip(&self.grid).rev() {
            (*i, index) = (index % n, index / n);
        }
        at
    }

    /// Adds a chunk that lies in a file.
    ///
    /// # Errors
    /// A refusal when the chunk is outside the grid, is there already, has no length or one of 2⁴⁰ bytes or more, or ends beyond 2⁶⁴.
    pub fn push(&mut self, index: u64, url: &Arc<str>, offset: u64, length: u64, filter_mask: u32) -> Result<(), Refusal> {
        self.check(index)?;
        if length == 0 || length >= MAX_LENGTH || offset.checked_add(length).is_none() {
            return Err(Refusal::new(Reason::Inconsistent, format!("chunk {:?} has {length} bytes from {offset}", self.position(index))));
        }
        let number = match self.urls.last() {
            Some(last) if Arc::ptr_eq(last, url) || last == url => self.urls.len() - 1,
            _ => *self.url_numbers.entry(Arc::clone(url)).or_insert_with(|| {
                self.urls.push(Arc::clone(url));
                self.urls.len() - 1
            }),
        };
        if number >= 1 << URL_BITS {
            return Err(Refusal::new(Reason::Layout, "chunks in more than 16,777,216 files".to_owned()));
        }
        let entry = Entry { index, offset, length_url: length << URL_BITS | number as u64 };
        match self.entries.last() {
            Some(last) if last.index >= index => match self.entries.binary_search_by_key(&index, |e| e.index) {
                Ok(_) => return Err(self.twice(index)),
                Err(at) => self.entries.insert(at, entry),
            },
            _ => self.entries.push(entry),
        }
        if filter_mask != 0 {
            self.masks.insert(index, filter_mask);
        }
        Ok(())
    }

    /// Adds a chunk whose (encoded) bytes are here.
    ///
    /// # Errors
    /// A refusal when the chunk is outside the grid or there already.
    pub fn push_inline(&mut self, index: u64, bytes: Bytes, filter_mask: u32) -> Result<(), Refusal> {
        self.check(index)?;
        if self.inline.contains_key(&index) || self.entries.binary_search_by_key(&index, |e| e.index).is_ok() {
            return Err(self.twice(index));
        }
        self.inline.insert(index, bytes);
        if filter_mask != 0 {
            self.masks.insert(index, filter_mask);
        }
        Ok(())
    }

    /// A stored chunk; `None` when it is absent.
    pub fn get(&self, index: u64) -> Option<Chunk<'_>> {
        if let Ok(at) = self.entries.binary_search_by_key(&index, |e| e.index) {
            return Some(self.chunk(&self.entries[at]));
        }
        self.inline.get(&index).map(|bytes| self.inlined(index, bytes))
    }

    /// The stored chunks: those in files by index, then those that are inline.
    pub fn iter(&self) -> impl Iterator<Item = Chunk<'_>> {
        self.entries.iter().map(|e| self.chunk(e)).chain(self.inline.iter().map(|(index, bytes)| self.inlined(*index, bytes)))
    }

    /// The chunks that went not through all codecs, by index, with their filter masks.
    pub fn masked(&self) -> impl Iterator<Item = (u64, u32)> {
        self.masks.iter().map(|(index, mask)| (*index, *mask))
    }

    /// The files that chunks lie in.
    pub fn urls(&self) -> &[Arc<str>] {
        &self.urls
    }

    /// Renames the files.
    pub fn rename(&mut self, mut name: impl FnMut(&Arc<str>) -> Arc<str>) {
        self.urls.iter_mut().for_each(|url| *url = name(url));
        self.url_numbers = self.urls.iter().enumerate().map(|(number, url)| (Arc::clone(url), number)).collect();
    }

    fn chunk(&self, e: &Entry) -> Chunk<'_> {
        let url = &self.urls[(e.length_url & ((1 << URL_BITS) - 1)) as usize];
        let place = Place::Reference(Reference { url, offset: e.offset, length: e.length_url >> URL_BITS });
        Chunk { index: e.index, place, filter_mask: self.mask(e.index) }
    }

    fn inlined<'a>(&self, index: u64, bytes: &'a Bytes) -> Chunk<'a> {
        Chunk { index, place: Place::Inline(bytes), filter_mask: self.mask(index) }
    }

    fn mask(&self, index: u64) -> u32 {
        if self.masks.is_empty() { 0 } else { self.masks.get(&index).copied().unwrap_or(0) }
    }

    fn check(&self, index: u64) -> Result<(), Refusal> {
        if index < self.capacity() {
            return Ok(());
        }
        Err(Refusal::new(Reason::Inconsistent, format!("chunk number {index} in a grid of {:?} chunks", self.grid)))
    }

    fn twice(&self, index: u64) -> Refusal {
        Refusal::new(Reason::Inconsistent, format!("chunk {:?} is listed twice", self.position(index)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn refs() -> ChunkRefs {
        ChunkRefs::new(&[5, 7], vec![2, 3]).unwrap()
    }

    #[test]
    fn chunks_are_found_in_whatever_order_they_came() {
        let (a, b): (Arc<str>, Arc<str>) = ("file:///a".into(), "file:///b".into());
        let mut refs = refs();
        refs.push(8, &a, 100, 10, 0).unwrap();
        refs.push(2, &b, 7, 1, 4).unwrap();
        refs.push_inline(3, Bytes::from_static(b"x"), 0).unwrap();
        assert_eq!((refs.grid(), refs.capacity(), refs.len()), ([3, 3].as_slice(), 9, 3));
        assert_eq!(refs.iter().map(|c| c.index).collect::<Vec<_>>(), [2, 8, 3]);
        let chunk = refs.get(2).unwrap();
        assert_eq!((chunk.filter_mask, chunk.place), (4, Place::Reference(Reference { url: &b, offset: 7, length: 1 })));
        assert_eq!(refs.get(0), None);
        assert_eq!((refs.position(5), refs.index_of(&[1, 2]), refs.index_of(&[3, 0])), (vec![1, 2], Some(5), None));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let url: Arc<str> = "file:///a".into();
        let mut refs = refs();
        refs.push(0, &url, 0, 1, 0).unwrap();
        for (index, offset, length) in [(9, 0, 1), (1, 0, 0), (1, u64::MAX, 1), (1, 0, MAX_LENGTH), (0, 5, 5)] {
            assert_eq!(refs.push(index, &url, offset, length, 0).unwrap_err().reason, Reason::Inconsistent);
        }
        assert!(ChunkRefs::new(&[1], vec![0]).is_err());
        assert!(ChunkRefs::new(&[u64::MAX, u64::MAX], vec![1, 1]).is_err());
        assert_eq!(ChunkRefs::new(&[], vec![]).unwrap().capacity(), 1);
        assert_eq!(ChunkRefs::new(&[0], vec![4]).unwrap().capacity(), 0);
    }
}
