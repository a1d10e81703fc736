mod map;

use std::{fmt, path::PathBuf};

use clap::Args;
use eocube::{BandStatus, Check, Environment, Error, Extent, GroupStatus, Result, Status, TimeStep};
use serde::Serialize;

use super::preview::instant;
use crate::{
    exit::Exit,
    printer::Printer,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  cube status alps
  # Also which chunks are loaded, empty and partial, step by step
  cube status alps --json
  # Decode every chunk and compare with the ledger
  cube status alps --check
  # A picture of the chunks
  cube status alps --map state.png --time 2024-06-18";

/// What mends a cube.
const REPAIR: &str = "chunks: `cube load CUBE --roi … --toi … --rewrite` over their places fills them again. Files: put them back from a copy";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    /// Verify that every chunk marked loaded is stored and decodes, that no other is stored, and that all versions can be read; exit code 1 if not.
    #[arg(long)]
    check: bool,
    /// Draw the states of the chunks as a PNG.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// In the map, the step that this time belongs to [default: all steps].
    #[arg(long, value_name = "TIME", requires = "map")]
    time: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let time = arguments.time.as_deref().map(instant).transpose()?;
    let cube = environment.open_cube(&arguments.cube).await?;
    // What is damaged is named first: it may be what the facts below fail for.
    let check = if arguments.check { Some(eocube::check(&cube).await?) } else { None };
    let problems = check.as_ref().map(|c| c.problems.as_slice()).unwrap_or_default();
    let status = eocube::status(&cube).await.map_err(|error| damaged(error, &arguments.cube, problems))?;
    if let Some(path) = &arguments.map {
        let layout = cube.snapshot().await?.layout().clone();
        map::draw(&status, time.map(|t| layout.time.step_of(t)), path)?;
    }
    let is_damaged = !problems.is_empty();
    let map = arguments.map.as_ref().map(|p| p.display().to_string());
    printer.answer(&Answer { status, check, map });
    if !is_damaged {
        return Ok(Exit::Done);
    }
    printer.line(format_args!("\n{} {REPAIR}", printer.paint.cyan("hint:")));
    Ok(Exit::Failed)
}

/// What is wrong with a cube of which not even the facts can be told.
fn damaged(error: Error, cube: &str, problems: &[String]) -> Error {
    if problems.is_empty() {
        return error;
    }
    let listed: String = problems.iter().map(|p| format!("\n  - {p}")).collect();
    Error::Damaged { message: format!("the cube `{cube}` is damaged:{listed}"), hint: REPAIR.to_owned() }
}

/// What a cube holds. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.status;
        let store = if s.store == "zarr" { "plain Zarr" } else { "Icechunk" };
        writeln!(f, "{}  ({store})", s.cube)?;
        if let Some(title) = &s.title {
            writeln!(f, "  {title}")?;
        }
        writeln!(f, "  source   {}", s.source)?;
        writeln!(
            f,
            "  chunks   {} × {} pixels{}",
            s.chunk[0],
            s.chunk[1],
            if s.unit == s.chunk { String::new() } else { format!(", in shards of {} × {}", s.unit[0], s.unit[1]) }
        )?;
        if s.groups.is_empty() {
            writeln!(f, "  grid     the source's own; nothing has been loaded yet")?;
        }
        for group in &s.groups {
            group_lines(group, s.step, f)?;
        }
        writeln!(f, "  known    {}, {}", several(s.patches as u64, "patch"), several(s.searches as u64, "search"))?;
        let size = &s.size;
        write!(
            f,
            "  size     {}: pixels {}, ledger {}, patches {}, other {}",
            units::bytes(size.total),
            units::bytes(size.data),
            units::bytes(size.ledger),
            units::bytes(size.patches),
            units::bytes(size.other)
        )?;
        for (i, version) in s.history.iter().take(5).enumerate() {
            let head = if i == 0 { "history" } else { "" };
            write!(f, "\n  {head:8} {}  {}", version.time.format("%Y-%m-%d %H:%M:%S"), version.message)?;
        }
        if let Some(map) = &self.map {
            write!(f, "\n  map      {map}")?;
        }
        if let Some(check) = &self.check {
            check_lines(check, f)?;
        }
        Ok(())
    }
}

fn group_lines(group: &GroupStatus, step: TimeStep, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [rows, cols] = group.shape;
    let [rx, ry] = group.resolution;
    let resolution = if rx == ry { rx.to_string() } else { format!("{rx} × {ry}") };
    let name = if group.name.is_empty() { String::new() } else { format!("{}: ", group.name) };
    let crs = units::crs(&group.crs);
    writeln!(f, "  grid     {name}{crs}, {rows} × {cols} pixels of {resolution}, extent [{}]", Extent::from(group.extent))?;
    match (step, &group.steps[..]) {
        (TimeStep::None, _) => writeln!(f, "  time     none")?,
        (_, []) => writeln!(f, "  time     {step}, no steps yet")?,
        (_, [one]) => writeln!(f, "  time     {step}, 1 step: {one}")?,
        (_, [first, .., last]) => writeln!(f, "  time     {step}, {} from {first} to {last}", several(group.steps.len() as u64, "step"))?,
    }
    let width = group.bands.iter().map(|b| b.name.chars().count()).max().unwrap_or(0);
    group.bands.iter().try_for_each(|band| band_line(band, width, f))
}

fn band_line(band: &BandStatus, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let done = band.loaded + band.empty;
    let nodata = band.nodata.map_or_else(|| "no nodata".to_owned(), |n| format!("nodata {n}"));
    write!(
        f,
        "  band     {:width$}  {} loaded ({} of {})",
        band.name,
        units::percent(done, band.units),
        units::count(done),
        several(band.units, "chunk")
    )?;
    if band.empty > 0 {
        write!(f, ", {} of them empty", units::count(band.empty))?;
    }
    if band.partial > 0 {
        write!(f, ", {} partial", units::count(band.partial))?;
    }
    writeln!(f, "; {}, {nodata}", band.dtype)
}

fn check_lines(check: &Check, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let looked = format!("{} of the ledger compared, {} decoded", several(check.units, "cell"), several(check.decoded, "chunk"));
    if check.problems.is_empty() {
        return write!(f, "\n  check    {looked}: all well");
    }
    write!(f, "\n  check    {looked}: {}", several(check.problems.len() as u64, "problem"))?;
    check.problems.iter().try_for_each(|p| write!(f, "\n    {p}"))
}
