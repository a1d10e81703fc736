//! A catalogue of folders of rasters.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use cube_backend::Image;
use cube_catalog_stac::{Item, RasterAsset, RasterScene, write_index};
use cube_core::{GeoBox, TimeValue};
use futures::{StreamExt, stream};

use super::{Indexed, Skipped, name};
use crate::{Environment, Error, Result, environment::bare_asset};

/// Headers opened at once.
const PARALLEL: usize = 16;
/// The asset of a file that is a scene of its own.
const ALONE: &str = "data";

/// What the files do not say.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    /// The collection of all items.
    pub collection: String,
    /// The time of files whose names, and whose folders' names, tell none.
    pub time: Option<TimeValue>,
}

/// One raster, by its header.
struct Raster {
    path: PathBuf,
    grid: GeoBox,
    asset: RasterAsset,
}

/// Walks folders, opens the header of every raster of a known format, and writes one item a scene. Files of one folder and one footprint whose
/// names differ in their last part only are the assets of one item.
pub async fn index_folders(folders: &[PathBuf], options: &FolderOptions, out: &Path, environment: &Environment) -> Result<Indexed> {
    let files = files(folders, environment)?;
    if files.is_empty() {
        let named = folders.iter().map(|f| format!("`{}`", f.display())).collect::<Vec<_>>().join(", ");
        let known: Vec<_> = environment.formats().iter().map(|f| f.name()).collect();
        return Err(Error::refused(format!("there is no raster in {named}"), format!("formats are {}; they are known by the endings of names", known.join(", "))));
    }
    let mut skipped = Vec::new();
    let mut rasters = Vec::new();
    let mut opened = stream::iter(files).map(|path| open(path, environment)).buffered(PARALLEL);
    while let Some((path, result)) = opened.next().await {
        match result {
            Ok(raster) => rasters.push(raster),
            Err(error) => skipped.push(Skipped { path: path.display().to_string(), reason: error.to_string() }),
        }
    }
    let scenes = scenes(rasters, options)?;
    let folder = out.parent().map(Path::to_owned).unwrap_or_default();
    let items: Vec<cube_backend::Result<Item>> = scenes.iter().map(|scene| Item::from_rasters(scene, &folder)).collect();
    let written = write_index(stream::iter(items), out).await?;
    Ok(Indexed { path: out.display().to_string(), items: written.items, bytes: written.bytes, skipped })
}
