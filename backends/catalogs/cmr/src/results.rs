//! What a search finds: counted, paged, iterated as often as one likes.

use std::sync::Arc;

use bytes::Bytes;
use cube_query::Change;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tokio::sync::OnceCell;

use crate::{
    Cmr, Error, Result,
    ahead::{PageStream, ahead},
    page::{Concept, Record},
    pager::{HALVINGS, PageSize},
    plan::{self, Plan, Searches},
    service::{Reply, Search, Service, Start},
    walk::{Filter, Walk},
};

/// Records, one by one. An error ends them.
pub type RecordStream<C> = BoxStream<'static, Result<Record<C>>>;
/// Above so many records, having all of them at once is worth a warning.
const MANY: usize = 10_000;

/// What a search finds. Cheap to clone. Nothing is asked before it is needed, and every iteration asks anew.
///
/// Memory holds one page more than [`CmrOptions::prefetch_pages`](crate::CmrOptions::prefetch_pages), however many records there are.
#[derive(Debug)]
pub struct Results<C> {
    service: Service,
    shared: Arc<Shared>,
    size: PageSize,
    prefetch: usize,
    filters: Vec<Filter<C>>,
}

#[derive(Debug)]
struct Shared {
    plan: Plan,
    searches: OnceCell<Vec<Search>>,
    matched: OnceCell<u64>,
}

impl<C> Clone for Results<C> {
    fn clone(&self) -> Self {
        let (service, shared, filters) = (self.service.clone(), Arc::clone(&self.shared), self.filters.clone());
        Self { service, shared, size: self.size, prefetch: self.prefetch, filters }
    }
}

impl<C: Concept> Results<C> {
    pub(crate) fn new(service: Service, plan: Plan) -> Self {
        let options = service.options();
        let size = PageSize::always(plan.page_size.unwrap_or(options.page_size).min(plan.limit.unwrap_or(u64::MAX)));
        let prefetch = options.prefetch_pages;
        let shared = Arc::new(Shared { plan, searches: OnceCell::new(), matched: OnceCell::new() });
        Self { service, shared, size, prefetch, filters: Vec::new() }
    }

    /// Records in a page, and pages ahead, for these results alone.
    #[must_use]
    pub fn paged(mut self, page_size: u64, prefetch_pages: usize) -> Self {
        self.size = PageSize::always(page_size.clamp(1, cube_query::CMR_PAGE_SIZE));
        self.prefetch = prefetch_pages;
        self
    }

    /// So many pages ahead, for these results alone.
    #[must_use]
    pub(crate) fn ahead_by(mut self, pages: usize) -> Self {
        self.prefetch = self.prefetch.min(pages);
        self
    }

    /// The first page small, the next ones larger up to the size of a page: for who may want a few records alone.
    #[must_use]
    pub fn small_first(mut self, first: u64) -> Self {
        self.size.next = first.min(self.size.most).max(1);
        self
    }

    /// Leaves out the records for which `wanted` says no. Several filters must all say yes. A limit counts what they let through.
    #[must_use]
    pub fn filter_records(mut self, wanted: impl Fn(&Record<C>) -> Result<bool> + Send + Sync + 'static) -> Self {
        // A page of a few wanted records says nothing of how many must be asked for.
        if self.filters.is_empty() {
            let most = self.shared.plan.page_size.unwrap_or(self.service.options().page_size).max(self.size.most);
            self.size = PageSize { next: self.size.next.max(most.min(self.size.next.saturating_mul(4))), most };
        }
        self.filters.push(Filter(Arc::new(wanted)));
        self
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// What CMR could not be told of the query, or was told otherwise.
    pub fn changes(&self) -> &[Change] {
        &self.shared.plan.changes
    }

    /// How many records CMR has for the search: before filters on this side, and without regard to a limit. Asked once, with a page of no records.
    ///
    /// Where the query becomes several searches it is their sum, in which a record counts once for each that finds it: see [`Results::is_exact`].
    ///
    /// # Errors
    /// [`Error::TimedOut`] when CMR could not count in time, and what any request may end in.
    pub async fn matched(&self) -> Result<u64> {
        let count = async {
            let mut sum = 0;
            for search in self.searches().await? {
                sum += self.hits(search).await?;
            }
            Ok::<_, Error>(sum)
        };
        self.shared.matched.get_or_try_init(|| count).await.copied()
    }

    /// Whether [`Results::matched`] is the number of records that will come: one search, no filter, no limit below it.
    ///
    /// # Errors
    /// What finding the collections of a query may end in.
    pub async fn is_exact(&self) -> Result<bool> {
        Ok(self.filters.is_empty() && self.shared.plan.limit.is_none() && self.searches().await?.len() <= 1)
    }

    /// Pages, in CMR's order. Those that filters leave empty are skipped.
    pub fn pages(&self) -> PageStream<C> {
        let (results, prefetch) = (self.clone(), self.prefetch);
        ahead(async move { results.walk().await }, prefetch)
    }

    /// Records, one by one, in CMR's order.
    pub fn items(&self) -> RecordStream<C> {
        self.pages().map_ok(|page| stream::iter(page.into_records().into_iter().map(Ok))).try_flatten().boxed()
    }

    /// The records as they came, `{"meta": …, "umm": …}`; [`cube_metadata::Raw::parse`] tells whether one is JSON throughout.
    pub fn to_umm(&self) -> BoxStream<'static, Result<Bytes>> {
        self.items().map_ok(|record| record.bytes()).boxed()
    }

    /// All records at once. Memory grows with them: above 10,000 a warning is logged; [`Results::pages`] and [`Results::items`] hold a few pages.
    ///
    /// # Errors
    /// The first of any page.
    pub async fn get_all(&self) -> Result<Vec<Record<C>>> {
        let mut all = Vec::new();
        let mut pages = self.pages();
        while let Some(page) = pages.try_next().await? {
            let before = all.len();
            all.extend(page.into_records());
            if before <= MANY && all.len() > MANY {
                tracing::warn!(records = all.len(), "more than {MANY} {}s are gathered in memory; iterate over them instead", C::NAME);
            }
        }
        Ok(all)
    }

    async fn walk(&self) -> Result<Walk<C>> {
        let searches = self.searches().await?.to_vec();
        Ok(Walk::new(self.service.clone(), searches, self.size, self.filters.clone(), self.shared.plan.limit))
    }

    async fn hits(&self, search: &Search) -> Result<u64> {
        let mut tries = 0;
        let answer = loop {
            match self.service.ask(search, 0, &Start::After(None)).await? {
                Reply::Page(answer) => break answer,
                Reply::TimedOut { request_id } if tries == HALVINGS => return Err(Error::TimedOut { page_size: 0, request_id }),
                Reply::TimedOut { request_id } => tracing::warn!(request_id, "CMR ran out of time: it is asked again how many there are"),
            }
            tries += 1;
        };
        let stated = || crate::page::Page::<C>::split(&answer.body).map(|(_, hits)| hits);
        match answer.hits {
            Some(hits) => Ok(hits),
            None => {
                stated()?.ok_or_else(|| Error::Corrupt { what: "the answer of CMR does not say how many records there are".into(), source: None })
            }
        }
    }

    /// The searches of the query; the collections that it describes are looked for once.
    async fn searches(&self) -> Result<&[Search]> {
        let query = match &self.shared.plan.searches {
            Searches::Known(searches) => return Ok(searches),
            Searches::InCollections(query) => query,
        };
        let find = async {
            let mut found = Vec::new();
            for part in query.collection_queries() {
                let collections = Cmr::of(self.service.clone()).collections(&part)?;
                for record in collections.get_all().await? {
                    found.push(record.meta()?.concept_id);
                }
            }
            found.sort_unstable();
            found.dedup();
            // Without a collection there are no granules either, and no search.
            Ok::<_, Error>(
                query.in_collections(found).map(|q| plan::granule_searches(&q)).transpose()?.map_or_else(Vec::new, |(searches, _)| searches),
            )
        };
        self.shared.searches.get_or_try_init(|| Box::pin(find)).await.map(Vec::as_slice)
    }
}
