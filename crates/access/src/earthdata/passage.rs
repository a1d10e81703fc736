//! One request on its way through redirects: what each host gets, and what each answer means.
//!
//! | host | gets | when |
//! |---|---|---|
//! | data host | bearer token, its cookies | once it has asked for a login |
//! | login host | user and password (else the token), its cookies | when a data host leads there |
//! | any other | nothing | |

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::{
    Earthdata, Inner, Token,
    hosts::Role,
    refusal,
    turns::{Lent, Turn},
};
use crate::{
    Error, Kind, Result,
    http::{Ask, Failure, Live},
};

/// Until the beginning of a refusal is there: others may wait for what becomes of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of one data host.
#[derive(Debug, Default)]
pub(crate) struct DataHost {
    asks: AtomicBool,
    /// It sends who brings a good token to the login host: only cookies help.
    wants_cookies: AtomicBool,
    /// Held by the one who fetches its cookies.
    visit: Arc<tokio::sync::Mutex<()>>,
}

impl DataHost {
    pub(crate) fn asks_for_login(&self) {
        self.asks.store(true, Ordering::Release);
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.asks.load(Ordering::Acquire)
    }
}

/// What comes after an answer.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is the answer, or its redirect is followed.
    Go,
    /// The whole request is made again, with other credentials.
    Again,
}

/// What Earthdata Login knows of one request.
#[derive(Debug)]
pub(crate) struct Passage<'a> {
    earthdata: &'a Earthdata,
    /// The host before this one may send us to the login host.
    from_data: bool,
    /// The token that the current request carries.
    token: Option<Token>,
    /// Whether nobody had it before.
    is_fresh: bool,
    /// Held while a token is on its way to a data host.
    turn: Option<Turn>,
    /// Why there is no token for the current request, although its host is known to ask for one.
    no_login: Option<Error>,
    /// Whether the current request carries our cookies.
    has_cookies: bool,
    cookies_seen: u64,
    /// Fingerprint of the token that was refused before.
    refused: Option<String>,
    /// The second refusal. From then on the token is for this request alone.
    second: Option<Error>,
    /// Held while the cookies of a host are fetched.
    visit: Option<tokio::sync::OwnedMutexGuard<()>>,
    visits: usize,
    /// The data host that sent us to the login host.
    asker: Option<String>,
}

impl Inner {
    pub(crate) fn data_host(&self, origin: &str) -> Arc<DataHost> {
        let mut hosts = self.data_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(origin.to_owned()).or_default())
    }
}

impl<'a> Passage<'a> {
    pub(crate) fn new(earthdata: &'a Earthdata) -> Self {
        Self {
            earthdata,
            from_data: false,
            token: None,
            is_fresh: false,
            turn: None,
            no_login: None,
            has_cookies: false,
            cookies_seen: 0,
            refused: None,
            second: None,
            visit: None,
            visits: 0,
            asker: None,
        }
    }

    fn inner(&self) -> &'a Inner {
        self.earthdata.inner()
    }

    /// The headers that a request gets besides its own. A caller's own credentials are left alone.
    pub(crate) async fn headers(&mut self, ask: &Ask) -> Result<HeaderMap> {
        (self.token, self.has_cookies, self.no_login) = (None, false, None);
        let mut headers = HeaderMap::new();
        let inner = self.inner();
        let role = inner.hosts.role(&ask.url);
        if role == Role::Other || has_own_credentials(ask) {
            self.from_data = false;
            return Ok(headers);
        }
        if role == Role::Login && !self.from_data {
            return Ok(headers);
        }
        let (cookies, seen) = inner.jar.for_url(&ask.url, &inner.hosts);
        self.cookies_seen = seen;
        if let Some(cookies) = cookies {
            headers.insert(header::COOKIE, cookies);
            self.has_cookies = true;
        }
        if role == Role::Login {
            headers.insert(header::AUTHORIZATION, self.for_login().await?);
            return Ok(headers);
        }
        let host = inner.data_host(&origin(&ask.url));
        let only_cookies = self.has_cookies && host.wants_cookies.load(Ordering::Acquire);
        if host.is_asking() && !only_cookies {
            if self.turn.is_none() {
                self.turn = Some(inner.turn(self.second.is_some()).await);
                // All that had a token on the way know by now what became of it.
                if let (Some(error), Some(refused)) = (&self.second, &self.refused)
                    && !inner.was_used_by_others(refused)
                {
                    return Err(error.clone());
                }
            }
            match inner.lend(self.refused.as_deref()).await {
                Ok(Lent { token, is_fresh }) => {
                    headers.insert(header::AUTHORIZATION, token.bearer()?);
                    (self.token, self.is_fresh) = (Some(token), is_fresh);
                }
                // Other files of a host that asks are public, and for some cookies are enough: it decides.
                Err(e) => self.no_login = Some(about(e, &ask.url)),
            }
        }
        Ok(headers)
    }

    async fn for_login(&mut self) -> Result<http::HeaderValue> {
        let inner = self.inner();
        // Who logs in is found out first.
        let token = inner.token(None).await?;
        if let Some(pair) = inner.pair() {
            return pair.header();
        }
        let bearer = token.bearer();
        self.token = Some(token);
        bearer
    }

    /// Keeps cookies, and says what an answer means. Reads the body of a refusal.
    pub(crate) async fn judge(&mut self, ask: &Ask, live: &mut Live) -> Result<Step, Failure> {
        let inner = self.inner();
        let role = inner.hosts.role(&ask.url);
        self.from_data = role != Role::Other && !has_own_credentials(ask);
        let alone = self.turn.take().filter(|turn| matches!(turn, Turn::Alone(_)));
        if !self.from_data {
            return Ok(Step::Go);
        }
        inner.jar.keep(&ask.url, live.response.headers(), &inner.hosts);
        let step = match role {
            Role::Data => self.judge_data(ask, live).await,
            Role::Login => self.judge_login(ask, live).await,
            Role::Other => Ok(Step::Go),
        };
        self.turn = alone.filter(|_| matches!(step, Ok(Step::Again)));
        step.map_err(Failure::Final)
    }

    async fn judge_data(&mut self, ask: &Ask, live: &mut Live) -> Result<Step> {
        let response = &mut live.response;
        let status = response.status();
        let to_login = leads_to(response, &ask.url).is_some_and(|target| self.inner().hosts.role(&target) == Role::Login);
        let inner = self.inner();
        let host = inner.data_host(&origin(&ask.url));
        let is_known = self.is_known();
        let is_refusal = status == StatusCode::UNAUTHORIZED || (status == StatusCode::FORBIDDEN && (is_known || self.no_login.is_some()));
        if !to_login && !is_refusal {
            if !status.is_redirection() {
                self.visit = None;
            }
            if let Some(token) = &self.token {
                inner.took(token);
            }
            return Ok(Step::Go);
        }
        if is_refusal && is_known {
            let body = beginning(response).await;
            if let Some(error) = refusal::mendable(ask.url.as_str(), &body, &inner.hosts, inner.user().as_deref()) {
                return Err(error);
            }
        }
        if let Some(error) = self.no_login.take() {
            return Err(error);
        }
        // Others may ask this host while we log in.
        live.seat = None;
        if !is_known {
            // It has said now that it wants to know who asks.
            host.asks_for_login();
            tracing::debug!(host = ask.url.host_str(), "asks for a login");
            return Ok(Step::Again);
        }
        if to_login { self.visit_login(ask, &host).await } else { self.renew(ask, &host, status).await }
    }

    /// Whether the current request said who we are.
    fn is_known(&self) -> bool {
        self.token.is_some() || self.has_cookies
    }

    /// The host does not take our token, or our cookies have ended: whoever comes first goes to the login host, and the others take its cookies.
    async fn visit_login(&mut self, ask: &Ask, host: &DataHost) -> Result<Step> {
        let inner = self.inner();
        if let Some(token) = self.token.take().filter(|t| self.refused.is_none() && !inner.is_known_good(t)) {
            let fingerprint = token.secret().fingerprint();
            if inner.token(Some(&fingerprint)).await.is_ok() {
                self.refused = Some(fingerprint);
                return Ok(Step::Again);
            }
        }
        if self.visits > 1 {
            let error = Error::new(Kind::Denied, ask.url.as_str(), "sends us to the login host again and again");
            return Err(error.with_hint(refusal::both(&inner.hosts, inner.user().as_deref())));
        }
        if self.visit.is_none() {
            self.visit = Some(Arc::clone(&host.visit).lock_owned().await);
            if inner.jar.generation() > self.cookies_seen && inner.jar.for_url(&ask.url, &inner.hosts).0.is_some() {
                self.visit = None;
                host.wants_cookies.store(true, Ordering::Release);
                return Ok(Step::Again);
            }
        }
        self.visits += 1;
        self.asker = Some(origin(&ask.url));
        Ok(Step::Go)
    }

    /// The host refuses our token: another one is tried. Refused again, it is the end, unless others used that one before or have another by now: then
    /// this request gets one for itself, and only if that is refused too, fresh as it is, nothing helps.
    async fn renew(&mut self, ask: &Ask, host: &DataHost, status: StatusCode) -> Result<Step> {
        let inner = self.inner();
        let refused = |problem: &str| {
            let error = Error::new(Kind::Denied, ask.url.as_str(), format!("{problem} ({status})"));
            error.with_hint(refusal::both(&inner.hosts, inner.user().as_deref()))
        };
        let Some(token) = self.token.take() else {
            // Cookies alone: the token has not been tried.
            host.asks_for_login();
            host.wants_cookies.store(false, Ordering::Release);
            return if self.refused.replace(String::new()).is_none() { Ok(Step::Again) } else { Err(refused("refuses the login")) };
        };
        let fingerprint = token.secret().fingerprint();
        if self.refused.replace(fingerprint.clone()).is_some_and(|r| !r.is_empty()) {
            let error = refused("refuses a new token as well");
            if self.second.is_some() && self.is_fresh {
                return Err(error);
            }
            self.second = Some(error);
            return Ok(Step::Again);
        }
        match inner.token(Some(&fingerprint)).await {
            Ok(_) => Ok(Step::Again),
            Err(e) if e.is_credentials_expired() => Err(about(e, &ask.url)),
            Err(e) => {
                let error = refused("refuses the token");
                // How another token is had goes before what may be wrong with a good one.
                let error = match e.hint() {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                };
                Err(error.with_source(e))
            }
        }
    }

    async fn judge_login(&mut self, ask: &Ask, live: &mut Live) -> Result<Step> {
        let response = &mut live.response;
        let inner = self.inner();
        let status = response.status();
        let target = leads_to(response, &ask.url);
        if let Some(target) = target {
            if target.path().contains("approve_app") || target.path().contains("eula") {
                let body = Bytes::from(target.to_string());
                let name = self.asker.clone().unwrap_or_else(|| origin(&ask.url));
                if let Some(error) = refusal::mendable(&name, &body, &inner.hosts, inner.user().as_deref()) {
                    return Err(error);
                }
            }
            if let Some(host) = &self.asker {
                inner.data_host(host).wants_cookies.store(true, Ordering::Release);
            }
            return Ok(Step::Go);
        }
        let body = beginning(response).await;
        let name = self.asker.clone().unwrap_or_else(|| origin(&ask.url));
        if let Some(error) = refusal::mendable(&name, &body, &inner.hosts, inner.user().as_deref()) {
            return Err(error);
        }
        live.seat = None;
        match (status.as_u16(), self.token.take()) {
            (401 | 403, Some(token)) if self.refused.is_none() => {
                let fingerprint = token.secret().fingerprint();
                inner.token(Some(&fingerprint)).await.map_err(|e| about(e, &ask.url))?;
                self.refused = Some(fingerprint);
                Ok(Step::Again)
            }
            (401 | 403, _) => {
                let error = Error::new(Kind::Denied, inner.hosts.login(), format!("refuses the login that {name} asks for ({status})"));
                Err(error.with_hint("check the user and password, or the token"))
            }
            (200..300, _) => Err(refusal::unapproved(&name, &refusal::applications(&inner.hosts))),
            _ => Err(Error::new(Kind::Unavailable, inner.hosts.login(), format!("answers {status} to the login that {name} asks for"))),
        }
    }
}

fn has_own_credentials(ask: &Ask) -> bool {
    ask.headers.contains_key(header::AUTHORIZATION) || !ask.url.username().is_empty() || ask.url.password().is_some()
}

/// Where a redirect leads.
fn leads_to(response: &reqwest::Response, from: &Url) -> Option<Url> {
    let location = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())?;
    from.join(location.to_str().ok()?).ok()
}

/// The first bytes of a refusal.
async fn beginning(response: &mut reqwest::Response) -> Bytes {
    let mut body = BytesMut::new();
    let reading = async {
        while body.len() < refusal::MAX_BODY
            && let Ok(Some(part)) = response.chunk().await
        {
            body.extend_from_slice(&part);
        }
    };
    // What came until then has to do.
    let _is_whole = tokio::time::timeout(PATIENCE, reading).await.is_ok();
    body.freeze()
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An error of the login, with the name of what could not be read.
fn about(e: Error, url: &Url) -> Error {
    e.wanted_by(url.as_str())
}
