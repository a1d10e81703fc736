//! The header of a classic file: everything but the values.

use cube_backend::{Error, Result};
use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue, Endian, Padding};

use crate::{hdf5::value, source::Source};

/// What a header says, in the order of the file.
pub(super) struct Header {
    /// Records that were written.
    pub(super) records: Records,
    /// Name and length of each dimension; 0 for the one that grows.
    pub(super) dimensions: Vec<(String, u64)>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) variables: Vec<Variable>,
}

pub(super) enum Records {
    Counted(u64),
    /// Never counted: as many as the file has room for.
    Streaming,
}

pub(super) struct Variable {
    pub(super) name: String,
    /// Numbers of its dimensions.
    pub(super) dimensions: Vec<usize>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) kind: Kind,
    /// Where its values start.
    pub(super) begin: u64,
    /// One element, as its attribute `_FillValue` has it.
    pub(super) fill: Option<Vec<u8>>,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Character,
    Number(DType),
}

impl Kind {
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Character => 1,
            Self::Number(dtype) => dtype.size() as u64,
        }
    }
}

/// The first value of an attribute.
struct First {
    kind: Kind,
    /// None when there is no value.
    bytes: Vec<u8>,
}

const DIMENSIONS: u64 = 10;
const VARIABLES: u64 = 11;
const ATTRIBUTES: u64 = 12;
/// Bytes that a header may take in memory, roughly.
const ALLOWANCE: u64 = 128 << 20;

struct Reader<'r, 'a> {
    source: &'r Source<'a>,
    at: u64,
    /// Bytes of a count.
    count_size: u64,
    /// Bytes of an offset.
    offset_size: u64,
    extended: bool,
    allowance: u64,
}

pub(super) fn read(source: &Source<'_>) -> Result<Header> {
    let start = source.read_up_to(0, 4)?;
    let version = match start.as_ref() {
        [b'C', b'D', b'F', version @ (1 | 2 | 5)] => *version,
        [b'C', b'D', b'F', version] => return Err(Error::unsupported(format!("classic netCDF of version {version}"))),
        _ => return Err(Error::corrupt("not a classic netCDF file: its signature is missing")),
    };
    let (count_size, offset_size) = (if version == 5 { 8 } else { 4 }, if version == 1 { 4 } else { 8 });
    let mut r = Reader { source, at: 4, count_size, offset_size, extended: version == 5, allowance: ALLOWANCE };
    let records = r.count()?;
    let records = if records == u64::MAX >> (64 - 8 * count_size) { Records::Streaming } else { Records::Counted(records) };
    let dimensions = r.list(DIMENSIONS, "dimensions", |r| Ok((r.name()?, r.count()?)))?;
    let attributes = r.attributes()?.into_iter().map(|(attribute, _)| attribute).collect();
    let variables = r.list(VARIABLES, "variables", |r| r.variable(dimensions.len()))?;
    Ok(Header { records, dimensions, attributes, variables })
}

impl Reader<'_, '_> {
    fn take(&mut self, length: u64) -> Result<bytes::Bytes> {
        self.allowance = self.allowance.checked_sub(length).ok_or_else(|| Error::corrupt("a header of more than 128 MiB"))?;
        let bytes = self.source.read(self.at, length)?;
        self.at += length;
        Ok(bytes)
    }

    /// What follows `length` bytes up to a multiple of four.
    fn pad(&mut self, length: u64) -> Result<()> {
        self.take(length.next_multiple_of(4) - length).map(drop)
    }

    fn uint(&mut self, size: u64) -> Result<u64> {
        Ok(self.take(size)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn count(&mut self) -> Result<u64> {
        self.uint(self.count_size)
    }

    /// A list with its tag; a list that is absent has tag and count 0.
    fn list<T>(&mut self, tag: u64, what: &str, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let (found, count) = (self.uint(4)?, self.count()?);
        if found != tag && (found, count) != (0, 0) {
            return Err(Error::corrupt(format!("a list with tag {found} where that of {what} should be")));
        }
        let mut items = Vec::new();
        for _ in 0..count {
            self.allowance = self.allowance.saturating_sub(256);
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn name(&mut self) -> Result<String> {
        let length = self.count()?;
        let bytes = self.take(length)?;
        self.pad(length)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn kind(&mut self) -> Result<Kind> {
        let number = self.uint(4)?;
        Ok(Kind::Number(match number {
            1 => DType::Int8,
            2 => return Ok(Kind::Character),
            3 => DType::Int16,
            4 => DType::Int32,
            5 => DType::Float32,
            6 => DType::Float64,
            7 if self.extended => DType::UInt8,
            8 if self.extended => DType::UInt16,
            9 if self.extended => DType::UInt32,
            10 if self.extended => DType::Int64,
            11 if self.extended => DType::UInt64,
            _ => return Err(Error::corrupt(format!("type {number}, which classic netCDF does not have"))),
        }))
    }

    fn attributes(&mut self) -> Result<Vec<(Attribute, First)>> {
        self.list(ATTRIBUTES, "attributes", |r| {
            let name = r.name()?;
            let (kind, count) = (r.kind()?, r.count()?);
            let length = count.checked_mul(kind.size()).ok_or_else(|| Error::corrupt(format!("attribute `{name}` has {count} values")))?;
            let bytes = r.take(length)?;
            r.pad(length)?;
            let value = match kind {
                Kind::Character => AttributeValue::Text(value::text(&bytes, Padding::Null)),
                Kind::Number(dtype) => {
                    r.allowance = r.allowance.saturating_sub(count.saturating_mul(size_of::<Number>() as u64));
                    value::numbers(dtype, bytes.chunks_exact(dtype.size()).map(|v| value::number(v, dtype, Endian::Big)).collect())
                }
            };
            let first = bytes[..bytes.len().min(kind.size() as usize)].to_vec();
            Ok((Attribute { name, value }, First { kind, bytes: first }))
        })
    }

    fn variable(&mut self, dimensions: usize) -> Result<Variable> {
        let name = self.name()?;
        let rank = self.count()?;
        let mut ids = Vec::new();
        for _ in 0..rank {
            let id = self.count()?;
            let known = usize::try_from(id).ok().filter(|id| *id < dimensions);
            ids.push(known.ok_or_else(|| Error::corrupt(format!("variable `{name}` has dimension {id}, of {dimensions}")))?);
        }
        let attributes = self.attributes()?;
        let kind = self.kind()?;
        // The size of a variable is not to be trusted: it does not fit where the variable is large.
        self.count()?;
        let begin = self.uint(self.offset_size)?;
        let fill = attributes.iter().find(|(a, first)| a.name == "_FillValue" && first.kind == kind && first.bytes.len() as u64 == kind.size());
        let fill = fill.map(|(_, first)| first.bytes.clone());
        Ok(Variable { name, dimensions: ids, attributes: attributes.into_iter().map(|(a, _)| a).collect(), kind, begin, fill })
    }
}
