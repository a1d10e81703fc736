//! What goes into one commit.

use std::sync::Arc;

use bytes::Bytes;
use cube_core::{ChunkIndex, GroupLayout, PatchId, PatchIndex, TimeValue};
use icechunk::format::{
    ChunkId,
    manifest::{ChunkPayload, ChunkRef},
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Search, State};

/// Encoded pixels on their way into the cube: on Icechunk a reference to the uploaded object, on plain Zarr the bytes themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload(pub(crate) Stored);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stored {
    /// Every pixel is fill: nothing is stored.
    Nothing,
    /// An uploaded object of an Icechunk repository, by its id.
    Object { id: String, offset: u64, length: u64 },
    /// Bytes that the commit writes: into a plain Zarr store or, when they are few, into a manifest.
    Bytes(Bytes),
}

impl Payload {
    /// That of a storage unit in which every pixel is fill.
    pub const NOTHING: Self = Self(Stored::Nothing);

    /// Bytes of encoded pixels.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Stored::Nothing => 0,
            Stored::Object { length, .. } => *length,
            Stored::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.0 == Stored::Nothing
    }

    /// From what Icechunk answers to an upload; `None` for what no upload makes.
    pub(crate) fn uploaded(payload: ChunkPayload) -> Option<Self> {
        match payload {
            ChunkPayload::Ref(ChunkRef { id, offset, length }) => Some(Self(Stored::Object { id: id.to_string(), offset, length })),
            ChunkPayload::Inline(bytes) => Some(Self(Stored::Bytes(bytes))),
            _ => None,
        }
    }

    /// What an Icechunk session is to refer to.
    pub(crate) fn reference(&self, most_inline: usize) -> Result<Option<ChunkPayload>> {
        match &self.0 {
            Stored::Nothing => Ok(None),
            Stored::Bytes(bytes) if bytes.len() <= most_inline => Ok(Some(ChunkPayload::Inline(bytes.clone()))),
            Stored::Bytes(_) => Err(foreign("bytes, which belong into a plain Zarr cube")),
            Stored::Object { id, offset, length } => {
                let id = ChunkId::try_from(id.as_str()).map_err(|_| foreign("the id of no object"))?;
                Ok(Some(ChunkPayload::Ref(ChunkRef { id, offset: *offset, length: *length })))
            }
        }
    }

    /// What a plain Zarr store is to hold.
    pub(crate) fn bytes(&self) -> Result<Option<&Bytes>> {
        match &self.0 {
            Stored::Nothing => Ok(None),
            Stored::Bytes(bytes) => Ok(Some(bytes)),
            Stored::Object { .. } => Err(foreign("a reference, which belongs into an Icechunk cube")),
        }
    }
}

fn foreign(what: &str) -> Error {
    Error::Misfit { what: "a receipt", problem: format!("its payload is {what}") }
}

/// What a worker hands to the committer: one storage unit of one variable, encoded and uploaded. Data, serialisable; holds for any later state
/// of the cube, because it names its time step by value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The group, `""` for the root.
    pub group: String,
    /// The variable.
    pub band: String,
    /// The first step of the time unit; `TimeValue(0)` in a cube without time.
    pub step: TimeValue,
    /// Row and column of the storage unit.
    pub at: ChunkIndex,
    /// The encoded pixels.
    pub payload: Payload,
    /// What the unit then holds.
    pub state: State,
    /// Fingerprint of the patches and versions that went in.
    pub fingerprint: u64,
}

/// Everything that becomes visible in one commit. Whatever of it the cube holds already is left out, unless it is to be rewritten.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Groups that must exist afterwards, for cubes with several CRSs.
    pub groups: Vec<GroupLayout>,
    /// Steps that must exist afterwards, by group. Those of receipts are added by themselves.
    pub steps: Vec<(String, TimeValue)>,
    /// Storage units.
    pub receipts: Vec<Receipt>,
    /// Finished searches.
    pub searches: Vec<Search>,
    /// Patches that were found; a row is added when a patch is new or its version has changed.
    pub patches: Vec<Arc<PatchIndex>>,
    /// Patches that a new search does not find any more: they are not listed until they are found again.
    pub vanished: Vec<PatchId>,
    /// Whether receipts also take the place of what the cube holds already: its pixels may be damaged.
    #[serde(default)]
    pub rewrite: bool,
    /// A line for the history.
    pub message: String,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Id of the new version; absent on plain Zarr, and where nothing was new.
    pub version: Option<String>,
    /// Receipts whose storage units were taken in.
    pub written: usize,
    /// Receipts left out, because the cube held the same already.
    pub dropped: usize,
    /// How many times the batch was replayed.
    pub attempts: u32,
}
