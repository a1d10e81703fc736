//! Daily global grids in netCDF with DMR++ sidecars, in the manner of the MUR sea surface temperature.

use serde_json::{Value, json};

use super::facts::{Facts, Shape};
use super::generated::{FILE_SIZE, Family, Generated};
use super::{About, Collection, iso, keys_link, links};
use crate::earthdata::roots::{Role, Roots};

const DIRECTORY: &str = "MUR-JPL-L4-GLOB-v4.1";
const PROTECTED: &str = "podaac-ops-cumulus-protected";
const PUBLIC: &str = "podaac-ops-cumulus-public";
/// 2002-05-31T21:00:00Z.
const FIRST: i64 = 1_022_878_800_000;
const DAY: i64 = 86_400_000;
/// Days until the end of 2024; there are no more granules than days.
const MOST: usize = 8_250;

/// `MUR-JPL-L4-GLOB-v4.1`, version 4.1.
pub(super) fn collection(roots: &Roots, granules: usize) -> Collection {
    let about = About {
        concept: 1_996_881_146,
        provider: "POCLOUD",
        short_name: "MUR-JPL-L4-GLOB-v4.1",
        version: "4.1",
        title: "GHRSST Level 4 MUR Global Foundation Sea Surface Temperature Analysis (v4.1)",
        summary: "Daily sea surface temperature on a global grid, as an emulator imagines it.",
        doi: "10.5067/GHGMR-4FJ04",
        host: Role::Podaac,
        buckets: &["podaac-ops-cumulus-public/MUR-JPL-L4-GLOB-v4.1/", "podaac-ops-cumulus-protected/MUR-JPL-L4-GLOB-v4.1/"],
        begins: "2002-05-31T21:00:00.000Z",
        platform: ("Aqua", "MODIS"),
        keywords: ["OCEANS", "OCEAN TEMPERATURE", "SEA SURFACE TEMPERATURE"],
        format: "netCDF-4",
    };
    let record = record(roots, &about.concept_id());
    let fields = ["number", "name", "start", "end", "made"];
    about.collection(roots, Box::new(Generated::new(Mur, &record, &fields, granules.min(MOST), 2_200_000_000)))
}

fn record(roots: &Roots, collection: &str) -> Value {
    let protected = format!("{PROTECTED}/{DIRECTORY}/<<name>>.nc");
    let mut urls: Vec<Value> = links(roots, Role::Podaac, &protected, "GET DATA", "GET DATA VIA DIRECT ACCESS").into();
    urls.extend(links(roots, Role::Podaac, &format!("{protected}.dmrpp"), "EXTENDED METADATA", "EXTENDED METADATA"));
    urls.extend(links(roots, Role::Podaac, &format!("{PUBLIC}/{DIRECTORY}/<<name>>.nc.md5"), "EXTENDED METADATA", "EXTENDED METADATA"));
    urls.push(keys_link(roots, Role::Podaac));
    urls.push(json!({
        "URL": format!("https://opendap.earthdata.nasa.gov/collections/{collection}/granules/<<name>>"),
        "Type": "USE SERVICE API", "Subtype": "OPENDAP DATA", "Description": "OPeNDAP request URL",
    }));
    let size = |name: &str| json!({ "Name": name, "SizeInBytes": FILE_SIZE, "Size": FILE_SIZE as f64 / 1_048_576.0, "SizeUnit": "MB" });
    json!({
        "meta": {
            "concept-type": "granule", "concept-id": "G<<number>>-POCLOUD", "revision-id": 2, "native-id": "<<name>>",
            "collection-concept-id": collection, "provider-id": "POCLOUD", "format": "application/vnd.nasa.cmr.umm+json",
            "revision-date": "<<made>>",
        },
        "umm": {
            "TemporalExtent": { "RangeDateTime": { "BeginningDateTime": "<<start>>", "EndingDateTime": "<<end>>" } },
            "MetadataSpecification": { "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6" },
            "GranuleUR": "<<name>>",
            "ProviderDates": [{ "Type": "Insert", "Date": "<<made>>" }, { "Type": "Update", "Date": "<<made>>" }],
            "SpatialExtent": { "HorizontalSpatialDomain": { "Geometry": { "BoundingRectangles": [{
                "WestBoundingCoordinate": -180, "SouthBoundingCoordinate": -90, "EastBoundingCoordinate": 180, "NorthBoundingCoordinate": 90,
            }] } } },
            "DataGranule": {
                "ArchiveAndDistributionInformation": [size("<<name>>.nc"), size("<<name>>.nc.md5")],
                "DayNightFlag": "Unspecified", "ProductionDateTime": "<<made>>",
            },
            "CollectionReference": { "ShortName": DIRECTORY, "Version": "4.1" },
            "RelatedUrls": urls,
        },
    })
}

#[derive(Debug)]
struct Mur;

impl Mur {
    fn start(index: usize) -> i64 {
        FIRST + index as i64 * DAY
    }
}

impl Family for Mur {
    fn name(&self, index: usize) -> String {
        let noon = chrono::DateTime::from_timestamp_millis(Self::start(index) + DAY / 2).unwrap_or_default();
        format!("{}-JPL-L4_GHRSST-SSTfnd-MUR-GLOB-v02.0-fv04.1", noon.format("%Y%m%d%H%M%S"))
    }

    fn facts(&self, index: usize) -> Facts {
        let start = Self::start(index);
        let shape = Shape::rectangle([-180.0, -90.0, 180.0, 90.0]);
        Facts { start, end: start + DAY, revised: start + 3 * DAY, cloud: None, day_night: "Unspecified".into(), shape }
    }

    fn fields(&self, index: usize) -> Vec<String> {
        let start = Self::start(index);
        vec![iso(start), iso(start + DAY), iso(start + 3 * DAY)]
    }

    fn keys(&self, name: &str) -> Vec<String> {
        vec![
            format!("{PROTECTED}/{DIRECTORY}/{name}.nc"),
            format!("{PROTECTED}/{DIRECTORY}/{name}.nc.dmrpp"),
            format!("{PUBLIC}/{DIRECTORY}/{name}.nc.md5"),
        ]
    }

    fn owner<'a>(&self, key: &'a str) -> Option<&'a str> {
        let (_, file) = key.split_once("/MUR-JPL-L4-GLOB-v4.1/")?;
        file.split_once(".nc").map(|(name, _)| name)
    }
}
