//! A query of any kind.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{CmrParameters, CollectionQuery, Converted, GranuleQuery, Invalid, Problem, Service, StacItemQuery};

/// A query as a file holds it: its kind is the member `type` (`granules`, `collections`, `items`), or, where that is absent, the kind that
/// knows most of the names.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are few queries in a run, and each is used whole")]
pub enum Query {
    /// For granules.
    Granules(GranuleQuery),
    /// For collections.
    Collections(CollectionQuery),
    /// For STAC items.
    Items(StacItemQuery),
}

impl Query {
    /// Everything that is wrong with the query, wherever it is sent.
    pub fn validate(&self) -> Vec<Problem> {
        match self {
            Self::Granules(q) => q.validate(),
            Self::Collections(q) => q.validate(),
            Self::Items(q) => q.validate(),
        }
    }

    /// Everything that is wrong with the query when it is sent to a service, and everything for which the service has no words.
    pub fn validate_for(&self, service: Service) -> Vec<Problem> {
        match self {
            Self::Granules(q) => q.validate_for(service),
            Self::Collections(q) => q.validate_for(service),
            Self::Items(q) => q.validate_for(service),
        }
    }

    /// The query as parameters of CMR: of the search for collections, or of that for granules.
    ///
    /// # Errors
    /// Everything that is wrong with it, for CMR.
    pub fn to_cmr(&self) -> Result<Converted<CmrParameters>, Invalid> {
        match self {
            Self::Granules(q) => q.to_cmr(),
            Self::Collections(q) => q.to_cmr(),
            Self::Items(q) => q.to_cmr(),
        }
    }

    /// The query as the body of a STAC search; for collections, as parameters of the search for these.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn to_stac(&self) -> Result<Converted<Value>, Invalid> {
        Ok(match self {
            Self::Granules(q) => q.to_stac()?.map(|s| s.body()),
            Self::Collections(q) => q.to_stac()?.map(|s| s.keywords()),
            Self::Items(q) => q.to_stac()?.map(|s| s.body()),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Granules(_) => "granules",
            Self::Collections(_) => "collections",
            Self::Items(_) => "items",
        }
    }
}

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = match self {
            Self::Granules(q) => serde_json::to_value(q),
            Self::Collections(q) => serde_json::to_value(q),
            Self::Items(q) => serde_json::to_value(q),
        };
        let mut map: Map<String, Value> = std::iter::once(("type".to_owned(), self.kind().into())).collect();
        if let Value::Object(fields) = value.map_err(serde::ser::Error::custom)? {
            map.extend(fields);
        }
        map.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Query {
    /// Fails only where there is no object, or a `type` that does not exist.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Map::deserialize(deserializer)?;
        let known = |names: &[&str]| map.keys().filter(|k| names.contains(&k.as_str())).count();
        let counts = [known(GranuleQuery::FIELDS), known(CollectionQuery::FIELDS), known(StacItemQuery::FIELDS)];
        let guess = if counts[0] >= counts[1].max(counts[2]) {
            "granules"
        } else if counts[1] > counts[2] {
            "collections"
        } else {
            "items"
        };
        let kind = map.remove("type");
        let fields = Value::Object(map);
        match kind.as_ref().map_or(guess, |k| k.as_str().unwrap_or_default()) {
            "granules" => serde_json::from_value(fields).map(Self::Granules),
            "collections" => serde_json::from_value(fields).map(Self::Collections),
            "items" => serde_json::from_value(fields).map(Self::Items),
            other => return Err(D::Error::custom(format!("the type `{other}` of a query is none of `granules`, `collections`, `items`"))),
        }
        .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kind_is_found() {
        for (file, kind) in [
            (json!({"short_name": "A", "bounding_box": [1, 2, 3, 4]}), "granules"),
            (json!({"collections": "A", "limit": 3}), "granules"),
            (json!({"keyword": "sea", "provider": "P"}), "collections"),
            (json!({"collections": ["A"], "bbox": [1, 2, 3, 4], "datetime": "2024"}), "items"),
            (json!({"type": "items", "limit": 3}), "items"),
            (json!({}), "granules"),
        ] {
            let query: Query = serde_json::from_value(file).expect("an object");
            assert_eq!(query.kind(), kind);
            let written = serde_json::to_value(&query).expect("JSON");
            assert_eq!(serde_json::from_value::<Query>(written).expect("an object"), query);
            assert!(query.validate().is_empty());
        }
        assert!(serde_json::from_value::<Query>(json!({"type": "tools"})).is_err());
    }
}
