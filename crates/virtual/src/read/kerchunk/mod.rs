//! Kerchunk references in JSON, versions 0 and 1, as a granule.
//!
//! What they say of arrays is metadata of Zarr, version 2 or 3. An array that a granule cannot express is refused by name; the others go on.

mod attributes;
mod chunks;
mod document;
mod metadata;
mod v2;
mod v3;

use std::collections::BTreeMap;

use cube_manifest::{Element, Granule, Group, Origin, Reason, Refusal, Variable};

use crate::{Error, Result};

use chunks::Collector;
use document::{Document, Entry};
use metadata::{Description, Documents};

/// Reads references.
///
/// `url` says where they were read: it is in errors, and is the granule's when the references do not say of which file they are.
///
/// # Errors
/// [`Error::Unreadable`] for what is no JSON, no references, or references that are generated (`gen`) or in templates with arguments.
pub fn read_json(bytes: &[u8], url: &str) -> Result<Granule> {
    let unreadable = |problem: String| Error::Unreadable { url: url.to_owned(), problem };
    let mut documents = Documents::default();
    // Documents may come after the chunks that they describe, so the text is gone through twice.
    let head = document::read(bytes, &mut |key, entry| documents.take(key, entry)).map_err(unreadable)?;
    let described = documents.described().map_err(unreadable)?;
    let mut collector = Collector::new(&described.arrays, &head.templates, bytes.len());
    document::read(bytes, &mut |key, entry| collector.take(key, entry)).map_err(unreadable)?;
    let (data, origin) = collector.finish();
    let mut root = Group::default();
    for (path, attributes) in described.groups {
        group(&mut root, &path).attributes = attributes;
    }
    for ((path, description), data) in described.arrays.into_iter().zip(data) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        group(&mut root, parent).variables.push(variable(name, description, data));
    }
    let Document { origin: said, refused, .. } = head;
    for (path, refusal) in refused {
        let path = path.trim_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if depth(parent) <= metadata::DEEPEST {
            group(&mut root, parent).variables.push(nothing(name, refusal));
        }
    }
    let origin = said.unwrap_or_else(|| Origin { url: origin.unwrap_or_else(|| url.into()), size: None, etag: None, last_modified: None });
    Ok(Granule { origin, root })
}

fn depth(path: &str) -> usize {
    path.split('/').count()
}

/// The group at a path, made when it is not there.
fn group<'a>(root: &'a mut Group, path: &str) -> &'a mut Group {
    let mut group = root;
    for name in path.split('/').filter(|p| !p.is_empty()) {
        let at = group.groups.iter().position(|g| g.name == name).unwrap_or_else(|| {
            group.groups.push(Group { name: name.to_owned(), ..Group::default() });
            group.groups.len() - 1
        });
        group = &mut group.groups[at];
    }
    group
}

fn variable(name: &str, description: Result<Description, Refusal>, data: Result<cube_manifest::Data, Refusal>) -> Variable {
    match description {
        Ok(d) => Variable {
            name: name.to_owned(),
            dimensions: d.dimensions,
            shape: d.shape,
            element: d.element,
            enumeration: Vec::new(),
            attributes: d.attributes,
            fill: d.fill,
            codecs: d.codecs,
            data,
        },
        Err(refusal) => nothing(name, refusal),
    }
}

/// A variable of which only is known why it is refused.
fn nothing(name: &str, refusal: Refusal) -> Variable {
    Variable {
        name: name.to_owned(),
        dimensions: Vec::new(),
        shape: Vec::new(),
        element: Element::Other,
        enumeration: Vec::new(),
        attributes: Vec::new(),
        fill: None,
        codecs: Vec::new(),
        data: Err(refusal),
    }
}

/// A refusal of metadata that contradicts itself.
fn inconsistent(what: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Inconsistent, what)
}

/// Templates by name.
type Templates = BTreeMap<String, String>;
