//! Buckets that are read with temporary keys of an archive centre: renewed before they end, and when a bucket refuses them earlier.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    aws::{AmazonS3, AwsCredential},
    client::CredentialProvider,
    path::Path,
};
use url::Url;

use crate::{
    Earthdata, Error,
    earthdata::Refusal,
    error::{NASA_HINT, status_in},
};

/// Codes by which S3 says that the keys themselves are not good (any more).
pub(crate) const CODES: [&str; 4] = ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "TokenRefreshRequired"];
/// Keys that one request tries: those at hand, those that another task brought meanwhile, and new ones.
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

    /// What the bucket refuses although the keys are good, as far as known.
    fn refused(&self, e: object_store::Error) -> object_store::Error {
        let path = match &e {
            object_store::Error::PermissionDenied { path, .. } | object_store::Error::Unauthenticated { path, .. } => path.as_str(),
            _ => "",
        };
        let href = format!("s3://{}/{path}", self.bucket);
        Error::from_store(&href, e).with_hint(NASA_HINT).into_store()
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
#[derive(Debug, Clone)]
pub(crate) struct Renewing {
    store: AmazonS3,
    keys: Arc<TemporaryKeys>,
}

/// The next object of a listing, and those behind it.
type Listed = Option<(ObjectMeta, BoxStream<'static, object_store::Result<ObjectMeta>>)>;

impl Renewing {
    pub(crate) fn new(store: AmazonS3, keys: Arc<TemporaryKeys>) -> Self {
        Self { store, keys }
    }

    /// The answer to a request, which is made again where the bucket refuses the keys and has others to be asked with.
    async fn renewed<'a, T>(
        &'a self,
        is_head: bool,
        request: impl Fn() -> BoxFuture<'a, object_store::Result<T>> + Send + Sync,
    ) -> object_store::Result<T> {
        let (earthdata, endpoint) = (&self.keys.earthdata, &self.keys.endpoint);
        let of = earthdata.inner().endpoint(endpoint.as_str());
        let mut tried = 0;
        loop {
            let before = of.at_hand();
            let answer = request().await;
            // The first request brings the first keys.
            let used = before.or_else(|| of.at_hand());
            let refusal = answer.as_ref().err().and_then(|e| refusal(e, is_head));
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
                return answer.map_err(|e| self.keys.refused(e));
            }
        }
    }

    /// The objects of a prefix behind a key. Where a page of them is refused, the listing goes on behind the last one that came.
    fn list_behind(&self, prefix: Option<Path>, after: Option<Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let state = (self.clone(), after, None::<BoxStream<'static, _>>);
        stream::try_unfold(state, move |(bucket, after, listing)| {
            let prefix = prefix.clone();
            async move {
                let anew = || bucket.renewed(false, || bucket.listed(prefix.as_ref(), after.as_ref()));
                let next = match listing {
                    Some(mut listing) => match listing.try_next().await {
                        Err(e) if refusal(&e, false).is_some() => anew().await?,
                        other => other?.map(|object| (object, listing)),
                    },
                    None => anew().await?,
                };
                Ok(next.map(|(object, listing)| {
                    let after = Some(object.location.clone());
                    (object, (bucket, after, Some(listing)))
                }))
            }
        })
        .boxed()
    }

    /// What a prefix has behind a key, from its first object on.
    fn listed(&self, prefix: Option<&Path>, after: Option<&Path>) -> BoxFuture<'static, object_store::Result<Listed>> {
        let mut listing = match after {
            Some(after) => self.store.list_with_offset(prefix, after),
            None => self.store.list(prefix),
        };
        async move { Ok(listing.try_next().await?.map(|first| (first, listing))) }.boxed()
    }
}

#[async_trait]
impl ObjectStore for Renewing {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.renewed(options.head, || self.store.get_opts(location, options.clone())).await
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
        self.list_behind(prefix.cloned(), None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.list_behind(prefix.cloned(), Some(offset.clone()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.renewed(false, || self.store.list_with_delimiter(prefix)).await
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
    let status = status_in(&text);
    if CODES.iter().any(|code| text.contains(&format!("<Code>{code}</Code>"))) {
        return Some(Refusal::OfKeys);
    }
    // An answer to HEAD has no body that could say why: S3 answers 400 to keys that have ended.
    (is_refused || matches!(status, Some(401 | 403)) || is_head && status == Some(400)).then_some(Refusal::Unexplained)
}
