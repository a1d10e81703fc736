//! Records from one form to the other: UMM of CMR, and STAC.

use std::{borrow::Cow, collections::HashMap, io::Read};

use cube_metadata::{
    Converted, Raw, RecordReader, Report, StacVersion,
    convert::{self as c, Options},
    umm,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// How granules of CMR become STAC items.
#[derive(Debug, Default)]
pub struct AsStac {
    /// The version of STAC.
    pub version: StacVersion,
    /// Ids in STAC of collections whose granules name them by title alone, by concept id.
    pub collections: HashMap<String, String>,
}

impl AsStac {
    fn options(&self, granule: &umm::Granule<'_>) -> Options<'_> {
        let collection = granule.collection_concept_id().and_then(|id| self.collections.get(id)).map(String::as_str);
        Options { stac_version: self.version, collection, ..Options::default() }
    }

    /// Writes a granule (`meta` and `umm`) as an item.
    pub(super) fn write_item(&self, json: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let granule = umm::Granule::parse(json)?;
        c::write_item(&granule, &self.options(&granule), out)?;
        Ok(())
    }

    /// Writes what is asked most often of the item that a granule becomes.
    pub(super) fn write_summary(&self, granule: &umm::Granule<'_>, out: &mut Vec<u8>) -> Result<()> {
        Ok(c::write_summary(granule, &self.options(granule), out)?)
    }

    /// A granule (`meta` and `umm`) as an item.
    pub(super) fn item(&self, json: &[u8]) -> Result<Map<String, Value>> {
        let mut out = Vec::with_capacity(2 * json.len());
        self.write_item(json, &mut out)?;
        serde_json::from_slice(&out).map_err(|e| Error::failed("a record could not be turned into a STAC item", e))
    }
}

/// A collection of CMR (`meta` and `umm`) as a STAC Collection.
pub(super) fn collection_to_stac(record: &Value) -> Result<Map<String, Value>> {
    match c::collection_to_stac(record, &Options::default())?.value {
        Value::Object(collection) => Ok(collection),
        _ => Err(Error::refused("the record is no collection", "give a UMM-C record")),
    }
}

fn options(version: StacVersion) -> Options<'static> {
    Options { stac_version: version, ..Options::default() }
}

/// The form that records are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvertTo {
    /// STAC Items and Collections.
    Stac(StacVersion),
    /// UMM-G and UMM-C.
    Umm,
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// UMM-G.
    Granule,
    /// UMM-C.
    CollectionRecord,
    /// A STAC Item.
    Item,
    /// A STAC Collection.
    Collection,
}

impl RecordKind {
    /// What a JSON object is; `None` for what is no record.
    pub fn of(record: &Value) -> Option<Self> {
        let kind = record.get("type").and_then(Value::as_str);
        let umm = record.get("umm").unwrap_or(record);
        match kind {
            Some("Collection") => Some(Self::Collection),
            Some("Feature") => Some(Self::Item),
            _ if umm.get("GranuleUR").is_some() => Some(Self::Granule),
            _ if umm.get("ShortName").is_some() && (umm.get("EntryTitle").is_some() || umm.get("Version").is_some()) => Some(Self::CollectionRecord),
            // Collections of STAC before 1.0 name no type.
            _ if record.get("extent").is_some() && record.get("id").is_some() => Some(Self::Collection),
            _ => None,
        }
    }

    /// Whether it is of a granule, rather than of a collection.
    pub fn is_granule(self) -> bool {
        matches!(self, Self::Granule | Self::Item)
    }

    fn is_stac(self) -> bool {
        matches!(self, Self::Item | Self::Collection)
    }
}

/// A record in the form that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedRecord<'c> {
    /// What it was.
    pub kind: RecordKind,
    /// The record, JSON without line breaks.
    pub json: Cow<'c, [u8]>,
    /// What is not as it was.
    pub report: Report,
    /// It was of the form that was asked for, and is as it was.
    pub is_same: bool,
}

/// Turns the records of a document into a form and hands each on: one record, a list of them, an answer of CMR (`items`), an ItemCollection (`features`), a
/// list of collections, or one record a line. Memory holds a few megabytes of them, however many there are.
///
/// `each` is given what became of every record, and its own errors end the work.
///
/// # Errors
/// Those of the input; a document that is not JSON; those of `each`.
pub fn convert_records(input: impl Read, to: ConvertTo, mut each: impl FnMut(Result<ConvertedRecord<'_>>) -> Result<()>) -> Result<()> {
    let mut reader = RecordReader::new(input);
    let mut item = Vec::new();
    while let Some(mut block) = reader.next_block().map_err(|e| Error::failed("the records cannot be read", e))? {
        match to {
            ConvertTo::Stac(version) => {
                while let Some(record) = block.granule() {
                    item.clear();
                    each(match record? {
                        Ok(granule) => granule_to_stac(&granule, version, &mut item),
                        Err(raw) => convert_record(raw, to),
                    })?;
                }
            }
            ConvertTo::Umm => {
                while let Some(record) = block.raw() {
                    each(convert_record(record?, to))?;
                }
            }
        }
    }
    Ok(())
}

fn granule_to_stac<'c>(granule: &umm::Granule<'_>, version: StacVersion, item: &'c mut Vec<u8>) -> Result<ConvertedRecord<'c>> {
    let report = c::write_item(granule, &options(version), item)?;
    Ok(ConvertedRecord { kind: RecordKind::Granule, json: Cow::Borrowed(item), report, is_same: false })
}

fn convert_record(raw: Raw<'_>, to: ConvertTo) -> Result<ConvertedRecord<'_>> {
    let record = raw.to_value();
    let kind = RecordKind::of(&record).ok_or_else(|| {
        Error::refused("this is no record", "give UMM-G or UMM-C of CMR, alone or as `umm_json` answers it, or a STAC Item or Collection")
    })?;
    let is_same = kind.is_stac() == matches!(to, ConvertTo::Stac(_));
    let converted = match (kind, to) {
        _ if is_same => Converted { value: record, report: Report::default() },
        (RecordKind::Granule, ConvertTo::Stac(version)) => c::granule_to_item(&record, &options(version))?,
        (RecordKind::CollectionRecord, ConvertTo::Stac(version)) => c::collection_to_stac(&record, &options(version))?,
        (RecordKind::Collection, _) => c::stac_to_collection(&record)?,
        _ => c::item_to_granule(&record)?,
    };
    Ok(ConvertedRecord { kind, json: Cow::Owned(converted.value.to_string().into()), report: converted.report, is_same })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(document: &str) -> Vec<Option<RecordKind>> {
        let mut found = Vec::new();
        let to = ConvertTo::Stac(StacVersion::default());
        convert_records(document.as_bytes(), to, |record| {
            found.push(record.ok().map(|r| r.kind));
            Ok(())
        })
        .expect("records");
        found
    }

    #[test]
    fn records_are_found_in_documents() {
        let granule = json!({"meta": {}, "umm": {"GranuleUR": "G", "TemporalExtent": {"SingleDateTime": "2024-06-01T00:00:00Z"}}});
        let item = json!({"type": "Feature", "id": "a"});
        let collection = json!([{"umm": {"ShortName": "A", "Version": "1"}}]);
        let (is_granule, is_item) = (Some(RecordKind::Granule), Some(RecordKind::Item));
        for (document, expected) in [
            (granule.to_string(), vec![is_granule]),
            (json!({"hits": 2, "took": 1, "items": [granule, granule]}).to_string(), vec![is_granule; 2]),
            (json!({"type": "FeatureCollection", "features": [item]}).to_string(), vec![is_item]),
            (format!("{item}\n{granule}\n"), vec![is_item, is_granule]),
            (collection.to_string(), vec![Some(RecordKind::CollectionRecord)]),
            (json!({"collections": [{"type": "Collection", "id": "c"}]}).to_string(), vec![Some(RecordKind::Collection)]),
            (format!("[{item}, 7, {item}]"), vec![is_item, None, is_item]),
        ] {
            assert_eq!(kinds(&document), expected, "{document}");
        }
        assert!(convert_records(&b"{oops"[..], ConvertTo::Umm, |_| Ok(())).is_err());
    }

    #[test]
    fn an_error_of_the_caller_ends_the_work() {
        let item = json!({"type": "Feature", "id": "a"}).to_string();
        let mut count = 0;
        let enough = convert_records(item.repeat(3).as_bytes(), ConvertTo::Stac(StacVersion::default()), |_| {
            count += 1;
            Err(Error::refused("enough", "stop"))
        });
        assert!(enough.is_err());
        assert_eq!(count, 1);
    }
}
