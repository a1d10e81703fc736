//! Results of a search on their way to the terminal or a file.

use std::{fmt, io, path::Path};

use eocube::{
    Environment, Result,
    search::{Found, OutputFormat, RecordStream, WriteOptions, write_file},
};
use futures::StreamExt;
use serde::Serialize;

use crate::{
    printer::Printer,
    table::{Column, Table},
    units::{self, several},
};

/// Rows that columns are made wide enough for: those of the first page.
const FIRST: usize = 1000;

/// Writes results in a form, to a file or to stdout. Answers whether there were any.
pub(crate) async fn write(
    records: RecordStream,
    form: OutputFormat,
    options: &WriteOptions,
    environment: &Environment,
    out: Option<&Path>,
    printer: &Printer,
) -> Result<bool> {
    let Some(path) = out else {
        let wrote = eocube::search::write(records, form, options, environment, &mut io::stdout()).await?;
        return Ok(wrote.records > 0 || wrote.is_cut);
    };
    let wrote = write_file(records, form, options, environment, path).await?;
    printer.summary(&WrittenFile::new(path, wrote.records));
    Ok(wrote.records > 0)
}

/// The number of results.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    pub(crate) count: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)
    }
}

/// A file that was written. The keys are stable.
#[derive(Debug, Serialize)]
pub(crate) struct WrittenFile {
    path: String,
    records: u64,
    bytes: u64,
}

impl WrittenFile {
    pub(crate) fn new(path: &Path, records: u64) -> Self {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        Self { path: path.display().to_string(), records, bytes }
    }
}

impl fmt::Display for WrittenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrote {}: {}, {}", self.path, several(self.records, "record"), units::bytes(self.bytes))
    }
}

/// Shows results as columns, as they come, and says on stderr how many there are. Answers whether there were any.
pub(crate) async fn table(found: Found, limit: Option<u64>, printer: &Printer) -> Result<bool> {
    let mut pages = found.records.ready_chunks(FIRST);
    let (mut table, mut shown) = (None::<Table>, 0);
    while let Some(page) = pages.next().await {
        let mut failed = None;
        let mut rows = Vec::with_capacity(page.len());
        for record in page {
            match record.and_then(|r| r.facts()) {
                Err(e) => {
                    failed = Some(e);
                    break;
                }
                Ok(facts) => rows.push(row(&facts)),
            }
        }
        shown += rows.len() as u64;
        let goes_on = match &mut table {
            Some(table) => table.rows(&rows),
            None if rows.is_empty() => true,
            None => {
                let made = table.insert(Table::new(columns(), &rows));
                made.head(printer.paint.0) && made.rows(&rows)
            }
        };
        if let Some(error) = failed {
            return Err(error);
        }
        if !goes_on {
            return Ok(shown > 0);
        }
    }
    // Whether there are more is asked only where there may be.
    let matched = if limit == Some(shown) && !found.is_filtered { found.matched.count().await? } else { None };
    match (shown, matched) {
        (0, _) => {}
        (n, Some(all)) if all > n => printer.say(format_args!("{} of {}", several(n, "record"), units::count(all))),
        (n, _) => printer.say(several(n, "record")),
    }
    Ok(shown > 0)
}

fn columns() -> Vec<Column> {
    vec![
        Column::shrinks("name"),
        Column::left("time"),
        Column::right("cloud"),
        Column::right("size"),
        Column::right("files"),
        Column::optional("collection"),
    ]
}

fn row(facts: &eocube::search::Facts) -> Vec<String> {
    vec![
        facts.id.clone(),
        time(facts.start.as_deref(), facts.end.as_deref()),
        facts.cloud_cover.map_or_else(String::new, |c| format!("{c:.0} %")),
        facts.size.map_or_else(String::new, units::bytes),
        facts.files.iter().filter(|f| f.is_data()).count().to_string(),
        facts.collection.clone().unwrap_or_default(),
    ]
}

/// Short: `2024-06-18 10:12:31`, `2024-06-18 10:12–10:14`, `2024-06-18`, `2024-06-18/2024-06-25`.
fn time(start: Option<&str>, end: Option<&str>) -> String {
    let split = |text: &str| -> (String, String) {
        let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, ""));
        (date.to_owned(), clock.trim_end_matches('Z').split(['.', '+']).next().unwrap_or_default().to_owned())
    };
    let minutes = |clock: &str| clock.chars().take(5).collect::<String>();
    match (start.map(split), end.map(split)) {
        (None, None) => String::new(),
        (Some((date, clock)), None) | (None, Some((date, clock))) => format!("{date} {clock}").trim_end().to_owned(),
        (Some(a), Some(b)) if a == b => format!("{} {}", a.0, a.1).trim_end().to_owned(),
        (Some(a), Some(b)) if a.0 == b.0 && a.1 == "00:00:00" && b.1.starts_with("23:59") => a.0,
        (Some(a), Some(b)) if a.0 == b.0 && minutes(&a.1) == minutes(&b.1) => format!("{} {}", a.0, a.1),
        (Some(a), Some(b)) if a.0 == b.0 => format!("{} {}–{}", a.0, minutes(&a.1), minutes(&b.1)),
        (Some(a), Some(b)) => format!("{}/{}", a.0, b.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (start, end, short) in [
            ("2024-06-18T10:12:31Z", "2024-06-18T10:12:31Z", "2024-06-18 10:12:31"),
            ("2024-06-18T10:12:31.123Z", "2024-06-18T10:12:55Z", "2024-06-18 10:12:31"),
            ("2024-06-18T10:12:31Z", "2024-06-18T10:14:02Z", "2024-06-18 10:12–10:14"),
            ("2024-06-18T00:00:00Z", "2024-06-18T23:59:59Z", "2024-06-18"),
            ("2024-06-18T00:00:00Z", "2024-06-25T23:59:59Z", "2024-06-18/2024-06-25"),
        ] {
            assert_eq!(time(Some(start), Some(end)), short);
        }
    }
}
