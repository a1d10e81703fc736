//! Granules along an orbit, in the manner of ICESat-2: thin outlines, some across the antimeridian, some with holes, some without any outline.

use serde_json::{Value, json};

use super::facts::{Facts, Shape};
use super::generated::{FILE_SIZE, Family, Generated};
use super::{About, Collection, hls, iso, keys_link, links};
use crate::earthdata::roots::{Role, Roots};

const PROTECTED: &str = "nsidc-cumulus-prod-protected/ATLAS/ATL08/006";
const PUBLIC: &str = "nsidc-cumulus-prod-public/ATLAS/ATL08/006";
/// 2018-10-14T00:00:00Z.
const FIRST: i64 = 1_539_475_200_000;
/// Milliseconds of one of the fourteen parts of an orbit.
const PART: i64 = 404_000;
/// Orbits of one cycle.
const CYCLE: usize = 1387;

/// First and last latitude of the parts of an orbit, the two at the poles cut short.
const PARTS: [(f64, f64); 14] = [
    (0.0, 27.0),
    (27.0, 59.5),
    (59.5, 80.0),
    (80.0, 86.0),
    (80.0, 59.5),
    (59.5, 27.0),
    (27.0, 0.0),
    (0.0, -27.0),
    (-27.0, -50.0),
    (-50.0, -79.0),
    (-79.0, -86.0),
    (-79.0, -50.0),
    (-50.0, -27.0),
    (-27.0, 0.0),
];

/// `ATL08`, version 006.
pub(super) fn collection(roots: &Roots, granules: usize) -> Collection {
    let about = About {
        concept: 2_613_553_260,
        provider: "NSIDC_CPRD",
        short_name: "ATL08",
        version: "006",
        title: "ATLAS/ICESat-2 L3A Land and Vegetation Height V006",
        summary: "Heights of land and canopy along an orbit, as an emulator imagines them.",
        doi: "10.5067/ATLAS/ATL08.006",
        host: Role::Nsidc,
        buckets: &["nsidc-cumulus-prod-protected/ATLAS/ATL08/006", "nsidc-cumulus-prod-public/ATLAS/ATL08/006"],
        begins: "2018-10-14T00:00:00.000Z",
        platform: ("ICESat-2", "ATLAS"),
        keywords: ["BIOSPHERE", "VEGETATION", "CANOPY CHARACTERISTICS"],
        format: "HDF5",
    };
    let record = record(roots, &about.concept_id());
    let fields = ["number", "name", "start", "end", "made", "domain", "orbit", "longitude", "crossing", "day"];
    about.collection(roots, Box::new(Generated::new(Icesat, &record, &fields, granules, 2_300_000_000)))
}

fn record(roots: &Roots, collection: &str) -> Value {
    let mut urls: Vec<Value> = links(roots, Role::Nsidc, &format!("{PROTECTED}/<<day>>/<<name>>"), "GET DATA", "GET DATA VIA DIRECT ACCESS").into();
    urls.extend(links(roots, Role::Nsidc, &format!("{PUBLIC}/<<day>>/<<name>>_BRW.h5"), "GET RELATED VISUALIZATION", "GET RELATED VISUALIZATION"));
    urls.push(keys_link(roots, Role::Nsidc));
    json!({
        "meta": {
            "concept-type": "granule", "concept-id": "G<<number>>-NSIDC_CPRD", "revision-id": 1, "native-id": "<<name>>",
            "collection-concept-id": collection, "provider-id": "NSIDC_CPRD", "format": "application/vnd.nasa.cmr.umm+json",
            "revision-date": "<<made>>",
        },
        "umm": {
            "TemporalExtent": { "RangeDateTime": { "BeginningDateTime": "<<start>>", "EndingDateTime": "<<end>>" } },
            "OrbitCalculatedSpatialDomains": [{
                "OrbitNumber": "<<raw:orbit>>", "EquatorCrossingLongitude": "<<raw:longitude>>", "EquatorCrossingDateTime": "<<crossing>>",
            }],
            "GranuleUR": "<<name>>",
            "SpatialExtent": { "HorizontalSpatialDomain": "<<raw:domain>>" },
            "ProviderDates": [{ "Date": "<<made>>", "Type": "Insert" }, { "Date": "<<made>>", "Type": "Update" }],
            "CollectionReference": { "ShortName": "ATL08", "Version": "006" },
            "PGEVersionClass": { "PGEVersion": "6.2" },
            "RelatedUrls": urls,
            "DataGranule": {
                "DayNightFlag": "Unspecified",
                "Identifiers": [{ "Identifier": "<<name>>", "IdentifierType": "ProducerGranuleId" }],
                "ProductionDateTime": "<<made>>",
                "ArchiveAndDistributionInformation": [{ "Name": "<<name>>", "SizeInBytes": FILE_SIZE, "Size": FILE_SIZE as f64 / 1_048_576.0, "SizeUnit": "MB" }],
            },
            "Platforms": [{ "ShortName": "ICESat-2", "Instruments": [{ "ShortName": "ATLAS" }] }],
            "MetadataSpecification": { "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6" },
        },
    })
}

#[derive(Debug)]
struct Icesat;

impl Icesat {
    fn start(index: usize) -> i64 {
        FIRST + index as i64 * PART
    }

    fn orbit(index: usize) -> usize {
        458 + index / 14
    }

    fn crossing(index: usize) -> f64 {
        wrapped(150.0 - 23.6 * (index / 14) as f64)
    }

    fn track(index: usize) -> (usize, usize) {
        (Self::orbit(index) / CYCLE + 1, Self::orbit(index) % CYCLE + 1)
    }

    /// The outline, counter-clockwise, its longitudes going on beyond 180; and a hole in every fifth.
    fn rings(index: usize) -> Vec<Vec<(f64, f64)>> {
        let (from, to) = PARTS[index % 14];
        let (south, north) = (f64::min(from, to), f64::max(from, to));
        let descending = to < from;
        let at = |lat: f64| {
            // Steeper towards the poles, as tracks are.
            let along = 0.09 * lat + 0.000_02 * lat * lat * lat;
            Self::crossing(index) + if descending { 167.0 + along } else { -along }
        };
        let steps: Vec<f64> = (0..=4).map(|step| south + (north - south) * f64::from(step) / 4.0).collect();
        let (half, inner) = (0.06, 0.02);
        let mut ring: Vec<(f64, f64)> = steps.iter().map(|lat| (at(*lat) + half, *lat)).collect();
        ring.extend(steps.iter().rev().map(|lat| (at(*lat) - half, *lat)));
        ring.push(ring[0]);
        let mut rings = vec![ring];
        if index % 5 == 4 {
            let (low, high) = (steps[1], steps[1] + 0.2 * (steps[2] - steps[1]));
            let corner = |lat: f64, side: f64| (at(lat) + side * inner, lat);
            rings.push(vec![corner(low, -1.0), corner(low, 1.0), corner(high, 1.0), corner(high, -1.0), corner(low, -1.0)]);
        }
        rings
    }

    fn domain(index: usize) -> String {
        let (cycle, pass) = Self::track(index);
        let track = json!({ "Cycle": cycle, "Passes": [{ "Pass": pass }] });
        if index % 50 == 49 {
            let (from, to) = PARTS[index % 14];
            let direction = if to < from { "D" } else { "A" };
            let orbit = json!({
                "AscendingCrossing": Self::crossing(index), "StartLatitude": from, "StartDirection": direction, "EndLatitude": to, "EndDirection": direction,
            });
            return json!({ "Orbit": orbit, "Track": track }).to_string();
        }
        let text = |ring: &[(f64, f64)]| hls::points(&ring.iter().map(|(x, y)| (wrapped(*x), *y)).collect::<Vec<_>>());
        let rings = Self::rings(index);
        let hole = rings.get(1).map(|hole| format!(",\"ExclusiveZone\":{{\"Boundaries\":[{{\"Points\":{}}}]}}", text(hole)));
        let boundary = text(&rings[0]);
        format!("{{\"Geometry\":{{\"GPolygons\":[{{\"Boundary\":{{\"Points\":{boundary}}}{}}}]}},\"Track\":{track}}}", hole.unwrap_or_default())
    }
}

fn wrapped(longitude: f64) -> f64 {
    (longitude + 180.0).rem_euclid(360.0) - 180.0
}

fn day(start: i64) -> String {
    chrono::DateTime::from_timestamp_millis(start).unwrap_or_default().format("%Y/%m/%d").to_string()
}

impl Family for Icesat {
    fn name(&self, index: usize) -> String {
        let time = chrono::DateTime::from_timestamp_millis(Self::start(index)).unwrap_or_default();
        let (cycle, pass) = Self::track(index);
        format!("ATL08_{}_{pass:04}{cycle:02}{:02}_006_02.h5", time.format("%Y%m%d%H%M%S"), index % 14 + 1)
    }

    fn facts(&self, index: usize) -> Facts {
        let start = Self::start(index);
        let shape = Shape::polygon(&Self::rings(index));
        Facts { start, end: start + PART, revised: start + 30 * 86_400_000, cloud: None, day_night: "Unspecified".into(), shape }
    }

    fn fields(&self, index: usize) -> Vec<String> {
        let start = Self::start(index);
        vec![
            iso(start),
            iso(start + PART),
            iso(start + 30 * 86_400_000),
            Self::domain(index),
            Self::orbit(index).to_string(),
            format!("{:.6}", Self::crossing(index)),
            iso(start - (index % 14) as i64 * PART),
            day(start),
        ]
    }

    fn keys(&self, name: &str) -> Vec<String> {
        let day = name.get(6..14).map(|date| format!("{}/{}/{}", &date[..4], &date[4..6], &date[6..])).unwrap_or_default();
        vec![format!("{PROTECTED}/{day}/{name}"), format!("{PUBLIC}/{day}/{name}_BRW.h5")]
    }

    fn owner<'a>(&self, key: &'a str) -> Option<&'a str> {
        let file = key.contains("/ATL08/006/").then(|| key.rsplit('/').next()).flatten()?;
        Some(file.strip_suffix("_BRW.h5").unwrap_or(file))
    }
}
