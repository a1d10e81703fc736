//! What collections are called, and how they are found by it.

use std::fmt;

use cube_query::{CollectionId, CollectionQuery};
use serde::Deserialize;

use crate::{Collections, Result, page::Record};

/// The names of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `C2021957657-LPCLOUD`
    pub concept_id: String,
    /// `HLSL30`
    pub short_name: String,
    /// `2.0`
    pub version: String,
    /// A line for people.
    pub title: String,
}

#[derive(Deserialize)]
struct Parts {
    meta: MetaParts,
    umm: UmmParts,
}

#[derive(Deserialize)]
struct MetaParts {
    #[serde(rename = "concept-id")]
    concept_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UmmParts {
    #[serde(default)]
    short_name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    entry_title: String,
}

impl Named {
    /// What the collection is called in STAC: `HLSL30.v2.0`.
    pub fn stac_id(&self) -> String {
        format!("{}.v{}", self.short_name, self.version)
    }

    /// The names in a record.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) when it has none.
    pub fn of(record: &Record<Collections>) -> Result<Self> {
        let Parts { meta, umm } = record.read()?;
        Ok(Self { concept_id: meta.concept_id, short_name: umm.short_name, version: umm.version, title: umm.entry_title })
    }
}

impl fmt::Display for Named {
    /// `HLSL30.v2.0 (C2021957657-LPCLOUD)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.stac_id(), self.concept_id)
    }
}

/// The searches that find the collections which are called so; the first that finds anything says all.
pub(crate) fn queries(id: &str) -> Vec<CollectionQuery> {
    // `*` and `?` are no wildcards in a name that is meant as it stands.
    let exact = |field: &str, value: String| CollectionQuery::new().with(field, value).option(field, "pattern", false);
    let id = id.trim();
    match CollectionId::parse(id) {
        CollectionId::Concept(concept) => vec![CollectionQuery::new().concept_id(concept)],
        // A granule is no collection, and nothing is called so.
        CollectionId::Granule(_) => Vec::new(),
        CollectionId::Versioned { short_name, version } => {
            // As it stands: a short name that ends as a version does would be read as one.
            let short_name_alone = CollectionQuery { short_name: vec![id.to_owned()], ..CollectionQuery::new() };
            vec![exact("entry_id", format!("{short_name}_{version}")), short_name_alone.option("short_name", "pattern", false)]
        }
        CollectionId::Name(name) => vec![exact("short_name", name.clone()), exact("entry_id", name)],
    }
}

/// Searches for what may have been meant, nearest first.
pub(crate) fn alike(id: &str) -> Vec<CollectionQuery> {
    let name = match CollectionId::parse(id) {
        CollectionId::Concept(_) | CollectionId::Granule(_) => return Vec::new(),
        CollectionId::Versioned { short_name, .. } => short_name,
        CollectionId::Name(name) => name,
    };
    let name: String = name.chars().filter(|c| !matches!(c, '*' | '?')).collect();
    let start = |share: usize| name.chars().take((name.chars().count() * share / 10).max(2)).collect::<String>();
    let begins = |start: String| CollectionQuery::new().short_name(format!("{start}*")).limit(50_u64);
    vec![begins(start(10)), begins(start(6)), begins(start(3)), CollectionQuery::new().limit(5_u64)]
}

/// The most alike first, at most so many.
pub(crate) fn closest(id: &str, mut names: Vec<Named>, most: usize) -> Vec<Named> {
    let letters = |t: &str| t.to_ascii_lowercase().bytes().filter(u8::is_ascii_alphanumeric).collect::<Vec<_>>();
    let wanted = letters(id);
    let distance = |named: &Named| {
        let other = letters(&format!("{}.v{}", named.short_name, named.version));
        let common = wanted.iter().zip(&other).take_while(|(a, b)| a == b).count();
        (std::cmp::Reverse((common * 2).saturating_sub(wanted.len().abs_diff(other.len()))), named.to_string())
    };
    names.sort_by_key(distance);
    names.dedup();
    names.truncate(most);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(short_name: &str, version: &str) -> Named {
        Named { concept_id: format!("C1-{short_name}"), short_name: short_name.into(), version: version.into(), title: String::new() }
    }

    #[test]
    fn names_lead_to_searches() {
        let sent = |id: &str| queries(id).iter().map(|q| q.to_cmr().expect("a search").value.to_query_string()).collect::<Vec<_>>();
        assert_eq!(sent("C2021957657-LPCLOUD"), ["concept_id%5B%5D=C2021957657-LPCLOUD"]);
        assert!(sent("HLSL30.v2.0")[0].starts_with("entry_id%5B%5D=HLSL30_2.0"));
        assert!(sent("HLSL30_2.0")[1].starts_with("entry_id%5B%5D=HLSL30_2.0"));
        assert!(queries("G1-P").is_empty());
        assert!(alike("HLSL3O.v2.0").iter().all(|q| q.to_cmr().is_ok()));
        assert!(alike("*").iter().all(|q| q.to_cmr().is_ok()));
    }

    #[test]
    fn the_most_alike_come_first() {
        let all = vec![named("MOD09GA", "061"), named("HLSS30", "2.0"), named("HLSL30", "2.0"), named("HLSL30", "1.5")];
        let best = closest("HLSL30.v2.1", all, 2);
        assert_eq!(best.iter().map(Named::to_string).collect::<Vec<_>>(), ["HLSL30.v2.0 (C1-HLSL30)", "HLSL30.v1.5 (C1-HLSL30)"]);
    }
}
