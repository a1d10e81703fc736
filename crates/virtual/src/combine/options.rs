use super::CombineAttributes;
use crate::Repair;

/// How granules become one dataset.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The dimension to concatenate along: one that variables have, or a new one. Without it, variables of all granules are merged.
    pub along: Option<String>,
    /// The order along it.
    pub order: Order,
    /// What becomes of granules whose other axes differ.
    pub join: Join,
    /// What becomes of attributes that differ.
    pub attributes: CombineAttributes,
    /// Variables whose values are stored rather than referred to.
    pub load: Load,
    /// Whether variables that are not concatenated must have the same values in all granules.
    pub compare: Compare,
    /// Coordinates without the dimension that are concatenated all the same.
    pub coordinates: Coordinates,
    /// What becomes of granules that do not fit.
    pub mismatch: OnMismatch,
    /// What becomes of variables that readers cannot read as they are.
    pub repair: Repair,
}

/// The order of granules along the dimension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By the values of its coordinate, ascending; those that overlap are refused.
    #[default]
    Coordinate,
    /// As they were added.
    Given,
}

/// What becomes of granules whose other axes differ, by the values of their coordinates. The words are xarray's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Join {
    /// They are refused.
    #[default]
    Exact,
    /// The axis takes the values of all; chunks that a granule has not are absent.
    Outer,
    /// The axis takes the values that all have.
    Inner,
    /// Axes of the same length take the values of the first, unseen.
    Override,
}

/// Coordinates without the dimension of concatenation that are concatenated all the same; the words are xarray's. Those that index other dimensions never
/// are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Coordinates {
    /// None.
    #[default]
    Minimal,
    /// Those whose values differ between granules.
    Different,
    /// All.
    All,
}

/// Variables whose values are stored rather than referred to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Load {
    /// Coordinates of one dimension or none, and their bounds: what readers index by. Not those of more than 64 MiB.
    #[default]
    Coordinates,
    /// None.
    Nothing,
    /// Every variable.
    All,
    /// These, by name.
    Names(Vec<String>),
}

/// Whether variables that are not concatenated must have the same values in all granules; the words are xarray's. Values that are not loaded are read to
/// compare them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compare {
    /// They must.
    #[default]
    Equals,
    /// They must, and have the same attributes.
    Identical,
    /// They must where both have any: what is missing in one is taken from the other, and then stored.
    NoConflicts,
    /// Those of the first granule are taken, unseen. Coordinates that index a dimension are for [`Join`] to judge.
    Override,
}

/// What becomes of granules that do not fit the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// Nothing is combined; all that differ are named.
    #[default]
    Refuse,
    /// Those that fit together make a dataset of their own.
    Split,
    /// Variables that differ only in how they are stored (codecs, chunks, byte order, fill value), or that end within a chunk, are decoded and stored as in
    /// the first granule. They are held in memory, encoded, until they are written.
    Materialize,
}
