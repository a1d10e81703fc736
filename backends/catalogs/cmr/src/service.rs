//! One request to CMR, and what its answer says beside the records.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cube_access::{Http, RequestOptions, Response};
use cube_query::CmrParameters;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use crate::{CmrOptions, Error, Result};

const SEARCH_AFTER: HeaderName = HeaderName::from_static("cmr-search-after");
const CLIENT_ID: HeaderName = HeaderName::from_static("client-id");
/// CMR's documentation spells it in both ways.
const TIMED_OUT: [&str; 2] = ["cmr-timed-out", "cmr-time-out"];
/// CMR gives up after 180 seconds.
const PATIENCE: Duration = Duration::from_secs(190);

/// One search as CMR understands it: which records, without the size of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// `granules` or `collections`.
    pub(crate) concept: &'static str,
    pub(crate) parameters: CmrParameters,
}

/// Parameters that narrow a search of granules to some collections.
const NARROWING: [&str; 8] = ["provider", "provider_id", "concept_id", "collection_concept_id", "short_name", "version", "entry_title", "entry_id"];

impl Search {
    /// Whether it is for granules of all collections, which CMR pages by number alone, and not far.
    pub(crate) fn is_of_everything(&self) -> bool {
        self.concept == "granules" && NARROWING.iter().all(|name| self.parameters.get(name).is_empty())
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// After the page that said this; none: at the beginning.
    After(Option<HeaderValue>),
    /// After so many records.
    Offset(u64),
}

/// The service, and how it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: String,
    http: Http,
    options: CmrOptions,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Reply {
    Page(Answer),
    /// CMR ran out of time: no answer, or a part of one.
    TimedOut {
        request_id: Option<String>,
    },
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How many records there are in all.
    pub(crate) hits: Option<u64>,
    /// Where the next page begins; the last page may have it too.
    pub(crate) after: Option<HeaderValue>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Bytes,
}

impl Service {
    pub(crate) fn new(root: String, http: Http, options: CmrOptions) -> Result<Self> {
        let client_id = HeaderValue::from_str(&options.client_id).map_err(|_| {
            Error::given(format!("`{}` cannot be sent as Client-Id", options.client_id.escape_debug()), "use printable ASCII characters")
        })?;
        let accept = HeaderValue::from_static("application/vnd.nasa.cmr.umm_results+json, application/json;q=0.9");
        let headers = HeaderMap::from_iter([(CLIENT_ID, client_id), (header::ACCEPT, accept)]);
        Ok(Self(Arc::new(Inner { root, http, options, headers })))
    }

    pub(crate) fn root(&self) -> &str {
        &self.0.root
    }

    pub(crate) fn options(&self) -> &CmrOptions {
        &self.0.options
    }

    /// Asks for one page.
    pub(crate) async fn ask(&self, search: &Search, page_size: u64, start: &Start) -> Result<Reply> {
        let mut url = format!("{}/search/{}.umm_json", self.0.root, search.concept);
        let mut headers = self.0.headers.clone();
        let mut parameters = search.parameters.clone();
        match start {
            Start::After(after) => headers.extend(after.clone().map(|after| (SEARCH_AFTER, after))),
            Start::Offset(offset) => parameters.0.push(("offset".into(), offset.to_string())),
        }
        parameters.0.push(("page_size".into(), page_size.to_string()));
        let query = parameters.to_query_string();
        let (method, body) = if parameters.fits_get() {
            url = format!("{url}?{query}");
            (Method::GET, None)
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            (Method::POST, Some(query.into()))
        };
        let options = RequestOptions { timeout: Some(PATIENCE), answers: vec![StatusCode::GATEWAY_TIMEOUT] };
        let response = self.0.http.request_with(method, &url, headers, body, options).await?;
        read(response, &parameters)
    }
}

fn read(response: Response, sent: &CmrParameters) -> Result<Reply> {
    let text = |name: &str| response.headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let request_id = text("cmr-request-id").or_else(|| text("x-request-id")).map(str::to_owned);
    let hits = text("cmr-hits").and_then(|t| t.parse().ok());
    let timed_out = TIMED_OUT.iter().any(|name| text(name).is_some_and(|t| t.eq_ignore_ascii_case("true")));
    tracing::debug!(
        status = response.status.as_u16(),
        request_id = request_id.as_deref(),
        hits,
        took_ms = text("cmr-took"),
        bytes = response.body.len(),
        timed_out,
        "CMR answers"
    );
    if response.status == StatusCode::GATEWAY_TIMEOUT || (timed_out && response.status.is_success()) {
        return Ok(Reply::TimedOut { request_id });
    }
    let messages = if response.status.is_success() { Vec::new() } else { messages(&response.body) };
    match response.status {
        status if status.is_success() => {}
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND if !messages.is_empty() => {
            let parameter = spoken_of(&messages, sent);
            return Err(Error::Refused { messages, parameter, request_id });
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !messages.is_empty() => return Err(Error::Denied { messages, request_id }),
        _ => drop(response.clone().ok()?),
    }
    let after = response.headers.get(SEARCH_AFTER).cloned();
    Ok(Reply::Page(Answer { hits, after, request_id, body: response.body }))
}

/// CMR's own words: `{"errors": ["…", {"path": […], "errors": ["…"]}]}`.
fn messages(body: &[u8]) -> Vec<String> {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let mut out = Vec::new();
    collect(json.get("errors").unwrap_or(&Value::Null), &mut out);
    out
}

fn collect(errors: &Value, out: &mut Vec<String>) {
    match errors {
        Value::String(text) => out.push(text.chars().filter(|c| !c.is_control()).take(500).collect()),
        Value::Array(all) => all.iter().for_each(|e| collect(e, out)),
        Value::Object(one) => collect(one.get("errors").unwrap_or(&Value::Null), out),
        _ => {}
    }
}

/// The parameter that a message speaks of: the longest whose name, in one of its spellings, it contains.
fn spoken_of(messages: &[String], sent: &CmrParameters) -> Option<String> {
    let plain = |t: &str| t.to_lowercase().replace(['_', '-'], " ");
    let said = plain(&messages.join(" "));
    let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let names = |name: &str| {
        let name = plain(name);
        let parts: Vec<&str> = name.split(' ').collect();
        words.windows(parts.len()).any(|w| w == parts)
    };
    let bare = |name: &str| name.trim_end_matches("[]").to_owned();
    sent.0.iter().map(|(name, _)| bare(name)).filter(|name| names(name)).max_by_key(String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_parameter() {
        let sent: CmrParameters =
            [("temporal[]", "x"), ("collection_concept_id[]", "C1-P"), ("concept_id[]", "x"), ("bounding_box[]", "1,2,3,4")].into_iter().collect();
        for (said, parameter) in [
            ("temporal start datetime is invalid: [x] is not a valid datetime.", Some("temporal")),
            ("Collection-concept-id [C1-P] is not valid.", Some("collection_concept_id")),
            ("[1,2,3,4] is not a valid URL encoded bounding_box", Some("bounding_box")),
            ("The CMR does not allow querying across granules in all collections.", None),
        ] {
            let body = serde_json::json!({ "errors": [said] }).to_string();
            let messages = messages(body.as_bytes());
            assert_eq!(messages, [said]);
            assert_eq!(spoken_of(&messages, &sent).as_deref(), parameter, "{said}");
        }
        let nested = br#"{"errors": [{"path": ["polygon"], "errors": ["a", "b"]}, "c"]}"#;
        assert_eq!(messages(nested), ["a", "b", "c"]);
        assert!(messages(b"<html>").is_empty());
    }
}
