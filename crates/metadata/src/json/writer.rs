//! JSON written straight into a buffer, compact.

use super::{Raw, Text};

/// Writes values one after another; the caller keeps the grammar, commas come by themselves.
#[derive(Debug)]
pub(crate) struct Writer<'w> {
    out: &'w mut Vec<u8>,
}

impl<'w> Writer<'w> {
    pub(crate) fn new(out: &'w mut Vec<u8>) -> Self {
        Self { out }
    }

    #[inline]
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.out.push(b',');
        }
    }

    /// Characters as they are, the comma before them included where there must be one: parts of a fixed form.
    #[inline]
    pub(crate) fn form(&mut self, characters: &str) {
        self.out.extend_from_slice(characters.as_bytes());
    }

    /// What stands between the quotes of a text of a record.
    #[inline]
    pub(crate) fn inside(&mut self, text: &Text<'_>) {
        match text {
            Text::Borrowed(text) => self.form(text),
            Text::Owned(text) => self.escaped(text),
        }
    }

    /// `{` or `[`.
    #[inline]
    pub(crate) fn open(&mut self, bracket: u8) {
        self.comma();
        self.out.push(bracket);
    }

    /// `}` or `]`.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    /// A key that needs no escapes.
    #[inline]
    pub(crate) fn key(&mut self, key: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A key of any characters, after a prefix that needs no escapes.
    pub(crate) fn any_key(&mut self, prefix: &str, key: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(prefix.as_bytes());
        self.escaped(key);
        self.out.extend_from_slice(b"\":");
    }

    /// A text that needs no escapes: one of this program's own, or a borrowed text of a record.
    #[inline]
    pub(crate) fn plain(&mut self, text: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// A text of a record. A borrowed one stood in JSON as it is, without escapes, and so it can again.
    #[inline]
    pub(crate) fn text(&mut self, text: &Text<'_>) {
        match text {
            Text::Borrowed(text) => self.plain(text),
            Text::Owned(text) => self.any(text),
        }
    }

    /// A text of any characters.
    pub(crate) fn any(&mut self, text: &str) {
        self.comma();
        self.out.push(b'"');
        self.escaped(text);
        self.out.push(b'"');
    }

    pub(crate) fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let plain = super::scan::plain_prefix(rest);
            self.out.extend_from_slice(&rest[..plain]);
            let Some(&byte) = rest.get(plain) else { return };
            match byte {
                b'"' => self.form("\\\""),
                b'\\' => self.form("\\\\"),
                b'\n' => self.form("\\n"),
                b'\r' => self.form("\\r"),
                b'\t' => self.form("\\t"),
                control => self.form(&format!("\\u{control:04x}")),
            }
            rest = &rest[plain + 1..];
        }
    }

    /// A value as it stood in a record, without line breaks: they would cut a line of NDJSON. In JSON they occur only between values.
    pub(crate) fn raw(&mut self, raw: Raw<'_>) {
        self.comma();
        let bytes = raw.0.as_bytes();
        if memchr::memchr2(b'\n', b'\r', bytes).is_some() {
            self.out.extend(bytes.iter().filter(|b| !matches!(b, b'\n' | b'\r')));
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Characters that are a JSON value: a number, `null`.
    #[inline]
    pub(crate) fn literal(&mut self, literal: &str) {
        self.comma();
        self.out.extend_from_slice(literal.as_bytes());
    }

    /// A finite number.
    pub(crate) fn number(&mut self, value: f64) {
        self.comma();
        let text = if value.fract() == 0.0 && value.abs() < 1e15 { format!("{}", value as i64) } else { format!("{value}") };
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A value as `serde_json` writes it.
    pub(crate) fn value(&mut self, value: &serde_json::Value) {
        self.comma();
        self.out.extend_from_slice(value.to_string().as_bytes());
    }
}
