//! Records of UMM and STAC, converted and converted back.

#![expect(clippy::panic, clippy::print_stdout, reason = "tests name the record that failed, and say what was skipped")]

mod compare;
mod corpus;
mod edited;
mod generated;
mod generator;
mod oracle;
mod records;
mod rules;
