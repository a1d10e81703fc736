//! From pages of items to the answer of a query: filtered, each id once, each scene once.

use std::sync::Arc;

use cube_backend::{PatchStream, Result, answer};
use cube_core::PatchIndex;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};

use crate::{item::Item, patch, wanted::Wanted};

/// Items, a page at a time, as a source answers.
pub(crate) type Pages = BoxStream<'static, Result<Vec<Item>>>;
/// Items, one by one.
pub type ItemStream = BoxStream<'static, Result<Item>>;

struct Found {
    item: Option<Item>,
    patch: PatchIndex,
}

/// The patches among the items.
pub(crate) fn patches(pages: Pages, wanted: Arc<Wanted>) -> PatchStream {
    found(pages, wanted, false).map_ok(|f| f.patch).boxed()
}

/// The items themselves.
pub(crate) fn items(pages: Pages, wanted: Arc<Wanted>) -> ItemStream {
    found(pages, wanted, true).try_filter_map(|f| async { Ok(f.item) }).boxed()
}

fn found(pages: Pages, wanted: Arc<Wanted>, keep_items: bool) -> BoxStream<'static, Result<Found>> {
    let admitted = pages.map(move |page| {
        let admit = |item: Item| {
            let Some(facts) = wanted.admit(&item)? else { return Ok(None) };
            let patch = patch::patch(&item, facts, &wanted.assets, &wanted.properties);
            Ok(Some(Found { item: keep_items.then_some(item), patch }))
        };
        page?.into_iter().map(admit).collect()
    });
    answer(admitted.boxed(), |found| &found.patch)
}
