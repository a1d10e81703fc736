//! Whether arrays that all granules share hold the same values.

use std::{collections::btree_map, sync::Arc};

use cube_manifest::{Reason, Refusal};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    Compare, Coordinates, Join, Options,
    assemble::Class,
    merged::same,
    slot::{Content, Role, Slot, Template, values},
};
use crate::{Array, Fetch, Result, attributes, element, load};

/// What came of comparing.
pub(super) enum Verdict {
    Same,
    /// The values differ, and each granule is to keep its own.
    Varies,
    Differs(String),
}

impl Class {
    /// Compares an array of a granule with that of the granules before.
    pub(super) async fn compare_slot(
        &mut self,
        at: usize,
        content: &mut Content,
        other: &Template,
        fetch: &dyn Fetch,
        options: &Options,
    ) -> Result<Verdict> {
        let slot = &self.template.slots[at];
        let is_index = slot.array.is_index();
        let is_unseen = if is_index { options.join != Join::Exact } else { options.compare == Compare::Override };
        if slot.role != Role::Fixed || is_unseen || matches!(content, Content::Absent) || self.varying.contains(&at) {
            return Ok(Verdict::Same);
        }
        if options.compare == Compare::Identical
            && let Some(theirs) = other.like(at, slot)
            && let Some(name) = differing(slot, &other.slots[theirs])
        {
            return Ok(Verdict::Differs(format!("its attribute `{name}` differs")));
        }
        let Some(holder) = self.entries.iter().position(|e| !matches!(e.contents[at], Content::Absent)) else { return Ok(Verdict::Same) };
        // What is not concatenated may be stored otherwise.
        let theirs = other.like(at, slot).map_or_else(|| slot.clone(), |theirs| other.slots[theirs].clone());
        let differs = match self.same_values(at, holder, content, &theirs, fetch).await? {
            Ok(true) => return Ok(Verdict::Same),
            Ok(false) => "its values differ".to_owned(),
            Err(refusal) => return Ok(Verdict::Differs(refusal.to_string())),
        };
        let slot = &self.template.slots[at];
        if options.along.is_some() && options.coordinates == Coordinates::Different && slot.is_coordinate && !is_index {
            return Ok(Verdict::Varies);
        }
        if options.compare != Compare::NoConflicts || is_index {
            return Ok(Verdict::Differs(differs));
        }
        let (mut ours, theirs) = match (read(slot, &self.entries[holder].contents[at], fetch).await?, read(&theirs, content, fetch).await?) {
            (Ok(ours), Ok(theirs)) => (ours.to_vec(), theirs),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Verdict::Differs(refusal.to_string())),
        };
        if !filled_up(slot, &mut ours, &theirs) {
            return Ok(Verdict::Differs(differs));
        }
        self.compared.insert(at, xxh3_128(&ours));
        let shape = slot.array.shape.clone();
        self.entries[holder].contents[at] = Content::Loaded { shape, bytes: ours.into() };
        Ok(Verdict::Same)
    }

    async fn same_values(&mut self, at: usize, holder: usize, content: &Content, theirs: &Slot, fetch: &dyn Fetch) -> Result<Result<bool, Refusal>> {
        let (slot, ours) = (&self.template.slots[at], &self.entries[holder].contents[at]);
        match (ours, content) {
            (Content::Loaded { bytes: a, .. }, Content::Loaded { bytes: b, .. }) => return Ok(Ok(a == b)),
            (Content::Texts { texts: a, .. }, Content::Texts { texts: b, .. }) => return Ok(Ok(a == b)),
            (Content::Chunks { parts: a, .. }, Content::Chunks { parts: b, .. }) if a == b => return Ok(Ok(true)),
            _ => {}
        }
        let known = match self.compared.entry(at) {
            btree_map::Entry::Occupied(known) => *known.get(),
            btree_map::Entry::Vacant(unknown) => match read(slot, ours, fetch).await? {
                Ok(bytes) => *unknown.insert(xxh3_128(&bytes)),
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        Ok(read(theirs, content, fetch).await?.map(|bytes| xxh3_128(&bytes) == known))
    }
}

/// Takes what is missing in some values from others; whether they are equal where both have any.
fn filled_up(slot: &Slot, ours: &mut [u8], theirs: &[u8]) -> bool {
    let kind = element::little(slot.array.element);
    let Some(size) = kind.size().filter(|_| ours.len() == theirs.len()) else { return false };
    let missing = slot.array.attribute("_FillValue").and_then(attributes::single).map(|(_, n)| n);
    let is_missing = |bytes: &[u8]| element::number(kind, bytes).is_some_and(|n| n.as_f64().is_nan() || missing.is_some_and(|m| m.same(n)));
    ours.chunks_exact_mut(size).zip(theirs.chunks_exact(size)).all(|(a, b)| {
        if a != b && is_missing(a) {
            a.copy_from_slice(b);
        }
        a == b || is_missing(b)
    })
}

/// The first attribute that one of two arrays has otherwise.
fn differing(first: &Slot, other: &Slot) -> Option<String> {
    let (a, b) = (&first.array.attributes, &other.array.attributes);
    let of = |list: &[cube_manifest::Attribute], name: &str| list.iter().find(|x| x.name == name).map(|x| x.value.clone());
    a.iter().chain(b).find(|x| !matches!((of(a, &x.name), of(b, &x.name)), (Some(p), Some(q)) if same(&p, &q))).map(|x| x.name.clone())
}

/// The values of an array of a granule, least significant byte first.
async fn read(slot: &Slot, content: &Content, fetch: &dyn Fetch) -> Result<Result<Arc<[u8]>, Refusal>> {
    match content {
        Content::Chunks { shape, parts } => {
            let array = Array { shape: shape.clone(), values: values(parts), ..slot.array.clone_without_values() };
            Ok(array.load(fetch).await?.map(Arc::from))
        }
        Content::Loaded { bytes, .. } => Ok(Ok(Arc::clone(bytes))),
        _ => Ok(Err(Refusal::new(Reason::Layout, "its values are stored in another way"))),
    }
}

/// Values of a granule, stored as the first granule stores its own.
pub(super) async fn as_first(first: &Slot, other: &Slot, content: &Content, fetch: &dyn Fetch) -> Result<Result<Content, Refusal>> {
    let bytes = match read(other, content, fetch).await? {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let shape = other.array.shape.clone();
    let like = Array { shape: shape.clone(), ..first.array.clone_without_values() };
    Ok(like.encoded(bytes.to_vec()).map(|chunks| {
        let origin = match content {
            Content::Chunks { parts, .. } => parts.first().map(|(_, _, origin)| Arc::clone(origin)),
            _ => None,
        };
        let origin = origin.unwrap_or_else(load::unknown);
        Content::Chunks { parts: vec![(vec![0; shape.len()], Arc::new(chunks), origin)], shape }
    }))
}
