use std::{
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use eocube::{Cancel, Cube, Environment, Error, LoadOptions, Outcome, Request, ResolveOptions, Result, StoreError, TileFile, TileTarget};
use serde::Serialize;

use super::create::Created;
use crate::{
    access::ReadingFlags,
    exit::Exit,
    interrupt,
    printer::Printer,
    progress::Reporter,
    request::{self, Asked, Place, Workers},
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  # Fill one region and month
  cube load alps --roi 10.9,46.6,11.1,46.75 --toi 2024-06
  # Create the cube first, if it is not there
  cube load alps --spec alps.toml --roi 10.9,46.6,11.1,46.75 --toi 2024-06
  # Some bands only
  cube load alps --roi valley.gpkg --toi 2024-06-01/2024-08-31 --bands red,nir
  # A region in another CRS
  cube load alps --roi 640000,5170000,650000,5180000 --roi-crs EPSG:32632 --toi 2024
  # And write just that array
  cube load alps --roi valley.geojson --toi 2024-06-18 --out valley.tif --clip
  # Look for new and changed images
  cube load alps --roi valley.geojson --toi 2024 --refresh

A request chooses chunks and never cuts them: `cube plan` says what that adds.
Running the same load again fetches nothing.

Exit codes: 0 done; 1 failed, or some chunks could not be filled; 2 wrong usage;
3 stopped early, or filled without the patches that were skipped.";

/// How often, and how long, a cube that another program is making is waited for.
const RACE_TRIES: usize = 20;
const RACE_WAIT: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    #[command(flatten)]
    asked: Asked,
    /// Create the cube from this spec if it is not there.
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Variables to fill, with commas [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    bands: Vec<String>,
    /// Fill chunks without the patches that cannot be read, and mark them partial.
    #[arg(long)]
    skip_failed: bool,
    /// Search again, and rewrite the chunks whose patches are new, changed or gone.
    #[arg(long)]
    refresh: bool,
    /// Fill again what is there, too: chunks that `cube status --check` found damaged.
    #[arg(long)]
    rewrite: bool,
    /// Allow a new cube more than a million chunks per variable.
    #[arg(long, requires = "spec")]
    huge: bool,
    #[command(flatten)]
    workers: Workers,
    #[command(flatten)]
    pub(crate) reading: ReadingFlags,
    /// Write the tile: just the array that was asked for, as NAME.tif or NAME.zarr.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// In the tile, make pixels nodata whose centre lies outside the region.
    #[arg(long, requires = "out")]
    clip: bool,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let started = Instant::now();
    let target = arguments.out.as_deref().map(|path| TileTarget::new(path, arguments.clip)).transpose()?;
    let place = arguments.asked.understand(environment).await?;
    let cube = open(arguments, &place, environment, printer).await?;
    let snapshot = cube.snapshot().await?;
    let request = place.request(&arguments.bands, snapshot.layout())?;
    request::warn_of_what_lies_beyond(&request, snapshot.layout(), printer)?;

    let (cancel, reporter) = (Cancel::default(), Arc::new(Reporter::new(printer)));
    let context = request::context(environment, snapshot.layout(), &arguments.workers, reporter.clone(), &cancel);
    interrupt::listen(cancel, printer.clone(), "stopping: chunks in flight are finished and committed (Ctrl-C again stops at once)");
    let options = LoadOptions { skip_failed: arguments.skip_failed, refresh: arguments.refresh, rewrite: arguments.rewrite };
    let loaded = eocube::load(&cube, &request, options, context).await;
    reporter.finish();
    cube.clone().close().await;
    let outcome = loaded?;

    let whole = outcome.failed == 0 && !outcome.interrupted;
    let tile = match &target {
        Some(target) if whole => write_tile(target, &cube, &request, environment).await,
        _ => Ok(Vec::new()),
    };
    report_failures(&outcome, printer);
    // What was loaded is told also where the tile has failed.
    let (tile, tile_error) = match tile {
        Ok(files) => (files, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let summary = Summary::new(&arguments.cube, &outcome, environment, started.elapsed(), tile);
    printer.summary(&summary);
    if let Some(error) = tile_error {
        return Err(error);
    }
    if outcome.interrupted {
        printer.line("stopped before it was done: run the same command again to go on");
    }
    if target.is_some() && !whole {
        printer.warn("the tile was not written, because the load is not complete");
    }
    Ok(exit(&outcome))
}

async fn write_tile(target: &TileTarget, cube: &Cube, request: &Request, environment: &Environment) -> Result<Vec<TileFile>> {
    target.write(&cube.snapshot().await?, request, environment).await
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        o if o.failed > 0 => Exit::Failed,
        o if o.interrupted || o.partial > 0 => Exit::Partly,
        _ => Exit::Done,
    }
}

/// The cube; with a spec it is made if it is not there, and must be of that spec if it is.
async fn open(arguments: &Arguments, place: &Place, environment: &Environment, printer: &Printer) -> Result<Cube> {
    let mut result = open_once(arguments, place, environment, printer).await;
    // Another program was faster to make it. It serves as well, if it is of this spec, and is whole in a moment.
    for _ in 0..RACE_TRIES {
        if !matches!(&result, Err(Error::Store(e)) if is_raced(e)) {
            break;
        }
        tokio::time::sleep(RACE_WAIT).await;
        result = open_once(arguments, place, environment, printer).await;
    }
    result
}

fn is_raced(error: &StoreError) -> bool {
    matches!(error, StoreError::AlreadyExists { .. } | StoreError::Unfinished { .. } | StoreError::Busy { .. })
}

async fn open_once(arguments: &Arguments, place: &Place, environment: &Environment, printer: &Printer) -> Result<Cube> {
    let spec = arguments.spec.as_ref().map(eocube::read_spec).transpose()?;
    let opened = environment.open_cube(&arguments.cube).await;
    match (opened, spec) {
        (Ok(cube), None) => Ok(cube),
        (Ok(cube), Some(spec)) => {
            let differences = eocube::differences(&cube.snapshot().await?.layout().spec, &spec);
            if differences.is_empty() {
                return Ok(cube);
            }
            let message = format!("the cube `{}` was made with another spec:\n  - {}", arguments.cube, differences.join("\n  - "));
            Err(Error::refused(message, "leave out --spec to load into the cube as it is, or give another name to make another cube"))
        }
        (Err(Error::Store(StoreError::NotFound { .. })), Some(spec)) => {
            let options = ResolveOptions { roi: Some(place.roi.clone()), toi: place.toi.clone(), huge: arguments.huge };
            let cube = environment.create_cube(&arguments.cube, &spec, &options).await?;
            let created = Created::new(&arguments.cube, cube.snapshot().await?.layout());
            printer.say(&created);
            Ok(cube)
        }
        (Err(Error::Store(StoreError::NotFound { location })), None) => Err(Error::refused(
            format!("there is no cube at `{location}`"),
            format!("create it as you load, with `--spec cube.toml`, or check the name `{}`", arguments.cube),
        )),
        (Err(error), _) => Err(error),
    }
}

/// Names every patch that could not be read, and why.
fn report_failures(outcome: &Outcome, printer: &Printer) {
    if outcome.failures.is_empty() {
        return;
    }
    for failure in &outcome.failures {
        let error = Error::from(failure.error.clone());
        let reasons = error.messages().join(": ");
        printer.line(format_args!("{} {} could not be read: {reasons}", printer.paint.red("error:"), failure.patch));
    }
    let general = if outcome.failed > 0 {
        "run the same command again to try only these chunks, or add --skip-failed to fill them without these patches"
    } else {
        "the chunks without these patches are marked partial; the next load tries again"
    };
    let mut hints: Vec<String> = outcome.failures.iter().filter_map(|f| f.error.hint()).collect();
    hints.sort();
    hints.dedup();
    hints.push(general.to_owned());
    printer.line("");
    for hint in hints {
        printer.line(format_args!("{} {hint}", printer.paint.cyan("hint:")));
    }
}

/// What a load did. The keys are stable.
#[derive(Debug, Serialize)]
struct Summary {
    cube: String,
    /// Chunks (of one band each; shards where there are shards) that were written.
    written: usize,
    /// Of these, without anything in the source.
    empty: usize,
    /// Of these, without a patch that was skipped.
    partial: usize,
    /// Chunks that failed and were not written.
    failed: usize,
    /// Chunks that were asked for and were there.
    already_there: usize,
    searches: usize,
    patches_found: usize,
    patches_read: usize,
    failures: Vec<FailureLine>,
    interrupted: bool,
    requests: u64,
    bytes_received: u64,
    bytes_written: u64,
    seconds: f64,
    tile: Vec<TileFile>,
}

#[derive(Debug, Serialize)]
struct FailureLine {
    patch: String,
    reason: String,
}

impl Summary {
    fn new(cube: &str, outcome: &Outcome, environment: &Environment, took: Duration, tile: Vec<TileFile>) -> Self {
        let stats = environment.access().stats();
        let line = |f: &eocube::Failure| FailureLine { patch: f.patch.to_string(), reason: f.error.to_string() };
        Self {
            cube: cube.to_owned(),
            written: outcome.written,
            empty: outcome.empty,
            partial: outcome.partial,
            failed: outcome.failed,
            already_there: outcome.already_there,
            searches: outcome.searches,
            patches_found: outcome.found,
            patches_read: outcome.patches_read,
            failures: outcome.failures.iter().map(line).collect(),
            interrupted: outcome.interrupted,
            requests: stats.requests,
            bytes_received: stats.bytes,
            bytes_written: outcome.bytes_written,
            seconds: took.as_secs_f64(),
            tile,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = units::duration(Duration::from_secs_f64(self.seconds));
        if self.written == 0 && self.failed == 0 && !self.interrupted {
            let there = if self.already_there > 0 {
                format!("all {} are there", several(self.already_there as u64, "chunk"))
            } else {
                "the source has nothing there".into()
            };
            let nothing = if self.tile.is_empty() { "nothing to do" } else { "nothing to fetch" };
            write!(f, "{nothing}: {there} ({took})")?;
        } else {
            write!(f, "{} written", several(self.written as u64, "chunk"))?;
            if self.empty > 0 {
                write!(f, " ({} of them empty in the source)", units::count(self.empty as u64))?;
            }
            let counted = [("already there", self.already_there), ("partial", self.partial), ("failed", self.failed)];
            for (what, n) in counted.into_iter().filter(|(_, n)| *n > 0) {
                write!(f, ", {} {what}", units::count(n as u64))?;
            }
            write!(f, "; {} read", several(self.patches_read as u64, "patch"))?;
            if self.bytes_received > 0 {
                write!(f, ", {} in {}", units::bytes(self.bytes_received), several(self.requests, "request"))?;
            }
            write!(f, ", {} stored ({took})", units::bytes(self.bytes_written))?;
        }
        for tile in &self.tile {
            let [rows, cols] = tile.shape;
            write!(f, "\nwrote {}: {rows} × {cols} pixels of {}, {}", tile.path, units::crs(&tile.crs), tile.bands.join(", "))?;
            if !tile.steps.is_empty() {
                write!(f, ", {}", tile.steps.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_what_came_of_it() {
        let outcome = |failed, partial, interrupted| Outcome { failed, partial, interrupted, written: 5, ..Outcome::default() };
        assert_eq!(exit(&outcome(0, 0, false)), Exit::Done);
        assert_eq!(exit(&outcome(1, 0, false)), Exit::Failed);
        assert_eq!(exit(&outcome(0, 2, false)), Exit::Partly);
        assert_eq!(exit(&outcome(0, 0, true)), Exit::Partly);
    }
}
