use std::collections::BTreeMap;

use cube_manifest::{Attribute, ChunkRefs, Codec, Element, Refusal};

use super::{Entry, inconsistent, v2, v3};
use crate::{Result, json::Json};

/// So deep may groups be nested.
pub(super) const DEEPEST: usize = 64;
/// So many axes may an array have.
pub(super) const MOST_AXES: usize = 64;

/// The documents of a store, by key.
#[derive(Default)]
pub(super) struct Documents {
    known: BTreeMap<String, Json>,
    problem: Option<String>,
}

/// What the documents of a store say.
pub(super) struct Described {
    /// Groups by path without slashes at its ends.
    pub(super) groups: Vec<(String, Vec<Attribute>)>,
    /// Arrays by path.
    pub(super) arrays: Vec<(String, Result<Description, Refusal>)>,
}

/// What a document says of an array.
pub(super) struct Description {
    pub(super) shape: Vec<u64>,
    pub(super) chunk_shape: Vec<u64>,
    pub(super) dimensions: Vec<Option<String>>,
    pub(super) element: Element,
    pub(super) fill: Option<Vec<u8>>,
    pub(super) codecs: Vec<Codec>,
    pub(super) attributes: Vec<Attribute>,
    /// What comes before the numbers of a chunk in its key.
    pub(super) prefix: &'static str,
    pub(super) separator: char,
}

impl Documents {
    pub(super) fn take(&mut self, key: &str, entry: Entry<'_>) {
        let name = key.rsplit('/').next().unwrap_or(key);
        if !matches!(name, ".zgroup" | ".zattrs" | ".zarray" | "zarr.json" | ".zmetadata") {
            return;
        }
        let document = match entry {
            Entry::Text(text) => match text.strip_prefix("base64:") {
                Some(encoded) => decoded(encoded).and_then(|text| Json::parse(&text)),
                None => Json::parse(&text),
            },
            Entry::Members(value) => Json::parse(&value.to_string()),
            Entry::Reference { .. } => None,
        };
        match document {
            Some(Json::Object(members)) if key == ".zmetadata" => self.consolidated(members),
            Some(document) => drop(self.known.insert(key.to_owned(), document)),
            None => drop(self.problem.get_or_insert_with(|| format!("`{key}` is no metadata of Zarr"))),
        }
    }

    /// Documents that are listed once more in one; those that stand for themselves come first.
    fn consolidated(&mut self, members: Vec<(String, Json)>) {
        let listed = members.into_iter().find(|(name, _)| name == "metadata");
        if let Some((_, Json::Object(listed))) = listed {
            for (key, document) in listed {
                self.known.entry(key).or_insert(document);
            }
        }
    }

    pub(super) fn described(mut self) -> Result<Described, String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let mut described = Described { groups: Vec::new(), arrays: Vec::new() };
        for key in self.known.keys().cloned().collect::<Vec<_>>() {
            let (path, name) = key.rsplit_once('/').unwrap_or(("", &key));
            if path.split('/').count() > DEEPEST || (path.split('/').any(str::is_empty) && !path.is_empty()) {
                return Err(format!("`{key}` is no path in a store"));
            }
            match name {
                ".zarray" => {
                    let attributes = self.known.remove(&format!("{path}/.zattrs"));
                    let Some(document) = self.known.remove(&key) else { continue };
                    described.arrays.push((path.to_owned(), v2::array(path, &document, attributes.as_ref())));
                }
                "zarr.json" => {
                    let Some(document) = self.known.remove(&key) else { continue };
                    match document.get("node_type").and_then(Json::text) {
                        Some("array") => described.arrays.push((path.to_owned(), v3::array(path, &document))),
                        Some("group") => described.groups.push((path.to_owned(), v3::group(&document))),
                        _ => return Err(format!("`{key}` is neither a group nor an array")),
                    }
                }
                _ => {}
            }
        }
        // What no array took is of a group.
        for (key, document) in &self.known {
            let (path, name) = key.rsplit_once('/').unwrap_or(("", key));
            if name == ".zattrs" {
                described.groups.push((path.to_owned(), v2::group(document)));
            }
        }
        let is_root = |(path, _): &(String, _)| path.is_empty();
        if described.arrays.iter().any(is_root) {
            return Err("an array is no store of several".to_owned());
        }
        if described.arrays.is_empty() && described.groups.is_empty() && self.known.is_empty() {
            return Err("there is no metadata of Zarr in it".to_owned());
        }
        Ok(described)
    }
}

/// Shape, chunk shape and the number of chunks, checked against each other.
pub(super) fn grid(shape: Option<Vec<u64>>, chunks: Option<Vec<u64>>) -> Result<(Vec<u64>, Vec<u64>), Refusal> {
    let shape = shape.ok_or_else(|| inconsistent("its shape is no list of whole numbers"))?;
    let chunks = chunks.ok_or_else(|| inconsistent("its chunks are no list of whole numbers"))?;
    if shape.len() > MOST_AXES {
        return Err(inconsistent(format!("it has {} dimensions", shape.len())));
    }
    ChunkRefs::new(&shape, chunks.clone())?;
    Ok((shape, chunks))
}

/// Paths of dimensions, which are taken for those of the array's own group.
pub(super) fn dimensions(path: &str, names: Option<&Json>, rank: usize) -> Vec<Option<String>> {
    let group = path.rsplit_once('/').map_or("", |(group, _)| group);
    let slash = if group.is_empty() { "" } else { "/" };
    let full = |name: &Json| name.text().map(|name| format!("{slash}{group}/{name}"));
    match names {
        Some(Json::List(names)) if names.len() == rank => names.iter().map(full).collect(),
        _ => vec![None; rank],
    }
}

fn decoded(text: &str) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}
