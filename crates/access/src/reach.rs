//! How somebody else reaches a bucket: what a store of references says to its readers.

use crate::{
    Access,
    s3::{Payer, Signing, client, listed, plan},
};

/// Who opens a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketKeys {
    /// Everybody: requests go unsigned.
    Anybody,
    /// Who has keys of Amazon, or of another service.
    Own,
    /// Who has the temporary keys that NASA gives out.
    Earthdata,
}

/// Where a bucket is, and who opens it. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketReach {
    /// Region of Amazon, `us-east-1` where it is not known.
    pub region: String,
    /// URL of a service that is not Amazon's.
    pub endpoint: Option<String>,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
    /// Whether the bucket is part of the host name.
    pub virtual_hosted: bool,
    /// Whether the reader pays.
    pub reader_pays: bool,
    /// Who opens it.
    pub keys: BucketKeys,
}

impl Access {
    /// How readers reach a bucket: as this program does, where it can read it; else by what is known of it. Asks nobody but for the region of a bucket
    /// of which neither region nor endpoint is known.
    pub async fn reach_of_bucket(&self, bucket: &str) -> BucketReach {
        let (options, s3) = (self.options(), &self.options().s3);
        let listed = listed(bucket);
        let reader_pays = listed.is_some_and(|(_, payer)| payer == Payer::Reader);
        match plan(bucket, options, self.earthdata()) {
            Ok(plan) => {
                let allow_http = plan.allows_http(s3);
                let region = plan.find_region(bucket, &client(&options.http, allow_http)).await;
                let keys = match plan.signing {
                    Signing::Unsigned => BucketKeys::Anybody,
                    Signing::Keys { .. } => BucketKeys::Own,
                    Signing::Temporary(_) => BucketKeys::Earthdata,
                };
                BucketReach { region, endpoint: plan.endpoint, allow_http, virtual_hosted: plan.virtual_hosted, reader_pays, keys }
            }
            // It is not read from here, but referred to.
            Err(e) => {
                tracing::debug!(bucket, error = %e, "how readers reach it is not known");
                let region = listed.map(|(region, _)| region).or(s3.region.as_deref()).unwrap_or("us-east-1").to_owned();
                let keys = if reader_pays { BucketKeys::Own } else { BucketKeys::Anybody };
                BucketReach { region, endpoint: None, allow_http: false, virtual_hosted: false, reader_pays, keys }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessOptions, Result, Secret};

    fn access(change: impl FnOnce(&mut AccessOptions)) -> Result<Access> {
        let mut options = AccessOptions::default();
        change(&mut options);
        Access::new(options)
    }

    #[tokio::test]
    async fn buckets_are_where_they_are() -> Result<()> {
        let own = |o: &mut AccessOptions| {
            o.s3.endpoint = Some("https://minio.example".into());
            o.s3.access_key_id = Some("own".into());
            o.s3.secret_access_key = Some(Secret::new("own"));
            o.earthdata.token = Some(Secret::new("token"));
        };
        let nasa = access(own)?.reach_of_bucket("podaac-ops-cumulus-protected").await;
        assert_eq!((nasa.region.as_str(), nasa.endpoint.as_deref(), nasa.keys), ("us-west-2", None, BucketKeys::Earthdata));
        let mine = access(own)?.reach_of_bucket("results").await;
        assert_eq!((mine.endpoint.as_deref(), mine.keys), (Some("https://minio.example"), BucketKeys::Own));
        let open = access(|_| {})?.reach_of_bucket("sentinel-cogs").await;
        assert_eq!((open.region.as_str(), open.keys, open.reader_pays), ("us-west-2", BucketKeys::Anybody, false));
        let paid = access(|_| {})?.reach_of_bucket("usgs-landsat").await;
        assert_eq!((paid.region.as_str(), paid.keys, paid.reader_pays), ("us-west-2", BucketKeys::Own, true));
        let unknown = access(|o| o.s3.region = Some("eu-west-1".into()))?.reach_of_bucket("somebodys").await;
        assert_eq!((unknown.region.as_str(), unknown.keys), ("eu-west-1", BucketKeys::Anybody));
        Ok(())
    }
}
