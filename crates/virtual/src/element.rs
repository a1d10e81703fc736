//! Single elements: their numbers, their bytes.

use cube_core::{DType, Number};
use cube_manifest::{Element, Endian};

/// The number in the bytes of an element; `None` when it is no number or has another size.
pub(crate) fn number(element: Element, bytes: &[u8]) -> Option<Number> {
    let mut bytes = bytes.to_vec();
    if element.endian() == Endian::Big {
        bytes.reverse();
    }
    Some(match element {
        Element::Number(dtype, _) => match dtype {
            DType::UInt8 => Number::Int(u8::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Int8 => Number::Int(i8::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::UInt16 => Number::Int(u16::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Int16 => Number::Int(i16::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::UInt32 => Number::Int(u32::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Int32 => Number::Int(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::UInt64 => Number::Int(u64::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Int64 => Number::Int(i64::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Float32 => Number::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
            DType::Float64 => Number::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        },
        Element::Float16(_) => Number::Float(half::f16::from_le_bytes(bytes.try_into().ok()?).into()),
        _ => return None,
    })
}

/// The bytes of an element that holds a number; `None` when it cannot.
pub(crate) fn bytes(element: Element, n: Number) -> Option<Vec<u8>> {
    let int = |n: Number| match n {
        Number::Int(i) => Some(i),
        Number::Float(f) if f.fract() == 0.0 && f.abs() < 1e30 => Some(f as i128),
        Number::Float(_) => None,
    };
    let mut bytes = match element {
        Element::Number(dtype, _) => match dtype {
            DType::UInt8 => u8::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::Int8 => i8::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::UInt16 => u16::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::Int16 => i16::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::UInt32 => u32::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::Int32 => i32::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::UInt64 => u64::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::Int64 => i64::try_from(int(n)?).ok()?.to_le_bytes().to_vec(),
            DType::Float32 => (n.as_f64() as f32).to_le_bytes().to_vec(),
            DType::Float64 => n.as_f64().to_le_bytes().to_vec(),
        },
        Element::Float16(_) => half::f16::from_f64(n.as_f64()).to_le_bytes().to_vec(),
        _ => return None,
    };
    if element.endian() == Endian::Big {
        bytes.reverse();
    }
    Some(bytes)
}

/// Whether the elements are floating-point numbers.
pub(crate) fn is_float(element: Element) -> bool {
    matches!(element, Element::Float16(_)) || matches!(element, Element::Number(dtype, _) if dtype.is_float())
}

/// The same element, least significant byte first.
pub(crate) fn little(element: Element) -> Element {
    match element {
        Element::Number(dtype, _) => Element::Number(dtype, Endian::Little),
        Element::Float16(_) => Element::Float16(Endian::Little),
        other => other,
    }
}

/// Turns the bytes of elements round, when they are in the other order.
pub(crate) fn make_little(element: Element, bytes: &mut [u8]) {
    if element.endian() == Endian::Big
        && let Some(size @ 2..) = element.size()
    {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

/// `count` elements that hold the fill value; zero when there is none.
pub(crate) fn filled(fill: Option<&[u8]>, length: usize) -> Vec<u8> {
    match fill {
        Some(fill) if fill.iter().any(|b| *b != 0) => fill.iter().copied().cycle().take(length).collect(),
        _ => vec![0; length],
    }
}
