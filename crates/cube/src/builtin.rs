//! The backends that are built in. A new one is a folder under `backends/`, a dependency of this crate, and a line here.

use std::sync::Arc;

use cube_access::Access;
use cube_backend::{Catalog, Error, Format, Kind, Result};
use cube_catalog_stac::{StacCatalog, StacOptions};
use cube_core::SourceSpec;

/// Names of the catalogues, as specs write them.
pub const CATALOGS: [&str; 1] = ["stac"];

/// Opens the catalogue that a source names. Patches carry `properties` beside the usual ones.
pub async fn catalog(source: &SourceSpec, properties: &[String], access: &Access) -> Result<Arc<dyn Catalog>> {
    match source.backend.as_str() {
        "stac" => Ok(Arc::new(stac(source, properties, access).await?)),
        other => Err(unknown(other)),
    }
}

/// Opens a source as STAC, whose items can be stored as they are.
pub async fn stac(source: &SourceSpec, properties: &[String], access: &Access) -> Result<StacCatalog> {
    let options = StacOptions { properties: properties.to_vec(), ..StacOptions::default() };
    StacCatalog::open(&source.url, Arc::new(access.clone()), options).await
}

/// Whether a source names a catalogue that there is.
pub fn check(source: &SourceSpec) -> Result<()> {
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
