use std::sync::Arc;

use crate::{Mismatch, Refused};

/// The error of something outside this crate.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What this crate's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when references are combined and written. The message states the fact; [`Error::hint`] says what to type.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store is there already.
    #[error("there is something at `{place}` already")]
    AlreadyExists {
        /// Where.
        place: String,
    },
    /// No store is there.
    #[error("there is no virtual store at `{place}`")]
    NotFound {
        /// Where.
        place: String,
    },
    /// A store that this crate did not write, or that was changed since.
    #[error("`{place}` cannot be appended to: {problem}")]
    NotAppendable {
        /// Where.
        place: String,
        /// What does not fit.
        problem: String,
    },
    /// Another writer was faster.
    #[error("another writer changed `{place}` meanwhile")]
    Conflict {
        /// Where.
        place: String,
    },
    /// A file that a reader could not find.
    #[error("`{url}` cannot be referred to: {problem}")]
    Address {
        /// Where the file is.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// Storage that did not do what it should.
    #[error("could not {doing} `{place}`")]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Where.
        place: String,
        /// Why not.
        #[source]
        cause: Cause,
    },
    /// Bytes of a file that could not be read.
    #[error("could not read {length} bytes from {offset} of `{url}`")]
    Fetch {
        /// The file.
        url: Arc<str>,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
        /// Why not.
        #[source]
        cause: Cause,
    },
    /// References that cannot be read.
    #[error("the references at `{url}` cannot be read: {problem}")]
    Unreadable {
        /// Where they are.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// A variable that cannot be in the store.
    #[error("`{}` of `{}` is refused: {}", .0.variable, .0.granule, .0.refusal)]
    Refused(Refused),
    /// Granules that do not fit together.
    #[error("{} of {granules} granules do not fit the first, the first of them: {}", mismatches.len(), mismatches.first().map(ToString::to_string).unwrap_or_default())]
    Mismatch {
        /// How many granules there were.
        granules: usize,
        /// All differences that were found.
        mismatches: Vec<Mismatch>,
    },
    /// Granules that cannot be put in order.
    #[error("the granules cannot be ordered along `{dimension}`: {problem}")]
    Order {
        /// The dimension.
        dimension: String,
        /// Which granules, and why.
        problem: String,
    },
    /// A request that contradicts itself or the granules.
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::AlreadyExists { .. } => "choose another name, remove what is there, or append to it",
            Self::NotFound { .. } => "create it first, without appending",
            Self::NotAppendable { .. } => "write the granules to a new store",
            Self::Conflict { .. } => "try again",
            Self::Address { .. } => "rewrite the prefix to one that readers reach: file, http, https or s3",
            Self::Refused(_) => "leave the variable out, or let it be materialised",
            Self::Mismatch { .. } => "leave these granules or variables out, split on mismatch, or materialise what differs",
            Self::Order { .. } => "leave out what is there twice, or give the order yourself",
            Self::Storage { .. } | Self::Fetch { .. } | Self::Unreadable { .. } | Self::Request(_) => return None,
        })
    }

    /// Whether trying again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Fetch { .. })
    }

    pub(crate) fn storage(doing: &'static str, place: impl ToString, cause: impl Into<Cause>) -> Self {
        Self::Storage { doing, place: place.to_string(), cause: cause.into() }
    }
}
