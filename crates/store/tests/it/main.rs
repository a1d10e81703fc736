//! The store, from outside.

mod basics;
mod faults;
mod order;
mod processes;
mod readers;
mod records;
mod s3;
mod support;
