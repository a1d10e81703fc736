//! The catalogue: finds out what lies at an address, and answers queries from it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use cube_backend::{Catalog, Error, Kind, PatchQuery, PatchStream, Result};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde_json::Value;

use crate::{
    api::{Api, ItemPages},
    collection_file::{self, Content},
    document::{Head, Nature},
    found::{self, ItemStream, Pages},
    geoparquet::Index,
    http::{self, Http},
    item::Item,
    location::Location,
    walk::Walk,
    wanted::Wanted,
};

/// How a catalogue is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StacOptions {
    /// Properties that patches carry beside the usual ones (`eo:cloud_cover`, …): what a mosaic order asks for.
    pub properties: Vec<String>,
    /// Items that are asked for at once; fewer when the server wants that.
    pub page_limit: usize,
    /// Headers for the catalogue's own host.
    pub headers: Vec<(String, String)>,
}

impl Default for StacOptions {
    fn default() -> Self {
        Self { properties: Vec::new(), page_limit: 250, headers: Vec::new() }
    }
}

/// STAC as a catalogue: an API, a static catalogue, an item collection, an item, a stac-geoparquet file.
#[derive(Debug)]
pub struct StacCatalog {
    at: Location,
    http: Arc<dyn Http>,
    options: StacOptions,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// An API, perhaps one collection of it.
    Api(Arc<Api>, Option<String>),
    /// Pages of items that begin at a URL.
    Paged(Arc<Api>, Location),
    Static,
    Items(Content),
    Item(Box<Item>),
    Index(Arc<Index>),
}

impl StacCatalog {
    /// Finds out what lies at a URL or a path: the landing page of an API (or one of its collections), a catalogue or collection,
    /// an item collection, an item, a list of items (JSON, or one a line in `.ndjson`), a stac-geoparquet file, or a folder with a `catalog.json`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when nothing is there, [`Kind::Invalid`] when it is not STAC.
    pub async fn open(address: &str, http: Arc<dyn Http>, options: StacOptions) -> Result<Self> {
        Self::open_at(in_folder(Location::parse(address)?)?, http, options).await
    }

    fn open_at(at: Location, http: Arc<dyn Http>, options: StacOptions) -> BoxFuture<'static, Result<Self>> {
        async move {
            if at.ends_with(&[".parquet", ".geoparquet"]) {
                let (store, path) = http.object(at.as_str()).await?;
                let index = Index::open(store, path, at.clone()).await?;
                return Ok(Self { at, http, options, source: Source::Index(Arc::new(index)) });
            }
            let content = match at.path() {
                Some(path) => Content::Local(path.to_owned()),
                None => Content::Memory(http::read(&*http, &at, &options.headers).await?),
            };
            let (head, content) = read_head(content, at.clone()).await?;
            let links = head.links();
            let api = |root: &Location| Arc::new(Api::new(Arc::clone(&http), options.headers.clone(), root.clone(), &head, options.page_limit));
            let source = match head.kind(&at)? {
                Nature::Api => Source::Api(api(&at), None),
                Nature::ApiCollection => {
                    let root = links.iter().find(|l| l.rel == "root").map(|l| at.relative(&l.href)).filter(|r| *r != at);
                    let id = head.id.as_ref().and_then(Value::as_str).map(str::to_owned);
                    let below = match root {
                        Some(root) => Self::open_at(root, Arc::clone(&http), options.clone()).await.ok().map(|c| c.source),
                        None => None,
                    };
                    match (below, links.iter().find(|l| l.rel == "items")) {
                        (Some(Source::Api(api, _)), _) => Source::Api(api, id),
                        (_, Some(items)) if at.is_http() => Source::Paged(api(&at), at.relative(&items.href)),
                        _ => Source::Static,
                    }
                }
                Nature::Items if at.is_http() && links.iter().any(|l| l.rel == "next") => Source::Paged(api(&at), at.clone()),
                Nature::Items => Source::Items(content),
                Nature::Static => Source::Static,
                Nature::Item => Source::Item(Box::new(Item::new(http::read_json(&*http, &at, &options.headers).await?, &at, None)?)),
            };
            Ok(Self { at, http, options, source })
        }
        .boxed()
    }

    /// The items that answer a query, whole, with absolute hrefs. Everything that [`Catalog::patches`] promises holds for them.
    pub fn items(&self, query: &PatchQuery) -> ItemStream {
        match self.pages(query, true) {
            Ok((pages, wanted)) => found::items(pages, wanted),
            Err(e) => stream::once(async { Err(e) }).boxed(),
        }
    }

    /// What an API answers to a body of `/search`, page by page and not filtered again; `None` where there is no API, whose items
    /// [`Self::items`] finds.
    pub fn answers(&self, mut body: serde_json::Map<String, Value>) -> Option<ItemPages> {
        let Source::Api(api, collection) = &self.source else { return None };
        if let Some(id) = collection
            && !body.contains_key("collections")
        {
            body.insert("collections".into(), serde_json::json!([id]));
        }
        Some(Arc::clone(api).answers(body))
    }

    /// Whether an API filters by CQL2, and whether it understands the `query` extension; `None` where there is no API.
    pub fn understands(&self) -> Option<(bool, bool)> {
        let Source::Api(api, _) = &self.source else { return None };
        Some((api.filters(), api.queries()))
    }

    /// Whether an API says that it sorts; `None` where there is no API.
    pub fn sorts(&self) -> Option<bool> {
        let Source::Api(api, _) = &self.source else { return None };
        Some(api.sorts())
    }

    /// Pages of items; `whole` when the items themselves are wanted.
    fn pages(&self, query: &PatchQuery, whole: bool) -> Result<(Pages, Arc<Wanted>)> {
        let mut query = query.clone();
        if let Source::Api(_, Some(id)) = &self.source
            && query.collections.is_empty()
        {
            query.collections.push(id.clone());
        }
        let service_filters = matches!(&self.source, Source::Api(api, _) if api.filters());
        let wanted = Wanted::new(&query, &self.options.properties, service_filters)?;
        let wanted = Arc::new(if whole { wanted.by_stated_place() } else { wanted });
        let pages = match &self.source {
            Source::Api(api, _) => Arc::clone(api).pages(query, &wanted)?,
            Source::Paged(api, first) => Arc::clone(api).pages_from(first.clone()),
            Source::Static => self.walk(Some(Arc::clone(&wanted))).pages(),
            Source::Items(content) => collection_file::pages(content.clone(), self.at.clone()),
            Source::Item(item) => {
                let page = vec![(**item).clone()];
                stream::once(async { Ok(page) }).boxed()
            }
            Source::Index(index) => Arc::clone(index).pages(Arc::clone(&wanted), whole),
        };
        Ok((pages, wanted))
    }

    fn walk(&self, wanted: Option<Arc<Wanted>>) -> Walk {
        Walk::new(Arc::clone(&self.http), self.options.headers.clone().into(), self.at.clone(), wanted)
    }

    /// The collections of a source that is no API, read until those that are asked for have been met.
    async fn collections(&self, until: &[String]) -> Result<BTreeSet<String>> {
        let mut met = BTreeSet::new();
        let complete = |met: &BTreeSet<String>| until.iter().all(|c| met.contains(c));
        if let Source::Index(index) = &self.source {
            return index.collections().await;
        }
        if matches!(self.source, Source::Static) {
            let mut walk = self.walk(None);
            while !complete(&met) && walk.step().await?.is_some() {
                met.extend(walk.collections.drain(..));
            }
            if complete(&met) || !met.is_empty() {
                return Ok(met);
            }
        }
        let (mut pages, _) = self.pages(&PatchQuery::default(), false)?;
        while !complete(&met) {
            let Some(page) = pages.try_next().await? else { break };
            met.extend(page.iter().map(|item| item.collection().to_owned()));
        }
        Ok(met)
    }
}

#[async_trait]
impl Catalog for StacCatalog {
    async fn check(&self, collections: &[String]) -> Result<()> {
        if let Source::Api(api, _) = &self.source {
            return api.check(collections).await;
        }
        if collections.is_empty() {
            return Ok(());
        }
        let met = self.collections(collections).await?;
        match collections.iter().find(|c| !met.contains(*c)) {
            Some(missing) => Err(unknown_collection(missing, &self.at, &met.into_iter().collect::<Vec<_>>())),
            None => Ok(()),
        }
    }

    fn patches(&self, query: &PatchQuery) -> PatchStream {
        match self.pages(query, false) {
            Ok((pages, wanted)) => found::patches(pages, wanted),
            Err(e) => stream::once(async { Err(e) }).boxed(),
        }
    }
}

/// The error that names a collection which does not exist, with the most alike of those that do.
pub(crate) fn unknown_collection(id: &str, at: &Location, ids: &[String]) -> Error {
    let error = Error::new(Kind::NotFound, format!("the catalogue `{at}` has no collection `{id}`"));
    let letters = |t: &str| t.to_ascii_lowercase().bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<_>>();
    let wanted = letters(id);
    let alike = |other: &String| {
        let other = letters(other);
        let common = wanted.iter().zip(&other).take_while(|(a, b)| a == b).count();
        std::cmp::Reverse((common * 2).saturating_sub(wanted.len().abs_diff(other.len())))
    };
    let mut best: Vec<&String> = ids.iter().collect();
    best.sort_by_key(|other| (alike(other), other.as_str()));
    match (ids.len(), best.iter().take(5).map(|b| format!("`{b}`")).collect::<Vec<_>>().join(", ")) {
        (0, _) => error.with_hint("the catalogue names no collections: leave them out"),
        (1..=5, all) => error.with_hint(format!("it has {all}")),
        (n, some) => error.with_hint(format!("it has {n} collections, among them {some}")),
    }
}

/// The document that a local folder means.
fn in_folder(at: Location) -> Result<Location> {
    let Some(path) = at.path().filter(|p| p.is_dir()) else { return Ok(at) };
    let named = |name: &&str| Path::new(path).join(name).is_file();
    match ["catalog.json", "collection.json"].iter().find(|n| named(n)) {
        Some(name) => Ok(at.inside(name)),
        None => Err(Error::new(Kind::NotFound, format!("the folder `{at}` has no `catalog.json`"))
            .with_hint(format!("make a catalogue of the rasters in it: `cube index {at} --out index.parquet`"))),
    }
}

async fn read_head(content: Content, at: Location) -> Result<(Head, Content)> {
    let task = tokio::task::spawn_blocking(move || {
        let head = content.open().and_then(|from| {
            if at.ends_with(&[".ndjson", ".jsonl"]) {
                return Ok(Head::of_items());
            }
            Head::read(from, &at)
        })?;
        Ok((head, content))
    });
    task.await.map_err(|e| Error::new(Kind::Unavailable, "reading the catalogue was stopped").with_source(e))?
}
