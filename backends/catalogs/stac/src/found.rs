//! From pages of items to the answer of a query: filtered, each id once, each scene once.

use std::{collections::HashSet, sync::Arc};

use cube_backend::{PatchStream, Result};
use cube_core::PatchIndex;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{item::Item, patch, wanted::Wanted};

/// Items, a page at a time, as a source answers.
pub(crate) type Pages = BoxStream<'static, Result<Vec<Item>>>;
/// Items, one by one.
pub type ItemStream = BoxStream<'static, Result<Item>>;

/// Pages that are held back so that a scene that is listed twice is noticed.
const HELD_PAGES: u64 = 2;

struct Found {
    page: u64,
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

/// The ids that were seen are kept as hashes of 128 bits, 16 bytes each: that is all that grows with the answer.
struct State {
    pages: Pages,
    wanted: Arc<Wanted>,
    keep_items: bool,
    seen: HashSet<u128>,
    held: Vec<Found>,
    page: u64,
    ended: bool,
}

fn found(pages: Pages, wanted: Arc<Wanted>, keep_items: bool) -> BoxStream<'static, Result<Found>> {
    let state = State { pages, wanted, keep_items, seen: HashSet::new(), held: Vec::new(), page: 0, ended: false };
    stream::try_unfold(
        state,
        |mut s| async move { Ok::<_, cube_backend::Error>(s.next().await?.map(|some| (stream::iter(some.into_iter().map(Ok)), s))) },
    )
    .try_flatten()
    .boxed()
}

impl State {
    /// The patches that are ready; `None` at the end. After an error the stream is over, and what was held back is not given out.
    async fn next(&mut self) -> Result<Option<Vec<Found>>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            match self.pages.next().await {
                None => {
                    self.ended = true;
                    return Ok(Some(cube_backend::newest_by(std::mem::take(&mut self.held), |f| &f.patch)));
                }
                Some(page) => self.take(page?)?,
            }
            let ready = self.page.saturating_sub(HELD_PAGES);
            if self.held.first().is_some_and(|f| f.page <= ready) {
                let all = cube_backend::newest_by(std::mem::take(&mut self.held), |f| &f.patch);
                let (out, held) = all.into_iter().partition(|f| f.page <= ready);
                self.held = held;
                return Ok(Some(out));
            }
        }
    }

    fn take(&mut self, page: Vec<Item>) -> Result<()> {
        // An empty page holds nothing back.
        self.page += u64::from(!page.is_empty());
        for item in page {
            let Some(facts) = self.wanted.admit(&item)? else { continue };
            if !self.seen.insert(xxh3_128(item.patch_id().as_str().as_bytes())) {
                continue;
            }
            let patch = patch::patch(&item, facts, &self.wanted.assets, &self.wanted.properties);
            self.held.push(Found { page: self.page, item: self.keep_items.then_some(item), patch });
        }
        Ok(())
    }
}
