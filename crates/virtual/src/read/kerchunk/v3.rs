//! Metadata of Zarr v3.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue, Codec, Element, Endian, Padding, Reason, Refusal};

use super::{
    attributes::{attributes, dtype},
    inconsistent,
    metadata::{Description, dimensions, grid},
    v2,
};
use crate::{element, json::Json};

/// The attributes of a group.
pub(super) fn group(document: &Json) -> Vec<Attribute> {
    attributes(document.get("attributes"))
}

/// An array, from its `zarr.json`.
pub(super) fn array(path: &str, document: &Json) -> Result<Description, Refusal> {
    let chunks = document.get("chunk_grid").filter(|g| name(g) == Some("regular")).and_then(|g| configured(g, "chunk_shape"));
    let (shape, chunk_shape) = grid(document.get("shape").and_then(Json::numbers), chunks.and_then(Json::numbers))?;
    if document.get("storage_transformers").is_some_and(|t| *t != Json::List(Vec::new()) && *t != Json::Null) {
        return Err(Refusal::new(Reason::Layout, "its chunks are transformed when they are stored"));
    }
    let list = match document.get("codecs") {
        Some(Json::List(codecs)) => codecs.as_slice(),
        _ => return Err(inconsistent("its codecs are no list")),
    };
    let (serializer, encoders) = list.split_first().ok_or_else(|| inconsistent("it has no codecs"))?;
    let element = element(document.get("data_type"), serializer)?;
    let codecs = encoders.iter().map(codec).collect::<Result<Vec<_>, _>>()?;
    let fill = v2::fill(element, document.get("fill_value"))?;
    let encoding = document.get("chunk_key_encoding");
    let separator = encoding.and_then(|e| configured(e, "separator")).and_then(Json::text);
    let (prefix, separator) = match (encoding.and_then(name), separator) {
        (Some("v2"), Some("/")) => ("", '/'),
        (Some("v2"), _) => ("", '.'),
        (_, Some(".")) => ("c", '.'),
        _ => ("c", '/'),
    };
    let dimensions = dimensions(path, document.get("dimension_names"), shape.len());
    let mut attributes = attributes(document.get("attributes"));
    attributes.iter_mut().for_each(|a| unpack(element, a));
    Ok(Description { shape, chunk_shape, dimensions, element, fill, codecs, attributes, prefix, separator })
}

fn name(document: &Json) -> Option<&str> {
    document.text().or_else(|| document.get("name").and_then(Json::text))
}

fn configured<'a>(document: &'a Json, member: &str) -> Option<&'a Json> {
    document.get("configuration").and_then(|c| c.get(member))
}

fn element(data_type: Option<&Json>, serializer: &Json) -> Result<Element, Refusal> {
    let refused = || Refusal::new(Reason::ElementType, format!("elements of type {}", data_type.unwrap_or(&Json::Null)));
    let data_type = data_type.ok_or_else(refused)?;
    let kind = name(data_type).ok_or_else(refused)?;
    match (name(serializer), kind) {
        (Some("vlen-utf8"), "string") => return Ok(Element::VariableText),
        (Some("bytes"), _) => {}
        (codec, _) => return Err(Refusal::new(Reason::Codec, format!("the codec `{}` of Zarr is not known here", codec.unwrap_or_default()))),
    }
    let endian = if configured(serializer, "endian").and_then(Json::text) == Some("big") { Endian::Big } else { Endian::Little };
    let bytes = match configured(data_type, "length_bytes") {
        Some(Json::Int(n)) => u32::try_from(*n).ok().filter(|n| (1..=1 << 20).contains(n)),
        _ => None,
    };
    match kind {
        "bool" => Ok(Element::Number(DType::UInt8, Endian::Little)),
        "float16" => Ok(Element::Float16(endian)),
        "null_terminated_bytes" => Ok(Element::Text { bytes: bytes.ok_or_else(refused)?, padding: Padding::Null }),
        "raw_bytes" => Ok(Element::Opaque(bytes.ok_or_else(refused)?)),
        _ => DType::ALL.into_iter().find(|d| d.name() == kind).map(|d| Element::Number(d, endian)).ok_or_else(refused),
    }
}

fn codec(document: &Json) -> Result<Codec, Refusal> {
    let id = name(document).unwrap_or_default();
    let nothing = Json::Object(Vec::new());
    let configuration = document.get("configuration").unwrap_or(&nothing);
    match id {
        "zstd" | "blosc" => v2::named(id, configuration),
        _ => v2::named(
            id.strip_prefix("numcodecs.").ok_or_else(|| Refusal::new(Reason::Codec, format!("the codec `{id}` of Zarr is not known here")))?,
            configuration,
        ),
    }
}

/// Missing values stand in base64, as xarray packs them.
fn unpack(kind: Element, attribute: &mut Attribute) {
    if attribute.name != "_FillValue" {
        return;
    }
    let number = match &attribute.value {
        AttributeValue::Text(text) if element::is_float(kind) => {
            BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(|bytes| Number::Float(f64::from_le_bytes(bytes)))
        }
        AttributeValue::Number(_, n) => Some(*n),
        _ => None,
    };
    if let (Some(dtype), Some(n)) = (dtype(kind), number) {
        attribute.value = AttributeValue::Number(dtype, n);
    }
}
