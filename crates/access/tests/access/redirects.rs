//! Files behind redirects to signed addresses: one request for each further range, and none of ours to be seen there.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cube_access::{Access, Kind};
use object_store::ObjectStoreExt;

use crate::support::{Archive, Fake, Reply, SECRETS, Seen, Test, content, file};

const SIGNED: &str = "X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=SIGNATURE-SECRET";

/// How a store answers who comes with the `n`th signature.
type Behaviour = Box<dyn Fn(usize, &Seen) -> Reply + Send + Sync>;

/// A host that signs, and the store that it leads to.
struct Signer {
    host: Fake,
    store: Fake,
    signed: Arc<AtomicUsize>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Signer {
    fn start(query: &'static str) -> cube_testkit::Result<Self> {
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Box::new(|_, seen| file(seen, &content()))));
        let of_store = Arc::clone(&behaviour);
        let store = Fake::start(move |seen| {
            let n = seen.query("n").parse().unwrap_or(0);
            of_store.lock().unwrap_or_else(PoisonError::into_inner)(n, seen)
        })?;
        let (to, signed) = (store.host().to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&signed);
        let host = Fake::start(move |_| Reply::redirect(303, &format!("http://{to}/bucket/x.nc?n={}&{query}", count.fetch_add(1, SeqCst) + 1)))?;
        Ok(Self { host, store, signed, behaviour })
    }

    fn set(&self, behaviour: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(behaviour);
    }

    fn url(&self) -> String {
        self.host.url("/x.nc")
    }

    /// Requests to the host and to the store since the last call.
    fn requests(&self, before: &mut (usize, usize)) -> (usize, usize) {
        let now = (self.host.seen().len(), self.store.seen().len());
        let since = (now.0 - before.0, now.1 - before.1);
        *before = now;
        since
    }
}

/// Reads a range in a store of its own, as each task of a run does.
async fn range(access: &Access, href: &str, at: u64) -> cube_access::Result<()> {
    let (store, path) = access.object(href).await?;
    let got = store.get_range(&path, at..at + 100).await.map_err(|e| cube_access::Error::from_store(href, e))?;
    assert_eq!(got, content()[at as usize..at as usize + 100]);
    assert!(!format!("{store:?}").contains("SECRET"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn further_ranges_ask_the_store_alone() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let url = archive.data.url("/presigned/x.nc");
    for n in 0..20 {
        range(&access, &format!("{url}?mine=CODE-SECRET"), n * 100).await?;
    }
    // Who asks? With a token: signed. Then 19 ranges.
    assert_eq!((archive.data.count("/presigned/x.nc"), archive.presigned.seen().len()), (2, 20));
    assert_eq!((archive.token_requests(), access.stats().requests), (1, 2 + 20 + 1));
    for seen in archive.presigned.seen() {
        let text = seen.text().replace("SIGNATURE-SECRET", "");
        assert!(SECRETS.iter().all(|s| !text.contains(s)) && !text.contains("cookie"), "{text}");
    }
    let whole = access.http().get(&format!("{url}?mine=CODE-SECRET")).await?.ok()?;
    assert!(whole.body == content() && whole.url.contains("SIGNATURE-SECRET") && !format!("{whole:?}").contains("SECRET"), "{whole:?}");
    let context = access.auth_context(&Default::default(), None).await?;
    for text in [format!("{access:?}"), context.to_json()?.expose().to_owned()] {
        assert!(!text.contains("SIGNATURE-SECRET") && !text.contains("CODE-SECRET"), "{text}");
    }
    let tasks = (0..64).map(|n| range(&access, &url, n * 100));
    futures::future::try_join_all(tasks).await?;
    assert!(archive.data.count("/presigned/x.nc") <= 3 + 64, "another address, and nobody waits for the first of them");
    archive.assert_kept();
    Ok(())
}

/// What the store does not give any more is signed anew, once.
#[tokio::test]
async fn refused_targets_are_signed_anew_once() -> Test {
    for status in [400, 401, 403, 404, 410] {
        let signer = Signer::start(SIGNED)?;
        let (access, mut since) = (Access::new(Default::default())?, (0, 0));
        range(&access, &signer.url(), 0).await?;
        range(&access, &signer.url(), 100).await?;
        assert_eq!(signer.requests(&mut since), (1, 2));
        signer.set(move |n, seen| if n == 1 { Reply::status(status) } else { file(seen, &content()) });
        range(&access, &signer.url(), 200).await.map_err(|e| format!("{status}: {e}"))?;
        assert_eq!(signer.requests(&mut since), (1, 2), "{status}: refused, signed, read");
        range(&access, &signer.url(), 300).await?;
        assert_eq!(signer.requests(&mut since), (0, 1), "{status}");
        signer.set(move |_, _| Reply::status(status));
        let e = range(&access, &signer.url(), 400).await.expect_err("refused");
        assert_eq!(signer.requests(&mut since), (1, 2), "{status}: {e}");
        assert!(!format!("{e:?} {e}").contains("SECRET") && e.kind() != Kind::Unavailable, "{e:?}");
        let e = range(&access, &signer.url(), 400).await.expect_err("refused");
        assert_eq!(signer.requests(&mut since), (1, 1), "{status}: {e}");
    }
    Ok(())
}

#[tokio::test]
async fn other_versions_are_looked_for_at_the_files_own_address() -> Test {
    let signer = Signer::start(SIGNED)?;
    let (access, mut since) = (Access::new(Default::default())?, (0, 0));
    let with = |seen: &Seen, etag: &str| file(seen, &content()).with("etag", etag);
    signer.set(move |_, seen| with(seen, "\"a\""));
    let (store, path) = access.object(&signer.url()).await?;
    let range = async |at: u64| store.get_range(&path, at..at + 10).await;
    range(0).await?;
    range(10).await?;
    assert_eq!(signer.requests(&mut since), (1, 2));
    signer.set(move |n, seen| with(seen, if n == 1 { "\"b\"" } else { "\"a\"" }));
    range(20).await?;
    assert_eq!(signer.requests(&mut since), (1, 2));
    signer.set(|_, _| Reply::bytes(200, "text/html", "<html>maintenance</html>"));
    assert!(range(30).await.is_err(), "a page is no file");
    assert_eq!(signer.requests(&mut since), (1, 2));
    signer.set(move |_, seen| with(seen, "\"b\""));
    let e = cube_access::Error::from_store("x", range(40).await.expect_err("a new file"));
    assert!(e.to_string().contains("changed while it was read"), "{e}");
    Ok(())
}

/// A file is looked for anew as soon as any of the redirects to it has ended.
#[tokio::test]
async fn the_first_of_several_redirects_counts_too() -> Test {
    for (control, asked) in [("no-store", 3), ("max-age=0", 3), ("max-age=600", 1)] {
        let signer = Signer::start(SIGNED)?;
        let to = signer.url();
        let front = Fake::start(move |_| Reply::redirect(302, &to).with("cache-control", control))?;
        let access = Access::new(Default::default())?;
        for n in 0..3 {
            range(&access, &front.url("/latest.nc"), n * 100).await?;
        }
        assert_eq!((front.seen().len(), signer.requests(&mut (0, 0))), (asked, (asked, 3)), "{control}");
    }
    Ok(())
}

/// What fails in passing begins again at the file's own address: perhaps the store moved.
#[tokio::test]
async fn retries_begin_anew() -> Test {
    let signer = Signer::start(SIGNED)?;
    let archive = Archive::start()?;
    let (access, mut since) = (Access::new(archive.options())?, (0, 0));
    range(&access, &signer.url(), 0).await?;
    signer.set(|n, seen| if n == 1 { Reply::status(503) } else { file(seen, &content()) });
    range(&access, &signer.url(), 100).await?;
    assert_eq!(signer.requests(&mut since), (2, 3));
    Ok(())
}

#[tokio::test]
async fn some_targets_are_not_remembered() -> Test {
    let cases = [
        ("it has ended", "X-Amz-Date=20200101T000000Z&X-Amz-Expires=3600"),
        ("it is for one range", "X-Amz-Expires=3600&X-Amz-SignedHeaders=host%3Brange"),
    ];
    for (why, query) in cases {
        let signer = Signer::start(query)?;
        let access = Access::new(Default::default())?;
        for n in 0..3 {
            range(&access, &signer.url(), n * 100).await?;
        }
        assert_eq!(signer.requests(&mut (0, 0)), (3, 3), "{why}");
    }
    // Good for one read each: that is tried once more.
    let signer = Signer::start(SIGNED)?;
    let used = Mutex::new(0);
    signer.set(move |n, seen| {
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = n > std::mem::replace(&mut *used, n);
        if is_new { file(seen, &content()) } else { Reply::status(403) }
    });
    let access = Access::new(Default::default())?;
    for n in 0..4 {
        range(&access, &signer.url(), n * 100).await?;
    }
    assert_eq!((signer.requests(&mut (0, 0)), signer.signed.load(SeqCst)), ((4, 5), 4));
    // Where something of ours may be sent it goes the usual way.
    let archive = Archive::start()?;
    let signer = Signer::start(SIGNED)?;
    let mut options = archive.with_password();
    options.earthdata.hosts.push(signer.store.host().to_owned());
    let access = Access::new(options)?;
    for n in 0..3 {
        range(&access, &signer.url(), n * 100).await?;
    }
    assert_eq!(signer.requests(&mut (0, 0)), (3, 3));
    Ok(())
}
