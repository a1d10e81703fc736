//! The little of CQL2 JSON that queries need, written and read (OGC 21-065r2).

use serde_json::{Value, json};

use crate::options::is_pattern;

pub(crate) fn op(name: &str, args: Vec<Value>) -> Value {
    json!({"op": name, "args": args})
}

pub(crate) fn property(name: &str) -> Value {
    json!({ "property": name })
}

/// All of the conditions; `None` for none.
pub(crate) fn all(conditions: Vec<Value>) -> Option<Value> {
    joined("and", conditions)
}

/// Any of the conditions; `None` for none.
pub(crate) fn any(conditions: Vec<Value>) -> Option<Value> {
    joined("or", conditions)
}

fn joined(operator: &str, mut conditions: Vec<Value>) -> Option<Value> {
    if conditions.len() > 1 { Some(op(operator, conditions)) } else { conditions.pop() }
}

/// The conditions that a filter joins with `and`.
pub(crate) fn conjuncts(filter: &Value) -> Vec<Value> {
    match (filter.get("op").and_then(Value::as_str), filter.get("args").and_then(Value::as_array)) {
        (Some(name), Some(args)) if name.eq_ignore_ascii_case("and") => args.iter().flat_map(conjuncts).collect(),
        _ => vec![filter.clone()],
    }
}

/// The operator and the arguments of a condition, and the property that comes first, also when it stands within `casei`.
pub(crate) fn parts(condition: &Value) -> Option<(String, String, &[Value])> {
    let args = condition.get("args")?.as_array()?;
    let mut first = args.first()?;
    if first.get("op").and_then(Value::as_str).is_some_and(|o| o.eq_ignore_ascii_case("casei")) {
        first = first.get("args")?.get(0)?;
    }
    let name = first.get("property")?.as_str()?;
    Some((condition.get("op")?.as_str()?.to_ascii_lowercase(), name.strip_prefix("properties.").unwrap_or(name).to_owned(), args))
}

/// Whether a condition or a part of it is within `casei`.
pub(crate) fn ignores_case(condition: &Value) -> bool {
    condition.get("args").and_then(|a| a.get(0)).and_then(|a| a.get("op")).and_then(Value::as_str).is_some_and(|o| o.eq_ignore_ascii_case("casei"))
}

/// A text: also one within `casei`, `timestamp` or `date`.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value
        .as_str()
        .or_else(|| value.get("timestamp")?.as_str())
        .or_else(|| value.get("date")?.as_str())
        .or_else(|| value.get("args")?.get(0)?.as_str())
}

/// That a property is like a pattern of CMR, or equal to it when it has no wildcards.
pub(crate) fn like(name: &str, pattern: &str, ignore_case: bool) -> Value {
    let fold = |v: Value| if ignore_case { op("casei", vec![v]) } else { v };
    let (operator, text) = if is_pattern(pattern) { ("like", to_like(pattern)) } else { ("=", pattern.to_owned()) };
    op(operator, vec![fold(property(name)), fold(json!(text))])
}

/// `*` and `?` become `%` and `_`, and what means something in `like` is escaped.
pub(crate) fn to_like(pattern: &str) -> String {
    let mut out = String::new();
    for c in pattern.chars() {
        match c {
            '*' => out.push('%'),
            '?' => out.push('_'),
            '%' | '_' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A pattern of `like` as one of CMR; `None` when it holds a `*` or `?` that is meant as such.
pub(crate) fn from_like(like: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = like.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => out.push('*'),
            '_' => out.push('?'),
            c => {
                let c = if c == '\\' { chars.next().unwrap_or('\\') } else { c };
                if matches!(c, '*' | '?') {
                    return None;
                }
                out.push(c);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_translated_both_ways() {
        for (cmr, cql2) in [("ATL03_*.h5", r"ATL03\_%.h5"), ("ATL06_??_01*", r"ATL06\___\_01%"), ("100%", r"100\%"), (r"a\b*", r"a\\b%")] {
            assert_eq!(to_like(cmr), cql2);
            assert_eq!(from_like(cql2).as_deref(), Some(cmr));
        }
        assert_eq!(from_like(r"a\*b"), None);
    }
}
