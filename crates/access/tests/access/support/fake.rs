//! A server on 127.0.0.1 whose answers are a function of the request.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use cube_testkit::server::{Answer, Call, Server, Service};
use http::{HeaderMap, Method, StatusCode, header};

/// A service made of a closure.
pub(crate) struct Answers<F>(pub(crate) F);

impl<F: Fn(&Call) -> Answer + Send + Sync> Service for Answers<F> {
    fn answer(&self, call: &Call) -> Answer {
        (self.0)(call)
    }
}

impl<F> fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    path: String,
    query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl From<&Call> for Seen {
    fn from(call: &Call) -> Self {
        Self {
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        }
    }
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn query(&self, name: &str) -> String {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Everything of it, as one text.
    pub(crate) fn text(&self) -> String {
        let headers: String = self.headers.iter().map(|(k, v)| format!("{k}: {}\n", String::from_utf8_lossy(v.as_bytes()))).collect();
        format!("{} {} {:?}\n{headers}\n{}", self.method, self.path, self.query, String::from_utf8_lossy(&self.body))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Answer);

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::bytes(status, "application/octet-stream", Bytes::new())
    }

    pub(crate) fn bytes(status: u16, media: &str, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self(Answer::new(status, body.into()).with(header::CONTENT_TYPE, media))
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).with("location", to)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.set(name, value);
        self
    }
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Fake {
    server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub(crate) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> cube_testkit::Result<Self> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let service = Answers(move |call: &Call| {
            let seen = Seen::from(call);
            log.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
            answer(&seen).0
        });
        Ok(Self { server: Server::builder().service("", service).start()?, seen })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.server.address().to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|s| s.path() == path).count()
    }
}

/// Bytes of a file, or the range of them that is asked for.
pub(crate) fn file(seen: &Seen, bytes: &[u8]) -> Reply {
    let range = seen.header("range").strip_prefix("bytes=").and_then(|r| r.split_once('-')).map(|(a, b)| (a.parse(), b.parse()));
    match range {
        Some((Ok(first), last)) => {
            let first: usize = first;
            let last = last.unwrap_or(usize::MAX).min(bytes.len() - 1);
            let part = bytes[first..=last].to_vec();
            Reply::bytes(206, "application/octet-stream", part).with("content-range", &format!("bytes {first}-{last}/{}", bytes.len()))
        }
        _ => Reply::bytes(200, "application/octet-stream", bytes.to_vec()),
    }
}
