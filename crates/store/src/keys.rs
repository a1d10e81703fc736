use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use icechunk::{
    Store,
    format::ByteRange as IceRange,
    store::{StoreError, StoreErrorKind},
};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use zarrs::storage::{
    AsyncMaybeBytesIterator, AsyncReadableStorageTraits, MaybeBytes, StorageError, StoreKey,
    byte_range::{ByteRange, ByteRangeIterator},
};

use crate::error::Cause;

/// The keys of a Zarr hierarchy: metadata documents and chunks. One type for both kinds of store, so that everything above is written once.
///
/// It stands in for the adapters of zarrs, because those turn errors into text (a full disk could not be told from a missing bucket), and the one for
/// Icechunk fails where part of an absent chunk is read, which here is `None`.
pub(crate) enum Keys {
    /// A session of an Icechunk repository.
    Icechunk(Store),
    /// A directory or bucket.
    Objects(Arc<dyn ObjectStore>),
}

impl Keys {
    /// The value of a key, if it has one.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Cause> {
        match self {
            Self::Icechunk(store) => present(store.get(key, &IceRange::ALL).await),
            Self::Objects(store) => match store.get(&Path::from(key)).await {
                Ok(found) => Ok(Some(found.bytes().await?)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(e) => Err(e.into()),
            },
        }
    }

    /// Replaces a value, at once or not at all.
    pub(crate) async fn put(&self, key: &str, value: Bytes) -> Result<(), Cause> {
        match self {
            Self::Icechunk(store) => Ok(store.set(key, value).await?),
            Self::Objects(store) => Ok(store.put(&Path::from(key), value.into()).await.map(|_| ())?),
        }
    }

    /// Removes a key if it is there.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Cause> {
        match self {
            Self::Icechunk(store) => present(store.delete(key).await).map(|_| ()),
            Self::Objects(store) => match store.delete(&Path::from(key)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(e) => Err(e.into()),
            },
        }
    }

    async fn ranges(&self, key: &str, ranges: Vec<ByteRange>) -> Result<Option<Vec<Bytes>>, Cause> {
        match self {
            Self::Icechunk(store) => {
                if !store.exists(key).await? {
                    return Ok(None);
                }
                let wanted = ranges.into_iter().map(|r| (key.to_string(), ice_range(r)));
                store.get_partial_values(wanted).await?.into_iter().map(|r| Ok(r?)).collect::<Result<_, Cause>>().map(Some)
            }
            Self::Objects(store) => {
                let path = Path::from(key);
                let size = match store.head(&path).await {
                    Ok(meta) => meta.size,
                    Err(object_store::Error::NotFound { .. }) => return Ok(None),
                    Err(e) => return Err(e.into()),
                };
                let ranges: Vec<_> = ranges.into_iter().map(|r| r.to_range(size)).collect();
                let parts = store.get_ranges(&path, &ranges).await?;
                if parts.iter().zip(&ranges).any(|(part, range)| part.len() as u64 != range.end - range.start) {
                    return Err(Cause::text(format!("`{key}` is shorter than its index says")));
                }
                Ok(Some(parts))
            }
        }
    }
}

fn present<T>(result: Result<T, StoreError>) -> Result<Option<T>, Cause> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), StoreErrorKind::NotFound(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn ice_range(range: ByteRange) -> IceRange {
    match range {
        ByteRange::FromStart(offset, None) => IceRange::from_offset(offset),
        ByteRange::FromStart(offset, Some(length)) => IceRange::from_offset_with_length(offset, length),
        ByteRange::Suffix(length) => IceRange::Last(length),
    }
}

fn told(cause: Cause) -> StorageError {
    StorageError::Other(cause.to_string())
}

#[async_trait::async_trait]
impl AsyncReadableStorageTraits for Keys {
    async fn get(&self, key: &StoreKey) -> Result<MaybeBytes, StorageError> {
        Self::get(self, key.as_str()).await.map_err(told)
    }

    async fn get_partial_many<'a>(&'a self, key: &StoreKey, ranges: ByteRangeIterator<'a>) -> Result<AsyncMaybeBytesIterator<'a>, StorageError> {
        let parts = self.ranges(key.as_str(), ranges.collect()).await.map_err(told)?;
        Ok(parts.map(|p| stream::iter(p.into_iter().map(Ok)).boxed() as _))
    }

    async fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        Ok(Self::get(self, key.as_str()).await.map_err(told)?.map(|b| b.len() as u64))
    }

    fn supports_get_partial(&self) -> bool {
        true
    }
}
