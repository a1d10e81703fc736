//! Filling a cube.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{ChunkSet, Layout, PatchId, PatchIndex, Period, Task, TimeStep, TimeValue};
use cube_store::{Batch, Cube, Kind, Snapshot, Writer};
use tokio::task::JoinSet;

use crate::{
    Context, Error, Event, Request, Result, native,
    planner::{self, BySteps, Planner},
    region::{self, Region},
    request::Wanted,
    search::{self, Found, Searcher},
    task::{TaskOutput, run_task},
};

/// A commit is made at the latest after so many receipts.
const COMMIT_RECEIPTS: usize = 4096;
/// … or after so much time.
const COMMIT_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// How a load is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Write units without the patches that cannot be read, and mark them partial.
    pub skip_failed: bool,
    /// Search again, and rewrite what is made from other patches than there are now.
    pub refresh: bool,
    /// Write what is there, too: its pixels may be damaged.
    pub rewrite: bool,
}

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Units (of one variable each) written.
    pub written: usize,
    /// Units that failed and were not written.
    pub failed: usize,
    /// Units written without a patch that could not be read.
    pub partial: usize,
    /// Of those written, units where the source has nothing.
    pub empty: usize,
    /// Units asked for that were there before; not counted when the run was stopped.
    pub already_there: usize,
    /// Different patches that were read.
    pub patches_read: usize,
    /// Encoded bytes handed to the store.
    pub bytes_written: u64,
    /// Patches that the catalogue answered.
    pub found: usize,
    /// Searches made.
    pub searches: usize,
    /// What could not be read, by patch.
    pub failures: Vec<Failure>,
    /// Whether the run was asked to stop before it was done.
    pub interrupted: bool,
}

/// A patch that could not be read.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The patch.
    pub patch: PatchId,
    /// Why.
    pub error: Error,
}

/// Fills exactly what a request lacks. Asks the catalogue only for what no earlier search covers; when nothing is missing,
/// asks nobody and writes nothing.
///
/// Units that cannot be filled are left as they were and named in [`Outcome::failures`]; the others are finished. An error
/// is answered only when nothing at all could be done: a wrong request, an unreachable catalogue, a cube that cannot be written.
pub async fn load(cube: &Cube, request: &Request, options: LoadOptions, context: Arc<Context>) -> Result<Outcome> {
    let snapshot = cube.snapshot().await?;
    let wanted = Wanted::resolve(request, snapshot.layout())?;
    let mut load = Load::new(cube.clone(), request.clone(), wanted, snapshot, options, context);
    if load.layout.spec.grid.is_native() {
        load.by_native_groups().await?
    } else {
        load.by_regions().await?
    }
    load.finish().await
}

/// Fills every unit that a patch touches, each from all its patches, at the patch's step.
pub async fn write_patch(cube: &Cube, patch: &PatchIndex, context: Arc<Context>) -> Result<Outcome> {
    let layout = cube.snapshot().await?.layout().clone();
    let toi = match patch.time {
        Some(t) if layout.time.step != TimeStep::None => cube_core::Toi::from_periods([layout.time.period_of(layout.time.step_of(t))]),
        _ => cube_core::Toi::always(),
    };
    let roi = crate::footprint::roi_of(patch, &layout)?;
    load(cube, &Request { roi, toi, bands: Vec::new() }, LoadOptions::default(), context).await
}

/// A load under way.
#[derive(Debug)]
pub struct Load {
    cube: Cube,
    request: Request,
    wanted: Wanted,
    snapshot: Snapshot,
    layout: Arc<Layout>,
    options: LoadOptions,
    context: Arc<Context>,
    writer: Option<Arc<Writer>>,
    batch: Batch,
    batch_since: Option<tokio::time::Instant>,
    failures: BTreeMap<PatchId, Error>,
    outcome: Outcome,
    /// Hashes of the patches that were read.
    read: std::collections::HashSet<u64>,
}

impl Load {
    fn new(cube: Cube, request: Request, wanted: Wanted, snapshot: Snapshot, options: LoadOptions, context: Arc<Context>) -> Self {
        let layout = Arc::new(snapshot.layout().clone());
        Self {
            cube,
            request,
            wanted,
            snapshot,
            layout,
            options,
            context,
            writer: None,
            batch: Batch::default(),
            batch_since: None,
            failures: BTreeMap::new(),
            outcome: Outcome::default(),
            read: std::collections::HashSet::new(),
        }
    }

    /// One grid: each region is filled as soon as it has been searched; then the parts that were searched by earlier loads.
    async fn by_regions(&mut self) -> Result<()> {
        let (layout, context) = (Arc::clone(&self.layout), Arc::clone(&self.context));
        let missing = search::missing(self.wanted.regions(), &self.snapshot.searches().await?, &layout, self.options.refresh);
        let mut left = self.wanted.regions();
        let mut searcher = Searcher::new(&layout, &context, missing);
        while let Some(found) = searcher.next().await? {
            let region = found.region;
            left = region::difference(left, &[region]);
            let patches = self.absorb(found).await?;
            let known = if self.options.refresh { Vec::new() } else { planner::stored(&self.snapshot, &layout, &[region]).await? };
            self.fill(&planner::newest(patches.into_iter().chain(known)), Some(region)).await?;
            if context.cancel.is_cancelled() {
                return Ok(());
            }
        }
        if self.outcome.searches == 0 && self.everything_loaded().await? {
            return Ok(());
        }
        for region in left {
            let known = planner::stored(&self.snapshot, &layout, &[region]).await?;
            self.fill(&known, Some(region)).await?;
        }
        Ok(())
    }

    /// One grid per source CRS: a search may bring new grids, whose units reach beyond what has been searched, so all
    /// searches come first.
    async fn by_native_groups(&mut self) -> Result<()> {
        let context = Arc::clone(&self.context);
        let mut searched: Vec<Region> = Vec::new();
        loop {
            let layout = Arc::clone(&self.layout);
            self.wanted.cells = native::cells(&self.request.roi, &self.wanted.cells, &layout)?;
            let records = self.snapshot.searches().await?;
            let missing = search::missing(self.wanted.regions(), &records, &layout, self.options.refresh);
            let missing = region::difference(missing, &searched);
            if missing.is_empty() {
                break;
            }
            let mut searcher = Searcher::new(&layout, &context, missing);
            while let Some(found) = searcher.next().await? {
                searched.push(found.region);
                self.absorb(found).await?;
                self.commit().await?;
            }
            self.snapshot = self.cube.snapshot().await?;
        }
        if self.outcome.searches == 0 && self.everything_loaded().await? {
            return Ok(());
        }
        let known = planner::stored(&self.snapshot, &self.layout, &self.wanted.regions()).await?;
        self.fill(&known, None).await
    }

    /// Takes over what a search brought; answers its patches.
    async fn absorb(&mut self, found: Found) -> Result<Vec<Arc<PatchIndex>>> {
        self.outcome.searches += 1;
        self.outcome.found += found.patches.len();
        let patches = native::locate(found.patches, &self.layout, &self.context).await?;
        let new = native::new_groups(&patches, &self.layout)?;
        if !new.is_empty() {
            let mut layout = Layout::clone(&self.layout);
            layout.groups.extend(new.iter().cloned());
            self.layout = Arc::new(layout);
            self.batch.groups.extend(new);
        }
        if self.options.refresh {
            let vanished = self.vanished(&found.region, &patches).await?;
            self.batch.vanished.extend(vanished);
        }
        self.batch.searches.push(found.record);
        self.batch.patches.extend(patches.iter().cloned());
        Ok(patches)
    }

    /// Whether every step of the axis is loaded in every unit asked for: then no patch need be looked at.
    async fn everything_loaded(&self) -> Result<bool> {
        if self.options.refresh || self.options.rewrite {
            return Ok(false);
        }
        for group in &self.layout.groups {
            let planner = self.planner(group, None)?;
            let none = BySteps::new();
            for unit in planner.time_units(&none, &|_| true).await? {
                if !planner.tasks(&unit, &none).await?.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// How many units of the wanted variables the request touches, on the time axis as it is now.
    async fn touched(&self) -> Result<usize> {
        let mut touched = 0;
        for group in &self.layout.groups {
            let planner = self.planner(group, None)?;
            let times = planner.time_units(&BySteps::new(), &|_| true).await?.len();
            touched += times * planner.runs.len() as usize * self.wanted.bands.len();
        }
        Ok(touched)
    }

    /// Patches that the cube knows in a region and that a new search does not find there any more.
    async fn vanished(&self, region: &Region, found: &[Arc<PatchIndex>]) -> Result<Vec<PatchId>> {
        let ids: std::collections::HashSet<_> = found.iter().map(|p| &p.id).collect();
        let known = planner::stored(&self.snapshot, &self.layout, &[*region]).await?;
        Ok(known.iter().filter(|p| !ids.contains(&p.id)).map(|p| p.id.clone()).collect())
    }

    fn planner<'a>(&'a self, group: &'a cube_core::GroupLayout, region: Option<Region>) -> Result<Planner<'a>> {
        let mut runs = native::runs(&self.request.roi, group, &self.layout)?;
        if let Some(region) = region.filter(|_| !self.layout.spec.grid.is_native()) {
            runs = runs.intersection(&ChunkSet::from_window(region.cells));
        }
        Ok(Planner {
            layout: &self.layout,
            snapshot: &self.snapshot,
            group,
            wanted: &self.wanted,
            runs,
            refresh: self.options.refresh,
            rewrite: self.options.rewrite,
            task_bytes: self.context.limits.task_bytes,
        })
    }

    /// Plans and runs the part of the request that lies in a region (all of it without one).
    async fn fill(&mut self, patches: &[Arc<PatchIndex>], region: Option<Region>) -> Result<()> {
        let layout = Arc::clone(&self.layout);
        planner::check_order(&layout, patches, &self.context);
        let period = region.map_or(Period::ALWAYS, |r| r.period);
        let within = |step: TimeValue| layout.time.step == TimeStep::None || layout.time.period_of(step).intersection(&period).is_some();
        for group in &layout.groups {
            let (units, by_steps) = {
                let planner = self.planner(group, region)?;
                if planner.runs.is_empty() {
                    continue;
                }
                let by_steps = planner.by_steps(patches)?;
                (planner.time_units(&by_steps, &within).await?, by_steps)
            };
            if layout.time.grows() {
                let known: std::collections::HashSet<_> = self.batch.steps.iter().cloned().collect();
                let new = units.iter().filter(|u| u.index.is_none()).map(|u| (group.name.clone(), u.steps[0]));
                self.batch.steps.extend(new.filter(|s| !known.contains(s)).collect::<Vec<_>>());
            }
            let mut running = JoinSet::new();
            for unit in &units {
                let tasks = self.planner(group, region)?.tasks(unit, &by_steps).await?;
                self.context.progress.on(Event::Planned { units: tasks.iter().map(units_of).sum() });
                for task in tasks {
                    while running.len() >= self.context.limits.workers.max(1) {
                        self.collect(&mut running).await?;
                    }
                    if self.context.cancel.is_cancelled() {
                        self.outcome.interrupted = true;
                        break;
                    }
                    self.start(task, &mut running).await?;
                }
            }
            while !running.is_empty() {
                self.collect(&mut running).await?;
            }
        }
        // Until here the snapshot stayed as it was, so that places on the time axis kept their meaning.
        self.commit().await?;
        self.snapshot = self.cube.snapshot().await?;
        Ok(())
    }

    async fn start(&mut self, task: Task, running: &mut JoinSet<(Task, Result<TaskOutput>)>) -> Result<()> {
        let writer = match &self.writer {
            Some(w) => Arc::clone(w),
            None => Arc::clone(self.writer.insert(Arc::new(self.cube.writer().await?))),
        };
        let (layout, context, skip) = (Arc::clone(&self.layout), Arc::clone(&self.context), self.options.skip_failed);
        running.spawn(async move {
            let result = run_task(&task, &layout, &context, &writer, skip).await;
            (task, result)
        });
        Ok(())
    }

    async fn collect(&mut self, running: &mut JoinSet<(Task, Result<TaskOutput>)>) -> Result<()> {
        let Some(joined) = running.join_next().await else { return Ok(()) };
        let (task, result) = joined.map_err(|e| Error::Internal(format!("a task stopped: {e}")))?;
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                // What is already encoded is kept: the commit below is tried before the run gives up.
                running.shutdown().await;
                let _ = self.commit().await;
                return Err(error);
            }
        };
        let count = |state| output.receipts.iter().filter(|r| r.state == state).count();
        self.outcome.partial += count(cube_store::State::Partial);
        self.outcome.empty += count(cube_store::State::Empty);
        self.outcome.bytes_written += output.receipts.iter().map(|r| r.payload.len()).sum::<u64>();
        self.read.extend(task.patches.iter().map(|p| xxhash_rust::xxh3::xxh3_64(p.id.as_str().as_bytes())));
        self.outcome.failed += units_of(&task) - output.receipts.len();
        for (patch, error) in output.failures {
            self.failures.entry(patch).or_insert(error);
        }
        output.receipts.iter().for_each(|_| self.context.progress.on(Event::UnitDone));
        self.batch.receipts.extend(output.receipts);
        let since = *self.batch_since.get_or_insert_with(tokio::time::Instant::now);
        let bytes = if self.cube.kind() == Kind::Zarr { self.batch.receipts.iter().map(|r| r.payload.len()).sum() } else { 0 };
        if self.batch.receipts.len() >= COMMIT_RECEIPTS || bytes >= self.context.limits.commit_bytes as u64 || since.elapsed() >= COMMIT_EVERY {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        self.batch_since = None;
        if self.batch == Batch::default() {
            return Ok(());
        }
        let units = self.batch.receipts.len();
        self.batch.rewrite = self.options.rewrite;
        self.batch.message = format!("load {units} units, {} patches", self.batch.patches.len());
        self.cube.commit(&self.batch).await?;
        self.batch = Batch::default();
        self.outcome.written += units;
        self.context.progress.on(Event::Committed { units });
        Ok(())
    }

    async fn finish(mut self) -> Result<Outcome> {
        self.commit().await?;
        self.outcome.interrupted |= self.context.cancel.is_cancelled();
        self.outcome.patches_read = self.read.len();
        if !self.outcome.interrupted {
            self.outcome.already_there = self.touched().await?.saturating_sub(self.outcome.written + self.outcome.failed);
        }
        self.outcome.failures = self.failures.into_iter().map(|(patch, error)| Failure { patch, error }).collect();
        Ok(self.outcome)
    }
}

/// Units of one variable each that a task writes.
fn units_of(task: &Task) -> usize {
    task.units.iter().map(|u| u.bands.iter().filter(|b| **b).count()).sum()
}
