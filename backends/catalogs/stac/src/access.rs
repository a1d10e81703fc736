//! `cube_access` as the way to the network.

use std::sync::Arc;

use async_trait::async_trait;
use cube_access::Access;
use cube_backend::{Error, Kind, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use object_store::{ObjectStore, path::Path};

use crate::http::{Http, Reply, Request};

#[async_trait]
impl Http for Access {
    async fn request(&self, request: &Request) -> Result<Reply> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let bad = || Error::new(Kind::Invalid, format!("the header `{name}` cannot be sent"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad().with_source(e))?;
            headers.append(key, HeaderValue::from_str(value).map_err(|e| bad().with_source(e))?);
        }
        let method = if request.body.is_some() { Method::POST } else { Method::GET };
        let body = request.body.clone().map(Into::into);
        let reply = self.http().request(method, &request.url, headers, body).await.map_err(error)?;
        Ok(Reply { status: reply.status.as_u16(), body: reply.body })
    }

    async fn object(&self, href: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
        Self::object(self, href).await.map_err(error)
    }
}

/// An error of access as one of a backend: the same words, kind and hint.
fn error(e: cube_access::Error) -> Error {
    let kind = match e.kind() {
        cube_access::Kind::NotFound => Kind::NotFound,
        cube_access::Kind::Denied => Kind::Denied,
        cube_access::Kind::Unavailable => Kind::Unavailable,
        cube_access::Kind::Corrupt => Kind::Corrupt,
        cube_access::Kind::Invalid => Kind::Invalid,
    };
    let hint = e.hint();
    let error = Error::new(kind, e.to_string()).with_source(e);
    match hint {
        Some(h) => error.with_hint(h),
        None => error,
    }
}
