//! Filters as fields of a specification, or as flags.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{AssetFilter, AssetFilterError, size, term::Field};

/// A filter as fields: all that are given must hold. In a specification a table; on the command line flags.
///
/// ```
/// use cube_metadata::{AssetFields, AssetFilter};
///
/// let filter: AssetFilter = serde_json::from_value(serde_json::json!({"include": ["B02", "B03"], "max_size": "1GB"}))?;
/// assert_eq!(filter.to_string(), "(B02 or B03) and size<=1GB");
/// let same = AssetFields { include: vec!["B02".into(), "B03".into()], max_size: Some(1_000_000_000), ..AssetFields::default() };
/// assert_eq!(same.filter()?, filter);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssetFields {
    /// What is wanted: words or whole expressions, of which one must hold. A word fits by granule name, file name, role, media type, key or band.
    #[serde(deserialize_with = "one_or_more")]
    pub include: Vec<String>,
    /// What is not wanted, in the same way; it wins over `include`. A lone `*` beside `include` means "everything else", which `include` means
    /// anyway.
    #[serde(deserialize_with = "one_or_more")]
    pub exclude: Vec<String>,
    /// Globs or `/regex/` for the file name.
    #[serde(deserialize_with = "one_or_more")]
    pub names: Vec<String>,
    /// Globs or `/regex/` that the file name must not fit.
    #[serde(deserialize_with = "one_or_more")]
    pub exclude_names: Vec<String>,
    /// Globs for the key.
    #[serde(deserialize_with = "one_or_more")]
    pub keys: Vec<String>,
    /// Names or common names of bands.
    #[serde(deserialize_with = "one_or_more")]
    pub bands: Vec<String>,
    /// STAC roles.
    #[serde(deserialize_with = "one_or_more")]
    pub roles: Vec<String>,
    /// STAC roles that it must not have.
    #[serde(deserialize_with = "one_or_more")]
    pub exclude_roles: Vec<String>,
    /// Media types, globs for them, or short names.
    #[serde(deserialize_with = "one_or_more")]
    pub media_types: Vec<String>,
    /// Media types that it must not have.
    #[serde(deserialize_with = "one_or_more")]
    pub exclude_media_types: Vec<String>,
    /// Least size in bytes; in a specification also `"1MB"`.
    #[serde(deserialize_with = "bytes")]
    pub min_size: Option<u64>,
    /// Largest size in bytes; in a specification also `"1GB"`.
    #[serde(deserialize_with = "bytes")]
    pub max_size: Option<u64>,
    /// Only cloud-optimised files, or only others.
    #[serde(alias = "cloud_optimized")]
    pub cloud_optimised: Option<bool>,
}

impl AssetFields {
    /// The filter that they describe; everything, where none is given.
    ///
    /// # Errors
    ///
    /// Names the first entry that is no pattern or expression.
    pub fn filter(&self) -> Result<AssetFilter, AssetFilterError> {
        let everything_else = |entry: &&String| !self.include.is_empty() && entry.trim() == "*";
        let excluded: Vec<_> = self.exclude.iter().filter(|entry| !everything_else(entry)).cloned().collect();
        let mut filter = AssetFilter::all();
        if !self.include.is_empty() {
            filter = filter.and(any(&self.include)?);
        }
        let wanted = [
            (&self.names, Field::Name),
            (&self.keys, Field::Key),
            (&self.bands, Field::Band),
            (&self.roles, Field::Role),
            (&self.media_types, Field::Type),
        ];
        for (list, field) in wanted.into_iter().filter(|(list, _)| !list.is_empty()) {
            filter = filter.and(AssetFilter::text(field, list)?);
        }
        if !excluded.is_empty() {
            filter = filter.and(!any(&excluded)?);
        }
        let unwanted = [(&self.exclude_names, Field::Name), (&self.exclude_roles, Field::Role), (&self.exclude_media_types, Field::Type)];
        for (list, field) in unwanted.into_iter().filter(|(list, _)| !list.is_empty()) {
            filter = filter.and(!AssetFilter::text(field, list)?);
        }
        let sizes = self.min_size.map(AssetFilter::min_size).into_iter().chain(self.max_size.map(AssetFilter::max_size));
        let cloud = self.cloud_optimised.map(|wanted| if wanted { AssetFilter::cloud_optimised() } else { !AssetFilter::cloud_optimised() });
        Ok(sizes.chain(cloud).fold(filter, AssetFilter::and))
    }
}

/// One of the expressions holds.
fn any(expressions: &[String]) -> Result<AssetFilter, AssetFilterError> {
    expressions.iter().try_fold(AssetFilter::none(), |any, text| Ok(any.or(text.parse()?)))
}

impl Serialize for AssetFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AssetFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyForm)
    }
}

struct AnyForm;

impl<'de> de::Visitor<'de> for AnyForm {
    type Value = AssetFilter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an asset filter: an expression, a list of expressions, or a table with `include`, `exclude`, …")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AssetFilter, E> {
        text.parse().map_err(with_hint)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut entries: A) -> Result<AssetFilter, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        any(&list).map_err(with_hint)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, table: A) -> Result<AssetFilter, A::Error> {
        AssetFields::deserialize(de::value::MapAccessDeserializer::new(table))?.filter().map_err(with_hint)
    }
}

/// Errors of serde are one text: the advice goes into it.
fn with_hint<E: de::Error>(error: AssetFilterError) -> E {
    E::custom(match error.hint() {
        Some(hint) => format!("{error}: {hint}"),
        None => error.to_string(),
    })
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a number of bytes, or a text like \"200MB\"")]
    enum Bytes {
        Number(u64),
        Text(String),
    }
    match Bytes::deserialize(deserializer)? {
        Bytes::Number(bytes) => Ok(Some(bytes)),
        Bytes::Text(text) => {
            size::parse(&text).map(Some).ok_or_else(|| de::Error::custom(format!("`{text}` is not a number of bytes: write 200MB or 1.5GiB")))
        }
    }
}
