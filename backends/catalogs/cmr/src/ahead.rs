//! Pages that are fetched before they are needed, a fixed number of them.

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    Error, Result,
    page::{Concept, Page},
    walk::Walk,
};

/// Pages, in order. An error ends them.
pub type PageStream<C> = BoxStream<'static, Result<Page<C>>>;

/// What the task that fetches says. Its end is said too: a task that was stopped says nothing, and that is no end of the results.
enum Said<C> {
    Page(Result<Page<C>>),
    End,
}

/// Stops the task when nobody wants its pages any more.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The pages of a walk, of which so many are on their way or waiting while the one before is in use. Nothing is asked before the first poll.
pub(crate) fn ahead<C: Concept>(walk: impl Future<Output = Result<Walk<C>>> + Send + 'static, pages: usize) -> PageStream<C> {
    if pages == 0 {
        return stream::once(walk).map(directly).flatten().boxed();
    }
    stream::once(async move {
        let (to, from) = mpsc::channel(pages);
        let task = Task(tokio::spawn(fetch(walk, to)));
        stream::unfold(Some((from, task)), |state| async move {
            let (mut from, task) = state?;
            match from.recv().await {
                Some(Said::Page(Ok(page))) => Some((Ok(page), Some((from, task)))),
                Some(Said::Page(Err(e))) => Some((Err(e), None)),
                Some(Said::End) => None,
                None => Some((Err(Error::Stopped), None)),
            }
        })
    })
    .flatten()
    .boxed()
}

async fn fetch<C: Concept>(walk: impl Future<Output = Result<Walk<C>>>, to: mpsc::Sender<Said<C>>) {
    let mut walk = match walk.await {
        Ok(walk) => walk,
        Err(e) => return drop(to.send(Said::Page(Err(e))).await),
    };
    // A page is asked for when there is room for it: the one on its way counts.
    while let Ok(room) = to.reserve().await {
        match walk.next().await {
            Ok(Some(page)) => room.send(Said::Page(Ok(page))),
            Ok(None) => return room.send(Said::End),
            Err(e) => return room.send(Said::Page(Err(e))),
        }
    }
}

fn directly<C: Concept>(walk: Result<Walk<C>>) -> PageStream<C> {
    match walk {
        Err(e) => stream::once(async { Err(e) }).boxed(),
        Ok(walk) => stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|page| (page, walk))) }).boxed(),
    }
}
