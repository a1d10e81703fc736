//! A small archive on a server, cubes of it, and the truth about every pixel.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use cube_testkit::{
    scene::{Band, Hole, Scene},
    server::Server,
    stac::{self, Api},
    tiff,
};
use eocube::{Cube, Environment, Pixels, TimeValue, Toi, Window};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const CRS: &str = "EPSG:32632";
pub(crate) const RESOLUTION: f64 = 20.0;
/// The grid of the cubes: 200 rows, 240 columns; its corner lies on pixel corners of the scenes.
pub(crate) const EXTENT: [f64; 4] = [640_000.0, 5_196_000.0, 644_800.0, 5_200_000.0];
pub(crate) const SHAPE: (usize, usize) = (200, 240);
pub(crate) const CHUNK: usize = 64;
pub(crate) const DAYS: [&str; 2] = ["2024-06-03", "2024-06-08"];
pub(crate) const ROI: [&str; 4] = ["--roi", "640000,5196000,644800,5200000", "--roi-crs", CRS];
/// Chunks of one band and step in the whole grid.
pub(crate) const CHUNKS: u64 = 4 * 4;

/// An archive of four scenes (two places that overlap, two days), served; and a folder for cubes.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    pub(crate) scenes: Vec<Scene>,
}

fn scene(place: &str, left: f64, top: f64, day: &str, second: u32, hole: Hole) -> Scene {
    Scene {
        id: format!("{place}-{day}"),
        collection: "scenes".into(),
        datetime: format!("{day}T10:10:{second:02}Z").parse().unwrap(),
        epsg: 32632,
        affine: [RESOLUTION, 0.0, left, 0.0, -RESOLUTION, top],
        shape: (170, 180),
        bands: vec![Band::reflectance("red", 1800.0, -400.0), Band::reflectance("nir", 3600.0, 900.0)],
        holes: vec![hole],
        properties: json!({ "eo:cloud_cover": 10.0 }).as_object().unwrap().clone(),
        ring: None,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let corner = Hole::Edge { cols: 1.0, rows: 1.0, limit: 60.0 };
        let none = Hole::Rectangle { top: 100, left: 40, rows: 30, cols: 30 };
        let scenes: Vec<Scene> = DAYS
            .iter()
            .flat_map(|day| [scene("a", 639_600.0, 5_200_400.0, day, 1, none), scene("b", 641_800.0, 5_199_000.0, day, 15, corner)])
            .collect();
        let file = |scene: &Scene, band: &Band| format!("{}/{}.tif", scene.id, band.name);
        let items: Vec<Value> = scenes.iter().map(|s| stac::item(s, stac::Flavour::default(), |b| file(s, b)).unwrap()).collect();
        let mut builder = Server::builder().service("/stac", Api::new(items).unwrap());
        for scene in &scenes {
            for band in &scene.bands {
                builder = builder.file(&file(scene, band), tiff::encode(&[scene.plane(band).unwrap()], &scene.tiff_options(band)).unwrap());
            }
        }
        Self { folder: tempfile::tempdir().unwrap(), server: builder.start().unwrap(), scenes }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The spec of the sample cube, with keys replaced by `changes`: pairs of table and lines.
    pub(crate) fn spec(&self, changes: &[(&str, &str)]) -> PathBuf {
        let mut tables: BTreeMap<&str, String> = BTreeMap::from([
            ("source", format!("backend = 'stac'\nurl = '{}/stac'\ncollections = ['scenes']", self.server.url())),
            ("grid", format!("crs = '{CRS}'\nresolution = {RESOLUTION:?}\nextent = {EXTENT:?}")),
            ("time", "step = 'solar_day'".into()),
            ("bands.red", String::new()),
            ("bands.nir", String::new()),
            ("chunks", format!("y = {CHUNK}\nx = {CHUNK}")),
        ]);
        for (table, lines) in changes {
            tables.insert(table, (*lines).to_owned());
        }
        let text: String = tables.iter().map(|(table, lines)| format!("[{table}]\n{lines}\n")).collect();
        let path = self.path(&format!("cube-{:x}.toml", text.len() * 31 + text.bytes().map(usize::from).sum::<usize>()));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An empty cube.
    pub(crate) fn created(&self, name: &str) -> PathBuf {
        let (cube, spec) = (self.path(name), self.spec(&[]));
        self.run(&["create", text(&cube), "--spec", text(&spec)]).exits(0);
        cube
    }

    /// Loads the whole of both days.
    pub(crate) fn load(&self, cube: &Path, more: &[&str]) -> Run {
        let spec = self.spec(&[]);
        run(self.folder.path(), &[&["load", text(cube), "--spec", text(&spec), "--toi", "2024-06"], &ROI[..], more].concat())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(self.folder.path(), arguments)
    }

    /// What a pixel of the cube must be: that of the first scene of the day that has data there.
    pub(crate) fn truth(&self, band: &str, day: &str, row: usize, col: usize) -> u16 {
        let mut scenes: Vec<&Scene> = self.scenes.iter().filter(|s| s.datetime.to_string().starts_with(day)).collect();
        scenes.sort_by_key(|s| (s.datetime, s.id.clone()));
        let (x, y) = (EXTENT[0] + (col as f64 + 0.5) * RESOLUTION, EXTENT[3] - (row as f64 + 0.5) * RESOLUTION);
        let pixel = |s: &&Scene| {
            let (c, r) = (((x - s.affine[2]) / RESOLUTION).floor(), ((s.affine[5] - y) / RESOLUTION).floor());
            let inside = r >= 0.0 && c >= 0.0 && (r as usize) < s.shape.0 && (c as usize) < s.shape.1;
            let band = s.bands.iter().find(|b| b.name == band).unwrap();
            inside.then(|| s.pixel(band, r as usize, c as usize) as u16).filter(|v| *v != 0)
        };
        scenes.iter().find_map(pixel).unwrap_or(0)
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        words.iter().for_each(|w| assert!(all.contains(w), "`{w}` is not in:\n{all}"));
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}\n{}", self.out, self.err))
    }
}

/// Runs the program in a folder; the machine's own settings for object storage do not count.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cube"));
    command.args(arguments).current_dir(folder).env("NO_PROXY", "127.0.0.1").env_remove("CUBE_WORKERS").env_remove("CUBE_LOG");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Run { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs async code of the library.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

pub(crate) fn open(path: &Path) -> Cube {
    block_on(async { Environment::from_env().unwrap().open_cube(text(path)).await.unwrap() })
}

pub(crate) fn day(text: &str) -> TimeValue {
    Toi::parse(text).unwrap().periods()[0].start.unwrap()
}

/// A whole step of a band.
pub(crate) fn read(cube: &Cube, band: &str, step: &str) -> Vec<u16> {
    block_on(async {
        let snapshot = cube.snapshot().await.unwrap();
        match snapshot.read("", band, Some(day(step)), Window::new(0, 0, SHAPE.0, SHAPE.1)).await.unwrap() {
            Pixels::UInt16(pixels) => pixels,
            other => panic!("not uint16 but {}", other.dtype()),
        }
    })
}
