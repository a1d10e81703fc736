//! An HTTP/1.1 server on 127.0.0.1 for tests: files with ranges, a log of requests, faults on demand, and STAC APIs.
//!
//! * [`Server`] — lives until it is dropped; [`Log`] — what was asked; [`Rule`] and [`Fault`] — what goes wrong, when.
//!
//! Other languages reach log and faults over HTTP: `GET /_log` ([`Log::summary`]; with `?records=1` also every [`Record`]),
//! `POST /_log/reset`, `POST /_faults` with a JSON list of [`Rule`]s (an empty list ends all faults).

mod fault;
mod files;
mod log;
mod wire;

pub use fault::{Fault, Faults, Rule};
pub use log::{Log, Record, Totals};

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;

use crate::{Error, Result};
pub(crate) use files::Files;
use wire::{Ending, Reply, Wire};

/// A part of the server that computes its answers, mounted under a path prefix.
pub trait Service: Send + Sync + std::fmt::Debug {
    /// Answers one request.
    fn answer(&self, call: &Call) -> Answer;

    /// Answers a request that steers or observes the service: it has neither faults nor a place in the log. `call.path` is the whole path.
    fn control(&self, _call: &Call) -> Option<Answer> {
        None
    }
}

/// A request as a [`Service`] sees it.
#[derive(Debug, Clone)]
pub struct Call {
    /// `http://127.0.0.1:PORT`, without a final slash.
    pub root: String,
    /// Absolute URL of the mount point, without a final slash.
    pub base: String,
    /// GET, POST, …
    pub method: Method,
    /// Path below the mount point: empty or starting with `/`, percent-decoded.
    pub path: String,
    /// Query parameters in their order, decoded.
    pub query: Vec<(String, String)>,
    /// Headers of the request.
    pub headers: HeaderMap,
    /// Body of the request.
    pub body: Bytes,
}

impl Call {
    /// Value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first query parameter of a name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Status, headers and body of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Answer {
    /// An answer with a body.
    #[must_use]
    pub fn new(status: StatusCode, body: Bytes) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self::new(status, Bytes::new())
    }

    /// An answer in JSON of the given media type.
    #[must_use]
    pub fn json(status: StatusCode, media: &str, value: &serde_json::Value) -> Self {
        let mut answer = Self::new(status, value.to_string().into());
        answer.header(CONTENT_TYPE, media);
        answer
    }

    /// Adds a header; a value that HTTP does not allow is left out.
    pub fn header(&mut self, name: HeaderName, value: &str) {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }

    /// Replaces a header, or adds it; what HTTP does not allow is left out.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            self.headers.retain(|(known, _)| *known != name);
            self.header(name, value);
        }
    }

    /// With a header added, as [`Answer::header`] does.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.header(name, value);
        self
    }

    /// The same answer with another body.
    #[must_use]
    pub(crate) fn with_body(&self, body: Bytes) -> Self {
        Self { body, ..self.clone() }
    }

    /// Status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Body of the answer.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What a server is to serve.
#[derive(Debug, Default)]
pub struct Builder {
    directory: Option<PathBuf>,
    memory: BTreeMap<String, Bytes>,
    services: Vec<(String, Arc<dyn Service>)>,
    host: Option<Ipv4Addr>,
    port: u16,
    log: Arc<Log>,
    faults: Arc<Faults>,
}

impl Builder {
    /// Serves the files of a folder, under their relative paths.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Serves bytes under a path; goes before a file of the same path.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: impl Into<Bytes>) -> Self {
        self.memory.insert(path.to_owned(), bytes.into());
        self
    }

    /// Mounts a service under a prefix such as `/stac`; under an empty prefix it answers everything.
    #[must_use]
    pub fn service(mut self, prefix: &str, service: impl Service + 'static) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        self.services.push((prefix, Arc::new(service)));
        self
    }

    /// Listens on another address of this machine than 127.0.0.1, so that a client sees another host (cookies do not tell ports apart).
    #[must_use]
    pub fn host(mut self, host: Ipv4Addr) -> Self {
        self.host = Some(host);
        self
    }

    /// Writes to this log, which others can read too.
    #[must_use]
    pub fn log(mut self, log: Arc<Log>) -> Self {
        self.log = log;
        self
    }

    /// Obeys this plan of faults, which others can change too.
    #[must_use]
    pub fn faults(mut self, faults: Arc<Faults>) -> Self {
        self.faults = faults;
        self
    }

    /// Takes this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the server; it answers as soon as this returns.
    ///
    /// # Errors
    /// [`Error::Io`] if the port is taken or no threads can be made.
    pub fn start(self) -> Result<Server> {
        let wanted = SocketAddr::from((self.host.unwrap_or(Ipv4Addr::LOCALHOST), self.port));
        let listener = TcpListener::bind(wanted).map_err(Error::io(wanted.to_string()))?;
        let address = listener.local_addr().map_err(Error::io(wanted.to_string()))?;
        listener.set_nonblocking(true).map_err(Error::io(address.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("testkit-server").enable_all().build();
        let runtime = runtime.map_err(Error::io(address.to_string()))?;
        let files = Files::new(self.directory);
        self.memory.into_iter().for_each(|(path, bytes)| files.put(&path, bytes));
        let state = Arc::new(State { address, files, services: self.services, log: self.log, faults: self.faults });
        runtime.spawn(accept(listener, Arc::clone(&state)));
        Ok(Server { state, runtime: Some(runtime) })
    }
}

/// A running server. It stops when dropped: the port closes at once and what is in flight is cut off.
#[derive(Debug)]
pub struct Server {
    state: Arc<State>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Says what to serve.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://127.0.0.1:PORT`, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.url()
    }

    /// Absolute URL of a path.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/{}", self.url(), path.trim_start_matches('/'))
    }

    /// Address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// What was asked so far.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.state.log
    }

    /// What goes wrong from now on.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// Adds or replaces a file in memory; its ETag follows from its bytes.
    pub fn put(&self, path: &str, bytes: impl Into<Bytes>) {
        self.state.files.put(path, bytes.into());
    }

    /// Takes a file out of memory.
    pub fn remove(&self, path: &str) {
        self.state.files.remove(path);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // In the background, because a blocking shutdown is not allowed where a test drops the server inside a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Debug)]
struct State {
    address: SocketAddr,
    files: Files,
    services: Vec<(String, Arc<dyn Service>)>,
    log: Arc<Log>,
    faults: Arc<Faults>,
}

impl State {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer without faults that concern its way.
    fn route(&self, call: &Call, faults: &[Fault]) -> Answer {
        for (prefix, service) in &self.services {
            let below = call.path.strip_prefix(prefix.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(path) = below {
                let base = format!("{}{prefix}", call.root);
                return service.answer(&Call { base, path: path.trim_end_matches('/').to_owned(), ..call.clone() });
            }
        }
        let etag = faults.iter().find_map(|fault| if let Fault::Etag { etag } = fault { Some(etag.as_str()) } else { None });
        self.files.answer(&call.method, &call.path, &call.headers, etag, faults.contains(&Fault::IgnoreRange))
    }

    /// Log and fault plan over HTTP.
    fn control(&self, call: &Call) -> Option<Answer> {
        if let Some(answer) = self.services.iter().find_map(|(_, service)| service.control(call)) {
            return Some(answer);
        }
        match (&call.method, call.path.as_str()) {
            (&Method::GET, "/_log") => {
                let mut summary = self.log.summary();
                if call.query.iter().any(|(key, _)| key == "records") {
                    summary["records"] = serde_json::to_value(self.log.records()).unwrap_or_default();
                }
                Some(Answer::json(StatusCode::OK, "application/json", &summary))
            }
            (&Method::POST, "/_log/reset") => {
                self.log.reset();
                Some(Answer::empty(StatusCode::NO_CONTENT))
            }
            (&Method::POST, "/_faults") => match serde_json::from_slice(&call.body) {
                Ok(rules) => {
                    self.faults.set(rules);
                    Some(Answer::empty(StatusCode::NO_CONTENT))
                }
                Err(error) => Some(Answer::new(StatusCode::BAD_REQUEST, error.to_string().into())),
            },
            _ => None,
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Without it, small answers wait for the client's delayed acknowledgement.
        drop(stream.set_nodelay(true));
        let (state, abort) = (Arc::clone(&state), Arc::new(AtomicBool::new(false)));
        let wire = Wire { stream, abort: Arc::clone(&abort) };
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| handle(Arc::clone(&state), Arc::clone(&abort), request));
            // A connection that breaks is the client's business, or a planned fault.
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(wire), service).await);
        });
    }
}

async fn handle(state: Arc<State>, abort: Arc<AtomicBool>, request: Request<Incoming>) -> std::result::Result<Response<Reply>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let root = state.url();
    let (path, query_pairs) = (decode(head.uri.path(), false), parse_query(query));
    let call = Call { base: root.clone(), root, method: head.method, path, query: query_pairs, headers: head.headers, body };
    if let Some(answer) = state.control(&call) {
        return Ok(respond(&answer, &call.method, Ending::Complete, abort));
    }
    state.log.begin();
    let faults = state.faults.strike(call.method.as_str(), &call.path);
    for fault in &faults {
        if let Fault::Slow { millis } = fault {
            tokio::time::sleep(Duration::from_millis(*millis)).await;
        }
    }
    let mut answer = instead(&faults).unwrap_or_else(|| state.route(&call, &faults));
    let ending = if call.method == Method::HEAD { Ending::Complete } else { spoil(&mut answer, &faults) };
    let headers = call.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let headers: Vec<_> = headers.collect();
    state.log.add(Record {
        method: call.method.to_string(),
        path: call.path.clone(),
        query: query.to_owned(),
        range: headers.iter().find(|(name, _)| name == "range").map(|(_, value)| value.clone()),
        status: answer.status.as_u16(),
        bytes: if call.method == Method::HEAD { 0 } else { answer.body.len() as u64 },
        headers,
        body: String::from_utf8_lossy(&call.body).into_owned(),
    });
    Ok(respond(&answer, &call.method, ending, abort))
}

/// The answer that a fault gives instead of the true one.
fn instead(faults: &[Fault]) -> Option<Answer> {
    faults.iter().find_map(|fault| match fault {
        Fault::Status { status, retry_after } => {
            let mut answer = Answer::empty(StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            if let Some(seconds) = retry_after {
                answer.header(RETRY_AFTER, &seconds.to_string());
            }
            Some(answer)
        }
        Fault::Redirect { location } => Some(Answer::empty(StatusCode::FOUND).with(LOCATION, location)),
        Fault::Answer { status, headers, body } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
            let mut answer = Answer::new(status, body.clone().into());
            headers.iter().for_each(|(name, value)| answer.set(name, value));
            Some(answer)
        }
        _ => None,
    })
}

/// Applies the faults that concern the body; the declared length stays that of the true one, except for [`Fault::Short`].
fn spoil(answer: &mut Answer, faults: &[Fault]) -> Ending {
    let mut ending = Ending::Complete;
    let declared = answer.body.len();
    for fault in faults {
        let (after, how) = match fault {
            Fault::WrongBytes { offset, length } => {
                answer.body = inverted(&answer.body, *offset, *length);
                continue;
            }
            Fault::Short { length } => {
                answer.body.truncate(*length as usize);
                answer.headers.retain(|(name, _)| name != CONTENT_LENGTH);
                continue;
            }
            Fault::Header { name, value } => {
                answer.set(name, value);
                continue;
            }
            Fault::Reset { after } => (*after, Ending::Reset),
            Fault::Truncate { after } => (*after, Ending::Close),
            Fault::Stall { after } => (*after, Ending::Stall),
            _ => continue,
        };
        answer.header(CONTENT_LENGTH, &declared.to_string());
        answer.body.truncate(after as usize);
        ending = how;
    }
    ending
}

fn inverted(body: &Bytes, offset: u64, length: Option<u64>) -> Bytes {
    let mut bytes = body.to_vec();
    let reach = length.map_or(usize::MAX, |length| length as usize);
    bytes.iter_mut().skip(offset as usize).take(reach).for_each(|byte| *byte = !*byte);
    bytes.into()
}

fn respond(answer: &Answer, method: &Method, ending: Ending, abort: Arc<AtomicBool>) -> Response<Reply> {
    let mut response = Response::new(Reply::new(answer.body.clone(), ending, abort));
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    // Bodies are streams to hyper, so that their length has to be said here; 204 and 304 have none.
    let bodiless = method == Method::HEAD || answer.status == StatusCode::NO_CONTENT || answer.status == StatusCode::NOT_MODIFIED;
    if !bodiless && !response.headers().contains_key(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, answer.body.len().into());
    }
    response
}

pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true), decode(value, true))
        })
        .collect()
}

/// Percent-decoding; in a query, `+` is a space.
fn decode(text: &str, plus: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &tail[2..];
            }
            None => {
                out.push(if plus && *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encoding of everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
