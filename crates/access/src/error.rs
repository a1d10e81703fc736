use std::{error, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::name::public_name;

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The thing does not exist.
    NotFound,
    /// Credentials are missing or refused.
    Denied,
    /// The service or the network failed; trying again later may help.
    Unavailable,
    /// The bytes are not what was announced, or changed while they were read.
    Corrupt,
    /// The request itself is wrong.
    Invalid,
}

/// An error of access: what happened, to which URL (without user, password and query), and what to do.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    name: String,
    problem: String,
    hint: Option<String>,
    expired: bool,
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

/// An error without its source, for another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wire {
    kind: Kind,
    name: String,
    problem: String,
    hint: Option<String>,
    expired: bool,
}

impl From<&Error> for Wire {
    fn from(e: &Error) -> Self {
        Self { kind: e.kind, name: e.name.clone(), problem: e.problem.clone(), hint: e.hint.clone(), expired: e.expired }
    }
}

impl From<Wire> for Error {
    fn from(w: Wire) -> Self {
        Self { kind: w.kind, name: w.name, problem: w.problem, hint: w.hint, expired: w.expired, source: None }
    }
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: Kind, href: &str, problem: impl Into<String>) -> Self {
        Self { kind, name: public_name(href), problem: problem.into(), hint: None, expired: false, source: None }
    }

    pub(crate) fn invalid(href: &str, problem: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, href, problem)
    }

    pub(crate) fn too_large(href: &str, limit: u64) -> Self {
        Self::invalid(href, format!("is larger than {} MiB, the limit for a document", limit >> 20))
            .with_hint("raise CUBE_HTTP_MAX_DOCUMENT_MIB if that is meant")
    }

    pub(crate) fn changed(href: &str) -> Self {
        Self::new(Kind::Corrupt, href, "changed while it was read").with_hint("the source published it anew: run the same command again")
    }

    /// Credentials that a driver gave have ended, and this worker cannot renew them.
    pub(crate) fn credentials_expired(href: &str, why: &str) -> Self {
        let error = Self::new(Kind::Denied, href, format!("cannot be read: credentials expired ({why})"));
        Self { expired: true, ..error }.with_hint("run the task again with a new context of the driver")
    }

    /// The same, with what was wanted when it happened.
    pub(crate) fn wanted_by(mut self, href: &str) -> Self {
        let name = public_name(href);
        if name != self.name {
            self.problem = format!("{} (wanted by `{name}`)", self.problem);
        }
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn from_io(path: &std::path::Path, e: std::io::Error) -> Self {
        let (kind, problem) = match e.kind() {
            std::io::ErrorKind::NotFound => (Kind::NotFound, "does not exist"),
            std::io::ErrorKind::PermissionDenied => (Kind::Denied, "may not be read"),
            _ => (Kind::Unavailable, "could not be read"),
        };
        Self::new(kind, &path.display().to_string(), problem).with_source(e)
    }

    /// An error of an object store, named by its href. Errors that this crate raised inside a store come out as they were.
    pub fn from_store(href: &str, e: object_store::Error) -> Self {
        use object_store::Error as Store;
        let (kind, problem) = match &e {
            Store::NotFound { .. } => (Kind::NotFound, "does not exist"),
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => (Kind::Denied, "may not be read"),
            Store::Precondition { .. } => (Kind::Corrupt, "changed while it was read"),
            Store::InvalidPath { .. } | Store::NotSupported { .. } | Store::NotImplemented { .. } => (Kind::Invalid, "cannot be read that way"),
            Store::Generic { source, .. } => match status_in(&source.to_string()) {
                Some(401 | 403) => (Kind::Denied, "may not be read"),
                Some(404) => (Kind::NotFound, "does not exist"),
                _ => (Kind::Unavailable, "could not be read"),
            },
            _ => (Kind::Unavailable, "could not be read"),
        };
        let own = match e {
            Store::NotFound { source, .. }
            | Store::PermissionDenied { source, .. }
            | Store::Unauthenticated { source, .. }
            | Store::Precondition { source, .. }
            | Store::Generic { source, .. } => source.downcast::<Self>().map(|e| *e),
            other => Err(Box::new(other) as _),
        };
        own.unwrap_or_else(|source| {
            let error = Self::new(kind, href, problem).with_source(source);
            let s3 = href.starts_with("s3://");
            let is_nasas = || href.split('/').nth(2).and_then(crate::earthdata::endpoint_of_bucket).is_some();
            match kind {
                Kind::Denied if s3 && is_nasas() => error.with_hint(NASA_HINT),
                Kind::Denied if s3 => error.with_hint(S3_HINT),
                _ => error,
            }
        })
    }

    /// As an error of the store that serves the file.
    pub(crate) fn into_store(self) -> object_store::Error {
        let path = self.name.clone();
        let changed = self.kind == Kind::Corrupt && self.problem.contains("changed while");
        let kind = self.kind;
        let source = Box::new(self);
        match kind {
            Kind::NotFound => object_store::Error::NotFound { path, source },
            Kind::Denied => object_store::Error::PermissionDenied { path, source },
            _ if changed => object_store::Error::Precondition { path, source },
            _ => object_store::Error::Generic { store: "HTTP", source },
        }
    }

    /// What can be done about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether this worker's credentials have ended and it has no way to renew them: the same task works with a new [`AuthContext`](crate::AuthContext).
    pub fn is_credentials_expired(&self) -> bool {
        self.expired
    }

    /// What to type instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// The status that S3 answered, where `object_store` has it in its words alone: for listings.
pub(crate) fn status_in(words: &str) -> Option<u16> {
    words.split_once("non-2xx status code: ")?.1.get(..3)?.parse().ok()
}

pub(crate) const NASA_HINT: &str = "outside us-west-2 the keys of NASA's buckets open nothing: use `--access indirect`, or the https:// address";
pub(crate) const S3_HINT: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_NO_SIGN_REQUEST=true for a public bucket, or AWS_REQUEST_PAYER=requester for one whose reader pays";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.problem)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}
