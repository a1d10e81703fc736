//! Kerchunk references: JSON (version 1) and Parquet, as `fsspec` reads them.

mod documents;
mod json;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::Path;

use crate::{Addresses, Error, Result};

pub use json::{write_json, write_reference};
#[cfg(feature = "parquet")]
pub use parquet::write_parquet;

/// The version of Zarr that references speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ZarrFormat {
    /// What every reader of Kerchunk references knows.
    #[default]
    V2,
    /// For readers on zarr-python 3; JSON only.
    V3,
}

/// How references are written.
#[derive(Debug, Clone)]
pub struct Options {
    /// How files are addressed; relative references become templates in JSON.
    pub addresses: Addresses,
    /// The version of Zarr.
    pub format: ZarrFormat,
    /// References of a Parquet file.
    pub record_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { addresses: Addresses::default(), format: ZarrFormat::default(), record_size: 100_000 }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// References to files.
    pub references: u64,
    /// Chunks whose bytes are among the references.
    pub inline: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Writes to a place where nothing is.
fn new(path: &Path, write: impl FnOnce(&Path) -> Result<Written>) -> Result<Written> {
    if path.exists() {
        return Err(Error::AlreadyExists { place: path.display().to_string() });
    }
    replace(path, write)
}

/// Writes beside the place and moves there at the end, so that what is there is whole.
fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<Written>) -> Result<Written> {
    let name = path.file_name().ok_or_else(|| Error::Request(format!("`{}` names no file", path.display())))?;
    let partial = path.with_file_name(format!(".{}.partial-{}", name.to_string_lossy(), std::process::id()));
    let remove = || if partial.is_dir() { std::fs::remove_dir_all(&partial) } else { std::fs::remove_file(&partial) };
    let written = write(&partial).and_then(|written| {
        std::fs::rename(&partial, path).map_err(|e| failed(path, e))?;
        Ok(written)
    });
    if written.is_err() {
        // It is only litter; the error that led here is what matters.
        let _ = remove();
    }
    written
}

fn failed(path: &Path, cause: impl Into<crate::Cause>) -> Error {
    Error::storage("write", path.display(), cause)
}
