//! Microsoft's Planetary Computer: blobs are read with a signature (SAS) of their container, which its service gives to everybody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, Method};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    Error, Http, Kind, Result, Secret,
    earthdata::{AuthContext, Grant, Wish, service_url},
    flight::Flight,
    secret::{exposed, sensitive},
    vault::Vault,
};

const SERVICE: &str = "https://planetarycomputer.microsoft.com/api/sas/v1/token";
const BLOBS: &str = ".blob.core.windows.net";
/// Its blobs are public.
const PUBLIC_ACCOUNT: &str = "ai4edatasetspublicassets";
const KEY_HEADER: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");
/// A signature with less left is renewed.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// How long it is believed that a container has no signature.
const UNSIGNED: TimeDelta = TimeDelta::hours(1);

/// How the Planetary Computer is used.
#[derive(Debug, Clone, Default)]
pub struct PlanetaryOptions {
    /// `PC_SDK_SAS_URL`: the service that signs, when it is not Microsoft's.
    pub service: Option<Url>,
    /// `PC_SDK_SUBSCRIPTION_KEY`: lets one ask more often.
    pub subscription_key: Option<Secret>,
    /// Further hosts of blobs, `host:port`, each with its account: for tests.
    pub hosts: Vec<(String, String)>,
}

impl PlanetaryOptions {
    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        Ok(Self {
            service: get("PC_SDK_SAS_URL").map(|text| service_url("PC_SDK_SAS_URL", &text)).transpose()?,
            subscription_key: get("PC_SDK_SUBSCRIPTION_KEY").map(Secret::new),
            hosts: Vec::new(),
        })
    }
}

/// The signature of a container; or the knowledge that it needs none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Signature {
    query: Option<Query>,
    expires: DateTime<Utc>,
    obtained: DateTime<Utc>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Query(#[serde(with = "exposed")] Secret);

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "msft:expiry")]
    expiry: DateTime<Utc>,
    token: String,
}

impl Signature {
    /// The URL as it is asked for.
    pub(crate) fn sign(&self, url: &Url) -> Url {
        let mut signed = url.clone();
        if let Some(Query(query)) = &self.query {
            let all = match url.query().filter(|q| !q.is_empty()) {
                Some(own) => format!("{own}&{}", query.expose()),
                None => query.expose().to_owned(),
            };
            signed.set_query(Some(&all));
        }
        signed
    }

    /// Tells one signature from another; `None` where there is none.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.query.as_ref().map(|Query(secret)| secret.fingerprint())
    }

    fn is_usable(&self, refused: Option<&str>) -> bool {
        let renew = (self.expires - MARGIN).max(self.obtained + (self.expires - self.obtained) / 2);
        Utc::now() < renew && (refused.is_none() || self.fingerprint().as_deref() != refused)
    }
}

/// The signatures of a run.
#[derive(Debug)]
pub(crate) struct Planetary {
    options: PlanetaryOptions,
    http: Http,
    vault: Vault,
    context: Option<Arc<AuthContext>>,
    containers: Mutex<HashMap<String, Arc<Flight<Signature>>>>,
}

impl Planetary {
    pub(crate) fn new(options: PlanetaryOptions, http: Http, vault: Vault, context: Option<Arc<AuthContext>>) -> Self {
        Self { options, http, vault, context, containers: Mutex::default() }
    }

    /// `account/container` of a URL that needs a signature.
    pub(crate) fn container(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}"));
        let added = self.options.hosts.iter().find(|(h, _)| Some(h) == with_port.as_ref()).map(|(_, account)| account.as_str());
        let account = added.or_else(|| host.strip_suffix(BLOBS).filter(|a| url.scheme() == "https" && !a.contains('.') && *a != PUBLIC_ACCOUNT))?;
        // Signed already, perhaps by who may do more.
        let is_signed = url.query_pairs().any(|(key, _)| matches!(key.as_ref(), "st" | "se" | "sp" | "sig"));
        let container = url.path_segments()?.next().filter(|c| !c.is_empty())?;
        (!is_signed).then(|| format!("{account}/{container}"))
    }

    /// The signature of a container; another one than that with the fingerprint `refused`. One request for each, however many ask.
    pub(crate) async fn signature(&self, container: &str, refused: Option<&str>) -> Result<Signature> {
        let flight = {
            let mut all = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(container.to_owned()).or_default())
        };
        flight.get(|s| s.is_usable(refused), self.new_signature(container, refused)).await
    }

    async fn new_signature(&self, container: &str, refused: Option<&str>) -> Result<Signature> {
        if let Some(way_back) = self.context.as_ref().and_then(|c| c.way_back.as_ref()) {
            return match way_back.ask(Wish::Signature { container: container.to_owned(), refused: refused.map(str::to_owned) }).await? {
                Grant::Signature(signature) => Ok(signature),
                _ => Err(Error::credentials_expired("the driver", "answers something else")),
            };
        }
        let service = self.options.service.as_ref().map_or(SERVICE, Url::as_str).trim_end_matches('/');
        let name = format!("sas-{}", crate::secret::fingerprint(&[service, container]));
        let _lock = self.vault.lock(&name).await;
        if let Some(signature) = self.vault.read::<Signature>(&name).filter(|s| s.is_usable(refused)) {
            return Ok(signature);
        }
        let key = self.options.subscription_key.as_ref().and_then(|key| sensitive(key.expose()));
        let headers: HeaderMap = key.map(|key| (KEY_HEADER, key)).into_iter().collect();
        let answer = self.http.request(Method::GET, &format!("{service}/{container}"), headers, None).await?;
        let now = Utc::now();
        let signature = match answer.status.as_u16() {
            400 | 404 => {
                tracing::debug!(container, "the Planetary Computer does not sign this container: it is read without a signature");
                Signature { query: None, expires: now + UNSIGNED, obtained: now }
            }
            _ => {
                let answer = answer.ok()?;
                let parsed: Answer = serde_json::from_slice(&answer.body)
                    .map_err(|_| Error::new(Kind::Corrupt, &answer.url, "answers something that is not a signature"))?;
                Signature { query: Some(Query(Secret::new(parsed.token.trim_start_matches('?')))), expires: parsed.expiry, obtained: now }
            }
        };
        self.vault.write(&name, &signature);
        Ok(signature)
    }
}
