//! Object headers (format specification IV.A): what every group, dataset and named type starts with.

use std::collections::HashSet;

use bytes::Bytes;
use cube_backend::{Error, Result};

use super::{cursor::Cursor, file::File, shared};

/// The messages of an object, in the order of the file.
pub(super) struct Header {
    pub(super) messages: Vec<Message>,
}

/// One message: a piece of the description of an object.
pub(super) struct Message {
    pub(super) kind: u8,
    /// Number of creation of an attribute, when that is tracked.
    pub(super) order: Option<u16>,
    pub(super) body: Bytes,
    /// The body is a reference to where the message is.
    pub(super) shared: bool,
}

pub(super) const DATASPACE: u8 = 0x01;
pub(super) const LINK_INFO: u8 = 0x02;
pub(super) const DATATYPE: u8 = 0x03;
pub(super) const FILL_OLD: u8 = 0x04;
pub(super) const FILL: u8 = 0x05;
pub(super) const LINK: u8 = 0x06;
pub(super) const EXTERNAL_FILES: u8 = 0x07;
pub(super) const LAYOUT: u8 = 0x08;
pub(super) const FILTERS: u8 = 0x0b;
pub(super) const ATTRIBUTE: u8 = 0x0c;
pub(super) const SHARED_TABLE: u8 = 0x0f;
const CONTINUATION: u8 = 0x10;
pub(super) const SYMBOL_TABLE: u8 = 0x11;
pub(super) const DRIVER: u8 = 0x14;
pub(super) const ATTRIBUTE_INFO: u8 = 0x15;
pub(super) const CACHE_IMAGE: u8 = 0x18;

/// Bytes that most headers fit into.
pub(super) const USUAL_SIZE: u64 = 1024;

impl Header {
    /// Reads the header at an address, with its continuations. Messages that are shared are left as references.
    pub(super) fn read(file: &File<'_>, address: u64) -> Result<Self> {
        let start = file.read_up_to(address, USUAL_SIZE)?;
        let mut reader = Reader { file, messages: Vec::new(), continuations: Vec::new(), ordered: false, second: start.starts_with(b"OHDR") };
        file.spend(256)?;
        if reader.second {
            reader.second_version(address, &start)?
        } else {
            reader.first_version(address, &start)?
        }
        let mut seen = HashSet::new();
        let mut next = 0;
        while let Some((address, length)) = reader.continuations.get(next).copied() {
            if !seen.insert(address) {
                return Err(Error::corrupt(format!("the object header continues at {address} twice")));
            }
            reader.continuation(address, length)?;
            next += 1;
        }
        Ok(Self { messages: reader.messages })
    }

    /// The body of the first message of a kind, wherever it is shared from.
    pub(super) fn find(&self, file: &File<'_>, kind: u8) -> Result<Option<Bytes>> {
        let message = self.messages.iter().find(|m| m.kind == kind);
        message.map(|m| if m.shared { shared::resolve(file, kind, &m.body) } else { Ok(m.body.clone()) }).transpose()
    }

    pub(super) fn has(&self, kind: u8) -> bool {
        self.messages.iter().any(|m| m.kind == kind)
    }

    pub(super) fn all(&self, kind: u8) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |m| m.kind == kind)
    }
}

struct Reader<'f, 'a> {
    file: &'f File<'a>,
    messages: Vec<Message>,
    continuations: Vec<(u64, u64)>,
    /// Messages carry their number of creation.
    ordered: bool,
    second: bool,
}

impl Reader<'_, '_> {
    fn first_version(&mut self, address: u64, start: &[u8]) -> Result<()> {
        let mut c = Cursor::new(start, "an object header");
        c.expect_u8("version", &[1])?;
        c.skip(7)?;
        let length = u64::from(c.u32()?);
        let body = self.file.read(address.saturating_add(16), length)?;
        self.messages(&body)
    }

    fn second_version(&mut self, address: u64, start: &[u8]) -> Result<()> {
        let mut c = Cursor::new(start, "an object header");
        c.skip(4)?;
        c.expect_u8("version", &[2])?;
        let flags = c.u8()?;
        self.ordered = flags & 0x04 != 0;
        c.skip(if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 })?;
        let length = c.uint(1 << (flags & 3))?;
        let prefix = c.at();
        let whole = self.file.read(address, (prefix as u64 + 4).saturating_add(length))?;
        self.checked(&whole, prefix)
    }

    fn continuation(&mut self, address: u64, length: u64) -> Result<()> {
        let bytes = self.file.read(address, length)?;
        if !self.second {
            return self.messages(&bytes);
        }
        let mut c = Cursor::signed(&bytes, b"OCHK", "a continued object header")?;
        c.skip(0)?;
        self.checked(&bytes, 4)
    }

    /// The messages between a prefix and a checksum.
    fn checked(&mut self, bytes: &Bytes, prefix: usize) -> Result<()> {
        let mut c = Cursor::new(bytes, "an object header");
        let end = bytes.len().checked_sub(4).filter(|end| *end >= prefix).ok_or_else(|| Error::corrupt("an object header is too short"))?;
        c.skip(end)?;
        c.check()?;
        self.messages(&bytes.slice(prefix..end))
    }

    fn messages(&mut self, bytes: &Bytes) -> Result<()> {
        self.file.spend(bytes.len() as u64)?;
        let prefix = if !self.second {
            8
        } else if self.ordered {
            6
        } else {
            4
        };
        let mut c = Cursor::new(bytes, "an object header");
        while c.left() >= prefix {
            let kind = if self.second { u16::from(c.u8()?) } else { c.u16()? };
            let length = usize::from(c.u16()?);
            let flags = c.u8()?;
            let mut order = None;
            if !self.second {
                c.skip(3)?;
            } else if self.ordered {
                order = Some(c.u16()?);
            }
            let at = c.at();
            c.skip(length)?;
            let body = bytes.slice(at..at + length);
            match u8::try_from(kind) {
                Ok(CONTINUATION) => self.continues(&body)?,
                Ok(kind) if kind != 0 => {
                    self.file.spend(64)?;
                    self.messages.push(Message { kind, order, body, shared: flags & 2 != 0 });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn continues(&mut self, body: &[u8]) -> Result<()> {
        let mut c = Cursor::new(body, "the continuation of an object header");
        let address = c.address(self.file.offset_size)?.ok_or_else(|| Error::corrupt("an object header continues nowhere"))?;
        self.continuations.push((address, c.uint(self.file.length_size)?));
        Ok(())
    }
}
