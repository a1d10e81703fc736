//! Temporary keys: from whom, when, and once.

use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::{
    Inner, REGION, S3Credentials,
    broker::{Grant, Wish},
    hosts::Role,
    refusal,
};
use crate::{Error, Kind, Result, flight::Flight, secret::fingerprint};

impl Inner {
    pub(super) fn keys_of(&self, endpoint: &str) -> Arc<Flight<S3Credentials>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(keys.entry(endpoint.to_owned()).or_default())
    }

    /// Keys of an endpoint that the user `named`, or that is a data host.
    pub(crate) async fn keys(&self, endpoint: &Url, named: bool) -> Result<S3Credentials> {
        if self.options.context.is_none() && !named && self.hosts.role(endpoint) != Role::Data {
            let problem = format!("is not known to be a data host of {}, so it gets no token", self.hosts.login());
            return Err(Error::invalid(endpoint.as_str(), problem)
                .with_hint("add it to CUBE_EARTHDATA_HOSTS if you trust it, or check CUBE_EARTHDATA_SYSTEM"));
        }
        let flight = self.keys_of(endpoint.as_str());
        // A worker without a way back uses what it has to the end.
        let stays = self.options.context.as_ref().is_some_and(|c| !c.has_way_back());
        let is_usable = |k: &S3Credentials| if stays { !k.have_ended(Utc::now()) } else { !k.is_due(Utc::now()) };
        match flight.get(is_usable, self.new_keys(endpoint)).await {
            // The endpoint is down, or the driver gone: what has not ended yet is still good.
            Err(e) if e.kind() == Kind::Unavailable || e.is_credentials_expired() => flight.current().filter(|k| !k.have_ended(Utc::now())).ok_or(e),
            other => other,
        }
    }

    async fn new_keys(&self, endpoint: &Url) -> Result<S3Credentials> {
        if let Some(context) = &self.options.context {
            let Some(way_back) = &context.way_back else {
                return Err(Error::credentials_expired(
                    endpoint.as_str(),
                    "the context has no keys of it that are still valid, and no way back to the driver",
                ));
            };
            return match way_back.ask(Wish::Keys { endpoint: endpoint.to_string() }).await? {
                Grant::Keys(keys) => Ok(keys),
                _ => Err(Error::credentials_expired("the driver", "answers something else")),
            };
        }
        let name = format!("keys-{}", fingerprint(&[endpoint.as_str(), self.hosts.login(), &self.identity().await?]));
        let _lock = self.vault.lock(&name).await;
        if let Some(keys) = self.vault.read::<S3Credentials>(&name).filter(|k| !k.is_due(Utc::now())) {
            tracing::debug!(endpoint = endpoint.as_str(), "another process has these keys");
            return Ok(keys);
        }
        let keys = self.request_keys(endpoint).await?;
        tracing::info!(endpoint = endpoint.as_str(), expires = %keys.expires(), "got temporary S3 keys");
        self.vault.write(&name, &keys);
        Ok(keys)
    }

    /// Asks an endpoint. With a token its redirect is a refusal: then, and when it says so itself, once more with a new token.
    async fn request_keys(&self, endpoint: &Url) -> Result<S3Credentials> {
        let mut refused: Option<String> = None;
        loop {
            let token = match self.token(refused.as_deref()).await {
                Err(e) if refused.is_some() && e.kind() == Kind::Denied => return Err(self.keys_refused(endpoint).with_source(e)),
                other => other?,
            };
            let bearer = token.secret().bearer().ok_or_else(|| Error::invalid("EARTHDATA_TOKEN", "holds characters that no token has"))?;
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer), (header::ACCEPT, HeaderValue::from_static("application/json"))]);
            let answer = self.http.request(Method::GET, endpoint.as_str(), headers, None).await?;
            if answer.status.is_success()
                && let Some(keys) = S3Credentials::parse(&answer.body, endpoint.as_str(), REGION, Utc::now(), date_of(&answer.headers))
            {
                return Ok(keys);
            }
            if let Some(error) = refusal::mendable(endpoint.as_str(), &answer.body, &self.hosts, self.user().as_deref()) {
                return Err(error);
            }
            let is_refusal = answer.status.is_redirection() || answer.status.is_success() || matches!(answer.status.as_u16(), 401 | 403);
            if !is_refusal {
                return Err(answer.ok().err().unwrap_or_else(|| self.keys_refused(endpoint)));
            }
            if refused.is_some() {
                return Err(self.keys_refused(endpoint));
            }
            tracing::debug!(endpoint = endpoint.as_str(), status = %answer.status, "the token is refused");
            refused = Some(token.secret().fingerprint());
        }
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
