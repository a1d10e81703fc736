//! Collections of STAC: those of an API's `/collections`, or those to which a catalogue links.

use std::{collections::VecDeque, sync::Arc};

use cube_backend::{Catalog, Kind};
use cube_catalog_stac::{StacCatalog, StacOptions};
use cube_query::{CollectionQuery, StacCollectionSearch};
use futures::{StreamExt, stream};
use serde_json::{Map, Value};

use super::{
    CollectionFacts,
    collections::{Collection, CollectionStream},
};
use crate::{Environment, Error, Result};

/// Documents that are followed in a catalogue of files.
const MOST_DOCUMENTS: usize = 2000;
/// Parameters of `/collections` that services with collection search understand.
const SEARCH: [&str; 5] = ["q", "bbox", "datetime", "limit", "sortby"];

/// The collections that answer a search; what the service does not filter is filtered here.
pub(super) async fn find(url: &str, query: &CollectionQuery, search: &StacCollectionSearch, environment: &Environment) -> Result<CollectionStream> {
    let root = read(url, environment).await?;
    if is_of_items(&root) {
        return Err(refused(url, "holds items, and does not describe their collections"));
    }
    let conforms = root.get("conformsTo").and_then(Value::as_array);
    let searches = conforms.into_iter().flatten().filter_map(Value::as_str).any(|c| c.contains("collection-search"));
    let data = link(&root, "data", url);
    let start = match &data {
        Some(address) if searches => with_parameters(address, search),
        Some(address) => address.clone(),
        None => url.to_owned(),
    };
    let walk = Walk { next: VecDeque::from([start]), seen: 0, environment: environment.clone() };
    let wanted = Arc::new(Wanted::new(query, searches));
    let pages = stream::try_unfold(walk, |mut walk| async move { Ok::<_, Error>(walk.step().await?.map(|page| (page, walk))) });
    let collections = pages.map(move |page| {
        let wanted = Arc::clone(&wanted);
        let kept: Vec<Result<Collection>> = match page {
            Ok(page) => page.into_iter().filter(|c| wanted.admits(c)).map(|c| Ok(Collection::Stac(c))).collect(),
            Err(e) => vec![Err(e)],
        };
        stream::iter(kept)
    });
    Ok(collections.flatten().boxed())
}

/// The one collection with this id.
pub(super) async fn describe(url: &str, id: &str, environment: &Environment) -> Result<Map<String, Value>> {
    let root = read(url, environment).await?;
    if let Some(address) = link(&root, "data", url) {
        let mut one = url::Url::parse(&address).map_err(|e| Error::failed(format!("`{address}` is not a URL"), e))?;
        one.set_query(None);
        if let Ok(mut path) = one.path_segments_mut() {
            path.pop_if_empty().push(id);
        }
        match read(one.as_str(), environment).await {
            Err(Error::Access(e)) if e.kind() == cube_access::Kind::NotFound => {}
            other => return other,
        }
    } else if !is_of_items(&root) {
        let mut all = find(url, &CollectionQuery::new(), &StacCollectionSearch::default(), environment).await?;
        while let Some(collection) = all.next().await.transpose()? {
            match collection {
                Collection::Stac(found) if found.get("id").is_some_and(|i| i == id) => return Ok(found),
                _ => {}
            }
        }
    }
    let catalog = StacCatalog::open(url, Arc::new(environment.access().clone()), StacOptions::default()).await?;
    catalog.check(&[id.to_owned()]).await?;
    Err(cube_backend::Error::new(Kind::NotFound, format!("`{url}` has items of `{id}`, and no description of it")).into())
}

async fn read(url: &str, environment: &Environment) -> Result<Map<String, Value>> {
    let bytes = environment.access().read(url).await?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(document)) => Ok(document),
        _ => Err(refused(url, "is not a STAC document")),
    }
}

fn is_of_items(document: &Map<String, Value>) -> bool {
    document.get("type").is_some_and(|kind| kind == "Feature" || kind == "FeatureCollection")
}

fn refused(url: &str, what: &str) -> Error {
    let name = cube_access::public_name(url);
    Error::refused(
        format!("`{name}` {what}"),
        "give the root of a STAC API, or a catalog.json; a file of items is searched with `cube search --stac`",
    )
}

fn links<'a>(document: &'a Map<String, Value>, rel: &'a str) -> impl Iterator<Item = &'a str> {
    let all = document.get("links").and_then(Value::as_array).into_iter().flatten();
    all.filter(move |l| l["rel"] == rel).filter_map(|l| l["href"].as_str())
}

fn link(document: &Map<String, Value>, rel: &str, base: &str) -> Option<String> {
    links(document, rel).next().map(|href| absolute(base, href))
}

/// A link as it is meant by the document that has it.
fn absolute(base: &str, href: &str) -> String {
    if href.contains("://") || href.starts_with('/') && !base.contains("://") {
        return href.to_owned();
    }
    match url::Url::parse(base) {
        Ok(base) => base.join(href).map_or_else(|_| href.to_owned(), String::from),
        Err(_) => {
            let folder = std::path::Path::new(base).parent().unwrap_or_else(|| std::path::Path::new(""));
            folder.join(href.trim_start_matches("./")).to_string_lossy().into_owned()
        }
    }
}

fn with_parameters(address: &str, search: &StacCollectionSearch) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return address.to_owned() };
    for (name, value) in search.0.iter().filter(|(name, _)| SEARCH.contains(&name.as_str())) {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(all) if name == "sortby" => all.iter().map(sort_key).collect::<Vec<_>>().join(","),
            Value::Array(all) => all.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        url.query_pairs_mut().append_pair(name, &text);
    }
    url.into()
}

fn sort_key(key: &Value) -> String {
    let sign = if key["direction"] == "desc" { '-' } else { '+' };
    format!("{sign}{}", key["field"].as_str().unwrap_or_default())
}

/// Where a walk through collections stands.
struct Walk {
    next: VecDeque<String>,
    seen: usize,
    environment: Environment,
}

impl Walk {
    /// The collections of the next document; `None` when there are no more.
    async fn step(&mut self) -> Result<Option<Vec<Map<String, Value>>>> {
        let Some(url) = self.next.pop_front() else { return Ok(None) };
        self.seen += 1;
        if self.seen > MOST_DOCUMENTS {
            return Err(Error::refused(format!("the catalogue has more than {MOST_DOCUMENTS} documents"), "name the part of it that is meant"));
        }
        let mut document = read(&url, &self.environment).await?;
        if let Some(Value::Array(all)) = document.remove("collections") {
            self.next.extend(link(&document, "next", &url));
            return Ok(Some(all.into_iter().filter_map(|c| if let Value::Object(c) = c { Some(c) } else { None }).collect()));
        }
        let children = links(&document, "child").map(|href| absolute(&url, href));
        self.next.extend(children);
        let is_collection = document.get("type").is_some_and(|t| t == "Collection") || document.contains_key("extent");
        Ok(Some(if is_collection { vec![document] } else { Vec::new() }))
    }
}

/// What a collection must be like.
#[derive(Debug)]
struct Wanted {
    /// In lower case; empty where the service has looked for them.
    words: Vec<String>,
    ids: Vec<String>,
    query: CollectionQuery,
}

impl Wanted {
    fn new(query: &CollectionQuery, searches: bool) -> Self {
        let keyword = query.keyword.as_deref().filter(|_| !searches).unwrap_or_default().to_lowercase();
        let words = match keyword.strip_prefix('"').and_then(|k| k.strip_suffix('"')) {
            Some(phrase) => vec![phrase.to_owned()],
            None => keyword.split_whitespace().map(|w| w.trim_matches('*').to_owned()).collect(),
        };
        let versioned = query.entry_id.iter().filter_map(|id| id.rsplit_once('_')).map(|(name, version)| format!("{name}.v{version}"));
        let ids = query.short_name.iter().chain(&query.entry_id).cloned().chain(versioned).collect();
        Self { words, ids, query: query.clone() }
    }

    fn admits(&self, collection: &Map<String, Value>) -> bool {
        let facts = CollectionFacts::of_stac(collection);
        let keywords = collection.get("keywords").map(Value::to_string).unwrap_or_default();
        let text = [facts.id.as_str(), facts.title.as_deref().unwrap_or_default(), facts.description.as_deref().unwrap_or_default(), &keywords];
        let text = text.join("\n").to_lowercase();
        self.words.iter().all(|w| text.contains(w.as_str()))
            && (self.ids.is_empty() || self.ids.contains(&facts.id))
            && self.in_place(&facts)
            && self.in_time(&facts)
    }

    fn in_place(&self, facts: &CollectionFacts) -> bool {
        let Some([west, south, east, north]) = facts.bbox else { return true };
        let spans = |w: f64, e: f64| if w <= e { vec![(w, e)] } else { vec![(w, 180.0), (-180.0, e)] };
        self.query.bounding_box.iter().all(|b| {
            let beside = spans(b.west, b.east).iter().any(|(w, e)| spans(west, east).iter().any(|(cw, ce)| w <= ce && cw <= e));
            beside && b.south <= north && south <= b.north
        })
    }

    fn in_time(&self, facts: &CollectionFacts) -> bool {
        let instant = |t: &Option<String>| t.as_deref().and_then(|t| cube_core::Toi::parse(t).ok()?.periods().first()?.start);
        let (start, end) = (instant(&facts.start), instant(&facts.end));
        let meets = |p: &cube_core::Period| p.end.zip(start).is_none_or(|(e, s)| s < e) && p.start.zip(end).is_none_or(|(s, e)| s <= e);
        self.query.temporal.is_empty() || self.query.temporal.iter().any(|w| meets(&w.period))
    }
}
