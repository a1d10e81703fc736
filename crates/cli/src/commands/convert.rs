use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Error, Result,
    search::{ConvertEffect, ConvertTo, RecordKind, convert_record, records_in},
};
use serde_json::{Value, json};

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

Files hold UMM-G or UMM-C, alone, in a list, or as CMR answers `umm_json`; or STAC Items, ItemCollections,
Collections, or one record a line. `-` is stdin. What one form has no word for travels in a namespace of the
other and comes back; what is lost, approximated or assumed is reported on stderr.

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
    let (mut records, mut skipped, mut same) = (Vec::new(), 0, 0);
    let mut told: BTreeMap<(String, &str, String), u64> = BTreeMap::new();
    for file in &arguments.files {
        let bytes = if file == "-" { stdin()? } else { environment.access().read(file).await?.to_vec() };
        for (i, record) in records_in(&bytes, file)?.iter().enumerate() {
            let converted = match convert_record(record, to) {
                Ok(converted) => converted,
                Err(e) if arguments.skip_failed => {
                    skipped += 1;
                    printer.warn(format_args!("record {} of `{file}` is left out: {e}", i + 1));
                    continue;
                }
                Err(e) => return Err(Error::failed(format!("record {} of `{file}` cannot be turned", i + 1), e)),
            };
            same += u64::from(converted.is_same);
            for change in &converted.report.changes {
                *told.entry((change.field.to_string(), effect(change.effect), change.reason.to_owned())).or_default() += 1;
            }
            records.push((converted.kind, converted.value));
        }
    }
    for ((field, effect, reason), count) in &told {
        let line = format!("`{field}` of {} {effect}: {reason}", several(*count, "record"));
        if *effect == "was carried along" { printer.detail(line) } else { printer.warn(line) }
    }
    if same > 0 {
        printer.say(format_args!("{} had this form already", several(same, "record")));
    }
    let lines = arguments.out.as_ref().and_then(|p| p.extension()).is_some_and(|e| e == "ndjson" || e == "jsonl");
    let count = records.len() as u64;
    let text = if lines { records.iter().map(|(_, r)| format!("{r}\n")).collect() } else { document(records, arguments.to) };
    put(&text, arguments.out.as_ref())?;
    let losses = told.iter().filter(|((_, e, _), _)| *e != "was carried along").count();
    printer.say(format_args!(
        "{} turned, {}",
        several(count, "record"),
        if losses == 0 { "nothing lost".to_owned() } else { several(losses as u64, "remark") }
    ));
    Ok(if skipped > 0 { Exit::Partly } else { Exit::Done })
}

fn effect(effect: ConvertEffect) -> &'static str {
    match effect {
        ConvertEffect::Dropped => "was left out",
        ConvertEffect::Carried => "was carried along",
        ConvertEffect::Approximated => "was said less exactly",
        ConvertEffect::Assumed => "was assumed",
    }
}

fn stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map_err(|e| Error::failed("stdin cannot be read", e))?;
    Ok(bytes)
}

/// One record as it is, several in the document that holds such records.
fn document(mut records: Vec<(RecordKind, Value)>, to: Form) -> String {
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    if records.len() == 1
        && let Some((_, one)) = records.pop()
    {
        return pretty(&one);
    }
    let granules = records.iter().all(|(kind, _)| matches!(kind, RecordKind::Granule | RecordKind::Item));
    let all: Vec<Value> = records.into_iter().map(|(_, record)| record).collect();
    pretty(&match (to, granules) {
        (Form::Stac, true) => json!({"type": "FeatureCollection", "features": all}),
        (Form::Stac, false) => json!({"collections": all}),
        (Form::Umm, _) => json!({"hits": all.len(), "items": all}),
    })
}

fn put(text: &str, out: Option<&PathBuf>) -> Result<()> {
    match out {
        Some(path) => std::fs::write(path, text).map_err(|e| Error::unwritable(path, e)),
        None => {
            // A reader such as `head` may have had enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
    }
}
