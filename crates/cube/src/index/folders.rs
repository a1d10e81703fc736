//! A catalogue of folders of rasters.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use cube_backend::{ByteSource, Format, Taken};
use cube_catalog_stac::write_index;
use cube_core::{Asset, TimeValue};
use futures::{StreamExt, stream};

use super::{
    Indexed, Skipped, name,
    record::{Raster, Scene, item},
};
use crate::{Environment, Error, Result};

/// Headers opened at once.
const PARALLEL: usize = 16;

/// What the files do not say.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    /// The collection of all items.
    pub collection: String,
    /// The time of files that tell none, as little as their names and those of their folders. Without it they have no time: for cubes without a time axis.
    pub time: Option<TimeValue>,
}

/// Walks folders, opens the header of every raster of a known format, and writes one item a scene. Files of one folder and one footprint whose
/// names differ in their last part only are the assets of one item. A file that cannot be read is left out and named.
pub async fn index_folders(folders: &[PathBuf], options: &FolderOptions, out: &Path, environment: &Environment) -> Result<Indexed> {
    let files = files(folders, environment)?;
    if files.is_empty() {
        let named = folders.iter().map(|f| format!("`{}`", f.display())).collect::<Vec<_>>().join(", ");
        return Err(Error::refused(
            format!("there is no raster in {named}"),
            "rasters are known by the endings of their names: .tif, .tiff, .nc, .h5, …",
        ));
    }
    let (mut rasters, mut skipped) = (Vec::new(), Vec::new());
    let mut opened = stream::iter(files).map(|path| open(path, environment)).buffered(PARALLEL);
    while let Some((path, raster)) = opened.next().await {
        match raster {
            Ok(raster) => rasters.push(raster),
            Err(error) => skipped.push(Skipped { path: path.display().to_string(), reason: error.to_string() }),
        }
    }
    let scenes = scenes(rasters, options)?;
    let out_absolute = std::path::absolute(out).map_err(|e| Error::unwritable(out, e))?;
    let folder = out_absolute.parent().unwrap_or_else(|| Path::new("/"));
    let (mut items, mut without_time) = (Vec::new(), Vec::new());
    for scene in scenes {
        match item(&scene, &options.collection, folder) {
            Ok(item) => {
                items.push(Ok(item));
                without_time.extend(scene.taken.is_none().then_some(scene.id));
            }
            Err(error) => skipped.extend(scene.assets.iter().map(|(_, r)| Skipped { path: r.path.display().to_string(), reason: error.to_string() })),
        }
    }
    let written = write_index(stream::iter(items), out).await?;
    Ok(Indexed { path: out.display().to_string(), items: written.items, bytes: written.bytes, skipped, without_time })
}

/// Every file in the folders and below that a format recognises, sorted; each once.
fn files(folders: &[PathBuf], environment: &Environment) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open: Vec<PathBuf> = Vec::new();
    for given in folders {
        open.push(std::path::absolute(given).map_err(|e| Error::unreadable(given, e))?);
    }
    while let Some(path) = open.pop() {
        let meta = std::fs::metadata(&path).map_err(|e| Error::unreadable(&path, e))?;
        if meta.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(|e| Error::unreadable(&path, e))? {
                let entry = entry.map_err(|e| Error::unreadable(&path, e))?;
                // Links are not followed, so that a circle ends; a link that was named is.
                let of_folder = entry.file_type().is_ok_and(|t| t.is_dir());
                if of_folder || recognised(&entry.path(), environment) {
                    open.push(entry.path());
                }
            }
        } else if recognised(&path, environment) {
            found.insert(path);
        }
    }
    Ok(found)
}

fn recognised(path: &Path, environment: &Environment) -> bool {
    let asset = Asset::bare(&path.to_string_lossy());
    environment.formats().iter().any(|f| f.recognises(&asset))
}

async fn open(path: PathBuf, environment: &Environment) -> (PathBuf, Result<Raster>) {
    let raster = raster(&path, environment).await;
    (path, raster)
}

/// The header of a file; of one that holds several variables, that of the first on a grid.
async fn raster(path: &Path, environment: &Environment) -> Result<Raster> {
    let href = path.to_string_lossy();
    let format = environment.format(&href)?;
    let bytes = environment.sources().source(&href).await?;
    let variables = format.variables(bytes.clone()).await?;
    if variables.is_empty() {
        return Raster::new(path, format.media_type(), format.open(bytes).await?.as_ref());
    }
    let mut refused = None;
    for variable in variables {
        // Layers are told apart by number; the first has the grid of all.
        for name in [variable.clone(), format!("{variable}.1")] {
            let asset = Asset { variable: Some(name), ..Asset::bare(&href) };
            match format.open_asset(bytes.clone(), &asset).await {
                Ok(image) => {
                    let taken = taken(format.as_ref(), bytes).await;
                    return Ok(Raster::new(path, format.media_type(), image.as_ref())?.with_variables(taken));
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
    }
    Err(refused.map_or_else(|| Error::refused("it has no variable", "leave it out"), Error::from))
}

/// When a file says that it was taken. One that cannot be read there may still have a time in its name.
async fn taken(format: &dyn Format, bytes: ByteSource) -> Option<Taken> {
    let name = Arc::clone(&bytes.name);
    format.taken(bytes).await.unwrap_or_else(|error| {
        tracing::warn!("the time in `{name}` cannot be read: {error}");
        None
    })
}

/// Files that belong together. Where their names say so and their footprints do not, or two are called the same (`a_red.tif`, `a-red.tif`), each is a
/// scene.
fn scenes(rasters: Vec<Raster>, options: &FolderOptions) -> Result<Vec<Scene>> {
    let mut groups: BTreeMap<(PathBuf, String), Vec<(String, Raster)>> = BTreeMap::new();
    for raster in rasters {
        let folder = raster.path.parent().unwrap_or_else(|| Path::new("/")).to_owned();
        let stem = raster.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // Variables are named within their file, not by it.
        let (scene, band) = if raster.has_variables() { (Some(stem.as_str()), "data") } else { name::scene_and_band(&stem) };
        let folder_name = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let scene = scene.map_or_else(folder_name, str::to_owned);
        groups.entry((folder, scene)).or_default().push((band.to_owned(), raster));
    }
    let mut scenes = Vec::new();
    for ((folder, id), assets) in groups {
        let together = assets.windows(2).all(|w| w[0].1.same_footprint(&w[1].1));
        let bands: BTreeSet<&str> = assets.iter().map(|(band, _)| band.as_str()).collect();
        let parts = if together && bands.len() == assets.len() { vec![(id, assets)] } else { apart(assets) };
        for (id, assets) in parts {
            let named = || name::time(&id).or_else(|| folder.ancestors().filter_map(Path::file_name).find_map(|n| name::time(&n.to_string_lossy())));
            let taken = assets.iter().find_map(|(_, raster)| raster.taken);
            let taken = taken.or_else(|| named().or(options.time).map(Taken::once));
            scenes.push(Scene { id, folder: folder.clone(), taken, assets });
        }
    }
    unique(&mut scenes)?;
    Ok(scenes)
}

/// Files that are a scene each, called like the file: with its ending where that alone differs.
fn apart(assets: Vec<(String, Raster)>) -> Vec<(String, Vec<(String, Raster)>)> {
    let mut stems: HashMap<String, usize> = HashMap::new();
    assets.iter().for_each(|(_, raster)| *stems.entry(stem(&raster.path)).or_default() += 1);
    let id = |path: &Path| match stem(path) {
        stem if stems[&stem] > 1 => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        stem => stem,
    };
    assets.into_iter().map(|asset| (id(&asset.1.path), vec![asset])).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Scenes of different folders may have one name; then the names of their folders tell them apart.
fn unique(scenes: &mut [Scene]) -> Result<()> {
    for depth in 1..32 {
        let mut counts: HashMap<String, usize> = HashMap::new();
        scenes.iter().for_each(|s| *counts.entry(s.id.clone()).or_default() += 1);
        if counts.values().all(|n| *n == 1) {
            return Ok(());
        }
        for scene in scenes.iter_mut().filter(|s| counts[&s.id] > 1) {
            if let Some(parent) = scene.folder.ancestors().nth(depth - 1).and_then(Path::file_name) {
                scene.id = format!("{}_{}", parent.to_string_lossy(), scene.id);
            }
        }
    }
    let twice = scenes.iter().find(|s| scenes.iter().filter(|o| o.id == s.id).count() > 1).map_or_else(String::new, |s| s.id.clone());
    Err(Error::refused(format!("two scenes would be called `{twice}`"), "rename one of their files, or index their folders apart"))
}
