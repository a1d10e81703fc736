//! Types of elements (format specification IV.A.2.d).

use cube_backend::{Error, Result};
use cube_core::{DType, Number};
use cube_manifest::{Element, Endian, Padding};

use super::{cursor::Cursor, cursor::bytes_for, value};

/// What an element is, as far as this reader knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Type {
    /// Bytes of an element.
    pub(super) size: u32,
    pub(super) class: Class,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Class {
    /// A number that a variable can hold.
    Number(DType, Endian),
    Float16(Endian),
    Text(Padding),
    VariableText,
    Opaque,
    /// Numbers with names.
    Enumeration {
        dtype: DType,
        endian: Endian,
        names: Vec<(String, Number)>,
    },
    /// Arrays of one element each.
    Array {
        shape: Vec<u64>,
        base: Box<Type>,
    },
    /// Lists of object references of any length: what leads to dimension scales.
    References,
    /// Not read, by name.
    Other(String),
}

const DEEPEST: u8 = 16;

impl Type {
    /// Reads a datatype message.
    pub(super) fn parse(message: &[u8]) -> Result<Self> {
        parse(&mut Cursor::new(message, "a type"), DEEPEST)
    }

    /// The element of a variable of this type.
    pub(super) fn element(&self) -> Element {
        match &self.class {
            Class::Number(dtype, endian) | Class::Enumeration { dtype, endian, .. } => Element::Number(*dtype, *endian),
            Class::Float16(endian) => Element::Float16(*endian),
            Class::Text(padding) => Element::Text { bytes: self.size, padding: *padding },
            Class::VariableText => Element::VariableText,
            Class::Opaque => Element::Opaque(self.size),
            Class::Array { base, .. } => base.element(),
            Class::References | Class::Other(_) => Element::Other,
        }
    }

    /// What it is called in a refusal.
    pub(super) fn name(&self) -> String {
        match &self.class {
            Class::Number(dtype, _) | Class::Enumeration { dtype, .. } => dtype.to_string(),
            Class::Float16(_) => "float16".to_owned(),
            Class::Text(_) | Class::VariableText => "text".to_owned(),
            Class::Opaque => "opaque".to_owned(),
            Class::Array { base, .. } => format!("array of {}", base.name()),
            Class::References => "variable-length list of references".to_owned(),
            Class::Other(name) => name.clone(),
        }
    }
}

fn parse(c: &mut Cursor<'_>, depth: u8) -> Result<Type> {
    let depth = depth.checked_sub(1).ok_or_else(|| Error::corrupt("a type of types of types, without end"))?;
    let first = c.u8()?;
    let (version, class) = (first >> 4, first & 0x0f);
    let bits = c.uint(3)? as u32;
    let size = c.u32()?;
    let class = match class {
        0 => integer(c, bits, size)?,
        1 => float(c, bits, size)?,
        2 => {
            c.skip(2)?;
            Class::Other("time".to_owned())
        }
        3 => Class::Text(padding(bits)?),
        4 => bitfield(c, bits, size)?,
        5 => {
            c.skip(((bits & 0xff) as usize).min(c.left()))?;
            Class::Opaque
        }
        6 => {
            compound(c, version, bits & 0xffff, size, depth)?;
            Class::Other("compound".to_owned())
        }
        7 => Class::Other(if bits & 0x0f == 1 { "region reference" } else { "reference" }.to_owned()),
        8 => enumeration(c, version, bits & 0xffff, depth)?,
        9 => variable(c, bits, depth)?,
        10 => array(c, version, depth)?,
        11 => {
            parse(c, depth)?;
            Class::Other("complex".to_owned())
        }
        other => Class::Other(format!("type class {other}")),
    };
    Ok(Type { size, class })
}

fn endian(bits: u32) -> Endian {
    if bits & 1 == 0 { Endian::Little } else { Endian::Big }
}

fn dtype(size: u32, signed: bool) -> Option<DType> {
    Some(match (size, signed) {
        (1, false) => DType::UInt8,
        (1, true) => DType::Int8,
        (2, false) => DType::UInt16,
        (2, true) => DType::Int16,
        (4, false) => DType::UInt32,
        (4, true) => DType::Int32,
        (8, false) => DType::UInt64,
        (8, true) => DType::Int64,
        _ => return None,
    })
}

fn integer(c: &mut Cursor<'_>, bits: u32, size: u32) -> Result<Class> {
    let (offset, precision) = (c.u16()?, u32::from(c.u16()?));
    let whole = offset == 0 && Some(precision) == size.checked_mul(8);
    Ok(match dtype(size, bits & 8 != 0).filter(|_| whole) {
        Some(dtype) => Class::Number(dtype, endian(bits)),
        None => Class::Other(format!("integer of {precision} bits in {size} bytes")),
    })
}

fn bitfield(c: &mut Cursor<'_>, bits: u32, size: u32) -> Result<Class> {
    let (offset, precision) = (c.u16()?, u32::from(c.u16()?));
    let whole = offset == 0 && Some(precision) == size.checked_mul(8);
    Ok(match dtype(size, false).filter(|_| whole) {
        Some(dtype) => Class::Number(dtype, endian(bits)),
        None => Class::Other(format!("bit field of {precision} bits in {size} bytes")),
    })
}

/// Only IEEE 754's own formats are numbers to others: sign, exponent and mantissa must lie as they do there.
fn float(c: &mut Cursor<'_>, bits: u32, size: u32) -> Result<Class> {
    let (offset, precision) = (c.u16()?, c.u16()?);
    let places = [c.u8()?, c.u8()?, c.u8()?, c.u8()?];
    let bias = c.u32()?;
    let (order, normalised, sign) = (bits & 0x41, bits >> 4 & 3, bits >> 8 & 0xff);
    let common = offset == 0 && order < 2 && normalised == 2;
    let format = (size, precision, sign, places, bias);
    Ok(match format {
        (2, 16, 15, [10, 5, 0, 10], 15) if common => Class::Float16(endian(bits)),
        (4, 32, 31, [23, 8, 0, 23], 127) if common => Class::Number(DType::Float32, endian(bits)),
        (8, 64, 63, [52, 11, 0, 52], 1023) if common => Class::Number(DType::Float64, endian(bits)),
        (.., [_, exponent, _, mantissa], _) => {
            Class::Other(format!("float of {precision} bits (exponent {exponent}, mantissa {mantissa}) in {size} bytes"))
        }
    })
}

fn padding(bits: u32) -> Result<Padding> {
    match bits & 0x0f {
        0 => Ok(Padding::NullTerminated),
        1 => Ok(Padding::Null),
        2 => Ok(Padding::Space),
        other => Err(Error::corrupt(format!("text with padding of kind {other}"))),
    }
}

/// Members are read only to know where the type ends.
fn compound(c: &mut Cursor<'_>, version: u8, members: u32, size: u32, depth: u8) -> Result<()> {
    for _ in 0..members {
        name(c, version)?;
        match version {
            1 => c.skip(4 + 1 + 3 + 4 + 4 + 16)?,
            2 => c.skip(4)?,
            _ => c.skip(bytes_for(size.into()))?,
        }
        parse(c, depth)?;
    }
    Ok(())
}

/// A name, which versions before 3 fill up to a multiple of eight bytes.
fn name(c: &mut Cursor<'_>, version: u8) -> Result<String> {
    let start = c.at();
    let name = c.text()?;
    if version < 3 {
        c.pad(start)?;
    }
    Ok(name)
}

fn enumeration(c: &mut Cursor<'_>, version: u8, members: u32, depth: u8) -> Result<Class> {
    let base = parse(c, depth)?;
    let names = (0..members).map(|_| name(c, version)).collect::<Result<Vec<_>>>()?;
    let values = c.take((members as usize).saturating_mul(base.size as usize))?;
    let Class::Number(dtype, endian) = base.class else {
        return Ok(Class::Other(format!("enumeration of {}", base.name())));
    };
    let values = values.chunks_exact(dtype.size()).map(|v| value::number(v, dtype, endian));
    Ok(Class::Enumeration { dtype, endian, names: names.into_iter().zip(values).collect() })
}

fn variable(c: &mut Cursor<'_>, bits: u32, depth: u8) -> Result<Class> {
    // The reference class of the base: an object reference is what dimension scales use.
    let is_reference = c.rest().first().is_some_and(|b| b & 0x0f == 7) && c.rest().get(1).is_some_and(|b| b & 0x0f == 0);
    let base = parse(c, depth)?;
    Ok(match bits & 0x0f {
        1 => Class::VariableText,
        _ if is_reference => Class::References,
        _ => Class::Other(format!("variable-length list of {}", base.name())),
    })
}

fn array(c: &mut Cursor<'_>, version: u8, depth: u8) -> Result<Class> {
    let rank = usize::from(c.u8()?);
    c.skip(if version < 3 { 3 } else { 0 })?;
    let shape = (0..rank).map(|_| c.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    c.skip(if version < 3 { 4 * rank } else { 0 })?;
    let base = parse(c, depth)?;
    Ok(match base.class {
        Class::Number(..) | Class::Float16(_) | Class::Text(_) | Class::Enumeration { .. } => Class::Array { shape, base: Box::new(base) },
        _ => Class::Other(format!("array of {}", base.name())),
    })
}
