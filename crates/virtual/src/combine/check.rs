//! Whether an array of a granule fits that of the first.

use cube_core::Number;
use cube_manifest::{AttributeValue, Codec, Element, TimeUnits};

use super::{
    Join, Options,
    merged::same,
    slot::{Content, Role, Slot, Template},
};
use crate::{Array, attributes, element};

/// Attributes that say what a stored number means, or which grid it is on: where they differ, so do the values. The last ones are those of TIFFs.
pub(crate) const MEANING: [&str; 11] =
    ["scale_factor", "add_offset", "units", "calendar", "_FillValue", "missing_value", "_Unsigned", "grid_mapping", "nodata", "scales", "offsets"];
/// Any of these makes a variable a grid mapping.
const MAPPING: [&str; 3] = ["grid_mapping_name", "crs_wkt", "spatial_ref"];
/// Attributes of a grid mapping that are for people alone.
const FREE: [&str; 9] = ["long_name", "standard_name", "name", "title", "description", "comment", "history", "source", "references"];

/// The attributes of an array that must not differ, of all that it has here and there: of a grid mapping all but free text, after those of any array.
/// `GeoTransform` differs rightly where granules lie side by side, and coordinates say the same; it counts where it alone places the pixels.
pub(crate) fn meanings<'a>(names: impl Iterator<Item = &'a str> + Clone, dimensions: usize, is_placed: bool) -> Vec<&'a str> {
    let mut all = MEANING.to_vec();
    if dimensions < 2 && names.clone().any(|name| MAPPING.contains(&name)) {
        for name in names.filter(|name| !FREE.contains(name) && (is_placed || *name != "GeoTransform")) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

/// Whether the `GeoTransform` of a grid mapping alone says where pixels lie: an array on it has no coordinates along its rows and columns (a rotated
/// TIFF), and granules are not put side by side along these.
pub(crate) fn is_placed_by_transform<'a>(arrays: impl Iterator<Item = &'a Array> + Clone, mapping: &str, along: Option<&str>) -> bool {
    let is_on = |array: &Array| match array.attribute("grid_mapping") {
        Some(AttributeValue::Text(text)) => text.split_whitespace().any(|name| name.trim_end_matches(':') == mapping),
        _ => false,
    };
    let is_bare = |d: &String| along != Some(d.as_str()) && !arrays.clone().any(|a| a.is_index() && a.name == *d);
    arrays.clone().any(|array| is_on(array) && matches!(array.dimensions.as_slice(), [.., y, x] if is_bare(y) && is_bare(x)))
}

/// Whether two texts of a CRS name the same code of an authority, though other programs, or versions of one, have written them.
pub(crate) fn same_crs(attribute: &str, a: &str, b: &str) -> bool {
    matches!(attribute, "crs_wkt" | "spatial_ref") && code(a).is_some_and(|a| code(b) == Some(a))
}

/// What stands last in a WKT, directly below its root: `EPSG,32632`.
fn code(wkt: &str) -> Option<String> {
    let bare: String = wkt.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    let last = bare.strip_suffix("]]").filter(|rest| !rest.ends_with(']'))?;
    let at = last.rfind('[')?;
    (last[..at].ends_with("AUTHORITY") || last[..at].ends_with(",ID")).then(|| last[at + 1..].to_owned())
}

/// Two values, of long ones the part in which they differ.
pub(crate) fn excerpts(a: &str, b: &str) -> (String, String) {
    const MOST: usize = 80;
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let cut = |text: &str| {
        let length = text.chars().count();
        if length <= MOST {
            return text.to_owned();
        }
        let from = common.saturating_sub(MOST / 2);
        let part: String = text.chars().skip(from).take(MOST).collect();
        format!("{}{part}{}", if from > 0 { "…" } else { "" }, if from + MOST < length { "…" } else { "" })
    };
    (cut(a), cut(b))
}

/// How an array differs from that of the first granule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// Only in how it is stored: decoded values can take its place.
    Stored(String),
    /// In what it means.
    Meaning(String),
}

/// The differences of two arrays, values apart; of attributes, those of `names`. Units of times that can be converted are none.
pub(super) fn differences(first: &Slot, other: &Slot, content: &Content, times: &Times, names: &[&str], options: &Options) -> Vec<Difference> {
    let mut found = Vec::new();
    let (a, b) = (&first.array, &other.array);
    let mut meaning = |what: String| found.push(Difference::Meaning(what));
    if element::little(a.element) != element::little(b.element) {
        meaning(format!("its elements are {:?}, not {:?}", b.element, a.element));
    }
    if a.dimensions != b.dimensions {
        meaning(format!("its dimensions are {:?}, not {:?}", b.dimensions, a.dimensions));
    } else if let Some(axis) = other_axis(first, other, options) {
        meaning(format!("it has {} elements along `{}`, not {}", b.shape[axis], a.dimensions[axis], a.shape[axis]));
    }
    for name in names {
        let is_time = matches!(*name, "units" | "calendar");
        if is_time && times.convertible {
            continue;
        }
        match (a.attribute(name), b.attribute(name)) {
            (None, None) => {}
            (Some(x), Some(y)) if equal(x, y) => {}
            (Some(AttributeValue::Text(x)), Some(AttributeValue::Text(y))) if same_crs(name, x, y) => {}
            (x, y) => {
                let (y, x) = excerpts(&shown(y), &shown(x));
                meaning(format!("its `{name}` is {y}, not {x}"));
                // One tells that the CRS is another; its numbers follow from that.
                if !MEANING.contains(name) {
                    break;
                }
            }
        }
    }
    if times.differ && !times.convertible {
        meaning("its times count from another epoch, in a way that cannot be said from the first".to_owned());
    }
    // What is not concatenated is taken from one granule as it is.
    if content.is_loaded() || !found.is_empty() || first.role == Role::Fixed {
        return found;
    }
    let mut stored = |what: String| found.push(Difference::Stored(what));
    if a.element != b.element {
        stored("its bytes are in the other order".to_owned());
    }
    if a.chunk_shape != b.chunk_shape {
        stored(format!("its chunks are {:?}, not {:?}", b.chunk_shape, a.chunk_shape));
    }
    if !a.codecs.iter().map(kind).eq(b.codecs.iter().map(kind)) {
        stored(format!("its codecs are {:?}, not {:?}", b.codecs, a.codecs));
    }
    let size = a.element.size().unwrap_or(0);
    let is_said = !first.is_complete && !other.is_complete;
    if is_said && element::filled(a.fill.as_deref(), size) != element::filled(b.fill.as_deref(), size) {
        stored("what chunks that are not stored hold differs".to_owned());
    }
    found
}

/// The first axis, apart from that of concatenation, whose length differs and is not to be joined.
fn other_axis(first: &Slot, other: &Slot, options: &Options) -> Option<usize> {
    let joined = |axis: usize| match first.role {
        Role::Along(along) => axis == along || options.join != Join::Exact,
        Role::Fixed => options.join != Join::Exact && first.array.is_index(),
    };
    (0..first.array.shape.len()).find(|axis| first.array.shape[*axis] != other.array.shape[*axis] && !joined(*axis))
}

/// What decides how chunks are decoded: levels are of interest only to who encodes, and Blosc says everything in each chunk.
fn kind(codec: &Codec) -> Codec {
    match codec {
        Codec::Deflate { .. } => Codec::Deflate { level: None },
        Codec::Zstd { .. } => Codec::Zstd { level: None },
        Codec::Bzip2 { .. } => Codec::Bzip2 { level: None },
        Codec::Blosc(_) => Codec::Other { id: 32001, name: String::new(), parameters: Vec::new() },
        other => other.clone(),
    }
}

/// Numbers by value, whatever their type.
fn equal(a: &AttributeValue, b: &AttributeValue) -> bool {
    match (attributes::single(a), attributes::single(b)) {
        (Some((_, a)), Some((_, b))) => a.same(b),
        _ => same(a, b),
    }
}

fn shown(value: Option<&AttributeValue>) -> String {
    value.and_then(attributes::value).map_or_else(|| "absent".to_owned(), |v| v.to_string())
}

/// Whether times of an array count from the same epoch as those of the first granule.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) differ: bool,
    pub(super) convertible: bool,
    units: Option<(TimeUnits, TimeUnits)>,
}

impl Times {
    pub(super) fn of(first: &Template, a: &Slot, other: &Template, b: &Slot, content: &Content) -> Self {
        let (x, y) = (units(first, a), units(other, b));
        if x == y {
            return Self::default();
        }
        let is_packed = ["scale_factor", "add_offset"].iter().any(|name| a.array.attribute(name).is_some() || b.array.attribute(name).is_some());
        let parse = |(units, calendar): &(String, Option<String>)| TimeUnits::parse(units, calendar.as_deref());
        match (x.as_ref().and_then(parse), y.as_ref().and_then(parse)) {
            // Said in other words.
            (Some(x), Some(y)) if x == y => Self { differ: false, convertible: true, units: None },
            (Some(x), Some(y)) if x.is_comparable(y) && content.is_loaded() && !is_packed => {
                Self { differ: true, convertible: true, units: Some((y, x)) }
            }
            (None, None) => Self::default(),
            _ => Self { differ: true, convertible: false, units: None },
        }
    }

    /// Values said from the epoch of the first granule; `None` when that cannot be.
    pub(super) fn convert(&self, slot: &Slot, bytes: &[u8]) -> Option<Vec<u8>> {
        let Some((from, to)) = self.units else { return Some(bytes.to_vec()) };
        let missing = ["_FillValue", "missing_value"].iter().filter_map(|name| slot.array.attribute(name).and_then(attributes::single));
        rebased(slot.array.element, bytes, (from, to), &missing.map(|(_, n)| n).collect::<Vec<_>>())
    }
}

/// Times said from another epoch, least significant byte first; `None` when one cannot be, to a microsecond. What is missing stays missing.
pub(crate) fn rebased(element: Element, bytes: &[u8], (from, to): (TimeUnits, TimeUnits), missing: &[Number]) -> Option<Vec<u8>> {
    let kind = element::little(element);
    let mut out = Vec::with_capacity(bytes.len());
    for value in bytes.chunks_exact(kind.size()?) {
        let number = element::number(kind, value)?;
        if missing.iter().any(|m| m.same(number)) {
            out.extend(value);
            continue;
        }
        let said = element::bytes(kind, from.convert(number, to)?)?;
        if !from.is_near(number, to.convert(element::number(kind, &said)?, from)?) {
            return None;
        }
        out.extend(said);
    }
    Some(out)
}

/// Units and calendar of an array; bounds have those of their coordinate.
fn units(template: &Template, slot: &Slot) -> Option<(String, Option<String>)> {
    let text = |slot: &Slot, name: &str| match slot.array.attribute(name) {
        Some(AttributeValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let own = text(slot, "units").map(|units| (units, text(slot, "calendar")));
    own.or_else(|| {
        let is_parent = |s: &&Slot| {
            s.group == slot.group && ["bounds", "climatology"].iter().any(|attribute| text(s, attribute).as_deref() == Some(&slot.array.name))
        };
        let parent = template.slots.iter().find(is_parent)?;
        Some((text(parent, "units")?, text(parent, "calendar")))
    })
    .filter(|(units, _)| units.contains(" since "))
}

/// The numbers of a loaded array.
pub(super) fn numbers(slot: &Slot, bytes: &[u8]) -> Option<Vec<Number>> {
    let kind = element::little(slot.array.element);
    bytes.chunks_exact(kind.size()?).map(|value| element::number(kind, value)).collect()
}
