//! NASA's Earthdata Login: one login for all archive centres, and their temporary S3 keys.
//!
//! ```text
//!  environment ▶ netrc ▶ kept login ▶ person        (the first that has something)
//!        └──────────┬─────────┴────────┘
//!                 Session ── one token for all ──┬─▶ bearer to data hosts (Passage), on demand
//!                   │  shared with other         └─▶ Keys ── one set for each endpoint ──▶ S3 stores
//!                   │  processes: Vault                 └── AuthContext ──▶ workers ──┐
//!                   └────────────────────── Broker ◀── renewal ───────────────────────┘
//! ```
//!
//! Nothing is asked before a host needs it, and everything once: docs/design/0007-credentials.md.

mod broker;
mod context;
mod cookies;
mod daac;
pub(crate) mod hosts;
mod keys;
mod login;
mod netrc;
mod options;
mod passage;
pub(crate) mod refusal;
mod session;
mod token;
mod turns;
mod vending;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use http::HeaderValue;
use serde::Serialize;
use url::Url;

use crate::{Error, Http, Result, place::Place, vault::Vault};
pub use broker::Broker;
pub(crate) use broker::{Grant, Wish};
pub(crate) use context::HostHeader;
pub use context::{AuthContext, ContextOptions};
use daac::provider_names;
pub use daac::{PROVIDERS, Provider};
pub(crate) use daac::{REGION, endpoint_of_bucket};
use hosts::{Role, TrustedHosts};
pub use keys::{ExposedKeys, S3Credentials};
pub use login::Source;
pub(crate) use options::service_url;
pub use options::{Answer, EarthdataOptions, Prompt, Question, Strategy, System};
pub(crate) use passage::{Passage, Step};
pub use token::Token;
pub(crate) use token::renew_at;
pub(crate) use vending::Refusal;

/// Earthdata Login of one run. Cheap to clone; clones share token, keys and cookies.
#[derive(Debug, Clone)]
pub struct Earthdata(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    options: EarthdataOptions,
    hosts: TrustedHosts,
    /// Without credentials of its own.
    http: Http,
    vault: Vault,
    jar: cookies::Jar,
    session: session::Session,
    keys: Mutex<HashMap<String, Arc<vending::Endpoint>>>,
    data_hosts: Mutex<HashMap<String, Arc<passage::DataHost>>>,
    /// Endpoints of buckets, from granules.
    learned: Mutex<BTreeMap<String, Url>>,
}

/// What is known of a login, without asking anybody. Holds no secret.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Which installation.
    pub system: System,
    /// Address of the login host.
    pub login: String,
    /// User, as far as known.
    pub user: Option<String>,
    /// Where user or token come from; absent when there is nothing to log in with.
    pub source: Option<Source>,
    /// Whether a token is at hand, so that nobody has to be asked for one.
    pub has_token: bool,
    /// Whether that is `EARTHDATA_TOKEN`: used as it is, and asked of nobody. The first host that wants a login says whether it is good.
    pub is_given: bool,
    /// When it ends, where that is known.
    pub expires: Option<DateTime<Utc>>,
    /// Folder that the user's processes share tokens and keys in.
    pub cache: Option<PathBuf>,
    /// Why each strategy before has nothing.
    pub missing: Vec<String>,
}

/// Whose keys are wanted.
#[derive(Debug, Clone, Copy)]
pub enum KeysFor<'a> {
    /// Those for an `s3://` address.
    Address(&'a str),
    /// Those of a provider or archive centre, by one of its names in [`PROVIDERS`].
    Provider(&'a str),
    /// Those of an endpoint that the user named: it gets the token, whoever it is. What a catalogue names is for [`Earthdata::learn_bucket`].
    Endpoint(&'a str),
}

/// What a log-out removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoggedOut {
    /// Tokens and keys that were kept.
    pub kept: usize,
    /// Whether the entry of the netrc file was removed.
    pub netrc: bool,
}

impl Earthdata {
    pub(crate) fn new(mut options: EarthdataOptions, http: Http, vault: Vault) -> Result<Self> {
        let context = options.context.clone();
        if let Some(context) = &context {
            options.system = context.system;
            options.login_url = Some(service_url("auth context", &context.login)?);
            options.provider = options.provider.or_else(|| context.provider.clone());
            options.credentials_endpoint = options.credentials_endpoint.or_else(|| context.endpoint.clone());
            options.buckets.extend(context.buckets.iter().map(|(bucket, url)| (bucket.clone(), url.clone())));
            options.hosts.extend(context.hosts.iter().cloned());
        }
        let hosts = TrustedHosts::new(&options);
        let jar = cookies::Jar::with(context.as_ref().map(|c| c.cookies.clone()).unwrap_or_default());
        let inner = Inner {
            hosts,
            http: http.without_redirects(),
            vault,
            jar,
            session: Default::default(),
            keys: Mutex::default(),
            data_hosts: Mutex::default(),
            learned: Mutex::default(),
            options,
        };
        for host in context.iter().flat_map(|c| &c.asking) {
            inner.data_host(host).asks_for_login();
        }
        for keys in context.iter().flat_map(|c| &c.keys) {
            inner.endpoint(keys.endpoint()).set(keys.clone());
        }
        Ok(Self(Arc::new(inner)))
    }

    /// What is known of the login, without asking a host or a person.
    pub fn status(&self) -> Status {
        let inner = &self.0;
        let mut status = Status {
            system: inner.options.system,
            login: inner.hosts.login().to_owned(),
            user: inner.user(),
            source: None,
            has_token: false,
            is_given: false,
            expires: None,
            cache: inner.vault.folder().map(PathBuf::from),
            missing: Vec::new(),
        };
        if let Some(context) = &inner.options.context {
            status.user = status.user.or_else(|| context.user.clone());
            status.source = Some(Source::Driver);
            status.has_token = context.token.is_some();
            status.expires = context.expires();
            return status;
        }
        match inner.find(Strategy::All) {
            Ok(who) => {
                status.source = Some(match &who {
                    session::Who::Token(_) => Source::Environment,
                    session::Who::Kept(_) => Source::Kept(status.cache.clone().unwrap_or_default()),
                    session::Who::Pair(pair) => pair.source.clone(),
                });
                status.is_given = matches!(who, session::Who::Token(_));
                let token = inner.known_token(&who);
                status.user = status.user.or_else(|| match &who {
                    session::Who::Pair(pair) => Some(pair.user.clone()),
                    session::Who::Token(token) | session::Who::Kept(token) => token.user().map(str::to_owned),
                });
                status.has_token = token.as_ref().is_some_and(|t| !t.is_due(Utc::now()));
                status.expires = token.and_then(|t| t.expires());
            }
            Err(missing) => status.missing = missing,
        }
        status
    }

    /// Logs in now, anew, with one strategy or the first that has something, and keeps the token for the user's processes. `persist` writes user and
    /// password to the netrc file (0600, other entries stay).
    ///
    /// [`Kind::Denied`](crate::Kind::Denied) when there is nothing to log in with (each strategy is named, with its reason), or the login host refuses it.
    pub async fn login(&self, strategy: Strategy, persist: bool) -> Result<Status> {
        self.0.login(strategy, persist).await?;
        Ok(self.status())
    }

    /// Forgets all tokens and keys that were kept, of both installations, and, when asked, our entry of the netrc file. Variables of the environment stay as they are.
    pub async fn logout(&self, netrc: bool) -> Result<LoggedOut> {
        let inner = &self.0;
        let failed = |e: std::io::Error| {
            let folder = inner.vault.folder().map(|f| f.display().to_string()).unwrap_or_default();
            Error::invalid(&folder, "cannot be changed").with_source(e)
        };
        let mut kept = 0;
        for name in ["token-", "login-", "keys-"].iter().flat_map(|kind| inner.vault.names(kind)) {
            kept += usize::from(inner.vault.remove(&name).map_err(failed)?);
        }
        let path = inner.options.netrc.as_ref().filter(|_| netrc);
        let removed = path.map(|path| {
            let all: std::io::Result<Vec<bool>> = inner.machines().iter().map(|machine| netrc::remove(path, machine)).collect();
            all.map_err(|e| Error::invalid(&path.display().to_string(), "cannot be changed").with_source(e))
        });
        inner.forget().await;
        Ok(LoggedOut { kept, netrc: removed.transpose()?.is_some_and(|all| all.contains(&true)) })
    }

    /// The token, from where it is kept or by logging in.
    pub async fn token(&self) -> Result<Token> {
        self.0.token(None).await
    }

    /// The `Authorization` of a request to a URL: for data hosts only, `None` for any other. Data hosts are given it without this on their demand; it is
    /// for services that answer less, instead of refusing, to who does not say who it is.
    pub async fn bearer_for(&self, url: &str) -> Result<Option<HeaderValue>> {
        let is_data = Url::parse(url).is_ok_and(|url| self.0.hosts.role(&url) == Role::Data);
        if is_data { self.0.token(None).await?.bearer().map(Some) } else { Ok(None) }
    }

    /// Whether the data host of a URL has asked for a login in this run.
    pub fn is_behind_login(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.0.hosts.role(&url) == Role::Data && self.0.data_host(&url.origin().ascii_serialization()).is_asking())
    }

    /// Whether there is anything to log in with, without asking a person or a host.
    pub fn has_login(&self) -> bool {
        self.0.has_login()
    }

    /// Whether there is anything to log in with, or somebody to ask.
    pub fn can_log_in(&self) -> bool {
        self.0.can_log_in()
    }

    /// Temporary S3 keys: those at hand, until five minutes before they end; else from another process, the driver, or the endpoint. One request for
    /// each endpoint, however many ask.
    ///
    /// [`Kind::Invalid`](crate::Kind::Invalid) when it is not known whose keys these are, with the list of providers; [`Kind::Denied`](crate::Kind::Denied) when they are refused.
    pub async fn s3_credentials(&self, of: KeysFor<'_>) -> Result<S3Credentials> {
        let endpoint = match of {
            KeysFor::Endpoint(text) => service_url("the endpoint", text)?,
            KeysFor::Provider(name) => self.endpoint_of_provider(name)?,
            KeysFor::Address(href) => match Place::parse(href)? {
                Place::S3 { bucket, .. } => self.endpoint_of_bucket(&bucket)?.ok_or_else(|| unknown_bucket(&bucket))?,
                _ => return Err(Error::invalid(href, "is not an s3:// address").with_hint("write s3://bucket/key, or give --provider")),
            },
        };
        self.0.keys(&endpoint, matches!(of, KeysFor::Endpoint(_)) || self.is_named(&endpoint), None).await
    }

    /// Where the keys of a bucket are given out: as the options say, else as the registry does. `None` for a bucket that is not NASA's, as far as known.
    pub fn endpoint_of_bucket(&self, bucket: &str) -> Result<Option<Url>> {
        let options = &self.0.options;
        if let Some(url) = &options.credentials_endpoint {
            return Ok(Some(url.clone()));
        }
        if let Some((_, url)) = options.buckets.iter().find(|(name, _)| name == bucket) {
            return Ok(Some(url.clone()));
        }
        if let Some(url) = self.0.learned.lock().unwrap_or_else(PoisonError::into_inner).get(bucket) {
            return Ok(Some(url.clone()));
        }
        if let Some(known) = endpoint_of_bucket(bucket) {
            return service_url("the registry", &known).map(Some);
        }
        options.provider.as_deref().map(|name| self.endpoint_of_provider(name)).transpose()
    }

    /// Whether the options themselves name the endpoint of a bucket.
    pub(crate) fn is_own_bucket(&self, bucket: &str) -> bool {
        self.0.options.credentials_endpoint.is_some() || self.0.options.buckets.iter().any(|(name, _)| name == bucket)
    }

    /// Learns from a granule where the keys of a bucket are given out: from its link that ends in `/s3credentials`, or else from its provider. Whether
    /// it did: only data hosts are believed, and a provider is not needed where the registry knows the bucket. The options go before.
    pub fn learn_bucket(&self, bucket: &str, endpoint: Option<&str>, provider: Option<&str>) -> bool {
        let trusted = endpoint.and_then(|text| Url::parse(text).ok()).filter(|url| self.0.hosts.role(url) == Role::Data);
        let of_provider = || provider.filter(|_| endpoint_of_bucket(bucket).is_none()).and_then(|name| self.endpoint_of_provider(name).ok());
        let Some(url) = trusted.or_else(of_provider) else { return false };
        self.0.learned.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned(), url);
        true
    }

    /// Whether a URL is one of the login host's or of a data host.
    pub(crate) fn is_known(&self, url: &Url) -> bool {
        self.0.hosts.role(url) != Role::Other
    }

    /// The error that a web page or refusal stands for, when a person can mend it in a browser.
    pub(crate) fn mendable(&self, name: &str, body: &bytes::Bytes) -> Option<Error> {
        refusal::mendable(name, body, &self.0.hosts, self.0.user().as_deref())
    }

    /// The keys of an endpoint that is known to be right.
    pub(crate) async fn keys_at(&self, endpoint: &Url) -> Result<S3Credentials> {
        self.0.keys(endpoint, self.is_named(endpoint), None).await
    }

    /// After a bucket refused keys before their end: whether there are others now.
    pub(crate) async fn replace_keys(&self, endpoint: &Url, refused: &str, refusal: Refusal) -> Result<bool> {
        self.0.replace_keys(endpoint, self.is_named(endpoint), refused, refusal).await
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// What workers need of this login.
    pub(crate) async fn context(&self, options: &ContextOptions) -> Result<AuthContext> {
        let inner = &self.0;
        let mut context = AuthContext::new(inner.options.system, inner.hosts.login());
        let mut endpoints = BTreeSet::new();
        for address in &options.addresses {
            if let Place::S3 { bucket, .. } = Place::parse(address)? {
                endpoints.extend(self.endpoint_of_bucket(&bucket)?.map(String::from));
            }
        }
        for endpoint in &endpoints {
            let url = service_url("the endpoint", endpoint)?;
            context.keys.push(self.keys_at(&url).await?);
        }
        if options.token {
            context.token = Some(inner.token(None).await?);
        }
        context.user = inner.user();
        context.provider.clone_from(&inner.options.provider);
        context.endpoint = inner.options.credentials_endpoint.clone();
        context.buckets = inner.learned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        context.buckets.extend(inner.options.buckets.iter().cloned());
        context.hosts.clone_from(&inner.options.hosts);
        context.cookies = inner.jar.of_data_hosts();
        let hosts = inner.data_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        context.asking = hosts.iter().filter(|(_, host)| host.is_asking()).map(|(name, _)| name.clone()).collect();
        Ok(context)
    }

    fn endpoint_of_provider(&self, name: &str) -> Result<Url> {
        let known = daac::provider(name).ok_or_else(|| {
            Error::invalid(name, "is not a provider that is known")
                .with_hint(format!("providers are {}; or give --credentials-endpoint", provider_names()))
        })?;
        let endpoint = known.credentials_endpoint.ok_or_else(|| {
            Error::invalid(name, "has nothing in the cloud, so it gives out no S3 keys").with_hint("use the https:// addresses of its files")
        })?;
        if self.0.options.system == System::Uat {
            let problem = "gives out S3 keys for UAT at an address that is not known here";
            return Err(Error::invalid(name, problem).with_hint("give it: --credentials-endpoint https://host/s3credentials"));
        }
        service_url(name, endpoint)
    }

    pub(crate) fn is_named(&self, endpoint: &Url) -> bool {
        let options = &self.0.options;
        options.credentials_endpoint.as_ref() == Some(endpoint) || options.buckets.iter().any(|(_, url)| url == endpoint)
    }
}

/// The error of a bucket of which nothing is known.
pub(crate) fn unknown_bucket(bucket: &str) -> Error {
    Error::invalid(&format!("s3://{bucket}"), "is a bucket of which it is not known whose keys open it").with_hint(format!(
        "for NASA's give the provider, for example `--provider POCLOUD` (providers are {}), or `--credentials-endpoint https://host/s3credentials`; \
         for a public bucket set AWS_NO_SIGN_REQUEST=true; for your own set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        provider_names()
    ))
}
