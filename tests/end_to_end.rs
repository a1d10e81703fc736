//! From an empty cube to right pixels, and what must not happen on the way.

use eocube::{Environment, Window};
use serde_json::Value;

use crate::support::{CHUNKS, CRS, DAYS, EXTENT, ROI, SHAPE, World, block_on, day, open, read, text};

fn assert_right(world: &World, cube: &std::path::Path) {
    let cube = open(cube);
    for step in DAYS {
        for band in ["red", "nir"] {
            let pixels = read(&cube, band, step);
            for (i, pixel) in pixels.iter().enumerate() {
                let (row, col) = (i / SHAPE.1, i % SHAPE.1);
                assert_eq!(*pixel, world.truth(band, step, row, col), "{band} of {step} at row {row}, column {col}");
            }
        }
    }
}

#[test]
fn a_load_is_right_and_the_same_again_asks_nobody() {
    for name in ["cube", "cube.zarr"] {
        let world = World::new();
        let cube = world.path(name);
        let first = world.load(&cube, &["--json"]).exits(0).json();
        assert_eq!(first["written"], 4 * CHUNKS);
        assert_eq!(first["patches_read"], 4);
        assert!(first["requests"].as_u64().unwrap() > 8 && first["bytes_received"].as_u64().unwrap() > 0);
        assert_right(&world, &cube);

        world.server.log().reset();
        let second = world.load(&cube, &["--json"]).exits(0).json();
        assert_eq!(second["written"], 0);
        assert_eq!(second["already_there"], 4 * CHUNKS);
        world.run(&[&["load", text(&cube), "--toi", DAYS[1]], &ROI[..]].concat()).exits(0).says(&["nothing to do"]);
        assert_eq!(world.server.log().totals().requests, 0);
        world.run(&["status", text(&cube), "--check"]).exits(0).says(&["all well"]);
    }
}

#[test]
fn small_requests_in_any_order_make_the_same_cube() {
    let world = World::new();
    let (whole, parts) = (world.path("whole.zarr"), world.path("parts.zarr"));
    let spec = world.spec(&[("time", "step = 'solar_day'\nrange = '2024-06-01/2024-06-10'")]);
    world.run(&[&["load", text(&whole), "--spec", text(&spec), "--toi", "2024-06"], &ROI[..]].concat()).exits(0);
    let boxes = ["643000,5196100,644700,5197300", "640100,5196100,643500,5198000", "640001,5198001,644799,5199999", "640000,5196000,644800,5200000"];
    for (roi, toi) in boxes.iter().flat_map(|b| ["2024-06-07/2024-06-08T10:10:05Z", "2024-06-01/2024-06-03", "2024-06"].map(|t| (b, t))) {
        world.run(&["load", text(&parts), "--spec", text(&spec), "--roi", roi, "--roi-crs", CRS, "--toi", toi]).exits(0);
    }
    let files = |root: &std::path::Path| {
        let mut found = std::collections::BTreeMap::new();
        for band in ["red", "nir"] {
            for entry in walk(&root.join(band)) {
                found.insert(entry.strip_prefix(root).unwrap().to_owned(), std::fs::read(&entry).unwrap());
            }
        }
        found
    };
    assert_eq!(files(&whole), files(&parts), "every chunk byte for byte");
    assert_right(&world, &parts);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_plan_is_what_the_load_does() {
    let world = World::new();
    let (cube, spec) = (world.path("cube"), world.spec(&[]));
    world.run(&["create", text(&cube), "--spec", text(&spec)]).exits(0);
    let place = ["--roi", "640100,5196100,642900,5198300", "--roi-crs", CRS, "--toi", "2024-06"];
    let plan = world.run(&[&["plan", text(&cube), "--json"], &place[..]].concat()).exits(0).json();
    let load = world.run(&[&["load", text(&cube), "--json"], &place[..]].concat()).exits(0).json();
    assert_eq!(plan["summary"]["units_missing"], load["written"]);
    assert_eq!(plan["summary"]["patches"], load["patches_read"]);
    assert_eq!(plan["summary"]["searches"], load["searches"]);
    assert_eq!(plan["summary"]["units_touched"], load["written"]);
    let after = world.run(&[&["plan", text(&cube), "--json"], &place[..]].concat()).exits(0).json();
    assert_eq!((&after["summary"]["units_missing"], &after["summary"]["searches"]), (&Value::from(0), &Value::from(0)));
    world.run(&[&["plan", text(&cube)], &place[..]].concat()).exits(0).says(&["nothing to load", "nobody", "whole chunks add"]);
}

#[test]
fn every_chunk_is_explained_by_the_cube_alone() {
    let world = World::new();
    let cube = world.path("cube");
    world.load(&cube, &[]).exits(0);
    world.server.log().reset();
    let all = world.run(&["patches", text(&cube), "--json"]).exits(0).json();
    assert_eq!(all["patches"].as_array().unwrap().len(), 4);
    assert_eq!(all["chunks"], all["explained"]);
    // In the north-west only `a` has pixels.
    let corner = world.run(&["patches", text(&cube), "--time", DAYS[0], "--point", "640010,5199990", "--point-crs", CRS]).exits(0);
    assert!(corner.out.contains("scenes/a-2024-06-03") && !corner.out.contains("b-2024") && !corner.out.contains("06-08"), "{}", corner.out);
    assert_eq!(world.server.log().totals().requests, 0);
}

#[test]
fn a_tile_is_the_window_of_the_cube() {
    let world = World::new();
    let (cube, tile) = (world.path("cube"), world.path("tile.zarr"));
    let roi = ["--roi", "640500,5196500,643000,5198200", "--roi-crs", CRS, "--toi", DAYS[0]];
    let spec = world.spec(&[]);
    let made = world.run(&[&["load", text(&cube), "--spec", text(&spec), "--out", text(&tile), "--json"], &roi[..]].concat()).exits(0).json();
    assert_eq!(made["tile"][0]["shape"], serde_json::json!([85, 125]));
    assert_eq!(made["tile"][0]["extent"], serde_json::json!([640_500.0, 5_196_500.0, 643_000.0, 5_198_200.0]));
    let pixels = block_on(async {
        let environment = Environment::from_env().unwrap();
        let snapshot = environment.open_cube(text(&tile)).await.unwrap().snapshot().await.unwrap();
        snapshot.read("", "red", Some(day(DAYS[0])), Window::new(0, 0, 85, 125)).await.unwrap()
    });
    let eocube::Pixels::UInt16(pixels) = pixels else { panic!("not uint16") };
    let (row, col) = (((EXTENT[3] - 5_198_200.0) / 20.0) as usize, ((640_500.0 - EXTENT[0]) / 20.0) as usize);
    for (i, pixel) in pixels.iter().enumerate() {
        assert_eq!(*pixel, world.truth("red", DAYS[0], row + i / 125, col + i % 125));
    }
    world.run(&[&["load", text(&cube), "--out", text(&tile)], &roi[..]].concat()).exits(2).says(&["tile.zarr", "hint:"]);
}

#[test]
fn folders_and_searches_become_sources() {
    let world = World::new();
    let folder = world.path("scenes");
    for scene in &world.scenes {
        for band in &scene.bands {
            let place = folder.join(&scene.id);
            std::fs::create_dir_all(&place).unwrap();
            let bytes = cube_testkit::tiff::encode(&[scene.plane(band).unwrap()], &scene.tiff_options(band)).unwrap();
            std::fs::write(place.join(format!("{}.tif", band.name)), bytes).unwrap();
        }
    }
    std::fs::write(folder.join("broken.tif"), b"II*\0nothing").unwrap();
    let indexed = world.run(&["index", text(&folder), "--out", text(&folder.join("items.json")), "--json"]).exits(3).json();
    assert_eq!(indexed["items"], 4);
    assert!(indexed["skipped"][0]["path"].as_str().unwrap().ends_with("broken.tif"));
    for name in ["items.json", "index.parquet"] {
        world.run(&["index", text(&folder), "--collection", "scenes", "--out", text(&folder.join(name))]).exits(3);
        let spec = world.spec(&[("source", &format!("backend = 'stac'\nurl = 'scenes/{name}'"))]);
        let cube = world.path(&format!("of-{name}"));
        world.run(&[&["load", text(&cube), "--spec", text(&spec), "--toi", "2024-06"], &ROI[..]].concat()).exits(0);
        assert_right(&world, &cube);
    }
    let (spec, stored) = (world.spec(&[]), world.path("stored.json"));
    world.run(&[&["index", "--spec", text(&spec), "--toi", DAYS[0], "--out", text(&stored)], &ROI[..]].concat()).exits(0).says(&["2 items"]);
}

#[test]
fn pictures_are_made() {
    let world = World::new();
    let cube = world.path("cube");
    world.run(&["create", text(&cube), "--spec", text(&world.spec(&[]))]).exits(0);
    world.run(&["preview", text(&cube), "--out", text(&world.path("none.png"))]).exits(2).says(&["no pixels", "hint:"]);
    world.load(&cube, &[]).exits(0);
    world.run(&["preview", text(&cube), "--out", text(&world.path("view.png")), "--bands", "nir,red,red"]).exits(0);
    world.run(&["status", text(&cube), "--map", text(&world.path("state.png")), "--time", DAYS[1]]).exits(0);
    for name in ["view.png", "state.png"] {
        assert!(std::fs::read(world.path(name)).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
fn history_is_expired_and_the_cube_stays() {
    let world = World::new();
    let (cube, spec) = (world.path("cube"), world.spec(&[]));
    for toi in DAYS {
        world.run(&[&["load", text(&cube), "--spec", text(&spec), "--toi", toi], &ROI[..]].concat()).exits(0);
    }
    let removed = world.run(&["gc", text(&cube), "--older-than", "0s", "--json"]).exits(0).json();
    assert!(removed["versions"].as_u64().unwrap() > 0);
    world.run(&["status", text(&cube), "--check"]).exits(0).says(&["all well"]);
    assert_right(&world, &cube);
}
