//! The parts of a UMM-G record. Fields that the schema does not know are in `other`, under their names.

use crate::{Number, Raw, Text};

/// Fields that are kept as they stand.
pub type Other<'a> = Vec<(Text<'a>, Raw<'a>)>;

/// A part of a record that is understood, with its text as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated<'a, T> {
    /// What it says.
    pub value: T,
    /// As it stands in the record.
    pub raw: Raw<'a>,
}

/// What CMR knows of a record: the `meta` of an item of `umm_json`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meta<'a> {
    /// `concept-id`: `G2865703539-LPCLOUD`.
    pub concept_id: Option<Text<'a>>,
    /// `native-id`: the id that the provider gave it.
    pub native_id: Option<Text<'a>>,
    /// `provider-id`: `LPCLOUD`.
    pub provider_id: Option<Text<'a>>,
    /// `collection-concept-id`: `C2021957657-LPCLOUD`.
    pub collection_concept_id: Option<Text<'a>>,
    /// `revision-id`.
    pub revision_id: Option<Number<'a>>,
    /// `revision-date`.
    pub revision_date: Option<Text<'a>>,
    /// Everything else: `concept-type`, `format`, `s3-links`, …
    pub other: Other<'a>,
}

/// When the data were taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Temporal<'a> {
    /// `SingleDateTime`.
    Single(Text<'a>),
    /// `RangeDateTime`; an end that is missing is open.
    Range(Text<'a>, Option<Text<'a>>),
}

/// A date that the provider states: `Create`, `Insert`, `Update`, `Delete`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderDate<'a> {
    /// The date.
    pub date: Text<'a>,
    /// What happened then.
    pub kind: Text<'a>,
}

/// `DataGranule`: how the granule was made and packed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataGranule<'a> {
    /// `ArchiveAndDistributionInformation`: the files, with sizes and checksums.
    pub files: Vec<ArchiveFile<'a>>,
    /// `DayNightFlag`: `Day`, `Night`, `Both`, `Unspecified`.
    pub day_night: Option<Text<'a>>,
    /// `ProductionDateTime`.
    pub produced: Option<Text<'a>>,
    /// `Identifiers`: `ProducerGranuleId` is the file's name most often.
    pub identifiers: Vec<Identifier<'a>>,
    /// Everything else.
    pub other: Other<'a>,
}

/// One of the identifiers of a granule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Identifier<'a> {
    /// The identifier.
    pub identifier: Text<'a>,
    /// `ProducerGranuleId`, `LocalVersionId`, `FeatureId`, `CRID`, `Other`.
    pub kind: Text<'a>,
}

/// What is known of a file or a package of files.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchiveFile<'a> {
    /// `Name`; `Not provided` in many records.
    pub name: Text<'a>,
    /// `SizeInBytes`.
    pub bytes: Option<Number<'a>>,
    /// `Size`, in `unit`; rounded, in most records.
    pub size: Option<Number<'a>>,
    /// `SizeUnit`: `KB`, `MB`, `GB`, `TB`, `PB`, `NA`.
    pub unit: Option<Text<'a>>,
    /// `Checksum.Algorithm` and `Checksum.Value`.
    pub checksum: Option<(Text<'a>, Text<'a>)>,
    /// `Files`: what is inside a package.
    pub files: Vec<Self>,
    /// As it stands in the record.
    pub raw: Raw<'a>,
}

/// One of the `RelatedUrls`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RelatedUrl<'a> {
    /// `URL`.
    pub url: Text<'a>,
    /// `Type`: `GET DATA`, …
    pub kind: Text<'a>,
    /// `Subtype`: `OPENDAP DATA`, `DMR++`, …
    pub subtype: Option<Text<'a>>,
    /// `Description`.
    pub description: Option<Text<'a>>,
    /// `MimeType`.
    pub mime_type: Option<Text<'a>>,
    /// Everything else: `Format`, `Size`, `SizeUnit`, …
    pub other: Other<'a>,
}

/// A platform and what it carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Platform<'a> {
    /// `ShortName`: `LANDSAT-9`.
    pub short_name: Text<'a>,
    /// `Instruments`.
    pub instruments: Vec<Instrument<'a>>,
    /// Whether the record says more of it than `short_name` and `instruments`.
    pub more: bool,
}

/// An instrument.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Instrument<'a> {
    /// `ShortName`: `OLI`.
    pub short_name: Text<'a>,
    /// Whether the record says more of it.
    pub more: bool,
}
