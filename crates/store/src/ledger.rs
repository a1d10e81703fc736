//! What every storage unit holds, and what it was made from.

use std::collections::BTreeMap;

use cube_core::{ChunkIndex, Window};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    documents::{LEDGER_SIDE, ledger_path},
    tree::{Node, Tree},
};

/// How many ledger chunks are read at once.
const READERS: usize = 16;

/// What a storage unit holds.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked.
    #[default]
    NotLoaded = 0,
    /// Pixels of every patch that there is.
    Loaded = 1,
    /// The source has nothing there: no pixel is stored.
    Empty = 2,
    /// Pixels of some patches; others could not be read and were skipped on request.
    Partial = 3,
}

impl State {
    /// From its number in the ledger.
    pub(crate) fn from_number(n: u8) -> Option<Self> {
        [Self::NotLoaded, Self::Loaded, Self::Empty, Self::Partial].into_iter().find(|s| *s as u8 == n)
    }

    /// Whether the unit needs no further work.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Loaded | Self::Empty)
    }
}

/// Part of the ledger of one variable and one time unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerBlock {
    /// The storage units.
    pub units: Window,
    /// Their states, row by row.
    pub state: Vec<State>,
    /// Their fingerprints, row by row; 0 where nothing is loaded.
    pub fingerprint: Vec<u64>,
}

impl LedgerBlock {
    /// State and fingerprint of one unit; not loaded outside the block.
    pub fn at(&self, unit: ChunkIndex) -> (State, u64) {
        let (row, col) = (unit.row as usize, unit.col as usize);
        let inside = (self.units.row..self.units.row_end()).contains(&row) && (self.units.col..self.units.col_end()).contains(&col);
        if !inside {
            return (State::NotLoaded, 0);
        }
        let i = (row - self.units.row) * self.units.cols + (col - self.units.col);
        (self.state[i], self.fingerprint[i])
    }
}

/// The two arrays of one variable's ledger.
pub(crate) struct Ledger {
    state: Node,
    fingerprint: Node,
    has_time: bool,
    cols: usize,
}

/// One chunk of each array: cells by their offset.
#[derive(Clone)]
pub(crate) struct LedgerChunk {
    pub(crate) state: Vec<u8>,
    pub(crate) fingerprint: Vec<u64>,
}

/// Where a ledger chunk lies: time unit, row, column.
pub(crate) type LedgerIndex = (usize, usize, usize);

impl Ledger {
    pub(crate) async fn open(tree: &Tree, group: &str, band: &str, has_time: bool) -> Result<Self> {
        let state = tree.array(&ledger_path(group, band, "state")).await?;
        let fingerprint = tree.array(&ledger_path(group, band, "fingerprint")).await?;
        let cols = state.shape().last().copied().unwrap_or(0).min(LEDGER_SIDE);
        Ok(Self { state, fingerprint, has_time, cols })
    }

    /// The chunk that holds a unit's cell, and the cell's offset in it.
    pub(crate) fn place(&self, time_unit: usize, unit: ChunkIndex) -> (LedgerIndex, usize) {
        let (row, col) = (unit.row as usize, unit.col as usize);
        ((time_unit, row / LEDGER_SIDE, col / LEDGER_SIDE), (row % LEDGER_SIDE) * self.cols + col % LEDGER_SIDE)
    }

    fn index(&self, (time, row, col): LedgerIndex) -> Vec<u64> {
        if self.has_time { vec![time as u64, row as u64, col as u64] } else { vec![row as u64, col as u64] }
    }

    fn chunk_len(&self) -> usize {
        let shape = self.state.shape();
        shape[shape.len() - 2].min(LEDGER_SIDE) * self.cols
    }

    /// Reads chunks; those not stored hold nothing loaded.
    pub(crate) async fn read(&self, chunks: impl IntoIterator<Item = LedgerIndex>) -> Result<BTreeMap<LedgerIndex, LedgerChunk>> {
        let len = self.chunk_len();
        stream::iter(chunks)
            .map(|at| async move {
                let index = self.index(at);
                let (state, fingerprint) = futures::try_join!(self.state.chunk::<u8>(&index), self.fingerprint.chunk::<u64>(&index))?;
                let chunk = LedgerChunk { state: state.unwrap_or_else(|| vec![0; len]), fingerprint: fingerprint.unwrap_or_else(|| vec![0; len]) };
                Ok((at, chunk))
            })
            .buffer_unordered(READERS)
            .try_collect()
            .await
    }

    /// Keys and bytes of a chunk of both arrays, fingerprint first: a cell is believed by its state.
    pub(crate) fn encode(&self, at: LedgerIndex, chunk: &LedgerChunk) -> Result<[(String, bytes::Bytes); 2]> {
        let index = self.index(at);
        Ok([self.fingerprint.encode(&index, &chunk.fingerprint)?, self.state.encode(&index, &chunk.state)?])
    }

    /// The cells of a window of units.
    pub(crate) async fn block(&self, tree: &Tree, time_unit: usize, units: Window) -> Result<LedgerBlock> {
        let rows = units.row / LEDGER_SIDE..units.row_end().div_ceil(LEDGER_SIDE);
        let cols = units.col / LEDGER_SIDE..units.col_end().div_ceil(LEDGER_SIDE);
        let wanted: Vec<_> = rows.flat_map(|r| cols.clone().map(move |c| (time_unit, r, c))).collect();
        let chunks = if units.is_empty() { BTreeMap::new() } else { self.read(wanted).await? };
        let mut block = LedgerBlock { units, state: Vec::with_capacity(units.shape().len()), fingerprint: Vec::with_capacity(units.shape().len()) };
        for row in units.row..units.row_end() {
            for col in units.col..units.col_end() {
                let (chunk, offset) = self.place(time_unit, ChunkIndex { row: row as u32, col: col as u32 });
                let (state, fingerprint) = chunks.get(&chunk).map_or((0, 0), |c| (c.state[offset], c.fingerprint[offset]));
                block.state.push(State::from_number(state).ok_or_else(|| tree.damaged(format!("the ledger holds the unknown state {state}")))?);
                block.fingerprint.push(fingerprint);
            }
        }
        Ok(block)
    }
}
