//! Pages as they came, and where each record in them begins and ends.

use std::marker::PhantomData;

use bytes::Bytes;
use cube_metadata::{
    MetadataError, Raw,
    umm::{self, Granule},
};
use serde::Deserialize;

use crate::{Error, Result};

/// What is searched: granules or collections.
pub trait Concept: Send + Sync + 'static {
    /// Its name in messages: `granule`, `collection`.
    const NAME: &'static str;
}

/// Granules, as UMM-G.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granules {}

/// Collections, as UMM-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collections {}

impl Concept for Granules {
    const NAME: &'static str = "granule";
}

impl Concept for Collections {
    const NAME: &'static str = "collection";
}

/// One record, `{"meta": …, "umm": …}`, in the bytes in which it came: found by its brackets, and checked to be JSON when it is read. A part of its page's
/// buffer: keeping one keeps the whole page in memory.
#[derive(Debug)]
pub struct Record<C> {
    json: Bytes,
    concept: PhantomData<fn() -> C>,
}

/// Records that came together.
#[derive(Debug)]
pub struct Page<C> {
    records: Vec<Record<C>>,
}

/// What CMR says of a record beside UMM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Meta {
    /// `G2865703539-LPCLOUD`, `C2021957657-LPCLOUD`.
    #[serde(rename = "concept-id")]
    pub concept_id: String,
    /// Counts from 1 how often the record was changed.
    #[serde(rename = "revision-id", default)]
    pub revision_id: Option<u64>,
    /// When it was changed last.
    #[serde(rename = "revision-date", default)]
    pub revision_date: Option<String>,
    /// The provider's own id.
    #[serde(rename = "native-id", default)]
    pub native_id: Option<String>,
    /// `LPCLOUD`.
    #[serde(rename = "provider-id", default)]
    pub provider_id: Option<String>,
    /// Of a granule: its collection.
    #[serde(rename = "collection-concept-id", default)]
    pub collection_concept_id: Option<String>,
}

#[derive(Deserialize)]
struct OnlyMeta {
    meta: Meta,
}

#[derive(Deserialize)]
struct Envelope {
    hits: Option<u64>,
}

impl Envelope {
    /// Where CMR says it behind the records, which it is not known to do.
    fn hits_of(body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Self>(body).ok()?.hits
    }
}

impl<C> Clone for Record<C> {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), concept: PhantomData }
    }
}

impl<C: Concept> Record<C> {
    /// A record of which the bytes are at hand.
    pub fn from_bytes(json: impl Into<Bytes>) -> Self {
        Self { json: json.into(), concept: PhantomData }
    }

    /// The record as it came, in UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.json
    }

    /// The record as it came, sharing its buffer.
    pub fn bytes(&self) -> Bytes {
        self.json.clone()
    }

    /// The same in a buffer of its own, which keeps no page in memory.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::from_bytes(Bytes::copy_from_slice(&self.json))
    }

    /// What CMR says of it beside UMM.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is no such thing.
    pub fn meta(&self) -> Result<Meta> {
        self.read::<OnlyMeta>().map(|r| r.meta)
    }

    /// Reads the record, or the parts of it that a type asks for, from its own bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not of this type, naming the record.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.json).map_err(|e| self.corrupt(e))
    }

    /// The error for a record that is not what it should be.
    pub(crate) fn corrupt(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let id = serde_json::from_slice::<OnlyMeta>(&self.json).map(|r| r.meta.concept_id).unwrap_or_else(|_| "without an id".into());
        Error::corrupt(format!("the {} `{id}` in the answer of CMR cannot be read", C::NAME), source)
    }
}

impl Record<Granules> {
    /// The granule, borrowed from the record.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is none.
    pub fn granule(&self) -> Result<Granule<'_>> {
        Granule::parse(&self.json).map_err(|e| self.corrupt(e))
    }
}

impl<C: Concept> Page<C> {
    /// Finds the records of an answer in `umm_json`, and the number of hits that it states.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is not such an answer.
    pub(crate) fn split(body: &Bytes) -> Result<(Self, Option<u64>)> {
        let looks = if body.trim_ascii_start().starts_with(b"<") { " (it looks like a web page)" } else { "" };
        let wrong = |e: MetadataError| Error::corrupt(format!("the answer is not the JSON of {}s that CMR gives{looks}", C::NAME), e);
        let answer = umm::Page::parse(body).map_err(wrong)?;
        // Without `items` the answer itself would be taken for a record.
        if !answer.is_list() || !body.trim_ascii_start().starts_with(b"{") {
            return Err(wrong(MetadataError::NotARecord { expected: "a page of `umm_json`", message: "it has no `items`".into() }));
        }
        let record = |raw: Raw<'_>| Record::from_bytes(body.slice_ref(raw.as_str().as_bytes()));
        let records = answer.pieces().map(|raw| raw.map(record)).collect::<std::result::Result<_, _>>().map_err(wrong)?;
        Ok((Self { records }, answer.hits().or_else(|| Envelope::hits_of(body))))
    }

    /// Its records, in CMR's order.
    pub fn records(&self) -> &[Record<C>] {
        &self.records
    }

    /// Its records.
    pub fn into_records(self) -> Vec<Record<C>> {
        self.records
    }

    pub(crate) fn records_mut(&mut self) -> &mut Vec<Record<C>> {
        &mut self.records
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_passed_on_as_they_came() {
        let body = Bytes::from_static(
            br#" {"took": 3, "items": [ {"meta":{"concept-id":"G1-P","revision-id":2},  "umm":{"x":"\u00e9 \"]}"}} , {"umm":{}}], "hits":7}"#,
        );
        let (page, hits) = Page::<Granules>::split(&body).expect("a page");
        assert_eq!((hits, page.len()), (Some(7), 2));
        assert_eq!(page.records()[0].as_bytes(), br#"{"meta":{"concept-id":"G1-P","revision-id":2},  "umm":{"x":"\u00e9 \"]}"}}"#);
        assert_eq!(page.records()[0].meta().expect("meta").concept_id, "G1-P");
        let e = page.records()[1].meta().expect_err("no meta");
        assert!(e.to_string().contains("without an id"), "{e}");
        let e = Page::<Granules>::split(&Bytes::from_static(b"<html>")).expect_err("a page of the web");
        assert!(e.to_string().contains("web page"), "{e}");
        assert!(Page::<Granules>::split(&Bytes::from_static(br#"{"items": [{"a": 1}, {"b""#)).is_err(), "cut short");
        let body = Bytes::from_static(br#"{"items": [{"meta": {}, "umm": {"GranuleUR": "a",}}, {"umm": {"GranuleUR": "b"}}]}"#);
        let (page, _) = Page::<Granules>::split(&body).expect("brackets that match");
        let read: Vec<bool> = page.records().iter().map(|record| record.granule().is_ok()).collect();
        assert_eq!(read, [false, true], "what is no JSON is an error where it is read");
    }
}
