//! What a driver gives its workers, so that they need no login of their own.

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{S3Credentials, System, Token, broker::WayBack, cookies::Cookie};
use crate::{Error, Result, Secret, cdse::CdseToken, secret::exposed, vault::write_private};

/// Version of the form that contexts are written in.
const VERSION: u32 = 1;

/// What a worker needs of the driver's credentials: temporary S3 keys, headers, cookies, which addresses to take, and until when; the token only when it
/// was asked for. With a way back the worker renews what ends through the driver; without one its task ends as `credentials expired`
/// ([`Error::is_credentials_expired`]) and is retried with a new context.
///
/// It serialises with its secrets, to be sent to a worker over a private channel; `Debug` shows none of them, and they are overwritten when dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthContext {
    version: u32,
    pub(crate) system: System,
    pub(crate) login: String,
    pub(crate) user: Option<String>,
    pub(crate) provider: Option<String>,
    /// The endpoint of every bucket, when the driver was told one.
    pub(crate) endpoint: Option<Url>,
    /// Endpoints of buckets that the registry does not know.
    pub(crate) buckets: BTreeMap<String, Url>,
    /// Data hosts beside NASA's.
    pub(crate) hosts: Vec<String>,
    pub(crate) keys: Vec<S3Credentials>,
    pub(crate) headers: Vec<HostHeader>,
    pub(crate) cookies: Vec<Cookie>,
    /// Hosts that are known to ask for a login.
    pub(crate) asking: Vec<String>,
    /// Buckets, and whether they are read directly.
    pub(crate) routes: BTreeMap<String, bool>,
    pub(crate) token: Option<Token>,
    /// The token of the Copernicus Data Space, with the other.
    pub(crate) cdse: Option<CdseToken>,
    pub(crate) way_back: Option<WayBack>,
}

/// A header that one host gets with every request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostHeader {
    pub(crate) host: String,
    pub(crate) name: String,
    #[serde(with = "exposed")]
    pub(crate) value: Secret,
}

/// What a context is to hold.
#[derive(Debug, Clone, Default)]
pub struct ContextOptions {
    /// Addresses (`s3://…`), whose keys are wanted now. Workers without a way back get keys for these only.
    pub addresses: Vec<String>,
    /// Whether the tokens (of Earthdata Login, and of the Copernicus Data Space) go along, for workers without a way back that read over https.
    pub token: bool,
}

impl AuthContext {
    pub(crate) fn new(system: System, login: &str) -> Self {
        Self {
            version: VERSION,
            system,
            login: login.to_owned(),
            user: None,
            provider: None,
            endpoint: None,
            buckets: BTreeMap::new(),
            hosts: Vec::new(),
            keys: Vec::new(),
            headers: Vec::new(),
            cookies: Vec::new(),
            asking: Vec::new(),
            routes: BTreeMap::new(),
            token: None,
            cdse: None,
            way_back: None,
        }
    }

    /// Adds a header that one host gets with every request of the worker.
    #[must_use]
    pub fn with_header(mut self, host: &str, name: &str, value: Secret) -> Self {
        self.headers.push(HostHeader { host: host.to_ascii_lowercase(), name: name.to_owned(), value });
        self
    }

    /// Whose credentials these are, where that is known.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Provider whose keys are for buckets that the registry does not know.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The temporary keys.
    pub fn keys(&self) -> &[S3Credentials] {
        &self.keys
    }

    /// The token, when it was asked for.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether the worker can renew what ends.
    pub fn has_way_back(&self) -> bool {
        self.way_back.is_some()
    }

    /// When the first of its credentials ends.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        let keys = self.keys.iter().map(S3Credentials::expires);
        keys.chain(self.token.as_ref().and_then(Token::expires)).chain(self.cdse.as_ref().map(CdseToken::expires)).min()
    }

    /// As JSON, with its secrets: for a worker's standard input, an environment of its own, or a message over a private channel.
    pub fn to_json(&self) -> Result<Secret> {
        serde_json::to_string(self).map(Secret::new).map_err(|e| Error::invalid("auth context", "cannot be written").with_source(e))
    }

    /// From JSON. [`Kind::Invalid`](crate::Kind::Invalid) for a text that is none, or of a version that this program does not know.
    pub fn from_json(text: &str) -> Result<Self> {
        // The parser's own words may quote a secret.
        let context: Self = serde_json::from_str(text)
            .map_err(|e| Error::invalid("auth context", format!("is not one (line {}, column {})", e.line(), e.column())).with_hint(HINT))?;
        if context.version != VERSION {
            return Err(Error::invalid("auth context", format!("has version {}, and this program knows {VERSION}", context.version)).with_hint(HINT));
        }
        Ok(context)
    }

    /// Writes it into a file that only its user can read (0600).
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.to_json()?;
        write_private(path, text.expose().as_bytes()).map_err(|e| Error::invalid(&path.display().to_string(), "cannot be written").with_source(e))
    }

    /// Reads what [`AuthContext::write`] wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map(Secret::new).map_err(|e| Error::from_io(path, e))?;
        Self::from_json(text.expose())
    }
}

const HINT: &str = "make it anew with the same version of the program";
