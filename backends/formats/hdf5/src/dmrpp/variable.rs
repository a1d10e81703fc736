//! From a variable as it is written to one of the manifest.

use bytes::Bytes;
use cube_manifest::{Attribute, AttributeValue, ChunkRefs, Codec, Data, Element, Endian, Padding, Reason, Refusal, Variable};

use super::{
    chunks::Layout,
    document::Document,
    draft::{Draft, Kind},
    error::Fault,
    fill, values,
    xml::shortened,
};

/// HDF5 filters that have a name, but no place in DMR++.
const OTHER_FILTERS: [(&str, u32); 11] = [
    ("szip", 4),
    ("nbit", 5),
    ("scaleoffset", 6),
    ("bzip2", 307),
    ("lzf", 32000),
    ("blosc", 32001),
    ("lz4", 32004),
    ("bitshuffle", 32008),
    ("zfp", 32013),
    ("zstd", 32015),
    ("blosc2", 32026),
];
/// What is written for the fill value of text of any kind.
const UNSUPPORTED_TEXT: &str = "unsupported-string";
/// Bytes by which HDF5 says where text of any length is.
const HEAP_REFERENCE: u64 = 16;
/// Bytes of a checksum.
const FLETCHER32: u64 = 4;

/// What a variable's data and description come to.
struct Parts {
    element: Element,
    codecs: Vec<Codec>,
    fill: Option<Vec<u8>>,
    data: Data,
}

/// Puts a variable together.
///
/// # Errors
/// When its array is larger than any file.
pub(super) fn finish(mut draft: Draft, document: &mut Document<'_>) -> Result<Variable, Fault> {
    let attributes = std::mem::take(&mut draft.attributes).finish();
    let element = element(&draft, document.versioned);
    let size = element.as_ref().ok().and_then(|e| e.size()).unwrap_or(1).max(1) as u64;
    let bytes = draft.shape.iter().try_fold(size, |n, size| n.checked_mul((*size).max(1))).filter(|n| *n < 1 << 63);
    if bytes.is_none() {
        return Err(Fault::Size { name: draft.path, shape: draft.shape });
    }
    let enumeration = match &draft.kind {
        Kind::Enumeration(_, values) => values.clone(),
        _ => Vec::new(),
    };
    let (name, dimensions, shape) = (draft.name.clone(), draft.dimensions.clone(), draft.shape.clone());
    let known = *element.as_ref().unwrap_or(&Element::Other);
    let parts = match draft.refuse.take() {
        Some(refusal) => Err(refusal),
        None => element.and_then(|element| parts(draft, element, &attributes, document)),
    };
    let (element, codecs, fill, data) = match parts {
        Ok(parts) => (parts.element, parts.codecs, parts.fill, Ok(parts.data)),
        Err(refusal) => (known, Vec::new(), None, Err(refusal)),
    };
    Ok(Variable { name, dimensions, shape, element, enumeration, attributes, fill, codecs, data })
}

fn element(draft: &Draft, versioned: bool) -> Result<Element, Refusal> {
    let endian = draft.layout.as_ref().and_then(|l| l.endian).unwrap_or(Endian::Little);
    let layout = draft.layout.as_ref();
    let fill = layout.and_then(|l| l.fill.as_deref()).unwrap_or_default();
    let refused = |what: &str| Err(Refusal::new(Reason::ElementType, what));
    match &draft.kind {
        _ if ["unsupported-variable-length-string", "unsupported-array", "unsupported-compound"].contains(&fill) && draft.texts.is_none() => {
            refused(fill)
        }
        Kind::Number(dtype) | Kind::Enumeration(dtype, _) => Ok(Element::Number(*dtype, endian)),
        Kind::Character => Ok(Element::Text { bytes: 1, padding: Padding::Null }),
        Kind::Other(name) => refused(name),
        Kind::Opaque => match layout.and_then(|l| l.only_length().filter(|_| l.filters.is_empty() && l.chunk_shape.is_none())) {
            Some(length) => opaque(length, &draft.shape),
            None => refused("opaque bytes of a length that is not stated"),
        },
        Kind::Text if draft.texts.is_some() => Ok(Element::VariableText),
        Kind::Text => match draft.fixed_text {
            Some((bytes, padding)) if bytes > 0 => Ok(Element::Text { bytes, padding }),
            Some(_) => refused("text of no length"),
            None if !draft.shape.is_empty() => refused("text of a length that is not stated"),
            // Sidecars once gave, for text of any length, the place where HDF5 notes where it is.
            None if layout.and_then(Layout::only_length) == Some(HEAP_REFERENCE) && (fill == UNSUPPORTED_TEXT || !versioned) => {
                refused("text that may be of any length, and elsewhere in the file")
            }
            // The length of a scalar's text is that of its only chunk.
            None => Ok(match layout.and_then(Layout::only_length).map(u32::try_from) {
                Some(Ok(bytes)) if bytes > 0 => Element::Text { bytes, padding: Padding::NullTerminated },
                _ => Element::VariableText,
            }),
        },
    }
}

fn opaque(length: u64, shape: &[u64]) -> Result<Element, Refusal> {
    let elements = shape.iter().product::<u64>().max(1);
    match u32::try_from(length / elements) {
        Ok(bytes) if bytes > 0 && length.is_multiple_of(elements) => Ok(Element::Opaque(bytes)),
        _ => Err(Refusal::new(Reason::Inconsistent, format!("{length} opaque bytes in {elements} elements"))),
    }
}

fn parts(draft: Draft, element: Element, attributes: &[Attribute], document: &mut Document<'_>) -> Result<Parts, Refusal> {
    let elements: u64 = draft.shape.iter().product();
    let listed = draft.layout.as_ref().is_some_and(|l| !l.is_empty());
    let sources = [listed, draft.compact.is_some(), draft.missing_data.is_some(), draft.texts.is_some()];
    if sources.iter().filter(|s| **s).count() > 1 {
        return Err(Refusal::new(Reason::Inconsistent, "values in more than one place"));
    }
    let filled = draft.layout.as_ref().and_then(|l| l.fill.clone());
    if let Some(texts) = draft.texts {
        if texts.len() as u64 != elements {
            return Err(Refusal::new(Reason::Inconsistent, format!("{} texts in an array of {elements}", texts.len())));
        }
        return Ok(Parts { element, codecs: Vec::new(), fill: None, data: Data::Text(texts) });
    }
    if let Some(bytes) = draft.compact {
        return if element == Element::VariableText {
            compact_text(bytes)
        } else {
            inline(element, &draft.shape, bytes, Vec::new(), filled, attributes)
        };
    }
    if let Some(bytes) = draft.missing_data {
        return missing_data(element, &draft.shape, elements, bytes, document);
    }
    let Some(layout) = draft.layout else {
        return Err(Refusal::new(Reason::NotStored, "the sidecar has no reference to its values"));
    };
    if element == Element::VariableText {
        return Ok(text_of_fill(&filled.unwrap_or_default()));
    }
    stored(layout, element, &draft.shape, attributes, document)
}

/// A scalar text of which nothing is stored.
fn text_of_fill(fill: &str) -> Parts {
    let text = if fill == UNSUPPORTED_TEXT { "" } else { fill };
    Parts { element: Element::VariableText, codecs: Vec::new(), fill: None, data: Data::Text(vec![text.to_owned()]) }
}

/// A scalar text in the sidecar: whether it is of fixed length in the file is not known.
fn compact_text(mut bytes: Vec<u8>) -> Result<Parts, Refusal> {
    if let Some(end) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(end);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Parts { element: Element::VariableText, codecs: Vec::new(), fill: None, data: Data::Text(vec![text]) }),
        Err(e) => {
            let element = Element::Text { bytes: e.as_bytes().len() as u32, padding: Padding::Null };
            inline(element, &[], e.into_bytes(), Vec::new(), None, &[])
        }
    }
}

/// Values that the sidecar carries, as one chunk.
fn inline(
    element: Element,
    shape: &[u64],
    bytes: Vec<u8>,
    codecs: Vec<Codec>,
    fill: Option<String>,
    attributes: &[Attribute],
) -> Result<Parts, Refusal> {
    let expected = expected_length(element, shape.iter().product());
    if codecs.is_empty() && expected != Some(bytes.len() as u64) {
        return Err(Refusal::new(Reason::Inconsistent, format!("{} bytes of values in an array of shape {shape:?}", bytes.len())));
    }
    let mut references = ChunkRefs::new(shape, shape.iter().map(|size| (*size).max(1)).collect())?;
    if references.capacity() > 0 {
        references.push_inline(0, Bytes::from(bytes), 0)?;
    }
    let fill = fill_bytes(fill.as_deref(), element, attributes, false)?;
    Ok(Parts { element, codecs, fill, data: Data::Chunks(references) })
}

/// Values that are not in the data file at all, but were computed by who made the sidecar, on a little-endian machine: zlib, or the bytes
/// themselves when there is only one element.
fn missing_data(element: Element, shape: &[u64], elements: u64, bytes: Vec<u8>, document: &mut Document<'_>) -> Result<Parts, Refusal> {
    let element = match element {
        Element::Number(dtype, _) => Element::Number(dtype, Endian::Little),
        Element::VariableText => return Err(Refusal::new(Reason::ElementType, "text in `missingdata`")),
        other => other,
    };
    if elements == 1 {
        return inline(element, shape, bytes, Vec::new(), None, &[]);
    }
    let expected = expected_length(element, elements).unwrap_or(u64::MAX);
    values::check_zlib(&bytes, expected, &mut document.budget)?;
    inline(element, shape, bytes, vec![Codec::Deflate { level: None }], None, &[])
}

fn stored(layout: Layout, element: Element, shape: &[u64], attributes: &[Attribute], document: &Document<'_>) -> Result<Parts, Refusal> {
    if layout.struct_offsets {
        return Err(Refusal::new(Reason::Layout, "elements are parts of a structure"));
    }
    let codecs = codecs(&layout, element, document.versioned)?;
    let mut filled = layout.fill.clone();
    let references = layout.references(shape, |elements, mask| {
        let applied = || codecs.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 0).map(|(_, codec)| codec);
        let plain = applied().all(|c| matches!(c, Codec::Shuffle { .. } | Codec::Fletcher32));
        let checksums = applied().filter(|c| matches!(c, Codec::Fletcher32)).count() as u64;
        // A product beyond 64 bits is no length that a chunk can have.
        plain.then(|| expected_length(element, elements).and_then(|n| n.checked_add(checksums * FLETCHER32)).unwrap_or(u64::MAX))
    })?;
    let absent = (references.len() as u64) < references.capacity();
    if absent && filled.is_none() && !document.versioned {
        // Programs that did not yet write a version did not write fill values either.
        filled = Some(stated_fill(attributes).ok_or_else(|| Refusal::new(Reason::NotStored, "the sidecar does not say what absent chunks hold"))?);
    }
    let fill = fill_bytes(filled.as_deref(), element, attributes, absent)?;
    Ok(Parts { element, codecs, fill, data: Data::Chunks(references) })
}

/// The fill value as netCDF's attribute says it, which is HDF5's own in files that netCDF wrote.
fn stated_fill(attributes: &[Attribute]) -> Option<String> {
    match attributes.iter().find(|a| a.name == "_FillValue").map(|a| &a.value)? {
        AttributeValue::Number(_, number) => Some(number.to_string()),
        AttributeValue::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn expected_length(element: Element, elements: u64) -> Option<u64> {
    elements.checked_mul(element.size()? as u64)
}

/// The fill value; `needed` says that elements have it, so that it must not be in doubt.
fn fill_bytes(text: Option<&str>, element: Element, attributes: &[Attribute], needed: bool) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    match element {
        Element::Number(dtype, endian) => {
            let attribute = attributes.iter().find(|a| a.name == "_FillValue").map(|a| &a.value);
            let fill = fill::of_number(text, dtype, endian, attribute)?;
            if needed && fill.doubtful {
                return Err(Refusal::new(
                    Reason::Inconsistent,
                    format!("fill value `{text}` of a big-endian variable may be meant with its bytes swapped"),
                ));
            }
            Ok(Some(fill.bytes))
        }
        Element::Text { bytes, padding } => {
            let text = if text == UNSUPPORTED_TEXT { "" } else { text };
            fill::of_text(text, bytes, padding)
        }
        _ => Ok(None),
    }
}

/// The pipeline, first step first.
///
/// Programs that did not yet write a version did not keep to that order: of their documents the words say which filters there are, and
/// HDF5's own habit says the order.
fn codecs(layout: &Layout, element: Element, versioned: bool) -> Result<Vec<Codec>, Refusal> {
    let mut words: Vec<&str> = layout.filters.split_ascii_whitespace().collect();
    if !versioned {
        words.sort_by_key(|word| ["shuffle", "deflate", "fletcher32"].iter().position(|w| w == word));
        words.dedup();
        if layout.has_masks() && words.len() > 1 {
            return Err(Refusal::new(Reason::Codec, "filter masks of a pipeline whose order is not known"));
        }
    }
    let mut levels = layout.levels.split_ascii_whitespace().map(|level| level.parse().ok());
    words
        .into_iter()
        .map(|word| match word {
            "shuffle" => Ok(Codec::Shuffle { element_size: element.size().unwrap_or(1) as u32 }),
            "deflate" => Ok(Codec::Deflate { level: levels.next().flatten() }),
            "fletcher32" => Ok(Codec::Fletcher32),
            other => {
                let id = OTHER_FILTERS.iter().find(|(name, _)| *name == other).map(|(_, id)| format!(" ({id})")).unwrap_or_default();
                Err(Refusal::new(Reason::Codec, format!("filter `{}`{id}", shortened(other))))
            }
        })
        .collect()
}
