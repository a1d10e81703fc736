//! CQL2-JSON on one item (OGC 21-065r2): the operators that STAC clients send.

use std::cmp::Ordering;

use serde_json::Value;

use super::{geometry, time};

/// True, false, or `None` for "unknown" (a property is missing), as SQL's three-valued logic has it.
pub(super) fn evaluate(filter: &Value, item: &Value) -> Result<Option<bool>, String> {
    if let Some(constant) = filter.as_bool() {
        return Ok(Some(constant));
    }
    let name = filter["op"].as_str().ok_or_else(|| format!("`{filter}` is not a CQL2 expression"))?;
    let arguments = filter["args"].as_array().ok_or_else(|| format!("`{name}` has no args"))?;
    let argument = |index: usize| arguments.get(index).ok_or_else(|| format!("`{name}` lacks an argument"));
    match name {
        "and" => Ok(all(arguments.iter().map(|part| evaluate(part, item)).collect::<Result<_, _>>()?)),
        "or" => Ok(not(all(arguments.iter().map(|part| evaluate(part, item).map(not)).collect::<Result<_, _>>()?))),
        "not" => Ok(not(evaluate(argument(0)?, item)?)),
        "=" | "<>" | "<" | "<=" | ">" | ">=" => {
            let order = compare(value(argument(0)?, item)?, value(argument(1)?, item)?);
            Ok(order.map(|order| holds(name, order)))
        }
        "between" => {
            let (tested, low, high) = (value(argument(0)?, item)?, value(argument(1)?, item)?, value(argument(2)?, item)?);
            Ok(all(vec![compare(tested.clone(), low).map(Ordering::is_ge), compare(tested, high).map(Ordering::is_le)]))
        }
        "in" => {
            let Some(tested) = value(argument(0)?, item)? else { return Ok(None) };
            let list = argument(1)?.as_array().ok_or("`in` wants a list")?;
            Ok(Some(list.iter().any(|entry| compare(Some(tested.clone()), literal(entry)) == Some(Ordering::Equal))))
        }
        "like" => {
            let pattern = argument(1)?.as_str().ok_or("`like` wants a pattern")?;
            Ok(value(argument(0)?, item)?.map(|tested| tested.as_str().is_some_and(|text| like(pattern, text))))
        }
        "isNull" => Ok(Some(value(argument(0)?, item)?.is_none())),
        "s_intersects" => {
            let (Some(a), Some(b)) = (value(argument(0)?, item)?, value(argument(1)?, item)?) else { return Ok(None) };
            geometry::intersects(&a, &b).map(Some)
        }
        "t_intersects" => Ok(Some(time::overlap(interval(argument(0)?, item)?, interval(argument(1)?, item)?))),
        "t_before" => {
            let (first, second) = (interval(argument(0)?, item)?, interval(argument(1)?, item)?);
            Ok(first.1.zip(second.0).map(|(end, start)| end < start))
        }
        "t_after" => {
            let (first, second) = (interval(argument(0)?, item)?, interval(argument(1)?, item)?);
            Ok(first.0.zip(second.1).map(|(start, end)| start > end))
        }
        other => Err(format!("the operator `{other}` is not known")),
    }
}

/// Value of a queryable of an item: `id`, `collection`, `geometry`, or a property with or without `properties.`.
pub(super) fn property<'a>(item: &'a Value, name: &str) -> Option<&'a Value> {
    let found = match name {
        "id" | "collection" | "geometry" => &item[name],
        _ => &item["properties"][name.strip_prefix("properties.").unwrap_or(name)],
    };
    (!found.is_null()).then_some(found)
}

/// Order of two values of one kind; `None` if one is absent or their kinds differ. Texts that are date-times compare as such.
pub(super) fn compare(a: Option<Value>, b: Option<Value>) -> Option<Ordering> {
    match (a?, b?) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(&b)),
        (Value::String(a), Value::String(b)) => match (time::instant(&a), time::instant(&b)) {
            (Ok(a), Ok(b)) => Some(a.cmp(&b)),
            _ => Some(a.cmp(&b)),
        },
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

/// A literal: timestamps and dates are objects in CQL2-JSON, a date being its first instant.
fn literal(value: &Value) -> Option<Value> {
    if let Some(text) = value["timestamp"].as_str() {
        return Some(text.into());
    }
    if let Some(date) = value["date"].as_str() {
        return Some(format!("{date}T00:00:00Z").into());
    }
    (!value.is_null()).then(|| value.clone())
}

fn value(operand: &Value, item: &Value) -> Result<Option<Value>, String> {
    if let Some(name) = operand["property"].as_str() {
        return Ok(property(item, name).cloned());
    }
    if operand.get("op").is_some() {
        return Err(format!("`{}` is not supported as an operand", operand["op"]));
    }
    Ok(literal(operand))
}

fn interval(operand: &Value, item: &Value) -> Result<time::Interval, String> {
    if let Some(ends) = operand["interval"].as_array() {
        let end = |index: usize| match ends.get(index).cloned().and_then(|end| literal(&end)) {
            Some(Value::String(text)) if text == ".." => Ok(None),
            Some(Value::String(text)) => time::instant(&text).map(Some),
            _ => Err("an interval has two ends".to_owned()),
        };
        return Ok((end(0)?, end(1)?));
    }
    if operand["property"] == "datetime" {
        return Ok(time::of_item(item));
    }
    match value(operand, item)? {
        Some(Value::String(text)) => time::interval(&text),
        _ => Err(format!("`{operand}` is not a time")),
    }
}

fn holds(operator: &str, order: Ordering) -> bool {
    match operator {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

fn all(values: Vec<Option<bool>>) -> Option<bool> {
    if values.contains(&Some(false)) {
        Some(false)
    } else if values.contains(&None) {
        None
    } else {
        Some(true)
    }
}

/// SQL's LIKE: `%` any text, `_` one character, `\` makes the next character plain.
fn like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('%') => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(rest.as_str(), &text[at..])),
        Some(first) => {
            let wanted = if first == '\\' { rest.next() } else { Some(first) };
            let mut tail = text.chars();
            let found = tail.next();
            let same = if first == '_' { found.is_some() } else { found.is_some() && found == wanted };
            same && like(rest.as_str(), tail.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn like_patterns() {
        for (pattern, text, expected) in
            [("S2%", "S2A", true), ("S2_", "S2A", true), ("S2_", "S2", false), ("%B%", "aBc", true), ("a\\%", "a%", true), ("a\\%", "ab", false)]
        {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn unknown_stays_unknown() {
        let item = json!({ "id": "a", "properties": { "cloud": 5 } });
        let missing = json!({ "op": "<", "args": [{ "property": "snow" }, 3] });
        assert_eq!(evaluate(&missing, &item), Ok(None));
        assert_eq!(evaluate(&json!({ "op": "not", "args": [missing] }), &item), Ok(None));
        let known = json!({ "op": "=", "args": [{ "property": "cloud" }, 5.0] });
        assert_eq!(evaluate(&json!({ "op": "or", "args": [missing, known] }), &item), Ok(Some(true)));
        assert_eq!(evaluate(&json!({ "op": "and", "args": [missing, known] }), &item), Ok(None));
        assert!(evaluate(&json!({ "op": "fuzzy", "args": [] }), &item).is_err());
    }
}
