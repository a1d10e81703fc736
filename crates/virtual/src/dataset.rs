use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cube_manifest::{Attribute, ChunkRefs, Codec, Data, Element, Granule, Group, Origin, Padding, Reason, Refusal, Variable};

/// What will be one store: a tree of groups whose arrays refer to chunks in files.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The root group; its name is empty.
    pub root: Node,
    /// What is not in it, and why.
    pub refused: Vec<Refused>,
}

/// A group of a store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Name within its parent; empty for the root.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Its arrays.
    pub arrays: Vec<Array>,
    /// The groups in it.
    pub groups: Vec<Self>,
}

/// An array of a store.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Name within its group.
    pub name: String,
    /// Names of its dimensions, as readers show them.
    pub dimensions: Vec<String>,
    /// Length along each dimension.
    pub shape: Vec<u64>,
    /// Elements of a chunk along each dimension.
    pub chunk_shape: Vec<u64>,
    /// What an element is.
    pub element: Element,
    /// What an element holds where no chunk is stored, in the byte order of the element; zero when absent.
    pub fill: Option<Vec<u8>>,
    /// How chunks are encoded.
    pub codecs: Vec<Codec>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Where its values are.
    pub values: Values,
}

/// Where the values of an array are.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// In chunks, one part per granule.
    Chunks(Vec<Part>),
    /// Text of any length, row-major.
    Text(Arc<[String]>),
}

/// The chunks of one granule at their place in an array. They are shared, not copied.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Chunks before it along each dimension.
    pub at: Vec<u64>,
    /// The chunks.
    pub chunks: Arc<ChunkRefs>,
    /// The file that they come from.
    pub origin: Arc<Origin>,
}

/// A variable that is not in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// URL of the granule.
    pub granule: Arc<str>,
    /// Full path of the variable.
    pub variable: String,
    /// Why.
    pub refusal: Refusal,
}

impl Dataset {
    /// One granule as a store. Variables that cannot be said in Zarr at all are refused; the others go on.
    pub fn from_granule(granule: Granule) -> Self {
        let mut reader = Reader { origin: Arc::new(granule.origin), refused: Vec::new(), unnamed: 0, sizes: sizes(&granule.root) };
        let root = reader.group(granule.root, "");
        Self { root, refused: reader.refused }
    }

    /// Every array with the path of its group (`/`, `/a/b`), parents first.
    pub fn arrays(&self) -> Vec<(String, &Array)> {
        let mut all = Vec::new();
        self.root.walk("/", &mut |path, node| all.extend(node.arrays.iter().map(|a| (path.to_owned(), a))));
        all
    }

    /// References to files, in all arrays.
    pub fn references(&self) -> usize {
        self.arrays().iter().map(|(_, a)| a.parts().iter().map(|p| p.chunks.len()).sum::<usize>()).sum()
    }

    /// Leaves out what is neither one of these groups nor above or below one; `/` is everything.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for a group that is not there.
    pub fn keep_groups(&mut self, paths: &[&str]) -> crate::Result<()> {
        let parts = |path: &str| path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let wanted: Vec<Vec<String>> = paths.iter().map(|p| parts(p)).collect();
        for (path, wanted) in paths.iter().zip(&wanted) {
            self.root.at(wanted).ok_or_else(|| crate::Error::Request(format!("there is no group `{path}`")))?;
        }
        let is_kept = |path: &str| {
            let path = parts(path);
            wanted.iter().any(|w| path.starts_with(w))
        };
        self.root.visit_mut("/", &mut |path, node| {
            if !is_kept(path) {
                node.arrays.clear();
            }
            let above = parts(path);
            node.groups.retain(|g| {
                let inner: Vec<String> = above.iter().chain([&g.name]).cloned().collect();
                wanted.iter().any(|w| inner.starts_with(w) || w.starts_with(&inner))
            });
        });
        self.refused.retain(|r| is_kept(&r.variable));
        Ok(())
    }

    /// Makes one group the root, as a reader sees it who opens that group. `whole` takes the groups below it too.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) for a group that is not there.
    pub fn into_group(mut self, path: &str, whole: bool) -> crate::Result<Self> {
        self.keep_groups(&[path])?;
        let mut node = self.root;
        for name in path.split('/').filter(|p| !p.is_empty()) {
            let at = node.groups.iter().position(|g| g.name == name);
            node = node.groups.swap_remove(at.ok_or_else(|| crate::Error::Request(format!("there is no group `{path}`")))?);
        }
        node.name.clear();
        if !whole {
            node.groups.clear();
            let depth = path.split('/').filter(|p| !p.is_empty()).count();
            self.refused.retain(|r| r.variable.split('/').filter(|p| !p.is_empty()).count() == depth + 1);
        }
        Ok(Self { root: node, refused: self.refused })
    }

    /// Leaves out what does not match.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Array) -> bool) {
        self.root.visit_mut("/", &mut |path, node| node.arrays.retain(|a| keep(path, a)));
    }
}

impl Node {
    /// The group at a path below this one.
    fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.groups.iter().find(|g| g.name == *name))
    }

    /// Calls `visit(path, node)` for this group and all below it, parents first.
    pub fn walk<'a>(&'a self, at: &str, visit: &mut impl FnMut(&str, &'a Self)) {
        visit(at, self);
        for group in &self.groups {
            group.walk(&join(at, &group.name), visit);
        }
    }

    /// The same, to change them.
    pub fn visit_mut(&mut self, at: &str, visit: &mut impl FnMut(&str, &mut Self)) {
        visit(at, self);
        for group in &mut self.groups {
            let path = join(at, &group.name);
            group.visit_mut(&path, visit);
        }
    }
}

/// The path of what is called `name` in the group at `at`.
pub(crate) fn join(at: &str, name: &str) -> String {
    format!("{}/{name}", at.trim_end_matches('/'))
}

impl Array {
    /// Chunks along each dimension.
    pub fn grid(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.chunk_shape).map(|(size, chunk)| size.div_ceil(*chunk)).collect()
    }

    /// Its parts; none for text of any length.
    pub fn parts(&self) -> &[Part] {
        match &self.values {
            Values::Chunks(parts) => parts,
            Values::Text(_) => &[],
        }
    }

    /// Whether every chunk of its grid is stored.
    pub fn is_complete(&self) -> bool {
        let stored: u64 = self.parts().iter().map(|p| p.chunks.len() as u64).sum();
        matches!(self.values, Values::Text(_)) || stored == self.grid().iter().product::<u64>()
    }

    /// Bytes of a decoded chunk; `None` for text of any length, or when too large to be one.
    pub fn chunk_bytes(&self) -> Option<usize> {
        let elements = self.chunk_shape.iter().try_fold(1_u64, |n, c| n.checked_mul(*c))?;
        usize::try_from(elements).ok()?.checked_mul(self.element.size()?)
    }

    /// An attribute by name.
    pub fn attribute(&self, name: &str) -> Option<&cube_manifest::AttributeValue> {
        self.attributes.iter().find(|a| a.name == name).map(|a| &a.value)
    }

    /// Whether its only dimension has its name, so that readers index by it.
    pub fn is_index(&self) -> bool {
        self.dimensions.len() == 1 && self.dimensions[0] == self.name
    }

    /// Why its chunks cannot be read by a Zarr reader as they are, although they can perhaps be decoded here.
    pub(crate) fn must_be_stored(&self) -> Option<Refusal> {
        self.foreign_codec().or_else(|| self.foreign_text())
    }

    /// A codec that Zarr has no counterpart for, or has only elsewhere in the order.
    fn foreign_codec(&self) -> Option<Refusal> {
        let refused = |what: String| Some(Refusal::new(Reason::Codec, what));
        let mut is_fixed = true;
        for codec in &self.codecs {
            match codec {
                Codec::Other { id, name, .. } => return refused(format!("`{name}` (HDF5 filter {id}) has no counterpart in Zarr")),
                // Readers of Zarr sort whole elements only; HDF5 leaves a rest as it is.
                Codec::Shuffle { element_size: size @ 2.. } => {
                    if !is_fixed || self.chunk_bytes().is_some_and(|n| n % *size as usize != 0) {
                        return refused(format!("`shuffle` by {size} bytes of data that are no multiple of them has no counterpart in Zarr"));
                    }
                }
                Codec::Shuffle { .. } => {}
                _ => is_fixed = false,
            }
        }
        None
    }

    /// Text whose end readers of Zarr would see elsewhere.
    fn foreign_text(&self) -> Option<Refusal> {
        let what = match self.element {
            Element::Text { padding: Padding::Space, bytes: 1.. } => "text filled up with spaces reads as text that ends in spaces",
            Element::Text { padding: Padding::NullTerminated, bytes: 2.. } => "text that ends at its first zero byte reads to its last other byte",
            _ => return None,
        };
        Some(Refusal::new(Reason::ElementType, what))
    }
}

struct Reader {
    origin: Arc<Origin>,
    refused: Vec<Refused>,
    unnamed: usize,
    /// Of the dimensions that the file declares, by full path.
    sizes: HashMap<String, u64>,
}

/// The length of every dimension, by full path.
fn sizes(root: &Group) -> HashMap<String, u64> {
    let mut all = HashMap::new();
    root.walk("/", &mut |path, group| all.extend(group.dimensions.iter().map(|d| (join(path, &d.name), d.size))));
    all
}

impl Reader {
    fn group(&mut self, group: Group, at: &str) -> Node {
        let path = if group.name.is_empty() { at.to_owned() } else { format!("{at}/{}", group.name) };
        let mut names = Names::default();
        let mut taken = HashSet::new();
        let mut arrays = Vec::with_capacity(group.variables.len());
        for variable in group.variables {
            let full = format!("{path}/{}", variable.name);
            let dimensions = names.of(&variable, &mut self.unnamed);
            let named = checked_name(&variable.name, &mut taken);
            match named.and_then(|()| self.array(variable, dimensions)) {
                Ok(array) => arrays.push(array),
                Err(refusal) => self.refuse(full, refusal),
            }
        }
        let mut groups = Vec::with_capacity(group.groups.len());
        for inner in group.groups {
            match checked_name(&inner.name, &mut taken) {
                Ok(()) => groups.push(self.group(inner, &path)),
                Err(refusal) => self.refuse(format!("{path}/{}", inner.name), refusal),
            }
        }
        Node { name: group.name, attributes: group.attributes, arrays, groups }
    }

    fn refuse(&mut self, variable: String, refusal: Refusal) {
        self.refused.push(Refused { granule: Arc::clone(&self.origin.url), variable, refusal });
    }

    /// No reader opens a group in which one name has two lengths. netCDF fills up what is shorter than its unlimited dimension; chunks cannot.
    fn check_lengths(&self, variable: &Variable) -> Result<(), Refusal> {
        for (path, length) in variable.dimensions.iter().zip(&variable.shape) {
            let Some(path) = path else { continue };
            if let Some(size) = self.sizes.get(path).filter(|size| *size != length) {
                return Err(Refusal::new(Reason::Layout, format!("it has {length} elements along `{path}`, which has {size}")));
            }
        }
        Ok(())
    }

    fn array(&self, variable: Variable, dimensions: Vec<String>) -> Result<Array, Refusal> {
        self.check_lengths(&variable)?;
        let inconsistent = |what: String| Refusal::new(Reason::Inconsistent, what);
        let count = variable.len();
        let Variable { name, shape, element, fill, codecs, attributes, data, .. } = variable;
        let (values, chunk_shape) = match data? {
            Data::Chunks(chunks) => {
                let expected: Vec<u64> = shape.iter().zip(chunks.chunk_shape()).map(|(s, c)| s.div_ceil(*c)).collect();
                if chunks.chunk_shape().len() != shape.len() || expected != chunks.grid() {
                    return Err(inconsistent(format!("{:?} chunks for an array of shape {shape:?}", chunks.grid())));
                }
                let chunk_shape = chunks.chunk_shape().to_vec();
                let part = Part { at: vec![0; shape.len()], chunks: Arc::new(chunks), origin: Arc::clone(&self.origin) };
                (Values::Chunks(vec![part]), chunk_shape)
            }
            Data::Text(texts) => {
                if count != Some(texts.len() as u64) {
                    return Err(inconsistent(format!("{} texts for an array of shape {shape:?}", texts.len())));
                }
                let chunk_shape = shape.iter().map(|s| (*s).max(1)).collect();
                return Ok(Array {
                    name,
                    dimensions,
                    shape,
                    chunk_shape,
                    element: Element::VariableText,
                    fill: None,
                    codecs: Vec::new(),
                    attributes,
                    values: Values::Text(texts.into()),
                });
            }
        };
        let Some(size) = element.size().filter(|size| *size > 0) else {
            return Err(Refusal::new(Reason::ElementType, format!("elements {element:?} in chunks")));
        };
        if count.and_then(|n| n.checked_mul(size as u64)).is_none() {
            return Err(inconsistent(format!("an array of shape {shape:?}, which has more bytes than can be counted")));
        }
        if let Some(fill) = fill.as_ref().filter(|f| f.len() != size) {
            return Err(inconsistent(format!("a fill value of {} bytes for elements of {size}", fill.len())));
        }
        Ok(Array { name, dimensions, shape, chunk_shape, element, fill, codecs, attributes, values })
    }
}

/// Names become keys of a store and paths of files: what would lead elsewhere, or is there already, is refused.
fn checked_name(name: &str, taken: &mut HashSet<String>) -> Result<(), Refusal> {
    if name.is_empty() || name == "." || name == ".." || name.starts_with(".z") || name == "zarr.json" || name.contains(['/', '\\', '\0']) {
        return Err(Refusal::new(Reason::Inconsistent, format!("`{name}` cannot be a name in a store")));
    }
    if !taken.insert(name.to_owned()) {
        return Err(Refusal::new(Reason::Inconsistent, format!("its group has something else called `{name}`")));
    }
    Ok(())
}

/// Names of the dimensions of one group: the last part of their path, unless that says two things.
#[derive(Default)]
struct Names {
    taken: HashMap<String, String>,
    unnamed: Vec<(String, u64)>,
}

impl Names {
    fn of(&mut self, variable: &Variable, count: &mut usize) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(variable.shape.len());
        for (size, path) in variable.shape.iter().zip(variable.dimensions.iter().map(Some).chain(std::iter::repeat(None))) {
            let name = match path.and_then(Option::as_deref) {
                Some(path) => self.named(path),
                None => self.unnamed(*size, &names, count),
            };
            names.push(name);
        }
        names
    }

    fn named(&mut self, path: &str) -> String {
        let last = path.rsplit('/').next().unwrap_or(path);
        let owner = self.taken.entry(last.to_owned()).or_insert_with(|| path.to_owned());
        if owner == path { last.to_owned() } else { path.trim_matches('/').replace('/', "_") }
    }

    /// As netCDF names them: one name for each length, but not twice in a variable.
    fn unnamed(&mut self, size: u64, used: &[String], count: &mut usize) -> String {
        if let Some((name, _)) = self.unnamed.iter().find(|(name, s)| *s == size && !used.contains(name)) {
            return name.clone();
        }
        let name = format!("phony_dim_{count}");
        *count += 1;
        self.unnamed.push((name.clone(), size));
        name
    }
}
