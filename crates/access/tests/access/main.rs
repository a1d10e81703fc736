//! From URLs to bytes, against servers of these tests' own.

mod archive;
mod earthdata;
mod emulated;
mod fake;
mod http;
mod keys;
mod local;
mod processes;
mod routes;
mod s3;
mod secrets;
mod services;
