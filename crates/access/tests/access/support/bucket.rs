//! A bucket that wants signed requests.

use cube_access::S3Options;

use super::{Fake, Reply, content, file};

/// A store that wants signed requests.
pub(crate) fn store() -> cube_testkit::Result<Fake> {
    Fake::start(|seen| match (seen.header("authorization").starts_with("AWS4-HMAC-SHA256"), seen.path()) {
        (true, "/private-bucket/x.nc" | "/lp-prod-protected/x.nc") => file(seen, &content()),
        (false, "/private-bucket/x.nc") => Reply::status(403),
        _ => Reply::status(404),
    })
}

pub(crate) fn at(store: &Fake) -> S3Options {
    S3Options { endpoint: Some(store.url("")), ..S3Options::default() }
}
