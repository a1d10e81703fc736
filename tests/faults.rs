//! Servers that fail, and cubes that are damaged: right pixels or a named failure, never wrong pixels and never nodata instead.

use std::path::{Path, PathBuf};

use cube_testkit::server::{Fault, Rule};

use crate::support::{CHUNKS, DAYS, World, open, read, text};

const BROKEN: &str = "/a-2024-06-03/red.tif";

#[test]
fn failures_that_pass_leave_no_trace() {
    let passing = [Fault::Status { status: 503, retry_after: Some(0) }, Fault::Reset { after: 1000 }, Fault::Truncate { after: 500 }];
    for fault in passing {
        let world = World::new();
        world.server.faults().set(vec![Rule::once_per_path("*.tif", fault.clone())]);
        world.load(&world.path("cube"), &[]).exits(0);
        let cube = open(&world.path("cube"));
        let (red, truth) = (read(&cube, "red", DAYS[0]), world.truth("red", DAYS[0], 150, 120));
        assert_eq!(red[150 * 240 + 120], truth, "{fault:?}");
    }
}

#[test]
fn a_patch_that_cannot_be_read_is_named_and_the_rest_is_done() {
    let world = World::new();
    let path = world.created("cube");
    world.server.faults().set(vec![Rule::always(BROKEN, Fault::Status { status: 404, retry_after: None })]);
    let failed = world.load(&path, &[]).exits(1).says(&["scenes/a-2024-06-03", "hint:", "--skip-failed"]);
    assert!(failed.out.contains("failed"), "{}", failed.out);
    let status = world.run(&["status", text(&path), "--json"]).exits(0).json();
    let bands = status["groups"][0]["bands"].as_array().unwrap();
    let of = |name: &str| bands.iter().find(|b| b["name"] == name).unwrap();
    assert_eq!(of("nir")["not_loaded"], 0);
    assert!(of("red")["not_loaded"].as_u64().unwrap() > 0);
    assert!(of("red")["loaded"].as_u64().unwrap() >= CHUNKS / 2);

    world.server.faults().set(Vec::new());
    world.load(&path, &[]).exits(0);
    let red = read(&open(&path), "red", DAYS[0]);
    assert_eq!(red[30 * 240 + 30], world.truth("red", DAYS[0], 30, 30));
}

#[test]
fn what_is_skipped_is_partial() {
    let world = World::new();
    let path = world.created("cube");
    world.server.faults().set(vec![Rule::always(BROKEN, Fault::Status { status: 404, retry_after: None })]);
    world.load(&path, &["--skip-failed"]).exits(3).says(&["scenes/a-2024-06-03", "partial"]);
    world.run(&["status", text(&path)]).exits(0).says(&["partial"]);
    world.server.faults().set(Vec::new());
    world.load(&path, &[]).exits(0);
    assert_eq!(read(&open(&path), "red", DAYS[0])[30 * 240 + 30], world.truth("red", DAYS[0], 30, 30));
}

#[test]
fn a_catalogue_that_fails_is_an_error_and_no_empty_answer() {
    let world = World::new();
    let path = world.created("cube");
    world.server.faults().set(vec![Rule::always("/stac/search", Fault::Status { status: 400, retry_after: None })]);
    let failed = world.load(&path, &[]);
    assert!(failed.code == 1 || failed.code == 2, "{failed:?}");
    assert!(failed.err.contains("hint:") && failed.err.contains("127.0.0.1"), "{}", failed.err);
    world.server.faults().set(Vec::new());
    world.load(&path, &[]).exits(0);
}

/// The largest file below a folder whose name a filter lets through.
fn largest(folder: &Path, wanted: impl Fn(&Path) -> bool) -> PathBuf {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.retain(|f| wanted(f));
    files.into_iter().max_by_key(|f| std::fs::metadata(f).unwrap().len()).unwrap()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap()
}

fn assert_true(world: &World, path: &Path) {
    let cube = open(path);
    for band in ["red", "nir"] {
        let pixels = read(&cube, band, DAYS[0]);
        for (row, col) in [(30, 30), (150, 120), (199, 239)] {
            assert_eq!(pixels[row * 240 + col], world.truth(band, DAYS[0], row, col));
        }
    }
}

/// A chunk that is gone, empty, cut short, or changed in one bit: named with its file, and filled again on request.
#[test]
fn a_damaged_chunk_is_named_and_filled_again() {
    let damage: [fn(&Path, Vec<u8>); 4] = [
        |file, _| std::fs::remove_file(file).unwrap(),
        |file, _| std::fs::write(file, b"").unwrap(),
        |file, bytes| std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
        |file, mut bytes| {
            // The head of what blosc has compressed.
            bytes[0] ^= 0x40;
            std::fs::write(file, bytes).unwrap();
        },
    ];
    for store in ["cube", "cube.zarr"] {
        let world = World::new();
        let path = world.path(store);
        world.load(&path, &[]).exits(0);
        for (n, damage) in damage.iter().enumerate() {
            let is_pixels = |p: &Path| text(p).contains("/chunks/") || text(p).contains("/red/c/");
            let file = largest(&path, is_pixels);
            damage(&file, std::fs::read(&file).unwrap());
            let of_cube = file.strip_prefix(&path).unwrap();
            let (gone, plain) = (n == 0, store == "cube.zarr");
            let said = world.run(&["status", text(&path), "--check"]).exits(1).says(&["1 problem", "hint:", "--rewrite"]);
            assert!((gone && plain) || said.out.contains(text(of_cube)), "{}: {}", of_cube.display(), said.out);
            world.load(&path, &[]).exits(0).says(&["nothing to do"]);
            world.load(&path, &["--rewrite"]).exits(0).says(&["chunks written"]);
            world.run(&["status", text(&path), "--check"]).exits(0).says(&["all well"]);
            assert_true(&world, &path);
            // What was there before belongs to nothing now.
            world.run(&["gc", text(&path), "--older-than", "0s"]).exits(0);
        }
    }
}

/// Files of the repository: the error names them, says that nothing was changed, and what it advises works.
#[test]
fn a_damaged_repository_is_named_and_goes_back_by_one_commit() {
    let world = World::new();
    let path = world.path("cube");
    world.load(&path, &[]).exits(0);
    let overwritten = |path: &Path| {
        let mut all: Vec<PathBuf> = std::fs::read_dir(path.join("overwritten")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all[0].clone()
    };
    let snapshot = largest(&path.join("snapshots"), |_| true);
    for damaged in [path.join("repo"), snapshot] {
        let whole = std::fs::read(&damaged).unwrap();
        for bytes in [None, Some(&whole[..0]), Some(&whole[..whole.len() / 2])] {
            match bytes {
                None => std::fs::remove_file(&damaged).unwrap(),
                Some(bytes) => std::fs::write(&damaged, bytes).unwrap(),
            }
            for command in [&["status", text(&path), "--check"][..], &["gc", text(&path)], &["preview", text(&path), "--out", "x.png"]] {
                let said = world.run(command).exits(1).says(&["damaged", "hint:", "nothing was changed", "overwritten"]);
                assert!(said.err.contains(name(&damaged)), "{}", said.err);
            }
            world.load(&path, &[]).exits(1).says(&[name(&damaged), "nothing was changed"]);
        }
        std::fs::write(&damaged, &whole).unwrap();
        world.run(&["status", text(&path), "--check"]).exits(0);
    }
    std::fs::write(path.join("repo"), b"").unwrap();
    std::fs::copy(overwritten(&path), path.join("repo")).unwrap();
    world.load(&path, &[]).exits(0);
    world.run(&["status", text(&path), "--check"]).exits(0).says(&["all well"]);
    assert_true(&world, &path);
}

#[test]
fn a_damaged_manifest_is_named_by_the_check() {
    let world = World::new();
    let path = world.path("cube");
    world.load(&path, &[]).exits(0);
    let manifest = largest(&path.join("manifests"), |_| true);
    let whole = std::fs::read(&manifest).unwrap();
    for bytes in [None, Some(&whole[..0]), Some(&whole[..whole.len() / 2])] {
        match bytes {
            None => std::fs::remove_file(&manifest).unwrap(),
            Some(bytes) => std::fs::write(&manifest, bytes).unwrap(),
        }
        world.run(&["status", text(&path)]).exits(1).says(&["hint:", "--check"]);
        world.run(&["status", text(&path), "--check"]).exits(1).says(&[&format!("manifests/{}", name(&manifest)), "hint:", "from a copy"]);
        world.run(&["gc", text(&path)]).exits(1).says(&["hint:", "--check"]);
    }
    std::fs::write(&manifest, &whole).unwrap();
    world.run(&["status", text(&path), "--check"]).exits(0).says(&["all well"]);
}
