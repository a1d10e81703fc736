//! Bytes to numbers and text, for attributes and names of values.

use cube_core::{DType, Number};
use cube_manifest::{AttributeValue, Endian, Padding};

/// A number from exactly its bytes.
pub(crate) fn number(bytes: &[u8], dtype: DType, endian: Endian) -> Number {
    let raw = unsigned(bytes, endian);
    let signed = |bits: u32| i128::from((raw as i64) << (64 - bits) >> (64 - bits));
    match dtype {
        DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64 => Number::Int(raw.into()),
        DType::Int8 => Number::Int(signed(8)),
        DType::Int16 => Number::Int(signed(16)),
        DType::Int32 => Number::Int(signed(32)),
        DType::Int64 => Number::Int(signed(64)),
        DType::Float32 => Number::from(f64::from(f32::from_bits(raw as u32))),
        DType::Float64 => Number::from(f64::from_bits(raw)),
    }
}

/// A half-precision float, exactly.
pub(super) fn float16(bytes: &[u8], endian: Endian) -> Number {
    let raw = unsigned(bytes, endian);
    let (sign, exponent, mantissa) = (raw >> 15 & 1, (raw >> 10 & 31) as i32, (raw & 1023) as f64);
    let size = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2_f64.powi(exponent - 15),
    };
    Number::from(if sign == 1 { -size } else { size })
}

fn unsigned(bytes: &[u8], endian: Endian) -> u64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    match endian {
        Endian::Little => bytes.iter().rev().fold(0, join),
        Endian::Big => bytes.iter().fold(0, join),
    }
}

/// One number as such, any other count as a list.
pub(crate) fn numbers(dtype: DType, mut values: Vec<Number>) -> AttributeValue {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => AttributeValue::Number(dtype, only),
        (last, _) => {
            values.extend(last);
            AttributeValue::Numbers(dtype, values)
        }
    }
}

/// One text as such, any other count as a list.
pub(super) fn texts(mut values: Vec<String>) -> AttributeValue {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => AttributeValue::Text(only),
        (last, _) => {
            values.extend(last);
            AttributeValue::Texts(values)
        }
    }
}

/// Text of a fixed number of bytes, without what fills it up. Bytes that are no UTF-8 become replacement characters.
///
/// Spaces are kept, as netCDF keeps them: they cannot be told from those of the text.
pub(crate) fn text(bytes: &[u8], padding: Padding) -> String {
    let end = match padding {
        Padding::NullTerminated => bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len()),
        Padding::Null | Padding::Space => bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1),
    };
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_and_order() {
        assert_eq!(number(&[0xfe, 0xff], DType::Int16, Endian::Little), Number::Int(-2));
        assert_eq!(number(&[0xfe, 0xff], DType::UInt16, Endian::Big), Number::Int(0xfeff));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0], DType::Int64, Endian::Big), Number::Int(i64::MIN.into()));
        assert_eq!(number(&1.5_f32.to_be_bytes(), DType::Float32, Endian::Big), Number::Float(1.5));
        for (bits, value) in [(0x3c00_u16, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (0x0001, 5.960_464_477_539_063e-8)] {
            assert!(float16(&bits.to_le_bytes(), Endian::Little).same(Number::from(value)));
        }
        assert!(float16(&[0x7e, 0], Endian::Big).as_f64().is_nan());
    }

    #[test]
    fn text_ends_as_its_padding_says() {
        assert_eq!(text(b"ab\0cd\0\0", Padding::NullTerminated), "ab");
        assert_eq!(text(b"ab\0cd\0\0", Padding::Null), "ab\0cd");
        assert_eq!(text(b"ab  ", Padding::Space), "ab  ");
        assert_eq!(text(b"\0\0", Padding::Null), "");
    }
}
