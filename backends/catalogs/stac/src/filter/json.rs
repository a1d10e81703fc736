//! CQL2 JSON (OGC 21-065r2, clause 9).

use cube_backend::Result;
use cube_core::TimeValue;
use serde_json::{Map, Value, json};

use super::{Comparison, Expr, Function, Operand, Place, Relation, invalid, name_of, unsupported};
use crate::time;

/// How deep a filter may nest; deeper ones are an attack on the stack.
const DEPTH: usize = 64;

pub(super) fn parse(value: &Value) -> Result<Expr> {
    expr(value, 0)
}

fn expr(value: &Value, depth: usize) -> Result<Expr> {
    if depth > DEPTH {
        return Err(invalid("it nests too deeply"));
    }
    if let Some(b) = value.as_bool() {
        return Ok(Expr::Always(b));
    }
    let Some(map) = value.as_object() else { return Err(invalid(format!("`{value}` is not a condition"))) };
    if let Some(Value::String(_)) = map.get("property") {
        return Ok(Expr::Compare(Comparison::Equal, operand(value)?, Operand::Bool(true)));
    }
    let Some(op) = map.get("op").and_then(Value::as_str) else { return Err(invalid(format!("`{value}` has no `op`"))) };
    let Some(args) = map.get("args").and_then(Value::as_array) else { return Err(invalid(format!("`{op}` has no `args`"))) };
    let name = op.to_ascii_lowercase();
    let inner = || args.iter().map(|a| expr(a, depth + 1)).collect::<Result<Vec<_>>>();
    match (name.as_str(), &args[..]) {
        ("and", _) => Ok(Expr::And(inner()?)),
        ("or", _) => Ok(Expr::Or(inner()?)),
        ("not", [one]) => Ok(Expr::Not(Box::new(expr(one, depth + 1)?))),
        ("isnull", [one]) => Ok(Expr::IsNull(operand(one)?)),
        ("in", [item, Value::Array(list)]) => Ok(Expr::In(operand(item)?, list.iter().map(operand).collect::<Result<_>>()?)),
        ("between", [item, low, high]) => Ok(Expr::Between(operand(item)?, operand(low)?, operand(high)?)),
        ("between", [item, Value::Array(ends)]) if ends.len() == 2 => Ok(Expr::Between(operand(item)?, operand(&ends[0])?, operand(&ends[1])?)),
        ("like", [item, pattern]) => like(operand(item)?, operand(pattern)?),
        (name, [a, b]) => match (Comparison::parse(if name == "!=" { "<>" } else { name }), Function::parse(name)) {
            (Some(c), _) => Ok(Expr::Compare(c, operand(a)?, operand(b)?)),
            (_, Some(function)) if function.takes_lists() => Ok(function.of(list(a)?, list(b)?)),
            (_, Some(function)) => Ok(function.of(operand(a)?, operand(b)?)),
            _ => Err(unsupported(op)),
        },
        _ => Err(unsupported(op)),
    }
}

/// The pattern of `like` is a text, or `casei` of one when the item is too.
pub(super) fn like(item: Operand, pattern: Operand) -> Result<Expr> {
    match pattern {
        Operand::Text(p) => Ok(Expr::Like(item, p)),
        Operand::CaseInsensitive(inner) => match (*inner, item) {
            (Operand::Text(p), item @ Operand::CaseInsensitive(_)) => Ok(Expr::Like(item, p)),
            (Operand::Text(p), item) => Ok(Expr::Like(Operand::CaseInsensitive(Box::new(item)), p)),
            _ => Err(invalid("the pattern of `like` is not a text")),
        },
        _ => Err(invalid("the pattern of `like` is not a text")),
    }
}

/// A list, or a property that holds one; also within `casei`, which then is meant of each member.
fn list(value: &Value) -> Result<Operand> {
    match (value, value.get("op").and_then(Value::as_str), value.get("args").and_then(Value::as_array).map(Vec::as_slice)) {
        (Value::Array(all), ..) => all.iter().map(operand).collect::<Result<_>>().map(Operand::List),
        (_, Some("casei"), Some([one])) => list(one).map(|inner| Operand::CaseInsensitive(Box::new(inner))),
        _ => operand(value),
    }
}

fn operand(value: &Value) -> Result<Operand> {
    match value {
        Value::String(s) => Ok(Operand::Text(s.clone())),
        Value::Bool(b) => Ok(Operand::Bool(*b)),
        Value::Number(n) => n.as_f64().map(Operand::Number).ok_or_else(|| invalid(format!("`{n}` is not a number"))),
        Value::Object(map) => object(map, value),
        _ => Err(invalid(format!("`{value}` is not a value"))),
    }
}

fn object(map: &Map<String, Value>, value: &Value) -> Result<Operand> {
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    if let Some(name) = text("property") {
        return Ok(Operand::Property(name.to_owned()));
    }
    if let Some(t) = text("timestamp") {
        return instant(t);
    }
    if let Some(d) = text("date") {
        return day(d);
    }
    if let Some(Value::Array(ends)) = map.get("interval") {
        let [start, end] = &ends[..] else { return Err(invalid(format!("`{value}` is not an interval"))) };
        return Ok(Operand::Interval(end_of(start, false)?, end_of(end, true)?));
    }
    if let Some(Value::Array(b)) = map.get("bbox") {
        return bbox(&b.iter().map(Value::as_f64).collect::<Option<Vec<_>>>().unwrap_or_default());
    }
    if map.get("type").is_some() && (map.contains_key("coordinates") || map.contains_key("geometries")) {
        return serde_json::from_value(value.clone()).map(Operand::Geometry).map_err(|e| invalid(format!("a geometry: {e}")));
    }
    match (text("op"), map.get("args").and_then(Value::as_array).map(Vec::as_slice)) {
        (Some("casei"), Some([one])) => Ok(Operand::CaseInsensitive(Box::new(operand(one)?))),
        (Some(op), _) => Err(unsupported(op)),
        _ => match text("function").or_else(|| map.get("function")?.get("name")?.as_str()) {
            Some(name) => Err(unsupported(name)),
            None => Err(invalid(format!("`{value}` is not a value"))),
        },
    }
}

pub(super) fn instant(text: &str) -> Result<Operand> {
    time::parse(text).map(Operand::Instant).ok_or_else(|| invalid(format!("`{text}` is not a time")))
}

/// A date is the whole day.
pub(super) fn day(text: &str) -> Result<Operand> {
    let start = time::parse(text).ok_or_else(|| invalid(format!("`{text}` is not a date")))?;
    Ok(Operand::Interval(Some(start), Some(TimeValue(start.0 + 86_400_000_000 - 1))))
}

fn end_of(value: &Value, last: bool) -> Result<Option<TimeValue>> {
    let text = value.as_str().or_else(|| value.get("timestamp").or_else(|| value.get("date"))?.as_str());
    interval_end(text.ok_or_else(|| invalid(format!("`{value}` is not the end of an interval")))?, last)
}

/// One end of an interval; a date alone means its first instant, or as the second end its last.
pub(super) fn interval_end(text: &str, last: bool) -> Result<Option<TimeValue>> {
    if matches!(text, ".." | "") {
        return Ok(None);
    }
    let t = time::parse(text).ok_or_else(|| invalid(format!("`{text}` is not a time")))?;
    let date_alone = text.len() == 10;
    Ok(Some(if last && date_alone { TimeValue(t.0 + 86_400_000_000 - 1) } else { t }))
}

/// A box as a polygon, two when it crosses the antimeridian.
pub(super) fn bbox(numbers: &[f64]) -> Result<Operand> {
    let sides = match numbers {
        [w, s, e, n] | [w, s, _, e, n, _] => [*w, *s, *e, *n],
        _ => return Err(invalid("a bbox has four or six numbers")),
    };
    let ring = |b: &cube_core::Extent| vec![vec![[b.west, b.south], [b.east, b.south], [b.east, b.north], [b.west, b.north], [b.west, b.south]]];
    let parts = crate::outline::boxes(sides);
    Ok(Operand::Geometry(geojson::Geometry::new(geojson::GeometryValue::new_multi_polygon(parts.iter().map(ring)))))
}

pub(super) fn write(e: &Expr) -> Value {
    let op = |name: &str, args: Vec<Value>| json!({"op": name, "args": args});
    match e {
        Expr::Always(b) => json!(b),
        Expr::And(all) => op("and", all.iter().map(write).collect()),
        Expr::Or(all) => op("or", all.iter().map(write).collect()),
        Expr::Not(one) => op("not", vec![write(one)]),
        Expr::Compare(c, a, Operand::Interval(start, end)) => write(&beside_a_span(*c, a, *start, *end)),
        Expr::Compare(c, Operand::Interval(start, end), b) => write(&beside_a_span(c.turned(), b, *start, *end)),
        Expr::Compare(c, a, b) => op(name_of(&Comparison::ALL, *c), vec![value_of(a), value_of(b)]),
        Expr::In(a, list) if list.iter().any(is_span) => {
            write(&Expr::Or(list.iter().map(|one| Expr::Compare(Comparison::Equal, a.clone(), one.clone())).collect()))
        }
        Expr::In(a, list) => op("in", vec![value_of(a), Value::Array(list.iter().map(value_of).collect())]),
        Expr::Between(a, low, high) if is_span(low) || is_span(high) => {
            let least = Expr::Compare(Comparison::GreaterEqual, a.clone(), low.clone());
            write(&Expr::And(vec![least, Expr::Compare(Comparison::LessEqual, a.clone(), high.clone())]))
        }
        Expr::Between(a, low, high) => op("between", vec![value_of(a), value_of(low), value_of(high)]),
        Expr::Like(a @ Operand::CaseInsensitive(_), p) => op("like", vec![value_of(a), json!({"op": "casei", "args": [p]})]),
        Expr::Like(a, p) => op("like", vec![value_of(a), json!(p)]),
        Expr::IsNull(a) => op("isNull", vec![value_of(a)]),
        Expr::Spatial(place, a, b) => op(name_of(&Place::ALL, *place), vec![value_of(a), value_of(b)]),
        Expr::Array(members, a, b) => op(members.name(), vec![value_of(a), value_of(b)]),
        Expr::Temporal(r, a, b) => op(name_of(&Relation::ALL, *r), vec![value_of(a), value_of(b)]),
    }
}

fn is_span(o: &Operand) -> bool {
    matches!(o, Operand::Interval(..))
}

/// A comparison with a day, in instants: in CQL2 intervals belong to the functions `t_…` alone.
fn beside_a_span(c: Comparison, a: &Operand, start: Option<TimeValue>, end: Option<TimeValue>) -> Expr {
    let compared = |c, at: Option<TimeValue>, open| at.map_or(Expr::Always(open), |at| Expr::Compare(c, a.clone(), Operand::Instant(at)));
    let behind = end.map(|end| TimeValue(end.0.saturating_add(1)));
    let (before, not_before) = (compared(Comparison::Less, start, false), compared(Comparison::GreaterEqual, start, true));
    let (after, not_after) = (compared(Comparison::GreaterEqual, behind, false), compared(Comparison::Less, behind, true));
    match c {
        Comparison::Less => before,
        Comparison::LessEqual => not_after,
        Comparison::Greater => after,
        Comparison::GreaterEqual => not_before,
        Comparison::Equal => Expr::And(vec![not_before, not_after]),
        Comparison::NotEqual => Expr::Or(vec![before, after]),
    }
}

fn value_of(o: &Operand) -> Value {
    match o {
        Operand::Property(p) => json!({"property": p}),
        Operand::Text(t) => json!(t),
        // A whole number stays one: some services tell 5 from 5.0.
        Operand::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => json!(*n as i64),
        Operand::Number(n) => json!(n),
        Operand::Bool(b) => json!(b),
        Operand::Instant(t) => json!({"timestamp": time::text(*t)}),
        Operand::Interval(a, b) => {
            let end = |t: &Option<TimeValue>| t.map_or_else(|| "..".to_owned(), time::text);
            json!({"interval": [end(a), end(b)]})
        }
        Operand::Geometry(g) => json!(g),
        Operand::List(all) => all.iter().map(value_of).collect(),
        Operand::CaseInsensitive(inner) => json!({"op": "casei", "args": [value_of(inner)]}),
    }
}
