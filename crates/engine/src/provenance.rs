//! What a cube's pixels were made from, answered from the cube alone.

use std::sync::Arc;

use cube_core::{ChunkIndex, PatchIndex, TimeStep, TimeValue, Window};
use cube_store::{Cube, Snapshot, State};
use serde::Serialize;

use crate::{
    Request, Result, native,
    planner::{self, BySteps, Planner, TimeUnit, fingerprint},
    request::Wanted,
};

/// One storage unit, and what the cube's own list of patches says of it.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The group; empty for the root.
    pub group: String,
    /// First step of the unit; absent in a cube without time.
    pub step: Option<TimeValue>,
    /// Row and column of the unit.
    pub at: ChunkIndex,
    /// The patches that touch it, step by step, in mosaic order.
    pub patches: Vec<Arc<PatchIndex>>,
    /// Each variable that was loaded there.
    pub bands: Vec<BandExplanation>,
}

/// One variable of a storage unit.
#[derive(Debug, Clone, Serialize)]
pub struct BandExplanation {
    /// Name of the variable.
    pub name: String,
    /// What the ledger says of it.
    pub state: State,
    /// Whether the listed patches are what the ledger says the pixels were made from. When not, the source has changed and a refresh would
    /// write the unit again.
    pub explained: bool,
}

/// Explains every unit of a request that holds something. Asks nobody: patches, versions and fingerprints are the cube's.
pub async fn explain(cube: &Cube, request: &Request) -> Result<Vec<Explanation>> {
    let snapshot = cube.snapshot().await?;
    let layout = snapshot.layout();
    let mut wanted = Wanted::resolve(request, layout)?;
    if layout.spec.grid.is_native() {
        wanted.cells = native::cells(&request.roi, &wanted.cells, layout)?;
    }
    let patches = planner::stored(&snapshot, layout, &wanted.regions()).await?;
    let mut found = Vec::new();
    for group in &layout.groups {
        let runs = native::runs(&request.roi, group, layout)?;
        let Some(hull) = runs.bounds() else { continue };
        let planner = Planner { layout, snapshot: &snapshot, group, wanted: &wanted, runs, refresh: false, rewrite: false, task_bytes: usize::MAX };
        let by_steps = planner.by_steps(&patches)?;
        for unit in planner.time_units(&BySteps::new(), &|_| true).await? {
            explain_time_unit(&snapshot, &planner, (&unit, hull), &by_steps, &mut found).await?;
        }
    }
    Ok(found)
}

async fn explain_time_unit(
    snapshot: &Snapshot,
    planner: &Planner<'_>,
    (unit, hull): (&TimeUnit, Window),
    by_steps: &BySteps,
    found: &mut Vec<Explanation>,
) -> Result<()> {
    let Some(index) = unit.index else { return Ok(()) };
    let layout = planner.layout;
    let mut ledgers = Vec::new();
    for &band in &planner.wanted.bands {
        let name = &layout.bands[band].name;
        ledgers.push((name, snapshot.ledger(&planner.group.name, name, index, hull).await?));
    }
    let patches: Vec<_> = unit.steps.iter().map(|s| by_steps.get(s).map_or(&[][..], Vec::as_slice)).collect();
    for at in planner.runs.iter() {
        let touching: Vec<Vec<u32>> =
            patches.iter().map(|all| (0..all.len()).filter(|&i| all[i].units.contains(at)).map(|i| i as u32).collect()).collect();
        let lists: Vec<&[u32]> = touching.iter().map(Vec::as_slice).collect();
        let expected = fingerprint(&lists, &patches);
        let cells = ledgers.iter().map(|(name, ledger)| (*name, ledger.at(at)));
        let bands: Vec<BandExplanation> = cells
            .filter(|(_, (state, _))| *state != State::NotLoaded)
            .map(|(name, (state, fingerprint))| BandExplanation { name: name.clone(), state, explained: fingerprint == expected })
            .collect();
        if !bands.is_empty() {
            let of_unit = touching.iter().zip(&patches).flat_map(|(list, all)| list.iter().map(|i| Arc::clone(&all[*i as usize].patch)));
            let step = (layout.time.step != TimeStep::None).then(|| unit.steps.first().copied()).flatten();
            found.push(Explanation { group: planner.group.name.clone(), step, at, patches: of_unit.collect(), bands });
        }
    }
    Ok(())
}
