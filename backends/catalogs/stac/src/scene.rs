//! Which items are one scene, so that of a scene that a source lists twice the newest processing wins ([`cube_backend::newest_by`]).
//!
//! Two items carry the same mark when collection, platform, tile of a named tiling (`grid:code`, MGRS, WRS), time to the second and product type
//! are equal. Items that name no tile or no platform carry none.

use std::collections::BTreeMap;

use cube_backend::{PROCESSED, SCENE};
use serde_json::Value;

use crate::{
    item::{Item, When},
    sentinel2, time,
};

/// Writes the scene of an item, and the age of its processing, into the properties of its patch.
pub(crate) fn mark(item: &Item, when: &When, properties: &mut BTreeMap<String, Value>) {
    if let Some(scene) = scene(item, when) {
        properties.insert(SCENE.into(), scene.into());
        properties.insert(PROCESSED.into(), processed(item).into());
    }
}

fn scene(item: &Item, when: &When) -> Option<String> {
    let platform = item.text("platform")?.to_ascii_lowercase();
    let tile = tile(item)?;
    let second = when.nominal?.0.div_euclid(1_000_000);
    let product = ["product:type", "s2:product_type", "landsat:correction", "sar:product_type"].iter().find_map(|n| item.text(n)).unwrap_or_default();
    Some(format!("{}|{platform}|{tile}|{second}|{product}", item.collection()))
}

fn tile(item: &Item) -> Option<String> {
    let number = |name: &str| item.property(name).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    if let Some(code) = item.text("grid:code") {
        return Some(code.to_owned());
    }
    if let Some(tile) = item.text("s2:mgrs_tile") {
        return Some(format!("MGRS-{tile}"));
    }
    for prefix in ["mgrs", "sentinel"] {
        let part = |name: &str| number(&format!("{prefix}:{name}"));
        if let (Some(zone), Some(band), Some(square)) = (part("utm_zone"), part("latitude_band"), part("grid_square")) {
            return Some(format!("MGRS-{zone:0>2}{band}{square}"));
        }
    }
    if let (Some(path), Some(row)) = (number("landsat:wrs_path"), number("landsat:wrs_row")) {
        return Some(format!("WRS2-{path:0>3}{row:0>3}"));
    }
    item.id().split('_').map(|part| part.strip_prefix('T').unwrap_or(part)).find(|part| is_mgrs(part)).map(|t| format!("MGRS-{t}"))
}

/// `32TLR`.
fn is_mgrs(text: &str) -> bool {
    let b = text.as_bytes();
    b.len() == 5 && b[..2].iter().all(u8::is_ascii_digit) && b[2..].iter().all(u8::is_ascii_uppercase)
}

/// Baseline, then time of processing, then `updated`, then `created`, then the sequence number: as a text that sorts.
fn processed(item: &Item) -> String {
    let instant = |names: &[&str]| names.iter().find_map(|n| item.text(n).and_then(time::parse)).map_or(0, |t| t.0.max(0));
    let sequence = ["s2:sequence", "sentinel:sequence", "earthsearch:sequence"].iter().find_map(|n| item.property(n));
    let sequence = sequence.and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok())).or_else(|| sequence_in_id(item.id())).unwrap_or(0);
    format!(
        "{:07.2}|{:020}|{:020}|{:020}|{sequence:06}",
        sentinel2::baseline(item).unwrap_or(0.0),
        instant(&["s2:generation_time", "processing:datetime"]),
        instant(&["updated", "landsat:updated"]),
        instant(&["created"]),
    )
}

/// 1 of `S2B_32TLR_20220130_1_L2A`.
fn sequence_in_id(id: &str) -> Option<u64> {
    let parts: Vec<&str> = id.split('_').collect();
    let [.., date, sequence, level] = parts[..] else { return None };
    (date.len() == 8 && level.starts_with('L')).then(|| sequence.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use cube_core::PatchIndex;
    use serde_json::json;

    use super::*;
    use crate::{location::Location, patch};

    fn patch_of(id: &str, bbox: [f64; 4], properties: Value) -> PatchIndex {
        let mut all = json!({"datetime": "2022-01-30T10:23:45.5Z", "platform": "sentinel-2b", "grid:code": "MGRS-32TLR"});
        all.as_object_mut().expect("an object").extend(properties.as_object().cloned().unwrap_or_default());
        let item = json!({"type": "Feature", "id": id, "bbox": bbox, "geometry": null, "properties": all, "assets": {}});
        let item = Item::new(item, &Location::parse("/i.json").expect("a path"), Some("sentinel-2-l2a")).expect("an item");
        patch::patch(&item, patch::Facts::of(&item).expect("facts"), &[], &[])
    }

    fn kept(patches: Vec<PatchIndex>) -> Vec<String> {
        cube_backend::newest_by(patches, |p| p).into_iter().map(|p| p.id.as_str().trim_start_matches("sentinel-2-l2a/").to_owned()).collect()
    }

    const BOX: [f64; 4] = [7.0, 46.0, 8.4, 47.0];

    #[test]
    fn the_newest_processing_wins_in_any_order() {
        let old = patch_of("S2B_32TLR_20220130_0_L2A", BOX, json!({"updated": "2022-02-01T00:00:00Z"}));
        let new = patch_of("S2B_32TLR_20220130_1_L2A", BOX, json!({"updated": "2022-11-01T00:00:00Z"}));
        assert_eq!(kept(vec![old.clone(), new.clone()]), ["S2B_32TLR_20220130_1_L2A"]);
        assert_eq!(kept(vec![new, old]), ["S2B_32TLR_20220130_1_L2A"]);
        let (a, b) = (patch_of("S2B_32TLR_20220130_0_L2A", BOX, json!({})), patch_of("S2B_32TLR_20220130_1_L2A", BOX, json!({})));
        assert_eq!(kept(vec![a, b]), ["S2B_32TLR_20220130_1_L2A"], "by the sequence when no time says");
        let (a, b) = (
            patch_of("a", BOX, json!({"s2:processing_baseline": "05.00"})),
            patch_of("b", BOX, json!({"s2:processing_baseline": "04.00", "updated": "2030-01-01T00:00:00Z"})),
        );
        assert_eq!(kept(vec![a, b]), ["a"], "a later touch of the record is no later processing");
    }

    #[test]
    fn what_differs_is_not_one_scene() {
        let a = || patch_of("a", BOX, json!({}));
        for (why, b) in [
            ("the other half of the tile", patch_of("b", [8.4, 46.0, 9.0, 47.0], json!({}))),
            ("another satellite", patch_of("b", BOX, json!({"platform": "sentinel-2a"}))),
            ("another second", patch_of("b", BOX, json!({"datetime": "2022-01-30T10:23:59Z"}))),
            ("another tile", patch_of("b", BOX, json!({"grid:code": "MGRS-32TLS"}))),
            ("no tile", patch_of("b", BOX, json!({"grid:code": null}))),
        ] {
            assert_eq!(kept(vec![a(), b]), ["a", "b"], "{why}");
        }
    }

    #[test]
    fn tiles_are_known_by_many_names() {
        let tile_of = |id: &str, p: Value| {
            let item = json!({"id": id, "properties": p, "assets": {}});
            tile(&Item::new(item, &Location::parse("/i.json").expect("a path"), None).expect("an item"))
        };
        for p in [
            json!({"s2:mgrs_tile": "05WPT"}),
            json!({"mgrs:utm_zone": 5, "mgrs:latitude_band": "W", "mgrs:grid_square": "PT"}),
            json!({"sentinel:utm_zone": "5", "sentinel:latitude_band": "W", "sentinel:grid_square": "PT"}),
        ] {
            assert_eq!(tile_of("x", p.clone()).as_deref(), Some("MGRS-05WPT"), "{p}");
        }
        assert_eq!(tile_of("S2A_MSIL2A_20200808T010311_N0500_R045_T54PXA_20230413T212505", json!({})).as_deref(), Some("MGRS-54PXA"));
        assert_eq!(tile_of("x", json!({"landsat:wrs_path": "198", "landsat:wrs_row": 29})).as_deref(), Some("WRS2-198029"));
        assert_eq!(tile_of("some_folder_name", json!({})), None);
    }
}
