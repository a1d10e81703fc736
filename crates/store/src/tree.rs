use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use cube_core::Layout;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zarrs::array::ArrayToBytesCodecTraits as _;
use zarrs::array::{Array, ArrayBytes, ArrayMetadata, CodecOptions, CodecSpecificOptions, ElementOwned, FromArrayBytes};

use crate::{Error, Location, Result, documents, error::Cause, keys::Keys};

/// The version of the format that this program writes, and the latest that it reads.
pub(crate) const FORMAT: u64 = 1;

/// What the attributes of `_cube` say.
#[derive(Serialize, Deserialize)]
struct Record {
    format: u64,
    program: String,
    layout: Layout,
}

/// A Zarr hierarchy at one moment: its nodes, and the keys below them.
///
/// On plain Zarr all metadata comes from the root's consolidated metadata, one file that is replaced at once: so readers, ours and xarray alike, see an axis
/// of one length in all arrays, whenever they look. On Icechunk the session is that moment.
pub(crate) struct Tree {
    pub(crate) keys: Arc<Keys>,
    location: Location,
    root: Option<Root>,
}

/// The root document of a plain Zarr store, taken apart.
struct Root {
    attributes: Value,
    nodes: BTreeMap<String, Value>,
    changed: bool,
}

impl Tree {
    /// The hierarchy in an Icechunk session.
    pub(crate) fn in_session(keys: Arc<Keys>, location: &Location) -> Self {
        Self { keys, location: location.clone(), root: None }
    }

    /// An empty plain hierarchy, to be filled and published.
    pub(crate) fn empty(keys: Arc<Keys>, location: &Location) -> Self {
        Self { keys, location: location.clone(), root: Some(Root { attributes: json!({}), nodes: BTreeMap::new(), changed: true }) }
    }

    /// The plain hierarchy that was published last; `None` when there is none.
    pub(crate) async fn published(keys: Arc<Keys>, location: &Location) -> Result<Option<Self>> {
        let Some(bytes) = keys.get("zarr.json").await.map_err(|c| Error::storage("read", location, c))? else {
            return Ok(None);
        };
        let not_a_cube = |found: &str| Error::NotACube { location: location.to_string(), found: found.into() };
        let mut root: Value = serde_json::from_slice(&bytes).map_err(|_| not_a_cube("its zarr.json cannot be read"))?;
        let nodes = root.pointer_mut("/consolidated_metadata/metadata").map(Value::take);
        let Some(Value::Object(nodes)) = nodes else {
            return Err(not_a_cube("it is a Zarr store without the records of a cube"));
        };
        let attributes = root.get_mut("attributes").map(Value::take).unwrap_or_else(|| json!({}));
        let root = Root { attributes, nodes: nodes.into_iter().collect(), changed: false };
        Ok(Some(Self { keys, location: location.clone(), root: Some(root) }))
    }

    /// Whether this is plain Zarr.
    pub(crate) fn is_plain(&self) -> bool {
        self.root.is_some()
    }

    /// The document of a node.
    pub(crate) async fn document(&self, path: &str) -> Result<Option<Value>> {
        match &self.root {
            Some(root) => Ok(root.nodes.get(path).cloned()),
            None => {
                let bytes = self.keys.get(&document_key(path)).await.map_err(|c| Error::storage("read", &self.location, c))?;
                bytes
                    .map(|b| serde_json::from_slice(&b).map_err(|e| self.damaged(format!("the metadata of `{path}` cannot be read: {e}"))))
                    .transpose()
            }
        }
    }

    /// Writes the document of a node. On plain Zarr readers see it once it is published.
    pub(crate) async fn put_document(&mut self, path: &str, document: Value) -> Result<()> {
        if let Some(root) = &mut self.root {
            root.changed = true;
            if path.is_empty() {
                root.attributes = document.get("attributes").cloned().unwrap_or_else(|| json!({}));
                return Ok(());
            }
            root.nodes.insert(path.into(), document.clone());
        }
        let bytes = serde_json::to_vec_pretty(&document).map_err(|e| self.damaged(e.to_string()))?;
        self.put(&document_key(path), bytes.into()).await
    }

    /// Shows what was written to readers, on plain Zarr; nothing to do on Icechunk, where a commit does.
    pub(crate) async fn publish(&mut self) -> Result<()> {
        let Some(root) = self.root.as_mut().filter(|r| r.changed) else {
            return Ok(());
        };
        root.changed = false;
        let document = json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": root.attributes,
            "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": root.nodes},
        });
        let bytes = serde_json::to_vec_pretty(&document).map_err(|e| self.damaged(e.to_string()))?;
        self.put("zarr.json", bytes.into()).await
    }

    /// Changes the length of an array's first dimension.
    pub(crate) async fn resize(&mut self, path: &str, len: usize) -> Result<()> {
        let mut document = self.document(path).await?.ok_or_else(|| self.damaged(format!("`{path}` is missing")))?;
        match document.pointer_mut("/shape/0") {
            Some(first) if *first != json!(len) => *first = json!(len),
            Some(_) => return Ok(()),
            None => return Err(self.damaged(format!("`{path}` has no dimension to grow along"))),
        }
        self.put_document(path, document).await
    }

    /// An array; its absence is damage.
    pub(crate) async fn array(&self, path: &str) -> Result<Node> {
        let document = self.document(path).await?.ok_or_else(|| self.damaged(format!("`{path}` is missing")))?;
        Node::new(Arc::clone(&self.keys), path, document, &self.location)
    }

    /// The layout that the attributes of `_cube` hold; says what else may lie there.
    pub(crate) async fn layout(&self) -> Result<Layout> {
        let not_a_cube = |found: &str| Error::NotACube { location: self.location.to_string(), found: found.into() };
        let what = if self.is_plain() { "a Zarr store" } else { "an Icechunk repository" };
        let Some(mut document) = self.document("_cube").await? else {
            return Err(not_a_cube(&format!("it is {what} of another program")));
        };
        let attributes = document.get_mut("attributes").map(Value::take).unwrap_or_default();
        let Some(format) = attributes.get("format").and_then(Value::as_u64) else {
            let is_virtual = self.document("_cube/granules").await?.is_some();
            let of_another = || format!("it is {what} of another program");
            let found =
                if is_virtual { "it holds references that `cube virtualize` wrote, and opens in Python as it is".into() } else { of_another() };
            return Err(not_a_cube(&found));
        };
        if format > FORMAT {
            let program = attributes.get("program").and_then(Value::as_str).unwrap_or("an unknown program").to_string();
            return Err(Error::TooNew { location: self.location.to_string(), found: format, program, known: FORMAT });
        }
        let record: Record = serde_json::from_value(attributes).map_err(|e| self.damaged(format!("its layout cannot be read: {e}")))?;
        Ok(record.layout)
    }

    /// Writes the layout into the attributes of `_cube`.
    pub(crate) async fn put_layout(&mut self, layout: &Layout) -> Result<()> {
        let record = Record { format: FORMAT, program: concat!("cube ", env!("CARGO_PKG_VERSION")).into(), layout: layout.clone() };
        let attributes = match serde_json::to_value(record) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => return Err(Error::Layout("it cannot be written as JSON".into())),
        };
        self.put_document("_cube", documents::group(attributes)).await
    }

    /// Writes a key.
    pub(crate) async fn put(&self, key: &str, value: Bytes) -> Result<()> {
        self.keys.put(key, value).await.map_err(|c| Error::storage("write to", &self.location, c))
    }

    /// Removes a key.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        self.keys.delete(key).await.map_err(|c| Error::storage("write to", &self.location, c))
    }

    pub(crate) fn damaged(&self, problem: String) -> Error {
        Error::Damaged { location: self.location.to_string(), problem }
    }
}

fn document_key(path: &str) -> String {
    if path.is_empty() { "zarr.json".into() } else { format!("{path}/zarr.json") }
}

/// An array of the hierarchy.
pub(crate) struct Node {
    array: Array<Keys>,
    path: String,
    location: Location,
}

impl Node {
    pub(crate) fn new(keys: Arc<Keys>, path: &str, document: Value, location: &Location) -> Result<Self> {
        let damaged = |problem: String| Error::Damaged { location: location.to_string(), problem: format!("array `{path}`: {problem}") };
        let metadata: ArrayMetadata = serde_json::from_value(document).map_err(|e| damaged(e.to_string()))?;
        let array = Array::new_with_metadata(keys, &format!("/{path}"), metadata).map_err(|e| damaged(Cause::from(e).to_string()))?;
        Ok(Self { array, path: path.into(), location: location.clone() })
    }

    /// The same array with options for its codecs.
    pub(crate) fn with_codec_options(self, options: &CodecSpecificOptions) -> Self {
        Self { array: self.array.with_codec_specific_options(options), ..self }
    }

    /// Lengths of the dimensions.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.array.shape().iter().map(|n| *n as usize).collect()
    }

    /// The array itself.
    pub(crate) fn zarr(&self) -> &Array<Keys> {
        &self.array
    }

    /// The elements of one whole chunk; `None` where it is not stored.
    pub(crate) async fn chunk<T: ElementOwned + Send + Sync>(&self, at: &[u64]) -> Result<Option<Vec<T>>>
    where
        Vec<T>: FromArrayBytes,
    {
        self.array.async_retrieve_chunk_if_exists(at).await.map_err(|e| self.failed("read", e))
    }

    /// All elements of the array.
    pub(crate) async fn all<T: ElementOwned + Send + Sync>(&self) -> Result<Vec<T>>
    where
        Vec<T>: FromArrayBytes,
    {
        if self.array.shape().contains(&0) {
            return Ok(Vec::new());
        }
        self.array.async_retrieve_array_subset(&self.array.subset_all()).await.map_err(|e| self.failed("read", e))
    }

    /// One whole chunk, encoded: its key and its bytes.
    pub(crate) fn encode<T: ElementOwned>(&self, at: &[u64], elements: &[T]) -> Result<(String, Bytes)> {
        let encode = || -> Result<Bytes, Cause> {
            let bytes: ArrayBytes<'_> = T::to_array_bytes(self.array.data_type(), elements)?;
            let shape = self.array.chunk_shape(at)?;
            let encoded = self.array.codecs().encode(bytes, &shape, self.array.data_type(), self.array.fill_value(), &single_threaded())?;
            Ok(encoded.into_owned().into())
        };
        let bytes = encode().map_err(|cause| Error::Codec { doing: "encode", band: self.path.clone(), cause })?;
        Ok((self.key(at), bytes))
    }

    /// The key of a chunk.
    pub(crate) fn key(&self, at: &[u64]) -> String {
        self.array.chunk_key(at).as_str().to_string()
    }

    pub(crate) fn failed(&self, doing: &'static str, cause: impl Into<Cause>) -> Error {
        Error::storage(doing, format!("{}/{}", self.location, self.path), cause)
    }
}

/// One thread, so that the same pixels are always the same bytes: blosc cuts its blocks by the number of threads.
pub(crate) fn single_threaded() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1)
}
