use std::{error::Error as StdError, io, path::Path};

use cube_backend::Kind;

/// What can go wrong between a user and a cube. The message states the fact; [`Error::hint`] says what to type.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A region, time, CRS, spec or grid is wrong.
    #[error(transparent)]
    Input(#[from] cube_core::Error),
    /// An option of the command line or argument of a function is wrong.
    #[error("`{option}` is wrong")]
    Option {
        /// Its name.
        option: String,
        /// What is wrong with it.
        source: cube_core::Error,
    },
    /// A spec file with mistakes.
    #[error("`{path}` cannot be used as a spec")]
    Spec {
        /// The file.
        path: String,
        /// All mistakes.
        source: cube_core::Error,
    },
    /// A load, plan or resolution of defaults failed.
    #[error(transparent)]
    Engine(#[from] cube_engine::Error),
    /// The cube's store failed.
    #[error(transparent)]
    Store(#[from] cube_store::Error),
    /// A catalogue or file failed.
    #[error(transparent)]
    Backend(#[from] cube_backend::Error),
    /// The environment's settings make no sense.
    #[error(transparent)]
    Access(#[from] cube_access::Error),
    /// A coordinate transformation is not possible.
    #[error(transparent)]
    Warp(#[from] cube_warp::Error),
    /// A file of this machine cannot be read or written.
    #[error("`{path}` cannot be {done}")]
    File {
        /// The file.
        path: String,
        /// `read` or `written`.
        done: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A region cannot be repaired or simplified.
    #[error(transparent)]
    Region(#[from] cube_geometry::Error),
    /// Everything that is wrong with a query.
    #[error(transparent)]
    Query(#[from] cube_query::Invalid),
    /// CMR does not answer, or not as it should.
    #[error(transparent)]
    Cmr(cube_catalog_cmr::Error),
    /// A record of CMR or STAC that cannot be understood.
    #[error(transparent)]
    Metadata(#[from] cube_metadata::MetadataError),
    /// A choice of files that cannot be understood.
    #[error(transparent)]
    Assets(#[from] cube_metadata::AssetFilterError),
    /// What was typed cannot be carried out.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// Something that only GDAL does, in a program that was built without it.
    #[error("{what} needs GDAL, and this program was built without it")]
    NeedsGdal {
        /// What was asked for.
        what: String,
        /// What does without.
        instead: &'static str,
    },
    /// References could not be combined or written.
    #[error(transparent)]
    Virtual(#[from] cube_virtual::Error),
    /// A sidecar that cannot be trusted.
    #[error("the sidecar `{name}` cannot be used")]
    Sidecar {
        /// Its path or URL.
        name: String,
        /// What is wrong with it, and where.
        source: cube_format_hdf5::dmrpp::Error,
    },
    /// Granules that could not be read.
    #[error("{} of {of} granules could not be read:{}", failed.len(), listed(failed.iter().map(|(name, error)| named(name, error))))]
    Granules {
        /// How many there were.
        of: usize,
        /// Path or URL of each, and why.
        failed: Vec<(String, Self)>,
    },
    /// Granules that do not fit together.
    #[error(
        "{} of {of} granules do not fit the first:{}",
        mismatches.iter().map(|m| &m.granule).collect::<std::collections::BTreeSet<_>>().len(),
        listed(mismatches.iter().map(ToString::to_string))
    )]
    Misfit {
        /// How many there were.
        of: usize,
        /// All differences.
        mismatches: Vec<cube_virtual::Mismatch>,
    },
    /// Variables that cannot be virtual, where all must be.
    #[error(
        "{} cannot be virtual:{}",
        if refused.len() == 1 { "a variable".to_owned() } else { format!("{} variables", refused.len()) },
        listed(refused.iter().map(|r| format!("`{}` of `{}`: {}: {}", r.variable, r.first_granule, r.reason, r.detail)))
    )]
    Strict {
        /// Each of them once.
        refused: Vec<crate::RefusedVariable>,
    },
    /// Of what granules hold, references can be made of coordinates alone.
    #[error("nothing but coordinates can be virtual:{}", listed(refused.iter().map(|r| format!("`{}` of `{}`: {}: {}", r.variable, r.first_granule, r.reason, r.detail))))]
    NothingVirtual {
        /// Each variable that cannot, once.
        refused: Vec<crate::RefusedVariable>,
    },
    /// A cube whose files are not what was written.
    #[error("{message}")]
    Damaged {
        /// What is damaged.
        message: String,
        /// What mends it.
        hint: String,
    },
    /// The run was asked to stop.
    #[error("stopped: nothing was written")]
    Stopped,
    /// Something outside the program failed.
    #[error("{message}")]
    Failed {
        /// What failed.
        message: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What was typed cannot be carried out; the hint says what to type.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// An option with a value that is wrong.
    pub fn option(option: &str, source: cube_core::Error) -> Self {
        Self::Option { option: option.to_owned(), source }
    }

    /// Something outside the program failed.
    pub fn failed(message: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed { message: message.into(), source: source.into() }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), done: "read", source }
    }

    /// A file that cannot be written.
    pub fn unwritable(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), done: "written", source }
    }

    /// The message and those of its causes, each once: many layers repeat what the layer below said, or quote what was said above.
    pub fn messages(&self) -> Vec<String> {
        let mut messages = vec![self.to_string()];
        let mut next = self.source();
        while let Some(cause) = next {
            let message = cause.to_string();
            let is_said = |said: &String| said.contains(&message) || message.strip_suffix(said.as_str()).is_some_and(|before| before.ends_with(": "));
            if !messages.iter().any(is_said) {
                messages.push(message);
            }
            next = cause.source();
        }
        messages
    }

    /// A catalogue was asked for something by its name: a name that there is not is a mistake of whoever typed it, and not of the world.
    pub(crate) fn of_a_name(error: cube_backend::Error) -> Self {
        match error.kind() {
            Kind::NotFound => Self::Refused { message: error.to_string(), hint: error.hint().map(str::to_owned) },
            _ => error.into(),
        }
    }

    /// What to type or do: what the layer that failed knows, else what its kind suggests.
    pub fn hint(&self) -> Option<String> {
        self.own_hint().or_else(|| self.access_hint()).or_else(|| self.io_hint()).or_else(|| self.kind().map(by_kind)).or_else(|| {
            let usage = "`cube COMMAND --help` shows examples";
            self.is_usage().then(|| usage.to_owned())
        })
    }

    /// Whether what was typed is wrong (as against the world): exit code 2.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Input(_)
            | Self::Option { .. }
            | Self::Spec { .. }
            | Self::Query(_)
            | Self::Assets(_)
            | Self::Region(_)
            | Self::Refused { .. }
            | Self::NeedsGdal { .. } => true,
            Self::Warp(e) => is_usage_of_warp(e),
            Self::Engine(cube_engine::Error::Warp(e)) => is_usage_of_warp(e),
            Self::Engine(cube_engine::Error::Store(e)) => is_usage_of_store(e),
            Self::Engine(e) => e.is_usage(),
            Self::Store(e) => is_usage_of_store(e),
            Self::Backend(e) => e.kind() == Kind::Invalid,
            Self::Access(e) => e.kind() == cube_access::Kind::Invalid,
            Self::Cmr(e) => is_usage_of_cmr(e),
            Self::Metadata(_) => false,
            Self::File { source, done, .. } => *done == "read" && source.kind() == io::ErrorKind::NotFound,
            Self::Virtual(e) => is_usage_of_virtual(e),
            Self::Sidecar { .. } | Self::Granules { .. } | Self::Misfit { .. } | Self::Strict { .. } | Self::NothingVirtual { .. } => false,
            Self::Damaged { .. } | Self::Stopped | Self::Failed { .. } => false,
        }
    }

    fn own_hint(&self) -> Option<String> {
        match self {
            Self::Input(e) | Self::Option { source: e, .. } | Self::Spec { source: e, .. } => e.hint(),
            Self::Engine(e) => e.hint(),
            Self::Store(e) => e.hint(),
            Self::Backend(e) => e.hint().map(str::to_owned),
            Self::Access(e) => e.hint(),
            Self::Warp(e) => e.hint(),
            Self::Query(e) => e.hint(),
            Self::Region(e) => e.hint(),
            Self::Cmr(e) => e.hint(),
            Self::Assets(e) => e.hint().map(str::to_owned),
            Self::Metadata(e) => e.hint().map(str::to_owned),
            Self::Refused { hint, .. } => hint.clone(),
            Self::Damaged { hint, .. } => Some(hint.clone()),
            Self::NeedsGdal { instead, .. } => Some(format!("{instead}, or build the program with `--features gdal`")),
            Self::Virtual(e) => e.hint().map(str::to_owned),
            Self::Sidecar { source, .. } => source.hint().map(str::to_owned),
            Self::Granules { failed, .. } => {
                let hint = failed.first().and_then(|(_, error)| error.hint()).map(|hint| format!("{hint}\n")).unwrap_or_default();
                Some(format!("{hint}or write the others with --skip-failed"))
            }
            Self::Misfit { .. } => {
                let ways = "leave these granules out, or variables with --drop; or give what differs groups of its own with --split-on-mismatch,\n\
                    join axes with --join outer, or store what is only encoded otherwise with --materialize-mismatch";
                Some(ways.to_owned())
            }
            Self::NothingVirtual { .. } => {
                Some("add --materialize-unsupported to store what can be decoded, or read the files with `cube load`".to_owned())
            }
            Self::Strict { .. } => Some("leave them out with --drop, or leave out --strict to go on without them".to_owned()),
            Self::File { .. } | Self::Stopped | Self::Failed { .. } => None,
        }
    }

    /// The kind of a backend's error, wherever it was met.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Backend(e) => Some(e.kind()),
            Self::Engine(cube_engine::Error::Backend(e)) => Some(e.kind()),
            _ => None,
        }
    }

    /// What access says, wherever it stands among the causes: which login is missing, which page to open.
    fn access_hint(&self) -> Option<String> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = next {
            if let Some(hint) = error.downcast_ref::<cube_access::Error>().and_then(cube_access::Error::hint) {
                return Some(hint);
            }
            next = error.source();
        }
        None
    }

    fn io_hint(&self) -> Option<String> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = next {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                let hint = by_io(io.kind());
                // GDAL does not say of what kind its failures are.
                let is_written = matches!(self, Self::File { done: "written", .. }) && io.kind() == io::ErrorKind::Other;
                return hint.or(is_written.then_some("see whether there is room on the disk; what was there is as it was")).map(str::to_owned);
            }
            next = error.source();
        }
        None
    }
}

impl From<cube_catalog_cmr::Error> for Error {
    /// What is wrong with a query, or with the way to CMR, is told as it is elsewhere.
    fn from(error: cube_catalog_cmr::Error) -> Self {
        match error {
            cube_catalog_cmr::Error::Query(invalid) => Self::Query(invalid),
            cube_catalog_cmr::Error::Access(e) => Self::Access(e),
            other => Self::Cmr(other),
        }
    }
}

fn is_usage_of_cmr(e: &cube_catalog_cmr::Error) -> bool {
    use cube_catalog_cmr::Error as E;
    matches!(e, E::Given { .. } | E::Refused { .. } | E::NotFound { .. } | E::Ambiguous { .. })
}

fn is_usage_of_warp(e: &cube_warp::Error) -> bool {
    use cube_warp::Error as E;
    matches!(e, E::Core(_) | E::UnknownCrs { .. } | E::NoOperation { .. } | E::DoesNotFit { .. })
}

fn is_usage_of_store(e: &cube_store::Error) -> bool {
    use cube_store::Error as E;
    matches!(
        e,
        E::Location { .. }
            | E::NotFound { .. }
            | E::AlreadyExists { .. }
            | E::NotACube { .. }
            | E::Layout(_)
            | E::NoGroup { .. }
            | E::NoBand { .. }
            | E::NoStep { .. }
            | E::OffAxis { .. }
            | E::Misfit { .. }
    )
}

fn is_usage_of_virtual(e: &cube_virtual::Error) -> bool {
    use cube_virtual::Error as E;
    matches!(e, E::AlreadyExists { .. } | E::NotFound { .. } | E::NotAppendable { .. } | E::Address { .. } | E::Request(_))
}

/// A file and what is wrong with it, in one line; most errors name it themselves.
fn named(name: &str, error: &Error) -> String {
    let text = error.messages().join(": ");
    if text.contains(name) { text } else { format!("`{name}`: {text}") }
}

/// Some of many lines.
fn listed(lines: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 20;
    let more = lines.len().saturating_sub(MOST);
    let mut text: String = lines.take(MOST).map(|line| format!("\n  - {line}")).collect();
    if more > 0 {
        text.push_str(&format!("\n  - and {more} more"));
    }
    text
}

fn by_io(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind as K;
    Some(match kind {
        K::NotFound => "check the name; relative names begin at the working directory",
        K::IsADirectory => "name a file in that folder",
        K::PermissionDenied | K::ReadOnlyFilesystem => "check the permission of the file and of its folder",
        K::StorageFull | K::QuotaExceeded | K::FileTooLarge => "make room, then run the same command again: what was committed is kept",
        K::ConnectionRefused | K::ConnectionReset | K::TimedOut | K::HostUnreachable | K::NetworkUnreachable => {
            "check the address and the network, then run the same command again"
        }
        _ => return None,
    })
}

fn by_kind(kind: Kind) -> String {
    match kind {
        Kind::NotFound => "check the name; the source may have moved it: `--refresh` searches again",
        Kind::Denied => "check the credentials for that host, and that they may read it",
        Kind::Unsupported => "leave the file out, or convert it with `gdal_translate -of COG`",
        Kind::Corrupt => "the bytes are not what they should be: try again, and if it stays so, tell the archive",
        Kind::Unavailable => "check the address and the network, then run the same command again: what was committed is kept",
        Kind::Invalid => "`cube COMMAND --help` shows examples",
    }
    .to_owned()
}
