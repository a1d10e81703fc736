//! How long sidecars take to read: one of the shape of a daily sea surface temperature, and one of 100,000 chunks.
//!
//! `cargo run --release -p cube-format-hdf5 --example dmrpp_speed [FILE…]`
#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use cube_format_hdf5::dmrpp::{Location, read};

/// A document of `variables` variables of so many chunks along each of three dimensions.
fn document(variables: usize, [a, b, c]: [u64; 3]) -> String {
    let (height, width) = (1023, 2047);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<Dataset xmlns=\"http://xml.opendap.org/ns/DAP/4.0#\" \
         xmlns:dmrpp=\"http://xml.opendap.org/dap/dmrpp/1.0.0#\" name=\"x.nc\" dmrpp:href=\"OPeNDAP_DMRpp_DATA_ACCESS_URL\" dmrpp:version=\"3.21.1\">\n\
         <Dimension name=\"time\" size=\"{a}\"/><Dimension name=\"lat\" size=\"{}\"/><Dimension name=\"lon\" size=\"{}\"/>\n",
        b * height,
        c * width
    );
    let mut offset = 4096;
    for number in 0..variables {
        let _ = write!(xml, "    <Int16 name=\"v{number}\">\n        <Dim name=\"/time\"/><Dim name=\"/lat\"/><Dim name=\"/lon\"/>\n");
        for attribute in ["long_name", "units", "comment", "standard_name"] {
            let _ = writeln!(xml, "        <Attribute name=\"{attribute}\" type=\"String\"><Value>{attribute} of v{number}</Value></Attribute>");
        }
        let _ = write!(
            xml,
            "        <dmrpp:chunks compressionType=\"shuffle deflate\" deflateLevel=\"6\" fillValue=\"-32768\" byteOrder=\"LE\">\n\
             \x20           <dmrpp:chunkDimensionSizes>1 {height} {width}</dmrpp:chunkDimensionSizes>\n"
        );
        for (i, j, k) in (0..a).flat_map(|i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k)))) {
            let length = 1000 + (i + j * 31 + k * 7) % 90_000;
            let (y, x) = (j * height, k * width);
            let _ = writeln!(xml, "            <dmrpp:chunk offset=\"{offset}\" nBytes=\"{length}\" chunkPositionInArray=\"[{i},{y},{x}]\"/>");
            offset += length;
        }
        xml.push_str("        </dmrpp:chunks>\n    </Int16>\n");
    }
    xml.push_str("</Dataset>\n");
    xml
}

fn median(xml: &str, location: &Location, rounds: usize) -> Duration {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let granule = read(xml.as_bytes(), location);
        times.push(start.elapsed());
        std::hint::black_box(granule.is_ok());
    }
    times.sort();
    times[rounds / 2]
}

/// One line of JSON: one thread, so that the time is that of the processor.
fn of_file(path: &str) {
    let Ok(xml) = std::fs::read_to_string(path) else { return println!("{{\"file\": \"{path}\", \"error\": \"it cannot be read\"}}") };
    let time = median(&xml, &Location::new(path), 20);
    let name = path.rsplit('/').next().unwrap_or(path);
    println!("{{\"file\": \"{name}\", \"cpu_ms\": {:.3}}}", time.as_secs_f64() * 1e3);
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if !files.is_empty() {
        files.iter().for_each(|file| of_file(file));
        return;
    }
    let location = Location::new("s3://bucket/x.nc.dmrpp");
    for (variables, grid, rounds) in [(4, [1, 18, 18], 200), (1, [100, 25, 40], 20), (10, [100, 25, 40], 3)] {
        let xml = document(variables, grid);
        let time = median(&xml, &location, rounds);
        let chunks = variables as u64 * grid.iter().product::<u64>();
        println!("{:>9} bytes, {chunks:>7} chunks: {:>7.2} ms (median of {rounds})", xml.len(), time.as_secs_f64() * 1e3);
    }
}
