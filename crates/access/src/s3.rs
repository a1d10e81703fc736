//! Buckets of S3, with our limits and counters around `object_store`'s client.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region},
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
};

use url::Url;

use crate::{
    AccessOptions, Earthdata, Error, HttpOptions, Kind, Result, S3Options, Secret, cdse,
    earthdata::{REGION, hosts::is_here, unknown_bucket},
    limits::Hosts,
    renewing::{CODES, Renewing, TemporaryKeys},
    stats::Counters,
};

const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Where a bucket is and how requests to it are signed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Found out where absent.
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) virtual_hosted: bool,
    pub(crate) signing: Signing,
}

impl Plan {
    pub(crate) fn allows_http(&self, s3: &S3Options) -> bool {
        s3.allow_http || matches!(&self.signing, Signing::Temporary(_)) && self.endpoint.is_some()
    }

    /// Asks for the region of the bucket when neither region nor endpoint is known.
    pub(crate) async fn find_region(&self, bucket: &str, client: &ClientOptions) -> String {
        match (&self.region, &self.endpoint) {
            (Some(region), _) => region.clone(),
            (None, Some(_)) => DEFAULT_REGION.to_owned(),
            (None, None) => resolve_bucket_region(bucket, client).await.unwrap_or_else(|e| {
                tracing::debug!(bucket, error = %e, "the region of the bucket is not known");
                DEFAULT_REGION.to_owned()
            }),
        }
    }
}

/// Where a bucket is taken to be of which nothing is known.
const DEFAULT_REGION: &str = "us-east-1";

#[derive(Debug)]
pub(crate) enum Signing {
    Unsigned,
    Keys { id: String, secret: Secret, token: Option<Secret> },
    Temporary(TemporaryKeys),
}

/// Buckets that everybody may read, and those whose reader pays: name, region, who pays.
const OPEN: &[(&str, &str, Payer)] = &[
    ("copernicus-dem-30m", "eu-central-1", Payer::Nobody),
    ("copernicus-dem-90m", "eu-central-1", Payer::Nobody),
    ("e84-earth-search-sentinel-data", "us-west-2", Payer::Nobody),
    ("esa-worldcover", "eu-central-1", Payer::Nobody),
    ("its-live-data", "us-west-2", Payer::Nobody),
    ("naip-analytic", "us-west-2", Payer::Reader),
    ("naip-visualization", "us-west-2", Payer::Reader),
    ("noaa-goes16", "us-east-1", Payer::Nobody),
    ("noaa-goes17", "us-east-1", Payer::Nobody),
    ("noaa-goes18", "us-east-1", Payer::Nobody),
    ("noaa-goes19", "us-east-1", Payer::Nobody),
    ("sentinel-cogs", "us-west-2", Payer::Nobody),
    ("sentinel-s1-l1c", "eu-central-1", Payer::Reader),
    ("sentinel-s2-l1c", "eu-central-1", Payer::Reader),
    ("sentinel-s2-l2a", "eu-central-1", Payer::Reader),
    ("usgs-landsat", "us-west-2", Payer::Reader),
    ("usgs-lidar-public", "us-west-2", Payer::Nobody),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payer {
    Nobody,
    Reader,
}

/// Region and payer of a bucket that is listed here.
pub(crate) fn listed(bucket: &str) -> Option<(&'static str, Payer)> {
    OPEN.iter().find(|(name, ..)| *name == bucket).map(|(_, region, payer)| (*region, *payer))
}

/// The endpoint that temporary keys are used with, when it is not Amazon's: one on this machine, or one for a bucket that the options themselves
/// name. A registry's bucket is Amazon's, and its keys are for no other service that `AWS_ENDPOINT_URL` may name.
pub(crate) fn own_endpoint(bucket: &str, options: &AccessOptions, earthdata: &Earthdata) -> Option<String> {
    let endpoint = options.s3.endpoint.clone()?;
    let is_here = Url::parse(&endpoint).is_ok_and(|url| is_here(&url));
    (is_here || earthdata.is_own_bucket(bucket)).then_some(endpoint)
}

pub(crate) fn plan(bucket: &str, options: &AccessOptions, earthdata: &Earthdata) -> Result<Plan> {
    let s3 = &options.s3;
    if let Some(endpoint) = earthdata.endpoint_of_bucket(bucket)? {
        let unsigned = || (s3.anonymous == Some(true)).then_some(Signing::Unsigned);
        let own = if earthdata.can_log_in() { None } else { own_keys(s3).or_else(unsigned) };
        let own_endpoint = own_endpoint(bucket, options, earthdata);
        return Ok(Plan {
            region: s3.region.clone().filter(|_| own_endpoint.is_some()).or_else(|| Some(REGION.to_owned())),
            virtual_hosted: s3.virtual_hosted && own_endpoint.is_some(),
            endpoint: own_endpoint,
            signing: own.unwrap_or_else(|| Signing::Temporary(TemporaryKeys::new(earthdata, bucket, endpoint))),
        });
    }
    let href = format!("s3://{bucket}");
    let usual = || Plan {
        region: s3.region.clone(),
        endpoint: s3.endpoint.clone(),
        virtual_hosted: s3.virtual_hosted,
        signing: own_keys(s3).unwrap_or(Signing::Unsigned),
    };
    if s3.endpoint.is_some() {
        return Ok(usual());
    }
    if bucket == cdse::BUCKET {
        let (id, secret) = options.cdse.s3_access_key.clone().zip(options.cdse.s3_secret_key.clone()).ok_or_else(|| {
            Error::new(Kind::Denied, &href, "is read with personal keys of the Copernicus Data Space")
                .with_hint("set CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY (made at https://eodata-s3keysmanager.dataspace.copernicus.eu), or use the https:// addresses")
        })?;
        return Ok(Plan {
            region: Some("default".to_owned()),
            endpoint: Some(cdse::S3_ENDPOINT.to_owned()),
            virtual_hosted: false,
            signing: Signing::Keys { id, secret, token: None },
        });
    }
    let Some((region, payer)) = listed(bucket) else {
        let is_told = own_keys(s3).is_some() || s3.anonymous.is_some();
        return if is_told { Ok(usual()) } else { Err(unknown_bucket(bucket)) };
    };
    if payer == Payer::Reader && !(s3.request_payer && own_keys(s3).is_some()) {
        return Err(Error::new(Kind::Denied, &href, "is a bucket whose reader pays").with_hint(
            "use the https:// addresses where they exist; to be billed set AWS_REQUEST_PAYER=requester, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ));
    }
    Ok(Plan { region: Some(region.to_owned()), ..usual() })
}

/// The keys of the environment, unless requests are to go unsigned.
fn own_keys(s3: &S3Options) -> Option<Signing> {
    let (id, secret) = s3.access_key_id.clone().zip(s3.secret_access_key.clone()).filter(|_| !s3.is_anonymous())?;
    Some(Signing::Keys { id, secret, token: s3.session_token.clone() })
}

/// Opens a bucket. Asks for its region when neither region nor endpoint is known.
pub(crate) async fn open(
    bucket: &str,
    options: &AccessOptions,
    earthdata: &Earthdata,
    hosts: &Arc<Hosts>,
    counters: &Arc<Counters>,
) -> Result<Arc<dyn ObjectStore>> {
    let (s3, http) = (&options.s3, &options.http);
    let plan = plan(bucket, options, earthdata)?;
    let allow_http = plan.allows_http(s3);
    let client = client(http, allow_http);
    let region = plan.find_region(bucket, &client).await;
    // `object_store` panics where the first wait is zero or longer than the longest.
    let init_backoff = (http.backoff / 2).min(http.max_wait).max(SHORTEST_WAIT);
    let backoff = BackoffConfig { init_backoff, max_backoff: http.max_wait.max(init_backoff), base: 2.0 };
    let retry =
        RetryConfig { backoff, max_retries: http.retries as usize, retry_timeout: http.request_timeout.max(http.max_wait) * http.retries.max(1) };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_allow_http(allow_http)
        .with_virtual_hosted_style_request(plan.virtual_hosted)
        .with_request_payer(s3.request_payer)
        .with_skip_signature(matches!(plan.signing, Signing::Unsigned))
        .with_client_options(client)
        .with_retry(retry)
        .with_http_connector(Connector { hosts: Arc::clone(hosts), counters: Arc::clone(counters) });
    if let Some(endpoint) = &plan.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let mut temporary = None;
    builder = match plan.signing {
        Signing::Unsigned => builder,
        Signing::Keys { id, secret, token } => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
            match token {
                Some(token) => builder.with_config(AmazonS3ConfigKey::Token, token.expose()),
                None => builder,
            }
        }
        Signing::Temporary(keys) => builder.with_credentials(temporary.insert(Arc::new(keys)).clone() as _),
    };
    let href = format!("s3://{bucket}");
    let bucket = |store| match temporary {
        Some(keys) => Arc::new(Renewing::new(store, keys)) as Arc<dyn ObjectStore>,
        None => Arc::new(store),
    };
    builder.build().map(bucket).map_err(|e| Error::invalid(&href, "cannot be opened with these options").with_source(e))
}

pub(crate) fn client(http: &HttpOptions, allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(http.connect_timeout)
        // The whole of a large object may take long; what may not is a pause.
        .with_timeout_disabled()
        .with_read_timeout(http.stall_timeout)
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
        let is_head = request.method() == http::Method::HEAD;
        let response = self.inner.execute(request).await?;
        if matches!(response.status().as_u16(), 400 | 401 | 403) && !is_head {
            return without_secrets(response).await;
        }
        let length = response.headers().get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        self.limits.counters.received(length.unwrap_or(0));
        Ok(response)
    }
}

/// A refusal of S3 with its code alone: S3 quotes session tokens and key ids that it does not take, and `object_store` makes its errors of that.
async fn without_secrets(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut head, body) = response.into_parts();
    let body = body.bytes().await?;
    let text = String::from_utf8_lossy(&body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    let code = if code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()) { code } else { "" };
    if CODES.contains(&code) {
        // Keys that have ended get 400, as if the request were wrong.
        head.status = http::StatusCode::FORBIDDEN;
    }
    Ok(HttpResponse::from_parts(head, format!("<Code>{code}</Code>").into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;

    fn planned(bucket: &str, change: impl Fn(&mut AccessOptions)) -> Result<Plan> {
        let mut options = AccessOptions::default();
        options.s3.endpoint = Some("https://minio.example".into());
        options.s3.access_key_id = Some("own".into());
        options.s3.secret_access_key = Some(Secret::new("own"));
        options.earthdata.token = Some(Secret::new("token"));
        change(&mut options);
        plan(bucket, &options, Access::new(options.clone())?.earthdata())
    }

    /// The session token of NASA's keys is not for whoever `AWS_ENDPOINT_URL` names.
    #[test]
    fn temporary_keys_go_to_amazon() -> Result<()> {
        let nasa = planned("lp-prod-protected", |_| {})?;
        assert!(matches!(nasa.signing, Signing::Temporary(_)) && nasa.endpoint.is_none() && nasa.region.as_deref() == Some("us-west-2"), "{nasa:?}");
        let own = planned("results", |_| {})?;
        assert!(matches!(own.signing, Signing::Keys { .. }) && own.endpoint.as_deref() == Some("https://minio.example"), "{own:?}");
        let here = planned("lp-prod-protected", |o| o.s3.endpoint = Some("http://127.0.0.1:5000".into()))?;
        assert!(matches!(here.signing, Signing::Temporary(_)) && here.endpoint.is_some(), "{here:?}");
        let named = planned("deployed", |o| {
            o.earthdata.buckets = Url::parse("https://data.example/s3credentials").ok().map(|url| ("deployed".to_owned(), url)).into_iter().collect();
        })?;
        assert!(matches!(named.signing, Signing::Temporary(_)) && named.endpoint.is_some(), "{named:?}");
        let no_login = planned("lp-prod-protected", |o| o.earthdata.token = None)?;
        assert!(matches!(no_login.signing, Signing::Keys { .. }), "{no_login:?}");
        let unsigned = planned("lp-prod-public", |o| {
            o.earthdata.token = None;
            o.s3.anonymous = Some(true);
        })?;
        assert!(matches!(unsigned.signing, Signing::Unsigned), "{unsigned:?}");
        Ok(())
    }

    #[test]
    fn copernicus_has_keys_and_endpoint_of_its_own() -> Result<()> {
        let plan = planned(cdse::BUCKET, |o| {
            o.s3 = S3Options::default();
            o.cdse.s3_access_key = Some("id".into());
            o.cdse.s3_secret_key = Some(Secret::new("HUSH"));
        })?;
        assert_eq!(plan.endpoint.as_deref(), Some(cdse::S3_ENDPOINT));
        assert!(!plan.virtual_hosted && matches!(&plan.signing, Signing::Keys { id, .. } if id == "id") && !format!("{plan:?}").contains("HUSH"));
        Ok(())
    }

    #[test]
    fn whose_reader_pays_asks_first() {
        let payer = |pays: bool| {
            planned("usgs-landsat", |o| {
                o.s3.endpoint = None;
                o.s3.request_payer = pays;
            })
        };
        assert!(payer(false).is_err_and(|e| e.hint().is_some_and(|h| h.contains("AWS_REQUEST_PAYER=requester"))));
        assert!(payer(true).is_ok_and(|plan| plan.region.as_deref() == Some("us-west-2")));
    }
}
