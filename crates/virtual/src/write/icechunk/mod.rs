//! Icechunk repositories of virtual chunks.
//!
//! References are committed in batches, because Icechunk keeps every change of a commit in memory (about 700 bytes each). The batches go to a branch of
//! their own; the branch that readers see is moved once, when all is there.

mod append;
mod config;
mod granules;
mod session;
mod target;

use icechunk::{
    Repository,
    format::{SnapshotId, snapshot::Snapshot},
    repository::{RepositoryError, RepositoryErrorKind, VersionInfo},
};

use crate::{Addresses, Array, Dataset, Error, Part, Result, Values, address::prefixes, dataset::join};

pub use append::{Appended, Existing};
pub use config::{Buckets, S3Access};
pub use target::Target;

use session::Batch;
use target::MAIN;

/// References of a commit: about 90 MB.
const BATCH: usize = 130_000;

/// How a repository is written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How files are addressed.
    pub addresses: Addresses,
    /// How readers reach buckets of S3.
    pub buckets: Buckets,
    /// Prefixes of the files that references added later will lead to, when the dataset does not hold them all yet.
    pub containers: Vec<String>,
    /// URLs of the granules, to know them again when more are appended.
    pub granules: Vec<String>,
    /// What the commit says.
    pub message: Option<String>,
    /// References of a commit; 130,000 when absent.
    pub batch: Option<usize>,
}

impl Options {
    fn batch(&self) -> usize {
        self.batch.unwrap_or(BATCH).max(1)
    }

    fn message(&self) -> &str {
        self.message.as_deref().unwrap_or("virtual references")
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Id of the new version.
    pub version: String,
    /// References to files.
    pub references: u64,
    /// Chunks that are stored in the repository itself.
    pub native: u64,
    /// The prefixes that a reader must authorise.
    pub containers: Vec<String>,
}

/// Writes a whole dataset to a new repository.
///
/// # Errors
/// [`Error::AlreadyExists`]; [`Error::Refused`] for an array that Zarr has no words for; [`Error::Address`]; [`Error::Storage`]. Nothing is visible to
/// readers then.
pub async fn write(dataset: &Dataset, target: &Target, options: &Options) -> Result<Written> {
    let mut writer = Writer::create(dataset, target, options).await?;
    let arrays = dataset.arrays();
    let most = arrays.iter().map(|(_, a)| a.parts().len()).max().unwrap_or(0);
    // Granule by granule, so that a batch ends where manifests of all arrays do.
    for i in 0..most {
        for (group, array) in &arrays {
            if let Some(part) = array.parts().get(i) {
                writer.add(&join(group, &array.name), part).await?;
            }
        }
    }
    writer.finish().await
}

/// Writes the structure of a dataset first and takes its references piece by piece, so that not all of them need be in memory at once.
#[derive(Debug)]
pub struct Writer {
    target: Target,
    repository: Repository,
    branch: String,
    batch: Batch,
    arrays: Vec<Known>,
    written: Written,
    message: String,
    granules: Vec<String>,
    most: usize,
}

/// What is known of an array while its references arrive.
#[derive(Debug)]
struct Known {
    path: String,
    /// Chunks of a manifest along the first axis.
    split: u64,
    grid: Vec<u64>,
}

impl Writer {
    /// Creates the repository with all groups and arrays. The references in the dataset are not written; its texts are.
    ///
    /// # Errors
    /// As for [`write()`].
    pub async fn create(dataset: &Dataset, target: &Target, options: &Options) -> Result<Self> {
        let containers = containers(dataset, options)?;
        let repository = target.create(config::config(dataset, &containers, &options.buckets)?).await?;
        let failed = |e: RepositoryError| target.failed("write to", e);
        let tip = repository.lookup_branch(MAIN).await.map_err(failed)?;
        let branch = hidden_branch("build");
        repository.create_branch(&branch, &tip).await.map_err(failed)?;
        let mut batch = Batch::start(target, &repository, &branch, &containers, &options.addresses).await?;
        let mut arrays = Vec::new();
        batch.create_groups(dataset).await?;
        for (group, array) in dataset.arrays() {
            let path = join(&group, &array.name);
            batch.create_array(&path, array).await?;
            arrays.push(Known { path, split: config::split(array).first().copied().unwrap_or(1), grid: array.grid() });
        }
        let written =
            Written { version: String::new(), references: 0, native: 0, containers: containers.into_iter().map(|(_, prefix)| prefix).collect() };
        let message = options.message().to_owned();
        // Manifests of arrays that are new in a commit are found by looking at all references for each, so those come after.
        batch.commit("structure").await?;
        batch.restart(&repository, &branch).await?;
        let mut writer = Self {
            target: target.clone(),
            repository,
            branch,
            batch,
            arrays,
            written,
            message,
            granules: options.granules.clone(),
            most: options.batch(),
        };
        for (group, array) in dataset.arrays() {
            if let Values::Text(texts) = &array.values {
                writer.add_texts(&join(&group, &array.name), array, texts).await?;
            }
        }
        Ok(writer)
    }

    /// Adds the references of a part of an array.
    ///
    /// # Errors
    /// [`Error::Request`] for an array that is not there, or a part outside it; else as for [`write()`].
    pub async fn add(&mut self, path: &str, part: &Part) -> Result<()> {
        let known = self.arrays.iter().find(|a| a.path == path);
        let known = known.ok_or_else(|| Error::Request(format!("there is no array `{path}` in this store")))?;
        let outside =
            part.at.len() != known.grid.len() || part.at.iter().zip(part.chunks.grid()).zip(&known.grid).any(|((at, n), all)| at + n > *all);
        if outside {
            return Err(Error::Request(format!("{:?} chunks at {:?} are outside `{path}`, which has {:?}", part.chunks.grid(), part.at, known.grid)));
        }
        let starts_manifest = part.at.first().is_none_or(|at| at % known.split == 0);
        // A manifest that is cut by the end of a batch is written twice; only a large one is worth waiting for.
        if (self.batch.len() >= self.most / 2 && starts_manifest && known.split < 4096) || self.batch.len() >= self.most {
            self.flush().await?;
        }
        let mut chunks = part.chunks.iter().peekable();
        while chunks.peek().is_some() {
            let room = self.most.saturating_sub(self.batch.len()).max(1);
            let (references, native) = self.batch.add(path, part, chunks.by_ref().take(room)).await?;
            self.written.references += references;
            self.written.native += native;
            if chunks.peek().is_some() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn add_texts(&mut self, path: &str, array: &Array, texts: &[String]) -> Result<()> {
        if !texts.is_empty() {
            self.batch.add_native(path, &vec![0; array.shape.len()], crate::text::encoded(texts)).await?;
            self.written.native += 1;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.batch.commit(&self.message).await?;
        self.batch.restart(&self.repository, &self.branch).await
    }

    /// Commits the rest, and lets readers see all of it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else wrote to the repository meanwhile; else as for [`write()`].
    pub async fn finish(mut self) -> Result<Written> {
        granules::Granules::default().add(&mut self.batch, &self.granules).await?;
        let version = self.batch.commit(&self.message).await?;
        let failed = |e: RepositoryError| self.target.failed("publish", e);
        let _lock = self.target.lock().await?;
        let main = self.repository.lookup_branch(MAIN).await.map_err(failed)?;
        if main != Snapshot::INITIAL_SNAPSHOT_ID {
            return Err(Error::Conflict { place: self.target.name().to_owned() });
        }
        publish(&self.target, &self.repository, &self.branch, &main).await?;
        self.written.version = version;
        Ok(self.written)
    }
}

/// The name of a branch that nobody else uses.
fn hidden_branch(doing: &str) -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    format!("{doing}-{:016x}", RandomState::new().build_hasher().finish())
}

/// Moves the branch that readers see to the end of another, which is then no longer needed.
pub(super) async fn publish(target: &Target, repository: &Repository, branch: &str, from: &SnapshotId) -> Result<()> {
    let failed = |e: RepositoryError| target.failed("publish", e);
    let tip = repository.resolve_version(&VersionInfo::BranchTipRef(branch.to_owned())).await.map_err(failed)?;
    repository.reset_branch(MAIN, &tip, Some(from)).await.map_err(|e| match e.kind() {
        RepositoryErrorKind::Conflict { .. } => Error::Conflict { place: target.name().to_owned() },
        _ => failed(e),
    })?;
    repository.delete_branch(branch).await.map_err(failed)
}

/// The containers of a store, by name and prefix.
fn containers(dataset: &Dataset, options: &Options) -> Result<Vec<(String, String)>> {
    let mut urls = Vec::new();
    for (_, array) in dataset.arrays() {
        for url in array.parts().iter().flat_map(|p| p.chunks.urls()) {
            urls.push(url);
        }
    }
    urls.sort_unstable();
    urls.dedup();
    let mut addresses = urls.iter().map(|url| options.addresses.url(url)).collect::<Result<Vec<_>>>()?;
    addresses.extend(options.containers.iter().cloned());
    let found = prefixes(addresses.iter().map(String::as_str));
    Ok(found.into_iter().enumerate().map(|(i, prefix)| (format!("source{i}"), prefix)).collect())
}
