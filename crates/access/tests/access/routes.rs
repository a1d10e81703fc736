//! Direct or not: where this program runs, and whether the keys work from there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cube_access::{Access, AccessOptions, Kind, RegionOptions, Route, S3Options};
use tokio::net::TcpListener;

use crate::support::{Archive, Fake, Reply, Test, at, store};

const S3: &str = "s3://private-bucket/x.nc";
const WEB: &str = "https://data.example/x.nc";

fn instance(region: &'static str) -> cube_testkit::Result<Fake> {
    Fake::start(move |seen| match (seen.method.as_str(), seen.path()) {
        ("PUT", "/latest/api/token") if seen.header("x-aws-ec2-metadata-token-ttl-seconds") == "21600" => {
            Reply::bytes(200, "text/plain", "imds-token")
        }
        ("GET", "/latest/meta-data/placement/region") if seen.header("x-aws-ec2-metadata-token") == "imds-token" => {
            Reply::bytes(200, "text/plain", region)
        }
        _ => Reply::status(401),
    })
}

async fn direct(access: &Access) -> cube_access::Result<bool> {
    let chosen = access.choose(WEB, &[S3.to_owned()]).await?;
    assert_eq!(chosen.href, if chosen.direct { S3 } else { WEB });
    Ok(chosen.direct)
}

#[tokio::test]
async fn keys_that_work_are_used() -> Test {
    let (archive, store) = (Archive::start()?, store()?);
    let access = Access::new(AccessOptions { s3: at(&store), ..archive.with_password() })?;
    for _ in 0..5 {
        assert!(direct(&access).await?);
    }
    assert_eq!((store.seen().len(), archive.data.count("/s3credentials")), (1, 1), "one byte of one file decides");
    // A store that refuses the keys, as NASA's does from outside its region.
    let refusing = Fake::start(|_| Reply::status(403))?;
    let access = Access::new(AccessOptions { s3: at(&refusing), ..archive.with_password() })?;
    for _ in 0..5 {
        assert!(!direct(&access).await?);
    }
    assert_eq!(refusing.seen().len(), 1);
    // Without a login nobody is asked.
    let access = Access::new(AccessOptions { s3: at(&store), ..archive.options() })?;
    assert!(!direct(&access).await?);
    // What workers are told they do not find out again.
    let worker = access.auth_context(&Default::default(), None).await?;
    assert!(worker.user().is_none());
    Ok(())
}

#[tokio::test]
async fn another_region_is_read_over_https() -> Test {
    let archive = Archive::start()?;
    let elsewhere = instance("eu-central-1")?;
    let region = RegionOptions { metadata_service: Some(elsewhere.url("/")), environment: Some("us-west-2".into()), ..RegionOptions::default() };
    let access = Access::new(AccessOptions { region, ..archive.with_password() })?;
    for _ in 0..3 {
        assert!(!direct(&access).await?, "what the instance says goes before the environment");
    }
    assert_eq!(elsewhere.seen().len(), 2);
    assert!(archive.data.seen().is_empty() && archive.login.seen().is_empty(), "no keys are asked for in vain");
    let region = RegionOptions { environment: Some("ap-south-1".into()), ..RegionOptions::default() };
    assert!(!direct(&Access::new(AccessOptions { region, ..archive.with_password() })?).await?);
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_is_done_or_refused() -> Test {
    let with = |route| Access::new(AccessOptions { route, ..AccessOptions::default() });
    let none: &[String] = &[];
    assert!(direct(&with(Route::Direct)?).await? && !direct(&with(Route::Indirect)?).await?);
    assert!(with(Route::Auto)?.choose(S3, none).await?.direct && !with(Route::Auto)?.choose("/local/x.nc", none).await?.direct);
    for (route, href) in [(Route::Direct, WEB), (Route::Indirect, S3)] {
        let e = with(route)?.choose(href, none).await.expect_err("no such address");
        assert!(e.kind() == Kind::Invalid && e.hint().is_some_and(|h| h.contains("--access auto")), "{e:?}");
    }
    // Buckets that are not NASA's are not tried.
    let public = with(Route::Auto)?.choose(WEB, &["s3://sentinel-cogs/x".to_owned()]).await?;
    assert!(!public.direct);
    Ok(())
}

/// A server that takes connections and says nothing.
async fn silent() -> std::io::Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (url, connections) = (format!("http://{}", listener.local_addr()?), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            open.push(stream);
        }
    });
    Ok((url, connections))
}

#[tokio::test]
async fn a_bucket_that_is_silent_is_asked_once() -> Test {
    let archive = Archive::start()?;
    let (endpoint, connections) = silent().await?;
    let region = RegionOptions { bucket_patience: Some(Duration::from_millis(300)), ..RegionOptions::default() };
    let s3 = S3Options { endpoint: Some(endpoint), ..S3Options::default() };
    let access = Access::new(AccessOptions { s3, region, ..archive.with_password() })?;
    let ask = |n: usize| {
        let access = access.clone();
        async move { access.choose(WEB, &[format!("s3://private-bucket/{n}.nc")]).await }
    };
    let together = futures::future::try_join_all((0..8).map(ask)).await?;
    let later = futures::future::try_join_all((8..16).map(ask)).await?;
    assert!(together.iter().chain(&later).all(|chosen| !chosen.direct && chosen.href == WEB));
    assert_eq!((connections.load(SeqCst), archive.data.count("/s3credentials")), (1, 1), "one file decides for all");
    let known = access.auth_context(&Default::default(), None).await?.to_json()?;
    assert!(known.expose().contains(r#""routes":{"private-bucket":false}"#), "workers are told");
    Ok(())
}
