//! Variables on grids, against netCDF4-python and GDAL.
#![expect(clippy::panic, reason = "a test")]

use std::{path::Path, sync::Arc};

use cube_backend::{ByteSource, Format, Image};
use cube_core::{Asset, Pixel, Raster, Window};
use cube_format_hdf5::Grids;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};
use serde_json::{Value, json};

use crate::dump::{corpus, files, python, run};

async fn source(path: &Path) -> ByteSource {
    let store = InMemory::new();
    let place = object_store::path::Path::from("granule");
    store.put(&place, std::fs::read(path).unwrap().into()).await.unwrap();
    ByteSource { store: Arc::new(store) as Arc<dyn ObjectStore>, path: place, name: path.to_str().unwrap().into() }
}

async fn open(grids: &Grids, path: &Path, variable: &str) -> Result<Arc<dyn Image>, String> {
    let asset = Asset { variable: Some(variable.to_owned()), ..Asset::bare("") };
    let opened = grids.open_asset(source(path).await, &asset).await;
    opened.map_err(|e| format!("{e}; {}", e.hint().unwrap_or_default()))
}

/// Every pixel of an image, by the blocks of overlapping windows.
async fn pixels(image: &dyn Image) -> Result<Raster, String> {
    let shape = image.levels()[0].shape();
    let size = image.dtype(0).size();
    let (mut bytes, mut valid) = (vec![0; shape.len() * size], vec![false; shape.len()]);
    let half = shape.cols.div_ceil(2);
    for window in [Window::new(0, 0, shape.rows, half), Window::new(0, half, shape.rows, shape.cols - half)] {
        for block in image.blocks(0, &[0], window) {
            let place = match block.place {
                cube_backend::Place::Range { offset, length } => {
                    let source = image.source();
                    source.store.get_range(&source.path, offset..offset + length).await.map_err(|e| e.to_string())?
                }
                _ => bytes::Bytes::new(),
            };
            let raster = image.decode(&block, place, None).map_err(|e| e.to_string())?.remove(0);
            for row in 0..block.window.rows {
                let (to, from) = ((block.window.row + row) * shape.cols + block.window.col, row * block.window.cols);
                bytes[to * size..][..block.window.cols * size].copy_from_slice(&raster.pixels.as_bytes()[from * size..][..block.window.cols * size]);
                for col in 0..block.window.cols {
                    valid[to + col] = raster.mask.as_ref().is_none_or(|m| m[from + col]);
                }
            }
        }
    }
    let pixels = cube_core::Pixels::from_bytes(image.dtype(0), &bytes).unwrap();
    // What is nodata by its value, and NaN, is so for the engine.
    cube_core::with_dtype!(pixels.dtype(), T => {
        let nodata = image.nodata(0).and_then(T::from_number);
        for (pixel, valid) in T::unwrap_ref(&pixels).unwrap().iter().zip(&mut valid) {
            *valid &= Some(*pixel) != nodata && !pixel.to_f64().is_nan();
        }
    });
    Ok(Raster { shape, pixels, mask: Some(valid) })
}

/// Pixels and mask go into files of their own: as text they would be many times larger.
async fn layer(image: &dyn Image, path: &Path, variable: &str, folder: &Path) -> Result<Value, String> {
    let raster = pixels(image).await?;
    let grid = &image.levels()[0];
    let a = grid.affine();
    let corner = a.apply(0.0, 0.0);
    let (east, south) = (a.apply(1.0, 0.0), a.apply(0.0, 1.0));
    let (name, number) = variable.rsplit_once('.').and_then(|(name, n)| Some((name, n.parse::<usize>().ok()?))).unwrap_or((variable, 1));
    let written = |what: &str, bytes: &[u8]| {
        let file = folder.join(format!("{what}-{}", std::fs::read_dir(folder).unwrap().count()));
        std::fs::write(&file, bytes).unwrap();
        file
    };
    Ok(json!({
        "file": path,
        "variable": name,
        "layer": number - 1,
        "crs": grid.crs().as_str(),
        "affine": [east.0 - corner.0, south.0 - corner.0, corner.0, east.1 - corner.1, south.1 - corner.1, corner.1],
        "shape": [grid.shape().rows, grid.shape().cols],
        "dtype": image.dtype(0).name(),
        "pixels": written("pixels", raster.pixels.as_bytes()),
        "valid": written("valid", &raster.mask.unwrap().iter().map(|v| u8::from(*v)).collect::<Vec<_>>()),
    }))
}

fn differences(python: &std::ffi::OsStr, layers: &[Value], folder: &Path) -> Vec<String> {
    let file = folder.join("layers.json");
    std::fs::write(&file, serde_json::to_vec(layers).unwrap()).unwrap();
    let output = run(python, "grids_compare.py", &[&file]);
    let (counts, differences): (Vec<&str>, Vec<&str>) = output.lines().filter(|l| !l.is_empty()).partition(|l| l.starts_with('#'));
    println!("{}", counts.join("\n"));
    differences.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_convention_agrees_with_netcdf4_and_gdal() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cases = run(&python, "grids_make.py", &[folder.path()]);
    let (grids, dumps) = (Grids::default(), tempfile::tempdir().unwrap());
    let (mut layers, mut wrong) = (Vec::new(), Vec::new());
    for case in cases.lines() {
        let [file, variable, expected] = case.split('\t').collect::<Vec<_>>()[..] else { panic!("{case}") };
        let path = folder.path().join(file);
        match (open(&grids, &path, variable).await, expected) {
            (Ok(image), "opens") => layers.push(layer(&*image, &path, variable, dumps.path()).await.unwrap()),
            (Ok(_), _) => wrong.push(format!("{file} {variable} opens, and should say `{expected}`")),
            (Err(error), _) if error.contains(expected) => {}
            (Err(error), _) => wrong.push(format!("{file} {variable}: {error}")),
        }
    }
    // GDAL knows this mapping by another parameter only, and takes the sphere without the projection.
    wrong.extend(differences(&python, &layers, dumps.path()).into_iter().filter(|line| !line.contains("sinusoidal.nc\tv\tcrs")));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(layers.len() > 30);
}

/// Each variable of each file of the corpus that has rows and columns: as netCDF4 and GDAL have it, or refused.
#[tokio::test]
async fn the_corpus_agrees_with_netcdf4_and_gdal() {
    let (Some(corpus), Some(python)) = (corpus("hdf5"), python()) else { return };
    let (grids, dumps) = (Grids::default(), tempfile::tempdir().unwrap());
    let (mut layers, mut refused) = (Vec::new(), std::collections::BTreeMap::<String, usize>::new());
    for path in files(&corpus) {
        let Err(names) = open(&grids, &path, "there is none of this name").await else { continue };
        let names: Vec<&str> = names.split('`').skip(1).step_by(2).skip(2).collect();
        for name in names {
            let image = match open(&grids, &path, name).await {
                Err(e) if e.contains(" layers (") => open(&grids, &path, &format!("{name}.1")).await,
                other => other,
            };
            match image {
                Ok(image) => match layer(&*image, &path, name, dumps.path()).await {
                    Ok(layer) => layers.push(layer),
                    Err(e) => *refused.entry(e).or_default() += 1,
                },
                Err(e) => *refused.entry(e.replace(path.to_str().unwrap(), "").replace(name, "")).or_default() += 1,
            }
        }
    }
    println!("{} layers; refused: {refused:#?}", layers.len());
    let mut found = differences(&python, &layers, dumps.path());
    // Its coordinates are degrees, and its grid mapping, there for a test of another program, is a projection; GDAL takes degrees for metres.
    found.retain(|line| !line.contains("ref_nccopy3_subset.nc\tcnv_CF_grd\tcrs"));
    assert!(found.is_empty(), "{found:#?}");
    assert!(layers.len() > 50);
}
