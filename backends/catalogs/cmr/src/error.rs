//! What can go wrong, and what to do about it.

use cube_query::Invalid;

/// An error of a search in CMR. The message names what is wrong; [`Error::hint`] says what to type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query is wrong; nothing was asked.
    #[error(transparent)]
    Query(#[from] Invalid),
    /// Something else that was given is wrong: an address, an id.
    #[error("{message}")]
    Given {
        /// What was given, and what is wrong with it.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// CMR does not accept the search.
    #[error("CMR does not accept the search: {}{}", .messages.join("; "), request(.request_id.as_deref()))]
    Refused {
        /// CMR's own words.
        messages: Vec<String>,
        /// The parameter that they speak of, where it can be told.
        parameter: Option<String>,
        /// By which CMR's operators find the request.
        request_id: Option<String>,
    },
    /// CMR does not let the asker see this.
    #[error("CMR refuses access: {}{}", .messages.join("; "), request(.request_id.as_deref()))]
    Denied {
        /// CMR's own words.
        messages: Vec<String>,
        /// By which CMR's operators find the request.
        request_id: Option<String>,
    },
    /// No collection, or no granule, is called so.
    #[error("CMR at `{service}` has no {kind} `{id}`")]
    NotFound {
        /// Root of the service.
        service: String,
        /// `collection` or `granule`.
        kind: &'static str,
        /// What was looked for.
        id: String,
        /// What is called alike, as `short name.vVersion (concept id)`.
        alike: Vec<String>,
    },
    /// Several collections are called so.
    #[error("`{id}` is the name of {} collections: {}", .found.len(), .found.join(", "))]
    Ambiguous {
        /// What was looked for.
        id: String,
        /// The collections, as `short name.vVersion (concept id)`.
        found: Vec<String>,
    },
    /// The search takes CMR too long, also in smaller pages.
    #[error("CMR ran out of time: a page of {page_size} records takes it too long{}", request(.request_id.as_deref()))]
    TimedOut {
        /// Records in the smallest page that was tried.
        page_size: u64,
        /// By which CMR's operators find the request.
        request_id: Option<String>,
    },
    /// The pages ended before everything had come.
    #[error("CMR announces {hits} records and its pages end after {arrived}{}", request(.request_id.as_deref()))]
    Incomplete {
        /// The smallest number that any page announced.
        hits: u64,
        /// How many came.
        arrived: u64,
        /// By which CMR's operators find the last request.
        request_id: Option<String>,
    },
    /// Granules of all collections are given up to a number.
    #[error("{hits} granules are found, of which CMR gives {given}: the search names no collection and no provider")]
    TooMany {
        /// The smallest number that any page announced.
        hits: u64,
        /// How many came.
        given: u64,
    },
    /// The service does not move on.
    #[error("CMR gives the same place in the results again after {arrived} of {hits} records{}", request(.request_id.as_deref()))]
    Repeats {
        /// The smallest number that any page announced.
        hits: u64,
        /// How many came.
        arrived: u64,
        /// By which CMR's operators find the last request.
        request_id: Option<String>,
    },
    /// The answer is not what CMR answers, or a record is not what it should be.
    #[error("{what}")]
    Corrupt {
        /// What is wrong, with the id of the record.
        what: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The task that fetches pages ahead was stopped.
    #[error("fetching pages was stopped")]
    Stopped,
    /// The network, the service, or credentials.
    #[error(transparent)]
    Access(#[from] cube_access::Error),
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn request(id: Option<&str>) -> String {
    id.map_or_else(String::new, |id| format!(" (request {id})"))
}

impl Error {
    pub(crate) fn given(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Given { message: message.into(), hint: hint.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt { what: what.into(), source: Some(source.into()) }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Query(invalid) => invalid.hint(),
            Self::Given { hint, .. } => Some(hint.clone()),
            Self::Refused { parameter: Some(parameter), .. } => Some(format!("check what was given for `{parameter}`")),
            Self::Refused { .. } => None,
            Self::Denied { .. } => Some("log in with `cube auth login`, or leave out what is restricted".into()),
            Self::NotFound { alike, .. } if alike.is_empty() => Some("look for it with `cube collections --cmr --keyword WORD`".into()),
            Self::NotFound { alike, .. } => Some(format!("there are {}", alike.join(", "))),
            Self::Ambiguous { .. } => Some("give the concept id of one of them".into()),
            Self::TimedOut { .. } => Some("ask for less at once: a shorter time, a smaller or simpler area, fewer patterns".into()),
            Self::Incomplete { .. } => Some("run the same command again; if it stays so, ask for shorter times one after the other".into()),
            Self::TooMany { .. } => Some("name a collection or a provider".into()),
            Self::Repeats { .. } => Some("something between here and CMR drops the header CMR-Search-After: check proxies and the address".into()),
            Self::Corrupt { .. } => Some("check the address; a proxy or a login page may have answered in place of CMR".into()),
            Self::Stopped => None,
            Self::Access(e) => e.hint(),
        }
    }

    /// Whether trying again later may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Incomplete { .. } => true,
            Self::Access(e) => e.kind() == cube_access::Kind::Unavailable,
            _ => false,
        }
    }

    fn kind(&self) -> cube_backend::Kind {
        use cube_backend::Kind;
        match self {
            Self::Query(_) | Self::Given { .. } | Self::Refused { .. } | Self::Ambiguous { .. } | Self::TooMany { .. } => Kind::Invalid,
            Self::Denied { .. } => Kind::Denied,
            Self::NotFound { .. } => Kind::NotFound,
            Self::TimedOut { .. } | Self::Incomplete { .. } | Self::Stopped => Kind::Unavailable,
            Self::Repeats { .. } | Self::Corrupt { .. } => Kind::Corrupt,
            Self::Access(e) => match e.kind() {
                cube_access::Kind::NotFound => Kind::NotFound,
                cube_access::Kind::Denied => Kind::Denied,
                cube_access::Kind::Unavailable => Kind::Unavailable,
                cube_access::Kind::Corrupt => Kind::Corrupt,
                cube_access::Kind::Invalid => Kind::Invalid,
            },
        }
    }
}

impl From<Error> for cube_backend::Error {
    fn from(e: Error) -> Self {
        let error = Self::new(e.kind(), e.to_string());
        let error = match e.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        };
        error.with_source(e)
    }
}
