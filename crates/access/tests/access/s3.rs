//! Buckets, against a server that knows nothing of S3 but path-style GET and HEAD, and misbehaves on demand.

use std::time::Duration;

use cube_access::{Access, AccessOptions, HttpOptions, Kind, S3Options, Secret};
use cube_testkit::server::{Fault, Rule, Server};
use object_store::ObjectStoreExt;

use crate::support::Test;

fn access(server: &Server, s3: S3Options) -> Result<Access, cube_access::Error> {
    let s3 = S3Options { endpoint: Some(server.url()), allow_http: true, region: Some("eu-central-1".into()), ..s3 };
    let http = HttpOptions { backoff: Duration::from_millis(5), stall_timeout: Duration::from_millis(300), retries: 3, ..HttpOptions::default() };
    Access::new(AccessOptions { s3, http, ..AccessOptions::default() })
}

fn signed() -> S3Options {
    S3Options {
        access_key_id: Some("KEYID".into()),
        secret_access_key: Some(Secret::new("TOPSECRET")),
        session_token: Some(Secret::new("TOPTOKEN")),
        ..S3Options::default()
    }
}

#[tokio::test]
async fn objects_are_read_with_and_without_keys() -> Test {
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let server = Server::builder().file("bucket/a b/c+d,é.tif", bytes.clone()).start()?;
    for (options, has_signature) in [(S3Options::default(), false), (signed(), true), (S3Options { anonymous: Some(true), ..signed() }, false)] {
        server.log().reset();
        let access = access(&server, options)?;
        let href = "s3://bucket/a b/c+d,é.tif";
        let (store, path) = access.object(href).await?;
        assert_eq!(store.get_range(&path, 1000..2000).await?, bytes[1000..2000]);
        assert_eq!(access.read(href).await?, bytes);
        let records = server.log().records();
        assert!(records.iter().all(|r| r.header("authorization").is_some() == has_signature), "{records:?}");
        assert_eq!(records.len() as u64, access.stats().requests);
        assert!(access.stats().bytes >= 101_000);
    }
    let payer = access(&server, S3Options { request_payer: true, ..signed() })?;
    payer.read("s3://bucket/a b/c+d,é.tif").await?;
    assert_eq!(server.log().records().last().and_then(|r| r.header("x-amz-request-payer").map(str::to_owned)).as_deref(), Some("requester"));
    Ok(())
}

#[tokio::test]
async fn faults_are_overcome_or_named() -> Test {
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let server = Server::builder().file("bucket/x.tif", bytes.clone()).start()?;
    let access = access(&server, signed())?;
    let (store, path) = access.object("s3://bucket/x.tif").await?;
    for fault in
        [Fault::Status { status: 503, retry_after: None }, Fault::Reset { after: 10 }, Fault::Truncate { after: 1000 }, Fault::Stall { after: 1000 }]
    {
        server.faults().set(vec![Rule::nth("*", 1, fault.clone())]);
        assert_eq!(store.get_range(&path, 5000..50_000).await.map_err(|e| format!("{fault:?}: {e}"))?, bytes[5000..50_000], "{fault:?}");
    }
    for (status, kind) in [(404, Kind::NotFound), (403, Kind::Denied), (503, Kind::Unavailable)] {
        server.faults().set(vec![Rule::always("*", Fault::Status { status, retry_after: None })]);
        let e = access.read("s3://bucket/x.tif").await.expect_err("a fault that stays");
        assert!(e.kind() == kind && e.to_string().contains("s3://bucket/x.tif"), "{status}: {e}");
        assert!(!format!("{e:?}").contains("TOPSECRET") && !format!("{e:?}").contains("TOPTOKEN"), "{e:?}");
    }
    Ok(())
}

/// Waits that the library below would panic of.
#[tokio::test]
async fn any_wait_will_do() -> Test {
    let server = Server::builder().file("bucket/x.tif", "x").start()?;
    for (backoff, max_wait) in [(0, 60_000), (0, 0), (40, 1)] {
        server.faults().set(vec![Rule { count: Some(3), ..Rule::always("*", Fault::Status { status: 503, retry_after: None }) }]);
        let s3 = S3Options { endpoint: Some(server.url()), allow_http: true, ..S3Options::default() };
        let http = HttpOptions { backoff: Duration::from_millis(backoff), max_wait: Duration::from_millis(max_wait), ..HttpOptions::default() };
        let access = Access::new(AccessOptions { s3, http, ..AccessOptions::default() })?;
        assert_eq!(access.read("s3://bucket/x.tif").await.map_err(|e| format!("{backoff} {max_wait}: {e:?}"))?, "x");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_store_needs_is_plain() -> Test {
    let server = Server::builder().start()?;
    let options = access(&server, signed())?.store_options();
    assert_eq!(
        (options.access_key_id.as_deref(), options.endpoint.as_deref(), options.anonymous),
        (Some("KEYID"), Some(server.url().as_str()), false)
    );
    assert!(!format!("{options:?}").contains("TOPSECRET"));
    let anonymous = access(&server, S3Options { anonymous: Some(true), ..signed() })?.store_options();
    assert!(anonymous.anonymous && anonymous.secret_access_key.is_none());
    Ok(())
}
