//! How long it takes to combine and write references, and how much memory.
//!
//! ```text
//! virtual_speed mur [granules]        granules of the shape of MUR SST (4 variables, 1,296 references each), combined and written to every kind of store
//! virtual_speed many [references]     references written to Icechunk as they are generated, then one granule appended
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue, ChunkRefs, Codec, Data, Element, Endian, Granule, Group, Origin, Variable, encode};
use cube_virtual::{
    Combiner, Dataset, LocalFiles, Part, Values, combine,
    combine::Options,
    read::kerchunk::read_json,
    write::{
        icechunk::{self, Existing, Target},
        kerchunk,
    },
};

/// Chunks of a variable along latitude and longitude.
const GRID: [u64; 2] = [18, 18];

fn granule(day: u64) -> Granule {
    let url: Arc<str> =
        format!("s3://podaac-ops-cumulus-protected/MUR-JPL-L4-GLOB-v4.1/{:08}090000-JPL-L4_GHRSST-SSTfnd-MUR-GLOB-v02.0-fv04.1.nc", 20_020_601 + day)
            .into();
    let mut variables = Vec::new();
    for (n, name) in ["analysed_sst", "analysis_error", "mask", "sea_ice_fraction"].into_iter().enumerate() {
        let shape = vec![1, GRID[0] * 1000, GRID[1] * 2000];
        let mut refs = ChunkRefs::new(&shape, vec![1, 1000, 2000]).unwrap();
        let mut offset = 40_000 + n as u64 * 200_000_000;
        for i in 0..GRID[0] * GRID[1] {
            let length = 290_000 + (i * 7919 + day * 104_729) % 90_000;
            refs.push(i, &url, offset, length, 0).unwrap();
            offset += length;
        }
        variables.push(Variable {
            name: name.into(),
            dimensions: ["/time", "/lat", "/lon"].iter().map(|d| Some((*d).to_owned())).collect(),
            shape,
            element: Element::Number(DType::Int16, Endian::Little),
            enumeration: vec![],
            attributes: vec![
                text("long_name", name),
                number("_FillValue", DType::Int16, Number::Int(-32768)),
                number("scale_factor", DType::Float64, Number::Float(0.001)),
                number("add_offset", DType::Float64, Number::Float(298.15)),
                text("comment", "one attribute of the usual length, such as each variable of such files has a few of"),
            ],
            fill: Some(vec![0, 0x80]),
            codecs: vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: Some(6) }],
            data: Ok(Data::Chunks(refs)),
        });
    }
    let mut time = coordinate("time", DType::Int32, (86_400 * day as i32).to_le_bytes().to_vec());
    time.attributes = vec![text("units", "seconds since 1981-01-01 00:00:00 UTC"), text("calendar", "gregorian")];
    variables.push(time);
    variables.push(coordinate("lat", DType::Float32, ramp(GRID[0] * 1000)));
    variables.push(coordinate("lon", DType::Float32, ramp(GRID[1] * 2000)));
    let origin = Origin { url, size: None, etag: None, last_modified: Some(1_700_000_000) };
    let attributes = (0..45).map(|i| text(&format!("attribute_{i}"), &format!("what it says, {}", if i % 9 == 0 { day } else { 0 }))).collect();
    Granule { origin, root: Group { variables, attributes, ..Group::default() } }
}

fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), value: AttributeValue::Text(value.into()) }
}

fn number(name: &str, dtype: DType, value: Number) -> Attribute {
    Attribute { name: name.into(), value: AttributeValue::Number(dtype, value) }
}

fn ramp(count: u64) -> Vec<u8> {
    (0..count).flat_map(|i| (i as f32 * 0.01).to_le_bytes()).collect()
}

fn coordinate(name: &str, dtype: DType, bytes: Vec<u8>) -> Variable {
    let size = (bytes.len() / dtype.size()) as u64;
    let mut refs = ChunkRefs::new(&[size], vec![size]).unwrap();
    refs.push_inline(0, bytes.into(), 0).unwrap();
    Variable {
        name: name.into(),
        dimensions: vec![Some(format!("/{name}"))],
        shape: vec![size],
        element: Element::Number(dtype, Endian::Little),
        enumeration: vec![],
        attributes: vec![],
        fill: None,
        codecs: vec![],
        data: Ok(Data::Chunks(refs)),
    }
}

fn along_time() -> Options {
    Options { along: Some("time".into()), ..Options::default() }
}

/// Peak and present memory of this process in MiB.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find(|l| l.starts_with(key));
        line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    format!("{} MiB now, {} MiB at most", of("VmRSS"), of("VmHWM"))
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return std::fs::metadata(path).map_or(0, |m| m.len()) };
    entries.flatten().map(|e| size(&e.path())).sum()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let directory = std::env::temp_dir().join(format!("speed-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let number = |default: u64| arguments.get(2).map_or(default, |n| n.parse().unwrap());
    match arguments.get(1).map(String::as_str) {
        Some("many") => many(&directory, number(10_000_000)).await,
        _ => mur(&directory, number(1000)).await,
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

async fn mur(directory: &Path, count: u64) {
    let start = Instant::now();
    let mut combiner = Combiner::new(along_time());
    let (mut made, mut added) = (Duration::ZERO, Duration::ZERO);
    let mut names = Vec::new();
    for day in 0..count {
        let begin = Instant::now();
        let granule = granule(day);
        names.push(granule.origin.url.to_string());
        made += begin.elapsed();
        let begin = Instant::now();
        combiner.add(granule, &LocalFiles).await.unwrap();
        added += begin.elapsed();
    }
    let begin = Instant::now();
    let dataset = combiner.finish().unwrap().into_dataset().0;
    println!("{count} granules made in {made:?}, checked in {added:?}, put in place in {:?}: {}", begin.elapsed(), memory());
    let begin = Instant::now();
    let path = directory.join("ice");
    let options = icechunk::Options { granules: names, ..icechunk::Options::default() };
    let written = icechunk::write(&dataset, &Target::local(&path).await.unwrap(), &options).await.unwrap();
    let all = start.elapsed();
    println!("icechunk: {} references in {:?}, all in {all:?}, {} bytes, {}", written.references, begin.elapsed(), size(&path), memory());
    let options = kerchunk::Options::default();
    let begin = Instant::now();
    let written = kerchunk::write_parquet(&dataset, &directory.join("p.parquet"), &options).unwrap();
    println!("parquet: {written:?} in {:?}, {}", begin.elapsed(), memory());
    let begin = Instant::now();
    let written = kerchunk::write_json(&dataset, &directory.join("p.json"), &options).unwrap();
    println!("json: {written:?} in {:?}, {}", begin.elapsed(), memory());
    drop(dataset);
    let begin = Instant::now();
    let bytes = std::fs::read(directory.join("p.json")).unwrap();
    let read = read_json(&bytes, "p.json").unwrap();
    println!("json read: {} variables in {:?}, {}", read.root.variables.len(), begin.elapsed(), memory());
    append(&path, count).await;
}

/// Appends some granules, one after the other.
async fn append(path: &Path, days: u64) {
    const TIMES: u64 = 21;
    let mut times = Vec::new();
    let before = processor_time();
    for day in days..days + TIMES {
        let granule = granule(day);
        let begin = Instant::now();
        let options = icechunk::Options { granules: vec![granule.origin.url.to_string()], ..icechunk::Options::default() };
        let existing = Existing::open(&Target::local(path).await.unwrap()).await.unwrap();
        let combined = combine([granule], &LocalFiles, along_time()).await.unwrap();
        existing.append(&combined.into_dataset().0, "time", &options).await.unwrap();
        times.push(begin.elapsed());
    }
    times.sort();
    let processor = (processor_time() - before) / TIMES as u32;
    println!(
        "append of one granule: {:?} (fastest {:?}, slowest {:?}), {processor:?} of processor time, {}",
        times[10],
        times[0],
        times[20],
        memory()
    );
}

/// What this process took of processors so far, to a hundredth of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Duration::from_millis(fields.skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>() * 10)
}

async fn many(directory: &Path, references: u64) {
    let days = references.div_ceil(4 * GRID[0] * GRID[1]);
    let first = combine([granule(0)], &LocalFiles, along_time()).await.unwrap().into_dataset().0;
    let mut structure = first.clone();
    structure.root.arrays.iter_mut().filter(|a| a.name != "lat" && a.name != "lon").for_each(|a| {
        a.shape[0] = days;
        a.values = Values::Chunks(vec![]);
    });
    let path = directory.join("ice");
    let target = Target::local(&path).await.unwrap();
    let prefix = "s3://podaac-ops-cumulus-protected/MUR-JPL-L4-GLOB-v4.1/".to_owned();
    let options = icechunk::Options {
        containers: vec![prefix],
        granules: (0..days).map(|day| granule(day).origin.url.to_string()).collect(),
        ..icechunk::Options::default()
    };
    let start = Instant::now();
    let mut writer = icechunk::Writer::create(&structure, &target, &options).await.unwrap();
    for name in ["lat", "lon"] {
        let array = first.root.arrays.iter().find(|a| a.name == name).unwrap();
        writer.add(&format!("/{name}"), &array.parts()[0]).await.unwrap();
    }
    let mut times = Vec::new();
    for day in 0..days {
        times.extend((86_400 * day as i32).to_le_bytes());
        for array in Dataset::from_granule(granule(day)).root.arrays {
            let Values::Chunks(parts) = array.values else { continue };
            if array.dimensions.len() == 3 {
                let part = Part { at: vec![day, 0, 0], ..parts[0].clone() };
                writer.add(&format!("/{}", array.name), &part).await.unwrap();
            }
        }
    }
    let time = structure.root.arrays.iter().find(|a| a.name == "time").unwrap();
    let mut chunks = ChunkRefs::new(&time.shape, time.chunk_shape.clone()).unwrap();
    for (i, chunk) in times.chunks(time.chunk_shape[0] as usize * 4).enumerate() {
        let mut chunk = chunk.to_vec();
        chunk.resize(time.chunk_shape[0] as usize * 4, 0);
        chunks.push_inline(i as u64, encode(&time.codecs, 0, &chunk).unwrap().into(), 0).unwrap();
    }
    let part = Part { at: vec![0], chunks: Arc::new(chunks), origin: Arc::new(granule(0).origin) };
    writer.add("/time", &part).await.unwrap();
    let written = writer.finish().await.unwrap();
    println!("{} references in {:?}, {} bytes, {}", written.references, start.elapsed(), size(&path), memory());
    append(&path, days).await;
}
