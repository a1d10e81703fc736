//! S3, as moto emulates it. Needs a Python with moto, named by `CUBE_PYTHON`; else these tests say that they were skipped.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use cube_store::{Cube, Error, Location, StorageOptions};

use crate::{
    processes::{finish, logged, spawn},
    support::*,
};

const ENDPOINT: &str = "CUBE_STORE_TEST_S3";

/// A Python with the readers that these tests compare with.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CUBE_PYTHON").map(PathBuf::from);
    if python.is_none() {
        println!("CUBE_PYTHON is not set: skipped");
    }
    python
}

/// What the processes that tests start are told of the S3 service.
pub(crate) fn options_from_environment() -> StorageOptions {
    std::env::var(ENDPOINT).map_or_else(|_| StorageOptions::default(), |endpoint| s3_options(&endpoint))
}

fn s3_options(endpoint: &str) -> StorageOptions {
    StorageOptions {
        endpoint: Some(endpoint.into()),
        region: Some("us-east-1".into()),
        allow_http: true,
        path_style: true,
        access_key: Some("test".into()),
        secret_key: Some("test".into()),
        ..StorageOptions::default()
    }
}

/// The emulator, stopped when dropped.
struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts it with one bucket; `None`, with a note, where it is not installed.
    fn start() -> Option<Self> {
        let python = python()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let serve = "import sys; from moto.server import main; main(sys.argv[1:])";
        let mut command = Command::new(&python);
        command.args(["-c", serve, "-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut moto = Self { process: silent(&mut command).spawn().expect("python"), endpoint: format!("http://127.0.0.1:{port}") };
        for _ in 0..300 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                moto.make_bucket(port);
                return Some(moto);
            }
            if moto.process.try_wait().is_ok_and(|status| status.is_some()) {
                println!("moto is not installed in {}: skipped", python.display());
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("moto does not answer");
    }

    fn make_bucket(&self, port: u16) {
        use std::io::Read as _;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
        write!(stream, "PUT /bucket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    fn location(&self, name: &str) -> (Location, StorageOptions) {
        (Location::parse(&format!("s3://bucket/tests/{name}")).expect("a location"), s3_options(&self.endpoint))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().expect("stopped");
        self.process.wait().expect("gone");
    }
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

#[tokio::test(flavor = "multi_thread")]
async fn cubes_on_s3_are_like_any_other() {
    let Some(moto) = Moto::start() else { return };
    for name in ["cube", "cube.zarr"] {
        let (location, options) = moto.location(name);
        assert!(matches!(Cube::open(&location, &options).await, Err(Error::NotFound { .. })));
        let cube = Cube::create(&location, &options, &layout()).await.expect("created");
        let error = Cube::create(&location, &options, &layout()).await.expect_err("exists");
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
        put(&cube, day(1), unit(0, 1), 11).await;
        put(&cube, day(2), unit(3, 4), 12).await;
        if name == "cube" {
            put(&cube, day(0), unit(3, 4), 10).await;
        } else {
            let other = Cube::open(&location, &options).await.expect("opened");
            let error = other.writer().await.expect_err("one writer");
            assert!(matches!(&error, Error::Busy { owner, .. } if owner.contains("process")), "{error}");
            cube.clone().close().await;
            put(&other, day(2), unit(0, 0), 13).await;
            other.close().await;
        }
        let fresh = Cube::open(&location, &options).await.expect("opened");
        let found = contents(&fresh.snapshot().await.expect("a snapshot"), "", "number").await;
        assert_eq!(found.len(), 3);
        let size = fresh.size().await.expect("a size");
        assert!(size.data > 0 && size.total > size.data, "{size:?}");
        assert_eq!(fresh.gc(Duration::from_secs(3600)).await.expect("cleaned").chunks, 0);
        fresh.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_on_s3_lose_nothing() {
    let Some(moto) = Moto::start() else { return };
    let (location, options) = moto.location("shared");
    let cube = Cube::create(&location, &options, &layout()).await.expect("created");
    let logs = tempfile::tempdir().expect("a directory");
    let workers: Vec<_> =
        (0..3).map(|n| spawn("commit", &location.to_string(), n, 4, &logs.path().join(format!("log{n}")), &[(ENDPOINT, &moto.endpoint)])).collect();
    workers.into_iter().for_each(finish);
    let found = contents(&cube.snapshot().await.expect("a snapshot"), "", "number").await;
    assert_eq!(found, logged(logs.path(), 3));
    assert_eq!(cube.history(1000).await.expect("a history").len(), 3 * 4 + 2);
}

#[tokio::test]
async fn keys_are_asked_for() {
    let location = Location::parse("s3://bucket/tests/cube").expect("a location");
    let error = Cube::open(&location, &StorageOptions::default()).await.expect_err("no keys");
    assert!(matches!(error, Error::NoCredentials { .. }) && error.hint().is_some(), "{error}");
}
