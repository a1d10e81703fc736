//! The HDF5 reader over a corpus, against h5py and netCDF4-python.

use std::path::{Path, PathBuf};

use cube_backend::Kind;
use cube_format_hdf5::{read_bytes, recognise};
use serde_json::{Value, json};

use crate::dump::{self, corpus, files, origin, python, run};

/// All HDF5 files of the corpus, and the data files of sidecars.
fn corpus_files() -> Option<Vec<PathBuf>> {
    let mut all = files(&corpus("hdf5")?);
    let is_data = |p: &PathBuf| p.extension().is_some_and(|e| ["h5", "nc", "nc4", "hdf", "he5"].iter().any(|known| e == *known));
    all.extend(files(&corpus("dmrpp")?).into_iter().filter(is_data));
    Some(all)
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap();
    match read_bytes(&bytes, origin(path.to_str().unwrap())) {
        // What h5py does not open is compared with netCDF4 elsewhere.
        Ok(_) if recognise(&bytes) == Some(cube_format_hdf5::Kind::NetCdf3) => json!([path, null, "classic netCDF"]),
        Ok(granule) => json!([path, dump::granule(&granule, &bytes), null]),
        Err(e) => json!([path, null, e.to_string()]),
    }
}

/// Prints the script's counts; the lines of differences.
fn compare(python: &std::ffi::OsStr, files: &[PathBuf], with_netcdf: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifests.json");
    let all: Vec<Value> = files.iter().map(|f| read(f)).collect();
    std::fs::write(&manifest, serde_json::to_vec(&all).unwrap()).unwrap();
    let mut arguments = vec![manifest.as_path()];
    if !with_netcdf {
        arguments.push(Path::new("--without-netcdf"));
    }
    let output = run(python, "hdf5_compare.py", &arguments);
    let (counts, differences): (Vec<&str>, Vec<&str>) = output.lines().filter(|l| !l.is_empty()).partition(|l| l.starts_with('#'));
    println!("{}", counts.join("\n"));
    differences.into_iter().map(str::to_owned).collect()
}

/// What a difference is that is not ours, and why.
struct Exception {
    file: &'static str,
    path: &'static str,
    #[expect(dead_code, reason = "it is for readers")]
    why: &'static str,
}

const NAMES: &str =
    "one object has several names: netCDF calls all of them by the last one, here each keeps its own and the first names the dimension";

const EXCEPTIONS: [Exception; 9] = [
    Exception { file: "/alldatatypes.nc", path: "/group/char_var", why: "two dimensions of one name: netCDF4-python gives the nearer for both" },
    Exception { file: "/air_linked.nc", path: "/", why: NAMES },
    Exception { file: "/air_linked.nc", path: "/lat", why: NAMES },
    Exception { file: "/air_linked.nc", path: "/air", why: NAMES },
    Exception { file: "/air_linked.nc", path: "/time", why: NAMES },
    Exception { file: "/air_linked.nc", path: "/lat_soft", why: NAMES },
    Exception { file: "/air_linked.nc", path: "/time_soft", why: NAMES },
    Exception { file: "/dim_scales.hdf5", path: "/dset2", why: "no scale is attached: netCDF takes dimensions of the same length" },
    Exception { file: "/elink.h5", path: "/pep/pep2", why: "netCDF follows a link to a group of another file" },
];

fn is(line: &str, exception: &Exception) -> bool {
    let mut parts = line.split('\t');
    parts.next().is_some_and(|file| file.ends_with(exception.file)) && parts.next() == Some(exception.path)
}

#[test]
fn the_corpus_agrees_with_h5py_and_netcdf4() {
    let (Some(files), Some(python)) = (corpus_files(), python()) else { return };
    let differences = compare(&python, &files, true);
    let unexplained: Vec<&String> = differences.iter().filter(|line| !EXCEPTIONS.iter().any(|e| is(line, e))).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for e in &EXCEPTIONS {
        assert!(differences.iter().any(|line| is(line, e)), "{} {} no longer differs", e.file, e.path);
    }
}

#[test]
fn every_layout_filter_type_and_index_agrees_with_h5py() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    run(&python, "hdf5_make.py", &[folder.path()]);
    let (refused, files): (Vec<_>, Vec<_>) = files(folder.path()).into_iter().partition(|path| path.parent().unwrap().ends_with("refused"));
    assert!(refused.len() > 2);
    for path in refused {
        let error = read_bytes(&std::fs::read(&path).unwrap(), origin(path.to_str().unwrap())).unwrap_err();
        println!("# {error}");
        // Of several files only the first has a signature.
        let first = recognise(&std::fs::read(&path).unwrap()).is_some();
        assert_eq!(error.kind(), if first { Kind::Unsupported } else { Kind::Corrupt }, "{error}");
        assert_eq!(error.hint().is_some(), first);
    }
    // netCDF walks in a circle until it has no memory left.
    let (circles, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| path.ends_with("circles.h5"));
    assert_eq!(circles.len(), 1);
    let differences = [compare(&python, &others, true), compare(&python, &circles, false)].concat();
    assert!(differences.is_empty(), "{differences:#?}");
}
