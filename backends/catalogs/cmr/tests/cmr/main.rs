//! The client and the catalogue against servers on 127.0.0.1.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod conformance;
mod paging;
mod recorded;
mod replay;
mod server;
