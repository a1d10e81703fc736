//! stac-geoparquet.

use std::path::Path;

use futures::{StreamExt, TryStreamExt};

use super::Wrote;
use crate::{Error, Result, search::RecordStream};

/// Writes stac-geoparquet, packed by place, whole or not at all. Memory holds a row group and 32 bytes a record; the disk holds the
/// compressed items once more while it is written.
///
/// # Errors
/// An error among the records; a name that does not end in `.parquet`; a place that cannot be written to.
pub async fn write_parquet(records: RecordStream, path: &Path) -> Result<Wrote> {
    let failed = std::sync::Mutex::new(None);
    let items = records.map(|record| {
        record.and_then(|r| r.to_item()).map_err(|e| {
            let stopped = cube_backend::Error::new(cube_backend::Kind::Unavailable, "the results broke off");
            *failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(e);
            stopped
        })
    });
    let written = cube_catalog_stac::write_index(items.into_stream(), path).await;
    if let Some(error) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    Ok(Wrote { records: written.map_err(Error::from)?.items as u64, is_cut: false })
}
