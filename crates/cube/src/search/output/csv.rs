//! CSV (RFC 4180).

use serde_json::Value;

use super::{
    Writer,
    fields::{FACTS, Fields},
};
use crate::{Result, search::Record};

/// Columns beside the facts.
const OWN: [&str; 5] = ["west", "south", "east", "north", "href"];

#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<String>,
    fields: Fields,
}

impl Rows {
    pub(super) fn new(given: &[String]) -> Self {
        let columns = if given.is_empty() { FACTS.iter().chain(&OWN).map(|name| (*name).to_owned()).collect() } else { given.to_vec() };
        Self { columns, fields: Fields::new(given, &OWN) }
    }
}

impl Writer for Rows {
    fn begin(&mut self, out: &mut Vec<u8>) {
        row(self.columns.iter().map(|f| Value::from(f.as_str())), out);
    }

    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let found = self.fields.of(record)?;
        let corners = corners(record)?;
        let files = record.facts()?.files;
        let values = self.columns.iter().map(|name| match name.as_str() {
            "west" => corners[0].clone(),
            "south" => corners[1].clone(),
            "east" => corners[2].clone(),
            "north" => corners[3].clone(),
            "href" => files.iter().find(|f| f.is_data()).map_or(Value::Null, |f| f.href.as_str().into()),
            name => found.get(name).cloned().unwrap_or(Value::Null),
        });
        row(values, out);
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) {
        self.fields.tell();
    }
}

/// West, south, east, north.
fn corners(record: &Record) -> Result<[Value; 4]> {
    let bbox = record.item()?.get("bbox").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(match &bbox[..] {
        [w, s, e, n] | [w, s, _, e, n, _] => [w, s, e, n].map(Clone::clone),
        _ => [const { Value::Null }; 4],
    })
}

fn row(values: impl Iterator<Item = Value>, out: &mut Vec<u8>) {
    let start = out.len();
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        if text.contains(['"', ',', '\n', '\r']) {
            out.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
    // Readers skip a line on which nothing stands.
    if out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
    out.extend_from_slice(b"\r\n");
}
