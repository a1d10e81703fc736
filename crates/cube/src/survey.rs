//! What a cube holds, read from its ledger.

use cube_core::{BandLayout, DType, GroupLayout, Layout, Number, TimeStep, TimeValue, Window};
use cube_store::{Cube, Kind, LedgerBlock, SizeReport, Snapshot, State, Version};
use serde::Serialize;

use crate::Result;

/// So many of the newest versions are told.
const HISTORY: usize = 10;

/// What a cube holds. The keys of its JSON form are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Path or URL.
    pub cube: String,
    /// `icechunk` or `zarr`.
    pub store: &'static str,
    /// As the spec has it.
    pub title: Option<String>,
    /// Where patches come from.
    pub source: String,
    /// How acquisitions are gathered into steps.
    pub step: TimeStep,
    /// Steps of a unit.
    pub unit_steps: usize,
    /// Rows and columns of a chunk.
    pub chunk: [usize; 2],
    /// Rows and columns of what the store writes whole: a shard, else a chunk.
    pub unit: [usize; 2],
    /// One for each CRS.
    pub groups: Vec<GroupStatus>,
    /// Searches recorded.
    pub searches: usize,
    /// Patches listed.
    pub patches: usize,
    /// In bytes.
    pub size: SizeReport,
    /// The newest versions, newest first.
    pub history: Vec<Version>,
}

/// One grid.
#[derive(Debug, Clone, Serialize)]
pub struct GroupStatus {
    /// `""` for the root.
    pub name: String,
    /// CRS.
    pub crs: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Pixel size along x and y.
    pub resolution: [f64; 2],
    /// West, south, east, north in the CRS.
    pub extent: [f64; 4],
    /// Rows and columns of units.
    pub units: [usize; 2],
    /// The time axis; empty in a cube without time.
    pub steps: Vec<String>,
    /// How many time units there are: steps divided by the steps of a unit; 1 in a cube without time.
    pub time_units: usize,
    /// One for each variable.
    pub bands: Vec<BandStatus>,
}

/// What there is of one variable, in units (of one time unit each).
#[derive(Debug, Clone, Serialize)]
pub struct BandStatus {
    /// Name of the variable.
    pub name: String,
    /// Type of its pixels.
    pub dtype: DType,
    /// What stands for "no data".
    pub nodata: Option<Number>,
    /// How many units there are on the present time axis.
    pub units: u64,
    /// Of these, not loaded,
    pub not_loaded: u64,
    /// loaded,
    pub loaded: u64,
    /// without anything in the source,
    pub empty: u64,
    /// and loaded without some patches.
    pub partial: u64,
    /// The units that are not "not loaded", step by step.
    pub chunks: Vec<Runs>,
}

/// Units of one state at one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// First step of the time unit; absent in a cube without time.
    pub time: Option<String>,
    /// Their state.
    pub state: State,
    /// `[row, first column, last column]`.
    pub runs: Vec<[u32; 3]>,
}

impl BandStatus {
    fn new(band: &BandLayout) -> Self {
        let (name, dtype, nodata) = (band.name.clone(), band.dtype, band.nodata);
        Self { name, dtype, nodata, units: 0, not_loaded: 0, loaded: 0, empty: 0, partial: 0, chunks: Vec::new() }
    }

    fn add(&mut self, step: Option<TimeValue>, block: &LedgerBlock) {
        self.units += block.state.len() as u64;
        for state in &block.state {
            *match state {
                State::NotLoaded => &mut self.not_loaded,
                State::Loaded => &mut self.loaded,
                State::Empty => &mut self.empty,
                State::Partial => &mut self.partial,
            } += 1;
        }
        for state in [State::Loaded, State::Empty, State::Partial] {
            let runs = runs(block, state);
            if !runs.is_empty() {
                self.chunks.push(Runs { time: step.map(|t| t.to_string()), state, runs });
            }
        }
    }
}

/// Neighbours in a row as one run.
fn runs(block: &LedgerBlock, state: State) -> Vec<[u32; 3]> {
    let mut out = Vec::new();
    let cols = block.units.cols.max(1);
    for (r, row) in block.state.chunks_exact(cols).enumerate() {
        let row_index = (block.units.row + r) as u32;
        let mut c = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] == state {
                let first = (block.units.col + c) as u32;
                out.push([row_index, first, first + run.len() as u32 - 1]);
            }
            c += run.len();
        }
    }
    out
}

/// What a cube holds.
pub async fn status(cube: &Cube) -> Result<Status> {
    let snapshot = cube.snapshot().await?;
    let layout = snapshot.layout();
    let mut groups = Vec::with_capacity(layout.groups.len());
    for group in &layout.groups {
        groups.push(group_status(&snapshot, group).await?);
    }
    Ok(Status {
        cube: cube.location().to_string(),
        store: match cube.kind() {
            Kind::Icechunk => "icechunk",
            Kind::Zarr => "zarr",
        },
        title: layout.spec.title.clone(),
        source: Some(layout.spec.source.url.as_str()).filter(|url| !url.is_empty()).unwrap_or(&layout.spec.source.backend).to_owned(),
        step: layout.time.step,
        unit_steps: layout.unit_time.max(1),
        chunk: layout.chunk.into(),
        unit: layout.unit.into(),
        groups,
        searches: snapshot.searches().await?.len(),
        patches: snapshot.patches(&cube_store::PatchFilter::default()).await?.len(),
        size: cube.size().await?,
        history: cube.history(HISTORY).await?,
    })
}

async fn group_status(snapshot: &Snapshot, group: &GroupLayout) -> Result<GroupStatus> {
    let layout = snapshot.layout();
    let (grid, units) = (&group.grid, layout.unit_grid(group).chunks());
    let steps = if has_time(layout) { snapshot.steps(&group.name).await? } else { Vec::new() };
    let times = time_units(snapshot, group).await?;
    let mut bands = Vec::with_capacity(layout.bands.len());
    for band in &layout.bands {
        let mut status = BandStatus::new(band);
        for &(index, step) in &times {
            let block = snapshot.ledger(&group.name, &band.name, index, Window::whole(units)).await?;
            status.add(step, &block);
        }
        bands.push(status);
    }
    Ok(GroupStatus {
        name: group.name.clone(),
        crs: grid.crs().to_string(),
        shape: grid.shape().into(),
        resolution: grid.resolution().into(),
        extent: grid.extent().into(),
        units: units.into(),
        steps: steps.iter().map(ToString::to_string).collect(),
        time_units: times.len(),
        bands,
    })
}

/// Whether variables have a time dimension.
pub(crate) fn has_time(layout: &Layout) -> bool {
    layout.time.step != TimeStep::None
}

/// The time units of a group: index in the ledger, and first step; one without a step in a cube without time.
pub(crate) async fn time_units(snapshot: &Snapshot, group: &GroupLayout) -> Result<Vec<(usize, Option<TimeValue>)>> {
    let layout = snapshot.layout();
    if !has_time(layout) {
        return Ok(vec![(0, None)]);
    }
    let steps = snapshot.steps(&group.name).await?;
    Ok(steps.chunks(layout.unit_time.max(1)).enumerate().map(|(i, unit)| (i, unit.first().copied())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_one_state_and_one_row() {
        use State::{Empty as E, Loaded as L, NotLoaded as N};
        let block = LedgerBlock { units: Window::new(3, 10, 2, 4), state: vec![L, L, N, L, E, L, L, L], fingerprint: vec![0; 8] };
        assert_eq!(runs(&block, L), vec![[3, 10, 11], [3, 13, 13], [4, 11, 13]]);
        assert_eq!(runs(&block, E), vec![[4, 10, 10]]);
        assert!(runs(&block, State::Partial).is_empty());
    }
}
