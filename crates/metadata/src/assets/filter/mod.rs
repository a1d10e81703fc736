//! Which assets of a granule are wanted.

mod build;
mod error;
mod explain;
mod fields;
mod lex;
mod parse;
mod pattern;
mod print;
mod size;
mod term;
#[cfg(test)]
mod tests;

pub use error::AssetFilterError;
pub use explain::{Explanation, Finding};
pub use fields::AssetFields;

use super::Asset;
use term::{Candidate, Field, Term};

/// Which assets of a granule or item are wanted: conditions put together with `and`, `or`, `not`. Made once, asked often.
///
/// # As an expression
///
/// ```text
/// B04                    a word: see below            name:*.tif            file name, whole, as a glob
/// B04,B05                one of several words         key:red               key of the asset
/// "two words"            quotes for what is special   band:red,nir          name or common name of a band
/// /_B0[234]_/            regular expression, found    role:data             STAC role
///                        anywhere in the file name    type:cog              media type, or short name of one
/// size<200MB             also <=, >, >=; kB, MiB, …   granule:HLS.L30.*     name of the granule
/// cloud-optimised        see below                    name:/B0[234]/        a field with a regular expression
/// all, none              everything, nothing          not a and (b or c)    `not` before `and` before `or`
/// ```
///
/// * **A word** fits where it is the whole name of the granule, the key, a band, a role, a media type or a short name of one, or where it is the file
///   name or *a part of it* between characters that are neither letter nor digit: `B04` fits `HLS.L30.T32TMT.B04.tif` and not `…B041.tif`. A glob in
///   its place (`*B04*`) speaks of each of these as a whole.
/// * **Globs**: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}`, `\` before a character. Case does not matter, except in regular expressions, where `(?i)` turns
///   it off. These are of the crate [`regex`]: they take time in proportion to the text.
/// * **Media types**: `type:image/tiff` fits with any parameters, and GeoTIFF and COG too; `type:cog` only what is stated to be one. Where none is
///   stated the ending of the file name counts.
/// * **Cloud-optimised** is a COG that is stated to be one, Zarr, GeoParquet, COPC, FlatGeobuf, PMTiles, and any file beside which a DMR++ lies
///   (`NAME.dmrpp` among the assets of the same granule).
/// * **A size that is not known** makes a comparison neither true nor false, and so through `not`, `and` and `or` (Kleene's logic). An asset is left
///   out only for what is known of it: where the answer is not known it is kept, and [`AssetFilter::explain`] says so. Everything else that is not
///   stated does not fit.
///
/// # In a specification
///
/// A string is an expression; a list is expressions of which one must hold; a table is [`AssetFields`]. Written, a filter is always its expression.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetFilter {
    expression: Expression,
}

/// No `And` stands directly in an `And`, no `Or` in an `Or`, no `Not` in a `Not`, and none of them holds exactly one: so the text of a filter reads
/// as the same filter. An empty `And` is everything, an empty `Or` nothing.
#[derive(Debug, Clone, PartialEq)]
enum Expression {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Term),
}

/// Is an asset wanted?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No: it is left out.
    No,
    /// It depends on a size that is not known: it is kept.
    Unknown,
    /// Yes.
    Yes,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl std::ops::Not for Verdict {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl Verdict {
    /// Is the asset kept?
    pub fn keeps(self) -> bool {
        self != Self::No
    }
}

impl AssetFilter {
    /// The assets of a granule that are kept, in their order. `granule` is its name (GranuleUR, or the id of a STAC item).
    pub fn select<'a>(&self, granule: &str, assets: &'a [Asset]) -> Vec<&'a Asset> {
        let described = self.described(assets);
        assets.iter().filter(|asset| self.expression.verdict(&Candidate { granule, asset, described: &described }).keeps()).collect()
    }

    /// Is an asset kept, seen alone? A DMR++ that lies beside it is not seen: [`AssetFilter::select`] sees it.
    pub fn keeps(&self, granule: &str, asset: &Asset) -> bool {
        self.expression.verdict(&Candidate { granule, asset, described: &[] }).keeps()
    }

    /// What becomes of each asset of a granule, and why.
    pub fn explain<'a>(&self, granule: &str, assets: &'a [Asset]) -> Vec<Explanation<'a>> {
        let described = self.described(assets);
        assets.iter().map(|asset| Explanation::of(&self.expression, &Candidate { granule, asset, described: &described }, asset)).collect()
    }

    /// Does it keep everything, whatever comes?
    pub fn is_all(&self) -> bool {
        matches!(&self.expression, Expression::And(parts) if parts.is_empty())
    }

    /// Does it say by name or kind which assets are wanted, and not only which are not, or how large they are?
    pub fn names_assets(&self) -> bool {
        self.expression.names(true)
    }

    /// How many assets are kept because their size is not known.
    pub fn undecided(&self, granule: &str, assets: &[Asset]) -> usize {
        if !self.expression.has(&|term| matches!(term, Term::Size(..))) {
            return 0;
        }
        let described = self.described(assets);
        let verdict = |asset| self.expression.verdict(&Candidate { granule, asset, described: &described });
        assets.iter().filter(|asset| verdict(asset) == Verdict::Unknown).count()
    }

    /// Names of the files beside which a DMR++ lies, where that matters.
    fn described<'a>(&self, assets: &'a [Asset]) -> Vec<&'a str> {
        if !self.expression.has(&|term| *term == Term::CloudOptimised) {
            return Vec::new();
        }
        let described = |name: &'a str| name.strip_suffix(".dmrpp").map(|name| name.strip_suffix(".dap").unwrap_or(name));
        assets.iter().filter_map(|asset| described(asset.file_name())).collect()
    }
}

impl Expression {
    fn verdict(&self, candidate: &Candidate<'_>) -> Verdict {
        match self {
            Self::And(parts) => {
                let mut all = Verdict::Yes;
                for part in parts {
                    all = all.min(part.verdict(candidate));
                    if all == Verdict::No {
                        break;
                    }
                }
                all
            }
            Self::Or(parts) => {
                let mut any = Verdict::No;
                for part in parts {
                    any = any.max(part.verdict(candidate));
                    if any == Verdict::Yes {
                        break;
                    }
                }
                any
            }
            Self::Not(inner) => !inner.verdict(candidate),
            Self::Term(term) => term.verdict(candidate),
        }
    }

    fn has(&self, is_it: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.has(is_it)),
            Self::Not(inner) => inner.has(is_it),
            Self::Term(term) => is_it(term),
        }
    }

    /// Whether a term names assets that are wanted, or, within `not`, that are not wanted.
    fn names(&self, wanted: bool) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.names(wanted)),
            Self::Not(inner) => inner.names(!wanted),
            Self::Term(term) => wanted && matches!(term, Term::Text(field, _) if *field != Field::Granule),
        }
    }
}
