//! Filters put together in code.

use std::ops::{BitAnd, BitOr, Not};

use super::{
    AssetFilter, AssetFilterError, Expression,
    parse::check_media_type,
    pattern::{Malformed, Pattern},
    term::{Comparison, Field, Term},
};

impl AssetFilter {
    /// Everything.
    pub fn all() -> Self {
        Self { expression: Expression::and(Vec::new()) }
    }

    /// Nothing.
    pub fn none() -> Self {
        Self { expression: Expression::or(Vec::new()) }
    }

    /// One of the words fits: the whole of a granule name, key, band, role or media type, or a part of the file name. A word is a glob, or `/regex/`.
    pub fn words<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Word, words)
    }

    /// The name of the granule fits one of the globs (`/regex/` is a regular expression).
    pub fn granules<T: AsRef<str>>(globs: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Granule, globs)
    }

    /// The key fits one of the globs (`/regex/` is a regular expression).
    pub fn keys<T: AsRef<str>>(globs: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Key, globs)
    }

    /// The file name fits one of the globs (`/regex/` is a regular expression).
    pub fn names<T: AsRef<str>>(globs: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Name, globs)
    }

    /// A band has one of the names, or common names.
    pub fn bands<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Band, names)
    }

    /// It has one of the STAC roles.
    pub fn roles<T: AsRef<str>>(roles: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Role, roles)
    }

    /// It is of one of the media types (`image/tiff`, `image/*`), or of one with that short name (`cog`).
    pub fn media_types<T: AsRef<str>>(types: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        Self::text(Field::Type, types)
    }

    /// It has so many bytes, or more.
    pub fn min_size(bytes: u64) -> Self {
        Term::Size(Comparison::GreaterOrEqual, bytes).into()
    }

    /// It has so many bytes, or less.
    pub fn max_size(bytes: u64) -> Self {
        Term::Size(Comparison::LessOrEqual, bytes).into()
    }

    /// Parts of it can be read without the whole file.
    pub fn cloud_optimised() -> Self {
        Term::CloudOptimised.into()
    }

    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        Self { expression: Expression::and(vec![self.expression, other.expression]) }
    }

    /// One of them holds.
    pub fn or(self, other: Self) -> Self {
        Self { expression: Expression::or(vec![self.expression, other.expression]) }
    }

    pub(super) fn text<T: AsRef<str>>(field: Field, patterns: impl IntoIterator<Item = T>) -> Result<Self, AssetFilterError> {
        let read = |text: T| {
            let text = text.as_ref();
            let regex = text.strip_prefix('/').and_then(|t| t.strip_suffix('/')).filter(|t| !t.is_empty());
            let checked = regex.map_or_else(|| Pattern::glob(text), Pattern::regex).and_then(|p| check_media_type(field, &p).map(|()| p));
            checked.map_err(|Malformed(at, message, hint)| AssetFilterError::new(text, at + usize::from(regex.is_some()), message, hint))
        };
        let patterns: Vec<_> = patterns.into_iter().map(read).collect::<Result<_, _>>()?;
        // One of no words holds nowhere.
        Ok(if patterns.is_empty() { Self::none() } else { Term::Text(field, patterns).into() })
    }
}

impl From<Term> for AssetFilter {
    fn from(term: Term) -> Self {
        Self { expression: Expression::Term(term) }
    }
}

impl Expression {
    pub(super) fn and(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::And(inner) = part { inner } else { vec![part] });
        Self::single(flat.collect()).unwrap_or_else(Self::And)
    }

    pub(super) fn or(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| if let Self::Or(inner) = part { inner } else { vec![part] });
        Self::single(flat.collect()).unwrap_or_else(Self::Or)
    }

    /// The only one, or all of them.
    fn single(mut parts: Vec<Self>) -> Result<Self, Vec<Self>> {
        if parts.len() == 1 { parts.pop().ok_or(parts) } else { Err(parts) }
    }
}

impl Not for Expression {
    type Output = Self;

    fn not(self) -> Self {
        if let Self::Not(inner) = self { *inner } else { Self::Not(Box::new(self)) }
    }
}

impl Not for AssetFilter {
    type Output = Self;

    fn not(self) -> Self {
        Self { expression: !self.expression }
    }
}

impl BitAnd for AssetFilter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOr for AssetFilter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}
