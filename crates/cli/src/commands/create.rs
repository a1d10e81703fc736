use std::{fmt, path::PathBuf};

use clap::Args;
use eocube::{Environment, Layout, ResolveOptions, Result};
use serde::Serialize;

use crate::{access::ReadingFlags, exit::Exit, printer::Printer, units};

const EXAMPLES: &str = "\
Examples:
  # Icechunk: transactions, history, many writers
  cube create alps --spec alps.toml
  # Plain Zarr v3: files that any reader opens
  cube create alps.zarr --spec alps.toml
  # On object storage
  cube create s3://bucket/alps --spec alps.toml

What the spec leaves open (type, nodata, scale) is read from the header of one image.
`cube load` with --spec creates the cube too.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Path or URL; a name that ends in .zarr is plain Zarr, any other Icechunk.
    cube: String,
    /// The spec, in TOML or YAML.
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Allow more than a million chunks per variable.
    #[arg(long)]
    huge: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingFlags,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let spec = eocube::read_spec(&arguments.spec)?;
    let options = ResolveOptions { huge: arguments.huge, ..ResolveOptions::default() };
    let cube = environment.create_cube(&arguments.cube, &spec, &options).await?;
    let snapshot = cube.snapshot().await.map_err(eocube::Error::from)?;
    printer.summary(&Created::new(&arguments.cube, snapshot.layout()));
    Ok(Exit::Done)
}

/// What was made.
#[derive(Debug, Serialize)]
pub(crate) struct Created {
    cube: String,
    crs: String,
    shape: Option<[usize; 2]>,
    bands: Vec<String>,
    chunks_per_band: Option<usize>,
}

impl Created {
    pub(crate) fn new(cube: &str, layout: &Layout) -> Self {
        let group = layout.groups.first();
        Self {
            cube: cube.to_owned(),
            crs: group.map_or_else(|| "native".to_owned(), |g| g.grid.crs().to_string()),
            shape: group.map(|g| g.grid.shape().into()),
            bands: layout.bands.iter().map(|b| b.name.clone()).collect(),
            chunks_per_band: group.map(|g| layout.unit_grid(g).chunks().len()),
        }
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "created {}: {} on ", self.cube, self.bands.join(", "))?;
        match (self.shape, self.chunks_per_band) {
            (Some([rows, cols]), Some(chunks)) => {
                write!(f, "{rows} × {cols} pixels of {}, {} per band and step", units::crs(&self.crs), units::several(chunks as u64, "chunk"))
            }
            _ => f.write_str("the native pixels of each source CRS"),
        }
    }
}
