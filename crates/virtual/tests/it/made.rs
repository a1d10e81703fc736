//! Granules made by hand: a file of encoded chunks, the references to it, and what readers should see.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue, ChunkRefs, Codec, Data, Element, Endian, Granule, Group, Origin, Variable, encode};
use serde_json::{Value, json};

/// A variable to be made.
#[derive(Clone)]
pub struct Spec {
    pub name: &'static str,
    pub dimensions: Vec<&'static str>,
    pub shape: Vec<u64>,
    pub chunks: Vec<u64>,
    pub element: Element,
    pub fill: Option<Vec<u8>>,
    pub codecs: Vec<Codec>,
    pub attributes: Vec<Attribute>,
    /// Values in the element's own byte order.
    pub values: Vec<u8>,
    pub absent: Vec<u64>,
    pub inline: Vec<u64>,
    pub masks: BTreeMap<u64, u32>,
    pub short_last: bool,
}

/// A spec of whole numbers counted up from `first`.
pub fn counted(name: &'static str, dimensions: &[&'static str], shape: &[u64], chunks: &[u64], element: Element, first: i64) -> Spec {
    let count = shape.iter().product::<u64>() as i64;
    Spec {
        name,
        dimensions: dimensions.to_vec(),
        shape: shape.to_vec(),
        chunks: chunks.to_vec(),
        element,
        fill: None,
        codecs: vec![],
        attributes: vec![],
        values: (0..count).flat_map(|i| number(element, (first + i) as f64)).collect(),
        absent: vec![],
        inline: vec![],
        masks: BTreeMap::new(),
        short_last: false,
    }
}

/// The bytes of a number.
pub fn number(element: Element, value: f64) -> Vec<u8> {
    let mut bytes = match element {
        Element::Number(dtype, _) => match dtype {
            DType::UInt8 => (value as u8).to_le_bytes().to_vec(),
            DType::Int8 => (value as i64 as i8).to_le_bytes().to_vec(),
            DType::UInt16 => (value as u16).to_le_bytes().to_vec(),
            DType::Int16 => (value as i64 as i16).to_le_bytes().to_vec(),
            DType::UInt32 => (value as u32).to_le_bytes().to_vec(),
            DType::Int32 => (value as i32).to_le_bytes().to_vec(),
            DType::UInt64 => (value as u64).to_le_bytes().to_vec(),
            DType::Int64 => (value as i64).to_le_bytes().to_vec(),
            DType::Float32 => (value as f32).to_le_bytes().to_vec(),
            DType::Float64 => value.to_le_bytes().to_vec(),
        },
        Element::Float16(_) => half::f16::from_f64(value).to_le_bytes().to_vec(),
        _ => panic!("{element:?} is no number"),
    };
    if element.endian() == Endian::Big {
        bytes.reverse();
    }
    bytes
}

pub fn le(dtype: DType) -> Element {
    Element::Number(dtype, Endian::Little)
}

pub fn be(dtype: DType) -> Element {
    Element::Number(dtype, Endian::Big)
}

pub fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), value: AttributeValue::Text(value.into()) }
}

pub fn numeric(name: &str, dtype: DType, value: f64) -> Attribute {
    Attribute { name: name.into(), value: AttributeValue::Number(dtype, Number::Float(value).integral(dtype)) }
}

trait Integral {
    fn integral(self, dtype: DType) -> Self;
}

impl Integral for Number {
    fn integral(self, dtype: DType) -> Self {
        if dtype.is_float() { self } else { Self::Int(self.as_f64() as i128) }
    }
}

/// A file that is being made.
pub struct Made {
    pub granule: Granule,
    bytes: Vec<u8>,
    pub truth: Vec<Value>,
}

impl Made {
    pub fn new(path: &Path) -> Self {
        let url: Arc<str> = path.to_string_lossy().as_ref().into();
        let origin = Origin { url, size: None, etag: None, last_modified: None };
        Self { granule: Granule { origin, root: Group::default() }, bytes: b"a header of some length".to_vec(), truth: vec![] }
    }

    pub fn group(&mut self, path: &str) -> &mut Group {
        let mut group = &mut self.granule.root;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            let at = group.groups.iter().position(|g| g.name == part).unwrap_or_else(|| {
                group.groups.push(Group { name: part.into(), ..Group::default() });
                group.groups.len() - 1
            });
            group = &mut group.groups[at];
        }
        group
    }

    /// Adds a variable to a group.
    pub fn add(&mut self, group: &str, mut spec: Spec) {
        let mut refs = ChunkRefs::new(&spec.shape, spec.chunks.clone()).unwrap();
        if spec.short_last {
            refs = refs.with_short_last();
        }
        let size = spec.element.size().unwrap();
        let zero = vec![0; size];
        let fill = spec.fill.clone().unwrap_or(zero);
        for index in 0..refs.capacity() {
            let cells = cells(&spec.shape, &spec.chunks, &refs.position(index));
            if spec.absent.contains(&index) {
                for cell in cells.iter().flatten() {
                    spec.values[cell * size..][..size].copy_from_slice(&fill);
                }
                continue;
            }
            let mut chunk = Vec::new();
            for cell in &cells {
                match cell {
                    Some(cell) => chunk.extend(&spec.values[cell * size..][..size]),
                    None if spec.short_last => {}
                    // What HDF5 leaves beyond the edge is anything.
                    None => chunk.extend(std::iter::repeat_n(0xAB, size)),
                }
            }
            let mask = spec.masks.get(&index).copied().unwrap_or(0);
            let encoded = encode(&spec.codecs, mask, &chunk).unwrap();
            if spec.inline.contains(&index) {
                refs.push_inline(index, Bytes::from(encoded), mask).unwrap();
            } else {
                self.bytes.extend(b"--");
                refs.push(index, &self.granule.origin.url, self.bytes.len() as u64, encoded.len() as u64, mask).unwrap();
                self.bytes.extend(encoded);
            }
        }
        self.truth.push(truth(group, &spec));
        let variable = Variable {
            name: spec.name.into(),
            dimensions: spec.dimensions.iter().map(|d| Some(if d.starts_with('/') { (*d).to_owned() } else { format!("/{d}") })).collect(),
            shape: spec.shape,
            element: spec.element,
            enumeration: vec![],
            attributes: spec.attributes,
            fill: spec.fill,
            codecs: spec.codecs,
            data: Ok(Data::Chunks(refs)),
        };
        self.group(group).variables.push(variable);
    }

    /// Adds text of any length.
    pub fn add_texts(&mut self, group: &str, name: &str, dimension: &str, texts: &[&str]) {
        self.truth.push(json!({"group": group, "name": name, "dims": [dimension], "dtype": "text", "texts": texts, "attrs": {}}));
        let variable = Variable {
            name: name.into(),
            dimensions: vec![Some(format!("/{dimension}"))],
            shape: vec![texts.len() as u64],
            element: Element::VariableText,
            enumeration: vec![],
            attributes: vec![],
            fill: None,
            codecs: vec![],
            data: Ok(Data::Text(texts.iter().map(|t| (*t).to_owned()).collect())),
        };
        self.group(group).variables.push(variable);
    }

    /// Writes the file.
    pub fn save(self) -> (Granule, Vec<Value>) {
        std::fs::write(self.granule.origin.url.as_ref(), &self.bytes).unwrap();
        (self.granule, self.truth)
    }
}

/// The elements of a chunk by their index in the array; `None` beyond its edge.
fn cells(shape: &[u64], chunk: &[u64], at: &[u64]) -> Vec<Option<usize>> {
    let count: u64 = chunk.iter().product();
    (0..count)
        .map(|mut i| {
            let mut position = vec![0; chunk.len()];
            for (p, c) in position.iter_mut().zip(chunk).rev() {
                (*p, i) = (i % c, i / c);
            }
            let position: Vec<u64> = position.iter().zip(at).zip(chunk).map(|((p, at), c)| p + at * c).collect();
            let inside = position.iter().zip(shape).all(|(p, s)| p < s);
            inside.then(|| position.iter().zip(shape).fold(0, |i, (p, s)| i * s + p) as usize)
        })
        .collect()
}

fn truth(group: &str, spec: &Spec) -> Value {
    let order = if spec.element.endian() == Endian::Big { '>' } else { '<' };
    let dtype = match spec.element {
        Element::Number(dtype, _) => format!(
            "{order}{}{}",
            if dtype.is_float() {
                'f'
            } else if dtype.name().starts_with('u') {
                'u'
            } else {
                'i'
            },
            dtype.size()
        ),
        Element::Float16(_) => format!("{order}f2"),
        Element::Text { bytes, .. } => format!("S{bytes}"),
        Element::Opaque(bytes) => format!("V{bytes}"),
        _ => unreachable!(),
    };
    let dims: Vec<&str> = spec.dimensions.iter().map(|d| d.rsplit('/').next().unwrap()).collect();
    let hex: String = spec.values.iter().map(|b| format!("{b:02x}")).collect();
    let attrs: serde_json::Map<String, Value> = spec.attributes.iter().map(|a| (a.name.clone(), attribute(&a.value))).collect();
    json!({"group": group, "name": spec.name, "dims": dims, "dtype": dtype, "shape": spec.shape, "hex": hex, "attrs": attrs})
}

/// Numbers as text, so that NaN can be said.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!({"text": text}),
        AttributeValue::Texts(texts) => json!({"texts": texts}),
        AttributeValue::Number(dtype, n) => json!({"number": n.to_string(), "dtype": dtype.name()}),
        AttributeValue::Numbers(dtype, list) => json!({"numbers": list.iter().map(ToString::to_string).collect::<Vec<_>>(), "dtype": dtype.name()}),
        AttributeValue::Other(_) => Value::Null,
    }
}
