//! The Planetary Computer and the Copernicus Data Space.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cube_access::{Access, AccessOptions, CdseOptions, HttpOptions, Kind, PlanetaryOptions, Secret};

use crate::support::{Fake, Reply, Seen, Test, content, file, read, read_at_once};

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_signed_once_for_each_container() -> Test {
    let blobs = Fake::start(|seen| if seen.query("sig") == "SIGNATURE SECRET+1" { file(seen, &content()) } else { Reply::status(403) })?;
    let signer = Fake::start(|seen| match seen.path() {
        "/token/landsat/c2" => {
            let ends = chrono::Utc::now() + chrono::TimeDelta::hours(1);
            Reply::json(200, &serde_json::json!({ "msft:expiry": ends.to_rfc3339(), "token": "se=2099&sig=SIGNATURE%20SECRET%2B1" }))
        }
        _ => Reply::status(404),
    })?;
    let planetary = PlanetaryOptions {
        service: signer.url("/token").parse().ok(),
        subscription_key: Some(Secret::new("SUBSCRIPTION-SECRET")),
        hosts: vec![(blobs.host().to_owned(), "landsat".to_owned())],
    };
    let access = Access::new(AccessOptions { planetary, http: HttpOptions { retries: 0, ..HttpOptions::default() }, ..AccessOptions::default() })?;
    let url = blobs.url("/c2/a/x.tif");
    read_at_once(&access, &url, 32).await?;
    assert_eq!(signer.seen().len(), 1, "one signature for 32 tasks");
    assert_eq!(signer.seen()[0].header("ocp-apim-subscription-key"), "SUBSCRIPTION-SECRET");
    assert!(blobs.seen().iter().all(|s| !s.text().contains("SUBSCRIPTION-SECRET")));
    // One that is signed already stays as it is, and a container that the service does not know is read as it is.
    let e = read(&access, &format!("{url}?se=1&sig=own")).await.expect_err("a wrong signature");
    assert!(e.kind() == Kind::Denied && signer.seen().len() == 1 && !format!("{e:?} {access:?}").contains("SECRET"), "{e:?}");
    let e = read(&access, &blobs.url("/other/x.tif")).await.expect_err("not signed");
    assert!(e.kind() == Kind::Denied && !format!("{e:?}").contains("SECRET"), "{e:?}");
    Ok(())
}

/// A signature that is refused before its end is renewed by the driver, for all its workers.
#[tokio::test]
async fn refused_signatures_are_made_anew() -> Test {
    let good = Arc::new(AtomicUsize::new(1));
    let (of_blobs, of_signer) = (Arc::clone(&good), Arc::clone(&good));
    let blobs =
        Fake::start(move |seen| if seen.query("sig") == of_blobs.load(SeqCst).to_string() { file(seen, &content()) } else { Reply::status(403) })?;
    let signer = Fake::start(move |_| {
        let ends = chrono::Utc::now() + chrono::TimeDelta::hours(1);
        Reply::json(200, &serde_json::json!({ "msft:expiry": ends.to_rfc3339(), "token": format!("sig={}", of_signer.load(SeqCst)) }))
    })?;
    let planetary =
        PlanetaryOptions { service: signer.url("/token").parse().ok(), hosts: vec![(blobs.host(), "landsat".to_owned())], ..Default::default() };
    let options = || AccessOptions { planetary: planetary.clone(), ..AccessOptions::default() };
    let driver = Access::new(options())?;
    let broker = driver.broker().await?;
    let worker = Access::with_context(options(), driver.auth_context(&Default::default(), Some(&broker)).await?)?;
    for generation in 1..=3 {
        good.store(generation, SeqCst);
        for access in [&worker, &driver] {
            assert_eq!(read(access, &blobs.url("/c2/x.tif")).await.map_err(|e| format!("{generation}: {e:?}"))?, content());
        }
        assert_eq!(signer.seen().len(), generation);
    }
    Ok(())
}

fn copernicus(asked: &Arc<AtomicUsize>) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let asked = Arc::clone(asked);
    move |seen| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        let with_password = body.contains("grant_type=password&username=sentinel&password=PASSWORD-SECRET%26");
        match seen.path() {
            "/token" if with_password || body.contains("refresh_token=REFRESH-SECRET") => {
                let n = asked.fetch_add(1, SeqCst);
                Reply::json(
                    200,
                    &serde_json::json!({ "access_token": format!("CDSE-SECRET-{n}"), "expires_in": 600, "refresh_token": "REFRESH-SECRET", "refresh_expires_in": 3600 }),
                )
            }
            "/token" => Reply::json(401, &serde_json::json!({ "error": "invalid_grant" })),
            _ if seen.header("authorization") == format!("Bearer CDSE-SECRET-{}", asked.load(SeqCst).wrapping_sub(1)) => file(seen, &content()),
            _ => Reply::status(401),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copernicus_gets_its_token() -> Test {
    let asked = Arc::new(AtomicUsize::new(0));
    let service = Fake::start(copernicus(&asked))?;
    let cdse = |password: &str| CdseOptions {
        username: Some("sentinel".into()),
        password: Some(Secret::new(password)),
        login: service.url("/token").parse().ok(),
        hosts: vec![service.host().to_owned()],
        ..CdseOptions::default()
    };
    let access = Access::new(AccessOptions { cdse: cdse("PASSWORD-SECRET&"), ..AccessOptions::default() })?;
    let url = service.url("/product/x.nc");
    read_at_once(&access, &url, 32).await?;
    assert_eq!(asked.load(SeqCst), 1, "one login for 32 tasks");
    // The service forgets the token: it is renewed once, without the password.
    asked.fetch_add(1, SeqCst);
    read_at_once(&access, &url, 32).await?;
    assert_eq!(asked.load(SeqCst), 3);
    let renewal = service.seen().into_iter().rfind(|s| s.path() == "/token").ok_or("no renewal")?;
    assert!(String::from_utf8_lossy(&renewal.body).contains("grant_type=refresh_token"), "{}", renewal.text());
    let wrong = Access::new(AccessOptions { cdse: cdse("wrong"), ..AccessOptions::default() })?;
    let e = read(&wrong, &url).await.expect_err("a wrong password");
    assert!(e.kind() == Kind::Denied && e.hint().is_some_and(|h| h.contains("CDSE_PASSWORD")), "{e:?}");
    let none = AccessOptions { cdse: CdseOptions { username: None, password: None, ..cdse("") }, ..AccessOptions::default() };
    let e = read(&Access::new(none)?, &url).await.expect_err("no login");
    assert!(e.kind() == Kind::Denied && e.hint().is_some_and(|h| h.contains("CDSE_USERNAME")), "{e:?}");
    assert!(!format!("{access:?} {e:?}").contains("SECRET"));
    Ok(())
}

/// Buckets that are not NASA's: who pays, and whose keys.
#[tokio::test]
async fn buckets_of_others_say_what_they_need() -> Test {
    let access = Access::new(AccessOptions::default())?;
    for (href, words) in
        [("s3://usgs-landsat/x", "AWS_REQUEST_PAYER"), ("s3://eodata/x", "CDSE_S3_ACCESS_KEY"), ("s3://unheard-of/x", "--provider POCLOUD")]
    {
        let e = access.object(href).await.expect_err(href);
        assert!(e.hint().is_some_and(|h| h.contains(words)), "{e:?}");
    }
    access.object("s3://sentinel-cogs/x").await?;
    let mut told = AccessOptions::default();
    told.s3.anonymous = Some(true);
    told.s3.region = Some("us-west-2".into());
    Access::new(told)?.object("s3://unheard-of/x").await?;
    Ok(())
}
