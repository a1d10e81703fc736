//! Indexes: a search that is stored, or a catalogue of folders of rasters.

mod folders;
mod name;
mod record;

use std::path::Path;

use cube_backend::{Catalog, PatchQuery};
use cube_catalog_stac::write_index;
use cube_core::{Crs, CubeSpec, Roi, Toi};
use cube_query::{GranuleQuery, Query, StacItemQuery};
use serde::Serialize;

pub use folders::{FolderOptions, index_folders};

use crate::{
    Environment, Error, Result, builtin,
    search::{self, Asked, OutputFormat, SearchOptions, SearchRegion, SearchService, WriteOptions},
};

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
    /// Ids of items of files that tell no time: no search for a time finds them.
    pub without_time: Vec<String>,
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
    if spec.source.backend == "cmr" {
        return index_cmr(spec, roi, toi, out, environment).await;
    }
    let catalog = builtin::stac(&spec.source, &[], environment.access()).await?;
    Catalog::check(&catalog, &spec.source.collections).await.map_err(Error::of_a_name)?;
    let lonlat = Crs::wgs84();
    let (to, from) = (cube_warp::proj::transform(&roi.crs, &lonlat)?, cube_warp::proj::transform(&lonlat, &roi.crs)?);
    let narrowed = narrowed(spec, toi)?;
    let query = PatchQuery {
        collections: spec.source.collections.clone(),
        boxes: roi.lonlat_extents(to.as_ref(), from.as_ref())?,
        periods: narrowed.periods().to_vec(),
        query: spec.source.query.clone(),
        filter: spec.source.filter.clone(),
        assets: Vec::new(),
    };
    let written = write_index(catalog.items(&query), out).await?;
    Ok(Indexed { path: out.display().to_string(), items: written.items, bytes: written.bytes, skipped: Vec::new(), without_time: Vec::new() })
}

/// The time that is asked for, as far as the source has it.
fn narrowed(spec: &CubeSpec, toi: &Toi) -> Result<Toi> {
    let Some(text) = &spec.source.datetime else { return Ok(toi.clone()) };
    match Toi::parse(text)?.intersection(toi) {
        Some(both) if !both.periods().is_empty() => Ok(both),
        _ => Err(Error::refused("the source is narrowed by `datetime` to a time outside the one asked for", "ask for a time inside it")),
    }
}

/// Stores granules of CMR as STAC items.
async fn index_cmr(spec: &CubeSpec, roi: &Roi, toi: &Toi, out: &Path, environment: &Environment) -> Result<Indexed> {
    let source = &environment.addressed(&spec.source);
    builtin::cmr(source, &[], environment.access())?.check(&source.collections).await.map_err(Error::of_a_name)?;
    let mut conditions = StacItemQuery::new();
    if !source.query.is_empty() {
        let query: serde_json::Map<String, serde_json::Value> = source.query.clone().into_iter().collect();
        conditions.query = Some(serde_json::Value::Object(query).into());
    }
    let query = GranuleQuery::new().with("collections", source.collections.as_slice()).with("provider", source.provider.as_deref());
    let asked = Asked {
        base: Some(Query::Items(conditions)),
        query: query.temporal(narrowed(spec, toi)?),
        filter: source.filter.clone(),
        region: Some(SearchRegion::of_roi(roi, Some(SearchRegion::POINTS))?),
        assets: Some(builtin::asset_filter(source)?).filter(|f| !f.is_all()),
    };
    let found = search::search(&SearchService::Cmr(source.url.clone()), &asked, &SearchOptions::default(), environment).await?;
    let name = out.to_string_lossy().to_ascii_lowercase();
    let records = if name.ends_with(".parquet") || name.ends_with(".geoparquet") {
        search::write_parquet(found.records, out).await?.records
    } else {
        let lines = name.ends_with(".ndjson") || name.ends_with(".jsonl");
        let format = if lines { OutputFormat::Items } else { OutputFormat::Stac };
        search::write_file(found.records, format, &WriteOptions::default(), environment, out).await?.records
    };
    let bytes = std::fs::metadata(out).map_err(|e| Error::unreadable(out, e))?.len();
    Ok(Indexed {
        path: out.display().to_string(),
        items: usize::try_from(records).unwrap_or(usize::MAX),
        bytes,
        skipped: Vec::new(),
        without_time: Vec::new(),
    })
}
