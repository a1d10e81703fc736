use std::{fmt, sync::Arc};

use bytes::Bytes;
use cube_manifest::{Chunk, Origin, Place};
use icechunk::{
    Repository, Store,
    format::{
        ChunkIndices, Path,
        manifest::{Checksum, SecondsSinceEpoch, VirtualChunkLocation, VirtualChunkRef},
        snapshot::{ArrayShape, DimensionName},
    },
    session::{Session, SessionErrorKind},
    storage::ETag,
    store::SetVirtualRefsResult,
};
use tokio::sync::RwLock;

use crate::{Addresses, Array, Dataset, Error, Part, Refused, Result, address::Cache, json::Json, metadata_v3, write::icechunk::Target};

/// The changes of one commit.
pub(super) struct Batch {
    target: Target,
    session: Arc<RwLock<Session>>,
    store: Store,
    changes: usize,
    addresses: Addresses,
    containers: Vec<(String, String)>,
    locations: Cache<VirtualChunkLocation>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} changes to {})", self.changes, self.target.name())
    }
}

impl Batch {
    pub(super) async fn start(
        target: &Target,
        repository: &Repository,
        branch: &str,
        containers: &[(String, String)],
        addresses: &Addresses,
    ) -> Result<Self> {
        let (session, store) = open(target, repository, branch).await?;
        let (containers, addresses) = (containers.to_vec(), addresses.clone());
        Ok(Self { target: target.clone(), session, store, changes: 0, addresses, containers, locations: Cache::new() })
    }

    /// The next commit, after the last.
    pub(super) async fn restart(&mut self, repository: &Repository, branch: &str) -> Result<()> {
        (self.session, self.store) = open(&self.target, repository, branch).await?;
        Ok(())
    }

    /// Changes of references so far.
    pub(super) fn len(&self) -> usize {
        self.changes
    }

    pub(super) async fn commit(&mut self, message: &str) -> Result<String> {
        self.changes = 0;
        let committed = self.session.write().await.commit(message).allow_empty(true).execute().await;
        let id = committed.map_err(|e| match e.kind() {
            SessionErrorKind::Conflict { .. } => Error::Conflict { place: self.target.name().to_owned() },
            _ => self.failed(e),
        })?;
        Ok(id.to_string())
    }

    pub(super) async fn create_groups(&mut self, dataset: &Dataset) -> Result<()> {
        let mut groups = Vec::new();
        dataset.root.walk("/", &mut |path, node| groups.push((path.to_owned(), metadata_v3::group(&node.attributes))));
        for (path, document) in groups {
            self.create_group(&path, &document).await?;
        }
        Ok(())
    }

    pub(super) async fn create_group(&mut self, path: &str, document: &Json) -> Result<()> {
        let path = self.path(path)?;
        let added = self.session.write().await.add_group(path, document.to_string().into()).await;
        added.map_err(|e| self.failed(e))
    }

    pub(super) async fn create_array(&mut self, path: &str, array: &Array) -> Result<()> {
        let document = metadata_v3::array(array);
        let refused = |refusal| {
            let granule = array.parts().first().map_or_else(|| Arc::from(self.target.name()), |p| Arc::clone(&p.origin.url));
            Error::Refused(Refused { granule, variable: path.to_owned(), refusal })
        };
        let document = document.map_err(refused)?;
        self.create_array_from(path, &document, &array.shape, &array.grid(), &array.dimensions).await
    }

    /// Documents go to Icechunk as they are: its own way in would refuse `NaN` in attributes, which Python's readers take.
    pub(super) async fn create_array_from(&mut self, path: &str, document: &Json, shape: &[u64], grid: &[u64], dimensions: &[String]) -> Result<()> {
        let shape = self.shape(path, shape, grid)?;
        let dimensions = Some(dimensions.iter().map(|d| DimensionName::from(d.as_str())).collect());
        let node = self.path(path)?;
        let added = self.session.write().await.add_array(node, shape, dimensions, document.to_string().into()).await;
        added.map_err(|e| self.failed(e))
    }

    pub(super) async fn update_array(&mut self, path: &str, document: &Json, shape: &[u64], grid: &[u64], dimensions: &[String]) -> Result<()> {
        let shape = self.shape(path, shape, grid)?;
        let dimensions = Some(dimensions.iter().map(|d| DimensionName::from(d.as_str())).collect());
        let node = self.path(path)?;
        let updated = self.session.write().await.update_array(&node, shape, dimensions, document.to_string().into()).await;
        updated.map_err(|e| self.failed(e))
    }

    /// Sets the references of some chunks of a part; gives the numbers of references and of chunks stored here.
    pub(super) async fn add<'a>(&mut self, path: &str, part: &Part, chunks: impl Iterator<Item = Chunk<'a>>) -> Result<(u64, u64)> {
        let mut references = Vec::new();
        let mut native = 0;
        let checksum = checksum(&part.origin);
        for chunk in chunks {
            let at = indices(part, chunk.index).ok_or_else(|| Error::Request(format!("`{path}` has more chunks than Icechunk can count")))?;
            if chunk.filter_mask != 0 {
                return Err(Error::Request(format!("chunk {at:?} of `{path}` skipped a codec and was not stored anew")));
            }
            match chunk.place {
                Place::Reference(r) => {
                    let (addresses, containers) = (&self.addresses, &self.containers);
                    let location = self.locations.get(r.url, |url| location(addresses, containers, url))?;
                    let checksum = checksum.clone().filter(|_| *r.url == part.origin.url);
                    references.push((ChunkIndices(at), VirtualChunkRef { location, offset: r.offset, length: r.length, checksum }));
                }
                Place::Inline(bytes) => {
                    self.put(path, ChunkIndices(at), bytes.clone()).await?;
                    native += 1;
                }
            }
        }
        let count = references.len();
        self.changes += count;
        if count > 0 {
            let node = self.path(path)?;
            let set = self.store.set_virtual_refs(&node, false, references).await.map_err(|e| self.failed(e))?;
            if let SetVirtualRefsResult::FailedRefs(failed) = set {
                return Err(Error::Request(format!("{} references of `{path}` lead to no known place", failed.len())));
            }
        }
        Ok((count as u64, native))
    }

    /// Stores a chunk in the repository itself.
    pub(super) async fn add_native(&mut self, path: &str, at: &[u64], bytes: Vec<u8>) -> Result<()> {
        let at = at.iter().map(|i| u32::try_from(*i)).collect::<Result<_, _>>();
        let at = at.map_err(|_| Error::Request(format!("`{path}` has more chunks than Icechunk can count")))?;
        self.put(path, ChunkIndices(at), bytes.into()).await
    }

    async fn put(&mut self, path: &str, at: ChunkIndices, bytes: Bytes) -> Result<()> {
        let node = self.path(path)?;
        let mut session = self.session.write().await;
        let writer = session.get_chunk_writer(&node, &at).map_err(|e| self.failed(e))?;
        let payload = writer(bytes).await.map_err(|e| self.failed(e))?;
        session.set_chunk_ref(node, at, Some(payload)).await.map_err(|e| self.failed(e))?;
        drop(session);
        self.changes += 1;
        Ok(())
    }

    /// The bytes of a key of the store, e.g. `a/zarr.json`; `None` when there is no such key.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        use icechunk::{format::ByteRange, store::StoreErrorKind};
        match self.store.get(key, &ByteRange::ALL).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if matches!(e.kind(), StoreErrorKind::NotFound(_)) => Ok(None),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// The metadata of an array.
    pub(super) async fn document(&self, path: &str) -> Result<Option<Json>> {
        let Some(bytes) = self.get(&format!("{}/zarr.json", path.trim_start_matches('/'))).await? else { return Ok(None) };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(Json::parse);
        let damaged = || Error::NotAppendable { place: self.target.name().to_owned(), problem: format!("the metadata of `{path}` cannot be read") };
        parsed.map(Some).ok_or_else(damaged)
    }

    /// Paths of all arrays.
    pub(super) async fn arrays(&self) -> Result<Vec<String>> {
        let session = self.session.read().await;
        let nodes = session.list_nodes(&Path::root()).await.map_err(|e| self.failed(e))?;
        let mut paths = Vec::new();
        for node in nodes {
            let node = node.map_err(|e| self.failed(e))?;
            if node.node_type() == icechunk::format::snapshot::NodeType::Array {
                paths.push(node.path.to_string());
            }
        }
        Ok(paths)
    }

    fn shape(&self, path: &str, shape: &[u64], grid: &[u64]) -> Result<ArrayShape> {
        let counts = grid.iter().map(|n| u32::try_from(*n).ok()).collect::<Option<Vec<_>>>();
        let made = counts.and_then(|counts| ArrayShape::new(shape.iter().copied().zip(counts)));
        made.ok_or_else(|| Error::Request(format!("`{path}` has {grid:?} chunks, which is more than Icechunk can count")))
    }

    fn path(&self, path: &str) -> Result<Path> {
        Path::try_from(path).map_err(|e| self.target.failed("write to", e.to_string()))
    }

    fn failed(&self, cause: impl Into<crate::error::Cause>) -> Error {
        self.target.failed("write to", cause)
    }
}

async fn open(target: &Target, repository: &Repository, branch: &str) -> Result<(Arc<RwLock<Session>>, Store)> {
    let session = repository.writable_session(branch).await.map_err(|e| target.failed("write to", e))?;
    let session = Arc::new(RwLock::new(session));
    let store = Store::from_session(Arc::clone(&session)).await;
    Ok((session, store))
}

fn indices(part: &Part, index: u64) -> Option<Vec<u32>> {
    let mut at = part.chunks.position(index);
    at.iter_mut().zip(&part.at).for_each(|(i, before)| *i += before);
    at.into_iter().map(|i| u32::try_from(i).ok()).collect()
}

/// What tells a reader that the file has changed since: its etag, else its time.
fn checksum(origin: &Origin) -> Option<Checksum> {
    let etag = origin.etag.as_ref().map(|etag| Checksum::ETag(ETag(etag.clone())));
    etag.or_else(|| origin.last_modified.and_then(|t| u32::try_from(t).ok()).map(|t| Checksum::LastModified(SecondsSinceEpoch(t))))
}

fn location(addresses: &Addresses, containers: &[(String, String)], url: &str) -> Result<VirtualChunkLocation> {
    let address = addresses.url(url)?;
    let problem = |problem: String| Error::Address { url: address.clone(), problem };
    let container = containers.iter().find(|(_, prefix)| address.starts_with(prefix.as_str()));
    let (name, prefix) = container.ok_or_else(|| problem("it lies outside the prefixes that the store was created with".into()))?;
    let made = if addresses.relative {
        VirtualChunkLocation::from_vcc_path(name, &address[prefix.len()..])
    } else {
        VirtualChunkLocation::from_url(&address)
    };
    made.map_err(|e| problem(e.to_string()))
}
