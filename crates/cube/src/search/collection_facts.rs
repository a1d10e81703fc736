//! What people want to know of a collection, whichever form it has.

use serde::Serialize;
use serde_json::{Map, Value};

/// The facts of one collection. The keys are stable.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CollectionFacts {
    /// By which it is searched: `HLSL30.v2.0`, or the id of a STAC collection.
    pub id: String,
    /// Title.
    pub title: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Concept id in CMR.
    pub concept_id: Option<String>,
    /// Provider in CMR, or the host of a STAC collection.
    pub provider: Option<String>,
    /// DOI.
    pub doi: Option<String>,
    /// First instant, RFC 3339.
    pub start: Option<String>,
    /// Last instant; absent where it goes on.
    pub end: Option<String>,
    /// West, south, east, north in degrees.
    pub bbox: Option<[f64; 4]>,
    /// Platforms.
    pub platforms: Vec<String>,
    /// Instruments.
    pub instruments: Vec<String>,
    /// Processing level.
    pub level: Option<String>,
    /// Formats of the files.
    pub formats: Vec<String>,
    /// Licence, or where it is written.
    pub license: Option<String>,
    /// Assets that items have, by key, with their titles.
    pub assets: Vec<(String, String)>,
    /// Direct access in the object store.
    pub direct: Option<DirectAccess>,
}

/// Where a collection lies in the object store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DirectAccess {
    /// Region of the buckets.
    pub region: Option<String>,
    /// Buckets and prefixes.
    pub prefixes: Vec<String>,
    /// Who gives out keys.
    pub credentials_endpoint: Option<String>,
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
}

fn all<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn names<'a>(values: impl Iterator<Item = &'a Value>, key: &str) -> Vec<String> {
    let mut names: Vec<String> = values.filter_map(|v| v.get(key)?.as_str()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl CollectionFacts {
    /// Of a record of CMR: `meta` and `umm` (UMM-C).
    pub(super) fn of_umm(record: &Value) -> Self {
        let umm = &record["umm"];
        let name = text(umm, "/ShortName").unwrap_or_default();
        let version = text(umm, "/Version");
        let ranges = || all(umm, "/TemporalExtents").flat_map(|t| all(t, "/RangeDateTimes"));
        let singles = || all(umm, "/TemporalExtents").flat_map(|t| all(t, "/SingleDateTimes")).filter_map(Value::as_str).map(str::to_owned);
        let goes_on = all(umm, "/TemporalExtents").any(|t| t["EndsAtPresentFlag"] == true) || ranges().any(|r| r.get("EndingDateTime").is_none());
        let ends = || ranges().filter_map(|r| text(r, "/EndingDateTime")).chain(singles());
        let platforms = || all(umm, "/Platforms");
        let direct = umm.get("DirectDistributionInformation");
        Self {
            id: match &version {
                Some(version) => format!("{name}.v{version}"),
                None => name,
            },
            title: text(umm, "/EntryTitle"),
            description: text(umm, "/Abstract"),
            concept_id: text(record, "/meta/concept-id"),
            provider: text(record, "/meta/provider-id"),
            doi: text(umm, "/DOI/DOI"),
            start: ranges().filter_map(|r| text(r, "/BeginningDateTime")).chain(singles()).min(),
            end: if goes_on { None } else { ends().max() },
            bbox: umm_bounds(umm),
            platforms: names(platforms(), "ShortName"),
            instruments: names(platforms().flat_map(|p| all(p, "/Instruments")), "ShortName"),
            level: text(umm, "/ProcessingLevel/Id"),
            formats: names(all(umm, "/ArchiveAndDistributionInformation/FileDistributionInformation"), "Format"),
            license: text(umm, "/UseConstraints/LicenseURL/Linkage").or_else(|| text(umm, "/UseConstraints/LicenseText")),
            assets: Vec::new(),
            direct: direct.map(|d| DirectAccess {
                region: text(d, "/Region"),
                prefixes: all(d, "/S3BucketAndObjectPrefixNames")
                    .filter_map(Value::as_str)
                    .map(|p| p.trim_start_matches("s3://").to_owned())
                    .collect(),
                credentials_endpoint: text(d, "/S3CredentialsAPIEndpoint"),
            }),
        }
    }

    /// Of a STAC Collection.
    pub(super) fn of_stac(collection: &Map<String, Value>) -> Self {
        let whole = Value::Object(collection.clone());
        let summary = |name: &str| all(&whole, &format!("/summaries/{name}")).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let interval = |i: usize| text(&whole, &format!("/extent/temporal/interval/0/{i}"));
        let assets = collection.get("item_assets").and_then(Value::as_object).into_iter().flatten();
        let is_host = |p: &&Value| all(p, "/roles").any(|r| r == "host");
        let providers = || all(&whole, "/providers");
        Self {
            id: text(&whole, "/id").unwrap_or_default(),
            title: text(&whole, "/title"),
            description: text(&whole, "/description"),
            concept_id: text(&whole, "/cmr:concept_id"),
            provider: providers().find(is_host).or_else(|| providers().next()).and_then(|p| text(p, "/name")),
            doi: text(&whole, "/sci:doi"),
            start: interval(0),
            end: interval(1),
            bbox: whole.pointer("/extent/spatial/bbox/0").and_then(four),
            platforms: summary("platform"),
            instruments: summary("instruments"),
            level: summary("processing:level").into_iter().next(),
            formats: Vec::new(),
            license: text(&whole, "/license"),
            assets: assets.map(|(key, asset)| (key.clone(), text(asset, "/title").unwrap_or_default())).collect(),
            direct: None,
        }
    }
}

fn four(bbox: &Value) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = bbox.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match numbers[..] {
        [w, s, e, n] | [w, s, _, e, n, _] => Some([w, s, e, n]),
        _ => None,
    }
}

/// The box around all rectangles of a collection.
fn umm_bounds(umm: &Value) -> Option<[f64; 4]> {
    let side = |r: &Value, name: &str| r.get(name).and_then(Value::as_f64);
    let rectangles = all(umm, "/SpatialExtent/HorizontalSpatialDomain/Geometry/BoundingRectangles");
    let corners = rectangles.filter_map(|r| {
        let [west, south] = ["WestBoundingCoordinate", "SouthBoundingCoordinate"].map(|n| side(r, n));
        let [east, north] = ["EastBoundingCoordinate", "NorthBoundingCoordinate"].map(|n| side(r, n));
        Some([west?, south?, east?, north?])
    });
    corners.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let umm = json!({"meta": {"concept-id": "C1-LPCLOUD", "provider-id": "LPCLOUD"}, "umm": {
            "ShortName": "HLSL30", "Version": "2.0", "EntryTitle": "HLS Landsat",
            "TemporalExtents": [{"EndsAtPresentFlag": true, "RangeDateTimes": [{"BeginningDateTime": "2013-04-11T00:00:00.000Z"}]}],
            "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"BoundingRectangles": [
                {"WestBoundingCoordinate": -180.0, "SouthBoundingCoordinate": -90, "EastBoundingCoordinate": 180, "NorthBoundingCoordinate": 90}]}}},
            "DirectDistributionInformation": {"Region": "us-west-2", "S3BucketAndObjectPrefixNames": ["s3://lp-prod-protected/HLSL30.020"],
                "S3CredentialsAPIEndpoint": "https://data.example.test/s3credentials"}}});
        let facts = CollectionFacts::of_umm(&umm);
        assert_eq!((facts.id.as_str(), facts.end.as_deref(), facts.bbox), ("HLSL30.v2.0", None, Some([-180.0, -90.0, 180.0, 90.0])));
        assert_eq!(facts.direct.map(|d| d.prefixes), Some(vec!["lp-prod-protected/HLSL30.020".to_owned()]));

        let stac = json!({"id": "HLSL30.v2.0", "title": "HLS Landsat", "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2013-04-11T00:00:00.000Z", null]]}}});
        let same = CollectionFacts::of_stac(stac.as_object().expect("an object"));
        assert_eq!((same.id, same.title, same.start, same.end, same.bbox), (facts.id, facts.title, facts.start, facts.end, facts.bbox));
    }
}
