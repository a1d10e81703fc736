//! CMR as the source of a cube: granules become patches.
//!
//! ```text
//!  PatchQuery ─▶ Question (ask) ─▶ GranuleQuery ─▶ pages of granules ─▶ admitted (again, by every condition) ─▶ patch ─▶ each id, each scene once
//! ```

mod ask;
mod assets;
mod conditions;
mod cql2;
mod outline;
mod patch;
mod scene;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use cube_access::{Access, earthdata::Earthdata};
use cube_backend::{Catalog, PatchQuery, PatchStream, answer};
use cube_core::PatchIndex;
use cube_query::GranuleQuery;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{Cmr, CmrOptions, Error, Granules, Page, Record, Result, Results, catalog::ask::Question, names::Named};

/// Records in the first page of a search: a sample of a source is one granule.
const FIRST_PAGE: u64 = 20;

/// How granules become patches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogOptions {
    /// Properties that patches carry beside the usual ones (`eo:cloud_cover`, `platform`): what a mosaic order asks for.
    pub properties: Vec<String>,
    /// The provider (`LPCLOUD`) whose collections the catalogue has; none means those of all providers.
    pub provider: Option<String>,
    /// Whether HDF5 and netCDF files have a DMR++ beside them, under their name with `.dmrpp`, also where the record lists none.
    pub has_sidecars: bool,
    /// How CMR is asked.
    pub client: CmrOptions,
}

/// CMR as a catalogue. The id of a patch is `concept id of the collection/granule UR`.
#[derive(Debug)]
pub struct CmrCatalog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cmr: Cmr,
    /// Learns from granules whose keys open their buckets.
    earthdata: Earthdata,
    options: CatalogOptions,
    /// Collections by the names under which they were asked for.
    known: Mutex<HashMap<String, Named>>,
}

impl CmrCatalog {
    /// The catalogue at the root of a CMR; see [`Cmr::new`]. Asks nobody.
    ///
    /// # Errors
    /// [`Error::Given`] for what is no root of a CMR.
    pub fn open(root: &str, access: &Access, options: CatalogOptions) -> Result<Self> {
        let cmr = Cmr::new(root, access, options.client.clone())?;
        Ok(Self { shared: Arc::new(Shared { cmr, earthdata: access.earthdata().clone(), options, known: Mutex::default() }) })
    }

    /// The client that it asks with.
    pub fn cmr(&self) -> &Cmr {
        &self.shared.cmr
    }
}

#[async_trait]
impl Catalog for CmrCatalog {
    async fn check(&self, collections: &[String]) -> cube_backend::Result<()> {
        if collections.is_empty() {
            // Whether there is a CMR at all: counting the collections of an id that none has is the least it can be asked.
            self.shared.cmr.collections(&cube_query::CollectionQuery::new().concept_id("C1-NONE"))?.matched().await?;
        }
        for id in collections {
            self.shared.collection(id).await?;
        }
        Ok(())
    }

    fn patches(&self, query: &PatchQuery) -> PatchStream {
        let (shared, query) = (Arc::clone(&self.shared), query.clone());
        stream::once(async move { shared.patches(&query).await }).try_flatten().boxed()
    }
}

impl Shared {
    /// The one collection that is called so.
    async fn collection(&self, id: &str) -> Result<Named> {
        let known = |shared: &Self| shared.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(named) = known(self) {
            return Ok(named);
        }
        if matches!(cube_query::CollectionId::parse(id), cube_query::CollectionId::Granule(_)) {
            return Err(Error::given(format!("`{id}` is a granule, not a collection"), "give its collection, and narrow the time and the area"));
        }
        let named = Named::of(&self.cmr.describe(id).await?)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), named.clone());
        Ok(named)
    }

    async fn patches(self: Arc<Self>, query: &PatchQuery) -> cube_backend::Result<PatchStream> {
        let mut collections = Vec::new();
        for id in &query.collections {
            collections.push(self.collection(id).await?.concept_id);
        }
        collections.sort_unstable();
        collections.dedup();
        let question = Question::new(query, collections, &self.options)?;
        let Some(asked) = question.to_granules() else { return Ok(stream::empty().boxed()) };
        let results = self.narrowed(asked, &question).await?.small_first(FIRST_PAGE).ahead_by(1);
        let question = Arc::new(question);
        let pages = results.pages().map_err(cube_backend::Error::from).and_then(move |page| {
            let (question, shared) = (Arc::clone(&question), Arc::clone(&self));
            async move {
                let task = tokio::task::spawn_blocking(move || admitted(&page, &question, &shared.earthdata));
                task.await.map_err(|_| cube_backend::Error::from(Error::Stopped))?
            }
        });
        Ok(answer(pages.boxed(), |patch| patch))
    }

    /// The search, with cloud cover where CMR can be told of it. CMR knows it only of granules whose record has the field; in some collections it
    /// stands among the additional attributes instead, and a search by it would leave those out. Counting tells.
    async fn narrowed(&self, asked: GranuleQuery, question: &Question) -> Result<Results<Granules>> {
        let all = self.cmr.granules(&asked)?;
        let Some(range) = question.cloud_cover() else { return Ok(all) };
        let known = self.cmr.granules(&asked.clone().cloud_cover([0, 100]))?;
        let (all_of_them, with_field) = (all.matched().await?, known.matched().await?);
        if all_of_them != with_field {
            tracing::info!(all_of_them, with_field, "CMR does not know the cloud cover of all granules: they are filtered here");
            return Ok(all);
        }
        self.cmr.granules(&asked.cloud_cover(range))
    }
}

/// The patches among the granules of a page.
fn admitted(page: &Page<Granules>, question: &Question, earthdata: &Earthdata) -> cube_backend::Result<Vec<Option<PatchIndex>>> {
    let admit = |record: &Record<Granules>| {
        let granule = record.granule()?;
        let patch = question.admit(&granule)?;
        for bucket in patch.iter().flat_map(buckets) {
            earthdata.learn_bucket(bucket, granule.s3_credentials_endpoint(), granule.provider());
        }
        Ok(patch)
    };
    page.records().iter().map(admit).collect()
}

/// The buckets that the files of a patch lie in.
fn buckets(patch: &PatchIndex) -> BTreeSet<&str> {
    let places = patch.assets.values().flat_map(|asset| std::iter::once(&asset.href).chain(asset.alternates.values()));
    places.filter_map(|href| href.strip_prefix("s3://")?.split('/').next()).collect()
}
