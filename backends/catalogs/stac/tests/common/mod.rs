//! Helpers of the integration tests.
#![allow(dead_code, clippy::print_stdout, reason = "each test binary uses some of them, and a skipped test says so")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use cube_access::{Access, AccessOptions};
use cube_backend::{Catalog, Error, Kind, PatchQuery};
use cube_catalog_stac::{Http, Reply, Request, StacCatalog, StacOptions};
use cube_core::PatchIndex;
use futures::TryStreamExt;
use object_store::ObjectStore;

/// The corpus of files that others made; none when it is not there.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let at = std::env::var_os("CUBE_CORPUS").map_or(beside, PathBuf::from).join("stac");
    if at.is_dir() {
        return Some(at);
    }
    println!("corpus not found: skipped");
    None
}

/// Files of this machine; whatever is not on it cannot be reached.
#[derive(Debug)]
struct Offline(Access);

#[async_trait]
impl Http for Offline {
    async fn request(&self, request: &Request) -> cube_backend::Result<Reply> {
        if request.url.starts_with("http://127.0.0.1") {
            return Http::request(&self.0, request).await;
        }
        Err(Error::new(Kind::Unavailable, format!("`{}` is not asked by a test", request.url)))
    }

    async fn object(&self, href: &str) -> cube_backend::Result<(Arc<dyn ObjectStore>, object_store::path::Path)> {
        Http::object(&self.0, href).await
    }
}

pub(crate) fn access() -> Arc<dyn Http> {
    Arc::new(Offline(Access::new(AccessOptions::default()).expect("access")))
}

pub(crate) async fn open(address: impl AsRef<Path>) -> cube_backend::Result<StacCatalog> {
    StacCatalog::open(&address.as_ref().to_string_lossy(), access(), StacOptions::default()).await
}

pub(crate) async fn patches(catalog: &StacCatalog, query: &PatchQuery) -> cube_backend::Result<Vec<PatchIndex>> {
    catalog.patches(query).try_collect().await
}

pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
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

/// A Python with the geospatial packages; none when it is not named.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("CUBE_PYTHON").ok();
    if python.is_none() {
        println!("CUBE_PYTHON is not set: skipped");
    }
    python
}

pub(crate) fn run(python: &str, script: &str, arguments: &[&str]) {
    let out = std::process::Command::new(python).arg("-c").arg(script).args(arguments).output().expect("python");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
