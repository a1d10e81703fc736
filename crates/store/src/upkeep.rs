//! Looking after a cube: history, garbage, size.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use cube_core::{ChunkIndex, Layout};
use futures::TryStreamExt;
use icechunk::format::{ChunkIndices, manifest::ChunkPayload};
use object_store::ObjectStore as _;
use serde::Serialize;

use crate::{
    Cause, Cube, Error, Result, State,
    cube::Backing,
    documents,
    ledger::Ledger,
    plain::{self, Plain},
    replay::ice_path,
    repository::Ice,
    tree::Tree,
};

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Its id in the repository.
    pub id: String,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// The line that was given.
    pub message: String,
}

/// What a clean-up did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Versions that were forgotten.
    pub versions: u64,
    /// Chunks that were removed.
    pub chunks: u64,
    /// Other files that were removed.
    pub files: u64,
    /// Bytes that were freed.
    pub bytes: u64,
}

/// How large a cube is, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SizeReport {
    /// Pixels of the newest version.
    pub data: u64,
    /// Ledger and searches of the newest version.
    pub ledger: u64,
    /// The list of patches of the newest version.
    pub patches: u64,
    /// Coordinates, metadata, manifests, history, and what `gc` would remove.
    pub other: u64,
    /// Everything that is stored.
    pub total: u64,
}

impl Cube {
    /// The newest versions, newest first; none on plain Zarr, which keeps no history.
    pub async fn history(&self, limit: usize) -> Result<Vec<Version>> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => ice.history(limit).await,
            Backing::Zarr(_) => Ok(Vec::new()),
        }
    }

    /// Forgets versions older than an age, and removes what is stored but belongs to nothing and is as old: uploads of runs that were killed, chunks that
    /// the ledger does not know, temporary files. The age must be longer than the longest run, whose uploads belong to nothing until it commits.
    pub async fn gc(&self, older_than: Duration) -> Result<GcReport> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => {
                let _lock = self.file_lock().await?;
                let (versions, removed) = ice.collect_garbage(older_than).await?;
                if removed.objects_failed_to_delete > 0 {
                    let cause = Cause::text(removed.delete_errors.join("; "));
                    return Err(Error::storage("remove orphans of", self.location(), cause));
                }
                let files = removed.manifests_deleted + removed.snapshots_deleted + removed.attributes_deleted + removed.transaction_logs_deleted;
                Ok(GcReport { versions: versions as u64, chunks: removed.chunks_deleted, files, bytes: removed.bytes_deleted })
            }
            Backing::Zarr(plain) => {
                plain.lock().await?;
                remove_orphans(plain, older_than).await
            }
        }
    }

    /// The storage units of a variable whose pixels are stored, as time unit (0 in a cube without time) and place: what is there, whatever the
    /// ledger says. Reads the references of every chunk.
    pub async fn stored(&self, group: &str, band: &str) -> Result<BTreeSet<(usize, ChunkIndex)>> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => {
                let (_, session) = ice.read().await?;
                let session = session.read().await;
                let path = documents::path(group, band);
                let chunks = session.array_chunk_iterator(&ice_path(&path)?).await;
                let found = chunks.try_fold(BTreeSet::new(), |mut found, chunk| async move {
                    let indices: Vec<usize> = chunk.coord.0.iter().map(|i| *i as usize).collect();
                    found.extend(unit_of(&indices));
                    Ok(found)
                });
                found.await.map_err(|e| Error::storage("list", &path, e))
            }
            Backing::Zarr(plain) => {
                let layout = plain.tree().await?.layout().await?;
                let keys = plain.list().await?;
                let chunks = keys.iter().filter_map(|(key, ..)| data_chunk(&layout, key)).filter(|(g, b, _)| (*g, *b) == (group, band));
                Ok(chunks.filter_map(|(_, _, indices)| unit_of(&indices)).collect())
            }
        }
    }

    /// Files of the repository that are gone, cut short or changed, each with what is wrong: snapshots and manifests of all versions. Chunks are not
    /// looked at: they are read one by one. None on plain Zarr, which has no such files.
    ///
    /// # Errors
    /// A storage that does not answer.
    pub async fn damaged_files(&self) -> Result<BTreeMap<String, Cause>> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => ice.damaged_files().await,
            Backing::Zarr(_) => Ok(BTreeMap::new()),
        }
    }

    /// The file that a storage unit lies in, by its place in the cube; none where it lies in another's (small ones in manifests) or is not stored.
    ///
    /// # Errors
    /// References that cannot be read.
    pub async fn file_of(&self, group: &str, band: &str, time_unit: usize, at: ChunkIndex) -> Result<Option<String>> {
        let layout = self.tree().await?.layout().await?;
        let (time, place) = (time_unit as u32, [at.row, at.col]);
        let indices = if documents::has_time(&layout) { vec![time, place[0], place[1]] } else { place.to_vec() };
        let path = documents::path(group, band);
        match &self.inner.backing {
            Backing::Icechunk(ice) => {
                let (_, session) = ice.read().await?;
                let payload = session.read().await.get_chunk_ref(&ice_path(&path)?, &ChunkIndices(indices)).await;
                Ok(match payload.map_err(|e| Error::storage("read", &path, e))? {
                    Some(ChunkPayload::Ref(chunk)) => Some(format!("chunks/{}", chunk.id)),
                    _ => None,
                })
            }
            Backing::Zarr(plain) => {
                let key = plain.tree().await?.array(&path).await?.key(&indices.into_iter().map(u64::from).collect::<Vec<_>>());
                Ok(Some(key))
            }
        }
    }

    /// How large the cube is. Reads the references of every chunk.
    pub async fn size(&self) -> Result<SizeReport> {
        match &self.inner.backing {
            Backing::Icechunk(ice) => {
                let objects = plain::objects(self.location(), &self.inner.options)?;
                let total = objects.list(None).try_fold(0, |sum, meta| async move { Ok(sum + meta.size) });
                let total = total.await.map_err(|e| Error::storage("list", self.location(), e))?;
                size_of_references(ice, total).await
            }
            Backing::Zarr(plain) => {
                let layout = plain.tree().await?.layout().await?;
                let mut report = SizeReport::default();
                for (key, size, _) in plain.list().await? {
                    *report.part(part_of(&layout, &key)) += size;
                    report.total += size;
                }
                Ok(report)
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Part {
    Data,
    Ledger,
    Patches,
    Other,
}

impl SizeReport {
    fn part(&mut self, part: Part) -> &mut u64 {
        match part {
            Part::Data => &mut self.data,
            Part::Ledger => &mut self.ledger,
            Part::Patches => &mut self.patches,
            Part::Other => &mut self.other,
        }
    }
}

/// What a key of a plain Zarr store belongs to.
fn part_of(layout: &Layout, key: &str) -> Part {
    if key.ends_with("zarr.json") {
        Part::Other
    } else if key.starts_with("_cube/patches/") {
        Part::Patches
    } else if key.split('/').any(|name| name == "_cube") {
        Part::Ledger
    } else if data_chunk(layout, key).is_some() {
        Part::Data
    } else {
        Part::Other
    }
}

async fn size_of_references(ice: &Ice, total: u64) -> Result<SizeReport> {
    let (tree, session) = ice.read().await?;
    let layout = tree.layout().await?;
    let session = session.read().await;
    let mut report = SizeReport::default();
    let mut arrays: Vec<(String, Part)> = documents::record_documents().into_iter().map(|(p, _)| (p, Part::Patches)).collect();
    for (path, part) in &mut arrays {
        if path == "_cube/searches" {
            *part = Part::Ledger;
        }
    }
    arrays.retain(|(path, _)| path != "_cube/patches");
    for group in &layout.groups {
        for band in &layout.bands {
            arrays.push((documents::path(&group.name, &band.name), Part::Data));
            arrays.extend(["state", "fingerprint"].map(|what| (documents::ledger_path(&group.name, &band.name, what), Part::Ledger)));
        }
    }
    for (path, part) in arrays {
        let chunks = session.array_chunk_iterator(&ice_path(&path)?).await;
        let bytes = chunks.try_fold(0, |sum, chunk| async move { Ok(sum + chunk.payload.length()) });
        *report.part(part) += bytes.await.map_err(|e| Error::storage("list", &path, e))?;
    }
    report.total = total;
    report.other = total.saturating_sub(report.data + report.ledger + report.patches);
    Ok(report)
}

/// The group, variable and chunk indices that a key of a plain Zarr store names, when it names a chunk of pixels.
fn data_chunk<'a>(layout: &'a Layout, key: &str) -> Option<(&'a str, &'a str, Vec<usize>)> {
    let (path, chunk) = key.split_once("/c/")?;
    let (group, band) = path.rsplit_once('/').unwrap_or(("", path));
    let indices = chunk.split('/').map(|i| i.parse().ok()).collect::<Option<Vec<_>>>()?;
    Some((&layout.group(group)?.name, &layout.band(band)?.name, indices))
}

/// Time unit and place of a chunk of pixels.
fn unit_of(indices: &[usize]) -> Option<(usize, ChunkIndex)> {
    let (time, row, col) = match *indices {
        [time, row, col] => (time, row, col),
        [row, col] => (0, row, col),
        _ => return None,
    };
    Some((time, ChunkIndex { row: row as u32, col: col as u32 }))
}

/// An object that may be a chunk that the ledger does not know: its unit, key and size.
type Suspect = (ChunkIndex, String, u64);

/// Removes chunks that the ledger does not know, and temporary files.
async fn remove_orphans(plain: &Plain, older_than: Duration) -> Result<GcReport> {
    let tree = plain.tree().await?;
    let layout = tree.layout().await?;
    let cutoff = chrono::TimeDelta::from_std(older_than).ok().and_then(|age| Utc::now().checked_sub_signed(age)).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let mut report = GcReport::default();
    let mut suspects: BTreeMap<(&str, &str, usize), Vec<Suspect>> = BTreeMap::new();
    for (key, size, written) in plain.list().await? {
        let Some((group, band, indices)) = data_chunk(&layout, &key).filter(|_| written < cutoff) else { continue };
        let Some((time, at)) = unit_of(&indices) else { continue };
        suspects.entry((group, band, time)).or_default().push((at, key, size));
    }
    for ((group, band, time), chunks) in suspects {
        let known = states(&tree, &layout, (group, band, time), chunks.iter().map(|c| c.0)).await?;
        for (at, key, size) in chunks {
            if !matches!(known.get(&at), Some(State::Loaded | State::Partial)) {
                plain::remove(&plain.objects, &key).await.map_err(|e| Error::storage("remove", &key, e))?;
                report.chunks += 1;
                report.bytes += size;
            }
        }
    }
    let (files, bytes) = plain.remove_leftovers(older_than).await?;
    report.files += files;
    report.bytes += bytes;
    Ok(report)
}

async fn states(
    tree: &Tree,
    layout: &Layout,
    (group, band, time): (&str, &str, usize),
    units: impl Iterator<Item = ChunkIndex>,
) -> Result<HashMap<ChunkIndex, State>> {
    let ledger = Ledger::open(tree, group, band, documents::has_time(layout)).await?;
    let places: Vec<_> = units.map(|unit| (unit, ledger.place(time, unit))).collect();
    let chunks = ledger.read(places.iter().map(|(_, (chunk, _))| *chunk).collect::<BTreeSet<_>>()).await?;
    let state = |(chunk, offset): ((usize, usize, usize), usize)| chunks.get(&chunk).and_then(|c| State::from_number(*c.state.get(offset)?));
    Ok(places.into_iter().filter_map(|(unit, place)| Some((unit, state(place)?))).collect())
}
