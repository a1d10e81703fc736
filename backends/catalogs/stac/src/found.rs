//! From pages of items to the answer of a query: filtered, each id once, each scene once.

use std::sync::Arc;

use cube_backend::{PatchStream, Result, answer};
use cube_core::PatchIndex;
use futures::{
    StreamExt, TryStreamExt, future,
    stream::{self, BoxStream},
};

use crate::{item::Item, patch, wanted::Wanted};

/// Items, a page at a time, as a source answers.
pub(crate) type Pages = BoxStream<'static, Result<Vec<Item>>>;
/// Items, one by one.
pub type ItemStream = BoxStream<'static, Result<Item>>;

/// The patches among the items.
pub(crate) fn patches(pages: Pages, wanted: Arc<Wanted>) -> PatchStream {
    let pages = telling_left_out(pages, Arc::clone(&wanted));
    let admitted = pages.map(move |page| {
        let admit = |item: Item| {
            let facts = wanted.admit(&item)?;
            Ok(facts.map(|facts| patch::patch(&item, facts, &wanted.assets, &wanted.properties)))
        };
        page?.into_iter().filter_map(|item| admit(item).transpose()).map(|patch| patch.map(Some)).collect()
    });
    answer(admitted.boxed(), |patch: &PatchIndex| patch)
}

/// The items themselves: also those that have an id twice, and older processings of a scene. Who searches asks for all; who loads, for one.
pub(crate) fn items(pages: Pages, wanted: Arc<Wanted>) -> ItemStream {
    let pages = telling_left_out(pages, Arc::clone(&wanted));
    let admitted = pages.map(move |page| {
        let admit = |item: Item| Ok(wanted.admit(&item)?.is_some().then_some(item));
        let items: Vec<Result<Item>> = page?.into_iter().filter_map(|item| admit(item).transpose()).collect();
        Ok::<_, cube_backend::Error>(stream::iter(items))
    });
    admitted.try_flatten().boxed()
}

/// The same pages; after the last of them it is told how many items stated no time, or no place.
fn telling_left_out(pages: Pages, wanted: Arc<Wanted>) -> Pages {
    let at_the_end = stream::once(async move { wanted.tell_left_out() }).filter_map(|()| future::ready(None));
    pages.chain(at_the_end).boxed()
}
