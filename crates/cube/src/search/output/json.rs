//! JSON: documents and lines.

use cube_metadata::Raw;

use super::Writer;
use crate::{Error, Result, search::Record};

/// What of a record is written.
#[derive(Debug, Clone, Copy)]
enum Part {
    Facts,
    Umm,
    Item,
}

impl Part {
    fn write(self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let failed = |e| Error::failed("a record cannot be written as JSON", e);
        match self {
            Self::Facts => serde_json::to_writer(out, &record.facts()?).map_err(failed),
            Self::Umm => match record.umm() {
                Some(umm) => {
                    let checked = Raw::parse(umm).map_err(|e| Error::failed("a record of CMR is no JSON", e))?;
                    out.extend_from_slice(checked.as_str().as_bytes());
                    Ok(())
                }
                None => Err(Error::refused("the results come from STAC, and have no UMM", "write them as `stac`, or search with --cmr")),
            },
            Self::Item => record.write_item(out),
        }
    }
}

/// One JSON document, a record a line.
#[derive(Debug)]
pub(super) struct Document {
    part: Part,
    before: String,
    after: String,
    records: u64,
}

impl Document {
    pub(super) fn facts() -> Self {
        Self { part: Part::Facts, before: "[".into(), after: "]".into(), records: 0 }
    }

    pub(super) fn umm(matched: Option<u64>) -> Self {
        let hits = matched.map_or_else(String::new, |n| format!("\"hits\": {n}, "));
        Self { part: Part::Umm, before: format!("{{{hits}\"items\": ["), after: "]}".into(), records: 0 }
    }

    pub(super) fn items(matched: Option<u64>) -> Self {
        let matched = matched.map_or_else(String::new, |n| format!("\"numberMatched\": {n}, "));
        let before = format!("{{\"type\": \"FeatureCollection\", {matched}\"features\": [");
        Self { part: Part::Item, before, after: "]}".into(), records: 0 }
    }
}

impl Writer for Document {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
    }

    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(if self.records == 0 { b"\n" } else { b",\n" });
        let written = self.part.write(record, out);
        match written {
            Ok(()) => self.records += 1,
            Err(_) => out.truncate(start),
        }
        written
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.records > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(self.after.as_bytes());
        out.push(b'\n');
    }
}

/// A record a line.
#[derive(Debug)]
pub(super) enum Lines {
    Facts,
    Items,
}

impl Writer for Lines {
    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Facts => Part::Facts.write(record, out)?,
            Self::Items => Part::Item.write(record, out)?,
        }
        out.push(b'\n');
        Ok(())
    }
}
