//! One result of a search, whatever service it came from.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use cube_access::Access;
use cube_catalog_stac::Item;
use cube_metadata::{Asset, umm::Granule};
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{convert::AsStac, granule_facts};
use crate::{Error, Result};

/// Results, one by one, as they come.
pub type RecordStream = BoxStream<'static, Result<Record>>;

/// One granule or item.
#[derive(Debug, Clone)]
pub struct Record {
    /// As CMR wrote it, and how it becomes an item when one is asked for; absent for what came from STAC.
    umm: Option<(Bytes, Arc<AsStac>)>,
    item: OnceLock<Map<String, Value>>,
    /// Where its data files are read, once that is decided.
    addresses: Option<Vec<String>>,
    /// Whether its files were chosen by their names or kinds; absent where they were not filtered.
    chosen: Option<bool>,
}

impl Record {
    /// From an item of a STAC service.
    pub fn from_item(item: Item) -> Self {
        Self { umm: None, item: OnceLock::from(item.into_json()), addresses: None, chosen: None }
    }

    /// From a granule of CMR: JSON with `meta` and `umm`. It becomes a STAC item when one is asked for.
    pub fn from_umm(json: Bytes, as_stac: &Arc<AsStac>) -> Self {
        Self { umm: Some((json, Arc::clone(as_stac))), item: OnceLock::new(), addresses: None, chosen: None }
    }

    /// As a STAC item.
    ///
    /// # Errors
    /// A record of CMR that cannot be understood.
    pub fn item(&self) -> Result<&Map<String, Value>> {
        match (self.item.get(), &self.umm) {
            (Some(item), _) => Ok(item),
            (None, Some((json, as_stac))) => {
                let made = as_stac.item(json)?;
                Ok(self.item.get_or_init(|| made))
            }
            (None, None) => Err(Error::refused("the record is empty", "search again")),
        }
    }

    /// Writes it as a STAC item; a record of CMR whose item nobody has asked for is not held a second time.
    pub(super) fn write_item(&self, out: &mut Vec<u8>) -> Result<()> {
        match (self.item.get(), &self.umm) {
            (None, Some((json, as_stac))) => as_stac.write_item(json, out),
            _ => serde_json::to_writer(out, self.item()?).map_err(|e| Error::failed("a record cannot be written as JSON", e)),
        }
    }

    /// As CMR wrote it, JSON with `meta` and `umm`; absent for what came from STAC.
    pub fn umm(&self) -> Option<&[u8]> {
        self.umm.as_ref().map(|(json, _)| json.as_ref())
    }

    /// Tells the login where the keys of its buckets are given out, as the record says it.
    ///
    /// # Errors
    /// A record of CMR that cannot be understood.
    pub(crate) fn teach_buckets(&self, access: &Access) -> Result<()> {
        let Some(umm) = self.umm() else { return Ok(()) };
        let granule = Granule::parse(umm)?;
        let buckets: BTreeSet<&str> = granule.urls.iter().filter_map(|url| url.url.strip_prefix("s3://")?.split('/').next()).collect();
        for bucket in buckets {
            access.earthdata().learn_bucket(bucket, granule.s3_credentials_endpoint(), granule.provider());
        }
        Ok(())
    }

    /// Its id in its collection.
    ///
    /// # Errors
    /// As [`Record::item`].
    pub fn id(&self) -> Result<&str> {
        Ok(self.item()?.get("id").and_then(Value::as_str).unwrap_or_default())
    }

    /// The item in the type of the STAC backend.
    pub(crate) fn to_item(&self) -> Result<Item> {
        let item = Value::Object(self.item()?.clone());
        serde_json::from_value(item).map_err(|e| Error::failed("a record is not a STAC item", e))
    }

    /// Its files, as their own model has them.
    ///
    /// # Errors
    /// As [`Record::item`].
    pub fn assets(&self) -> Result<Vec<Asset>> {
        let assets = self.item()?.get("assets").and_then(Value::as_object);
        Ok(assets.into_iter().flatten().filter_map(|(key, asset)| Asset::from_stac(key, asset.as_object()?)).collect())
    }

    /// Leaves out all assets but these, which were perhaps chosen by their names or kinds.
    pub(super) fn keep_assets(&mut self, keys: &[&str], are_named: bool) -> Result<()> {
        self.item()?;
        self.chosen = Some(are_named);
        if let Some(Value::Object(assets)) = self.item.get_mut().and_then(|item| item.get_mut("assets")) {
            assets.retain(|key, _| keys.contains(&key.as_str()));
        }
        Ok(())
    }

    /// The files whose addresses are wanted: those that were chosen by name or kind, else those with data. Of files that were filtered and have no data all,
    /// as that is what was asked for.
    ///
    /// # Errors
    /// As [`Record::item`].
    pub(super) fn wanted_files(&self) -> Result<Vec<FileFacts>> {
        let mut files = self.facts()?.files;
        let all = self.chosen.is_some_and(|are_named| are_named || !files.iter().any(FileFacts::is_data));
        files.retain(|file| all || file.is_data());
        Ok(files)
    }

    /// Where its data files are read, once that is decided.
    pub(super) fn addresses(&self) -> Option<&[String]> {
        self.addresses.as_deref()
    }

    pub(super) fn set_addresses(&mut self, addresses: Vec<String>) {
        self.addresses = Some(addresses);
    }

    /// What most people want to know of it.
    ///
    /// # Errors
    /// As [`Record::item`].
    pub fn facts(&self) -> Result<Facts> {
        if let (None, Some((json, as_stac))) = (self.item.get(), &self.umm)
            && let Some(facts) = granule_facts::of(json, as_stac)?
        {
            return Ok(facts);
        }
        let item = self.item()?;
        let files: Vec<FileFacts> = self.assets()?.into_iter().map(FileFacts::of).collect();
        let properties = item.get("properties").and_then(Value::as_object);
        let text = |name: &str| properties.and_then(|p| p.get(name)).and_then(Value::as_str).map(str::to_owned);
        let time = |name: &str| text(name).or_else(|| text("datetime"));
        Ok(Facts {
            id: self.id()?.to_owned(),
            collection: item.get("collection").and_then(Value::as_str).map(str::to_owned),
            concept_id: text("cmr:concept_id"),
            start: time("start_datetime"),
            end: time("end_datetime"),
            cloud_cover: properties.and_then(|p| p.get("eo:cloud_cover")).and_then(Value::as_f64),
            size: Facts::size_of(&files),
            bbox: item.get("bbox").filter(|b| b.is_array()).cloned(),
            files,
        })
    }
}

/// The facts of one result. The keys are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Id in its collection: the granule's name, or the item's id.
    pub id: String,
    /// Its collection.
    pub collection: Option<String>,
    /// Concept id in CMR.
    pub concept_id: Option<String>,
    /// First instant, RFC 3339.
    pub start: Option<String>,
    /// Last instant, RFC 3339.
    pub end: Option<String>,
    /// Per cent.
    pub cloud_cover: Option<f64>,
    /// Of its data files together, in bytes, as far as it is stated.
    pub size: Option<u64>,
    /// West, south, east, north in degrees.
    pub bbox: Option<Value>,
    /// Its files.
    pub files: Vec<FileFacts>,
}

impl Facts {
    /// Bytes of the data files together, as far as they are stated.
    pub(super) fn size_of(files: &[FileFacts]) -> Option<u64> {
        files.iter().filter(|f| f.is_data()).filter_map(|f| f.size).reduce(|a, b| a + b)
    }
}

/// One file of a result. The keys are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileFacts {
    /// Key of the asset.
    pub key: String,
    /// Where it is read: over HTTP, where it can be.
    pub href: String,
    /// The same bytes in an object store.
    pub s3: Option<String>,
    /// STAC roles.
    pub roles: Vec<String>,
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
}

impl FileFacts {
    pub(super) fn of(asset: Asset) -> Self {
        let https = asset.place("https").or_else(|| asset.place("http")).map(str::to_owned);
        Self {
            s3: asset.place("s3").map(str::to_owned),
            href: https.unwrap_or(asset.href),
            key: asset.key,
            roles: asset.roles,
            media_type: asset.media_type,
            size: asset.size,
        }
    }

    /// Whether it holds data: by its roles, or, without roles, whenever it is not plainly something else.
    pub fn is_data(&self) -> bool {
        const OTHER: [&str; 7] = ["thumbnail", "overview", "metadata", "visual", "browse", "documentation", "service"];
        const BESIDE: [&str; 6] = ["application/json", "application/geo+json", "application/xml", "text/", "image/jpeg", "image/png"];
        if self.roles.is_empty() {
            let kind = self.media_type.as_deref().unwrap_or_default();
            return !OTHER.contains(&self.key.as_str()) && !BESIDE.iter().any(|t| kind.starts_with(t));
        }
        self.roles.iter().any(|r| r == "data") || !self.roles.iter().any(|r| OTHER.contains(&r.as_str()))
    }
}
