//! What a commit costs in a cube that holds a million chunks, and what opening and looking into a small one costs.
//!
//! ```text
//! cargo run --release -p cube-store --example commit_cost -- fill DIR [STEPS]     about 63 × 63 references per step; 252 steps are a million
//! cargo run --release -p cube-store --example commit_cost -- add DIR N            ten more chunks at step N, in a process of its own
//! cargo run --release -p cube-store --example commit_cost -- insert DIR           a step before all others
//! cargo run --release -p cube-store --example commit_cost -- look DIR             open, read the axis and one block of the ledger
//! ```

use std::{error::Error, path::Path, time::Instant};

use cube_core::{
    Affine, BandLayout, ChunkIndex, Codec, Crs, CubeSpec, DType, GeoBox, GroupLayout, Layout, Number, Resampling, Shape, Shuffle, TimeAxis, TimeStep,
    TimeValue, Values, Window,
};
use cube_store::{Batch, Cube, Location, Payload, Receipt, State, StorageOptions};

type Outcome<T> = Result<T, Box<dyn Error>>;

const DAY: i64 = 86_400_000_000;
const SIDE: u32 = 63;
const CORNER: (u32, u32) = (900, 40);

fn layout() -> Outcome<Layout> {
    let spec = serde_json::json!({"source": {"backend": "stac", "url": "items.json"}, "grid": {"crs": "EPSG:32632", "resolution": 10.0}, "bands": {"red": {}}});
    let spec: CubeSpec = serde_json::from_value(spec)?;
    let grid = GeoBox::new(Crs::from_epsg(32632), Affine::new(10.0, 0.0, 166_000.0, 0.0, -10.0, 9_329_000.0), Shape::new(932_900, 66_600))?;
    let red = BandLayout {
        name: "red".into(),
        asset: "red".into(),
        dtype: DType::UInt16,
        fill: Number::Int(0),
        nodata: Some(Number::Int(0)),
        resampling: Resampling::Nearest,
        values: Values::Raw,
        scale: None,
        offset: None,
        units: None,
        long_name: None,
        codec: Codec::Blosc,
        level: 1,
        compressor: "zstd".into(),
        shuffle: Shuffle::Bit,
    };
    Ok(Layout {
        spec,
        groups: vec![GroupLayout { name: String::new(), grid, crs_wkt: "PROJCRS[…]".into(), geographic: false }],
        bands: vec![red],
        time: TimeAxis { step: TimeStep::Day, utc_offset_hours: 0, declared: None, settle_micros: 0 },
        unit_time: 1,
        unit: Shape::new(512, 512),
        chunk_time: 1,
        chunk: Shape::new(512, 512),
    })
}

/// References as those of uploads, without the uploads: a random id each, a quarter of a megabyte.
struct Fake {
    random: u64,
}

impl Fake {
    fn payload() -> Outcome<Payload> {
        let object = serde_json::json!({"object": {"id": icechunk::format::ChunkId::random().to_string(), "offset": 0, "length": 250_000}});
        Ok(serde_json::from_value(object)?)
    }

    fn receipt(&mut self, step: i64, row: u32, col: u32) -> Outcome<Receipt> {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fingerprint = self.random | 1;
        let at = ChunkIndex { row: CORNER.0 + row, col: CORNER.1 + col };
        Ok(Receipt {
            group: String::new(),
            band: "red".into(),
            step: TimeValue(step * DAY),
            at,
            payload: Self::payload()?,
            state: State::Loaded,
            fingerprint,
        })
    }
}

fn bytes_in(directory: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        let (entry, meta) = {
            let e = entry?;
            let m = e.metadata()?;
            (e, m)
        };
        sum += if meta.is_dir() { bytes_in(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("unknown").trim().to_string()
}

#[expect(clippy::print_stdout, reason = "a program")]
#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [action, directory, rest @ ..] = &arguments[..] else { return Err("fill, add, insert or look, and a directory".into()) };
    let number = rest.first().map(|n| n.parse::<i64>()).transpose()?;
    let (location, options) = (Location::parse(directory)?, StorageOptions::default());
    let started = Instant::now();
    if action == "fill" {
        Cube::create(&location, &options, &layout()?).await?;
        println!("created in {:?}: {} bytes", started.elapsed(), bytes_in(Path::new(directory))?);
    }
    let started = Instant::now();
    let cube = Cube::open(&location, &options).await?;
    println!("opened in {:?}", started.elapsed());
    if action == "look" {
        let snapshot = cube.snapshot().await?;
        let steps = snapshot.steps("").await?;
        let ledger = snapshot.ledger("", "red", steps.len() / 2, Window::new(CORNER.0 as usize, CORNER.1 as usize, 10, 10)).await?;
        println!(
            "looked in {:?} after start: {} steps, {} of 100 loaded, peak {}",
            started.elapsed(),
            steps.len(),
            ledger.state.iter().filter(|s| s.is_complete()).count(),
            peak()
        );
        return Ok(());
    }
    let mut fake = Fake { random: std::process::id().into() };
    let mut receipts = Vec::new();
    let rounds = match action.as_str() {
        "fill" => (0..number.unwrap_or(252)).map(|s| 1000 + s).collect::<Vec<_>>(),
        "add" => vec![number.unwrap_or(1300)],
        _ => vec![number.unwrap_or(1)],
    };
    for (i, step) in rounds.iter().enumerate() {
        let count = if action == "fill" { SIDE * SIDE } else { 10 };
        for n in 0..count {
            receipts.push(fake.receipt(*step, n / SIDE, n % SIDE)?);
        }
        if i + 1 < rounds.len() && receipts.len() < 100_000 {
            continue;
        }
        let (before, started) = (bytes_in(Path::new(directory))?, Instant::now());
        let batch = Batch { receipts: std::mem::take(&mut receipts), message: "cost".into(), ..Batch::default() };
        let done = cube.commit(&batch).await?;
        println!("{} chunks committed in {:?}: {} bytes, peak {}", done.written, started.elapsed(), bytes_in(Path::new(directory))? - before, peak());
    }
    Ok(())
}
