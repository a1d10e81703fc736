//! How long granules take to become STAC Items: reading their JSON, converting, and writing JSON, one thread, without files.
//!
//! `cargo run --release -p cube-metadata --example to_stac GRANULES.ndjson`
#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::{
    fs::File,
    io::{BufRead, BufReader, Error, Result},
};

use cube_metadata::{
    convert::{Options, write_item},
    umm::Page,
};

/// Granules that are dealt with at a time. The program takes one at a time, which the clock is too slow for; a whole page of CMR would measure how fast the
/// machine's memory is.
const BATCH: usize = 100;

/// Seconds that this thread has spent on a processor (Linux: proc(5), `schedstat`).
fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).ok_or_else(|| Error::other("`schedstat` has another form"))?;
    Ok(nanoseconds / 1e9)
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| Error::other("name a file of granules, one a line"))?;
    let mut lines = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut page, mut out) = (Vec::new(), Vec::new());
    let (mut reading, mut converting, mut items, mut read, mut written, mut changes) = (0.0, 0.0, 0, 0, 0, 0);
    let options = Options::default();
    loop {
        page.clear();
        for _ in 0..BATCH {
            lines.read_until(b'\n', &mut page)?;
        }
        if page.is_empty() {
            break;
        }
        let begun = cpu_seconds()?;
        let granules: Vec<_> = Page::parse(&page).map_err(Error::other)?.granules().collect::<std::result::Result<_, _>>().map_err(Error::other)?;
        let read_until = cpu_seconds()?;
        out.clear();
        for granule in &granules {
            changes += write_item(granule, &options, &mut out).map_err(Error::other)?.changes.len();
            items += 1;
        }
        reading += read_until - begun;
        converting += cpu_seconds()? - read_until;
        read += page.len();
        written += out.len();
    }
    let cpu = reading + converting;
    println!(
        "{{\"items\": {items}, \"cpu_s\": {cpu:.3}, \"convert_cpu_s\": {converting:.3}, \"bytes_read\": {read}, \"bytes_written\": {written}, \"changes\": {changes}}}"
    );
    Ok(())
}
