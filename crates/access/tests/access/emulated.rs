//! Against the emulated services, which the official Python client accepts as well.

use cube_access::{Access, AccessOptions, EarthdataOptions, HttpOptions, Kind, Secret, earthdata::KeysFor};
use cube_testkit::earthdata::{Earthdata, Options, Role};
use object_store::ObjectStoreExt;

use crate::support::{Test, read};

const DATA_HOSTS: [Role; 3] = [Role::Lpdaac, Role::Podaac, Role::Nsidc];

fn host(services: &Earthdata, role: Role) -> String {
    services.url(role).trim_start_matches("http://").to_owned()
}

fn options(services: &Earthdata) -> AccessOptions {
    let book = services.address_book();
    let text = |name: &str| book[name].as_str().map(str::to_owned);
    let earthdata = EarthdataOptions {
        login_url: services.url(Role::Login).parse().ok(),
        hosts: DATA_HOSTS.iter().map(|role| host(services, *role)).collect(),
        username: text("user"),
        password: text("password").map(Secret::new),
        ..EarthdataOptions::default()
    };
    let http = HttpOptions { backoff: std::time::Duration::from_millis(5), ..HttpOptions::default() };
    AccessOptions { earthdata, http, ..AccessOptions::default() }
}

/// Addresses of protected files.
async fn files(access: &Access, services: &Earthdata) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let page = access.http().get(&format!("{}/granules.umm_json?short_name=ATL08&page_size=20", services.search_url())).await?;
    let page: serde_json::Value = page.ok()?.json()?;
    let items = page["items"].as_array().ok_or("no items")?;
    let links = items
        .iter()
        .filter_map(|item| item["umm"]["RelatedUrls"].as_array()?.iter().find_map(|u| u["URL"].as_str().filter(|u| u.starts_with("http"))));
    Ok(links.map(str::to_owned).collect())
}

fn assert_no_leak(services: &Earthdata) {
    let seen = &services.counts()["secrets"];
    assert_eq!(seen["hostile"], serde_json::json!([]), "{seen}");
    for role in DATA_HOSTS.iter().chain([&Role::Presigned, &Role::Cmr]) {
        let names: Vec<&str> = seen[role.name()].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        assert!(!names.iter().any(|n| *n == "basic" || *n == "password"), "{role:?}: {seen}");
        assert!(DATA_HOSTS.contains(role) || !names.iter().any(|n| n.starts_with("token")), "{role:?}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_files_on_every_way() -> Test {
    let services = Earthdata::start(&Options::default())?;
    let mut first: Option<Vec<Vec<u8>>> = None;
    for (plan, tokens) in [
        ("{}", 1),
        (r#"{"direct": ["nsidc"]}"#, 1),
        (r#"{"no_bearer": ["nsidc"]}"#, 1),
        (r#"{"rules": {"login": [{"path": "*", "count": 2, "fault": {"kind": "status", "status": 429, "retry_after": 0}}]}}"#, 3),
        (r#"{"rules": {"nsidc": [{"path": "*", "count": 3, "fault": {"kind": "status", "status": 504, "retry_after": null}}]}}"#, 1),
    ] {
        services.reset();
        services.set_plan_text(plan)?;
        let access = Access::new(options(&services))?;
        let hrefs = files(&access, &services).await?;
        let all = futures::future::try_join_all(hrefs.iter().map(|href| read(&access, href))).await.map_err(|e| format!("{plan}: {e:?}"))?;
        assert!(all.len() == 20 && first.get_or_insert_with(|| all.clone()) == &all, "{plan}");
        let counts = services.counts();
        assert_eq!(counts["token_requests"]["requests"], tokens, "{plan}: {counts}");
        assert!(counts["logins"].as_u64() <= Some(1), "{plan}: {counts}");
        assert_no_leak(&services);
    }
    Ok(())
}

/// Each token is good for five requests: the run goes on.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_all_the_time() -> Test {
    let services = Earthdata::start(&Options::default())?;
    services.set_plan_text(r#"{"token_uses": 5}"#)?;
    let access = Access::new(options(&services))?;
    for href in files(&access, &services).await? {
        read(&access, &href).await?;
    }
    let tokens = services.counts()["token_requests"]["requests"].as_u64().ok_or("no count")?;
    assert!((4..=6).contains(&tokens), "20 files, 5 requests each: {tokens}");
    assert_no_leak(&services);
    Ok(())
}

/// Tokens that are good for so few requests that others use them up first.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_others_use_up() -> Test {
    let services = Earthdata::start(&Options::default())?;
    for uses in [1, 3] {
        services.reset();
        let access = Access::new(options(&services))?;
        let hrefs = files(&access, &services).await?;
        services.set_plan_text(&format!(r#"{{"token_uses": {uses}, "direct": ["nsidc"]}}"#))?;
        let reads = (0..3).flat_map(|_| &hrefs).map(|href| {
            let (access, href) = (access.clone(), href.clone());
            tokio::spawn(async move { read(&access, &href).await.map(drop) })
        });
        let keys = DATA_HOSTS.map(|role| {
            let (access, endpoint) = (access.clone(), format!("{}/s3credentials", services.url(role)));
            tokio::spawn(async move { access.earthdata().s3_credentials(KeysFor::Endpoint(&endpoint)).await.map(drop) })
        });
        for task in reads.chain(keys).collect::<Vec<_>>() {
            task.await?.map_err(|e| format!("good for {uses}: {e:?}"))?;
        }
        let counts = services.counts();
        let tokens = counts["token_requests"]["requests"].as_u64().ok_or("no count")?;
        assert!(tokens >= 63 / uses && tokens <= 2 * 63, "{uses}: {tokens}");
        assert!(DATA_HOSTS.iter().all(|role| counts["key_requests"][role.name()]["statuses"]["200"] == 1), "{counts}");
        assert_no_leak(&services);
    }
    Ok(())
}

/// A file is signed for once; its other ranges cost one request each.
#[tokio::test]
async fn ranges_of_signed_files() -> Test {
    let services = Earthdata::start(&Options::default())?;
    let access = Access::new(options(&services))?;
    let hrefs = files(&access, &services).await?;
    let before = access.stats().requests;
    for href in &hrefs[..5] {
        let (store, path) = access.object(href).await?;
        for at in 0..10 {
            assert_eq!(store.get_range(&path, at * 10..at * 10 + 10).await?.len(), 10);
        }
    }
    // The host asks who we are, once, and gets a token; five files are signed; fifty ranges are read.
    assert_eq!(access.stats().requests - before, 1 + 1 + 5 + 50);
    assert_eq!(services.counts()["presigned_requests"]["requests"], 50);
    assert_no_leak(&services);
    Ok(())
}

#[tokio::test]
async fn refusals_say_what_to_do() -> Test {
    let services = Earthdata::start(&Options::default())?;
    for (plan, words, path) in [
        (r#"{"eula": ["nsidc"]}"#, "EULA", "/accept_eula?eula_id="),
        (r#"{"unapproved": ["nsidc"]}"#, "has not approved", "/approve_app?client_id=emulated-nsidc"),
        (r#"{"unapproved": ["nsidc"], "no_bearer": ["nsidc"]}"#, "has not approved", "/approve_app?client_id=emulated-nsidc"),
    ] {
        services.reset();
        services.set_plan_text(plan)?;
        let access = Access::new(options(&services))?;
        let href = files(&access, &services).await?.swap_remove(0);
        let e = read(&access, &href).await.expect_err(plan);
        let hint = e.hint().unwrap_or_default();
        assert!(
            e.kind() == Kind::Denied && e.to_string().contains(words) && hint.contains(&services.url(Role::Login)) && hint.contains(path),
            "{plan}: {e:?}"
        );
        assert_no_leak(&services);
    }
    services.reset();
    services.set_plan_text(r#"{"rules": {"nsidc": [{"path": "*", "fault": {"kind": "redirect", "location": "{hostile}/x"}}]}}"#)?;
    let access = Access::new(options(&services))?;
    let href = files(&access, &services).await?.swap_remove(0);
    read(&access, &href).await.ok();
    assert_no_leak(&services);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_for_the_keys_of_each_endpoint() -> Test {
    let services = Earthdata::start(&Options::default())?;
    let access = Access::new(options(&services))?;
    let endpoints = DATA_HOSTS.map(|role| format!("{}/s3credentials", services.url(role)));
    let ask = |endpoint: &String| {
        let (access, endpoint) = (access.clone(), endpoint.clone());
        tokio::spawn(async move { access.earthdata().s3_credentials(KeysFor::Endpoint(&endpoint)).await })
    };
    let tasks: Vec<_> = (0..60).map(|i| ask(&endpoints[i % 3])).collect();
    for task in tasks {
        task.await??;
    }
    let counts = services.counts();
    assert_eq!(counts["token_requests"]["requests"], 1);
    assert!(DATA_HOSTS.iter().all(|role| counts["key_requests"][role.name()]["requests"] == 1), "{counts}");
    // Revoked in between: the redirect of the endpoint is not followed, the token renewed.
    services.revoke_tokens();
    access.earthdata().s3_credentials(KeysFor::Endpoint(&format!("{}?again", endpoints[0]))).await?;
    let counts = services.counts();
    assert_eq!((&counts["token_requests"]["requests"], &counts["logins"]), (&2.into(), &0.into()), "{counts}");
    assert_no_leak(&services);
    Ok(())
}
