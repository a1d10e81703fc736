//! Whether an item fulfils a condition.

use std::{borrow::Cow, cmp::Ordering};

use cube_core::TimeValue;
use geo::{HasDimensions, Intersects, Relate};
use serde_json::Value;

use super::{Comparison, Expr, Members, Operand, Place, Relation};
use crate::{item::Item, patch::Facts, time};

/// The value of a property or of a literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
    Instant(TimeValue),
    Interval(Option<TimeValue>, Option<TimeValue>),
    Geometry(Cow<'a, geojson::Geometry>),
    List(&'a Vec<Value>),
}

impl Expr {
    /// True, false, or neither when a property is missing. `nowhere` is what an item that states no place is to any place.
    pub(crate) fn evaluate(&self, item: &Item, facts: &Facts, nowhere: Option<bool>) -> Option<bool> {
        let value = |o| scalar(o, item, facts);
        match self {
            Self::Always(b) => Some(*b),
            Self::And(all) => unless(false, all.iter().map(|e| e.evaluate(item, facts, nowhere))),
            Self::Or(all) => unless(true, all.iter().map(|e| e.evaluate(item, facts, nowhere))),
            Self::Not(e) => e.evaluate(item, facts, nowhere).map(|b| !b),
            Self::Compare(c, a, b) => compare(*c, &value(a)?, &value(b)?),
            Self::In(a, list) => {
                let a = value(a)?;
                Some(list.iter().filter_map(value).any(|b| compare(Comparison::Equal, &a, &b) == Some(true)))
            }
            Self::Between(a, low, high) => {
                let a = value(a)?;
                Some(compare(Comparison::GreaterEqual, &a, &value(low)?)? && compare(Comparison::LessEqual, &a, &value(high)?)?)
            }
            Self::Like(a, pattern) => {
                let folded = matches!(a, Operand::CaseInsensitive(_));
                let pattern = if folded { pattern.to_lowercase() } else { pattern.clone() };
                value(a)?.text().map(|t| like(&t.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>()))
            }
            Self::IsNull(a) => Some(value(a).is_none()),
            Self::Spatial(_, a, b) if facts.outline.is_nowhere() && (is_place(a) || is_place(b)) => nowhere,
            Self::Spatial(lies, a, b) => lie(*lies, &place(a, item, facts)?, &place(b, item, facts)?),
            Self::Array(members, a, b) => Some(share(*members, &list(a, item, facts)?, &list(b, item, facts)?)),
            Self::Temporal(r, a, b) => relate(*r, value(a)?.span()?, value(b)?.span()?),
        }
    }

    /// The properties that it asks for.
    pub(crate) fn properties(&self, into: &mut Vec<String>) {
        let mut operand = |o: &Operand| o.properties(into);
        match self {
            Self::Always(_) => {}
            Self::And(all) | Self::Or(all) => all.iter().for_each(|e| e.properties(into)),
            Self::Not(e) => e.properties(into),
            Self::Compare(_, a, b) | Self::Spatial(_, a, b) | Self::Array(_, a, b) | Self::Temporal(_, a, b) => [a, b].into_iter().for_each(operand),
            Self::In(a, list) => std::iter::once(a).chain(list).for_each(operand),
            Self::Between(a, b, c) => [a, b, c].into_iter().for_each(operand),
            Self::Like(a, _) | Self::IsNull(a) => operand(a),
        }
    }
}

impl Operand {
    fn properties(&self, into: &mut Vec<String>) {
        match self {
            Self::Property(name) => into.push(name.clone()),
            Self::CaseInsensitive(inner) => inner.properties(into),
            Self::List(all) => all.iter().for_each(|o| o.properties(into)),
            _ => {}
        }
    }
}

/// A property of an item: `id`, `collection`, `geometry`, times, or one of its `properties`, with or without that word before it.
pub(crate) fn property<'a>(name: &str, item: &'a Item, facts: &'a Facts) -> Option<Scalar<'a>> {
    let name = name.strip_prefix("properties.").unwrap_or(name);
    match name {
        "id" => Some(Scalar::Text(item.id().into())),
        "collection" => Some(Scalar::Text(item.collection().into())),
        "geometry" => facts.outline.footprint.as_ref().map(|g| Scalar::Geometry(Cow::Borrowed(g))),
        "datetime" => match (item.property("datetime"), facts.when.interval, facts.when.nominal) {
            (None, Some((start, end)), _) => Some(Scalar::Interval(Some(start), Some(end))),
            (_, _, nominal) => nominal.map(Scalar::Instant),
        },
        _ => Scalar::of(item.property(name).or_else(|| nested(item, name)).or_else(|| of_granule(item, name))?),
    }
}

/// What an item that was a granule of CMR keeps under other names: as a source of a cube knows `provider`, `day_night` and additional attributes.
fn of_granule<'a>(item: &'a Item, name: &str) -> Option<&'a Value> {
    match name {
        "provider" => item.property("cmr:provider_id"),
        "day_night" => item.property("umm:day_night"),
        _ => {
            let attributes = item.property("umm:AdditionalAttributes")?.as_array()?;
            let values = attributes.iter().find(|a| a["Name"] == name)?.get("Values")?;
            values.as_array().filter(|all| all.len() == 1).and_then(|all| all.first()).or(Some(values))
        }
    }
}

/// Properties in which [`property`] may find what has another name.
pub(crate) const OF_GRANULES: [&str; 3] = ["cmr:provider_id", "umm:day_night", "umm:AdditionalAttributes"];

/// `a.b` is the member `b` of the property `a`.
fn nested<'a>(item: &'a Item, name: &str) -> Option<&'a Value> {
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(item.property(first)?, |v, part| v.get(part)).filter(|v| !v.is_null())
}

impl<'a> Scalar<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(s) => Some(Self::Text(s.as_str().into())),
            Value::Number(n) => n.as_f64().map(Self::Number),
            Value::Bool(b) => Some(Self::Bool(*b)),
            Value::Array(list) => Some(Self::List(list)),
            Value::Object(_) => serde_json::from_value(value.clone()).ok().map(|g| Self::Geometry(Cow::Owned(g))),
            Value::Null => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(t) => Some(t),
            _ => None,
        }
    }

    /// `None` when the two are of kinds that have no order between them. A text is a time, or a number, beside one.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => match (time::parse(a), time::parse(b)) {
                // `…:00Z` and `…:00.000Z` are one instant.
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => Some(a.cmp(b)),
            },
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Text(b)) => Some(a.cmp(&time::parse(b)?)),
            (Self::Text(a), Self::Instant(b)) => Some(time::parse(a)?.cmp(b)),
            (Self::Number(a), Self::Text(b)) => a.partial_cmp(&b.parse().ok()?),
            (Self::Text(a), Self::Number(b)) => a.parse::<f64>().ok()?.partial_cmp(b),
            (Self::Interval(..), _) | (_, Self::Interval(..)) => {
                let ((a0, a1), (b0, b1)) = (self.span()?, other.span()?);
                if a1.is_some() && b0.is_some() && a1 < b0 {
                    Some(Ordering::Less)
                } else if b1.is_some() && a0.is_some() && b1 < a0 {
                    Some(Ordering::Greater)
                } else {
                    Some(Ordering::Equal)
                }
            }
            _ => None,
        }
    }

    /// First and last instant.
    fn span(&self) -> Option<(Option<TimeValue>, Option<TimeValue>)> {
        match self {
            Self::Instant(t) => Some((Some(*t), Some(*t))),
            Self::Interval(a, b) => Some((*a, *b)),
            Self::Text(t) => time::parse(t).map(|t| (Some(t), Some(t))),
            _ => None,
        }
    }
}

fn scalar<'a>(o: &'a Operand, item: &'a Item, facts: &'a Facts) -> Option<Scalar<'a>> {
    match o {
        Operand::Property(name) => property(name, item, facts),
        Operand::Text(t) => Some(Scalar::Text(t.as_str().into())),
        Operand::Number(n) => Some(Scalar::Number(*n)),
        Operand::Bool(b) => Some(Scalar::Bool(*b)),
        Operand::Instant(t) => Some(Scalar::Instant(*t)),
        Operand::Interval(a, b) => Some(Scalar::Interval(*a, *b)),
        Operand::Geometry(g) => Some(Scalar::Geometry(Cow::Borrowed(g))),
        Operand::List(_) => None,
        Operand::CaseInsensitive(inner) => scalar(inner, item, facts).map(folded),
    }
}

fn folded(value: Scalar<'_>) -> Scalar<'_> {
    match value {
        Scalar::Text(t) => Scalar::Text(t.to_lowercase().into()),
        other => other,
    }
}

/// The members of a list; what is no list has none.
fn list<'a>(o: &'a Operand, item: &'a Item, facts: &'a Facts) -> Option<Vec<Scalar<'a>>> {
    match o {
        Operand::List(all) => all.iter().map(|o| scalar(o, item, facts)).collect(),
        Operand::CaseInsensitive(inner) => Some(list(inner, item, facts)?.into_iter().map(folded).collect()),
        _ => match scalar(o, item, facts)? {
            Scalar::List(all) => all.iter().map(Scalar::of).collect(),
            _ => None,
        },
    }
}

fn share(members: Members, a: &[Scalar<'_>], b: &[Scalar<'_>]) -> bool {
    let is_in = |one: &Scalar<'_>, all: &[Scalar<'_>]| all.iter().any(|other| compare(Comparison::Equal, one, other) == Some(true));
    let (b_in_a, a_in_b) = (|| b.iter().all(|one| is_in(one, a)), || a.iter().all(|one| is_in(one, b)));
    match members {
        Members::Equals => a_in_b() && b_in_a(),
        Members::Contains => b_in_a(),
        Members::ContainedBy => a_in_b(),
        Members::Overlaps => a.iter().any(|one| is_in(one, b)),
    }
}

/// Whether it is where an item lies.
fn is_place(o: &Operand) -> bool {
    matches!(o, Operand::Property(name) if name.strip_prefix("properties.").unwrap_or(name) == "geometry")
}

/// The same, where an item that states a box alone lies in that.
fn place<'a>(o: &'a Operand, item: &'a Item, facts: &'a Facts) -> Option<Scalar<'a>> {
    if is_place(o) { facts.outline.geometry().map(Scalar::Geometry) } else { scalar(o, item, facts) }
}

/// `decisive` when it occurs; else neither when one is neither; else the opposite.
fn unless(decisive: bool, values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut open = false;
    for value in values {
        if value == Some(decisive) {
            return Some(decisive);
        }
        open |= value.is_none();
    }
    (!open).then_some(!decisive)
}

fn compare(c: Comparison, a: &Scalar<'_>, b: &Scalar<'_>) -> Option<bool> {
    let order = a.compare(b);
    Some(match c {
        Comparison::Equal => order.is_some_and(Ordering::is_eq),
        Comparison::NotEqual => !order.is_some_and(Ordering::is_eq),
        Comparison::Less => order?.is_lt(),
        Comparison::LessEqual => order?.is_le(),
        Comparison::Greater => order?.is_gt(),
        Comparison::GreaterEqual => order?.is_ge(),
    })
}

type Span = (Option<TimeValue>, Option<TimeValue>);

fn relate(r: Relation, a: Span, b: Span) -> Option<bool> {
    // An end that is open lies beyond every instant.
    let before = |end: Option<TimeValue>, start: Option<TimeValue>| end.zip(start).is_some_and(|(e, s)| e < s);
    Some(match r {
        Relation::Intersects => !before(a.1, b.0) && !before(b.1, a.0),
        Relation::Before => before(a.1, b.0),
        Relation::After => before(b.1, a.0),
        Relation::During => {
            let starts = b.0.is_none() || a.0.is_some_and(|s| b.0 < Some(s));
            let ends = b.1.is_none() || a.1.is_some_and(|e| Some(e) < b.1);
            starts && ends
        }
    })
}

fn lie(lies: Place, a: &Scalar<'_>, b: &Scalar<'_>) -> Option<bool> {
    let (Scalar::Geometry(a), Scalar::Geometry(b)) = (a, b) else { return None };
    let geometry = |g: &geojson::Geometry| geo::Geometry::<f64>::try_from(g).ok().filter(|g| !g.is_empty());
    let (a, b) = (geometry(a)?, geometry(b)?);
    Some(match lies {
        Place::Intersects => a.intersects(&b),
        Place::Disjoint => !a.intersects(&b),
        Place::Within => a.relate(&b).is_within(),
        Place::Contains => a.relate(&b).is_contains(),
        Place::Equals => a.relate(&b).is_equal_topo(),
        Place::Touches => a.relate(&b).is_touches(),
        Place::Crosses => a.relate(&b).is_crosses(),
        Place::Overlaps => a.relate(&b).is_overlaps(),
    })
}

/// `%` any text, `_` one character, `\` takes the next as it is. Linear in memory, and never worse than the product of lengths.
fn like(text: &[char], pattern: &[char]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut p = pattern.iter();
    while let Some(&c) = p.next() {
        let mut next = vec![false; text.len() + 1];
        if c == '%' {
            let mut any = false;
            for (i, r) in reached.iter().enumerate() {
                any |= r;
                next[i] = any;
            }
        } else {
            let (literal, wild) = if c == '\\' { (*p.next().unwrap_or(&'\\'), false) } else { (c, c == '_') };
            for (i, t) in text.iter().enumerate() {
                next[i + 1] = reached[i] && (wild || *t == literal);
            }
        }
        reached = next;
    }
    reached[text.len()]
}
