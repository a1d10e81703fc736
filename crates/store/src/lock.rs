//! One writer at a time: locks on files, and leases on object stores.

use std::{
    fs::{File, OpenOptions},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, SecondsFormat, Utc};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion, path::Path as Key};
use serde::{Deserialize, Serialize};

use crate::{Error, Location, Result};

/// How long a lease holds without being renewed.
const LEASE: Duration = Duration::from_secs(60);
/// How much the clocks of two machines may differ.
const CLOCKS: Duration = Duration::from_secs(15);

/// A lock on a file, which the operating system gives up when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock.
    pub(crate) async fn wait(path: PathBuf) -> Result<Self> {
        blocking(move || {
            let file = open(&path)?;
            file.lock().map_err(|cause| no_locks(&path, cause))?;
            Ok(Self { _file: file })
        })
        .await
    }

    /// Takes the lock, or says who has it.
    pub(crate) async fn take(path: PathBuf, location: Location) -> Result<Self> {
        blocking(move || {
            let mut file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    let known = file.read_to_string(&mut owner).is_ok() && !owner.is_empty();
                    let owner = if known { owner } else { "another process".into() };
                    return Err(Error::Busy { location: location.to_string(), owner });
                }
                Err(std::fs::TryLockError::Error(cause)) => return Err(no_locks(&path, cause)),
            }
            // Only for the message above; a lock without it is a lock.
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(me().as_bytes()));
            written.map_err(|e| Error::storage("write to", path.display(), e))?;
            Ok(Self { _file: file })
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.unwrap_or_else(|e| Err(Error::storage("lock", "the cube", e)))
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(|e| Error::storage("lock", path.display(), e))
}

fn no_locks(path: &Path, cause: io::Error) -> Error {
    Error::NoLocks { path: path.display().to_string(), cause }
}

/// This process, for people.
fn me() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "another machine" } else { host.trim() };
    format!("process {} on {host} (since {})", std::process::id(), Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A number that is different each time.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What a lease says of itself.
#[derive(Serialize, Deserialize)]
struct Claim {
    owner: String,
    id: u64,
    until: DateTime<Utc>,
}

/// A lock on an object store: an object that is written only if it is as last seen, and renewed while it is held. A lease that was not renewed in time may
/// be taken over.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Arc<dyn ObjectStore>,
    key: Key,
    until: Arc<AtomicI64>,
    renewal: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub(crate) async fn take(store: Arc<dyn ObjectStore>, key: Key, location: &Location) -> Result<Self> {
        let failed = |e: object_store::Error| Error::storage("lock", location, e);
        let id = random();
        let mut mode = PutMode::Create;
        if let Some((claim, version)) = current(&store, &key).await.map_err(failed)? {
            if claim.until + CLOCKS > Utc::now() {
                return Err(Error::Busy { location: location.to_string(), owner: claim.owner });
            }
            mode = PutMode::Update(version);
        }
        let (version, until) = match write(&store, &key, id, mode).await {
            Ok(written) => written,
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                return Err(Error::Busy { location: location.to_string(), owner: "another process".into() });
            }
            Err(e) => return Err(failed(e)),
        };
        let until = Arc::new(AtomicI64::new(until.timestamp_millis()));
        let renewal = tokio::spawn(renew(Arc::clone(&store), key.clone(), id, version, Arc::clone(&until)));
        Ok(Self { store, key, until, renewal })
    }

    /// Whether the lease surely holds for some time to come.
    pub(crate) fn holds(&self) -> bool {
        self.until.load(Ordering::Acquire) > Utc::now().timestamp_millis() + 5_000
    }

    /// Gives the lease up.
    pub(crate) async fn release(&self) {
        self.renewal.abort();
        if self.holds()
            && let Err(error) = self.store.delete(&self.key).await
        {
            tracing::debug!(%error, "the lease could not be removed; it runs out by itself");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn current(store: &Arc<dyn ObjectStore>, key: &Key) -> Result<Option<(Claim, UpdateVersion)>, object_store::Error> {
    let found = match store.get(key).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(e) => return Err(e),
    };
    let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
    let written = found.meta.last_modified;
    let bytes = found.bytes().await?;
    // A claim that cannot be read holds as long as any.
    let claim = serde_json::from_slice(&bytes).unwrap_or_else(|_| Claim { owner: "another process".into(), id: 0, until: written + LEASE });
    Ok(Some((claim, version)))
}

async fn write(store: &Arc<dyn ObjectStore>, key: &Key, id: u64, mode: PutMode) -> Result<(UpdateVersion, DateTime<Utc>), object_store::Error> {
    let until = Utc::now() + LEASE;
    let body = serde_json::to_vec(&Claim { owner: me(), id, until }).unwrap_or_default();
    let result = store.put_opts(key, body.into(), PutOptions::from(mode)).await?;
    Ok((UpdateVersion { e_tag: result.e_tag, version: result.version }, until))
}

async fn renew(store: Arc<dyn ObjectStore>, key: Key, id: u64, mut version: UpdateVersion, until: Arc<AtomicI64>) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        match write(&store, &key, id, PutMode::Update(version.clone())).await {
            Ok((renewed, time)) => {
                version = renewed;
                until.store(time.timestamp_millis(), Ordering::Release);
            }
            // An answer may have been lost: then the object is ours, and newer than we know.
            Err(object_store::Error::Precondition { .. }) => match current(&store, &key).await {
                Ok(Some((claim, seen))) if claim.id == id => version = seen,
                Ok(_) => {
                    until.store(0, Ordering::Release);
                    return;
                }
                Err(_) => {}
            },
            Err(error) => tracing::debug!(%error, "the lease could not be renewed; trying again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    async fn claimed(until: DateTime<Utc>) -> Arc<dyn ObjectStore> {
        let store: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        let claim = Claim { owner: "process 7 on elsewhere".into(), id: 1, until };
        store.put(&"lock".into(), serde_json::to_vec(&claim).expect("written").into()).await.expect("put");
        store
    }

    #[tokio::test]
    async fn a_lease_is_exclusive_until_it_is_given_up() {
        let (store, location) = (claimed(Utc::now() - LEASE).await, Location::memory(Kind::Zarr));
        let first = Lease::take(Arc::clone(&store), "lock".into(), &location).await.expect("the old one has run out");
        assert!(first.holds());
        assert!(matches!(Lease::take(Arc::clone(&store), "lock".into(), &location).await, Err(Error::Busy { .. })));
        first.release().await;
        Lease::take(store, "lock".into(), &location).await.expect("free again");
    }

    #[tokio::test]
    async fn clocks_may_differ_a_little() {
        let location = Location::memory(Kind::Zarr);
        let error = Lease::take(claimed(Utc::now() - CLOCKS / 2).await, "lock".into(), &location).await.expect_err("perhaps not yet");
        assert!(matches!(error, Error::Busy { owner, .. } if owner.contains("elsewhere")));
    }
}
