//! From a URL to bytes: object stores, HTTP with retries and limits, credentials. The only reader of secrets.
//!
//! ```text
//!  href ──▶ Place ──┬─ file ──▶ LocalFileSystem ─────────────┐
//!                   ├─ s3 ────▶ AmazonS3, one per bucket ────┼──▶ Arc<dyn ObjectStore> + Path
//!                   └─ http ──▶ HttpFile, one per file ──────┘
//!                                  │ ranges resumed, length, place and version of every answer checked
//!                                Http ── per-host limit, retries, Retry-After, redirects (and where they led), stall detection
//! ```
//!
//! Which host gets which credentials is decided in one place, on the way to it:
//!
//! ```text
//!  Http ── each hop ──▶ Journey ──┬─ Earthdata Login: bearer, cookies        (earthdata/)
//!                                 ├─ Planetary Computer: signed URLs
//!                                 └─ Copernicus Data Space: bearer
//!  S3 ──── each bucket ─▶ own keys, temporary keys of an archive centre, or none
//! ```
//!
//! * [`Access`] — made once per run; leads from an href to an object store and a path in it.
//! * [`AccessOptions`] — keys, endpoints and limits; [`AccessOptions::from_env`] is the one place that reads the environment.
//! * [`Http`] — requests to catalogues with the same retries and limits.
//! * [`Error`] — what failed, for which URL (without its query and secrets), and what to do.

mod cdse;
pub mod earthdata;
mod error;
mod flight;
mod headers;
mod http;
mod http_file;
mod keyring;
mod limits;
mod name;
mod options;
mod place;
mod planetary;
mod reach;
mod renewing;
mod retry;
mod route;
mod s3;
mod secret;
mod shortcuts;
mod stats;
mod vault;
mod version;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};

pub use cdse::CdseOptions;
pub use earthdata::{AuthContext, Earthdata, EarthdataOptions};
pub use error::{Error, Kind, Result};
pub use http::{Http, RequestOptions, Response};
pub use name::public_name;
pub use options::{AccessOptions, HttpOptions, S3Options, StoreOptions};
pub use planetary::PlanetaryOptions;
pub use reach::{BucketKeys, BucketReach};
pub use route::{Chosen, RegionOptions, Route};
pub use secret::Secret;
pub use stats::Stats;

use cdse::Cdse;
use earthdata::{Broker, ContextOptions, refusal::is_page};
use http_file::HttpFile;
use keyring::Keyring;
use limits::Hosts;
use place::Place;
use planetary::Planetary;
use route::Routes;
use stats::Counters;
use vault::Vault;

/// An object store and the path of one object in it.
pub type Object = (Arc<dyn ObjectStore>, Path);

/// Leads from hrefs to bytes. Cheap to clone; clones share connections, limits and counters.
#[derive(Debug, Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: AccessOptions,
    /// Without credentials of the run.
    plain: Http,
    http: Http,
    keyring: Arc<Keyring>,
    routes: Routes,
    hosts: Arc<Hosts>,
    counters: Arc<Counters>,
    local: Arc<LocalFileSystem>,
    buckets: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Access {
    /// With some options. [`Kind::Invalid`] when they contradict each other or TLS cannot be set up.
    pub fn new(options: AccessOptions) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let hosts = Arc::new(Hosts::new(options.http.max_connections_per_host));
        let plain = Http::new(&options.http, Arc::clone(&hosts), Arc::clone(&counters))?;
        let context = options.earthdata.context.clone();
        let vault = Vault::new(options.earthdata.cache.clone().filter(|_| context.is_none()));
        let keyring = Arc::new(Keyring {
            earthdata: Earthdata::new(options.earthdata.clone(), plain.clone(), vault.clone())?,
            planetary: Planetary::new(options.planetary.clone(), plain.clone(), vault.clone(), context.clone()),
            cdse: Cdse::new(options.cdse.clone(), plain.clone(), vault, context.clone()),
            headers: context.as_ref().map(|c| c.headers.clone()).unwrap_or_default(),
        });
        let http = plain.with_keyring(Arc::clone(&keyring));
        let routes = context.map(|c| Routes::with(&c.routes)).unwrap_or_default();
        let local = Arc::new(LocalFileSystem::new());
        Ok(Self { shared: Arc::new(Shared { options, plain, http, keyring, routes, hosts, counters, local, buckets: Mutex::default() }) })
    }

    /// A worker's access: with the options of its own machine, and the credentials that its driver gave it.
    pub fn with_context(options: AccessOptions, context: AuthContext) -> Result<Self> {
        let earthdata = EarthdataOptions { context: Some(Arc::new(context)), ..options.earthdata };
        Self::new(AccessOptions { earthdata, ..options })
    }

    /// What workers need of this run's credentials. With a `broker` they renew them through this process.
    pub async fn auth_context(&self, options: &ContextOptions, broker: Option<&Broker>) -> Result<AuthContext> {
        let mut context = self.shared.keyring.context(options, broker).await?;
        context.routes = self.shared.routes.known();
        Ok(context)
    }

    /// Listens on this machine for workers that want their credentials renewed, until the broker is dropped.
    pub async fn broker(&self) -> Result<Broker> {
        Broker::start(Arc::clone(&self.shared.keyring)).await
    }

    /// NASA's Earthdata Login: who is logged in, tokens, temporary S3 keys.
    pub fn earthdata(&self) -> &Earthdata {
        &self.shared.keyring.earthdata
    }

    /// Requests to services, with the credentials that their hosts ask for.
    pub fn http(&self) -> &Http {
        &self.shared.http
    }

    /// What it was told.
    pub fn options(&self) -> &AccessOptions {
        &self.shared.options
    }

    pub(crate) fn plain_http(&self) -> &Http {
        &self.shared.plain
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.shared.routes
    }

    /// Whether the keys of a bucket are used with an endpoint that is not Amazon's.
    pub(crate) fn has_own_endpoint(&self, bucket: &str) -> bool {
        s3::own_endpoint(bucket, &self.shared.options, self.earthdata()).is_some()
    }

    /// Requests made and bytes received so far, over HTTP and S3. Local files do not count.
    pub fn stats(&self) -> Stats {
        self.shared.counters.stats()
    }

    /// What a store of cubes needs to reach S3: plain data, read once.
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions::from(&self.shared.options.s3)
    }

    /// The object behind a path, `file://`, `http(s)://` or `s3://` URL. Asks nobody, except for the region of a public S3 bucket when none is given.
    ///
    /// An http object is read through a store of its own, which holds on to the version (ETag) that it saw first: when the file changes
    /// between two reads the second fails. Its query string is part of every request, and of no message.
    ///
    /// [`Kind::Invalid`] for a scheme that is not supported, by name.
    pub async fn object(&self, href: &str) -> Result<Object> {
        match Place::parse(href)? {
            Place::Local(path) => Ok((Arc::clone(&self.shared.local) as _, local_path(&path)?)),
            Place::Http(url) => {
                let file = HttpFile::new(self.shared.http.clone(), url);
                let path = file.path().clone();
                Ok((Arc::new(file), path))
            }
            Place::S3 { bucket, key } => {
                let path = Path::parse(&key).map_err(|e| Error::invalid(href, format!("has a key that cannot be used: {e}")))?;
                Ok((self.bucket(&bucket).await?, path))
            }
        }
    }

    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>> {
        let lock = |shared: &Shared| shared.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned();
        if let Some(store) = lock(&self.shared) {
            return Ok(store);
        }
        let made = s3::open(name, &self.shared.options, self.earthdata(), &self.shared.hosts, &self.shared.counters).await?;
        let mut buckets = self.shared.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Arc::clone(buckets.entry(name.to_owned()).or_insert(made)))
    }

    async fn read_document(&self, url: &url::Url) -> Result<Bytes> {
        let answer = self.shared.http.get(url.as_str()).await?.ok()?;
        if is_page(&answer.body) && !is_called_page(url) {
            return Err(self.shared.http.page_instead(url, &answer.url, &answer.body));
        }
        Ok(answer.body)
    }

    /// A whole small file: a spec, GeoJSON, an item collection. At most [`HttpOptions::max_document_bytes`].
    pub async fn read(&self, href: &str) -> Result<Bytes> {
        let limit = self.shared.options.http.max_document_bytes;
        match Place::parse(href)? {
            Place::Local(path) => read_local(href, path, limit).await,
            Place::Http(url) => self.read_document(&url).await,
            Place::S3 { .. } => {
                let (store, path) = self.object(href).await?;
                let got = store.get(&path).await.map_err(|e| Error::from_store(href, e))?;
                if got.meta.size > limit {
                    return Err(Error::too_large(href, limit));
                }
                got.bytes().await.map_err(|e| Error::from_store(href, e))
            }
        }
    }
}

/// Whether a URL says itself that it leads to a web page.
fn is_called_page(url: &url::Url) -> bool {
    let name = url.path().to_ascii_lowercase();
    [".html", ".htm", ".xhtml"].iter().any(|ending| name.ends_with(ending))
}

fn local_path(path: &std::path::Path) -> Result<Path> {
    // An object path knows no `..`; what it leads to depends on links, so the system is asked.
    let climbs = path.components().any(|c| c == std::path::Component::ParentDir);
    let absolute = if climbs { std::fs::canonicalize(path) } else { std::path::absolute(path) };
    let absolute = absolute.map_err(|e| Error::from_io(path, e))?;
    Path::from_absolute_path(&absolute).map_err(|e| Error::invalid(&path.display().to_string(), format!("cannot be used as a path: {e}")))
}

async fn read_local(href: &str, path: PathBuf, limit: u64) -> Result<Bytes> {
    let meta = tokio::fs::metadata(&path).await.map_err(|e| Error::from_io(&path, e))?;
    if meta.is_dir() {
        return Err(Error::invalid(href, "is a folder").with_hint("name a file in it"));
    }
    if meta.len() > limit {
        return Err(Error::too_large(href, limit));
    }
    tokio::fs::read(&path).await.map(Bytes::from).map_err(|e| Error::from_io(&path, e))
}
