//! Fill values, which a sidecar writes as text.
//!
//! Two faults of the programs that write sidecars are undone where something else in the document says what was meant:
//! floats are written with six digits, and a number of a big-endian variable may be written with its bytes swapped.

use cube_core::{DType, Number};
use cube_manifest::{AttributeValue, Endian, Padding, Reason, Refusal};

use super::attributes::number;

/// What netCDF stores where nothing was written, for floats of both sizes.
const NETCDF_FLOAT: f64 = 9.969_209_968_386_869e36;
/// Bytes of a text that has a fill value: a few characters can claim gigabytes.
const MAX_TEXT: u32 = 1024;
/// Digits of a float in `fillValue`.
const DIGITS: usize = 6;

/// The fill value of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fill {
    /// One element.
    pub(super) bytes: Vec<u8>,
    /// Whether the document leaves open what the value is.
    pub(super) doubtful: bool,
}

/// The bytes of a number; `None` when it does not fit.
pub(super) fn bytes(dtype: DType, number: Number, endian: Endian) -> Option<Vec<u8>> {
    let mut bytes = match (dtype, number) {
        (DType::Float32, n) => (n.as_f64() as f32).to_le_bytes().to_vec(),
        (DType::Float64, n) => n.as_f64().to_le_bytes().to_vec(),
        (_, Number::Int(i)) if number.fits(dtype) => i.to_le_bytes()[..dtype.size()].to_vec(),
        _ => return None,
    };
    if endian == Endian::Big {
        bytes.reverse();
    }
    Some(bytes)
}

/// The fill value that a document states for a variable of numbers.
///
/// # Errors
/// A refusal when the text is not a number of that type.
pub(super) fn of_number(text: &str, dtype: DType, endian: Endian, attribute: Option<&AttributeValue>) -> Result<Fill, Refusal> {
    let wrong = || Refusal::new(Reason::Inconsistent, format!("fill value `{}` in a variable of {dtype}", super::xml::shortened(text)));
    let stated = number(dtype, text).or_else(|| wrapped(dtype, text)).ok_or_else(wrong)?;
    let attribute = match attribute {
        Some(AttributeValue::Number(_, n)) => Some(*n),
        Some(AttributeValue::Numbers(_, all)) => all.first().copied(),
        _ => None,
    };
    let netcdf = dtype.is_float().then_some(Number::Float(NETCDF_FLOAT));
    let bytes_of = |n| bytes(dtype, n, endian);
    let meant = attribute.into_iter().chain(netcdf).find(|n| bytes_of(*n).is_some() && is_written_as(*n, stated, dtype, text));
    if let Some(bytes) = meant.and_then(bytes_of) {
        return Ok(Fill { bytes, doubtful: false });
    }
    if endian == Endian::Big
        && let Some(swapped) = attribute.and_then(|n| bytes(dtype, n, Endian::Little)).and_then(|b| from_big_endian(dtype, &b))
        && is_written_as(swapped, stated, dtype, text)
        && let Some(bytes) = attribute.and_then(bytes_of)
    {
        return Ok(Fill { bytes, doubtful: false });
    }
    let bytes = bytes_of(stated).ok_or_else(wrong)?;
    let same_swapped = bytes.iter().eq(bytes.iter().rev());
    Ok(Fill { doubtful: endian == Endian::Big && !same_swapped, bytes })
}

/// Whether `number` gives `text` when it is written with as many digits.
fn is_written_as(number: Number, stated: Number, dtype: DType, text: &str) -> bool {
    if number.same(stated) {
        return true;
    }
    let digits = text.split(['e', 'E']).next().unwrap_or_default().trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
    let short = |n: Number| format!("{:.*e}", DIGITS - 1, n.as_f64());
    dtype.is_float() && digits <= DIGITS && short(number) == short(stated)
}

/// The number of which these are the bytes, most significant first.
fn from_big_endian(dtype: DType, bytes: &[u8]) -> Option<Number> {
    let unsigned = bytes.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
    Some(match dtype {
        DType::Float32 => Number::from(f64::from(f32::from_bits(unsigned as u32))),
        DType::Float64 => Number::from(f64::from_bits(unsigned)),
        DType::Int16 => Number::Int((unsigned as i16).into()),
        DType::Int32 => Number::Int((unsigned as i32).into()),
        DType::Int64 => Number::Int((unsigned as i64).into()),
        DType::Int8 => Number::Int((unsigned as i8).into()),
        DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64 => Number::Int(unsigned.into()),
    })
}

/// An integer that was written as if of the other sign, e.g. `-1` for 255.
fn wrapped(dtype: DType, text: &str) -> Option<Number> {
    let Ok(Number::Int(i)) = Number::parse(text) else { return None };
    let range = 1_i128 << (8 * dtype.size());
    if dtype.is_float() || !(-range / 2..range).contains(&i) {
        return None;
    }
    [i + range, i - range].into_iter().map(Number::Int).find(|n| n.fits(dtype))
}

/// The fill value of text of fixed length; `None` is zero bytes.
pub(super) fn of_text(text: &str, length: u32, padding: Padding) -> Result<Option<Vec<u8>>, Refusal> {
    // Nothing at all is HDF5's default, which is zero bytes whatever the padding.
    if text.is_empty() {
        return Ok(None);
    }
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() > length as usize {
        return Err(Refusal::new(Reason::Inconsistent, format!("a fill value of {} bytes in text of {length}", bytes.len())));
    }
    if length > MAX_TEXT {
        return Err(Refusal::new(Reason::Layout, format!("a fill value in text of {length} bytes")));
    }
    bytes.resize(length as usize, if padding == Padding::Space { b' ' } else { 0 });
    Ok(Some(bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn fill(text: &str, dtype: DType, endian: Endian, attribute: Option<f64>) -> Fill {
        let attribute = attribute.map(|v| AttributeValue::Number(dtype, Number::from(v)));
        of_number(text, dtype, endian, attribute.as_ref()).unwrap()
    }

    fn exact(bytes: &[u8]) -> Fill {
        Fill { bytes: bytes.to_vec(), doubtful: false }
    }

    #[test]
    fn numbers_become_the_bytes_of_an_element() {
        assert_eq!(fill("-99", DType::Int32, Endian::Little, None), exact(&(-99_i32).to_le_bytes()));
        assert_eq!(fill("18446744073709551615", DType::UInt64, Endian::Little, None), exact(&u64::MAX.to_le_bytes()));
        assert_eq!(fill("-1", DType::UInt16, Endian::Little, None), exact(&[255, 255]));
        assert_eq!(fill("255", DType::Int8, Endian::Little, None), exact(&[255]));
        assert_eq!(fill("-9999.9", DType::Float32, Endian::Little, None), exact(&(-9999.9_f32).to_le_bytes()));
        assert_eq!(fill("-inf", DType::Float64, Endian::Little, None), exact(&f64::NEG_INFINITY.to_le_bytes()));
        assert_eq!(fill("0", DType::Float64, Endian::Big, None), exact(&[0; 8]));
        let nan = fill("-nan", DType::Float32, Endian::Little, None).bytes;
        assert!(f32::from_le_bytes(nan.try_into().unwrap()).is_nan());
        for (text, dtype) in [("1.5", DType::Int16), ("70000", DType::Int16), ("", DType::Float32), ("unsupported-array", DType::Int8)] {
            assert_eq!(of_number(text, dtype, Endian::Little, None).unwrap_err().reason, Reason::Inconsistent, "{text}");
        }
    }

    #[test]
    fn six_digits_are_completed() {
        assert_eq!(fill("9.96921e+36", DType::Float32, Endian::Little, None), exact(&(NETCDF_FLOAT as f32).to_le_bytes()));
        assert_eq!(fill("9.96921e+36", DType::Float64, Endian::Little, None), exact(&NETCDF_FLOAT.to_le_bytes()));
        assert_eq!(fill("1.23457", DType::Float64, Endian::Little, Some(1.234567891)), exact(&1.234_567_891_f64.to_le_bytes()));
        assert_eq!(fill("1.2345678", DType::Float64, Endian::Little, Some(1.234567891)), exact(&1.234_567_8_f64.to_le_bytes()));
        assert_eq!(fill("5", DType::Float64, Endian::Little, Some(7.0)), exact(&5_f64.to_le_bytes()));
    }

    #[test]
    fn swapped_bytes_are_found_out() {
        let swapped = (-99_i32).swap_bytes().to_string();
        assert_eq!(fill(&swapped, DType::Int32, Endian::Big, Some(-99.0)), exact(&(-99_i32).to_be_bytes()));
        assert_eq!(fill("-99", DType::Int32, Endian::Big, Some(-99.0)), exact(&(-99_i32).to_be_bytes()));
        assert_eq!(fill("-99", DType::Int32, Endian::Big, None), Fill { bytes: (-99_i32).to_be_bytes().to_vec(), doubtful: true });
        let single = format!("{:e}", f32::from_bits((-9999_f32).to_bits().swap_bytes()));
        assert_eq!(fill(&single, DType::Float32, Endian::Big, Some(-9999.0)), exact(&(-9999_f32).to_be_bytes()));
    }

    #[test]
    fn text_is_padded() {
        assert_eq!(of_text("aa", 4, Padding::Space).unwrap().unwrap(), b"aa  ");
        assert_eq!(of_text("aa", 4, Padding::Null).unwrap().unwrap(), b"aa\0\0");
        assert_eq!(of_text("", u32::MAX, Padding::Space).unwrap(), None);
        assert!(of_text("aaa", 2, Padding::Space).is_err());
        assert!(of_text("aaa", u32::MAX, Padding::Space).is_err());
    }
}
