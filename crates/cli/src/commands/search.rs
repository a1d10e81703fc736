use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eocube::{
    Environment, Error, Result,
    query::{Change, CmrParameters, Effect, GranuleQuery, Service},
    search::{self, Asked, Found, OutputFormat, SearchOptions, SearchService, StacVersion, WriteOptions},
};

use crate::{
    access::AccessFlags,
    asked::{AssetFlags, PagingFlags, QueryFlags, ServiceFlags},
    collections::{by_their_names, tell_unknown},
    exit::Exit,
    printer::Printer,
    results,
};

const CMR: &str = "cube search --cmr -c HLSL30.v2.0 --toi 2024-06";
const STAC: &str = "cube search --stac https://earth-search.aws.element84.com/v1 -c sentinel-2-l2a --toi 2024-06";

const EXAMPLES: &str = "\
Examples:
  # Landsat and Sentinel-2 over one valley in June, hardly cloudy
  cube search --cmr -c HLSL30.v2.0,HLSS30.v2.0 --roi 10.9,46.6,11.1,46.75 --toi 2024-06 \\
      --cloud-cover 0,20
  # How many granules there are
  cube search --cmr -c ATL08 --name 'ATL08_202406*' --toi 2024-06 --count
  # A STAC API, with a condition in CQL2, as a file for geopandas
  cube search --stac https://earth-search.aws.element84.com/v1 -c sentinel-2-l2a \\
      --roi valley.gpkg --toi 2024-06/2024-08 --filter 'eo:cloud_cover < 20' --out valley.parquet
  # Addresses of files, to be virtualized
  cube search --cmr -c MUR-JPL-L4-GLOB-v4.1 --toi 2024-06 --format urls > urls.txt
  # The query alone, in the words of each service
  cube search -c HLSL30.v2.0 --roi 10.9,46.6,11.1,46.75 --toi 2024-06 --to-cmr
  cube search -c HLSL30.v2.0 --roi 10.9,46.6,11.1,46.75 --toi 2024-06 --to-stac > search.json

Results appear as they come, page by page. `cube validate` names what is wrong with a query.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    query: QueryFlags,
    #[command(flatten)]
    assets: AssetFlags,
    #[command(flatten)]
    pub(crate) access: AccessFlags,
    #[command(flatten)]
    paging: PagingFlags,
    /// Form of the results [default: by the name of --out, else table].
    #[arg(long, short = 'f', value_name = "FORM", help_heading = "Results")]
    format: Option<Format>,
    /// Write to this file instead of the terminal.
    #[arg(long, short = 'o', value_name = "FILE", help_heading = "Results")]
    out: Option<PathBuf>,
    /// Columns of CSV, properties of GeoJSON: facts, properties, or paths such as assets.B04.href; with commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Results")]
    fields: Vec<String>,
    /// Version of the STAC that granules of CMR become.
    #[arg(long, value_name = "VERSION", default_value = "1.1.0", help_heading = "Results")]
    stac_version: Stac,
    /// Print the number of results alone.
    #[arg(long, conflicts_with_all = ["format", "out", "fields"], help_heading = "Results")]
    count: bool,
    /// Print the query as CMR's address instead of asking; with --json as names and values. Collections named in different ways are several.
    #[arg(long, conflicts_with_all = ["to_stac", "count", "format", "out", "fields"], help_heading = "Results")]
    to_cmr: bool,
    /// Print the query as the named arguments of pystac-client's `Client.search` instead of asking.
    #[arg(long, conflicts_with_all = ["count", "format", "out", "fields"], help_heading = "Results")]
    to_stac: bool,
}

impl Arguments {
    fn options(&self, service: &SearchService) -> Result<SearchOptions> {
        Ok(SearchOptions { stac_version: self.stac_version.into(), ..self.paging.options(service)? })
    }

    async fn asked(&self, environment: &Environment) -> Result<Asked> {
        Ok(Asked { assets: self.assets.filter()?, ..self.query.understand(environment).await? })
    }
}

/// Versions of STAC that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stac {
    #[value(name = "1.1.0", alias = "1.1")]
    V1_1,
    #[value(name = "1.0.0", alias = "1.0")]
    V1_0,
}

impl From<Stac> for StacVersion {
    fn from(version: Stac) -> Self {
        match version {
            Stac::V1_1 => Self::V1_1,
            Stac::V1_0 => Self::V1_0,
        }
    }
}

/// Forms of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    Table,
    /// A list of facts.
    Json,
    /// Facts, one record a line.
    Ndjson,
    /// Records as CMR wrote them.
    Umm,
    /// A STAC ItemCollection.
    Stac,
    /// STAC items, one a line.
    Items,
    /// Outlines with --fields as properties.
    Geojson,
    /// stac-geoparquet (with --out).
    Parquet,
    /// For spreadsheets.
    Csv,
    /// Addresses of data files.
    Urls,
}

impl Format {
    /// What the name of a file means.
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        Ok(match ending.as_str() {
            "parquet" | "geoparquet" => Self::Parquet,
            "geojson" => Self::Geojson,
            "json" => Self::Stac,
            "ndjson" | "jsonl" => Self::Items,
            "csv" => Self::Csv,
            "txt" => Self::Urls,
            _ => {
                let message = format!("`{}` does not say which form the results are to have", path.display());
                return Err(Error::refused(message, "add --format, or end the name in .parquet, .json, .ndjson, .geojson, .csv or .txt"));
            }
        })
    }
}

pub(crate) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    if arguments.to_cmr || arguments.to_stac {
        return print_query(arguments, &arguments.asked(environment).await?, environment, printer);
    }
    let service = arguments.service.required(environment, CMR, STAC)?;
    let options = arguments.options(&service)?;
    let asked = arguments.asked(environment).await?;
    if arguments.query.is_empty() && matches!(service, SearchService::Cmr(_)) {
        return Err(Error::refused("nothing is asked for", "name a collection with -c, a region with --roi, a time with --toi, or a --query file"));
    }
    if arguments.count {
        let asked = by_their_names(&service, asked, environment, printer).await?;
        let (count, changes) = search::count(&service, &asked, &options, environment).await?;
        report(&changes, printer);
        printer.answer(&results::Count { count });
        tell_unknown(&service, &asked, count > 0, environment, printer).await;
        return Ok(Exit::Done);
    }
    let format = match (arguments.format, &arguments.out) {
        (Some(format), _) => format,
        (None, Some(path)) => Format::of(path)?,
        (None, None) if printer.is_json() => Format::Json,
        (None, None) => Format::Table,
    };
    if format == Format::Umm && matches!(service, SearchService::Stac(_)) {
        return Err(Error::refused(
            "UMM is what CMR writes, and a STAC service was asked",
            "take --format stac; `cube convert --to umm` makes UMM of items",
        ));
    }
    if !arguments.fields.is_empty() && !matches!(format, Format::Csv | Format::Geojson) {
        return Err(Error::refused("`--fields` chooses columns of CSV and properties of GeoJSON alone", "add --format csv or --format geojson"));
    }
    if format == Format::Parquet && arguments.out.is_none() {
        return Err(Error::refused("a parquet file is not for the terminal", "add --out NAME.parquet"));
    }
    let asked = by_their_names(&service, asked, environment, printer).await?;
    let found = search::search(&service, &asked, &options, environment).await?;
    report(&found.changes, printer);
    let is_found = write(found, format, &asked, arguments, environment, printer).await?;
    if !is_found {
        printer.say("nothing was found");
    }
    tell_unknown(&service, &asked, is_found, environment, printer).await;
    Ok(Exit::Done)
}

/// Writes what was found, and answers whether that was anything.
async fn write(found: Found, format: Format, asked: &Asked, arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<bool> {
    let counts = !found.is_filtered && matches!(format, Format::Umm | Format::Stac);
    let matched = if counts { found.matched.count().await? } else { None };
    let options = WriteOptions { fields: arguments.fields.clone(), matched, routed: arguments.access.access.is_some() };
    let form = match format {
        Format::Parquet => {
            let path = arguments.out.clone().unwrap_or_default();
            let wrote = search::write_parquet(found.records, &path).await?;
            printer.summary(&results::WrittenFile::new(&path, wrote.records));
            return Ok(wrote.records > 0);
        }
        Format::Table => return results::table(found, asked.limit(), printer).await,
        Format::Json => OutputFormat::Json,
        Format::Ndjson => OutputFormat::Ndjson,
        Format::Umm => OutputFormat::Umm,
        Format::Stac => OutputFormat::Stac,
        Format::Items => OutputFormat::Items,
        Format::Geojson => OutputFormat::GeoJson,
        Format::Csv => OutputFormat::Csv,
        Format::Urls => OutputFormat::Urls,
    };
    results::write(found.records, form, &options, environment, arguments.out.as_deref(), printer).await
}

/// The query in a service's words, for other programs.
fn print_query(arguments: &Arguments, asked: &Asked, environment: &Environment, printer: &Printer) -> Result<Exit> {
    if arguments.to_stac {
        let search = asked.for_stac(Service::Stac)?;
        report(&search.changes, printer);
        printer.document(&search.value.keywords());
        return Ok(Exit::Done);
    }
    let query = asked.for_cmr()?;
    report(&query.changes, printer);
    let parts = query.value.split_for_cmr().iter().map(GranuleQuery::to_cmr).collect::<std::result::Result<Vec<_>, _>>()?;
    // All parts are alike, but for the collections.
    parts.first().inspect(|part| report(&part.changes, printer));
    let parts: Vec<CmrParameters> = parts.into_iter().map(|part| part.value).collect();
    match parts.as_slice() {
        [one] if printer.is_json() => printer.document(one),
        several if printer.is_json() => printer.document(&several),
        _ => {
            let root = arguments.service.cmr_root(environment);
            parts.iter().for_each(|part| printer.raw(&format!("{root}/search/granules.umm_json?{}", part.to_query_string())));
        }
    }
    Ok(Exit::Done)
}

/// Says what a service was told otherwise, or not at all.
pub(crate) fn report(changes: &[Change], printer: &Printer) {
    for change in changes {
        match change.effect {
            Effect::Rewritten if change.field == "region" => printer.say(format_args!("region of {}: {}", change.value, change.reason)),
            // CMR pays no heed to case in names; who asks STAC does not expect that.
            Effect::Narrowed if matches!(change.field.as_str(), "granule_name" | "granule_ur") => printer.detail(change),
            Effect::Dropped | Effect::Widened | Effect::Narrowed => {
                printer.warn(change);
                if let Some(hint) = &change.hint {
                    printer.line(format_args!("{} {hint}", printer.paint.cyan("hint:")));
                }
            }
            Effect::Rewritten | Effect::Local => printer.detail(change),
        }
    }
}
