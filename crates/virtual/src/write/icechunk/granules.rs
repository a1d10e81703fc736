//! Which granules a store holds: an array `_cube/granules` of 64-bit fingerprints of their URLs, which any reader can open and none needs.

use std::collections::HashSet;

use cube_core::DType;
use cube_manifest::{Element, Endian};
use xxhash_rust::xxh3::xxh3_64;

use super::session::Batch;
use crate::{Array, Result, Values, json::Json, metadata_v3};

const GROUP: &str = "/_cube";
const ARRAY: &str = "/_cube/granules";
/// Fingerprints of a chunk.
const CHUNK: usize = 4096;

/// The granules of a store.
#[derive(Debug, Default)]
pub(super) struct Granules {
    list: Vec<u64>,
    known: HashSet<u64>,
    exists: bool,
}

impl Granules {
    pub(super) async fn read(batch: &Batch) -> Result<Self> {
        let Some(document) = batch.document(ARRAY).await? else { return Ok(Self::default()) };
        let count = document.get("shape").and_then(Json::numbers).and_then(|shape| shape.first().copied()).unwrap_or(0) as usize;
        let mut list = Vec::with_capacity(count);
        for chunk in 0..count.div_ceil(CHUNK) {
            let bytes = batch.get(&format!("{}/c/{chunk}", &ARRAY[1..])).await?.unwrap_or_default();
            list.extend(bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)));
        }
        list.truncate(count);
        Ok(Self { known: list.iter().copied().collect(), list, exists: true })
    }

    pub(super) fn contains(&self, url: &str) -> bool {
        self.known.contains(&xxh3_64(url.as_bytes()))
    }

    /// Adds granules to the store.
    pub(super) async fn add(&mut self, batch: &mut Batch, urls: &[String]) -> Result<()> {
        if urls.is_empty() {
            return Ok(());
        }
        let first_chunk = self.list.len() / CHUNK;
        self.list.extend(urls.iter().map(|url| xxh3_64(url.as_bytes())));
        let (shape, grid) = (vec![self.list.len() as u64], vec![self.list.len().div_ceil(CHUNK) as u64]);
        let document = document(&shape);
        let dimensions = ["granule".to_owned()];
        if self.exists {
            batch.update_array(ARRAY, &document, &shape, &grid, &dimensions).await?;
        } else {
            batch.create_group(GROUP, &metadata_v3::group(&[])).await?;
            batch.create_array_from(ARRAY, &document, &shape, &grid, &dimensions).await?;
            self.exists = true;
        }
        for (at, chunk) in self.list.chunks(CHUNK).enumerate().skip(first_chunk) {
            let mut bytes: Vec<u8> = chunk.iter().flat_map(|n| n.to_le_bytes()).collect();
            bytes.resize(CHUNK * 8, 0);
            batch.add_native(ARRAY, &[at as u64], bytes).await?;
        }
        Ok(())
    }
}

fn document(shape: &[u64]) -> Json {
    let array = Array {
        name: "granules".into(),
        dimensions: vec!["granule".into()],
        shape: shape.to_vec(),
        chunk_shape: vec![CHUNK as u64],
        element: Element::Number(DType::UInt64, Endian::Little),
        fill: None,
        codecs: Vec::new(),
        attributes: Vec::new(),
        values: Values::Chunks(Vec::new()),
    };
    // Plain numbers are never refused.
    metadata_v3::array(&array).unwrap_or(Json::Null)
}
