use std::{
    collections::HashSet,
    fmt::Debug,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use cube_backend::{Catalog, Format, Sources};
use cube_core::{PatchId, TimeValue};

use crate::{Result, fetch::Fetcher, task::Mappings};

/// Opens the catalogue of a cube when it is needed, which for a request that is already answered is never.
#[async_trait]
pub trait CatalogSource: Debug + Send + Sync {
    /// The catalogue.
    async fn open(&self) -> Result<Arc<dyn Catalog>>;
}

/// The means of a run: handles, caches, limits, clock. None of it changes a pixel.
#[derive(Debug)]
pub struct Context {
    /// Where patches are found.
    pub catalog: Arc<dyn CatalogSource>,
    /// Headers and decoded blocks, shared by all tasks.
    pub(crate) fetcher: Fetcher,
    /// How files lie under the grids of the cube.
    pub(crate) mappings: Mappings,
    /// What the user has been warned of.
    warned: Mutex<HashSet<String>>,
    /// How much may be in flight.
    pub limits: Limits,
    /// Told what happens.
    pub progress: Arc<dyn Progress>,
    /// Asked to stop.
    pub cancel: Cancel,
    /// The present, for `settle` and the record of searches.
    pub now: TimeValue,
}

impl Context {
    /// From the handles that a run needs; `now` is the present time.
    pub fn new(catalog: Arc<dyn CatalogSource>, formats: Vec<Arc<dyn Format>>, sources: Arc<dyn Sources>, limits: Limits, now: TimeValue) -> Self {
        Self {
            catalog,
            fetcher: Fetcher::new(formats, sources, limits),
            mappings: Mappings::default(),
            warned: Mutex::default(),
            limits,
            progress: Arc::new(Quiet),
            cancel: Cancel::default(),
            now,
        }
    }

    /// Warns once of something that holds for many files.
    pub(crate) fn warn_once(&self, about: String, message: impl FnOnce() -> String) {
        if self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(about) {
            tracing::warn!("{}", message());
        }
    }

    /// With a listener.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }
}

/// How much may be in flight at once: the bound of memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tasks at once.
    pub workers: usize,
    /// Bytes of decoded blocks kept for neighbouring tasks.
    pub block_cache: usize,
    /// Pixels (bytes of one band) that one task may write.
    pub task_bytes: usize,
    /// Encoded bytes that wait for one commit.
    pub commit_bytes: usize,
    /// Patches held at once; a longer answer is split in time or space and done in parts.
    pub patches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { workers: cores + 2, block_cache: 96 << 20, task_bytes: 4 << 20, commit_bytes: 128 << 20, patches: 20_000 }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The catalogue is being asked.
    Searching,
    /// So many patches have been found so far.
    Found(usize),
    /// So many units (of one band) are to be written, in addition to those said before.
    Planned {
        /// Units of one band each.
        units: usize,
    },
    /// One unit of one band is done.
    UnitDone,
    /// A unit of one band has failed because of a patch.
    UnitFailed {
        /// The patch.
        patch: PatchId,
        /// Why.
        reason: String,
    },
    /// A commit has been made; everything reported done before it is safe.
    Committed {
        /// Units of one band each.
        units: usize,
    },
}

/// Told what happens; called from many threads.
pub trait Progress: Debug + Send + Sync {
    /// One event.
    fn on(&self, event: Event);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn on(&self, _event: Event) {}
}

/// A request to stop: what is in flight is finished and committed, nothing new is begun.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks for the stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
