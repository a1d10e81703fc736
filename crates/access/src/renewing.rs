//! Buckets that are read with temporary keys of an archive centre: renewed before they end, and when a bucket refuses them earlier.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    aws::{AmazonS3, AwsCredential},
    client::CredentialProvider,
    path::Path,
};
use url::Url;

use crate::{Earthdata, Error, earthdata::Refusal};

/// Codes by which S3 says that the keys themselves are not good (any more).
pub(crate) const CODES: [&str; 4] = ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired"];
/// Keys that one read tries: those at hand, those that another task brought meanwhile, and new ones.
const MOST: usize = 3;

/// The keys of an endpoint, for one of its buckets.
#[derive(Debug)]
pub(crate) struct TemporaryKeys {
    earthdata: Earthdata,
    bucket: String,
    endpoint: Url,
}

impl TemporaryKeys {
    pub(crate) fn new(earthdata: &Earthdata, bucket: &str, endpoint: Url) -> Self {
        Self { earthdata: earthdata.clone(), bucket: bucket.to_owned(), endpoint }
    }

    fn error(&self, e: Error) -> object_store::Error {
        e.wanted_by(&format!("s3://{}", self.bucket)).into_store()
    }
}

#[async_trait]
impl CredentialProvider for TemporaryKeys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.earthdata.keys_at(&self.endpoint).await.map_err(|e| self.error(e))?;
        Ok(Arc::new(keys.for_store()))
    }
}

/// A bucket. What it refuses is asked for once more where new keys may help.
#[derive(Debug)]
pub(crate) struct Renewing {
    store: AmazonS3,
    keys: Arc<TemporaryKeys>,
}

impl Renewing {
    pub(crate) fn new(store: AmazonS3, keys: Arc<TemporaryKeys>) -> Self {
        Self { store, keys }
    }
}

#[async_trait]
impl ObjectStore for Renewing {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let (earthdata, endpoint) = (&self.keys.earthdata, &self.keys.endpoint);
        let of = earthdata.inner().endpoint(endpoint.as_str());
        let mut tried = 0;
        loop {
            let before = of.at_hand();
            let answer = self.store.get_opts(location, options.clone()).await;
            // The first read brings the first keys.
            let used = before.or_else(|| of.at_hand());
            let refusal = answer.as_ref().err().and_then(|e| refusal(e, options.head));
            let (Some(refusal), Some(used)) = (refusal, &used) else {
                if answer.is_ok() {
                    of.opened(used);
                }
                return answer;
            };
            tried += 1;
            let is_over = tried == MOST || !earthdata.replace_keys(endpoint, used, refusal).await.map_err(|e| self.keys.error(e))?;
            if is_over {
                if tried > 1 && refusal == Refusal::Unexplained {
                    of.was_in_vain();
                }
                return answer;
            }
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, object_store::Result<Path>>) -> BoxStream<'static, object_store::Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

impl fmt::Display for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store)
    }
}

/// Whether an error is a refusal by the bucket, and of which kind. What kept us from getting keys is none.
fn refusal(e: &object_store::Error, is_head: bool) -> Option<Refusal> {
    use object_store::Error as Store;
    let (source, is_refused) = match e {
        Store::PermissionDenied { source, .. } | Store::Unauthenticated { source, .. } => (source, true),
        Store::Generic { source, .. } => (source, false),
        _ => return None,
    };
    if source.is::<Error>() {
        return None;
    }
    let text = source.to_string();
    if CODES.iter().any(|code| text.contains(&format!("<Code>{code}</Code>"))) {
        return Some(Refusal::OfKeys);
    }
    // An answer to HEAD has no body that could say why: S3 answers 400 to keys that have ended.
    (is_refused || is_head && text.contains("400 Bad Request")).then_some(Refusal::Unexplained)
}
