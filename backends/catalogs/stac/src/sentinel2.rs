//! Sentinel-2's change of offset.
//!
//! Since processing baseline 04.00 (25 January 2022) the digital numbers of levels 1C and 2A are 1000 larger, so that
//! reflectance is `DN × 0.0001 − 0.1`; before, it was `DN × 0.0001`. Earth Search took the 1000 off again in the files of some
//! items (`earthsearch:boa_offset_applied`) while the item may still state −0.1. What the public archives declare is therefore
//! not believed: the baseline and that property decide. Collections of others state what they made of the pixels; for them the
//! rule fills in only what nobody states.

use serde_json::{Map, Value};

use crate::{bands::Band, item::Item};

const SCALE: f64 = 0.0001;
const OFFSET: f64 = -0.1;
/// Names by which archives call the bands that hold reflectance.
const REFLECTANCE: [&str; 13] =
    ["coastal", "blue", "green", "red", "rededge", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09", "swir16", "swir22"];

/// Earth Search's words for "the 1000 is off again".
const APPLIED: [&str; 2] = ["earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"];
/// Collections of the public archives, whose files hold ESA's numbers and whose items may declare another offset.
const ARCHIVES: [&str; 7] =
    ["sentinel-2-l1c", "sentinel-2-l2a", "sentinel-2-c1-l2a", "sentinel-2-pre-c1-l2a", "sentinel-s2-l1c", "sentinel-s2-l2a", "sentinel-s2-l2a-cogs"];

/// How the digital numbers of a Sentinel-2 item become reflectance.
pub(crate) struct Reflectance {
    offset: f64,
    /// Whether it is known better than what the item declares.
    overrules: bool,
}

impl Reflectance {
    /// `None` for items of others, and where no baseline is known.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        if !is_sentinel2(item) {
            return None;
        }
        let said = || APPLIED.iter().filter_map(|name| item.property(name));
        let overrules = ARCHIVES.contains(&item.collection().to_ascii_lowercase().as_str()) || said().next().is_some();
        // Collection 1 is never changed after processing.
        let offset = if said().any(is_true) && item.collection() != "sentinel-2-c1-l2a" {
            0.0
        } else {
            baseline(item).map(|b| if b >= 4.0 { OFFSET } else { 0.0 })?
        };
        Some(Self { offset, overrules })
    }

    /// Scale and offset of one band as they really are.
    pub(crate) fn correct(&self, band: &mut Band, key: &str, asset: &Map<String, Value>, bands: usize) {
        let kept = band.offset.is_some() && !self.overrules;
        if bands > 1 || kept || !is_reflectance(band, key, asset) {
            return;
        }
        band.presumed = band.offset.is_none();
        band.scale = band.scale.or(Some(SCALE));
        band.offset = Some(self.offset);
    }
}

/// Processing baseline, e.g. 5.1 for `05.10`: stated, else from the name of the product (`…_N0510_…`, `…_N05.10`).
pub(crate) fn baseline(item: &Item) -> Option<f64> {
    let stated = ["s2:processing_baseline", "sentinel:processing_baseline", "sentinel2:processing_baseline", "processing:version"];
    let number = |v: &Value| v.as_f64().or_else(|| v.as_str()?.trim().trim_start_matches(['N', 'v']).parse().ok());
    // `0400` is how product names write 04.00.
    let plain = |b: f64| if b >= 100.0 { b / 100.0 } else { b };
    stated.iter().find_map(|n| item.property(n).and_then(number).map(plain)).or_else(|| {
        let names =
            ["s2:product_uri", "s2:product_id", "sentinel:product_id", "s2:granule_id", "s2:tile_id", "s2:datatake_id", "title", "product_id"];
        names.iter().filter_map(|n| item.text(n)).chain([item.id()]).find_map(baseline_in_name)
    })
}

fn baseline_in_name(name: &str) -> Option<f64> {
    name.split('_').find_map(|part| {
        let digits = part.trim_end_matches(".SAFE").strip_prefix('N')?;
        match digits.len() {
            4 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<f64>().ok().map(|b| b / 100.0),
            5 if digits.as_bytes()[2] == b'.' => digits.parse().ok(),
            _ => None,
        }
    })
}

fn is_sentinel2(item: &Item) -> bool {
    let said = ["constellation", "platform", "mission"].iter().filter_map(|n| item.text(n)).any(|t| {
        let t: String = t.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        t.starts_with("sentinel2") || matches!(t.as_str(), "s2a" | "s2b" | "s2c")
    });
    let collection = item.collection().to_ascii_lowercase();
    let level = ["l1c", "l2a", "level-1c", "level-2a"].iter().any(|l| collection.contains(l))
        || item.property("s2:processing_baseline").is_some()
        || item.property("sentinel:processing_baseline").is_some();
    let product = item.text("s2:product_type").is_some_and(|p| p.starts_with("S2MSI"));
    let named = collection.starts_with("sentinel-2") || collection.starts_with("sentinel-s2");
    // Products that others derive (composites, HLS) carry the platform too, and have offsets of their own.
    (said || named) && (level || product || item.id().contains("MSIL1C") || item.id().contains("MSIL2A"))
}

fn is_reflectance(band: &Band, key: &str, asset: &Map<String, Value>) -> bool {
    // Neither pictures nor what is reflectance already hold digital numbers.
    if band.dtype.is_some_and(|d| d == cube_core::DType::UInt8 || d.is_float()) || has_role(asset, &["visual", "overview", "thumbnail", "metadata"]) {
        return false;
    }
    let plain = key.to_ascii_lowercase();
    let plain = plain.trim_end_matches("-jp2").trim_end_matches("_jp2").trim_end_matches("_10m").trim_end_matches("_20m").trim_end_matches("_60m");
    if matches!(plain, "visual" | "overview" | "tci" | "thumbnail" | "preview" | "rendered_preview") {
        return false;
    }
    let named = |name: &str| is_band_number(name) || REFLECTANCE.contains(&name) || (name.starts_with("rededge") && name.len() == 8);
    named(plain) || band.name.as_deref().is_some_and(|n| is_band_number(&n.to_ascii_lowercase())) || band.common_name.as_deref().is_some_and(named)
}

/// `b01` … `b12`, `b8a`.
fn is_band_number(name: &str) -> bool {
    let Some(number) = name.strip_prefix('b') else { return false };
    number == "8a" || (number.len() <= 2 && number.parse::<u8>().is_ok_and(|n| (1..=12).contains(&n)))
}

fn has_role(asset: &Map<String, Value>, roles: &[&str]) -> bool {
    asset.get("roles").and_then(Value::as_array).is_some_and(|r| r.iter().filter_map(Value::as_str).any(|r| roles.contains(&r)))
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|s| s.eq_ignore_ascii_case("true")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{assets, location::Location};

    /// Scale and offset of an asset that declares −0.1, in an item with these properties.
    fn scaling(collection: &str, properties: Value, key: &str) -> (Option<f64>, Option<f64>) {
        let mut all = json!({"datetime": "2022-01-30T10:23:45Z", "constellation": "sentinel-2"});
        all.as_object_mut().expect("an object").extend(properties.as_object().cloned().unwrap_or_default());
        let declared = json!([{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}]);
        let picture = json!([{"nodata": 0, "data_type": "uint8"}]);
        let classes = json!([{"nodata": 0, "data_type": "uint8", "scale": 1, "offset": 0}]);
        let item = json!({"id": "S2B_32TLR_20220130_0_L2A", "collection": collection, "geometry": null, "properties": all, "assets": {
            "red": {"href": "r.tif", "eo:bands": [{"name": "B04", "common_name": "red"}], "raster:bands": declared},
            "B08": {"href": "n.tif", "eo:bands": [{"name": "B08", "common_name": "nir"}]},
            "scl": {"href": "s.tif", "raster:bands": classes},
            "aot": {"href": "a.tif", "raster:bands": [{"data_type": "uint16", "scale": 0.001, "offset": 0}]},
            "visual": {"href": "v.tif", "roles": ["visual"], "eo:bands": [{"name": "B04", "common_name": "red"}], "raster:bands": picture},
        }});
        let item = Item::new(item, &Location::parse("/i.json").expect("a path"), None).expect("an item");
        let asset = &assets::assets(&item, &[key.to_owned()])[key];
        (asset.scale, asset.offset)
    }

    #[test]
    fn the_offset_is_what_the_pixels_have() {
        let (l2a, c1) = ("sentinel-2-l2a", "sentinel-2-c1-l2a");
        for (collection, properties, offset, why) in [
            (l2a, json!({"s2:processing_baseline": "04.00", "earthsearch:boa_offset_applied": false}), -0.1, "after the change, as ESA made it"),
            (l2a, json!({"s2:processing_baseline": "05.09"}), -0.1, "nothing says that it was applied"),
            (l2a, json!({"s2:processing_baseline": "04.00", "earthsearch:boa_offset_applied": true}), 0.0, "applied, though declared"),
            (l2a, json!({"s2:processing_baseline": "03.01", "earthsearch:boa_offset_applied": false}), 0.0, "before the change, though declared"),
            (l2a, json!({"s2:processing_baseline": "02.14"}), 0.0, "before the change"),
            (c1, json!({"s2:processing_baseline": "05.00", "earthsearch:boa_offset_applied": true}), -0.1, "collection 1 is never applied"),
            (c1, json!({"s2:processing_baseline": "05.00", "datetime": "2018-01-01T00:00:00Z"}), -0.1, "the baseline counts, not the date"),
            ("sentinel-s2-l2a-cogs", json!({"sentinel:processing_baseline": "04.00", "sentinel:boa_offset_applied": true}), 0.0, "the older names"),
            (
                l2a,
                json!({"s2:product_uri": "S2B_MSIL2A_20220124T102159_N0301_R065_T32TLR_20220124T121212.SAFE"}),
                0.0,
                "the day before, by the product's name",
            ),
            (
                l2a,
                json!({"s2:product_uri": "S2B_MSIL2A_20220126T102159_N0400_R065_T32TLR_20220126T121212.SAFE"}),
                -0.1,
                "the day after, by the product's name",
            ),
            (l2a, json!({"processing:version": "05.10"}), -0.1, "as CDSE names it"),
            ("sentinel-2-l1c", json!({"s2:processing_baseline": "04.00"}), -0.1, "level 1C changed too"),
        ] {
            assert_eq!(scaling(collection, properties.clone(), "red"), (Some(0.0001), Some(offset)), "{why}");
            assert_eq!(scaling(collection, properties, "B08"), (Some(0.0001), Some(offset)), "{why}, where nothing is declared");
        }
    }

    #[test]
    fn what_is_no_reflectance_stays_as_declared() {
        let new = || json!({"s2:processing_baseline": "05.09"});
        assert_eq!(scaling("sentinel-2-l2a", new(), "scl"), (Some(1.0), Some(0.0)));
        assert_eq!(scaling("sentinel-2-l2a", new(), "aot"), (Some(0.001), Some(0.0)));
        assert_eq!(scaling("sentinel-2-l2a", new(), "visual"), (None, None));
    }

    /// Scale, offset and whether they are presumed, of `red` in an item of baseline 05.00.
    fn declared(collection: &str, properties: Value, raster: Value) -> (Option<f64>, Option<f64>, bool) {
        let mut all = json!({"datetime": "2024-06-01T10:00:00Z", "constellation": "sentinel-2", "s2:processing_baseline": "05.00"});
        all.as_object_mut().expect("an object").extend(properties.as_object().cloned().unwrap_or_default());
        let assets = json!({"red": {"href": "r.tif", "raster:bands": [raster]}});
        let item = json!({"id": "i", "collection": collection, "geometry": null, "properties": all, "assets": assets});
        let item = Item::new(item, &Location::parse("/i.json").expect("a path"), None).expect("an item");
        let asset = &assets::assets(&item, &["red".to_owned()])["red"];
        (asset.scale, asset.offset, asset.presumed)
    }

    #[test]
    fn a_collection_of_ones_own_is_believed() {
        let (own, archive) = ("my-reflectance", "sentinel-2-l2a");
        let zero = || json!({"data_type": "uint16", "scale": 0.0001, "offset": 0});
        assert_eq!(declared(own, json!({}), zero()), (Some(0.0001), Some(0.0), false));
        assert_eq!(declared(archive, json!({}), zero()), (Some(0.0001), Some(-0.1), false), "known to be untrue");
        assert_eq!(declared(own, json!({"earthsearch:boa_offset_applied": false}), zero()).1, Some(-0.1), "an item of Earth Search, kept elsewhere");
        assert_eq!(declared(own, json!({}), json!({"data_type": "uint16"})), (Some(0.0001), Some(-0.1), true), "nobody states anything");
        assert_eq!(declared(own, json!({}), json!({"scale": 0.001})), (Some(0.001), Some(-0.1), true));
    }

    #[test]
    fn floating_point_is_no_digital_number() {
        for collection in ["my-reflectance", "sentinel-2-l2a"] {
            let float = |raster| declared(collection, json!({}), raster);
            assert_eq!(float(json!({"data_type": "float32", "scale": 1, "offset": 0})), (Some(1.0), Some(0.0), false));
            assert_eq!(float(json!({"data_type": "float32"})), (None, None, false));
        }
    }

    #[test]
    fn other_products_stay_as_declared() {
        assert_eq!(scaling("sentinel-2-l2a", json!({}), "red").1, Some(-0.1), "no baseline is known");
        assert_eq!(scaling("s2_geomad", json!({}), "red").1, Some(-0.1), "a composite of somebody");
        assert_eq!(scaling("landsat-c2-l2", json!({"constellation": null, "platform": "landsat-8"}), "red").1, Some(-0.1));
    }
}
