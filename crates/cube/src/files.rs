//! Files behind the assets of patches, at the address that is best from here.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use cube_access::{Access, Route};
use cube_backend::{ByteSource, Result, Sources};
use cube_core::Asset;

use crate::environment::of_access;

/// Files behind hrefs, with whatever credentials their hosts need.
#[derive(Debug)]
pub(crate) struct Files {
    access: Access,
    /// Whether somebody was told of a file that is in no bucket.
    told: AtomicBool,
}

impl Files {
    pub(crate) fn new(access: Access) -> Self {
        Self { access, told: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Sources for Files {
    async fn source(&self, href: &str) -> Result<ByteSource> {
        let (store, path) = self.access.object(href).await.map_err(of_access)?;
        Ok(ByteSource { store, path, name: name_of(href).into() })
    }

    async fn addressed(&self, asset: &Asset) -> Result<Asset> {
        let route = self.access.options().route;
        if asset.alternates.is_empty() {
            if route == Route::Direct && asset.href.starts_with("http") && !self.told.swap(true, Ordering::Relaxed) {
                let file = cube_access::public_name(&asset.href);
                tracing::warn!(
                    file,
                    "no bucket is stated for this file, so it is read where it is, in spite of `--access direct`; others may be like it"
                );
            }
            return Ok(asset.clone());
        }
        let others: Vec<String> = asset.alternates.values().cloned().collect();
        let href = match self.access.choose(&asset.href, &others).await {
            Ok(chosen) => chosen.href,
            // One file without such an address is no reason not to read it.
            Err(_) if route == Route::Indirect && !asset.href.starts_with("s3://") => asset.href.clone(),
            Err(e) => return Err(of_access(e)),
        };
        // A sidecar lies beside its file, wherever that is.
        let beside = |sidecar: &String| sidecar.strip_prefix(&asset.href).map_or_else(|| sidecar.clone(), |suffix| format!("{href}{suffix}"));
        let sidecar = asset.sidecar.as_ref().map(beside);
        Ok(Asset { href, sidecar, ..asset.clone() })
    }
}

/// What a file is called, and known by: the address without what may be secret in it, and a number instead of a query that tells it from others.
fn name_of(href: &str) -> String {
    let public = cube_access::public_name(href);
    if public == href {
        return public;
    }
    let mut hasher = DefaultHasher::new();
    href.hash(&mut hasher);
    format!("{public}?{:x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn files_are_told_apart_without_their_secrets() {
        assert_eq!(name_of("s3://b/x.tif"), "s3://b/x.tif");
        let [a, b] = ["a.tif", "b.tif"].map(|file| name_of(&format!("https://h/get?f={file}&sig=secret")));
        assert!(a != b && a == name_of("https://h/get?f=a.tif&sig=secret") && a.starts_with("https://h/get?") && !a.contains("secret"), "{a}");
    }

    #[tokio::test]
    async fn the_address_follows_the_route() {
        let asset = Asset {
            alternates: BTreeMap::from([("s3".to_owned(), "s3://b/x.nc".to_owned())]),
            sidecar: Some("https://h/x.nc.dmrpp".into()),
            ..Asset::bare("https://h/x.nc")
        };
        for (route, expected) in [(Route::Direct, "s3://b/x.nc"), (Route::Indirect, "https://h/x.nc")] {
            let options = cube_access::AccessOptions { route, ..Default::default() };
            let files = Files::new(Access::new(options).expect("access"));
            let addressed = files.addressed(&asset).await.expect("an address");
            assert_eq!((addressed.href.as_str(), addressed.sidecar), (expected, Some(format!("{expected}.dmrpp"))));
        }
    }
}
