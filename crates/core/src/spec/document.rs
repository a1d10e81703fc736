//! A spec as text: TOML or YAML as plain values, with the line of each key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{Error, Result, error::shorten};

/// The language of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecFormat {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

/// What a text says, before anything is made of it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Map<String, Value>,
    /// Line (from 1) of each key, by its path (`grid.crs`).
    pub(super) lines: BTreeMap<String, usize>,
    /// A number for each key, by its path, that grows along the text: JSON's objects keep no order.
    pub(super) order: BTreeMap<String, usize>,
}

impl Document {
    pub(super) fn read(text: &str, format: SpecFormat) -> Result<Self> {
        match format {
            SpecFormat::Toml => Self::toml(text),
            SpecFormat::Yaml => Self::yaml(text),
        }
    }

    fn toml(text: &str) -> Result<Self> {
        let table = DeTable::parse(text).map_err(|e| syntax("TOML", text, e.span().map(|s| line_at(text, s.start)), e.message()))?;
        let mut order = BTreeMap::new();
        let root = toml_table("", table.get_ref(), &mut order);
        let lines = order.iter().map(|(path, offset)| (path.clone(), line_at(text, *offset))).collect();
        Ok(Self { root, lines, order })
    }

    fn yaml(text: &str) -> Result<Self> {
        let value: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(text).map_err(|e| syntax("YAML", text, e.location().map(|l| l.line()), &e.to_string()))?;
        let mut order = BTreeMap::new();
        yaml_order("", &value, &mut order);
        match yaml_value(value) {
            Value::Object(root) => Ok(Self { root, lines: yaml_lines(text), order }),
            _ => Err(syntax("YAML", text, None, "it is not a mapping of keys to values")),
        }
    }
}

fn syntax(language: &'static str, text: &str, line: Option<usize>, message: &str) -> Error {
    let at = line.map_or(String::new(), |l| format!(" in line {l}"));
    let message = message.trim().replace('\n', " ");
    let quoted = line.and_then(|l| text.lines().nth(l - 1)).unwrap_or(text);
    let form = if language == "TOML" { "`key = \"value\"`" } else { "`key: value`, further in for what belongs to it" };
    let hint = format!("brackets and quotes come in pairs, and each key has a value: {form}");
    Error::Spec(vec![Error::invalid(language, shorten(quoted), format!("cannot be read{at}: {message}")).with_hint(hint)])
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// `a.b` from `a` and `b`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// `offsets` gets where in the text each key begins.
fn toml_table(path: &str, table: &DeTable<'_>, offsets: &mut BTreeMap<String, usize>) -> Map<String, Value> {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let name = key.get_ref().to_string();
        let at = join(path, &name);
        offsets.insert(at.clone(), key.span().start);
        let value = toml_value(&at, value.get_ref(), offsets);
        (name, value)
    };
    table.iter().map(entry).collect()
}

fn toml_value(path: &str, value: &DeValue<'_>, offsets: &mut BTreeMap<String, usize>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Integer(i) => integer(&i128::from_str_radix(i.as_str(), i.radix()).map_or_else(|_| i.as_str().to_owned(), |i| i.to_string())),
        // JSON has no NaN: it stays a text, which a number that may be NaN understands.
        DeValue::Float(f) => f
            .as_str()
            .replace('_', "")
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| Value::String(f.as_str().to_owned()), Value::Number),
        DeValue::Datetime(d) => Value::String(d.to_string()),
        DeValue::Array(all) => all.iter().map(|v| toml_value(path, v.get_ref(), offsets)).collect(),
        DeValue::Table(table) => Value::Object(toml_table(path, table, offsets)),
    }
}

/// A whole number; as a text where it is too large for JSON.
fn integer(digits: &str) -> Value {
    match (digits.parse::<i64>(), digits.parse::<u64>()) {
        (Ok(i), _) => i.into(),
        (_, Ok(u)) => u.into(),
        _ => Value::String(digits.to_owned()),
    }
}

fn yaml_value(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(b) => Value::Bool(b),
        Yaml::Number(n) => match n.as_f64() {
            _ if n.is_i64() || n.is_u64() => integer(&n.to_string()),
            Some(f) => serde_json::Number::from_f64(f).map_or_else(|| Value::String(f.to_string()), Value::Number),
            None => Value::String(n.to_string()),
        },
        Yaml::String(s) => Value::String(s),
        Yaml::Sequence(all) => all.into_iter().map(yaml_value).collect(),
        Yaml::Mapping(all) => Value::Object(all.into_iter().map(|(k, v)| (yaml_key(k), yaml_value(v))).collect()),
        Yaml::Tagged(t) => yaml_value(t.value),
    }
}

fn yaml_order(path: &str, value: &serde_yaml_ng::Value, order: &mut BTreeMap<String, usize>) {
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let at = join(path, &yaml_key(key.clone()));
        order.insert(at.clone(), order.len());
        yaml_order(&at, value, order);
    }
}

fn yaml_key(key: serde_yaml_ng::Value) -> String {
    match yaml_value(key) {
        Value::String(s) => s,
        other => other.to_string(),
    }
}

/// Lines of the keys of a YAML text in block style, by indentation; keys inside `{…}` are not found.
fn yaml_lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let Some((key, rest)) = trimmed.split_once(':').filter(|(k, r)| !k.starts_with(['#', '-', '{', '[']) && (r.is_empty() || r.starts_with(' ')))
        else {
            continue;
        };
        open.retain(|(i, _)| *i < indent);
        let path = join(open.last().map_or("", |(_, p)| p), key.trim().trim_matches(['"', '\'']));
        lines.insert(path.clone(), number + 1);
        if rest.split('#').next().is_none_or(|r| r.trim().is_empty()) {
            open.push((indent, path));
        }
    }
    lines
}
