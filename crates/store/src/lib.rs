//! The cube on disk: create, write, ledger, commit. Icechunk and plain Zarr v3.
//!
//! ```text
//!  Cube ──snapshot()──▶ Snapshot   layout, steps, ledger, searches, patches, pixels of one moment
//!    │
//!    ├────writer()────▶ Writer     encode (CPU) ─▶ upload (IO) ─▶ Payload
//!    │                                                              │
//!    └────commit(Batch { steps, receipts, searches, patches })  ◀── Receipt
//! ```
//!
//! * Pixels and ledger become visible together: on Icechunk in one transaction, on plain Zarr chunk first and ledger after.
//! * A [`Receipt`] names its time step by value and its payload by reference, so a commit that lost a race to another writer is *replayed* on the newest
//!   version: steps are inserted, references set and ledger cells merged into those that are there now. Nothing is uploaded again.
//! * A growing time axis takes steps in any order on Icechunk (references are renumbered, no data is rewritten); on plain Zarr only later ones.
//! * Everything about the cube that is not pixels lies in groups called `_cube`, as Zarr arrays that any reader opens.
//!
//! | module | what |
//! |---|---|
//! | `cube`, `upkeep` | [`Cube`]: create, open, commit; history, garbage, size |
//! | `snapshot`, `writer` | reading and writing |
//! | `batch`, `replay` | what goes into a commit, and how it gets in |
//! | `ledger`, `searches`, `patches`, `axis` | the records, each with its rules |
//! | `documents`, `attributes` | the metadata that readers see |
//! | `tree`, `keys` | Zarr nodes and keys, the same for both kinds of store |
//! | `repository`, `plain`, `lock` | Icechunk; plain Zarr; locks |

mod attributes;
mod axis;
mod batch;
mod cube;
mod documents;
mod error;
mod keys;
mod ledger;
mod location;
mod lock;
mod patches;
mod plain;
mod replay;
mod repository;
mod searches;
mod snapshot;
mod tree;
mod upkeep;
mod writer;

pub use batch::{Batch, Committed, Payload, Receipt};
pub use cube::Cube;
pub use error::{Cause, Error, Result};
pub use ledger::{LedgerBlock, State};
pub use location::{Kind, Location, StorageOptions};
pub use patches::PatchFilter;
pub use repository::storage as icechunk_storage;
pub use searches::Search;
pub use snapshot::Snapshot;
pub use upkeep::{GcReport, SizeReport, Version};
pub use writer::Writer;
