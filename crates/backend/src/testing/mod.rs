//! The suites that every implementation runs.

pub mod catalog;
mod counting;
pub mod format;

pub use counting::Counting;
