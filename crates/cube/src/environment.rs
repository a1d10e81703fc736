use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use cube_access::{Access, earthdata::System};
use cube_backend::{Catalog, Format, Image, Sources};
use cube_core::{Asset, CubeSpec, SourceSpec, TimeValue};
use cube_engine::{CatalogSource, Context, Limits, ResolveOptions};
use cube_store::{Cube, Error as StoreError, Location, StorageOptions};
use tokio::sync::OnceCell;

use crate::{
    Error, Result, builtin,
    files::Files,
    search::{CMR, CMR_UAT},
};

/// What a run has of the world: access to bytes with its credentials, the formats that are built in, the clock. Cheap to clone; clones share
/// connections and limits.
#[derive(Debug, Clone)]
pub struct Environment {
    access: Access,
    formats: Vec<Arc<dyn Format>>,
}

impl Environment {
    /// With the credentials, limits and services that the environment variables give.
    pub fn from_env() -> Result<Self> {
        let options = cube_access::AccessOptions::from_env()?;
        Ok(Self::new(Access::new(options)?))
    }

    /// With an access of the caller's own.
    pub fn new(access: Access) -> Self {
        Self { access, formats: builtin::formats() }
    }

    /// Root of the CMR that is asked where none is named: by searches, and by sources without a `url`. That of the system where one logs in, unless
    /// the options say otherwise.
    pub fn cmr(&self) -> &str {
        let options = self.access.options();
        match (options.cmr.as_deref(), options.earthdata.system) {
            (Some("uat"), _) | (None, System::Uat) => CMR_UAT,
            (Some("prod"), _) | (None, System::Prod) => CMR,
            (Some(root), _) => root,
        }
    }

    /// From URLs to bytes.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The formats that are built in.
    pub fn formats(&self) -> &[Arc<dyn Format>] {
        &self.formats
    }

    /// The present.
    pub fn now() -> TimeValue {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimeValue(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Opens a cube: a path, `file://` or `s3://`; a name that ends in `.zarr` is plain Zarr, any other Icechunk.
    pub async fn open_cube(&self, location: &str) -> Result<Cube> {
        Ok(Cube::open(&Location::parse(location)?, &self.storage_options()).await?)
    }

    /// Makes an empty cube, whole or not at all. What the spec leaves open (dtype, nodata, scale) is read from one image of its source.
    pub async fn create_cube(&self, location: &str, spec: &CubeSpec, options: &ResolveOptions) -> Result<Cube> {
        builtin::check(&spec.source)?;
        let location = Location::parse(location)?;
        // What is there already is told before the source is asked anything.
        match Cube::open(&location, &self.storage_options()).await {
            Ok(_) => return Err(StoreError::AlreadyExists { location: location.to_string() }.into()),
            Err(
                e @ (StoreError::NotACube { .. }
                | StoreError::TooNew { .. }
                | StoreError::Unfinished { .. }
                | StoreError::Damaged { .. }
                | StoreError::DamagedFile { .. }),
            ) => return Err(e.into()),
            // Whether it can be made is known when that is tried.
            Err(_) => {}
        }
        let layout = cube_engine::resolve(spec, options, &self.context(spec, Limits::default())).await?;
        Ok(Cube::create(&location, &self.storage_options(), &layout).await?)
    }

    /// The means of a run on a cube with this source. The catalogue is opened when it is first asked something.
    pub fn context(&self, spec: &CubeSpec, limits: Limits) -> Context {
        let catalog = Arc::new(LazyCatalog {
            source: self.addressed(&spec.source),
            properties: order_property(spec),
            access: self.access.clone(),
            opened: OnceCell::new(),
        });
        Context::new(catalog, self.formats.clone(), self.sources(), limits, Self::now())
    }

    /// A source with the address that is meant where it names none.
    pub(crate) fn addressed(&self, source: &SourceSpec) -> SourceSpec {
        let is_left_out = source.backend == "cmr" && source.url.trim().is_empty();
        let url = if is_left_out { self.cmr().to_owned() } else { source.url.clone() };
        SourceSpec { url, ..source.clone() }
    }

    /// From hrefs to files.
    pub fn sources(&self) -> Arc<dyn Sources> {
        Arc::new(Files::new(self.access.clone()))
    }

    /// Opens the header of a raster by path or URL.
    pub async fn open_image(&self, href: &str) -> Result<Arc<dyn Image>> {
        Ok(self.format(href)?.open(self.sources().source(href).await?).await?)
    }

    /// The format that recognises a file by its name.
    pub fn format(&self, href: &str) -> Result<&Arc<dyn Format>> {
        let asset = Asset::bare(href);
        self.formats.iter().find(|f| f.recognises(&asset)).ok_or_else(|| {
            let known: Vec<_> = self.formats.iter().map(|f| f.name()).collect();
            Error::refused(format!("`{href}` is not a file of a known format"), format!("formats are {}", known.join(", ")))
        })
    }

    /// How a cube's store reaches object storage.
    pub fn storage_options(&self) -> StorageOptions {
        let given = self.access.store_options();
        StorageOptions {
            endpoint: given.endpoint,
            region: given.region,
            allow_http: given.allow_http,
            path_style: !given.virtual_hosted,
            anonymous: given.anonymous,
            access_key: given.access_key_id,
            secret_key: given.secret_access_key.map(|s| s.expose().to_owned()),
            session_token: given.session_token.map(|s| s.expose().to_owned()),
        }
    }
}

/// Opens the catalogue of a spec once, when it is first needed: a request that the cube can answer never does.
struct LazyCatalog {
    source: SourceSpec,
    /// Properties that the mosaic order asks for.
    properties: Vec<String>,
    access: Access,
    opened: OnceCell<Arc<dyn Catalog>>,
}

impl fmt::Debug for LazyCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyCatalog").field("source", &self.source).field("opened", &self.opened.initialized()).finish_non_exhaustive()
    }
}

#[async_trait]
impl CatalogSource for LazyCatalog {
    async fn open(&self) -> cube_engine::Result<Arc<dyn Catalog>> {
        let opened = self.opened.get_or_try_init(|| builtin::catalog(&self.source, &self.properties, &self.access)).await?;
        Ok(Arc::clone(opened))
    }
}

/// The property by which patches are ordered, when it is not their time.
fn order_property(spec: &CubeSpec) -> Vec<String> {
    let property = spec.mosaic.order.as_deref().map(|o| o.trim_start_matches('-')).filter(|o| *o != "time");
    property.map(str::to_owned).into_iter().collect()
}

/// The same error in the words of the contracts.
pub(crate) fn of_access(error: cube_access::Error) -> cube_backend::Error {
    use cube_access::Kind as From;
    use cube_backend::Kind as To;
    let kind = match error.kind() {
        From::NotFound => To::NotFound,
        From::Denied => To::Denied,
        From::Corrupt => To::Corrupt,
        From::Unavailable => To::Unavailable,
        From::Invalid => To::Invalid,
    };
    let hint = error.hint();
    let out = cube_backend::Error::new(kind, error.to_string());
    let out = match hint {
        Some(hint) => out.with_hint(hint),
        None => out,
    };
    match std::error::Error::source(&error) {
        Some(_) => out.with_source(error),
        None => out,
    }
}
