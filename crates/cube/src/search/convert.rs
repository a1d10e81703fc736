//! Records from one form to the other: UMM of CMR, and STAC.

use cube_metadata::{Report, StacVersion, convert::Options, umm};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Writes a granule of CMR (`meta` and `umm`) as a STAC item.
pub(super) fn write_item(json: &[u8], version: StacVersion, out: &mut Vec<u8>) -> Result<()> {
    write_granule(&umm::Granule::parse(json)?, version, out)
}

/// Writes a granule that was read already as a STAC item.
pub(super) fn write_granule(granule: &umm::Granule<'_>, version: StacVersion, out: &mut Vec<u8>) -> Result<()> {
    cube_metadata::convert::write_item(granule, &options(version), out)?;
    Ok(())
}

/// A granule of CMR (`meta` and `umm`) as a STAC item.
pub(super) fn granule_to_item(json: &[u8], version: StacVersion) -> Result<Map<String, Value>> {
    let mut out = Vec::with_capacity(2 * json.len());
    write_item(json, version, &mut out)?;
    serde_json::from_slice(&out).map_err(|e| Error::failed("a record could not be turned into a STAC item", e))
}

/// A collection of CMR (`meta` and `umm`) as a STAC Collection.
pub(super) fn collection_to_stac(record: &Value) -> Result<Map<String, Value>> {
    match cube_metadata::convert::collection_to_stac(record, &Options::default())?.value {
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

    fn is_stac(self) -> bool {
        matches!(self, Self::Item | Self::Collection)
    }
}

/// A record in its other form.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedRecord {
    /// What it was.
    pub kind: RecordKind,
    /// The record.
    pub value: Value,
    /// What is not as it was.
    pub report: Report,
    /// It was of the form that was asked for, and is as it was.
    pub is_same: bool,
}

/// Turns one record into a form.
///
/// # Errors
/// What is no record, or one that lacks what the other form requires.
pub fn convert_record(record: &Value, to: ConvertTo) -> Result<ConvertedRecord> {
    let kind = RecordKind::of(record).ok_or_else(|| {
        Error::refused("this is no record", "give UMM-G or UMM-C of CMR, alone or as `umm_json` answers it, or a STAC Item or Collection")
    })?;
    if kind.is_stac() == matches!(to, ConvertTo::Stac(_)) {
        return Ok(ConvertedRecord { kind, value: record.clone(), report: Report::default(), is_same: true });
    }
    use cube_metadata::convert as c;
    let converted = match (kind, to) {
        (RecordKind::Granule, ConvertTo::Stac(version)) => c::granule_to_item(record, &options(version))?,
        (RecordKind::CollectionRecord, ConvertTo::Stac(version)) => c::collection_to_stac(record, &options(version))?,
        (RecordKind::Collection, _) => c::stac_to_collection(record)?,
        _ => c::item_to_granule(record)?,
    };
    Ok(ConvertedRecord { kind, value: converted.value, report: converted.report, is_same: false })
}

/// The records in a document: one record; a list of them; an answer of CMR (`items`); an ItemCollection (`features`); a list of
/// collections; or one record a line.
///
/// # Errors
/// What is no JSON; a document that holds no records.
pub fn records_in(bytes: &[u8], name: &str) -> Result<Vec<Value>> {
    let not_json = |e| Error::failed(format!("`{name}` is not JSON"), e);
    let values: Vec<Value> = match serde_json::from_slice::<Value>(bytes) {
        Ok(whole) => vec![whole],
        Err(first) => {
            let lines: std::result::Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
            lines.ok().filter(|l| l.len() > 1).ok_or_else(|| not_json(first))?
        }
    };
    let mut records = Vec::new();
    for value in values {
        match value {
            Value::Array(all) => records.extend(all),
            Value::Object(mut map) => {
                let listed = ["items", "features", "collections"].into_iter().find(|key| map.get(*key).is_some_and(Value::is_array));
                match listed.and_then(|key| map.remove(key)) {
                    Some(Value::Array(all)) if RecordKind::of(&Value::Object(map.clone())).is_none() => records.extend(all),
                    Some(_) | None => records.push(Value::Object(map)),
                }
            }
            other => records.push(other),
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_found_in_documents() {
        let granule = json!({"meta": {}, "umm": {"GranuleUR": "G"}});
        let item = json!({"type": "Feature", "id": "a"});
        for (document, kinds) in [
            (granule.to_string(), vec![RecordKind::Granule]),
            (json!({"hits": 2, "took": 1, "items": [granule, granule]}).to_string(), vec![RecordKind::Granule; 2]),
            (json!({"type": "FeatureCollection", "features": [item]}).to_string(), vec![RecordKind::Item]),
            (format!("{item}\n{item}\n"), vec![RecordKind::Item; 2]),
            (json!([{"umm": {"ShortName": "A", "Version": "1"}}]).to_string(), vec![RecordKind::CollectionRecord]),
            (json!({"collections": [{"type": "Collection", "id": "c"}]}).to_string(), vec![RecordKind::Collection]),
        ] {
            let found: Vec<_> = records_in(document.as_bytes(), "x").expect("records").iter().filter_map(RecordKind::of).collect();
            assert_eq!(found, kinds, "{document}");
        }
        assert!(records_in(b"{oops", "x").is_err());
    }
}
