//! Filters over the properties of items: CQL2 (JSON and text) and STAC's `query` extension, read into one expression.
//!
//! Understood are: `=`, `<>`, `<`, `<=`, `>`, `>=`, `and`, `or`, `not`, `in`, `between`, `like`, `isNull`, `casei`, the functions `s_…` of places
//! (`s_intersects` also as `intersects`) and `a_…` of lists, `t_intersects`, `t_before`, `t_after`, `t_during`, and properties, numbers, texts,
//! booleans, lists, `timestamp`, `date`, `interval`, GeoJSON or WKT geometries and `bbox`. Anything else is refused by name.
//!
//! As in SQL, a comparison with a property that an item lacks is neither true nor false, and such an item is not found.

mod eval;
mod json;
mod query;
#[cfg(test)]
mod tests;
mod text;

use cube_backend::{Error, Kind, Result};
use serde_json::Value;

pub(crate) use eval::OF_GRANULES;
pub(crate) use query::{QueryFilter, query, query_as_cql2};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Always(bool),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare(Comparison, Operand, Operand),
    In(Operand, Vec<Operand>),
    Between(Operand, Operand, Operand),
    /// `%` stands for any text, `_` for one character, `\` for the next character itself.
    Like(Operand, String),
    IsNull(Operand),
    Spatial(Place, Operand, Operand),
    Array(Members, Operand, Operand),
    Temporal(Relation, Operand, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Intersects,
    Before,
    After,
    During,
}

/// How places lie to one another (OGC 21-065r2, clause 7.8), by the dimensions of what they share (DE-9IM).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Intersects,
    Disjoint,
    Within,
    Contains,
    Equals,
    Touches,
    Crosses,
    Overlaps,
}

/// What lists have in common, as sets (OGC 21-065r2, clause 7.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    Equals,
    Contains,
    ContainedBy,
    Overlaps,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Property(String),
    Text(String),
    Number(f64),
    Bool(bool),
    Instant(cube_core::TimeValue),
    /// Both ends belong to it; an open end is `None`.
    Interval(Option<cube_core::TimeValue>, Option<cube_core::TimeValue>),
    Geometry(geojson::Geometry),
    /// Of functions of lists alone.
    List(Vec<Self>),
    /// Compared without regard to case.
    CaseInsensitive(Box<Self>),
}

impl Comparison {
    const ALL: [(&'static str, Self); 6] =
        [("=", Self::Equal), ("<>", Self::NotEqual), ("<", Self::Less), ("<=", Self::LessEqual), (">", Self::Greater), (">=", Self::GreaterEqual)];

    fn parse(text: &str) -> Option<Self> {
        named(&Self::ALL, text)
    }

    /// The same with the sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

impl Relation {
    const ALL: [(&'static str, Self); 5] = [
        ("t_intersects", Self::Intersects),
        ("t_before", Self::Before),
        ("t_after", Self::After),
        ("t_during", Self::During),
        ("anyinteracts", Self::Intersects),
    ];
}

impl Place {
    const ALL: [(&'static str, Self); 9] = [
        ("s_intersects", Self::Intersects),
        ("s_disjoint", Self::Disjoint),
        ("s_within", Self::Within),
        ("s_contains", Self::Contains),
        ("s_equals", Self::Equals),
        ("s_touches", Self::Touches),
        ("s_crosses", Self::Crosses),
        ("s_overlaps", Self::Overlaps),
        ("intersects", Self::Intersects),
    ];
}

impl Members {
    const ALL: [(&'static str, Self); 4] =
        [("a_equals", Self::Equals), ("a_contains", Self::Contains), ("a_containedby", Self::ContainedBy), ("a_overlaps", Self::Overlaps)];

    /// As the standard spells it.
    fn name(self) -> &'static str {
        if self == Self::ContainedBy { "a_containedBy" } else { name_of(&Self::ALL, self) }
    }
}

fn named<T: Copy>(all: &[(&'static str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The first name of a value.
fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

/// A function of two values.
#[derive(Debug, Clone, Copy)]
enum Function {
    Temporal(Relation),
    Spatial(Place),
    Array(Members),
}

impl Function {
    /// By its name in small letters.
    fn parse(name: &str) -> Option<Self> {
        let temporal = named(&Relation::ALL, name).map(Self::Temporal);
        temporal.or_else(|| named(&Place::ALL, name).map(Self::Spatial)).or_else(|| named(&Members::ALL, name).map(Self::Array))
    }

    fn takes_lists(self) -> bool {
        matches!(self, Self::Array(_))
    }

    fn of(self, a: Operand, b: Operand) -> Expr {
        match self {
            Self::Temporal(relation) => Expr::Temporal(relation, a, b),
            Self::Spatial(place) => Expr::Spatial(place, a, b),
            Self::Array(members) => Expr::Array(members, a, b),
        }
    }
}

/// Reads a filter as text or JSON; a JSON text in a string is JSON.
///
/// # Errors
/// What is not CQL2 is [`Kind::Invalid`]; what is CQL2 and not understood here is [`Kind::Unsupported`], by name.
pub(crate) fn parse(filter: &Value) -> Result<Expr> {
    match filter {
        Value::String(s) if s.trim_start().starts_with('{') => {
            let value = serde_json::from_str(s).map_err(|e| Error::new(Kind::Invalid, format!("the filter `{s}` is not JSON")).with_source(e))?;
            json::parse(&value)
        }
        Value::String(s) => text::parse(s),
        other => json::parse(other),
    }
}

/// The JSON form of a condition, for services that take no text.
pub(crate) fn to_json(e: &Expr) -> Value {
    json::write(e)
}

/// A filter as CQL2 JSON, whether it is a text or JSON.
///
/// # Errors
/// What is not CQL2, or is not understood here, by name.
pub fn cql2_json(filter: &Value) -> Result<Value> {
    parse(filter).map(|e| to_json(&e))
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Invalid, format!("the filter cannot be understood: {what}"))
        .with_hint("write for example `eo:cloud_cover < 20 AND platform = 'sentinel-2a'`, or the same as CQL2 JSON")
}

fn unsupported(name: &str) -> Error {
    Error::unsupported(format!("the filter uses `{name}`, which cannot be evaluated here"))
        .with_hint("use comparisons, and, or, not, in, between, like, isNull, casei, s_intersects and its like, a_contains and its like, t_intersects, t_before, t_after, t_during")
}
