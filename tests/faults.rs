//! Servers that fail: right pixels or a named failure, never wrong pixels and never nodata instead.

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
