//! Helpers of the integration tests.
#![allow(dead_code, reason = "each test binary uses some of them")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use cube_access::{Access, AccessOptions};
use cube_backend::{Catalog, PatchQuery};
use cube_catalog_stac::{Http, StacCatalog, StacOptions};
use cube_core::PatchIndex;
use futures::TryStreamExt;

/// The corpus of files that others made; none when it is not there.
pub fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let at = std::env::var_os("CUBE_CORPUS").map_or(beside, PathBuf::from).join("stac");
    if at.is_dir() {
        return Some(at);
    }
    println!("corpus not found: skipped");
    None
}

pub fn access() -> Arc<dyn Http> {
    Arc::new(Access::new(AccessOptions::default()).expect("access"))
}

pub async fn open(address: impl AsRef<Path>) -> cube_backend::Result<StacCatalog> {
    StacCatalog::open(&address.as_ref().to_string_lossy(), access(), StacOptions::default()).await
}

pub async fn patches(catalog: &StacCatalog, query: &PatchQuery) -> cube_backend::Result<Vec<PatchIndex>> {
    catalog.patches(query).try_collect().await
}

pub fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry, endings));
        } else if endings.iter().any(|e| entry.to_string_lossy().ends_with(e)) {
            found.push(entry);
        }
    }
    found.sort();
    found
}
