//! Headers and decoded blocks: fetched once, kept for neighbouring tasks, never more than the limits allow.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use cube_backend::{Block, Error, Format, Image, Kind, Place, Sources};
use cube_core::{Asset, Raster, TimeStep, Window};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use rayon::prelude::*;
use tokio::sync::{OnceCell, watch};

use crate::{Limits, Result};

/// Ranges nearer than this are read in one request.
const COALESCE_GAP: u64 = 64 << 10;
/// The longest range of one request.
const COALESCE_MAX: u64 = 8 << 20;
/// Requests of one read at once.
const PARALLEL_RANGES: usize = 8;
/// Headers kept.
const IMAGES: usize = 2048;

#[derive(Debug)]
pub(crate) struct Fetcher {
    formats: Vec<Arc<dyn Format>>,
    sources: Arc<dyn Sources>,
    images: Mutex<Images>,
    blocks: Mutex<Blocks>,
    budget: usize,
}

type ImageCell = Arc<OnceCell<Arc<dyn Image>>>;

#[derive(Debug, Default)]
struct Images {
    /// By href and variable.
    cells: HashMap<(String, Option<String>), (u64, ImageCell)>,
    clock: u64,
}

/// A block of a file: href, level, first row and column, bands.
type Key = (Arc<str>, u32, u64, Range<usize>);
type Decoded = Arc<Vec<Raster>>;

#[derive(Debug, Default)]
struct Blocks {
    ready: HashMap<Key, (u64, usize, Decoded)>,
    by_age: BTreeMap<u64, Key>,
    pending: HashMap<Key, watch::Receiver<bool>>,
    clock: u64,
    bytes: usize,
}

/// One block, as asked for: in the cache, on its way by another task, or ours to fetch.
enum Claim {
    Ready(Decoded),
    Wait(watch::Receiver<bool>),
    Ours(watch::Sender<bool>),
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while the lock was held leaves a cache that may miss entries, never wrong ones.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetcher {
    pub(crate) fn new(formats: Vec<Arc<dyn Format>>, sources: Arc<dyn Sources>, limits: Limits) -> Self {
        Self { formats, sources, images: Mutex::default(), blocks: Mutex::default(), budget: limits.block_cache }
    }

    /// The image behind an asset; its header is read once, however many tasks ask.
    pub(crate) async fn image(&self, asset: &Asset) -> Result<Arc<dyn Image>, Error> {
        let cell = lock(&self.images).cell(asset);
        let open = async || {
            let format = self.formats.iter().find(|f| f.recognises(asset)).ok_or_else(|| {
                let known: Vec<_> = self.formats.iter().map(|f| f.name()).collect();
                Error::unsupported(format!("`{}` is of no format that can be read ({})", bare(&asset.href), known.join(", ")))
            })?;
            let asset = &self.sources.addressed(asset).await?;
            let bytes = self.sources.source(&asset.href).await?;
            let Some(sidecar) = &asset.sidecar else { return format.open_asset(bytes, asset).await };
            match self.sources.source(sidecar).await {
                Ok(sidecar) => format.open_described(bytes, sidecar, asset).await,
                // Offline, say: the file can speak for itself.
                Err(error) => {
                    tracing::warn!(sidecar = bare(sidecar), %error, "the sidecar cannot be reached: the file is read instead");
                    format.open_asset(bytes, asset).await
                }
            }
        };
        cell.get_or_try_init(open).await.cloned()
    }

    /// The pixels of one band in a window of a level; what is not stored has a mask that is false. `together` are the bands of the file
    /// that the caller reads in turn, this one among them: where they lie in the same bytes, these are decoded once.
    pub(crate) async fn read(&self, image: &Arc<dyn Image>, level: usize, band: usize, together: &[usize], window: Window) -> Result<Raster, Error> {
        let mut blocks = image.blocks(level, together, window);
        blocks.retain(|block| block.bands.contains(&band));
        let decoded = self.blocks(image, blocks).await?;
        let dtype = image.dtype(band);
        crate::task::compute(move || assemble(&decoded, band, dtype, window)).await
    }

    async fn blocks(&self, image: &Arc<dyn Image>, wanted: Vec<Block>) -> Result<Vec<(Block, Decoded)>, Error> {
        let name = &image.source().name;
        let (mut done, mut ours, mut waiting) = (Vec::with_capacity(wanted.len()), Vec::new(), Vec::new());
        {
            let mut cache = lock(&self.blocks);
            for block in wanted {
                let key = key(name, &block);
                match cache.claim(&key) {
                    Claim::Ready(d) => done.push((block, d)),
                    Claim::Wait(r) => waiting.push((block, r)),
                    Claim::Ours(s) => ours.push((block, key, s)),
                }
            }
        }
        if !ours.is_empty() {
            done.extend(self.fetch(image, ours).await?);
        }
        for (block, mut pending) in waiting {
            // An error of `changed` means that the other task gave up; then the block is not there and is fetched below.
            let _ = pending.wait_for(|ready| *ready).await;
            let key = key(name, &block);
            loop {
                let claim = lock(&self.blocks).claim(&key);
                match claim {
                    Claim::Ready(d) => break done.push((block, d)),
                    Claim::Wait(mut r) => drop(r.wait_for(|ready| *ready).await),
                    Claim::Ours(s) => break done.extend(self.fetch(image, vec![(block, key, s)]).await?),
                }
            }
        }
        Ok(done)
    }

    async fn fetch(&self, image: &Arc<dyn Image>, ours: Vec<(Block, Key, watch::Sender<bool>)>) -> Result<Vec<(Block, Decoded)>, Error> {
        let guard = Abandon { cache: &self.blocks, keys: ours.iter().map(|(_, k, _)| k.clone()).collect() };
        let blocks: Vec<Block> = ours.iter().map(|(b, _, _)| b.clone()).collect();
        let decoded = match self.fetch_once(image, &blocks).await {
            // Bytes may be spoilt on the way: what does not decode is fetched once more before it is believed.
            Err(e) if e.kind() == Kind::Corrupt => {
                tracing::warn!("{e}; reading it again");
                self.fetch_once(image, &blocks).await?
            }
            other => other?,
        };
        let mut cache = lock(&self.blocks);
        let mut out = Vec::with_capacity(ours.len());
        for ((block, key, sender), rasters) in ours.into_iter().zip(decoded) {
            let rasters = Arc::new(rasters);
            cache.insert(key, &rasters, self.budget);
            let _ = sender.send(true);
            out.push((block, rasters));
        }
        drop(cache);
        drop(guard);
        Ok(out)
    }

    async fn fetch_once(&self, image: &Arc<dyn Image>, blocks: &[Block]) -> Result<Vec<Vec<Raster>>, Error> {
        let places = blocks.iter().flat_map(|b| std::iter::once(&b.place).chain(&b.mask));
        let mut ranges = Vec::new();
        for place in places {
            match place {
                Place::Range { offset, length } => ranges.push(*offset..offset + length),
                Place::Absent => {}
                Place::Request(r) => return Err(Error::unsupported(format!("`{r}` is not a byte range"))),
            }
        }
        let source = image.source();
        let pieces: Vec<(Range<u64>, Bytes)> = futures::stream::iter(coalesce(ranges))
            .map(|range| async move { Ok::<_, Error>((range.clone(), source.store.get_range(&source.path, range).await?)) })
            .buffer_unordered(PARALLEL_RANGES)
            .try_collect()
            .await
            .map_err(|e: Error| named(e, &source.name))?;
        let pieces: BTreeMap<u64, Bytes> = pieces.into_iter().map(|(r, b)| (r.start, b)).collect();
        let parts = blocks.iter().map(|b| Ok((b.clone(), slice(&pieces, &b.place)?, b.mask.as_ref().map(|m| slice(&pieces, m)).transpose()?)));
        let parts = parts.collect::<Result<Vec<_>, Error>>().map_err(|e| named(e, &source.name))?;
        let image = Arc::clone(image);
        crate::task::compute(move || parts.into_par_iter().map(|(block, bytes, mask)| image.decode(&block, bytes, mask)).collect()).await
    }
}

/// Refuses one of several times of a file where the cube has a time axis: an item has one time, at which any of them would stand.
pub(crate) fn check_time(image: &dyn Image, step: TimeStep) -> Result<()> {
    match image.time() {
        Some((time, of)) if step != TimeStep::None => Err(crate::Error::refused_with(
            format!("`{}` is time {time} of {of} of its file, and would stand at the one time of its item", image.source().name),
            "split the file so that each time is an item of its own, or keep its time axis with `cube virtualize`; `[time] step = \"none\"` makes a cube without one",
        )),
        _ => Ok(()),
    }
}

/// Takes unfinished claims back when a fetch fails or is dropped, so that others may try.
struct Abandon<'a> {
    cache: &'a Mutex<Blocks>,
    keys: Vec<Key>,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let mut cache = lock(self.cache);
        for key in &self.keys {
            cache.pending.remove(key);
        }
    }
}

impl Images {
    fn cell(&mut self, asset: &Asset) -> ImageCell {
        self.clock += 1;
        let key = (asset.href.clone(), asset.variable.clone());
        if let Some((age, cell)) = self.cells.get_mut(&key) {
            *age = self.clock;
            return Arc::clone(cell);
        }
        if self.cells.len() >= IMAGES {
            let mut ages: Vec<u64> = self.cells.values().map(|(age, _)| *age).collect();
            let (_, median, _) = ages.select_nth_unstable(IMAGES / 2);
            let median = *median;
            self.cells.retain(|_, (age, _)| *age > median);
        }
        let cell = ImageCell::default();
        self.cells.insert(key, (self.clock, Arc::clone(&cell)));
        cell
    }
}

impl Blocks {
    fn claim(&mut self, key: &Key) -> Claim {
        self.clock += 1;
        if let Some((age, _, decoded)) = self.ready.get_mut(key) {
            self.by_age.remove(age);
            *age = self.clock;
            self.by_age.insert(self.clock, key.clone());
            return Claim::Ready(Arc::clone(decoded));
        }
        if let Some(pending) = self.pending.get(key) {
            return Claim::Wait(pending.clone());
        }
        let (sender, receiver) = watch::channel(false);
        self.pending.insert(key.clone(), receiver);
        Claim::Ours(sender)
    }

    fn insert(&mut self, key: Key, decoded: &Decoded, budget: usize) {
        let bytes = decoded.iter().map(|r| r.pixels.as_bytes().len() + r.mask.as_ref().map_or(0, Vec::len)).sum();
        self.pending.remove(&key);
        self.clock += 1;
        self.by_age.insert(self.clock, key.clone());
        self.ready.insert(key, (self.clock, bytes, Arc::clone(decoded)));
        self.bytes += bytes;
        while self.bytes > budget {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some((_, bytes, _)) = self.ready.remove(&oldest) {
                self.bytes -= bytes;
            }
        }
    }
}

fn key(name: &Arc<str>, block: &Block) -> Key {
    let at = ((block.window.row as u64) << 32) | block.window.col as u64;
    (Arc::clone(name), block.level as u32, at, block.bands.clone())
}

fn bare(href: &str) -> &str {
    href.split(['?', '#']).next().unwrap_or(href)
}

fn named(e: Error, name: &str) -> Error {
    if e.to_string().contains(name) { e } else { Error::new(e.kind(), format!("{e} (`{name}`)")).with_source(e) }
}

fn coalesce(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|r| (r.start, r.end));
    let mut merged: Vec<Range<u64>> = Vec::new();
    for r in ranges {
        match merged.last_mut() {
            Some(last) if r.start <= last.end.saturating_add(COALESCE_GAP) && r.end.max(last.end) - last.start <= COALESCE_MAX => {
                last.end = last.end.max(r.end)
            }
            _ => merged.push(r),
        }
    }
    merged
}

fn slice(pieces: &BTreeMap<u64, Bytes>, place: &Place) -> Result<Bytes, Error> {
    let Place::Range { offset, length } = *place else { return Ok(Bytes::new()) };
    let found = pieces.range(..=offset).rev().find_map(|(start, bytes)| {
        let from = usize::try_from(offset - start).ok()?;
        bytes.get(from..from + length as usize).is_some().then(|| bytes.slice(from..from + length as usize))
    });
    found.ok_or_else(|| Error::corrupt(format!("the file ends before byte {}", offset + length)))
}

/// Puts the parts of decoded blocks that lie in a window together.
fn assemble(blocks: &[(Block, Decoded)], band: usize, dtype: cube_core::DType, window: Window) -> Result<Raster, Error> {
    cube_core::with_dtype!(dtype, T => assemble_typed::<T>(blocks, band, window))
}

fn assemble_typed<T: cube_core::Pixel>(blocks: &[(Block, Decoded)], band: usize, window: Window) -> Result<Raster, Error> {
    let shape = window.shape();
    let mut pixels = vec![T::default(); shape.len()];
    let masked = blocks.iter().any(|(b, d)| d.get(band - b.bands.start).is_some_and(|r| r.mask.is_some()));
    let mut mask = masked.then(|| vec![true; shape.len()]);
    for (block, rasters) in blocks {
        let Some(part) = block.window.intersection(window) else { continue };
        let raster = rasters.get(band - block.bands.start).ok_or_else(|| Error::corrupt(format!("band {} is missing from a block", band + 1)))?;
        let source = T::unwrap_ref(&raster.pixels)
            .ok_or_else(|| Error::corrupt(format!("a block holds {} where {} was announced", raster.pixels.dtype(), T::DTYPE)))?;
        for row in part.row..part.row_end() {
            let from = (row - block.window.row) * block.window.cols + part.col - block.window.col;
            let to = (row - window.row) * window.cols + part.col - window.col;
            pixels[to..to + part.cols].copy_from_slice(&source[from..from + part.cols]);
            if let (Some(mask), Some(m)) = (&mut mask, &raster.mask) {
                mask[to..to + part.cols].copy_from_slice(&m[from..from + part.cols]);
            }
        }
    }
    Ok(Raster { shape, pixels: T::wrap(pixels), mask })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_become_one_request() {
        assert_eq!(coalesce(vec![100..200, 0..100, 300..400]), vec![0..400]);
        assert_eq!(coalesce(vec![0..10, (1 << 20)..(1 << 20) + 10]).len(), 2, "a megabyte apart is two requests");
        assert_eq!(coalesce(vec![0..COALESCE_MAX, COALESCE_MAX..COALESCE_MAX + 1]).len(), 2, "one request is never longer than the limit");
        assert_eq!(coalesce(vec![0..100, 20..30]), vec![0..100]);
    }
}
