use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use eocube::{
    AddressChoice, Addresses, Cancel, CombineAttributes, CombineOptions, Compare, Coordinates, Environment, Error, GranuleOrder, Groups, Join,
    LoadVariables, OnMismatch, OutputOptions, RefusalReason, Repair, Result, Sidecars, VirtualArray, VirtualFormat, VirtualizeOptions, Virtualized,
    search::{self, Asked, Found, SearchOptions},
};
use serde::Serialize;

use super::search::report;
use crate::{
    access::{AccessFlags, Overrides, Which},
    asked::{AssetFlags, QueryFlags, ServiceFlags},
    collections::by_their_names,
    exit::Exit,
    granules::Reporter,
    interrupt,
    printer::Printer,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  # Granules of a folder, side by side along time, as an Icechunk repository
  cube virtualize 'data/*.nc' --out sst --concat-dim time
  # From their DMR++ sidecars alone, addressed in the object store
  cube virtualize @urls.txt --out sst --concat-dim time --dmrpp only \\
      --rewrite-prefix https://archive.example.org/ s3://bucket/
  # Items of a STAC search, as Kerchunk references
  cube virtualize items.json --out sst.parquet --concat-dim time
  # One group of HDF5 files; the whole tree
  cube virtualize a.h5 b.h5 --out grids --concat-dim time --group /science/grids
  cube virtualize a.h5 --out tree --tree
  # Straight from a search
  cube virtualize --cmr -c MUR-JPL-L4-GLOB-v4.1 --toi 2024-06 --roi 5,40,12,45 --out sst \\
      --concat-dim time
  # One more granule; granules that are there already are passed over
  cube virtualize 'data/*.nc' --out sst --append time

No pixel is copied: the store refers to byte ranges of the files. Granules that do not fit together
(codecs, chunks, scale_factor, units, other axes …) are refused by name, and nothing is written.
What a variable can be refused for: docs/virtual-refusals.md; `cube inspect FILE` says it before.

Exit codes: 0 done (variables that are refused are named); 1 failed, refused with --strict, or nothing
but coordinates left; 2 wrong usage; 3 written without the granules that --skip-failed left out.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Granules: files, URLs (http, https, s3), quoted patterns, @list.txt (one a line), files of STAC items.
    #[arg(value_name = "INPUT", required_unless_present_any = ["cmr", "stac"], conflicts_with_all = ["cmr", "stac"])]
    inputs: Vec<String>,
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    query: QueryFlags,
    #[command(flatten)]
    files: AssetFlags,
    /// The store: NAME.json or NAME.parquet for Kerchunk references, any other path or s3:// URL for Icechunk.
    #[arg(long, value_name = "STORE")]
    out: String,
    /// Form of the store [default: by its name].
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,

    /// Dimension to put granules side by side along: one that variables have, or a new one.
    #[arg(long, value_name = "NAME", help_heading = "Combining")]
    concat_dim: Option<String>,
    /// Append to the store along this dimension; granules that it holds are passed over.
    #[arg(long, value_name = "NAME", conflicts_with = "concat_dim", help_heading = "Combining")]
    append: Option<String>,
    /// Order along the dimension: by the values of its coordinate, where there is one, or as granules are named.
    #[arg(long, value_name = "HOW", default_value = "coordinate", help_heading = "Combining")]
    order: OrderArgument,
    /// Granules whose other axes differ: refused, or joined by the values of their coordinates.
    #[arg(long, value_name = "HOW", default_value = "exact", help_heading = "Combining")]
    join: JoinArgument,
    /// Attributes that differ between granules.
    #[arg(long, value_name = "HOW", default_value = "drop_conflicts", help_heading = "Combining")]
    combine_attrs: CombineAttrs,
    /// Whether variables that are not put side by side must be equal in all granules; as in xarray.
    #[arg(long, value_name = "HOW", default_value = "equals", help_heading = "Combining")]
    compat: Compat,
    /// Which coordinates are put side by side: those that have the dimension, those that differ too, or all; as in xarray.
    #[arg(long, value_name = "WHICH", default_value = "minimal", help_heading = "Combining")]
    coords: Coords,
    /// Granules that do not fit the first become a group of their own (part_0, part_1, …).
    #[arg(long, conflicts_with = "materialize_mismatch", help_heading = "Combining")]
    split_on_mismatch: bool,
    /// Variables that are only stored in another way (codecs, chunks, byte order) are decoded and stored as in the first granule.
    #[arg(long, help_heading = "Combining")]
    materialize_mismatch: bool,

    /// Take this group as the root of the store; several times: these groups, as they are [default: the root group].
    #[arg(long, value_name = "PATH", conflicts_with = "tree", help_heading = "Choosing")]
    group: Vec<String>,
    /// Take the whole tree of groups.
    #[arg(long, help_heading = "Choosing")]
    tree: bool,
    /// Variables to leave out, by name or full path, with commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Choosing")]
    drop: Vec<String>,
    /// Asset of STAC items that is the granule, for items with several data files.
    #[arg(long, value_name = "KEY", help_heading = "Choosing")]
    asset: Option<String>,
    /// Leave out granules that cannot be read.
    #[arg(long, help_heading = "Choosing")]
    skip_failed: bool,
    /// Fail when a variable cannot be virtual.
    #[arg(long, help_heading = "Choosing")]
    strict: bool,

    /// Variables whose values are stored rather than referred to: coords (what xarray indexes by), none, all, or names with commas.
    #[arg(long, value_name = "WHICH", default_value = "coords", help_heading = "Values")]
    load: String,
    /// Store variables of at most so many bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 0, help_heading = "Values")]
    inline_threshold: u64,
    /// Decode and store variables whose codec Zarr does not know, where it can be decoded.
    #[arg(long, help_heading = "Values")]
    materialize_unsupported: bool,

    /// Whether DMR++ sidecars are read: where they are found beside granules, only they, or never.
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Addresses")]
    dmrpp: Dmrpp,
    #[command(flatten)]
    access: AccessFlags,
    /// Refer to another prefix than the files were read from; may be repeated.
    #[arg(long, value_names = ["FROM", "TO"], num_args = 2, help_heading = "Addresses")]
    rewrite_prefix: Vec<String>,
    /// Refer relative to a prefix that readers may replace: a named container in Icechunk, a template in Kerchunk JSON.
    #[arg(long, help_heading = "Addresses")]
    relative: bool,

    /// Keep Kerchunk references of each granule in this folder, and use those that are there.
    #[arg(long, value_name = "DIR", help_heading = "Kerchunk")]
    reference_dir: Option<PathBuf>,
    /// References of a Parquet file [default: 100000].
    #[arg(long, value_name = "N", help_heading = "Kerchunk")]
    record_size: Option<usize>,
    /// Version of Zarr that references speak [default: 2; Icechunk: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3), help_heading = "Kerchunk")]
    zarr_format: Option<u8>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Icechunk,
    KerchunkJson,
    KerchunkParquet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum JoinArgument {
    Exact,
    Outer,
    Inner,
    Override,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum CombineAttrs {
    DropConflicts,
    Override,
    Identical,
    Drop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Compat {
    Equals,
    Identical,
    NoConflicts,
    Override,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Coords {
    Minimal,
    Different,
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OrderArgument {
    Coordinate,
    Given,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Dmrpp {
    Auto,
    Only,
    Never,
}

impl From<Dmrpp> for Sidecars {
    fn from(when: Dmrpp) -> Self {
        match when {
            Dmrpp::Auto => Self::Auto,
            Dmrpp::Only => Self::Only,
            Dmrpp::Never => Self::Never,
        }
    }
}

impl Arguments {
    /// What is typed of access; the provider of the search is whose keys open unknown buckets, too.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { flags: self.access.clone(), provider: self.query.provider().cloned(), ..Overrides::default() }
    }

    /// The search that names the granules; `None` when they are named themselves.
    async fn search(&self, environment: &Environment, printer: &Printer) -> Result<Option<Found>> {
        let wanted = self.files.filter()?;
        let Some(service) = self.service.named(environment) else {
            if wanted.is_some() && !self.inputs.is_empty() {
                return Err(Error::refused(
                    "--assets, --include and --exclude choose among the files that a search finds, and files are named here",
                    "give items as a service, `--stac items.json`, or name the files that are wanted; --asset KEY chooses one of each item",
                ));
            }
            // A provider beside named files is whose keys open their buckets.
            if self.query.names_at_most_a_provider() || self.inputs.is_empty() {
                return Ok(None);
            }
            return Err(Error::refused(
                "conditions of a search are given, and no service is named",
                "add --cmr or --stac URL instead of naming files",
            ));
        };
        let asked = Asked { assets: wanted, ..self.query.understand(environment).await? };
        let asked = by_their_names(&service, asked, environment, printer).await?;
        let found = search::search(&service, &asked, &SearchOptions::default(), environment).await?;
        report(&found.changes, printer);
        Ok(Some(found))
    }

    fn options(&self) -> Result<VirtualizeOptions> {
        Ok(VirtualizeOptions {
            access: match self.access.access {
                Some(Which::Direct) => AddressChoice::Direct,
                Some(Which::Indirect) => AddressChoice::Indirect,
                Some(Which::Auto) | None => AddressChoice::Auto,
            },
            asset: self.asset.clone(),
            sidecars: self.dmrpp.into(),
            groups: match (self.tree, self.group.as_slice()) {
                (true, _) => Groups::Tree,
                (false, []) => Groups::Root,
                (false, groups) => Groups::Paths(groups.to_vec()),
            },
            drop: self.drop.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
            combine: self.combine()?,
            output: OutputOptions {
                format: self.format.map(|format| match format {
                    Format::Icechunk => VirtualFormat::Icechunk,
                    Format::KerchunkJson => VirtualFormat::KerchunkJson,
                    Format::KerchunkParquet => VirtualFormat::KerchunkParquet,
                }),
                zarr_format: self.zarr_format,
                record_size: self.record_size,
                addresses: Addresses { rewrite: pairs(&self.rewrite_prefix), relative: self.relative },
                append: self.append.is_some(),
            },
            strict: self.strict,
            skip_failed: self.skip_failed,
            reference_dir: self.reference_dir.clone(),
        })
    }

    fn combine(&self) -> Result<CombineOptions> {
        Ok(CombineOptions {
            along: self.append.clone().or_else(|| self.concat_dim.clone()),
            join: match self.join {
                JoinArgument::Exact => Join::Exact,
                JoinArgument::Outer => Join::Outer,
                JoinArgument::Inner => Join::Inner,
                JoinArgument::Override => Join::Override,
            },
            attributes: match self.combine_attrs {
                CombineAttrs::DropConflicts => CombineAttributes::DropConflicts,
                CombineAttrs::Override => CombineAttributes::Override,
                CombineAttrs::Identical => CombineAttributes::Identical,
                CombineAttrs::Drop => CombineAttributes::Drop,
            },
            load: load(&self.load)?,
            compare: match self.compat {
                Compat::Equals => Compare::Equals,
                Compat::Identical => Compare::Identical,
                Compat::NoConflicts => Compare::NoConflicts,
                Compat::Override => Compare::Override,
            },
            coordinates: match self.coords {
                Coords::Minimal => Coordinates::Minimal,
                Coords::Different => Coordinates::Different,
                Coords::All => Coordinates::All,
            },
            order: match self.order {
                OrderArgument::Coordinate => GranuleOrder::Coordinate,
                OrderArgument::Given => GranuleOrder::Given,
            },
            mismatch: match (self.split_on_mismatch, self.materialize_mismatch) {
                (true, _) => OnMismatch::Split,
                (_, true) => OnMismatch::Materialize,
                _ => OnMismatch::Refuse,
            },
            repair: Repair { inline_threshold: self.inline_threshold, materialize_unsupported: self.materialize_unsupported },
        })
    }
}

fn load(text: &str) -> Result<LoadVariables> {
    Ok(match text.trim() {
        "coords" => LoadVariables::Coordinates,
        "none" => LoadVariables::Nothing,
        "all" => LoadVariables::All,
        "" => return Err(Error::refused("`--load` names nothing", "give coords, none, all, or names of variables with commas")),
        names => LoadVariables::Names(names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()),
    })
}

fn pairs(flat: &[String]) -> Vec<(String, String)> {
    flat.as_chunks::<2>().0.iter().map(|[from, to]| (from.clone(), to.clone())).collect()
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let started = Instant::now();
    let options = arguments.options()?;
    let (cancel, reporter) = (Cancel::default(), Reporter::new(printer));
    interrupt::listen(cancel.clone(), printer.clone(), "stopping: nothing will be written (Ctrl-C again stops at once)");
    let done = match arguments.search(environment, printer).await? {
        Some(found) => eocube::virtualize_found(found.records, &arguments.out, &options, environment, &reporter, &cancel).await,
        None => eocube::virtualize(&arguments.inputs, &arguments.out, &options, environment, &reporter, &cancel).await,
    };
    reporter.finish();
    let done = done?;
    warn(&done, printer);
    if !arguments.materialize_unsupported && done.refused.iter().any(|r| r.reason == RefusalReason::Codec) {
        printer.say("what has a codec that Zarr does not know can be decoded and stored with --materialize-unsupported, if it can be decoded here");
    }
    let exit = if done.failed.is_empty() { Exit::Done } else { Exit::Partly };
    let stats = environment.access().stats();
    printer.summary(&Answer { done, requests: stats.requests, bytes_received: stats.bytes, seconds: started.elapsed().as_secs_f64() });
    Ok(exit)
}

/// Names everything that is not in the store.
fn warn(done: &Virtualized, printer: &Printer) {
    for refused in &done.refused {
        let which = match refused.granules {
            1 => format!("in `{}`", refused.first_granule),
            n => format!("in {}, first in `{}`", several(n as u64, "granule"), refused.first_granule),
        };
        printer.warn(format_args!("`{}` is left out: {}: {} ({which})", refused.variable, refused.reason, refused.detail));
    }
    for failed in &done.failed {
        printer.warn(format_args!("`{}` is left out: {}", failed.granule, failed.reason));
    }
    for ignored in &done.ignored_sidecars {
        printer.warn(format_args!("{ignored}; the header of the data file was read instead"));
    }
    for name in &done.named_twice {
        printer.warn(format_args!("`{name}` was named more than once, and is taken once"));
    }
    if !done.groups_left_out.is_empty() {
        printer.say(format_args!("groups that were not asked for: {} (--tree takes all)", done.groups_left_out.join(", ")));
    }
    if done.parts > 1 {
        printer.warn(format_args!("the granules do not fit together, and are in {} groups: part_0 to part_{}", done.parts, done.parts - 1));
    }
    const MOST: usize = 10;
    for mismatch in done.mismatches.iter().take(MOST) {
        printer.warn(format_args!("`{}` of `{}`: {}", mismatch.variable, mismatch.granule, mismatch.reason));
    }
    if done.mismatches.len() > MOST {
        printer.warn(format_args!("and {} (all with --json)", several((done.mismatches.len() - MOST) as u64, "further difference")));
    }
}

/// What was done. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    done: Virtualized,
    requests: u64,
    bytes_received: u64,
    seconds: f64,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, took) = (&self.done, units::duration(Duration::from_secs_f64(self.seconds)));
        if done.granules == 0 {
            return write!(f, "nothing to do: {} already in {} ({took})", several(done.already_there as u64, "granule"), done.store);
        }
        write!(f, "wrote {}: {}", done.store, several(done.granules as u64, "granule"))?;
        if done.already_there > 0 {
            write!(f, " ({} were there)", units::count(done.already_there as u64))?;
        }
        write!(f, ", {} to {}", several(done.references, "reference"), units::bytes(done.referenced_bytes))?;
        if done.stored_chunks > 0 {
            write!(f, ", {} stored", several(done.stored_chunks, "chunk"))?;
        }
        if self.requests > 0 {
            write!(f, "; {} in {}", units::bytes(self.bytes_received), several(self.requests, "request"))?;
        }
        writeln!(f, " ({took})\n")?;
        let rows: Vec<[String; 5]> = done.arrays.iter().map(row).collect();
        write!(f, "{}", units::table(&rows))?;
        if !done.containers.is_empty() {
            writeln!(f, "\nreaders must be allowed to read from")?;
            for prefix in &done.containers {
                writeln!(f, "  {prefix}")?;
            }
        }
        writeln!(f, "\nopen it in Python:\n")?;
        let lines: Vec<String> = done.python.lines().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") }).collect();
        f.write_str(&lines.join("\n"))
    }
}

fn row(array: &VirtualArray) -> [String; 5] {
    let shape: Vec<String> = array.dimensions.iter().zip(&array.shape).map(|(name, size)| format!("{name} {size}")).collect();
    let chunks: Vec<String> = array.chunk_shape.iter().map(ToString::to_string).collect();
    let mut holds = Vec::new();
    for (count, what) in [(array.references, "referred to"), (array.stored, "stored"), (array.absent, "absent")] {
        if count > 0 {
            holds.push(format!("{} {what}", units::count(count)));
        }
    }
    [array.path.clone(), array.dtype.clone(), shape.join(" × "), format!("chunks {}", chunks.join(" × ")), holds.join(", ")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_load_is_a_word_or_names() {
        assert_eq!(load("coords").ok(), Some(LoadVariables::Coordinates));
        assert_eq!(load("lat, lon").ok(), Some(LoadVariables::Names(vec!["lat".into(), "lon".into()])));
        assert!(load(" ").is_err());
    }
}
