//! `cube-testkit`: writes synthetic archives and serves them over HTTP with a STAC API, a request log and faults on demand.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cube_testkit::demo::{Archive, read_items};
use cube_testkit::earthdata::{Earthdata, Options, hls_archive};
use cube_testkit::server::Server;
use cube_testkit::stac::{Api, Paging};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
usage: cube-testkit archive DIR [--bench] [--resolution METRES]
       cube-testkit earthdata --port-file FILE [--plan FILE] [--granules N] [--archive DIR [--resolution METRES]] [--files DIR]
                    [--records PATH] [--user NAME] [--password TEXT] [--true-names]
       cube-testkit serve DIR [--port N] [--port-file FILE] [--paging token|post-merge|post-body|page] [--page-size N]

archive  writes cloud-optimised GeoTIFFs, items.json and catalog.json to DIR
serve    serves DIR with range requests, and a STAC API over its items.json at /stac; until SIGINT or SIGTERM
earthdata  emulates the CMR, Earthdata Login, data hosts and temporary S3 keys on 127.0.0.1 … 127.0.0.7; until SIGINT or SIGTERM
         FILE tells the root URL of each as JSON; GET /_counts, GET /_secrets, POST /_plan, POST /_reset, POST /_revoke on each of them
         --archive writes scenes in the manner of HLS to DIR if there are none, and serves them; --files serves other files as well
         --true-names writes the names of the real hosts into records and redirects
serve, earthdata:
         GET /_log, POST /_log/reset: requests so far; POST /_faults: a JSON list of faults";

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| matches!(a.as_str(), "--help" | "-h" | "help")) {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["archive", directory, ref options @ ..] => archive(Path::new(directory), options),
        ["serve", directory, ref options @ ..] => serve(Path::new(directory), options),
        ["earthdata", ref options @ ..] => earthdata(options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn archive(directory: &Path, options: &[&str]) -> Result<(), Failure> {
    let mut archive = Archive::demo();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--bench" => archive = Archive::bench(),
            "--resolution" => archive.resolution = value(option, options.next())?,
            other => return Err(format!("`{other}` is not an option of archive").into()),
        }
    }
    let items = archive.write(directory)?;
    println!("{} items in {}", items.len(), directory.display());
    Ok(())
}

fn serve(directory: &Path, options: &[&str]) -> Result<(), Failure> {
    let mut api = Api::new(read_items(directory)?)?;
    let (mut port, mut port_file) = (0, None::<PathBuf>);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--port" => port = value(option, options.next())?,
            "--port-file" => port_file = Some(value(option, options.next())?),
            "--page-size" => api.default_limit = value(option, options.next())?,
            "--paging" => {
                let name: String = value(option, options.next())?;
                api.paging = Paging::named(&name).ok_or_else(|| format!("`{name}` is not a style of paging"))?;
            }
            other => return Err(format!("`{other}` is not an option of serve").into()),
        }
    }
    until_stopped(|| {
        let server = Server::builder().directory(directory).service("/stac", api).port(port).start()?;
        if let Some(file) = port_file {
            write_whole(&file, &server.address().port().to_string())?;
        }
        println!("listening on {}", server.url());
        Ok(server)
    })
}

fn earthdata(options: &[&str]) -> Result<(), Failure> {
    let mut settings = Options::default();
    let (mut port_file, mut plan, mut archive, mut resolution) = (None::<PathBuf>, None::<PathBuf>, None::<PathBuf>, 300.0);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--port-file" => port_file = Some(value(option, options.next())?),
            "--plan" => plan = Some(value(option, options.next())?),
            "--granules" => settings.granules = value(option, options.next())?,
            "--archive" => archive = Some(value(option, options.next())?),
            "--resolution" => resolution = value(option, options.next())?,
            "--files" => settings.files = Some(value(option, options.next())?),
            "--records" => settings.records = Some(value(option, options.next())?),
            "--user" => settings.user = value(option, options.next())?,
            "--password" => settings.password = value(option, options.next())?,
            "--true-names" => settings.true_names = true,
            other => return Err(format!("`{other}` is not an option of earthdata").into()),
        }
    }
    if let Some(directory) = archive {
        if !directory.join("lp-prod-protected").is_dir() {
            hls_archive(&directory, resolution)?;
        }
        settings.archive = Some(directory);
    }
    until_stopped(|| {
        let services = Earthdata::start(&settings)?;
        if let Some(plan) = plan {
            services.set_plan_text(&std::fs::read_to_string(&plan)?)?;
        }
        if let Some(file) = port_file {
            write_whole(&file, &services.address_book().to_string())?;
        }
        println!("searching at {}", services.search_url());
        Ok(services)
    })
}

/// Keeps what `start` gives until the program is told to stop.
fn until_stopped<T>(start: impl FnOnce() -> Result<T, Failure>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Before anybody is told the port, so that no signal finds the program without a handler.
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let _running = start()?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

/// Renamed into place, so that whoever waits for the file never reads half of it.
fn write_whole(file: &Path, text: &str) -> Result<(), Failure> {
    let part = file.with_extension("part");
    std::fs::write(&part, text)?;
    Ok(std::fs::rename(&part, file)?)
}

fn value<T: std::str::FromStr>(option: &str, text: Option<&&str>) -> Result<T, Failure> {
    let text = text.ok_or_else(|| format!("`{option}` needs a value"))?;
    text.parse().map_err(|_| format!("`{text}` is not a value of `{option}`").into())
}
