//! A batch, replayed on a fresh view of the cube.
//!
//! Nothing here depends on how the view looked when the batch was made: steps are named by value, ledger cells are merged into those that are there
//! *now*, and what the cube holds already is left out. So a commit that lost a race is simply replayed.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{GroupLayout, Layout, TimeValue};
use futures::{StreamExt, TryStreamExt, stream};
use icechunk::{
    format::{ChunkIndices, Path},
    session::{Session, SessionError},
};
use tokio::sync::RwLock;

use crate::{
    Batch, Error, Receipt, Result, State, axis,
    axis::Insertion,
    documents,
    documents::{SEARCH_CHUNK, SEARCH_COLUMNS},
    ledger::{Ledger, LedgerChunk, LedgerIndex},
    patches::{self, Seen},
    searches,
    tree::{Node, Tree},
    writer::no_band,
};

/// How many chunks are written to a plain Zarr store at once.
const WRITERS: usize = 16;

/// An open change of a cube.
pub(crate) struct Replay<'a> {
    pub(crate) tree: &'a mut Tree,
    /// The session that collects the change, on Icechunk.
    pub(crate) session: Option<Arc<RwLock<Session>>>,
}

/// How many receipts were taken in and left out.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) written: usize,
    pub(crate) dropped: usize,
}

/// A receipt and the place of its cell in the ledger.
struct Cell<'a> {
    receipt: &'a Receipt,
    time_unit: usize,
    offset: usize,
    /// The state that the ledger held before.
    before: u8,
}

impl Cell<'_> {
    /// Whether the cube may hold a chunk here.
    fn may_be_stored(&self) -> bool {
        self.before == State::Loaded as u8 || self.before == State::Partial as u8
    }
}

/// Cells by ledger chunk and offset.
type Cells<'a> = BTreeMap<LedgerIndex, BTreeMap<usize, Cell<'a>>>;

impl Replay<'_> {
    /// Applies a batch. Order matters on plain Zarr, which has no commits: a step is published before anything is written at its index, patches are
    /// listed before a cell says that they were used, a chunk is written before its cell, and a search is recorded last.
    pub(crate) async fn apply(&mut self, batch: &Batch, seen: &mut Seen) -> Result<Tally> {
        let mut layout = self.tree.layout().await?;
        self.add_groups(&mut layout, &batch.groups).await?;
        patches::append(self.tree, &batch.patches, &batch.vanished, seen).await?;
        for (group, wanted) in steps_by_group(batch) {
            self.insert_steps(&layout, group, &wanted).await?;
        }
        self.tree.publish().await?;
        let tally = self.take_in(&layout, batch).await?;
        self.add_searches(&layout, batch).await?;
        self.tree.publish().await?;
        Ok(tally)
    }

    /// Creates a whole cube.
    pub(crate) async fn create(&mut self, layout: &Layout) -> Result<()> {
        if !layout.groups.iter().any(|g| g.name.is_empty()) {
            let title = layout.spec.title.iter().map(|t| ("title".to_string(), t.clone().into()));
            self.tree.put_document("", documents::group(title.collect())).await?;
        }
        self.tree.put_layout(layout).await?;
        for (path, document) in documents::record_documents() {
            self.tree.put_document(&path, document).await?;
        }
        for group in &layout.groups {
            self.create_group(layout, group).await?;
        }
        self.tree.publish().await
    }

    async fn add_groups(&mut self, layout: &mut Layout, groups: &[GroupLayout]) -> Result<()> {
        let before = layout.groups.len();
        for group in groups {
            match layout.group(&group.name) {
                Some(existing) if existing.grid == group.grid => {}
                Some(existing) => {
                    let (existing, given) = (existing.grid.to_string(), group.grid.to_string());
                    return Err(Error::GroupDiffers { group: group.name.clone(), existing, given });
                }
                None => {
                    documents::check_group(group)?;
                    self.create_group(layout, group).await?;
                    layout.groups.push(group.clone());
                }
            }
        }
        if layout.groups.len() > before {
            self.tree.put_layout(layout).await?;
        }
        Ok(())
    }

    async fn create_group(&mut self, layout: &Layout, group: &GroupLayout) -> Result<()> {
        for (path, document) in documents::group_documents(layout, group)? {
            self.tree.put_document(&path, document).await?;
        }
        self.write_axis(&documents::path(&group.name, "x"), &group.grid.x_coordinates(), f64::NAN).await?;
        self.write_axis(&documents::path(&group.name, "y"), &group.grid.y_coordinates(), f64::NAN).await?;
        if let Some(steps) = layout.time.declared.as_ref().filter(|_| documents::has_time(layout)) {
            let steps: Vec<i64> = steps.iter().map(|t| t.0).collect();
            self.write_axis(&documents::path(&group.name, "time"), &steps, 0).await?;
        }
        Ok(())
    }

    /// Writes a one-dimensional array whole.
    async fn write_axis<T: zarrs::array::ElementOwned + Copy>(&mut self, path: &str, values: &[T], fill: T) -> Result<()> {
        let array = self.tree.array(path).await?;
        let chunk = array.zarr().chunk_shape(&[0]).map_err(|e| array.failed("read", e))?[0].get() as usize;
        for (i, part) in values.chunks(chunk).enumerate() {
            let mut part = part.to_vec();
            part.resize(chunk, fill);
            let (key, bytes) = array.encode(&[i as u64], &part)?;
            self.tree.put(&key, bytes).await?;
        }
        Ok(())
    }

    /// Makes room for new steps, all in one renumbering: resize first, then renumber, then write.
    async fn insert_steps(&mut self, layout: &Layout, group: &str, wanted: &[TimeValue]) -> Result<()> {
        if layout.group(group).is_none() {
            return Err(Error::NoGroup { group: group.into() });
        }
        if !documents::has_time(layout) {
            return Ok(());
        }
        let existing = steps(self.tree, layout, group).await?;
        let Some(insertion) = Insertion::of(&existing, wanted) else { return Ok(()) };
        if !layout.time.grows() {
            let step = wanted.iter().find(|t| existing.binary_search(t).is_err()).map(ToString::to_string).unwrap_or_default();
            return Err(Error::OffAxis { step });
        }
        if self.tree.is_plain()
            && let Some(step) = insertion.out_of_order()
        {
            let last = existing.last().map(ToString::to_string).unwrap_or_default();
            return Err(Error::StepOrder { step: step.to_string(), last });
        }
        let count = insertion.steps.len();
        for path in arrays_with_time(layout, group) {
            self.tree.resize(&path, count).await?;
            if insertion.moves() {
                self.renumber(&path, &insertion).await?;
            }
        }
        let time = documents::path(group, "time");
        let values: Vec<i64> = insertion.steps.iter().map(|t| t.0).collect();
        self.tree.resize(&time, count).await?;
        self.write_axis(&time, &values, 0).await
    }

    /// Gives every chunk of an array the index of its step.
    ///
    /// Icechunk's own `reindex_array` does this too, but looks every reference up twice: with a million of them it takes seconds even where three move.
    async fn renumber(&self, path: &str, insertion: &Insertion) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let failed = |e: SessionError| Error::storage("renumber the steps of", path, e);
        let array = ice_path(path)?;
        let mut session = session.write().await;
        let chunks = session.array_chunk_iterator(&array).await;
        let moving = chunks.try_filter_map(|chunk| async move { Ok(insertion.moved(chunk.coord.0[0]).map(|to| (to, chunk))) });
        let mut moving: Vec<_> = moving.try_collect().await.map_err(failed)?;
        // Steps only move to later places. The last goes first, so a place that was left is empty until the chunk arrives that belongs there.
        moving.sort_unstable_by_key(|(to, _)| std::cmp::Reverse(*to));
        for (to, chunk) in moving {
            let mut place = chunk.coord.clone();
            place.0[0] = to;
            session.set_chunk_ref(array.clone(), place, Some(chunk.payload)).await.map_err(failed)?;
            session.set_chunk_ref(array.clone(), chunk.coord, None).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn take_in(&self, layout: &Layout, batch: &Batch) -> Result<Tally> {
        let mut variables: BTreeMap<(&str, &str), Vec<&Receipt>> = BTreeMap::new();
        for receipt in &batch.receipts {
            variables.entry((&receipt.group, &receipt.band)).or_default().push(receipt);
        }
        let mut tally = Tally::default();
        for ((group, band), receipts) in variables {
            let taken = self.take_in_variable(layout, (group, band), &receipts, batch.rewrite).await?;
            tally.written += taken;
            tally.dropped += receipts.len() - taken;
        }
        Ok(tally)
    }

    /// Takes in the receipts of one variable, and answers how many.
    async fn take_in_variable(&self, layout: &Layout, (group, band): (&str, &str), receipts: &[&Receipt], rewrite: bool) -> Result<usize> {
        let grid = layout.unit_grid(layout.group(group).ok_or_else(|| Error::NoGroup { group: group.into() })?).chunks();
        layout.band(band).ok_or_else(|| no_band(band, layout.bands.iter().map(|b| &b.name)))?;
        let steps = steps(self.tree, layout, group).await?;
        let ledger = Ledger::open(self.tree, group, band, documents::has_time(layout)).await?;
        let mut cells: Cells<'_> = BTreeMap::new();
        for receipt in receipts {
            if receipt.at.row as usize >= grid.rows || receipt.at.col as usize >= grid.cols {
                let problem = format!("`{band}` has {grid} storage units, so none at row {}, column {}", receipt.at.row, receipt.at.col);
                return Err(Error::Misfit { what: "a receipt", problem });
            }
            let time_unit = time_unit(layout, &steps, receipt.step)?;
            let (chunk, offset) = ledger.place(time_unit, receipt.at);
            // Of two receipts for one unit the later one counts.
            cells.entry(chunk).or_default().insert(offset, Cell { receipt, time_unit, offset, before: 0 });
        }
        let mut chunks = ledger.read(cells.keys().copied()).await?;
        for (at, chunk) in &mut chunks {
            if let Some(cells) = cells.get_mut(at) {
                cells.values_mut().for_each(|cell| cell.before = chunk.state[cell.offset]);
                cells.retain(|_, cell| rewrite || !holds(chunk, cell));
            }
        }
        cells.retain(|_, cells| !cells.is_empty());
        let accepted: usize = cells.values().map(BTreeMap::len).sum();
        if accepted == 0 {
            return Ok(0);
        }
        chunks.retain(|at, _| cells.contains_key(at));
        self.withdraw(&ledger, &chunks, &cells).await?;
        let array = self.tree.array(&documents::path(group, band)).await?;
        self.write_pixels(layout, &array, (group, band), &cells).await?;
        for (at, chunk) in &mut chunks {
            for cell in cells.get(at).into_iter().flat_map(BTreeMap::values) {
                chunk.state[cell.offset] = cell.receipt.state as u8;
                chunk.fingerprint[cell.offset] = cell.receipt.fingerprint;
            }
        }
        self.write_ledger(&ledger, &chunks).await?;
        Ok(accepted)
    }

    /// On plain Zarr: marks units that are about to be overwritten as not loaded, so that no cell ever speaks of other pixels than there are.
    async fn withdraw(&self, ledger: &Ledger, chunks: &BTreeMap<LedgerIndex, LedgerChunk>, cells: &Cells<'_>) -> Result<()> {
        for (at, chunk) in chunks {
            let overwritten = || cells.get(at).into_iter().flat_map(BTreeMap::values).filter(|c| c.before != State::NotLoaded as u8);
            if !self.tree.is_plain() || overwritten().next().is_none() {
                continue;
            }
            let mut withdrawn = chunk.clone();
            for cell in overwritten() {
                withdrawn.state[cell.offset] = State::NotLoaded as u8;
                withdrawn.fingerprint[cell.offset] = 0;
            }
            let [fingerprint, state] = ledger.encode(*at, &withdrawn)?;
            // The state first: it is what is believed.
            self.tree.put(&state.0, state.1).await?;
            self.tree.put(&fingerprint.0, fingerprint.1).await?;
        }
        Ok(())
    }

    async fn write_pixels(&self, layout: &Layout, array: &Node, (group, band): (&str, &str), cells: &Cells<'_>) -> Result<()> {
        let all = cells.values().flat_map(BTreeMap::values);
        let index = |cell: &Cell<'_>| {
            let (row, col) = (cell.receipt.at.row, cell.receipt.at.col);
            if documents::has_time(layout) { vec![cell.time_unit as u32, row, col] } else { vec![row, col] }
        };
        if let Some(session) = &self.session {
            let path = ice_path(&documents::path(group, band))?;
            let mut session = session.write().await;
            let most_inline = session.config().inline_chunk_threshold_bytes().into();
            for cell in all.filter(|c| !c.receipt.payload.is_empty() || c.may_be_stored()) {
                let reference = cell.receipt.payload.reference(most_inline)?;
                session.set_chunk_ref(path.clone(), ChunkIndices(index(cell)), reference).await.map_err(|e| array.failed("write to", e))?;
            }
            return Ok(());
        }
        let writes = all.map(|cell| {
            let key = array.key(&index(cell).into_iter().map(u64::from).collect::<Vec<_>>());
            async move {
                match cell.receipt.payload.bytes()? {
                    None => self.tree.delete(&key).await,
                    Some(bytes) => self.tree.put(&key, bytes.clone()).await,
                }
            }
        });
        stream::iter(writes.collect::<Vec<_>>()).buffer_unordered(WRITERS).try_collect().await
    }

    async fn write_ledger(&self, ledger: &Ledger, chunks: &BTreeMap<LedgerIndex, LedgerChunk>) -> Result<()> {
        for (at, chunk) in chunks {
            for (key, bytes) in ledger.encode(*at, chunk)? {
                self.tree.put(&key, bytes).await?;
            }
        }
        Ok(())
    }

    async fn add_searches(&mut self, layout: &Layout, batch: &Batch) -> Result<()> {
        if batch.searches.is_empty() {
            return Ok(());
        }
        let before = searches(self.tree).await?;
        let mut after = before.clone();
        for search in &batch.searches {
            searches::add(&mut after, *search, layout.time.settle_micros);
        }
        if after == before {
            return Ok(());
        }
        let path = "_cube/searches";
        self.tree.resize(path, after.len()).await?;
        let array = self.tree.array(path).await?;
        let rows: Vec<i64> = after.iter().flat_map(|s| s.to_row()).collect();
        for (i, part) in rows.chunks(SEARCH_CHUNK * SEARCH_COLUMNS).enumerate() {
            let mut part = part.to_vec();
            part.resize(SEARCH_CHUNK * SEARCH_COLUMNS, 0);
            let (key, bytes) = array.encode(&[i as u64, 0], &part)?;
            self.tree.put(&key, bytes).await?;
        }
        Ok(())
    }
}

/// Whether the ledger says the same as a receipt: then data and cell stay those of whoever came first.
fn holds(chunk: &LedgerChunk, cell: &Cell<'_>) -> bool {
    let receipt = cell.receipt;
    receipt.state.is_complete() && chunk.state[cell.offset] == receipt.state as u8 && chunk.fingerprint[cell.offset] == receipt.fingerprint
}

fn steps_by_group(batch: &Batch) -> BTreeMap<&str, Vec<TimeValue>> {
    let mut all: BTreeMap<&str, Vec<TimeValue>> = BTreeMap::new();
    let named = batch.steps.iter().map(|(group, step)| (group.as_str(), *step));
    for (group, step) in named.chain(batch.receipts.iter().map(|r| (r.group.as_str(), r.step))) {
        all.entry(group).or_default().push(step);
    }
    all
}

fn arrays_with_time(layout: &Layout, group: &str) -> Vec<String> {
    let of =
        |band: &str| [documents::path(group, band), documents::ledger_path(group, band, "state"), documents::ledger_path(group, band, "fingerprint")];
    layout.bands.iter().flat_map(|b| of(&b.name)).collect()
}

/// The steps of a group, sorted; `TimeValue(0)` alone in a cube without time.
pub(crate) async fn steps(tree: &Tree, layout: &Layout, group: &str) -> Result<Vec<TimeValue>> {
    if !documents::has_time(layout) {
        return Ok(vec![TimeValue(0)]);
    }
    let values = tree.array(&documents::path(group, "time")).await?.all::<i64>().await?;
    Ok(values.into_iter().map(TimeValue).collect())
}

/// The index of a time unit by its first step.
fn time_unit(layout: &Layout, steps: &[TimeValue], step: TimeValue) -> Result<usize> {
    let index = axis::index_of(steps, step)?;
    if index % layout.unit_time != 0 {
        let problem = format!("`{step}` is not the first of the {} steps that are stored together", layout.unit_time);
        return Err(Error::Misfit { what: "a receipt", problem });
    }
    Ok(index / layout.unit_time)
}

/// The recorded searches.
pub(crate) async fn searches(tree: &Tree) -> Result<Vec<searches::Search>> {
    let rows = tree.array("_cube/searches").await?.all::<i64>().await?;
    Ok(rows.chunks(SEARCH_COLUMNS).filter_map(searches::Search::from_row).collect())
}

pub(crate) fn ice_path(path: &str) -> Result<Path> {
    Path::try_from(format!("/{path}").as_str()).map_err(|e| Error::storage("find", path, e))
}
