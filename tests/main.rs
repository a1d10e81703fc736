//! End to end: the program and the library on synthetic scenes served from 127.0.0.1, and the direction of the arrows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cli;
mod end_to_end;
mod faults;
mod rows;
mod support;
