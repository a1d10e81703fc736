//! Metadata of Zarr v3, as plain zarr-python and xarray read it.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cube_core::Number;
use cube_manifest::{Attribute, Blosc, BloscShuffle, Codec, Element, Endian, Refusal};

use crate::{
    Array, attributes, element,
    json::{Json, object},
};

/// The document of a group.
pub(crate) fn group(attributes: &[Attribute]) -> Json {
    object([("zarr_format", Json::Int(3)), ("node_type", "group".into()), ("attributes", Json::Object(attributes::members(attributes)))])
}

/// The document of an array.
///
/// # Errors
/// A refusal for what Zarr has no words for.
pub(crate) fn array(array: &Array) -> Result<Json, Refusal> {
    if let Some(refusal) = array.must_be_stored() {
        return Err(refusal);
    }
    let names = array.dimensions.iter().map(|d| Json::Text(d.clone())).collect();
    Ok(object([
        ("zarr_format", Json::Int(3)),
        ("node_type", "array".into()),
        ("shape", array.shape.as_slice().into()),
        ("data_type", data_type(array.element)),
        ("chunk_grid", named("regular", [("chunk_shape", array.chunk_shape.as_slice().into())])),
        ("chunk_key_encoding", named("default", [("separator", "/".into())])),
        ("fill_value", fill_value(array.element, array.fill.as_deref())),
        ("codecs", Json::List(std::iter::once(serializer(array.element)).chain(array.codecs.iter().map(codec)).collect())),
        ("attributes", Json::Object(array_attributes(array))),
        ("dimension_names", Json::List(names)),
        ("storage_transformers", Json::List(Vec::new())),
    ]))
}

fn named<const N: usize>(name: &str, configuration: [(&str, Json); N]) -> Json {
    object([("name", name.into()), ("configuration", object(configuration))])
}

fn data_type(element: Element) -> Json {
    match element {
        Element::Number(dtype, _) => dtype.name().into(),
        Element::Float16(_) => "float16".into(),
        Element::Text { bytes, .. } => named("null_terminated_bytes", [("length_bytes", Json::Int(bytes.into()))]),
        Element::Opaque(bytes) => named("raw_bytes", [("length_bytes", Json::Int(bytes.into()))]),
        Element::VariableText | Element::Other => "string".into(),
    }
}

fn serializer(element: Element) -> Json {
    match element {
        Element::VariableText | Element::Other => named("vlen-utf8", []),
        _ if element.size().is_some_and(|s| s > 1) && matches!(element, Element::Number(..) | Element::Float16(_)) => {
            let order = if element.endian() == Endian::Big { "big" } else { "little" };
            named("bytes", [("endian", order.into())])
        }
        _ => object([("name", Json::from("bytes"))]),
    }
}

fn codec(codec: &Codec) -> Json {
    match codec {
        Codec::Shuffle { element_size } => named("numcodecs.shuffle", [("elementsize", Json::Int((*element_size).into()))]),
        Codec::Deflate { level } => named("numcodecs.zlib", [("level", Json::Int(level.unwrap_or(6).min(9).into()))]),
        Codec::Fletcher32 => named("numcodecs.fletcher32", []),
        Codec::Zstd { level } => {
            named("zstd", [("level", Json::Int(level.unwrap_or(3).clamp(-131_072, 22).into())), ("checksum", Json::Bool(false))])
        }
        Codec::Bzip2 { level } => named("numcodecs.bz2", [("level", Json::Int(level.unwrap_or(9).clamp(1, 9).into()))]),
        Codec::Blosc(Blosc { compressor, level, shuffle, type_size, block_size }) => {
            let shuffle = match shuffle {
                BloscShuffle::No => "noshuffle",
                BloscShuffle::Byte => "shuffle",
                BloscShuffle::Bit => "bitshuffle",
            };
            named(
                "blosc",
                [
                    ("cname", compressor.as_str().into()),
                    ("clevel", Json::Int((*level).min(9).into())),
                    ("shuffle", shuffle.into()),
                    ("typesize", Json::Int((*type_size).max(1).into())),
                    ("blocksize", Json::Int((*block_size).into())),
                ],
            )
        }
        // Refused before.
        Codec::Other { name, .. } => named(name, []),
    }
}

/// A fill value in JSON, the same in both versions of Zarr.
pub(crate) fn fill_value(element: Element, fill: Option<&[u8]>) -> Json {
    let zero = vec![0; element.size().unwrap_or(0)];
    let fill = fill.unwrap_or(&zero);
    match element {
        Element::Number(..) | Element::Float16(_) => match element::number(element, fill) {
            Some(Number::Int(i)) => Json::Int(i),
            Some(Number::Float(f)) if f.is_nan() => "NaN".into(),
            Some(Number::Float(f)) if f.is_infinite() => if f > 0.0 { "Infinity" } else { "-Infinity" }.into(),
            Some(Number::Float(f)) => Json::Float(f),
            None => Json::Int(0),
        },
        Element::Text { .. } => {
            let length = fill.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
            Json::Text(BASE64.encode(&fill[..length]))
        }
        Element::Opaque(_) => Json::Text(BASE64.encode(fill)),
        Element::VariableText | Element::Other => "".into(),
    }
}

/// In Zarr v3, xarray takes the fill value of unwritten chunks for what it is, and missing values from an attribute `_FillValue`, which it packs
/// itself (doubles in base64). It cannot unpack one for text.
fn array_attributes(array: &Array) -> Vec<(String, Json)> {
    let mut members = attributes::members(&array.attributes);
    let Some(at) = members.iter().position(|(name, _)| name == "_FillValue") else { return members };
    let number = array.attribute("_FillValue").and_then(attributes::single).map(|(_, n)| n);
    let packed = match (array.element, number) {
        (e, Some(n)) if element::is_float(e) => Some(Json::Text(BASE64.encode(n.as_f64().to_le_bytes()))),
        (Element::Number(..), Some(Number::Int(i))) => Some(Json::Int(i)),
        (Element::Number(..), Some(Number::Float(f))) if f.is_finite() => Some(Json::Float(f)),
        _ => None,
    };
    match packed {
        Some(packed) => members[at].1 = packed,
        None => drop(members.remove(at)),
    }
    members
}
