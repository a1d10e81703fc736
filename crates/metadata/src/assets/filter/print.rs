//! Filters as text, such that reading it gives the same filter.

use std::fmt;

use super::{
    AssetFilter, Expression,
    pattern::{Pattern, Source},
};

/// Words that mean something where a condition begins.
pub(super) const RESERVED: [&str; 8] = ["and", "or", "not", "all", "none", "size", "cloud-optimised", "cloud-optimized"];

/// Characters that end an unquoted word.
pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ',' | '<' | '>' | '=' | '"' | '\'')
}

/// A pattern, quoted where it could be taken for something else; `first` where a condition may begin.
pub(super) fn pattern(pattern: &Pattern, first: bool) -> String {
    match pattern.source() {
        Source::Regex(text) => format!("/{text}/"),
        Source::Glob(text) => {
            let reserved = first && RESERVED.iter().any(|r| r.eq_ignore_ascii_case(text));
            let special = text.starts_with(['/', '!']) || text.chars().any(|c| ends_word(c) || matches!(c, ':' | '[' | ']' | '{' | '}' | '\\'));
            if reserved || special { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.clone() }
        }
    }
}

impl fmt::Display for AssetFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) if parts.is_empty() => f.write_str("all"),
            Self::Or(parts) if parts.is_empty() => f.write_str("none"),
            Self::And(parts) => list(f, parts, " and ", |part| matches!(part, Self::Or(inner) if !inner.is_empty())),
            Self::Or(parts) => list(f, parts, " or ", |_| false),
            Self::Not(inner) => {
                f.write_str("not ")?;
                let compound = matches!(inner.as_ref(), Self::And(parts) | Self::Or(parts) if !parts.is_empty());
                in_parentheses(f, inner, compound)
            }
            Self::Term(term) => term.fmt(f),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, parts: &[Expression], between: &str, wrap: impl Fn(&Expression) -> bool) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        in_parentheses(f, part, wrap(part))?;
    }
    Ok(())
}

fn in_parentheses(f: &mut fmt::Formatter<'_>, part: &Expression, wrap: bool) -> fmt::Result {
    if wrap { write!(f, "({part})") } else { write!(f, "{part}") }
}
