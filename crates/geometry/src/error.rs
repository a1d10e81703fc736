//! What can be wrong with a region.

/// An error of this crate.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A geometry cannot be used.
    #[error("the geometry {problem}")]
    Geometry {
        /// What is wrong, with the value.
        problem: String,
        /// What to give instead.
        hint: &'static str,
    },
    /// A region cannot be read or carried to longitude and latitude.
    #[error(transparent)]
    Core(#[from] cube_core::Error),
    /// No region of so few points contains the given one.
    #[error("{max_points} points are too few: this region needs {needed}")]
    TooFewPoints {
        /// The limit that was given.
        max_points: usize,
        /// The fewest that were reached.
        needed: usize,
    },
    /// A simplified region could not be proved to contain the given one; there is none then.
    #[error("no simplified region could be proved to contain the given one")]
    NotProved,
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn geometry(problem: impl Into<String>, hint: &'static str) -> Self {
        Self::Geometry { problem: problem.into(), hint }
    }

    /// What to type or do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Geometry { hint, .. } => Some((*hint).to_owned()),
            Self::Core(e) => e.hint(),
            Self::TooFewPoints { needed, .. } => Some(format!("give `--max-points {needed}` or more")),
            Self::NotProved => Some("send the region as it is with --no-simplify, or give its bounding box".to_owned()),
        }
    }
}
