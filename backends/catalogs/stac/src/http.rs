//! What the catalogue needs of the network. Retries, waiting and credentials are below this line.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use cube_backend::{Error, Kind, Result};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde_json::Value;

use crate::{collection_file::io_error, location::Location};

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// The full URL.
    pub url: String,
    /// Headers by name.
    pub headers: Vec<(String, String)>,
    /// A JSON body makes it a POST; without one it is a GET.
    pub body: Option<String>,
}

/// One HTTP answer, of any status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// The whole body, content encoding removed.
    pub body: Bytes,
}

/// The way to the network and to files; `cube_access::Access` is one.
#[async_trait]
pub trait Http: Debug + Send + Sync {
    /// Sends a request; transient failures (429, 5xx, resets) have been tried again before it answers.
    ///
    /// # Behaviour
    /// - A status that is not a success is an answer, not an error.
    /// - An error is what no answer came for.
    async fn request(&self, request: &Request) -> Result<Reply>;

    /// The object store behind a URL or an absolute local path, and the place in it.
    async fn object(&self, href: &str) -> Result<(Arc<dyn ObjectStore>, Path)>;
}

/// Reads a whole document.
pub(crate) async fn read(http: &dyn Http, at: &Location, headers: &[(String, String)]) -> Result<Bytes> {
    if at.is_http() {
        let mut headers = headers.to_vec();
        headers.push(("accept".into(), "application/geo+json, application/json;q=0.9, */*;q=0.1".into()));
        let request = Request { url: at.as_str().to_owned(), headers, body: None };
        let reply = http.request(&request).await?;
        // A document may be cut short on the way without any sign of it: what breaks off is asked for once more.
        let reply = if reply.is_success() && breaks_off(&reply.body) { http.request(&request).await? } else { reply };
        return if reply.is_success() { Ok(reply.body) } else { Err(reply.refusal(&at.bare())) };
    }
    if let Some(path) = at.path() {
        return tokio::fs::read(path).await.map(Bytes::from).map_err(|e| io_error(&at.bare(), e));
    }
    let (store, path) = http.object(at.as_str()).await?;
    Ok(store.get(&path).await?.bytes().await?)
}

/// Whether a JSON document ends before it is complete.
fn breaks_off(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|e| e.is_eof())
}

/// Reads a JSON document.
pub(crate) async fn read_json(http: &dyn Http, at: &Location, headers: &[(String, String)]) -> Result<Value> {
    json(&read(http, at, headers).await?, &at.bare())
}

/// Understands a JSON body.
pub(crate) fn json(body: &[u8], name: &str) -> Result<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|e| Error::corrupt(format!("`{name}` is not JSON")).with_source(e))
}

impl Reply {
    /// Whether the status is a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The error that a status means.
    pub(crate) fn refusal(&self, name: &str) -> Error {
        let said = match self.explanation() {
            Some(text) => format!(": {text}"),
            None => String::new(),
        };
        let status = self.status;
        match status {
            404 | 410 => Error::new(Kind::NotFound, format!("`{name}` does not exist (HTTP {status}){said}")),
            401 | 403 | 407 => Error::new(Kind::Denied, format!("`{name}` refused access (HTTP {status}){said}")),
            408 | 425 | 429 | 500.. => Error::new(Kind::Unavailable, format!("`{name}` failed (HTTP {status}){said}")),
            _ => Error::new(Kind::Invalid, format!("`{name}` did not accept the request (HTTP {status}){said}")),
        }
    }

    /// What the body says went wrong, shortened to one line.
    pub(crate) fn explanation(&self) -> Option<String> {
        let text = match serde_json::from_slice::<Value>(&self.body) {
            Ok(v) => ["detail", "description", "message", "title", "errors", "code"].iter().find_map(|k| v.get(*k)).map(|v| match v {
                Value::String(s) => s.clone(),
                other => other.to_string(),
            })?,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = line.chars().take(300).collect();
        (!short.is_empty() && !short.starts_with('<')).then_some(short)
    }
}
