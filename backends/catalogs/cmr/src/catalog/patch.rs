//! From a granule to what the engine knows of a patch.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{Asset, PatchId, PatchIndex};
use cube_metadata::{Footprint, umm::Granule};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::{CatalogOptions, assets, conditions, scene};
use crate::{Error, Result};

/// Properties that are always kept: mosaic orders ask for them often.
const KEPT: [&str; 2] = ["eo:cloud_cover", "platform"];

/// The patch of a granule with the assets that are wanted.
pub(super) fn patch(granule: &Granule<'_>, footprint: Footprint, wanted: &[String], options: &CatalogOptions) -> Result<PatchIndex> {
    let collection = granule
        .collection_concept_id()
        .ok_or_else(|| Error::Corrupt { what: format!("the granule `{}` in the answer of CMR names no collection", granule.id), source: None })?;
    let assets = assets::assets(granule, wanted, options.has_sidecars);
    let names = options.properties.iter().map(String::as_str).chain(KEPT);
    let mut properties: BTreeMap<String, Value> = names.filter_map(|name| Some((name.to_owned(), conditions::property(granule, name)?))).collect();
    scene::mark(granule, &mut properties);
    let time = granule.time();
    Ok(PatchIndex {
        id: PatchId::new(collection, &granule.id),
        time: time.map(|t| t.start),
        interval: time.and_then(|t| Some((t.start, t.end?))).filter(|(start, end)| start != end).map(|(a, b)| (a.min(b), a.max(b))),
        footprint: footprint.to_geojson(),
        bbox: footprint.bbox,
        version: version(granule, &assets),
        assets,
        properties,
    })
}

/// What changes when the provider publishes the granule anew: the checksums of the wanted files when all have one, else the revision in CMR, which
/// also counts changes of the record alone.
fn version(granule: &Granule<'_>, assets: &BTreeMap<String, Arc<Asset>>) -> String {
    if assets.is_empty() || assets.values().any(|a| a.checksum.is_none()) {
        let revision = granule.revision_id().map(|n| format!("revision {n}"));
        let date = granule.revision_date().map(str::to_owned);
        return revision.into_iter().chain(date).collect::<Vec<_>>().join(" of ");
    }
    let mut hash = Xxh3::new();
    for (name, asset) in assets {
        for text in [name.as_str(), asset.checksum.as_deref().unwrap_or_default()] {
            hash.update(text.as_bytes());
            hash.update(&[0]);
        }
    }
    format!("xxh3:{:032x}", hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"meta": {"concept-id": "G1-P", "collection-concept-id": "C1-P", "revision-id": 3, "revision-date": "2024-02-15T00:22:50Z"},
        "umm": {"GranuleUR": "A", "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": "2024-02-11T00:00:00Z", "EndingDateTime": "2024-02-12T00:00:00Z"}},
        "RelatedUrls": [{"URL": "https://h/A.nc", "Type": "GET DATA"}],
        "DataGranule": {"ArchiveAndDistributionInformation": [{"Name": "A.nc", "SizeInBytes": 7, "Checksum": {"Value": "ed46e0dae99d7c5a84c4b659ebbdb2f0", "Algorithm": "MD5"}}]}}}"#;

    fn of(record: &str) -> PatchIndex {
        let granule = Granule::parse(record.as_bytes()).expect("a granule");
        patch(&granule, granule.footprint(), &[], &CatalogOptions::default()).expect("a patch")
    }

    #[test]
    fn the_version_follows_the_bytes_where_they_are_known() {
        let patch = of(RECORD);
        assert_eq!(patch.id.as_str(), "C1-P/A");
        assert_eq!(patch.interval.map(|(a, b)| b.0 - a.0), Some(86_400_000_000));
        assert_eq!(patch.assets["data"].checksum.as_deref(), Some("d50110ed46e0dae99d7c5a84c4b659ebbdb2f0"));
        assert_eq!(patch.assets["data"].size, Some(7));
        let revised = of(&RECORD.replace("\"revision-id\": 3", "\"revision-id\": 4"));
        assert_eq!(patch.version, revised.version, "the record changed, not the file");
        assert_ne!(patch.version, of(&RECORD.replace("ed46", "ed47")).version);
        let bare = RECORD.replace("\"MD5\"", "\"POSIX\"");
        assert_eq!(of(&bare).version, "revision 3 of 2024-02-15T00:22:50Z");
    }

    #[test]
    fn a_granule_without_a_collection_is_no_patch() {
        let record = RECORD.replace("\"collection-concept-id\": \"C1-P\", ", "");
        let granule = Granule::parse(record.as_bytes()).expect("a granule");
        let e = patch(&granule, granule.footprint(), &[], &CatalogOptions::default()).expect_err("no collection");
        assert!(e.to_string().contains("`A`"), "{e}");
    }
}
