use std::{fmt, path::PathBuf, sync::Arc};

use crate::{Error, Result};

/// What kind of store a cube is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Transactions, history, many writers; the default.
    Icechunk,
    /// Plain Zarr v3: files that any reader opens, one writer at a time. Its name ends in `.zarr`.
    Zarr,
}

/// Where a cube lies. Holds no secrets.
#[derive(Debug, Clone)]
pub struct Location {
    pub(crate) place: Place,
    kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Place {
    Local(PathBuf),
    S3 { bucket: String, prefix: String },
    Memory(Arc<Memory>),
}

/// Stores that live as long as the location and its clones.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) icechunk: tokio::sync::OnceCell<Arc<dyn icechunk::Storage + Send + Sync>>,
    pub(crate) objects: Arc<object_store::memory::InMemory>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Location {
    /// Understands a path, `file://…` and `s3://bucket/prefix`. A name that ends in `.zarr` is plain Zarr, any other Icechunk.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::local(text, PathBuf::from(text));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = url::Url::parse(text).ok().and_then(|u| u.to_file_path().ok()).ok_or_else(|| refuse(text, "it is not a file URL"))?;
                Self::local(text, path)
            }
            "s3" => s3(text, rest),
            other => Err(refuse(text, format!("`{other}` is not a storage that cubes are kept on yet"))),
        }
    }

    /// A new place in memory, for tests; clones of it are the same place.
    pub fn memory(kind: Kind) -> Self {
        Self { place: Place::Memory(Arc::default()), kind }
    }

    /// What kind of store a cube at this place is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The directory, when the place is on this machine.
    pub fn local_path(&self) -> Option<&std::path::Path> {
        if let Place::Local(path) = &self.place { Some(path) } else { None }
    }

    fn local(text: &str, path: PathBuf) -> Result<Self> {
        if text.is_empty() {
            return Err(refuse(text, "it is empty"));
        }
        let path = std::path::absolute(&path).map_err(|e| refuse(text, e.to_string()))?;
        let Some(name) = path.file_name() else {
            return Err(refuse(text, "it is a root directory"));
        };
        let kind = kind_of(&name.to_string_lossy());
        Ok(Self { place: Place::Local(path), kind })
    }
}

fn s3(text: &str, rest: &str) -> Result<Location> {
    if rest.contains(['?', '#']) {
        return Err(refuse(text.split(['?', '#']).next().unwrap_or_default(), "it carries a query"));
    }
    let (bucket, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(refuse(&format!("s3://…/{prefix}"), "it carries a user name or key, which belong into the environment"));
    }
    let prefix = prefix.trim_matches('/');
    if bucket.is_empty() || prefix.is_empty() {
        return Err(refuse(text, "it needs a bucket and a name inside it"));
    }
    Ok(Location { kind: kind_of(prefix), place: Place::S3 { bucket: bucket.into(), prefix: prefix.into() } })
}

fn kind_of(name: &str) -> Kind {
    if name.ends_with(".zarr") { Kind::Zarr } else { Kind::Icechunk }
}

fn refuse(text: &str, problem: impl Into<String>) -> Error {
    Error::Location { text: text.into(), problem: problem.into() }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Local(path) => path.display().fmt(f),
            Place::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Place::Memory(_) => f.write_str("memory"),
        }
    }
}

impl std::str::FromStr for Location {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        Self::parse(s)
    }
}

/// How to reach object storage. Data only: whoever makes one has read the environment; this crate does not.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StorageOptions {
    /// URL of an S3-compatible service; AWS when absent.
    pub endpoint: Option<String>,
    /// Region; `us-east-1` when absent.
    pub region: Option<String>,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
    /// Whether the bucket is part of the path rather than of the host name.
    pub path_style: bool,
    /// Whether requests go unsigned.
    pub anonymous: bool,
    /// Access key id.
    pub access_key: Option<String>,
    /// Secret access key.
    pub secret_key: Option<String>,
    /// Token of a temporary key.
    pub session_token: Option<String>,
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |s: &Option<String>| s.as_ref().map(|_| "…");
        f.debug_struct("StorageOptions")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("allow_http", &self.allow_http)
            .field("path_style", &self.path_style)
            .field("anonymous", &self.anonymous)
            .field("access_key", &secret(&self.access_key))
            .field("secret_key", &secret(&self.secret_key))
            .field("session_token", &secret(&self.session_token))
            .finish()
    }
}

impl StorageOptions {
    pub(crate) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("us-east-1")
    }

    /// Key and secret, when requests are to be signed.
    pub(crate) fn keys(&self, location: &Location) -> Result<Option<(&str, &str)>> {
        match (self.anonymous, &self.access_key, &self.secret_key) {
            (true, ..) => Ok(None),
            (false, Some(key), Some(secret)) => Ok(Some((key, secret))),
            _ => Err(Error::NoCredentials { location: location.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_chooses_the_kind() {
        let parse = |t: &str| Location::parse(t).expect("a location");
        assert_eq!(parse("/data/alps").kind(), Kind::Icechunk);
        assert_eq!(parse("/data/alps.zarr/").kind(), Kind::Zarr);
        assert_eq!(parse("file:///data/alps%20west.zarr").to_string(), "/data/alps west.zarr");
        assert_eq!(parse("s3://bucket/a/b.zarr/").to_string(), "s3://bucket/a/b.zarr");
        assert!(parse("alps").local_path().is_some_and(std::path::Path::is_absolute));
    }

    #[test]
    fn what_is_no_place_is_refused_without_repeating_secrets() {
        for text in ["", "s3://bucket", "s3:///x", "gs://bucket/x", "http://host/x", "/"] {
            let error = Location::parse(text).expect_err(text);
            assert!(error.hint().is_some());
        }
        for text in ["s3://AKIA:hush@bucket/x", "s3://bucket/x?token=hush"] {
            assert!(!Location::parse(text).expect_err(text).to_string().contains("hush"));
        }
        let options = StorageOptions { secret_key: Some("hush".into()), ..StorageOptions::default() };
        assert!(!format!("{options:?}").contains("hush"));
    }
}
