//! Assets of STAC to `RelatedUrls` and to what UMM says of files in the archive.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::names::{ARCHIVE, INDEX, UMM, UMM_FIELDS, is_umm_name};
use crate::{Checksum, assets::media_type, umm::Kind};

/// Media types that UMM-G lists (schema 1.6.6, `MimeTypeEnum`).
const MIME_TYPES: [&str; 27] = [
    "application/json",
    "application/xml",
    "application/x-netcdf",
    "application/x-hdfeos",
    "application/gml+xml",
    "application/vnd.google-earth.kml+xml",
    "image/gif",
    "image/tiff",
    "image/bmp",
    "text/csv",
    "text/xml",
    "application/pdf",
    "application/x-hdf",
    "application/x-hdf5",
    "application/octet-stream",
    "application/vnd.google-earth.kmz",
    "image/jpeg",
    "image/png",
    "image/vnd.collada+xml",
    "text/html",
    "text/plain",
    "application/zip",
    "application/gzip",
    "application/tar",
    "application/tar+gzip",
    "application/tar+zip",
    "application/vnd.opendap.dap4.dmrpp+xml",
];

/// Algorithms that UMM-G lists (`ChecksumType`).
const ALGORITHMS: [&str; 6] = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "SM3"];

/// `ArchiveAndDistributionInformation` in the making.
pub(super) struct Archive {
    entries: Vec<Value>,
    /// Entries that belong to no asset.
    rest: Vec<Value>,
    /// Files that an entry is about, or a package.
    names: HashSet<String>,
}

impl Archive {
    pub(super) fn new(rest: Vec<Value>) -> Self {
        let mut archive = Self { entries: Vec::new(), rest: Vec::new(), names: HashSet::new() };
        rest.iter().for_each(|entry| archive.learn(entry));
        archive.rest = rest;
        archive
    }

    /// Entries of assets, then the others.
    pub(super) fn finish(mut self) -> Vec<Value> {
        self.entries.append(&mut self.rest);
        self.entries
    }

    fn learn(&mut self, entry: &Value) {
        let inside = entry.get("Files").and_then(Value::as_array).into_iter().flatten();
        self.names.extend(std::iter::once(entry).chain(inside).filter_map(|file| file["Name"].as_str()).map(str::to_owned));
    }

    /// What an asset carries, set right where the asset says something else now; else what it says of its file.
    fn add(&mut self, asset: &Map<String, Value>) {
        let href = asset.get("href").and_then(Value::as_str).unwrap_or_default();
        let path = href.split(['?', '#']).next().unwrap_or(href).trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        let size = asset.get("file:size").and_then(Value::as_u64);
        let multihash = asset.get("file:checksum").and_then(Value::as_str);
        let checksum = multihash.and_then(Checksum::from_multihash).filter(|c| ALGORITHMS.contains(&c.algorithm.as_str()));
        let checksum = checksum.map(|c| json!({"Value": c.value, "Algorithm": c.algorithm}));
        if let Some(mut entry) = asset.get(ARCHIVE).cloned() {
            if let (Some(size), Some(stated)) = (size, entry.get("SizeInBytes").and_then(Value::as_u64))
                && size != stated
            {
                entry["SizeInBytes"] = size.into();
            }
            let sum = |c: &Value| Some(Checksum { algorithm: c["Algorithm"].as_str()?.into(), value: c["Value"].as_str()?.into() });
            let stated = entry.get("Checksum").and_then(sum).and_then(|c| c.to_multihash());
            if let (Some(checksum), true) = (checksum, stated.as_deref() != multihash) {
                entry["Checksum"] = checksum;
            }
            self.entries.push(entry);
        } else if (size.is_some() || checksum.is_some()) && !name.is_empty() && !self.names.contains(name) {
            let mut entry = json!({"Name": name});
            size.into_iter().for_each(|size| entry["SizeInBytes"] = size.into());
            checksum.into_iter().for_each(|checksum| entry["Checksum"] = checksum);
            self.learn(&entry);
            self.entries.push(entry);
        }
    }
}

/// `RelatedUrls` of all assets, in the order that they had; one without a place is answered as an error.
pub(super) fn of_assets<'a>(assets: &'a Map<String, Value>, archive: &mut Archive) -> (Vec<Value>, Vec<&'a String>) {
    let (mut whole, mut without): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for (key, asset) in assets {
        match asset.as_object().filter(|a| a.get("href").is_some_and(Value::is_string)) {
            Some(asset) => whole.push(asset),
            None => without.push(key),
        }
    }
    let index = |place: &Map<String, Value>| place.get(INDEX).and_then(Value::as_u64).unwrap_or(u64::MAX);
    whole.sort_by_key(|asset| places(asset).map(index).min());
    // A file may be in a package of which a later asset tells.
    whole.iter().filter_map(|asset| asset.get(ARCHIVE)).for_each(|entry| archive.learn(entry));
    whole.iter().for_each(|asset| archive.add(asset));
    let mut urls: Vec<(u64, Value)> =
        whole.iter().flat_map(|asset| places(asset).filter_map(move |p| Some((index(p), of_place(p, asset)?)))).collect();
    urls.sort_by_key(|(index, _)| *index);
    (urls.into_iter().map(|(_, url)| url).collect(), without)
}

/// An asset's own place, then the others.
fn places(asset: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let others = asset.get("alternate").and_then(Value::as_object).into_iter().flatten().filter_map(|(_, place)| place.as_object());
    std::iter::once(asset).chain(others)
}
fn of_place(place: &Map<String, Value>, asset: &Map<String, Value>) -> Option<Value> {
    let href = place.get("href").and_then(Value::as_str)?;
    let roles: Vec<&str> = asset.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut url = Map::new();
    url.insert("URL".into(), href.into());
    for (key, value) in place {
        if key == UMM_FIELDS {
            url.extend(value.as_object().cloned().unwrap_or_default());
        } else if let Some(name) = key.strip_prefix(UMM).filter(|n| is_umm_name(n)) {
            url.insert(name.into(), value.clone());
        }
    }
    if let Some(description) = place.get("description").filter(|d| d.is_string()) {
        url.insert("Description".into(), description.clone());
    }
    let stated = place.get("type").and_then(Value::as_str);
    let returns = url.contains_key("Type");
    let made = media_type(url.get("MimeType").and_then(Value::as_str), href);
    // One that came from UMM has the type that was stated there, unless somebody changed it.
    if !returns || stated.is_some_and(|s| made.as_deref() != Some(s)) {
        url.remove("MimeType");
        url.extend(stated.and_then(mime_type).map(|t| ("MimeType".to_owned(), t.into())));
    }
    if !returns {
        url.insert("Type".into(), Kind::umm_type(&roles, href).into());
    }
    Some(url.into())
}

/// The media type as UMM-G lists it.
fn mime_type(stated: &str) -> Option<&'static str> {
    let essence = stated.split(';').next().unwrap_or(stated).trim();
    let essence = match essence {
        "application/netcdf" | "application/x-netcdf4" | "application/netcdf4" => "application/x-netcdf",
        "application/geo+json" => "application/json",
        "application/x-tar" => "application/tar",
        "image/jpg" => "image/jpeg",
        other => other,
    };
    MIME_TYPES.iter().find(|known| known.eq_ignore_ascii_case(essence)).copied()
}
