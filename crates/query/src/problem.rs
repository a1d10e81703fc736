//! What is wrong with a query, and what a conversion changed.

use serde::Serialize;
use serde_json::Value;

/// What a query is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// NASA's Common Metadata Repository.
    Cmr,
    /// A STAC API with the `query` extension and the `filter` extension (CQL2 JSON).
    Stac,
    /// A STAC API with the `query` extension alone.
    StacQuery,
    /// A STAC API with the `filter` extension alone.
    StacFilter,
    /// CMR-STAC: no filter, and a `query` that understands `eo:cloud_cover` alone.
    CmrStac,
}

impl Service {
    /// Whether it takes conditions in CQL2.
    pub fn has_filter(self) -> bool {
        matches!(self, Self::Stac | Self::StacFilter)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cmr => "CMR",
            Self::Stac => "STAC",
            Self::StacQuery => "STAC without `filter`",
            Self::StacFilter => "STAC without `query`",
            Self::CmrStac => "CMR-STAC",
        }
    }
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The value makes no sense, or the service answers it with an error. Nothing is converted before this is put right.
    Wrong,
    /// The service has no words for it. A conversion leaves it out, or says something near to it, and reports that.
    Inexpressible,
}

/// One thing that is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("`{field}`: `{value}` {message}")]
pub struct Problem {
    /// The field, with the position in a list: `polygon[1]`.
    pub field: String,
    /// The value as given, at most some eighty characters of it.
    pub value: String,
    /// What is wrong, in words that continue the sentence that begins with the value.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// How bad it is.
    pub kind: ProblemKind,
}

impl Problem {
    /// Something that is wrong, with what to write instead. `message` continues the sentence that begins with the value.
    pub fn wrong(field: impl Into<String>, value: impl ToString, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), value: shorten(&value.to_string()), message: message.into(), hint: Some(hint.into()), kind: ProblemKind::Wrong }
    }

    /// What to write instead, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Everything that is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query has {} {}:\n{}", .0.len(), if .0.len() == 1 { "problem" } else { "problems" }, .0.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(pub Vec<Problem>);

impl Invalid {
    /// What to write instead, one line for each problem that has advice.
    pub fn hint(&self) -> Option<String> {
        let hints: Vec<_> = self.0.iter().filter_map(Problem::hint).collect();
        (!hints.is_empty()).then(|| hints.join("\n"))
    }
}

/// What a conversion did to the meaning of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Left out: more is found than was asked for.
    Dropped,
    /// Said more weakly: more is found, and should be filtered again.
    Widened,
    /// Said more strongly: less may be found.
    Narrowed,
    /// Said otherwise; the same is found.
    Rewritten,
    /// The service is not told: who pages through the answer has to see to it.
    Local,
}

/// One thing that a conversion changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field, property or parameter as it was named before.
    pub field: String,
    /// Its value before.
    pub value: String,
    /// What became of it.
    pub effect: Effect,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let effect = match self.effect {
            Effect::Dropped => "was left out",
            Effect::Widened => "was said more weakly",
            Effect::Narrowed => "was said more strongly",
            Effect::Rewritten => "was said otherwise",
            Effect::Local => "is not sent",
        };
        match self.value.is_empty() {
            true => write!(f, "`{}`: {}", self.field, self.reason),
            false => write!(f, "`{}` = `{}` {effect}: {}", self.field, self.value, self.reason),
        }
    }
}

/// What a conversion gave, and everything that it changed.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Converted<T> {
    /// The result.
    pub value: T,
    /// What is not as it was; empty when the result says the same.
    pub changes: Vec<Change>,
}

impl<T> Converted<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, changes: Vec::new() }
    }

    /// Whether the result finds the same records as what it was made from.
    pub fn is_exact(&self) -> bool {
        self.changes.iter().all(|c| matches!(c.effect, Effect::Rewritten | Effect::Local))
    }

    pub(crate) fn note(&mut self, field: impl Into<String>, value: impl ToString, effect: Effect, reason: impl Into<String>) {
        self.changes.push(Change { field: field.into(), value: shorten(&value.to_string()), effect, reason: reason.into(), hint: None });
    }

    /// Adds advice to the last change.
    pub(crate) fn advise(&mut self, hint: impl Into<String>) {
        if let Some(last) = self.changes.last_mut() {
            last.hint = Some(hint.into());
        }
    }

    /// The same report for another result.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Converted<U> {
        Converted { value: f(self.value), changes: self.changes }
    }

    /// Carries the result on through a second conversion, and keeps both reports.
    ///
    /// # Errors
    /// Those of the second conversion.
    pub fn and_then<U, E>(self, f: impl FnOnce(T) -> Result<Converted<U>, E>) -> Result<Converted<U>, E> {
        let mut next = f(self.value)?;
        next.changes.splice(0..0, self.changes);
        Ok(next)
    }
}

/// A value that was given to a field and cannot be read as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// The field it was given to.
    pub field: String,
    /// What was given.
    pub given: Value,
    /// What is wrong with it, in words that continue a sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Unread {
    pub(crate) fn problem(&self) -> Problem {
        Problem {
            field: self.field.clone(),
            value: shorten(&plain(&self.given)),
            message: self.message.clone(),
            hint: self.hint.clone(),
            kind: ProblemKind::Wrong,
        }
    }
}

/// A JSON value as a person would write it: a text without quotes.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// At most some eighty characters, in one line.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 80;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LIMIT { text } else { text.chars().take(LIMIT).chain(['…']).collect() }
}
