//! Granules combined to arrays of references, written as Icechunk and Kerchunk stores.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed"))]

mod address;
mod attributes;
pub mod combine;
mod dataset;
mod element;
mod error;
mod json;
mod load;
mod metadata_v2;
mod metadata_v3;
pub mod read;
mod text;
pub mod write;

pub use address::{Addresses, prefixes};
pub use combine::{Combined, CombinedPart, Combiner, combine};
pub use dataset::{Array, Dataset, Node, Part, Refused, Values};
pub use error::{Cause, Error, Result};
pub use load::{Fetch, LocalFiles, Repair};

/// A difference between a granule and the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` of `{granule}`: {reason}")]
pub struct Mismatch {
    /// URL of the granule.
    pub granule: std::sync::Arc<str>,
    /// Full path of the variable.
    pub variable: String,
    /// What differs.
    pub reason: String,
}
