//! Which granules are one scene, so that of a scene that an archive lists twice the newest processing wins ([`cube_backend::newest_by`]).
//!
//! Two granules carry the same mark when collection, platform, tile of a named tiling (MGRS, MODIS sinusoidal) and time to the millisecond are equal.
//! Granules that name no tile or no platform carry none.

use std::collections::BTreeMap;

use cube_backend::{PROCESSED, SCENE};
use cube_metadata::umm::Granule;
use serde_json::Value;

use super::conditions;

/// Writes the scene of a granule, and the age of its processing, into the properties of its patch.
pub(super) fn mark(granule: &Granule<'_>, properties: &mut BTreeMap<String, Value>) {
    if let Some(scene) = scene(granule) {
        properties.insert(SCENE.into(), scene.into());
        properties.insert(PROCESSED.into(), processed(granule).into());
    }
}

fn scene(granule: &Granule<'_>) -> Option<String> {
    let platform = conditions::platform(granule)?;
    let time = granule.time()?;
    let end = time.end.map_or(time.start, |e| e);
    let tile = tile(granule)?;
    Some(format!("{}|{platform}|{tile}|{}|{}", granule.collection_concept_id()?, time.start.0.div_euclid(1000), end.0.div_euclid(1000)))
}

fn tile<'g>(granule: &'g Granule<'g>) -> Option<&'g str> {
    let attribute = ["MGRS_TILE_ID", "TileID"].iter().find_map(|name| granule.attribute(name)).filter(|t| !t.is_empty());
    attribute.or_else(|| granule.id.split(['.', '_']).find(|part| is_mgrs(part.strip_prefix('T').unwrap_or(part)) || is_sinusoidal(part)))
}

/// `32TLR`
fn is_mgrs(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 5 && b[..2].iter().all(u8::is_ascii_digit) && b[2..].iter().all(u8::is_ascii_uppercase)
}

/// `h18v04`
fn is_sinusoidal(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 6 && b[0] == b'h' && b[3] == b'v' && [1, 2, 4, 5].iter().all(|i| b[*i].is_ascii_digit())
}

/// Time of production, then of the revision in CMR: as a text that sorts.
fn processed(granule: &Granule<'_>) -> String {
    let produced = granule.data.as_ref().and_then(|d| d.produced.as_deref()).unwrap_or_default();
    format!("{produced:0<32}|{:0<32}", granule.revision_date().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(ur: &str, produced: &str) -> BTreeMap<String, Value> {
        let record = format!(
            r#"{{"meta": {{"concept-id": "G1-P", "collection-concept-id": "C1-P", "revision-date": "2024-02-15T00:22:50Z"}}, "umm": {{"GranuleUR": "{ur}",
            "TemporalExtent": {{"SingleDateTime": "2024-02-11T16:58:31.150Z"}}, "Platforms": [{{"ShortName": "Sentinel-2A"}}], "DataGranule": {{"ProductionDateTime": "{produced}"}}}}}}"#
        );
        let mut properties = BTreeMap::new();
        mark(&Granule::parse(record.as_bytes()).expect("a granule"), &mut properties);
        properties
    }

    #[test]
    fn a_second_processing_is_the_same_scene() {
        let old = marked("OPERA_L3_DSWx-HLS_T32VMJ_20240211T165831Z_20240212T000000Z_S2A_30_v1.0", "2024-02-12T00:00:00Z");
        let new = marked("OPERA_L3_DSWx-HLS_T32VMJ_20240211T165831Z_20240920T000000Z_S2A_30_v1.0", "2024-09-20T00:00:00Z");
        assert_eq!(old[SCENE], new[SCENE]);
        assert!(old[PROCESSED].as_str() < new[PROCESSED].as_str());
        let other = marked("OPERA_L3_DSWx-HLS_T32VMK_20240211T165831Z_20240920T000000Z_S2A_30_v1.0", "2024-09-20T00:00:00Z");
        assert_ne!(old[SCENE], other[SCENE]);
        assert!(marked("MOD09GA.A2024042.h18v04.061.2024044", "").contains_key(SCENE));
        assert!(marked("20241011120000-MUR", "").is_empty(), "no tile");
    }
}
