//! From one page to the next.
//!
//! The link `next` may be: a URL to GET as it is; a POST with a body of its own; a POST whose body and headers are laid over
//! those of the first request (`merge`). Servers of version 0.9 and before answer a token beside the items instead.

use cube_backend::{Error, Result};
use serde_json::{Map, Value};
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    document::{self, Link},
    http::Request,
    location::Location,
};

/// The request for the page after `page`; `None` when it is the last. `own` are headers that only the first request's host may see.
pub(super) fn next(page: &Map<String, Value>, original: &Request, current: &Request, own: &[(String, String)]) -> Result<Option<Request>> {
    match document::links(page.get("links")).iter().find(|l| l.rel == "next") {
        Some(link) => follow(link, original, current, own).map(Some),
        None => Ok(token(page).and_then(|t| with_token(&t, original))),
    }
}

/// How many items there are in all, as services of several versions say it.
pub(super) fn matched(page: &Map<String, Value>) -> Option<u64> {
    let stated = page.get("numberMatched").or_else(|| ["context", "search:metadata"].iter().find_map(|n| page.get(*n)?.get("matched")));
    stated.and_then(Value::as_u64)
}

fn follow(link: &Link, original: &Request, current: &Request, own: &[(String, String)]) -> Result<Request> {
    let merge = link.merge.unwrap_or(false);
    let url = as_secure(&Location::parse(&current.url)?.join(&link.href), &original.url);
    let post = link.method.as_deref().map_or(link.body.is_some(), |m| m.eq_ignore_ascii_case("POST"));
    let mut headers = original.headers.clone();
    if host(&url) != host(&original.url) {
        headers.retain(|h| !own.contains(h));
    }
    if !post {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    }
    for (name, value) in stated_headers(link)? {
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        headers.push((name, value));
    }
    let body = match (post, &link.body) {
        (false, _) => None,
        (true, Some(Value::Object(over))) if merge => {
            let mut body: Map<String, Value> = original.body.as_deref().and_then(|b| serde_json::from_str(b).ok()).unwrap_or_default();
            body.extend(over.clone());
            Some(Value::Object(body).to_string())
        }
        (true, Some(body)) => Some(body.to_string()),
        // Some servers put the token into the URL and mean the body to stay.
        (true, None) => Some(original.body.clone().unwrap_or_else(|| "{}".into())),
    };
    Ok(Request { url, headers, body })
}

/// Headers of a link: a text, a number, or a list of them for each name.
fn stated_headers(link: &Link) -> Result<Vec<(String, String)>> {
    let text = |v: &Value| match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let Some(Value::Object(headers)) = &link.headers else { return Ok(Vec::new()) };
    headers
        .iter()
        .map(|(k, v)| {
            Ok((k.clone(), text(v).ok_or_else(|| Error::corrupt(format!("the link to the next page has a header `{k}` that is no text")))?))
        })
        .collect()
}

fn token(page: &Map<String, Value>) -> Option<String> {
    ["search:metadata", "context"].iter().find_map(|n| page.get(*n)?.get("next")).and_then(|v| match v {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    })
}

fn with_token(token: &str, original: &Request) -> Option<Request> {
    if token.starts_with("http://") || token.starts_with("https://") {
        return Some(Request { url: token.to_owned(), body: None, ..original.clone() });
    }
    if let Some(body) = &original.body {
        let mut body: Map<String, Value> = serde_json::from_str(body).ok()?;
        body.insert("next".into(), token.into());
        return Some(Request { body: Some(Value::Object(body).to_string()), ..original.clone() });
    }
    let mut url = Url::parse(&original.url).ok()?;
    url.query_pairs_mut().append_pair("next", token);
    Some(Request { url: url.into(), ..original.clone() })
}

/// Servers behind a proxy often write `http` where they were asked by `https`.
fn as_secure(url: &str, original: &str) -> String {
    match url.strip_prefix("http://") {
        Some(rest) if original.starts_with("https://") && host(url) == host(original) => format!("https://{rest}"),
        _ => url.to_owned(),
    }
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// What makes two requests the same.
pub(super) fn identity(request: &Request) -> u128 {
    let headers = request.headers.iter().map(|(k, v)| format!("{}:{v}", k.to_ascii_lowercase())).collect::<Vec<_>>().join("\n");
    xxh3_128(format!("{}\n{headers}\n{}", request.url, request.body.as_deref().unwrap_or_default()).as_bytes())
}
