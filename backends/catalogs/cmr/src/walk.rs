//! The searches of a plan one after the other: each record once, filtered, up to a limit.

use std::{collections::HashSet, fmt, sync::Arc, vec};

use xxhash_rust::xxh3::xxh3_128;

use crate::{
    Error, Result,
    page::{Concept, Page, Record},
    pager::{PageSize, Pager},
    service::{Search, Service},
};

/// Whether a record is wanted.
pub(crate) struct Filter<C>(pub(crate) Arc<Judge<C>>);

type Judge<C> = dyn Fn(&Record<C>) -> Result<bool> + Send + Sync;

impl<C> Clone for Filter<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for Filter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// Where the searches are.
#[derive(Debug)]
pub(crate) struct Walk<C> {
    service: Service,
    open: vec::IntoIter<Search>,
    pager: Option<Pager>,
    size: PageSize,
    sieve: Option<Sieve<C>>,
    left: Option<u64>,
}

/// What lets a record through. Of those seen before it keeps 16 bytes each, and only where several searches may find the same.
#[derive(Debug)]
struct Sieve<C> {
    seen: Option<HashSet<u128>>,
    filters: Vec<Filter<C>>,
}

impl<C: Concept> Walk<C> {
    pub(crate) fn new(service: Service, searches: Vec<Search>, size: PageSize, filters: Vec<Filter<C>>, limit: Option<u64>) -> Self {
        let seen = (searches.len() > 1).then(HashSet::new);
        let sieve = (seen.is_some() || !filters.is_empty()).then_some(Sieve { seen, filters });
        Self { service, open: searches.into_iter(), pager: None, size, sieve, left: limit }
    }

    /// The next page that has a record which is wanted; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Page<C>>> {
        while self.left != Some(0) {
            let pager = match &mut self.pager {
                Some(pager) => pager,
                none => {
                    let Some(search) = self.open.next() else { break };
                    none.insert(Pager::new(self.service.clone(), search, self.size))
                }
            };
            let Some(mut page) = pager.next::<C>().await? else {
                self.size = pager.size();
                self.pager = None;
                continue;
            };
            page = self.sift(page).await?;
            if let Some(left) = &mut self.left {
                page.records_mut().truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= page.len() as u64;
            }
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    async fn sift(&mut self, page: Page<C>) -> Result<Page<C>> {
        let Some(mut sieve) = self.sieve.take() else { return Ok(page) };
        let task = tokio::task::spawn_blocking(move || (sieve.sift(page), sieve));
        let (page, sieve) = task.await.map_err(|_| Error::Stopped)?;
        self.sieve = Some(sieve);
        page
    }
}

impl<C: Concept> Sieve<C> {
    fn sift(&mut self, mut page: Page<C>) -> Result<Page<C>> {
        let mut failed = None;
        page.records_mut().retain(|record| {
            failed.is_none()
                && self.admits(record).unwrap_or_else(|e| {
                    failed = Some(e);
                    false
                })
        });
        failed.map_or(Ok(page), Err)
    }

    fn admits(&mut self, record: &Record<C>) -> Result<bool> {
        if let Some(seen) = &mut self.seen
            && !seen.insert(xxh3_128(record.meta()?.concept_id.as_bytes()))
        {
            return Ok(false);
        }
        for filter in &self.filters {
            if !(filter.0)(record)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
