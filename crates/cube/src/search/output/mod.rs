//! Writing results, as they come, in the forms that other programs read.

mod csv;
mod fields;
mod geojson;
mod json;
mod parquet;
mod urls;

use std::{
    io::{self, ErrorKind, Write},
    path::Path,
};

use futures::StreamExt;

use super::{Record, RecordStream};
use crate::{Environment, Error, Result, WholeFile};

pub use parquet::write_parquet;

/// Records that are written before the reader sees them, at most: enough for a page of the terminal, and some hundreds of kilobytes in memory.
const AT_ONCE: usize = 64;

/// A form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// A list of facts.
    Json,
    /// Facts, one record a line.
    Ndjson,
    /// Records as CMR wrote them, in an object `{"hits": …, "items": […]}` as CMR's own answer is one.
    Umm,
    /// A STAC ItemCollection.
    Stac,
    /// STAC items, one a line.
    Items,
    /// A GeoJSON FeatureCollection with the facts as properties, or those that are asked for.
    GeoJson,
    /// A table of facts for spreadsheets.
    Csv,
    /// Addresses of data files, one a line.
    Urls,
}

/// How results are written.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Properties of GeoJSON features and columns of CSV, by name: facts, properties of the item, or paths with dots [default: the facts].
    /// Of a name that no record has, a warning says so.
    pub fields: Vec<String>,
    /// How many there are in all, where that is known.
    pub matched: Option<u64>,
    /// Whether addresses are chosen as the access says (which may ask for keys, and try them); else they are those over HTTP.
    pub routed: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wrote {
    /// Records.
    pub records: u64,
    /// The reader has had enough before the end.
    pub is_cut: bool,
}

/// Writes records as they come, and lets the reader see each page when it is there.
///
/// # Errors
/// An error among the records, after those before it were written; a place that cannot be written to. A reader that hangs up is no error.
pub async fn write(
    records: RecordStream,
    format: OutputFormat,
    options: &WriteOptions,
    environment: &Environment,
    out: &mut (dyn Write + Send),
) -> Result<Wrote> {
    let mut records = if format == OutputFormat::Urls && options.routed { urls::routed(records, environment.access()) } else { records };
    let mut writer = writer(format, options);
    let mut wrote = Wrote::default();
    let cut = |result: io::Result<()>| match result {
        Ok(()) => Ok(false),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(true),
        Err(e) => Err(Error::failed("the results cannot be written", e)),
    };
    let mut buffer = Vec::with_capacity(1 << 16);
    writer.begin(&mut buffer);
    let mut chunks = (&mut records).ready_chunks(AT_ONCE);
    while let Some(chunk) = chunks.next().await {
        for record in chunk {
            match record.and_then(|record| writer.add(&record, &mut buffer)) {
                Ok(()) => wrote.records += 1,
                Err(error) => {
                    cut(out.write_all(&buffer).and_then(|()| out.flush()))?;
                    return Err(error);
                }
            }
        }
        if cut(out.write_all(&buffer).and_then(|()| out.flush()))? {
            return Ok(Wrote { is_cut: true, ..wrote });
        }
        buffer.clear();
    }
    writer.end(&mut buffer);
    wrote.is_cut = cut(out.write_all(&buffer).and_then(|()| out.flush()))?;
    Ok(wrote)
}

/// Writes records to a file, which appears when it is whole.
///
/// # Errors
/// As [`write()`]; then there is no file.
pub async fn write_file(
    records: RecordStream,
    format: OutputFormat,
    options: &WriteOptions,
    environment: &Environment,
    path: &Path,
) -> Result<Wrote> {
    let mut out = WholeFile::create(path)?;
    let wrote = write(records, format, options, environment, &mut out).await?;
    out.finish()?;
    Ok(wrote)
}

/// A form: what comes before, for each record, and after all. Memory is written to, so nothing but a record can fail.
trait Writer: Send {
    fn begin(&mut self, _out: &mut Vec<u8>) {}
    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()>;
    fn end(&mut self, _out: &mut Vec<u8>) {}
}

fn writer(format: OutputFormat, options: &WriteOptions) -> Box<dyn Writer> {
    match format {
        OutputFormat::Json => Box::new(json::Document::facts()),
        OutputFormat::Ndjson => Box::new(json::Lines::Facts),
        OutputFormat::Umm => Box::new(json::Document::umm(options.matched)),
        OutputFormat::Stac => Box::new(json::Document::items(options.matched)),
        OutputFormat::Items => Box::new(json::Lines::Items),
        OutputFormat::GeoJson => Box::new(geojson::Features::new(&options.fields)),
        OutputFormat::Csv => Box::new(csv::Rows::new(&options.fields)),
        OutputFormat::Urls => Box::new(urls::Urls),
    }
}
