//! Real geometries: what is read lies on Earth, what is not says why.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use cube_core::{Roi, Transform};

/// Longitude and latitude to themselves.
#[derive(Debug)]
struct Same;

impl Transform for Same {
    fn transform(&self, _: &mut [f64], _: &mut [f64]) {}
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|e| e == "geojson" || e == "json" || e == "wkt") {
            into.push(path);
        }
    }
}

#[test]
fn real_geometries_are_read_or_refused_with_a_reason() {
    let corpus = std::env::var("CUBE_CORPUS").map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    let mut all = Vec::new();
    files(&corpus.join("geometry"), &mut all);
    if all.is_empty() {
        println!("corpus not found: skipped");
        return;
    }
    let mut read = 0;
    for path in &all {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        match Roi::parse(&text, None) {
            Ok(roi) => {
                read += 1;
                let Ok(shapes) = roi.to_lonlat(&Same, &Same) else { continue };
                assert!(shapes.coords().all(|c| c.x.abs() <= 180.0 && c.y.abs() <= 90.0), "{}", path.display());
            }
            Err(e) => {
                assert!(e.hint().is_some() && e.to_string().len() < 500, "{}: {e}", path.display());
                println!("{}: {e}", path.display());
            }
        }
    }
    assert!(read * 2 > all.len(), "{read} of {} were read", all.len());
}
