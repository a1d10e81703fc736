//! Every file of the corpus reads as rasterio reads it, or is refused by name. Needs `CUBE_PYTHON` (a Python with rasterio) and the corpus.
#![allow(clippy::print_stdout, reason = "the table of refusals is for people")]

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use cube_backend::{ByteSource, Error, Format, Image, Kind, Place};
use cube_core::{Affine, Asset, Crs, Number, Pixels, Raster, SourceGrid, Window};
use cube_format_cog::Cog;
use md5::{Digest, Md5};
use object_store::{ObjectStore, local::LocalFileSystem};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_the_corpus_reads_as_rasterio_reads_it() {
    let Some(corpus) = corpus() else { return println!("corpus not found: skipped") };
    let Some(python) = std::env::var_os("CUBE_PYTHON") else { return println!("CUBE_PYTHON not set: skipped") };
    let files = tiffs(&corpus.join("geotiff"));
    assert!(files.len() > 200, "only {} files", files.len());
    check(&python, &corpus, &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_that_gdal_writes_reads_as_rasterio_reads_it() {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else { return println!("CUBE_PYTHON not set: skipped") };
    let folder = written_by_gdal(&python);
    let files = tiffs(folder.path());
    assert!(files.len() > 500, "only {} files", files.len());
    check(&python, folder.path(), &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_errors_and_never_panics() {
    let Some(corpus) = corpus() else { return println!("corpus not found: skipped") };
    let mut count = 0;
    for file in tiffs(&corpus.join("geotiff")) {
        count += usize::from(damaged(&file, 60_000).await);
    }
    assert!(count > 100, "only {count} files");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_the_rarer_codecs_is_an_error_and_never_a_panic() {
    let Some(python) = std::env::var_os("CUBE_PYTHON") else { return println!("CUBE_PYTHON not set: skipped") };
    let folder = written_by_gdal(&python);
    let rarer = ["LERC", "jpeg-", "webp", "packbits", "mask-", "bits-", "half", "cog-"];
    let of_one_kind = |f: &PathBuf| rarer.iter().any(|r| f.file_name().is_some_and(|n| n.to_string_lossy().contains(r)));
    for file in tiffs(folder.path()).iter().filter(|f| of_one_kind(f)).step_by(3) {
        damaged(file, u64::MAX).await;
    }
}

/// Runs the suite for damage on files that are not too large and that open.
async fn damaged(file: &Path, most: u64) -> bool {
    if file.metadata().expect("a file").len() > most {
        return false;
    }
    let bytes = source(file);
    if Stated.open(bytes.clone()).await.is_err() {
        return false;
    }
    cube_backend::testing::format::endures(&Stated, &bytes).await;
    true
}

/// Opens files that do not say where they lie as well.
#[derive(Debug)]
struct Stated;

#[async_trait::async_trait]
impl Format for Stated {
    fn name(&self) -> &'static str {
        "stated"
    }

    fn media_type(&self) -> &'static str {
        Cog.media_type()
    }

    fn recognises(&self, asset: &Asset) -> bool {
        Cog.recognises(asset)
    }

    async fn open(&self, bytes: ByteSource) -> Result<Arc<dyn Image>, Error> {
        Cog.open_asset(bytes, &stated()).await
    }
}

fn stated() -> Asset {
    let grid = SourceGrid { crs: Some(Crs::wgs84()), affine: Some(Affine::new(1.0, 0.0, 0.0, 0.0, -1.0, 0.0)), ..SourceGrid::default() };
    Asset { grid: Some(grid), ..Asset::bare("") }
}

fn written_by_gdal(python: &std::ffi::OsStr) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/generate.py");
    let status = Command::new(python).arg(script).arg(folder.path()).stderr(Stdio::null()).status().expect("python runs");
    assert!(status.success(), "the files were not written");
    folder
}

/// Compares all files and prints what became of them.
async fn check(python: &std::ffi::OsStr, folder: &Path, files: &[PathBuf]) {
    let requests: Vec<_> = files.iter().map(|f| json!({ "read": f })).collect();
    let truth = ask(python, &requests);
    let mut table = BTreeMap::<String, Vec<String>>::new();
    let mut wrong = Vec::new();
    let mut crs_questions = Vec::new();
    for (file, truth) in files.iter().zip(&truth) {
        let name = file.strip_prefix(folder).expect("inside").display().to_string();
        match compare(file, truth, &mut crs_questions).await {
            Ok(outcome) => table.entry(outcome).or_default().push(name),
            Err(problem) => wrong.push(format!("{name}: {problem}")),
        }
    }
    for (question, answer) in crs_questions.iter().zip(ask(python, &crs_questions)) {
        if answer["same"] != json!(true) {
            wrong.push(format!("{}: CRS {} is not that of rasterio: {answer}", question["crs"], question["text"]));
        }
    }
    for (outcome, names) in &table {
        println!("{:4}  {outcome}", names.len());
        if !outcome.starts_with("equal") {
            names.iter().for_each(|n| println!("          {n}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What became of a file: equal, or refused and why; an error says what differs.
async fn compare(file: &Path, truth: &Value, crs_questions: &mut Vec<Value>) -> Result<String, String> {
    let opened = Cog.open(source(file)).await;
    let image = match &opened {
        Ok(image) => {
            if let Some(first) = image.levels().first() {
                if truth["crs"].is_null() && truth["error"].is_null() {
                    return Err(format!("a CRS was found where rasterio has none: {}", first.crs()));
                }
                crs_questions.push(json!({ "crs": file, "text": first.crs().as_str() }));
                same_affine(first.affine(), truth)?;
            }
            image.clone()
        }
        Err(error) if error.kind() == Kind::Unsupported || error.kind() == Kind::Corrupt => match Cog.open_asset(source(file), &stated()).await {
            Ok(image) => {
                let has_grid = !truth["crs"].is_null() && truth["gcps"] == json!(0) && truth["transform"] != json!([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
                if has_grid && truth["error"].is_null() {
                    let text = error.to_string();
                    return Ok(format!("refused, where rasterio has a CRS: {}", text.split_once("`: ").map_or(&*text, |(_, rest)| rest)));
                }
                image
            }
            Err(error) => return Ok(refused(&error, truth)),
        },
        Err(error) => return Err(format!("{:?}: {error}", error.kind())),
    };
    let placed = if opened.is_ok() { "equal" } else { "equal, with a grid that had to be stated" };
    if let Some(error) = truth["error"].as_str() {
        return match read_all(&*image, 0) {
            Err(_) => Ok(format!("neither rasterio nor we can read it: {error}")),
            Ok(_) => Ok(format!("equal not known: we read it, rasterio says {error}")),
        };
    }
    if let Err(error) = pixels_agree(&*image, truth, file)? {
        return Ok(refused(&error, truth));
    }
    Ok(placed.to_owned())
}

fn refused(error: &Error, truth: &Value) -> String {
    let text = error.to_string();
    let text = text.split_once("` ").map_or(text.as_str(), |(_, rest)| rest);
    let theirs = truth["error"].as_str().map(|e| format!(" (rasterio: {})", e.split(['/', '\n']).next().unwrap_or(e))).unwrap_or_default();
    format!("{:?}: {text}{theirs}", error.kind())
}

fn same_affine(ours: Affine, truth: &Value) -> Result<(), String> {
    let theirs: Vec<f64> = truth["transform"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let ours = <[f64; 6]>::from(ours);
    let same = theirs.iter().zip(ours).all(|(t, o)| (t - o).abs() <= 1e-12 * t.abs().max(1.0));
    if same && theirs.len() == 6 { Ok(()) } else { Err(format!("transform {ours:?} instead of {theirs:?}")) }
}

/// The outer error says what differs, the inner one why a file cannot be decoded.
fn pixels_agree(image: &dyn Image, truth: &Value, file: &Path) -> Result<Result<(), Error>, String> {
    let dtypes: Vec<_> = truth["dtypes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ours: Vec<_> = (0..image.bands()).map(|b| image.dtype(b).name()).collect();
    // GDAL before 3.11 says float32 of half floats, later float16.
    let theirs: Vec<_> = dtypes.iter().map(|d| if *d == "float16" { "float32" } else { d }).collect();
    if ours != theirs {
        return Err(format!("types {ours:?} instead of {dtypes:?}"));
    }
    for band in 0..image.bands() {
        let theirs = truth["nodata"][band].as_str().and_then(|t| Number::parse(t).ok());
        let ours = image.nodata(band);
        let single = |n: Number| if image.dtype(band).name() == "float32" { Number::from(f64::from(n.as_f64() as f32)) } else { n };
        let same = match (ours, theirs) {
            (Some(a), Some(b)) => single(a).same(single(b)),
            (None, Some(b)) => !b.fits(image.dtype(band)),
            (a, None) => a.is_none(),
        };
        if !same {
            return Err(format!("nodata {ours:?} instead of {theirs:?}"));
        }
        let (scale, offset) = image.scaling(band).unwrap_or((1.0, 0.0));
        if json!([scale, offset]) != truth["scaling"][band] {
            return Err(format!("scaling {scale}, {offset} instead of {}", truth["scaling"][band]));
        }
    }
    let levels = truth["levels"].as_array().cloned().unwrap_or_default();
    if levels.len() != image.levels().len() {
        let shapes: Vec<_> = image.levels().iter().map(|g| g.shape()).collect();
        return Err(format!("levels {shapes:?} instead of {:?}", levels.iter().map(|l| &l["shape"]).collect::<Vec<_>>()));
    }
    for (level, theirs) in levels.iter().enumerate() {
        let bands = match read_all(image, level) {
            Ok(bands) => bands,
            Err(error) => return Ok(Err(error)),
        };
        let shape = image.levels()[level].shape();
        if theirs["shape"] != json!([shape.rows, shape.cols]) {
            return Err(format!("level {level} has {shape} pixels instead of {}", theirs["shape"]));
        }
        for (band, found) in bands.iter().enumerate() {
            let half = dtypes[band] == "float16";
            let bytes = if half { as_half(&found.raster.pixels) } else { found.raster.pixels.as_bytes().to_vec() };
            if json!(hex(&bytes)) != theirs["pixels"][band] {
                return Err(format!("pixels of band {band} of level {level} differ ({} of {})", file.display(), shape));
            }
            let valid: Vec<u8> = validity(image, band, &found.raster).into_iter().map(u8::from).collect();
            if json!(hex(&valid)) != theirs["masks"][band] && !(found.absent && image.nodata(band).is_none()) {
                let count = valid.iter().filter(|v| **v == 1).count();
                return Err(format!("mask of band {band} of level {level} differs: {count} of {} valid, {}", valid.len(), truth["mask_flags"][band]));
            }
        }
    }
    Ok(Ok(()))
}

fn as_half(pixels: &Pixels) -> Vec<u8> {
    match pixels {
        Pixels::Float32(values) => values.iter().flat_map(|v| half::f16::from_f32(*v).to_ne_bytes()).collect(),
        other => other.as_bytes().to_vec(),
    }
}

struct Found {
    raster: Raster,
    /// Whether some block was not stored.
    absent: bool,
}

/// A level put together from its blocks.
fn read_all(image: &dyn Image, level: usize) -> Result<Vec<Found>, Error> {
    let shape = image.levels()[level].shape();
    let bands: Vec<usize> = (0..image.bands()).collect();
    let empty = |b: usize| Found {
        raster: Raster { shape, pixels: Pixels::filled(image.dtype(b), Number::Int(0), shape.len()).expect("zero fits"), mask: None },
        absent: false,
    };
    let mut found: Vec<_> = bands.iter().map(|b| empty(*b)).collect();
    let file = std::fs::read(format!("/{}", image.source().path)).expect("the file");
    let bytes = |place: &Place| match place {
        Place::Range { offset, length } => {
            let end = (offset + length).min(file.len() as u64);
            file.get(*offset as usize..end as usize).map(bytes::Bytes::copy_from_slice).unwrap_or_default()
        }
        _ => bytes::Bytes::new(),
    };
    for block in image.blocks(level, &bands, Window::whole(shape)) {
        let rasters = image.decode(&block, bytes(&block.place), block.mask.as_ref().map(&bytes))?;
        for (band, raster) in block.bands.clone().zip(rasters) {
            found[band].absent |= block.place == Place::Absent;
            paste(&mut found[band].raster, &raster, block.window);
        }
    }
    Ok(found)
}

fn paste(into: &mut Raster, part: &Raster, window: Window) {
    let cols = into.shape.cols;
    let at = |row: usize| (window.row + row) * cols + window.col;
    cube_core::with_dtype!(part.pixels.dtype(), T => {
        let from = <T as cube_core::Pixel>::unwrap_ref(&part.pixels).expect("its type").clone();
        let to = <T as cube_core::Pixel>::unwrap_mut(&mut into.pixels).expect("the same type");
        for row in 0..window.rows {
            to[at(row)..at(row) + window.cols].copy_from_slice(&from[row * window.cols..(row + 1) * window.cols]);
        }
    });
    if let Some(mask) = &part.mask {
        let all = into.mask.get_or_insert_with(|| vec![true; into.shape.len()]);
        for row in 0..window.rows {
            all[at(row)..at(row) + window.cols].copy_from_slice(&mask[row * window.cols..(row + 1) * window.cols]);
        }
    }
}

/// As GDAL has it: the mask, else nodata.
fn validity(image: &dyn Image, band: usize, raster: &Raster) -> Vec<bool> {
    match (&raster.mask, image.nodata(band)) {
        (_, Some(nodata)) if !has_real_mask(image) => cube_core::with_dtype!(raster.pixels.dtype(), T => {
            let excluded = <T as cube_core::Pixel>::from_number(nodata);
            let values = <T as cube_core::Pixel>::unwrap_ref(&raster.pixels).expect("its type");
            let masked = raster.mask.clone().unwrap_or_else(|| vec![true; values.len()]);
            values.iter().zip(masked).map(|(v, m)| m && excluded.is_none_or(|e| !cube_core::Pixel::same(*v, e))).collect()
        }),
        (Some(mask), _) => mask.clone(),
        (None, _) => vec![true; raster.shape.len()],
    }
}

fn has_real_mask(image: &dyn Image) -> bool {
    image.blocks(0, &[0], Window::new(0, 0, 1, 1)).iter().any(|b| b.mask.is_some())
}

fn hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn source(file: &Path) -> ByteSource {
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let path = object_store::path::Path::from_absolute_path(file).expect("a path");
    ByteSource { store, path, name: file.file_name().expect("a name").to_string_lossy().into() }
}

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(4).map(|root| root.join("shared/corpus"));
    std::env::var_os("CUBE_CORPUS").map(PathBuf::from).or_else(beside).filter(|p| p.is_dir())
}

fn tiffs(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(tiffs(&entry));
        } else if entry.extension().is_some_and(|e| ["tif", "tiff"].contains(&&*e.to_string_lossy().to_lowercase())) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn ask(python: &std::ffi::OsStr, requests: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/oracle.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("python runs");
    let text = serde_json::to_string(requests).expect("JSON");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("python listens");
    let output = child.wait_with_output().expect("python ends");
    let answers: Vec<Value> = String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(answers.len(), requests.len(), "python answered {} of {} questions", answers.len(), requests.len());
    answers
}
