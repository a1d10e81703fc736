//! A search for secrets in everything that is printed: logs at every level, errors, and `Debug`.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use cube_access::{
    Access, AccessOptions, Secret,
    earthdata::{ContextOptions, KeysFor},
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::support::{Archive, SECRETS, Test, at, everything, read, store};

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What the libraries say that do not know `tracing`.
impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.add(format!("{} {} {}\n", record.level(), record.target(), record.args()).as_bytes());
    }

    fn flush(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_printed() -> Test {
    let printed = Log::default();
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(printed.clone()).init();
    log::set_logger(Box::leak(Box::new(printed.clone()))).map_err(|e| e.to_string())?;
    log::set_max_level(log::LevelFilter::Trace);
    let (archive, store, folder) = (Archive::start()?, store()?, tempfile::tempdir()?);
    let mut options = AccessOptions { s3: at(&store), ..archive.with_password() };
    options.earthdata.cache = Some(folder.path().to_owned());
    options.earthdata.token = Some(Secret::new("TOKEN-SECRET-revoked"));
    let access = Access::new(options.clone())?;
    let mut said = vec![format!("{options:?}")];
    let signed = format!("{}?token=CODE-SECRET", archive.data.url("/presigned/x.nc"));
    for _ in 0..2 {
        read(&access, &signed).await?;
    }
    assert_eq!(archive.presigned.seen().len(), 2);
    archive.rules.revoke();
    let paths =
        ["/bearer/x.nc", "/presigned/x.nc", "/legacy/x.nc", "/hostile/x.nc", "/eula/x.nc", "/forbidden/x.nc", "/page/x.nc", "/none", "/public/x.nc"];
    for path in paths {
        // With a secret of the caller's own.
        let href = format!("{}?token=CODE-SECRET", archive.data.url(path));
        said.push(format!("{:?}", access.object(&href).await?.0));
        said.extend(read(&access, &href).await.err().map(|e| everything(&e)));
        archive.rules.revoke();
    }
    said.extend(read(&access, "s3://private-bucket/x.nc").await.err().map(|e| everything(&e)));
    said.extend(read(&access, "s3://private-bucket/none").await.err().map(|e| everything(&e)));
    for endpoint in ["/s3credentials", "/s3credentials-page", "/s3credentials-eula"] {
        let keys = access.earthdata().s3_credentials(KeysFor::Endpoint(&archive.data.url(endpoint))).await;
        said.push(keys.map_or_else(|e| everything(&e), |keys| format!("{keys:?}")));
    }
    let broker = access.broker().await?;
    let context = access.auth_context(&ContextOptions { addresses: vec!["s3://private-bucket/x".into()], token: true }, Some(&broker)).await?;
    let worker = Access::with_context(AccessOptions { s3: at(&store), ..AccessOptions::default() }, context.clone())?;
    archive.rules.revoke();
    said.extend(read(&worker, &archive.data.url("/bearer/x.nc")).await.err().map(|e| everything(&e)));
    let e =
        cube_access::AuthContext::from_json(&context.to_json()?.expose().replace("\"version\":1", "\"version\":\"KEY-SECRET\"")).expect_err("broken");
    said.push(everything(&e));
    said.push(format!("{access:?} {worker:?} {context:?} {broker:?} {}", serde_json::to_string(&access.earthdata().status())?));
    options.earthdata.token = None;
    options.earthdata.password = Some(Secret::new("PASSWORD-SECRET-wrong"));
    options.earthdata.cache = None;
    said.push(everything(&read(&Access::new(options)?, &archive.data.url("/bearer/x.nc")).await.expect_err("a wrong password")));
    let way_back: serde_json::Value = serde_json::from_str(context.to_json()?.expose())?;
    let key = way_back["way_back"]["key"].as_str().ok_or("no key")?;

    let logged = String::from_utf8_lossy(&printed.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    assert!(logged.contains("logged in") && logged.contains("hyper") && said.len() > 12, "the search looks at something");
    for secret in SECRETS.iter().chain([&key]) {
        for text in said.iter().flat_map(|s| s.lines()).chain(logged.lines()) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    archive.assert_kept();
    Ok(())
}
