use std::{fmt, io};

/// What can go wrong with a cube's store. The message states the fact; [`Error::hint`] says what to type.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path or URL that names no place a cube can lie at.
    #[error("`{text}` is not a place for a cube: {problem}")]
    Location {
        /// As typed, without secrets.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// An object store that was given no keys.
    #[error("no credentials for `{location}`")]
    NoCredentials {
        /// The cube.
        location: String,
    },
    /// Nothing is there.
    #[error("there is no cube at `{location}`")]
    NotFound {
        /// The cube.
        location: String,
    },
    /// A cube is there already.
    #[error("there is a cube at `{location}` already")]
    AlreadyExists {
        /// The cube.
        location: String,
    },
    /// Something that is not a cube is there.
    #[error("`{location}` is not a cube: {found}")]
    NotACube {
        /// The place.
        location: String,
        /// What lies there.
        found: String,
    },
    /// A cube on object storage that another program is making, or stopped making.
    #[error("the cube at `{location}` is not whole yet")]
    Unfinished {
        /// The cube.
        location: String,
    },
    /// The cube was written by a later program.
    #[error("the cube at `{location}` has format {found}, written by {program}; this program reads formats up to {known}")]
    TooNew {
        /// The cube.
        location: String,
        /// Its format.
        found: u64,
        /// The program that wrote it.
        program: String,
        /// The latest format that this program reads.
        known: u64,
    },
    /// The store contradicts itself.
    #[error("the cube at `{location}` is damaged: {problem}")]
    Damaged {
        /// The cube.
        location: String,
        /// What does not fit.
        problem: String,
    },
    /// A file of the cube is gone, cut short or changed.
    #[error("the file `{file}` of the cube at `{location}` is damaged: {cause}")]
    DamagedFile {
        /// The cube.
        location: String,
        /// The file, by its place in the cube.
        file: String,
        /// What the layers below said.
        cause: Cause,
    },
    /// A layout that cannot be stored.
    #[error("this cube cannot be stored: {0}")]
    Layout(String),
    /// No group of that name.
    #[error("the cube has no group `{group}`")]
    NoGroup {
        /// As asked for.
        group: String,
    },
    /// No variable of that name.
    #[error("the cube has no variable `{band}`; it has {known}")]
    NoBand {
        /// As asked for.
        band: String,
        /// Those that there are.
        known: String,
    },
    /// A step that the time axis does not hold.
    #[error("the time axis has no step `{step}`")]
    NoStep {
        /// As asked for.
        step: String,
    },
    /// A step off a declared axis.
    #[error("step `{step}` is not one of the cube's declared time steps")]
    OffAxis {
        /// The step.
        step: String,
    },
    /// A step before the last one, in a plain Zarr store.
    #[error("step `{step}` lies before the last step `{last}`, and a plain Zarr store can only grow at its end")]
    StepOrder {
        /// The new step.
        step: String,
        /// The last step that there is.
        last: String,
    },
    /// A value outside what the call may be given.
    #[error("{what} does not fit the cube: {problem}")]
    Misfit {
        /// What was given.
        what: &'static str,
        /// Why it does not fit.
        problem: String,
    },
    /// A group that exists with another grid.
    #[error("the group `{group}` exists with another grid: {existing}, not {given}")]
    GroupDiffers {
        /// The group.
        group: String,
        /// Its grid.
        existing: String,
        /// The grid that was to be created.
        given: String,
    },
    /// Another process writes to the plain Zarr store.
    #[error("{owner} is writing to `{location}`")]
    Busy {
        /// The cube.
        location: String,
        /// Who, since when.
        owner: String,
    },
    /// The lock of a plain Zarr store was taken over by another process, because it was not renewed in time.
    #[error("the writer's lock of `{location}` was lost")]
    LockLost {
        /// The cube.
        location: String,
    },
    /// The file system has no locks.
    #[error("files cannot be locked at `{path}`: {cause}")]
    NoLocks {
        /// The lock file.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Others kept committing first.
    #[error("could not commit to `{location}` in {attempts} attempts: other writers were always faster")]
    Contended {
        /// The cube.
        location: String,
        /// How many times it was tried.
        attempts: u32,
    },
    /// The store below failed.
    #[error("cannot {doing} `{location}`: {cause}")]
    Storage {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The cube, or the file.
        location: String,
        /// What the layers below said.
        cause: Cause,
    },
    /// Pixels could not be encoded or decoded.
    #[error("cannot {doing} a chunk of `{band}`: {cause}")]
    Codec {
        /// `encode` or `decode`.
        doing: &'static str,
        /// The variable.
        band: String,
        /// What the codec said.
        cause: Cause,
    },
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What to type or do, where that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Location { .. } => {
                "give a path, file://path or s3://bucket/prefix; a name that ends in .zarr is plain Zarr, any other Icechunk".into()
            }
            Self::NoCredentials { .. } => "set an access key and its secret, or ask for anonymous access".into(),
            Self::NotFound { location } => format!("create it with `cube create {location} --spec cube.toml`, or check the name"),
            Self::AlreadyExists { .. } => "load into it, choose another name, or remove it first".into(),
            Self::NotACube { .. } => "choose another name, or remove what is there".into(),
            Self::Unfinished { .. } => "wait a moment; where nobody is making it any more, remove what is there".into(),
            Self::TooNew { .. } => "use a newer version of this program".into(),
            Self::NoGroup { .. } | Self::NoBand { .. } | Self::NoStep { .. } => "`cube status` shows what the cube holds".into(),
            Self::OffAxis { .. } => "ask for times of the declared axis (`cube status` shows them), or create a cube whose axis grows".into(),
            Self::StepOrder { .. } => {
                "load times in order, or create an Icechunk cube (a name that does not end in .zarr), where steps may arrive in any order".into()
            }
            Self::Busy { .. } => {
                "wait until it has finished, or use an Icechunk cube (a name that does not end in .zarr): it takes many writers".into()
            }
            Self::LockLost { .. } => "run the same command again: what was committed is kept".into(),
            Self::NoLocks { .. } => "put the cube on a local disk or on object storage".into(),
            Self::Contended { .. } => "run the same command again with fewer writers, or with larger batches".into(),
            Self::Storage { doing, cause, .. } => match cause.io {
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) => {
                    "free some space and run the same command again: what was committed is kept".into()
                }
                Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => "check that you may write there".into(),
                _ if matches!(*doing, "open" | "create") => return None,
                _ => {
                    "what was committed is kept. Run the same command again; if it stays so, `cube status CUBE --check` names what is damaged".into()
                }
            },
            Self::DamagedFile { file, .. } if file == "zarr.json" => {
                "nothing was changed. Put the file back from a copy, or make the cube anew".into()
            }
            Self::DamagedFile { .. } => {
                "nothing was changed. Put the file back from a copy; or go back to before the last commit and load again: copy \
                                         the first file, by name, of the cube's folder `overwritten` over its file `repo` (keep a copy of that)"
                    .into()
            }
            Self::Damaged { .. } => "nothing was changed. Put the cube's files back from a copy, or make it anew from its spec".into(),
            Self::Layout(_) | Self::Misfit { .. } | Self::GroupDiffers { .. } | Self::Codec { .. } => return None,
        };
        Some(text)
    }

    /// Whether trying again later may succeed without changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unfinished { .. } | Self::Busy { .. } | Self::Contended { .. } | Self::LockLost { .. })
    }

    pub(crate) fn storage(doing: &'static str, location: impl fmt::Display, cause: impl Into<Cause>) -> Self {
        Self::Storage { doing, location: location.to_string(), cause: cause.into() }
    }
}

/// What a layer below said: its messages in one line, and the operating system's error where that was behind it.
#[derive(Debug, Clone)]
pub struct Cause {
    message: String,
    io: Option<io::ErrorKind>,
}

impl Cause {
    /// The kind of the operating system's error, where that was behind it.
    pub fn io(&self) -> Option<io::ErrorKind> {
        self.io
    }

    /// From a sentence.
    pub(crate) fn text(message: impl Into<String>) -> Self {
        Self { message: message.into(), io: None }
    }

    /// From an error and everything that caused it. Icechunk appends a trace after an empty line, which is left out, and many layers
    /// repeat what the layer below said, which is said once.
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let (mut message, mut kind, mut next) = (String::new(), None, Some(error));
        while let Some(e) = next {
            let text = e.to_string();
            let line = text.split("\n\n").next().unwrap_or_default().trim();
            if !message.contains(line) {
                if !message.is_empty() {
                    message.push_str(": ");
                }
                message.push_str(line);
            }
            kind = kind.or_else(|| e.downcast_ref::<io::Error>().map(io::Error::kind));
            next = e.source();
        }
        Self { message, io: kind }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Cause {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}
