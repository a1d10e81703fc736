//! Metadata of Zarr v2.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cube_core::{DType, Number};
use cube_manifest::{Attribute, Blosc, BloscShuffle, Codec, Element, Endian, Padding, Reason, Refusal};

use super::{
    attributes::{attributes, missing},
    inconsistent,
    metadata::{Description, dimensions, grid},
};
use crate::{element, json::Json};

/// The attributes of a group.
pub(super) fn group(document: &Json) -> Vec<Attribute> {
    attributes(Some(document))
}

/// An array, from its `.zarray` and its `.zattrs`.
pub(super) fn array(path: &str, document: &Json, zattrs: Option<&Json>) -> Result<Description, Refusal> {
    let (shape, chunk_shape) = grid(document.get("shape").and_then(Json::numbers), document.get("chunks").and_then(Json::numbers))?;
    if document.get("order").and_then(Json::text) == Some("F") && shape.len() > 1 {
        return Err(Refusal::new(Reason::Layout, "its elements are in the order of Fortran"));
    }
    let dtype = document.get("dtype").and_then(Json::text).ok_or_else(|| Refusal::new(Reason::ElementType, "a structure"))?;
    let mut encoders: Vec<&Json> = match document.get("filters") {
        Some(Json::List(filters)) => filters.iter().collect(),
        _ => Vec::new(),
    };
    encoders.extend(document.get("compressor").filter(|c| **c != Json::Null));
    let is_text = encoders.first().and_then(|f| f.get("id")).and_then(Json::text) == Some("vlen-utf8");
    if is_text {
        encoders.remove(0);
    }
    let element = element(dtype, is_text)?;
    let codecs = encoders.into_iter().map(codec).collect::<Result<Vec<_>, _>>()?;
    let fill = fill(element, document.get("fill_value"))?;
    let mut attributes = attributes(zattrs);
    if !attributes.iter().any(|a| a.name == "_FillValue")
        && let Some(bytes) = &fill
    {
        attributes.extend(missing(element, bytes));
    }
    let separator = match document.get("dimension_separator").and_then(Json::text) {
        Some("/") => '/',
        _ => '.',
    };
    let dimensions = dimensions(path, zattrs.and_then(|z| z.get("_ARRAY_DIMENSIONS")), shape.len());
    Ok(Description { shape, chunk_shape, dimensions, element, fill, codecs, attributes, prefix: "", separator })
}

fn element(dtype: &str, is_text: bool) -> Result<Element, Refusal> {
    let refused = || Refusal::new(Reason::ElementType, format!("elements of type `{dtype}`"));
    if is_text {
        return if dtype == "|O" { Ok(Element::VariableText) } else { Err(refused()) };
    }
    let (order, kind) = dtype.split_at_checked(1).ok_or_else(refused)?;
    let endian = if order == ">" { Endian::Big } else { Endian::Little };
    let number = |dtype: DType| Ok(Element::Number(dtype, endian));
    match kind {
        "u1" | "b1" => number(DType::UInt8),
        "i1" => number(DType::Int8),
        "u2" => number(DType::UInt16),
        "i2" => number(DType::Int16),
        "u4" => number(DType::UInt32),
        "i4" => number(DType::Int32),
        "u8" => number(DType::UInt64),
        "i8" => number(DType::Int64),
        "f2" => Ok(Element::Float16(endian)),
        "f4" => number(DType::Float32),
        "f8" => number(DType::Float64),
        _ => {
            let (letter, size) = kind.split_at_checked(1).ok_or_else(refused)?;
            let size: u32 = size.parse().ok().filter(|n| (1..=1 << 20).contains(n)).ok_or_else(refused)?;
            match letter {
                "S" => Ok(Element::Text { bytes: size, padding: Padding::Null }),
                "V" => Ok(Element::Opaque(size)),
                _ => Err(refused()),
            }
        }
    }
}

/// The bytes of a fill value, as both versions of Zarr write it.
pub(super) fn fill(kind: Element, value: Option<&Json>) -> Result<Option<Vec<u8>>, Refusal> {
    let value = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(value) => value,
    };
    let wrong = || inconsistent(format!("a fill value of {value}"));
    let number = match value {
        Json::Int(i) => Number::Int(*i),
        Json::Float(f) => Number::Float(*f),
        Json::Bool(b) => Number::Int((*b).into()),
        Json::Text(text) => match (kind, text.as_str()) {
            (Element::VariableText | Element::Other, _) => return Ok(None),
            (Element::Text { bytes, .. } | Element::Opaque(bytes), text) => return padded(text, bytes as usize).ok_or_else(wrong),
            (_, "NaN") => Number::Float(f64::NAN),
            (_, "Infinity") => Number::Float(f64::INFINITY),
            (_, "-Infinity") => Number::Float(f64::NEG_INFINITY),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    match kind {
        // Some writers say 0 for any element.
        Element::Text { .. } | Element::Opaque(_) if number.same(Number::Int(0)) => Ok(None),
        Element::VariableText => Ok(None),
        _ => element::bytes(kind, number).map(Some).ok_or_else(wrong),
    }
}

/// Text fills are short; many long ones would take more memory than their document.
const LONGEST_FILL: usize = 4096;

/// The bytes of a fill value in base64, filled up with zero; inside, `None` for nothing else.
fn padded(text: &str, size: usize) -> Option<Option<Vec<u8>>> {
    let mut bytes = BASE64.decode(text).ok()?;
    if bytes.iter().all(|b| *b == 0) && bytes.len() <= size {
        return Some(None);
    }
    if bytes.len() > size || size > LONGEST_FILL {
        return None;
    }
    bytes.resize(size, 0);
    Some(Some(bytes))
}

fn codec(config: &Json) -> Result<Codec, Refusal> {
    let id = config.get("id").and_then(Json::text).unwrap_or_default();
    named(id, config)
}

/// A codec by the name that numcodecs gives it.
pub(super) fn named(id: &str, config: &Json) -> Result<Codec, Refusal> {
    let number = |name: &str| match config.get(name) {
        Some(Json::Int(i)) => Some(*i),
        _ => None,
    };
    let level = |most: u8| number("level").and_then(|n| u8::try_from(n).ok()).map(|n| n.min(most));
    Ok(match id {
        "shuffle" => {
            let size = number("elementsize").map_or(Some(4), |n| u32::try_from(n).ok()).filter(|n| *n > 0);
            Codec::Shuffle { element_size: size.ok_or_else(|| inconsistent("a shuffle by no bytes"))? }
        }
        "zlib" => Codec::Deflate { level: level(9) },
        "fletcher32" => Codec::Fletcher32,
        "zstd" => Codec::Zstd { level: number("level").and_then(|n| i32::try_from(n).ok()) },
        "bz2" => Codec::Bzip2 { level: level(9) },
        "blosc" => blosc(config),
        _ => return Err(Refusal::new(Reason::Codec, format!("the codec `{id}` of Zarr is not known here"))),
    })
}

fn blosc(config: &Json) -> Codec {
    let number = |name: &str| match config.get(name) {
        Some(Json::Int(i)) => u32::try_from(*i).unwrap_or(0),
        _ => 0,
    };
    let shuffle = match config.get("shuffle") {
        Some(Json::Int(0)) => BloscShuffle::No,
        Some(Json::Int(2)) => BloscShuffle::Bit,
        Some(Json::Text(text)) if text == "noshuffle" => BloscShuffle::No,
        Some(Json::Text(text)) if text == "bitshuffle" => BloscShuffle::Bit,
        _ => BloscShuffle::Byte,
    };
    let compressor = config.get("cname").and_then(Json::text).unwrap_or("lz4").to_owned();
    let level = u8::try_from(number("clevel").min(9)).unwrap_or(5);
    Codec::Blosc(Blosc { compressor, level, shuffle, type_size: number("typesize").max(1), block_size: number("blocksize") })
}
