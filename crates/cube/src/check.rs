//! Whether a cube is what its ledger says.

use std::collections::BTreeSet;

use cube_core::{BandLayout, ChunkIndex, GroupLayout, TimeValue, Window};
use cube_store::{Cube, Snapshot, State};
use futures::StreamExt;
use serde::Serialize;

use crate::{Result, survey};

/// Units decoded at once.
const PARALLEL: usize = 8;

/// What a check found. A unit that is marked loaded must be stored and decode; one that is marked empty or not loaded must not be stored.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Check {
    /// Cells of the ledger looked at.
    pub units: u64,
    /// Of these, units that were decoded.
    pub decoded: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

/// Compares every cell of the ledger with what is stored, and decodes every unit that is. What cannot be read is a problem, not the end of the check.
///
/// # Errors
/// A cube that cannot be opened.
pub async fn check(cube: &Cube) -> Result<Check> {
    let snapshot = cube.snapshot().await?;
    let mut found = Check::default();
    let damaged = cube.damaged_files().await?;
    found.problems.extend(damaged.iter().map(|(file, cause)| format!("file {file}: {cause}")));
    for group in &snapshot.layout().groups {
        let times = match survey::time_units(&snapshot, group).await {
            Ok(times) => times,
            Err(e) => {
                found.problems.push(format!("time axis{}: {e}", of_group(group)));
                continue;
            }
        };
        for band in &snapshot.layout().bands {
            if let Err(e) = check_band(cube, &snapshot, group, band, &times, &mut found).await {
                found.problems.push(format!("{}: {e}", name(group, band, None)));
            }
        }
    }
    Ok(found)
}

type TimeUnit = (usize, Option<TimeValue>);

async fn check_band(cube: &Cube, snapshot: &Snapshot, group: &GroupLayout, band: &BandLayout, times: &[TimeUnit], found: &mut Check) -> Result<()> {
    let stored = cube.stored(&group.name, &band.name).await?;
    for time in times {
        check_time_unit(cube, snapshot, group, band, *time, &stored, found).await?;
    }
    let beyond = stored.iter().filter(|(time, _)| *time >= times.len()).count();
    if beyond > 0 {
        found.problems.push(format!("{}: {beyond} chunks are stored beyond the end of the time axis", name(group, band, None)));
    }
    Ok(())
}

async fn check_time_unit(
    cube: &Cube,
    snapshot: &Snapshot,
    group: &GroupLayout,
    band: &BandLayout,
    (index, step): TimeUnit,
    stored: &BTreeSet<(usize, ChunkIndex)>,
    found: &mut Check,
) -> Result<()> {
    let units = snapshot.layout().unit_grid(group);
    let whole = Window::whole(units.chunks());
    let ledger = snapshot.ledger(&group.name, &band.name, index, whole).await?;
    let place = |at: ChunkIndex| format!("{}, chunk {},{}", name(group, band, step), at.row, at.col);
    let mut readable = Vec::new();
    for (at, state) in units.iter(whole).zip(ledger.state.iter().copied()) {
        found.units += 1;
        match (state, stored.contains(&(index, at))) {
            (State::Loaded | State::Partial, true) => readable.push(at),
            // Without a nodata value a unit of nothing but valid fill is not stored either.
            (State::Loaded, false) if band.nodata.is_some() => found.problems.push(format!("{}: marked loaded, and not stored", place(at))),
            (State::Empty, true) => found.problems.push(format!("{}: marked empty, and stored", place(at))),
            (State::NotLoaded, true) => found.problems.push(format!("{}: not marked loaded, and stored", place(at))),
            _ => {}
        }
    }
    found.decoded += readable.len() as u64;
    let reads = readable.into_iter().map(|at| async move { (at, snapshot.read(&group.name, &band.name, step, units.window(at)).await.err()) });
    let mut reads = futures::stream::iter(reads).buffered(PARALLEL);
    while let Some((at, error)) = reads.next().await {
        if let Some(error) = error {
            let file = cube.file_of(&group.name, &band.name, index, at).await.ok().flatten();
            let file = file.map_or_else(String::new, |file| format!(" (file {file})"));
            found.problems.push(format!("{}{file}: marked loaded, and cannot be decoded: {error}", place(at)));
        }
    }
    Ok(())
}

fn of_group(group: &GroupLayout) -> String {
    if group.name.is_empty() { String::new() } else { format!(" of {}", group.name) }
}

fn name(group: &GroupLayout, band: &BandLayout, step: Option<TimeValue>) -> String {
    let group = if group.name.is_empty() { String::new() } else { format!("{}/", group.name) };
    let time = step.map_or_else(String::new, |t| format!(" at {t}"));
    format!("{group}{}{time}", band.name)
}
