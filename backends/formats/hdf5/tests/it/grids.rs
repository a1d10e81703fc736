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
            (Ok(image), "opens") => {
                let time = match (file, variable) {
                    ("layers.nc", "v.1" | "v.2") => Some((1, 3)),
                    ("layers.nc", "v.6") => Some((3, 3)),
                    ("records3.nc", "w.1") => Some((1, 2)),
                    ("records3.nc", _) | ("steps.nc", "by_when.2") => Some((2, 2)),
                    _ => None,
                };
                assert_eq!(image.time(), time, "{file} {variable}");
                layers.push(layer(&*image, &path, variable, dumps.path()).await.unwrap());
            }
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

async fn in_memory(name: &str, bytes: Vec<u8>) -> ByteSource {
    let store = InMemory::new();
    let place = object_store::path::Path::from("file");
    store.put(&place, bytes.into()).await.unwrap();
    ByteSource { store: Arc::new(store) as Arc<dyn ObjectStore>, path: place, name: name.into() }
}

/// What a DMR++ would say of `air.nc`: four contiguous variables, whose places h5py tells.
fn described_air() -> String {
    let variable = |kind: &str, name: &str, dims: &[&str], attributes: &[(&str, &str, &str)], place: (u64, u64)| {
        let dims: String = dims.iter().map(|d| format!("<Dim name=\"/{d}\"/>")).collect();
        let attributes: String =
            attributes.iter().map(|(n, t, v)| format!("<Attribute name=\"{n}\" type=\"{t}\"><Value>{v}</Value></Attribute>")).collect();
        let chunk = format!("<dmrpp:chunk offset=\"{}\" nBytes=\"{}\"/>", place.0, place.1);
        format!("<{kind} name=\"{name}\">{dims}{attributes}<dmrpp:chunks fillValue=\"0\" byteOrder=\"LE\">{chunk}</dmrpp:chunks></{kind}>")
    };
    let variables = [
        variable("Float32", "lat", &["lat"], &[("units", "String", "degrees_north")], (5179, 44)),
        variable("Float32", "lon", &["lon"], &[("units", "String", "degrees_east")], (5223, 84)),
        variable("Int16", "air", &["time", "lat", "lon"], &[("scale_factor", "Float64", "0.01")], (15419, 57_288)),
    ];
    let dimensions: String = [("lat", 11), ("lon", 21), ("time", 124)].map(|(n, s)| format!("<Dimension name=\"{n}\" size=\"{s}\"/>")).concat();
    format!(
        "<Dataset xmlns=\"http://xml.opendap.org/ns/DAP/4.0#\" xmlns:dmrpp=\"http://xml.opendap.org/dap/dmrpp/1.0.0#\" name=\"air.nc\" dmrpp:version=\"3.21.1\">{dimensions}{}</Dataset>",
        variables.concat()
    )
}

#[tokio::test]
async fn a_sidecar_stands_for_the_header_and_changes_no_pixel() {
    let Some(corpus) = corpus("hdf5/kerchunk") else { return };
    let whole = std::fs::read(corpus.join("air.nc")).unwrap();
    let asset = Asset { variable: Some("air.5".to_owned()), ..Asset::bare("") };
    let expected = Grids::default().open_asset(in_memory("air.nc", whole.clone()).await, &asset).await.unwrap();
    let plain = pixels(&*expected).await.unwrap();
    let described = async |data: Vec<u8>, sidecar: &str| {
        let sidecar = in_memory("air.nc.dmrpp", sidecar.into()).await;
        Grids::default().open_described(in_memory("air.nc", data).await, sidecar, &asset).await
    };
    // A file whose header is gone is read by what its sidecar says, and by that alone.
    let mut headless = whole.clone();
    headless[..5179].fill(0);
    assert!(Grids::default().open_asset(in_memory("air.nc", headless.clone()).await, &asset).await.is_err());
    // A sidecar that is damaged, or knows nothing of the variable, is not used.
    for (data, sidecar) in
        [(headless.clone(), described_air()), (whole.clone(), "<Dataset".into()), (whole, described_air().replace("air\"", "wind\""))]
    {
        let image = described(data, &sidecar).await.unwrap();
        assert_eq!((image.dtype(0), image.scaling(0), image.levels()), (expected.dtype(0), expected.scaling(0), expected.levels()));
        assert!(pixels(&*image).await.unwrap() == plain);
    }
    assert!(described(headless, "<Dataset").await.is_err(), "neither can be read");
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
