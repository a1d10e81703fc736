//! A server on 127.0.0.1 whose answers are a function of the request.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn query(&self, name: &str) -> String {
        let pairs = url::form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes());
        pairs.into_owned().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// Everything of it, as one text.
    pub(crate) fn text(&self) -> String {
        let headers: String = self.headers.iter().map(|(k, v)| format!("{k}: {}\n", String::from_utf8_lossy(v.as_bytes()))).collect();
        format!("{} {}\n{headers}\n{}", self.method, self.uri, String::from_utf8_lossy(&self.body))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Response<Full<Bytes>>);

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::bytes(status, "application/octet-stream", Bytes::new())
    }

    pub(crate) fn bytes(status: u16, media: &str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        Self(response).with(header::CONTENT_TYPE.as_str(), media)
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).with("location", to)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let name = header::HeaderName::try_from(name).expect("a name");
        if name == header::CONTENT_TYPE {
            self.0.headers_mut().remove(&name);
        }
        self.0.headers_mut().append(name, value.parse().expect("a value"));
        self
    }
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Fake {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (seen, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
                        let seen = Seen { method: head.method, uri: head.uri, headers: head.headers, body };
                        log.lock().unwrap_or_else(PoisonError::into_inner).push(seen.clone());
                        Ok::<_, Infallible>(answer(&seen).0)
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, seen, task })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|s| s.path() == path).count()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
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
