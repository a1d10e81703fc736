//! Stores of references.

#[cfg(feature = "icechunk")]
pub mod icechunk;
pub mod kerchunk;
