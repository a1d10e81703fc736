//! Indexes: a search that is stored, or a catalogue of folders of rasters.

mod folders;
mod name;
mod record;

use std::path::Path;

use cube_backend::PatchQuery;
use cube_catalog_stac::write_index;
use cube_core::{Crs, CubeSpec, Roi, Toi};
use serde::Serialize;

pub use folders::{FolderOptions, index_folders};

use crate::{Environment, Result, builtin};

/// What an index holds.
#[derive(Debug, Clone, Serialize)]
pub struct Indexed {
    /// Where it lies.
    pub path: String,
    /// Items in it.
    pub items: usize,
    /// Its size.
    pub bytes: u64,
    /// Files that look like rasters and could not be read, each with the reason.
    pub skipped: Vec<Skipped>,
}

/// A file that is not in an index.
#[derive(Debug, Clone, Serialize)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Stores what the source of a spec has in a region and time, item by item as the source wrote them: `.parquet`, `.json` or `.ndjson`.
pub async fn index_search(spec: &CubeSpec, roi: &Roi, toi: &Toi, out: &Path, environment: &Environment) -> Result<Indexed> {
    let catalog = builtin::stac(&spec.source, &[], environment.access()).await?;
    cube_backend::Catalog::check(&catalog, &spec.source.collections).await?;
    let lonlat = Crs::wgs84();
    let (to, from) = (cube_warp::proj::transform(&roi.crs, &lonlat)?, cube_warp::proj::transform(&lonlat, &roi.crs)?);
    let narrowed = match &spec.source.datetime {
        Some(text) => Toi::parse(text)?.intersection(toi).unwrap_or_else(|| Toi::from_periods([])),
        None => toi.clone(),
    };
    let query = PatchQuery {
        collections: spec.source.collections.clone(),
        boxes: roi.lonlat_extents(to.as_ref(), from.as_ref())?,
        periods: narrowed.periods().to_vec(),
        query: spec.source.query.clone(),
        filter: spec.source.filter.clone(),
        assets: Vec::new(),
    };
    if query.periods.is_empty() {
        return Err(crate::Error::refused("the source is narrowed by `datetime` to a time outside the one asked for", "ask for a time inside it"));
    }
    let written = write_index(catalog.items(&query), out).await?;
    Ok(Indexed { path: out.display().to_string(), items: written.items, bytes: written.bytes, skipped: Vec::new() })
}
