use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
};

use icechunk::{
    Repository, RepositoryConfig, Storage,
    config::{CachingConfig, ManifestConfig},
    format::snapshot::Snapshot,
    repository::{RepositoryError, RepositoryErrorKind},
    virtual_chunks::VirtualChunkContainer,
};

use super::config;
use crate::{Error, Result};

/// The branch that readers see.
pub(super) const MAIN: &str = "main";
/// The lock of a store on this machine; the same file for every program of this project.
const LOCK: &str = "cube.lock";

/// Where an Icechunk repository is or will be.
#[derive(Clone)]
pub struct Target {
    storage: Arc<dyn Storage + Send + Sync>,
    name: String,
    directory: Option<PathBuf>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.name)
    }
}

impl Target {
    /// A directory of this machine. Commits to it hold a file lock, because Icechunk's are not safe between processes there.
    ///
    /// # Errors
    /// When the path cannot be used.
    pub async fn local(path: &Path) -> Result<Self> {
        let failed = |e: crate::error::Cause| Error::storage("use", path.display(), e);
        let path = std::path::absolute(path).map_err(|e| failed(e.into()))?;
        let storage = icechunk::new_local_filesystem_storage(&path).await.map_err(|e| failed(e.into()))?;
        Ok(Self { storage, name: path.display().to_string(), directory: Some(path) })
    }

    /// Any other storage that Icechunk can use, and its name for messages.
    pub fn storage(storage: Arc<dyn Storage + Send + Sync>, name: impl Into<String>) -> Self {
        Self { storage, name: name.into(), directory: None }
    }

    pub(super) fn failed(&self, doing: &'static str, cause: impl Into<crate::error::Cause>) -> Error {
        Error::storage(doing, &self.name, cause)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn create(&self, config: RepositoryConfig) -> Result<Repository> {
        let created = Repository::create(Arc::clone(&self.storage)).config(config.clone()).execute().await;
        match created {
            Ok(_) => {}
            Err(e) if matches!(e.kind(), RepositoryErrorKind::ParentDirectoryNotClean) => self.take_over(config).await?,
            Err(e) => return Err(self.failed("create", e)),
        }
        self.open().await
    }

    /// A repository in which readers see nothing yet is one whose writer was stopped: it is made anew.
    async fn take_over(&self, config: RepositoryConfig) -> Result<()> {
        let exists = || Error::AlreadyExists { place: self.name.clone() };
        let repository = Repository::open(Arc::clone(&self.storage)).config(config).execute().await.map_err(|_| exists())?;
        let main = repository.lookup_branch(MAIN).await.map_err(|_| exists())?;
        if main != Snapshot::INITIAL_SNAPSHOT_ID {
            return Err(exists());
        }
        repository.save_config().await.map(drop).map_err(|e| self.failed("configure", e))
    }

    /// Opens to write: without caches, which would only hold what was just written.
    pub(super) async fn open(&self) -> Result<Repository> {
        let caching = CachingConfig {
            num_snapshot_nodes: Some(0),
            num_chunk_refs: Some(0),
            num_transaction_changes: Some(0),
            num_bytes_attributes: Some(0),
            num_bytes_chunks: Some(0),
        };
        let manifest = ManifestConfig { max_concurrent_manifest_fetches_during_commit: Some(4), ..ManifestConfig::default() };
        let config = RepositoryConfig { caching: Some(caching), manifest: Some(manifest), ..RepositoryConfig::default() };
        Repository::open(Arc::clone(&self.storage)).config(config).execute().await.map_err(|e| match e.kind() {
            RepositoryErrorKind::RepositoryDoesntExist => Error::NotFound { place: self.name.clone() },
            _ => self.failed("open", e),
        })
    }

    /// Adds containers to what the repository keeps of its configuration.
    pub(super) async fn add_containers(&self, containers: Vec<VirtualChunkContainer>) -> Result<()> {
        let failed = |e: RepositoryError| self.failed("configure", e);
        let kept = Repository::fetch_config(Arc::clone(&self.storage)).await.map_err(failed)?;
        let mut config = kept.map(|(config, _)| config).unwrap_or_default();
        for container in containers {
            config::add(&mut config, container)?;
        }
        let repository = Repository::open(Arc::clone(&self.storage)).config(config).execute().await.map_err(failed)?;
        repository.save_config().await.map_err(failed)?;
        Ok(())
    }

    /// Waits until no other process of this machine writes; the lock is given up when it is dropped.
    pub(super) async fn lock(&self) -> Result<Option<File>> {
        let Some(directory) = self.directory.clone() else { return Ok(None) };
        let path = directory.join(LOCK);
        let locked = tokio::task::spawn_blocking(move || {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            file.lock().map(|()| file)
        });
        let locked = locked.await.map_err(|e| self.failed("lock", e))?;
        locked.map(Some).map_err(|e| self.failed("lock", e))
    }
}
