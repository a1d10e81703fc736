//! From the assets of an item to the bands of a patch, under the names by which they may be asked for.
//!
//! A name is looked up in this order: an asset key; `key.N`, the Nth band of an asset, from 1; a band's `name`; a band's
//! `common_name`. An alias never hides an asset key. Where several assets carry one alias (`red` and its JPEG 2000 twin, the
//! true-colour picture, the same band at 10, 20 and 60 m), the preferred one is: data before pictures, what is not JPEG 2000,
//! cloud-optimised before plain, one band before several, the finest, the first key.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{Asset, SourceGrid};
use serde_json::{Map, Value};

use crate::{
    bands::{self, Band},
    grid,
    item::Item,
    sentinel2,
};

/// The bands of an item by name; `wanted` names those to keep, none means all that look like pixels.
pub(crate) fn assets(item: &Item, wanted: &[String]) -> BTreeMap<String, Arc<Asset>> {
    let candidates = Candidates::of(item);
    if wanted.is_empty() {
        return candidates.all();
    }
    wanted.iter().filter_map(|name| Some((name.clone(), candidates.find(name)?))).collect()
}

struct Candidate<'a> {
    key: &'a str,
    asset: &'a Map<String, Value>,
    bands: Vec<Band>,
    grid: SourceGrid,
}

struct Candidates<'a> {
    by_key: Vec<Candidate<'a>>,
}

impl<'a> Candidates<'a> {
    fn of(item: &'a Item) -> Self {
        let nothing = Map::new();
        let properties = item.0.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
        let reflectance = sentinel2::Reflectance::of(item);
        let with_href = item.assets().filter(|(_, asset)| asset.get("href").is_some_and(Value::is_string));
        let by_key = with_href.map(|(key, asset)| {
            let mut bands = bands::bands(asset, properties);
            if bands.is_empty() {
                bands.push(bands::whole(asset, properties));
            }
            let count = bands.len();
            if let Some(reflectance) = &reflectance {
                bands.iter_mut().for_each(|band| reflectance.correct(band, key, asset, count));
            }
            Candidate { key, asset, bands, grid: grid::grid(asset, properties) }
        });
        Self { by_key: by_key.collect() }
    }

    fn find(&self, name: &str) -> Option<Arc<Asset>> {
        if let Some(c) = self.by_key.iter().find(|c| c.key == name) {
            return Some(c.band(0));
        }
        if let Some((key, number)) = name.rsplit_once('.')
            && let Some(c) = self.by_key.iter().find(|c| c.key == key)
            && let Some(index) = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
        {
            return Some(c.band(index));
        }
        let best = |of: fn(&Band) -> Option<&str>| {
            let carriers =
                self.by_key.iter().flat_map(|c| c.bands.iter().enumerate().filter(move |(_, b)| of(b) == Some(name)).map(move |(i, b)| (c, i, b)));
            carriers
                .min_by(|a, b| preference(a.0, a.2).partial_cmp(&preference(b.0, b.2)).unwrap_or(std::cmp::Ordering::Equal))
                .map(|(c, i, _)| c.band(i))
        };
        best(|b| b.name.as_deref()).or_else(|| best(|b| b.common_name.as_deref()))
    }

    fn all(&self) -> BTreeMap<String, Arc<Asset>> {
        let mut out = BTreeMap::new();
        for c in self.by_key.iter().filter(|c| c.looks_like_pixels()) {
            let bands: Vec<_> = (0..c.bands.len()).map(|i| c.band(i)).collect();
            for (i, band) in bands.iter().enumerate().filter(|_| bands.len() > 1) {
                out.insert(format!("{}.{}", c.key, i + 1), Arc::clone(band));
            }
            out.insert(c.key.to_owned(), Arc::clone(&bands[0]));
        }
        for name in self.by_key.iter().filter(|c| c.looks_like_pixels()).flat_map(|c| &c.bands).flat_map(|b| [&b.name, &b.common_name]).flatten() {
            if !out.contains_key(name)
                && let Some(asset) = self.find(name)
            {
                out.insert(name.clone(), asset);
            }
        }
        out
    }
}

impl Candidate<'_> {
    /// One band as a patch knows it. A band beyond those that are listed has what is said of the whole asset alone.
    fn band(&self, index: usize) -> Arc<Asset> {
        let nothing = Band::default();
        let band = self.bands.get(index).unwrap_or(&nothing);
        let text = |name: &str| self.asset.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let href = text("href").unwrap_or_default();
        Arc::new(Asset {
            alternates: alternates(self.asset, &href),
            href,
            band: index,
            variable: None,
            grid: (self.grid != SourceGrid::default()).then(|| self.grid.clone()),
            dtype: band.dtype,
            nodata: band.nodata,
            scale: band.scale,
            offset: band.offset,
            presumed: band.presumed,
            unit: band.unit.clone(),
            title: band.title.clone().or_else(|| text("title")),
            media_type: text("type"),
            size: self.asset.get("file:size").and_then(|v| v.as_u64().or_else(|| v.as_f64().filter(|f| *f >= 0.0).map(|f| f as u64))),
            checksum: text("file:checksum").or_else(|| text("checksum:multihash")),
            ..Asset::bare("")
        })
    }

    fn media_type(&self) -> &str {
        self.asset.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    fn has_role(&self, role: &str) -> bool {
        self.asset.get("roles").and_then(Value::as_array).is_some_and(|r| r.iter().any(|r| r.as_str() == Some(role)))
    }

    /// Neither text nor a picture for people.
    fn looks_like_pixels(&self) -> bool {
        let media = self.media_type();
        let file = self.asset.get("href").and_then(Value::as_str).and_then(|h| h.split(['?', '#']).next()).unwrap_or_default().to_ascii_lowercase();
        if media.starts_with("image/tiff") || media.starts_with("image/jp2") || media.contains("hdf") || media.contains("netcdf") {
            return true;
        }
        let raster_file = [".tif", ".tiff", ".jp2", ".hdf", ".h5", ".nc", ".vrt"].iter().any(|e| file.ends_with(e));
        raster_file && (media.is_empty() || media == "application/octet-stream") || (self.has_role("data") && media.starts_with("image/"))
    }
}

/// Other places of an asset by the names that the item gives them (extension `alternate-assets`, section "Alternate Object"): buckets and
/// web servers, the only ones between which a route is chosen.
///
/// A web server beside a bucket that wants a login of its own (`auth:refs`) is left out: what `href` names is meant to be read.
fn alternates(asset: &Map<String, Value>, href: &str) -> BTreeMap<String, String> {
    let stated = asset.get("alternate").and_then(Value::as_object).into_iter().flatten();
    let place = |(name, place): (&String, &Value)| {
        let other = place.get("href")?.as_str()?;
        let (is_bucket, is_web) = (other.starts_with("s3://"), other.starts_with("https://") || other.starts_with("http://"));
        let asks_for_login = place.get("auth:refs").and_then(Value::as_array).is_some_and(|refs| !refs.is_empty());
        let is_usable = is_bucket || (is_web && !(asks_for_login && href.starts_with("s3://")));
        (is_usable && other != href).then(|| (name.clone(), other.to_owned()))
    };
    stated.filter_map(place).collect()
}

/// The smaller, the better.
fn preference(c: &Candidate<'_>, band: &Band) -> (bool, bool, bool, bool, usize, f64) {
    let media = c.media_type();
    let file = c.asset.get("href").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let picture = ["visual", "overview", "thumbnail", "metadata"].iter().any(|r| c.has_role(r))
        || matches!(c.key, "visual" | "overview" | "thumbnail" | "preview" | "rendered_preview");
    let jpeg2000 = media.contains("jp2") || file.ends_with(".jp2");
    let tiff = media.contains("tiff") || file.ends_with(".tif") || file.ends_with(".tiff");
    let affine = c.grid.geobox().map(|g| g.resolution().0).or_else(|| c.grid.affine.map(|a| a.a.hypot(a.d)));
    let gsd = c.asset.get("gsd").and_then(Value::as_f64);
    let size = affine.or(band.resolution).or(gsd).unwrap_or(f64::MAX);
    (picture, jpeg2000, !tiff, !media.contains("cloud-optimized"), c.bands.len(), size)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::location::Location;

    fn item(assets: Value) -> Item {
        let value = json!({"type": "Feature", "id": "a", "properties": {"proj:code": "EPSG:32632"}, "assets": assets});
        Item::new(value, &Location::parse("https://h/x/item.json").expect("a URL"), Some("c")).expect("an item")
    }

    fn href(item: &Item, name: &str) -> Option<(String, usize)> {
        assets(item, &[name.to_owned()]).get(name).map(|a| (a.href.clone(), a.band))
    }

    fn at(name: &str, band: usize) -> Option<(String, usize)> {
        Some((format!("https://h/x/{name}"), band))
    }

    const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";

    #[test]
    fn keys_come_before_aliases() {
        let i = item(json!({
            "red": {"href": "red.tif", "type": COG, "eo:bands": [{"name": "B04"}]},
            "other": {"href": "other.tif", "type": COG, "eo:bands": [{"name": "red", "common_name": "nir"}]},
        }));
        assert_eq!(href(&i, "red"), at("red.tif", 0), "the key, not the alias of another asset");
        assert_eq!(href(&i, "nir"), at("other.tif", 0));
        assert_eq!(href(&i, "B04"), at("red.tif", 0));
        assert_eq!(href(&i, "blue"), None);
    }

    #[test]
    fn among_twins_the_geotiff_is_taken() {
        let i = item(json!({
            "a-jp2": {"href": "a.jp2", "type": "image/jp2", "roles": ["data"], "eo:bands": [{"name": "B04", "common_name": "red"}]},
            "visual": {"href": "tci.tif", "type": COG, "roles": ["visual"], "eo:bands": [{"name": "B04", "common_name": "red"}, {"name": "B03", "common_name": "green"}]},
            "z20": {"href": "z20.tif", "type": COG, "roles": ["data"], "gsd": 20, "eo:bands": [{"name": "B04", "common_name": "red"}]},
            "z10": {"href": "z10.tif", "type": COG, "roles": ["data"], "gsd": 10, "eo:bands": [{"name": "B04", "common_name": "red"}]},
            "z60": {"href": "z60.tif", "type": COG, "roles": ["data"], "gsd": 60, "eo:bands": [{"name": "B04", "common_name": "red"}]},
        }));
        assert_eq!(href(&i, "red"), at("z10.tif", 0));
        assert_eq!(href(&i, "B04"), at("z10.tif", 0));
        assert_eq!(href(&i, "green"), at("tci.tif", 1), "only the picture has it");
    }

    #[test]
    fn bands_of_one_file_have_numbers_and_names() {
        let i = item(
            json!({"image": {"href": "i.tif", "bands": [{"name": "R", "eo:common_name": "red", "nodata": 1}, {"name": "G", "nodata": 2}], "data_type": "uint8"}}),
        );
        assert_eq!(href(&i, "image"), at("i.tif", 0));
        assert_eq!(href(&i, "image.2"), at("i.tif", 1));
        assert_eq!(href(&i, "G"), at("i.tif", 1));
        assert_eq!(href(&i, "image.0"), None);
        let all = assets(&i, &[]);
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["G", "R", "image", "image.1", "image.2", "red"]);
        assert_eq!(all["G"].nodata, Some(cube_core::Number::Int(2)));
        assert_eq!(all["red"].dtype, Some(cube_core::DType::UInt8));
    }

    #[test]
    fn other_places_of_a_file_are_known() {
        let i = item(json!({
            "red": {"href": "red.tif", "type": COG, "alternate": {"s3": {"href": "s3://b/red.tif", "storage:refs": ["aws"]}, "here": {"href": "./copy/red.tif"}}},
            // Of others, none can be chosen: an address that is the same, one of another cloud, one that is none.
            "nir": {"href": "https://h/nir.tif", "type": COG, "alternate": {"same": {"href": "https://h/nir.tif"}, "az": {"href": "abfs://c/nir.tif"}, "odd": {"x": 1}, "text": "s3://b/n.tif"}},
            // A bucket first, and beside it a server with a login of its own, or one that is open.
            "login": {"href": "s3://eodata/l.tif", "type": COG, "alternate": {"https": {"href": "https://h/l.tif", "auth:refs": ["oidc"]}}},
            "open": {"href": "s3://b/o.tif", "type": COG, "alternate": {"https": {"href": "https://h/o.tif"}}},
            "web": {"href": "https://h/w.tif", "type": COG, "alternate": {"s3": {"href": "s3://eodata/w.tif", "auth:refs": ["s3"]}}},
            "none": {"href": "n.tif", "type": COG, "alternate": []},
        }));
        let all = assets(&i, &[]);
        let places = |name: &str| all[name].alternates.iter().map(|(n, h)| (n.as_str(), h.as_str())).collect::<Vec<_>>();
        assert_eq!(places("red"), [("here", "https://h/x/copy/red.tif"), ("s3", "s3://b/red.tif")]);
        assert_eq!((places("nir"), places("login"), places("none")), (vec![], vec![], vec![]));
        assert_eq!(places("open"), [("https", "https://h/o.tif")]);
        assert_eq!(places("web"), [("s3", "s3://eodata/w.tif")]);
    }

    #[test]
    fn text_and_pictures_are_no_bands_unless_asked_for() {
        let i = item(json!({
            "B1": {"href": "b1.tif", "type": COG}, "plain": {"href": "plain.TIF?sig=1"},
            "meta": {"href": "m.xml", "type": "application/xml"}, "thumbnail": {"href": "t.jpg", "type": "image/jpeg", "roles": ["thumbnail"]},
        }));
        assert_eq!(assets(&i, &[]).keys().map(String::as_str).collect::<Vec<_>>(), ["B1", "plain"]);
        assert_eq!(href(&i, "meta"), at("m.xml", 0));
    }
}
