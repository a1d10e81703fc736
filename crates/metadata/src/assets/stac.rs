//! Assets as STAC writes them, versions 1.0 and 1.1, with the extensions electro-optical (`eo`), raster, file and alternate-assets.
//!
//! Inside, the names of 1.1 hold: one list `bands`, whose entries carry `eo:` and `raster:` fields. 1.0 has two lists, `eo:bands` and
//! `raster:bands`, whose entries have no prefix (<https://github.com/radiantearth/stac-spec/releases/tag/v1.1.0>, "Bands").

use serde_json::{Map, Value};

use super::{Asset, Band, Checksum, media_type};

/// Which STAC an asset is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StacVersion {
    /// 1.0.0.
    V1_0,
    /// 1.1.0.
    #[default]
    V1_1,
}

/// Fields of a band that version 1.0 writes without the prefix that they have in 1.1.
const EO: [&str; 4] = ["common_name", "center_wavelength", "full_width_half_max", "solar_illumination"];
const RASTER: [&str; 6] = ["sampling", "bits_per_sample", "spatial_resolution", "scale", "offset", "histogram"];
/// Fields of a band that belong to `raster:bands` in 1.0, and to no extension in 1.1.
const PIXELS: [&str; 4] = ["nodata", "data_type", "unit", "statistics"];

impl Asset {
    /// Reads the asset that a STAC item (any version since 1.0) keeps under `key`; None when it has no `href`.
    ///
    /// * Bands come from `bands`, `eo:bands` and `raster:bands` together, entry by entry; `bands` has the last word.
    /// * A `file:checksum` that is no multihash, and whatever else is not as its specification says, stays in [`Asset::fields`] as it is.
    /// * The media type comes from the extension where none is stated, see [`media_type`].
    pub fn from_stac(key: impl Into<String>, asset: &Map<String, Value>) -> Option<Self> {
        let mut fields = asset.clone();
        let href = take_text(&mut fields, "href")?;
        let stated = take_text(&mut fields, "type");
        Some(Self {
            key: key.into(),
            media_type: media_type(stated.as_deref(), &href).map(Into::into),
            title: take_text(&mut fields, "title"),
            description: take_text(&mut fields, "description"),
            gsd: take(&mut fields, "gsd", Value::as_f64),
            roles: take(&mut fields, "roles", texts).unwrap_or_default(),
            bands: take_bands(&mut fields),
            size: take(&mut fields, "file:size", whole),
            checksum: ["file:checksum", "checksum:multihash"]
                .iter()
                .find_map(|name| take(&mut fields, name, |v| v.as_str().and_then(Checksum::from_multihash))),
            alternates: take_alternates(&mut fields),
            href,
            fields,
        })
    }

    /// The asset as an item of STAC `version` keeps it under [`Asset::key`]. The item must list [`Asset::stac_extensions`].
    ///
    /// A checksum that has no multihash code is not written ([`Checksum::to_multihash`]): STAC has no place for it.
    pub fn to_stac(&self, version: StacVersion) -> Map<String, Value> {
        let mut out = self.fields.clone();
        out.insert("href".into(), self.href.clone().into());
        let mut insert = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.into(), value);
            }
        };
        insert("title", self.title.clone().map(Value::from));
        insert("description", self.description.clone().map(Value::from));
        insert("type", self.media_type.clone().map(Value::from));
        insert("gsd", self.gsd.map(number));
        insert("roles", (!self.roles.is_empty()).then(|| self.roles.clone().into()));
        insert("file:size", self.size.map(Value::from));
        insert("file:checksum", self.checksum.as_ref().and_then(Checksum::to_multihash).map(Value::from));
        self.put_alternates(&mut out);
        match version {
            StacVersion::V1_1 => put_list(&mut out, "bands", self.bands.iter().map(band_of_1_1).collect()),
            StacVersion::V1_0 => {
                let (eo, raster) = self.bands.iter().map(bands_of_1_0).unzip();
                put_list(&mut out, "eo:bands", eo);
                put_list(&mut out, "raster:bands", raster);
            }
        }
        out
    }

    /// The extensions that [`Asset::to_stac`] uses for it, as `stac_extensions` lists them.
    pub fn stac_extensions(&self, version: StacVersion) -> Vec<&'static str> {
        let band_has = |prefix: &str| self.bands.iter().any(|b| b.fields.keys().any(|k| k.starts_with(prefix)));
        let pixels = self.bands.iter().any(|b| b.fields.keys().any(|k| PIXELS.contains(&k.as_str())));
        let common_name = self.bands.iter().any(|b| b.common_name.is_some());
        let file = self.size.is_some() || self.checksum.as_ref().is_some_and(|c| c.to_multihash().is_some());
        let (eo, raster, eo_schema, raster_schema) = match version {
            StacVersion::V1_0 => (
                self.bands.iter().any(|b| !bands_of_1_0(b).0.is_empty()),
                pixels || band_has("raster:"),
                "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
                "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
            ),
            StacVersion::V1_1 => (
                common_name || band_has("eo:"),
                band_has("raster:"),
                "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
                "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
            ),
        };
        let all = [
            (eo, eo_schema),
            (raster, raster_schema),
            (file, "https://stac-extensions.github.io/file/v2.1.0/schema.json"),
            (!self.alternates.is_empty(), "https://stac-extensions.github.io/alternate-assets/v1.2.0/schema.json"),
        ];
        all.into_iter().filter_map(|(used, schema)| used.then_some(schema)).collect()
    }

    fn put_alternates(&self, out: &mut Map<String, Value>) {
        if self.alternates.is_empty() {
            return;
        }
        let mut said = match out.remove("alternate") {
            Some(Value::Object(said)) => said,
            _ => Map::new(),
        };
        let of_alternate = |(name, href): &(String, String)| {
            let mut entry = match said.remove(name) {
                Some(Value::Object(entry)) => entry,
                _ => Map::new(),
            };
            entry.insert("href".into(), href.clone().into());
            (name.clone(), Value::Object(entry))
        };
        let alternates: Map<_, _> = self.alternates.iter().map(of_alternate).collect();
        out.insert("alternate".into(), alternates.into());
    }
}

/// Takes a field out, where it reads as what it should be; else it stays.
fn take<T>(fields: &mut Map<String, Value>, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    let value = fields.get(name).and_then(read)?;
    fields.remove(name);
    Some(value)
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.remove(name)? {
        Value::String(text) => Some(text),
        other => {
            fields.insert(name.into(), other);
            None
        }
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect()
}

/// A whole number of bytes, also one that was written as `1024.0`.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && (0.0..9e15).contains(f)).map(|f| f as u64))
}

/// 30 rather than 30.0: readers that compare texts see what the provider wrote.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

fn take_alternates(fields: &mut Map<String, Value>) -> Vec<(String, String)> {
    let href = |(name, entry): (&String, &Value)| Some((name.clone(), entry.get("href")?.as_str()?.to_owned()));
    let all = |value: &Value| value.as_object()?.iter().map(href).collect::<Option<Vec<_>>>();
    let Some(alternates) = fields.get("alternate").and_then(all) else {
        return Vec::new();
    };
    // What an alternate says beside its place (`storage:refs`, …) is kept for writing.
    if let Some(Value::Object(said)) = fields.get_mut("alternate") {
        said.values_mut().filter_map(Value::as_object_mut).for_each(|entry| drop(entry.remove("href")));
        said.retain(|_, entry| entry.as_object().is_some_and(|e| !e.is_empty()));
        if said.is_empty() {
            fields.remove("alternate");
        }
    }
    alternates
}

fn take_bands(fields: &mut Map<String, Value>) -> Vec<Band> {
    let mut list =
        |name: &str| take(fields, name, |v| v.as_array()?.iter().map(|b| b.as_object().cloned()).collect::<Option<Vec<_>>>()).unwrap_or_default();
    // Of two that say the same the later has the last word.
    let lists = [list("raster:bands"), list("eo:bands"), list("bands")];
    let count = lists.iter().map(Vec::len).max().unwrap_or_default();
    let mut bands = vec![Band::default(); count];
    for list in lists {
        for (band, said) in bands.iter_mut().zip(list) {
            let earlier = band.name.take();
            said.into_iter().for_each(|(name, value)| band.hear(name, value));
            match (earlier, &band.name) {
                // `raster:bands` has no `name`; those that wrote one beside `eo:bands` meant a title.
                (Some(title), Some(name)) if title != *name => drop(band.fields.entry("description").or_insert(title.into())),
                (earlier, None) => band.name = earlier,
                _ => {}
            }
        }
    }
    bands
}

impl Band {
    /// Takes in one field of an entry of `bands`, `eo:bands` or `raster:bands`.
    fn hear(&mut self, name: String, value: Value) {
        match (name.as_str(), value) {
            ("name", Value::String(text)) => self.name = Some(text),
            ("common_name" | "eo:common_name", Value::String(text)) => self.common_name = Some(text),
            (plain, value) if EO.contains(&plain) => drop(self.fields.insert(format!("eo:{plain}"), value)),
            (plain, value) if RASTER.contains(&plain) => drop(self.fields.insert(format!("raster:{plain}"), value)),
            (_, value) => drop(self.fields.insert(name, value)),
        }
    }
}

fn band_of_1_1(band: &Band) -> Map<String, Value> {
    let mut out = band.fields.clone();
    out.extend(band.name.clone().map(|name| ("name".into(), name.into())));
    out.extend(band.common_name.clone().map(|name| ("eo:common_name".into(), name.into())));
    out
}

/// What 1.0 writes of a band in `eo:bands` and in `raster:bands`.
fn bands_of_1_0(band: &Band) -> (Map<String, Value>, Map<String, Value>) {
    let (mut eo, mut raster) = (Map::new(), Map::new());
    eo.extend(band.name.clone().map(|name| ("name".into(), name.into())));
    eo.extend(band.common_name.clone().map(|name| ("common_name".into(), name.into())));
    for (name, value) in &band.fields {
        let without = |prefix: &str, known: &[&str]| name.strip_prefix(prefix).filter(|plain| known.contains(plain));
        let (list, name) = if let Some(plain) = without("eo:", &EO) {
            (&mut eo, plain)
        } else if let Some(plain) = without("raster:", &RASTER) {
            (&mut raster, plain)
        } else if PIXELS.contains(&name.as_str()) || (name.contains(':') && !name.starts_with("eo:")) {
            // Extensions of 1.0 that speak of pixels (`classification:classes`) stand there.
            (&mut raster, name.as_str())
        } else {
            (&mut eo, name.as_str())
        };
        list.insert(name.into(), value.clone());
    }
    (eo, raster)
}

fn put_list(out: &mut Map<String, Value>, name: &str, list: Vec<Map<String, Value>>) {
    if list.iter().any(|entry| !entry.is_empty()) {
        out.insert(name.into(), list.into_iter().map(Value::Object).collect());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(asset: Value) -> Asset {
        Asset::from_stac("a", asset.as_object().expect("an object")).expect("an asset")
    }

    fn write(asset: &Asset, version: StacVersion) -> Value {
        asset.to_stac(version).into()
    }

    #[test]
    fn an_asset_of_1_1_is_read_and_written() {
        let stac = json!({
            "href": "https://h.test/B04.tif", "type": "image/tiff; application=geotiff; profile=cloud-optimized", "title": "Red",
            "roles": ["data"], "gsd": 30, "file:size": 1024, "file:checksum": format!("d50110{}", "ab".repeat(16)), "proj:shape": [1, 2],
            "bands": [{"name": "B04", "eo:common_name": "red", "nodata": -9999, "raster:scale": 0.0001, "description": "Red"}],
            "alternate": {"s3": {"href": "s3://b/B04.tif", "storage:refs": ["aws"]}},
        });
        let asset = read(stac.clone());
        assert_eq!(asset.bands[0].names().collect::<Vec<_>>(), ["B04", "red"]);
        assert_eq!((asset.size, asset.gsd, asset.place("s3")), (Some(1024), Some(30.0), Some("s3://b/B04.tif")));
        assert_eq!(asset.checksum, Some(Checksum { algorithm: "MD5".into(), value: "ab".repeat(16) }));
        assert!(asset.is_cloud_optimised());
        assert_eq!(write(&asset, StacVersion::V1_1), stac);
        assert_eq!(asset.stac_extensions(StacVersion::V1_1).len(), 4);
    }

    #[test]
    fn bands_of_1_0_and_1_1_say_the_same() {
        let old = json!({
            "href": "a.tif", "type": "image/tiff",
            "eo:bands": [{"name": "B1", "common_name": "blue", "center_wavelength": 0.48}, {"name": "B2", "description": "second"}],
            "raster:bands": [{"nodata": 0, "data_type": "uint8", "scale": 2.0}, {"spatial_resolution": 10, "classification:classes": []}],
        });
        let new = json!({
            "href": "a.tif", "type": "image/tiff",
            "bands": [
                {"name": "B1", "eo:common_name": "blue", "eo:center_wavelength": 0.48, "nodata": 0, "data_type": "uint8", "raster:scale": 2.0},
                {"name": "B2", "description": "second", "raster:spatial_resolution": 10, "classification:classes": []},
            ],
        });
        assert_eq!(read(old.clone()), read(new.clone()));
        assert_eq!(write(&read(old.clone()), StacVersion::V1_1), new);
        assert_eq!(write(&read(new), StacVersion::V1_0), old);
        assert_eq!(read(old).stac_extensions(StacVersion::V1_0).len(), 2);
    }

    #[test]
    fn what_is_not_as_specified_is_kept_as_it_is() {
        let odd = json!({"href": "a.xyz", "roles": "data", "gsd": "30", "file:size": -1, "file:checksum": "abc", "eo:bands": [0, 1], "alternate": {"s3": "s3://b"}, "title": null});
        let asset = read(odd.clone());
        assert_eq!((asset.roles.len(), asset.size, asset.bands.len(), asset.alternates.len()), (0, None, 0, 0));
        assert_eq!(write(&asset, StacVersion::V1_1), odd);
        assert_eq!(Asset::from_stac("a", &Map::new()), None);
    }

    #[test]
    fn a_removed_alternate_leaves_nothing_behind() {
        let mut asset = read(json!({"href": "a", "alternate": {"s3": {"href": "s3://b/a", "title": "S3"}, "x": {"href": "x"}}}));
        asset.alternates.retain(|(name, _)| name == "x");
        assert_eq!(write(&asset, StacVersion::V1_1), json!({"href": "a", "alternate": {"x": {"href": "x"}}}));
    }
}
