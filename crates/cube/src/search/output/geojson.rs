//! GeoJSON (RFC 7946): outlines with a few properties.

use serde_json::{Value, json};

use super::{Writer, fields::Fields};
use crate::{Error, Result, search::Record};

#[derive(Debug)]
pub(super) struct Features {
    fields: Fields,
    is_first: bool,
}

impl Features {
    pub(super) fn new(fields: &[String]) -> Self {
        Self { fields: Fields::new(fields, &[]), is_first: true }
    }
}

impl Writer for Features {
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\": \"FeatureCollection\", \"features\": [");
    }

    fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let item = record.item()?;
        let feature = json!({
            "type": "Feature",
            "id": record.id()?,
            "geometry": item.get("geometry").unwrap_or(&Value::Null),
            "properties": self.fields.of(record)?,
        });
        out.extend_from_slice(if self.is_first { b"\n" } else { b",\n" });
        self.is_first = false;
        serde_json::to_writer(out, &feature).map_err(|e| Error::failed("a record cannot be written as GeoJSON", e))
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_first { b"]}\n" } else { b"\n]}\n" });
        self.fields.tell();
    }
}
