//! A server on 127.0.0.1 that answers as a test wants, and keeps what it was asked.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use cube_access::{Access, AccessOptions, HttpOptions};
use cube_catalog_cmr::{Cmr, CmrOptions};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Of the URL, as sent.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Call {
    /// The parameters, from URL or form.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let text = if self.body.is_empty() { &self.query } else { &self.body };
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    /// The values of a parameter, named with or without `[]`.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.parameters().into_iter().filter(|(n, _)| n.trim_end_matches("[]") == name).map(|(_, v)| v).collect()
    }

    pub(crate) fn page_size(&self) -> usize {
        self.all("page_size").first().and_then(|t| t.parse().ok()).unwrap_or(10)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// Where the page begins, for a server whose places are numbers.
    pub(crate) fn after(&self) -> usize {
        self.header("cmr-search-after").and_then(|t| t.trim_matches(['[', ']']).parse().ok()).unwrap_or(0)
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A page of records.
    pub(crate) fn page<T: AsRef<str>>(hits: usize, items: &[T]) -> Self {
        let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        let body = format!("{{\"hits\":{hits},\"took\":1,\"items\":[{}]}}", items.join(","));
        Self::new(200, body).with("CMR-Hits", hits).with("CMR-Request-Id", "r-1").with("CMR-Took", 1)
    }
}

type Handler = dyn Fn(&Call, usize) -> Answer + Send + Sync;

/// The server; it stops with its runtime.
pub(crate) struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    /// Answers each request by `answer`, which is told how many there were before.
    pub(crate) async fn start(answer: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (handler, kept): (Arc<Handler>, _) = (Arc::new(answer), Arc::clone(&calls));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, kept) = (Arc::clone(&handler), Arc::clone(&kept));
                let service = hyper::service::service_fn(move |request| serve(Arc::clone(&handler), Arc::clone(&kept), request));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, calls }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A client of it.
    pub(crate) fn cmr(&self, page_size: u64) -> Cmr {
        self.cmr_with(CmrOptions { page_size, ..CmrOptions::default() })
    }

    pub(crate) fn cmr_with(&self, options: CmrOptions) -> Cmr {
        Cmr::new(&self.url(), &access(), options).expect("a client")
    }
}

/// Access that waits no longer than a test can.
pub(crate) fn access() -> Access {
    let backoff = std::time::Duration::from_millis(1);
    Access::new(AccessOptions { http: HttpOptions { backoff, retries: 3, ..HttpOptions::default() }, ..AccessOptions::default() }).expect("access")
}

async fn serve(handler: Arc<Handler>, kept: Arc<Mutex<Vec<Call>>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let before = {
        let mut calls = kept.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call.clone());
        calls.len() - 1
    };
    let answer = handler(&call, before);
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
    for (name, value) in &answer.headers {
        let name: http::HeaderName = name.parse().expect("a name");
        response.headers_mut().append(name, value.parse().expect("a value"));
    }
    Ok(response)
}
