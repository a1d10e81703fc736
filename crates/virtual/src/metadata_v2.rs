//! Metadata of Zarr v2, as plain zarr-python and xarray read it in Kerchunk references.

use cube_core::DType;
use cube_manifest::{Attribute, Blosc, BloscShuffle, Codec, Element, Endian, Refusal};

use crate::{
    Array, attributes, element,
    json::{Json, object},
    metadata_v3::fill_value,
};

/// `.zgroup`
pub(crate) fn zgroup() -> Json {
    object([("zarr_format", Json::Int(2))])
}

/// `.zattrs` of a group.
pub(crate) fn group_attributes(attributes: &[Attribute]) -> Json {
    Json::Object(attributes::members(attributes))
}

/// An array in the words of Zarr v2.
pub(crate) struct Documents {
    /// `.zarray`
    pub(crate) zarray: Json,
    /// `.zattrs`
    pub(crate) zattrs: Json,
    /// Whether chunks that are not stored must be written out, because no document says what they hold.
    pub(crate) write_absent: bool,
}

/// The documents of an array.
///
/// # Errors
/// A refusal for what Zarr has no words for.
pub(crate) fn array(array: &Array) -> Result<Documents, Refusal> {
    if let Some(refusal) = array.must_be_stored() {
        return Err(refusal);
    }
    let Fill { value, attribute, write_absent } = fill(array);
    let mut encoders: Vec<Json> = array.codecs.iter().map(codec).collect();
    let compressor = array.codecs.last().filter(|c| !matches!(c, Codec::Shuffle { .. } | Codec::Fletcher32)).and_then(|_| encoders.pop());
    if matches!(array.element, Element::VariableText) {
        encoders.insert(0, object([("id", Json::from("vlen-utf8"))]));
    }
    let zarray = object([
        ("zarr_format", Json::Int(2)),
        ("shape", array.shape.as_slice().into()),
        ("chunks", array.chunk_shape.as_slice().into()),
        ("dtype", Json::Text(dtype(array.element))),
        ("fill_value", value),
        ("order", "C".into()),
        ("filters", if encoders.is_empty() { Json::Null } else { Json::List(encoders) }),
        ("dimension_separator", ".".into()),
        ("compressor", compressor.unwrap_or(Json::Null)),
    ]);
    let mut members = attributes::members(&array.attributes);
    members.retain(|(name, _)| name != "_FillValue" || attribute);
    members.push(("_ARRAY_DIMENSIONS".into(), Json::List(array.dimensions.iter().cloned().map(Json::Text).collect())));
    Ok(Documents { zarray, zattrs: Json::Object(members), write_absent })
}

struct Fill {
    value: Json,
    /// Whether `_FillValue` stays an attribute.
    attribute: bool,
    write_absent: bool,
}

/// In Zarr v2, xarray takes the fill value of unwritten chunks for the missing value too. Where the two differ, the document names none (zero is
/// what zarr-python then gives), and chunks that hold something else must be written.
fn fill(array: &Array) -> Fill {
    let stored = array.fill.as_deref().filter(|f| f.iter().any(|b| *b != 0));
    let missing = array.attribute("_FillValue").and_then(attributes::single).map(|(_, n)| n);
    let missing = missing.and_then(|n| element::bytes(array.element, n));
    let size = array.element.size().unwrap_or(0);
    let is_same = |missing: &[u8]| {
        let stored = element::filled(stored, size);
        missing == stored || element::number(array.element, missing).zip(element::number(array.element, &stored)).is_some_and(|(a, b)| a.same(b))
    };
    match missing {
        Some(missing) if is_same(&missing) || array.is_complete() => {
            Fill { value: fill_value(array.element, Some(&missing)), attribute: false, write_absent: false }
        }
        missing => Fill { value: Json::Null, attribute: missing.is_some(), write_absent: stored.is_some() && !array.is_complete() },
    }
}

fn dtype(element: Element) -> String {
    let order = match (element.size(), element.endian()) {
        (Some(1), _) => '|',
        (_, Endian::Little) => '<',
        (_, Endian::Big) => '>',
    };
    match element {
        Element::Number(dtype, _) => {
            let kind = match dtype {
                DType::UInt8 | DType::UInt16 | DType::UInt32 | DType::UInt64 => 'u',
                DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => 'i',
                DType::Float32 | DType::Float64 => 'f',
            };
            format!("{order}{kind}{}", dtype.size())
        }
        Element::Float16(_) => format!("{order}f2"),
        Element::Text { bytes, .. } => format!("|S{bytes}"),
        Element::Opaque(bytes) => format!("|V{bytes}"),
        Element::VariableText | Element::Other => "|O".to_owned(),
    }
}

fn codec(codec: &Codec) -> Json {
    let number = |n: i64| Json::Int(n.into());
    match codec {
        Codec::Shuffle { element_size } => object([("id", "shuffle".into()), ("elementsize", number((*element_size).into()))]),
        Codec::Deflate { level } => object([("id", "zlib".into()), ("level", number(level.unwrap_or(6).min(9).into()))]),
        Codec::Fletcher32 => object([("id", Json::from("fletcher32"))]),
        Codec::Zstd { level } => object([("id", "zstd".into()), ("level", number(level.unwrap_or(3).into()))]),
        Codec::Bzip2 { level } => object([("id", "bz2".into()), ("level", number(level.unwrap_or(9).clamp(1, 9).into()))]),
        Codec::Blosc(Blosc { compressor, level, shuffle, block_size, .. }) => {
            let shuffle = match shuffle {
                BloscShuffle::No => 0,
                BloscShuffle::Byte => 1,
                BloscShuffle::Bit => 2,
            };
            object([
                ("id", "blosc".into()),
                ("cname", compressor.as_str().into()),
                ("clevel", number((*level).min(9).into())),
                ("shuffle", number(shuffle)),
                ("blocksize", number((*block_size).into())),
            ])
        }
        // Refused before.
        Codec::Other { name, .. } => object([("id", Json::Text(name.clone()))]),
    }
}
