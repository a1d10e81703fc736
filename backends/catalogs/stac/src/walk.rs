//! Static catalogues: documents that link to each other, followed as far as a query needs.

use std::{collections::HashSet, sync::Arc};

use cube_backend::{Error, Kind, Result};
use cube_core::TimeValue;
use futures::{StreamExt, future, stream};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    document::{self, Head, Nature},
    found::Pages,
    http::{self, Http},
    item::Item,
    location::Location,
    outline, time,
    wanted::Wanted,
};

/// Documents that are asked for at once.
const AT_ONCE: usize = 16;

/// A document that has yet to be read, and the collection that led to it.
#[derive(Debug, Clone)]
struct Step {
    at: Location,
    parent: Option<Arc<str>>,
}

/// A walk through a catalogue: depth first, in the order of the links, `AT_ONCE` siblings together.
pub(crate) struct Walk {
    http: Arc<dyn Http>,
    headers: Arc<[(String, String)]>,
    /// Groups of siblings; the last group is next.
    stack: Vec<Vec<Step>>,
    /// Hashes of the addresses that were read: catalogues may link in circles.
    visited: HashSet<u128>,
    wanted: Option<Arc<Wanted>>,
    /// Collections that were met.
    pub(crate) collections: Vec<String>,
}

impl Walk {
    /// From the root document. Without a query no item is read: the walk then meets the collections alone.
    pub(crate) fn new(http: Arc<dyn Http>, headers: Arc<[(String, String)]>, root: Location, wanted: Option<Arc<Wanted>>) -> Self {
        Self { http, headers, stack: vec![vec![Step { at: root, parent: None }]], visited: HashSet::new(), wanted, collections: Vec::new() }
    }

    /// The items, as they are met.
    pub(crate) fn pages(self) -> Pages {
        stream::try_unfold(self, |mut walk| async move {
            while let Some(page) = walk.step().await? {
                if !page.is_empty() {
                    return Ok(Some((page, walk)));
                }
            }
            Ok(None)
        })
        .boxed()
    }

    /// Reads the next few documents; `None` when there are no more.
    pub(crate) async fn step(&mut self) -> Result<Option<Vec<Item>>> {
        let Some(mut group) = self.stack.pop() else { return Ok(None) };
        let rest = group.split_off(group.len().min(AT_ONCE));
        if !rest.is_empty() {
            self.stack.push(rest);
        }
        group.retain(|s| self.visited.insert(xxh3_128(s.at.as_str().as_bytes())));
        let documents = future::join_all(group.iter().map(|s| http::read_json(&*self.http, &s.at, &self.headers))).await;
        let (mut items, mut found) = (Vec::new(), Vec::new());
        for (step, document) in group.into_iter().zip(documents) {
            let document = document.map_err(|e| match e.kind() {
                Kind::NotFound => Error::new(Kind::NotFound, format!("the catalogue links to `{}`, which does not exist", step.at)).with_source(e),
                _ => e,
            })?;
            self.visit(step, document, &mut items, &mut found)?;
        }
        self.stack.extend(found.into_iter().rev().filter(|g| !g.is_empty()));
        Ok(Some(items))
    }

    fn visit(&mut self, step: Step, document: Value, items: &mut Vec<Item>, found: &mut Vec<Vec<Step>>) -> Result<()> {
        let head: Head =
            serde::Deserialize::deserialize(&document).map_err(|e| Error::corrupt(format!("`{}` is not a STAC document", step.at)).with_source(e))?;
        match head.kind(&step.at)? {
            Nature::Item => items.push(Item::new(document, &step.at, step.parent.as_deref())?),
            Nature::Items => {
                let features = if let Value::Object(mut map) = document { map.remove("features") } else { Some(document) };
                for feature in features.and_then(|f| if let Value::Array(list) = f { Some(list) } else { None }).unwrap_or_default() {
                    items.push(Item::new(feature, &step.at, step.parent.as_deref())?);
                }
            }
            Nature::Static | Nature::Api | Nature::ApiCollection => found.extend(self.links(&step, &document)),
        }
        Ok(())
    }

    /// The documents to read below a catalogue or collection: first its items, then what is below.
    fn links(&mut self, step: &Step, document: &Value) -> [Vec<Step>; 2] {
        let id = document.get("id").and_then(Value::as_str);
        let is_collection = document.get("type").and_then(Value::as_str) == Some("Collection") || document.get("extent").is_some();
        if is_collection {
            self.collections.extend(id.map(str::to_owned));
            if let (Some(wanted), Some(extent)) = (&self.wanted, document.get("extent"))
                && !may_hold(extent, wanted)
            {
                tracing::debug!(collection = id, "nothing of this collection can be an answer");
                return [Vec::new(), Vec::new()];
            }
        }
        let parent: Option<Arc<str>> = if is_collection { id.map(Into::into) } else { step.parent.clone().or_else(|| id.map(Into::into)) };
        let elsewhere =
            |wanted: &Arc<Wanted>| is_collection && !wanted.collections.is_empty() && !wanted.collections.iter().any(|c| Some(c.as_str()) == id);
        let no_items = self.wanted.as_ref().is_none_or(elsewhere);
        let links = document::links(document.get("links"));
        let follow = |rels: &[&str]| {
            links.iter().filter(|l| rels.contains(&l.rel.as_str())).map(|l| Step { at: step.at.relative(&l.href), parent: parent.clone() }).collect()
        };
        [if no_items { Vec::new() } else { follow(&["item", "items"]) }, follow(&["child"])]
    }
}

/// Whether the extent of a collection leaves room for an answer.
fn may_hold(extent: &Value, wanted: &Wanted) -> bool {
    let numbers = |v: &Value| -> Option<Vec<f64>> { v.as_array()?.iter().map(Value::as_f64).collect() };
    let sides = |v: &Value| match numbers(v)?[..] {
        [w, s, e, n] | [w, s, _, e, n, _] => Some([w, s, e, n]),
        _ => None,
    };
    // The first box holds all the others; before version 0.9 there was one, without a list around it.
    let spatial = extent.get("spatial").and_then(|s| s.get("bbox").and_then(|b| b.get(0)).and_then(sides).or_else(|| sides(s)));
    let temporal = extent.get("temporal").and_then(|t| t.get("interval").and_then(|i| i.get(0)).or(Some(t))).and_then(Value::as_array);
    let end = |i: usize| -> Option<TimeValue> { temporal?.get(i)?.as_str().and_then(time::parse) };
    let touches =
        |area: &cube_core::Extent| spatial.is_none_or(|b| outline::Outline { footprint: None, bbox: Some(outline::tidy_bbox(b)) }.touches(area));
    wanted.may_hold(touches, temporal.is_some().then(|| (end(0), end(1))))
}
