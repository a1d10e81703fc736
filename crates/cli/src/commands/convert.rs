use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsStr,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Error, Result, WholeFile,
    search::{ConvertEffect, ConvertTo, ConvertedRecord, RecordKind, convert_records},
};
use serde_json::Value;

use super::search::Stac;
use crate::{exit::Exit, printer::Printer, units::several};

const EXAMPLES: &str = "\
Examples:
  # Records of CMR as STAC, in a file that `cube load` and `cube virtualize` read
  cube convert --to stac granules.umm_json --out items.json
  # And back
  cube convert --to umm items.json --out granules.json
  # What becomes of each field
  cube convert --to stac granule.json -v > /dev/null

Files hold UMM-G or UMM-C, alone, in a list, or as CMR answers `umm_json`; or STAC Items,
ItemCollections, Collections, or one record a line. `-` is stdin. What one form has no word for
travels in a namespace of the other and comes back; what is lost, approximated or assumed is reported on stderr.

Exit codes: 0 done; 1 a record cannot be turned; 3 some cannot, and are left out (--skip-failed).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Files or URLs of records, or - for stdin.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// The form that they get.
    #[arg(long, value_name = "FORM")]
    to: Form,
    /// Version of the STAC that is written.
    #[arg(long, value_name = "VERSION", default_value = "1.1.0")]
    stac_version: Stac,
    /// Write to this file instead of the terminal; in a name that ends in .ndjson one record a line.
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out records that cannot be turned.
    #[arg(long)]
    skip_failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Stac,
    Umm,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let to = match arguments.to {
        Form::Stac => ConvertTo::Stac(arguments.stac_version.into()),
        Form::Umm => ConvertTo::Umm,
    };
    let mut output = Output::create(arguments.out.as_deref(), arguments.to)?;
    let mut tally = Tally::default();
    for file in &arguments.files {
        let input = open(file, environment).await?;
        let mut place = 0;
        // Reading files and turning records keeps this thread busy.
        tokio::task::block_in_place(|| {
            convert_records(input, to, |record| {
                place += 1;
                match record {
                    Ok(record) => {
                        tally.count(&record);
                        output.add(record.kind, &record.json)
                    }
                    Err(e) if arguments.skip_failed => {
                        tally.skipped += 1;
                        printer.warn(format_args!("record {place} of `{file}` is left out: {e}"));
                        Ok(())
                    }
                    Err(e) => Err(Error::failed(format!("record {place} of `{file}` cannot be turned"), e)),
                }
            })
        })
        .map_err(|e| if e.is_usage() { e } else { Error::failed(format!("`{file}` was not turned to its end"), e) })?;
    }
    output.finish()?;
    tally.tell(printer);
    Ok(if tally.skipped > 0 { Exit::Partly } else { Exit::Done })
}

async fn open(file: &str, environment: &Environment) -> Result<Box<dyn Read + Send>> {
    Ok(match file {
        "-" => Box::new(io::stdin()),
        url if url.contains("://") => Box::new(io::Cursor::new(environment.access().read(url).await?)),
        path => Box::new(File::open(path).map_err(|e| Error::unreadable(Path::new(path), e))?),
    })
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    turned: u64,
    same: u64,
    skipped: u64,
    changes: BTreeMap<(Cow<'static, str>, &'static str, &'static str), u64>,
}

const CARRIED: &str = "was carried along";

impl Tally {
    fn count(&mut self, record: &ConvertedRecord<'_>) {
        self.turned += 1;
        self.same += u64::from(record.is_same);
        for change in &record.report.changes {
            *self.changes.entry((change.field.clone(), effect(change.effect), change.reason)).or_default() += 1;
        }
    }

    fn tell(&self, printer: &Printer) {
        for ((field, effect, reason), count) in &self.changes {
            let line = format!("`{field}` of {} {effect}: {reason}", several(*count, "record"));
            if *effect == CARRIED { printer.detail(line) } else { printer.warn(line) }
        }
        if self.same > 0 {
            printer.say(format_args!("{} had this form already", several(self.same, "record")));
        }
        let losses = self.changes.keys().filter(|(_, effect, _)| *effect != CARRIED).count() as u64;
        let lost = if losses == 0 { "nothing lost".to_owned() } else { several(losses, "remark") };
        printer.say(format_args!("{} turned, {lost}", several(self.turned, "record")));
    }
}

fn effect(effect: ConvertEffect) -> &'static str {
    match effect {
        ConvertEffect::Dropped => "was left out",
        ConvertEffect::Carried => CARRIED,
        ConvertEffect::Approximated => "was said less exactly",
        ConvertEffect::Assumed => "was assumed",
    }
}

/// Records on their way out: a record a line, one record as it is, or several in the document that holds such records.
struct Output {
    to: Form,
    is_lines: bool,
    out: Place,
    /// Held back: it may be the only one.
    first: Option<(RecordKind, Vec<u8>)>,
    count: u64,
}

enum Place {
    Stdout(io::BufWriter<io::Stdout>),
    File(WholeFile, PathBuf),
    /// A reader such as `head` has had enough.
    Nowhere,
}

impl Output {
    fn create(path: Option<&Path>, to: Form) -> Result<Self> {
        const OTHERS: [&str; 5] = ["parquet", "geoparquet", "csv", "gpkg", "zip"];
        if let Some(path) = path
            && let Some(ending) = path.extension().and_then(OsStr::to_str).filter(|e| OTHERS.contains(&e.to_ascii_lowercase().as_str()))
        {
            return Err(Error::refused(
                format!("`{}` ends in `.{ending}`, and records are written as JSON", path.display()),
                "write .json or .ndjson; `cube search --stac items.ndjson --out items.parquet` goes on from there",
            ));
        }
        let out = match path {
            Some(path) => Place::File(WholeFile::create(path)?, path.to_owned()),
            None => Place::Stdout(io::BufWriter::with_capacity(1 << 16, io::stdout())),
        };
        let is_lines = path.and_then(Path::extension).is_some_and(|e| e == "ndjson" || e == "jsonl");
        Ok(Self { to, is_lines, out, first: None, count: 0 })
    }

    fn add(&mut self, kind: RecordKind, json: &[u8]) -> Result<()> {
        self.count += 1;
        if self.is_lines {
            return self.put(&[json, b"\n"]);
        }
        match (&self.first, self.count) {
            (None, _) => {
                self.first = Some((kind, json.to_owned()));
                Ok(())
            }
            (Some((first, _)), _) if first.is_granule() != kind.is_granule() => Err(Error::refused(
                "there are granules and collections among the records, and no document holds both",
                "write one record a line: --out NAME.ndjson",
            )),
            (Some((_, first)), 2) => {
                let first = first.clone();
                self.put(&[self.head().as_bytes(), b"\n", &first, b",\n", json])
            }
            (Some(_), _) => self.put(&[b",\n", json]),
        }
    }

    fn finish(mut self) -> Result<()> {
        match (&self.first, self.count) {
            _ if self.is_lines => {}
            (Some((_, only)), 1) => {
                let record: Value = serde_json::from_slice(only).unwrap_or_default();
                self.put(&[serde_json::to_string_pretty(&record).unwrap_or_default().as_bytes(), b"\n"])?;
            }
            (None, _) => self.put(&[self.head().as_bytes(), self.tail().as_bytes()])?,
            (Some(_), _) => self.put(&[b"\n", self.tail().as_bytes()])?,
        }
        match self.out {
            Place::File(file, _) => file.finish(),
            Place::Stdout(mut out) => out.flush().or_else(unless_nobody_reads),
            Place::Nowhere => Ok(()),
        }
    }

    fn head(&self) -> &'static str {
        let is_granules = self.first.as_ref().is_none_or(|(kind, _)| kind.is_granule());
        match self.to {
            Form::Stac if is_granules => "{\"type\": \"FeatureCollection\", \"features\": [",
            Form::Stac => "{\"collections\": [",
            Form::Umm => "{\"items\": [",
        }
    }

    fn tail(&self) -> String {
        match self.to {
            Form::Stac => "]}\n".to_owned(),
            Form::Umm => format!("], \"hits\": {}}}\n", self.count),
        }
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<()> {
        let written = |out: &mut dyn Write| parts.iter().try_for_each(|part| out.write_all(part));
        match &mut self.out {
            Place::File(file, path) => written(file).map_err(|e| Error::unwritable(path, e)),
            Place::Nowhere => Ok(()),
            Place::Stdout(out) => match written(out) {
                Ok(()) => Ok(()),
                Err(e) => {
                    unless_nobody_reads(e)?;
                    self.out = Place::Nowhere;
                    Ok(())
                }
            },
        }
    }
}

fn unless_nobody_reads(error: io::Error) -> Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(Error::failed("the records cannot be written", error)) }
}
