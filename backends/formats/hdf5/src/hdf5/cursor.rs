use cube_backend::{Error, Result};

use super::checksum::lookup3;

/// Reads little-endian fields one after the other.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is read, for messages.
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, at: 0, what }
    }

    /// A structure that starts with four letters.
    pub(super) fn signed(bytes: &'a [u8], signature: &[u8; 4], what: &'static str) -> Result<Self> {
        let mut cursor = Self::new(bytes, what);
        if cursor.take(4)? == signature { Ok(cursor) } else { Err(Error::corrupt(format!("no {what} where one should be"))) }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| Error::corrupt(format!("{} ends after {} of its bytes", self.what, self.bytes.len())))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(drop)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.uint(2).map(|v| v as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.uint(4).map(|v| v as u32)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.uint(8)
    }

    /// A number of `size` bytes, 8 at most.
    pub(super) fn uint(&mut self, size: usize) -> Result<u64> {
        if size > 8 {
            return Err(Error::corrupt(format!("{} has a number of {size} bytes", self.what)));
        }
        Ok(self.take(size)?.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// An address of `size` bytes; `None` when all bits are set, which means "nowhere".
    pub(super) fn address(&mut self, size: usize) -> Result<Option<u64>> {
        let address = self.uint(size)?;
        Ok((address != u64::MAX >> (64 - 8 * size.clamp(1, 8))).then_some(address))
    }

    /// Text up to its zero byte, which is skipped too.
    pub(super) fn text(&mut self) -> Result<String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| *b == 0).ok_or_else(|| Error::corrupt(format!("a name in {} does not end", self.what)))?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    /// Skips to the next multiple of eight bytes from `start`.
    pub(super) fn pad(&mut self, start: usize) -> Result<()> {
        let used = self.at - start;
        self.skip(used.next_multiple_of(8) - used)
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Fails unless a byte, mostly a version, has one of the values that are known.
    pub(super) fn expect_u8(&mut self, name: &str, known: &[u8]) -> Result<u8> {
        let value = self.u8()?;
        if known.contains(&value) { Ok(value) } else { Err(Error::corrupt(format!("{} has {name} {value}", self.what))) }
    }

    /// Reads the checksum of everything before it, and compares.
    pub(super) fn check(&mut self) -> Result<()> {
        let computed = lookup3(&self.bytes[..self.at]);
        if self.u32()? == computed || cfg!(feature = "fuzzing") {
            Ok(())
        } else {
            Err(Error::corrupt(format!("the checksum of {} is wrong", self.what)))
        }
    }
}

/// Bytes that a number up to `limit` takes.
pub(super) fn bytes_for(limit: u64) -> usize {
    limit.checked_ilog2().unwrap_or(0) as usize / 8 + 1
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_each_other() {
        let mut c = Cursor::new(b"\x01\x02\x03\x04\xff\xff\xff\xffab\0z", "a test");
        assert_eq!((c.u8().unwrap(), c.u16().unwrap(), c.uint(1).unwrap()), (1, 0x302, 4));
        assert_eq!(c.address(4).unwrap(), None);
        assert_eq!((c.text().unwrap(), c.rest()), ("ab".to_owned(), b"z".as_slice()));
        assert_eq!(c.u16().unwrap_err().to_string(), "a test ends after 12 of its bytes");
        assert!(c.text().is_err());
    }

    #[test]
    fn numbers_take_the_bytes_that_they_need() {
        assert_eq!([0, 1, 255, 256, 65_535, 65_536].map(bytes_for), [1, 1, 1, 2, 2, 3]);
    }
}
