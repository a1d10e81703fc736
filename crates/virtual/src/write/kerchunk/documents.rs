//! What JSON and Parquet have in common: metadata keys, and chunks in row-major order.

use std::sync::Arc;

use bytes::Bytes;
use cube_manifest::{Chunk, Place, Reason, Refusal, encode};

use super::ZarrFormat;
use crate::{Array, Dataset, Error, Refused, Result, Values, dataset::join, element, json::Json, metadata_v2, metadata_v3, text};

/// Chunks that are not stored may take so much when they must be written out.
const MOST_ABSENT: usize = 64 << 20;

/// A store as keys and documents, and its arrays with their chunks.
pub(super) struct Documents<'a> {
    /// Key and document, e.g. `a/.zarray`.
    pub(super) metadata: Vec<(String, Json)>,
    pub(super) arrays: Vec<Chunks<'a>>,
}

/// An array's chunks.
pub(super) struct Chunks<'a> {
    /// Path without a leading slash.
    pub(super) path: String,
    pub(super) array: &'a Array,
    pub(super) grid: Vec<u64>,
    /// What stands for each chunk that is not stored, where a document cannot say it.
    absent: Option<Bytes>,
}

/// A chunk in row-major order.
pub(super) enum Content<'a> {
    Reference { url: &'a Arc<str>, offset: u64, length: u64 },
    Inline(Bytes),
}

pub(super) fn documents(dataset: &Dataset, format: ZarrFormat) -> Result<Documents<'_>> {
    let (mut metadata, mut arrays, mut problem) = (Vec::new(), Vec::new(), None);
    dataset.root.walk("/", &mut |path, node| {
        let prefix = path.trim_start_matches('/');
        let key = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        match format {
            ZarrFormat::V2 => {
                metadata.push((key(".zgroup"), metadata_v2::zgroup()));
                metadata.push((key(".zattrs"), metadata_v2::group_attributes(&node.attributes)));
            }
            ZarrFormat::V3 => metadata.push((key("zarr.json"), metadata_v3::group(&node.attributes))),
        }
        for array in &node.arrays {
            match described(array, &key(&array.name), format) {
                Ok((documents, chunks)) => {
                    metadata.extend(documents);
                    arrays.push(chunks);
                }
                Err(refusal) => {
                    let granule = array.parts().first().map_or_else(|| Arc::from(""), |p| Arc::clone(&p.origin.url));
                    problem.get_or_insert(Error::Refused(Refused { granule, variable: join(path, &array.name), refusal }));
                }
            }
        }
    });
    match problem {
        Some(error) => Err(error),
        None => Ok(Documents { metadata, arrays }),
    }
}

type Described<'a> = (Vec<(String, Json)>, Chunks<'a>);

fn described<'a>(array: &'a Array, path: &str, format: ZarrFormat) -> Result<Described<'a>, Refusal> {
    let mut chunks = Chunks { path: path.to_owned(), array, grid: array.grid(), absent: None };
    let documents = match format {
        ZarrFormat::V3 => vec![(format!("{path}/zarr.json"), metadata_v3::array(array)?)],
        ZarrFormat::V2 => {
            let documents = metadata_v2::array(array)?;
            if documents.write_absent {
                chunks.absent = Some(absent(array)?);
            }
            vec![(format!("{path}/.zarray"), documents.zarray), (format!("{path}/.zattrs"), documents.zattrs)]
        }
    };
    Ok((documents, chunks))
}

/// An encoded chunk of nothing but the fill value.
fn absent(array: &Array) -> Result<Bytes, Refusal> {
    let too_many = || {
        let what = "chunks that are not stored hold a fill value that is no missing value, and are too many to be written out in Zarr v2";
        Refusal::new(Reason::Layout, what)
    };
    let length = array.chunk_bytes().filter(|n| *n <= MOST_ABSENT).ok_or_else(too_many)?;
    let filled = element::filled(array.fill.as_deref(), length);
    let bytes = encode(&array.codecs, 0, &filled).map_err(|e| Refusal::new(Reason::Codec, e))?;
    let stored: u64 = array.parts().iter().map(|p| p.chunks.len() as u64).sum();
    let missing = array.grid().iter().product::<u64>().saturating_sub(stored);
    if missing.saturating_mul(bytes.len() as u64) > MOST_ABSENT as u64 {
        return Err(too_many());
    }
    Ok(bytes.into())
}

/// A chunk of a part, and its index in the whole array.
struct Placed {
    index: u64,
    part: usize,
    local: u64,
}

impl<'a> Chunks<'a> {
    /// Calls `each(row-major index, content)` for every chunk that has any, in order.
    pub(super) fn in_order(&self, mut each: impl FnMut(u64, Content<'_>) -> Result<()>) -> Result<()> {
        if let Values::Text(texts) = &self.array.values {
            return if texts.is_empty() { Ok(()) } else { each(0, Content::Inline(text::encoded(texts).into())) };
        }
        let mut next = 0;
        let fill_up = |from: u64, to: u64, each: &mut dyn FnMut(u64, Content<'_>) -> Result<()>| match &self.absent {
            Some(bytes) => (from..to).try_for_each(|i| each(i, Content::Inline(bytes.clone()))),
            None => Ok(()),
        };
        for placed in self.sorted() {
            fill_up(next, placed.index, &mut each)?;
            next = placed.index + 1;
            let Some(chunk) = self.array.parts()[placed.part].chunks.get(placed.local) else { continue };
            each(placed.index, self.content(&chunk)?)?;
        }
        fill_up(next, self.grid.iter().product(), &mut each)
    }

    fn content<'b>(&self, chunk: &Chunk<'b>) -> Result<Content<'b>> {
        if chunk.filter_mask != 0 {
            return Err(Error::Request(format!("a chunk of `{}` skipped a codec and was not stored anew", self.path)));
        }
        Ok(match &chunk.place {
            Place::Reference(r) => Content::Reference { url: r.url, offset: r.offset, length: r.length },
            Place::Inline(bytes) => Content::Inline((*bytes).clone()),
        })
    }

    fn sorted(&self) -> Vec<Placed> {
        let parts = self.array.parts();
        let mut all = Vec::with_capacity(parts.iter().map(|p| p.chunks.len()).sum());
        for (part, p) in parts.iter().enumerate() {
            // Chunks that fill the axes after the first lie one after the other in the whole array too.
            let shifted = (p.at.iter().skip(1).all(|at| *at == 0) && p.chunks.grid().get(1..) == self.grid.get(1..)).then(|| {
                let row: u64 = self.grid.iter().skip(1).product();
                p.at.first().copied().unwrap_or(0) * row
            });
            for chunk in p.chunks.iter() {
                let index = shifted.map_or_else(|| self.index(&p.chunks.position(chunk.index), &p.at), |before| before + chunk.index);
                all.push(Placed { index, part, local: chunk.index });
            }
        }
        if !all.is_sorted_by_key(|p| p.index) {
            all.sort_unstable_by_key(|p| p.index);
        }
        all
    }

    fn index(&self, position: &[u64], before: &[u64]) -> u64 {
        position.iter().zip(before).zip(&self.grid).fold(0, |index, ((i, at), n)| index * n + i + at)
    }

    /// The place of a chunk in the grid.
    pub(super) fn position(&self, mut index: u64) -> Vec<u64> {
        let mut at = vec![0; self.grid.len()];
        for (i, n) in at.iter_mut().zip(&self.grid).rev() {
            (*i, index) = (index % n, index / n);
        }
        at
    }
}
