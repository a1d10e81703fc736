//! One condition on one asset.

use std::fmt;

use super::{Verdict, pattern::Pattern, print, size};
use crate::assets::{Asset, media_type};

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// A text of the asset, or of its granule, fits one of the patterns.
    Text(Field, Vec<Pattern>),
    Size(Comparison, u64),
    CloudOptimised,
}

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// A word without a field: any of the others.
    Word,
    Granule,
    Key,
    Name,
    Role,
    Type,
    Band,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Field {
    pub(super) const NAMED: [(&'static str, Self); 6] =
        [("granule", Self::Granule), ("key", Self::Key), ("name", Self::Name), ("band", Self::Band), ("role", Self::Role), ("type", Self::Type)];

    pub(super) fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, field)| *field)
    }
}

impl Comparison {
    pub(super) const SIGNS: [(&'static str, Self); 4] =
        [("<=", Self::LessOrEqual), (">=", Self::GreaterOrEqual), ("<", Self::Less), (">", Self::Greater)];

    fn holds(self, size: u64, limit: u64) -> bool {
        match self {
            Self::Less => size < limit,
            Self::LessOrEqual => size <= limit,
            Self::Greater => size > limit,
            Self::GreaterOrEqual => size >= limit,
        }
    }
}

/// An asset among the others of its granule.
pub(super) struct Candidate<'a> {
    pub(super) granule: &'a str,
    pub(super) asset: &'a Asset,
    /// Names of the files beside which a DMR++ lies.
    pub(super) described: &'a [&'a str],
}

impl Term {
    pub(super) fn verdict(&self, candidate: &Candidate<'_>) -> Verdict {
        match self {
            Self::Text(field, patterns) => patterns.iter().any(|p| candidate.fitting(*field, p).is_some()).into(),
            Self::Size(comparison, limit) => candidate.asset.size.map_or(Verdict::Unknown, |size| comparison.holds(size, *limit).into()),
            Self::CloudOptimised => candidate.is_cloud_optimised().into(),
        }
    }

    /// What of the asset decided: `file name `a.tif``.
    pub(super) fn seen(&self, candidate: &Candidate<'_>) -> String {
        match self {
            Self::Text(field, patterns) => {
                let fitting = patterns.iter().find_map(|p| candidate.fitting(*field, p));
                candidate.texts(fitting.unwrap_or(*field))
            }
            Self::Size(..) => candidate.asset.size.map_or_else(|| "its size is not known".into(), |bytes| format!("size {}", size::print(bytes))),
            Self::CloudOptimised if candidate.is_described() => format!("a DMR++ lies beside `{}`", candidate.asset.file_name()),
            Self::CloudOptimised => candidate.texts(Field::Type),
        }
    }
}

impl<'a> Candidate<'a> {
    /// The field whose text fits the pattern, where one does.
    fn fitting(&self, field: Field, pattern: &Pattern) -> Option<Field> {
        let asset = self.asset;
        let fits = match field {
            Field::Granule => pattern.matches(self.granule),
            Field::Key => pattern.matches(&asset.key),
            Field::Name => pattern.matches(asset.file_name()),
            Field::Band => asset.bands.iter().flat_map(|b| b.names()).any(|name| pattern.matches(name)),
            Field::Role => asset.roles.iter().any(|role| pattern.matches(role)),
            Field::Type => pattern.speaks_of_media_types() && self.media_type().is_some_and(|t| pattern.matches_media_type(&t)),
            Field::Word if pattern.is_regex() => return self.fitting(Field::Name, pattern),
            Field::Word if pattern.matches_name(asset.file_name()) => return Some(Field::Name),
            Field::Word => {
                return [Field::Granule, Field::Key, Field::Band, Field::Role, Field::Type].into_iter().find_map(|f| self.fitting(f, pattern));
            }
        };
        fits.then_some(field)
    }

    fn media_type(&self) -> Option<std::borrow::Cow<'a, str>> {
        media_type(self.asset.media_type.as_deref(), &self.asset.href)
    }

    fn is_cloud_optimised(&self) -> bool {
        self.asset.is_cloud_optimised() || self.is_described()
    }

    /// Does a DMR++ lie beside it?
    fn is_described(&self) -> bool {
        self.described.contains(&self.asset.file_name())
    }

    fn texts(&self, field: Field) -> String {
        let list = |what: &str, texts: Vec<&str>| if texts.is_empty() { format!("no {what}") } else { format!("{what} `{}`", texts.join("`, `")) };
        match field {
            Field::Granule => format!("granule `{}`", self.granule),
            Field::Key => format!("key `{}`", self.asset.key),
            Field::Name => format!("file name `{}`", self.asset.file_name()),
            Field::Band => list("bands", self.asset.bands.iter().flat_map(|b| b.names()).collect()),
            Field::Role => list("roles", self.asset.roles.iter().map(String::as_str).collect()),
            Field::Type => list("media type", self.media_type().as_deref().into_iter().collect()),
            Field::Word => {
                let all = [Field::Granule, Field::Key, Field::Name, Field::Band, Field::Role, Field::Type];
                all.map(|f| self.texts(f)).join(", ")
            }
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(field, patterns) => {
                if *field != Field::Word {
                    write!(f, "{}:", field.name())?;
                }
                for (i, pattern) in patterns.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(f, "{comma}{}", print::pattern(pattern, *field == Field::Word && i == 0))?;
                }
                Ok(())
            }
            Self::Size(comparison, limit) => {
                let sign = Comparison::SIGNS.iter().find(|(_, c)| c == comparison).map_or("", |(sign, _)| sign);
                write!(f, "size{sign}{}", size::print(*limit))
            }
            Self::CloudOptimised => f.write_str("cloud-optimised"),
        }
    }
}
