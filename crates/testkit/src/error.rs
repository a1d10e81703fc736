//! What can go wrong while test data is made or served.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while test data is made or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or socket failed.
    #[error("`{}`", path.display())]
    Io {
        /// The file, folder or address.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Options of the TIFF writer contradict each other or the pixels.
    #[error("cannot write this TIFF: {0}")]
    Tiff(String),
    /// A scene's definition cannot hold.
    #[error("scene `{id}`: {problem}")]
    Scene {
        /// Id of the scene.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// A text is not the JSON that was expected.
    #[error("not the JSON that is expected here")]
    Json(#[from] serde_json::Error),
    /// A thread that made test data ended early.
    #[error("a worker thread ended early")]
    Worker,
}

impl Error {
    /// Adds the path to an error of the system.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// What to type or do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { path, .. } => Some(format!("check that `{}` exists and may be read and written", path.display())),
            Self::Json(_) => Some("see the doc comment of `server::Rule` for the form of a fault plan".into()),
            Self::Tiff(_) | Self::Scene { .. } | Self::Worker => None,
        }
    }
}
