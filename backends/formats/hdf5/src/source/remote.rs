use std::{ops::Range, sync::mpsc};

use bytes::Bytes;
use cube_backend::{ByteSource, Error, Kind, Result};
use cube_manifest::Origin;
use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Fetch, Requests, Source, cache::LEAST};

/// Requests under way at once for one file.
const AT_ONCE: usize = 32;

/// Runs a parser, which is a plain function, on a thread of its own, and fetches what it asks for.
///
/// The first request also tells size, etag and time of the last change; `origin` takes them where it has none. Dropping the future ends the
/// parser at its next request.
pub(crate) async fn read_remote<T: Send + 'static>(
    source: &ByteSource,
    mut origin: Origin,
    parse: impl FnOnce(&Source<'_>, Origin) -> Result<T> + Send + 'static,
) -> Result<(T, Requests)> {
    let (start, size) = first_bytes(source, &mut origin).await?;
    let (asks, mut asked) = unbounded_channel::<Ask>();
    let brought = start.len() as u64;
    let work = tokio::task::spawn_blocking(move || {
        let remote = Remote { size, asks };
        let source = Source::ranges_with_start(&remote, start);
        parse(&source, origin).map(|parsed| (parsed, source.requests()))
    });
    while let Some(Ask { ranges, answer }) = asked.recv().await {
        // The parser may have given up; then nobody waits for the answer.
        let _ = answer.send(get(source, ranges).await);
    }
    let failed = |e: tokio::task::JoinError| Error::corrupt(format!("`{}` brought the reader down", source.name)).with_source(e);
    let (parsed, requests) = work.await.map_err(failed)??;
    Ok((parsed, Requests { count: requests.count + 1, rounds: requests.rounds + 1, bytes: requests.bytes + brought }))
}

async fn first_bytes(source: &ByteSource, origin: &mut Origin) -> Result<(Bytes, u64)> {
    let options = GetOptions { range: Some(GetRange::Bounded(0..LEAST)), ..GetOptions::default() };
    let answer = object_store::ObjectStore::get_opts(&*source.store, &source.path, options).await?;
    let meta = answer.meta.clone();
    let bytes = answer.bytes().await?;
    origin.size = origin.size.or(Some(meta.size));
    origin.last_modified = origin.last_modified.or(Some(meta.last_modified.timestamp()));
    origin.etag = origin.etag.take().or(meta.e_tag);
    if bytes.len() as u64 != meta.size.min(LEAST) {
        return Err(Error::corrupt(format!("the first bytes of `{}` came incomplete", source.name)));
    }
    Ok((bytes, meta.size))
}

async fn get(source: &ByteSource, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
    let each = ranges.into_iter().map(|range| source.store.get_range(&source.path, range));
    Ok(futures::stream::iter(each).buffered(AT_ONCE).try_collect().await?)
}

struct Ask {
    ranges: Vec<Range<u64>>,
    answer: mpsc::SyncSender<Result<Vec<Bytes>>>,
}

struct Remote {
    size: u64,
    asks: UnboundedSender<Ask>,
}

impl Fetch for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let given_up = || Error::new(Kind::Unavailable, "the reader was stopped");
        let (answer, answered) = mpsc::sync_channel(1);
        self.asks.send(Ask { ranges: ranges.to_vec(), answer }).map_err(|_| given_up())?;
        answered.recv().map_err(|_| given_up())?
    }
}
