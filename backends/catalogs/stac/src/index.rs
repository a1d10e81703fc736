//! Writing an index: items that were found, or made of rasters, as a file that is a source like any other.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use cube_backend::{Error, Kind, Result};
use futures::{Stream, StreamExt};
use tempfile::NamedTempFile;

use crate::{
    collection_file::io_error,
    geoparquet::{self, Spool},
    item::Item,
};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Number of items.
    pub items: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Writes items to a local file, which appears when it is whole: `.parquet` as spatially packed stac-geoparquet, `.json` or
/// `.geojson` as an item collection, `.ndjson` one a line.
///
/// Memory holds 32 bytes an item and one row group (parquet), or one item (JSON); parquet needs room for the compressed items beside the result.
///
/// # Errors
/// [`Kind::Invalid`] for another ending; an error among the items, or of the disk, leaves no file.
pub async fn write_index(items: impl Stream<Item = Result<Item>> + Send, path: &Path) -> Result<Written> {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut items = std::pin::pin!(items);
    let count = if name.ends_with(".parquet") || name.ends_with(".geoparquet") {
        let mut spool = Spool::new(folder)?;
        while let Some(item) = items.next().await {
            spool.add(&item?)?;
        }
        let path = path.to_owned();
        let task = tokio::task::spawn_blocking(move || geoparquet::write(spool, &path));
        task.await.map_err(|e| Error::new(Kind::Unavailable, "writing the index was stopped").with_source(e))??
    } else if [".json", ".geojson", ".ndjson", ".jsonl"].iter().any(|e| name.ends_with(e)) {
        let mut out = JsonFile::new(folder, path, name.ends_with(".ndjson") || name.ends_with(".jsonl"))?;
        while let Some(item) = items.next().await {
            out.add(&item?)?;
        }
        out.finish()?
    } else {
        let shown = path.display();
        return Err(Error::new(Kind::Invalid, format!("`{shown}` does not say which kind of index it is to be"))
            .with_hint("end the name in .parquet, .json or .ndjson"));
    };
    let bytes = std::fs::metadata(path).map_err(|e| io_error(&path.display().to_string(), e))?.len();
    Ok(Written { items: count, bytes })
}

struct JsonFile<'a> {
    out: BufWriter<NamedTempFile>,
    path: &'a Path,
    lines: bool,
    items: usize,
}

impl<'a> JsonFile<'a> {
    fn new(folder: &Path, path: &'a Path, lines: bool) -> Result<Self> {
        let out = NamedTempFile::new_in(folder).map_err(|e| io_error(&path.display().to_string(), e))?;
        cube_backend::note_unfinished(out.path());
        Ok(Self { out: BufWriter::with_capacity(1 << 18, out), path, lines, items: 0 })
    }

    fn error(&self, e: impl Into<std::io::Error>) -> Error {
        io_error(&self.path.display().to_string(), e.into())
    }

    fn add(&mut self, item: &Item) -> Result<()> {
        let before = match (self.lines, self.items) {
            (true, _) => "",
            (false, 0) => "{\"type\": \"FeatureCollection\", \"features\": [\n",
            (false, _) => ",\n",
        };
        self.out.write_all(before.as_bytes()).map_err(|e| self.error(e))?;
        serde_json::to_writer(&mut self.out, item).map_err(|e| self.error(e))?;
        if self.lines {
            self.out.write_all(b"\n").map_err(|e| self.error(e))?;
        }
        self.items += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<usize> {
        let after = match (self.lines, self.items) {
            (true, _) => "",
            (false, 0) => "{\"type\": \"FeatureCollection\", \"features\": []}\n",
            (false, _) => "\n]}\n",
        };
        self.out.write_all(after.as_bytes()).map_err(|e| self.error(e))?;
        let name = self.path.display().to_string();
        let file = self.out.into_inner().map_err(|e| io_error(&name, e.into_error()))?;
        file.as_file().sync_all().map_err(|e| io_error(&name, e))?;
        let _: File = file.persist(self.path).map_err(|e| io_error(&name, e.error))?;
        as_others_may_read(self.path);
        Ok(self.items)
    }
}

/// A temporary file is its owner's alone; the result is as open as any new file.
pub(crate) fn as_others_may_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(e) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)) {
            tracing::debug!(path = %path.display(), error = %e, "the index could not be made readable for others");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
