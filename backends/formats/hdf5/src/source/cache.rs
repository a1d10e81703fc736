use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use bytes::{Bytes, BytesMut};
use cube_backend::{Error, Result};

use super::{Fetch, Requests};

/// Pieces of a file that were fetched, oldest dropped first.
///
/// A miss fetches more than was asked for, from a little before it: [`LEAST`] bytes at first, twice as many for each miss that follows on
/// the one before it. Announced ranges are fetched as they are, neighbours joined.
#[derive(Debug)]
pub(super) struct Cache {
    pieces: BTreeMap<u64, Bytes>,
    order: VecDeque<u64>,
    held: usize,
    last_end: u64,
    ahead: u64,
    pub(super) requests: Requests,
}

/// Bytes that a miss fetches at least, and that the start of a file is read with.
pub(super) const LEAST: u64 = 64 << 10;
const MOST: u64 = 4 << 20;
/// A miss starts at a multiple of this.
const ALIGNMENT: u64 = 16 << 10;
/// Two announced ranges with fewer bytes between them are one request: the bytes cost less than the request.
const JOIN: u64 = 32 << 10;
const CAPACITY: usize = 48 << 20;
/// More is never fetched for one description: a bound for hostile files, far above real ones.
const MOST_FETCHED: u64 = 2 << 30;

impl Default for Cache {
    fn default() -> Self {
        Self { pieces: BTreeMap::new(), order: VecDeque::new(), held: 0, last_end: 0, ahead: LEAST, requests: Requests::default() }
    }
}

impl Cache {
    /// Keeps a piece that does not overlap another.
    pub(super) fn insert(&mut self, start: u64, bytes: Bytes) {
        while self.held + bytes.len() > CAPACITY {
            let Some(oldest) = self.order.pop_front() else { break };
            self.held -= self.pieces.remove(&oldest).map_or(0, |p| p.len());
        }
        if !bytes.is_empty() {
            self.held += bytes.len();
            self.last_end = start + bytes.len() as u64;
            self.order.push_back(start);
            self.pieces.insert(start, bytes);
        }
    }

    pub(super) fn read(&mut self, fetch: &dyn Fetch, range: Range<u64>) -> Result<Bytes> {
        if let Some(whole) = self.part(&range).filter(|b| b.len() as u64 == range.end - range.start) {
            return Ok(whole);
        }
        let mut joined = BytesMut::with_capacity((range.end - range.start) as usize);
        let mut at = range.start;
        while at < range.end {
            let part = match self.part(&(at..range.end)) {
                Some(part) => part,
                None => self.miss(fetch, at..range.end)?,
            };
            at += part.len() as u64;
            joined.extend_from_slice(&part);
        }
        Ok(joined.freeze())
    }

    pub(super) fn prefetch(&mut self, fetch: &dyn Fetch, ranges: impl Iterator<Item = Range<u64>>) -> Result<()> {
        let mut wanted: Vec<Range<u64>> = ranges.filter_map(|r| self.missing(r)).collect();
        wanted.sort_by_key(|r| r.start);
        let mut runs: Vec<Range<u64>> = Vec::new();
        for range in wanted {
            match runs.last_mut() {
                Some(last)
                    if range.start <= last.end.saturating_add(JOIN)
                        && range.end.saturating_sub(last.start) < MOST
                        && !self.between(last.end, range.start) =>
                {
                    last.end = last.end.max(range.end);
                }
                Some(last) if range.end <= last.end => {}
                Some(last) if range.start < last.end => {
                    let start = last.end;
                    runs.push(start..range.end);
                }
                _ => runs.push(range),
            }
        }
        // A batch never pushes out what it brought itself; what it leaves out is fetched when it is read.
        let mut room = CAPACITY as u64 / 2;
        let fits = |r: &&Range<u64>| {
            room = room.saturating_sub(r.end - r.start);
            room > 0
        };
        let count = runs.iter().take_while(fits).count();
        if count > 0 {
            self.fetch(fetch, &runs[..count])?;
        }
        Ok(())
    }

    /// The first bytes of a range, as many as one piece has of them.
    fn part(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, piece) = self.pieces.range(..=range.start).next_back()?;
        let skip = range.start - start;
        if skip >= piece.len() as u64 {
            return None;
        }
        let end = (range.end - start).min(piece.len() as u64);
        Some(piece.slice(skip as usize..end as usize))
    }

    fn miss(&mut self, fetch: &dyn Fetch, range: Range<u64>) -> Result<Bytes> {
        let follows = range.start.abs_diff(self.last_end) < LEAST;
        self.ahead = if follows { (self.ahead * 2).min(MOST) } else { LEAST };
        let before = self.pieces.range(..=range.start).next_back().map_or(0, |(start, piece)| start + piece.len() as u64);
        let next = self.pieces.range(range.start..).next().map_or(u64::MAX, |(start, _)| *start);
        let start = (range.start / ALIGNMENT * ALIGNMENT).max(before);
        let end = range.end.max(start.saturating_add(self.ahead)).min(next).min(fetch.size());
        let bytes = self.fetch(fetch, std::slice::from_ref(&(start..end)))?;
        Ok(bytes.slice((range.start - start) as usize..(range.end.min(end) - start) as usize))
    }

    /// Fetches ranges that do not overlap what is here; the last of them.
    fn fetch(&mut self, fetch: &dyn Fetch, ranges: &[Range<u64>]) -> Result<Bytes> {
        if self.requests.bytes > MOST_FETCHED {
            return Err(Error::corrupt(format!("more than {} GiB of this file were fetched to describe it", MOST_FETCHED >> 30)));
        }
        let answers = fetch.fetch(ranges)?;
        self.requests.count += ranges.len() as u64;
        self.requests.rounds += 1;
        let mut last = Bytes::new();
        for (index, range) in ranges.iter().enumerate() {
            let bytes = answers.get(index).filter(|b| b.len() as u64 == range.end - range.start);
            last = bytes.cloned().ok_or_else(|| Error::corrupt(format!("the bytes from {} to {} came incomplete", range.start, range.end)))?;
            self.requests.bytes += last.len() as u64;
            self.insert(range.start, last.clone());
        }
        Ok(last)
    }

    /// What of a range is not here, cut at the next piece.
    fn missing(&self, range: Range<u64>) -> Option<Range<u64>> {
        let start = self.part(&range).map_or(range.start, |part| range.start + part.len() as u64);
        let next = self.pieces.range(start..).next().map_or(u64::MAX, |(start, _)| *start);
        let end = range.end.min(next);
        (start < end).then_some(start..end)
    }

    fn between(&self, from: u64, to: u64) -> bool {
        from < to && self.pieces.range(from..to).next().is_some()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Counted(Vec<u8>, RefCell<Vec<Range<u64>>>);

    impl Fetch for Counted {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
            self.1.borrow_mut().extend_from_slice(ranges);
            Ok(ranges.iter().map(|r| Bytes::copy_from_slice(&self.0[r.start as usize..r.end as usize])).collect())
        }
    }

    fn file(size: usize) -> Counted {
        Counted((0..size).map(|i| (i / 7) as u8).collect(), RefCell::default())
    }

    #[test]
    fn any_order_of_reads_gives_the_bytes_of_the_file_and_fetches_none_twice() {
        let file = file(3_000_000);
        let mut cache = Cache::default();
        let mut state = 1_u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let start = (state >> 20) % 2_999_000;
            let length = (state >> 50) % 1000 + 1;
            if state.is_multiple_of(3) {
                cache.prefetch(&file, [start..start + length, start / 2..start / 2 + length, start..start + 5].into_iter()).unwrap();
            }
            assert_eq!(cache.read(&file, start..start + length).unwrap(), file.0[start as usize..(start + length) as usize]);
        }
        let mut ranges = file.1.into_inner();
        ranges.sort_by_key(|r| r.start);
        assert!(ranges.windows(2).all(|w| w[0].end <= w[1].start), "fetched twice");
    }

    #[test]
    fn reading_on_takes_longer_and_longer_pieces() {
        let file = file(20_000_000);
        let mut cache = Cache::default();
        for start in (0..19_000_000).step_by(1000) {
            cache.read(&file, start..start + 1000).unwrap();
        }
        assert!(cache.requests.count < 15, "{:?}", cache.requests);
    }

    #[test]
    fn announced_ranges_come_in_one_round() {
        let file = file(10_000_000);
        let mut cache = Cache::default();
        cache.prefetch(&file, (0..50).map(|i| i * 200_000..i * 200_000 + 4000)).unwrap();
        assert_eq!((cache.requests.count, cache.requests.rounds, cache.requests.bytes), (50, 1, 200_000));
        cache.prefetch(&file, (0..50).map(|i| i * 200_000..i * 200_000 + 4000)).unwrap();
        assert_eq!(cache.requests.rounds, 1);
    }
}
