use std::io::Write as _;

use clap::{Args, ValueEnum};
use eocube::{
    Crs, Environment, Error, Result, Toi,
    query::CollectionQuery,
    search::{self, Collection, CollectionFacts, CollectionsAsked, SearchRegion, read_query},
};
use futures::StreamExt;
use serde_json::Value;

use super::search::report;
use crate::{
    asked::{CmrUrl, PagingFlags, ServiceFlags},
    exit::Exit,
    printer::Printer,
    table::{Column, Table},
    units::several,
};

const EXAMPLES: &str = "\
Examples:
  # Collections in the cloud that speak of sea surface temperature
  cube collections --cmr --keyword 'sea surface temperature' --cloud-hosted
  cube collections --cmr --keyword ATL08
  # Those of a STAC API that cover a place and time
  cube collections --stac https://earth-search.aws.element84.com/v1 --roi 10.9,46.6,11.1,46.75 --toi 2024
  # Everything that is known of them, as STAC
  cube collections --cmr -c HLSL30.v2.0,HLSS30.v2.0 --format stac

`cube describe COLLECTION` says more of one of them.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    cmr_url: CmrUrl,
    #[command(flatten)]
    query: CollectionFlags,
    #[command(flatten)]
    paging: PagingFlags,
    /// Form of the results.
    #[arg(long, short = 'f', value_name = "FORM", help_heading = "Results")]
    format: Option<Format>,
}

/// Conditions on collections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conditions")]
struct CollectionFlags {
    /// Words to be found anywhere in the record; in CMR with * and ?.
    #[arg(long, short = 'k', value_name = "WORDS")]
    keyword: Option<String>,
    /// Short name, versioned id (HLSL30.v2.0) or concept id; in CMR with * and ?; may be repeated, or with commas.
    #[arg(long, short = 'c', value_name = "ID", value_delimiter = ',')]
    collection: Vec<String>,
    /// Region that they cover, as for `cube search`; its box is what counts.
    #[arg(long, value_name = "ROI", allow_hyphen_values = true)]
    roi: Option<String>,
    /// CRS of the region's coordinates [default: longitude and latitude, or what a file says].
    #[arg(long, value_name = "CRS", requires = "roi")]
    roi_crs: Option<String>,
    /// Time that they cover.
    #[arg(long, value_name = "TOI", allow_hyphen_values = true)]
    toi: Option<String>,
    /// Provider in CMR, such as LPCLOUD; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    provider: Vec<String>,
    /// DOI.
    #[arg(long, value_name = "DOI")]
    doi: Vec<String>,
    /// Platform; may be repeated.
    #[arg(long, value_name = "NAME")]
    platform: Vec<String>,
    /// Instrument; may be repeated.
    #[arg(long, value_name = "NAME")]
    instrument: Vec<String>,
    /// Processing level; may be repeated.
    #[arg(long, value_name = "LEVEL")]
    level: Vec<String>,
    /// Whether they are hosted in the cloud.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    cloud_hosted: Option<bool>,
    /// Whether they have granules.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    has_granules: Option<bool>,
    /// Changed at or after this time.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
    /// Any other field of a query by its name: `FIELD=VALUE`, the value as text or JSON; may be repeated.
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    conditions: Vec<String>,
    /// A query for collections in a file (JSON, TOML, YAML).
    #[arg(long, value_name = "FILE")]
    query: Option<String>,
    /// What to sort by, with `-` for the highest first: `-usage_score`; may be repeated.
    #[arg(long, value_name = "KEY", value_delimiter = ',', allow_hyphen_values = true)]
    sort: Vec<String>,
    /// How many to find at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl CollectionFlags {
    async fn understand(&self, environment: &Environment) -> Result<CollectionsAsked> {
        let base = match &self.query {
            Some(file) => Some(read_query(file, environment).await?),
            None => None,
        };
        let region = match &self.roi {
            Some(roi) => {
                let crs = self.roi_crs.as_deref().map(Crs::parse).transpose().map_err(|e| Error::option("--roi-crs", e))?;
                Some(SearchRegion::read(roi, crs, None, environment).await?)
            }
            None => None,
        };
        let lists = [
            ("collections", &self.collection),
            ("provider", &self.provider),
            ("doi", &self.doi),
            ("platform", &self.platform),
            ("instrument", &self.instrument),
            ("processing_level_id", &self.level),
            ("sort", &self.sort),
        ];
        let given = lists.into_iter().filter(|(_, values)| !values.is_empty());
        let mut query = given.fold(CollectionQuery::new(), |query, (field, values)| query.with(field, values.as_slice()));
        if let Some(toi) = &self.toi {
            query = query.temporal(Toi::parse(toi).map_err(|e| Error::option("--toi", e))?);
        }
        for condition in &self.conditions {
            let (field, value) = crate::asked::condition(condition)?;
            query = query.with(&field, value);
        }
        query = query.with("keyword", self.keyword.as_deref()).with("updated_since", self.updated_since.as_deref()).with("limit", self.limit);
        let query = query.with("cloud_hosted", self.cloud_hosted).with("has_granules", self.has_granules);
        Ok(CollectionsAsked { base, query, region })
    }
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
    let service = arguments.service.service(&arguments.cmr_url)?;
    let asked = arguments.query.understand(environment).await?;
    let found = search::collections(&service, &asked, &arguments.paging.options(), environment).await?;
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
        Ok(put(&text))
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
            Format::Json => put(&format!("{before}]\n")),
            Format::Umm | Format::Stac => put(&format!("{before}]}}\n")),
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

fn put(text: &str) -> bool {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
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
