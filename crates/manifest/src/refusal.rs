use std::fmt;

use serde::Serialize;

/// Why the values of a variable cannot be referred to, by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// One of a documented list.
    pub reason: Reason,
    /// What it was in this variable.
    pub detail: String,
}

/// Reasons for a refusal. The list is documented in `docs/virtual-refusals.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// An element that is no number, text or enumeration: compound, reference, variable-length list, …
    ElementType,
    /// A filter without counterpart in Zarr.
    Codec,
    /// Chunks that are laid out in a way that no Zarr store can say: several pieces, elements of a structure, …
    Layout,
    /// The values are not in the sidecar nor where it points.
    NotStored,
    /// The description contradicts itself: sizes that do not fit, a chunk outside the array, a range beyond the file.
    Inconsistent,
    /// External files, virtual datasets, or other references out of the file.
    External,
}

impl Refusal {
    /// A refusal with its detail.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ElementType => "element type",
            Self::Codec => "codec",
            Self::Layout => "layout",
            Self::NotStored => "not stored",
            Self::Inconsistent => "inconsistent",
            Self::External => "external",
        })
    }
}
