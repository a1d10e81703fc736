//! The list of patches that searches found: provenance that is answered offline.
//!
//! Columns of numbers to search in, and one document per patch, in chunks so small that an append rewrites less than 100 kB. Rows are only ever added:
//! the last row of an id is what holds. A patch that has vanished has a last row without a document.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use cube_core::{Extent, PatchId, PatchIndex, Period, TimeValue};
use futures::{StreamExt, TryStreamExt, stream};
use xxhash_rust::xxh3::xxh3_64;
use zarrs::array::{ElementOwned, FromArrayBytes};

use crate::{
    Result,
    documents::{PATCH_CHUNK, PATCH_DOCUMENT_CHUNK},
    tree::Tree,
};

/// How many chunks of documents are read at once.
const READERS: usize = 16;

/// Which patches to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatchFilter {
    /// Those whose time lies in one of these, or is not known; all when empty.
    pub periods: Vec<Period>,
    /// Those whose bounding box meets one of these boxes of longitude and latitude (`west ≤ east`), or is not known; all when empty.
    pub boxes: Vec<Extent>,
    /// Also the versions of a patch that a later one has replaced.
    pub all_versions: bool,
}

/// The version of a row that says that a patch has vanished.
const VANISHED: u64 = 0;

/// One row to be added: the columns, and the document.
struct Row {
    id: u64,
    version: u64,
    time: i64,
    bbox: [f64; 4],
    document: String,
}

fn id_of(id: &PatchId) -> u64 {
    xxh3_64(id.as_str().as_bytes())
}

fn version_of(patch: &PatchIndex) -> u64 {
    xxh3_64(patch.version.as_bytes()).max(VANISHED + 1)
}

/// The rows of the list that this process has seen, so that a commit reads only what is new. The list only grows, so what was seen stays true.
#[derive(Default)]
pub(crate) struct Seen {
    rows: usize,
    /// The version in the last row of each id.
    last: HashMap<u64, u64>,
}

impl Seen {
    async fn catch_up(&mut self, tree: &Tree) -> Result<usize> {
        let (ids, versions) = (tree.array("_cube/patches/id").await?, tree.array("_cube/patches/version").await?);
        let rows = ids.shape()[0];
        if rows < self.rows {
            *self = Self::default();
        }
        for chunk in self.rows / PATCH_CHUNK..rows.div_ceil(PATCH_CHUNK) {
            let at = [chunk as u64];
            let (ids, versions) = futures::try_join!(ids.chunk::<u64>(&at), versions.chunk::<u64>(&at))?;
            let count = (rows - chunk * PATCH_CHUNK).min(PATCH_CHUNK);
            self.last.extend(ids.unwrap_or_default().into_iter().zip(versions.unwrap_or_default()).take(count));
        }
        self.rows = rows;
        Ok(rows)
    }
}

/// Adds the patches that are not listed in their present version, and marks those that have vanished; answers whether there was anything to add.
pub(crate) async fn append(tree: &mut Tree, patches: &[Arc<PatchIndex>], vanished: &[PatchId], seen: &mut Seen) -> Result<bool> {
    if patches.is_empty() && vanished.is_empty() {
        return Ok(false);
    }
    let rows = seen.catch_up(tree).await?;
    let mut new: Vec<Row> = Vec::new();
    let mut fresh = HashSet::new();
    for patch in patches {
        let (id, version) = (id_of(&patch.id), version_of(patch));
        if seen.last.get(&id) != Some(&version) && fresh.insert(id) {
            let document = serde_json::to_string(patch).map_err(|e| tree.damaged(e.to_string()))?;
            new.push(Row { id, version, time: patch.time.map_or(i64::MIN, |t| t.0), bbox: patch.bbox.unwrap_or([f64::NAN; 4]), document });
        }
    }
    for id in vanished.iter().map(id_of) {
        if seen.last.get(&id).is_some_and(|v| *v != VANISHED) && fresh.insert(id) {
            new.push(Row { id, version: VANISHED, time: i64::MIN, bbox: [f64::NAN; 4], document: String::new() });
        }
    }
    if new.is_empty() {
        return Ok(false);
    }
    let documents = new.iter_mut().map(|r| std::mem::take(&mut r.document)).collect();
    column(tree, "json", rows, documents, (PATCH_DOCUMENT_CHUNK, 1), String::new()).await?;
    column(tree, "time", rows, new.iter().map(|r| r.time).collect(), (PATCH_CHUNK, 1), i64::MIN).await?;
    column(tree, "bbox", rows, new.iter().flat_map(|r| r.bbox).collect(), (PATCH_CHUNK, 4), f64::NAN).await?;
    column(tree, "version", rows, new.iter().map(|r| r.version).collect(), (PATCH_CHUNK, 1), 0).await?;
    column(tree, "id", rows, new.iter().map(|r| r.id).collect(), (PATCH_CHUNK, 1), 0).await?;
    Ok(true)
}

/// Appends to one column of the list: `chunk` rows of `width` elements are stored together.
async fn column<T>(tree: &mut Tree, name: &str, rows: usize, mut values: Vec<T>, (chunk, width): (usize, usize), fill: T) -> Result<()>
where
    T: ElementOwned + Clone + Send + Sync,
    Vec<T>: FromArrayBytes,
{
    let path = format!("_cube/patches/{name}");
    let end = rows + values.len() / width;
    tree.resize(&path, end).await?;
    let array = tree.array(&path).await?;
    let first = rows / chunk;
    let mut rest = if rows.is_multiple_of(chunk) { Vec::new() } else { array.chunk::<T>(&index(first, width)).await?.unwrap_or_default() };
    rest.truncate((rows % chunk) * width);
    rest.resize((rows % chunk) * width, fill.clone());
    rest.append(&mut values);
    for (i, part) in rest.chunks(chunk * width).enumerate() {
        let mut part = part.to_vec();
        part.resize(chunk * width, fill.clone());
        let (key, bytes) = array.encode(&index(first + i, width), &part)?;
        tree.put(&key, bytes).await?;
    }
    Ok(())
}

fn index(chunk: usize, width: usize) -> Vec<u64> {
    if width == 1 { vec![chunk as u64] } else { vec![chunk as u64, 0] }
}

/// The patches that a filter lets through, in the order in which they were listed.
pub(crate) async fn list(tree: &Tree, filter: &PatchFilter) -> Result<Vec<PatchIndex>> {
    let (time, bbox) = (tree.array("_cube/patches/time").await?, tree.array("_cube/patches/bbox").await?);
    let (id, version) = (tree.array("_cube/patches/id").await?, tree.array("_cube/patches/version").await?);
    let (time, bbox, id, version) = futures::try_join!(time.all::<i64>(), bbox.all::<f64>(), id.all::<u64>(), version.all::<u64>())?;
    let last: HashMap<u64, usize> = id.iter().enumerate().map(|(row, id)| (*id, row)).collect();
    let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, (time, bbox)) in time.iter().zip(bbox.as_chunks::<4>().0).enumerate() {
        let newest = filter.all_versions || last.get(&id[row]) == Some(&row);
        if newest && version[row] != VANISHED && in_periods(*time, &filter.periods) && in_boxes(*bbox, &filter.boxes) {
            wanted.entry(row / PATCH_DOCUMENT_CHUNK).or_default().push(row % PATCH_DOCUMENT_CHUNK);
        }
    }
    let documents = &tree.array("_cube/patches/json").await?;
    let chunks: Vec<Vec<PatchIndex>> = stream::iter(wanted)
        .map(|(chunk, rows)| async move {
            let texts = documents.chunk::<String>(&[chunk as u64]).await?.unwrap_or_default();
            rows.into_iter().map(|row| parse(tree, texts.get(row))).collect::<Result<Vec<_>>>()
        })
        .buffered(READERS)
        .try_collect()
        .await?;
    Ok(chunks.into_iter().flatten().collect())
}

fn parse(tree: &Tree, text: Option<&String>) -> Result<PatchIndex> {
    let text = text.ok_or_else(|| tree.damaged("the list of patches is shorter than it says".into()))?;
    serde_json::from_str(text).map_err(|e| tree.damaged(format!("a listed patch cannot be read: {e}")))
}

fn in_periods(time: i64, periods: &[Period]) -> bool {
    periods.is_empty() || time == i64::MIN || periods.iter().any(|p| p.contains(TimeValue(time)))
}

fn in_boxes([west, south, east, north]: [f64; 4], boxes: &[Extent]) -> bool {
    if boxes.is_empty() || west.is_nan() {
        return true;
    }
    let parts = if west <= east { [Some((west, east)), None] } else { [Some((west, 180.0)), Some((-180.0, east))] };
    parts.into_iter().flatten().any(|(w, e)| boxes.iter().any(|b| b.intersects(&Extent::new(w, south, e, north))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_meet_across_the_antimeridian() {
        let fiji = [177.0, -20.0, -178.0, -15.0];
        assert!(in_boxes(fiji, &[Extent::new(-180.0, -18.0, -179.0, -17.0)]));
        assert!(in_boxes(fiji, &[Extent::new(178.0, -18.0, 179.0, -17.0)]));
        assert!(!in_boxes(fiji, &[Extent::new(0.0, -18.0, 1.0, -17.0)]));
        assert!(in_boxes([f64::NAN; 4], &[Extent::new(0.0, 0.0, 1.0, 1.0)]), "unknown is not excluded");
    }
}
