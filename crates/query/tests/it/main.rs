//! Queries as data: to CMR and STAC, and back.
#![expect(clippy::panic, reason = "tests say what they met")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so, and the other what it compared")]

mod cmr;
mod corpus;
mod hostile;
mod meaning;
mod properties;
mod stac;
mod table;
