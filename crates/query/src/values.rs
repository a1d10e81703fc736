//! Smaller values: ranges, attributes, passes, sort keys, options.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    field::{Field, Item, Misread, Wire, digits, json_number, number},
    problem::{Problem, plain},
    wire::CmrParameters,
};

/// Numbers from a lowest to a highest, both inclusive; an end that is absent is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lowest.
    pub min: Option<f64>,
    /// The highest.
    pub max: Option<f64>,
}

const RANGE_HINT: &str = "write [0, 20], \"0,20\", or {\"max\": 20}";

impl Range {
    fn ends(given: &Value, min: &str, max: &str) -> Result<Self, Misread> {
        let end = |t: &str| match t.trim() {
            "" | "null" | ".." => Ok(None),
            t => number(&t.into()).map(Some).ok_or_else(|| Misread::new(given, format!("has `{t}` where a number should be"), RANGE_HINT)),
        };
        let range = Self { min: end(min)?, max: end(max)? };
        if range.min.is_none() && range.max.is_none() {
            return Err(Misread::new(given, "has neither a lowest nor a highest value", RANGE_HINT));
        }
        Ok(range)
    }
}

impl Item for Range {
    /// `[a, b]`, `"a,b"`, `{min, max}`, or one number, which is both.
    fn read(given: &Value) -> Result<Self, Misread> {
        match given {
            Value::Array(ends) if ends.len() == 2 => Self::ends(given, &plain(&ends[0]), &plain(&ends[1])),
            Value::Object(map) if map.keys().all(|k| k == "min" || k == "max") => {
                let end = |name: &str| map.get(name).map(plain).unwrap_or_default();
                Self::ends(given, &end("min"), &end("max"))
            }
            Value::Number(_) | Value::String(_) => {
                let text = plain(given);
                let (min, max) = text.split_once(',').unwrap_or((&text, &text));
                Self::ends(given, min, max)
            }
            _ => Err(Misread::new(given, "is not a range of numbers", RANGE_HINT)),
        }
    }

    fn write(&self) -> Value {
        json!([self.min.map(json_number), self.max.map(json_number)])
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let ends = [self.min, self.max];
        if ends == [None, None] || ends.iter().flatten().any(|e| !e.is_finite()) {
            return vec![Problem::wrong(field, self.write(), "is not a range of numbers", RANGE_HINT)];
        }
        Vec::new()
    }
}

impl Wire for Range {
    fn send(&self) -> Option<String> {
        match (self.min, self.max) {
            (Some(a), Some(b)) if a == b => Some(digits(a)),
            (a, b) => Some(format!("{},{}", a.map(digits).unwrap_or_default(), b.map(digits).unwrap_or_default())),
        }
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

/// Whether an image was taken by day or by night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayNight {
    /// By day.
    Day,
    /// By night.
    Night,
    /// By day and by night.
    Both,
    /// Not said.
    Unspecified,
}

impl DayNight {
    const ALL: [(&'static str, Self); 4] = [("day", Self::Day), ("night", Self::Night), ("both", Self::Both), ("unspecified", Self::Unspecified)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, d)| *d == self).map_or("unspecified", |(name, _)| name)
    }
}

impl Item for DayNight {
    fn read(given: &Value) -> Result<Self, Misread> {
        let text = plain(given).to_lowercase();
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, d)| *d).ok_or_else(|| Misread::new(given, "is not a day/night flag", "write `day`, `night`, `both` or `unspecified`"))
    }

    fn write(&self) -> Value {
        self.name().into()
    }
}

impl Wire for DayNight {
    fn send(&self) -> Option<String> {
        Some(self.name().to_owned())
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

/// A condition on an additional attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Which values; absent where it is enough that there is one.
    pub values: Option<AttributeValues>,
}

/// Which values an additional attribute may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributeValues {
    /// `string`, `float`, `int`, `datetime`, `time` or `date`.
    pub kind: String,
    /// The lowest, as text.
    pub min: Option<String>,
    /// The highest, as text; the same as the lowest for one value.
    pub max: Option<String>,
}

const ATTRIBUTE_HINT: &str = "write `NAME`, `float,NAME,25.5`, or `float,NAME,25.5,30` with either end left empty";
const ATTRIBUTE_KINDS: [&str; 6] = ["string", "float", "int", "datetime", "time", "date"];

impl Item for Attribute {
    /// In the words of CMR, or as an object with `name`, `type` and `value`, or `min` and `max`.
    fn read(given: &Value) -> Result<Self, Misread> {
        let parts: Vec<String> = match given {
            Value::String(text) => split_unescaped(text),
            Value::Object(map) => {
                let get = |name: &str| map.get(name).filter(|v| !v.is_null()).map(plain);
                match (get("type"), get("name"), get("value")) {
                    (None, Some(name), None) => vec![name],
                    (Some(kind), Some(name), Some(value)) => vec![kind, name, value],
                    (Some(kind), Some(name), None) => vec![kind, name, get("min").unwrap_or_default(), get("max").unwrap_or_default()],
                    _ => return Err(Misread::new(given, "is not a condition on an attribute", ATTRIBUTE_HINT)),
                }
            }
            _ => return Err(Misread::new(given, "is not a condition on an attribute", ATTRIBUTE_HINT)),
        };
        let end = |t: &str| (!t.is_empty()).then(|| t.to_owned());
        let (name, values) = match &parts[..] {
            [name] => (name, None),
            [kind, name, value] => (name, Some(AttributeValues { kind: kind.clone(), min: end(value), max: end(value) })),
            [kind, name, min, max] => (name, Some(AttributeValues { kind: kind.clone(), min: end(min), max: end(max) })),
            _ => return Err(Misread::new(given, "has the wrong number of parts", ATTRIBUTE_HINT)),
        };
        Ok(Self { name: name.clone(), values })
    }

    fn write(&self) -> Value {
        self.send().into()
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |value: &str, message: &str| problems.push(Problem::wrong(field, value, message, ATTRIBUTE_HINT));
        if self.name.is_empty() {
            wrong(&self.send().unwrap_or_default(), "names no attribute");
        }
        let Some(values) = &self.values else { return problems };
        if !ATTRIBUTE_KINDS.contains(&values.kind.as_str()) {
            wrong(&values.kind, "is not a type of attributes: string, float, int, datetime, time, date");
        }
        if values.min.is_none() && values.max.is_none() {
            wrong(&self.name, "has neither a value nor an end of a range");
        }
        for value in [&values.min, &values.max].into_iter().flatten() {
            let ok = match values.kind.as_str() {
                "float" => value.parse::<f64>().is_ok(),
                "int" => value.parse::<i32>().is_ok(),
                _ => true,
            };
            if !ok {
                wrong(value, &format!("is not of type {}", values.kind));
            }
        }
        problems
    }
}

impl Wire for Attribute {
    fn send(&self) -> Option<String> {
        let escape = |t: &str| t.replace(',', "\\,");
        let name = escape(&self.name);
        let Some(v) = &self.values else { return Some(name) };
        let end = |e: &Option<String>| e.as_deref().map(escape).unwrap_or_default();
        Some(if v.min == v.max { format!("{},{name},{}", v.kind, end(&v.min)) } else { format!("{},{name},{},{}", v.kind, end(&v.min), end(&v.max)) })
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

/// The parts between commas; `\,` is a comma.
fn split_unescaped(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ',' => parts.push(String::new()),
            '\\' if chars.next_if_eq(&',').is_some() => parts.last_mut().into_iter().for_each(|p| p.push(',')),
            c => parts.last_mut().into_iter().for_each(|p| p.push(c)),
        }
    }
    parts
}

/// A pass of an orbital cycle, and tiles of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pass {
    /// The number of the pass, from 1.
    pub pass: u64,
    /// Tiles, such as `2L`; any when empty.
    pub tiles: Vec<String>,
}

impl Item for Pass {
    /// A number, or an object with `pass` and `tiles` (a list, or a text with commas).
    fn read(given: &Value) -> Result<Self, Misread> {
        let Value::Object(map) = given else { return u64::read(given).map(|pass| Self { pass, tiles: Vec::new() }) };
        let Some(pass) = map.get("pass") else {
            return Err(Misread::new(given, "names no pass", "write {\"pass\": 1, \"tiles\": [\"1L\", \"2F\"]}"));
        };
        let tiles = match map.get("tiles") {
            Some(Value::Array(all)) => all.iter().map(plain).collect(),
            Some(one) if !one.is_null() => plain(one).split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect(),
            _ => Vec::new(),
        };
        Ok(Self { pass: u64::read(pass)?, tiles })
    }

    fn write(&self) -> Value {
        if self.tiles.is_empty() { json!(self.pass) } else { json!({"pass": self.pass, "tiles": self.tiles}) }
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let mut problems = check_positive(field, self.pass);
        let ok = |t: &str| t.strip_suffix(['L', 'R', 'F']).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        for tile in self.tiles.iter().filter(|t| !ok(t)) {
            problems.push(Problem::wrong(field, tile, "is not a tile", "a tile is a number and `L`, `R` or `F`, such as `2L`"));
        }
        problems
    }
}

pub(crate) fn check_positive(field: &str, n: u64) -> Vec<Problem> {
    if (1..=i32::MAX as u64).contains(&n) {
        Vec::new()
    } else {
        vec![Problem::wrong(field, n, "is not a positive number", "cycles and passes are counted from 1")]
    }
}

/// One thing to sort by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// What to sort by.
    pub field: String,
    /// Whether the highest comes first.
    pub descending: bool,
}

impl Item for SortKey {
    /// `start_date`, `-start_date`, `+start_date`, or an object with `field` and `direction` (`asc`, `desc`).
    fn read(given: &Value) -> Result<Self, Misread> {
        let hint = "write `start_date`, `-start_date`, or {\"field\": \"start_date\", \"direction\": \"desc\"}";
        match given {
            Value::String(text) => {
                let text = text.trim();
                let descending = text.starts_with('-');
                Ok(Self { field: text.trim_start_matches(['-', '+']).to_owned(), descending })
            }
            Value::Object(map) => {
                let field = map.get("field").and_then(Value::as_str);
                let direction = map.get("direction").map_or("asc".into(), plain);
                match (field, direction.as_str()) {
                    (Some(field), "asc" | "desc") => Ok(Self { field: field.to_owned(), descending: direction == "desc" }),
                    _ => Err(Misread::new(given, "is not a sort key", hint)),
                }
            }
            _ => Err(Misread::new(given, "is not a sort key", hint)),
        }
    }

    fn write(&self) -> Value {
        self.send().into()
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        self.field.check(field)
    }
}

impl Wire for SortKey {
    fn send(&self) -> Option<String> {
        Some(format!("{}{}", if self.descending { "-" } else { "" }, self.field))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

/// How CMR is to treat parameters: `options[parameter][key]`, by the name of the parameter in CMR, with keys such as `pattern`,
/// `ignore_case`, `and`, `or`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, BTreeMap<String, bool>>);

impl Options {
    /// Whether an option was given, and which way.
    pub fn get(&self, parameter: &str, key: &str) -> Option<bool> {
        self.0.get(parameter)?.get(key).copied()
    }

    /// Gives an option.
    pub fn set(&mut self, parameter: &str, key: &str, value: bool) {
        self.0.entry(parameter.to_owned()).or_default().insert(key.to_owned(), value);
    }

    pub(crate) fn send(&self, out: &mut CmrParameters) {
        for (parameter, keys) in &self.0 {
            for (key, value) in keys {
                // The interface's documentation writes this one option in capitals.
                let key = if parameter == "passes" && key == "and" { "AND" } else { key };
                out.push(format!("options[{parameter}][{key}]"), value.to_string());
            }
        }
    }
}

impl Field for Options {
    fn is_unset(&self) -> bool {
        self.0.is_empty()
    }

    fn read(&mut self, given: Value) -> Vec<Misread> {
        let hint = "write {\"short_name\": {\"pattern\": true}}";
        let Value::Object(all) = given else {
            let bad = !given.is_null();
            self.0.clear();
            return bad.then(|| Misread::new(&given, "is not an object of options", hint)).into_iter().collect();
        };
        let mut misread = Vec::new();
        for (parameter, keys) in all {
            let Value::Object(keys) = keys else {
                misread.push(Misread::new(&json!({ parameter: keys }), "has something else than options", hint));
                continue;
            };
            for (key, value) in keys {
                match bool::read(&value) {
                    Ok(v) => self.set(&parameter, &key.to_lowercase(), v),
                    Err(_) => misread.push(Misread::new(&json!({ &parameter: { key: value } }), "is neither true nor false", hint)),
                }
            }
        }
        misread
    }

    fn write(&self) -> Value {
        self.0
            .iter()
            .map(|(p, keys)| (p.clone(), keys.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>().into()))
            .collect::<Map<_, _>>()
            .into()
    }

    fn write_with(&self, mut unread: Vec<Value>) -> Value {
        unread.pop().unwrap_or_default()
    }

    fn check(&self, _field: &str) -> Vec<Problem> {
        Vec::new()
    }
}

/// Science keywords that belong together: `category`, `topic`, `term`, `variable_level_1` … `detailed_variable`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScienceKeywords(pub BTreeMap<String, String>);

pub(crate) const SCIENCE_KEYWORD_LEVELS: [&str; 8] =
    ["category", "topic", "term", "variable_level_1", "variable_level_2", "variable_level_3", "detailed_variable", "any"];

impl Item for ScienceKeywords {
    fn read(given: &Value) -> Result<Self, Misread> {
        let Value::Object(map) = given else {
            return Err(Misread::new(given, "is not an object of keywords", "write {\"category\": \"EARTH SCIENCE\", \"topic\": \"OCEANS\"}"));
        };
        Ok(Self(map.iter().map(|(k, v)| (k.replace('-', "_"), plain(v))).collect()))
    }

    fn write(&self) -> Value {
        json!(self.0)
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let unknown = self.0.keys().filter(|k| !SCIENCE_KEYWORD_LEVELS.contains(&k.as_str()));
        unknown
            .map(|k| Problem::wrong(field, k, "is not a level of science keywords", format!("the levels are {}", SCIENCE_KEYWORD_LEVELS.join(", "))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_many_ways() {
        for (given, wire) in [
            (json!([0, 20]), "0,20"),
            (json!("0,20"), "0,20"),
            (json!([null, 20.5]), ",20.5"),
            (json!(",30"), ",30"),
            (json!({"min": 0.2}), "0.2,"),
            (json!(10), "10"),
            (json!("-70.0,120.0"), "-70,120"),
            (json!([0.0000001, null]), "0.0000001,"),
        ] {
            let range = Range::read(&given).expect("a range");
            assert_eq!(range.send().as_deref(), Some(wire));
            assert_eq!(Range::receive(wire), Ok(range));
            assert_eq!(Range::read(&range.write()), Ok(range));
        }
        for bad in [json!([1, 2, 3]), json!("a,b"), json!(","), json!([null, null]), json!({"low": 1}), json!("NaN,1"), json!(true)] {
            assert!(Range::read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn attributes_are_read_as_cmr_writes_them() {
        for wire in [
            "PERCENTAGE",
            "float,PERCENTAGE,25.5",
            "float,PERCENTAGE,25.5,30",
            "float,PERCENTAGE,25.5,",
            "float,PERCENTAGE,,30",
            r"float,X\,Y\,Z,7",
            r"float,X\Y\Z,7",
            r"string,MISSION_NAME,Big Island\, HI",
        ] {
            let attribute = Attribute::receive(wire).expect(wire);
            assert_eq!(attribute.send().as_deref(), Some(wire));
            assert!(attribute.check("attribute").is_empty(), "{wire}");
        }
        let by_name = Attribute::read(&json!({"name": "P", "type": "float", "max": 3})).expect("read");
        assert_eq!(by_name.send().as_deref(), Some("float,P,,3"));
        for (bad, problems) in [("real,P,3", 1), ("float,P,x,y", 2), ("float,,3", 1), ("int,P,,", 1)] {
            assert_eq!(Attribute::receive(bad).expect(bad).check("attribute").len(), problems, "{bad}");
        }
        assert!(Attribute::receive("a,b,c,d,e").is_err());
    }

    #[test]
    fn sort_keys_are_read() {
        for (given, wire) in
            [(json!("-start_date"), "-start_date"), (json!("+start_date"), "start_date"), (json!({"field": "a", "direction": "desc"}), "-a")]
        {
            assert_eq!(SortKey::read(&given).map(|s| s.send()), Ok(Some(wire.into())));
        }
    }
}
