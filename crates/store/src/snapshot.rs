use std::{collections::HashMap, sync::Arc};

use cube_core::{Layout, PatchIndex, Pixels, TimeValue, Window};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex;
use zarrs::array::{ArrayBytes, ArraySubset};

use crate::{
    Error, LedgerBlock, PatchFilter, Result, Search, axis, documents,
    error::Cause,
    ledger::Ledger,
    patches, replay,
    tree::{Node, Tree},
    writer::no_band,
};

/// How many storage units are read and decoded at once.
const READERS: usize = 8;

/// The cube as it was at one moment. What is committed later does not show. (Plain Zarr keeps no past: there only the shape of things is that of the
/// moment, and the newest chunks and ledger cells show.)
pub struct Snapshot {
    tree: Tree,
    layout: Arc<Layout>,
    steps: Mutex<HashMap<String, Arc<Vec<TimeValue>>>>,
    ledgers: Mutex<HashMap<(String, String), Arc<Ledger>>>,
}

impl Snapshot {
    pub(crate) async fn of(tree: Tree) -> Result<Self> {
        let layout = Arc::new(tree.layout().await?);
        Ok(Self { tree, layout, steps: Mutex::default(), ledgers: Mutex::default() })
    }

    /// What the cube holds, with all groups that there are now.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn layout_arc(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    /// The time axis of a group, sorted; `TimeValue(0)` alone in a cube without time.
    pub async fn steps(&self, group: &str) -> Result<Vec<TimeValue>> {
        Ok(self.axis(group).await?.to_vec())
    }

    /// The ledger of a variable: states and fingerprints of a window of storage units in one time unit (steps divided by the steps per unit).
    pub async fn ledger(&self, group: &str, band: &str, time_unit: usize, units: Window) -> Result<LedgerBlock> {
        self.check(group, band)?;
        let has_time = documents::has_time(&self.layout);
        let count = self.axis(group).await?.len().div_ceil(if has_time { self.layout.unit_time } else { 1 });
        if time_unit >= count {
            return Err(Error::Misfit { what: "a time unit", problem: format!("there are {count}, so none with index {time_unit}") });
        }
        let key = (group.to_string(), band.to_string());
        let mut known = self.ledgers.lock().await;
        let ledger = match known.get(&key) {
            Some(ledger) => Arc::clone(ledger),
            None => Arc::clone(known.entry(key).or_insert(Arc::new(Ledger::open(&self.tree, group, band, has_time).await?))),
        };
        drop(known);
        ledger.block(&self.tree, time_unit, units).await
    }

    /// The recorded searches.
    pub async fn searches(&self) -> Result<Vec<Search>> {
        replay::searches(&self.tree).await
    }

    /// The listed patches that a filter lets through, in the order in which they were listed. Reads the columns first, then only the documents needed.
    pub async fn patches(&self, filter: &PatchFilter) -> Result<Vec<PatchIndex>> {
        patches::list(&self.tree, filter).await
    }

    /// The pixels of a window of one variable, row by row; fill where nothing is stored. `step` is left out in a cube without time.
    pub async fn read(&self, group: &str, band: &str, step: Option<TimeValue>, window: Window) -> Result<Pixels> {
        self.check(group, band)?;
        let (Some(of), Some(variable)) = (self.layout.group(group), self.layout.band(band)) else {
            return Err(Error::NoGroup { group: group.into() });
        };
        let shape = of.grid.shape();
        if window.row_end() > shape.rows || window.col_end() > shape.cols {
            let problem =
                format!("rows {} to {} and columns {} to {} reach beyond {shape} pixels", window.row, window.row_end(), window.col, window.col_end());
            return Err(Error::Misfit { what: "a window", problem });
        }
        let time = match (documents::has_time(&self.layout), step) {
            (true, Some(step)) => Some(axis::index_of(&self.axis(group).await?, step)?),
            (false, _) => None,
            (true, None) => {
                return Err(Error::Misfit { what: "a request for pixels", problem: format!("`{band}` has a time axis, so a step must be named") });
            }
        };
        let array = Arc::new(self.tree.array(&documents::path(group, band)).await?);
        let units = self.layout.unit_grid(of);
        let parts: Vec<Window> = units.iter(units.touched(window)).filter_map(|at| units.window(at).intersection(window)).collect();
        let size = variable.dtype.size();
        let mut bytes = vec![0; window.shape().len() * size];
        let mut reads = stream::iter(parts)
            .map(|part| {
                let read = read_part(Arc::clone(&array), time, part);
                // A task of its own, so that several cores decode.
                async move { tokio::spawn(read).await.unwrap_or_else(|e| Err(Cause::from(e))).map(|b| (part, b)) }
            })
            .buffer_unordered(READERS);
        while let Some((part, pixels)) = reads.try_next().await.map_err(|c| array.failed("read", c))? {
            for (row, line) in pixels.chunks_exact(part.cols * size).enumerate() {
                let start = ((part.row - window.row + row) * window.cols + part.col - window.col) * size;
                bytes[start..start + line.len()].copy_from_slice(line);
            }
        }
        Pixels::from_bytes(variable.dtype, &bytes).ok_or_else(|| self.tree.damaged(format!("`{band}` is not of type {}", variable.dtype)))
    }

    async fn axis(&self, group: &str) -> Result<Arc<Vec<TimeValue>>> {
        if self.layout.group(group).is_none() {
            return Err(Error::NoGroup { group: group.into() });
        }
        let mut known = self.steps.lock().await;
        if let Some(steps) = known.get(group) {
            return Ok(Arc::clone(steps));
        }
        let steps = Arc::new(replay::steps(&self.tree, &self.layout, group).await?);
        known.insert(group.into(), Arc::clone(&steps));
        Ok(steps)
    }

    fn check(&self, group: &str, band: &str) -> Result<()> {
        if self.layout.group(group).is_none() {
            return Err(Error::NoGroup { group: group.into() });
        }
        self.layout.band(band).map(|_| ()).ok_or_else(|| no_band(band, self.layout.bands.iter().map(|b| &b.name)))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("layout", &self.layout).finish_non_exhaustive()
    }
}

async fn read_part(array: Arc<Node>, time: Option<usize>, part: Window) -> Result<Vec<u8>, Cause> {
    let range = |start: usize, len: usize| start as u64..(start + len) as u64;
    let (rows, cols) = (range(part.row, part.rows), range(part.col, part.cols));
    let subset = match time {
        Some(time) => ArraySubset::new_with_ranges(&[range(time, 1), rows, cols]),
        None => ArraySubset::new_with_ranges(&[rows, cols]),
    };
    let bytes: ArrayBytes<'static> = array.zarr().async_retrieve_array_subset(&subset).await?;
    Ok(bytes.into_fixed()?.into_owned())
}
