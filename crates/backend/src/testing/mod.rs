//! The suites that every implementation runs.

mod counting;
pub mod format;

pub use counting::Counting;
