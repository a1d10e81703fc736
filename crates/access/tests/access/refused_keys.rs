//! Temporary S3 keys that a bucket refuses before their stated end.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use cube_access::{Access, AccessOptions, Kind, earthdata::ContextOptions};
use futures::TryStreamExt;

use crate::support::{Archive, Fake, Reply, SECRETS, Seen, Test, at, content, everything, file, read};

const HREF: &str = "s3://private-bucket/x.nc";
const REFUSALS: [(u16, &str); 4] = [(400, "ExpiredToken"), (403, "InvalidAccessKeyId"), (400, "InvalidToken"), (403, "AccessDenied")];

/// A store that refuses those keys that it is told to.
struct Store {
    server: Fake,
    refused: Arc<Mutex<Vec<String>>>,
    refuses_all: Arc<AtomicBool>,
}

impl Store {
    fn start(refusal: (u16, &'static str)) -> cube_testkit::Result<Self> {
        let (refused, refuses_all) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (list, all) = (Arc::clone(&refused), Arc::clone(&refuses_all));
        let server = Fake::start(move |seen| {
            let keys = session(seen);
            let is_refused = all.load(SeqCst) || list.lock().unwrap_or_else(PoisonError::into_inner).contains(&keys);
            match seen.path() {
                _ if is_refused => refuse(refusal, seen),
                "/private-bucket/x.nc" => file(seen, &content()),
                "/private-bucket" => page(seen),
                _ => refuse((403, "AccessDenied"), seen),
            }
        })?;
        Ok(Self { server, refused, refuses_all })
    }

    /// Keys that were taken until now are not any more.
    fn refuse_known(&self) {
        let known = self.server.seen().iter().map(session).collect();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn options(&self, archive: &Archive) -> AccessOptions {
        AccessOptions { s3: at(&self.server), ..archive.with_password() }
    }
}

fn session(seen: &Seen) -> String {
    seen.header("x-amz-security-token").to_owned()
}

/// As S3 does, which quotes what it does not take.
fn refuse((status, code): (u16, &str), seen: &Seen) -> Reply {
    let body = format!("<Error><Code>{code}</Code><Message>No.</Message><Token-0>{}</Token-0></Error>", session(seen));
    Reply::bytes(status, "application/xml", body)
}

const KEYS: [&str; 5] = ["a.nc", "b.nc", "c.nc", "d.nc", "e.nc"];

/// A part of the listing, two keys at most.
fn page(seen: &Seen) -> Reply {
    let after = seen.query("continuation-token").max(seen.query("start-after"));
    let left: Vec<&str> = KEYS.into_iter().filter(|key| *key > after.as_str()).collect();
    let object = |key: &&str| {
        format!("<Contents><Key>{key}</Key><LastModified>2024-06-01T00:00:00.000Z</LastModified><ETag>e</ETag><Size>1</Size></Contents>")
    };
    let objects: String = left.iter().take(2).map(object).collect();
    let next = left.get(1).filter(|_| left.len() > 2).map(|key| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
    Reply::bytes(200, "application/xml", format!("<ListBucketResult>{objects}{}</ListBucketResult>", next.unwrap_or_default()))
}

fn key_requests(archive: &Archive) -> usize {
    archive.data.count("/s3credentials")
}

#[tokio::test(flavor = "multi_thread")]
async fn new_ones_are_asked_for_once() -> Test {
    for refusal in REFUSALS {
        let (archive, store) = (Archive::start()?, Store::start(refusal)?);
        let access = Access::new(store.options(&archive))?;
        for generation in 1..=3 {
            let reads = (0..64).map(|_| read(&access, HREF));
            let all = futures::future::try_join_all(reads).await.map_err(|e| format!("{refusal:?}: {e:?}"))?;
            assert!(all.iter().all(|bytes| *bytes == content()));
            assert_eq!(key_requests(&archive), generation, "{refusal:?}");
            store.refuse_known();
        }
        assert_eq!(archive.token_requests(), 1);
        archive.assert_kept();
    }
    Ok(())
}

#[tokio::test]
async fn new_ones_that_are_refused_too_are_an_error() -> Test {
    for refusal in REFUSALS {
        let (archive, store) = (Archive::start()?, Store::start(refusal)?);
        let access = Access::new(store.options(&archive))?;
        store.refuses_all.store(true, SeqCst);
        for _ in 0..5 {
            let e = read(&access, HREF).await.expect_err("refused");
            assert_eq!(e.kind(), Kind::Denied, "{e}");
            let text = everything(&e);
            assert!(text.contains(refusal.1), "the reason is said: {text}");
            assert!(SECRETS.iter().all(|s| !text.contains(s)), "{text}");
        }
        // Without a reason, keys that never opened anything are as good as others.
        assert_eq!(key_requests(&archive), if refusal.1 == "AccessDenied" { 1 } else { 2 }, "{refusal:?}");
    }
    Ok(())
}

#[tokio::test]
async fn forbidden_objects_ask_for_keys_once_in_vain() -> Test {
    let (archive, store) = (Archive::start()?, Store::start(REFUSALS[0])?);
    let access = Access::new(store.options(&archive))?;
    for n in 0..5 {
        assert_eq!(read(&access, HREF).await?, content());
        let e = read(&access, &format!("s3://private-bucket/forbidden-{n}.nc")).await.expect_err("forbidden");
        assert_eq!(e.kind(), Kind::Denied);
    }
    assert_eq!(key_requests(&archive), 2);
    Ok(())
}

/// A listing whose second page is refused goes on behind its first.
#[tokio::test]
async fn listings_go_on() -> Test {
    for refusal in REFUSALS {
        let (archive, store) = (Archive::start()?, Store::start(refusal)?);
        let access = Access::new(store.options(&archive))?;
        let (bucket, _) = access.object(HREF).await?;
        let mut listing = bucket.list(None);
        let mut keys: Vec<String> = listing.try_next().await?.map(|object| object.location.into()).into_iter().collect();
        store.refuse_known();
        let rest: Vec<String> = listing.map_ok(|object| object.location.into()).try_collect().await.map_err(|e| format!("{refusal:?}: {e:?}"))?;
        keys.extend(rest);
        assert_eq!((keys.as_slice(), key_requests(&archive)), (&KEYS.map(str::to_owned)[..], 2), "{refusal:?}");
        store.refuse_known();
        assert_eq!((bucket.list_with_delimiter(None).await?.objects.len(), key_requests(&archive)), (5, 3), "{refusal:?}");
        assert_eq!(bucket.list_with_offset(None, &"b.nc".into()).try_collect::<Vec<_>>().await?.len(), 3);
        store.refuses_all.store(true, SeqCst);
        let e = cube_access::Error::from_store(HREF, bucket.list(None).try_next().await.expect_err("refused"));
        assert_eq!(e.kind(), Kind::Denied, "{refusal:?}: {e:?}");
        archive.assert_kept();
    }
    Ok(())
}

#[tokio::test]
async fn workers_get_them_from_their_driver() -> Test {
    let (archive, store) = (Archive::start()?, Store::start(REFUSALS[0])?);
    let driver = Access::new(store.options(&archive))?;
    let broker = driver.broker().await?;
    let wanted = ContextOptions { addresses: vec![HREF.into()], token: false };
    let worker = async |broker| {
        let context = driver.auth_context(&wanted, broker).await?;
        Access::with_context(AccessOptions { s3: at(&store.server), ..AccessOptions::default() }, context)
    };
    let (one, two, alone) = (worker(Some(&broker)).await?, worker(Some(&broker)).await?, worker(None).await?);
    for worker in [&one, &two, &alone] {
        assert_eq!(read(worker, HREF).await?, content());
    }
    store.refuse_known();
    for worker in [&one, &two, &driver] {
        assert_eq!(read(worker, HREF).await?, content());
    }
    assert_eq!(key_requests(&archive), 2, "one renewal for all");
    let e = read(&alone, HREF).await.expect_err("nobody renews");
    assert!(e.is_credentials_expired(), "{e:?}");
    Ok(())
}
