//! What the tests of this crate share: servers whose answers are functions, a small NASA of them, and how files are read.

mod archive;
mod bucket;
mod fake;

use cube_access::Access;
use object_store::ObjectStoreExt;

pub(crate) use archive::{Archive, PASSWORD, Rules, SECRETS, USER};
pub(crate) use bucket::{at, store};
pub(crate) use fake::{Answers, Fake, Reply, Seen, file};

pub(crate) type Test = Result<(), Box<dyn std::error::Error>>;

/// Content of every file.
pub(crate) fn content() -> Vec<u8> {
    (0..10_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

/// Reads a whole object.
pub(crate) async fn read(access: &Access, href: &str) -> cube_access::Result<Vec<u8>> {
    let (store, path) = access.object(href).await?;
    let failed = |e| cube_access::Error::from_store(href, e);
    let got = store.get(&path).await.map_err(failed)?;
    got.bytes().await.map(|b| b.to_vec()).map_err(failed)
}

/// Tasks that read one object at once, and find in it what they should.
pub(crate) async fn read_at_once(access: &Access, href: &str, tasks: usize) -> Test {
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let (access, href) = (access.clone(), href.to_owned());
            tokio::spawn(async move { read(&access, &href).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await??, content());
    }
    Ok(())
}

/// An error with all that it comes from.
pub(crate) fn everything(e: &cube_access::Error) -> String {
    let mut text = format!("{e} {e:?} {:?}", e.hint());
    let mut source = std::error::Error::source(e);
    while let Some(e) = source {
        text += &format!(" {e} {e:?}");
        source = e.source();
    }
    text
}
