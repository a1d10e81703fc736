//! The server on the wire: ranges, preconditions, the log, and every fault, seen by a client that knows nothing of HTTP libraries.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cube_testkit::server::{Fault, Rule, Server};

/// Status line and headers in lower case, the body, and how the connection ended before the declared length if it did.
struct Reply {
    head: String,
    body: Vec<u8>,
    broken: Option<ErrorKind>,
}

impl Reply {
    fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends one request and reads until the declared length, the end or an error.
fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(400))).expect("a timeout");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: test\r\n{lines}\r\n").expect("sent");
    let (mut bytes, mut buffer) = (Vec::new(), [0_u8; 4096]);
    loop {
        let split = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(split) = split {
            let reply = Reply { head: String::from_utf8_lossy(&bytes[..split]).to_lowercase(), body: bytes[split + 4..].to_vec(), broken: None };
            let declared = if method == "HEAD" { 0 } else { reply.header("content-length").map_or(0, |length| length.parse().expect("a length")) };
            if reply.body.len() >= declared {
                return reply;
            }
        }
        let end = |broken| {
            let split = split.expect("a whole head");
            Reply { head: String::from_utf8_lossy(&bytes[..split]).to_lowercase(), body: bytes[split + 4..].to_vec(), broken: Some(broken) }
        };
        match stream.read(&mut buffer) {
            Ok(0) => return end(ErrorKind::UnexpectedEof),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => return end(error.kind()),
        }
    }
}

fn content() -> Vec<u8> {
    (0..100_000_u32).map(|index| (index % 251) as u8).collect()
}

fn server() -> Server {
    Server::builder().file("/a b.tif", content()).file("c.json", "{}").start().expect("a server")
}

#[test]
fn ranges() {
    let server = server();
    let content = content();
    for (range, status, wanted, stated) in [
        (None, 200, 0..100_000, None),
        (Some("bytes=0-9"), 206, 0..10, Some("bytes 0-9/100000")),
        (Some("bytes=99990-"), 206, 99_990..100_000, Some("bytes 99990-99999/100000")),
        (Some("bytes=-7"), 206, 99_993..100_000, Some("bytes 99993-99999/100000")),
        (Some("bytes=5-999999"), 206, 5..100_000, Some("bytes 5-99999/100000")),
        (Some("bytes=100000-"), 416, 0..0, Some("bytes */100000")),
        (Some("bytes=0-1,4-5"), 200, 0..100_000, None),
    ] {
        let headers: Vec<_> = range.iter().map(|range| ("Range", *range)).collect();
        let reply = ask(&server, "GET", "/a%20b.tif", &headers);
        assert_eq!((reply.status(), reply.header("content-range")), (status, stated), "{range:?}");
        assert!(reply.body == content[wanted], "{range:?}");
        assert_eq!(reply.header("accept-ranges"), Some("bytes"));
    }
    let head = ask(&server, "HEAD", "/a%20b.tif", &[]);
    assert_eq!((head.status(), head.header("content-length"), head.body.len()), (200, Some("100000"), 0));
    assert_eq!(ask(&server, "GET", "/none", &[]).status(), 404);
    assert_eq!(ask(&server, "PUT", "/c.json", &[]).status(), 405);
}

#[test]
fn preconditions() {
    let server = server();
    let first = ask(&server, "GET", "/c.json", &[]);
    let etag = first.header("etag").expect("an etag").to_owned();
    let modified = first.header("last-modified").expect("a date").to_owned();
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-None-Match", &etag)]).status(), 304);
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-Modified-Since", &modified)]).status(), 304);
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-Match", &etag)]).status(), 200);
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-Range", &etag), ("Range", "bytes=0-0")]).status(), 206);
    server.put("/c.json", "[1]");
    assert_ne!(ask(&server, "GET", "/c.json", &[]).header("etag"), Some(etag.as_str()));
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-Match", &etag)]).status(), 412);
    assert_eq!(ask(&server, "GET", "/c.json", &[("If-Range", &etag), ("Range", "bytes=0-0")]).status(), 200);
    server.remove("/c.json");
    assert_eq!(ask(&server, "GET", "/c.json", &[]).status(), 404);
}

#[test]
fn directories_keep_to_themselves() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("in")).expect("made");
    std::fs::write(folder.path().join("in/x.bin"), b"inside").expect("written");
    std::fs::write(folder.path().join("secret"), b"outside").expect("written");
    let server = Server::builder().directory(folder.path().join("in")).start().expect("a server");
    assert_eq!(ask(&server, "GET", "/x.bin", &[("Range", "bytes=2-3")]).body, b"si");
    for path in ["/../secret", "/%2e%2e/secret", "/", "//etc/passwd"] {
        assert_eq!(ask(&server, "GET", path, &[]).status(), 404, "{path}");
    }
}

#[test]
fn the_log_counts() {
    let server = server();
    ask(&server, "GET", "/a%20b.tif", &[("Range", "bytes=0-99"), ("Authorization", "Bearer x")]);
    ask(&server, "HEAD", "/c.json?q=1", &[]);
    ask(&server, "GET", "/none", &[]);
    let records = server.log().records();
    assert_eq!((records.len(), server.log().totals().bytes), (3, 100));
    assert_eq!((records[0].path.as_str(), records[0].range.as_deref(), records[0].status), ("/a b.tif", Some("bytes=0-99"), 206));
    assert_eq!((records[0].header("authorization"), records[1].query.as_str()), (Some("Bearer x"), "q=1"));
    let summary: serde_json::Value = serde_json::from_slice(&ask(&server, "GET", "/_log", &[]).body).expect("JSON");
    assert_eq!((&summary["requests"], &summary["paths"]["/a b.tif"]["bytes"]), (&3.into(), &100.into()));
    assert_eq!(ask(&server, "POST", "/_log/reset", &[]).status(), 204);
    assert_eq!(server.log().totals().requests, 0);
}

#[test]
fn faults() {
    let server = server();
    let content = content();
    let strike = |fault: Fault, headers: &[(&str, &str)]| {
        server.faults().set(vec![Rule::nth("*.tif", 1, fault)]);
        let reply = ask(&server, "GET", "/a%20b.tif", headers);
        let after = ask(&server, "GET", "/a%20b.tif", &[]);
        assert!(after.status() == 200 && after.body == content, "the second request is answered well");
        reply
    };
    let reply = strike(Fault::Status { status: 429, retry_after: Some(3) }, &[]);
    assert_eq!((reply.status(), reply.header("retry-after"), reply.body.len()), (429, Some("3"), 0));
    let reply = strike(Fault::Redirect { location: "http://elsewhere/".into() }, &[]);
    assert_eq!((reply.status(), reply.header("location")), (302, Some("http://elsewhere/")));
    let reply = strike(Fault::Truncate { after: 10 }, &[]);
    assert_eq!((reply.header("content-length"), reply.body.len(), reply.broken), (Some("100000"), 10, Some(ErrorKind::UnexpectedEof)));
    let reply = strike(Fault::Reset { after: 1000 }, &[]);
    assert_eq!((reply.status(), reply.broken), (200, Some(ErrorKind::ConnectionReset)));
    let reply = strike(Fault::Stall { after: 20 }, &[("Range", "bytes=0-99")]);
    assert_eq!((reply.status(), reply.header("content-length"), reply.body.len(), reply.broken), (206, Some("100"), 20, Some(ErrorKind::WouldBlock)));
    let reply = strike(Fault::Short { length: 5 }, &[]);
    assert_eq!((reply.header("content-length"), reply.body.len(), reply.broken), (Some("5"), 5, None));
    let reply = strike(Fault::WrongBytes { offset: 1, length: Some(2) }, &[("Range", "bytes=0-3")]);
    assert_eq!(reply.body, [content[0], !content[1], !content[2], content[3]]);
    let reply = strike(Fault::Etag { etag: "\"new\"".into() }, &[("If-Match", "\"old\"")]);
    assert_eq!((reply.status(), reply.header("etag")), (412, Some("\"new\"")));
    let reply = strike(Fault::IgnoreRange, &[("Range", "bytes=0-3")]);
    assert_eq!((reply.status(), reply.body.len()), (200, 100_000));
    assert_eq!(strike(Fault::Slow { millis: 50 }, &[]).status(), 200);
}

#[test]
fn faults_over_http() {
    let server = server();
    let plan = r#"[{"path": "/c.json", "first": 2, "fault": {"kind": "status", "status": 503}}]"#;
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    write!(stream, "POST /_faults HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{plan}", plan.len()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let statuses: Vec<u16> = (0..3).map(|_| ask(&server, "GET", "/c.json", &[]).status()).collect();
    assert_eq!(statuses, [200, 503, 200]);
}

#[test]
fn a_dropped_server_is_gone() {
    let server = server();
    let address = server.address();
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the port stays open");
        std::thread::sleep(Duration::from_millis(5));
    }
}
