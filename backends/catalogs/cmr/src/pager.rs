//! One search, page by page.
//!
//! * The next page is asked for with the same parameters and the header `CMR-Search-After` of the page before.
//! * The end is a page without that header, or an empty page. A page that is shorter than it could be is no end: CMR gives such pages in mid-stream.
//! * A search of granules in all collections has no such header: its pages are asked for by offset, and end when all have come. CMR gives 10,000 of
//!   them at most.
//! * CMR's pages are no snapshot. A granule that is published meanwhile may come or not; one that is withdrawn is announced and may not come. So the
//!   number that came is held against the *smallest* number of hits that any page announced: fewer is an error, more is fine.
//! * Pages of long records are made smaller, so that each has some five megabytes at most.
//! * A page that CMR did not finish in time (504, or a part of it with a flag) is thrown away and asked for again, half as large, twice at most.

use bytes::Bytes;

use crate::{
    Error, Result,
    page::{Concept, Page},
    service::{Reply, Search, Service, Start},
};

/// How often a page that takes too long is asked for again, half as large, before that is an error.
pub(crate) const HALVINGS: u32 = 2;
/// By how much pages grow that begin small.
const GROWTH: u64 = 4;
/// Pages that would have more bytes than this are made smaller: some records are ten times as long as others, and memory is to be bounded.
const MOST_BYTES: usize = 5 << 20;

/// Granules of all collections that CMR gives.
const MOST_OF_EVERYTHING: u64 = 10_000;

/// How many records are asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize {
    /// In the next page.
    pub(crate) next: u64,
    /// At most.
    pub(crate) most: u64,
}

impl PageSize {
    pub(crate) fn always(size: u64) -> Self {
        Self { next: size, most: size }
    }

    fn halve(&mut self) {
        self.next = (self.next / 2).max(1);
        self.most = self.next;
    }

    fn grow(&mut self) {
        self.next = (self.next * GROWTH).min(self.most);
    }

    /// After a page of so many records, which had so many bytes: the next one has no more than fit, if its records are like these. Those behind it may
    /// grow again: one long record says nothing of all others.
    fn learn(&mut self, records: usize, bytes: usize) {
        let fit = (records as u64).saturating_mul(MOST_BYTES as u64) / bytes.max(1) as u64;
        self.next = self.next.min(fit.max(1));
    }
}

/// Where one search is.
#[derive(Debug)]
pub(crate) struct Pager {
    service: Service,
    search: Search,
    size: PageSize,
    start: Start,
    arrived: u64,
    hits: Option<u64>,
    ended: bool,
}

impl Pager {
    pub(crate) fn new(service: Service, search: Search, size: PageSize) -> Self {
        let start = if search.is_of_everything() { Start::Offset(0) } else { Start::After(None) };
        Self { service, search, size, start, arrived: 0, hits: None, ended: false }
    }

    /// How many records are asked for at once, as far as CMR could bear it.
    pub(crate) fn size(&self) -> PageSize {
        self.size
    }

    /// How many records the next page may have.
    fn wanted(&self) -> u64 {
        match self.start {
            Start::After(_) => self.size.next,
            Start::Offset(offset) => self.size.next.min(MOST_OF_EVERYTHING - offset),
        }
    }

    /// The next page, which is not empty; `None` at the end.
    pub(crate) async fn next<C: Concept>(&mut self) -> Result<Option<Page<C>>> {
        if self.ended {
            return Ok(None);
        }
        if let (Start::Offset(MOST_OF_EVERYTHING..), Some(hits)) = (&self.start, self.hits) {
            return Err(Error::TooMany { hits, given: MOST_OF_EVERYTHING });
        }
        let mut halvings = 0;
        let answer = loop {
            match self.service.ask(&self.search, self.wanted(), &self.start).await? {
                Reply::Page(answer) => break answer,
                Reply::TimedOut { request_id } if halvings == HALVINGS => {
                    return Err(Error::TimedOut { page_size: self.size.next, request_id });
                }
                Reply::TimedOut { request_id } => {
                    tracing::warn!(
                        page_size = self.size.next,
                        request_id,
                        "CMR ran out of time: the page is asked for again, half as large where it can be"
                    );
                    halvings += 1;
                    self.size.halve();
                }
            }
        };
        let bytes = answer.body.len();
        let (page, stated) = split::<C>(answer.body).await?;
        let hits = answer.hits.or(stated).ok_or_else(|| Error::Corrupt {
            what: format!("the answer of CMR at `{}` does not say how many {}s there are", self.service.root(), C::NAME),
            source: None,
        })?;
        let hits = self.hits.map_or(hits, |before| before.min(hits));
        self.hits = Some(hits);
        self.arrived += page.len() as u64;
        let arrived = self.arrived;
        let next = match self.start {
            Start::After(_) => answer.after.map(|after| Start::After(Some(after))),
            Start::Offset(_) => (arrived < hits).then_some(Start::Offset(arrived)),
        };
        let Some(next) = next.filter(|_| !page.is_empty()) else {
            self.ended = true;
            if arrived < hits {
                return Err(Error::Incomplete { hits, arrived, request_id: answer.request_id });
            }
            return Ok((!page.is_empty()).then_some(page));
        };
        if next == self.start {
            return Err(Error::Repeats { hits, arrived, request_id: answer.request_id });
        }
        self.start = next;
        self.size.grow();
        self.size.learn(page.len(), bytes);
        Ok(Some(page))
    }
}

/// Finds the records of a page, on a thread for such work: a page may hold tens of megabytes.
async fn split<C: Concept>(body: Bytes) -> Result<(Page<C>, Option<u64>)> {
    tokio::task::spawn_blocking(move || Page::split(&body)).await.map_err(|_| Error::Stopped)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_grow_and_shrink_within_their_limit() {
        let mut size = PageSize { next: 20, most: 2000 };
        let mut steps = Vec::new();
        for _ in 0..5 {
            steps.push(size.next);
            size.grow();
        }
        assert_eq!(steps, [20, 80, 320, 1280, 2000]);
        let mut after = |records, bytes| {
            size.grow();
            size.learn(records, bytes);
            size.next
        };
        assert_eq!(after(2000, 20 << 20), 500);
        assert_eq!(after(500, 5 << 20), 500);
        assert_eq!(after(200, 2 << 20), 500, "a short page says how long the next one would be");
        assert_eq!(after(1, usize::MAX), 1);
        assert_eq!([after(1, 1 << 10), after(4, 1 << 12), after(16, 1 << 14)], [4, 16, 64], "one long record says nothing of the others");
        size.halve();
        assert_eq!(size, PageSize::always(32));
    }
}
