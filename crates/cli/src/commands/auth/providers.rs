use std::fmt;

use eocube::access::earthdata::{PROVIDERS, Provider};
use serde::Serialize;

use crate::units;

/// NASA's archive centres. The keys are stable.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Answer(&'static [Provider]);

impl Answer {
    pub(super) fn new() -> Self {
        Self(PROVIDERS)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["centre", "in the cloud", "on its servers", "S3 keys"].map(str::to_owned);
        let none = || "-".to_owned();
        let row = |p: &Provider| {
            let cloud = p.cloud.map_or_else(none, str::to_owned);
            let keys =
                p.credentials_endpoint.map_or_else(none, |url| url.trim_start_matches("https://").trim_end_matches("/s3credentials").to_owned());
            [p.daac.to_owned(), cloud, p.on_premises.to_owned(), keys]
        };
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(self.0.iter().map(row)).collect();
        f.write_str(units::table(&rows).trim_end_matches('\n'))
    }
}
