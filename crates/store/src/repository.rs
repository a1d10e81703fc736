//! Icechunk: a repository with transactions.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroUsize},
    path::Path,
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use cube_core::Layout;
use futures::{StreamExt, TryStreamExt, stream};
use icechunk::{
    Repository, RepositoryConfig, Storage, Store,
    config::{
        ManifestConfig, ManifestSplitCondition, ManifestSplitDim, ManifestSplitDimCondition, ManifestSplittingConfig, S3Credentials, S3Options,
        S3StaticCredentials,
    },
    format::{IcechunkFormatErrorKind, SnapshotId},
    ops::{
        expiration::{ExpiredRefAction, expire},
        gc::{GCConfig, GCSummary, garbage_collect},
    },
    repository::{RepositoryError, RepositoryErrorKind, VersionInfo},
    session::{Session, SessionError, SessionErrorKind},
    storage::StorageErrorKind,
};
use tokio::sync::RwLock;

use crate::{Error, Location, Result, StorageOptions, documents::LEDGER_SIDE, error::Cause, keys::Keys, location::Place, tree::Tree};

/// The branch that a cube is on.
const BRANCH: &str = "main";
/// Most parts that the manifests of an array are split into, because a commit looks at every one.
const MOST_SPLITS: usize = 20_000;
/// Files that are read at once.
const READERS: usize = 16;
/// How many steps an axis that grows is taken to have, when manifests are split.
const ASSUMED_STEPS: usize = 1000;

/// A cube's Icechunk repository.
pub(crate) struct Ice {
    pub(crate) repository: Repository,
    location: Location,
}

/// What came of an attempt to commit.
pub(crate) enum Outcome {
    /// The id of the new version.
    Done(String),
    /// Another writer was faster.
    Conflict,
}

impl Ice {
    pub(crate) async fn open(location: &Location, options: &StorageOptions) -> Result<Self> {
        let opened = Repository::open(storage(location, options).await?).execute().await;
        let repository = opened.map_err(|e| match e.kind() {
            // Its other files are there, or nobody would have come here.
            RepositoryErrorKind::RepositoryDoesntExist if location.local_path().is_some() => damaged(location, "repo".into(), e),
            RepositoryErrorKind::RepositoryDoesntExist => Error::NotFound { location: location.to_string() },
            _ if is_damage(&e) => damaged(location, "repo".into(), e),
            _ => Error::storage("open", location, e),
        })?;
        Ok(Self { repository, location: location.clone() })
    }

    /// A new, empty repository; `at` is where it is made, `location` what it is called.
    pub(crate) async fn create(at: &Location, options: &StorageOptions, layout: &Layout, location: &Location) -> Result<Self> {
        let created = Repository::create(storage(at, options).await?).config(config(layout)).execute().await;
        let repository = created.map_err(|e| match e.kind() {
            // The second one: somebody else is making it at this moment.
            RepositoryErrorKind::ParentDirectoryNotClean | RepositoryErrorKind::RepoInfoUpdated | RepositoryErrorKind::Conflict { .. } => {
                Error::AlreadyExists { location: location.to_string() }
            }
            _ => Error::storage("create", location, e),
        })?;
        Ok(Self { repository, location: location.clone() })
    }

    /// A view of the newest version that does not change.
    pub(crate) async fn read(&self) -> Result<(Tree, Arc<RwLock<Session>>)> {
        let version = VersionInfo::BranchTipRef(BRANCH.into());
        let session = self.repository.readonly_session(&version).await.map_err(|e| self.failed("open", e))?;
        self.check_snapshot(&session).await?;
        Ok(self.tree(session).await)
    }

    /// A session on the newest version that collects a change.
    pub(crate) async fn change(&self) -> Result<(Tree, Arc<RwLock<Session>>)> {
        let session = self.repository.writable_session(BRANCH).await.map_err(|e| self.failed("open", e))?;
        self.check_snapshot(&session).await?;
        Ok(self.tree(session).await)
    }

    /// Reads the snapshot of a session, which keeps it: later it would be missed without its name.
    async fn check_snapshot(&self, session: &Session) -> Result<()> {
        let id = session.snapshot_id();
        match self.repository.asset_manager().fetch_snapshot(id).await {
            Ok(_) => Ok(()),
            Err(e) if is_damage(&e) => Err(damaged(&self.location, format!("snapshots/{id}"), e)),
            Err(e) => Err(self.failed("read", e)),
        }
    }

    /// The files of all versions that are gone, cut short or changed, with what is wrong with each: snapshots, and the manifests that they name.
    pub(crate) async fn damaged_files(&self) -> Result<BTreeMap<String, Cause>> {
        let assets = self.repository.asset_manager();
        let versions = stream::iter(self.history(usize::MAX).await?);
        let snapshots = versions.map(|version| async move {
            let id = SnapshotId::try_from(version.id.as_str()).map_err(|e| self.failed("read the history of", Cause::text(e)))?;
            let manifests = match assets.fetch_snapshot(&id).await {
                Ok(snapshot) => snapshot.manifest_files().map(|file| Ok(file?.id)).collect::<Result<Vec<_>, Cause>>(),
                Err(e) if is_damage(&e) => Err(e.into()),
                Err(e) => return Err(self.failed("read", e)),
            };
            Ok::<_, Error>((format!("snapshots/{id}"), manifests))
        });
        let mut snapshots = snapshots.buffer_unordered(READERS);
        let (mut found, mut manifests) = (BTreeMap::new(), BTreeMap::new());
        while let Some((name, listed)) = snapshots.try_next().await? {
            match listed {
                Ok(ids) => manifests.extend(ids.into_iter().map(|id| (format!("manifests/{id}"), id))),
                Err(cause) => drop(found.insert(name, cause)),
            }
        }
        let manifests = stream::iter(manifests).map(|(name, id)| async move {
            match assets.fetch_manifest_without_node(&id).await {
                Ok(_) => Ok(None),
                Err(e) if is_damage(&e) => Ok(Some((name, Cause::from(e)))),
                Err(e) => Err(self.failed("read", e)),
            }
        });
        let mut manifests = manifests.buffer_unordered(READERS);
        while let Some(damaged) = manifests.try_next().await? {
            found.extend(damaged);
        }
        Ok(found)
    }

    async fn tree(&self, session: Session) -> (Tree, Arc<RwLock<Session>>) {
        let session = Arc::new(RwLock::new(session));
        let store = Store::from_session(Arc::clone(&session)).await;
        (Tree::in_session(Arc::new(Keys::Icechunk(store)), &self.location), session)
    }

    /// A session to upload with; what is uploaded belongs to no version yet.
    pub(crate) async fn uploader(&self) -> Result<Session> {
        let version = VersionInfo::BranchTipRef(BRANCH.into());
        self.repository.readonly_session(&version).await.map_err(|e| self.failed("open", e))
    }

    /// Makes the change visible, unless another writer came first.
    pub(crate) async fn commit(&self, session: &RwLock<Session>, message: &str) -> Result<Outcome> {
        match session.write().await.commit(message).execute().await {
            Ok(id) => Ok(Outcome::Done(id.to_string())),
            Err(e) if is_conflict(&e) => Ok(Outcome::Conflict),
            Err(e) => Err(self.failed("commit to", e)),
        }
    }

    /// Newest versions first: id, time, message.
    pub(crate) async fn history(&self, limit: usize) -> Result<Vec<crate::Version>> {
        let failed = |e: RepositoryError| self.failed("read the history of", e);
        let versions = self.repository.ancestry(&VersionInfo::BranchTipRef(BRANCH.into())).await.map_err(failed)?;
        let versions = versions.map_ok(|v| crate::Version { id: v.id.to_string(), time: v.flushed_at, message: v.message });
        std::pin::pin!(versions.take(limit)).try_collect().await.map_err(failed)
    }

    /// Forgets versions older than an age, and removes what no version left refers to and is as old.
    pub(crate) async fn collect_garbage(&self, older_than: Duration) -> Result<(usize, GCSummary)> {
        let failed = |c: Cause| self.failed("clean", c);
        let cutoff = chrono::TimeDelta::from_std(older_than).ok().and_then(|age| Utc::now().checked_sub_signed(age));
        let cutoff = cutoff.unwrap_or(chrono::DateTime::<Utc>::MIN_UTC);
        let (assets, config) = (self.repository.asset_manager(), self.repository.config());
        let updates = config.num_updates_per_repo_info_file();
        let expired = expire(Arc::clone(assets), cutoff, ExpiredRefAction::Ignore, ExpiredRefAction::Ignore, None, updates).await;
        let expired = expired.map_err(|e| failed(e.into()))?.released_snapshots.len();
        let removed = garbage_collect(Arc::clone(assets), &what_to_remove(cutoff), None, updates).await;
        Ok((expired, removed.map_err(|e| failed(e.into()))?))
    }

    fn failed(&self, doing: &'static str, cause: impl Into<Cause>) -> Error {
        Error::storage(doing, &self.location, cause)
    }
}

fn damaged(location: &Location, file: String, cause: impl Into<Cause>) -> Error {
    Error::DamagedFile { location: location.to_string(), file, cause: cause.into() }
}

/// Whether a file is gone, or its bytes are not what they should be; as against a storage that does not answer.
fn is_damage(error: &RepositoryError) -> bool {
    use IcechunkFormatErrorKind as Format;
    use RepositoryErrorKind as Kind;
    match error.kind() {
        Kind::StorageError(StorageErrorKind::ObjectNotFound) | Kind::DeserializationError(_) => true,
        // A repository that is whole, and of another making.
        Kind::FormatError(Format::InvalidSpecVersion { .. } | Format::BranchNotFound { .. } | Format::FeatureFlagDisabled { .. }) => false,
        Kind::FormatError(_) => true,
        // Bytes that cannot be decompressed.
        Kind::IOError(e) => matches!(e.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other),
        _ => false,
    }
}

/// What to remove: everything that nothing refers to and was written before `cutoff`.
fn what_to_remove(cutoff: chrono::DateTime<Utc>) -> GCConfig {
    let memory = NonZeroUsize::MIN.saturating_add(64 << 20);
    let many = NonZeroU16::MIN.saturating_add(15);
    GCConfig::clean_all(cutoff, cutoff, None, many, memory, memory.saturating_add(256 << 20), many, many, many, None, false)
}

fn is_conflict(error: &SessionError) -> bool {
    matches!(
        error.kind(),
        SessionErrorKind::Conflict { .. }
            | SessionErrorKind::RepositoryError(
                RepositoryErrorKind::Conflict { .. } | RepositoryErrorKind::RepoInfoUpdated | RepositoryErrorKind::RepoUpdateAttemptsLimit(_)
            )
    )
}

/// Where Icechunk keeps a repository, for those who open it themselves.
///
/// # Errors
/// [`Error::NoCredentials`]; [`Error::Storage`] when the place cannot be used.
pub async fn storage(location: &Location, options: &StorageOptions) -> Result<Arc<dyn Storage + Send + Sync>> {
    let failed = |e: icechunk::StorageError| Error::storage("open", location, e);
    match &location.place {
        Place::Local(path) => icechunk::new_local_filesystem_storage(path).await.map_err(failed),
        Place::Memory(memory) => memory.icechunk.get_or_try_init(icechunk::new_in_memory_storage).await.map(Arc::clone).map_err(failed),
        Place::S3 { bucket, prefix } => {
            let mut s3 = S3Options::default().with_region(options.region()).with_allow_http(options.allow_http);
            s3 = s3.with_force_path_style(options.path_style).with_anonymous(options.anonymous);
            s3.endpoint_url.clone_from(&options.endpoint);
            let credentials = match options.keys(location)? {
                None => S3Credentials::Anonymous,
                Some((key, secret)) => S3Credentials::Static(S3StaticCredentials {
                    access_key_id: key.into(),
                    secret_access_key: secret.into(),
                    session_token: options.session_token.clone(),
                    expires_after: None,
                }),
            };
            let made = icechunk::new_s3_object_store_storage(s3, bucket.clone(), Some(prefix.clone()), Some(credentials), vec![], vec![]);
            made.await.map_err(failed)
        }
    }
}

/// Whether a directory holds what an Icechunk repository holds.
pub(crate) fn looks_like_repository(path: &Path) -> bool {
    path.join("repo").is_file() || path.join("snapshots").is_dir()
}

/// The configuration that a cube's repository keeps: manifests are split, so that a commit costs what it adds and not what there is.
fn config(layout: &Layout) -> RepositoryConfig {
    let steps = layout.time.declared.as_ref().map_or(ASSUMED_STEPS, Vec::len).div_ceil(layout.unit_time);
    // A cube with several CRSs gets its groups later; a UTM zone of 512 pixel chunks of 10 m is the usual case.
    let units = layout.groups.iter().map(|g| layout.unit_grid(g).chunks()).max_by_key(|s| s.len()).unwrap_or(cube_core::Shape::new(2000, 200));
    let (data_steps, data_side) = split(steps, (units.rows, units.cols), (16, 32));
    let ledger_units = (units.rows.div_ceil(LEDGER_SIDE), units.cols.div_ceil(LEDGER_SIDE));
    let (ledger_steps, ledger_side) = split(steps, ledger_units, (16, 4));
    let dimension = |name: &str, chunks: usize| ManifestSplitDim {
        condition: ManifestSplitDimCondition::DimensionName(format!("^{name}$")),
        num_chunks: u32::try_from(chunks).unwrap_or(u32::MAX),
    };
    let ledger = vec![
        dimension("time", ledger_steps),
        dimension("time_unit", ledger_steps),
        dimension("unit_row", ledger_side),
        dimension("unit_col", ledger_side),
    ];
    let data = vec![dimension("time", data_steps), dimension("y", data_side), dimension("x", data_side)];
    let splitting = ManifestSplittingConfig {
        split_sizes: Some(vec![
            (ManifestSplitCondition::PathMatches { regex: "/_cube/patches/".into() }, vec![dimension("patch", 512)]),
            (ManifestSplitCondition::PathMatches { regex: "/_cube/".into() }, ledger),
            (ManifestSplitCondition::AnyArray, data),
        ]),
    };
    RepositoryConfig { manifest: Some(ManifestConfig { splitting: Some(splitting), ..ManifestConfig::default() }), ..RepositoryConfig::default() }
}

/// Steps and units per manifest: as few as `smallest`, unless that makes too many manifests.
fn split(steps: usize, (rows, cols): (usize, usize), smallest: (usize, usize)) -> (usize, usize) {
    let (mut time, mut side) = smallest;
    while steps.div_ceil(time) * rows.div_ceil(side) * cols.div_ceil(side) > MOST_SPLITS {
        if side <= 2 * time { side *= 2 } else { time *= 2 }
    }
    (time, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_small_and_not_too_many() {
        assert_eq!(split(1000, (1823, 131), (16, 32)), (16, 32), "the measured case");
        assert_eq!(split(10, (20, 20), (16, 32)), (16, 32));
        let (time, side) = split(1000, (7828, 3914), (16, 32));
        assert!(1000_usize.div_ceil(time) * 7828_usize.div_ceil(side) * 3914_usize.div_ceil(side) <= MOST_SPLITS);
    }
}
