use std::fmt;

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Error, Extent, Result,
    query::GranuleQuery,
    search::{self, Asked, Collection, CollectionFacts, FileFacts, SearchOptions, SearchService},
};
use futures::TryStreamExt;
use serde::Serialize;

use crate::{
    asked::ServiceFlags,
    collections::wrongly_named,
    exit::Exit,
    printer::Printer,
    units::{self, several},
};

const EXAMPLES: &str = "\
Examples:
  # NASA's CMR is asked, unless another service is named
  cube describe HLSL30.v2.0
  cube describe C2021957657-LPCLOUD
  cube describe sentinel-2-l2a --stac https://earth-search.aws.element84.com/v1
  # The whole record, as CMR has it or as STAC
  cube describe MUR-JPL-L4-GLOB-v4.1 --format umm";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Short name, versioned id (HLSL30.v2.0), concept id, or id in STAC.
    collection: String,
    #[command(flatten)]
    service: ServiceFlags,
    /// Form of the answer.
    #[arg(long, short = 'f', value_name = "FORM", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Facts, with one granule as an example of the files.
    Text,
    /// The record as CMR wrote it.
    Umm,
    /// A STAC Collection.
    Stac,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let named = arguments.service.named(environment);
    let is_named = named.is_some();
    let service = named.unwrap_or_else(|| SearchService::Cmr(arguments.service.cmr_root(environment)));
    let collection = search::describe(&service, &arguments.collection, environment).await.map_err(wrongly_named);
    let collection = collection.map_err(|error| if is_named { error } else { or_stac(error) })?;
    match arguments.format {
        Format::Text => {
            let facts = collection.facts();
            let (granules, example) = example(&service, &facts, environment).await?;
            printer.answer(&Answer { facts, granules, example });
        }
        Format::Stac => printer.document(&collection.to_stac()?),
        Format::Umm => printer.document(umm(&collection)?),
    }
    Ok(Exit::Done)
}

/// CMR was asked because nothing else was named: a name that it does not know may be one of another service.
fn or_stac(error: Error) -> Error {
    if !error.is_usage() {
        return error;
    }
    let hint = error.hint().map(|hint| format!("{hint}\n")).unwrap_or_default();
    Error::refused(error.to_string(), format!("{hint}for a collection of a STAC API add --stac URL"))
}

fn umm(collection: &Collection) -> Result<&serde_json::Value> {
    collection.umm().ok_or_else(|| Error::refused("the collection comes from STAC, and has no UMM", "print it with `--format stac`"))
}

/// How many granules there are, and the newest of them.
async fn example(service: &SearchService, facts: &CollectionFacts, environment: &Environment) -> Result<(Option<u64>, Option<Example>)> {
    let mut query = GranuleQuery::new().collections(facts.concept_id.as_deref().unwrap_or(&facts.id)).limit(1);
    if matches!(service, SearchService::Cmr(_)) {
        query = query.sort("-start_date");
    } else {
        query.collections = vec![eocube::query::CollectionId::Name(facts.id.clone())];
    }
    let options = SearchOptions { page_size: Some(1), prefetch_pages: 0, ..SearchOptions::default() };
    let mut found = search::search(service, &Asked { query, ..Asked::default() }, &options, environment).await?;
    let granules = found.matched.count().await?;
    let example = match found.records.try_next().await? {
        Some(record) => {
            let facts = record.facts()?;
            Some(Example { id: facts.id, start: facts.start, files: facts.files })
        }
        None => None,
    };
    Ok((granules, example))
}

/// What a collection is. The keys are stable.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    facts: CollectionFacts,
    /// How many granules there are, where the service says so.
    granules: Option<u64>,
    /// One granule.
    example: Option<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    id: String,
    start: Option<String>,
    files: Vec<FileFacts>,
}

/// `2013-04/now`, `2002-06/2011-10`, or the whole dates where these are the same.
pub(crate) fn years(facts: &CollectionFacts) -> String {
    let month = |t: &Option<String>| t.as_deref().map(|t| t.chars().take(7).collect::<String>());
    match (month(&facts.start), month(&facts.end)) {
        (None, None) => String::new(),
        (start, None) => format!("{}/now", start.unwrap_or_default()),
        (start, Some(end)) => format!("{}/{end}", start.unwrap_or_default()),
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.facts;
        write!(f, "{}", facts.id)?;
        if let Some(title) = &facts.title {
            write!(f, "\n  {title}")?;
        }
        if let Some(text) = &facts.description {
            write!(f, "\n\n{}\n", paragraph(text))?;
        }
        let date = |t: &Option<String>| t.as_deref().map_or("now".to_owned(), |t| t.chars().take(10).collect());
        let list = |all: &[String]| (!all.is_empty()).then(|| all.join(", "));
        let direct = facts.direct.as_ref();
        let rows: Vec<[String; 2]> = [
            ("concept id", facts.concept_id.clone()),
            ("provider", facts.provider.clone()),
            ("DOI", facts.doi.as_ref().map(|d| format!("https://doi.org/{d}"))),
            ("time", facts.start.as_ref().map(|_| format!("{} to {}", date(&facts.start), date(&facts.end)))),
            ("box", facts.bbox.map(|b| Extent::from(b).to_string())),
            ("platforms", list(&facts.platforms)),
            ("instruments", list(&facts.instruments)),
            ("level", facts.level.clone()),
            ("formats", list(&facts.formats)),
            ("licence", facts.license.clone()),
            ("granules", self.granules.map(units::count)),
            ("region", direct.and_then(|d| d.region.clone())),
            ("buckets", direct.and_then(|d| list(&d.prefixes))),
            ("S3 keys", direct.and_then(|d| d.credentials_endpoint.clone())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some([name.to_owned(), value?]))
        .collect();
        write!(f, "\n{}", units::table(&rows).trim_end_matches('\n'))?;
        if !facts.assets.is_empty() {
            let rows: Vec<[String; 2]> = facts.assets.iter().map(|(key, title)| [key.clone(), title.clone()]).collect();
            write!(f, "\n\nassets\n{}", units::table(&rows).trim_end_matches('\n'))?;
        }
        if let Some(example) = &self.example {
            let (files, links): (Vec<_>, Vec<_>) = example.files.iter().partition(|f| is_file(f));
            write!(f, "\n\n{} of {}", several(files.len() as u64, "file"), example.id)?;
            let rows: Vec<[String; 4]> = files.into_iter().map(file).collect();
            write!(f, "\n{}", units::table(&rows).trim_end_matches('\n'))?;
            if !links.is_empty() {
                write!(f, "\nlinks: {}", links.iter().map(|l| l.key.as_str()).collect::<Vec<_>>().join(", "))?;
            }
        }
        Ok(())
    }
}

/// Whether it is a file of the granule, as against the address of a service or of a page about it.
fn is_file(file: &FileFacts) -> bool {
    !file.roles.iter().any(|role| role == "service" || role == "documentation")
}

fn file(file: &FileFacts) -> [String; 4] {
    let direct = if file.s3.is_some() { "s3" } else { "" };
    [
        file.key.clone(),
        file.roles.join(", "),
        file.media_type.clone().unwrap_or_default(),
        [file.size.map(units::bytes).unwrap_or_default(), direct.to_owned()].join(" "),
    ]
}

/// A text in lines of the width of a page, the first few of them.
fn paragraph(text: &str) -> String {
    const WIDTH: usize = 96;
    const LINES: usize = 8;
    let mut lines = vec![String::from(" ")];
    for word in text.split_whitespace() {
        let line = lines.len() - 1;
        if lines[line].chars().count() + word.chars().count() + 1 > WIDTH {
            lines.push(format!("  {word}"));
        } else {
            lines[line].push_str(&format!(" {word}"));
        }
    }
    let more = lines.len() > LINES;
    lines.truncate(LINES);
    if more && let Some(last) = lines.last_mut() {
        last.push_str(" …");
    }
    lines.join("\n")
}
