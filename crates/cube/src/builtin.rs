//! The backends that are built in. A new one is a folder under `backends/`, a dependency of this crate, and a line here.

use std::sync::Arc;

use cube_access::Access;
use cube_backend::{Catalog, Error, Format, Kind, Result};
use cube_catalog_cmr::{CatalogOptions, CmrCatalog};
use cube_catalog_stac::{StacCatalog, StacOptions};
use cube_core::SourceSpec;
use cube_metadata::AssetFilter;

use crate::wanted::Wanted;

/// Names of the catalogues, as specs write them.
pub const CATALOGS: [&str; 2] = ["stac", "cmr"];

/// Opens the catalogue that a source names. Patches carry `properties` beside the usual ones.
pub async fn catalog(source: &SourceSpec, properties: &[String], access: &Access) -> Result<Arc<dyn Catalog>> {
    let catalog: Arc<dyn Catalog> = match source.backend.as_str() {
        "stac" => Arc::new(stac(source, properties, access).await?),
        "cmr" => Arc::new(cmr(source, properties, access)?),
        other => return Err(unknown(other)),
    };
    let filter = asset_filter(source)?;
    Ok(if filter.is_all() { catalog } else { Arc::new(Wanted::new(catalog, filter)) })
}

/// Opens CMR as a source.
pub fn cmr(source: &SourceSpec, properties: &[String], access: &Access) -> Result<CmrCatalog> {
    let options = CatalogOptions {
        properties: properties.to_vec(),
        provider: source.provider.clone(),
        has_sidecars: source.sidecars,
        ..CatalogOptions::default()
    };
    Ok(CmrCatalog::open(&source.url, access, options)?)
}

/// Which files of a source are wanted; all, when it does not say.
pub fn asset_filter(source: &SourceSpec) -> Result<AssetFilter> {
    let Some(given) = &source.assets else { return Ok(AssetFilter::all()) };
    serde_json::from_value(given.clone()).map_err(|e| {
        Error::new(Kind::Invalid, format!("`source.assets` cannot be understood: {e}"))
            .with_hint("write `assets = \"B04,B05\"`, a list, or `assets = { include = [\"*.nc\"], exclude = [\"browse\"] }`")
    })
}

/// Opens a source as STAC, whose items can be stored as they are.
pub async fn stac(source: &SourceSpec, properties: &[String], access: &Access) -> Result<StacCatalog> {
    let options = StacOptions { properties: properties.to_vec(), ..StacOptions::default() };
    StacCatalog::open(&source.url, Arc::new(access.clone()), options).await
}

/// Whether a source names a catalogue that there is.
pub fn check(source: &SourceSpec) -> Result<()> {
    asset_filter(source)?;
    if CATALOGS.contains(&source.backend.as_str()) { Ok(()) } else { Err(unknown(&source.backend)) }
}

/// The formats; the first that recognises a file opens it.
pub fn formats() -> Vec<Arc<dyn Format>> {
    vec![Arc::new(cube_format_cog::Cog), Arc::new(cube_format_hdf5::Grids::default())]
}

fn unknown(name: &str) -> Error {
    Error::new(Kind::Invalid, format!("there is no catalogue backend `{name}`"))
        .with_hint(format!("give one of {} as `backend` in [source]", CATALOGS.join(", ")))
}
