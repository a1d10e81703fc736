//! What is in one granule, and what of it can be virtual.

use cube_manifest::{Attribute, AttributeValue, Chunk, Codec, Data, Element, Endian, Granule, Group, Origin, Padding, Place, Reason, Variable};
use cube_virtual::Dataset;
use serde::Serialize;

use super::{
    fetch::Remote,
    granule::{ReadFrom, Reader, Sidecars},
    inputs::{AddressChoice, InputOptions, Inputs},
    report::dtype,
};
use crate::{Environment, Error, Result};

/// What is in one granule. The keys of its JSON form are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Inspected {
    /// Path or URL of the data file.
    pub file: String,
    /// What was read to know it.
    pub read_from: ReadFrom,
    /// A sidecar that could not be used, and why.
    pub ignored_sidecar: Option<String>,
    /// Bytes of the data file, when known.
    pub size: Option<u64>,
    /// Its groups, the root first.
    pub groups: Vec<InspectedGroup>,
}

/// A group.
#[derive(Debug, Clone, Serialize)]
pub struct InspectedGroup {
    /// Full path.
    pub path: String,
    /// Names of its attributes.
    pub attributes: Vec<String>,
    /// Dimensions that it declares.
    pub dimensions: Vec<InspectedDimension>,
    /// Its variables.
    pub variables: Vec<InspectedVariable>,
}

/// A dimension.
#[derive(Debug, Clone, Serialize)]
pub struct InspectedDimension {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size: u64,
    /// Whether it may grow; not known from most sidecars.
    pub unlimited: bool,
}

/// A variable.
#[derive(Debug, Clone, Serialize)]
pub struct InspectedVariable {
    /// Full path.
    pub path: String,
    /// Element type as numpy names it.
    pub dtype: String,
    /// Order of its bytes, for numbers of several bytes.
    pub byte_order: Option<&'static str>,
    /// Paths of its dimensions; none where the file names none.
    pub dimensions: Vec<Option<String>>,
    /// Length along each.
    pub shape: Vec<u64>,
    /// `chunked`, `contiguous`, `inline`, `text`, or `unknown` for what is refused.
    pub layout: &'static str,
    /// Elements of a chunk along each dimension.
    pub chunk_shape: Vec<u64>,
    /// Chunks of the grid.
    pub chunks: u64,
    /// Of these, in the file.
    pub in_file: u64,
    /// Of these, in the header or sidecar itself.
    pub inline: u64,
    /// Of these, not stored at all.
    pub absent: u64,
    /// Codecs, in the order in which chunks went through them.
    pub codecs: Vec<String>,
    /// What chunks hold that are not stored.
    pub fill: Option<String>,
    /// Units, scale and the like.
    pub attributes: Vec<String>,
    /// Bytes before compression.
    pub bytes: Option<u64>,
    /// Bytes in the file.
    pub stored_bytes: u64,
    /// What becomes of it in a virtual store.
    #[serde(flatten)]
    pub fate: Fate,
}

/// What becomes of a variable in a virtual store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum Fate {
    /// References lead to its chunks.
    Virtual {
        /// What is stored of it nevertheless.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Its values are stored.
    Stored {
        /// Why.
        note: String,
    },
    /// It is left out.
    Refused {
        /// One of a documented list.
        reason: Reason,
        /// What it is in this variable.
        detail: String,
    },
}

/// Describes one granule: a file, a URL, or a sidecar.
///
/// # Errors
/// What was named and is not there, or cannot be read.
pub async fn inspect(named: &str, sidecars: Sidecars, environment: &Environment) -> Result<Inspected> {
    let options = InputOptions { access: AddressChoice::Auto, asset: None };
    let inputs = Inputs::read(&[named.to_owned()], &options, environment.access()).await?;
    let [input] = inputs.granules.as_slice() else {
        return Err(Error::refused(format!("`{named}` is {} granules", inputs.granules.len()), "inspect them one by one"));
    };
    let read = Reader::new(environment.access().clone(), sidecars, None).read(input, &Remote(environment.access().clone())).await?;
    let Granule { origin, root } = read.granule;
    let mut groups = Vec::new();
    root.walk("/", &mut |path, group| groups.push(described(path, group, &origin)));
    let file = cube_access::public_name(&origin.url);
    Ok(Inspected { file, read_from: read.from, ignored_sidecar: read.ignored, size: origin.size, groups })
}

fn described(path: &str, group: &Group, origin: &Origin) -> InspectedGroup {
    let dimension = |d: &cube_manifest::Dimension| InspectedDimension { name: d.name.clone(), size: d.size, unlimited: d.unlimited };
    InspectedGroup {
        path: path.to_owned(),
        attributes: group.attributes.iter().map(attribute).collect(),
        dimensions: group.dimensions.iter().map(dimension).collect(),
        variables: group.variables.iter().map(|v| variable(path, v, origin)).collect(),
    }
}

fn variable(group: &str, v: &Variable, origin: &Origin) -> InspectedVariable {
    let chunks = match &v.data {
        Ok(Data::Chunks(chunks)) => Some(chunks),
        _ => None,
    };
    let bytes_in_file = |chunk: Chunk<'_>| if let Place::Reference(r) = chunk.place { Some(r.length) } else { None };
    let (mut in_file, mut inline, mut stored_bytes) = (0, 0, 0);
    for chunk in chunks.iter().flat_map(|c| c.iter()) {
        match bytes_in_file(chunk) {
            Some(length) => (in_file, stored_bytes) = (in_file + 1, stored_bytes + length),
            None => inline += 1,
        }
    }
    let capacity = chunks.map_or(0, cube_manifest::ChunkRefs::capacity);
    let element_size = v.element.size().filter(|_| v.element != Element::VariableText);
    InspectedVariable {
        path: format!("{}/{}", group.trim_end_matches('/'), v.name),
        dtype: dtype(v.element),
        byte_order: byte_order(v.element),
        dimensions: v.dimensions.clone(),
        shape: v.shape.clone(),
        layout: match &v.data {
            Err(_) => "unknown",
            Ok(Data::Text(_)) => "text",
            Ok(Data::Chunks(_)) if inline > 0 && in_file == 0 => "inline",
            Ok(Data::Chunks(chunks)) if v.codecs.is_empty() && chunks.chunk_shape() == v.shape => "contiguous",
            Ok(Data::Chunks(_)) => "chunked",
        },
        chunk_shape: chunks.map(|c| c.chunk_shape().to_vec()).unwrap_or_default(),
        chunks: capacity,
        in_file,
        inline,
        absent: capacity.saturating_sub(in_file + inline),
        codecs: v.codecs.iter().map(codec).collect(),
        fill: v.fill.as_deref().map(|bytes| fill(v.element, bytes)),
        attributes: v.attributes.iter().map(attribute).collect(),
        bytes: element_size.and_then(|size| v.len()?.checked_mul(size as u64)),
        stored_bytes,
        fate: fate(v, origin),
    }
}

/// Text with a padding that Zarr does not know is stored, up to so many bytes.
const MOST_TEXT: u64 = 1 << 20;

fn fate(v: &Variable, origin: &Origin) -> Fate {
    let refused = |refusal: &cube_manifest::Refusal| Fate::Refused { reason: refusal.reason, detail: refusal.detail.clone() };
    let data = match &v.data {
        Err(refusal) => return refused(refusal),
        Ok(data) => data,
    };
    let alone = Granule { origin: origin.clone(), root: Group { variables: vec![v.clone()], ..Group::default() } };
    if let Some(r) = Dataset::from_granule(alone).refused.first() {
        return refused(&r.refusal);
    }
    if let Some(Codec::Other { id, name, .. }) = v.codecs.iter().find(|c| matches!(c, Codec::Other { .. })) {
        let way = if cube_manifest::is_decodable(*id) { "; --materialize-unsupported decodes and stores it" } else { "" };
        return Fate::Refused { reason: Reason::Codec, detail: format!("`{name}` (HDF5 filter {id}) has no counterpart in Zarr{way}") };
    }
    let chunks = match data {
        Data::Text(_) => return Fate::Stored { note: "text of any length is stored".to_owned() },
        Data::Chunks(chunks) => chunks,
    };
    if let Element::Text { padding: Padding::Space, bytes: 1.. } = v.element {
        let bytes = v.len().and_then(|n| n.checked_mul(v.element.size()? as u64));
        return if bytes.is_some_and(|n| n <= MOST_TEXT) {
            Fate::Stored { note: "text filled up with spaces is stored without them".to_owned() }
        } else {
            Fate::Refused { reason: Reason::ElementType, detail: "text filled up with spaces reads as text that ends in spaces".to_owned() }
        };
    }
    let skipped = chunks.masked().count();
    let is_cut = chunks.short_last() && v.shape.iter().zip(chunks.chunk_shape()).any(|(s, c)| s % c != 0);
    let note = match (skipped, is_cut) {
        (0, false) => None,
        (0, true) => Some("chunks at the end are stored cut, and encoded anew".to_owned()),
        (n, _) => Some(format!("{n} chunks skipped a codec, and are encoded anew")),
    };
    Fate::Virtual { note }
}

fn byte_order(element: Element) -> Option<&'static str> {
    if element.size().is_none_or(|n| n < 2) || !matches!(element, Element::Number(..) | Element::Float16(_)) {
        return None;
    }
    Some(if element.endian() == Endian::Big { "big" } else { "little" })
}

fn codec(codec: &Codec) -> String {
    match codec {
        Codec::Shuffle { element_size } => format!("shuffle({element_size})"),
        Codec::Deflate { level: Some(level) } => format!("deflate({level})"),
        Codec::Deflate { level: None } => "deflate".to_owned(),
        Codec::Fletcher32 => "fletcher32".to_owned(),
        Codec::Zstd { .. } => "zstd".to_owned(),
        Codec::Blosc(blosc) => format!("blosc({})", blosc.compressor),
        Codec::Bzip2 { .. } => "bzip2".to_owned(),
        Codec::Other { name, .. } => name.clone(),
    }
}

fn attribute(attribute: &Attribute) -> String {
    let value = match &attribute.value {
        AttributeValue::Text(text) => text.clone(),
        AttributeValue::Texts(texts) => texts.join(", "),
        AttributeValue::Number(_, n) => n.to_string(),
        AttributeValue::Numbers(_, all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        AttributeValue::Other(kind) => format!("({kind}, which is not read)"),
    };
    format!("{} = {value}", attribute.name)
}

/// A fill value as people read it.
fn fill(element: Element, bytes: &[u8]) -> String {
    match element {
        Element::Number(dtype, endian) => {
            let mut bytes = bytes.to_vec();
            if endian == Endian::Big {
                bytes.reverse();
            }
            let unsigned = bytes.iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
            let spare = 64 - 8 * bytes.len().clamp(1, 8) as u32;
            match dtype.name() {
                "float32" => f32::from_bits(unsigned as u32).to_string(),
                "float64" => f64::from_bits(unsigned).to_string(),
                name if name.starts_with('u') => unsigned.to_string(),
                _ => ((unsigned << spare).cast_signed() >> spare).to_string(),
            }
        }
        Element::Text { .. } => format!("\"{}\"", String::from_utf8_lossy(bytes).trim_end_matches('\0')),
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}
