//! Files and catalogues over HTTP, against a server that misbehaves on demand.

#![expect(clippy::panic, reason = "tests say what they met")]

use std::time::Duration;

use bytes::Bytes;
use cube_access::{Access, AccessOptions, HttpOptions, Kind};
use cube_testkit::server::{Answer, Call, Fault, Rule, Server};
use http::{HeaderMap, Method, StatusCode};
use object_store::{GetOptions, GetRange, ObjectStoreExt};

use crate::support::{Answers, Test};

/// Content that differs at every place.
fn content(n: usize) -> Bytes {
    (0..n as u64).flat_map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()).step_by(8).take(n).collect()
}

fn access() -> Result<Access, cube_access::Error> {
    let http = HttpOptions {
        stall_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_secs(5),
        backoff: Duration::from_millis(5),
        max_wait: Duration::from_secs(2),
        retries: 3,
        ..HttpOptions::default()
    };
    Access::new(AccessOptions { http, ..AccessOptions::default() })
}

fn serve(bytes: &Bytes, faults: Vec<Rule>) -> Result<Server, cube_testkit::Error> {
    let server = Server::builder().file("a/file.bin", bytes.clone()).start()?;
    server.faults().set(faults);
    Ok(server)
}

const FILE: &str = "/a/file.bin";

/// Every fault that can be overcome ends in the right bytes, for ranges and for whole files, with as many requests as it takes.
#[tokio::test]
async fn passing_faults_end_in_the_right_bytes() -> Test {
    let bytes = content(300_000);
    let cases = [
        (Fault::Status { status: 500, retry_after: None }, 2),
        (Fault::Status { status: 503, retry_after: None }, 2),
        (Fault::Status { status: 429, retry_after: Some(0) }, 2),
        (Fault::Status { status: 408, retry_after: None }, 2),
        (Fault::Reset { after: 0 }, 2),
        (Fault::Reset { after: 1000 }, 2),
        (Fault::Truncate { after: 1000 }, 2),
        (Fault::Short { length: 1000 }, 2),
        (Fault::Stall { after: 0 }, 2),
        (Fault::Stall { after: 1000 }, 2),
        (Fault::IgnoreRange, 1),
        (Fault::Slow { millis: 50 }, 1),
    ];
    for (fault, requests) in cases {
        let server = serve(&bytes, vec![Rule::nth("*", 1, fault.clone())])?;
        let access = access()?;
        let (store, path) = access.object(&server.url_of(FILE)).await?;
        let got = store.get_range(&path, 50_000..150_000).await.map_err(|e| format!("{fault:?}: {e}"))?;
        assert!(got == bytes.slice(50_000..150_000), "{fault:?}: wrong bytes");
        assert_eq!(server.log().totals().requests, requests, "{fault:?}");
        assert_eq!(access.stats().requests, requests, "{fault:?}");

        // A whole file that is served short, whole as HTTP, on the first request cannot be told; after a HEAD it can.
        server.faults().set(vec![Rule { method: Some("GET".into()), ..Rule::nth("*", 1, fault.clone()) }]);
        let (store, path) = access.object(&server.url_of(FILE)).await?;
        assert_eq!(store.head(&path).await?.size, 300_000);
        match store.get(&path).await {
            Ok(whole) => assert!(whole.bytes().await.map_err(|e| format!("{fault:?}: {e}"))? == bytes, "{fault:?}: wrong bytes"),
            Err(e) => assert!(matches!(fault, Fault::Short { .. }), "{fault:?}: {e}"),
        }
    }
    Ok(())
}

/// Faults that stay end in an error of the right kind that names the file.
#[tokio::test]
async fn lasting_faults_end_in_named_errors() -> Test {
    let bytes = content(300_000);
    let cases = [
        (Fault::Status { status: 503, retry_after: None }, Kind::Unavailable, "answers 503"),
        (Fault::Status { status: 404, retry_after: None }, Kind::NotFound, "does not exist"),
        (Fault::Status { status: 403, retry_after: None }, Kind::Denied, "may not be read"),
        (Fault::Status { status: 401, retry_after: None }, Kind::Denied, "asks for credentials"),
        (Fault::Status { status: 400, retry_after: None }, Kind::Invalid, "answers 400"),
        (Fault::Reset { after: 0 }, Kind::Unavailable, ""),
        (Fault::Truncate { after: 10 }, Kind::Unavailable, ""),
        (Fault::Stall { after: 0 }, Kind::Unavailable, "sent nothing"),
    ];
    for (fault, kind, problem) in cases {
        let server = serve(&bytes, vec![Rule::always("*", fault.clone())])?;
        let (store, path) = access()?.object(&server.url_of("/a/file.bin?sig=TOPSECRET")).await?;
        let Err(e) = store.get_range(&path, 50_000..150_000).await else { panic!("{fault:?} gave bytes") };
        let e = cube_access::Error::from_store(&server.url_of(FILE), e);
        assert_eq!(e.kind(), kind, "{fault:?}: {e}");
        assert!(e.to_string().contains(problem) && e.to_string().contains("/a/file.bin"), "{fault:?}: {e}");
        let retried = matches!(kind, Kind::Unavailable);
        assert_eq!(server.log().totals().requests, if retried { 4 } else { 1 }, "{fault:?}");
        assert!(!format!("{e:?}").contains("TOPSECRET"), "{e:?}");
    }
    let closed = { serve(&bytes, vec![])?.url_of(FILE) };
    let (store, path) = access()?.object(&closed).await?;
    let e = cube_access::Error::from_store(&closed, store.get_range(&path, 0..1).await.expect_err("nobody listens"));
    assert!(e.kind() == Kind::Unavailable && e.to_string().contains("cannot be reached"), "{e}");
    Ok(())
}

#[tokio::test]
async fn a_file_that_changes_is_an_error() -> Test {
    let bytes = content(10_000);
    let server = serve(&bytes, vec![])?;
    let access = access()?;
    let (store, path) = access.object(&server.url_of(FILE)).await?;
    assert_eq!(store.get_range(&path, 0..100).await?, bytes.slice(..100));
    server.faults().set(vec![Rule::always("*", Fault::Etag { etag: "\"other\"".into() })]);
    let e = store.get_range(&path, 100..200).await.expect_err("another version");
    assert!(matches!(e, object_store::Error::Precondition { .. }), "{e}");
    let e = cube_access::Error::from_store("x", e);
    assert!(e.kind() == Kind::Corrupt && e.to_string().contains("changed while it was read") && e.hint().is_some(), "{e}");
    // A break in the middle of one read does not join two versions.
    server.faults().set(vec![Rule::nth("*", 1, Fault::Truncate { after: 1000 }), Rule::nth("*", 2, Fault::Etag { etag: "\"third\"".into() })]);
    let (store, path) = access.object(&server.url_of(FILE)).await?;
    let e = store.get_range(&path, 0..5000).await.expect_err("two versions");
    assert!(e.to_string().contains("changed") || matches!(e, object_store::Error::Precondition { .. }), "{e}");
    // A new file of another size, without faults.
    server.faults().set(vec![]);
    let (store, path) = access.object(&server.url_of(FILE)).await?;
    store.get_range(&path, 0..5000).await?;
    server.put("a/file.bin", content(9_000));
    assert!(store.get_range(&path, 0..5000).await.is_err());
    Ok(())
}

#[tokio::test]
async fn ranges_of_every_form_are_read() -> Test {
    let bytes = content(10_000);
    let server = serve(&bytes, vec![])?;
    let (store, path) = access()?.object(&server.url_of(FILE)).await?;
    let get = async |range| {
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let got = store.get_opts(&path, options).await?;
        Ok::<_, object_store::Error>((got.range.clone(), got.meta.size, got.bytes().await?))
    };
    assert_eq!(get(GetRange::Bounded(10..20)).await?, (10..20, 10_000, bytes.slice(10..20)));
    assert_eq!(get(GetRange::Bounded(9_990..10_100)).await?, (9_990..10_000, 10_000, bytes.slice(9_990..)), "a range ends where the file does");
    assert_eq!(get(GetRange::Offset(9_000)).await?, (9_000..10_000, 10_000, bytes.slice(9_000..)));
    assert_eq!(get(GetRange::Suffix(100)).await?, (9_900..10_000, 10_000, bytes.slice(9_900..)));
    assert!(get(GetRange::Bounded(10_000..10_100)).await.is_err(), "beyond the end");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let reversed = get(GetRange::Bounded(20..10)).await;
    assert!(reversed.is_err());
    let meta = store.head(&path).await?;
    assert!(meta.size == 10_000 && meta.e_tag.is_some());
    let parts = store.get_ranges(&path, &[0..10, 20..30, 9_000..9_100]).await?;
    assert_eq!(parts, [bytes.slice(0..10), bytes.slice(20..30), bytes.slice(9_000..9_100)]);
    assert!(store.get(&"another/file".into()).await.is_err());
    assert!(store.put(&path, "x".into()).await.is_err(), "http is read only");
    Ok(())
}

#[tokio::test]
async fn an_empty_file_is_read() -> Test {
    let server = serve(&Bytes::new(), vec![])?;
    let (store, path) = access()?.object(&server.url_of(FILE)).await?;
    for range in [None, Some(GetRange::Suffix(10)), Some(GetRange::Suffix(0))] {
        let got = store.get_opts(&path, GetOptions { range: range.clone(), ..GetOptions::default() }).await.map_err(|e| format!("{range:?}: {e}"))?;
        assert_eq!((got.meta.size, got.range.clone(), got.bytes().await?.len()), (0, 0..0, 0), "{range:?}");
    }
    Ok(())
}

/// A server that refuses HEAD still tells the size.
#[tokio::test]
async fn head_falls_back_to_a_range() -> Test {
    let server =
        serve(&content(1234), vec![Rule { method: Some("HEAD".into()), ..Rule::always("*", Fault::Status { status: 403, retry_after: None }) }])?;
    let (store, path) = access()?.object(&server.url_of(FILE)).await?;
    assert_eq!(store.head(&path).await?.size, 1234);
    Ok(())
}

/// Answers what it was asked.
fn echo(call: &Call) -> Answer {
    let value =
        serde_json::json!({ "path": call.path, "query": call.query, "body": String::from_utf8_lossy(&call.body), "method": call.method.as_str() });
    Answer::json(StatusCode::OK, "application/json", &value)
}

/// Answers with a web page.
fn page(text: &'static str) -> impl Fn(&Call) -> Answer {
    move |_| Answer::new(StatusCode::OK, text.into()).with(http::header::CONTENT_TYPE, "text/html; charset=utf-8")
}

#[tokio::test]
async fn hrefs_arrive_as_they_were_written() -> Test {
    let names = ["a b.tif", "a+b,c:d.tif", "é/ü.tif", "S2A_(1)_[2]'.tif", "a=b&c;d@e.tif", "100%.tif", "a%2Bb.tif"];
    let mut server = Server::builder().service("/echo", Answers(echo));
    for (i, name) in names.iter().enumerate() {
        server = server.file(name, vec![i as u8; 10]);
    }
    let server = server.start()?;
    let access = access()?;
    // As written in hrefs: percent-encoded where a URL needs it, and only there.
    let hrefs = ["a b.tif", "a+b,c:d.tif", "é/ü.tif", "S2A_(1)_[2]'.tif", "a=b&c;d@e.tif", "100%25.tif", "a%252Bb.tif"];
    for (i, href) in hrefs.iter().enumerate() {
        let (store, path) = access.object(&format!("{}/{href}", server.url())).await?;
        assert_eq!(store.get_range(&path, 0..10).await.map_err(|e| format!("{href}: {e}"))?, vec![i as u8; 10], "{href}");
    }
    for (encoded, i) in [("a%20b.tif", 0), ("a%2Bb%2Cc%3Ad.tif", 1), ("%C3%A9/%C3%BC.tif", 2)] {
        let (store, path) = access.object(&format!("{}/{encoded}", server.url())).await?;
        assert_eq!(store.get_range(&path, 0..10).await?, vec![i; 10], "{encoded}");
    }
    server.log().reset();
    let signed = "sv=2021&sig=a%2Bb%2Fc%3D&se=2024-06-01T00%3A00%3A00Z&x=1+2";
    access.read(&format!("{}?{signed}", server.url_of("/echo"))).await?;
    assert_eq!(server.log().records()[0].query, signed, "a signature survives to the letter");
    let (store, path) = access.object(&format!("{}/a%20b.tif?{signed}", server.url())).await?;
    store.get_range(&path, 0..1).await?;
    assert_eq!(server.log().records()[1].query, signed);
    Ok(())
}

#[tokio::test]
async fn credentials_stay_with_their_host() -> Test {
    let other = Server::builder().service("/echo", Answers(echo)).start()?;
    let server = Server::builder().service("/echo", Answers(echo)).service("/here", Answers(echo)).file("x", "y").start()?;
    let access = access()?;
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer TOPSECRET".parse()?);
    headers.insert("x-api-key", "TOPSECRET".parse()?);
    headers.insert("accept", "application/geo+json".parse()?);
    let post = async |target: &str| {
        server.faults().set(vec![Rule::always("/x", Fault::Redirect { location: target.to_owned() })]);
        access.http().request(Method::POST, &server.url_of("/x"), headers.clone(), Some("{}".into())).await
    };
    assert!(post(&other.url_of("/echo")).await?.status.is_success());
    let there = &other.log().records()[0];
    assert!(there.headers.iter().all(|(_, v)| !v.contains("TOPSECRET")), "{there:?}");
    assert_eq!((there.method.as_str(), there.body.as_str(), there.header("accept")), ("POST", "{}", Some("application/geo+json")));
    assert!(post(&server.url_of("/here")).await?.status.is_success());
    let records = server.log().records();
    let here = records.iter().find(|r| r.path == "/here").ok_or("not there")?;
    assert_eq!(here.header("authorization"), Some("Bearer TOPSECRET"), "on its own host it goes along");
    let e = post(&server.url_of("/x")).await.expect_err("a circle");
    assert!(e.to_string().contains("redirects more than") && !format!("{e:?}").contains("TOPSECRET"), "{e}");
    // User and password of a URL are for its host alone, and for no message.
    let with_user = server.url_of("/x").replace("http://", "http://user:TOPSECRET@");
    server.faults().set(vec![Rule::always("/x", Fault::Redirect { location: other.url_of("/nothing") })]);
    let e = access.read(&with_user).await.expect_err("not there");
    assert!(e.kind() == Kind::NotFound && !format!("{e:?}").contains("TOPSECRET"), "{e:?}");
    assert!(other.log().records().iter().all(|r| r.header("authorization").is_none()));
    Ok(())
}

/// A page to log in is no file, whatever its status says.
#[tokio::test]
async fn login_pages_are_not_files() -> Test {
    let login = Server::builder().service("/login", Answers(page("<html>log in</html>"))).start()?;
    let server = serve(&content(10), vec![Rule::always("*", Fault::Redirect { location: login.url_of("/login") })])?;
    let (store, path) = access()?.object(&server.url_of(FILE)).await?;
    let e = cube_access::Error::from_store("x", store.get_range(&path, 0..5).await.expect_err("a page"));
    assert!(e.kind() == Kind::Denied && e.to_string().contains("web page") && e.hint().is_some(), "{e}");
    Ok(())
}

#[tokio::test]
async fn retry_after_is_waited_for_up_to_the_limit() -> Test {
    let server = serve(&content(10), vec![Rule::nth("*", 1, Fault::Status { status: 429, retry_after: Some(1) })])?;
    let asked = access()?;
    asked.read(&server.url_of(FILE)).await?;
    let (stats, second) = (asked.stats(), Duration::from_secs(1));
    assert!(stats.retries == 1 && stats.waited > second && stats.waited <= 2 * second, "what was asked for and a little more: {stats:?}");
    server.faults().set(vec![Rule::nth("*", 1, Fault::Status { status: 503, retry_after: Some(100_000) })]);
    let asked = access()?;
    asked.read(&server.url_of(FILE)).await?;
    assert_eq!(asked.stats().waited, Duration::from_secs(2), "a day is not waited for");
    Ok(())
}

/// What one request waits longer than its host asks for is no wait of the others.
#[tokio::test]
async fn a_request_waits_for_itself() -> Test {
    let server = serve(&content(10), vec![Rule::nth("*", 1, Fault::Status { status: 429, retry_after: Some(0) })])?;
    let http = HttpOptions { backoff: Duration::from_secs(50), ..HttpOptions::default() };
    let access = Access::new(AccessOptions { http, ..AccessOptions::default() })?;
    let (first, url) = (access.clone(), server.url_of(FILE));
    let waiting = tokio::spawn(async move { first.read(&url).await.map(drop) });
    while server.log().totals().requests == 0 {
        tokio::task::yield_now().await;
    }
    // The first has its answer by the time that these have theirs.
    for _ in 0..20 {
        access.read(&server.url_of(FILE)).await?;
    }
    assert!(!waiting.is_finished(), "the others came when the first was through");
    waiting.abort();
    Ok(())
}

#[tokio::test]
async fn documents_are_limited_and_explained() -> Test {
    let refuse = |field: &str, words: &str| Answer::json(StatusCode::BAD_REQUEST, "application/json", &serde_json::json!({ field: words }));
    let broken = move |call: &Call| match call.path.as_str() {
        "/words" => refuse("description", "no such collection: moon"),
        "/echoes" => refuse("detail", "token TOPSECRET is not valid"),
        _ => Answer::new(StatusCode::OK, "<html>welcome</html>".into()),
    };
    let server = Server::builder().service("/b", Answers(broken)).file("large", content(3 << 20)).start()?;
    let access =
        Access::new(AccessOptions { http: HttpOptions { max_document_bytes: 1 << 20, ..HttpOptions::default() }, ..AccessOptions::default() })?;
    let e = access.read(&server.url_of("/large")).await.expect_err("too large");
    assert!(e.to_string().contains("larger than 1 MiB") && e.hint().is_some(), "{e}");
    let e = access.http().get(&server.url_of("/b/words")).await?.ok().expect_err("refused");
    assert!(e.kind() == Kind::Invalid && e.to_string().contains("no such collection: moon"), "{e}");
    let e = access.http().get(&server.url_of("/b/echoes?token=TOPSECRET")).await?.ok().expect_err("refused");
    assert!(!format!("{e:?} {e}").contains("TOPSECRET"), "{e:?}");
    let e = access.http().get(&server.url_of("/b/page")).await?.json::<serde_json::Value>().expect_err("no JSON");
    assert!(e.kind() == Kind::Corrupt && e.to_string().contains("web page"), "{e}");
    Ok(())
}

/// No more requests at once than the host may have.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_get_few_requests_at_once() -> Test {
    let server = serve(&content(1000), vec![Rule::always("*", Fault::Slow { millis: 30 })])?;
    let http = HttpOptions { max_connections_per_host: 2, ..HttpOptions::default() };
    let access = Access::new(AccessOptions { http, ..AccessOptions::default() })?;
    let url = server.url_of(FILE);
    futures::future::try_join_all((0..10).map(|_| access.read(&url))).await?;
    assert_eq!(server.log().most_at_once(), 2, "ten requests of 30 ms");
    Ok(())
}

/// A reader that stops in the middle of a body gives its seat back.
#[tokio::test]
async fn dropped_bodies_free_their_seat() -> Test {
    let server = serve(&content(4 << 20), vec![])?;
    let http = HttpOptions { max_connections_per_host: 1, ..HttpOptions::default() };
    let access = Access::new(AccessOptions { http, ..AccessOptions::default() })?;
    let (store, path) = access.object(&server.url_of(FILE)).await?;
    drop(store.get(&path).await?);
    assert_eq!(store.get_range(&path, 0..10).await?.len(), 10);
    Ok(())
}
