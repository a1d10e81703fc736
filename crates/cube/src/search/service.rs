//! Which service is asked, and its answer.

use std::fmt;

use cube_query::Change;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use cube_catalog_cmr::{Granules, Results};
use cube_metadata::StacVersion;

use super::{Asked, RecordStream, cmr, stac};
use crate::{Environment, Result};

/// NASA's Common Metadata Repository.
pub const CMR: &str = "https://cmr.earthdata.nasa.gov";
/// The same for trials.
pub const CMR_UAT: &str = "https://cmr.uat.earthdata.nasa.gov";

/// A service that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchService {
    /// CMR, by its root: [`CMR`], [`CMR_UAT`], or one that stands in for it.
    Cmr(String),
    /// A STAC API, static catalogue, item collection or stac-geoparquet index.
    Stac(String),
}

/// How a service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchOptions {
    /// Records of a page; as the service is used to, when absent.
    pub page_size: Option<usize>,
    /// Pages that are asked for ahead of the reader. Their product with the size of a page bounds memory.
    pub prefetch_pages: usize,
    /// The STAC that records of CMR become.
    pub stac_version: StacVersion,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { page_size: None, prefetch_pages: 2, stac_version: StacVersion::default() }
    }
}

/// How many records a service has.
#[derive(Debug, Clone)]
pub enum Matched {
    /// As it said with the first page; absent where it does not say.
    Said(Option<u64>),
    /// It says so when it is asked.
    Asked(Box<Results<Granules>>),
}

impl Matched {
    /// The number; one request, where the service has not said it yet.
    ///
    /// # Errors
    /// A service that cannot be reached or does not answer in time.
    pub async fn count(&self) -> Result<Option<u64>> {
        match self {
            Self::Said(count) => Ok(*count),
            Self::Asked(results) => Ok(Some(results.matched().await?)),
        }
    }
}

/// What a service answers.
pub struct Found {
    /// How many records the service has for what it was told.
    pub matched: Matched,
    /// Whether records are filtered here beyond what the service was told: `matched` may then be more than there are.
    pub is_filtered: bool,
    /// The records, as they come: at most as many as were asked for.
    pub records: RecordStream,
    /// What the service was not told, or was told otherwise.
    pub changes: Vec<Change>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("matched", &self.matched).field("changes", &self.changes).finish_non_exhaustive()
    }
}

/// Asks a service. The first page is there when this returns, so that what is wrong with the question is known before anything is written.
///
/// # Errors
/// What is wrong with the question, all at once; a service that cannot be reached or refuses it.
pub async fn search(service: &SearchService, asked: &Asked, options: &SearchOptions, environment: &Environment) -> Result<Found> {
    let mut found = match service {
        SearchService::Cmr(root) => cmr::search(root, asked, options, environment).await?,
        SearchService::Stac(url) => stac::search(url, asked, options, environment).await?,
    };
    if let Some(limit) = asked.limit() {
        found.records = found.records.take(usize::try_from(limit).unwrap_or(usize::MAX)).boxed();
    }
    Ok(found)
}

/// Counts what a question finds. The service is asked for its count alone, unless records have to be filtered here.
///
/// # Errors
/// As [`search`].
pub async fn count(service: &SearchService, asked: &Asked, options: &SearchOptions, environment: &Environment) -> Result<(u64, Vec<Change>)> {
    if let SearchService::Cmr(root) = service
        && let Some(counted) = cmr::count(root, asked, options, environment).await?
    {
        return Ok(counted);
    }
    // One record is enough where the service says how many there are.
    let one = SearchOptions { page_size: Some(1), prefetch_pages: 0, ..options.clone() };
    let found = search(service, asked, &one, environment).await?;
    let said = if found.is_filtered { None } else { found.matched.count().await? };
    if let Some(n) = said {
        return Ok((asked.limit().map_or(n, |limit| n.min(limit)), found.changes));
    }
    let found = search(service, asked, options, environment).await?;
    let count = found.records.try_fold(0, |n, _| async move { Ok(n + 1) }).await?;
    Ok((count, found.changes))
}

/// A stream whose next few values are made while the last one is used.
pub(super) fn ahead<T: Send + 'static>(mut pages: BoxStream<'static, Result<T>>, count: usize) -> BoxStream<'static, Result<T>> {
    if count == 0 {
        return pages;
    }
    let (sender, receiver) = tokio::sync::mpsc::channel(count);
    tokio::spawn(async move {
        // A place is taken before a page is asked for, so that no more than `count` wait.
        while let Ok(place) = sender.reserve().await {
            let Some(page) = pages.next().await else { return };
            place.send(page);
        }
    });
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|page| (page, receiver)) }).boxed()
}
