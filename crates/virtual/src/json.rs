//! JSON as Zarr's readers in Python take it: numbers keep their kind, and NaN and infinities are numbers.

use std::fmt;

/// A JSON value; an object keeps the order of its members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// An object of some members.
pub(crate) fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Json {
    fn from(n: u64) -> Self {
        Self::Int(n.into())
    }
}

impl From<&[u64]> for Json {
    fn from(list: &[u64]) -> Self {
        Self::List(list.iter().map(|n| Self::from(*n)).collect())
    }
}

impl Json {
    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(k, _)| k == name).map(|(_, v)| v)
    }

    /// Replaces or adds a member of an object.
    pub(crate) fn set(&mut self, name: &str, value: Self) {
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(k, _)| k == name) {
                Some((_, old)) => *old = value,
                None => members.push((name.to_owned(), value)),
            }
        }
    }

    /// A list of whole numbers.
    pub(crate) fn numbers(&self) -> Option<Vec<u64>> {
        let Self::List(list) = self else { return None };
        list.iter().map(|n| if let Self::Int(n) = n { u64::try_from(*n).ok() } else { None }).collect()
    }

    /// A text.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Reads JSON with Python's `NaN`, `Infinity` and `-Infinity`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { text: text.as_bytes(), at: 0 };
        let value = parser.value(0)?;
        parser.space();
        (parser.at == text.len()).then_some(value)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Float(v) if v.is_nan() => f.write_str("NaN"),
            Self::Float(v) if v.is_infinite() => f.write_str(if *v > 0.0 { "Infinity" } else { "-Infinity" }),
            // The shortest form that reads back as the same number, always with a point or an exponent.
            Self::Float(v) => write!(f, "{v:?}"),
            Self::Text(text) => quote(text, f),
            Self::List(list) => separated(f, '[', ']', list, |f, v| v.fmt(f)),
            Self::Object(members) => separated(f, '{', '}', members, |f, (k, v)| {
                quote(k, f)?;
                write!(f, ":{v}")
            }),
        }
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    open: char,
    close: char,
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{open}")?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(",")?;
        }
        write(f, item)?;
    }
    write!(f, "{close}")
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

/// So deep may lists and objects be nested.
const DEEPEST: usize = 64;

impl Parser<'_> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.space();
        if depth > DEEPEST {
            return None;
        }
        match self.text.get(self.at)? {
            b'"' => self.string().map(Json::Text),
            b'[' => self.items(']', |p| p.value(depth + 1)).map(Json::List),
            b'{' => {
                let members = self.items('}', |p| {
                    p.space();
                    let name = p.string()?;
                    p.space();
                    if !p.take(":") {
                        return None;
                    }
                    Some((name, p.value(depth + 1)?))
                });
                members.map(Json::Object)
            }
            _ => self.word(),
        }
    }

    fn items<T>(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.space();
            if items.is_empty() && self.take(&close.to_string()) {
                return Some(items);
            }
            items.push(item(self)?);
            self.space();
            if self.take(&close.to_string()) {
                return Some(items);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        if rest.first() != Some(&b'"') {
            return None;
        }
        let mut escaped = false;
        let end = rest.iter().skip(1).position(|b| {
            let ends = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            ends
        })?;
        self.at += end + 2;
        serde_json::from_slice(&rest[..end + 2]).ok()
    }

    fn word(&mut self) -> Option<Json> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|b| b",]} \n\r\t".contains(b)).unwrap_or(rest.len());
        let word = std::str::from_utf8(&rest[..length]).ok()?;
        self.at += length;
        Some(match word {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "NaN" => Json::Float(f64::NAN),
            "Infinity" => Json::Float(f64::INFINITY),
            "-Infinity" => Json::Float(f64::NEG_INFINITY),
            _ if word.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Json::Int(word.parse().ok()?),
            _ if word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => Json::Float(word.parse().ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_kind() {
        let value = object([("i", Json::Int(1)), ("f", Json::Float(1.0)), ("s", Json::Float(1e-300)), ("u", Json::Int(u64::MAX.into()))]);
        assert_eq!(value.to_string(), r#"{"i":1,"f":1.0,"s":1e-300,"u":18446744073709551615}"#);
        assert_eq!(Json::List(vec![Json::Float(f64::NAN), Json::Float(f64::NEG_INFINITY)]).to_string(), "[NaN,-Infinity]");
    }

    #[test]
    fn what_was_written_reads_back() {
        let text = r#"{"a":[1,2.5,-3,"x\"\\\u00e9 ]",[],{}],"b":{"c":null,"d":true,"e":Infinity}}"#;
        let value = Json::parse(text).unwrap();
        assert_eq!(Json::parse(&value.to_string()), Some(value));
        for bad in ["", "[1", "{1:2}", "[1,]", "nul", "\"x", "1 2", &"[".repeat(1000)] {
            assert_eq!(Json::parse(bad), None, "{bad}");
        }
    }
}
