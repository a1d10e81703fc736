//! STAC items as inputs: each item is a granule, whose assets say where its data file and its sidecar are.

use std::collections::BTreeMap;

use cube_access::public_name;
use serde::Deserialize;
use serde_json::Value;

use super::inputs::{Chooser, Input, data_of};
use crate::{Error, Result};

const DATA_ENDINGS: [&str; 11] = [".nc", ".nc4", ".nc3", ".cdf", ".h5", ".hdf5", ".he5", ".hdf", ".tif", ".tiff", ".gtiff"];
const DATA_TYPES: [&str; 7] = [
    "application/x-netcdf",
    "application/netcdf",
    "application/x-hdf5",
    "application/x-hdf",
    "application/hdf5",
    "image/tiff",
    "image/vnd.stac.geotiff",
];

/// Whether a name is that of a file of items.
pub(super) fn is_items(name: &str) -> bool {
    let name = name.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".json", ".geojson", ".ndjson"].iter().any(|end| name.ends_with(end))
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    assets: BTreeMap<String, Asset>,
}

#[derive(Debug, Deserialize)]
struct Asset {
    href: String,
    #[serde(rename = "type")]
    media_type: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    /// Further addresses of the same file (extension `alternate-assets`).
    #[serde(default)]
    alternate: BTreeMap<String, Alternate>,
}

#[derive(Debug, Deserialize)]
struct Alternate {
    href: String,
}

/// The granules of an item, an item collection or lines of items.
pub(super) async fn read(place: &str, asset: Option<&str>, chooser: &Chooser<'_>) -> Result<Vec<Input>> {
    let bytes = chooser.access.read(place).await?;
    let name = public_name(place);
    if is_references(&bytes) {
        let data = super::inputs::local_path(place)?.map_or_else(|| place.to_owned(), |path| path.display().to_string());
        return Ok(vec![Input { data: Some(data), sidecar: None }]);
    }
    let items = parse(&bytes).ok_or_else(|| {
        Error::refused(format!("`{name}` is no STAC item or item collection"), "give a file of STAC items, or name the granules themselves")
    })?;
    if items.is_empty() {
        return Err(Error::refused(format!("`{name}` holds no item"), "check the search that made it"));
    }
    let mut inputs = Vec::with_capacity(items.len());
    for item in &items {
        inputs.push(granule(item, &name, place, asset, chooser).await?);
    }
    Ok(inputs)
}

/// The granule of one item.
pub(super) async fn of_record(item: &serde_json::Map<String, Value>, asset: Option<&str>, chooser: &Chooser<'_>) -> Result<Input> {
    let item: Item = serde_json::from_value(Value::Object(item.clone())).map_err(|e| Error::failed("a record is not a STAC item", e))?;
    granule(&item, "the search", "", asset, chooser).await
}

/// Whether it is a document of Kerchunk references, version 0 or 1, judged by its first keys: it may be large.
fn is_references(bytes: &[u8]) -> bool {
    const START: usize = 4096;
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(START)]);
    ["\"refs\"", "\"templates\"", ".zgroup\"", ".zattrs\"", ".zarray\"", "zarr.json\""].iter().any(|key| start.contains(key))
        && !start.contains("\"Feature")
}

fn parse(bytes: &[u8]) -> Option<Vec<Item>> {
    let of = |value: Value| serde_json::from_value::<Item>(value).ok();
    if let Ok(whole) = serde_json::from_slice::<Value>(bytes) {
        return match whole {
            Value::Array(list) => list.into_iter().map(of).collect(),
            Value::Object(mut members) => match members.remove("features") {
                Some(Value::Array(features)) => features.into_iter().map(of).collect(),
                Some(_) => None,
                None => of(Value::Object(members)).map(|item| vec![item]),
            },
            _ => None,
        };
    }
    let text = std::str::from_utf8(bytes).ok()?;
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).ok()).collect()
}

/// Addresses of one file.
#[derive(Debug, Default)]
struct Addresses {
    s3: Option<String>,
    other: Option<String>,
}

impl Addresses {
    fn add(&mut self, href: &str) {
        let place = if href.starts_with("s3://") { &mut self.s3 } else { &mut self.other };
        place.get_or_insert_with(|| href.to_owned());
    }

    async fn choose(self, chooser: &Chooser<'_>) -> Result<Option<String>> {
        match (self.s3, self.other) {
            (Some(s3), Some(other)) => chooser.choose(s3, other).await.map(Some),
            (one, other) => Ok(one.or(other)),
        }
    }
}

async fn granule(item: &Item, collection: &str, place: &str, wanted: Option<&str>, chooser: &Chooser<'_>) -> Result<Input> {
    let keys = || item.assets.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(key) = wanted
        && !item.assets.contains_key(key)
    {
        return Err(Error::refused(format!("the item `{}` of `{collection}` has no asset `{key}`", item.id), format!("its assets are {}", keys())));
    }
    let mut files: BTreeMap<String, Addresses> = BTreeMap::new();
    let mut sidecars: BTreeMap<String, Addresses> = BTreeMap::new();
    for (key, asset) in &item.assets {
        for href in std::iter::once(&asset.href).chain(asset.alternate.values().map(|a| &a.href)) {
            let href = resolved(href, place);
            if let Some(data) = data_of(&href) {
                sidecars.entry(file_name(&data)).or_default().add(&href);
            } else if wanted.map_or_else(|| is_data(asset), |wanted| wanted == key) {
                files.entry(file_name(&href)).or_default().add(&href);
            }
        }
    }
    if wanted.is_some() && files.len() > 1 {
        files = files.into_iter().take(1).collect();
    }
    let names = || files.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if files.len() > 1 {
        let message = format!("the item `{}` of `{collection}` has several data files: {}", item.id, names());
        return Err(Error::refused(message, format!("choose one with --asset; its assets are {}", keys())));
    }
    let Some((name, addresses)) = files.into_iter().next() else {
        // A sidecar alone says which file it describes.
        let sidecar = match sidecars.into_values().next() {
            Some(addresses) => addresses.choose(chooser).await?,
            None => None,
        };
        let none = || {
            let message = format!("the item `{}` of `{collection}` has no netCDF, HDF5 or TIFF file", item.id);
            Error::refused(
                message,
                format!("name the asset with --asset; its assets are {}", if item.assets.is_empty() { "none".into() } else { keys() }),
            )
        };
        return sidecar.map(|sidecar| Input { data: None, sidecar: Some(sidecar) }).ok_or_else(none);
    };
    let sidecar = match sidecars.remove(&name) {
        Some(beside) => beside.choose(chooser).await?,
        None => None,
    };
    Ok(Input { data: addresses.choose(chooser).await?, sidecar })
}

fn is_data(asset: &Asset) -> bool {
    const OTHER_ROLES: [&str; 6] = ["thumbnail", "overview", "metadata", "browse", "visual", "index"];
    if asset.roles.iter().any(|role| OTHER_ROLES.contains(&role.as_str())) && !asset.roles.iter().any(|role| role == "data") {
        return false;
    }
    let media = asset.media_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let name = asset.href.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    DATA_TYPES.iter().any(|t| media.starts_with(t)) || DATA_ENDINGS.iter().any(|end| name.ends_with(end))
}

fn file_name(href: &str) -> String {
    let path = href.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// An href as it is meant in the document at `place`.
fn resolved(href: &str, place: &str) -> String {
    if let Ok(Some(path)) = super::inputs::local_path(href) {
        if href.starts_with('/') || href.starts_with("file://") {
            return path.display().to_string();
        }
        let Ok(Some(document)) = super::inputs::local_path(place) else {
            let base = url::Url::parse(place).ok();
            return base.and_then(|base| base.join(href).ok()).map_or_else(|| href.to_owned(), String::from);
        };
        let beside = document.with_file_name("").join(href);
        let beside = beside.display().to_string();
        return super::inputs::local_path(&beside).ok().flatten().map_or(beside, |p| p.display().to_string());
    }
    href.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::inputs::AddressChoice, *};

    fn one(item: Value, asset: Option<&str>, direct: bool) -> Result<Input> {
        let items = parse(item.to_string().as_bytes()).expect("an item");
        let access = cube_access::Access::new(cube_access::AccessOptions::default()).expect("access");
        let wanted = if direct { AddressChoice::Direct } else { AddressChoice::Indirect };
        let chooser = Chooser { wanted, access: &access };
        futures::executor::block_on(granule(&items[0], "items.json", "/data/items.json", asset, &chooser))
    }

    fn input(data: &str, sidecar: Option<&str>) -> Input {
        Input { data: Some(data.into()), sidecar: sidecar.map(Into::into) }
    }

    #[test]
    fn both_addresses_of_a_file_are_one() {
        let item = json!({"id": "g", "assets": {
            "g.nc": {"href": "https://h/p/g.nc", "roles": ["data"]},
            "s3_g.nc": {"href": "s3://b/p/g.nc", "roles": ["data"]},
            "dmrpp": {"href": "https://h/p/g.nc.dmrpp"},
            "browse": {"href": "https://h/p/g.png", "roles": ["browse"]},
        }});
        assert_eq!(one(item.clone(), None, false).expect("an input"), input("https://h/p/g.nc", Some("https://h/p/g.nc.dmrpp")));
        assert_eq!(one(item, None, true).expect("an input"), input("s3://b/p/g.nc", Some("https://h/p/g.nc.dmrpp")));
        let item = json!({"id": "g", "assets": {"data": {"href": "sub/g.h5", "alternate": {"s3": {"href": "s3://b/g.h5"}}}}});
        assert_eq!(one(item.clone(), None, true).expect("an input"), input("s3://b/g.h5", None));
        assert_eq!(one(item, None, false).expect("an input"), input("/data/sub/g.h5", None));
    }

    #[test]
    fn what_is_not_clear_is_asked_for() {
        let item = json!({"id": "g", "assets": {"a": {"href": "/x/a.tif"}, "b": {"href": "/x/b.tif"}, "t": {"href": "/x/t.png"}}});
        assert!(one(item.clone(), None, false).expect_err("two files").hint().is_some_and(|h| h.contains("--asset")));
        assert_eq!(one(item.clone(), Some("b"), false).expect("an input"), input("/x/b.tif", None));
        assert!(one(item, Some("c"), false).expect_err("no asset").to_string().contains("`c`"));
        assert!(one(json!({"id": "g", "assets": {"t": {"href": "/x/t.png"}}}), None, false).is_err());
    }

    #[test]
    fn collections_and_lines_are_read() {
        let item = json!({"id": "g", "type": "Feature", "assets": {}});
        for text in [item.to_string(), json!({"type": "FeatureCollection", "features": [item]}).to_string(), format!("{item}\n{item}\n")] {
            assert!(parse(text.as_bytes()).is_some_and(|items| items[0].id == "g"), "{text}");
        }
        assert!(parse(b"{\"version\": 1, \"refs\": {}}").is_none() && parse(b"hello").is_none());
    }
}
