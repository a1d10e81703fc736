//! The suite for [`Format`]: what the trait promises, checked on a file whose content is known. Each function panics where a
//! promise is broken.
//!
//! ```text
//!  reads     grid, types, nodata, every pixel and mask of every level; header requests counted
//!  tiles     blocks of many windows: disjoint, complete, inside the image, never empty
//!  endures   damaged bytes: an error or other pixels of the same shape, never a panic; damaged headers: an error or an image
//!  downloads a patch is fetched once, verified, and not kept when it is wrong
//! ```

use std::{panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use cube_core::{GeoBox, Number, PatchIndex, Pixel, Pixels, Raster, Window, with_dtype};
use futures::FutureExt;
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};

use super::Counting;
use crate::{Block, ByteSource, Error, Format, Image, Kind, PatchStore, Place, Sources};

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Full resolution first, then overviews, finest first.
    pub levels: Vec<Level>,
    /// The nodata value of every band.
    pub nodata: Option<Number>,
    /// Most requests that reading the header may take.
    pub header_requests: u64,
}

/// One grid and the pixels of all bands on it.
#[derive(Debug, Clone)]
pub struct Level {
    /// The grid.
    pub grid: GeoBox,
    /// Pixels and masks, band by band. A mask that is `None` is not compared.
    pub bands: Vec<Raster>,
}

/// All checks on one file.
pub async fn conforms(format: &dyn Format, bytes: &ByteSource, expected: &Expectation) {
    let image = reads(format, bytes, expected).await;
    tiles(&*image);
    endures(format, bytes).await;
}

/// Opens a file and compares everything with what is expected.
pub async fn reads(format: &dyn Format, bytes: &ByteSource, expected: &Expectation) -> Arc<dyn Image> {
    let counting = Arc::new(Counting::new(bytes.store.clone()));
    let counted = ByteSource { store: counting.clone(), ..bytes.clone() };
    let name = &bytes.name;
    let image = format.open(counted).await.unwrap_or_else(|e| fail(name, &format!("it cannot be opened: {e}")));
    assert!(
        counting.reads() <= expected.header_requests,
        "{name}: {} header requests where {} are enough",
        counting.reads(),
        expected.header_requests
    );
    let grids: Vec<_> = expected.levels.iter().map(|l| l.grid.clone()).collect();
    assert_eq!(image.levels(), grids, "{name}: grids");
    for (level, expected_level) in expected.levels.iter().enumerate() {
        assert_eq!(image.bands(), expected_level.bands.len(), "{name}: bands");
        let found = read_level(&*image, level).await;
        for (band, (found, wanted)) in found.iter().zip(&expected_level.bands).enumerate() {
            let at = format!("{name}: band {band} of level {level}");
            assert_eq!(image.dtype(band), wanted.pixels.dtype(), "{at}: type");
            let same = match (image.nodata(band), expected.nodata) {
                (Some(a), Some(b)) => a.same(b),
                (a, b) => a.is_none() && b.is_none(),
            };
            assert!(same, "{at}: nodata {:?} instead of {:?}", image.nodata(band), expected.nodata);
            if let Some(at_pixel) = difference(&found.pixels, &wanted.pixels) {
                fail(&at, &format!("pixel {at_pixel} of {} differs", wanted.shape));
            }
            if wanted.mask.is_some() {
                assert!(found.mask == wanted.mask, "{at}: the mask differs");
            }
        }
    }
    image
}

/// Checks the blocks of many windows.
pub fn tiles(image: &dyn Image) {
    let all: Vec<usize> = (0..image.bands()).collect();
    for (level, grid) in image.levels().iter().enumerate() {
        let shape = grid.shape();
        let whole = Window::whole(shape);
        let beyond = Window::new(shape.rows, shape.cols, 3, 3);
        assert!(image.blocks(level, &all, beyond).is_empty(), "level {level}: blocks beyond the image");
        assert!(image.blocks(level, &[], whole).is_empty(), "level {level}: blocks of no band");
        let corner = Window::new(shape.rows - 1, shape.cols - 1, 1, 1);
        let middle = Window::new(shape.rows / 3, shape.cols / 4, shape.rows.div_ceil(3), shape.cols.div_ceil(2));
        let over_the_edge = Window::new(shape.rows / 2, shape.cols / 2, shape.rows, shape.cols);
        for window in [whole, Window::new(0, 0, 1, 1), corner, middle, over_the_edge] {
            for bands in [&all[..], &all[..1], &all[all.len() - 1..]] {
                tile(image, level, bands, window);
            }
        }
    }
    assert!(image.blocks(image.levels().len(), &all, Window::new(0, 0, 1, 1)).is_empty(), "blocks of a level that does not exist");
}

fn tile(image: &dyn Image, level: usize, bands: &[usize], window: Window) {
    let blocks = image.blocks(level, bands, window);
    let whole = Window::whole(image.levels()[level].shape());
    let inside = window.intersection(whole).map_or(0, |w| w.shape().len());
    for band in bands {
        let of_band: Vec<&Block> = blocks.iter().filter(|b| b.bands.contains(band)).collect();
        let covered: usize = of_band.iter().filter_map(|b| b.window.intersection(window)).map(|w| w.shape().len()).sum();
        assert_eq!(covered, inside, "band {band} of level {level}: blocks cover {covered} of {inside} pixels of {window:?}");
        for (i, block) in of_band.iter().enumerate() {
            let apart = of_band[..i].iter().all(|other| other.window.intersection(block.window).is_none());
            assert!(apart, "band {band} of level {level}: {block:?} overlaps another");
        }
    }
    for block in &blocks {
        assert_eq!(block.window.intersection(whole), Some(block.window), "{block:?} reaches beyond the image");
        assert!(block.window.intersection(window).is_some(), "{block:?} was not asked for");
        assert!(bands.iter().any(|b| block.bands.contains(b)), "{block:?} holds none of {bands:?}");
        assert!(!matches!(block.place, Place::Range { length: 0, .. }), "{block:?} is empty");
    }
}

/// Damages a file in many places. Nothing may panic, and what decodes keeps its shape.
pub async fn endures(format: &dyn Format, bytes: &ByteSource) {
    let file = bytes.store.get(&bytes.path).await.unwrap_or_else(|e| fail(&bytes.name, &e.to_string()));
    let file = file.bytes().await.unwrap_or_else(|e| fail(&bytes.name, &e.to_string()));
    let image = format.open(bytes.clone()).await.unwrap_or_else(|e| fail(&bytes.name, &e.to_string()));
    let all: Vec<usize> = (0..image.bands()).collect();
    for level in 0..image.levels().len() {
        let blocks = image.blocks(level, &all, Window::whole(image.levels()[level].shape()));
        for block in blocks.iter().take(4) {
            damage_block(&*image, block, &file);
        }
    }
    for damaged in damaged_headers(&file) {
        let store = Arc::new(InMemory::new());
        let path = Path::from("damaged");
        if store.put(&path, damaged.into()).await.is_err() {
            continue;
        }
        let source = ByteSource { store, path, name: "damaged".into() };
        let outcome = AssertUnwindSafe(format.open(source)).catch_unwind().await;
        let Ok(outcome) = outcome else { fail(&bytes.name, "a damaged header makes it panic") };
        if let Err(error) = outcome {
            named(&error);
        }
    }
}

fn damage_block(image: &dyn Image, block: &Block, file: &Bytes) {
    let (pixels, mask) = (stored(&block.place, file), block.mask.as_ref().map(|m| stored(m, file)));
    let attempt = |bytes: Bytes, mask: Option<Bytes>| {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| image.decode(block, bytes, mask)));
        match outcome {
            Err(_) => fail(image.source().name.as_ref(), &format!("{block:?} panics on damaged bytes")),
            Ok(Err(error)) => named(&error),
            Ok(Ok(rasters)) => {
                assert_eq!(rasters.len(), block.bands.len(), "{block:?}: rasters");
                for raster in &rasters {
                    assert_eq!(raster.shape, block.window.shape(), "{block:?}: shape");
                    assert_eq!(raster.pixels.len(), raster.shape.len(), "{block:?}: pixels");
                    assert!(raster.mask.as_ref().is_none_or(|m| m.len() == raster.shape.len()), "{block:?}: mask");
                }
            }
        }
    };
    attempt(pixels.clone(), mask.clone());
    for length in [0, 1, 2, pixels.len() / 3, pixels.len().saturating_sub(5), pixels.len().saturating_sub(1)] {
        attempt(pixels.slice(..length.min(pixels.len())), mask.clone());
        attempt(pixels.clone(), mask.as_ref().map(|m| m.slice(..length.min(m.len()))));
    }
    for at in spread(pixels.len(), 40) {
        attempt(flipped(&pixels, at), mask.clone());
    }
    for at in spread(mask.as_ref().map_or(0, Bytes::len), 10) {
        attempt(pixels.clone(), mask.as_ref().map(|m| flipped(m, at)));
    }
    attempt(Bytes::from(vec![0xA5; pixels.len()]), mask.clone());
    if matches!(block.place, Place::Range { .. }) {
        let cut = image.decode(block, pixels.slice(..pixels.len() / 3), mask);
        assert!(cut.is_err(), "{block:?}: a third of the bytes decodes to pixels");
    }
}

/// Cut short, and with single bytes changed in the first kilobytes.
fn damaged_headers(file: &Bytes) -> Vec<Bytes> {
    let mut out: Vec<_> = [0, 1, 4, 8, 15, 100, 300, file.len() / 2].into_iter().filter(|n| *n < file.len()).map(|n| file.slice(..n)).collect();
    out.extend((0..file.len().min(700)).map(|at| flipped(file, at)));
    out.extend((0..file.len().min(300)).map(|at| replaced(file, at, &[0xFF; 4])));
    out.extend((0..file.len().min(300)).map(|at| replaced(file, at, &[0; 4])));
    out
}

/// An error must say what is wrong, and with what.
fn named(error: &Error) {
    assert!(matches!(error.kind(), Kind::Corrupt | Kind::Unsupported | Kind::Invalid), "damage is {:?}: {error}", error.kind());
    assert!(error.to_string().len() > 10, "the error says nothing: {error}");
}

/// A patch is fetched once, verified and found again; a wrong one is not kept.
pub async fn downloads(format: &dyn Format, patch: &PatchIndex, sources: &dyn Sources) {
    let into = PatchStore { store: Arc::new(InMemory::new()), prefix: Path::from("patches") };
    let name = patch.id.as_str();
    let first = format.download_patch(patch, sources, &into).await.unwrap_or_else(|e| fail(name, &e.to_string()));
    assert!(!first.is_empty() && first.iter().all(|d| d.fetched), "{name}: the first download fetches all: {first:?}");
    for done in &first {
        let size = into.store.head(&done.path).await.map(|m| m.size).unwrap_or_default();
        assert_eq!(size, done.size, "{name}: {} has another size", done.path);
    }
    let again = format.download_patch(patch, sources, &into).await.unwrap_or_else(|e| fail(name, &e.to_string()));
    assert!(again.iter().all(|d| !d.fetched), "{name}: the second download fetches again: {again:?}");
    let mut wrong = patch.clone();
    for asset in wrong.assets.values_mut() {
        Arc::make_mut(asset).checksum = Some(format!("1220{}", "00".repeat(32)));
    }
    let empty = PatchStore { store: Arc::new(InMemory::new()), prefix: Path::from("patches") };
    match format.download_patch(&wrong, sources, &empty).await {
        Ok(_) => fail(name, "a wrong checksum is not noticed"),
        Err(error) => assert_eq!(error.kind(), Kind::Corrupt, "{name}: {error}"),
    }
    for done in &first {
        assert!(empty.store.head(&done.path).await.is_err(), "{name}: a file that failed verification is kept");
    }
}

/// A level put together from its blocks.
pub async fn read_level(image: &dyn Image, level: usize) -> Vec<Raster> {
    let shape = image.levels()[level].shape();
    let all: Vec<usize> = (0..image.bands()).collect();
    let zero = |band: &usize| Pixels::filled(image.dtype(*band), Number::Int(0), shape.len()).unwrap_or_else(|| fail("zero", "it is no pixel"));
    let mut found: Vec<_> = all.iter().map(|band| Raster { shape, pixels: zero(band), mask: None }).collect();
    for block in image.blocks(level, &all, Window::whole(shape)) {
        let bytes = fetched(image.source(), &block.place).await;
        let mask = match &block.mask {
            Some(place @ Place::Range { .. }) => Some(fetched(image.source(), place).await),
            _ => None,
        };
        let rasters = image.decode(&block, bytes, mask).unwrap_or_else(|e| fail(&image.source().name, &e.to_string()));
        for (band, raster) in block.bands.clone().zip(rasters) {
            paste(&mut found[band], &raster, block.window);
        }
    }
    found
}

async fn fetched(source: &ByteSource, place: &Place) -> Bytes {
    match place {
        Place::Range { offset, length } => {
            source.store.get_range(&source.path, *offset..offset + length).await.unwrap_or_else(|e| fail(&source.name, &e.to_string()))
        }
        Place::Absent => Bytes::new(),
        Place::Request(request) => fail(&source.name, &format!("only its own fetcher understands {request}")),
    }
}

fn stored(place: &Place, file: &Bytes) -> Bytes {
    match place {
        Place::Range { offset, length } => file.slice((*offset as usize).min(file.len())..((offset + length) as usize).min(file.len())),
        Place::Absent | Place::Request(_) => Bytes::new(),
    }
}

fn paste(into: &mut Raster, part: &Raster, window: Window) {
    let cols = into.shape.cols;
    let to = |row: usize| (window.row + row) * cols + window.col..(window.row + row) * cols + window.col + window.cols;
    let from = |row: usize| row * window.cols..(row + 1) * window.cols;
    with_dtype!(part.pixels.dtype(), T => {
        if let (Some(source), Some(target)) = (T::unwrap_ref(&part.pixels), T::unwrap_mut(&mut into.pixels)) {
            (0..window.rows).for_each(|row| target[to(row)].copy_from_slice(&source[from(row)]));
        }
    });
    if let Some(mask) = &part.mask {
        let all = into.mask.get_or_insert_with(|| vec![true; into.shape.len()]);
        (0..window.rows).for_each(|row| all[to(row)].copy_from_slice(&mask[from(row)]));
    }
}

/// The first pixel that differs, NaN being equal to itself.
fn difference(a: &Pixels, b: &Pixels) -> Option<usize> {
    with_dtype!(a.dtype(), T => match (T::unwrap_ref(a), T::unwrap_ref(b)) {
        (Some(a), Some(b)) if a.len() == b.len() => a.iter().zip(b).position(|(a, b)| !a.same(*b)),
        _ => Some(0),
    })
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut out = bytes.to_vec();
    out[at] ^= 1 << (at % 8);
    out.into()
}

fn replaced(bytes: &Bytes, at: usize, by: &[u8]) -> Bytes {
    let mut out = bytes.to_vec();
    let end = (at + by.len()).min(out.len());
    out[at..end].copy_from_slice(&by[..end - at]);
    out.into()
}

/// Up to `n` places, evenly spread.
fn spread(len: usize, n: usize) -> impl Iterator<Item = usize> {
    (0..n.min(len)).map(move |i| i * len / n.min(len))
}

#[expect(clippy::panic, reason = "a suite for tests reports by panicking")]
fn fail(what: &str, problem: &str) -> ! {
    panic!("{what}: {problem}")
}
