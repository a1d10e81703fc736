//! Granules as one array of references: nothing is copied, and nothing that cannot be right is written.
//!
//! ```text
//!  names ─▶ inputs ─▶ granule (sidecar, else header) ─▶ select ─▶ Combiner ─▶ output
//!           items        many at once, parsed apart       in order
//! ```
//!
//! Granules are read many at once and combined in the order in which they were named, so that the result depends on nothing else. Only what is in
//! flight is held as text or header; what stays of a granule is its references.

mod fetch;
mod granule;
mod inputs;
mod inspect;
mod items;
mod output;
mod readers;
mod report;
mod select;
mod snippet;

use std::{collections::BTreeSet, fmt::Debug, path::PathBuf, sync::Arc, time::Duration};

use cube_manifest::{AttributeValue, Granule};
use cube_virtual::{
    Combined, Combiner, Dataset, Error as VirtualError, Refused,
    combine::{Load, Order},
};
use futures::{StreamExt, stream};

use crate::{Cancel, Environment, Error, Result, search::RecordStream};

pub use cube_manifest::Reason as RefusalReason;
pub use cube_virtual::{
    Addresses, Mismatch, Repair,
    combine::{CombineAttributes, Compare, Coordinates, Join, Load as LoadVariables, OnMismatch, Options as CombineOptions, Order as GranuleOrder},
};
pub use granule::{ReadFrom, Sidecars};
pub use inputs::AddressChoice;
pub use inspect::{Fate, Inspected, InspectedVariable, inspect};
pub use output::{OutputOptions, VirtualFormat};
pub use report::{FailedGranule, RefusedVariable, VirtualArray, Virtualized};
pub use select::Groups;

use fetch::{Ahead, Remote};
use granule::Reader;
use inputs::{Input, InputOptions, Inputs};
use output::{Output, Written};
use readers::Readers;
use report::Report;
use select::Selection;

/// Granules that are read at once: enough to keep a distant server busy.
const AT_ONCE: usize = 16;

/// How often it is looked whether the run is to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// What to make of granules.
#[derive(Debug, Clone, Default)]
pub struct VirtualizeOptions {
    /// Which address of a granule is referred to.
    pub access: AddressChoice,
    /// Key of the asset that is a granule, for STAC items with several.
    pub asset: Option<String>,
    /// Whether sidecars are read.
    pub sidecars: Sidecars,
    /// Which groups are taken.
    pub groups: Groups,
    /// Variables that are left out, by name or full path.
    pub drop: Vec<String>,
    /// How granules become one dataset.
    pub combine: CombineOptions,
    /// How it is written.
    pub output: OutputOptions,
    /// Whether a variable that cannot be virtual is an error.
    pub strict: bool,
    /// Whether granules that cannot be read are left out.
    pub skip_failed: bool,
    /// Keeps Kerchunk references of each granule there, and uses those that are there.
    pub reference_dir: Option<PathBuf>,
}

/// What happens while granules are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VirtualEvent {
    /// So many granules are to be read.
    Found(usize),
    /// One more was read.
    Read,
    /// One more could not be read.
    Failed,
    /// All were read; so many references are written.
    Writing(usize),
}

/// Listens to a run.
pub trait VirtualProgress: Debug + Send + Sync {
    /// Something happened.
    fn on(&self, event: VirtualEvent);
}

/// Writes references to granules: files, URLs, patterns, lists (`@list.txt`) and files of STAC items.
///
/// Needs a tokio runtime with several threads.
///
/// # Errors
/// What was named and is not there; something at `store` already; granules that cannot be read, all by name; granules that do not fit together, with all
/// differences; with [`strict`](VirtualizeOptions::strict) variables that are refused; the store's failures. Nothing is left behind then, and a store that
/// was to be appended to is as before. The same holds when the run is cancelled, or its future dropped.
pub async fn virtualize(
    named: &[String],
    store: &str,
    options: &VirtualizeOptions,
    environment: &Environment,
    progress: &dyn VirtualProgress,
    cancel: &Cancel,
) -> Result<Virtualized> {
    virtualize_all(GranulesFrom::Named(named), store, options, environment, progress, cancel).await
}

/// As [`virtualize`], of granules that a search finds. They are all known before the first is read; each is one record of it.
///
/// # Errors
/// As [`virtualize`], and those of the search.
pub async fn virtualize_found(
    found: RecordStream,
    store: &str,
    options: &VirtualizeOptions,
    environment: &Environment,
    progress: &dyn VirtualProgress,
    cancel: &Cancel,
) -> Result<Virtualized> {
    virtualize_all(GranulesFrom::Found(found), store, options, environment, progress, cancel).await
}

/// Where granules come from.
enum GranulesFrom<'a> {
    Named(&'a [String]),
    Found(RecordStream),
}

async fn virtualize_all(
    granules: GranulesFrom<'_>,
    store: &str,
    options: &VirtualizeOptions,
    environment: &Environment,
    progress: &dyn VirtualProgress,
    cancel: &Cancel,
) -> Result<Virtualized> {
    let cancelled = async {
        while !cancel.is_cancelled() {
            tokio::time::sleep(PATIENCE).await;
        }
    };
    tokio::select! {
        done = run(granules, store, options, environment, progress) => done,
        () = cancelled => Err(Error::Stopped),
    }
}

async fn run(
    granules: GranulesFrom<'_>,
    store: &str,
    options: &VirtualizeOptions,
    environment: &Environment,
    progress: &dyn VirtualProgress,
) -> Result<Virtualized> {
    let output = Output::open(store, &options.output, environment).await?;
    let input_options = InputOptions { access: options.access, asset: options.asset.clone() };
    let mut inputs = match granules {
        GranulesFrom::Named(named) => Inputs::read(named, &input_options, environment.access()).await?,
        GranulesFrom::Found(found) => Inputs::found(found, &input_options, environment.access()).await?,
    };
    let mut report = Report::new(&output, std::mem::take(&mut inputs.twice));
    let existing = if options.output.append { Some(output.existing().await?) } else { None };
    if let Some(existing) = &existing {
        let all = inputs.granules.len();
        inputs.granules.retain(|input| input.data.as_deref().is_none_or(|data| !existing.contains(data)));
        report.already_there = all - inputs.granules.len();
    }
    inputs.granules.iter().filter_map(|input| input.data.as_deref()).try_for_each(|data| check_address(data, &options.output.addresses))?;
    progress.on(VirtualEvent::Found(inputs.granules.len()));

    let run = Run { options, environment, progress, existing: existing.as_ref() };
    let Some(combiner) = run.read(inputs.granules, &mut report).await? else {
        return Ok(report.finish(&output, None, Written::default(), environment));
    };
    let combined = combiner.finish().map_err(|e| misfit(e, options, &report))?;
    let (mut dataset, granules) = taken(combined, &mut report);
    report.strict(options.strict)?;
    report.nothing_left(&dataset)?;
    progress.on(VirtualEvent::Writing(dataset.references()));
    let granules: Vec<String> = granules.iter().map(ToString::to_string).collect();
    let readers = Readers::of(&dataset, &options.output.addresses, environment).await?;
    let written = match existing {
        Some(existing) => {
            let along = options.combine.along.as_deref().unwrap_or_default();
            let message = format!("{} granules appended", granules.len());
            let appended = existing.append(&dataset, along, &output.icechunk_options(&granules, &readers, message)).await;
            let appended = appended.map_err(|e| misfit(e, options, &report))?;
            let (references, stored) = (appended.references, appended.native);
            let containers = output::containers(&dataset, &options.output.addresses)?;
            Written { version: Some(appended.version), references, stored, containers }
        }
        None => run.write(&output, &mut dataset, &granules, &readers, &mut report).await?,
    };
    report.granules = granules.len();
    Ok(report.finish(&output, Some((&dataset, &readers)), written, environment))
}

/// The means of a run.
struct Run<'a> {
    options: &'a VirtualizeOptions,
    environment: &'a Environment,
    progress: &'a dyn VirtualProgress,
    existing: Option<&'a cube_virtual::write::icechunk::Existing>,
}

/// A granule on its way to the combiner.
struct Ready {
    granule: Granule,
    from: ReadFrom,
    ignored: Option<String>,
    left_out: Vec<String>,
    dropped: BTreeSet<String>,
    ahead: Ahead,
}

impl Run<'_> {
    /// Reads all granules and combines them as they come; `None` when none is new.
    async fn read(&self, inputs: Vec<Input>, report: &mut Report) -> Result<Option<Combiner>> {
        let count = inputs.len();
        let reader = Reader::new(self.environment.access().clone(), self.options.sidecars, self.options.reference_dir.clone());
        let remote = Remote(self.environment.access().clone());
        let selection = Arc::new(Selection::new(self.options.groups.clone(), self.options.drop.clone()));
        let combining = Arc::new(self.options.combine.clone());
        let mut reads = stream::iter(inputs)
            .map(|input| {
                let (reader, remote, selection, combining) = (reader.clone(), remote.clone(), Arc::clone(&selection), Arc::clone(&combining));
                let name = input.name();
                let task = tokio::spawn(async move { ready(&input, &reader, &remote, &selection, &combining).await });
                async move { (name, task.await) }
            })
            .buffered(AT_ONCE);
        let mut combining: Option<Combining> = None;
        let mut dropped = BTreeSet::new();
        let mut to_load: BTreeSet<&str> = match &self.options.combine.load {
            Load::Names(names) => names.iter().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        };
        while let Some((name, read)) = reads.next().await {
            let mut ready = match read.map_err(|e| Error::failed(format!("`{name}` brought the reader down"), e))? {
                Ok(ready) => ready,
                // What is wrong with the first for what was typed is wrong with all.
                Err(error) if combining.is_none() && (error.is_usage() || count == 1) => return Err(error),
                Err(error) => {
                    self.progress.on(VirtualEvent::Failed);
                    report.failed.push((name, error));
                    continue;
                }
            };
            self.progress.on(VirtualEvent::Read);
            report.read(&mut ready);
            dropped.append(&mut ready.dropped);
            let granule = ready.granule;
            granule.root.walk("/", &mut |_, group| to_load.retain(|name| !group.variables.iter().any(|v| v.name == *name)));
            check_address(&granule.origin.url, &self.options.output.addresses)?;
            if self.existing.is_some_and(|e| e.contains(&granule.origin.url)) {
                report.already_there += 1;
                continue;
            }
            let combining = combining.get_or_insert_with(|| Combining::new(&granule, &self.options.combine));
            combining.check(&granule)?;
            combining.combiner.add(granule, &ready.ahead).await?;
        }
        if !report.failed.is_empty() && !self.options.skip_failed {
            return Err(Error::Granules { of: count, failed: std::mem::take(&mut report.failed) });
        }
        if let Some(name) = selection.unknown(&dropped)
            && combining.is_some()
        {
            return Err(Error::refused(format!("no granule has a variable `{name}` to drop"), "`cube inspect FILE` shows names and paths"));
        }
        if let Some(name) = to_load.first()
            && combining.is_some()
        {
            return Err(Error::refused(format!("no granule has a variable `{name}` to load"), "`cube inspect FILE` shows names"));
        }
        Ok(combining.map(|c| c.combiner))
    }

    /// Writes a dataset without what the form of the store has no words for.
    async fn write(&self, output: &Output, dataset: &mut Dataset, granules: &[String], readers: &Readers, report: &mut Report) -> Result<Written> {
        loop {
            let message = format!("{} granules", granules.len());
            let refused = match output.write(dataset, granules, readers, message).await {
                Err(Error::Virtual(VirtualError::Refused(refused))) => refused,
                result => return result,
            };
            if !without(dataset, &refused.variable) {
                return Err(VirtualError::Refused(refused).into());
            }
            report.refuse(vec![refused]);
            report.strict(self.options.strict)?;
        }
    }
}

async fn ready(input: &Input, reader: &Reader, remote: &Remote, selection: &Selection, combining: &CombineOptions) -> Result<Ready> {
    let read = reader.read(input, remote).await?;
    let selected = selection.apply(read.granule)?;
    let ahead = Ahead::of(&selected.granule, combining, remote).await;
    let select::Selected { granule, left_out, dropped } = selected;
    Ok(Ready { granule, from: read.from, ignored: read.ignored, left_out, dropped, ahead })
}

/// Granules as they are combined, and what is known of the first ones.
struct Combining {
    combiner: Combiner,
    is_merged: bool,
    /// Variables so far of what is merged, and the granule of each.
    seen: std::collections::HashMap<String, String>,
}

impl Combining {
    fn new(first: &Granule, options: &CombineOptions) -> Self {
        let mut options = options.clone();
        let is_loaded = |along: &str| match &options.load {
            Load::Coordinates | Load::All => true,
            Load::Nothing => false,
            Load::Names(names) => names.iter().any(|name| name == along),
        };
        let is_ordered = options.along.as_deref().is_some_and(|along| is_loaded(along) && has_coordinate(first, along));
        if !is_ordered {
            options.order = Order::Given;
        }
        Self { is_merged: options.along.is_none(), combiner: Combiner::new(options), seen: Default::default() }
    }

    /// Two granules with the same data are to be put side by side, not merged; found before anything is compared.
    fn check(&mut self, granule: &Granule) -> Result<()> {
        if !self.is_merged {
            return Ok(());
        }
        let name = cube_access::public_name(&granule.origin.url);
        let mut twice = None;
        granule.root.walk("/", &mut |path, group| {
            for variable in group.variables.iter().filter(|v| v.shape.len() > 1 && !is_auxiliary(&v.name, group)) {
                let full = format!("{}/{}", path.trim_end_matches('/'), variable.name);
                if let Some(other) = self.seen.insert(full.clone(), name.clone()) {
                    twice.get_or_insert((full, other));
                }
            }
        });
        match twice {
            None => Ok(()),
            Some((variable, other)) => Err(Error::refused(
                format!("`{other}` and `{name}` both have the variable `{variable}`"),
                "put granules side by side along a dimension, for example with --concat-dim time",
            )),
        }
    }
}

fn has_coordinate(granule: &Granule, along: &str) -> bool {
    let mut found = false;
    granule.root.walk("/", &mut |_, group| found |= group.variables.iter().any(|v| v.name == along && v.shape.len() <= 1));
    found
}

/// Whether other variables of the group mention it as a coordinate, its bounds or a grid mapping.
fn is_auxiliary(name: &str, group: &cube_manifest::Group) -> bool {
    let mentions = |v: &cube_manifest::Variable, attribute| match v.attribute(attribute) {
        Some(AttributeValue::Text(text)) => text.split_whitespace().any(|word| word.trim_end_matches(':') == name),
        _ => false,
    };
    group.variables.iter().any(|v| ["coordinates", "bounds", "climatology", "grid_mapping"].iter().any(|a| mentions(v, a)))
}

/// The dataset, and what it lacks.
fn taken(combined: Combined, report: &mut Report) -> (Dataset, Vec<Arc<str>>) {
    report.parts = combined.parts.len();
    report.mismatches.clone_from(&combined.mismatches);
    let (mut dataset, granules) = combined.into_dataset();
    let refused: Vec<Refused> = std::mem::take(&mut dataset.refused);
    report.refuse(refused);
    (dataset, granules)
}

/// Leaves out a variable; says whether it was there.
fn without(dataset: &mut Dataset, variable: &str) -> bool {
    let before = dataset.arrays().len();
    dataset.retain(|group, array| format!("{}/{}", group.trim_end_matches('/'), array.name) != variable);
    dataset.arrays().len() < before
}

/// What is not fit to be written into a store, where everybody reads it.
fn check_address(address: &str, addresses: &Addresses) -> Result<()> {
    let rewritten = addresses.rewritten(address);
    let Some((scheme, rest)) = rewritten.split_once("://") else { return Ok(()) };
    let host = rest.split('/').next().unwrap_or_default();
    let what = match scheme {
        "http" | "https" if rest.contains('?') => "a query, which may be a signature",
        "http" | "https" | "s3" if host.contains('@') => "a user name",
        _ => return Ok(()),
    };
    let message = format!("`{}` carries {what}: it would be written into the store", cube_access::public_name(address));
    Err(Error::refused(message, "name the granule by its plain address, and give credentials to those who read the store"))
}

/// All that differs; where nothing says how granules are to be put together, that is what is wrong.
fn misfit(error: VirtualError, options: &VirtualizeOptions, report: &Report) -> Error {
    match error {
        VirtualError::Mismatch { mismatches, .. } if options.combine.along.is_none() && report.count() > 1 => Error::refused(
            format!("the granules cannot be merged: {}", mismatches.first().map(ToString::to_string).unwrap_or_default()),
            "put granules side by side along a dimension, for example with --concat-dim time",
        ),
        VirtualError::Mismatch { granules, mismatches } => Error::Misfit { of: granules, mismatches },
        error => error.into(),
    }
}
