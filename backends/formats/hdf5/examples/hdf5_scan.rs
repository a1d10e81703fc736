//! What reading the header of an HDF5 file takes: `hdf5_scan FILE-OR-URL`. Prints JSON; `benches/virtual/hdf5_scan.py` runs it.
#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::{fs, sync::Arc, time::Instant};

use cube_backend::ByteSource;
use cube_format_hdf5::{Requests, read_counted, read_ranges};
use cube_manifest::{Data, Granule, Origin};
use object_store::{ClientOptions, http::HttpBuilder, path::Path};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let address = std::env::args().nth(1).ok_or("which file?")?;
    let origin = Origin { url: address.as_str().into(), size: None, etag: None, last_modified: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let source = address.starts_with("http").then(|| source(&address)).transpose()?;
    let (start, cpu_before) = (Instant::now(), cpu_seconds()?);
    let (granule, requests) = match source {
        Some(source) => runtime.block_on(read_counted(&source, origin))?,
        None => read_ranges(&fs::File::open(&address)?, origin)?,
    };
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu_before);
    let (variables, chunks) = count(&granule);
    let Requests { count, rounds, bytes } = requests;
    println!(
        "{{\"variables\": {variables}, \"chunks\": {chunks}, \"wall_s\": {wall}, \"cpu_s\": {cpu}, \"peak_mib\": {:.1}, \
         \"requests\": {count}, \"rounds\": {rounds}, \"bytes\": {bytes}}}",
        peak_kib()? as f64 / 1024.0
    );
    Ok(())
}

fn source(address: &str) -> Result<ByteSource, Failure> {
    let (folder, name) = address.rsplit_once('/').ok_or("no path")?;
    let store = HttpBuilder::new().with_url(folder).with_client_options(ClientOptions::new().with_allow_http(true)).build()?;
    Ok(ByteSource { store: Arc::new(store), path: Path::parse(name)?, name: address.into() })
}

/// Variables, and chunks of the one that has most of them.
fn count(granule: &Granule) -> (usize, usize) {
    let (mut variables, mut chunks) = (0, 0);
    granule.root.walk("", &mut |_, group| {
        variables += group.variables.len();
        let of = |refs: &Result<Data, _>| if let Ok(Data::Chunks(refs)) = refs { refs.len() } else { 0 };
        chunks = group.variables.iter().map(|v| of(&v.data)).fold(chunks, usize::max);
    });
    (variables, chunks)
}

/// Processor time of the threads of this process so far, in seconds, as Linux counts it.
fn cpu_seconds() -> Result<f64, Failure> {
    let nanoseconds: f64 = fs::read_dir("/proc/self/task")?
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok())
        .sum();
    Ok(nanoseconds / 1e9)
}

/// Most memory that this process had at once.
fn peak_kib() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
