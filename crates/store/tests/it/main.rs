//! The store, from outside.

#![expect(clippy::panic, clippy::print_stdout, reason = "tests fail by panicking, and say what they skipped")]

mod basics;
mod faults;
mod order;
mod processes;
mod readers;
mod records;
mod s3;
mod support;
