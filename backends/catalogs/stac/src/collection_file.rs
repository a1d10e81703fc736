//! Documents that hold many items: item collections (also version 0.x single files), lists of items, items one a line.
//!
//! They are read item by item on a blocking thread, a few pages ahead of who asks, so that a file of any size needs little memory.
//! A document that came over the network is kept whole, as it was sent.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Cursor},
    path::PathBuf,
};

use bytes::Bytes;
use cube_backend::{Error, Kind, Result};
use futures::{StreamExt, stream};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{document, found::Pages, item::Item, location::Location};

/// Items of a page.
const PAGE: usize = 256;
/// Pages that are read ahead.
const AHEAD: usize = 2;

/// Where the document's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Local(PathBuf),
    Memory(Bytes),
}

impl Content {
    pub(crate) fn open(&self) -> Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::Local(path) => {
                let file = File::open(path).map_err(|e| io_error(&path.display().to_string(), e))?;
                Box::new(BufReader::with_capacity(1 << 18, file))
            }
            Self::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }
}

/// An error of the local file system.
pub(crate) fn io_error(name: &str, e: std::io::Error) -> Error {
    let (kind, what) = match e.kind() {
        std::io::ErrorKind::NotFound => (Kind::NotFound, "does not exist"),
        std::io::ErrorKind::PermissionDenied => (Kind::Denied, "may not be read"),
        _ => (Kind::Unavailable, "cannot be read"),
    };
    Error::new(kind, format!("`{name}` {what}")).with_source(e)
}

/// The items of a document, in its order.
pub(crate) fn pages(content: Content, at: Location) -> Pages {
    let (send, receive) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut out = Sender { send, page: Vec::new(), at };
        match content.open().and_then(|from| read(from, &mut out)) {
            Err(e) => drop(out.send.blocking_send(Err(e))),
            Ok(()) => drop(out.flush()),
        }
    });
    stream::unfold(receive, |mut receive| async move { Some((receive.recv().await?, receive)) }).boxed()
}

struct Sender {
    send: mpsc::Sender<Result<Vec<Item>>>,
    page: Vec<Item>,
    at: Location,
}

/// Why reading stopped.
enum Stop {
    /// Nobody listens any more.
    Unheard,
    Refused(Error),
}

impl Sender {
    fn add(&mut self, value: Value) -> Result<(), Stop> {
        self.page.push(Item::of_answer(value, &self.at).map_err(Stop::Refused)?);
        if self.page.len() < PAGE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.page.is_empty() {
            return Ok(());
        }
        self.send.blocking_send(Ok(std::mem::take(&mut self.page))).map_err(|_| Stop::Unheard)
    }
}

fn read(mut from: impl BufRead, out: &mut Sender) -> Result<()> {
    let at = out.at.clone();
    let stopped = |stop: Option<Stop>, e: serde_json::Error| match stop {
        Some(Stop::Refused(e)) => Err(e),
        Some(Stop::Unheard) => Ok(()),
        None if e.is_io() => Err(Error::new(Kind::Unavailable, format!("`{at}` cannot be read")).with_source(e)),
        None => Err(Error::corrupt(format!("`{at}` is not an item collection")).with_source(e)),
    };
    let first = document::skip_blanks(&mut from).map_err(|e| io_error(&at.bare(), e))?;
    let lines = at.ends_with(&[".ndjson", ".jsonl"]);
    if lines && first != Some(b'[') {
        let mut values = serde_json::Deserializer::from_reader(from).into_iter::<Value>();
        loop {
            let stop = match values.next() {
                None => return Ok(()),
                Some(Err(e)) => return stopped(None, e),
                Some(Ok(value)) => out.add(value),
            };
            match stop {
                Ok(()) => {}
                Err(Stop::Refused(e)) => return Err(e),
                Err(Stop::Unheard) => return Ok(()),
            }
        }
    }
    let mut stop = None;
    let mut json = serde_json::Deserializer::from_reader(from);
    let result = Top { out, stop: &mut stop }.deserialize(&mut json).and_then(|()| json.end());
    result.or_else(|e| stopped(stop, e))
}

/// The whole document: an object with `features`, or a list.
struct Top<'a> {
    out: &'a mut Sender,
    stop: &'a mut Option<Stop>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item collection or a list of items")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "features" {
                map.next_value_seed(Features { out: &mut *self.out, stop: &mut *self.stop })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        Features { out: self.out, stop: self.stop }.visit_seq(seq)
    }
}

struct Features<'a> {
    out: &'a mut Sender,
    stop: &'a mut Option<Stop>,
}

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(value) = seq.next_element::<Value>()? {
            if let Err(stop) = self.out.add(value) {
                *self.stop = Some(stop);
                return Err(serde::de::Error::custom("reading was stopped"));
            }
        }
        Ok(())
    }
}
