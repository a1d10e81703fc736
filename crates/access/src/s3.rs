//! Buckets of S3, with our limits and counters around `object_store`'s client.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region},
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
};

use crate::{AccessOptions, Error, Result, limits::Hosts, stats::Counters};

/// Opens a bucket. Asks for its region when neither region nor endpoint is given.
pub(crate) async fn open(bucket: &str, options: &AccessOptions, hosts: &Arc<Hosts>, counters: &Arc<Counters>) -> Result<Arc<dyn ObjectStore>> {
    let (s3, http) = (&options.s3, &options.http);
    let client = ClientOptions::new()
        .with_allow_http(s3.allow_http)
        .with_connect_timeout(http.connect_timeout)
        // The whole of a large object may take long; what may not is a pause.
        .with_timeout_disabled()
        .with_read_timeout(http.stall_timeout);
    let region = match (&s3.region, &s3.endpoint) {
        (Some(region), _) => region.clone(),
        (None, Some(_)) => "us-east-1".to_owned(),
        (None, None) => resolve_bucket_region(bucket, &client).await.unwrap_or_else(|e| {
            tracing::debug!(bucket, error = %e, "the region of the bucket is not known");
            "us-east-1".to_owned()
        }),
    };
    let backoff = BackoffConfig { init_backoff: http.backoff / 2, max_backoff: http.max_wait, base: 2.0 };
    let retry =
        RetryConfig { backoff, max_retries: http.retries as usize, retry_timeout: http.request_timeout.max(http.max_wait) * http.retries.max(1) };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_allow_http(s3.allow_http)
        .with_virtual_hosted_style_request(s3.virtual_hosted)
        .with_request_payer(s3.request_payer)
        .with_skip_signature(s3.is_anonymous())
        .with_client_options(client)
        .with_retry(retry)
        .with_http_connector(Connector { hosts: Arc::clone(hosts), counters: Arc::clone(counters) });
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(id), Some(secret), false) = (&s3.access_key_id, &s3.secret_access_key, s3.is_anonymous()) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
        if let Some(token) = &s3.session_token {
            builder = builder.with_config(AmazonS3ConfigKey::Token, token.expose());
        }
    }
    let href = format!("s3://{bucket}");
    builder.build().map(|s| Arc::new(s) as _).map_err(|e| Error::invalid(&href, "cannot be opened with these options").with_source(e))
}

/// Makes clients that keep to our limits.
#[derive(Debug, Clone)]
struct Connector {
    hosts: Arc<Hosts>,
    counters: Arc<Counters>,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Limited { inner, limits: self.clone() }))
    }
}

#[derive(Debug)]
struct Limited {
    inner: HttpClient,
    limits: Connector,
}

#[async_trait]
impl HttpService for Limited {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let origin = format!("{}://{}", request.uri().scheme_str().unwrap_or_default(), request.uri().authority().map_or("", |a| a.as_str()));
        // Held until the headers are there: the body is streamed by its reader, at the reader's pace.
        let _seat = self.limits.hosts.named(&origin).seat().await;
        self.limits.counters.request();
        let response = self.inner.execute(request).await?;
        let length = response.headers().get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        self.limits.counters.received(length.unwrap_or(0));
        Ok(response)
    }
}
