//! From URLs to bytes, against servers of these tests' own.

mod earthdata;
mod emulated;
mod http;
mod keys;
mod local;
mod processes;
mod redirects;
mod refused_keys;
mod routes;
mod s3;
mod secrets;
mod services;
mod support;
