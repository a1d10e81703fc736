//! Plain Zarr v3: a directory or a bucket.

use std::{path::Path, sync::Arc, time::Duration};

use chrono::Utc;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, prefix::PrefixStore};
use tokio::sync::Mutex;

use crate::{
    Cause, Error, Location, Result, StorageOptions,
    keys::Keys,
    location::Place,
    lock::{FileLock, Lease},
    tree::Tree,
};

/// The lock lies beside the chunks of an array, where no reader looks for nodes.
const LOCK: &str = "_cube/searches/writer.lock";

/// A plain Zarr store.
pub(crate) struct Plain {
    pub(crate) objects: Arc<dyn ObjectStore>,
    location: Location,
    lock: Mutex<Option<Lock>>,
}

enum Lock {
    File { _lock: FileLock },
    Lease(Lease),
}

impl Plain {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, location: &Location) -> Self {
        Self { objects, location: location.clone(), lock: Mutex::default() }
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::new(Keys::Objects(Arc::clone(&self.objects)))
    }

    /// The tree that was published last.
    pub(crate) async fn tree(&self) -> Result<Tree> {
        let tree = Tree::published(self.keys(), &self.location).await?;
        match tree {
            Some(tree) => Ok(tree),
            None => Err(self.without_root().await?),
        }
    }

    /// What is there where no `zarr.json` is.
    async fn without_root(&self) -> Result<Error> {
        let failed = |e| Error::storage("list", &self.location, e);
        let location = self.location.to_string();
        if self.objects.list(None).try_next().await.map_err(failed)?.is_none() {
            return Ok(Error::NotFound { location });
        }
        let has_lock = match self.objects.head(&LOCK.into()).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => false,
            Err(e) => return Err(failed(e)),
        };
        Ok(match (has_lock, self.location.local_path()) {
            (false, _) => Error::NotACube { location, found: "it holds files, but no zarr.json".into() },
            // There the root comes last; in a directory all of it appears at once.
            (true, None) => Error::Unfinished { location },
            (true, Some(_)) => Error::DamagedFile { location, file: "zarr.json".into(), cause: Cause::text("it is gone") },
        })
    }

    /// Becomes the one writer, for as long as this lives; says who is, when another process is.
    pub(crate) async fn lock(&self) -> Result<()> {
        let mut lock = self.lock.lock().await;
        match &*lock {
            Some(Lock::Lease(lease)) if !lease.holds() => return Err(Error::LockLost { location: self.location.to_string() }),
            Some(_) => return Ok(()),
            None => {}
        }
        *lock = Some(match self.location.local_path() {
            Some(path) => Lock::File { _lock: FileLock::take(path.join(LOCK), self.location.clone()).await? },
            None => Lock::Lease(Lease::take(Arc::clone(&self.objects), LOCK.into(), &self.location).await?),
        });
        Ok(())
    }

    /// Stops being the writer.
    pub(crate) async fn unlock(&self) {
        if let Some(Lock::Lease(lease)) = self.lock.lock().await.take() {
            lease.release().await;
        }
    }

    /// Removes temporary files that a killed process left behind, older than an age. Answers how many and how many bytes.
    pub(crate) async fn remove_leftovers(&self, older_than: Duration) -> Result<(u64, u64)> {
        let Some(path) = self.location.local_path().map(Path::to_path_buf) else { return Ok((0, 0)) };
        let cutoff = std::time::SystemTime::now() - older_than;
        let removed = tokio::task::spawn_blocking(move || leftovers(&path, cutoff)).await;
        removed.map_err(|e| Error::storage("clean", &self.location, e))?.map_err(|e| Error::storage("clean", &self.location, e))
    }

    /// Every object with its size, and when it was last written.
    pub(crate) async fn list(&self) -> Result<Vec<(String, u64, chrono::DateTime<Utc>)>> {
        let all = self.objects.list(None).map_ok(|m| (m.location.to_string(), m.size, m.last_modified)).try_collect();
        all.await.map_err(|e| Error::storage("list", &self.location, e))
    }
}

/// Object stores write to `name#1` and rename; a killed process leaves such a file.
fn leftovers(directory: &Path, cutoff: std::time::SystemTime) -> std::io::Result<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (meta, name) = (entry.metadata()?, entry.file_name());
        if meta.is_dir() {
            let (n, b) = leftovers(&entry.path(), cutoff)?;
            (count, bytes) = (count + n, bytes + b);
        } else if is_temporary(&name.to_string_lossy()) && meta.modified()? < cutoff {
            std::fs::remove_file(entry.path())?;
            (count, bytes) = (count + 1, bytes + meta.len());
        }
    }
    Ok((count, bytes))
}

fn is_temporary(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The objects below a location. A local directory must exist.
pub(crate) fn objects(location: &Location, options: &StorageOptions) -> Result<Arc<dyn ObjectStore>> {
    let failed = |e: object_store::Error| Error::storage("open", location, e);
    Ok(match &location.place {
        Place::Local(path) => Arc::new(LocalFileSystem::new_with_prefix(path).map_err(failed)?),
        Place::Memory(memory) => Arc::clone(&memory.objects) as _,
        Place::S3 { bucket, prefix } => {
            let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(options.region()).with_allow_http(options.allow_http);
            builder = builder.with_virtual_hosted_style_request(!options.path_style);
            if let Some(endpoint) = &options.endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            builder = match options.keys(location)? {
                Some((key, secret)) => builder.with_access_key_id(key).with_secret_access_key(secret),
                None => builder.with_skip_signature(true),
            };
            if let Some(token) = &options.session_token {
                builder = builder.with_token(token);
            }
            Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix.as_str()))
        }
    })
}

/// Removes an object, and answers whether that worked.
pub(crate) async fn remove(objects: &Arc<dyn ObjectStore>, key: &str) -> Result<(), object_store::Error> {
    objects.delete(&key.into()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_are_known_by_name() {
        assert!(is_temporary("0#1") && is_temporary("zarr.json#12"));
        assert!(!is_temporary("0") && !is_temporary("0#") && !is_temporary("0#a"));
    }
}
