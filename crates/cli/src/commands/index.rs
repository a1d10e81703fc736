use std::{fmt, path::PathBuf};

use clap::Args;
use eocube::{Environment, Error, Indexed, Result, Toi};
use serde::Serialize;

use super::preview::instant;
use crate::{
    exit::Exit,
    printer::Printer,
    request::region,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  # A catalogue of a folder of rasters
  cube index scenes/ --out scenes/index.parquet
  # With a time for files that tell none
  cube index a/ b/ --out items.json --datetime 2024-06-01
  # A stored search
  cube index --spec alps.toml --roi 10,46,12,47.5 --toi 2020/2024 --out alps.parquet

The index is a source like any other: give it as `url` in [source].
Exit code 3: some files could not be read and are left out.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folders of rasters (also single files).
    #[arg(value_name = "DIR", required_unless_present = "spec", conflicts_with = "spec")]
    folders: Vec<PathBuf>,
    /// Store what the source of this spec has.
    #[arg(long, value_name = "FILE", requires = "roi")]
    spec: Option<PathBuf>,
    /// Region of the search, as for `cube load`.
    #[arg(long, value_name = "ROI", allow_hyphen_values = true, requires = "spec")]
    roi: Option<String>,
    /// CRS of the region's coordinates [default: longitude and latitude, or what a file says].
    #[arg(long, value_name = "CRS", requires = "roi")]
    roi_crs: Option<String>,
    /// Time of the search, as for `cube load` [default: all].
    #[arg(long, value_name = "TOI", allow_hyphen_values = true, requires = "spec")]
    toi: Option<String>,
    /// The index: NAME.parquet (stac-geoparquet, packed by place), NAME.json (an item collection) or NAME.ndjson.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Time of files that tell none, as little as their name and that of their folder.
    #[arg(long, value_name = "TIME", conflicts_with = "spec")]
    datetime: Option<String>,
    /// Collection that the items of folders belong to.
    #[arg(long, value_name = "NAME", default_value = "rasters", conflicts_with = "spec")]
    collection: String,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let indexed = match (&arguments.spec, &arguments.roi) {
        (Some(spec), Some(roi)) => {
            let spec = eocube::read_spec(spec)?;
            let toi = arguments.toi.as_deref().map_or(Ok(Toi::always()), Toi::parse).map_err(|e| Error::option("--toi", e))?;
            let roi = region(roi, arguments.roi_crs.as_deref(), environment).await?;
            eocube::index_search(&spec, &roi, &toi, &arguments.out, environment).await?
        }
        _ => {
            let time = arguments.datetime.as_deref().map(instant).transpose()?;
            let options = eocube::FolderOptions { collection: arguments.collection.clone(), time };
            eocube::index_folders(&arguments.folders, &options, &arguments.out, environment).await?
        }
    };
    for skipped in &indexed.skipped {
        printer.warn(format_args!("`{}` is left out: {}", skipped.path, skipped.reason));
    }
    if !indexed.without_time.is_empty() {
        printer.warn(Timeless(&indexed.without_time));
        printer
            .line(format_args!("{} `--datetime` gives them a time; a cube without a time axis takes them as they are", printer.paint.cyan("hint:")));
    }
    let exit = if indexed.skipped.is_empty() { Exit::Done } else { Exit::Partly };
    printer.summary(&Answer(indexed));
    Ok(exit)
}

/// Items without a time, of which a few are named.
struct Timeless<'a>(&'a [String]);

impl fmt::Display for Timeless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FEW: usize = 3;
        let some = self.0.iter().take(FEW).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let more = if self.0.len() > FEW { ", …" } else { "" };
        let has = if self.0.len() == 1 { "has" } else { "have" };
        write!(f, "{} {has} no time, and no `--toi` finds them: {some}{more}", several(self.0.len() as u64, "item"))
    }
}

/// What was stored. The keys are stable.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Answer(Indexed);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = match self.0.skipped.len() {
            0 => String::new(),
            n => format!("; {} left out", several(n as u64, "file")),
        };
        write!(f, "wrote {}: {}, {}{left_out}", self.0.path, several(self.0.items as u64, "item"), units::bytes(self.0.bytes))
    }
}
