//! What plain readers see in the stores that this crate writes.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests fail by panicking, say what they skipped, and share helpers"
)]

mod appending;
mod combining;
mod files;
mod foreign;
mod made;
mod python;
mod readers;
mod strictness;
