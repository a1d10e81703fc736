use std::{fmt, sync::Arc};

use clap::Args;
use eocube::{Cancel, Environment, Layout, Outline, Planned, Quiet, Request, Result, TimeStep};
use serde::Serialize;

use crate::{
    access::ReadingFlags,
    exit::Exit,
    printer::Printer,
    request::{self, Asked, Workers},
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  cube plan alps --roi 10.9,46.6,11.1,46.75 --toi 2024-06
  # With every task and patch
  cube plan alps --roi valley.geojson --toi 2024 --json > plan.json

Writes nothing. Asks the catalogue for what no earlier search covers, and reads the headers of images
that do not say where they lie.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    #[command(flatten)]
    asked: Asked,
    /// Variables, with commas [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    bands: Vec<String>,
    /// Plan as for `cube load --refresh`: search again, and rewrite what differs.
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    workers: Workers,
    #[command(flatten)]
    pub(crate) reading: ReadingFlags,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let place = arguments.asked.understand(environment).await?;
    let cube = environment.open_cube(&arguments.cube).await?;
    let snapshot = cube.snapshot().await?;
    let asked_time = place.toi.as_ref().map(ToString::to_string);
    let request = place.request(&arguments.bands, snapshot.layout())?;
    request::warn_of_what_lies_beyond(&request, snapshot.layout(), printer)?;
    let context = request::context(environment, snapshot.layout(), &arguments.workers, Arc::new(Quiet), &Cancel::default());
    let planned = eocube::plan(&cube, &request, arguments.refresh, &context).await?;
    let pixels = pixels_asked_for(&request, snapshot.layout())?;
    let has_time = snapshot.layout().time.step != TimeStep::None;
    printer.answer(&Answer::new(&arguments.cube, planned, pixels, asked_time.filter(|_| has_time)));
    Ok(Exit::Done)
}

/// The area of the region in pixels of the grids it touches; none for regions without an area.
fn pixels_asked_for(request: &Request, layout: &Layout) -> Result<Option<f64>> {
    let mut sum = 0.0;
    for group in &layout.groups {
        let outline = Outline::new(&request.roi, &group.grid)?;
        if !outline.has_area() {
            return Ok(None);
        }
        sum += outline.area();
    }
    Ok(Some(sum).filter(|s| *s > 0.0))
}

/// What a load would do. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    cube: String,
    #[serde(flatten)]
    planned: Planned,
    /// Pixels of the chunks that are touched, beyond the region, in percent of the region's.
    added_area_percent: Option<f64>,
    #[serde(skip)]
    asked_time: Option<String>,
}

impl Answer {
    fn new(cube: &str, planned: Planned, pixels: Option<f64>, asked_time: Option<String>) -> Self {
        let touched = planned.summary.pixels_in_units as f64;
        let added = pixels.map(|asked| ((touched / asked - 1.0) * 100.0).max(0.0));
        Self { cube: cube.to_owned(), planned, added_area_percent: added, asked_time }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.planned.summary;
        let n = |n: usize| n as u64;
        if s.units_missing == 0 {
            writeln!(f, "nothing to load: {} touched, none missing", several(n(s.units_touched), "chunk"))?;
        } else {
            writeln!(
                f,
                "to write   {} of {} touched, {} before compression",
                units::count(n(s.units_missing)),
                several(n(s.units_touched), "chunk"),
                units::bytes(n(s.bytes))
            )?;
            writeln!(f, "to read    {} in {}", several(n(s.patches), "patch"), several(n(s.files), "file"))?;
        }
        writeln!(f, "to ask     {}", if s.searches == 0 { "nobody".to_owned() } else { several(n(s.searches), "search") })?;
        if self.asked_time.is_some() && !s.steps.is_empty() {
            writeln!(f, "steps      {}", steps(&s.steps))?;
        }
        match self.added_area_percent {
            Some(percent) => writeln!(f, "area       whole chunks add {percent:.0} % to the region")?,
            None => writeln!(f, "area       whole chunks around the region, which has no area")?,
        }
        match &self.asked_time {
            Some(asked) if *asked == s.periods.join(",") => write!(f, "time       {asked}, whole steps"),
            Some(asked) => write!(f, "time       {asked}, in whole steps {}", s.periods.join(", ")),
            None => write!(f, "time       all of it"),
        }
    }
}

/// All of a few, the ends of many.
fn steps(all: &[String]) -> String {
    const MOST: usize = 8;
    match all {
        [first, .., last] if all.len() > MOST => format!("{} from {first} to {last}", all.len()),
        _ => all.join(", "),
    }
}
