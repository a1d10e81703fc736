//! Searching STAC: APIs in their own words, everything else by the catalogue's own filters.

use std::sync::Arc;

use cube_backend::PatchQuery;
use cube_catalog_stac::{ItemFilter, ItemPages, StacCatalog, StacOptions};
use cube_core::Extent;
use cube_query::{Change, Converted, Effect, Service, StacItemQuery};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::{Asked, Found, Matched, Record, SearchOptions, local::Local, service::ahead};
use crate::{Environment, Error, Result};

/// Items of a page, unless something else is asked for.
const PAGE: usize = 250;
/// Items of a page at least, however few are wanted: what is filtered here may take many to find those.
const FEW: usize = 25;

pub(super) async fn search(url: &str, asked: &Asked, options: &SearchOptions, environment: &Environment) -> Result<Found> {
    let all_of_it = asked.limit().and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let page_limit = options.page_size.unwrap_or(PAGE).clamp(1, 10_000).min(all_of_it.max(FEW));
    let options = SearchOptions { page_size: Some(page_limit), ..options.clone() };
    let catalog = StacCatalog::open(url, Arc::new(environment.access().clone()), StacOptions { page_limit, ..StacOptions::default() }).await?;
    match catalog.understands() {
        Some((filters, queries)) => of_api(&catalog, kind(url, filters, queries), asked, &options).await,
        None => of_files(&catalog, asked),
    }
}

/// In which words a STAC API is asked.
fn kind(url: &str, filters: bool, queries: bool) -> Service {
    let is_cmr_stac = url::Url::parse(url).is_ok_and(|u| {
        u.host_str().is_some_and(|h| h.starts_with("cmr.") && h.contains("earthdata"))
            || u.path_segments().is_some_and(|mut p| p.any(|s| s == "cloudstac"))
    });
    match (is_cmr_stac, filters, queries) {
        (true, ..) => Service::CmrStac,
        (_, true, true) => Service::Stac,
        (_, true, false) => Service::StacFilter,
        (_, false, _) => Service::StacQuery,
    }
}

async fn of_api(catalog: &StacCatalog, service: Service, asked: &Asked, options: &SearchOptions) -> Result<Found> {
    let mut question = asked.for_stac(service)?;
    if catalog.understands() == Some((false, false))
        && let Some(query) = question.value.query.take()
    {
        let reason = "the service says that it filters by no property";
        question.changes.push(Change {
            field: "query".into(),
            value: query.0.to_string(),
            effect: Effect::Dropped,
            reason: reason.into(),
            hint: None,
        });
    }
    let own_order = "the service does not say that it sorts, and results come in its own order";
    let unsorted = if catalog.sorts() == Some(false) { unsorted(&mut question.value, own_order) } else { None };
    let (local, mut changes) = Local::new(asked, service, question.changes)?;
    changes.extend(unsorted);
    let Value::Object(body) = question.value.body() else { return Err(Error::refused("the search is no object", "give conditions by name")) };
    let Some(mut pages) = catalog.answers(body) else { return of_files(catalog, asked) };
    let first = pages.try_next().await?;
    let matched = first.as_ref().map_or(Some(0), |page| page.matched);
    let pages: ItemPages = stream::iter(first.map(Ok)).chain(pages).boxed();
    let pages = ahead(pages.map_err(Error::from).boxed(), options.prefetch_pages);
    let records = pages.map_ok(|page| stream::iter(page.items.into_iter().map(|item| Ok(Record::from_item(item))))).try_flatten().boxed();
    Ok(Found { matched: Matched::Said(matched), is_filtered: !local.is_none(), records: local.apply(records), changes })
}

/// Conditions that can be held against items; `None` where one of them cannot be evaluated here.
pub(super) fn conditions(everything: &StacItemQuery) -> Option<ItemFilter> {
    ItemFilter::new(&patch_query(everything, Vec::new())).ok()
}

/// Catalogues that are files: everything is filtered here.
fn of_files(catalog: &StacCatalog, asked: &Asked) -> Result<Found> {
    let Converted { value: mut search, changes } = asked.for_stac(Service::Stac)?;
    let unsorted = unsorted(&mut search, "items of files come in the order of the files");
    let boxes = search.bbox.iter().flat_map(|b| {
        let b = b.bounds;
        let piece = |west, east| Extent::new(west, b.south, east, b.north);
        if b.west <= b.east { vec![piece(b.west, b.east)] } else { vec![piece(b.west, 180.0), piece(-180.0, b.east)] }
    });
    let query = patch_query(&search, boxes.collect());
    let records = catalog.items(&query).map_ok(Record::from_item).map_err(Error::from).boxed();
    let (local, mut changes) = Local::new(asked, Service::Stac, changes)?;
    changes.extend(unsorted);
    Ok(Found { matched: Matched::Said(None), is_filtered: !local.is_none(), records: local.apply(records), changes })
}

/// Takes what is to be sorted by out of a search; the word that is to be said of it. It is no condition, so that no result is filtered for it.
fn unsorted(search: &mut StacItemQuery, reason: &str) -> Option<Change> {
    let keys = std::mem::take(&mut search.sortby);
    let value = keys.iter().map(|k| k.field.as_str()).collect::<Vec<_>>().join(", ");
    let hint = "without `--limit` everything is found, and can be sorted afterwards";
    let change = Change { field: "sort".into(), value, effect: Effect::Dropped, reason: reason.into(), hint: Some(hint.into()) };
    (!keys.is_empty()).then_some(change)
}

/// A search as the catalogue's filters have it.
fn patch_query(search: &StacItemQuery, boxes: Vec<Extent>) -> PatchQuery {
    let mut conditions: Vec<Value> = search.filter.iter().map(|f| f.0.clone()).collect();
    if !search.ids.is_empty() {
        conditions.push(json!({"op": "in", "args": [{"property": "id"}, search.ids]}));
    }
    if let Some(geometry) = &search.intersects {
        conditions.push(json!({"op": "s_intersects", "args": [{"property": "geometry"}, geometry.0]}));
    }
    let filter = if conditions.len() > 1 { Some(json!({"op": "and", "args": conditions})) } else { conditions.pop() };
    let query = search.query.as_ref().and_then(|q| q.0.as_object()).into_iter().flatten();
    PatchQuery {
        collections: search.collections.clone(),
        boxes,
        periods: search.datetime.into_iter().collect(),
        query: query.map(|(name, conditions)| (name.clone(), conditions.clone())).collect(),
        filter,
        assets: Vec::new(),
    }
}
