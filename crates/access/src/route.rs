//! Which of an asset's addresses is read: `s3://` beside the data, `https://` from anywhere else.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use object_store::ObjectStoreExt;
use tokio::sync::OnceCell;

use crate::{Access, Error, Kind, Result, earthdata::REGION, place::Place};

/// Until the metadata service of an EC2 instance answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// See [`RegionOptions::bucket_patience`].
const BUCKET_PATIENCE: Duration = Duration::from_secs(10);

/// Which address is taken of an asset that has an `https://` and an `s3://` one (`CUBE_ACCESS`, `--access`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    /// `s3://` where this program runs beside the bucket, else `https://`.
    #[default]
    Auto,
    /// `s3://`.
    Direct,
    /// `https://`.
    Indirect,
}

impl std::str::FromStr for Route {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "direct" => Ok(Self::Direct),
            "indirect" => Ok(Self::Indirect),
            _ => Err(Error::invalid(text, "is not a kind of access").with_hint("write `direct`, `indirect` or `auto`")),
        }
    }
}

/// Where this program runs, as far as its surroundings say.
#[derive(Debug, Clone, Default)]
pub struct RegionOptions {
    /// Address of the metadata service of an EC2 instance (`AWS_EC2_METADATA_SERVICE_ENDPOINT`); none when `AWS_EC2_METADATA_DISABLED` is set.
    pub metadata_service: Option<String>,
    /// `AWS_REGION`, where the environment is one of Amazon's (Lambda, ECS, Batch, …): elsewhere it says where data are, not where we are.
    pub environment: Option<String>,
    /// Until a bucket answers, its keys and its first byte together; absent: ten seconds. There is another way to the file, so it is not waited for long.
    pub bucket_patience: Option<Duration>,
}

impl RegionOptions {
    pub(crate) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Self {
        let is_off = get("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let service = || get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "http://169.254.169.254".to_owned());
        let of_amazon =
            ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI", "AWS_BATCH_JOB_ID"];
        let is_amazons = of_amazon.iter().any(|name| get(name).is_some());
        let environment = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).filter(|_| is_amazons);
        Self { metadata_service: (!is_off).then(service), environment, bucket_patience: None }
    }
}

/// An address that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The address.
    pub href: String,
    /// Whether it is read from its bucket.
    pub direct: bool,
}

/// What was found out of buckets in one run.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    region: OnceCell<Option<String>>,
    verdicts: Mutex<HashMap<String, Arc<OnceCell<bool>>>>,
}

impl Routes {
    pub(crate) fn with(known: &BTreeMap<String, bool>) -> Self {
        let verdicts = known.iter().map(|(bucket, direct)| (bucket.clone(), Arc::new(OnceCell::new_with(Some(*direct))))).collect();
        Self { region: OnceCell::new(), verdicts: Mutex::new(verdicts) }
    }

    fn of(&self, bucket: &str) -> Arc<OnceCell<bool>> {
        Arc::clone(self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).entry(bucket.to_owned()).or_default())
    }

    /// The buckets that are decided.
    pub(crate) fn known(&self) -> BTreeMap<String, bool> {
        let verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.iter().filter_map(|(bucket, verdict)| Some((bucket.clone(), *verdict.get()?))).collect()
    }
}

impl Access {
    /// Which of an asset's addresses is read, `href` or one of its `alternates`, as [`AccessOptions::route`](crate::AccessOptions::route) says.
    ///
    /// `Auto` takes the bucket where its keys can be had and work from here: outside their region NASA's keys open nothing. That is found out once for
    /// each bucket: where this program runs (metadata service of EC2, then the environment), and then by reading one byte. What is not possible falls
    /// back to `https://`, with a line in the log. Buckets that are not NASA's are read over `https://` where they can be.
    ///
    /// [`Kind::Invalid`] when `Direct` or `Indirect` is asked for and there is no such address.
    pub async fn choose(&self, href: &str, alternates: &[String]) -> Result<Chosen> {
        let all = || std::iter::once(href).chain(alternates.iter().map(String::as_str));
        let bucketed = all().find(|a| matches!(Place::parse(a), Ok(Place::S3 { .. })));
        let other = all().find(|a| !matches!(Place::parse(a), Ok(Place::S3 { .. })));
        let chosen = |address: &str, direct: bool| Chosen { href: address.to_owned(), direct };
        match (self.options().route, bucketed, other) {
            (Route::Direct, Some(address), _) | (Route::Auto, Some(address), None) => Ok(chosen(address, true)),
            (Route::Indirect, _, Some(address)) | (Route::Auto, None, Some(address)) => Ok(chosen(address, false)),
            (Route::Auto, Some(direct), Some(indirect)) => {
                if self.is_beside(direct).await? {
                    Ok(chosen(direct, true))
                } else {
                    Ok(chosen(indirect, false))
                }
            }
            (Route::Direct, None, _) => Err(Error::invalid(href, "has no s3:// address").with_hint("use `--access auto` or `--access indirect`")),
            (Route::Indirect, _, None) => Err(Error::invalid(href, "has no https:// address").with_hint("use `--access auto` or `--access direct`")),
            (Route::Auto, None, None) => Err(Error::invalid(href, "has no address")),
        }
    }

    /// Whether an `s3://` address is best read from its bucket.
    async fn is_beside(&self, address: &str) -> Result<bool> {
        let Place::S3 { bucket, .. } = Place::parse(address)? else { return Ok(false) };
        let verdict = self.routes().of(&bucket);
        if let Some(direct) = verdict.get() {
            return Ok(*direct);
        }
        let earthdata = self.earthdata();
        // A person is not asked to log in only to find out.
        if earthdata.endpoint_of_bucket(&bucket)?.is_none() || !earthdata.has_login() {
            return Ok(false);
        }
        let found = verdict.get_or_try_init(|| self.try_bucket(&bucket, address)).await;
        match found {
            Ok(direct) => Ok(*direct),
            // Nothing was learnt of the bucket: the next file decides.
            Err(e) => {
                tracing::info!(bucket, error = %e, "this file is read over https");
                Ok(false)
            }
        }
    }

    async fn try_bucket(&self, bucket: &str, address: &str) -> Result<bool> {
        let has_own_endpoint = self.has_own_endpoint(bucket);
        if !has_own_endpoint
            && let Some(region) = self.region().await
            && region != REGION
        {
            tracing::info!(bucket, region, "is read over https: it is in {REGION}");
            return Ok(false);
        }
        let patience = self.options().region.bucket_patience.unwrap_or(BUCKET_PATIENCE);
        let Ok(read) = tokio::time::timeout(patience, self.read_one_byte(address)).await else {
            tracing::info!(bucket, "is read over https: it did not answer within {} s", patience.as_secs_f32());
            return Ok(false);
        };
        match read {
            Ok(()) => {
                tracing::info!(bucket, "is read directly");
                Ok(true)
            }
            Err(e) if e.kind() == Kind::NotFound => Err(e),
            Err(e) => {
                tracing::info!(bucket, error = %e, "is read over https: its keys do not open it from here");
                Ok(false)
            }
        }
    }

    async fn read_one_byte(&self, address: &str) -> Result<()> {
        let (store, path) = self.object(address).await?;
        store.get_range(&path, 0..1).await.map(drop).map_err(|e| Error::from_store(address, e))
    }

    /// The region of Amazon that this program runs in, as far as known.
    async fn region(&self) -> Option<&str> {
        let found = self.routes().region.get_or_init(|| async {
            let options = &self.options().region;
            let of_instance = match &options.metadata_service {
                Some(service) => self.ask_instance(service.trim_end_matches('/')).await,
                None => None,
            };
            of_instance.or_else(|| options.environment.clone())
        });
        found.await.as_deref()
    }

    /// The metadata service of an EC2 instance, version 2: a token first, then the region.
    async fn ask_instance(&self, service: &str) -> Option<String> {
        const LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
        const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
        let headers = HeaderMap::from_iter([(LIFE, HeaderValue::from_static("21600"))]);
        let token = self.plain_http().once(Method::PUT, &format!("{service}/latest/api/token"), headers, PATIENCE).await?;
        let headers = HeaderMap::from_iter([(TOKEN, crate::secret::sensitive(token.trim())?)]);
        let region = self.plain_http().once(Method::GET, &format!("{service}/latest/meta-data/placement/region"), headers, PATIENCE).await?;
        let region = region.trim();
        let is_region = !region.is_empty() && region.len() < 40 && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        is_region.then(|| region.to_owned())
    }
}
