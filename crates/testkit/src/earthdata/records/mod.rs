//! What the CMR knows: collections and their granules, generated or given.

mod facts;
mod generated;
mod given;
mod hls;
mod icesat;
mod mur;
mod scenes;
mod template;

pub use scenes::hls_archive;

pub(super) use facts::{Facts, Shape};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Options;
use super::roots::{Role, Roots};
use crate::Result;

/// The granules of one collection. Rendering one must be cheap: a page has up to 2000.
pub(super) trait Granules: Send + Sync + std::fmt::Debug {
    /// How many there are.
    fn len(&self) -> usize;
    /// The name (`GranuleUR`) of one.
    fn name(&self, index: usize) -> String;
    /// What a search looks at first.
    fn facts(&self, index: usize) -> Facts;
    /// The record as a search answers it, with `meta` and `umm`, added to a text.
    fn render(&self, index: usize, out: &mut String);
    /// The number in the concept id.
    fn number(&self, index: usize) -> u64;
    /// The content of a file of a granule, if it is one that is made up.
    fn file(&self, _path: &str) -> Option<Bytes> {
        None
    }
}

/// A collection as the CMR has it.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) meta: Value,
    pub(super) umm: Value,
    pub(super) granules: Box<dyn Granules>,
}

impl Collection {
    fn text<'a>(value: &'a Value, field: &str) -> &'a str {
        value[field].as_str().unwrap_or_default()
    }

    pub(super) fn concept_id(&self) -> &str {
        Self::text(&self.meta, "concept-id")
    }

    pub(super) fn provider(&self) -> &str {
        Self::text(&self.meta, "provider-id")
    }

    pub(super) fn short_name(&self) -> &str {
        Self::text(&self.umm, "ShortName")
    }

    pub(super) fn version(&self) -> &str {
        Self::text(&self.umm, "Version")
    }

    pub(super) fn entry_title(&self) -> &str {
        Self::text(&self.umm, "EntryTitle")
    }

    /// `SHORTNAME_VERSION`.
    pub(super) fn entry_id(&self) -> String {
        format!("{}_{}", self.short_name(), self.version())
    }

    pub(super) fn doi(&self) -> &str {
        self.umm["DOI"]["DOI"].as_str().unwrap_or_default()
    }

    pub(super) fn is_in_cloud(&self) -> bool {
        self.umm["DirectDistributionInformation"].is_object()
    }
}

/// All collections.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) collections: Vec<Collection>,
    since: DateTime<Utc>,
}

impl Holdings {
    /// What the options say.
    pub(super) fn new(options: &Options, roots: &Roots) -> Result<Self> {
        let mut collections =
            vec![hls::collection(roots, options.granules), mur::collection(roots, options.granules), icesat::collection(roots, options.granules)];
        let mut records = Vec::new();
        if let Some(folder) = &options.archive {
            records.extend(scenes::records(folder, roots)?);
        }
        if let Some(path) = &options.records {
            records.extend(given::read(path, roots)?);
        }
        for collection in given::collections(records) {
            collections.retain(|known| known.concept_id() != collection.concept_id() && known.entry_id() != collection.entry_id());
            collections.push(collection);
        }
        Ok(Self { collections, since: Utc::now() })
    }

    /// The content of a file that is made up.
    pub(super) fn file(&self, path: &str) -> Option<Bytes> {
        self.collections.iter().find_map(|collection| collection.granules.file(path))
    }

    /// When the files that are made up were made.
    pub(super) fn since(&self) -> DateTime<Utc> {
        self.since
    }
}

/// What UMM-C collections differ in.
struct About<'a> {
    concept: u64,
    provider: &'a str,
    short_name: &'a str,
    version: &'a str,
    title: &'a str,
    summary: &'a str,
    doi: &'a str,
    host: Role,
    buckets: &'a [&'a str],
    begins: &'a str,
    platform: (&'a str, &'a str),
    keywords: [&'a str; 3],
    format: &'a str,
}

impl About<'_> {
    fn concept_id(&self) -> String {
        format!("C{}-{}", self.concept, self.provider)
    }

    fn collection(&self, roots: &Roots, granules: Box<dyn Granules>) -> Collection {
        let root = roots.of(self.host);
        let meta = json!({
            "concept-type": "collection", "concept-id": self.concept_id(), "revision-id": 7, "native-id": self.short_name,
            "provider-id": self.provider, "format": "application/vnd.nasa.cmr.umm+json", "revision-date": "2024-03-01T00:00:00.000Z",
            "deleted": false, "user-id": "emulator", "has-variables": false, "has-formats": false, "has-transforms": false,
            "has-combine": false, "has-spatial-subsetting": false, "has-temporal-subsetting": false, "s3-links": self.buckets,
            "granule-count": granules.len(),
        });
        let umm = json!({
            "MetadataSpecification": { "URL": "https://cdn.earthdata.nasa.gov/umm/collection/v1.18.4", "Name": "UMM-C", "Version": "1.18.4" },
            "ShortName": self.short_name, "Version": self.version, "EntryTitle": self.title, "Abstract": self.summary,
            "DOI": { "DOI": self.doi, "Authority": "https://doi.org" },
            "CollectionProgress": "ACTIVE",
            "DataDates": [{ "Date": "2021-05-01T00:00:00.000Z", "Type": "CREATE" }],
            "MetadataDates": [{ "Date": "2024-03-01T00:00:00.000Z", "Type": "UPDATE" }],
            "DataCenters": [{ "Roles": ["ARCHIVER", "DISTRIBUTOR"], "ShortName": self.daac(), "LongName": format!("{} (emulated)", self.daac()) }],
            "Platforms": [{ "ShortName": self.platform.0, "Type": "Earth Observation Satellites", "Instruments": [{ "ShortName": self.platform.1 }] }],
            "ScienceKeywords": [{ "Category": "EARTH SCIENCE", "Topic": self.keywords[0], "Term": self.keywords[1], "VariableLevel1": self.keywords[2] }],
            "ProcessingLevel": { "Id": "3" },
            "TemporalExtents": [{ "EndsAtPresentFlag": true, "RangeDateTimes": [{ "BeginningDateTime": self.begins }] }],
            "SpatialExtent": {
                "SpatialCoverageType": "HORIZONTAL", "GranuleSpatialRepresentation": "GEODETIC",
                "HorizontalSpatialDomain": { "Geometry": { "CoordinateSystem": "CARTESIAN", "BoundingRectangles": [{
                    "WestBoundingCoordinate": -180, "NorthBoundingCoordinate": 90, "EastBoundingCoordinate": 180, "SouthBoundingCoordinate": -90,
                }] } },
            },
            "RelatedUrls": [{
                "URLContentType": "CollectionURL", "Type": "DATA SET LANDING PAGE", "URL": format!("https://doi.org/{}", self.doi),
            }],
            "DirectDistributionInformation": {
                "Region": "us-west-2", "S3BucketAndObjectPrefixNames": self.buckets, "S3CredentialsAPIEndpoint": format!("{root}/s3credentials"),
                "S3CredentialsAPIDocumentationURL": format!("{root}/s3credentialsREADME"),
            },
            "ArchiveAndDistributionInformation": { "FileDistributionInformation": [{ "Format": self.format, "FormatType": "Native" }] },
        });
        Collection { meta, umm, granules }
    }

    /// Name of the data centre, as searches know it.
    fn daac(&self) -> &'static str {
        match self.host {
            Role::Lpdaac => "LP DAAC",
            Role::Podaac => "PO.DAAC",
            _ => "NASA NSIDC DAAC",
        }
    }
}

/// The two ways to one file, as records name them.
fn links(roots: &Roots, host: Role, key: &str, kind: &str, direct_kind: &str) -> [Value; 2] {
    let name = key.rsplit('/').next().unwrap_or(key);
    [
        json!({ "URL": format!("{}/{key}", roots.of(host)), "Type": kind, "Description": format!("Download {name}") }),
        json!({ "URL": format!("s3://{key}"), "Type": direct_kind, "Description": "This link provides direct download access via S3 to the granule" }),
    ]
}

/// The link to the S3-credentials endpoint.
fn keys_link(roots: &Roots, host: Role) -> Value {
    json!({
        "URL": format!("{}/s3credentials", roots.of(host)), "Type": "VIEW RELATED INFORMATION",
        "Description": "api endpoint to retrieve temporary credentials valid for same-region direct s3 access",
    })
}

/// A time as records write it.
fn iso(milliseconds: i64) -> String {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn generated_records_say_what_searches_go_by() {
        let options = Options { granules: 3000, ..Options::default() };
        let holdings = Holdings::new(&options, &Roots::true_names()).expect("holdings");
        for collection in &holdings.collections {
            let granules = &collection.granules;
            let names: BTreeSet<String> = (0..granules.len()).map(|index| granules.name(index)).collect();
            assert_eq!(names.len(), 3000, "{} has names twice", collection.short_name());
            for index in (0..granules.len()).step_by(7) {
                let mut text = String::new();
                granules.render(index, &mut text);
                let record: Value = serde_json::from_str(&text).expect("JSON");
                let (umm, facts) = (&record["umm"], granules.facts(index));
                let range = &umm["TemporalExtent"]["RangeDateTime"];
                assert_eq!(
                    (range["BeginningDateTime"].as_str(), range["EndingDateTime"].as_str()),
                    (Some(&*iso(facts.start)), Some(&*iso(facts.end)))
                );
                assert_eq!(umm["GranuleUR"], granules.name(index).as_str());
                assert_eq!(umm["CloudCover"].as_f64(), facts.cloud);
                assert_eq!(record["meta"]["concept-id"], format!("G{}-{}", granules.number(index), collection.provider()));
                let written = Shape::of_record(umm);
                assert!(facts.shape.meets(&written) || umm["SpatialExtent"]["HorizontalSpatialDomain"]["Orbit"].is_object(), "{text}");
            }
        }
    }

    #[test]
    fn every_file_of_a_record_can_be_had_and_no_other() {
        let holdings = Holdings::new(&Options::default(), &Roots::true_names()).expect("holdings");
        for collection in &holdings.collections {
            let mut text = String::new();
            collection.granules.render(3, &mut text);
            let record: Value = serde_json::from_str(&text).expect("JSON");
            let urls = record["umm"]["RelatedUrls"].as_array().expect("urls");
            let keys: Vec<&str> = urls.iter().filter_map(|url| url["URL"].as_str()?.strip_prefix("s3://")).collect();
            assert!(keys.len() >= 2);
            for key in keys {
                let bytes = holdings.file(key).expect("a file");
                assert!(bytes.starts_with(key.as_bytes()));
                assert!(holdings.file(&format!("{key}x")).is_none() && holdings.file(&format!("x{key}")).is_none());
            }
        }
    }
}
