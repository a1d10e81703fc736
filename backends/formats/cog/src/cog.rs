use std::sync::Arc;

use async_trait::async_trait;
use cube_backend::{ByteSource, Error, Format, Image, Kind, Result};
use cube_core::{Asset, SourceGrid};

use crate::{
    geo,
    header::{self, Directory, Head, tag},
    image::{CogImage, Stored},
    layout::Layout,
    metadata,
};

/// TIFF, GeoTIFF and cloud-optimised GeoTIFF, classic and big.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cog;

#[async_trait]
impl Format for Cog {
    fn name(&self) -> &'static str {
        "cog"
    }

    fn media_type(&self) -> &'static str {
        "image/tiff; application=geotiff"
    }

    fn recognises(&self, asset: &Asset) -> bool {
        if let Some(media) = &asset.media_type {
            let media = media.to_ascii_lowercase();
            if media.starts_with("image/tiff") || media.starts_with("image/vnd.stac.geotiff") || media.starts_with("image/x.geotiff") {
                return true;
            }
        }
        let path = asset.href.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        [".tif", ".tiff", ".gtiff", ".geotiff", ".cog"].iter().any(|end| path.ends_with(end))
    }

    async fn open(&self, bytes: ByteSource) -> Result<Arc<dyn Image>> {
        self.open_asset(bytes, &Asset::bare("")).await
    }

    async fn open_asset(&self, bytes: ByteSource, asset: &Asset) -> Result<Arc<dyn Image>> {
        if let Some(variable) = &asset.variable {
            return Err(Error::new(Kind::Invalid, format!("`{}` is a TIFF, which has no variable `{variable}`", bytes.name))
                .with_hint("name its bands by number: `asset.2` for the second"));
        }
        let stated = asset.grid.clone().unwrap_or_default();
        let mut head = Head::open(&bytes).await?;
        let directories = header::read(&mut head).await?;
        let image = assemble(&directories, head.size(), &stated, bytes.clone())?;
        Ok(Arc::new(image))
    }
}

fn assemble(directories: &[Directory], size: u64, stated: &SourceGrid, source: ByteSource) -> Result<CogImage> {
    let name = source.name.clone();
    let first = directories.first().ok_or_else(|| Error::corrupt(format!("`{name}` has no image")))?;
    let full = Layout::read(first, &format!("`{name}`"), size)?;
    let grid = geo::grid(first, &name, full.shape, stated)?;
    let mut images = vec![Stored { pixels: full, mask: None }];
    images.extend(overviews(directories, &images[0].pixels, &name, size));
    add_masks(&mut images, directories, &name, size)?;
    let mut grids = vec![grid];
    for stored in &images[1..] {
        grids.push(grids[0].zoom_to(stored.pixels.shape)?);
    }
    let full = &images[0].pixels;
    let nodata = first.text(tag::GDAL_NODATA).and_then(|text| metadata::nodata(&text, full.sample.dtype));
    let facts = metadata::facts(first.text(tag::GDAL_METADATA).as_deref(), full.samples);
    let has_mask = images.iter().any(|i| i.mask.is_some());
    let alpha_is_mask = full.alpha && !has_mask && nodata.is_none();
    Ok(CogImage { source, grids, images, nodata, facts, alpha_is_mask })
}

const REDUCED: u64 = 1;
const MASK: u64 = 4;

fn kind(directory: &Directory) -> u64 {
    let old = if directory.number(tag::SUBFILE_TYPE) == Some(2) { REDUCED } else { 0 };
    directory.number(tag::NEW_SUBFILE_TYPE).unwrap_or(old)
}

/// Reduced images of the same bands and type, finest first. One that cannot be read is left out: the full image has all that it has.
fn overviews(directories: &[Directory], full: &Layout, name: &str, size: u64) -> Vec<Stored> {
    let reduced = directories.iter().skip(1).filter(|d| kind(d) & (REDUCED | MASK) == REDUCED);
    let mut found: Vec<Layout> = Vec::new();
    for directory in reduced {
        match Layout::read(directory, &format!("an overview of `{name}`"), size) {
            Ok(layout) => {
                let smaller = layout.shape.rows <= full.shape.rows && layout.shape.cols <= full.shape.cols && layout.shape != full.shape;
                let alike = layout.samples == full.samples && layout.sample == full.sample && layout.planar == full.planar;
                if smaller && alike && found.iter().all(|f| f.shape != layout.shape) {
                    found.push(layout);
                }
            }
            Err(error) => tracing::warn!(file = name, %error, "an overview cannot be read; it is left out"),
        }
    }
    found.sort_by_key(|l| std::cmp::Reverse(l.shape.len()));
    found.into_iter().map(|pixels| Stored { pixels, mask: None }).collect()
}

/// Gives each image the mask of its shape. Overviews without one are dropped when the full image has one.
fn add_masks(images: &mut Vec<Stored>, directories: &[Directory], name: &str, size: u64) -> Result<()> {
    let mut masks = Vec::new();
    for directory in directories.iter().skip(1).filter(|d| kind(d) & MASK != 0) {
        let layout = Layout::read(directory, &format!("the mask of `{name}`"), size)?;
        if layout.samples != 1 || !matches!(layout.sample.bits, 1 | 8) {
            return Err(Error::unsupported(format!("the mask of `{name}` has {} samples of {} bits", layout.samples, layout.sample.bits)));
        }
        masks.push(layout);
    }
    for image in images.iter_mut() {
        let shape = image.pixels.shape;
        image.mask = masks.iter().position(|m| m.shape == shape).map(|i| masks.swap_remove(i));
    }
    if images[0].mask.is_some() {
        images.retain(|i| i.mask.is_some());
    }
    Ok(())
}
