//! A cursor over the elements of a document: no tree, no namespaces, nothing that a document type could define.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::{EscapeError, resolve_xml_entity, unescape},
    events::{BytesStart, Event},
};

use super::error::{At, Error, Fault};

/// Elements within elements. Groups of real files are nested less than twenty deep.
const MAX_DEPTH: usize = 128;

/// A start tag.
pub(super) struct Tag<'x> {
    start: BytesStart<'x>,
}

impl Tag<'_> {
    /// The name without its prefix. Prefixes are not looked up: the `dmrpp` namespace has four addresses in the wild, and some documents
    /// do not declare it at all.
    pub(super) fn name(&self) -> &str {
        std::str::from_utf8(self.start.local_name().into_inner()).unwrap_or_default()
    }

    /// Calls `visit` with the name, without prefix, and the unescaped value of each attribute.
    pub(super) fn attributes<'x>(
        &'x self,
        cursor: &Cursor<'_>,
        mut visit: impl FnMut(&'x str, Cow<'x, str>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for attribute in self.start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|e| cursor.error(Fault::Malformed(e.to_string())))?;
            let name = std::str::from_utf8(attribute.key.local_name().into_inner()).unwrap_or_default();
            let value = match attribute.value {
                Cow::Borrowed(bytes) => match std::str::from_utf8(bytes).unwrap_or_default() {
                    plain if !plain.contains('&') => Cow::Borrowed(plain),
                    escaped => unescape(escaped).map_err(|e| cursor.error(escape_fault(e)))?,
                },
                Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).unwrap_or_default()),
            };
            visit(name, value)?;
        }
        Ok(())
    }

    /// The values of the named attributes, in that order.
    pub(super) fn values<'x, const N: usize>(&'x self, cursor: &Cursor<'_>, names: [&str; N]) -> Result<[Option<Cow<'x, str>>; N], Error> {
        let mut values = [const { None }; N];
        self.attributes(cursor, |name, value| {
            if let Some(at) = names.iter().position(|n| *n == name) {
                values[at] = Some(value);
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// The attribute `name`, which must be there and not empty.
    pub(super) fn required<'x>(&'x self, cursor: &Cursor<'_>, name: &'static str) -> Result<Cow<'x, str>, Error> {
        let [value] = self.values(cursor, [name])?;
        value.filter(|v| !v.is_empty()).ok_or_else(|| cursor.error(Fault::Missing(name)))
    }
}

/// Where in a document we are.
pub(super) struct Cursor<'x> {
    xml: &'x str,
    reader: Reader<&'x [u8]>,
    depth: usize,
    /// Where the last start tag's name lies.
    element: (usize, usize),
    /// Where what was read last begins.
    last: u64,
}

enum Node<'x> {
    Open(Tag<'x>),
    Close,
    Text(Cow<'x, str>),
    End,
}

impl<'x> Cursor<'x> {
    pub(super) fn new(xml: &'x str) -> Self {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        Self { xml, reader, depth: 0, element: (0, 0), last: 0 }
    }

    /// Calls `visit` with the root element; it must read it to its end.
    pub(super) fn root<T>(&mut self, visit: impl FnOnce(&mut Self, &Tag<'x>) -> Result<T, Error>) -> Result<T, Error> {
        let tag = loop {
            match self.next()? {
                Node::Open(tag) => break tag,
                Node::Text(text) => self.only_blanks(&text)?,
                Node::Close | Node::End => return Err(self.malformed("there is no element")),
            }
        };
        let value = visit(self, &tag)?;
        loop {
            match self.next()? {
                Node::End => return Ok(value),
                Node::Text(text) => self.only_blanks(&text)?,
                Node::Open(_) | Node::Close => return Err(self.malformed("there is a second root element")),
            }
        }
    }

    /// Calls `visit` with each child of the open element, up to its end. `visit` must read the child to its end.
    pub(super) fn children(&mut self, mut visit: impl FnMut(&mut Self, &Tag<'x>) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            match self.next()? {
                Node::Open(tag) => visit(self, &tag)?,
                Node::Close => return Ok(()),
                Node::Text(_) => {}
                Node::End => return Err(self.malformed("it ends within an element")),
            }
        }
    }

    /// The text of the open element up to its end, without that of its children.
    pub(super) fn text(&mut self) -> Result<Cow<'x, str>, Error> {
        self.text_with(|cursor, _| cursor.skip())
    }

    /// The text of the open element up to its end; `visit` must read each child to its end.
    pub(super) fn text_with(&mut self, mut visit: impl FnMut(&mut Self, &Tag<'x>) -> Result<(), Error>) -> Result<Cow<'x, str>, Error> {
        let mut all = Cow::Borrowed("");
        loop {
            match self.next()? {
                Node::Open(tag) => visit(self, &tag)?,
                Node::Close => return Ok(all),
                Node::Text(text) if all.is_empty() => all = text,
                Node::Text(text) => all.to_mut().push_str(&text),
                Node::End => return Err(self.malformed("it ends within an element")),
            }
        }
    }

    /// Reads the open element to its end.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if let Node::End = self.next()? {
                return Err(self.malformed("it ends within an element"));
            }
        }
        Ok(())
    }

    /// A fault in the element that was begun last.
    pub(super) fn error(&self, fault: Fault) -> Error {
        self.error_at(self.element.0.saturating_sub(1), fault)
    }

    /// A whole number that counts something.
    pub(super) fn number(&self, what: &'static str, value: &str) -> Result<u64, Error> {
        let digits = value.trim().as_bytes();
        let number = digits.iter().try_fold(0_u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(digit(*d)?)));
        match number {
            Some(number) if !digits.is_empty() => Ok(number),
            _ => Err(self.error(Fault::Number { what, value: shortened(value) })),
        }
    }

    fn next(&mut self) -> Result<Node<'x>, Error> {
        loop {
            self.last = self.reader.buffer_position();
            let event = self.reader.read_event().map_err(|e| self.syntax(&e))?;
            return Ok(match event {
                Event::Start(start) => {
                    self.depth += 1;
                    self.remember(&start);
                    if self.depth > MAX_DEPTH {
                        return Err(self.error(Fault::Depth(MAX_DEPTH)));
                    }
                    Node::Open(Tag { start })
                }
                Event::End(_) => {
                    self.depth -= 1;
                    Node::Close
                }
                // Empty elements are expanded into their two ends by the reader.
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
                Event::Text(text) => Node::Text(text.xml10_content().map_err(|e| self.malformed(&e.to_string()))?),
                Event::CData(text) => Node::Text(text.xml10_content().map_err(|e| self.malformed(&e.to_string()))?),
                Event::GeneralRef(reference) => Node::Text(self.reference(&reference)?),
                Event::DocType(_) => return Err(self.error_here(Fault::Doctype)),
                Event::Eof if self.depth > 0 => return Err(self.malformed("it ends within an element")),
                Event::Eof => Node::End,
            });
        }
    }

    fn reference(&self, reference: &quick_xml::events::BytesRef<'x>) -> Result<Cow<'x, str>, Error> {
        if let Some(character) = reference.resolve_char_ref().map_err(|e| self.malformed(&e.to_string()))? {
            return Ok(Cow::Owned(character.to_string()));
        }
        let name = reference.decode().map_err(|e| self.malformed(&e.to_string()))?;
        resolve_xml_entity(&name).map(Cow::Borrowed).ok_or_else(|| self.error_here(Fault::Entity(shortened(&name))))
    }

    /// Keeps where the name of the element is, so that an error can say it.
    fn remember(&mut self, start: &BytesStart<'x>) {
        let name = start.name().into_inner();
        let at = (name.as_ptr() as usize).wrapping_sub(self.xml.as_ptr() as usize);
        self.element = (at, name.len());
    }

    fn only_blanks(&self, text: &str) -> Result<(), Error> {
        if text.trim().is_empty() { Ok(()) } else { Err(self.malformed("there is text outside the root element")) }
    }

    fn malformed(&self, what: &str) -> Error {
        self.error_here(Fault::Malformed(what.to_owned()))
    }

    /// A fault in what was read last.
    fn error_here(&self, fault: Fault) -> Error {
        self.error_at(usize::try_from(self.last).unwrap_or(usize::MAX), fault)
    }

    fn syntax(&self, e: &quick_xml::Error) -> Error {
        let position = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
        self.error_at(position, Fault::Malformed(e.to_string()))
    }

    fn error_at(&self, position: usize, fault: Fault) -> Error {
        let before = &self.xml.as_bytes()[..position.min(self.xml.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
        let element = self.xml.get(self.element.0..self.element.0.saturating_add(self.element.1)).map(shortened).unwrap_or_default();
        Error { at: At { line, column, element }, fault }
    }
}

/// A value as a message shows it.
pub(super) fn shortened(value: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    short
}

fn digit(d: u8) -> Option<u8> {
    d.is_ascii_digit().then(|| d - b'0')
}

fn escape_fault(e: EscapeError) -> Fault {
    match e {
        EscapeError::UnrecognizedEntity(_, name) => Fault::Entity(shortened(&name)),
        e => Fault::Malformed(e.to_string()),
    }
}

/// The document as UTF-8.
///
/// Most sidecars declare ISO-8859-1. One that is valid UTF-8 is taken as that, whatever it declares: in text of some length the two are
/// not confused by chance. What else declares ISO-8859-1 (or Windows-1252 or ASCII) is taken byte by byte.
pub(super) fn decode(xml: &[u8]) -> Result<Cow<'_, str>, Error> {
    let xml = xml.strip_prefix(b"\xef\xbb\xbf").unwrap_or(xml);
    match std::str::from_utf8(xml) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(invalid) => {
            let declared = declared_encoding(xml);
            if ["iso-8859-1", "iso_8859-1", "latin1", "us-ascii", "ascii", "windows-1252"].contains(&declared.as_str()) {
                return Ok(Cow::Owned(xml.iter().map(|b| char::from(*b)).collect()));
            }
            let before = &xml[..invalid.valid_up_to()];
            let line = 1 + before.iter().filter(|b| **b == b'\n').count();
            let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
            let declared = if declared.is_empty() { "utf-8".to_owned() } else { declared };
            Err(Error { at: At { line, column, element: String::new() }, fault: Fault::Encoding(declared) })
        }
    }
}

/// The encoding that the XML declaration names, in lower case; empty when it names none.
fn declared_encoding(xml: &[u8]) -> String {
    let declaration = String::from_utf8_lossy(&xml[..xml.len().min(200)]).to_ascii_lowercase();
    let Some(declaration) = declaration.strip_prefix("<?xml").and_then(|d| d.split("?>").next()) else { return String::new() };
    let value = declaration.split("encoding").nth(1).unwrap_or_default();
    shortened(value.trim_start_matches([' ', '=']).trim_start_matches(['"', '\'']).split(['"', '\'']).next().unwrap_or_default())
}
