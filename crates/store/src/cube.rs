use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cube_core::Layout;
use tokio::sync::Mutex;

use crate::{
    Batch, Committed, Error, Kind, Location, Result, Snapshot, StorageOptions, Writer, documents,
    keys::Keys,
    lock::{self, FileLock},
    patches::Seen,
    plain::{self, Plain},
    replay::Replay,
    repository::{self, Ice, Outcome},
    tree::Tree,
};

/// How many times a batch is replayed before giving up.
const ATTEMPTS: u32 = 100;
/// Name of the lock in a local Icechunk repository. Icechunk itself is safe between processes only on object stores.
const LOCK: &str = "cube.lock";

/// A cube on disk or on object storage. Cheap to clone; clones share their lock and what they have read.
#[derive(Clone)]
pub struct Cube {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    location: Location,
    pub(crate) options: StorageOptions,
    pub(crate) backing: Backing,
    /// One commit at a time in this process, and the patches it knows to be listed.
    seen: Mutex<Seen>,
}

pub(crate) enum Backing {
    Icechunk(Box<Ice>),
    Zarr(Plain),
}

impl Cube {
    /// Creates a cube, whole or not at all.
    ///
    /// * [`Error::AlreadyExists`] where a cube is, [`Error::NotACube`] where something else is.
    /// * On a local disk the directory appears with everything in it.
    pub async fn create(location: &Location, options: &StorageOptions, layout: &Layout) -> Result<Self> {
        documents::check(layout)?;
        match location.local_path() {
            Some(path) => create_local(location, path, options, layout).await?,
            None => create_remote(location, options, layout).await?,
        }
        Self::open(location, options).await
    }

    /// Opens a cube.
    ///
    /// [`Error::NotFound`], [`Error::NotACube`] and [`Error::TooNew`] say what is there instead.
    pub async fn open(location: &Location, options: &StorageOptions) -> Result<Self> {
        if let Some(path) = location.local_path() {
            check_local(location, path)?;
        }
        let backing = match location.kind() {
            Kind::Icechunk => Backing::Icechunk(Box::new(Ice::open(location, options).await?)),
            Kind::Zarr => Backing::Zarr(Plain::new(plain::objects(location, options)?, location)),
        };
        let cube = Self { inner: Arc::new(Inner { location: location.clone(), options: options.clone(), backing, seen: Mutex::default() }) };
        match (cube.tree().await?.layout().await, &cube.inner.backing) {
            (Ok(_), _) => Ok(cube),
            // On object storage the repository is there a moment before its first commit, which may have come by now.
            (Err(Error::NotACube { .. }), Backing::Icechunk(ice)) if location.local_path().is_none() => {
                if ice.history(2).await?.len() < 2 {
                    return Err(Error::Unfinished { location: location.to_string() });
                }
                cube.tree().await?.layout().await.map(|_| cube)
            }
            (Err(e), _) => Err(e),
        }
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// What kind of store it is.
    pub fn kind(&self) -> Kind {
        self.inner.location.kind()
    }

    /// The newest version, which does not change under the reader.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(self.tree().await?).await
    }

    /// What encodes and uploads storage units. On plain Zarr it makes this process the one writer, until the cube and its clones are dropped.
    pub async fn writer(&self) -> Result<Writer> {
        let layout = self.snapshot().await?.layout_arc();
        let session = match &self.inner.backing {
            Backing::Icechunk(ice) => Some(ice.uploader().await?),
            Backing::Zarr(plain) => {
                plain.lock().await?;
                None
            }
        };
        Writer::new(self.location(), &layout, session)
    }

    /// Makes a batch visible: pixels and ledger together.
    ///
    /// * On Icechunk in one transaction. It is replayed on the newest version for as long as other writers come first, and uploads nothing again;
    ///   [`Error::Contended`] when that never ends.
    /// * On plain Zarr chunk first, then ledger. [`Error::Busy`] when another process is the writer.
    /// * A receipt for a unit that the cube holds complete with the same fingerprint is left out.
    pub async fn commit(&self, batch: &Batch) -> Result<Committed> {
        let mut seen = self.inner.seen.lock().await;
        match &self.inner.backing {
            Backing::Icechunk(ice) => self.commit_icechunk(ice, batch, &mut seen).await,
            Backing::Zarr(plain) => {
                plain.lock().await?;
                let mut tree = plain.tree().await?;
                let tally = Replay { tree: &mut tree, session: None }.apply(batch, &mut seen).await?;
                Ok(Committed { version: None, written: tally.written, dropped: tally.dropped, attempts: 1 })
            }
        }
    }

    /// Gives up being the one writer of a plain Zarr cube on object storage, which otherwise takes a minute to run out; nothing to do elsewhere.
    pub async fn close(self) {
        if let Backing::Zarr(plain) = &self.inner.backing {
            plain.unlock().await;
        }
    }

    pub(crate) async fn tree(&self) -> Result<Tree> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => Ok(ice.read().await?.0),
            Backing::Zarr(plain) => plain.tree().await,
        }
    }

    /// The lock that local Icechunk repositories need around everything that changes them.
    pub(crate) async fn file_lock(&self) -> Result<Option<FileLock>> {
        match self.location().local_path() {
            Some(path) => FileLock::wait(path.join(LOCK)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn commit_icechunk(&self, ice: &Ice, batch: &Batch, seen: &mut Seen) -> Result<Committed> {
        for attempt in 1..=ATTEMPTS {
            let lock = self.file_lock().await?;
            let (mut tree, session) = ice.change().await?;
            let tally = Replay { tree: &mut tree, session: Some(Arc::clone(&session)) }.apply(batch, seen).await?;
            let committed = |version| Committed { version, written: tally.written, dropped: tally.dropped, attempts: attempt };
            if !session.read().await.has_uncommitted_changes() {
                return Ok(committed(None));
            }
            match ice.commit(&session, &batch.message).await? {
                Outcome::Done(id) => return Ok(committed(Some(id))),
                Outcome::Conflict => {
                    drop(lock);
                    tracing::debug!(attempt, "another writer committed first: replaying");
                    tokio::time::sleep(backoff(attempt)).await;
                }
            }
        }
        Err(Error::Contended { location: self.location().to_string(), attempts: ATTEMPTS })
    }
}

impl std::fmt::Debug for Cube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cube").field("location", self.location()).finish_non_exhaustive()
    }
}

/// Up to twice as long each time, up to two seconds, and never the same for two writers.
fn backoff(attempt: u32) -> Duration {
    let most = 20_u64.saturating_mul(1 << attempt.min(10)).min(2_000);
    Duration::from_millis(lock::random() % most)
}

/// What a local path that is to be opened holds, when it is not a cube of the kind that its name says.
fn check_local(location: &Location, path: &Path) -> Result<()> {
    let not_a_cube = |found: &str| Err(Error::NotACube { location: location.to_string(), found: found.into() });
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Err(Error::NotFound { location: location.to_string() });
        }
        Err(e) => return Err(Error::storage("open", location, e)),
    };
    if !meta.is_dir() {
        return not_a_cube("it is a file");
    }
    if is_empty(path).map_err(|e| Error::storage("open", location, e))? {
        return Err(Error::NotFound { location: location.to_string() });
    }
    match location.kind() {
        Kind::Icechunk if repository::looks_like_repository(path) => Ok(()),
        Kind::Icechunk if path.join("zarr.json").is_file() => not_a_cube("it is a plain Zarr store, whose name would have to end in .zarr"),
        Kind::Icechunk => not_a_cube("it is a directory with other files"),
        Kind::Zarr if repository::looks_like_repository(path) => not_a_cube("it is an Icechunk repository, whose name must not end in .zarr"),
        Kind::Zarr => Ok(()),
    }
}

fn is_empty(path: &Path) -> std::io::Result<bool> {
    Ok(std::fs::read_dir(path)?.next().is_none())
}

/// The error for a place where something is already.
async fn occupied(location: &Location, options: &StorageOptions) -> Error {
    match Box::pin(Cube::open(location, options)).await {
        Ok(_) | Err(Error::TooNew { .. }) => Error::AlreadyExists { location: location.to_string() },
        Err(e @ (Error::NotACube { .. } | Error::Unfinished { .. } | Error::Damaged { .. } | Error::DamagedFile { .. })) => e,
        Err(_) => Error::NotACube { location: location.to_string(), found: "something is there that cannot be opened".into() },
    }
}

/// Makes the cube in a directory beside the one that it is to be, and renames that.
async fn create_local(location: &Location, path: &Path, options: &StorageOptions, layout: &Layout) -> Result<()> {
    let failed = |e: std::io::Error| Error::storage("create", location, e);
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() && is_empty(path).map_err(failed)? => {}
        Ok(_) => return Err(occupied(location, options).await),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let temporary = beside(path);
    std::fs::create_dir_all(&temporary).map_err(failed)?;
    let made = match make(location, &temporary, options, layout).await {
        Ok(()) => std::fs::rename(&temporary, path),
        Err(e) => {
            discard(&temporary);
            return Err(e);
        }
    };
    let Err(e) = made else { return Ok(()) };
    discard(&temporary);
    if matches!(e.kind(), std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::AlreadyExists) {
        return Err(occupied(location, options).await);
    }
    Err(failed(e))
}

/// A new name in the same directory.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}", lock::random()))
}

fn discard(temporary: &Path) {
    if let Err(error) = std::fs::remove_dir_all(temporary) {
        tracing::warn!(%error, path = %temporary.display(), "a temporary directory could not be removed");
    }
}

async fn make(location: &Location, at: &Path, options: &StorageOptions, layout: &Layout) -> Result<()> {
    let mut temporary = location.clone();
    temporary.place = crate::location::Place::Local(at.to_path_buf());
    match location.kind() {
        Kind::Icechunk => fill(&Ice::create(&temporary, options, layout, location).await?, layout).await,
        Kind::Zarr => {
            let keys = Arc::new(Keys::Objects(plain::objects(&temporary, options)?));
            Replay { tree: &mut Tree::empty(keys, location), session: None }.create(layout).await
        }
    }
}

async fn create_remote(location: &Location, options: &StorageOptions, layout: &Layout) -> Result<()> {
    match location.kind() {
        Kind::Icechunk => {
            let ice = match Ice::create(location, options, layout, location).await {
                Err(Error::AlreadyExists { .. }) => return Err(occupied(location, options).await),
                created => created?,
            };
            fill(&ice, layout).await
        }
        Kind::Zarr => {
            let plain = Plain::new(plain::objects(location, options)?, location);
            match plain.tree().await {
                Err(Error::NotFound { .. }) => {}
                Err(e) => return Err(e),
                Ok(_) => return Err(occupied(location, options).await),
            }
            // Two that create at once: the lock lets one of them, and then the other, who must not empty the cube again.
            plain.lock().await?;
            let made = match Tree::published(plain.keys(), location).await {
                Ok(None) => Replay { tree: &mut Tree::empty(plain.keys(), location), session: None }.create(layout).await,
                Ok(Some(_)) => Err(Error::AlreadyExists { location: location.to_string() }),
                Err(e) => Err(e),
            };
            plain.unlock().await;
            made
        }
    }
}

async fn fill(ice: &Ice, layout: &Layout) -> Result<()> {
    let (mut tree, session) = ice.change().await?;
    Replay { tree: &mut tree, session: Some(Arc::clone(&session)) }.create(layout).await?;
    match ice.commit(&session, "create").await? {
        Outcome::Done(_) => Ok(()),
        Outcome::Conflict => Err(tree.damaged("someone else is creating it".into())),
    }
}
