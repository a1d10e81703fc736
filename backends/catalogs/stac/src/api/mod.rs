//! STAC APIs: `/search` by POST or GET, page after page.

mod paging;
mod request;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use cube_backend::{Error, Kind, PatchQuery, Result};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    document::{Head, Link},
    found::Pages,
    http::{self, Http, Request},
    item::Item,
    location::Location,
    wanted::Wanted,
};
use request::{Search, Sent};

/// Pages smaller than this are not asked for, however a server complains.
const SMALLEST_PAGE: usize = 10;

/// One page of what a STAC API answers, as it answers.
#[derive(Debug, Clone)]
pub struct ItemPage {
    /// How many items there are in all, where the service says so.
    pub matched: Option<u64>,
    /// The items of this page.
    pub items: Vec<Item>,
}

/// Pages as they come.
pub type ItemPages = BoxStream<'static, Result<ItemPage>>;

/// A STAC API, known from its landing page.
#[derive(Debug)]
pub(crate) struct Api {
    http: Arc<dyn Http>,
    headers: Vec<(String, String)>,
    root: Location,
    search: Location,
    collections: Location,
    /// Whether POST is tried; off once the server has refused it.
    post: AtomicBool,
    /// Items of a page; less once the server has complained.
    limit: AtomicUsize,
    filters: bool,
    queries: bool,
    sorts: bool,
}

impl Api {
    pub(crate) fn new(http: Arc<dyn Http>, headers: Vec<(String, String)>, root: Location, landing: &Head, limit: usize) -> Self {
        let links = landing.links();
        let searches: Vec<&Link> = links.iter().filter(|l| l.rel == "search").collect();
        let posts = |l: &&Link| l.method.as_deref().is_some_and(|m| m.eq_ignore_ascii_case("POST"));
        let post = searches.iter().find(|l| posts(l)).copied();
        // Where no search is announced, it lies where the specification puts it, and POST is tried first.
        let at =
            |path: &str| Location::parse(root.as_str().split(['?', '#']).next().unwrap_or_default()).unwrap_or_else(|_| root.clone()).inside(path);
        let search = post.or(searches.first().copied()).map_or_else(|| at("search"), |l| root.relative(&l.href));
        let collections = links.iter().find(|l| l.rel == "data").map_or_else(|| at("collections"), |l| root.relative(&l.href));
        let conforms = landing.conforms_to();
        let claims = |words: &[&str]| conforms.is_empty() || conforms.iter().any(|c| words.iter().any(|w| c.contains(w)));
        Self {
            post: AtomicBool::new(post.is_some() || searches.is_empty()),
            limit: AtomicUsize::new(limit.max(1)),
            filters: claims(&["filter", "cql2"]),
            queries: claims(&["#query", "item-search/query", "query:"]),
            sorts: claims(&["item-search#sort", "item-search/sort", "/sort:"]),
            http,
            headers,
            root,
            search,
            collections,
        }
    }

    /// Whether the server filters by CQL2.
    pub(crate) fn filters(&self) -> bool {
        self.filters
    }

    /// Whether the server understands the `query` extension.
    pub(crate) fn queries(&self) -> bool {
        self.queries
    }

    /// Whether the server sorts.
    pub(crate) fn sorts(&self) -> bool {
        self.sorts
    }

    /// What the server answers to a body of `/search`.
    pub(crate) fn answers(self: Arc<Self>, body: Map<String, Value>) -> ItemPages {
        let state = Paging { api: self, searches: vec![Search::verbatim(body)].into_iter(), current: None };
        stream::try_unfold(state, |mut s| async move { Ok(s.next_page().await?.map(|page| (page, s))) }).boxed()
    }

    /// Refuses collections that do not exist, and names some that do.
    pub(crate) async fn check(&self, collections: &[String]) -> Result<()> {
        for id in collections {
            let mut url = Url::parse(self.collections.as_str())
                .map_err(|e| Error::new(Kind::Invalid, format!("`{}` is not a URL", self.collections)).with_source(e))?;
            url.set_query(None);
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().push(id);
            }
            let reply = self.send(&Request { url: url.into(), headers: self.headers.clone(), body: None }).await?;
            match reply.status {
                404 | 410 => return Err(self.unknown(id).await),
                _ if reply.is_success() => {}
                _ => return Err(reply.refusal(&format!("{}/{id}", self.collections))),
            }
        }
        if collections.is_empty() {
            http::read(&*self.http, &self.root, &self.headers).await?;
        }
        Ok(())
    }

    async fn unknown(&self, id: &str) -> Error {
        let listed = http::read_json(&*self.http, &self.collections, &self.headers).await.unwrap_or_default();
        let ids: Vec<String> = listed
            .get("collections")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|c| c.get("id")?.as_str().map(str::to_owned))
            .collect();
        crate::catalog::unknown_collection(id, &self.root, &ids)
    }

    async fn send(&self, request: &Request) -> Result<http::Reply> {
        self.http.request(request).await
    }

    /// The items that the server finds: one search for each box and period.
    pub(crate) fn pages(self: Arc<Self>, query: PatchQuery, wanted: &Wanted) -> Result<Pages> {
        let searches = Search::of(&query, wanted, self.filters, self.queries)?;
        let state = Paging { api: self, searches: searches.into_iter(), current: None };
        Ok(stream::try_unfold(state, |mut s| async move { Ok(s.next().await?.map(|page| (page, s))) }).boxed())
    }

    /// The items of a collection, or of a search, that lies behind one URL.
    pub(crate) fn pages_from(self: Arc<Self>, first: Location) -> Pages {
        let request = Request { url: first.as_str().to_owned(), headers: self.headers.clone(), body: None };
        let current = Some(Current { search: None, original: request.clone(), next: request, sent: HashSet::new() });
        let state = Paging { api: self, searches: Vec::new().into_iter(), current };
        stream::try_unfold(state, |mut s| async move { Ok(s.next().await?.map(|page| (page, s))) }).boxed()
    }
}

/// Where a walk through pages stands.
struct Paging {
    api: Arc<Api>,
    searches: std::vec::IntoIter<Search>,
    current: Option<Current>,
}

struct Current {
    /// What is asked; `None` when a URL was given as it is.
    search: Option<Search>,
    original: Request,
    next: Request,
    /// Hashes of the requests of this search, to notice a server that leads in circles.
    sent: HashSet<u128>,
}

impl Paging {
    async fn next(&mut self) -> Result<Option<Vec<Item>>> {
        Ok(self.next_page().await?.map(|page| page.items))
    }

    async fn next_page(&mut self) -> Result<Option<ItemPage>> {
        if self.current.is_none() {
            let Some(search) = self.searches.next() else { return Ok(None) };
            let request = self.first(&search)?;
            self.current = Some(Current { search: Some(search), original: request.clone(), next: request, sent: HashSet::new() });
        }
        let Some(mut current) = self.current.take() else { return Ok(None) };
        if !current.sent.insert(paging::identity(&current.next)) {
            let at = self.api.root.bare();
            return Err(Error::corrupt(format!("`{at}` leads in circles: the link to the next page repeats a page that was answered already"))
                .with_hint("narrow the region or the time until the answer fits into fewer pages"));
        }
        let page = self.answer(&mut current).await?;
        let at = Location::parse(&current.next.url)?;
        let Value::Object(mut page) = page else { return Err(Error::corrupt(format!("`{at}` did not answer with items"))) };
        let Some(Value::Array(features)) = page.remove("features") else { return Err(Error::corrupt(format!("`{at}` answered without `features`"))) };
        let items = features.into_iter().map(|f| Item::of_answer(f, &at)).collect::<Result<Vec<_>>>()?;
        if let Some(next) = paging::next(&page, &current.original, &current.next, &self.api.headers)? {
            current.next = next;
            self.current = Some(current);
        }
        Ok(Some(ItemPage { matched: paging::matched(&page), items }))
    }

    fn first(&self, search: &Search) -> Result<Request> {
        let api = &self.api;
        search.request(
            api.search.as_str(),
            &api.headers,
            api.limit.load(Ordering::Relaxed),
            if api.post.load(Ordering::Relaxed) { Sent::Post } else { Sent::Get },
        )
    }

    /// The page that a request answers. A server that knows no POST is asked by GET; one that complains of the page's size is asked for less.
    async fn answer(&self, current: &mut Current) -> Result<Value> {
        loop {
            let reply = self.api.send(&current.next).await?;
            let name = Location::parse(&current.next.url)?.bare();
            if reply.is_success() {
                return http::json(&reply.body, &name);
            }
            let is_first = current.next == current.original;
            let Some(search) = current.search.as_ref().filter(|_| is_first) else { return Err(reply.refusal(&name)) };
            let limit = self.api.limit.load(Ordering::Relaxed);
            let of_size = matches!(reply.status, 413 | 502 | 504)
                || (matches!(reply.status, 400 | 422) && reply.explanation().is_some_and(|t| t.to_ascii_lowercase().contains("limit")));
            if current.next.body.is_some() && matches!(reply.status, 404 | 405 | 415 | 501) {
                tracing::debug!(status = reply.status, "the server does not search by POST: asking by GET");
                self.api.post.store(false, Ordering::Relaxed);
            } else if of_size && limit > SMALLEST_PAGE {
                let less = (limit / 2).max(SMALLEST_PAGE);
                tracing::debug!(status = reply.status, limit = less, "the server wants smaller pages");
                self.api.limit.store(less, Ordering::Relaxed);
            } else {
                return Err(reply.refusal(&name));
            }
            let request = self.first(search)?;
            current.sent.insert(paging::identity(&request));
            (current.original, current.next) = (request.clone(), request);
        }
    }
}
