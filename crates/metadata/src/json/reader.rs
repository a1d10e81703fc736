//! A pull parser: the caller says what it expects next, and gets slices of the input.
//!
//! Every value is checked against RFC 8259, also those that are skipped, so that what is copied from a record into another is JSON. [`Reader::leap`] alone
//! does not: it finds where a record ends, for somebody who reads it later.
//!
//! Written for speed: bytes are compared in blocks ([`super::scan`]), and what depends on a byte branches on it, so that the processor need not wait.

use std::borrow::Cow;

use super::{
    Number, Raw, Text,
    scan::{BLOCK, end_of_brackets, stops},
};
use crate::MetadataError;

/// Why reading stopped; where, the reader knows. As wide as a register: a byte in its place would tear apart the loads of texts, which share it.
#[repr(usize)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Value,
    Key,
    Colon,
    ObjectEnd,
    ArrayEnd,
    Digit,
    Control,
    Escape,
    Surrogate,
    Unended,
    Unclosed,
    Depth,
    Trailing,
    Range,
}

impl Fault {
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Value => "a value was expected",
            Self::Key => "a key was expected",
            Self::Colon => "`:` was expected",
            Self::ObjectEnd => "`,` or `}` was expected",
            Self::ArrayEnd => "`,` or `]` was expected",
            Self::Digit => "a digit was expected",
            Self::Control => "a control character in a text",
            Self::Escape => "an unknown escape",
            Self::Surrogate => "half of a surrogate pair",
            Self::Unended => "a text that does not end",
            Self::Unclosed => "an array or object that does not end",
            Self::Depth => "arrays and objects nested too deeply",
            Self::Trailing => "something after the end of the document",
            Self::Range => "a number beyond the range of a double",
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Arrays and objects inside each other; CMR's records have about a dozen.
const DEPTH: usize = 128;

/// A place in a JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// What is known of the block of [`BLOCK`] bytes that was looked at last: where texts may end.
    block: usize,
    stops: u64,
}

/// The text of a document; an error names the first byte that is not UTF-8.
pub(crate) fn whole(bytes: &[u8]) -> std::result::Result<&str, MetadataError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    simdutf8::compat::from_utf8(bytes).map_err(|e| MetadataError::Json { at: e.valid_up_to(), message: "a byte that is not UTF-8" })
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, block: usize::MAX, stops: 0 }
    }

    /// How far it was read, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// A fault, with the place where it was met.
    pub(crate) fn error(&self, fault: Fault) -> MetadataError {
        MetadataError::Json { at: self.at, message: fault.message() }
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The first byte of what follows; 0 at the end.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> u8 {
        match self.byte() {
            Some(byte) if byte > b' ' => byte,
            _ => self.skip_space(),
        }
    }

    #[inline(never)]
    fn skip_space(&mut self) -> u8 {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Steps over a character. A branch, not a sum: the processor goes on before it has seen the character.
    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        if self.peek() != byte {
            return false;
        }
        self.at += 1;
        true
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, fault: Fault) -> Result<()> {
        if self.peek() != byte {
            return Err(fault);
        }
        self.at += 1;
        Ok(())
    }

    /// After a value of an array or object: whether another follows.
    #[inline(always)]
    fn another(&mut self, end: u8, fault: Fault) -> Result<bool> {
        let next = self.peek();
        if next == b',' {
            self.at += 1;
            return Ok(true);
        }
        if next != end {
            return Err(fault);
        }
        self.at += 1;
        Ok(false)
    }

    /// What was read since it was there, as it stands.
    pub(crate) fn since(&self, at: usize) -> Raw<'a> {
        Raw(&self.text[at..self.at])
    }

    /// To where it was before. Cheaper than a copy of the reader.
    #[inline(always)]
    pub(crate) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Nothing may follow but white space.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.peek() == 0 && self.at >= self.text.len() { Ok(()) } else { Err(Fault::Trailing) }
    }

    /// Calls `field` for each key of an object; it must read the value. `None` when something else than an object follows.
    #[inline]
    pub(crate) fn object(&mut self, mut field: impl FnMut(&mut Self, Text<'a>) -> Result<()>) -> Result<Option<()>> {
        self.fields_until(|reader, key| field(reader, key).map(|()| false))
    }

    /// As `object`, until `field` says that it is enough; the rest of the object is not looked at.
    #[inline]
    pub(crate) fn fields_until(&mut self, mut field: impl FnMut(&mut Self, Text<'a>) -> Result<bool>) -> Result<Option<()>> {
        let Some(mut more) = self.open_object() else { return Ok(None) };
        while more {
            let key = self.key()?;
            more = !field(self, key)? && self.next_field()?;
        }
        Ok(Some(()))
    }

    /// Steps into an object, if one follows: whether it has a field.
    #[inline(always)]
    pub(crate) fn open_object(&mut self) -> Option<bool> {
        self.take(b'{').then(|| !self.take(b'}'))
    }

    /// The key of a field.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Result<Text<'a>> {
        let Some(key) = self.text()? else { return Err(Fault::Key) };
        self.expect(b':', Fault::Colon)?;
        Ok(key)
    }

    /// After a value of an object: whether another field follows.
    #[inline(always)]
    pub(crate) fn next_field(&mut self) -> Result<bool> {
        self.another(b'}', Fault::ObjectEnd)
    }

    /// Steps over `"key":"`, if just these characters follow.
    #[inline(always)]
    pub(crate) fn begins(&mut self, field: &[u8]) -> bool {
        let begins = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(field));
        if begins {
            self.at += field.len();
        }
        begins
    }

    /// After a value of an object: skips the fields that are left, and steps out.
    pub(crate) fn close_object(&mut self) -> Result<()> {
        while self.next_field()? {
            self.key()?;
            self.raw()?;
        }
        Ok(())
    }

    /// Calls `item` for each value of an array; it must read the value. `None` when something else than an array follows.
    #[inline]
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<Option<()>> {
        if !self.open_array() {
            return Ok(None);
        }
        let mut more = !self.take(b']');
        while more {
            item(self)?;
            more = self.next_item()?;
        }
        Ok(Some(()))
    }

    /// Steps into an array, if one follows.
    pub(crate) fn open_array(&mut self) -> bool {
        self.take(b'[')
    }

    /// Steps out of an array that has no more values.
    pub(crate) fn close_array(&mut self) -> bool {
        self.take(b']')
    }

    /// After a value of an array: whether another follows.
    pub(crate) fn next_item(&mut self) -> Result<bool> {
        self.another(b']', Fault::ArrayEnd)
    }

    /// A text; `None` when something else follows. Inline, so that the parts of a text stay in registers on their way to its field.
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<Option<Text<'a>>> {
        if self.take(b'"') { self.text_begun().map(Some) } else { Ok(None) }
    }

    /// A text of which the first quote is behind.
    #[inline(always)]
    pub(crate) fn text_begun(&mut self) -> Result<Text<'a>> {
        let start = self.at;
        let escaped = self.string_end()?;
        let body = &self.text[start..self.at - 1];
        if escaped { unescape(body).map(Cow::Owned) } else { Ok(Cow::Borrowed(body)) }
    }

    /// From after the opening quote to after the closing one; whether there was an escape.
    #[inline(always)]
    fn string_end(&mut self) -> Result<bool> {
        self.seek_stop();
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.escaped_end()
    }

    #[cold]
    fn escaped_end(&mut self) -> Result<bool> {
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(true);
                }
                Some(b'\\') => self.at += escape(&self.text.as_bytes()[self.at + 1..])?,
                Some(_) => return Err(Fault::Control),
                None => return Err(Fault::Unended),
            }
            self.seek_stop();
        }
    }

    /// To the next quote, backslash or control character, or to the end.
    #[inline(always)]
    fn seek_stop(&mut self) {
        loop {
            let block = self.at / BLOCK;
            if block != self.block {
                self.look_at(block);
            }
            let stops = self.stops >> (self.at % BLOCK);
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize;
                return;
            }
            self.at = (block + 1) * BLOCK;
        }
    }

    #[inline(never)]
    fn look_at(&mut self, block: usize) {
        self.block = block;
        self.stops = stops(self.text.as_bytes().get(block * BLOCK..).unwrap_or_default());
    }

    /// A number; `None` when something else follows.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<Option<Number<'a>>> {
        if !matches!(self.peek(), b'-' | b'0'..=b'9') {
            return Ok(None);
        }
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Some(Number(&self.text[start..self.at])))
    }

    #[inline]
    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Digit) }
    }

    /// Any value, as it stands.
    #[inline]
    pub(crate) fn raw(&mut self) -> Result<Raw<'a>> {
        self.peek();
        let start = self.at;
        self.skip(DEPTH)?;
        Ok(Raw(&self.text[start..self.at]))
    }

    /// Any value, as it stands; of an array or object only the brackets and the quotes are looked at.
    pub(crate) fn leap(&mut self) -> Result<Raw<'a>> {
        if !matches!(self.peek(), b'{' | b'[') {
            return self.raw();
        }
        let rest = &self.text[self.at..];
        let end = end_of_brackets(rest.as_bytes()).ok_or(Fault::Unclosed)?;
        self.at += end;
        Ok(Raw(&rest[..end]))
    }

    fn skip(&mut self, depth: usize) -> Result<()> {
        match self.peek() {
            b'"' => self.skip_text(),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b'{' | b'[' if depth == 0 => Err(Fault::Depth),
            b'{' => self.skip_object(depth - 1),
            b'[' => self.skip_array(depth - 1),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => Err(Fault::Value),
        }
    }

    #[inline(always)]
    fn skip_text(&mut self) -> Result<()> {
        self.at += 1;
        let start = self.at;
        if self.string_end()? {
            unescape(&self.text[start..self.at - 1])?;
        }
        Ok(())
    }

    fn skip_object(&mut self, depth: usize) -> Result<()> {
        self.at += 1;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != b'"' {
                return Err(Fault::Key);
            }
            self.skip_text()?;
            self.expect(b':', Fault::Colon)?;
            if self.peek() == b'"' { self.skip_text() } else { self.skip(depth) }?;
            if !self.another(b'}', Fault::ObjectEnd)? {
                return Ok(());
            }
        }
    }

    fn skip_array(&mut self, depth: usize) -> Result<()> {
        self.at += 1;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip(depth)?;
            if !self.another(b']', Fault::ArrayEnd)? {
                return Ok(());
            }
        }
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(Fault::Value)
    }

    /// What `read` makes of the next value, or the value as it stands when `read` finds that it has another shape.
    #[inline]
    pub(crate) fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<Option<T>>) -> Result<std::result::Result<T, Raw<'a>>> {
        let before = self.at;
        if let Some(value) = read(self)? {
            return Ok(Ok(value));
        }
        self.back_to(before);
        self.raw().map(Err)
    }
}

/// The library knows surrogates; escapes are rare.
#[cold]
fn unescape(body: &str) -> Result<String> {
    serde_json::from_str(&format!("\"{body}\"")).map_err(|_| Fault::Surrogate)
}

fn escape(after: &[u8]) -> Result<usize> {
    match after {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
        [b'u', rest @ ..] if rest.first_chunk::<4>().is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) => Ok(6),
        _ => Err(Fault::Escape),
    }
}
