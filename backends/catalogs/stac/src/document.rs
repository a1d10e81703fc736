//! What a STAC document is, told from its members.

use std::io::BufRead;

use cube_backend::{Error, Kind, Result};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::location::Location;

/// A link of a STAC document.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    pub(crate) rel: String,
    #[serde(default)]
    pub(crate) href: String,
    #[serde(default)]
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) headers: Option<Value>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) merge: Option<bool>,
}

/// What is read of a document to tell what it is; its items are passed over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Head {
    #[serde(rename = "type")]
    kind: Option<Value>,
    pub(crate) id: Option<Value>,
    stac_version: Option<Value>,
    #[serde(rename = "conformsTo")]
    conforms_to: Option<Value>,
    links: Option<Value>,
    features: Option<IgnoredAny>,
    assets: Option<IgnoredAny>,
    geometry: Option<IgnoredAny>,
    properties: Option<IgnoredAny>,
    extent: Option<IgnoredAny>,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Landing page of an API.
    Api,
    /// A collection inside an API.
    ApiCollection,
    /// A catalogue or collection whose items are reached through links.
    Static,
    /// Many items in one document.
    Items,
    /// One item.
    Item,
}

impl Head {
    /// The head of a document that is nothing but items.
    pub(crate) fn of_items() -> Self {
        Self { features: Some(IgnoredAny), ..Self::default() }
    }

    /// Reads a document, however large: only what this type keeps stays in memory. A list of items has no head.
    pub(crate) fn read(mut from: impl BufRead, at: &Location) -> Result<Self> {
        let io = |e: std::io::Error| Error::new(Kind::Unavailable, format!("`{at}` cannot be read")).with_source(e);
        if skip_blanks(&mut from).map_err(io)? == Some(b'[') {
            return Ok(Self::of_items());
        }
        serde_json::from_reader(from).map_err(|e| {
            let kind = if e.is_io() { Kind::Unavailable } else { Kind::Corrupt };
            Error::new(kind, format!("`{at}` is not a JSON document")).with_source(e)
        })
    }

    /// Tells what the document is.
    ///
    /// Not every API says that it can search, so a landing page is known by any of: a link to a search, a list of
    /// conformance classes, a link to its collections.
    pub(crate) fn kind(&self, at: &Location) -> Result<Nature> {
        let kind = self.kind.as_ref().and_then(Value::as_str).unwrap_or_default();
        let links = self.links();
        let has = |rel: &str| links.iter().any(|l| l.rel == rel);
        if kind == "FeatureCollection" || self.features.is_some() {
            return Ok(Nature::Items);
        }
        if kind == "Feature" || (self.assets.is_some() && self.properties.is_some() && self.geometry.is_some()) {
            return Ok(Nature::Item);
        }
        let collection = kind == "Collection" || self.extent.is_some();
        if !collection && (has("search") || has("data") || !self.conforms_to().is_empty()) {
            return Ok(Nature::Api);
        }
        if collection && has("items") && !has("item") && !has("child") {
            return Ok(Nature::ApiCollection);
        }
        if collection || kind == "Catalog" || self.stac_version.is_some() {
            return Ok(Nature::Static);
        }
        let what = if kind.is_empty() { "a JSON document without a `type`".to_owned() } else { format!("a JSON document of type `{kind}`") };
        Err(Error::new(Kind::Invalid, format!("`{at}` is not STAC: it is {what}"))
            .with_hint("give the root of a STAC API, a catalog.json, collection.json, item or item collection, or a stac-geoparquet file"))
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        links(self.links.as_ref())
    }

    pub(crate) fn conforms_to(&self) -> Vec<&str> {
        self.conforms_to.as_ref().and_then(Value::as_array).map(|l| l.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }
}

/// Passes over blanks and a byte order mark; answers the first byte after them.
pub(crate) fn skip_blanks(from: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    loop {
        let Some(&byte) = from.fill_buf()?.first() else { return Ok(None) };
        if !(byte.is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(&byte)) {
            return Ok(Some(byte));
        }
        from.consume(1);
    }
}

/// The links of a document; what is not a link is passed over.
pub(crate) fn links(value: Option<&Value>) -> Vec<Link> {
    let list = value.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|l| Link::deserialize(l).ok()).filter(|l| !l.href.is_empty()).collect()
}
