//! What collections and granules are called.

use serde_json::Value;

use crate::{
    field::{Item, Misread},
    problem::Problem,
};

/// What a collection, or a granule in its place, is called. See [`CollectionId::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CollectionId {
    /// The concept id of a collection in CMR: `C2021957657-LPCLOUD`.
    Concept(String),
    /// The concept id of a granule in CMR: `G1618495041-GES_DISC`.
    Granule(String),
    /// A short name with a version, as STAC ids join them: `HLSL30.v2.0`.
    Versioned {
        /// `HLSL30`
        short_name: String,
        /// `2.0`
        version: String,
    },
    /// A short name, or any other id of a STAC collection.
    Name(String),
}

impl CollectionId {
    /// Finds out what a text is. A version is what follows the last `.v` when it begins with a digit, a capital letter (`TEMPO_NO2_L3.vV03`) or a `v` and a
    /// digit; `NAME_2.0` stays a name, since short names such as `SWOT_L2_HR_RiverSP_reach_2.0` look alike.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if is_concept_id(text, 'C') {
            return Self::Concept(text.to_owned());
        }
        if is_concept_id(text, 'G') {
            return Self::Granule(text.to_owned());
        }
        match text.rsplit_once(".v") {
            Some((short_name, version)) if !short_name.is_empty() && is_version(version) => {
                Self::Versioned { short_name: short_name.to_owned(), version: version.to_owned() }
            }
            _ => Self::Name(text.to_owned()),
        }
    }
}

impl std::fmt::Display for CollectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Concept(id) | Self::Granule(id) | Self::Name(id) => f.write_str(id),
            Self::Versioned { short_name, version } => write!(f, "{short_name}.v{version}"),
        }
    }
}

impl Item for CollectionId {
    fn read(given: &Value) -> Result<Self, Misread> {
        String::read(given).map(|t| Self::parse(&t))
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        match self {
            Self::Name(name) if name.is_empty() => name.check(field),
            Self::Name(name) if looks_like_concept_id(name) => vec![Problem::wrong(
                field,
                name,
                "looks like a concept id and is none",
                "a concept id is a capital letter, digits, `-` and a provider, such as `C2021957657-LPCLOUD`",
            )],
            _ => Vec::new(),
        }
    }
}

fn is_version(text: &str) -> bool {
    let number = text.strip_prefix('v').unwrap_or(text);
    number.starts_with(|c: char| c.is_ascii_digit()) || text.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Whether a text is a concept id of a kind: its letters, digits, `-`, and the name of a provider (CMR: `[A-Za-z0-9_]+`).
pub(crate) fn is_concept_id(text: &str, letter: char) -> bool {
    let Some((number, provider)) = text.strip_prefix(letter).and_then(|t| t.split_once('-')) else { return false };
    let word = |t: &str, ok: fn(char) -> bool| !t.is_empty() && t.chars().all(ok);
    word(number, |c| c.is_ascii_digit()) && word(provider, |c| c.is_ascii_alphanumeric() || c == '_')
}

/// `C1234567`, `c1234567-PROV`, `C1234567-`: meant as a concept id, most likely.
fn looks_like_concept_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['C', 'c', 'G', 'g']) else { return false };
    let number = rest.split('-').next().unwrap_or_default();
    number.len() >= 6 && number.chars().all(|c| c.is_ascii_digit())
}

pub(crate) fn check_concept_ids(field: &str, ids: &[String], letters: &[char], problems: &mut Vec<Problem>) {
    for id in ids.iter().filter(|id| !id.is_empty() && !letters.iter().any(|l| is_concept_id(id, *l))) {
        let wanted = letters.iter().map(char::to_string).collect::<Vec<_>>().join(" or ");
        let hint = format!("write {wanted}, digits, `-` and a provider, such as `{}2021957657-LPCLOUD`", letters[0]);
        problems.push(Problem::wrong(field, id, "is not a concept id of this kind", hint));
    }
}

/// The DOI itself, without the resolver or scheme that may stand before it.
fn bare_doi(text: &str) -> &str {
    ["https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:", "DOI:"]
        .iter()
        .find_map(|p| text.strip_prefix(p))
        .unwrap_or(text)
        .trim()
}

/// DOIs without resolver or scheme, one or a list of them.
pub(crate) fn bare_dois(given: Value) -> Value {
    match given {
        Value::String(text) => bare_doi(text.trim()).into(),
        Value::Array(all) => all.into_iter().map(bare_dois).collect(),
        other => other,
    }
}

pub(crate) fn check_dois(field: &str, dois: &[String], problems: &mut Vec<Problem>) {
    for doi in dois.iter().filter(|d| !d.is_empty() && !d.contains(['*', '?'])) {
        let parts = doi.strip_prefix("10.").and_then(|t| t.split_once('/'));
        let registrant = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if parts.is_none_or(|(first, rest)| rest.is_empty() || !registrant(first)) {
            problems.push(Problem::wrong(field, doi, "is not a DOI", "write it as `10.5067/MODIS/MOD09GA.061`"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart() {
        let versioned = |n: &str, v: &str| CollectionId::Versioned { short_name: n.into(), version: v.into() };
        let name = |n: &str| CollectionId::Name(n.into());
        for (text, id) in [
            ("C2021957657-LPCLOUD", CollectionId::Concept("C2021957657-LPCLOUD".into())),
            ("G1618495041-GES_DISC", CollectionId::Granule("G1618495041-GES_DISC".into())),
            ("HLSL30.v2.0", versioned("HLSL30", "2.0")),
            ("ATL03.v006", versioned("ATL03", "006")),
            ("a.v1.v2", versioned("a.v1", "2")),
            ("MUR-JPL-L4-GLOB-v4.1", name("MUR-JPL-L4-GLOB-v4.1")),
            ("SWOT_L2_HR_RiverSP_reach_2.0", name("SWOT_L2_HR_RiverSP_reach_2.0")),
            ("CAL_LID_L2", name("CAL_LID_L2")),
            ("GPM_3IMERGHH", name("GPM_3IMERGHH")),
            ("C123", name("C123")),
            ("sentinel-2.view", name("sentinel-2.view")),
        ] {
            assert_eq!(CollectionId::parse(text), id);
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn mistyped_concept_ids_are_named() {
        assert_eq!(CollectionId::parse("C2021957657").check("collections").len(), 1);
        assert_eq!(CollectionId::parse("c2021957657-LPCLOUD").check("collections").len(), 1);
        assert!(CollectionId::parse("C2021957657-LPCLOUD").check("collections").is_empty());
        assert!(CollectionId::parse("GPM_3IMERGHH").check("collections").is_empty());
    }
}
