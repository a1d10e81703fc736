use std::{error, fmt};

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The thing does not exist: collection, item, file.
    NotFound,
    /// Not allowed: credentials are missing or refused.
    Denied,
    /// Understood, and not supported: the message names the feature (a compression, a tag).
    Unsupported,
    /// The bytes or the answer are not what the format or the protocol says.
    Corrupt,
    /// The service or the network failed; trying again later may help.
    Unavailable,
    /// The request itself is wrong.
    Invalid,
}

/// An error of a backend: what happened, to what, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A message that names the thing; the source is kept apart and not repeated in it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// The bytes of `what` are wrong.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    /// A feature that is not supported, by name.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// With advice on what to type.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What can be done about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to type instead, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether trying again later may help.
    pub fn is_retryable(&self) -> bool {
        self.kind == Kind::Unavailable
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}

impl From<object_store::Error> for Error {
    fn from(e: object_store::Error) -> Self {
        let kind = match &e {
            object_store::Error::NotFound { .. } => Kind::NotFound,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => Kind::Denied,
            object_store::Error::Precondition { .. } => Kind::Corrupt,
            object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => Kind::Unsupported,
            object_store::Error::InvalidPath { .. } => Kind::Invalid,
            _ => Kind::Unavailable,
        };
        let (what, source) = match e {
            object_store::Error::NotFound { path, source } => (format!("`{path}` does not exist"), source),
            object_store::Error::PermissionDenied { path, source } | object_store::Error::Unauthenticated { path, source } => {
                (format!("access to `{path}` was refused"), source)
            }
            object_store::Error::Precondition { path, source } => (format!("`{path}` changed while it was read"), source),
            object_store::Error::Generic { source, .. } => ("reading bytes failed".to_owned(), source),
            other => ("reading bytes failed".to_owned(), other.into()),
        };
        // A store of our own names the thing and says what is wrong with it.
        let own = source.to_string();
        Self::new(kind, if own.starts_with('`') { own } else { what }).with_source(source)
    }
}

impl From<cube_core::Error> for Error {
    fn from(e: cube_core::Error) -> Self {
        let error = Self::new(Kind::Invalid, e.to_string());
        match e.hint() {
            Some(h) => error.with_hint(h),
            None => error,
        }
    }
}
