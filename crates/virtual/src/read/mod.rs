//! References that others, or this crate, wrote before.

pub mod kerchunk;
