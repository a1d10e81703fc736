//! Collections: which there are, and what one of them is.

use cube_query::{CollectionQuery, Converted, Query, Service};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{CollectionFacts, SearchOptions, SearchRegion, SearchService, stac_collections};
use crate::{Environment, Error, Result};

/// Collections, one by one, as they come.
pub type CollectionStream = BoxStream<'static, Result<Collection>>;

/// One collection, as its service wrote it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Collection {
    /// A record of CMR: `meta` and `umm` (UMM-C).
    Umm(Value),
    /// A STAC Collection.
    Stac(Map<String, Value>),
}

impl Collection {
    /// What most people want to know of it.
    pub fn facts(&self) -> CollectionFacts {
        match self {
            Self::Umm(record) => CollectionFacts::of_umm(record),
            Self::Stac(collection) => CollectionFacts::of_stac(collection),
        }
    }

    /// As CMR wrote it.
    pub fn umm(&self) -> Option<&Value> {
        match self {
            Self::Umm(record) => Some(record),
            Self::Stac(_) => None,
        }
    }

    /// As a STAC Collection.
    ///
    /// # Errors
    /// A record of CMR that cannot be understood.
    pub fn to_stac(&self) -> Result<Map<String, Value>> {
        match self {
            Self::Umm(record) => super::convert::collection_to_stac(record),
            Self::Stac(collection) => Ok(collection.clone()),
        }
    }
}

/// What collections are looked for.
#[derive(Debug, Clone, Default)]
pub struct CollectionsAsked {
    /// A query that was written down.
    pub base: Option<Query>,
    /// What is asked beside it.
    pub query: CollectionQuery,
    /// Where.
    pub region: Option<SearchRegion>,
}

impl CollectionsAsked {
    /// The question as one query.
    ///
    /// # Errors
    /// A query for granules or items; everything that is wrong with the values, at once.
    pub fn query(&self, service: Service) -> Result<CollectionQuery> {
        let base = match &self.base {
            None => CollectionQuery::new(),
            Some(Query::Collections(query)) => query.clone(),
            Some(_) => return Err(Error::refused("the query is not one for collections", "give it to `cube search --query`")),
        };
        let more = serde_json::to_value(&self.query).unwrap_or_default();
        let mut query = more.as_object().into_iter().flatten().fold(base, |query, (field, value)| query.with(field, value.clone()));
        if let Some(bounds) = self.region.as_ref().map(SearchRegion::bounds) {
            query = query.bounding_box(bounds);
        }
        let wrong: Vec<_> = query.validate_for(service).into_iter().filter(|p| p.kind == cube_query::ProblemKind::Wrong).collect();
        if wrong.is_empty() { Ok(query) } else { Err(cube_query::Invalid(wrong).into()) }
    }
}

/// Collections that were found.
pub struct CollectionsFound {
    /// The collections, as they come.
    pub collections: CollectionStream,
    /// What the service was not told, or was told otherwise.
    pub changes: Vec<cube_query::Change>,
}

impl std::fmt::Debug for CollectionsFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectionsFound").field("changes", &self.changes).finish_non_exhaustive()
    }
}

/// Looks for collections.
///
/// # Errors
/// What is wrong with the question, all at once; a service that cannot be reached or refuses it.
pub async fn collections(
    service: &SearchService,
    asked: &CollectionsAsked,
    options: &SearchOptions,
    environment: &Environment,
) -> Result<CollectionsFound> {
    match service {
        SearchService::Cmr(root) => {
            let results = super::cmr::client(root, options, environment)?.collections(&asked.query(Service::Cmr)?)?;
            let changes = results.changes().to_vec();
            let read = |record: cube_catalog_cmr::Record<cube_catalog_cmr::Collections>| Ok(Collection::Umm(record.read()?));
            let mut collections = results.items().map_err(Error::from).and_then(move |record| futures::future::ready(read(record))).boxed();
            let first = collections.try_next().await?;
            Ok(CollectionsFound { collections: stream::iter(first.map(Ok)).chain(collections).boxed(), changes })
        }
        SearchService::Stac(url) => {
            let query = asked.query(Service::Stac)?;
            let Converted { value: search, changes } = query.to_stac()?;
            let limit = query.limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            let collections = stac_collections::find(url, &query, &search, environment).await?.take(limit).boxed();
            Ok(CollectionsFound { collections, changes })
        }
    }
}

/// The one collection that is called so.
///
/// # Errors
/// None, or several, are called so; the hint names what is called alike.
pub async fn describe(service: &SearchService, id: &str, environment: &Environment) -> Result<Collection> {
    match service {
        SearchService::Cmr(root) => {
            let record = super::cmr::client(root, &SearchOptions::default(), environment)?.describe(id).await?;
            Ok(Collection::Umm(record.read()?))
        }
        SearchService::Stac(url) => stac_collections::describe(url, id, environment).await.map(Collection::Stac),
    }
}
