//! What readers of references need to reach the files.

use std::collections::BTreeMap;

use cube_access::{Access, BucketKeys, BucketReach};
use cube_virtual::{
    Addresses, Dataset,
    write::icechunk::{Buckets, S3Access},
};

use super::output::containers;
use crate::{Environment, Result};

/// Who opens the files below a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opener {
    /// Everybody on this machine.
    Disk,
    /// Everybody.
    Web,
    /// Who has a token of Earthdata Login.
    WebWithToken,
    /// Who has the keys of a bucket, if it wants any.
    Bucket(BucketKeys),
}

/// How the files that references lead to are reached.
#[derive(Debug)]
pub(super) struct Readers {
    access: Access,
    buckets: BTreeMap<String, BucketReach>,
}

impl Readers {
    /// Of the files of a dataset.
    pub(super) async fn of(dataset: &Dataset, addresses: &Addresses, environment: &Environment) -> Result<Self> {
        let access = environment.access().clone();
        let mut buckets = BTreeMap::new();
        for bucket in containers(dataset, addresses)?.iter().filter_map(|prefix| bucket(prefix)) {
            if !buckets.contains_key(bucket) {
                buckets.insert(bucket.to_owned(), access.reach_of_bucket(bucket).await);
            }
        }
        Ok(Self { access, buckets })
    }

    /// As Icechunk keeps it.
    pub(super) fn for_icechunk(&self) -> Buckets {
        let kept = |reach: &BucketReach| S3Access {
            region: Some(reach.region.clone()),
            endpoint: reach.endpoint.clone(),
            anonymous: reach.keys == BucketKeys::Anybody,
            allow_http: reach.allow_http,
            path_style: !reach.virtual_hosted,
            reader_pays: reach.reader_pays,
        };
        self.buckets.iter().map(|(bucket, reach)| (bucket.clone(), kept(reach))).collect()
    }

    /// Of the bucket of a prefix, if it is in one.
    pub(super) fn bucket(&self, prefix: &str) -> Option<&BucketReach> {
        self.buckets.get(bucket(prefix)?)
    }

    pub(super) fn opener(&self, prefix: &str) -> Opener {
        match prefix.split_once("://").map(|(scheme, _)| scheme) {
            Some("s3") => Opener::Bucket(self.bucket(prefix).map_or(BucketKeys::Anybody, |reach| reach.keys)),
            Some("http" | "https") if self.access.earthdata().is_behind_login(prefix) => Opener::WebWithToken,
            Some("http" | "https") => Opener::Web,
            _ => Opener::Disk,
        }
    }
}

fn bucket(prefix: &str) -> Option<&str> {
    prefix.strip_prefix("s3://")?.split('/').next()
}
