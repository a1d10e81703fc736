//! Pages: how they are asked for, when they end, and what is wrong when they end otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};

use cube_catalog_cmr::{CmrOptions, Error, Granules, Record, Results};
use cube_query::{CollectionQuery, GranuleQuery};
use futures::TryStreamExt;
use http::Method;

use crate::server::{Answer, Call, Server};

/// The `i`th granule of an archive.
pub(crate) fn granule(i: usize) -> String {
    format!(r#"{{"meta":{{"concept-id":"G{i}-P","revision-id":1}},"umm":{{"GranuleUR":"g{i:05}"}}}}"#)
}

fn archive(n: usize) -> Vec<String> {
    (0..n).map(granule).collect()
}

/// An answer as CMR gives it: the last page has the header too, and after it comes an empty one without.
pub(crate) fn honest(call: &Call, all: &[String], most: usize) -> Answer {
    let from = call.after().min(all.len());
    let to = (from + call.page_size().min(most)).min(all.len());
    let page = Answer::page(all.len(), &all[from..to]);
    if to > from { page.with("CMR-Search-After", format!("[{to}]")) } else { page }
}

fn query() -> GranuleQuery {
    GranuleQuery::new().short_name("A")
}

async fn ids(results: &Results<Granules>) -> Result<Vec<String>, Error> {
    results.items().and_then(|r: Record<Granules>| async move { Ok(r.meta()?.concept_id) }).try_collect().await
}

fn all_ids(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("G{i}-P")).collect()
}

#[tokio::test]
async fn everything_comes_once_and_again() {
    let all = archive(25);
    let server = Server::start(move |call, _| honest(call, &all, 2000)).await;
    for prefetch_pages in [0, 1, 2, 9] {
        let cmr = server.cmr_with(CmrOptions { page_size: 10, prefetch_pages, client_id: "test/1".into() });
        let results = cmr.granules(&query()).expect("a query");
        let before = server.count();
        assert_eq!(ids(&results).await.expect("ids"), all_ids(25));
        assert_eq!(ids(&results).await.expect("ids"), all_ids(25), "a second time");
        assert_eq!(server.count() - before, 8, "three pages and the empty one, twice");
        assert_eq!(results.matched().await.expect("a number"), 25);
        assert_eq!(results.matched().await.expect("a number"), 25);
        assert_eq!(server.count() - before, 9, "counted once");
        let sizes: Vec<usize> = results.pages().map_ok(|p| p.len()).try_collect().await.expect("pages");
        assert_eq!(sizes, [10, 10, 5]);
        assert_eq!(results.get_all().await.expect("records").len(), 25);
        assert!(results.is_exact().await.expect("known"));
    }
    let calls = server.calls();
    assert!(calls.iter().all(|c| c.method == Method::GET && c.path == "/search/granules.umm_json" && c.header("client-id") == Some("test/1")));
    assert!(calls.iter().all(|c| c.all("short_name") == ["A"] && c.all("page_num").is_empty() && c.all("scroll").is_empty()));
    assert_eq!(calls[1].header("cmr-search-after"), Some("[10]"));
    assert_eq!(calls[0].query, calls[1].query, "the same parameters");
    assert_eq!(calls.iter().find(|c| c.page_size() == 0).map(Call::after), Some(0));
}

#[tokio::test]
async fn a_short_page_is_no_end() {
    let all = archive(50);
    // 1,985 of 12,070 is what a client saw that took a short page for the end.
    let server = Server::start(move |call, n| honest(call, &all, [10, 3, 1, 10, 7][n % 5])).await;
    let results = server.cmr(10).granules(&query()).expect("a query");
    assert_eq!(ids(&results).await.expect("ids"), all_ids(50));
}

#[tokio::test]
async fn the_end_is_a_page_without_header_or_an_empty_one() {
    let all = archive(20);
    let server = Server::start(move |call, _| {
        let mut answer = honest(call, &all, 2000);
        if call.after() == 10 {
            answer.headers.retain(|(name, _)| name != "CMR-Search-After");
        }
        answer
    })
    .await;
    let results = server.cmr(10).granules(&query()).expect("a query");
    assert_eq!(ids(&results).await.expect("ids"), all_ids(20));
    assert_eq!(server.count(), 2, "no empty page is asked for");

    let server = Server::start(|_, _| Answer::page::<&str>(0, &[]).with("CMR-Search-After", "[0]")).await;
    let results = server.cmr(10).granules(&query()).expect("a query");
    assert!(ids(&results).await.expect("none").is_empty());
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn what_does_not_arrive_is_an_error() {
    let all = archive(30);
    // An end without a cause: the header is gone, or the page is empty, in the middle.
    for cut in ["header", "empty"] {
        let all = all.clone();
        let server = Server::start(move |call, _| {
            let mut answer = if call.after() == 10 && cut == "empty" { Answer::page::<&str>(30, &[]) } else { honest(call, &all, 2000) };
            if call.after() == 10 {
                answer.headers.retain(|(name, _)| name != "CMR-Search-After");
            }
            answer
        })
        .await;
        let results = server.cmr(10).granules(&query()).expect("a query");
        let e = ids(&results).await.expect_err("incomplete");
        let came = if cut == "empty" { 10 } else { 20 };
        assert!(matches!(e, Error::Incomplete { hits: 30, arrived, .. } if arrived == came), "{cut}: {e}");
        assert!(e.to_string().contains("30") && e.to_string().contains(&came.to_string()) && e.to_string().contains("r-1"), "{e}");
        assert!(e.is_retryable() && e.hint().is_some());
    }
}

#[tokio::test]
async fn an_archive_may_change_meanwhile() {
    // Granules are withdrawn: the number of hits falls, and what is left comes.
    let server = Server::start(|call, _| {
        let all = archive(if call.after() == 0 { 30 } else { 25 });
        honest(call, &all, 2000)
    })
    .await;
    assert_eq!(ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect("ids").len(), 25);
    // Others are published: more come than the first page announced.
    let server = Server::start(|call, _| {
        let all = archive(if call.after() == 0 { 20 } else { 25 });
        honest(call, &all, 2000)
    })
    .await;
    assert_eq!(ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect("ids").len(), 25);
}

#[tokio::test]
async fn a_place_that_comes_again_is_an_error() {
    let server = Server::start(|_, _| Answer::page(30, &archive(10)).with("CMR-Search-After", "[10]")).await;
    let e = ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect_err("no end");
    assert!(matches!(e, Error::Repeats { .. }) && e.hint().is_some_and(|h| h.contains("CMR-Search-After")), "{e}");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_page_that_takes_too_long_is_halved() {
    for flag in ["CMR-Timed-Out", "CMR-Time-Out", "504"] {
        let all = archive(40);
        let server = Server::start(move |call, _| {
            if call.page_size() <= 5 {
                return honest(call, &all, 2000);
            }
            if flag == "504" { Answer::new(504, "") } else { honest(call, &all, 3).with(flag, "true") }
        })
        .await;
        assert_eq!(ids(&server.cmr(20).granules(&query()).expect("a query")).await.expect("ids"), all_ids(40), "{flag}");
        let sizes: Vec<usize> = server.calls().iter().map(Call::page_size).collect();
        assert_eq!(sizes[..4], [20, 10, 5, 5], "{flag}");

        let server =
            Server::start(move |call, _| if flag == "504" { Answer::new(504, "") } else { honest(call, &archive(40), 3).with(flag, "true") }).await;
        let e = ids(&server.cmr(20).granules(&query()).expect("a query")).await.expect_err("too long");
        assert!(matches!(e, Error::TimedOut { page_size: 5, .. }) && e.is_retryable(), "{flag}: {e}");
        assert_eq!(server.count(), 3);
        let e = server.cmr(20).granules(&query()).expect("a query").matched().await.expect_err("too long to count");
        assert!(matches!(e, Error::TimedOut { page_size: 0, .. }), "{e}");
    }
}

#[tokio::test]
async fn a_flag_that_says_no_is_no_time_out() {
    let all = archive(12);
    let server = Server::start(move |call, _| honest(call, &all, 2000).with("CMR-Timed-Out", "false")).await;
    assert_eq!(ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect("ids"), all_ids(12));
}

#[tokio::test]
async fn moderation_and_faults_are_waited_out() {
    let all = archive(12);
    let server = Server::start(move |call, n| match n {
        0 => Answer::new(429, "").with("Retry-After", 0),
        2 => Answer::new(503, ""),
        _ => honest(call, &all, 2000),
    })
    .await;
    assert_eq!(ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect("ids"), all_ids(12));
    assert_eq!(server.count(), 5);
    let server = Server::start(|_, _| Answer::new(429, "").with("Retry-After", 0)).await;
    let e = ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect_err("busy");
    assert!(e.is_retryable() && e.to_string().contains("429"), "{e}");
}

#[tokio::test]
async fn refusals_are_passed_on() {
    let said = r#"{"errors":["temporal start datetime is invalid: [x] is not a valid datetime."]}"#;
    let server = Server::start(move |_, _| Answer::new(400, said).with("CMR-Request-Id", "abc-1")).await;
    let e = ids(&server.cmr(10).granules(&query().temporal("2024")).expect("a query")).await.expect_err("refused");
    assert!(e.to_string().contains("is not a valid datetime") && e.to_string().contains("abc-1"), "{e}");
    assert_eq!(e.hint().as_deref(), Some("check what was given for `temporal`"));
    assert!(!e.is_retryable());
    let backend = cube_backend::Error::from(e);
    assert_eq!(backend.kind(), cube_backend::Kind::Invalid);

    let server = Server::start(|_, _| Answer::new(401, r#"{"errors":["Token does not exist"]}"#)).await;
    let e = ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect_err("denied");
    assert!(matches!(&e, Error::Denied { messages, .. } if messages == &["Token does not exist"]), "{e}");
    assert_eq!(cube_backend::Error::from(e).kind(), cube_backend::Kind::Denied);

    let server = Server::start(|_, _| Answer::new(200, "<html>Log in</html>").with("content-type", "text/html")).await;
    let e = ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect_err("a web page");
    assert!(matches!(e, Error::Corrupt { .. }) && e.to_string().contains("web page"), "{e}");

    let server = Server::start(|_, _| Answer::new(200, r#"{"items": []}"#)).await;
    let e = ids(&server.cmr(10).granules(&query()).expect("a query")).await.expect_err("no hits");
    assert!(e.to_string().contains("how many"), "{e}");
}

#[tokio::test]
async fn long_queries_are_posted() {
    let all = archive(12);
    let server = Server::start(move |call, _| honest(call, &all, 2000)).await;
    let names: Vec<String> = (0..400).map(|i| format!("HLS.L30.T32TMT.2024{i:03}*")).collect();
    let query = query().granule_name(names.clone());
    assert_eq!(ids(&server.cmr(10).granules(&query).expect("a query")).await.expect("ids"), all_ids(12));
    for call in server.calls() {
        assert_eq!((&call.method, call.query.as_str()), (&Method::POST, ""));
        assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(call.all("readable_granule_name"), names);
        assert_eq!(call.page_size(), 10);
    }
}

#[tokio::test]
async fn a_limit_ends_the_search() {
    let all = archive(100);
    let server = Server::start(move |call, _| honest(call, &all, 2000)).await;
    assert_eq!(ids(&server.cmr(10).granules(&query().limit(15)).expect("a query")).await.expect("ids"), all_ids(15));
    assert!(server.count() <= 4, "no page beyond those ahead");
    let before = server.count();
    assert_eq!(ids(&server.cmr(10).granules(&query().limit(3)).expect("a query")).await.expect("ids"), all_ids(3));
    assert_eq!(server.calls()[before].page_size(), 3);
    let eager = server.cmr(10).granules(&query().limit(3)).expect("a query");
    assert_eq!(ids(&eager.small_first(0)).await.expect("ids"), all_ids(3), "a page has one record at least");
    let even = server.cmr(10).granules(&query().limit(4)).expect("a query");
    let even = even.filter_records(|r| Ok(r.meta()?.concept_id.trim_end_matches("-P").ends_with(['0', '2', '4', '6', '8'])));
    assert_eq!(ids(&even).await.expect("ids"), ["G0-P", "G2-P", "G4-P", "G6-P"]);
    assert!(!even.is_exact().await.expect("known"));
}

/// CMR takes no search-after header of a search that names no collection, and gives 10,000 granules of it.
#[tokio::test]
async fn granules_of_all_collections_are_paged_by_offset() {
    for (n, comes_whole) in [(0, true), (25, true), (2_000, true), (10_000, true), (10_001, false)] {
        let all = archive(n);
        let server = Server::start(move |call, _| {
            let number = |name: &str| call.all(name).first().and_then(|text| text.parse::<usize>().ok());
            let (offset, size) = (number("offset").unwrap_or(0), call.page_size());
            if call.header("cmr-search-after").is_some() || offset + size > 10_000 {
                return Answer::new(400, r#"{"errors":["not across all collections"]}"#);
            }
            let page = Answer::page(all.len(), &all[offset.min(all.len())..(offset + size).min(all.len())]);
            page.with("CMR-Search-After", format!("[{size}]"))
        })
        .await;
        let results = server.cmr(700).granules(&GranuleQuery::new().temporal("2024")).expect("a query");
        let came: Result<Vec<Record<Granules>>, (usize, Error)> = {
            let mut items = std::pin::pin!(results.items());
            let mut came = Vec::new();
            loop {
                match items.try_next().await {
                    Ok(Some(item)) => came.push(item),
                    Ok(None) => break Ok(came),
                    Err(e) => break Err((came.len(), e)),
                }
            }
        };
        match came {
            Ok(items) => assert!(comes_whole && items.len() == n, "{n}: {} came", items.len()),
            Err((10_000, e @ Error::TooMany { hits, .. })) if !comes_whole => assert!(hits == n as u64 && e.hint().is_some()),
            Err((came, e)) => assert!(comes_whole, "{n}: {e} after {came}"),
        }
    }
}

#[tokio::test]
async fn several_searches_are_one_result() {
    // Each way to name collections is a search; some granules are found by both.
    let server = Server::start(|call, _| {
        let all: Vec<String> = if call.all("short_name").is_empty() { (0..15).map(granule).collect() } else { (10..20).map(granule).collect() };
        honest(call, &all, 2000)
    })
    .await;
    let results = server.cmr(10).granules(&GranuleQuery::new().collections(["C1-P", "A"])).expect("a query");
    assert_eq!(ids(&results).await.expect("ids"), all_ids(20));
    assert_eq!(results.matched().await.expect("a number"), 25, "a granule counts for each search that finds it");
    assert!(!results.is_exact().await.expect("known"));
}

#[tokio::test]
async fn collections_are_found_first_where_granules_cannot_be() {
    let server = Server::start(|call, _| {
        if call.path == "/search/collections.umm_json" {
            assert_eq!(call.all("doi"), ["10.5067/X/Y"]);
            let found = [r#"{"meta":{"concept-id":"C7-P"},"umm":{"ShortName":"A","Version":"1"}}"#];
            return honest(call, &found.map(str::to_owned), 2000);
        }
        assert_eq!(call.all("collection_concept_id"), ["C7-P"]);
        honest(call, &archive(3), 2000)
    })
    .await;
    let results = server.cmr(10).granules(&GranuleQuery::new().doi("10.5067/X/Y")).expect("a query");
    assert_eq!(ids(&results).await.expect("ids"), all_ids(3));
    assert_eq!(results.matched().await.expect("a number"), 3);
    assert_eq!(server.calls().iter().filter(|c| c.path.contains("collections")).count(), 2, "looked for once");
    // No collection: no granules, and no search for them.
    let server = Server::start(|call, _| honest(call, &[], 2000)).await;
    assert!(ids(&server.cmr(10).granules(&GranuleQuery::new().doi("10.5067/X/Y")).expect("a query")).await.expect("none").is_empty());
    assert!(server.calls().iter().all(|c| c.path.contains("collections")));
}

#[tokio::test]
async fn pages_are_fetched_ahead_and_no_further() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let all = archive(200);
    let server = Server::start(move |call, _| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        honest(call, &all, 2000)
    })
    .await;
    let cmr = server.cmr_with(CmrOptions { page_size: 10, prefetch_pages: 2, ..CmrOptions::default() });
    let mut pages = cmr.granules(&query()).expect("a query").pages();
    assert_eq!(ASKED.load(Ordering::SeqCst), 0, "nothing is asked before it is wanted");
    for taken in 1..=3 {
        assert!(pages.try_next().await.expect("a page").is_some());
        // The pages ahead come by themselves, and no more than those.
        while ASKED.load(Ordering::SeqCst) < taken + 2 {
            tokio::task::yield_now().await;
        }
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), taken + 2);
    }
    drop(pages);
}

#[tokio::test]
async fn errors_in_the_middle_end_the_stream_after_what_came() {
    let all = archive(30);
    let server =
        Server::start(move |call, _| if call.after() == 20 { Answer::new(400, r#"{"errors":["no"]}"#) } else { honest(call, &all, 2000) }).await;
    let mut items = server.cmr(10).granules(&query()).expect("a query").items();
    for i in 0..20 {
        assert_eq!(items.try_next().await.expect("a record").expect("a record").as_bytes(), granule(i).as_bytes());
    }
    assert!(items.try_next().await.is_err());
    assert!(items.try_next().await.expect("the end").is_none());
}

#[tokio::test]
async fn records_come_as_cmr_wrote_them() {
    let all = archive(3);
    let expected = all.clone();
    let server = Server::start(move |call, _| honest(call, &all, 2000)).await;
    let raw: Vec<bytes::Bytes> = server.cmr(2).granules(&query()).expect("a query").to_umm().try_collect().await.expect("records");
    assert_eq!(raw, expected);
    let collections = server.cmr(10).collections(&CollectionQuery::new().keyword("sea ice")).expect("a query");
    assert_eq!(collections.get_all().await.expect("records").len(), 3);
    let call = server.calls().pop().expect("a call");
    assert_eq!((call.path.as_str(), call.all("keyword")), ("/search/collections.umm_json", vec!["sea ice".to_owned()]));
}

#[tokio::test]
async fn collections_are_described_by_name() {
    let server = Server::start(|call, _| {
        let record = |n: usize, name: &str, version: &str| {
            format!(r#"{{"meta":{{"concept-id":"C{n}-P"}},"umm":{{"ShortName":"{name}","Version":"{version}","EntryTitle":"t"}}}}"#)
        };
        let all = [record(1, "HLSL30", "2.0"), record(2, "MOD09GA", "061"), record(3, "MOD09GA", "006")];
        let fits = |r: &&String| {
            let any = |name: &str, of: &dyn Fn(&str) -> bool| {
                let values = call.all(name);
                values.is_empty() || values.iter().any(|v| of(v))
            };
            any("concept_id", &|v| r.contains(&format!("\"{v}\"")))
                && any("short_name", &|v| match v.strip_suffix('*') {
                    Some(start) => r.contains(&format!("\"ShortName\":\"{start}")),
                    None => r.contains(&format!("\"ShortName\":\"{v}\"")),
                })
                && any("entry_id", &|v| v.rsplit_once('_').is_some_and(|(n, v)| r.contains(&format!("\"{n}\",\"Version\":\"{v}\""))))
        };
        let found: Vec<String> = all.iter().filter(fits).cloned().collect();
        honest(call, &found, 2000)
    })
    .await;
    let cmr = server.cmr(10);
    for name in ["C1-P", "HLSL30", "HLSL30.v2.0", "HLSL30_2.0"] {
        assert_eq!(cmr.describe(name).await.expect(name).meta().expect("meta").concept_id, "C1-P", "{name}");
    }
    let e = cmr.describe("MOD09GA").await.expect_err("two");
    assert!(matches!(e, Error::Ambiguous { .. }) && e.to_string().contains("MOD09GA.v061 (C2-P)"), "{e}");
    let e = cmr.describe("HLSL3O").await.expect_err("none");
    assert!(matches!(e, Error::NotFound { .. }) && e.hint().is_some_and(|h| h.contains("HLSL30.v2.0 (C1-P)")), "{e}");
}
