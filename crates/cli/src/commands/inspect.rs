use std::fmt;

use clap::Args;
use eocube::{Environment, Fate, Inspected, InspectedVariable, Result};
use serde::Serialize;

use super::virtualize::Dmrpp;
use crate::{
    access::KeyFlags,
    exit::Exit,
    printer::Printer,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  cube inspect granule.nc
  cube inspect https://archive.example.org/granule.nc.dmrpp
  # Variables that cannot be virtual, by reason
  cube inspect granule.h5 --json |
      jq '.groups[].variables[] | select(.fate == \"refused\") | {path, reason, detail}'

Only headers are read. Reasons are explained in docs/virtual-refusals.md.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A granule: file or URL (http, https, s3) of HDF5, netCDF or TIFF, or a DMR++ sidecar.
    file: String,
    /// Whether its DMR++ sidecar is read: when there is one, only, or never.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    dmrpp: Dmrpp,
    /// Show attributes too.
    #[arg(long)]
    attributes: bool,
    #[command(flatten)]
    pub(crate) keys: KeyFlags,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let inspected = eocube::inspect(&arguments.file, arguments.dmrpp.into(), environment).await?;
    if let Some(ignored) = &inspected.ignored_sidecar {
        printer.warn(format_args!("{ignored}; the header of the data file was read instead"));
    }
    printer.answer(&Answer { inspected, attributes: arguments.attributes });
    Ok(Exit::Done)
}

/// What is in a granule. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    inspected: Inspected,
    #[serde(skip)]
    attributes: bool,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = &self.inspected;
        write!(f, "{}", i.file)?;
        if let Some(size) = i.size {
            write!(f, ", {}", units::bytes(size))?;
        }
        write!(f, ", read from {}", source(i))?;
        for group in &i.groups {
            let shows_attributes = self.attributes && !group.attributes.is_empty();
            if group.variables.is_empty() && group.dimensions.is_empty() && !shows_attributes {
                continue;
            }
            write!(f, "\n\n{}", group.path)?;
            if !group.dimensions.is_empty() {
                let all: Vec<String> =
                    group.dimensions.iter().map(|d| format!("{} {}{}", d.name, d.size, if d.unlimited { " (grows)" } else { "" })).collect();
                write!(f, "  dimensions {}", all.join(", "))?;
            }
            if self.attributes {
                group.attributes.iter().try_for_each(|a| write!(f, "\n    {}", indented(a)))?;
            }
            let rows: Vec<[String; 6]> = group.variables.iter().map(row).collect();
            for (line, variable) in units::table(&rows).lines().zip(&group.variables) {
                write!(f, "\n{line}")?;
                if self.attributes {
                    variable.attributes.iter().try_for_each(|a| write!(f, "\n      {}", indented(a)))?;
                }
            }
        }
        let all = || i.groups.iter().flat_map(|g| &g.variables);
        let count = |is: fn(&Fate) -> bool| all().filter(|v| is(&v.fate)).count() as u64;
        let refused = count(|fate| matches!(fate, Fate::Refused { .. }));
        write!(f, "\n\n{}: {} virtual", several(all().count() as u64, "variable"), count(|fate| matches!(fate, Fate::Virtual { .. })))?;
        let stored = count(|fate| matches!(fate, Fate::Stored { .. }));
        if stored > 0 {
            write!(f, ", {stored} stored")?;
        }
        write!(f, ", {refused} refused")
    }
}

fn source(i: &Inspected) -> &'static str {
    use eocube::ReadFrom as R;
    match i.read_from {
        R::Dmrpp => "its DMR++ sidecar",
        R::Hdf5 => "its HDF5 header",
        R::NetCdf3 => "its netCDF-3 header",
        R::Tiff => "its TIFF header",
        R::Kerchunk => "Kerchunk references",
    }
}

fn row(v: &InspectedVariable) -> [String; 6] {
    let name = v.path.rsplit('/').next().unwrap_or(&v.path).to_owned();
    let order = if v.byte_order == Some("big") { " big-endian" } else { "" };
    let shape: Vec<String> = v
        .shape
        .iter()
        .zip(v.dimensions.iter().map(Some).chain(std::iter::repeat(None)))
        .map(|(size, dimension)| match dimension.and_then(Option::as_deref) {
            Some(path) => format!("{} {size}", path.rsplit('/').next().unwrap_or(path)),
            None => size.to_string(),
        })
        .collect();
    let shape = if v.shape.is_empty() { "scalar".to_owned() } else { shape.join(" × ") };
    [name, format!("{}{order}", v.dtype), shape, layout(v), sizes(v), fate(&v.fate)]
}

fn layout(v: &InspectedVariable) -> String {
    let mut parts = vec![v.layout.to_owned()];
    if v.layout == "chunked" {
        let chunk: Vec<String> = v.chunk_shape.iter().map(ToString::to_string).collect();
        parts[0] = format!("{} of {}", several(v.chunks, "chunk"), chunk.join(" × "));
    }
    if v.absent > 0 {
        parts.push(format!("{} absent", units::count(v.absent)));
    }
    parts.extend(v.codecs.iter().cloned());
    parts.join(", ")
}

fn sizes(v: &InspectedVariable) -> String {
    match (v.bytes, v.stored_bytes) {
        (None, _) => String::new(),
        (Some(bytes), stored) if stored == 0 || stored == bytes => units::bytes(bytes),
        (Some(bytes), stored) => format!("{} in {}", units::bytes(bytes), units::bytes(stored)),
    }
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Virtual { note: None } => "virtual".to_owned(),
        Fate::Virtual { note: Some(note) } => format!("virtual; {note}"),
        Fate::Stored { note } => format!("stored: {note}"),
        Fate::Refused { reason, detail } => format!("refused: {reason}: {detail}"),
    }
}

/// An attribute of several lines, or a very long one, in one line.
fn indented(attribute: &str) -> String {
    const MOST: usize = 200;
    let line = attribute.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > MOST { format!("{}…", line.chars().take(MOST).collect::<String>()) } else { line }
}
