//! Patches as a run reads them: the files that are wanted, each at the address that is best from here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use cube_access::{Access, Route};
use cube_backend::{Catalog, PatchQuery, PatchStream, Result};
use cube_core::{Asset, PatchIndex};
use cube_metadata::AssetFilter;
use futures::{StreamExt, TryStreamExt};

use crate::environment::of_access;

/// Patches whose address is looked for at once.
const AT_ONCE: usize = 16;

/// A catalogue whose patches are chosen and addressed.
#[derive(Debug)]
pub(crate) struct Routed {
    inner: Arc<dyn Catalog>,
    filter: AssetFilter,
    access: Access,
}

impl Routed {
    pub(crate) fn new(inner: Arc<dyn Catalog>, filter: AssetFilter, access: Access) -> Self {
        Self { inner, filter, access }
    }
}

#[async_trait]
impl Catalog for Routed {
    async fn check(&self, collections: &[String]) -> Result<()> {
        self.inner.check(collections).await
    }

    fn patches(&self, query: &PatchQuery) -> PatchStream {
        let (filter, access) = (self.filter.clone(), self.access.clone());
        let chosen = self.inner.patches(query).try_filter_map(move |patch| {
            let patch = wanted(patch, &filter);
            async move { Ok(patch) }
        });
        let told = Arc::new(AtomicBool::new(false));
        let routed = chosen.map(move |patch| {
            let (access, told) = (access.clone(), Arc::clone(&told));
            async move { addressed(patch?, &access, &told).await }
        });
        routed.buffered(AT_ONCE).boxed()
    }
}

/// The patch with the files that are wanted; `None` when there are none of them left.
fn wanted(mut patch: PatchIndex, filter: &AssetFilter) -> Option<PatchIndex> {
    if filter.is_all() || patch.assets.is_empty() {
        return Some(patch);
    }
    let granule = patch.id.as_str().split_once('/').map_or(patch.id.as_str(), |(_, name)| name).to_owned();
    let assets: Vec<cube_metadata::Asset> = patch.assets.iter().map(|(name, asset)| described(name, asset)).collect();
    let kept: Vec<String> = filter.select(&granule, &assets).into_iter().map(|a| a.key.clone()).collect();
    patch.assets.retain(|name, _| kept.contains(name));
    (!patch.assets.is_empty()).then_some(patch)
}

/// A file in the words that filters speak of. Bands are called as the spec calls them.
fn described(name: &str, asset: &Asset) -> cube_metadata::Asset {
    cube_metadata::Asset {
        title: asset.title.clone(),
        media_type: asset.media_type.clone(),
        roles: vec!["data".to_owned()],
        size: asset.size,
        ..cube_metadata::Asset::new(name, &asset.href)
    }
}

/// The patch with the address of each file that is read from here.
async fn addressed(mut patch: PatchIndex, access: &Access, told: &AtomicBool) -> Result<PatchIndex> {
    if access.options().route == Route::Direct
        && let Some(asset) = patch.assets.values().find(|a| a.alternates.is_empty() && a.href.starts_with("http"))
        && !told.swap(true, Ordering::Relaxed)
    {
        let file = cube_access::public_name(&asset.href);
        tracing::warn!(file, "no bucket is stated for this file, so it is read where it is, in spite of `--access direct`; others may be like it");
    }
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for asset in patch.assets.values_mut().filter(|a| !a.alternates.is_empty()) {
        let href = match known.get(&asset.href) {
            Some(href) => href.clone(),
            None => {
                let others: Vec<String> = asset.alternates.values().cloned().collect();
                let chosen = match access.choose(&asset.href, &others).await {
                    Ok(chosen) => chosen.href,
                    // One file without such an address is no reason not to read it.
                    Err(_) if access.options().route == Route::Indirect && !asset.href.starts_with("s3://") => asset.href.clone(),
                    Err(e) => return Err(of_access(e)),
                };
                known.insert(asset.href.clone(), chosen.clone());
                chosen
            }
        };
        if href != asset.href {
            let mut moved = (**asset).clone();
            if let Some(sidecar) = moved.sidecar.take() {
                // A sidecar lies beside its file, wherever that is.
                moved.sidecar = Some(match sidecar.strip_prefix(&asset.href) {
                    Some(suffix) => format!("{href}{suffix}"),
                    None => sidecar,
                });
            }
            moved.href = href;
            *asset = Arc::new(moved);
        }
    }
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(names: &[&str]) -> PatchIndex {
        let assets = names.iter().map(|n| ((*n).to_owned(), Arc::new(Asset::bare(&format!("https://h/G.{n}.tif"))))).collect();
        PatchIndex {
            id: cube_core::PatchId::new("c", "HLS.L30.T32TMT"),
            time: None,
            interval: None,
            footprint: None,
            bbox: None,
            version: String::new(),
            assets,
            properties: BTreeMap::new(),
        }
    }

    #[test]
    fn files_and_patches_are_chosen() {
        let kept =
            |filter: &str| wanted(patch(&["B04", "Fmask"]), &filter.parse().expect("a filter")).map(|p| p.assets.into_keys().collect::<Vec<_>>());
        assert_eq!(kept("not Fmask"), Some(vec!["B04".to_owned()]));
        assert_eq!(kept("granule:HLS.S30*"), None);
        assert_eq!(kept("granule:HLS.L30*").map(|k| k.len()), Some(2));
    }

    #[tokio::test]
    async fn the_address_follows_the_route() {
        let options = cube_access::AccessOptions { route: Route::Direct, ..Default::default() };
        let access = Access::new(options).expect("access");
        let mut one = patch(&[]);
        let asset = Asset {
            alternates: BTreeMap::from([("s3".to_owned(), "s3://b/x.nc".to_owned())]),
            sidecar: Some("https://h/x.nc.dmrpp".into()),
            ..Asset::bare("https://h/x.nc")
        };
        one.assets.insert("data".into(), Arc::new(asset));
        let routed = addressed(one, &access, &AtomicBool::new(false)).await.expect("a patch");
        assert_eq!((routed.assets["data"].href.as_str(), routed.assets["data"].sidecar.as_deref()), ("s3://b/x.nc", Some("s3://b/x.nc.dmrpp")));
    }
}
