//! The demo archive: written, served by the program, and opened by pystac and rasterio.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cube_testkit::demo::{Archive, read_items};
use serde_json::{Map, json};

/// 305 × 305 pixels of 360 m.
fn small() -> Archive {
    Archive { resolution: 360.0, block: 64, ..Archive::demo() }
}

/// A few true pixels for the script.
fn write_truth(archive: &Archive, directory: &Path) {
    let mut truth = Map::new();
    for scene in archive.scenes() {
        let band = &scene.bands[3];
        for (row, col) in [(0, 0), (304, 304), (150, 20), (77, 290)] {
            let place = format!("{}/{}/{}.tif|{row}|{col}", scene.collection, scene.id, band.name);
            truth.insert(place, json!(scene.pixel(band, row, col)));
        }
    }
    fs::write(directory.join("truth.json"), json!(truth).to_string()).expect("written");
}

#[test]
fn tiles_overlap_and_dates_differ() {
    let scenes = small().scenes();
    assert_eq!(scenes.len(), 12);
    let ids: std::collections::BTreeSet<_> = scenes.iter().map(|scene| &scene.id).collect();
    let days: std::collections::BTreeSet<_> = scenes.iter().map(|scene| scene.datetime.date_naive().to_string()).collect();
    assert_eq!(ids.len(), 12);
    assert_eq!(days.iter().map(String::as_str).collect::<Vec<_>>(), ["2024-06-03", "2024-06-08", "2024-06-13"]);
    let (north, south) = (&scenes[0], &scenes[3]);
    let bottom = north.place(north.shape.0 as f64, 0.0).1;
    assert!(north.epsg == south.epsg && bottom < south.affine[5] && north.affine[2] == south.affine[2]);
    let (west, east) = (north.lonlat_ring().expect("a ring"), scenes[6].lonlat_ring().expect("a ring"));
    let most = west.iter().map(|(lon, _)| *lon).fold(f64::MIN, f64::max);
    let least = east.iter().map(|(lon, _)| *lon).fold(f64::MAX, f64::min);
    assert!(scenes[6].epsg != north.epsg && least < most);
}

#[test]
fn the_program_writes_and_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().canonicalize().expect("a path");
    let program = env!("CARGO_BIN_EXE_cube-testkit");
    let made = Command::new(program).arg("archive").arg(&directory).args(["--resolution", "360"]).output().expect("the program starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(read_items(&directory).expect("items").len(), 12);
    write_truth(&small(), &directory);

    let port_file = directory.join("port");
    let mut serving = Command::new(program);
    serving.arg("serve").arg(&directory).arg("--port-file").arg(&port_file).stdout(Stdio::piped());
    let mut server = serving.spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let url = line.trim().strip_prefix("listening on ").expect("the URL").to_owned();
    let port = fs::read_to_string(&port_file).expect("the port");
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with(&format!(":{port}")), "{url}");
    // Stopped before anything is asserted of the script, so that no server outlives a failed test.
    let checked = std::panic::catch_unwind(|| common::python("check_archive.py", &[&directory.to_string_lossy(), &url]));
    // The shell's own: a small system has no program of that name.
    let killed = Command::new("sh").args(["-c", &format!("kill -TERM {}", server.id())]).status().expect("a shell");
    assert!(killed.success() && server.wait().expect("an end").success(), "SIGTERM ends the program in order");
    assert!(checked.is_ok(), "the script failed");
}

#[test]
fn wrong_usage_is_named() {
    let program = env!("CARGO_BIN_EXE_cube-testkit");
    for (arguments, code) in [(vec![], 2), (vec!["serve"], 2), (vec!["serve", "/nowhere"], 1), (vec!["archive", "/tmp", "--fast"], 1)] {
        let output = Command::new(program).args(&arguments).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
