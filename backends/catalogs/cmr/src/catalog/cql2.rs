//! The part of CQL2 that is understood of a search in CMR: comparisons of properties with values, joined by `and`; as text or JSON.

use serde_json::{Value, json};

use super::conditions::Condition;
use crate::{Error, Result};

const COMPARISONS: [(&str, &str); 6] = [("=", "eq"), ("<>", "neq"), ("<=", "lte"), (">=", "gte"), ("<", "lt"), (">", "gt")];

/// The conditions of a filter, all of which must hold.
///
/// # Errors
/// What is not understood, by name.
pub(super) fn conditions(filter: &Value) -> Result<Vec<Condition>> {
    let mut out = Vec::new();
    match filter {
        Value::String(text) if text.trim_start().starts_with('{') => {
            let value: Value = serde_json::from_str(text).map_err(|_| refused(text, "is not JSON"))?;
            of_json(&value, &mut out)?;
        }
        Value::String(text) => of_text(text, &mut out)?,
        other => of_json(other, &mut out)?,
    }
    Ok(out)
}

fn refused(what: impl std::fmt::Display, why: &str) -> Error {
    Error::given(
        format!("the filter `{what}` {why}"),
        "CMR is searched by comparisons joined by `and`: \"eo:cloud_cover\" < 20 and platform = 'landsat-9'; or use `query`",
    )
}

fn of_json(filter: &Value, out: &mut Vec<Condition>) -> Result<()> {
    let operator = filter.get("op").and_then(Value::as_str).ok_or_else(|| refused(filter, "is no condition of CQL2"))?;
    let args = filter.get("args").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if operator.eq_ignore_ascii_case("and") {
        return args.iter().try_for_each(|a| of_json(a, out));
    }
    let property = |v: &Value| v.get("property").and_then(Value::as_str).map(str::to_owned);
    let value = |v: &Value| match v {
        Value::Object(map) => map.get("timestamp").or_else(|| map.get("date")).filter(|t| t.is_string()).cloned(),
        Value::Array(all) => all.iter().all(|v| v.is_string() || v.is_number()).then(|| v.clone()),
        other => Some(other.clone()),
    };
    let unknown = || refused(filter, &format!("has `{operator}`, or operands of it, that are not understood here"));
    match (operator.to_ascii_lowercase().as_str(), args) {
        ("in", [a, list]) => out.push(Condition::new(&property(a).ok_or_else(unknown)?, "in", &value(list).ok_or_else(unknown)?)?),
        ("between", [a, low, high]) => {
            let name = property(a).ok_or_else(unknown)?;
            out.push(Condition::new(&name, "gte", &value(low).ok_or_else(unknown)?)?);
            out.push(Condition::new(&name, "lte", &value(high).ok_or_else(unknown)?)?);
        }
        (sign, [a, b]) => {
            let operator = COMPARISONS.iter().find(|(s, _)| *s == sign).map(|(_, o)| *o).ok_or_else(unknown)?;
            let (name, value, operator) = match (property(a), property(b)) {
                (Some(name), None) => (name, value(b), operator),
                (None, Some(name)) => (name, value(a), turned(operator)),
                _ => return Err(unknown()),
            };
            let value = value.filter(|v| v.is_string() || v.is_number() || v.is_boolean()).ok_or_else(unknown)?;
            out.push(Condition::new(&name, operator, &value)?);
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

/// The operator when its sides are exchanged.
fn turned(operator: &'static str) -> &'static str {
    match operator {
        "lt" => "gt",
        "lte" => "gte",
        "gt" => "lt",
        "gte" => "lte",
        other => other,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Literal(Value),
    Sign(&'static str),
}

fn of_text(text: &str, out: &mut Vec<Condition>) -> Result<()> {
    let tokens = tokens(text).ok_or_else(|| refused(text, "has something that is not understood here"))?;
    for part in tokens.split(|t| matches!(t, Token::Name(n) if n.eq_ignore_ascii_case("and"))) {
        let operand = |t: &Token| match t {
            Token::Name(name) => Some(json!({ "property": name })),
            Token::Literal(value) => Some(value.clone()),
            Token::Sign(_) => None,
        };
        let comparison = match part {
            [a, Token::Sign(sign), b] => operand(a).zip(operand(b)).map(|(a, b)| json!({"op": sign, "args": [a, b]})),
            _ => None,
        };
        let comparison = comparison.ok_or_else(|| refused(text, "has something else than comparisons joined by `and`"))?;
        of_json(&comparison, out)?;
    }
    Ok(())
}

/// The words of a text; `None` for what is none.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => {
                let end = rest[1..].find(first)? + 1;
                let inner = rest[1..end].to_owned();
                // A quote inside a text is written twice, which is not needed here.
                if rest[end + 1..].starts_with(first) {
                    return None;
                }
                out.push(if first == '"' { Token::Name(inner) } else { Token::Literal(inner.into()) });
                end + 1
            }
            c if c.is_ascii_digit() || c == '-' || c == '.' => {
                let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'))).unwrap_or(rest.len());
                out.push(Token::Literal(rest[..length].parse::<f64>().ok().filter(|n| n.is_finite())?.into()));
                length
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '.'))).unwrap_or(rest.len());
                let name = &rest[..length];
                let after = rest[length..].trim_start();
                if (name.eq_ignore_ascii_case("timestamp") || name.eq_ignore_ascii_case("date")) && after.starts_with('(') {
                    let (inner, _) = after[1..].split_once(')')?;
                    let instant = inner.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                    out.push(Token::Literal(instant.into()));
                    rest = after[1 + inner.len() + 1..].trim_start();
                    continue;
                }
                out.push(Token::Name(name.to_owned()));
                length
            }
            _ => {
                let (sign, _) = COMPARISONS.iter().filter(|(s, _)| rest.starts_with(s)).max_by_key(|(s, _)| s.len())?;
                out.push(Token::Sign(sign));
                sign.len()
            }
        };
        rest = rest[length..].trim_start();
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(filter: Value) -> Vec<(String, String)> {
        let shown = |c: &Condition| format!("{c:?}");
        conditions(&filter).unwrap_or_else(|e| unreachable!("{e}")).iter().map(|c| (String::new(), shown(c))).collect()
    }

    #[test]
    fn text_and_json_say_the_same() {
        for (text, json) in [
            ("\"eo:cloud_cover\" < 20.5", json!({"op": "<", "args": [{"property": "eo:cloud_cover"}, 20.5]})),
            (
                "eo:cloud_cover<=20 AND platform = 'landsat-9'",
                json!({"op": "and", "args": [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20.0]}, {"op": "=", "args": [{"property": "platform"}, "landsat-9"]}]}),
            ),
            ("20 > eo:cloud_cover", json!({"op": "<", "args": [{"property": "eo:cloud_cover"}, 20.0]})),
            (
                "updated >= TIMESTAMP('2024-01-01T00:00:00Z')",
                json!({"op": ">=", "args": [{"property": "updated"}, {"timestamp": "2024-01-01T00:00:00Z"}]}),
            ),
        ] {
            assert_eq!(of(text.into()), of(json.clone()), "{text}");
            assert_eq!(of(json.to_string().into()), of(json));
        }
        assert_eq!(of(json!({"op": "between", "args": [{"property": "a"}, 1, 2]})).len(), 2);
        assert_eq!(of(json!({"op": "in", "args": [{"property": "a"}, ["x", "y"]]})).len(), 1);
    }

    #[test]
    fn the_rest_of_cql2_is_refused_by_name() {
        for filter in [
            json!("a = 1 or b = 2"),
            json!("not a = 1"),
            json!("a like 'x%'"),
            json!("s_intersects(geometry, POINT(1 2))"),
            json!("a ="),
            json!("a = 'it''s'"),
            json!(""),
            json!({"op": "or", "args": []}),
            json!({"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [1, 2]}]}),
            json!({"op": "=", "args": [{"property": "a"}, {"property": "b"}]}),
            json!({"op": "=", "args": [{"property": "a"}, ["x"]]}),
            json!({"property": "a"}),
            json!("{\"op\": "),
        ] {
            let e = conditions(&filter).expect_err("refused");
            assert!(e.hint().is_some_and(|h| h.contains("and")), "{filter}: {e}");
        }
    }
}
