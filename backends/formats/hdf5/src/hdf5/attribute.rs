//! Attributes (format specification IV.A.2.m and v), in the header or in a heap of their own.

use bytes::Bytes;
use cube_backend::{Error, Result};
use cube_core::DType;
use cube_manifest::{Attribute, AttributeValue};

use super::{
    btree2::Tree,
    cursor::Cursor,
    dataspace::Dataspace,
    datatype::{Class, Type},
    file::File,
    fractal_heap::FractalHeap,
    global_heap::VariableValue,
    header::{ATTRIBUTE, ATTRIBUTE_INFO, DATASPACE, DATATYPE, Header},
    shared, value,
};

/// An attribute whose value is not read yet.
pub(super) struct Raw {
    pub(super) name: String,
    kind: Type,
    space: Dataspace,
    data: Bytes,
}

/// More values than this in one attribute are not kept.
const MOST_VALUES: u64 = 1 << 20;

/// The attributes of an object, in the order in which they were made, where the file knows it.
pub(super) fn read_all(file: &File<'_>, header: &Header) -> Result<Vec<Raw>> {
    let mut found: Vec<(u32, Raw)> = Vec::new();
    for message in header.all(ATTRIBUTE) {
        let body = if message.shared { shared::resolve(file, ATTRIBUTE, &message.body)? } else { message.body.clone() };
        found.push((message.order.map_or(u32::MAX, u32::from), Raw::parse(file, &body)?));
    }
    if let Some(info) = header.find(file, ATTRIBUTE_INFO)? {
        dense(file, &info, &mut found)?;
    }
    found.sort_by_key(|(order, _)| *order);
    Ok(found.into_iter().map(|(_, raw)| raw).collect())
}

fn dense(file: &File<'_>, info: &[u8], found: &mut Vec<(u32, Raw)>) -> Result<()> {
    let mut c = Cursor::new(info, "the place of attributes");
    c.expect_u8("version", &[0])?;
    let flags = c.u8()?;
    c.skip(if flags & 1 != 0 { 2 } else { 0 })?;
    let (Some(heap), Some(tree)) = (c.address(file.offset_size)?, c.address(file.offset_size)?) else { return Ok(()) };
    let heap = FractalHeap::read(file, heap)?;
    let tree = Tree::open(file, tree)?;
    // Identifiers in the records of attributes always have eight bytes.
    if tree.kind != 8 || tree.record != 17 {
        return Err(Error::corrupt(format!("attributes in a B-tree of kind {} with records of {} bytes", tree.kind, tree.record)));
    }
    tree.walk(&mut |record| {
        let (id, rest) = record.split_at(8);
        let mut c = Cursor::new(rest, "the record of an attribute");
        let flags = c.u8()?;
        let order = c.u32()?;
        let body = if flags & 2 != 0 { shared::in_heap(file, ATTRIBUTE, id)? } else { heap.object(id)? };
        file.spend(body.len() as u64 + 128)?;
        found.push((order, Raw::parse(file, &body)?));
        Ok(())
    })
}

impl Raw {
    fn parse(file: &File<'_>, message: &Bytes) -> Result<Self> {
        let mut c = Cursor::new(message, "an attribute");
        let version = c.expect_u8("version", &[1, 2, 3])?;
        let flags = c.u8()?;
        let [name, kind, space] = [c.u16()?, c.u16()?, c.u16()?].map(usize::from);
        c.skip(if version == 3 { 1 } else { 0 })?;
        let mut part = |length: usize| c.take(if version == 1 { length.next_multiple_of(8) } else { length });
        let name = part(name)?.split(|b| *b == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let (kind, space) = (part(kind)?, part(space)?);
        let here = |bit: u8, code: u8, bytes: &[u8]| {
            if version > 1 && flags & bit != 0 { shared::resolve(file, code, bytes) } else { Ok(Bytes::copy_from_slice(bytes)) }
        };
        let kind = Type::parse(&here(1, DATATYPE, kind)?)?;
        let space = Dataspace::parse(file, &here(2, DATASPACE, space)?)?;
        let at = c.at();
        Ok(Self { name, kind, space, data: message.slice(at..) })
    }

    /// Its whole numbers.
    pub(super) fn integers(&self) -> Vec<i64> {
        let Class::Number(dtype, endian) = self.kind.class else { return Vec::new() };
        let whole = |n: cube_core::Number| match n {
            cube_core::Number::Int(i) => i64::try_from(i).ok(),
            cube_core::Number::Float(_) => None,
        };
        let count = usize::try_from(self.space.len().unwrap_or(0)).unwrap_or(0);
        self.data.chunks_exact(dtype.size()).take(count).filter_map(|v| whole(value::number(v, dtype, endian))).collect()
    }

    /// Its text, when it is one text of a fixed number of bytes.
    pub(super) fn fixed_text(&self) -> Option<String> {
        match self.kind.class {
            Class::Text(padding) => Some(value::text(self.data.get(..self.kind.size as usize)?, padding)),
            _ => None,
        }
    }

    /// The objects that each of its lists refers to last, as netCDF reads `DIMENSION_LIST`: one a dimension.
    pub(super) fn last_references(&self, file: &File<'_>) -> Result<Vec<Option<u64>>> {
        if self.kind.class != Class::References {
            return Ok(Vec::new());
        }
        let count = usize::try_from(self.space.len().unwrap_or(0)).unwrap_or(0);
        let last = |bytes: &[u8]| {
            let value = VariableValue::parse(file, bytes)?;
            let list = value.bytes(file)?;
            let reference = list.chunks_exact(file.offset_size).take(value.count as usize).next_back();
            reference.map_or(Ok(None), |r| Cursor::new(r, "a reference").address(file.offset_size))
        };
        self.data.chunks_exact(VariableValue::size(file)).take(count).map(last).collect()
    }

    /// As the manifest has it.
    pub(super) fn into_attribute(self, file: &File<'_>) -> Result<Attribute> {
        let value = self.value(file)?;
        Ok(Attribute { name: self.name, value })
    }

    fn value(&self, file: &File<'_>) -> Result<AttributeValue> {
        let Some(count) = self.space.len().filter(|n| *n <= MOST_VALUES) else {
            return Ok(AttributeValue::Other(format!("{} of shape {:?}", self.kind.name(), self.space.shape)));
        };
        let (kind, count) = match &self.kind.class {
            Class::Array { shape, base } => (&**base, shape.iter().try_fold(count, |n, size| n.checked_mul(*size)).filter(|n| *n <= MOST_VALUES)),
            _ => (&self.kind, Some(count)),
        };
        let Some(count) = count else { return Ok(AttributeValue::Other(self.kind.name())) };
        let count = count as usize;
        let size = kind.size as usize;
        let bytes = self.data.get(..count.saturating_mul(size));
        let bytes =
            bytes.ok_or_else(|| Error::corrupt(format!("attribute `{}` has {} bytes for {count} values of {size}", self.name, self.data.len())))?;
        file.spend(count as u64 * 32)?;
        let each = || bytes.chunks_exact(size.max(1));
        Ok(match &kind.class {
            Class::Number(dtype, endian) | Class::Enumeration { dtype, endian, .. } => {
                value::numbers(*dtype, each().map(|v| value::number(v, *dtype, *endian)).collect())
            }
            Class::Float16(endian) => value::numbers(DType::Float32, each().map(|v| value::float16(v, *endian)).collect()),
            // Text without any extent is empty text.
            Class::Text(_) | Class::VariableText if self.space.null => AttributeValue::Text(String::new()),
            Class::Text(padding) => value::texts(each().map(|v| value::text(v, *padding)).collect()),
            Class::VariableText => value::texts(each().map(|v| variable_text(file, v)).collect::<Result<_>>()?),
            Class::Opaque | Class::Array { .. } | Class::References | Class::Other(_) => AttributeValue::Other(kind.name()),
        })
    }
}

/// A text of variable length, from where a chunk or an attribute refers to it.
pub(super) fn variable_text(file: &File<'_>, bytes: &[u8]) -> Result<String> {
    let value = VariableValue::parse(file, bytes)?;
    let bytes = value.bytes(file)?;
    let bytes = bytes.get(..value.count as usize).unwrap_or(&bytes);
    file.spend(bytes.len() as u64)?;
    Ok(value::text(bytes, cube_manifest::Padding::NullTerminated))
}
