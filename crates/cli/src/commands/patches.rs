use std::{collections::BTreeMap, fmt};

use clap::Args;
use eocube::{Crs, Cube, Environment, Error, Explanation, Layout, Request, Result, Roi, TimeStep, Toi};
use serde::Serialize;

use super::preview::instant;
use crate::{exit::Exit, printer::Printer, units::several};

const EXAMPLES: &str = "\
Examples:
  # Every patch of a step
  cube patches alps --time 2024-06-18
  # Those that made one place
  cube patches alps --time 2024-06-18 --point 11.0,46.7
  cube patches alps --point 645000,5175000 --point-crs EPSG:32632 --json

Answered from the cube alone. A chunk is explained when the patches that the cube lists are those
that its pixels were made from.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    /// A time; the step that it belongs to [default: all].
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// A place: `x,y` [default: everywhere].
    #[arg(long, value_name = "X,Y", allow_hyphen_values = true)]
    point: Option<String>,
    /// CRS of the point [default: longitude and latitude].
    #[arg(long, value_name = "CRS", requires = "point")]
    point_crs: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let point = arguments.point.as_deref().map(|p| point(p, arguments.point_crs.as_deref())).transpose()?;
    let time = arguments.time.as_deref().map(instant).transpose()?;
    let cube = environment.open_cube(&arguments.cube).await?;
    let layout = cube.snapshot().await?.layout().clone();
    let toi = match time {
        Some(t) if layout.time.step != TimeStep::None => Toi::from_periods([layout.time.period_of(layout.time.step_of(t))]),
        _ => Toi::always(),
    };
    let mut explanations = Vec::new();
    for roi in regions(point, &layout)? {
        explanations.extend(explain(&cube, roi, &toi).await?);
    }
    printer.answer(&Answer::new(&arguments.cube, &explanations));
    Ok(Exit::Done)
}

/// The point, or the whole of the cube: its one grid, or its extent in longitude and latitude.
fn regions(point: Option<Roi>, layout: &Layout) -> Result<Vec<Roi>> {
    if let Some(roi) = point {
        return Ok(vec![roi]);
    }
    if layout.spec.grid.is_native() {
        let world = eocube::Extent::new(-180.0, -90.0, 180.0, 90.0);
        return Ok(vec![Roi::from_extent(layout.spec.grid.extent.unwrap_or(world), Crs::parse("EPSG:4326")?)?]);
    }
    layout.groups.iter().map(|g| Ok(Roi::from_geobox(&g.grid)?)).collect()
}

async fn explain(cube: &Cube, roi: Roi, toi: &Toi) -> Result<Vec<Explanation>> {
    Ok(eocube::explain(cube, &Request { roi, toi: toi.clone(), bands: Vec::new() }).await?)
}

fn point(text: &str, crs: Option<&str>) -> Result<Roi> {
    let crs = crs.map(Crs::parse).transpose()?;
    let numbers: Vec<f64> = text.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let [x, y] = numbers[..] else {
        return Err(Error::refused(format!("`{text}` is not a point"), "give two numbers, `x,y`: longitude first, then latitude"));
    };
    Roi::parse(&format!("POINT ({x} {y})"), crs).map_err(|e| Error::option("--point", e))
}

/// Which patches made a place. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    cube: String,
    patches: Vec<PatchLine>,
    /// Loaded chunks (of one band each) in the place.
    chunks: usize,
    /// Of these, made from just the patches that the cube lists.
    explained: usize,
}

#[derive(Debug, Serialize)]
struct PatchLine {
    id: String,
    time: Option<String>,
    version: String,
    /// Steps whose chunks it touches.
    steps: Vec<String>,
    /// Chunks (of all bands) that it touches.
    chunks: usize,
    /// Where its bands lie.
    hrefs: BTreeMap<String, String>,
}

impl Answer {
    fn new(cube: &str, explanations: &[Explanation]) -> Self {
        let mut patches: BTreeMap<(Option<i64>, String), PatchLine> = BTreeMap::new();
        for e in explanations {
            for patch in &e.patches {
                let line = patches.entry((patch.time.map(|t| t.0), patch.id.to_string())).or_insert_with(|| PatchLine {
                    id: patch.id.to_string(),
                    time: patch.time.map(|t| t.to_string()),
                    version: patch.version.clone(),
                    steps: Vec::new(),
                    chunks: 0,
                    hrefs: patch.assets.iter().map(|(name, a)| (name.clone(), a.href.clone())).collect(),
                });
                line.chunks += 1;
                line.steps.extend(e.step.map(|s| s.to_string()).filter(|s| !line.steps.contains(s)));
            }
        }
        let bands = || explanations.iter().flat_map(|e| &e.bands);
        Self {
            cube: cube.to_owned(),
            patches: patches.into_values().collect(),
            chunks: bands().count(),
            explained: bands().filter(|b| b.explained).count(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.chunks == 0 {
            return f.write_str("nothing is loaded there");
        }
        let width = self.patches.iter().map(|p| p.id.chars().count()).max().unwrap_or(0);
        for p in &self.patches {
            let time = p.time.as_deref().unwrap_or("no time");
            writeln!(f, "{:width$}  {time}  {}", p.id, several(p.chunks as u64, "place"))?;
        }
        if self.patches.is_empty() {
            writeln!(f, "no patch: the source has nothing there")?;
        }
        match self.chunks - self.explained {
            0 => write!(f, "{} explained by these patches", several(self.chunks as u64, "chunk")),
            n => write!(
                f,
                "{} of {} made from other patches or versions: `cube load --refresh` would write them again",
                n,
                several(self.chunks as u64, "chunk")
            ),
        }
    }
}
