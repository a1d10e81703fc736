//! Recorded requests to CMR: read, sent again, and the same.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cube_query::{CmrParameters, CollectionQuery, GranuleQuery};
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("CUBE_CORPUS").map_or(here, PathBuf::from).join("cmr");
    if !root.is_dir() {
        eprintln!("corpus not found: skipped");
        return None;
    }
    Some(root)
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// What was searched, and with which parameters.
type Request = (String, Vec<(String, String)>);

/// A request of the search for granules or collections, from an address or the first line of a recorded request.
fn request(address: &str, body: &str) -> Option<Request> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let search = path.split("/search/").nth(1)?;
    let what = search.split(['.', '/']).next()?.to_owned();
    let mut parameters = CmrParameters::from_query_string(query).0;
    parameters.extend(form(body));
    (["granules", "collections"].contains(&what.as_str()) && !parameters.is_empty()).then_some((what, parameters))
}

/// The parts of a recorded form: url-encoded, or multipart with its line ends written as `\r\n`.
fn form(body: &str) -> Vec<(String, String)> {
    if !body.contains("Content-Disposition") {
        return CmrParameters::from_query_string(body).0;
    }
    let body = body.replace("\\r\\n", "\r\n").replace("\\\"", "\"");
    let parts = body.split("name=\"").skip(1);
    parts
        .filter_map(|part| {
            let (name, rest) = part.split_once('"')?;
            let value = rest.strip_prefix("\r\n\r\n")?.split("\r\n").next()?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn recorded(path: &Path) -> Vec<Request> {
    let Ok(text) = fs::read_to_string(path) else { return Vec::new() };
    let name = path.to_string_lossy();
    if name.contains("harmony-http") {
        let mut lines = text.lines();
        let address = lines.next().and_then(|l| l.split_whitespace().nth(1)).unwrap_or_default();
        let body = lines.take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix("body: ")).unwrap_or_default();
        return request(address, body).into_iter().collect();
    }
    if name.contains(".meta") {
        let meta: Value = serde_json::from_str(&text).expect("JSON");
        let body = meta["request"]["body"].as_str().unwrap_or_default();
        return request(meta["request"]["uri"].as_str().unwrap_or_default(), body).into_iter().collect();
    }
    text.lines().filter_map(|l| l.trim().strip_prefix("uri: ")).filter_map(|uri| request(uri.trim_matches(['\'', '"']), "")).collect()
}

/// A parameter in the form that tells equal ones: no `[]`, UTC as `Z`, intervals with a comma, numbers without idle digits.
fn canonical((name, value): &(String, String)) -> (String, String) {
    let name = name.trim_end_matches("[]").to_owned();
    let dated = name == "temporal" || name.ends_with("_date");
    let mut value = if dated { value.replace('/', ",").replace("+00:00", "Z").replace(".000Z", "Z") } else { value.clone() };
    if ["point", "bounding_box", "polygon", "line", "circle"].contains(&name.as_str()) {
        let number = |t: &str| t.trim().parse::<f64>().expect("a number").to_string();
        value = value.split(',').map(number).collect::<Vec<_>>().join(",");
    }
    (name, value)
}

#[test]
fn recorded_requests_are_sent_again() {
    let Some(root) = corpus() else { return };
    let mut all = Vec::new();
    files(&root, &mut all);
    let requests: BTreeSet<Request> = all.iter().flat_map(|f| recorded(f)).collect();
    let (mut names, mut compared) = (BTreeSet::new(), 0);
    for (what, parameters) in &requests {
        let recorded: CmrParameters = parameters.iter().cloned().collect();
        let (again, changes) = if what == "granules" {
            let read = GranuleQuery::from_cmr(&recorded);
            assert_eq!(read.value.unread, [], "{recorded:?}");
            // What CMR answers with an error is an error here too; it is only compared.
            (read.value.to_cmr().map(|c| c.value), read.changes)
        } else {
            let read = CollectionQuery::from_cmr(&recorded);
            assert_eq!(read.value.unread, [], "{recorded:?}");
            (read.value.to_cmr().map(|c| c.value), read.changes)
        };
        let again = match again {
            Ok(again) => again,
            Err(e) => {
                // Identifiers that were shortened, or placeholders, in the recording.
                assert!(e.0.iter().all(|p| p.message.contains("concept id")), "{recorded:?}: {e}");
                continue;
            }
        };
        let reported: BTreeSet<&str> = changes.iter().map(|c| c.field.as_str()).collect();
        let mut before: Vec<_> = parameters.iter().filter(|(n, _)| !reported.contains(n.as_str())).map(canonical).collect();
        let mut after: Vec<_> = again.0.iter().map(canonical).collect();
        before.sort();
        after.sort();
        assert_eq!(after, before, "{changes:?}");
        assert!(reported.iter().all(|n| ["page_num", "offset", "scroll", "shapefile", "simplify-shapefile"].contains(n)), "{changes:?}");
        compared += 1;
        names.extend(before.into_iter().map(|(n, _)| n));
    }
    eprintln!("{compared} of {} requests compared, with {names:?}", requests.len());
    assert!(compared >= 40 && names.len() >= 12, "{compared} of {} requests with {names:?}", requests.len());
}
