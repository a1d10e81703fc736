//! Where the chunks of each granule lie in the result.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use cube_core::Number;
use cube_manifest::{ChunkRefs, Origin, Refusal};

use super::{
    Join, Options,
    assemble::Class,
    check::numbers,
    join::{Place, join},
    slot::{Content, Entry, Role, Slot, values},
};
use crate::{Array, Mismatch, Part, Values, attributes, element, load};

/// Axes by group and name.
pub(super) type Axes = BTreeMap<(String, String), Axis>;

/// An axis of the result.
#[derive(Debug)]
pub(super) struct Axis {
    length: u64,
    /// Where each granule lies.
    places: Vec<Place>,
    /// How long each granule is, as far as that must be so.
    lengths: Vec<Option<u64>>,
    is_along: bool,
    /// Values of the coordinate, when they were joined.
    values: Option<Vec<Number>>,
}

impl Axis {
    fn same(length: u64, granules: usize) -> Self {
        let places = vec![Place { start: 0, from: 0, to: length }; granules];
        Self { length, places, lengths: vec![Some(length); granules], is_along: false, values: None }
    }

    fn unknown(granules: usize) -> Self {
        Self { length: 0, places: vec![Place::default(); granules], lengths: vec![None; granules], is_along: true, values: None }
    }

    /// Whether a granule fills it.
    fn is_whole(&self, granule: usize) -> bool {
        let place = self.places[granule];
        self.is_along || place.start == 0 && place.from == 0 && place.to == self.length
    }
}

impl Class {
    /// For each group and dimension: its length, where each granule lies, and the values when they were joined.
    pub(super) fn axes(&self, options: &Options) -> Result<Axes, Vec<Mismatch>> {
        let mut axes = Axes::new();
        for (at, slot) in self.template.slots.iter().enumerate() {
            for (axis, dimension) in slot.array.dimensions.iter().enumerate() {
                let key = (slot.group.clone(), dimension.clone());
                if slot.role == Role::Along(axis) {
                    let lengths: Vec<Option<u64>> = self.entries.iter().map(|e| e.contents[at].shape().map(|s| s[axis])).collect();
                    self.extend_along(axes.entry(key).or_insert_with(|| Axis::unknown(self.entries.len())), slot, &lengths)?;
                } else if let btree_map::Entry::Vacant(vacant) = axes.entry(key) {
                    let is_joined = matches!(options.join, Join::Outer | Join::Inner);
                    let coordinate = self.template.index_of(&slot.group, dimension).filter(|_| is_joined);
                    let made = match coordinate {
                        Some(coordinate) => self.join_axis(coordinate, options)?,
                        None => Axis::same(slot.array.shape[axis], self.entries.len()),
                    };
                    vacant.insert(made);
                }
            }
        }
        for axis in axes.values_mut().filter(|a| a.is_along) {
            let mut start = 0;
            for place in &mut axis.places {
                place.start = start;
                start += place.to;
            }
            axis.length = start;
        }
        Ok(axes)
    }

    fn extend_along(&self, axis: &mut Axis, slot: &Slot, lengths: &[Option<u64>]) -> Result<(), Vec<Mismatch>> {
        for (number, (length, entry)) in lengths.iter().zip(&self.entries).enumerate() {
            let Some(length) = length else { continue };
            match axis.lengths[number] {
                Some(known) if known != *length => {
                    return Err(vec![mismatch(entry, slot, format!("it has {length} elements along the axis where others have {known}"))]);
                }
                _ => (axis.lengths[number], axis.places[number].to) = (Some(*length), *length),
            }
        }
        Ok(())
    }

    fn join_axis(&self, coordinate: usize, options: &Options) -> Result<Axis, Vec<Mismatch>> {
        let slot = &self.template.slots[coordinate];
        let mut all = Vec::with_capacity(self.entries.len());
        let mut lengths = Vec::with_capacity(self.entries.len());
        let mut holders = Vec::with_capacity(self.entries.len());
        for (number, entry) in self.entries.iter().enumerate() {
            let read = match &entry.contents[coordinate] {
                Content::Loaded { bytes, .. } => numbers(slot, bytes),
                Content::Absent => {
                    lengths.push(None);
                    continue;
                }
                _ => None,
            };
            let read =
                read.ok_or_else(|| vec![mismatch(entry, slot, "its values are no numbers that are loaded, so that it cannot be joined".to_owned())])?;
            lengths.push(Some(read.len() as u64));
            all.push(read);
            holders.push(number);
        }
        let joined = join(&all, options.join).map_err(|(i, reason)| vec![mismatch(&self.entries[holders[i]], slot, reason)])?;
        let mut places = vec![Place::default(); self.entries.len()];
        for (number, place) in holders.into_iter().zip(joined.places) {
            places[number] = place;
        }
        Ok(Axis { length: joined.values.len() as u64, places, lengths, is_along: false, values: Some(joined.values) })
    }

    /// An array of the result.
    pub(super) fn array(&self, at: usize, axes: &Axes, options: &Options) -> Result<Array, Mismatch> {
        let slot = &self.template.slots[at];
        let of = |dimension: &String| axes.get(&(slot.group.clone(), dimension.clone()));
        let mine: Vec<&Axis> = slot.array.dimensions.iter().filter_map(of).collect();
        let refused = |refusal: Refusal| mismatch(&self.entries[0], slot, refusal.to_string());
        if slot.role == Role::Fixed
            && let Some(values) = mine.first().and_then(|a| a.values.as_ref()).filter(|_| slot.array.is_index())
        {
            let array = Array { shape: vec![values.len() as u64], ..slot.array.clone_without_values() };
            let kind = element::little(array.element);
            let bytes = values.iter().filter_map(|n| element::bytes(kind, *n)).flatten().collect();
            return array.stored(bytes, vec![(values.len() as u64).max(1)]).map_err(refused);
        }
        let mut holders: Vec<usize> = (0..self.entries.len()).filter(|i| !matches!(self.entries[*i].contents[at], Content::Absent)).collect();
        for number in &holders {
            self.check_lengths(slot, &mine, *number, &self.entries[*number].contents[at])?;
        }
        if slot.role == Role::Fixed {
            // Only the first that came is stored as the array says.
            holders.sort_by_key(|i| self.entries[*i].number);
            let is_cut = |number: &usize| mine.iter().any(|axis| !axis.is_whole(*number));
            if holders.iter().any(is_cut) && holders.len() > 1 {
                let reason = format!(
                    "it has an axis that is joined, but none to concatenate along{}",
                    options.along.as_ref().map(|a| format!(" (`{a}`)")).unwrap_or_default()
                );
                return Err(mismatch(&self.entries[holders[1]], slot, reason));
            }
            holders.truncate(1);
            if holders.first().is_none_or(|number| !is_cut(number)) {
                return self.as_it_is(at, holders.first().map(|i| &self.entries[*i])).map_err(refused);
            }
        }
        self.placed(at, slot, &mine, &holders)
    }

    /// The array of the one granule that it is taken from.
    fn as_it_is(&self, at: usize, entry: Option<&Entry>) -> Result<Array, Refusal> {
        let array = self.template.slots[at].array.clone();
        Ok(match entry.map(|e| &e.contents[at]) {
            Some(Content::Loaded { bytes, shape }) => return array.stored(bytes.to_vec(), shape.iter().map(|s| (*s).max(1)).collect()),
            Some(Content::Chunks { parts, .. }) => Array { values: values(parts), ..array },
            Some(Content::Texts { texts, .. }) => Array { values: Values::Text(Arc::clone(texts)), ..array },
            Some(Content::Absent) | None => array,
        })
    }

    fn check_lengths(&self, slot: &Slot, axes: &[&Axis], number: usize, content: &Content) -> Result<(), Mismatch> {
        for (axis, length) in content.shape().unwrap_or_default().iter().enumerate() {
            if let Some(expected) = axes[axis].lengths[number].filter(|expected| expected != length) {
                let reason = format!("it has {length} elements along `{}`, not {expected}", slot.array.dimensions[axis]);
                return Err(mismatch(&self.entries[number], slot, reason));
            }
        }
        Ok(())
    }

    /// An array of the values of several granules.
    fn placed(&self, at: usize, slot: &Slot, axes: &[&Axis], holders: &[usize]) -> Result<Array, Mismatch> {
        let first = &self.entries[holders.first().copied().unwrap_or(0)];
        let mut array = slot.array.clone();
        array.shape = axes.iter().map(|a| a.length).collect();
        let granules = if slot.role == Role::Fixed { holders.len() } else { self.entries.len() };
        if holders.len() < granules || holders.iter().any(|number| axes.iter().any(|a| !a.is_whole(*number))) {
            fill_gaps(&mut array, slot.is_complete).map_err(|reason| mismatch(first, slot, reason))?;
        }
        let mut parts = Vec::new();
        let mut bytes: Option<Vec<u8>> = None;
        let mut texts: Option<Vec<String>> = None;
        for number in holders {
            let entry = &self.entries[*number];
            let places: Vec<Place> = axes.iter().map(|a| a.places[*number]).collect();
            match &entry.contents[at] {
                Content::Absent => {}
                Content::Chunks { parts: chunks, shape } => {
                    parts.extend(on_chunks(&array, &places, shape, chunks).map_err(|reason| mismatch(entry, slot, reason))?);
                }
                Content::Loaded { bytes: from, shape } => {
                    let size = array.element.size().unwrap_or(1);
                    if bytes.is_none() {
                        let length = array.bytes().and_then(|n| usize::try_from(n).ok());
                        let length = length.ok_or_else(|| mismatch(entry, slot, "it is too large to be loaded".to_owned()))?;
                        bytes = Some(element::filled(little_fill(&array).as_deref(), length));
                    }
                    let all = bytes.get_or_insert_default();
                    load::paste(all, &array.shape, from, shape, &places.iter().map(|p| (p.start, p.from, p.to)).collect::<Vec<_>>(), size);
                }
                Content::Texts { texts: more, .. } if slot.role == Role::Along(0) => texts.get_or_insert_default().extend(more.iter().cloned()),
                Content::Texts { .. } => return Err(mismatch(entry, slot, "text can only be concatenated along the first axis".to_owned())),
            }
        }
        if let Some(texts) = texts {
            if holders.len() < granules || Some(texts.len() as u64) != array.shape.iter().try_fold(1_u64, |n, s| n.checked_mul(*s)) {
                return Err(mismatch(first, slot, "text of any length cannot be missing".to_owned()));
            }
            array.chunk_shape = array.shape.iter().map(|s| (*s).max(1)).collect();
            return Ok(Array { values: Values::Text(texts.into()), ..array });
        }
        match bytes {
            Some(_) if !parts.is_empty() => Err(mismatch(first, slot, "its values are loaded in some granules only".to_owned())),
            Some(bytes) => {
                let chunk_shape = growing_chunks(&array, slot.role);
                array.stored(bytes, chunk_shape).map_err(|refusal| mismatch(first, slot, refusal.to_string()))
            }
            None => Ok(Array { values: Values::Chunks(parts), ..array }),
        }
    }
}

fn mismatch(entry: &Entry, slot: &Slot, reason: String) -> Mismatch {
    Mismatch { granule: Arc::clone(&entry.url), variable: slot.path(), reason }
}

/// Lets chunks that no granule has read as missing; an error where that cannot be said.
fn fill_gaps(array: &mut Array, is_complete: bool) -> Result<(), String> {
    let nan = element::is_float(array.element).then_some(Number::Float(f64::NAN));
    let missing = array.attribute("_FillValue").and_then(attributes::single).map(|(_, n)| n).or(nan);
    let missing = missing.and_then(|n| element::bytes(array.element, n));
    let missing = missing.ok_or("some granules lack a part of it, and it has no `_FillValue` that says so")?;
    let stored = element::filled(array.fill.as_deref(), missing.len());
    let number = |bytes: &[u8]| element::number(array.element, bytes);
    if stored == missing || number(&stored).zip(number(&missing)).is_some_and(|(a, b)| a.same(b)) {
        return Ok(());
    }
    if !is_complete {
        return Err("some granules lack a part of it, and chunks that are not stored hold another value than the missing one".to_owned());
    }
    array.fill = Some(missing);
    Ok(())
}

/// The chunks of a granule at their place; an error when they do not lie on the chunks of the result.
fn on_chunks(array: &Array, places: &[Place], shape: &[u64], chunks: &[(Vec<u64>, Arc<ChunkRefs>, Arc<Origin>)]) -> Result<Vec<Part>, String> {
    let mut before = Vec::with_capacity(places.len());
    let mut cut = false;
    for (axis, place) in places.iter().enumerate() {
        let (chunk, name) = (array.chunk_shape[axis], &array.dimensions[axis]);
        let ends = place.start + (place.to - place.from) == array.shape[axis] && place.to == shape[axis];
        if place.start % chunk != 0 || place.from % chunk != 0 || (place.to % chunk != 0 && !ends) {
            let count = place.to - place.from;
            return Err(format!("its {count} elements from {} along `{name}` do not lie on whole chunks of {chunk}; it can be loaded", place.start));
        }
        before.push(place.start / chunk);
        cut |= place.from != 0 || place.to != shape[axis];
    }
    let mut parts = Vec::with_capacity(chunks.len());
    for (at, refs, origin) in chunks {
        if cut {
            if at.iter().any(|i| *i != 0) || chunks.len() > 1 {
                return Err("what was combined before cannot be cut".to_owned());
            }
            let shape: Vec<u64> = places.iter().map(|p| p.to - p.from).collect();
            let refs = cropped(refs, &shape, places).map_err(|refusal| refusal.to_string())?;
            parts.push(Part { at: before.clone(), chunks: Arc::new(refs), origin: Arc::clone(origin) });
        } else {
            let at = at.iter().zip(&before).map(|(a, b)| a + b).collect();
            parts.push(Part { at, chunks: Arc::clone(refs), origin: Arc::clone(origin) });
        }
    }
    Ok(parts)
}

/// The chunks inside the places of a granule.
fn cropped(refs: &ChunkRefs, shape: &[u64], places: &[Place]) -> Result<ChunkRefs, Refusal> {
    let mut cropped = ChunkRefs::new(shape, refs.chunk_shape().to_vec())?;
    for chunk in refs.iter() {
        let at: Option<Vec<u64>> =
            refs.position(chunk.index).iter().zip(places).zip(refs.chunk_shape()).map(|((i, p), c)| i.checked_sub(p.from / c)).collect();
        let Some(index) = at.and_then(|at| cropped.index_of(&at)) else { continue };
        match chunk.place {
            cube_manifest::Place::Reference(r) => cropped.push(index, r.url, r.offset, r.length, chunk.filter_mask)?,
            cube_manifest::Place::Inline(bytes) => cropped.push_inline(index, bytes.clone(), chunk.filter_mask)?,
        }
    }
    Ok(cropped)
}

/// Chunks of values that more will be appended to: not too small to grow, not too large to be written again.
fn growing_chunks(array: &Array, role: Role) -> Vec<u64> {
    const BYTES: u64 = 32 << 10;
    let Role::Along(along) = role else { return array.shape.iter().map(|s| (*s).max(1)).collect() };
    let mut chunk_shape: Vec<u64> = array.shape.iter().map(|s| (*s).max(1)).collect();
    chunk_shape[along] = 1;
    let row = chunk_shape.iter().product::<u64>() * array.element.size().unwrap_or(1) as u64;
    chunk_shape[along] = (BYTES / row.max(1)).clamp(1, 4096);
    chunk_shape
}

fn little_fill(array: &Array) -> Option<Vec<u8>> {
    let mut fill = array.fill.clone()?;
    element::make_little(array.element, &mut fill);
    Some(fill)
}
