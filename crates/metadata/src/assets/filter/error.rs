/// An asset filter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asset filter `{expression}`: at character {position}, {message}")]
pub struct AssetFilterError {
    /// The expression or the value of a field, as it was given.
    pub expression: String,
    /// Where it goes wrong, counted in characters from 1.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl AssetFilterError {
    /// `at` counts bytes from 0.
    pub(super) fn new(expression: &str, at: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let position = expression.char_indices().take_while(|(i, _)| *i < at).count() + 1;
        Self { expression: expression.into(), position, message: message.into(), hint: Some(hint.into()) }
    }

    /// What to write instead.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
