use clap::{Args, ValueEnum};
use eocube::{
    Environment, Error, Result,
    search::{self, Collection, CollectionFacts},
};
use futures::StreamExt;
use serde_json::Value;

use super::search::report;
use crate::{
    asked::{CollectionFlags, PagingFlags, ServiceFlags},
    exit::Exit,
    printer::{Printer, to_stdout},
    table::{Column, Table},
    units::several,
};

const CMR: &str = "cube collections --cmr --keyword 'sea surface temperature'";
const STAC: &str = "cube collections --stac https://earth-search.aws.element84.com/v1";

const EXAMPLES: &str = "\
Examples:
  # Collections in the cloud that speak of sea surface temperature
  cube collections --cmr --keyword 'sea surface temperature' --cloud-hosted
  cube collections --cmr --keyword ATL08
  # Those of a STAC API that cover a place and time
  cube collections --stac https://earth-search.aws.element84.com/v1 --roi 10.9,46.6,11.1,46.75 \\
      --toi 2024
  # Everything that is known of them, as STAC
  cube collections --cmr -c HLSL30.v2.0,HLSS30.v2.0 --format stac

`cube describe COLLECTION` says more of one of them.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    query: CollectionFlags,
    #[command(flatten)]
    paging: PagingFlags,
    /// Form of the results.
    #[arg(long, short = 'f', value_name = "FORM", help_heading = "Results")]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people.
    Table,
    /// A list of facts.
    Json,
    /// Facts, one collection a line.
    Ndjson,
    /// Records as CMR wrote them.
    Umm,
    /// STAC Collections, as an API lists them.
    Stac,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let service = arguments.service.required(environment, CMR, STAC)?;
    let options = arguments.paging.options(&service)?;
    let asked = arguments.query.understand(environment).await?;
    let found = search::collections(&service, &asked, &options, environment).await?;
    report(&found.changes, printer);
    let format = arguments.format.unwrap_or(if printer.is_json() { Format::Json } else { Format::Table });
    let mut pages = found.collections.ready_chunks(500);
    let mut out = Output::new(format);
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page: Vec<Collection> = page.into_iter().collect::<Result<_>>()?;
        count += page.len() as u64;
        if !out.add(&page, printer)? {
            return Ok(Exit::Done);
        }
    }
    out.end();
    match count {
        0 => printer.say("nothing was found"),
        n => printer.say(several(n, "collection")),
    }
    Ok(Exit::Done)
}

/// Collections on their way to stdout.
struct Output {
    format: Format,
    table: Option<Table>,
    is_first: bool,
}

impl Output {
    fn new(format: Format) -> Self {
        Self { format, table: None, is_first: true }
    }

    /// Writes a page; false when nobody reads any more.
    fn add(&mut self, page: &[Collection], printer: &Printer) -> Result<bool> {
        if self.format == Format::Table {
            let rows: Vec<Vec<String>> = page.iter().map(|c| row(&c.facts())).collect();
            return Ok(match &self.table {
                Some(table) => table.rows(&rows),
                None => {
                    let table = self.table.insert(Table::new(columns(), &rows));
                    table.head(printer.paint.0) && table.rows(&rows)
                }
            });
        }
        let mut text = String::new();
        for collection in page {
            let before = match (self.format, self.is_first) {
                (Format::Ndjson, _) => "",
                (format, true) => head(format),
                (_, false) => ",\n",
            };
            self.is_first = false;
            text.push_str(before);
            text.push_str(&self.json(collection)?.to_string());
            if self.format == Format::Ndjson {
                text.push('\n');
            }
        }
        Ok(to_stdout(text.as_bytes()))
    }

    fn json(&self, collection: &Collection) -> Result<Value> {
        Ok(match self.format {
            Format::Stac => Value::Object(collection.to_stac()?),
            Format::Umm => match collection.umm() {
                Some(record) => record.clone(),
                None => return Err(Error::refused("the collections come from STAC, and have no UMM", "write them as `stac`, or search with --cmr")),
            },
            Format::Json | Format::Ndjson | Format::Table => serde_json::to_value(collection.facts()).unwrap_or_default(),
        })
    }

    fn end(&self) {
        let before = if self.is_first { head(self.format) } else { "\n" };
        match self.format {
            Format::Json => to_stdout(format!("{before}]\n").as_bytes()),
            Format::Umm | Format::Stac => to_stdout(format!("{before}]}}\n").as_bytes()),
            Format::Table | Format::Ndjson => true,
        };
    }
}

fn head(format: Format) -> &'static str {
    match format {
        Format::Stac => "{\"collections\": [\n",
        Format::Umm => "{\"items\": [\n",
        _ => "[\n",
    }
}

fn columns() -> Vec<Column> {
    vec![Column::left("id"), Column::left("time"), Column::optional("provider"), Column::left("concept id"), Column::shrinks("title")]
}

fn row(facts: &CollectionFacts) -> Vec<String> {
    vec![
        facts.id.clone(),
        super::describe::years(facts),
        facts.provider.clone().unwrap_or_default(),
        facts.concept_id.clone().unwrap_or_default(),
        facts.title.clone().unwrap_or_default(),
    ]
}
