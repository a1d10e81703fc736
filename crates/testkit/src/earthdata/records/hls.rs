//! Granules of many cloud-optimised GeoTIFFs, in the manner of Harmonized Landsat Sentinel-2.

use serde_json::{Value, json};

use super::facts::{Facts, Shape};
use super::generated::{Family, Generated};
use super::{About, Collection, iso, keys_link, links};
use crate::earthdata::roots::{Role, Roots};

const DIRECTORY: &str = "HLSL30.020";
const BANDS: [&str; 15] = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B09", "B10", "B11", "Fmask", "SAA", "SZA", "VAA", "VZA"];

/// Tiles that are seen in turn.
const TILES: usize = 80;
/// 2015-01-01.
const FIRST: i64 = 1_420_070_400_000;
const DAY: i64 = 86_400_000;

/// `HLSL30`, version 2.0.
pub(super) fn collection(roots: &Roots, granules: usize) -> Collection {
    let about = About {
        concept: 2_021_957_657,
        provider: "LPCLOUD",
        short_name: "HLSL30",
        version: "2.0",
        title: "HLS Landsat Operational Land Imager Surface Reflectance and TOA Brightness Daily Global 30m v2.0",
        summary: "Harmonized Landsat Sentinel-2 surface reflectance, as an emulator imagines it.",
        doi: "10.5067/HLS/HLSL30.002",
        host: Role::Lpdaac,
        buckets: &["lp-prod-protected/HLSL30.020", "lp-prod-public/HLSL30.020"],
        begins: "2013-04-11T00:00:00.000Z",
        platform: ("LANDSAT-8", "OLI"),
        keywords: ["LAND SURFACE", "SURFACE RADIATIVE PROPERTIES", "REFLECTANCE"],
        format: "Cloud Optimized GeoTIFF (COG)",
    };
    let family = Hls { granules };
    let record = record(roots, &about.concept_id(), about.title);
    let fields = ["number", "name", "time", "made", "cloud", "points", "tile"];
    about.collection(roots, Box::new(Generated::new(family, &record, &fields, granules, 2_100_000_000)))
}

fn record(roots: &Roots, collection: &str, title: &str) -> Value {
    let file = |bucket: &str, end: &str| format!("{bucket}/{DIRECTORY}/<<name>>/<<name>>.{end}");
    let data = BANDS
        .iter()
        .flat_map(|band| links(roots, Role::Lpdaac, &file("lp-prod-protected", &format!("{band}.tif")), "GET DATA", "GET DATA VIA DIRECT ACCESS"));
    let about = [("jpg", "GET RELATED VISUALIZATION"), ("cmr.xml", "EXTENDED METADATA"), ("_stac.json", "EXTENDED METADATA")];
    let about = about.into_iter().flat_map(|(end, kind)| {
        let key = file("lp-prod-public", end).replace("._stac", "_stac");
        links(roots, Role::Lpdaac, &key, kind, kind)
    });
    let urls: Vec<Value> = data.chain(about).chain([keys_link(roots, Role::Lpdaac)]).collect();
    let attributes = [
        ("CLOUD_COVERAGE", "<<cloud>>"),
        ("MGRS_TILE_ID", "<<tile>>"),
        ("SPATIAL_COVERAGE", "100"),
        ("SPATIAL_RESOLUTION", "30.0"),
        ("SENSING_TIME", "<<time>>"),
        ("REF_SCALE_FACTOR", "0.0001"),
        ("ADD_OFFSET", "0"),
        ("FILLVALUE", "-9999"),
        ("NCOLS", "3660"),
        ("NROWS", "3660"),
    ];
    json!({
        "meta": {
            "concept-type": "granule", "concept-id": "G<<number>>-LPCLOUD", "revision-id": 1, "native-id": "<<name>>",
            "collection-concept-id": collection, "provider-id": "LPCLOUD", "format": "application/echo10+xml", "revision-date": "<<made>>",
        },
        "umm": {
            "TemporalExtent": { "RangeDateTime": { "BeginningDateTime": "<<time>>", "EndingDateTime": "<<time>>" } },
            "GranuleUR": "<<name>>",
            "AdditionalAttributes": attributes.iter().map(|(name, value)| json!({ "Name": name, "Values": [value] })).collect::<Vec<_>>(),
            "SpatialExtent": { "HorizontalSpatialDomain": { "Geometry": { "GPolygons": [{ "Boundary": { "Points": "<<raw:points>>" } }] } } },
            "ProviderDates": [{ "Date": "<<made>>", "Type": "Insert" }, { "Date": "<<made>>", "Type": "Update" }],
            "CollectionReference": { "EntryTitle": title },
            "RelatedUrls": urls,
            "CloudCover": "<<raw:cloud>>",
            "DataGranule": {
                "DayNightFlag": "Day",
                "Identifiers": [{ "Identifier": "<<name>>", "IdentifierType": "ProducerGranuleId" }],
                "ProductionDateTime": "<<made>>",
                "ArchiveAndDistributionInformation": [{ "Name": "Not provided", "Size": 140.5, "SizeUnit": "MB" }],
            },
            "Platforms": [{ "ShortName": "LANDSAT-8", "Instruments": [{ "ShortName": "OLI" }] }],
            "MetadataSpecification": { "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6" },
        },
    })
}

#[derive(Debug)]
struct Hls {
    granules: usize,
}

impl Hls {
    fn time(&self, index: usize) -> i64 {
        let rounds = (self.granules / TILES + 1) as i64;
        // Two days from one round to the next, or less where all would not fit into seven years.
        let step = (2 * DAY).min(7 * 365 * DAY / rounds);
        FIRST + (index / TILES) as i64 * step + (index % TILES) as i64 * (step / TILES as i64)
    }

    /// Name and south-west corner of a tile.
    fn tile(index: usize) -> (String, f64, f64) {
        let (column, row) = (index % 10, index / 10 % 8);
        let letter = |from: u8, number: usize| char::from(from + number as u8);
        let name = format!("{}{}{}{}", 28 + column, letter(b'S', row % 3), letter(b'P', column % 8), letter(b'A', row));
        (name, -9.0 + 2.0 * column as f64, 38.0 + 1.5 * row as f64)
    }

    fn ring(index: usize) -> Vec<(f64, f64)> {
        let (_, west, south) = Self::tile(index);
        // Not quite upright, as tiles of a UTM zone are not.
        vec![(west, south), (west + 1.3, south + 0.02), (west + 1.32, south + 1.0), (west + 0.03, south + 0.98), (west, south)]
    }

    fn cloud(index: usize) -> usize {
        index * 37 % 101
    }
}

impl Family for Hls {
    fn name(&self, index: usize) -> String {
        let time = chrono::DateTime::from_timestamp_millis(self.time(index)).unwrap_or_default();
        format!("HLS.L30.T{}.{}.v2.0", Self::tile(index).0, time.format("%Y%jT%H%M%S"))
    }

    fn facts(&self, index: usize) -> Facts {
        let start = self.time(index);
        let shape = Shape::polygon(&[Self::ring(index)]);
        Facts { start, end: start, revised: start + 2 * DAY, cloud: Some(Self::cloud(index) as f64), day_night: "Day".into(), shape }
    }

    fn fields(&self, index: usize) -> Vec<String> {
        let time = self.time(index);
        vec![iso(time), iso(time + 2 * DAY), Self::cloud(index).to_string(), points(&Self::ring(index)), Self::tile(index).0]
    }

    fn keys(&self, name: &str) -> Vec<String> {
        let path = |bucket: &str, end: &str| format!("{bucket}/{DIRECTORY}/{name}/{name}{end}");
        let data = BANDS.iter().map(|band| path("lp-prod-protected", &format!(".{band}.tif")));
        data.chain([".jpg", ".cmr.xml", "_stac.json"].iter().map(|end| path("lp-prod-public", end))).collect()
    }

    fn owner<'a>(&self, key: &'a str) -> Option<&'a str> {
        let (_, rest) = key.split_once("/HLSL30.020/")?;
        rest.split_once('/').map(|(name, _)| name)
    }
}

/// A ring as UMM-G writes it.
pub(super) fn points(ring: &[(f64, f64)]) -> String {
    let points: Vec<String> = ring.iter().map(|(lon, lat)| format!("{{\"Longitude\":{lon:.6},\"Latitude\":{lat:.6}}}")).collect();
    format!("[{}]", points.join(","))
}
