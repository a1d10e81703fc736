//! JSON read in one pass and written straight into a buffer; texts and unknown values are borrowed from the input.

mod reader;
mod scan;
#[cfg(test)]
mod tests;
mod value;
mod writer;

use std::borrow::Cow;

use crate::MetadataError;

pub(crate) use reader::{Fault, Reader, Result, whole};
pub(crate) use value::parse;
pub(crate) use writer::Writer;

/// A text of a record, borrowed unless it held escapes.
pub type Text<'a> = Cow<'a, str>;

/// A JSON value as it stands in the record: checked, not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raw<'a>(pub(crate) &'a str);

impl Default for Raw<'_> {
    fn default() -> Self {
        Self("null")
    }
}

impl<'a> Raw<'a> {
    /// Checks that the bytes are one JSON value.
    ///
    /// # Errors
    /// [`MetadataError::Json`] with the place where they are none.
    pub fn parse(bytes: &'a [u8]) -> std::result::Result<Self, MetadataError> {
        let mut reader = Reader::new(whole(bytes)?);
        reader.raw().and_then(|raw| reader.end().map(|()| raw)).map_err(|fault| reader.error(fault))
    }

    /// Its text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// As a value.
    pub fn to_value(self) -> serde_json::Value {
        parse(self.0).unwrap_or_default()
    }
}

/// A number as the record spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number<'a>(pub(crate) &'a str);

impl<'a> Number<'a> {
    /// Its text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Its value; beyond the range of a double it is infinite.
    pub fn value(self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// Its value, when it is a whole number that is not negative.
    pub fn as_u64(self) -> Option<u64> {
        self.0.parse().ok().or_else(|| {
            let value = self.value();
            (value >= 0.0 && value.fract() == 0.0 && value <= 9_007_199_254_740_992.0).then_some(value as u64)
        })
    }
}
