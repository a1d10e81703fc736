//! Bytes of granules, for what is loaded or stored anew.

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use cube_access::Access;
use cube_manifest::{AttributeValue, Data, Granule, Group, Place, Variable};
use cube_virtual::{Cause, Fetch, LocalFiles, combine};
use futures::{StreamExt, future::BoxFuture, stream};
use object_store::{ObjectStore, ObjectStoreExt};

/// Bytes of a granule's coordinates that are fetched before it is its turn.
const MOST_AHEAD: u64 = 8 << 20;
/// Requests for one granule at a time.
const REQUESTS: usize = 8;

/// Files anywhere, with whatever credentials their hosts need.
#[derive(Debug, Clone)]
pub(super) struct Remote(pub(super) Access);

impl Fetch for Remote {
    fn bytes<'a>(&'a self, url: &'a str, offset: u64, length: u64) -> BoxFuture<'a, Result<Bytes, Cause>> {
        if is_local(url) {
            return LocalFiles.bytes(url, offset, length);
        }
        Box::pin(async move {
            let (store, path) = self.0.object(url).await?;
            let bytes = store.get_range(&path, offset..offset.saturating_add(length)).await;
            bytes.map_err(|e| cube_access::Error::from_store(url, e).into())
        })
    }
}

impl Remote {
    /// Several ranges of one file, in as few requests as lie near each other; none when it fails.
    async fn ranges(&self, url: Arc<str>, ranges: Vec<Range<u64>>) -> Vec<((Arc<str>, u64, u64), Bytes)> {
        let Ok((store, path)) = self.0.object(&url).await else { return Vec::new() };
        let bytes = store.get_ranges(&path, &ranges).await.unwrap_or_default();
        let key = |range: Range<u64>| (Arc::clone(&url), range.start, range.end - range.start);
        ranges.into_iter().map(key).zip(bytes).collect()
    }
}

pub(super) fn is_local(url: &str) -> bool {
    url.starts_with("file://") || !url.contains("://")
}

/// The same, with some bytes that are here already: granules are combined one after the other, and should not wait for each other's bytes.
#[derive(Debug)]
pub(super) struct Ahead {
    remote: Remote,
    known: HashMap<(Arc<str>, u64, u64), Bytes>,
}

impl Ahead {
    /// Fetches what a granule will be asked for: coordinates, and what is small enough to be stored. What fails is left to who asks for it.
    pub(super) async fn of(granule: &Granule, options: &combine::Options, remote: &Remote) -> Self {
        let mut wanted: HashMap<Arc<str>, Vec<Range<u64>>> = HashMap::new();
        let mut left = MOST_AHEAD;
        granule.root.walk("/", &mut |_, group| {
            let coordinates = mentioned(group);
            for variable in group.variables.iter().filter(|v| is_wanted(v, &coordinates, options)) {
                let Ok(Data::Chunks(chunks)) = &variable.data else { continue };
                for chunk in chunks.iter() {
                    if let Place::Reference(r) = chunk.place
                        && r.length <= left
                        && !is_local(r.url)
                    {
                        left -= r.length;
                        wanted.entry(Arc::clone(r.url)).or_default().push(r.offset..r.offset + r.length);
                    }
                }
            }
        });
        let fetched = stream::iter(wanted).map(|(url, ranges)| remote.ranges(url, ranges)).buffer_unordered(REQUESTS);
        let known = fetched.flat_map(stream::iter).collect().await;
        Self { remote: remote.clone(), known }
    }
}

impl Fetch for Ahead {
    fn bytes<'a>(&'a self, url: &'a str, offset: u64, length: u64) -> BoxFuture<'a, Result<Bytes, Cause>> {
        match self.known.get(&(Arc::from(url), offset, length)) {
            Some(bytes) => Box::pin(std::future::ready(Ok(bytes.clone()))),
            None => self.remote.bytes(url, offset, length),
        }
    }
}

fn is_wanted(variable: &Variable, coordinates: &[String], options: &combine::Options) -> bool {
    let is_index = variable.shape.len() == 1 && variable.dimensions[0].as_deref().and_then(|d| d.rsplit('/').next()) == Some(&variable.name);
    let is_small = || {
        let size = variable.element.size().unwrap_or(0) as u64;
        variable.len().and_then(|n| n.checked_mul(size)).is_some_and(|bytes| bytes <= options.repair.inline_threshold)
    };
    let is_named = || match &options.load {
        combine::Load::Coordinates => variable.shape.len() <= 2 && (is_index || coordinates.contains(&variable.name)),
        combine::Load::Nothing => false,
        combine::Load::All => true,
        combine::Load::Names(names) => names.contains(&variable.name),
    };
    is_named() || is_small()
}

/// Names that variables of a group mention as coordinates, bounds and grid mappings.
fn mentioned(group: &Group) -> Vec<String> {
    let mut names = Vec::new();
    for variable in &group.variables {
        for attribute in ["coordinates", "bounds", "climatology", "grid_mapping"] {
            if let Some(AttributeValue::Text(text)) = variable.attribute(attribute) {
                names.extend(text.split_whitespace().map(|name| name.trim_end_matches(':').to_owned()));
            }
        }
    }
    names
}
