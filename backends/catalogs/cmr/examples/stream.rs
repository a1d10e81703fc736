//! Streams granules from a server on 127.0.0.1, and tells what that cost: `cargo run --release --example stream -- [GRANULES] [PAGE_SIZE] [PREFETCH] [FILES]`;
//! with a URL before these, from the HLSL30 of that CMR.
//!
//! The server is this program once more, so that its time and memory do not count. Records are like those of HLS, with `FILES` files each (18: some 12 kB).

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

use cube_access::{Access, AccessOptions};
use cube_catalog_cmr::{Cmr, CmrOptions};
use cube_query::GranuleQuery;
use futures::TryStreamExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut given: Vec<String> = std::env::args().skip(1).collect();
    let root = given.first().filter(|g| g.contains("://")).cloned();
    given.drain(..usize::from(root.is_some()));
    let number = |i: usize, default: usize| given.get(i).and_then(|t| t.parse().ok()).unwrap_or(default);
    if given.first().is_some_and(|g| g == "serve") {
        return serve(number(1, 1000), number(2, 18));
    }
    let (granules, page_size, prefetch, files) = (number(0, 100_000), number(1, 2000), number(2, 2), number(3, 18));
    let server = if root.is_none() { Some(Server::start(granules, files)?) } else { None };
    let address = root.as_deref().or(server.as_ref().map(|s| s.address.as_str())).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(stream(address, granules as u64, page_size, prefetch));
    drop(server);
    let (count, bytes, files, seconds) = outcome?;
    let (cpu, peak) = cost()?;
    let mut out = std::io::stdout();
    writeln!(out, "{count} granules, {:.0} MB, {files} files: {seconds:.2} s, {cpu:.2} s of CPU, {peak:.0} MiB at most", bytes as f64 / 1e6)?;
    Ok(())
}

/// This program once more, as the service.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(granules: usize, files: usize) -> Result<Self, Failure> {
        let given = ["serve".to_owned(), granules.to_string(), files.to_string()];
        let mut process = Command::new(std::env::current_exe()?).args(given).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().ok_or("no server")?).read_line(&mut address)?;
        Ok(Self { process, address: address.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many granules, bytes of records and files of data there were, and how long that took.
async fn stream(root: &str, limit: u64, page_size: usize, prefetch_pages: usize) -> Result<(u64, u64, u64, f64), Failure> {
    let start = Instant::now();
    let access = Access::new(AccessOptions::default())?;
    let cmr = Cmr::new(root, &access, CmrOptions { page_size: page_size as u64, prefetch_pages, ..CmrOptions::default() })?;
    let mut items = cmr.granules(&GranuleQuery::new().short_name("HLSL30").limit(limit))?.small_first(200).items();
    let (mut count, mut bytes, mut files) = (0, 0, 0);
    while let Some(record) = items.try_next().await? {
        let granule = record.granule()?;
        files += granule.urls.iter().filter(|u| u.kind == "GET DATA").count() as u64;
        bytes += record.as_bytes().len() as u64;
        count += 1;
    }
    Ok((count, bytes, files, start.elapsed().as_secs_f64()))
}

/// Seconds of CPU time and the most memory in MiB of this process.
fn cost() -> Result<(f64, f64), Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|t| t.parse::<f64>().ok()).ok_or("no time");
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:")).and_then(|t| t.trim().split(' ').next()?.parse::<f64>().ok()).ok_or("no peak")?;
    Ok(((ticks(11)? + ticks(12)?) / 100.0, peak / 1024.0))
}

/// Answers searches for granules, one connection at a time.
fn serve(granules: usize, files: usize) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    for connection in listener.incoming() {
        let connection = connection?;
        std::thread::spawn(move || answer(connection, granules, files));
    }
    Ok(())
}

fn answer(connection: TcpStream, granules: usize, files: usize) -> Result<(), Failure> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let (mut page_size, mut after) = (10, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim();
            if let Some((_, rest)) = line.split_once("page_size=") {
                page_size = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse()?;
            }
            if let Some(place) = line.to_ascii_lowercase().strip_prefix("cmr-search-after:") {
                after = place.trim().parse()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let to = (after + page_size).min(granules);
        let items: Vec<String> = (after..to).map(|i| record(i, files)).collect();
        let body = format!("{{\"hits\":{granules},\"took\":1,\"items\":[{}]}}", items.join(","));
        let place = if to > after { format!("CMR-Search-After: {to}\r\n") } else { String::new() };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCMR-Hits: {granules}\r\n{place}Content-Length: {}\r\n\r\n", body.len());
        writer.write_all(head.as_bytes())?;
        writer.write_all(body.as_bytes())?;
    }
}

fn record(i: usize, files: usize) -> String {
    let ur = format!("HLS.L30.T{:02}UXP.2024{:03}T{:06}.v2.0", 1 + i % 60, 1 + i % 366, i % 1_000_000);
    let attributes: Vec<String> = [
        "LANDSAT_PRODUCT_ID",
        "CLOUD_COVERAGE",
        "MGRS_TILE_ID",
        "SPATIAL_COVERAGE",
        "SPATIAL_RESOLUTION",
        "SPATIAL_RESAMPLING_ALG",
        "HLS_PROCESSING_TIME",
        "SENSING_TIME",
        "HORIZONTAL_CS_NAME",
        "ULX",
        "ULY",
        "ADD_OFFSET",
        "REF_SCALE_FACTOR",
        "THERM_SCALE_FACTOR",
        "ANG_SCALE_FACTOR",
        "FILLVALUE",
        "NCOLS",
        "NROWS",
    ]
    .iter()
    .map(|name| format!(r#"{{"Name":"{name}","Values":["{}"]}}"#, i % 5000))
    .collect();
    let mut urls = Vec::with_capacity(2 * files);
    for f in 0..files {
        let name = format!("HLSL30.020/{ur}/{ur}.B{f:02}.tif");
        urls.push(format!(
            r#"{{"URL":"https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-protected/{name}","Type":"GET DATA","Description":"Download {ur}.B{f:02}.tif"}},{{"URL":"s3://lp-prod-protected/{name}","Type":"GET DATA VIA DIRECT ACCESS","Description":"This link provides direct download access via S3 to the granule"}}"#
        ));
    }
    let (w, s) = ((i * 37 % 3580) as f64 / 10.0 - 180.0, (i * 11 % 1600) as f64 / 10.0 - 80.0);
    let points: Vec<String> = [(w, s), (w + 1.5, s), (w + 1.5, s + 1.0), (w, s + 1.0), (w, s)]
        .iter()
        .map(|(x, y)| format!(r#"{{"Longitude":{x:.8},"Latitude":{y:.8}}}"#))
        .collect();
    format!(
        r#"{{"meta":{{"concept-type":"granule","concept-id":"G{}-LPCLOUD","revision-id":1,"native-id":"{ur}","collection-concept-id":"C2021957657-LPCLOUD","provider-id":"LPCLOUD","format":"application/echo10+xml","revision-date":"2024-02-15T00:22:50.376Z"}},"umm":{{"TemporalExtent":{{"RangeDateTime":{{"BeginningDateTime":"2024-02-11T16:58:31.150Z","EndingDateTime":"2024-02-11T16:58:31.150Z"}}}},"GranuleUR":"{ur}","AdditionalAttributes":[{}],"SpatialExtent":{{"HorizontalSpatialDomain":{{"Geometry":{{"GPolygons":[{{"Boundary":{{"Points":[{}]}}}}]}}}}}},"CollectionReference":{{"EntryTitle":"HLS Landsat Operational Land Imager Surface Reflectance and TOA Brightness Daily Global 30m v2.0"}},"RelatedUrls":[{}],"DataGranule":{{"DayNightFlag":"Day","ProductionDateTime":"2024-02-15T00:21:01.000Z"}},"Platforms":[{{"ShortName":"LANDSAT-9","Instruments":[{{"ShortName":"OLI"}}]}}]}}}}"#,
        2_800_000_000 + i,
        attributes.join(","),
        points.join(","),
        urls.join(",")
    )
}
