//! Results as STAC.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use bytes::Bytes;
use cube_metadata::{
    Report, StacVersion,
    convert::{self, Options},
    umm::Granule,
};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{Cmr, Collections, Error, Granules, Page, Record, Result, Results, page::Concept};

/// A record as STAC.
#[derive(Debug, Clone, PartialEq)]
pub struct StacRecord {
    /// An Item or a Collection, compact JSON in UTF-8.
    pub json: Bytes,
    /// What STAC says otherwise, or cannot say.
    pub report: Report,
}

/// Records as STAC, one by one. An error ends them.
pub type StacStream = BoxStream<'static, Result<StacRecord>>;

/// Ids in STAC of collections whose granules name them by title alone, by concept id.
type CollectionIds = HashMap<String, Option<String>>;

impl Results<Granules> {
    /// Leaves out the granules for which `wanted` says no: what CMR could not be told. Several filters must all say yes. A limit counts what they let
    /// through.
    #[must_use]
    pub fn filter(self, wanted: impl Fn(&Granule<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.filter_records(move |record| Ok(wanted(&record.granule()?)))
    }

    /// The granules as STAC Items. Where they name their collection by title alone, as those of HLS do, CMR is asked once what it is called.
    pub fn to_stac(&self, version: StacVersion) -> StacStream {
        let cmr = Cmr::of(self.service().clone());
        let known = Arc::new(Mutex::new(CollectionIds::new()));
        let pages = self.pages().and_then(move |page| {
            let (cmr, known) = (cmr.clone(), Arc::clone(&known));
            async move {
                let mut known = known.lock().await;
                let page = Arc::new(page);
                name_collections(&page, &cmr, &mut known).await?;
                let (ids, root) = (known.clone(), cmr.root().to_owned());
                in_background(move || page.records().iter().map(|r| item(r, version, &root, &ids)).collect::<Result<Vec<_>>>()).await
            }
        });
        one_by_one(pages.boxed())
    }
}

impl Results<Collections> {
    /// The collections as STAC Collections.
    pub fn to_stac(&self, version: StacVersion) -> StacStream {
        let root: Arc<str> = self.service().root().into();
        let pages = self.pages().and_then(move |page| {
            let root = Arc::clone(&root);
            in_background(move || page.records().iter().map(|r| collection(r, version, &root)).collect::<Result<Vec<_>>>())
        });
        one_by_one(pages.boxed())
    }
}

impl Record<Collections> {
    /// The collection as a STAC Collection; `root` is that of the CMR it came from.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is no collection.
    pub fn to_stac(&self, version: StacVersion, root: &str) -> Result<StacRecord> {
        collection(self, version, root)
    }
}

fn one_by_one(pages: BoxStream<'static, Result<Vec<StacRecord>>>) -> StacStream {
    pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
}

/// On a thread for computing: a page may hold thousands of records.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}

/// Finds what the collections are called that granules of a page name by title alone.
async fn name_collections(page: &Arc<Page<Granules>>, cmr: &Cmr, known: &mut CollectionIds) -> Result<()> {
    let records = Arc::clone(page);
    let unnamed = in_background(move || {
        let mut unnamed = BTreeSet::new();
        for record in records.records() {
            let granule = record.granule()?;
            if granule.collection_id().is_none() {
                unnamed.extend(granule.collection_concept_id().map(str::to_owned));
            }
        }
        Ok(unnamed)
    });
    for concept_id in unnamed.await? {
        if let Entry::Vacant(unknown) = known.entry(concept_id) {
            let found = cmr.named(unknown.key()).await?.pop();
            unknown.insert(found.map(|(_, named)| named.stac_id()));
        }
    }
    Ok(())
}

fn item(record: &Record<Granules>, stac_version: StacVersion, root: &str, ids: &CollectionIds) -> Result<StacRecord> {
    let granule = record.granule()?;
    let collection = granule.collection_concept_id().and_then(|id| ids.get(id)).and_then(Option::as_deref);
    let mut json = Vec::with_capacity(record.as_bytes().len() * 2);
    let report = convert::write_item(&granule, &Options { stac_version, cmr: root, collection }, &mut json).map_err(|e| refused(record, e))?;
    Ok(StacRecord { json: json.into(), report })
}

fn collection(record: &Record<Collections>, stac_version: StacVersion, root: &str) -> Result<StacRecord> {
    let umm: Value = record.read()?;
    let options = Options { stac_version, cmr: root, collection: None };
    let converted = convert::collection_to_stac(&umm, &options).map_err(|e| refused(record, e))?;
    Ok(StacRecord { json: converted.value.to_string().into(), report: converted.report })
}

fn refused<C: Concept>(record: &Record<C>, source: cube_metadata::MetadataError) -> Error {
    let id = record.meta().map(|m| m.concept_id).unwrap_or_default();
    Error::corrupt(format!("the {} `{id}` cannot be said in STAC", C::NAME), source)
}
