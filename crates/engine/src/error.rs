use std::sync::Arc;

/// What can go wrong between a request and a filled cube.
#[derive(Debug, thiserror::Error, Clone)]
pub enum Error {
    /// A region, time, spec or grid is wrong.
    #[error(transparent)]
    Input(#[from] cube_core::Error),
    /// A catalogue or a file could not be read.
    #[error(transparent)]
    Backend(Arc<cube_backend::Error>),
    /// The cube could not be read or written.
    #[error(transparent)]
    Store(Arc<cube_store::Error>),
    /// A coordinate transformation or a warp is not possible.
    #[error(transparent)]
    Warp(Arc<cube_warp::Error>),
    /// The request cannot be carried out; the message says why, the hint what to type.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// The program itself failed.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: None }
    }

    pub(crate) fn refused_with(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// Of a catalogue that was asked for something by its name: a name that there is not is a mistake of whoever wrote it, and not of the world.
    pub(crate) fn of_a_name(error: cube_backend::Error) -> Self {
        match error.kind() {
            cube_backend::Kind::NotFound => Self::Refused { message: error.to_string(), hint: error.hint().map(str::to_owned) },
            _ => error.into(),
        }
    }

    /// What to type instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input(e) => e.hint(),
            Self::Backend(e) => e.hint().map(str::to_owned),
            Self::Store(e) => e.hint(),
            Self::Warp(e) => e.hint(),
            Self::Refused { hint, .. } => hint.clone(),
            Self::Internal(_) => None,
        }
    }

    /// Whether what the user typed is wrong (as against the world).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input(_) | Self::Refused { .. } => true,
            Self::Backend(e) => e.kind() == cube_backend::Kind::Invalid,
            _ => false,
        }
    }
}

impl From<cube_backend::Error> for Error {
    fn from(e: cube_backend::Error) -> Self {
        Self::Backend(Arc::new(e))
    }
}

impl From<cube_store::Error> for Error {
    fn from(e: cube_store::Error) -> Self {
        Self::Store(Arc::new(e))
    }
}

impl From<cube_warp::Error> for Error {
    fn from(e: cube_warp::Error) -> Self {
        Self::Warp(Arc::new(e))
    }
}
