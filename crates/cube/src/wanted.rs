//! Patches with the files that a source is wanted for.

use std::sync::Arc;

use async_trait::async_trait;
use cube_backend::{Catalog, PatchQuery, PatchStream, Result};
use cube_core::{Asset, PatchIndex};
use cube_metadata::AssetFilter;
use futures::{StreamExt, TryStreamExt};

/// A catalogue whose patches are left with some of their files.
#[derive(Debug)]
pub(crate) struct Wanted {
    inner: Arc<dyn Catalog>,
    filter: AssetFilter,
}

impl Wanted {
    pub(crate) fn new(inner: Arc<dyn Catalog>, filter: AssetFilter) -> Self {
        Self { inner, filter }
    }
}

#[async_trait]
impl Catalog for Wanted {
    async fn check(&self, collections: &[String]) -> Result<()> {
        self.inner.check(collections).await
    }

    fn patches(&self, query: &PatchQuery) -> PatchStream {
        let filter = self.filter.clone();
        let chosen = self.inner.patches(query).try_filter_map(move |patch| {
            let patch = wanted(patch, &filter);
            async move { Ok(patch) }
        });
        chosen.boxed()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
}
