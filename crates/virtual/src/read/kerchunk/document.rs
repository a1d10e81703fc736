use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use cube_manifest::{Origin, Reason, Refusal};
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::Templates;

/// What a document says besides its references.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) templates: Templates,
    /// Of which file they are, when this project wrote them.
    pub(super) origin: Option<Origin>,
    /// Variables of the file that are not among them, when this project wrote them.
    pub(super) refused: Vec<(String, Refusal)>,
}

/// What stands for a key.
pub(super) enum Entry<'a> {
    Text(Cow<'a, str>),
    /// A document that is written out instead of quoted.
    Members(serde_json::Value),
    Reference {
        url: Cow<'a, str>,
        range: Option<(u64, u64)>,
    },
}

/// Goes through a document once and calls `each(key, entry)` for every reference.
pub(super) fn read(bytes: &[u8], each: &mut dyn FnMut(&str, Entry<'_>)) -> Result<Document, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let document = Top { each }.deserialize(&mut deserializer).map_err(|e| e.to_string())?;
    deserializer.end().map_err(|e| e.to_string())?;
    Ok(document)
}

struct Top<'f> {
    each: &'f mut dyn FnMut(&str, Entry<'_>),
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of references")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "version" => {
                    let version: u64 = map.next_value()?;
                    if version > 1 {
                        return Err(A::Error::custom(format!("version {version} of references is not known")));
                    }
                }
                "templates" => document.templates = map.next_value::<Option<BTreeMap<String, String>>>()?.unwrap_or_default(),
                "gen" => {
                    let generated: Option<Vec<IgnoredAny>> = map.next_value()?;
                    if generated.is_some_and(|g| !g.is_empty()) {
                        return Err(A::Error::custom("references that are to be generated (`gen`) are not read"));
                    }
                }
                "refs" => map.next_value_seed(References { each: &mut *self.each })?,
                "eocube" => {
                    let Extension { origin, refused } = map.next_value()?;
                    document.origin = origin.map(Said::origin);
                    document.refused = refused.into_iter().map(SaidRefused::refusal).collect();
                }
                key => {
                    let entry = map.next_value_seed(One)?;
                    if let Some(entry) = entry {
                        (self.each)(key, entry);
                    }
                }
            }
        }
        Ok(document)
    }
}

struct References<'f> {
    each: &'f mut dyn FnMut(&str, Entry<'_>),
}

impl<'de> DeserializeSeed<'de> for References<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for References<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of references")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if let Some(entry) = map.next_value_seed(One)? {
                (self.each)(&key, entry);
            }
        }
        Ok(())
    }
}

struct One;

impl<'de> DeserializeSeed<'de> for One {
    type Value = Option<Entry<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One {
    type Value = Option<Entry<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or a list of a URL, an offset and a length")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Entry::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Entry::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let Some(url) = list.next_element::<Option<Cow<'de, str>>>()? else { return Ok(None) };
        let offset = list.next_element::<u64>()?;
        let length = list.next_element::<u64>()?;
        if list.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("a reference of more than a URL, an offset and a length"));
        }
        Ok(url.map(|url| Entry::Reference { url, range: offset.zip(length) }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let members = serde_json::Value::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Some(Entry::Members(members)))
    }
}

/// What this project adds to references of a granule; other readers pass over it.
#[derive(Deserialize)]
struct Extension {
    origin: Option<Said>,
    #[serde(default)]
    refused: Vec<SaidRefused>,
}

#[derive(Deserialize)]
struct Said {
    url: String,
    size: Option<u64>,
    etag: Option<String>,
    last_modified: Option<i64>,
}

impl Said {
    fn origin(self) -> Origin {
        Origin { url: Arc::from(self.url), size: self.size, etag: self.etag, last_modified: self.last_modified }
    }
}

#[derive(Deserialize)]
struct SaidRefused {
    variable: String,
    reason: String,
    detail: String,
}

impl SaidRefused {
    fn refusal(self) -> (String, Refusal) {
        let all = [Reason::ElementType, Reason::Codec, Reason::Layout, Reason::NotStored, Reason::Inconsistent, Reason::External];
        let reason = all.into_iter().find(|r| r.to_string() == self.reason).unwrap_or(Reason::Inconsistent);
        (self.variable, Refusal::new(reason, self.detail))
    }
}
