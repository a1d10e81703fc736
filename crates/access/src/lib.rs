//! From a URL to bytes: object stores, HTTP with retries and limits, credentials. The only reader of secrets.
//!
//! ```text
//!  href ──▶ Place ──┬─ file ──▶ LocalFileSystem ─────────────┐
//!                   ├─ s3 ────▶ AmazonS3, one per bucket ────┼──▶ Arc<dyn ObjectStore> + Path
//!                   └─ http ──▶ HttpFile, one per file ──────┘
//!                                  │ ranges resumed, length, place and version of every answer checked
//!                                Http ── per-host limit, retries, Retry-After, redirects, stall detection
//! ```
//!
//! * [`Access`] — made once per run; leads from an href to an object store and a path in it.
//! * [`AccessOptions`] — keys, endpoints and limits; [`AccessOptions::from_env`] is the one place that reads the environment.
//! * [`Http`] — requests to catalogues with the same retries and limits.
//! * [`Error`] — what failed, for which URL (without its query and secrets), and what to do.

mod error;
mod http;
mod http_file;
mod limits;
mod name;
mod options;
mod place;
mod retry;
mod s3;
mod stats;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};

pub use error::{Error, Kind, Result};
pub use http::{Http, Response};
pub use name::public_name;
pub use options::{AccessOptions, HttpOptions, S3Options, Secret, StoreOptions};
pub use stats::Stats;

use http_file::HttpFile;
use limits::Hosts;
use place::Place;
use stats::Counters;

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
    http: Http,
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
        let http = Http::new(&options.http, Arc::clone(&hosts), Arc::clone(&counters))?;
        let local = Arc::new(LocalFileSystem::new());
        Ok(Self { shared: Arc::new(Shared { options, http, hosts, counters, local, buckets: Mutex::default() }) })
    }

    /// Requests to catalogues.
    pub fn http(&self) -> &Http {
        &self.shared.http
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
        let made = s3::open(name, &self.shared.options, &self.shared.hosts, &self.shared.counters).await?;
        let mut buckets = self.shared.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Arc::clone(buckets.entry(name.to_owned()).or_insert(made)))
    }

    /// A whole small file: a spec, GeoJSON, an item collection. At most [`HttpOptions::max_document_bytes`].
    pub async fn read(&self, href: &str) -> Result<Bytes> {
        let limit = self.shared.options.http.max_document_bytes;
        match Place::parse(href)? {
            Place::Local(path) => read_local(href, path, limit).await,
            Place::Http(url) => Ok(self.shared.http.get(url.as_str()).await?.ok()?.body),
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
