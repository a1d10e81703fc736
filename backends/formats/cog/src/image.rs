use std::ops::Range;

use bytes::Bytes;
use cube_backend::{Block, ByteSource, Error, Image, Kind, Label, Place, Result};
use cube_core::{DType, GeoBox, Number, Pixels, Raster, Window};

use crate::{
    decode::{decode, decode_mask},
    layout::{Cell, Layout},
    metadata,
};

/// One opened file.
#[derive(Debug)]
pub(crate) struct CogImage {
    pub(crate) source: ByteSource,
    pub(crate) grids: Vec<GeoBox>,
    /// One per grid.
    pub(crate) images: Vec<Stored>,
    pub(crate) nodata: Option<Number>,
    /// Of each band.
    pub(crate) facts: Box<[metadata::Facts]>,
    /// Whether the last band says which pixels hold data.
    pub(crate) alpha_is_mask: bool,
}

/// The image of a level and its internal mask.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) pixels: Layout,
    pub(crate) mask: Option<Layout>,
}

impl Image for CogImage {
    fn bands(&self) -> usize {
        self.full().samples
    }

    fn dtype(&self, _band: usize) -> DType {
        self.full().sample.dtype
    }

    fn nodata(&self, _band: usize) -> Option<Number> {
        self.nodata
    }

    fn scaling(&self, band: usize) -> Option<(f64, f64)> {
        self.facts.get(band).and_then(|facts| facts.scaling)
    }

    fn label(&self, band: usize) -> Label {
        self.facts.get(band).map(|facts| facts.label.clone()).unwrap_or_default()
    }

    fn levels(&self) -> &[GeoBox] {
        &self.grids
    }

    fn blocks(&self, level: usize, bands: &[usize], window: Window) -> Vec<Block> {
        let Some(stored) = self.images.get(level) else { return Vec::new() };
        let mut blocks = Vec::new();
        for cell in stored.pixels.cells(window) {
            for part in stored.parts(&cell) {
                if part.intersection(window).is_none() {
                    continue;
                }
                for bands in self.groups(bands) {
                    let place = stored.pixels.place(&cell, if stored.pixels.planar { bands.start } else { 0 });
                    let mask = self.mask_place(stored, &cell, part, &bands);
                    blocks.push(Block { level, window: part, bands, place, mask });
                }
            }
        }
        blocks
    }

    fn decode(&self, block: &Block, bytes: Bytes, mask: Option<Bytes>) -> Result<Vec<Raster>> {
        let (stored, cell) = self.cell_of(block)?;
        if block.place == Place::Absent {
            return self.absent(block);
        }
        let failed = |problem: String| {
            let (w, name) = (block.window, &self.source.name);
            Error::corrupt(format!("the block at row {}, column {} of level {} of `{name}` cannot be decoded: {problem}", w.row, w.col, block.level))
        };
        let pixels = &stored.pixels;
        let alpha_inside = self.alpha_is_mask && !pixels.planar && block.bands.start != self.last();
        let inside = if pixels.planar { 0..1 } else { block.bands.clone() };
        let decoded = decode(pixels, &cell, block.window, inside, &bytes, alpha_inside).map_err(failed)?;
        let valid = match &block.mask {
            None => decoded.opaque,
            Some(Place::Absent) => Some(vec![false; block.window.shape().len()]),
            Some(_) => {
                let bytes = mask.ok_or_else(|| Error::new(Kind::Invalid, format!("a block of `{}` was given without its mask", self.source.name)))?;
                Some(self.mask(stored, block, &bytes).map_err(failed)?)
            }
        };
        let shape = block.window.shape();
        let rasters = decoded.bands.into_iter().zip(block.bands.clone()).map(|(pixels, band)| {
            let own = || self.nodata.and_then(|n| metadata::nearly_nodata(&pixels, n));
            let mask = if self.alpha_is_mask && band == self.last() { None } else { valid.clone().or_else(own) };
            Raster { shape, pixels, mask }
        });
        Ok(rasters.collect())
    }

    fn source(&self) -> &ByteSource {
        &self.source
    }
}

impl Stored {
    /// A cell, cut along the cells of the mask where that has other blocks than the image.
    fn parts(&self, cell: &Cell) -> Vec<Window> {
        let Some(mask) = &self.mask else { return vec![cell.window] };
        mask.cells(cell.window).iter().filter_map(|m| m.window.intersection(cell.window)).collect()
    }
}

impl CogImage {
    fn full(&self) -> &Layout {
        &self.images[0].pixels
    }

    fn last(&self) -> usize {
        self.full().samples - 1
    }

    /// Bands that lie in one block: each on its own, or all from the first to the last that is wanted.
    fn groups(&self, bands: &[usize]) -> Vec<Range<usize>> {
        let wanted = || bands.iter().copied().filter(|b| *b < self.bands());
        if self.full().planar {
            let mut each: Vec<_> = wanted().collect();
            each.sort_unstable();
            each.dedup();
            return each.into_iter().map(|b| b..b + 1).collect();
        }
        wanted().min().zip(wanted().max()).map(|(first, last)| first..last + 1).into_iter().collect()
    }

    fn mask_place(&self, stored: &Stored, cell: &Cell, window: Window, bands: &Range<usize>) -> Option<Place> {
        if let Some(mask) = &stored.mask {
            return mask.cell_at(window.row, window.col).map(|cell| mask.place(&cell, 0));
        }
        let apart = self.alpha_is_mask && stored.pixels.planar && bands.start != self.last();
        apart.then(|| stored.pixels.place(cell, self.last()))
    }

    /// The cell that a block is, or is part of; an error if it is none of this image.
    fn cell_of(&self, block: &Block) -> Result<(&Stored, Cell)> {
        let stored = self.images.get(block.level);
        let found = stored.and_then(|s| Some((s, s.pixels.cell_at(block.window.row, block.window.col)?)));
        let fits = |(stored, cell): &(&Stored, Cell)| {
            let bands = !block.bands.is_empty() && block.bands.end <= self.bands() && (!stored.pixels.planar || block.bands.len() == 1);
            bands && stored.parts(cell).contains(&block.window)
        };
        found.filter(fits).ok_or_else(|| Error::new(Kind::Invalid, format!("a block was given that `{}` does not have: {block:?}", self.source.name)))
    }

    fn mask(&self, stored: &Stored, block: &Block, bytes: &[u8]) -> Result<Vec<bool>, String> {
        let layout = stored.mask.as_ref().unwrap_or(&stored.pixels);
        let cell = layout.cell_at(block.window.row, block.window.col).ok_or("its mask has no such block")?;
        if stored.mask.is_some() {
            return decode_mask(layout, &cell, block.window, bytes);
        }
        decode(layout, &cell, block.window, 0..1, bytes, true)?.opaque.ok_or_else(|| "it has no alpha".to_owned())
    }

    fn absent(&self, block: &Block) -> Result<Vec<Raster>> {
        let shape = block.window.shape();
        let fill = self.nodata.unwrap_or(Number::Int(0));
        let raster = |band| {
            let pixels = Pixels::filled(self.dtype(band), fill, shape.len());
            let pixels = pixels.ok_or_else(|| Error::new(Kind::Invalid, format!("{fill} is no {}", self.dtype(band))))?;
            Ok(Raster { shape, pixels, mask: Some(vec![false; shape.len()]) })
        };
        block.bands.clone().map(raster).collect()
    }
}
