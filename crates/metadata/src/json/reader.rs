//! A pull parser: the caller says what it expects next, and gets slices of the input.
//!
//! Every value is checked against RFC 8259, also those that are skipped, so that what is copied from a record into another is JSON.

use std::borrow::Cow;

use super::{Number, Raw, Text};
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
    /// Whether there is a control character anywhere: in a document without line breaks there is none, and no text need be searched for one.
    controls: bool,
}

/// The text of a document; an error names the first byte that is not UTF-8.
pub(crate) fn whole(bytes: &[u8]) -> std::result::Result<&str, MetadataError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|e| MetadataError::Json { at: e.valid_up_to(), message: "a byte that is not UTF-8" })
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, controls: text.bytes().fold(false, |found, byte| found | (byte < 0x20)) }
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

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8, fault: Fault) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(fault) }
    }

    /// What was read since, as it stands.
    pub(crate) fn up_to(&self, end: &Self) -> Raw<'a> {
        Raw(&self.text[self.at..end.at])
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
        if !self.take(b'{') {
            return Ok(None);
        }
        if self.take(b'}') {
            return Ok(Some(()));
        }
        loop {
            let Some(key) = self.text()? else { return Err(Fault::Key) };
            self.expect(b':', Fault::Colon)?;
            if field(self, key)? {
                return Ok(Some(()));
            }
            if self.take(b'}') {
                return Ok(Some(()));
            }
            self.expect(b',', Fault::ObjectEnd)?;
        }
    }

    /// After a value of an object: skips the fields that are left, and steps out.
    pub(crate) fn close_object(&mut self) -> Result<()> {
        while !self.take(b'}') {
            self.expect(b',', Fault::ObjectEnd)?;
            if self.text()?.is_none() {
                return Err(Fault::Key);
            }
            self.expect(b':', Fault::Colon)?;
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
        if self.take(b']') {
            return Ok(false);
        }
        self.expect(b',', Fault::ArrayEnd)?;
        Ok(true)
    }

    /// A text; `None` when something else follows. Inline, so that the parts of a text stay in registers on their way to its field.
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<Option<Text<'a>>> {
        if !self.take(b'"') {
            return Ok(None);
        }
        let start = self.at;
        let escaped = self.string_end()?;
        let body = &self.text[start..self.at - 1];
        if escaped { unescape(body).map(|text| Some(Cow::Owned(text))) } else { Ok(Some(Cow::Borrowed(body))) }
    }

    /// From after the opening quote to after the closing one; whether there was an escape.
    #[inline(never)]
    fn string_end(&mut self) -> Result<bool> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let rest = &bytes[self.at..];
            self.at += if self.controls { plain_prefix(rest) } else { unescaped_prefix(rest) };
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(Fault::Control),
                None => return Err(Fault::Unended),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if bytes.get(self.at + 2..self.at + 6).is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) => self.at += 6,
            _ => return Err(Fault::Escape),
        }
        Ok(())
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

    fn skip(&mut self, depth: usize) -> Result<()> {
        match self.peek() {
            b'"' => {
                self.at += 1;
                let start = self.at;
                if self.string_end()? {
                    unescape(&self.text[start..self.at - 1])?;
                }
                Ok(())
            }
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b'{' | b'[' if depth == 0 => Err(Fault::Depth),
            b'{' => {
                self.at += 1;
                if self.take(b'}') {
                    return Ok(());
                }
                loop {
                    if self.peek() != b'"' {
                        return Err(Fault::Key);
                    }
                    self.skip(depth)?;
                    self.expect(b':', Fault::Colon)?;
                    self.skip(depth - 1)?;
                    if self.take(b'}') {
                        return Ok(());
                    }
                    self.expect(b',', Fault::ObjectEnd)?;
                }
            }
            b'[' => {
                self.at += 1;
                if self.take(b']') {
                    return Ok(());
                }
                loop {
                    self.skip(depth - 1)?;
                    if self.take(b']') {
                        return Ok(());
                    }
                    self.expect(b',', Fault::ArrayEnd)?;
                }
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => Err(Fault::Value),
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
        let before = *self;
        if let Some(value) = read(self)? {
            return Ok(Ok(value));
        }
        *self = before;
        self.raw().map(Err)
    }
}

/// The library knows surrogates; escapes are rare.
#[cold]
fn unescape(body: &str) -> Result<String> {
    serde_json::from_str(&format!("\"{body}\"")).map_err(|_| Fault::Surrogate)
}

/// How many bytes come before the next quote or backslash. Keys and words are short and found at once; the library is for what is long.
#[inline]
fn unescaped_prefix(bytes: &[u8]) -> usize {
    let Some((head, _)) = bytes.split_first_chunk::<16>() else { return plain_prefix(bytes) };
    let stops = u128::from_le_bytes(*head);
    for (at, half) in [(0, stops as u64), (8, (stops >> 64) as u64)] {
        let stops = (zero_bytes(half ^ each(b'"')) | zero_bytes(half ^ each(b'\\'))) & each(0x80);
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
    }
    memchr::memchr2(b'"', b'\\', &bytes[16..]).map_or(bytes.len(), |at| at + 16)
}

/// How many bytes come before the next quote, backslash or control character; eight at a time.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(each(0x20)) & !word;
        let stops = (zero_bytes(word ^ each(b'"')) | zero_bytes(word ^ each(b'\\')) | control) & each(0x80);
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20)).count()
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// In the high bit of each byte, whether it is zero. The lowest of them is exact: a borrow reaches only bytes above a true one.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word
}
