//! What a conversion changed.

use std::borrow::Cow;

use serde::Serialize;

/// What a conversion did to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The other form has no place for it: it is not in the result.
    Dropped,
    /// The other form has no word for it: it travels in a namespace (`umm:*`, `stac:*`) and comes back.
    Carried,
    /// Said otherwise, and less exactly.
    Approximated,
    /// Made up, because the other form requires it and the record does not say it.
    Assumed,
}

/// One thing that a conversion changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field as it was named before: `SpatialExtent`, `assets.B04.proj:shape`.
    pub field: Cow<'static, str>,
    /// What became of it.
    pub effect: Effect,
    /// Why, and where it is now.
    pub reason: &'static str,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let effect = match self.effect {
            Effect::Dropped => "was left out",
            Effect::Carried => "was carried along",
            Effect::Approximated => "was said less exactly",
            Effect::Assumed => "was assumed",
        };
        write!(f, "`{}` {effect}: {}", self.field, self.reason)
    }
}

/// Everything that a conversion changed; empty when the result says the same in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Report {
    /// In the order in which they were met.
    pub changes: Vec<Change>,
}

impl Report {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether nothing is lost: converting back gives the record again.
    pub fn is_lossless(&self) -> bool {
        self.changes.iter().all(|c| matches!(c.effect, Effect::Carried | Effect::Assumed))
    }

    pub(crate) fn note(&mut self, field: impl Into<Cow<'static, str>>, effect: Effect, reason: &'static str) {
        self.changes.push(Change { field: field.into(), effect, reason });
    }
}

/// What a conversion gave, and everything that it changed.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Converted<T> {
    /// The result.
    pub value: T,
    /// What is not as it was.
    pub report: Report,
}
