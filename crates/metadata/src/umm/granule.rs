//! A granule, and what is asked of it.

use cube_core::TimeValue;

use super::{
    Grid,
    attributes::{Attribute, Facts},
    files::{self, File},
    parts::{DataGranule, Meta, Other, Platform, ProviderDate, RelatedUrl, Stated, Temporal},
    read,
    spatial::Spatial,
};
use crate::{Asset, Footprint, MetadataError, Number, Text, json, time};

/// `CollectionReference`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CollectionReference<'a> {
    /// `ShortName`: `HLSL30`.
    pub short_name: Option<Text<'a>>,
    /// `Version`: `2.0`.
    pub version: Option<Text<'a>>,
    /// `EntryTitle`, in records that state no short name.
    pub entry_title: Option<Text<'a>>,
}

/// First and last instant; both ends belong to it, and an end that is absent is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant.
    pub start: TimeValue,
    /// Last instant.
    pub end: Option<TimeValue>,
}

/// A UMM-G record, versions 1.4 to 1.6.6, alone or as an item of CMR's `umm_json`. Everything is borrowed from the bytes it was read from.
///
/// ```
/// use cube_metadata::umm::Granule;
///
/// let granule = Granule::parse(br#"{"meta": {"concept-id": "G1-P"}, "umm": {
///     "GranuleUR": "A.2024", "CollectionReference": {"ShortName": "A", "Version": "1"},
///     "TemporalExtent": {"SingleDateTime": "2024-06-01T00:00:00Z"},
///     "RelatedUrls": [{"URL": "https://d.test/A.2024.nc", "Type": "GET DATA"}, {"URL": "s3://b/A.2024.nc", "Type": "GET DATA VIA DIRECT ACCESS"}]}}"#)?;
/// assert_eq!(granule.id, "A.2024");
/// assert_eq!(granule.collection_id().as_deref(), Some("A.v1"));
/// let assets = granule.assets();
/// assert_eq!((assets.len(), assets[0].key.as_str(), assets[0].place("s3")), (1, "data", Some("s3://b/A.2024.nc")));
/// # Ok::<(), cube_metadata::MetadataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Granule<'a> {
    /// What CMR says of the record; absent for a bare UMM record.
    pub meta: Option<Meta<'a>>,
    /// What stands beside `meta` and `umm`.
    pub beside: Other<'a>,
    /// `GranuleUR`: unique in its collection.
    pub id: Text<'a>,
    /// `CollectionReference`.
    pub collection: Option<Stated<'a, CollectionReference<'a>>>,
    /// `TemporalExtent`.
    pub temporal: Option<Stated<'a, Temporal<'a>>>,
    /// `SpatialExtent`.
    pub spatial: Option<Stated<'a, Spatial<'a>>>,
    /// `CloudCover` in percent.
    pub cloud_cover: Option<Number<'a>>,
    /// `DataGranule`.
    pub data: Option<DataGranule<'a>>,
    /// `ProviderDates`.
    pub provider_dates: Option<Stated<'a, Vec<ProviderDate<'a>>>>,
    /// `Platforms`.
    pub platforms: Option<Stated<'a, Vec<Platform<'a>>>>,
    /// `RelatedUrls`, as far as its entries can be read; where one cannot, the whole list is in `other`, too.
    pub urls: Vec<RelatedUrl<'a>>,
    /// `AdditionalAttributes`.
    pub attributes: Option<Stated<'a, Vec<Attribute<'a>>>>,
    /// Every other field, and fields of an unexpected shape, as they stand.
    pub other: Other<'a>,
}

impl<'a> Granule<'a> {
    /// Reads one record: `{"meta": …, "umm": …}` or the UMM record alone.
    ///
    /// # Errors
    /// When the bytes are not JSON, and when they hold no `GranuleUR`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MetadataError> {
        let mut reader = json::Reader::new(json::whole(bytes)?);
        let granule = read::record(&mut reader)?;
        reader.end().map_err(|fault| reader.error(fault))?;
        Ok(granule)
    }

    /// Reads one record where it stands in a longer text.
    pub(crate) fn read(reader: &mut json::Reader<'a>) -> Result<Self, MetadataError> {
        read::record(reader)
    }

    fn meta(&self, field: impl for<'m> FnOnce(&'m Meta<'a>) -> &'m Option<Text<'a>>) -> Option<&str> {
        field(self.meta.as_ref()?).as_deref()
    }

    /// Whether it was made of a STAC Item, whose words travel in additional attributes named `stac:…`.
    pub fn was_item(&self) -> bool {
        self.attributes.as_ref().is_some_and(|all| all.value.iter().any(|a| a.name.starts_with("stac:")))
    }

    /// CMR's id of the granule: `G2865703539-LPCLOUD`.
    pub fn concept_id(&self) -> Option<&str> {
        self.meta(|m| &m.concept_id)
    }

    /// CMR's id of its collection: `C2021957657-LPCLOUD`.
    pub fn collection_concept_id(&self) -> Option<&str> {
        self.meta(|m| &m.collection_concept_id)
    }

    /// Its provider: `LPCLOUD`; from the concept id where `provider-id` is missing.
    pub fn provider(&self) -> Option<&str> {
        self.meta(|m| &m.provider_id).or_else(|| self.concept_id().and_then(|id| id.split_once('-')).map(|(_, provider)| provider))
    }

    /// Counts its revisions in CMR.
    pub fn revision_id(&self) -> Option<u64> {
        self.meta.as_ref().and_then(|m| m.revision_id).and_then(Number::as_u64)
    }

    /// When CMR took up this revision, as stated.
    pub fn revision_date(&self) -> Option<&str> {
        self.meta(|m| &m.revision_date)
    }

    /// Id of its collection as STAC catalogues of NASA name it: `ShortName.vVersion`. Absent when the record names its collection by title.
    pub fn collection_id(&self) -> Option<String> {
        let reference = &self.collection.as_ref()?.value;
        Some(format!("{}.v{}", reference.short_name.as_ref()?, reference.version.as_ref()?))
    }

    /// First and last instant, where the record states them in a form that can be read.
    pub fn time(&self) -> Option<TimeRange> {
        match &self.temporal.as_ref()?.value {
            Temporal::Single(at) => time::instant(at).map(|t| TimeRange { start: t, end: Some(t) }),
            Temporal::Range(start, end) => time::instant(start).map(|start| TimeRange { start, end: end.as_deref().and_then(time::instant) }),
        }
    }

    /// What it covers; empty where the record states no geometry.
    pub fn footprint(&self) -> Footprint {
        self.spatial.as_ref().map(|s| s.value.footprint()).unwrap_or_default()
    }

    /// Cloud cover in percent: `CloudCover`, else the additional attribute that some providers write instead.
    pub fn cloud_cover(&self) -> Option<f64> {
        let stated = self.cloud_cover.map(Number::value).filter(|c| (0.0..=100.0).contains(c));
        stated.or_else(|| Facts::of(self).cloud_cover)
    }

    /// `Day`, `Night`, `Both`, `Unspecified`.
    pub fn day_night(&self) -> Option<&str> {
        self.data.as_ref()?.day_night.as_deref()
    }

    /// The first value of an additional attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.as_ref()?.value.iter().find(|a| a.name == name)?.value.as_deref()
    }

    /// The pixel grid that all data files share, where additional attributes state it, as they do for HLS.
    pub fn grid(&self) -> Option<Grid> {
        Facts::of(self).grid
    }

    /// Its files, services and pages, each once: places of one file are one entry. In the order of `RelatedUrls`.
    pub fn files(&self) -> Vec<File<'_>> {
        files::of(self)
    }

    /// [`Granule::files`] in the model of assets; the bands are named where there is one file for each.
    pub fn assets(&self) -> Vec<Asset> {
        self.files().iter().map(|file| file.to_asset()).collect()
    }

    /// Where temporary S3 keys for its files are given out, when the record says so.
    pub fn s3_credentials_endpoint(&self) -> Option<&str> {
        self.urls.iter().map(|u| u.url.as_ref()).find(|u| u.starts_with("http") && u.ends_with("/s3credentials"))
    }
}
