/// What can be wrong with something a user typed or a source declared.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A value cannot be understood or does not make sense.
    #[error("{what} `{value}` {problem}")]
    Invalid {
        /// What the value was meant to be, e.g. `ROI`.
        what: &'static str,
        /// The value as given.
        value: String,
        /// What is wrong with it, in words that continue the sentence.
        problem: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// Several things are wrong with a spec: all of them, one a line.
    #[error("the spec has {} {}:\n{}", .0.len(), if .0.len() == 1 { "problem" } else { "problems" }, .0.iter().map(|e| format!("  - {e}")).collect::<Vec<_>>().join("\n"))]
    Spec(Vec<Self>),
    /// Two grids that should share pixels do not.
    #[error("the grids do not share pixels: {0}")]
    Misaligned(String),
}

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A value that is wrong, without a hint.
    pub fn invalid(what: &'static str, value: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { what, value: value.into(), problem: problem.into(), hint: None }
    }

    /// The same error with advice on what to type.
    #[must_use]
    pub fn with_hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Invalid { what, value, problem, .. } => Self::Invalid { what, value, problem, hint: Some(text.into()) },
            other => other,
        }
    }

    /// What to type instead, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Spec(all) => {
                let hints: Vec<_> = all.iter().filter_map(Self::hint).collect();
                (!hints.is_empty()).then(|| hints.join("\n"))
            }
            Self::Misaligned(_) => None,
        }
    }
}

/// At most some eighty characters of a value, in one line, for messages.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 80;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LIMIT { text } else { text.chars().take(LIMIT).chain(['…']).collect() }
}
