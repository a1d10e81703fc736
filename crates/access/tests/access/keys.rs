//! Temporary S3 keys: one request for each endpoint, renewed in time, and only from whom they are to be had.

use std::sync::atomic::Ordering::SeqCst;

use cube_access::{Access, AccessOptions, Kind, S3Options, Secret, earthdata::KeysFor};

use crate::support::{Archive, Rules, Test, at, content, read, read_at_once, store};

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_ask_for_keys_once() -> Test {
    let (archive, store) = (Archive::start()?, store()?);
    let access = Access::new(AccessOptions { s3: at(&store), ..archive.with_password() })?;
    read_at_once(&access, "s3://private-bucket/x.nc", 64).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (1, 1));
    assert!(
        store
            .seen()
            .iter()
            .all(|s| s.header("x-amz-security-token").starts_with("KEY-SECRET-session") && s.header("authorization").contains("us-west-2"))
    );
    // Bearer tokens are not for S3, and S3 keys not for data hosts.
    assert!(store.seen().iter().all(|s| !s.text().contains("TOKEN-SECRET") && !s.text().contains("PASSWORD-SECRET")));
    archive.assert_kept();
    Ok(())
}

#[tokio::test]
async fn keys_are_renewed_before_they_end() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let of = KeysFor::Address("s3://private-bucket/x.nc");
    let keys = access.earthdata().s3_credentials(of).await?;
    assert!(
        keys.expose().secret_access_key.starts_with("KEY-SECRET") && keys.region() == "us-west-2" && keys.endpoint() == archive.endpoint().as_str()
    );
    access.earthdata().s3_credentials(of).await?;
    assert_eq!(archive.data.count("/s3credentials"), 1, "an hour is long");
    archive.rules.life.store(1, SeqCst);
    let access = archive.access()?;
    let first = access.earthdata().s3_credentials(of).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let second = access.earthdata().s3_credentials(of).await?;
    assert_ne!(first.expose().access_key_id, second.expose().access_key_id);
    Ok(())
}

/// The endpoint's redirect is a refusal of the token: it is renewed once, and not followed.
#[tokio::test]
async fn a_refused_token_is_renewed_once() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let of = KeysFor::Address("s3://private-bucket/x.nc");
    access.earthdata().token().await?;
    archive.rules.revoke();
    access.earthdata().s3_credentials(of).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials"), archive.login.count("/oauth/authorize")), (2, 2, 0));
    Rules::set(&archive.rules.refuses_all, true);
    let access = archive.access()?;
    for _ in 0..3 {
        let e = access.earthdata().s3_credentials(of).await.expect_err("refused");
        assert!(
            e.kind() == Kind::Denied && e.to_string().contains("refuses the token") && e.hint().is_some_and(|h| h.contains("application_search")),
            "{e:?}"
        );
    }
    assert_eq!(archive.data.count("/s3credentials"), 3, "a refusal is final");
    for (path, words) in [("/s3credentials-page", "refuses the token"), ("/s3credentials-eula", "EULA")] {
        Rules::set(&archive.rules.refuses_all, false);
        let e = archive.access()?.earthdata().s3_credentials(KeysFor::Endpoint(&archive.data.url(path))).await.expect_err(path);
        assert!(e.kind() == Kind::Denied && e.to_string().contains(words), "{path}: {e}");
    }
    Ok(())
}

#[tokio::test]
async fn whose_keys_is_known_or_asked() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let keys = async |of| access.earthdata().s3_credentials(of).await;
    let e = keys(KeysFor::Address("s3://nobodys-bucket/x")).await.expect_err("unknown");
    let hint = e.hint().ok_or("no hint")?;
    assert!(
        e.kind() == Kind::Invalid
            && ["--provider POCLOUD", "NSIDC_CPRD", "--credentials-endpoint https://", "AWS_NO_SIGN_REQUEST"].iter().all(|w| hint.contains(w)),
        "{hint}"
    );
    let e = read(&access, "s3://nobodys-bucket/x").await.expect_err("unknown");
    assert!(e.kind() == Kind::Invalid && e.hint().as_ref() == Some(&hint), "{e:?}");
    assert!(keys(KeysFor::Provider("NOBODY")).await.expect_err("unknown").hint().is_some_and(|h| h.contains("LPCLOUD")));
    assert!(keys(KeysFor::Provider("ESDIS")).await.expect_err("no cloud").to_string().contains("no S3 keys"));
    // The login host here is not NASA's: its token is not for NASA's endpoints, whoever names the bucket.
    for of in [KeysFor::Address("s3://lp-prod-protected/x"), KeysFor::Provider("PODAAC")] {
        let e = keys(of).await.expect_err("another's endpoint");
        assert!(e.to_string().contains("so it gets no token"), "{e}");
    }
    let learnt = |endpoint: &str| access.earthdata().learn_bucket("learnt", Some(endpoint), None);
    assert!(!learnt(&archive.hostile.url("/s3credentials")) && !learnt("https://evil.example/s3credentials"), "a granule cannot lead our token away");
    assert!(learnt(archive.endpoint().as_str()));
    keys(KeysFor::Address("s3://learnt/x")).await?;
    assert!(archive.hostile.seen().is_empty());
    Ok(())
}

#[tokio::test]
async fn options_go_before_the_registry() -> Test {
    let (archive, store) = (Archive::start()?, store()?);
    let mut options = AccessOptions { s3: at(&store), ..archive.with_password() };
    options.earthdata.credentials_endpoint = Some(archive.endpoint());
    assert_eq!(read(&Access::new(options)?, "s3://lp-prod-protected/x.nc").await?, content());
    assert_eq!(archive.data.count("/s3credentials"), 1);
    // Without a login one's own keys are used, as ever.
    let s3 = S3Options { access_key_id: Some("OWN".into()), secret_access_key: Some(Secret::new("own")), allow_http: true, ..at(&store) };
    let own = Access::new(AccessOptions { s3, ..archive.options() })?;
    assert_eq!(read(&own, "s3://private-bucket/x.nc").await?, content());
    assert!(store.seen().last().is_some_and(|s| s.header("authorization").contains("OWN")));
    // And without either the error says what to log in with.
    let e = read(&Access::new(AccessOptions { s3: at(&store), ..archive.options() })?, "s3://private-bucket/x.nc").await.expect_err("no login");
    assert!(e.kind() == Kind::Denied && e.to_string().contains("EARTHDATA_TOKEN") && e.to_string().contains("s3://private-bucket"), "{e}");
    Ok(())
}
