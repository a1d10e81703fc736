//! A granule as the combiner keeps it: for each array, its chunks or its values.

use std::sync::Arc;

use cube_manifest::{Attribute, AttributeValue, ChunkRefs, Origin};

use super::{Coordinates, Load, OnMismatch, Options, Order, assemble::Class};
use crate::{Array, Dataset, Fetch, Mismatch, Node, Result, Values, dataset::join};

/// What arrays there are, without their values.
#[derive(Debug)]
pub(super) struct Template {
    /// Groups by path, with their attributes.
    pub(super) groups: Vec<(String, Vec<Attribute>)>,
    pub(super) slots: Vec<Slot>,
    /// Paths of variables that the granule has, but that were refused, and why.
    pub(super) refused: Vec<(String, String)>,
}

/// An array without its values.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// Path of its group.
    pub(super) group: String,
    pub(super) array: Array,
    pub(super) role: Role,
    /// Whether it says where the values of others lie.
    pub(super) is_coordinate: bool,
    /// Whether every chunk of every granule is stored, so that its fill value says nothing yet.
    pub(super) is_complete: bool,
}

/// How an array takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It has the dimension, as the axis of this number.
    Along(usize),
    /// It is the same in all granules.
    Fixed,
}

/// What one granule brings.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) url: Arc<str>,
    /// How many granules of its class came before it.
    pub(super) number: usize,
    /// In the order of the template of its class.
    pub(super) contents: Vec<Content>,
    /// Its length along the dimension.
    pub(super) along: u64,
    /// Values of the coordinate to order by, where they are not loaded.
    pub(super) key: Option<Vec<u8>>,
}

/// The values of one array in one granule.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// The granule has no such array.
    Absent,
    /// In files.
    Chunks { shape: Vec<u64>, parts: Vec<(Vec<u64>, Arc<ChunkRefs>, Arc<Origin>)> },
    /// Read, least significant byte first.
    Loaded { shape: Vec<u64>, bytes: Arc<[u8]> },
    /// Text of any length.
    Texts { shape: Vec<u64>, texts: Arc<[String]> },
}

impl Content {
    pub(super) fn shape(&self) -> Option<&[u64]> {
        match self {
            Self::Absent => None,
            Self::Chunks { shape, .. } | Self::Loaded { shape, .. } | Self::Texts { shape, .. } => Some(shape),
        }
    }

    pub(super) fn is_loaded(&self) -> bool {
        matches!(self, Self::Loaded { .. } | Self::Texts { .. })
    }
}

impl Slot {
    pub(super) fn path(&self) -> String {
        join(&self.group, &self.array.name)
    }
}

impl Template {
    pub(super) fn find(&self, group: &str, name: &str) -> Option<usize> {
        self.slots.iter().position(|s| s.array.name == name && s.group == group)
    }

    /// The array of another template's slot, which mostly has the same number.
    pub(super) fn like(&self, number: usize, slot: &Slot) -> Option<usize> {
        let is_same = |s: &Slot| s.array.name == slot.array.name && s.group == slot.group;
        if self.slots.get(number).is_some_and(is_same) { Some(number) } else { self.slots.iter().position(is_same) }
    }

    /// The coordinate that indexes a dimension: in the group, or the nearest above it.
    pub(super) fn index_of(&self, group: &str, dimension: &str) -> Option<usize> {
        let mut group = group;
        loop {
            if let Some(at) = self.find(group, dimension).filter(|at| self.slots[*at].array.is_index()) {
                return Some(at);
            }
            if group == "/" || group.is_empty() {
                return None;
            }
            group = match group.rfind('/') {
                Some(at) if at > 0 => &group[..at],
                _ => "/",
            };
        }
    }

    /// Why a variable is not there.
    pub(super) fn absence(&self, path: &str) -> Option<String> {
        self.refused.iter().find(|(p, _)| p == path).map(|(_, why)| format!("it is refused there: {why}"))
    }
}

/// Coordinates of more bytes are not loaded unless they are named.
const MOST_COORDINATE: u64 = 64 << 20;

/// Takes a granule apart, and loads what is to be loaded. Values that equal those of the first granule share its memory. Inside, a variable that was to be
/// loaded and could not.
pub(super) async fn read(
    url: Arc<str>,
    dataset: Dataset,
    refused: Vec<(String, String)>,
    fetch: &dyn Fetch,
    options: &Options,
    first: Option<&Class>,
) -> Result<Result<(Template, Entry), Mismatch>> {
    let mut template = Template { groups: Vec::new(), slots: Vec::new(), refused };
    let (arrays, along) = candidates(dataset.root, &mut template, options);
    let mut entry = Entry { url, number: 0, contents: Vec::with_capacity(arrays.len()), along, key: None };
    for Candidate { group, mut array, is_coordinate, new_axis } in arrays {
        let axis = options.along.as_ref().and_then(|along| array.dimensions.iter().position(|d| d == along));
        let wanted = is_wanted(&group, &array, is_coordinate, axis, options);
        let is_key = options.order == Order::Coordinate && options.along.as_deref() == Some(array.name.as_str()) && entry.key.is_none();
        let mut content = take(&mut array);
        if let Content::Chunks { shape, parts } = &content
            && (wanted || is_key)
        {
            let with = Array { values: values(parts), ..array.clone_without_values() };
            match with.load(fetch).await? {
                Ok(bytes) if wanted => content = Content::Loaded { shape: shape.clone(), bytes: bytes.into() },
                Ok(bytes) => entry.key = Some(bytes),
                Err(refusal) => return Ok(Err(Mismatch { granule: entry.url, variable: join(&group, &array.name), reason: refusal.to_string() })),
            }
        }
        let is_complete = is_complete(&array, &content);
        let mut slot = Slot { group, array, role: axis.map_or(Role::Fixed, Role::Along), is_coordinate, is_complete };
        if let (Some(along), Some(length)) = (&options.along, new_axis) {
            add_axis(&mut slot, &mut content, along, length);
        }
        template.slots.push(slot);
        entry.contents.push(content);
    }
    if let Some(first) = first {
        first.share(&template, &mut entry);
    }
    Ok(Ok((template, entry)))
}

/// An array of a granule, and how it takes part.
struct Candidate {
    group: String,
    array: Array,
    is_coordinate: bool,
    /// Its length along the dimension, when it takes that as one more axis.
    new_axis: Option<u64>,
}

fn candidates(mut root: Node, template: &mut Template, options: &Options) -> (Vec<Candidate>, u64) {
    let mut along = None;
    root.walk("/", &mut |_, node| {
        for array in &node.arrays {
            let axis = array.dimensions.iter().position(|d| Some(d) == options.along.as_ref());
            along = along.or(axis.map(|axis| array.shape[axis]));
        }
    });
    let is_new = options.along.is_some() && along.is_none();
    let along = along.unwrap_or(1);
    let mut found = Vec::new();
    root.visit_mut("/", &mut |path, node| {
        template.groups.push((path.to_owned(), std::mem::take(&mut node.attributes)));
        let coordinates = mentioned(&node.arrays, &["coordinates", "bounds", "climatology"]);
        let mappings = mentioned(&node.arrays, &["grid_mapping"]);
        for array in std::mem::take(&mut node.arrays) {
            let is_along = options.along.as_deref() == Some(array.name.as_str());
            let is_mapping = mappings.contains(&array.name);
            let is_coordinate = array.is_index() || coordinates.contains(&array.name) || is_along || is_mapping;
            // A number that each granule has once belongs to the granule; a grid mapping is that of all.
            let belongs = is_new && (!is_coordinate || is_along || array.shape.is_empty());
            let is_asked = options.coordinates == Coordinates::All && is_coordinate && !array.is_index() && options.along.is_some();
            let has_axis = array.dimensions.iter().any(|d| Some(d) == options.along.as_ref());
            let new_axis = (!has_axis && !is_mapping && (belongs || is_asked)).then_some(along);
            found.push(Candidate { group: path.to_owned(), array, is_coordinate, new_axis });
        }
    });
    (found, along)
}

/// Whether the values of an array are to be stored.
fn is_wanted(group: &str, array: &Array, is_coordinate: bool, along: Option<usize>, options: &Options) -> bool {
    let is_small = array.bytes().is_some_and(|n| n <= MOST_COORDINATE);
    let asked = match &options.load {
        Load::Coordinates => is_coordinate && is_small && (array.shape.len() <= 1 || is_bounds(array)),
        Load::Nothing => false,
        Load::All => true,
        Load::Names(names) => names.iter().any(|n| *n == array.name || *n == join(group, &array.name)),
    };
    let ends_in_chunk = along.is_some_and(|axis| !array.shape[axis].is_multiple_of(array.chunk_shape[axis]));
    asked || ends_in_chunk && options.mismatch == OnMismatch::Materialize
}

/// Whether every chunk is stored.
pub(super) fn is_complete(array: &Array, content: &Content) -> bool {
    match content {
        Content::Chunks { shape, parts } => {
            let all: u64 = shape.iter().zip(&array.chunk_shape).map(|(s, c)| s.div_ceil(*c)).product();
            parts.iter().map(|(_, chunks, _)| chunks.len() as u64).sum::<u64>() == all
        }
        _ => true,
    }
}

fn take(array: &mut Array) -> Content {
    let shape = array.shape.clone();
    match std::mem::replace(&mut array.values, Values::Chunks(Vec::new())) {
        Values::Chunks(parts) => Content::Chunks { shape, parts: parts.into_iter().map(|p| (p.at, p.chunks, p.origin)).collect() },
        Values::Text(texts) => Content::Texts { shape, texts },
    }
}

pub(super) fn values(parts: &[(Vec<u64>, Arc<ChunkRefs>, Arc<Origin>)]) -> Values {
    let parts = parts.iter().map(|(at, chunks, origin)| crate::Part { at: at.clone(), chunks: Arc::clone(chunks), origin: Arc::clone(origin) });
    Values::Chunks(parts.collect())
}

/// The array as slices, all the same, of an array with one more axis.
pub(super) fn add_axis(slot: &mut Slot, content: &mut Content, along: &str, length: u64) {
    let array = &mut slot.array;
    array.dimensions.insert(0, along.to_owned());
    array.shape.insert(0, length);
    array.chunk_shape.insert(0, 1);
    slot.role = Role::Along(0);
    extend(content, length);
}

/// The values of an array as slices, all the same, of values with one more axis.
pub(super) fn extend(content: &mut Content, length: u64) {
    match content {
        Content::Absent => {}
        Content::Loaded { shape, bytes } => {
            shape.insert(0, length);
            if length != 1 {
                *bytes = bytes.repeat(length as usize).into();
            }
        }
        Content::Texts { shape, texts } => {
            shape.insert(0, length);
            if length != 1 {
                *texts = (0..length).flat_map(|_| texts.iter().cloned()).collect();
            }
        }
        Content::Chunks { shape, parts } => {
            shape.insert(0, length);
            let slices = std::mem::take(parts)
                .into_iter()
                .map(|(at, chunks, origin)| (at, Arc::new(Arc::unwrap_or_clone(chunks).with_leading_axis()), origin));
            let slices: Vec<_> = slices.collect();
            for i in 0..length {
                parts.extend(slices.iter().map(|(at, chunks, origin)| {
                    let at = std::iter::once(i).chain(at.iter().copied()).collect();
                    (at, Arc::clone(chunks), Arc::clone(origin))
                }));
            }
        }
    }
}

/// Names that some attributes of variables mention.
fn mentioned(arrays: &[Array], attributes: &[&str]) -> Vec<String> {
    let names = |array: &Array, attribute: &str| match array.attribute(attribute) {
        Some(AttributeValue::Text(text)) => text.split_whitespace().map(|name| name.trim_end_matches(':').to_owned()).collect(),
        _ => Vec::new(),
    };
    arrays.iter().flat_map(|a| attributes.iter().flat_map(|attribute| names(a, attribute))).collect()
}

/// Two values for each of a one-dimensional coordinate.
fn is_bounds(array: &Array) -> bool {
    matches!(array.shape.as_slice(), [_, 2])
}
