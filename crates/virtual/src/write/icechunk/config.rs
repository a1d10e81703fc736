use std::{collections::BTreeMap, path::PathBuf};

use icechunk::{
    ObjectStoreConfig, RepositoryConfig,
    config::{
        HttpConfig, ManifestConfig, ManifestSplitCondition, ManifestSplitDim, ManifestSplitDimCondition, ManifestSplittingConfig,
        ManifestVirtualChunkLocationCompressionConfig, S3Options,
    },
    virtual_chunks::VirtualChunkContainer,
};

use crate::{Array, Dataset, Error, Result, dataset::join};

/// References of a manifest: few enough to be read for one chunk and written again for one more granule, and so many that a commit, which looks at
/// every manifest, has few of them (`docs/design/0005-references-of-a-manifest.md`).
const MANIFEST: u64 = 1 << 14;
/// Most manifests of an array, because a commit looks at every one.
const MOST_MANIFESTS: u64 = 20_000;

/// How readers reach each bucket, by its name; those that are absent as [`S3Access::default`] says.
pub type Buckets = BTreeMap<String, S3Access>;

/// How readers reach the bucket of an S3 container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Access {
    /// Region; `us-east-1` when absent.
    pub region: Option<String>,
    /// URL of an S3-compatible service.
    pub endpoint: Option<String>,
    /// Whether requests go unsigned.
    pub anonymous: bool,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
    /// Whether the bucket is part of the path.
    pub path_style: bool,
    /// Whether the reader pays.
    pub reader_pays: bool,
}

/// The configuration that a repository of these arrays keeps.
pub(super) fn config(dataset: &Dataset, containers: &[(String, String)], buckets: &Buckets) -> Result<RepositoryConfig> {
    let mut config = RepositoryConfig::default();
    for container in self::containers(containers, buckets)? {
        add(&mut config, container)?;
    }
    let mut sizes: BTreeMap<Vec<u64>, Vec<String>> = BTreeMap::new();
    for (group, array) in dataset.arrays() {
        let path = regex_of(&join(&group, &array.name));
        sizes.entry(split(array)).or_default().push(path);
    }
    let splits = sizes.into_iter().filter(|(split, _)| !split.is_empty()).map(|(split, paths)| {
        let axes = split.iter().enumerate().map(|(axis, chunks)| ManifestSplitDim {
            condition: ManifestSplitDimCondition::Axis(axis),
            num_chunks: u32::try_from(*chunks).unwrap_or(u32::MAX),
        });
        (ManifestSplitCondition::PathMatches { regex: format!("^({})$", paths.join("|")) }, axes.collect())
    });
    let splitting = ManifestSplittingConfig { split_sizes: Some(splits.collect()) };
    // Icechunk can pack each address by itself, which costs 5 µs per reference and commit; a whole manifest is packed anyway.
    let packing = ManifestVirtualChunkLocationCompressionConfig { min_num_chunks: Some(u16::MAX), ..Default::default() };
    let manifest = ManifestConfig { splitting: Some(splitting), virtual_chunk_location_compression: Some(packing), ..ManifestConfig::default() };
    config.manifest = Some(manifest);
    Ok(config)
}

/// The containers of some names and prefixes.
pub(super) fn containers(containers: &[(String, String)], buckets: &Buckets) -> Result<Vec<VirtualChunkContainer>> {
    let made = containers.iter().map(|(name, prefix)| {
        let problem = |problem: String| Error::Address { url: prefix.clone(), problem };
        VirtualChunkContainer::new_named(name.clone(), prefix.clone(), store(prefix, buckets)?).map_err(problem)
    });
    made.collect()
}

pub(super) fn add(config: &mut RepositoryConfig, container: VirtualChunkContainer) -> Result<()> {
    let url = container.url_prefix().to_owned();
    config.set_virtual_chunk_container(container).map_err(|problem| Error::Address { url, problem })
}

/// Chunks of a manifest along each axis: whole rows, then as many of them as make a manifest. Powers of two along the first axis, so that arrays of
/// different sizes end their manifests together.
pub(super) fn split(array: &Array) -> Vec<u64> {
    let grid = array.grid();
    let mut split = vec![1; grid.len()];
    let mut left = MANIFEST;
    for (axis, chunks) in grid.iter().enumerate().rev() {
        split[axis] = if axis == 0 { 1 << left.ilog2() } else { left.min((*chunks).max(1)) };
        left = (left / split[axis]).max(1);
    }
    let manifests = |split: &[u64]| grid.iter().zip(split).map(|(n, s)| n.div_ceil(*s)).product::<u64>();
    while manifests(&split) > MOST_MANIFESTS {
        if let Some(axis) = (0..grid.len()).find(|a| split[*a] < grid[*a]) {
            split[axis] *= 2;
        } else {
            break;
        }
    }
    split
}

fn regex_of(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if !c.is_alphanumeric() && c != '_' && c != '/' && c.is_ascii() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn store(prefix: &str, buckets: &Buckets) -> Result<ObjectStoreConfig> {
    match prefix.split_once("://") {
        Some(("file", _)) => Ok(ObjectStoreConfig::LocalFileSystem(PathBuf::new())),
        Some(("https", _)) => Ok(ObjectStoreConfig::Http(HttpConfig { opts: [].into(), headers: [].into() })),
        Some(("http", _)) => {
            Ok(ObjectStoreConfig::Http(HttpConfig { opts: [("allow_http".to_owned(), "true".to_owned())].into(), headers: [].into() }))
        }
        Some(("s3", rest)) => {
            let s3 = rest.split('/').next().and_then(|bucket| buckets.get(bucket)).cloned().unwrap_or_default();
            let region = s3.region.as_deref().unwrap_or("us-east-1");
            let mut options = S3Options::default().with_region(region).with_anonymous(s3.anonymous);
            options = options.with_allow_http(s3.allow_http).with_force_path_style(s3.path_style).with_requester_pays(s3.reader_pays);
            options.endpoint_url.clone_from(&s3.endpoint);
            Ok(if s3.endpoint.is_some() { ObjectStoreConfig::S3Compatible(options) } else { ObjectStoreConfig::S3(options) })
        }
        _ => Err(Error::Address {
            url: prefix.to_owned(),
            problem: "Icechunk repositories written here refer to file, http, https and s3 only".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cube_core::DType;
    use cube_manifest::{Element, Endian};

    use super::*;
    use crate::Values;

    #[test]
    fn manifests_are_neither_small_nor_many() {
        let split = |grid: &[u64]| {
            split(&Array {
                name: "a".into(),
                dimensions: vec![String::new(); grid.len()],
                shape: grid.to_vec(),
                chunk_shape: vec![1; grid.len()],
                element: Element::Number(DType::UInt8, Endian::Little),
                fill: None,
                codecs: vec![],
                attributes: vec![],
                values: Values::Text(Arc::new([])),
            })
        };
        assert_eq!(split(&[1000, 18, 18]), [32, 18, 18], "MUR: 10,368 references");
        assert_eq!(split(&[1, 1000, 10_000]), [1, 1, 10_000]);
        assert_eq!(split(&[5]), [16_384]);
        assert_eq!(split(&[]), [0; 0]);
        let huge = [100_000, 100, 1000];
        assert!(split(&huge).iter().zip(huge).map(|(s, n)| n.div_ceil(*s)).product::<u64>() <= MOST_MANIFESTS);
    }
}
