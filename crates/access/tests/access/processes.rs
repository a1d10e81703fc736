//! Many processes, one login: through the cache of the user, and through the driver that started them.

use std::{process::Stdio, sync::atomic::Ordering::SeqCst};

use cube_access::{
    Access, AccessOptions, AuthContext,
    earthdata::{ContextOptions, KeysFor},
};
use tokio::process::Command;

use crate::support::{Archive, PASSWORD, SECRETS, Test, USER, at, content, read, store};

const WORKERS: usize = 8;
const GRANULES: usize = 200;

/// Not a test of its own: what the processes do that the others start.
#[tokio::test(flavor = "multi_thread")]
async fn worker() -> Test {
    let Ok(hrefs) = std::env::var("CUBE_TEST_WORKER") else { return Ok(()) };
    let access = Access::new(AccessOptions::from_env()?)?;
    for i in 0..GRANULES {
        let href = hrefs.split(' ').nth(i % 2).ok_or("two addresses")?;
        assert_eq!(read(&access, href).await?, content());
    }
    Ok(())
}

fn start(hrefs: &str, variables: &[(&str, String)]) -> std::io::Result<tokio::process::Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "processes::worker", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for name in ["EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD", "NETRC", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        command.env_remove(name);
    }
    command.env("CUBE_TEST_WORKER", hrefs).envs(variables.iter().map(|(k, v)| (k, v))).spawn()
}

async fn run(hrefs: &str, variables: &[(&str, String)]) -> Test {
    let workers = (0..WORKERS).map(|_| start(hrefs, variables)).collect::<Result<Vec<_>, _>>()?;
    for worker in workers {
        let output = worker.wait_with_output().await?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_a_cache() -> Test {
    let (archive, store, cache) = (Archive::start()?, store()?, tempfile::tempdir()?);
    let hrefs = format!("s3://private-bucket/x.nc {}", archive.data.url("/bearer/x.nc"));
    let variables = [
        ("EARTHDATA_USERNAME", USER.to_owned()),
        ("EARTHDATA_PASSWORD", PASSWORD.to_owned()),
        ("CUBE_EARTHDATA_LOGIN_URL", archive.login.url("")),
        ("CUBE_EARTHDATA_HOSTS", archive.data.host().to_owned()),
        ("CUBE_S3_CREDENTIALS", format!("private-bucket={}", archive.endpoint())),
        ("CUBE_CREDENTIALS_CACHE", cache.path().join("c").display().to_string()),
        ("AWS_ENDPOINT_URL_S3", store.url("")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ];
    run(&hrefs, &variables).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (1, 1), "{WORKERS} processes, {GRANULES} granules each");
    for entry in std::fs::read_dir(cache.path().join("c"))? {
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&entry?.metadata()?.permissions()) & 0o777, 0o600);
        #[cfg(not(unix))]
        drop(entry);
    }
    // A later run asks nobody; a token that was revoked in between is renewed once.
    run(&hrefs, &variables).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (1, 1));
    archive.rules.revoke();
    run(&hrefs, &variables).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (2, 1), "one renewal for {WORKERS} processes");
    archive.assert_kept();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_renew_through_their_driver() -> Test {
    let (archive, store, folder) = (Archive::start()?, store()?, tempfile::tempdir()?);
    let driver = Access::new(AccessOptions { s3: at(&store), ..archive.with_password() })?;
    let broker = driver.broker().await?;
    let context = driver.auth_context(&ContextOptions { addresses: vec!["s3://private-bucket/x.nc".into()], token: false }, Some(&broker)).await?;
    assert!(context.token().is_none() && context.has_way_back() && context.keys().len() == 1 && context.user() == Some(USER));
    let path = folder.path().join("context.json");
    context.write(&path)?;
    let hrefs = format!("s3://private-bucket/x.nc {}", archive.data.url("/bearer/x.nc"));
    let variables =
        [("CUBE_AUTH_CONTEXT", path.display().to_string()), ("AWS_ENDPOINT_URL_S3", store.url("")), ("AWS_ALLOW_HTTP", "true".to_owned())];
    run(&hrefs, &variables).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (1, 1));
    // Tokens that end under the workers are renewed by the driver, once.
    archive.rules.revoke();
    run(&hrefs, &variables).await?;
    assert_eq!((archive.token_requests(), archive.data.count("/s3credentials")), (2, 1));
    archive.assert_kept();
    Ok(())
}

#[tokio::test]
async fn without_a_way_back_tasks_end_as_expired() -> Test {
    let (archive, store) = (Archive::start()?, store()?);
    let driver = Access::new(AccessOptions { s3: at(&store), ..archive.with_password() })?;
    let wanted = ContextOptions { addresses: vec!["s3://private-bucket/x.nc".into()], token: false };
    archive.rules.life.store(2, SeqCst);
    let ship = async |wanted: &ContextOptions| {
        let context = driver.auth_context(wanted, None).await?;
        let text = context.to_json()?;
        let back = AuthContext::from_json(text.expose())?;
        let debug = format!("{context:?} {back:?}");
        assert!(SECRETS.iter().all(|s| !debug.contains(s)) && text.expose().contains("KEY-SECRET"), "{debug}");
        assert_eq!((back.user(), back.expires(), back.keys().len()), (context.user(), context.expires(), context.keys().len()));
        Access::with_context(AccessOptions { s3: at(&store), ..AccessOptions::default() }, back)
    };
    let worker = ship(&wanted).await?;
    assert_eq!(read(&worker, "s3://private-bucket/x.nc").await?, content(), "keys are used to their end");
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let e = read(&worker, "s3://private-bucket/x.nc").await.expect_err("ended");
    assert!(e.is_credentials_expired() && e.to_string().contains("credentials expired"), "{e:?}");
    let e = read(&worker, &archive.data.url("/bearer/x.nc")).await.expect_err("no token");
    assert!(e.is_credentials_expired(), "{e:?}");
    // The same task with a new context.
    assert_eq!(read(&ship(&wanted).await?, "s3://private-bucket/x.nc").await?, content());
    // The token goes along when it is asked for, and nobody else's log-in is tried.
    let with_token = ship(&ContextOptions { token: true, ..wanted }).await?;
    assert_eq!(read(&with_token, &archive.data.url("/bearer/x.nc")).await?, content());
    assert!(with_token.earthdata().login(Default::default(), false).await.is_err(), "a worker logs in nowhere");
    assert_eq!(archive.token_requests(), 1);
    Ok(())
}

/// Keys that are to be renewed, by a driver that is gone: they are good for four minutes more.
#[tokio::test]
async fn keys_are_used_to_their_end_when_nobody_renews_them() -> Test {
    let (archive, store) = (Archive::start()?, store()?);
    let driver = Access::new(AccessOptions { s3: at(&store), ..archive.with_password() })?;
    let wanted = ContextOptions { addresses: vec!["s3://private-bucket/x.nc".into()], token: true };
    let broker = driver.broker().await?;
    let context = driver.auth_context(&wanted, Some(&broker)).await?;
    let mut json: serde_json::Value = serde_json::from_str(context.to_json()?.expose())?;
    let now = chrono::Utc::now();
    for (start, end, asked) in [(56, 4, 2), (60, -1, 2)] {
        json["keys"][0]["obtained"] = (now - chrono::TimeDelta::minutes(start)).to_rfc3339().into();
        json["keys"][0]["expires"] = (now + chrono::TimeDelta::minutes(end)).to_rfc3339().into();
        let context = AuthContext::from_json(&json.to_string())?;
        let worker = Access::with_context(AccessOptions { s3: at(&store), ..AccessOptions::default() }, context.clone())?;
        // With its driver the worker has keys that are at hand there.
        assert_eq!(read(&worker, "s3://private-bucket/x.nc").await?, content());
        assert_eq!(archive.data.count("/s3credentials") + archive.token_requests(), asked);
    }
    drop(broker);
    for (end, works) in [(4, true), (-1, false)] {
        json["keys"][0]["expires"] = (now + chrono::TimeDelta::minutes(end)).to_rfc3339().into();
        let worker = Access::with_context(AccessOptions { s3: at(&store), ..AccessOptions::default() }, AuthContext::from_json(&json.to_string())?)?;
        let got = read(&worker, "s3://private-bucket/x.nc").await;
        assert_eq!(got.is_ok(), works);
        assert!(works || got.is_err_and(|e| e.is_credentials_expired()));
    }
    Ok(())
}

#[tokio::test]
async fn a_broker_answers_only_its_own() -> Test {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let archive = Archive::start()?;
    let driver = archive.access()?;
    let broker = driver.broker().await?;
    let context = driver.auth_context(&ContextOptions::default(), Some(&broker)).await?;
    let json: serde_json::Value = serde_json::from_str(context.to_json()?.expose())?;
    let address = json["way_back"]["address"].as_str().ok_or("no address")?.to_owned();
    let ask = async |line: &str| {
        let mut stream = tokio::net::TcpStream::connect(&address).await?;
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    for line in ["\n", "{}\n", "{\"key\":\"guess\",\"wish\":{\"Token\":{\"refused\":null}}}\n", "GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(ask(line).await?, "", "{line}");
    }
    assert_eq!(archive.token_requests(), 0);
    let worker = Access::with_context(AccessOptions::default(), context)?;
    assert_eq!(read(&worker, &archive.data.url("/bearer/x.nc")).await?, content());
    let of = KeysFor::Endpoint("http://127.0.0.1:9/s3credentials");
    assert!(worker.earthdata().s3_credentials(of).await.is_err(), "the driver decides who gets its token");
    drop(broker);
    archive.rules.revoke();
    let e = read(&worker, &archive.data.url("/bearer/x.nc")).await.expect_err("the driver is gone");
    assert!(e.is_credentials_expired(), "{e:?}");
    Ok(())
}
