//! Recorded exchanges with CMR, replayed: what the client asks is what was asked, and what it gives is what was recorded.
//!
//! The recordings lie under `cmr` in the folder that `CUBE_CORPUS` names, or in `../shared/corpus` beside the repository.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use cube_catalog_cmr::{Collections, Concept, Error, Granules, Results};
use cube_query::{CmrParameters, CollectionQuery, GranuleQuery};
use futures::TryStreamExt;
use serde_json::Value;

use crate::server::{Answer, Call, Server};

/// The corpus, where there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("CUBE_CORPUS").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus");
    let folder = named.unwrap_or_else(beside).join("cmr");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("corpus not found: skipped");
    None
}

/// One recorded exchange.
#[derive(Debug, Clone)]
struct Exchange {
    name: String,
    /// Path and query, without the host.
    path: String,
    query: String,
    answer: Answer,
}

fn is_about_the_connection(name: &str) -> bool {
    matches!(name, "content-encoding" | "transfer-encoding" | "content-length" | "connection" | "date" | "server" | "strict-transport-security")
}

/// Exchanges that are kept as a request line, headers and a body of their own, in order of name.
fn exchanges(folder: &Path) -> Vec<Exchange> {
    let mut files = Vec::new();
    for archive in std::fs::read_dir(folder).expect("a folder").flatten() {
        let Ok(bodies) = std::fs::read_dir(archive.path().join("bodies")) else { continue };
        files.extend(bodies.flatten().map(|f| f.path()).filter(|p| p.to_string_lossy().contains(".meta")));
    }
    files.sort();
    files.iter().filter_map(|file| exchange(file)).collect()
}

fn exchange(file: &Path) -> Option<Exchange> {
    let meta: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let uri = meta["request"]["uri"].as_str()?.split_once("://")?.1.split_once('/')?.1;
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let body = std::fs::read(file.with_file_name(file.file_name()?.to_string_lossy().replace(".meta", ".body"))).ok()?;
    let mut answer = Answer::new(u16::try_from(meta["status"].as_u64()?).ok()?, body);
    for (name, values) in meta["headers"].as_object()?.iter().filter(|(n, _)| !is_about_the_connection(n)) {
        for value in values.as_array()? {
            answer = answer.with(name, value.as_str()?);
        }
    }
    Some(Exchange { name: file.display().to_string(), path: format!("/{path}"), query: query.to_owned(), answer })
}

impl Exchange {
    fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn items(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.answer.body).expect("JSON");
        body["items"].as_array().cloned().unwrap_or_default()
    }

    fn parameters(&self) -> CmrParameters {
        CmrParameters::from_query_string(&self.query)
    }

    fn hits(&self) -> usize {
        self.header("cmr-hits").and_then(|t| t.parse().ok()).expect("hits")
    }
}

/// Exchanges that belong together: the same request, and each answer at another place in the results.
fn sequences(all: Vec<Exchange>) -> Vec<Vec<Exchange>> {
    let mut out: Vec<Vec<Exchange>> = Vec::new();
    for exchange in all {
        let follows = out.last().and_then(|s| s.last()).is_some_and(|before| {
            before.query == exchange.query
                && before.path == exchange.path
                && before.header("cmr-search-after").is_some()
                && before.header("cmr-search-after") != exchange.header("cmr-search-after")
        });
        match out.last_mut().filter(|_| follows) {
            Some(last) => last.push(exchange),
            None => out.push(vec![exchange]),
        }
    }
    out
}

/// Answers a sequence, and after it the empty page with which CMR ends.
async fn server_of(sequence: &[Exchange]) -> Server {
    let sequence = Arc::new(sequence.to_vec());
    Server::start(move |call: &Call, _| {
        let at = match call.header("cmr-search-after") {
            None => 0,
            Some(after) => 1 + sequence.iter().position(|e| e.header("cmr-search-after") == Some(after)).expect("a place that was given out"),
        };
        sequence.get(at).map_or_else(|| Answer::page::<&str>(sequence[0].hits(), &[]), |e| e.answer.clone())
    })
    .await
}

async fn give_what_was_recorded<C: Concept>(sequence: &[Exchange], results: &Results<C>) {
    let name = &sequence[0].name;
    let recorded: Vec<Value> = sequence.iter().flat_map(Exchange::items).collect();
    let given: Vec<bytes::Bytes> = results.to_umm().try_collect().await.unwrap_or_else(|e| unreachable!("{name}: {e}"));
    let read: Vec<Value> = given.iter().map(|r| serde_json::from_slice(r).expect("JSON")).collect();
    assert!(read == recorded, "{name}");
    for raw in given.iter().take(5) {
        let whole = sequence.iter().any(|e| e.answer.body.windows(raw.len()).any(|w| w == raw));
        assert!(whole || raw.len() > 100_000, "{name}: a record is not in the bytes that were recorded");
    }
}

#[tokio::test]
async fn recorded_searches_replay() {
    let Some(folder) = corpus() else { return };
    let all: Vec<Exchange> = exchanges(&folder).into_iter().filter(|e| e.path.starts_with("/search/")).collect();
    let (ours, other): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|e| matches!(e.path.as_str(), "/search/granules.umm_json" | "/search/collections.umm_json"));
    assert!(ours.len() >= 20, "{} exchanges", ours.len());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for sequence in sequences(ours) {
        let first = &sequence[0];
        let name = &first.name;
        *kinds.entry(first.path.clone()).or_default() += sequence.len();
        let server = server_of(&sequence).await;
        let items: usize = sequence.iter().map(|e| e.items().len()).sum();
        let page_size: u64 = first.parameters().get("page_size").first().and_then(|t| t.parse().ok()).unwrap_or(10);
        let cmr = server.cmr(page_size.max(1));
        if first.path.contains("granules") {
            let asked = GranuleQuery::from_cmr(&first.parameters()).value;
            // Recordings end before the archive does; and to count is to ask for a page of nothing.
            let asked = GranuleQuery { page_size: None, limit: (first.hits() > items).then_some(items.max(1) as u64), ..asked };
            let results = cmr.granules(&asked).unwrap_or_else(|e| unreachable!("{name}: {e}"));
            if items > 0 {
                give_what_was_recorded(&sequence, &results.paged(page_size, 0)).await;
            } else {
                assert_eq!(results.matched().await.expect("a number"), first.hits() as u64, "{name}");
            }
            for call in server.calls() {
                let sent = GranuleQuery::from_cmr(&call.parameters().into_iter().collect()).value;
                let sent = GranuleQuery { page_size: None, limit: asked.limit, ..sent };
                assert_eq!(sent, asked, "{name}");
            }
        } else {
            let asked = CollectionQuery::from_cmr(&first.parameters()).value;
            let results = cmr.collections(&CollectionQuery { page_size: None, ..asked }).unwrap_or_else(|e| unreachable!("{name}: {e}"));
            if items > 0 {
                give_what_was_recorded(&sequence, &results).await;
            } else {
                assert_eq!(results.matched().await.expect("a number"), first.hits() as u64, "{name}");
            }
        }
    }
    assert!(kinds.len() == 2, "{kinds:?}");
    // What was recorded in other forms than ours is not taken for it.
    for exchange in other {
        let server = server_of(std::slice::from_ref(&exchange)).await;
        if exchange.path.ends_with(".umm_json") {
            replay_envelope(&[exchange], &server).await;
            continue;
        }
        let e = server.cmr(10).granules(&GranuleQuery::new().short_name("A")).expect("a query").get_all().await;
        assert!(matches!(e, Err(Error::Corrupt { .. })), "{}: {e:?}", exchange.name);
    }
}

/// Services, variables and the like come in the envelope of collections, and are read as far as that goes.
async fn replay_envelope(sequence: &[Exchange], server: &Server) {
    let (hits, items) = (sequence[0].hits(), sequence[0].items().len());
    let query =
        CollectionQuery { keyword: Some("x".into()), limit: (hits > items && items > 0).then_some(items as u64), ..CollectionQuery::default() };
    let results: Results<Collections> = server.cmr(2000).collections(&query).expect("a query");
    if items > 0 || hits == 0 {
        give_what_was_recorded(sequence, &results).await;
    } else {
        assert_eq!(results.matched().await.expect("a number"), hits as u64);
    }
}

/// Exchanges that are kept as they went over the wire.
fn raw_exchanges(folder: &Path) -> Vec<Exchange> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder.join("harmony-http")).map(|all| all.flatten().map(|f| f.path()).collect()).unwrap_or_default();
    files.sort();
    let mut out = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        let (request, response) = text.split_once("\nHTTP/1.1 ").expect("an answer");
        let (head, body) = response.split_once("\n\n").or_else(|| response.split_once("\r\n\r\n")).expect("a body");
        let status = head.split(' ').next().and_then(|s| s.parse().ok()).expect("a status");
        let mut answer = Answer::new(status, body.trim_end().to_owned());
        for line in head.lines().skip(1) {
            if let Some((name, value)) = line.split_once(": ").filter(|(n, _)| !is_about_the_connection(n)) {
                answer = answer.with(name, value.trim());
            }
        }
        let path = request.lines().next().and_then(|l| l.split(' ').nth(1)).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        out.push(Exchange { name: file.display().to_string(), path: path.to_owned(), query: query.to_owned(), answer });
    }
    out
}

#[tokio::test]
async fn raw_exchanges_replay() {
    let Some(folder) = corpus() else { return };
    let (mut envelopes, mut refused, mut foreign) = (0, 0, 0);
    for exchange in raw_exchanges(&folder) {
        let name = exchange.name.clone();
        let sequence = [exchange];
        let server = server_of(&sequence).await;
        let is_envelope = sequence[0].answer.status == 200 && sequence[0].path.contains("umm_json");
        if is_envelope {
            // Services and variables come in the envelope of collections.
            envelopes += 1;
            replay_envelope(&sequence, &server).await;
            continue;
        }
        let results: Results<Granules> = server.cmr(2000).granules(&GranuleQuery::new().short_name("A")).expect("a query");
        match results.get_all().await.expect_err("no page of ours") {
            Error::Refused { messages, .. } => {
                refused += 1;
                let body = String::from_utf8_lossy(&sequence[0].answer.body).into_owned();
                assert!(sequence[0].answer.status == 400 && messages.iter().all(|m| body.contains(m)), "{name}: {messages:?}");
            }
            Error::Corrupt { .. } => foreign += 1,
            e => unreachable!("{name}: {e}"),
        }
    }
    assert!(envelopes >= 8 && refused >= 1 && foreign >= 10, "{envelopes} {refused} {foreign}");
}
