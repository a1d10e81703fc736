use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};

use crate::commands::{
    auth, collections, completions, convert, create, describe, gc, index, inspect, load, patches, plan, preview, search, status, validate, virtualize,
};

const EXAMPLES: &str = "\
Examples:
  # Create a cube and fill one region of it
  cube load alps --spec alps.toml --roi 10.9,46.6,11.4,46.9 --toi 2024-06
  # Fill more of it; what is there is not fetched again
  cube load alps --roi valley.geojson --toi 2024-06/2024-08
  # What it holds, and a picture of it
  cube status alps
  cube preview alps --out view.png
  # Granules as one array of references
  cube virtualize 'granules/*.nc' --out sst --concat-dim time

`cube COMMAND --help` has examples of each command.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done.";

/// Fills cubes of Earth-observation data on demand: region and time in, Zarr for xarray out.
#[derive(Debug, Parser)]
#[command(name = "cube", version, after_help = EXAMPLES, max_term_width = 120, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Global {
    /// Print facts as JSON on stdout.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but errors and what was asked for.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say on stderr what happens: -v in outline, -vv in detail.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Whether to write in colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Filter of the log, as `tracing` writes it.
    #[arg(long, global = true, hide = true, env = "CUBE_LOG", hide_env = true)]
    pub(crate) log: Option<String>,
    /// No colour, as the convention <https://no-color.org> has it.
    #[arg(long, global = true, hide = true, env = "NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // On a terminal.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an empty cube from a spec.
    Create(create::Arguments),
    /// Fill what a region and time lack.
    Load(load::Arguments),
    /// Say what a load would read and write, without doing it.
    Plan(plan::Arguments),
    /// Show what a cube holds.
    Status(status::Arguments),
    /// List the source patches of a place.
    Patches(patches::Arguments),
    /// Make a picture of what is loaded.
    Preview(preview::Arguments),
    /// Expire history and remove what nothing refers to.
    Gc(gc::Arguments),
    /// Store a search, or make a catalogue of folders of rasters.
    Index(index::Arguments),
    /// Write references to granules as one array: nothing is copied.
    Virtualize(Box<virtualize::Arguments>),
    /// Show what is in one granule, and what of it can be virtual.
    Inspect(inspect::Arguments),
    /// Find granules in NASA's CMR, or items in any STAC.
    Search(Box<search::Arguments>),
    /// Find collections in NASA's CMR, or in any STAC.
    Collections(Box<collections::Arguments>),
    /// Say what a collection is, and what files it has.
    Describe(describe::Arguments),
    /// Name everything that is wrong with a query.
    Validate(validate::Arguments),
    /// Turn records of CMR into STAC, or back.
    Convert(convert::Arguments),
    /// Log in to NASA's Earthdata, and what that gives.
    Auth(auth::Arguments),
    /// Print a script that completes commands and options in your shell.
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
