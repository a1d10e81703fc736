//! How the program speaks: help, exit codes, messages and hints, JSON.

use serde_json::Value;

use crate::support::{ROI, World, run, text};

const COMMANDS: [&str; 17] = [
    "create",
    "load",
    "plan",
    "status",
    "patches",
    "preview",
    "gc",
    "index",
    "virtualize",
    "inspect",
    "search",
    "collections",
    "describe",
    "validate",
    "convert",
    "auth",
    "completions",
];

fn anywhere(arguments: &[&str]) -> crate::support::Run {
    run(std::env::temp_dir().as_path(), arguments)
}

#[test]
fn every_command_has_help_with_examples() {
    let help = anywhere(&["--help"]).exits(0);
    for command in COMMANDS {
        assert!(help.out.contains(command), "{command}");
        // Where nobody says how wide the terminal is, it is taken for 100 columns: a command that is cut in two cannot be pasted.
        let examples = anywhere(&[command, "--help"]).out;
        let cut = examples.lines().skip_while(|l| *l != "Examples:").find(|l| l.starts_with("  -"));
        assert_eq!(cut, None, "{command}");
        let help = anywhere(&[command, "--help"]).exits(0);
        assert!(help.out.contains("Examples:") && help.out.contains(&format!("cube {command} ")), "{}", help.out);
    }
    anywhere(&["--version"]).exits(0).says(&["cube "]);
}

#[test]
fn completions_are_scripts() {
    for (shell, word) in [
        ("bash", "complete"),
        ("zsh", "#compdef cube"),
        ("fish", "complete -c cube"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        anywhere(&["completions", shell]).exits(0).says(&[word, "roi-crs"]);
    }
}

#[test]
fn wrong_usage_is_told_with_a_hint() {
    let world = World::new();
    let cube = world.path("cube");
    world.load(&cube, &[]).exits(0);
    let before = world.run(&["status", text(&cube), "--json"]).exits(0).json();
    let cube = text(&cube);
    let cases: [(&[&str], i32, &[&str]); 20] = [
        (&["lead"], 2, &["lead"]),
        (&["load", cube, "--toi", "2024"], 2, &["--roi"]),
        (&["load", cube, "--roi", "eleven", "--toi", "2024"], 2, &["eleven", "hint:"]),
        (&["load", cube, "--roi", "absent.geojson", "--toi", "2024"], 2, &["absent.geojson", "hint:"]),
        (&["load", cube, "--roi", "@absent.tif", "--toi", "2024"], 1, &["absent.tif", "hint:"]),
        (&["load", cube, "--roi", "grid.tif", "--toi", "2024"], 2, &["@grid.tif", "hint:"]),
        (&["load", cube, "--roi", "-10,40,-9,41", "--toi", "2024"], 2, &["hint:"]),
        (&["load", cube, "--roi", "1,2,3", "--toi", "2024"], 2, &["1,2,3", "hint:"]),
        (&["load", cube, "--roi", "10.9,46.9,11,47", "--roi-crs", "EPSG:999999", "--toi", "2024"], 2, &["999999", "hint:"]),
        (&[&["load", cube, "--toi", ""], &ROI[..]].concat(), 2, &["--toi", "hint:"]),
        (&[&["load", cube, "--toi", "yesterday"], &ROI[..]].concat(), 2, &["yesterday", "hint:"]),
        (&[&["load", cube], &ROI[..]].concat(), 2, &["--toi", "hint:"]),
        (&[&["load", cube, "--toi", "2024", "--bands", "purple"], &ROI[..]].concat(), 2, &["purple", "red", "hint:"]),
        (&[&["load", cube, "--toi", "2024", "--out", "tile.jpg"], &ROI[..]].concat(), 2, &["tile.jpg", "hint:"]),
        (&[&["load", "absent", "--toi", "2024"], &ROI[..]].concat(), 2, &["absent", "--spec", "hint:"]),
        (&["status", "absent.zarr"], 2, &["absent.zarr", "hint:"]),
        (&["patches", cube, "--point", "here"], 2, &["here", "hint:"]),
        (&["preview", cube, "--out", "x.png", "--bands", "red,nir"], 2, &["hint:"]),
        (&["preview", cube, "--out", "x.png", "--time", "2020-01-01"], 2, &["2020-01-01", "2024-06-08", "hint:"]),
        (&["gc", cube, "--older-than", "soon"], 2, &["soon"]),
    ];
    for (arguments, code, words) in cases {
        let said = world.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {}", said.err);
        words.iter().for_each(|w| assert!(said.err.contains(w), "{arguments:?}: `{w}` is not in:\n{}", said.err));
        assert!(said.out.is_empty() && !said.err.contains("panicked"), "{arguments:?}: {}{}", said.out, said.err);
    }
    assert_eq!(world.run(&["status", cube, "--json"]).exits(0).json(), before, "the cube is as it was");
}

#[test]
fn all_mistakes_of_a_spec_are_told_at_once() {
    let world = World::new();
    let spec = world.spec(&[
        ("grid", "crs = 'EPSG:999999'\nresolution = 20.0\nextent = [0.0, 0.0, 1.0, 1.0]"),
        ("time", "step = 'P7D'"),
        ("bands.red", "dtype = 'u16'"),
        ("bands.nir", "resampling = 'bicubic'"),
        ("encoding", "codec = 'zip'"),
    ]);
    let said = world.run(&["create", text(&world.path("cube")), "--spec", text(&spec)]).exits(2);
    for word in ["999999", "P7D", "u16", "bicubic", "zip", "hint:"] {
        assert!(said.err.contains(word), "`{word}` is not in:\n{}", said.err);
    }
    assert!(!world.path("cube").exists());
    std::fs::write(world.path("bad.toml"), "[grid\ncrs = ").unwrap();
    world.run(&["create", "cube", "--spec", "bad.toml"]).exits(2).says(&["bad.toml", "hint:"]);
    world.run(&["create", "cube", "--spec", "absent.toml"]).exits(2).says(&["absent.toml", "hint:"]);
}

#[test]
fn what_the_source_lacks_is_named() {
    let world = World::new();
    let url = world.server.url();
    let source = |collection: &str| format!("backend = 'stac'\nurl = '{url}/stac'\ncollections = ['{collection}']");
    let create = |changes: &[(&str, &str)]| world.run(&["create", text(&world.path("cube")), "--spec", text(&world.spec(changes))]);
    create(&[("source", &source("nothing"))]).exits(2).says(&["nothing", "scenes", "hint:"]);
    world.run(&["describe", "nothing", "--stac", &format!("{url}/stac")]).exits(2).says(&["nothing", "scenes", "hint:"]);
    let index = ["index", "--roi", "10.8,46.9,10.9,47", "--out", "index.json", "--spec"];
    let spec = world.spec(&[("source", &source("nothing"))]);
    world.run(&[&index[..], &[text(&spec)]].concat()).exits(2).says(&["nothing", "scenes", "hint:"]);
    create(&[("bands.purple", "")]).exits(2).says(&["purple", "red", "hint:"]);
    assert!(!world.path("cube").exists());
}

#[test]
fn a_cube_keeps_its_spec() {
    let world = World::new();
    let cube = world.path("cube");
    world.load(&cube, &[]).exits(0);
    let other = world.spec(&[("grid", "crs = 'EPSG:32632'\nresolution = 10.0\nextent = [640000.0, 5196000.0, 644800.0, 5200000.0]")]);
    world.run(&[&["load", text(&cube), "--spec", text(&other), "--toi", "2024"], &ROI[..]].concat()).exits(2).says(&[
        "grid.resolution",
        "10.0",
        "hint:",
    ]);
    world.run(&["create", text(&cube), "--spec", text(&other)]).exits(2).says(&["cube", "already", "hint:"]);
    std::fs::create_dir(world.path("photos")).unwrap();
    std::fs::write(world.path("photos/cat.jpg"), b"meow").unwrap();
    world.run(&[&["load", "photos", "--spec", text(&other), "--toi", "2024"], &ROI[..]].concat()).exits(2).says(&["photos", "hint:"]);
    assert_eq!(std::fs::read_dir(world.path("photos")).unwrap().count(), 1);
}

/// Scripts rely on these names.
#[test]
fn the_keys_of_json_are_stable() {
    let world = World::new();
    let cube = world.path("cube");
    let keys = |value: &Value| {
        value.as_object().unwrap().keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    let loaded = world.load(&cube, &["--json", "--quiet"]).exits(0);
    assert_eq!(
        keys(&loaded.json()),
        "already_there bytes_received bytes_written cube empty failed failures interrupted partial patches_found patches_read requests searches seconds tile written"
    );
    assert!(loaded.err.is_empty(), "{}", loaded.err);
    let status = world.run(&["status", text(&cube), "--check", "--json"]).exits(0).json();
    assert_eq!(keys(&status), "check chunk cube groups history patches searches size source step store title unit unit_steps");
    assert_eq!(keys(&status["groups"][0]), "bands crs extent name resolution shape steps time_units units");
    assert_eq!(keys(&status["groups"][0]["bands"][0]), "chunks dtype empty loaded name nodata not_loaded partial units");
    let plan = world.run(&[&["plan", text(&cube), "--toi", "2024", "--json"], &ROI[..]].concat()).exits(0).json();
    assert_eq!(keys(&plan), "added_area_percent cube plan summary");
    let patches = world.run(&["patches", text(&cube), "--json"]).exits(0).json();
    assert_eq!(keys(&patches), "chunks cube explained patches");
    assert_eq!(keys(&patches["patches"][0]), "chunks hrefs id steps time version");
}

#[test]
fn quiet_says_nothing_and_colour_is_asked_for() {
    let world = World::new();
    let loaded = world.load(&world.path("cube"), &["--quiet"]).exits(0);
    assert!(loaded.out.is_empty() && loaded.err.is_empty(), "{loaded:?}");
    let plain = world.run(&["status", "absent"]).exits(2);
    assert!(!plain.err.contains('\u{1b}'));
    let coloured = world.run(&["status", "absent", "--color", "always"]).exits(2);
    assert!(coloured.err.contains("\u{1b}[1;31merror:"), "{}", coloured.err);
    world.run(&["status", text(&world.path("cube")), "-vv"]).exits(0);
}

/// What a search says without asking anybody.
#[test]
fn queries_are_told_in_the_words_of_each_service() {
    let asked = ["search", "-c", "HLSL30.v2.0", "--roi", "170,-20,-170,-10", "--toi", "2024-06-01", "--cloud-cover", "0,20", "--where", "sensor=OLI"];
    let cmr = anywhere(&[&asked[..], &["--to-cmr", "--json"]].concat()).exits(0);
    let pairs: Vec<(String, String)> = serde_json::from_value(cmr.json()).unwrap();
    for (name, value) in [
        ("short_name[]", "HLSL30"),
        ("version[]", "2.0"),
        ("bounding_box[]", "170,-20,-170,-10"),
        ("temporal[]", "2024-06-01T00:00:00Z,2024-06-01T23:59:59.999Z"),
        ("cloud_cover", "0,20"),
        ("sensor[]", "OLI"),
    ] {
        assert!(pairs.contains(&(name.into(), value.into())), "{name} is not in {pairs:?}");
    }
    let stac = anywhere(&[&asked[..], &["--to-stac"]].concat()).exits(0);
    assert_eq!(stac.json()["bbox"], serde_json::json!([170, -20, -170, -10]));
    stac.says(&["sensor", "left out"]);
    let url = anywhere(&["search", "--cmr", "https://cmr.example.test/search", "-c", "X", "--to-cmr"]).exits(0);
    assert_eq!(url.out.trim(), "https://cmr.example.test/search/granules.umm_json?short_name%5B%5D=X");
}

#[test]
fn all_mistakes_of_a_query_are_told_at_once() {
    let wrong = anywhere(&["search", "--to-cmr", "-c", "C123456", "--cloud-cover", "200,10", "--day-night", "noon", "--where", "sensr=OLI"]).exits(2);
    for word in ["C123456", "200", "noon", "sensr", "did you mean `sensor`", "hint:"] {
        assert!(wrong.err.contains(word), "`{word}` is not in:\n{}", wrong.err);
    }
    assert!(wrong.out.is_empty());
    anywhere(&["search", "--toi", "2024"]).exits(2).says(&["--cmr", "hint:"]);
    anywhere(&["search", "--cmr", "HLSL30", "--toi", "2024"]).exits(2).says(&["HLSL30", "--cmr"]);
    anywhere(&["virtualize", "--toi", "2024", "--out", "x", "a.nc"]).exits(2).says(&["--cmr", "hint:"]);
    anywhere(&["auth", "s3"]).exits(2).says(&["--provider"]);
}

/// Nobody listens there: what is refused is refused before anybody is asked.
#[test]
fn a_page_of_more_than_a_service_gives_is_refused() {
    let asked = ["--cmr", "http://127.0.0.1:1", "-c", "X", "--page-size", "2001"];
    for command in ["search", "collections"] {
        anywhere(&[&[command][..], &asked].concat()).exits(2).says(&["--page-size 2001", "give 1 to 2000"]);
        anywhere(&[command, "--help"]).exits(0).says(&["2000 of CMR", "10000 of STAC"]);
    }
    anywhere(&["search", "--stac", "absent.json", "--page-size", "10001"]).exits(2).says(&["10001", "10000"]);
}

#[test]
fn commands_that_read_the_source_are_told_how() {
    for command in ["create", "load", "plan"] {
        anywhere(&[command, "--help"]).exits(0).says(&["--access", "--provider", "--credentials-endpoint"]);
    }
    anywhere(&["inspect", "--help"]).exits(0).says(&["--provider", "--credentials-endpoint"]);
}

#[test]
fn granules_that_cannot_be_read_are_named_once() {
    let world = World::new();
    for name in ["a.nc", "b.nc"] {
        std::fs::write(world.path(name), "no granule").unwrap();
    }
    let url = world.server.url();
    let (c, d) = (format!("{url}/c.nc"), format!("{url}/d.nc"));
    let said = world.run(&["virtualize", "a.nc", "b.nc", &c, &d, "--out", "v"]).exits(1);
    for name in ["/a.nc`", "/b.nc`", "/c.nc`", "/d.nc`"] {
        assert_eq!(said.err.matches(name).count(), 1, "{name} in:\n{}", said.err);
    }
}

#[test]
fn one_wrong_name_among_collections_is_told() {
    let world = World::new();
    let api = format!("{}/stac", world.server.url());
    let found = world.run(&["search", "--stac", &api, "-c", "scenes,scnes"]).exits(0).says(&["4 records", "no collection `scnes`", "hint:"]);
    assert!(!found.err.contains("no collection `scenes`"), "{}", found.err);
}

#[test]
fn a_search_of_stac_is_counted_and_listed() {
    let world = World::new();
    let api = format!("{}/stac", world.server.url());
    let count = world.run(&["search", "--stac", &api, "--toi", "2024-06-03", "--count", "--json"]).exits(0).json();
    assert_eq!(count["count"], 2);
    let found = world.run(&["search", "--stac", &api, "--filter", "id LIKE 'a-%'", "--json"]).exits(0).json();
    let ids: Vec<&str> = found.as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a-2024-06-03", "a-2024-06-08"]);
    world.run(&["search", "--stac", &api, "--out", "found.parquet"]).exits(0).says(&["4 records"]);
    let again = world.run(&["search", "--stac", "found.parquet", "--toi", "2024-06-08", "--format", "urls", "--assets", "red"]).exits(0);
    assert_eq!(again.out.lines().count(), 2);
    assert!(again.out.lines().all(|l| l.ends_with("/red.tif")), "{}", again.out);
}
