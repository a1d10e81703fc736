use std::ops::Range;

use bytes::{Bytes, BytesMut};
use cube_backend::{ByteSource, Error, Result};
use object_store::{GetOptions, GetRange, ObjectStoreExt};

/// Bytes of the first request: enough for the header of a COG with some thousands of tiles.
const FIRST: u64 = 32 * 1024;
/// Most that is read ahead of what was asked for.
const MAX_READAHEAD: u64 = 4 << 20;
/// Two pieces this near to each other are one request.
const GAP: u64 = 256 * 1024;
/// Most bytes of tag values that are read at once: the index of 16 million blocks.
const MAX_REQUEST: u64 = 256 << 20;

/// The parts of a file that have been read so far.
pub(crate) struct Head<'a> {
    source: &'a ByteSource,
    size: u64,
    /// Disjoint, in order of offset.
    parts: Vec<(u64, Bytes)>,
    fetched: u64,
}

impl<'a> Head<'a> {
    /// Reads the start of the file, which also tells its size.
    pub(crate) async fn open(source: &'a ByteSource) -> Result<Self> {
        let options = GetOptions { range: Some(GetRange::Bounded(0..FIRST)), ..GetOptions::default() };
        let answer = match source.store.get_opts(&source.path, options).await {
            Ok(answer) => answer,
            // An empty object has no range that could be answered.
            Err(error @ object_store::Error::Generic { .. }) => match source.store.head(&source.path).await {
                Ok(meta) if meta.size == 0 => return Err(Error::corrupt(format!("`{}` is empty", source.name))),
                _ => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        };
        let size = answer.meta.size;
        let bytes = answer.bytes().await?;
        Ok(Self { source, size, fetched: bytes.len() as u64, parts: vec![(0, bytes)] })
    }

    /// Size of the file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How messages name the file.
    pub(crate) fn name(&self) -> &str {
        &self.source.name
    }

    /// The bytes of a range, if they have been read.
    pub(crate) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, bytes) = self.part_at(range.start)?;
        let from = (range.start - start) as usize;
        let to = from.checked_add(usize::try_from(range.end.checked_sub(range.start)?).ok()?)?;
        (to <= bytes.len()).then(|| bytes.slice(from..to))
    }

    /// Makes ranges available. With `ahead`, also what lies behind them, the more the more has been read already: directories of
    /// a COG stand one behind the other.
    pub(crate) async fn need(&mut self, ranges: &[Range<u64>], ahead: bool) -> Result<()> {
        let mut missing = Vec::new();
        for range in ranges {
            if range.start > range.end || range.end > self.size {
                return Err(Error::corrupt(format!(
                    "the header of `{}` points to bytes {} to {}, beyond the end of the file at {}",
                    self.source.name, range.start, range.end, self.size
                )));
            }
            if self.get(range).is_none() && range.start < range.end {
                let known_up_to = self.part_at(range.start).map_or(range.start, |(start, bytes)| start + bytes.len() as u64);
                missing.push(known_up_to..range.end);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut pieces = merged(missing);
        if ahead && let Some(last) = pieces.last_mut() {
            let more = self.fetched.clamp(FIRST, MAX_READAHEAD);
            last.end = last.end.saturating_add(more).min(self.size);
        }
        let total: u64 = pieces.iter().map(|p| p.end - p.start).sum();
        if total > MAX_REQUEST {
            return Err(Error::unsupported(format!(
                "the header of `{}` needs {total} bytes at once; the most that is read is {MAX_REQUEST}",
                self.source.name
            )));
        }
        let answers = self.source.store.get_ranges(&self.source.path, &pieces).await?;
        for (piece, bytes) in pieces.into_iter().zip(answers) {
            if bytes.len() as u64 != piece.end - piece.start {
                return Err(Error::new(
                    cube_backend::Kind::Unavailable,
                    format!("`{}` answered {} bytes instead of {}", self.source.name, bytes.len(), piece.end - piece.start),
                ));
            }
            self.fetched += bytes.len() as u64;
            self.insert(piece.start, bytes);
        }
        Ok(())
    }

    fn part_at(&self, offset: u64) -> Option<(u64, &Bytes)> {
        let after = self.parts.partition_point(|(start, _)| *start <= offset);
        let (start, bytes) = self.parts.get(after.checked_sub(1)?)?;
        (offset <= start + bytes.len() as u64).then_some((*start, bytes))
    }

    /// Adds a part, joined with all that it touches.
    fn insert(&mut self, start: u64, bytes: Bytes) {
        let (mut touching, mut others): (Vec<_>, Vec<_>) =
            self.parts.drain(..).partition(|(at, b)| *at <= start + bytes.len() as u64 && start <= at + b.len() as u64);
        touching.push((start, bytes));
        touching.sort_by_key(|(at, _)| *at);
        let first = touching[0].0;
        let joined = if touching.len() == 1 {
            touching.swap_remove(0).1
        } else {
            let mut all = BytesMut::new();
            for (at, b) in touching {
                let overlap = (first + all.len() as u64 - at) as usize;
                all.extend_from_slice(b.get(overlap..).unwrap_or_default());
            }
            all.freeze()
        };
        others.push((first, joined));
        others.sort_by_key(|(at, _)| *at);
        self.parts = others;
    }
}

fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|r| r.start);
    let mut out: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}
