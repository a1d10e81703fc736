//! Login: the order of its strategies, tokens that end, redirects, and who gets what.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cube_access::{
    Access, Kind, Secret,
    earthdata::{Answer, Prompt, Question, Source, Strategy},
};

use crate::support::{Archive, PASSWORD, Rules, SECRETS, Test, USER, content, read, read_at_once};

#[tokio::test]
async fn public_data_ask_nobody() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    assert_eq!(read(&access, &archive.data.url("/public/x.nc")).await?, content());
    assert!(archive.login.seen().is_empty() && archive.data.seen().iter().all(|s| s.header("authorization").is_empty()));
    // Without a login as well.
    let nobody = Access::new(archive.options())?;
    assert_eq!(read(&nobody, &archive.data.url("/public/x.nc")).await?, content());
    // Also once their host has asked for a login because of other files.
    for path in ["/bearer/x.nc", "/presigned/x.nc", "/legacy/x.nc", "/bearer/x.nc"] {
        let e = read(&nobody, &archive.data.url(path)).await.expect_err("a login");
        assert!(e.kind() == Kind::Denied && e.to_string().contains("needs a login") && e.to_string().contains(path), "{e}");
        assert_eq!(read(&nobody, &archive.data.url("/public/x.nc")).await?, content());
    }
    assert!(archive.login.seen().is_empty());
    Ok(())
}

#[tokio::test]
async fn strategies_have_an_order() -> Test {
    let archive = Archive::start()?;
    let folder = tempfile::tempdir()?;
    let netrc = folder.path().join("netrc");
    let from = async |change: &dyn Fn(&mut cube_access::AccessOptions)| {
        let mut options = archive.options();
        options.earthdata.netrc = Some(netrc.clone());
        change(&mut options);
        let access = Access::new(options)?;
        let read = read(&access, &archive.data.url("/bearer/x.nc")).await;
        read.map(|_| access.earthdata().status())
    };
    let given = archive.rules.issue();
    std::fs::write(&netrc, format!("machine 127.0.0.1 login {USER} password {PASSWORD}"))?;
    let all = from(&|o| {
        o.earthdata.token = Some(Secret::new(given.clone()));
        o.earthdata.username = Some("other".into());
        o.earthdata.password = Some(Secret::new("wrong"));
    })
    .await?;
    assert_eq!(all.source, Some(Source::Environment));
    assert_eq!(archive.token_requests(), 0, "a token needs no request");
    // User and password of the environment go before netrc, and are not passed over when they are wrong.
    let wrong = from(&|o| {
        o.earthdata.username = Some("other".into());
        o.earthdata.password = Some(Secret::new("wrong"));
    })
    .await;
    let e = wrong.expect_err("a wrong password");
    assert!(e.kind() == Kind::Denied && e.to_string().contains("refuses user `other` and password of the environment"), "{e}");
    assert_eq!(archive.token_requests(), 1);
    let status = from(&|_| {}).await?;
    assert_eq!((status.source, status.user.as_deref(), status.has_token), (Some(Source::Netrc(netrc.clone())), Some(USER), true));
    assert_eq!(archive.token_requests(), 2);
    // Nothing: each is named, with its reason.
    std::fs::write(&netrc, "machine elsewhere login a password b")?;
    let e = from(&|_| {}).await.expect_err("no login");
    for named in ["EARTHDATA_TOKEN", "has no entry for 127.0.0.1", "nobody can be asked"] {
        assert!(e.kind() == Kind::Denied && e.to_string().contains(named), "{named}: {e}");
    }
    assert!(e.hint().is_some_and(|h| h.contains("cube auth login")), "{e:?}");
    std::fs::remove_file(&netrc)?;
    assert!(from(&|_| {}).await.expect_err("no file").to_string().contains("there is no"), "the missing file is named");
    let half = from(&|o| o.earthdata.username = Some("gaia".into())).await.expect_err("half a pair");
    assert!(half.to_string().contains("EARTHDATA_PASSWORD is not"), "{half}");
    assert!(archive.login.seen().iter().all(|s| s.header("content-length") == "0"));
    archive.assert_kept();
    Ok(())
}

#[derive(Debug, Default)]
struct Person {
    asked: AtomicUsize,
    problems: Mutex<Vec<Option<String>>>,
    wrong: usize,
    save: bool,
}

impl Prompt for Person {
    fn ask(&self, question: &Question) -> Option<Answer> {
        assert_eq!(question.host, "127.0.0.1");
        self.problems.lock().expect("a lock").push(question.problem.clone());
        let n = self.asked.fetch_add(1, SeqCst);
        let password = if n < self.wrong { "wrong" } else { PASSWORD };
        Some(Answer { username: USER.into(), password: Secret::new(password) })
    }

    fn may_save(&self) -> bool {
        assert!(self.asked.load(SeqCst) > self.wrong, "only what was accepted is worth keeping");
        self.save
    }
}

#[tokio::test]
async fn a_person_is_asked_last_and_once() -> Test {
    let archive = Archive::start()?;
    let folder = tempfile::tempdir()?;
    let (netrc, cache) = (folder.path().join("netrc"), folder.path().join("cache"));
    std::fs::write(&netrc, "# mine\nmachine other login a password b\n")?;
    let person = Arc::new(Person { wrong: 1, save: true, ..Person::default() });
    let mut options = archive.options();
    options.earthdata.netrc = Some(netrc.clone());
    options.earthdata.cache = Some(cache.clone());
    options.earthdata.prompt = Some(Arc::clone(&person) as _);
    let access = Access::new(options.clone())?;
    let url = archive.data.url("/bearer/x.nc");
    futures::future::try_join_all((0..16).map(|_| read(&access, &url))).await?;
    assert_eq!(person.asked.load(SeqCst), 2, "once more after a wrong password, for all tasks");
    let problem = person.problems.lock().expect("a lock").last().cloned().flatten().ok_or("no problem")?;
    assert!(problem.contains("refuses user `gaia`") && !problem.contains("wrong"), "{problem}");
    assert_eq!(access.earthdata().status().source, Some(Source::Netrc(netrc.clone())), "what was saved is found");
    let saved = std::fs::read_to_string(&netrc)?;
    assert!(saved.starts_with("# mine\nmachine other login a password b\n") && saved.contains(PASSWORD));
    // The token of a login that was not saved is kept for later runs.
    let gone = access.earthdata().logout(true).await?;
    assert!(gone.netrc && gone.kept >= 2, "{gone:?}");
    assert_eq!(std::fs::read_to_string(&netrc)?, "# mine\nmachine other login a password b\n");
    let person = Arc::new(Person::default());
    options.earthdata.prompt = Some(Arc::clone(&person) as _);
    let status = Access::new(options.clone())?.earthdata().login(Strategy::Interactive, false).await?;
    assert!(status.has_token && person.asked.load(SeqCst) == 1, "{status:?}");
    let before = archive.token_requests();
    options.earthdata.prompt = None;
    let later = Access::new(options)?;
    assert_eq!(later.earthdata().status().source, Some(Source::Kept(cache)));
    assert_eq!(read(&later, &url).await?, content());
    assert_eq!(archive.token_requests(), before, "the kept login is enough");
    Ok(())
}

#[tokio::test]
async fn login_and_persist() -> Test {
    let archive = Archive::start()?;
    let folder = tempfile::tempdir()?;
    let netrc = folder.path().join("netrc");
    let mut options = archive.with_password();
    options.earthdata.netrc = Some(netrc.clone());
    let status = Access::new(options)?.earthdata().login(Strategy::Environment, true).await?;
    assert!(status.has_token && status.user.as_deref() == Some(USER));
    let mut options = archive.options();
    options.earthdata.netrc = Some(netrc);
    assert!(Access::new(options.clone())?.earthdata().login(Strategy::Netrc, false).await?.has_token);
    let e = Access::new(options.clone())?.earthdata().login(Strategy::Environment, false).await.expect_err("nothing there");
    assert!(["netrc", "interactive"].iter().all(|other| !e.to_string().contains(other)) && e.to_string().contains("EARTHDATA_TOKEN"), "{e}");
    let mut elsewhere = archive.options();
    elsewhere.earthdata.netrc = Some(folder.path().join("none"));
    let e = Access::new(elsewhere)?.earthdata().login(Strategy::Netrc, false).await.expect_err("nothing there");
    assert!(["EARTHDATA_TOKEN", "interactive"].iter().all(|other| !e.to_string().contains(other)) && e.to_string().contains("there is no"), "{e}");
    assert!(e.hint().is_some_and(|hint| hint.contains("machine 127.0.0.1 login") && !hint.contains("cube auth login")), "{:?}", e.hint());
    options.earthdata.token = Some(Secret::new("TOKEN-SECRET-given"));
    let given = Access::new(options.clone())?.earthdata().login(Strategy::All, false).await?;
    assert!(given.is_given && given.has_token && !status.is_given, "{given:?}");
    let e = Access::new(options)?.earthdata().login(Strategy::All, true).await.expect_err("a token is no password");
    assert!(e.kind() == Kind::Invalid && !format!("{e:?}").contains("TOKEN-SECRET"), "{e}");
    Ok(())
}

#[tokio::test]
async fn a_login_host_that_is_down_is_asked_again() -> Test {
    let archive = Archive::start()?;
    let mut options = archive.with_password();
    options.http.retries = 0;
    let access = Access::new(options)?;
    archive.rules.busy.store(1, SeqCst);
    let url = archive.data.url("/bearer/x.nc");
    assert_eq!(read(&access, &url).await.expect_err("down").kind(), Kind::Unavailable);
    assert_eq!(read(&access, &url).await?, content(), "a passing failure is not remembered");
    Ok(())
}

#[tokio::test]
async fn too_many_tokens_are_no_problem() -> Test {
    let archive = Archive::start()?;
    Rules::set(&archive.rules.is_full, true);
    assert_eq!(read(&archive.access()?, &archive.data.url("/bearer/x.nc")).await?, content());
    assert_eq!(archive.login.count("/api/users/tokens"), 1);
    Ok(())
}

#[tokio::test]
async fn a_busy_login_host_is_waited_for() -> Test {
    let archive = Archive::start()?;
    archive.rules.busy.store(2, SeqCst);
    assert_eq!(read(&archive.access()?, &archive.data.url("/bearer/x.nc")).await?, content());
    assert_eq!(archive.token_requests(), 3, "two of them were refused with Retry-After");
    Ok(())
}

/// Many tasks, one login; tokens that end under them are renewed once.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_once_in_the_middle_of_a_run() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    for round in 1..=3 {
        for path in ["/bearer/x.nc", "/presigned/x.nc"] {
            let url = archive.data.url(path);
            read_at_once(&access, &url, 64).await?;
        }
        assert_eq!(archive.token_requests(), round);
        archive.rules.revoke();
        archive.rules.issue();
    }
    archive.assert_kept();
    Ok(())
}

#[tokio::test]
async fn a_second_refusal_is_an_error() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    Rules::set(&archive.rules.refuses_all, true);
    let url = archive.data.url("/bearer/x.nc");
    for _ in 0..3 {
        let e = read(&access, &url).await.expect_err("refused");
        assert!(e.kind() == Kind::Denied && e.to_string().contains("refuses the token (401"), "{e}");
        assert!(e.hint().is_some_and(|h| h.contains("unaccepted_eulas") && h.contains("application_search")), "{e:?}");
    }
    assert_eq!(archive.token_requests(), 2, "asked once more, and never again: the login host says that the token is right");
    // A login host that gives another token each time does not make us ask for ever.
    let forgetful = archive.access()?;
    Rules::set(&archive.rules.refuses_all, false);
    Rules::set(&archive.rules.is_forgetful, true);
    archive.rules.revoke();
    let e = read(&forgetful, &url).await.expect_err("refused");
    assert!(e.kind() == Kind::Denied && e.to_string().contains("refuses a new token as well"), "{e}");
    assert_eq!(archive.token_requests(), 4);
    Rules::set(&archive.rules.is_forgetful, false);
    archive.rules.issue();
    // A right token and a host that forbids.
    let access = archive.access()?;
    for _ in 0..3 {
        let e = read(&access, &archive.data.url("/forbidden/x.nc")).await.expect_err("forbidden");
        assert!(e.kind() == Kind::Denied, "{e}");
        assert_eq!(archive.token_requests(), 6);
    }
    // A token that was given cannot be renewed, unless there is a password.
    let mut options = archive.options();
    options.earthdata.token = Some(Secret::new("TOKEN-SECRET-revoked"));
    let e = read(&Access::new(options.clone())?, &url).await.expect_err("revoked");
    assert!(std::error::Error::source(&e).is_some_and(|s| s.to_string().contains("EARTHDATA_TOKEN")), "{e:?}");
    assert!(!format!("{e:?}").contains("TOKEN-SECRET"), "{e:?}");
    options.earthdata.username = Some(USER.into());
    options.earthdata.password = Some(Secret::new(PASSWORD));
    assert_eq!(read(&Access::new(options)?, &url).await?, content());
    Ok(())
}

/// Hosts that know no tokens: the dance through the login host, once for all tasks, and cookies from then on.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_old_hosts_are_fetched_once() -> Test {
    let archive = Archive::start()?;
    for with_token in [false, true] {
        let mut options = archive.with_password();
        if with_token {
            options = archive.options();
            options.earthdata.token = Some(Secret::new(archive.rules.issue()));
        }
        let before = archive.login.count("/oauth/authorize");
        let access = Access::new(options)?;
        let url = archive.data.url("/legacy/x.nc");
        read_at_once(&access, &url, 32).await?;
        assert_eq!(archive.login.count("/oauth/authorize"), before + 1, "one visit for 32 tasks");
        let asked = archive.data.seen().len();
        assert_eq!(read(&access, &url).await?, content());
        assert_eq!(archive.data.seen().len(), asked + 1, "cookies are kept");
        access.earthdata().logout(false).await?;
        assert_eq!(read(&access, &url).await?, content());
        assert_eq!(archive.login.count("/oauth/authorize"), before + 2, "but not longer than the login");
    }
    archive.assert_kept();
    Ok(())
}

#[tokio::test]
async fn other_hosts_get_nothing() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    assert_eq!(read(&access, &archive.data.url("/presigned/x.nc")).await?, content());
    assert!(archive.presigned.seen().iter().all(|s| s.header("authorization").is_empty() && s.header("cookie").is_empty()));
    // A host that sends us on to the login host does not make us log in for it.
    let e = read(&access, &archive.data.url("/hostile/x.nc")).await.expect_err("a hostile host");
    assert!(e.kind() == Kind::Denied, "{e}");
    assert!(!archive.hostile.seen().is_empty());
    let e = read(&access, &archive.hostile.url("/planted")).await.expect_err("refused");
    assert_eq!(e.kind(), Kind::Denied);
    for seen in archive.login.seen().iter().filter(|s| s.query("client_id") == "evil") {
        assert!(seen.header("authorization").is_empty() && seen.header("cookie").is_empty(), "{}", seen.text());
    }
    archive.assert_kept();
    Ok(())
}

#[tokio::test]
async fn what_a_person_can_mend_says_where() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let e = read(&access, &archive.data.url("/eula/x.nc")).await.expect_err("an agreement");
    let there = archive.login.url("/accept_eula?eula_id=7&client_id=app1");
    assert!(e.kind() == Kind::Denied && e.to_string().contains("EULA") && e.hint().is_some_and(|h| h.ends_with(&there)), "{e:?}");
    Rules::set(&archive.rules.is_unapproved, true);
    let e = read(&access, &archive.data.url("/legacy/x.nc")).await.expect_err("an application");
    let there = archive.login.url("/approve_app?client_id=app1");
    assert!(e.to_string().contains("has not approved") && e.hint().is_some_and(|h| h.ends_with(&there)), "{e:?}");
    assert!(SECRETS.iter().all(|s| !format!("{e:?}").contains(s)), "{e:?}");
    Ok(())
}

#[tokio::test]
async fn web_pages_are_no_data() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    for path in ["/page/x.nc", "/page/untyped.nc"] {
        let url = archive.data.url(path);
        for e in [read(&access, &url).await.expect_err(path), access.read(&url).await.expect_err(path)] {
            assert!(e.kind() == Kind::Denied && e.to_string().contains("leads to a web page") && e.hint().is_some(), "{path}: {e}");
        }
    }
    let e = read(&access, &archive.data.url("/page/eula.nc")).await.expect_err("an agreement");
    assert!(e.hint().is_some_and(|h| h.contains("/users/gaia/unaccepted_eulas")), "{e:?}");
    assert!(!read(&access, &archive.data.url("/page/x.html")).await?.is_empty(), "a page may be wanted");
    Ok(())
}

/// Who asks says so himself: nothing of ours is added.
#[tokio::test]
async fn a_callers_own_credentials_stay() -> Test {
    let archive = Archive::start()?;
    let access = archive.access()?;
    let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, "Bearer own".parse()?)]);
    let answer = access.http().request(http::Method::GET, &archive.data.url("/bearer/x.nc"), headers, None).await?;
    assert_eq!(answer.status.as_u16(), 401);
    assert!(archive.login.seen().is_empty());
    let bearer = access.earthdata().bearer_for(&archive.data.url("/x")).await?.ok_or("no token")?;
    assert!(bearer.is_sensitive() && bearer.to_str()?.starts_with("Bearer TOKEN-SECRET"));
    assert!(access.earthdata().bearer_for(&archive.hostile.url("/x")).await?.is_none());
    // What no header can hold is told, not left out.
    let mut options = archive.options();
    options.earthdata.token = Some(Secret::new("TOKEN-SECRET\n2"));
    let broken = Access::new(options)?;
    let url = archive.data.url("/bearer/x.nc");
    for e in [read(&broken, &url).await.err(), broken.earthdata().bearer_for(&url).await.err()] {
        let e = e.ok_or("sent without a token")?;
        assert!(e.to_string().contains("`EARTHDATA_TOKEN` holds characters") && !format!("{e:?}").contains("TOKEN-SECRET"), "{e:?}");
    }
    Ok(())
}
