//! HTTP with retries, limits, redirects that keep secrets, and bodies that may not stall.

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use url::Url;

use crate::{
    Error, HttpOptions, Kind, Result,
    earthdata::Step,
    keyring::{Journey, Keyring},
    limits::Hosts,
    name::public_name,
    place::Place,
    retry::{Tries, is_transient, retry_after},
    shortcuts::{Shortcuts, usable_until},
    stats::Counters,
};

const MAX_REDIRECTS: usize = 10;
/// Most bytes of an announced length that are reserved before they come.
const MOST_ANNOUNCED: u64 = 64 << 20;
/// Times that one try begins anew with other credentials.
const MAX_BEGINNINGS: usize = 6;
/// Headers that say nothing about who asks: these alone follow a redirect to another host.
const HARMLESS: [HeaderName; 6] =
    [header::ACCEPT, header::ACCEPT_ENCODING, header::CONTENT_TYPE, header::RANGE, header::USER_AGENT, header::ACCEPT_LANGUAGE];

/// Requests to services. Cheap to clone; clones share connections, limits and counters.
#[derive(Debug, Clone)]
pub struct Http(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    options: HttpOptions,
    /// Undoes gzip.
    documents: reqwest::Client,
    /// Leaves bytes as they are.
    files: reqwest::Client,
    hosts: Arc<Hosts>,
    counters: Arc<Counters>,
    /// Who knows which host gets which credentials.
    keyring: Option<Arc<Keyring>>,
    /// Where files were found.
    shortcuts: Arc<Shortcuts>,
    /// Whether redirects are followed.
    follows: bool,
}

/// The answer to a request, read whole. `Debug` says from where, without what may be secret.
#[derive(Clone)]
pub struct Response {
    /// Status; never one that asks to try again.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, uncompressed.
    pub body: Bytes,
    /// Where it came from after redirects, as it was asked for: may hold a secret, so it is not for messages.
    pub url: String,
}

/// How one request differs from the other requests of a run.
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    /// Until the headers of the answer are there; absent: [`HttpOptions::request_timeout`].
    pub timeout: Option<Duration>,
    /// Statuses that are answers here, although elsewhere they would be tried again.
    pub answers: Vec<StatusCode>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) options: RequestOptions,
}

/// An answer whose body is still to be read. Holds its host's seat until dropped.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) response: reqwest::Response,
    pub(crate) url: Url,
    pub(crate) seat: Option<OwnedSemaphorePermit>,
    /// Until when `url` may be used again without asking who redirected there; absent where nobody did, or may.
    pub(crate) usable_until: Option<DateTime<Utc>>,
}

/// Why a try failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another try may help, after a while where the server says so.
    Passing(Error, Option<Duration>),
    /// It will not.
    Final(Error),
}

impl Http {
    pub(crate) fn new(options: &HttpOptions, hosts: Arc<Hosts>, counters: Arc<Counters>) -> Result<Self> {
        let client = |gzip: bool| {
            reqwest::Client::builder()
                .user_agent(concat!("eocube/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(options.connect_timeout)
                .pool_max_idle_per_host(options.max_connections_per_host)
                // Redirects are followed here, where it is known which headers are secret.
                .redirect(reqwest::redirect::Policy::none())
                .gzip(gzip)
                .build()
                .map_err(|e| Error::invalid("HTTP", "cannot be set up").with_source(e.without_url()))
        };
        Ok(Self(Arc::new(Inner {
            options: options.clone(),
            documents: client(true)?,
            files: client(false)?,
            hosts,
            counters,
            keyring: None,
            shortcuts: Arc::default(),
            follows: true,
        })))
    }

    /// With the credentials that hosts ask for.
    pub(crate) fn with_keyring(&self, keyring: Arc<Keyring>) -> Self {
        Self(Arc::new(Inner { keyring: Some(keyring), ..Inner::clone(&self.0) }))
    }

    /// Whose answers are redirects, where a service redirects.
    pub(crate) fn without_redirects(&self) -> Self {
        Self(Arc::new(Inner { follows: false, ..Inner::clone(&self.0) }))
    }

    pub(crate) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    /// GET, whole.
    pub async fn get(&self, url: &str) -> Result<Response> {
        self.request(Method::GET, url, HeaderMap::new(), None).await
    }

    /// Makes a request and reads the answer whole, at most [`HttpOptions::max_document_bytes`] of it. What fails on the way, or is answered with
    /// 408, 429, 500, 502, 503 or 504, is tried again (POST too: the requests of catalogues change nothing). Any other status is an answer; see
    /// [`Response::ok`].
    ///
    /// On a redirect to another host only headers that say nothing about the asker go along. A POST stays one, except for 303.
    pub async fn request(&self, method: Method, url: &str, headers: HeaderMap, body: Option<Bytes>) -> Result<Response> {
        self.request_with(method, url, headers, body, RequestOptions::default()).await
    }

    /// As [`Http::request`], with options of this request alone: for a service that needs longer than others, or whose 504 has a meaning.
    pub async fn request_with(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Option<Bytes>,
        options: RequestOptions,
    ) -> Result<Response> {
        let Place::Http(parsed) = Place::parse(url)? else {
            return Err(Error::invalid(url, "is not an http URL"));
        };
        let ask = Ask { method, url: parsed, headers, body, options };
        let mut tries = Tries::new(&self.0.options);
        loop {
            match self.whole(&ask).await {
                Ok(response) => return Ok(response),
                Err(failure) => self.wait(failure, &mut tries, &ask.url).await?,
            }
        }
    }

    async fn whole(&self, ask: &Ask) -> Result<Response, Failure> {
        let mut live = self.send(&self.0.documents, ask).await?;
        let (limit, name) = (self.0.options.max_document_bytes, live.url.clone());
        if live.response.content_length().is_some_and(|n| n > limit) {
            return Err(Failure::Final(Error::too_large(name.as_str(), limit)));
        }
        // What is announced costs nothing until it comes, and a buffer that need not grow is not copied.
        let announced = live.response.content_length().unwrap_or(0).min(MOST_ANNOUNCED);
        let mut body = BytesMut::with_capacity(announced as usize);
        while let Some(part) = self.part(&mut live).await? {
            body.extend_from_slice(&part);
            if body.len() as u64 > limit {
                return Err(Failure::Final(Error::too_large(name.as_str(), limit)));
            }
        }
        Ok(Response { status: live.response.status(), headers: live.response.headers().clone(), body: body.freeze(), url: live.url.into() })
    }

    /// One small request without retries, for a service that may not be there: its body when it answers with success in time.
    pub(crate) async fn once(&self, method: Method, url: &str, headers: HeaderMap, patience: Duration) -> Option<String> {
        self.0.counters.request();
        let request = self.0.documents.request(method, url).headers(headers).timeout(patience).send();
        let response = request.await.ok().filter(|r| r.status().is_success())?;
        response.text().await.ok()
    }

    /// The error of a web page that came where a file was wanted.
    pub(crate) fn page_instead(&self, wanted: &Url, came_from: &str, body: &Bytes) -> Error {
        let known = self.0.keyring.as_ref().and_then(|keyring| keyring.earthdata.mendable(wanted.as_str(), body));
        known.unwrap_or_else(|| {
            let other = Url::parse(came_from).ok().filter(|url| url.origin() != wanted.origin());
            let on = other.and_then(|url| url.host_str().map(|host| format!(" on {host}"))).unwrap_or_default();
            Error::new(Kind::Denied, wanted.as_str(), format!("leads to a web page{on}, not to a file"))
                .with_hint("it asks for a login: give credentials for this host, or choose a public copy")
        })
    }

    /// Waits before another try; the error itself when there is none left or none would help.
    pub(crate) async fn wait(&self, failure: Failure, tries: &mut Tries, url: &Url) -> Result<()> {
        let (error, asked) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing(error, asked) => (error, asked),
        };
        let Some(wait) = tries.next(asked) else { return Err(error) };
        self.0.shortcuts.forget(url);
        tracing::debug!(error = %error, wait = ?wait, "trying again");
        tokio::time::sleep(wait).await;
        self.0.counters.retry(wait);
        Ok(())
    }

    /// One try for a file: bytes come as they are stored.
    pub(crate) async fn send_file(&self, ask: &Ask) -> Result<Live, Failure> {
        self.send(&self.0.files, &as_stored(ask)).await
    }

    /// One try for a file where it was found before, with no credentials whatever; `None` where that is not known.
    pub(crate) async fn send_straight(&self, ask: &Ask) -> Result<Option<Live>, Failure> {
        let known = self.0.shortcuts.of(&ask.url).filter(|_| ask.method == Method::GET);
        let Some((target, until)) = known else { return Ok(None) };
        let live = self.hop(&self.0.files, Ask { url: target.clone(), ..as_stored(ask) }, &target).await?;
        Ok(Some(Live { usable_until: Some(until), ..live }))
    }

    /// An answer to GET turned out to be the file: what it came from is remembered, when it is another address that needs no credentials.
    pub(crate) fn found(&self, file: &Url, live: &Live) {
        let gets_credentials = || self.0.keyring.as_ref().is_some_and(|keyring| keyring.is_for(&live.url));
        if let Some(until) = live.usable_until
            && !gets_credentials()
        {
            self.0.shortcuts.remember(file, &live.url, until);
        }
    }

    /// A file is not any more where it was found.
    pub(crate) fn lost(&self, file: &Url, target: &Url) {
        tracing::debug!(file = public_name(file.as_str()), "is looked for at its own address again");
        self.0.shortcuts.lost(file, target);
    }

    /// One try: follows redirects, answers when the headers are there. Statuses that ask to try again are failures.
    async fn send(&self, client: &reqwest::Client, first: &Ask) -> Result<Live, Failure> {
        let mut journey = self.0.keyring.as_deref().map(Journey::new);
        let (mut ask, mut redirects, mut beginnings, mut usable) = (first.clone(), 0, 0, None);
        loop {
            let dressed = match &mut journey {
                Some(journey) => journey.dress(&ask).await.map_err(Failure::Final)?,
                None => ask.clone(),
            };
            let mut live = self.hop(client, dressed, &ask.url).await?;
            if let Some(journey) = &mut journey
                && let Step::Again = journey.judge(&ask, &mut live).await?
            {
                beginnings += 1;
                if beginnings > MAX_BEGINNINGS {
                    return Err(Failure::Final(Error::new(Kind::Denied, first.url.as_str(), "asks for other credentials again and again")));
                }
                (ask, redirects, usable) = (first.clone(), 0, None);
                continue;
            }
            let next = if self.0.follows { redirect(&live.response, &ask)? } else { None };
            let Some(next) = next else { return Ok(Live { usable_until: usable, ..live }) };
            redirects += 1;
            // Of several redirects, the one that ends first.
            let until = usable_until(&next.url, live.response.headers(), Utc::now());
            usable = if redirects == 1 { until } else { until.min(usable) };
            if redirects > MAX_REDIRECTS {
                return Err(Failure::Final(Error::new(Kind::Unavailable, next.url.as_str(), format!("redirects more than {MAX_REDIRECTS} times"))));
            }
            ask = next;
        }
    }

    /// One request, as it goes over the wire, for what is called `shown`.
    async fn hop(&self, client: &reqwest::Client, ask: Ask, shown: &Url) -> Result<Live, Failure> {
        let seat = self.0.hosts.of(&ask.url).seat().await;
        self.0.counters.request();
        let name = shown.as_str();
        let mut request = client.request(ask.method, ask.url).headers(ask.headers);
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        let patience = ask.options.timeout.unwrap_or(self.0.options.request_timeout);
        let response = match tokio::time::timeout(patience, request.send()).await {
            Err(_) => return Err(passing(name, format!("did not answer within {} s", patience.as_secs_f32()))),
            Ok(Err(e)) => return Err(network(name, e)),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if is_transient(status) && !ask.options.answers.contains(&status) {
            let asked = retry_after(response.headers());
            if let Some(wait) = asked {
                self.0.hosts.of(shown).pause_until(Instant::now() + wait.min(self.0.options.max_wait));
            }
            let error = Error::new(Kind::Unavailable, name, format!("answers {status}"));
            return Err(Failure::Passing(error.with_hint("the service is busy or down: try again later"), asked));
        }
        Ok(Live { response, url: shown.clone(), seat, usable_until: None })
    }

    /// The next part of a body, or `None` at its end. A body that ends early or pauses too long is a passing failure.
    pub(crate) async fn part(&self, live: &mut Live) -> Result<Option<Bytes>, Failure> {
        let name = live.url.as_str();
        match tokio::time::timeout(self.0.options.stall_timeout, live.response.chunk()).await {
            Err(_) => Err(passing(name, format!("sent nothing for {} s", self.0.options.stall_timeout.as_secs_f32()))),
            Ok(Err(e)) => Err(network(name, e)),
            Ok(Ok(part)) => {
                self.0.counters.received(part.as_ref().map_or(0, |p| p.len() as u64));
                Ok(part)
            }
        }
    }
}

fn passing(name: &str, problem: impl Into<String>) -> Failure {
    Failure::Passing(Error::new(Kind::Unavailable, name, problem), None)
}

/// What reqwest says, without the URL, which may hold a secret.
fn network(name: &str, e: reqwest::Error) -> Failure {
    let problem = if e.is_connect() {
        "cannot be reached"
    } else if e.is_body() || e.is_decode() {
        "broke off"
    } else {
        "could not be read"
    };
    let is_builder = e.is_builder();
    let error = Error::new(Kind::Unavailable, name, problem).with_source(e.without_url());
    if is_builder { Failure::Final(error) } else { Failure::Passing(error.with_hint("check the address and the network"), None) }
}

/// Compression would make other bytes of it than those that ranges count.
fn as_stored(ask: &Ask) -> Ask {
    let mut ask = ask.clone();
    ask.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    ask
}

/// The request that a redirect asks for.
fn redirect(response: &reqwest::Response, ask: &Ask) -> Result<Option<Ask>, Failure> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let broken = |problem: &str| Failure::Final(Error::new(Kind::Unavailable, ask.url.as_str(), problem));
    let target = response.headers().get(header::LOCATION).ok_or_else(|| broken("redirects nowhere"))?;
    let target = std::str::from_utf8(target.as_bytes())
        .ok()
        .and_then(|t| ask.url.join(t).ok())
        .ok_or_else(|| broken("redirects to something that is not a URL"))?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(broken("redirects to something that is not http"));
    }
    let mut next = Ask { url: target, ..ask.clone() };
    if next.url.origin() != ask.url.origin() {
        next.headers = HARMLESS.into_iter().filter_map(|name| ask.headers.get(&name).map(|v| (name, v.clone()))).collect();
    }
    if status == StatusCode::SEE_OTHER && ask.method != Method::HEAD {
        (next.method, next.body) = (Method::GET, None);
        next.headers.remove(header::CONTENT_TYPE);
    }
    Ok(Some(next))
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("url", &public_name(&self.url)).finish_non_exhaustive()
    }
}

impl Response {
    /// Itself, when the status says success; else an error that names URL and status, with what the service says where that is short and safe.
    pub fn ok(self) -> Result<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        let error = status_error(&self.url, self.status);
        Err(match self.words() {
            Some(words) => {
                Error::new(error.kind(), &self.url, format!("answers {}: {words}", self.status)).with_hint(error.hint().unwrap_or_default())
            }
            None => error,
        })
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| {
            let looks = if self.body.trim_ascii_start().starts_with(b"<") { " (it looks like a web page)" } else { "" };
            Error::new(Kind::Corrupt, &self.url, format!("is not the JSON that is expected{looks}")).with_source(e)
        })
    }

    /// The service's own words, from the usual fields of a JSON answer. Left out when they repeat a part of the query, which may be a secret.
    fn words(&self) -> Option<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let text = ["description", "detail", "message", "error", "title"].into_iter().find_map(|key| json.get(key)?.as_str())?;
        let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
        let url = Url::parse(&self.url).ok()?;
        let repeats = url.query_pairs().any(|(_, value)| value.len() >= 8 && text.contains(value.as_ref()));
        (!repeats && !text.is_empty()).then_some(text)
    }
}

/// The error that a final status stands for.
pub(crate) fn status_error(url: &str, status: StatusCode) -> Error {
    match status.as_u16() {
        404 | 410 => Error::new(Kind::NotFound, url, "does not exist").with_hint("check the address"),
        401 | 407 => Error::new(Kind::Denied, url, format!("asks for credentials ({status})"))
            .with_hint("give credentials for this host, or choose a public copy"),
        403 => Error::new(Kind::Denied, url, format!("may not be read ({status})"))
            .with_hint("it needs credentials, its signature has expired, or it does not exist"),
        _ => Error::new(Kind::Invalid, url, format!("answers {status}")).with_hint("the service does not understand the request"),
    }
}
