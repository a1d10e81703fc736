//! Temporary keys: from whom, when, and once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::{
    Inner, REGION, S3Credentials,
    broker::{Grant, Wish},
    hosts::Role,
    refusal,
    turns::{Lent, Turn},
};
use crate::{Error, Kind, Result, flight::Flight, secret::fingerprint};

/// Tokens that one request for keys tries: one that ends meanwhile, one that another request brought, and one of its own.
const MOST: usize = 3;

/// The keys of one endpoint, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Endpoint {
    flight: Flight<S3Credentials>,
    standing: Mutex<Standing>,
}

/// What buckets made of keys, by their fingerprints.
#[derive(Debug, Default)]
struct Standing {
    /// Those that opened something.
    opened: Option<String>,
    /// Those that came because the ones before were refused.
    replacement: Option<String>,
    /// Whether new keys did not help where it was not said that keys are the reason.
    in_vain: bool,
}

/// How a bucket refuses keys whose end has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It says that the keys have ended, or that there are none such.
    OfKeys,
    /// It gives no reason: the object may be forbidden, or, where one may not list, not be there.
    Unexplained,
}

impl Endpoint {
    pub(crate) fn set(&self, keys: S3Credentials) {
        self.flight.set(keys);
    }

    /// Fingerprint of the keys that requests get now.
    pub(crate) fn at_hand(&self) -> Option<String> {
        self.flight.current().map(|keys| keys.fingerprint())
    }

    /// These keys opened something.
    pub(crate) fn opened(&self, keys: Option<String>) {
        // A late answer says nothing about the keys that requests get now.
        if keys == self.at_hand() {
            self.standing().opened = keys;
        }
    }

    /// New keys did not help against an unexplained refusal.
    pub(crate) fn was_in_vain(&self) {
        self.standing().in_vain = true;
    }

    /// Whether other keys may help: those that came because of a refusal, and were refused themselves, are not replaced.
    fn may_replace(&self, refused: &str, refusal: Refusal) -> bool {
        let standing = self.standing();
        let has_opened = standing.opened.as_deref() == Some(refused);
        match refusal {
            Refusal::OfKeys => has_opened || standing.replacement.as_deref() != Some(refused),
            Refusal::Unexplained => has_opened && !standing.in_vain,
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn endpoint(&self, url: &str) -> Arc<Endpoint> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry(url.to_owned()).or_default())
    }

    /// Keys of an endpoint that the user `named`, or that is a data host; others than those with the fingerprint `refused`, which a bucket did not take.
    pub(crate) async fn keys(&self, endpoint: &Url, named: bool, refused: Option<&str>) -> Result<S3Credentials> {
        if self.options.context.is_none() && !named && self.hosts.role(endpoint) != Role::Data {
            let problem = format!("is not known to be a data host of {}, so it gets no token", self.hosts.login());
            return Err(Error::invalid(endpoint.as_str(), problem)
                .with_hint("add it to CUBE_EARTHDATA_HOSTS if you trust it, or check CUBE_EARTHDATA_SYSTEM"));
        }
        let of = self.endpoint(endpoint.as_str());
        // A worker without a way back uses what it has to the end.
        let stays = self.options.context.as_ref().is_some_and(|c| !c.has_way_back());
        let is_other = |k: &S3Credentials| refused.is_none_or(|r| k.fingerprint() != r);
        let is_usable = |k: &S3Credentials| is_other(k) && if stays { !k.have_ended(Utc::now()) } else { !k.is_due(Utc::now()) };
        match of.flight.get(is_usable, self.new_keys(endpoint, refused)).await {
            // The endpoint is down, or the driver gone: what has not ended yet is still good.
            Err(e) if e.kind() == Kind::Unavailable || e.is_credentials_expired() => {
                of.flight.current().filter(|k| is_other(k) && !k.have_ended(Utc::now())).ok_or(e)
            }
            other => other,
        }
    }

    /// After a bucket refused keys before their end: whether there are others now, so that it may be asked again. They are asked for once, however many
    /// tasks, buckets and processes had the old ones.
    pub(crate) async fn replace_keys(&self, endpoint: &Url, named: bool, refused: &str, refusal: Refusal) -> Result<bool> {
        let of = self.endpoint(endpoint.as_str());
        if of.at_hand().as_deref() != Some(refused) {
            return Ok(true);
        }
        if !of.may_replace(refused, refusal) {
            return Ok(false);
        }
        tracing::info!(endpoint = endpoint.as_str(), "a bucket refuses its keys before their end: new ones are asked for");
        let keys = match self.keys(endpoint, named, Some(refused)).await {
            // Perhaps the keys were right.
            Err(_) if refusal == Refusal::Unexplained => return Ok(false),
            other => other?.fingerprint(),
        };
        let is_other = keys != refused;
        of.standing().replacement = Some(keys);
        Ok(is_other)
    }

    async fn new_keys(&self, endpoint: &Url, refused: Option<&str>) -> Result<S3Credentials> {
        if let Some(context) = &self.options.context {
            let Some(way_back) = &context.way_back else {
                return Err(Error::credentials_expired(
                    endpoint.as_str(),
                    "the context has no keys of it that are still valid, and no way back to the driver",
                ));
            };
            return match way_back.ask(Wish::Keys { endpoint: endpoint.to_string(), refused: refused.map(str::to_owned) }).await? {
                Grant::Keys(keys) => Ok(keys),
                _ => Err(Error::credentials_expired("the driver", "answers something else")),
            };
        }
        let name = format!("keys-{}", fingerprint(&[endpoint.as_str(), self.hosts.login(), &self.identity().await?]));
        let _lock = self.vault.lock(&name).await;
        let is_good = |k: &S3Credentials| !k.is_due(Utc::now()) && refused.is_none_or(|r| k.fingerprint() != r);
        if let Some(keys) = self.vault.read::<S3Credentials>(&name).filter(is_good) {
            tracing::debug!(endpoint = endpoint.as_str(), "another process has these keys");
            return Ok(keys);
        }
        let keys = self.request_keys(endpoint).await?;
        tracing::info!(endpoint = endpoint.as_str(), expires = %keys.expires(), "got temporary S3 keys");
        self.vault.write(&name, &keys);
        Ok(keys)
    }

    /// Asks an endpoint. With a token its redirect is a refusal: then, and when it says so itself, once more with a new token, which nobody else uses
    /// meanwhile.
    async fn request_keys(&self, endpoint: &Url) -> Result<S3Credentials> {
        let mut refused: Option<String> = None;
        let mut turn = self.turn(false).await;
        for _ in 0..MOST {
            let Lent { token, is_fresh } = match self.lend(refused.as_deref()).await {
                Err(e) if refused.is_some() && e.kind() == Kind::Denied => {
                    // What to do about the token is known better than what to do about the endpoint.
                    let refusal = self.keys_refused(endpoint);
                    let refusal = if let Some(hint) = e.hint() { refusal.with_hint(hint.to_owned()) } else { refusal };
                    return Err(refusal.with_source(e));
                }
                other => other?,
            };
            let headers =
                HeaderMap::from_iter([(header::AUTHORIZATION, token.bearer()?), (header::ACCEPT, HeaderValue::from_static("application/json"))]);
            let answer = self.http.request(Method::GET, endpoint.as_str(), headers, None).await?;
            if answer.status.is_success()
                && let Some(keys) = S3Credentials::parse(&answer.body, endpoint.as_str(), REGION, Utc::now(), date_of(&answer.headers))
            {
                self.took(&token);
                return Ok(keys);
            }
            if let Some(error) = refusal::mendable(endpoint.as_str(), &answer.body, &self.hosts, self.user().as_deref()) {
                return Err(error);
            }
            // A page is what some endpoints show to a token that they refuse.
            let is_page = answer.body.trim_ascii_start().starts_with(b"<");
            if answer.status.is_success() && !is_page {
                return Err(Error::new(Kind::Denied, endpoint.as_str(), "answers something that is no S3 key")
                    .with_hint("name an endpoint that gives keys: https://…/s3credentials; `cube auth providers` lists those of NASA"));
            }
            let is_refusal = answer.status.is_redirection() || is_page || matches!(answer.status.as_u16(), 401 | 403);
            if !is_refusal {
                return Err(answer.ok().err().unwrap_or_else(|| self.keys_refused(endpoint)));
            }
            if refused.is_some() && is_fresh {
                return Err(self.keys_refused(endpoint));
            }
            tracing::debug!(endpoint = endpoint.as_str(), status = %answer.status, "the token is refused");
            refused = Some(token.secret().fingerprint());
            if let Turn::Shared(shared) = turn {
                drop(shared);
                turn = self.turn(true).await;
            }
        }
        Err(self.keys_refused(endpoint))
    }

    fn keys_refused(&self, endpoint: &Url) -> Error {
        Error::new(Kind::Denied, endpoint.as_str(), "gives no S3 keys: it refuses the token")
            .with_hint(refusal::both(&self.hosts, self.user().as_deref()))
    }
}

/// The clock of who answers.
fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|t| t.with_timezone(&Utc))
}
