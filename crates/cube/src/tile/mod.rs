//! Tiles: just the array that answers a request, read from the cube.

#[cfg(feature = "gdal")]
mod tiff;
mod zarr;

use std::path::{Path, PathBuf};

use cube_core::{BandLayout, GeoBox, GroupLayout, Number, Pixel, Pixels, Shape, TimeValue, Window};
use cube_engine::Request;
use cube_store::Snapshot;
use serde::Serialize;

use crate::{Environment, Error, Outline, Result, pixels::with_pixels, survey};

/// Columns read at once: a tile is written in pieces, so that memory does not grow with it.
const MOST_COLS: usize = 8192;

/// Where a tile goes, checked before anything is fetched for it.
#[derive(Debug, Clone)]
pub struct TileTarget {
    path: PathBuf,
    kind: Kind,
    clip: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zarr,
    #[cfg(feature = "gdal")]
    Tiff,
}

/// A file that holds a tile, or a step of one.
#[derive(Debug, Clone, Serialize)]
pub struct TileFile {
    /// Where it lies.
    pub path: String,
    /// The CRS of its pixels.
    pub crs: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// West, south, east, north in the CRS.
    pub extent: [f64; 4],
    /// Variables.
    pub bands: Vec<String>,
    /// Steps; empty without a time axis.
    pub steps: Vec<String>,
}

impl TileTarget {
    /// A name that ends in `.zarr` makes a Zarr store, one that ends in `.tif` GeoTIFFs. With `clip`, pixels whose centre lies outside
    /// the region become nodata.
    pub fn new(path: &Path, clip: bool) -> Result<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let kind = match extension.as_deref() {
            Some("zarr") => Kind::Zarr,
            #[cfg(feature = "gdal")]
            Some("tif" | "tiff") => Kind::Tiff,
            #[cfg(not(feature = "gdal"))]
            Some("tif" | "tiff") => {
                return Err(Error::NeedsGdal { what: format!("writing `{}`", path.display()), instead: "write a tile whose name ends in .zarr" });
            }
            _ => return Err(Error::refused(format!("`{}` is not a name for a tile", path.display()), "end it in .tif or .zarr")),
        };
        if kind == Kind::Zarr && path.exists() {
            return Err(Error::refused(format!("`{}` is there already", path.display()), "remove it, or choose another name"));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(Error::refused(format!("the folder `{}` does not exist", folder.display()), "make it first, or give another name"));
        }
        Ok(Self { path: path.to_owned(), kind, clip })
    }

    /// Reads the tile from the cube and writes it.
    pub async fn write(&self, snapshot: &Snapshot, request: &Request, environment: &Environment) -> Result<Vec<TileFile>> {
        let parts = parts(snapshot, request, self.clip).await?;
        match self.kind {
            Kind::Zarr => zarr::write(snapshot, &parts, &self.path, environment).await,
            #[cfg(feature = "gdal")]
            Kind::Tiff => tiff::write(snapshot, &parts, &self.path).await,
        }
    }
}

/// The part of a tile that lies in one group.
struct Part<'a> {
    group: &'a GroupLayout,
    /// In the grid of the group.
    window: Window,
    /// The grid of the window.
    grid: GeoBox,
    /// `[None]` without a time axis.
    steps: Vec<Option<TimeValue>>,
    bands: Vec<&'a BandLayout>,
    clip: Option<Outline>,
}

async fn parts<'a>(snapshot: &'a Snapshot, request: &Request, clip: bool) -> Result<Vec<Part<'a>>> {
    let layout = snapshot.layout();
    let wanted = |b: &&BandLayout| request.bands.is_empty() || request.bands.contains(&b.name);
    let mut bands: Vec<&BandLayout> = layout.bands.iter().filter(wanted).collect();
    // Stable: as the cube has them where none are named.
    bands.sort_by_key(|band| request.bands.iter().position(|name| *name == band.name));
    if let Some(band) = bands.iter().find(|b| clip && b.nodata.is_none()) {
        return Err(Error::refused(
            format!("`{}` has no nodata value, so that what lies outside the region cannot be told from data", band.name),
            "leave out --clip, or make a cube with `nodata`",
        ));
    }
    let mut parts = Vec::new();
    for group in &layout.groups {
        let outline = Outline::new(&request.roi, &group.grid)?;
        if clip && !outline.has_area() {
            return Err(Error::refused("the region has no area, so nothing lies inside it", "leave out --clip, or give a polygon"));
        }
        let Some(window) = outline.bounds() else { continue };
        let steps: Vec<Option<TimeValue>> = if survey::has_time(layout) {
            snapshot.steps(&group.name).await?.into_iter().filter(|t| request.toi.meets(&layout.time.period_of(*t))).map(Some).collect()
        } else {
            vec![None]
        };
        if !steps.is_empty() {
            parts.push(Part { group, window, grid: group.grid.crop(window)?, steps, bands: bands.clone(), clip: clip.then_some(outline) });
        }
    }
    if parts.is_empty() {
        return Err(Error::refused("the cube has no pixels of that region and time", "`cube status` shows what it holds"));
    }
    Ok(parts)
}

impl Part<'_> {
    /// A piece of one band and step; `piece` is a window of the tile.
    async fn read(&self, snapshot: &Snapshot, band: &BandLayout, step: Option<TimeValue>, piece: Window) -> Result<Pixels> {
        let window = Window::new(self.window.row + piece.row, self.window.col + piece.col, piece.rows, piece.cols);
        let mut pixels = snapshot.read(&self.group.name, &band.name, step, window).await?;
        if let Some(outline) = &self.clip {
            mask(&mut pixels, &outline.inside(window), band.fill);
        }
        Ok(pixels)
    }

    /// The tile in pieces of so many rows and a multiple of so many columns.
    fn pieces(&self, rows: usize, cols: usize) -> Vec<Window> {
        let shape: Shape = self.grid.shape();
        let wide = (MOST_COLS / cols.max(1)).max(1) * cols;
        let starts = |n: usize, by: usize| (0..n).step_by(by.max(1));
        starts(shape.rows, rows)
            .flat_map(|r| starts(shape.cols, wide).map(move |c| Window::new(r, c, rows.min(shape.rows - r), wide.min(shape.cols - c))))
            .collect()
    }

    fn file(&self, path: &Path, steps: &[Option<TimeValue>]) -> TileFile {
        TileFile {
            path: path.display().to_string(),
            crs: self.grid.crs().to_string(),
            shape: self.grid.shape().into(),
            extent: self.grid.extent().into(),
            bands: self.bands.iter().map(|b| b.name.clone()).collect(),
            steps: steps.iter().flatten().map(ToString::to_string).collect(),
        }
    }
}

/// Sets what lies outside to a value.
fn mask(pixels: &mut Pixels, inside: &[bool], fill: Number) {
    fn set<T: Pixel>(values: &mut [T], inside: &[bool], fill: Number) {
        let fill = T::from_number(fill).unwrap_or_default();
        values.iter_mut().zip(inside).filter(|(_, inside)| !**inside).for_each(|(v, _)| *v = fill);
    }
    with_pixels!(pixels, values => set(values, inside, fill));
}
