//! Where the chunks of a dataset are, whatever index lists them.

use std::sync::Arc;

use cube_backend::{Error, Result};
use cube_manifest::{ChunkRefs, Reason, Refusal};

use super::{
    btree1,
    btree2::Tree,
    cursor::Cursor,
    extensible_array,
    file::File,
    fixed_array,
    layout::{Chunked, Index},
};

/// What an index lists.
pub(super) struct Elements<'e> {
    pub(super) file: &'e File<'e>,
    pub(super) filtered: bool,
}

/// A dataset as its chunk index needs to know it.
pub(super) struct Dataset<'d> {
    pub(super) url: &'d Arc<str>,
    pub(super) shape: &'d [u64],
    /// As far as each dimension may grow; `None` without end.
    pub(super) most: &'d [Option<u64>],
    /// Bytes of an element.
    pub(super) element: u64,
    pub(super) filters: usize,
    /// Lengths within an element, which is an array itself; added to shape and chunks.
    pub(super) inner: &'d [u64],
}

impl Elements<'_> {
    /// Bytes of an element of a chunk array, if they make sense.
    pub(super) fn check_size(&self, size: u8) -> Result<usize> {
        let size = usize::from(size);
        let o = self.file.offset_size;
        let right = if self.filtered { (o + 5..=o + 12).contains(&size) } else { size == o };
        if right { Ok(size) } else { Err(Error::corrupt(format!("a chunk index with elements of {size} bytes"))) }
    }

    /// Address, bytes (when filtered) and filter mask of one chunk; `None` when it is not stored.
    fn read(&self, element: &[u8]) -> Result<Option<(u64, Option<u64>, u32)>> {
        let o = self.file.offset_size;
        let mut c = Cursor::new(element, "an element of a chunk index");
        let Some(address) = c.address(o)? else { return Ok(None) };
        if !self.filtered {
            return Ok(Some((address, None, 0)));
        }
        Ok(Some((address, Some(c.uint(element.len() - o - 4)?), c.u32()?)))
    }
}

/// The chunks of a dataset that are stored.
///
/// # Errors
/// A refusal inside when what the index says does not fit together; an error outside when reading the file must end.
pub(super) fn list(file: &File<'_>, dataset: &Dataset<'_>, layout: &Chunked) -> Result<Result<ChunkRefs, Refusal>> {
    let mut found = match Found::new(file, dataset, layout) {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    match found.fill(layout) {
        Ok(()) => Ok(found.refused.map_or(Ok(found.refs), Err)),
        Err(_) if found.refused.is_some() => Ok(found.refused.map_or(Ok(found.refs), Err)),
        Err(e) => file.refusal(e).map(Err),
    }
}

struct Found<'d> {
    file: &'d File<'d>,
    dataset: &'d Dataset<'d>,
    chunk: &'d [u64],
    /// Chunks along each dimension.
    grid: Vec<u64>,
    /// Bytes of a chunk that is not encoded.
    whole: u64,
    edges_unfiltered: bool,
    refs: ChunkRefs,
    refused: Option<Refusal>,
}

impl<'d> Found<'d> {
    fn new(file: &'d File<'d>, dataset: &'d Dataset<'d>, layout: &'d Chunked) -> Result<Self, Refusal> {
        let with_inner = |shape: &[u64]| [shape, dataset.inner].concat();
        let refs = ChunkRefs::new(&with_inner(dataset.shape), with_inner(&layout.chunk))?;
        let elements = layout.chunk.iter().try_fold(dataset.element, |n, size| n.checked_mul(*size));
        let whole = elements.ok_or_else(|| Refusal::new(Reason::Inconsistent, format!("chunks of shape {:?}", layout.chunk)))?;
        let grid = refs.grid()[..dataset.shape.len()].to_vec();
        Ok(Self { file, dataset, chunk: &layout.chunk, grid, whole, edges_unfiltered: layout.edges_unfiltered, refs, refused: None })
    }

    fn fill(&mut self, layout: &Chunked) -> Result<()> {
        let Some(address) = layout.address else { return Ok(()) };
        let file = self.file;
        let elements = Elements { file, filtered: self.dataset.filters > 0 };
        match layout.index {
            Index::Tree1 => self.first_tree(address),
            Index::Tree2 => self.second_tree(address, &elements),
            Index::Single { size, mask } => {
                let origin = vec![0; self.grid.len()];
                self.push(&origin, address, size, mask)
            }
            Index::Implicit => self.implicit(address),
            Index::Fixed => {
                let order = Order::new(self.dataset, self.chunk, None)?;
                fixed_array::walk(file, address, &elements, &mut |index, element| self.element(&elements, &order, index, element))
            }
            Index::Extensible => {
                let grows = self.dataset.most.iter().position(Option::is_none);
                let order = Order::new(self.dataset, self.chunk, grows)?;
                extensible_array::walk(file, address, &elements, &mut |index, element| self.element(&elements, &order, index, element))
            }
        }
    }

    fn first_tree(&mut self, address: u64) -> Result<()> {
        let rank = self.grid.len();
        let mut at = vec![0; rank];
        btree1::walk(self.file, address, 1, 8 + 8 * (rank + 1), &mut |key, address| {
            let mut c = Cursor::new(key, "the key of a chunk");
            let (size, mask) = (u64::from(c.u32()?), c.u32()?);
            for (position, chunk) in at.iter_mut().zip(self.chunk) {
                *position = scaled(c.u64()?, *chunk)?;
            }
            self.push(&at, address, Some(size), mask)
        })
    }

    fn second_tree(&mut self, address: u64, elements: &Elements<'_>) -> Result<()> {
        let tree = Tree::open(self.file, address)?;
        let rank = self.grid.len();
        let o = self.file.offset_size;
        let kind = if elements.filtered { 11 } else { 10 };
        let place = tree.record.checked_sub(8 * rank).filter(|place| {
            let right = if elements.filtered { (o + 5..=o + 12).contains(place) } else { *place == o };
            right && tree.kind == kind
        });
        let place = place.ok_or_else(|| Error::corrupt(format!("a chunk index of kind {} with records of {} bytes", tree.kind, tree.record)))?;
        let mut at = vec![0; rank];
        tree.walk(&mut |record| {
            let (element, positions) = record.split_at(place);
            let mut c = Cursor::new(positions, "the position of a chunk");
            for position in &mut at {
                *position = c.u64()?;
            }
            match elements.read(element)? {
                Some((address, size, mask)) => self.push(&at, address, size, mask),
                None => Ok(()),
            }
        })
    }

    /// Every chunk, one after the other.
    fn implicit(&mut self, address: u64) -> Result<()> {
        let order = Order::new(self.dataset, self.chunk, None)?;
        for index in 0..self.grid.iter().product() {
            let at = self.refs.position(index)[..self.grid.len()].to_vec();
            let number = order.number(&at);
            let place = number.and_then(|n| n.checked_mul(self.whole)).and_then(|n| n.checked_add(address));
            self.push(&at, place.ok_or_else(|| Error::corrupt("a chunk beyond every file"))?, None, 0)?;
        }
        Ok(())
    }

    fn element(&mut self, elements: &Elements<'_>, order: &Order, index: u64, element: &[u8]) -> Result<()> {
        match (order.position(index), elements.read(element)?) {
            (Some(at), Some((address, size, mask))) => self.push(&at, address, size, mask),
            _ => Ok(()),
        }
    }

    /// Adds a chunk, unless it lies outside the array, which was cut since.
    fn push(&mut self, at: &[u64], address: u64, size: Option<u64>, mask: u32) -> Result<()> {
        if at.iter().zip(&self.grid).any(|(position, count)| position >= count) {
            return Ok(());
        }
        let index = at.iter().zip(&self.grid).fold(0, |index, (position, count)| index * count + position);
        let offset = self.file.absolute(address)?;
        let length = size.unwrap_or(self.whole);
        let filters = self.dataset.filters;
        if length != self.whole && filters == 0 {
            return Err(Error::corrupt(format!("chunk {at:?} has {length} bytes and should have {}", self.whole)));
        }
        if offset.checked_add(length).is_none_or(|end| end > self.file.source.size()) {
            return Err(Error::corrupt(format!(
                "chunk {at:?} has {length} bytes from {offset}, beyond the end of the file at {}",
                self.file.source.size()
            )));
        }
        let bare = self.edges_unfiltered && self.is_cut(at);
        let all = u32::MAX.checked_shr(32_u32.saturating_sub(filters as u32)).unwrap_or(0);
        self.file.spend(24)?;
        self.refs.push(index, self.dataset.url, offset, length, if bare { all } else { mask & all }).map_err(|refusal| {
            let error = Error::corrupt(refusal.detail.clone());
            self.refused = Some(refusal);
            error
        })
    }

    /// Whether a chunk reaches beyond the array.
    fn is_cut(&self, at: &[u64]) -> bool {
        at.iter().zip(self.chunk).zip(self.dataset.shape).any(|((position, chunk), size)| (position + 1).saturating_mul(*chunk) > *size)
    }
}

fn scaled(offset: u64, chunk: u64) -> Result<u64> {
    if offset.is_multiple_of(chunk) { Ok(offset / chunk) } else { Err(Error::corrupt(format!("a chunk at {offset}, where chunks are {chunk} long"))) }
}

/// How chunks are numbered in arrays of chunks: row-major over the grid as far as it may grow, the dimension that grows without end first.
struct Order {
    grid: Vec<u64>,
    /// That dimension.
    first: usize,
}

impl Order {
    fn new(dataset: &Dataset<'_>, chunk: &[u64], grows: Option<usize>) -> Result<Self> {
        let count = |(most, (size, chunk)): (&Option<u64>, (&u64, &u64))| most.unwrap_or(*size).max(*size).div_ceil(*chunk);
        let grid: Vec<u64> = dataset.most.iter().zip(dataset.shape.iter().zip(chunk)).map(count).collect();
        if grid.contains(&0) && grows.is_none() {
            return Err(Error::corrupt("chunks of an array that has no elements"));
        }
        Ok(Self { grid, first: grows.unwrap_or(0) })
    }

    fn number(&self, at: &[u64]) -> Option<u64> {
        let first = at.get(self.first).copied().unwrap_or(0);
        self.others().try_fold(first, |number, d| number.checked_mul(self.grid[d])?.checked_add(at[d]))
    }

    fn position(&self, mut number: u64) -> Option<Vec<u64>> {
        let mut at = vec![0; self.grid.len()];
        for d in self.others().rev() {
            at[d] = number.checked_rem(self.grid[d])?;
            number /= self.grid[d];
        }
        *at.get_mut(self.first)? = number;
        Some(at)
    }

    /// The dimensions after the first.
    fn others(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.grid.len()).filter(|d| *d != self.first)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_dimension_that_grows_comes_first() {
        let order = Order { grid: vec![3, 1, 4], first: 1 };
        for number in 0..60 {
            let at = order.position(number).unwrap();
            assert_eq!(order.number(&at), Some(number));
        }
        assert_eq!(order.position(12), Some(vec![0, 1, 0]));
        assert_eq!(order.position(5), Some(vec![1, 0, 1]));
    }
}
