use std::{fmt, path::PathBuf};

use clap::Args;
use eocube::{Environment, Error, PreviewOptions, Result, Toi};
use serde::Serialize;

use crate::{exit::Exit, picture, printer::Printer};

const EXAMPLES: &str = "\
Examples:
  # The last step, in red, green and blue if there are
  cube preview alps --out view.png
  cube preview alps --out view.png --time 2024-06-18 --bands nir,red,green
  # One band, in grey
  cube preview alps --out red.png --bands red

Colours are stretched between the 2nd and 98th percentile of what is shown; nodata is transparent.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL of the cube.
    cube: String,
    /// The picture, a PNG.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A time; the step that it belongs to is shown [default: the last that is loaded].
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// One band, or three for red, green and blue.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    bands: Vec<String>,
    /// Group of a cube with several CRSs, such as EPSG_32632.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Most pixels along a side.
    #[arg(long, value_name = "PIXELS", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=8192))]
    size: u32,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let time = arguments.time.as_deref().map(instant).transpose()?;
    let cube = environment.open_cube(&arguments.cube).await?;
    let snapshot = cube.snapshot().await?;
    let options = PreviewOptions { time, bands: arguments.bands.clone(), group: arguments.group.clone(), largest: arguments.size as usize };
    let shown = eocube::preview(&snapshot, &options).await?;
    picture::write(&arguments.out, shown.rows, shown.cols, &shown.rgba)?;
    printer.summary(&Answer {
        out: arguments.out.display().to_string(),
        shape: [shown.rows, shown.cols],
        bands: shown.bands,
        time: shown.time.map(|t| t.to_string()),
        group: shown.group,
        stride: shown.stride,
    });
    Ok(Exit::Done)
}

/// The first instant of a time as people write it.
pub(crate) fn instant(text: &str) -> Result<eocube::TimeValue> {
    let toi = Toi::parse(text).map_err(|e| Error::option("--time", e))?;
    toi.periods()
        .first()
        .and_then(|p| p.start)
        .ok_or_else(|| Error::refused(format!("`{text}` has no beginning"), "give a time such as `2024-06-18`"))
}

/// What was made. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    out: String,
    shape: [usize; 2],
    bands: Vec<String>,
    time: Option<String>,
    group: String,
    stride: usize,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, cols] = self.shape;
        write!(f, "wrote {}: {rows} × {cols} pixels, {}", self.out, self.bands.join(", "))?;
        if let Some(time) = &self.time {
            write!(f, ", {time}")?;
        }
        if self.stride > 1 { write!(f, ", every {}. pixel", self.stride) } else { Ok(()) }
    }
}
