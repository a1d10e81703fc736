//! Granules that fit together: taking more of them, and putting them in order.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use super::{
    CombinedPart, Join, Misfit, OnMismatch, Options, Order,
    check::{Difference, MEANING, Times, differences, is_placed_by_transform, meanings, numbers},
    equal::{Verdict, as_first},
    join::compare,
    merged::Merged,
    slot::{Content, Entry, Role, Slot, Template, add_axis, extend, is_complete},
};
use crate::{Dataset, Error, Fetch, Mismatch, Node, Result};

/// Granules that fit together.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) template: Template,
    groups: Vec<Merged>,
    arrays: Vec<Merged>,
    pub(super) entries: Vec<Entry>,
    /// Fingerprints of the values of arrays that were read only to compare them, by slot.
    pub(super) compared: BTreeMap<usize, u128>,
    /// Coordinates whose values differ, and that are to be concatenated then.
    pub(super) varying: Vec<usize>,
}

impl Class {
    pub(super) fn new(template: Template, entry: Entry) -> Self {
        let groups = template.groups.iter().map(|(_, attributes)| Merged::new(attributes)).collect();
        let arrays = template.slots.iter().map(|s| Merged::new(&s.array.attributes)).collect();
        Self { template, groups, arrays, entries: vec![entry], compared: BTreeMap::new(), varying: Vec::new() }
    }

    /// Lets values of a granule that equal those of the first share its memory.
    pub(super) fn share(&self, template: &Template, entry: &mut Entry) {
        for (at, (slot, content)) in template.slots.iter().zip(&mut entry.contents).enumerate() {
            let Some(ours) = self.template.like(at, slot) else { continue };
            if let (Content::Loaded { bytes: a, .. }, Content::Loaded { bytes: b, .. }) = (&self.entries[0].contents[ours], &mut *content)
                && a == b
            {
                *b = Arc::clone(a);
            }
        }
    }

    /// Takes a granule that fits; gives back one that does not, with all differences.
    pub(super) async fn take(&mut self, other: &Template, entry: Entry, fetch: &dyn Fetch, options: &Options) -> Result<Result<(), Misfit>> {
        let mut found = Vec::new();
        let mut contents = Vec::with_capacity(self.template.slots.len());
        for (at, slot) in self.template.slots.iter().enumerate() {
            let fitted = match other.like(at, slot) {
                Some(theirs) => self.fitted(slot, other, theirs, &entry, fetch, options).await?,
                None if self.is_union(options) || options.join != Join::Exact => Ok(Content::Absent),
                None => Err(vec![other.absence(&slot.path()).unwrap_or_else(|| "it is not there".to_owned())]),
            };
            contents.push(fitted.unwrap_or_else(|reasons| {
                found.extend(reasons.into_iter().map(|reason| mismatch(&entry, slot, reason)));
                Content::Absent
            }));
        }
        if !self.is_union(options) && options.join == Join::Exact {
            for slot in other.slots.iter().enumerate().filter(|(at, slot)| self.template.like(*at, slot).is_none()).map(|(_, slot)| slot) {
                let reason = self
                    .template
                    .absence(&slot.path())
                    .map_or_else(|| "the first granule has no such variable".to_owned(), |why| format!("in the first granule {why}"));
                found.push(mismatch(&entry, slot, reason));
            }
        }
        if found.is_empty() {
            found = self.compare_values(&entry, &mut contents, other, fetch, options).await?;
        }
        if found.is_empty() {
            found = self.merge_attributes(&entry.url, other, options);
        }
        if !found.is_empty() {
            return Ok(Err((Box::new(entry), found)));
        }
        self.adopt_fills(other, &contents);
        if self.is_union(options) {
            self.adopt(other, &entry, &mut contents);
        }
        self.entries.push(Entry { number: self.entries.len(), contents, ..entry });
        Ok(Ok(()))
    }

    /// Whether arrays that only some granules have are taken too.
    fn is_union(&self, options: &Options) -> bool {
        options.along.is_none() || options.join == Join::Outer
    }

    /// One array of a granule as it fits the first; inside, why it does not.
    async fn fitted(
        &self,
        slot: &Slot,
        other: &Template,
        theirs: usize,
        entry: &Entry,
        fetch: &dyn Fetch,
        options: &Options,
    ) -> Result<Result<Content, Vec<String>>> {
        let (their_slot, content) = (&other.slots[theirs], &entry.contents[theirs]);
        let times = Times::of(&self.template, slot, other, their_slot, content);
        let differences = differences(slot, their_slot, content, &times, &meanings_of(&self.template, slot, their_slot, options), options);
        if !differences.is_empty() {
            let is_storage = differences.iter().all(|d| matches!(d, Difference::Stored(_)));
            if !is_storage || options.mismatch != OnMismatch::Materialize {
                return Ok(Err(differences.into_iter().map(|(Difference::Stored(reason) | Difference::Meaning(reason))| reason).collect()));
            }
            return Ok(as_first(slot, their_slot, content, fetch).await?.map_err(|refusal| vec![refusal.to_string()]));
        }
        let mut content = content.clone();
        if let Content::Loaded { bytes, .. } = &mut content
            && times.differ
        {
            match times.convert(slot, bytes) {
                Some(converted) => *bytes = converted.into(),
                None => return Ok(Err(vec!["its times cannot be said exactly from the epoch of the first".to_owned()])),
            }
        }
        Ok(Ok(content))
    }

    /// As long as all chunks of an array are stored, its fill value says nothing; the first granule that lacks one decides.
    fn adopt_fills(&mut self, other: &Template, contents: &[Content]) {
        for (at, content) in contents.iter().enumerate() {
            let slot = &mut self.template.slots[at];
            if slot.role != Role::Fixed && slot.is_complete && !is_complete(&slot.array, content) {
                slot.is_complete = false;
                if let Some(theirs) = other.like(at, slot) {
                    slot.array.fill.clone_from(&other.slots[theirs].array.fill);
                }
            }
        }
    }

    /// Adds the arrays that were not there before.
    fn adopt(&mut self, other: &Template, entry: &Entry, contents: &mut Vec<Content>) {
        for (path, attributes) in &other.groups {
            if !self.template.groups.iter().any(|(p, _)| p == path) {
                self.template.groups.push((path.clone(), attributes.clone()));
                self.groups.push(Merged::new(attributes));
            }
        }
        for (at, (slot, content)) in other.slots.iter().zip(&entry.contents).enumerate() {
            if self.template.like(at, slot).is_none() {
                self.template.slots.push(slot.clone());
                self.arrays.push(Merged::new(&slot.array.attributes));
                self.entries.iter_mut().for_each(|e| e.contents.push(Content::Absent));
                contents.push(content.clone());
            }
        }
    }

    /// Whether arrays that all granules share hold the same.
    async fn compare_values(
        &mut self,
        entry: &Entry,
        contents: &mut [Content],
        other: &Template,
        fetch: &dyn Fetch,
        options: &Options,
    ) -> Result<Vec<Mismatch>> {
        let mut found = Vec::new();
        for (at, content) in contents.iter_mut().enumerate() {
            match self.compare_slot(at, content, other, fetch, options).await? {
                Verdict::Same => {}
                Verdict::Varies if self.varying.contains(&at) => {}
                Verdict::Varies => self.varying.push(at),
                Verdict::Differs(reason) => found.push(mismatch(entry, &self.template.slots[at], reason)),
            }
        }
        Ok(found)
    }

    fn merge_attributes(&mut self, url: &Arc<str>, other: &Template, options: &Options) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for ((path, _), merged) in self.template.groups.iter().zip(&mut self.groups) {
            if let Some((_, attributes)) = other.groups.iter().find(|(p, _)| p == path)
                && let Err(reason) = merged.add(attributes, options.attributes)
            {
                found.push(Mismatch { granule: Arc::clone(url), variable: path.clone(), reason });
            }
        }
        for (at, (slot, merged)) in self.template.slots.iter().zip(&mut self.arrays).enumerate() {
            let Some(theirs) = other.like(at, slot) else { continue };
            // What was checked or converted is as in the first.
            let checked = meanings_of(&self.template, slot, &other.slots[theirs], options);
            let own = |a: &&cube_manifest::Attribute| !checked.contains(&a.name.as_str());
            let mut attributes: Vec<_> = other.slots[theirs].array.attributes.iter().filter(own).cloned().collect();
            attributes.extend(slot.array.attributes.iter().filter(|a| !own(a)).cloned());
            if let Err(reason) = merged.add(&attributes, options.attributes) {
                found.push(Mismatch { granule: Arc::clone(url), variable: slot.path(), reason });
            }
        }
        found
    }

    /// Puts all granules in order and in place.
    pub(super) fn assemble(mut self, options: &Options) -> Result<Result<CombinedPart, Vec<Mismatch>>> {
        if let Some(along) = &options.along
            && options.order == Order::Coordinate
            && self.entries.len() > 1
        {
            self.sort(along)?;
        }
        if options.join == Join::Inner {
            self.drop_partial();
        }
        self.spread_varying(options);
        let axes = match self.axes(options) {
            Ok(axes) => axes,
            Err(mismatches) => return Ok(Err(mismatches)),
        };
        let mut found = Vec::new();
        let mut arrays = Vec::with_capacity(self.template.slots.len());
        for at in 0..self.template.slots.len() {
            match self.array(at, &axes, options) {
                Ok(array) => arrays.push(array),
                Err(mismatch) => found.push(mismatch),
            }
        }
        if !found.is_empty() {
            return Ok(Err(found));
        }
        let granules = self.entries.iter().map(|e| Arc::clone(&e.url)).collect();
        let mut root = Node::default();
        for ((path, _), merged) in self.template.groups.iter().zip(self.groups) {
            node(&mut root, path).attributes = merged.finish(options.attributes, &[]);
        }
        for ((slot, merged), mut array) in self.template.slots.iter().zip(self.arrays).zip(arrays) {
            array.attributes = merged.finish(options.attributes, &MEANING);
            node(&mut root, &slot.group).arrays.push(array);
        }
        Ok(Ok(CombinedPart { dataset: Dataset { root, refused: Vec::new() }, granules }))
    }

    /// By the values of the coordinate: ascending, or descending where those of a granule are.
    fn sort(&mut self, along: &str) -> Result<()> {
        let order = |problem: String| Error::Order { dimension: along.to_owned(), problem };
        let is_coordinate = |s: &Slot| s.array.name == along && s.role == Role::Along(0) && s.array.shape.len() == 1;
        let at = self.template.slots.iter().position(is_coordinate).ok_or_else(|| order("they have no coordinate of this name".into()))?;
        let mut keyed = Vec::with_capacity(self.entries.len());
        let mut descends = None;
        for entry in self.entries.drain(..) {
            let bytes = match &entry.contents[at] {
                Content::Loaded { bytes, .. } => Some(&bytes[..]),
                _ => entry.key.as_deref(),
            };
            let bytes = bytes.ok_or_else(|| order(format!("`{}` has no values of the coordinate", entry.url)))?;
            let numbers = numbers(&self.template.slots[at], bytes).ok_or_else(|| order("the coordinate is no number".into()))?;
            if numbers.iter().any(|n| n.as_f64().is_nan()) {
                return Err(order(format!("`{}` has a value that is no number", entry.url)));
            }
            if let [first, second, ..] = numbers[..] {
                descends.get_or_insert(compare(&first, &second) == Ordering::Greater);
            }
            let (least, most) = (numbers.iter().copied().min_by(compare), numbers.iter().copied().max_by(compare));
            let range = least.zip(most).ok_or_else(|| order(format!("`{}` has no value of it", entry.url)))?;
            keyed.push((range, entry));
        }
        keyed.sort_by(|(a, _), (b, _)| compare(&a.0, &b.0));
        for pair in keyed.windows(2) {
            let ((before, a), (after, b)) = (&pair[0], &pair[1]);
            if compare(&after.0, &before.1) != Ordering::Greater {
                return Err(order(format!("`{}` and `{}` both have the value {}", a.url, b.url, after.0)));
            }
        }
        self.entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        if descends == Some(true) {
            self.entries.reverse();
        }
        Ok(())
    }

    /// Coordinates whose values differ are concatenated.
    fn spread_varying(&mut self, options: &Options) {
        let Some(along) = &options.along else { return };
        for at in std::mem::take(&mut self.varying) {
            let Some(slot) = self.template.slots.get_mut(at) else { continue };
            add_axis(slot, &mut Content::Absent, along, 1);
            self.entries.iter_mut().for_each(|e| extend(&mut e.contents[at], e.along));
        }
    }

    /// Leaves out the arrays that some granule has not.
    fn drop_partial(&mut self) {
        for at in (0..self.template.slots.len()).rev() {
            if self.entries.iter().any(|e| matches!(e.contents[at], Content::Absent)) {
                self.template.slots.remove(at);
                self.arrays.remove(at);
                self.varying.retain(|v| *v != at);
                self.varying.iter_mut().filter(|v| **v > at).for_each(|v| *v -= 1);
                self.entries.iter_mut().for_each(|e| drop(e.contents.remove(at)));
            }
        }
    }
}

/// The attributes of an array that must be as in the first granule.
fn meanings_of<'a>(first: &Template, slot: &'a Slot, other: &'a Slot, options: &Options) -> Vec<&'a str> {
    let names = slot.array.attributes.iter().chain(&other.array.attributes).map(|a| a.name.as_str());
    let is_placed = is_placed_by_transform(first.slots.iter().map(|s| &s.array), &slot.array.name, options.along.as_deref());
    meanings(names, slot.array.dimensions.len(), is_placed)
}

fn mismatch(entry: &Entry, slot: &Slot, reason: String) -> Mismatch {
    Mismatch { granule: Arc::clone(&entry.url), variable: slot.path(), reason }
}

/// The group at a path, made when it is not there.
fn node<'a>(root: &'a mut Node, path: &str) -> &'a mut Node {
    let mut node = root;
    for name in path.split('/').filter(|p| !p.is_empty()) {
        let at = node.groups.iter().position(|g| g.name == name).unwrap_or_else(|| {
            node.groups.push(Node { name: name.to_owned(), ..Node::default() });
            node.groups.len() - 1
        });
        node = &mut node.groups[at];
    }
    node
}
