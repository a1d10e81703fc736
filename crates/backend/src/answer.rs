//! From pages of patches to the answer of a query: each id once, each scene once.

use std::collections::HashSet;

use cube_core::PatchIndex;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use xxhash_rust::xxh3::xxh3_128;

use crate::{Error, Result, newest_by};

/// Things, a page at a time as a source answers; `None` stands for one that the query does not admit.
pub type AdmittedPages<T> = BoxStream<'static, Result<Vec<Option<T>>>>;

/// Pages that are held back so that a scene that is listed twice is noticed.
const HELD_PAGES: u64 = 2;

/// What [`Catalog::patches`](crate::Catalog::patches) promises of the order of a source: ids are unique, and of each scene only the newest processing
/// is left, as far as the two are listed within a few pages. `patch` leads from a thing to its patch. An error ends the stream; what was held back
/// then is not given out.
///
/// Of the ids that were seen 16 bytes each are kept: that is all that grows with the answer.
pub fn answer<T: Send + 'static>(pages: AdmittedPages<T>, patch: fn(&T) -> &PatchIndex) -> BoxStream<'static, Result<T>> {
    let state = State { pages, patch, seen: HashSet::new(), held: Vec::new(), page: 0, ended: false };
    stream::try_unfold(
        state,
        |mut state| async move { Ok::<_, Error>(state.next().await?.map(|some| (stream::iter(some.into_iter().map(Ok)), state))) },
    )
    .try_flatten()
    .boxed()
}

struct State<T> {
    pages: AdmittedPages<T>,
    patch: fn(&T) -> &PatchIndex,
    seen: HashSet<u128>,
    /// With the number of the page each came in.
    held: Vec<(u64, T)>,
    page: u64,
    ended: bool,
}

impl<T> State<T> {
    /// The things that are ready; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<T>>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            match self.pages.next().await {
                None => {
                    self.ended = true;
                    return Ok(Some(self.newest().into_iter().map(|(_, thing)| thing).collect()));
                }
                Some(page) => self.take(page?),
            }
            let ready = self.page.saturating_sub(HELD_PAGES);
            if self.held.first().is_some_and(|(page, _)| *page <= ready) {
                let (out, held) = self.newest().into_iter().partition(|(page, _)| *page <= ready);
                self.held = held;
                return Ok(Some(Vec::into_iter(out).map(|(_, thing)| thing).collect()));
            }
        }
    }

    fn newest(&mut self) -> Vec<(u64, T)> {
        let patch = self.patch;
        newest_by(std::mem::take(&mut self.held), |(_, thing)| patch(thing))
    }

    fn take(&mut self, page: Vec<Option<T>>) {
        // An empty page holds nothing back.
        self.page += u64::from(!page.is_empty());
        for thing in page.into_iter().flatten() {
            if self.seen.insert(xxh3_128((self.patch)(&thing).id.as_str().as_bytes())) {
                self.held.push((self.page, thing));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cube_core::PatchId;

    use super::*;
    use crate::{PROCESSED, SCENE};

    fn patch(id: &str, scene: Option<&str>, processed: &str) -> PatchIndex {
        let mark = |scene: &str| [(SCENE.to_owned(), scene.into()), (PROCESSED.to_owned(), processed.into())];
        PatchIndex {
            id: PatchId::new("c", id),
            time: None,
            interval: None,
            footprint: None,
            bbox: Some([0.0, 0.0, 1.0, 1.0]),
            version: String::new(),
            assets: BTreeMap::new(),
            properties: scene.map(mark).into_iter().flatten().collect(),
        }
    }

    async fn ids(pages: Vec<Result<Vec<Option<PatchIndex>>>>) -> (Vec<String>, bool) {
        let mut found = answer(stream::iter(pages).boxed(), |p| p);
        let mut ids = Vec::new();
        while let Some(one) = found.next().await {
            match one {
                Ok(patch) => ids.push(patch.id.as_str().trim_start_matches("c/").to_owned()),
                Err(_) => return (ids, false),
            }
        }
        (ids, true)
    }

    #[tokio::test]
    async fn ids_and_scenes_come_once() {
        let page = |all: &[(&str, Option<&str>, &str)]| Ok(all.iter().map(|(id, scene, at)| Some(patch(id, *scene, at))).collect());
        let pages = vec![
            page(&[("a", None, ""), ("b", Some("s"), "1")]),
            Ok(vec![None, None]),
            Ok(Vec::new()),
            page(&[("a", None, ""), ("c", Some("s"), "2"), ("d", None, "")]),
        ];
        assert_eq!(ids(pages).await, (vec!["a".into(), "c".into(), "d".into()], true));
        assert_eq!(ids(Vec::new()).await, (Vec::new(), true));
    }

    #[tokio::test]
    async fn an_error_ends_the_answer() {
        let page = |id: &str| Ok(vec![Some(patch(id, None, ""))]);
        let pages = vec![page("a"), page("b"), page("c"), Err(Error::corrupt("x")), page("d")];
        assert_eq!(ids(pages).await, (vec!["a".into()], false));
    }
}
