//! The Common Metadata Repository's search.

mod feed;
mod filter;
mod order;
mod params;
mod record;
mod rules;
mod shapes;
mod stac;
mod times;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::accounts::Refusal;
use super::plan::{End, PageFault};
use super::world::{Ready, World};
use crate::server::{Answer, Call};
use filter::Place;
use params::Params;

/// Searches whose results are remembered, so that the next page costs no second search.
const REMEMBERED: usize = 8;

/// The CMR's memory between requests.
#[derive(Debug, Default)]
pub(super) struct Cmr {
    found: Mutex<Vec<(String, Found)>>,
    pub(super) stac: stac::Catalogs,
}

type Found = Arc<Vec<Place>>;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Umm,
    Feed,
}

/// Answers as the CMR does.
pub(super) fn answer(world: &World, ready: &Ready, call: &Call) -> Answer {
    let began = Instant::now();
    let request = world.next_request();
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"stac") {
        return ready.cmr.stac.answer(ready, call);
    }
    let mut answer = match (authorized(world, call), &parts[..]) {
        (Err(problem), _) => refuse(401, &[problem]),
        (Ok(()), ["search", what]) => search(world, ready, call, what, began),
        (Ok(()), ["search", "concepts", id]) => concept(ready, id),
        _ => refuse(404, &["Not found".to_owned()]),
    };
    if world.plan().gzip && call.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")) {
        answer = compressed(&answer);
    }
    let id = format!("00000000-0000-4000-8000-{request:012x}");
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED),
        ("cmr-request-id", &id),
        ("x-request-id", &id),
        ("server", "ServerTokens ProductOnly"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-xss-protection", "1; mode=block"),
    ] {
        answer.set(name, value);
    }
    answer.with(VARY, "Accept-Encoding, User-Agent")
}

const EXPOSED: &str = "CMR-Hits, CMR-Request-Id, X-Request-Id, CMR-Scroll-Id, CMR-Search-After, CMR-Timed-Out, \
                       CMR-Shapefile-Original-Point-Count, CMR-Shapefile-Simplified-Point-Count";

/// Strangers may search; whoever shows a token must show a good one.
fn authorized(world: &World, call: &Call) -> Result<(), String> {
    match world.accounts().bearer(call.header("authorization")) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(Refusal::Unknown)) => Err("Token does not exist".into()),
        Some(Err(Refusal::Expired)) => {
            let token = call.header("authorization").unwrap_or_default().trim_start_matches("Bearer ");
            let (head, tail) = (token.get(..10).unwrap_or_default(), token.get(token.len().saturating_sub(5)..).unwrap_or_default());
            Err(format!("Token [{head}XXX{tail}] has expired. Note the token value has been partially redacted."))
        }
    }
}

fn refuse(status: u16, problems: &[String]) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Answer::json(status, "application/json", &json!({ "errors": problems }))
}

fn search(world: &World, ready: &Ready, call: &Call, what: &str, began: Instant) -> Answer {
    if call.method != Method::GET && call.method != Method::POST && call.method != Method::HEAD {
        return refuse(405, &[format!("{} is not allowed", call.method)]);
    }
    let (kind, extension) = what.split_once('.').unwrap_or((what, ""));
    let accepted = call.header("accept").unwrap_or_default();
    let form = match extension {
        "umm_json" => Form::Umm,
        name if name.starts_with("umm_json_v") => Form::Umm,
        "json" => Form::Feed,
        "" if accepted.contains("umm_results+json") => Form::Umm,
        "" if accepted.contains("application/json") => Form::Feed,
        other => return refuse(400, &[format!("The mime type [{other}] is not emulated; ask for umm_json or json.")]),
    };
    let params = match Params::new(call) {
        Ok(params) => params,
        Err(problem) => return refuse(415, &[problem]),
    };
    let after = call.header("cmr-search-after");
    match kind {
        "granules" | "collections" => {
            let problems = rules::problems(&params, kind == "granules", after);
            if !problems.is_empty() {
                return refuse(400, &problems);
            }
            let page = Page::new(&params, after);
            if kind == "granules" { granules(world, ready, &params, &page, form, began) } else { collections(ready, &params, &page, form, began) }
        }
        "services" | "tools" | "variables" => write_page(&[], 0, None, Form::Umm, "1.5.0", began, |(): &(), _| {}),
        _ => refuse(404, &["Not found".to_owned()]),
    }
}

/// Which part of the results is asked for.
struct Page {
    size: usize,
    offset: usize,
    /// The number at the end of the header: that of the last record that the client has.
    after: Option<u64>,
}

impl Page {
    fn new(params: &Params, after: Option<&str>) -> Self {
        let number = |name: &str| params.one(name).and_then(|text| text.parse::<usize>().ok());
        let size = number("page_size").unwrap_or(10);
        let offset = number("offset").or_else(|| number("page_num").map(|page| (page - 1) * size)).unwrap_or_default();
        let list: Option<Vec<Value>> = after.and_then(|text| serde_json::from_str(text).ok());
        Self { size, offset, after: list.and_then(|list| list.last().and_then(Value::as_u64)) }
    }
}

fn granules(world: &World, ready: &Ready, params: &Params, page: &Page, form: Form, began: Instant) -> Answer {
    let holdings = &ready.holdings;
    let found = ready.cmr.found(params.key(), || filter::granules(holdings, params));
    let number = |(place, index): &Place| holdings.collections[*place as usize].granules.number(*index as usize);
    let offset = match page.after {
        // As in the real one, a header that fits nothing finds nothing.
        Some(after) => found.iter().position(|place| number(place) == after).map_or(found.len(), |position| position + 1),
        None => page.offset,
    };
    let plan = world.plan();
    let fault = if page.size > 0 { plan.page(world.next_page()) } else { PageFault { first: 1, count: None, items: None, timed_out: None, hits: 0 } };
    let rest = found.get(offset..).unwrap_or_default();
    let whole = &rest[..rest.len().min(page.size)];
    let items = &whole[..whole.len().min(fault.items.unwrap_or(usize::MAX))];
    // What a search that ran out of time did not find is left out for good; a short page goes on where it ended.
    let last = if fault.timed_out.is_some() { whole.last() } else { items.last() };
    let at_end = rest.len() <= items.len();
    let hits = found.len().saturating_add_signed(fault.hits as isize);
    let next = match (last, plan.end) {
        (Some(_), End::LastWithoutHeader) if at_end => None,
        (Some(place), _) => Some(search_after(
            holdings.collections[place.0 as usize].provider(),
            holdings.collections[place.0 as usize].granules.facts(place.1 as usize).start,
            number(place),
        )),
        (None, End::EmptyWithHeader) if page.size > 0 => found.last().map(|place| search_after("", 0, number(place))),
        (None, _) => None,
    };
    let mut answer = write_page(items, hits, next, form, "1.6.6", began, |(place, index), out| {
        let collection = &holdings.collections[*place as usize];
        match form {
            Form::Umm => collection.granules.render(*index as usize, out),
            Form::Feed => out.push_str(&feed::granule(collection, *index as usize).to_string()),
        }
    });
    if let Some(name) = &fault.timed_out {
        answer.set(name, "true");
    }
    answer
}

fn search_after(provider: &str, start: i64, number: u64) -> String {
    json!([provider.to_lowercase(), start, number]).to_string()
}

fn collections(ready: &Ready, params: &Params, page: &Page, form: Form, began: Instant) -> Answer {
    let holdings = &ready.holdings;
    let mut found = filter::collections(holdings, params, false);
    found.sort_by_key(|place| holdings.collections[*place].entry_id().to_lowercase());
    let number = |place: usize| {
        let id = holdings.collections[place].concept_id();
        id.trim_start_matches('C').split('-').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default()
    };
    let offset = match page.after {
        Some(after) => found.iter().rposition(|place| number(*place) == after).map_or(found.len(), |position| position + 1),
        None => page.offset,
    };
    let rest = found.get(offset..).unwrap_or_default();
    let items = &rest[..rest.len().min(page.size)];
    let next = items.last().map(|place| {
        let collection = &holdings.collections[*place];
        json!([0.0, 0.0, collection.short_name(), collection.version(), number(*place)]).to_string()
    });
    write_page(items, found.len(), next, form, "1.18.4", began, |place, out| {
        let collection = &holdings.collections[*place];
        match form {
            Form::Umm => out.push_str(&json!({ "meta": collection.meta, "umm": collection.umm }).to_string()),
            Form::Feed => out.push_str(&feed::collection(collection).to_string()),
        }
    })
}

/// The answer of a search that went well; `write` adds one record to the text.
fn write_page<T>(
    items: &[T],
    hits: usize,
    next: Option<String>,
    form: Form,
    version: &str,
    began: Instant,
    write: impl Fn(&T, &mut String),
) -> Answer {
    let took = began.elapsed().as_millis();
    let (media, head, tail) = match form {
        Form::Umm => {
            let media = format!("application/vnd.nasa.cmr.umm_results+json;version={version}; charset=utf-8");
            (media, format!("{{\"hits\":{hits},\"took\":{took},\"items\":["), "]}")
        }
        Form::Feed => ("application/json;charset=utf-8".to_owned(), feed::HEAD.to_owned(), feed::TAIL),
    };
    let mut body = head;
    for (nth, item) in items.iter().enumerate() {
        body.push_str(if nth == 0 { "" } else { "," });
        write(item, &mut body);
        if nth == 0 {
            // Records of one collection are about equally long.
            body.reserve((body.len() + body.len() / 8) * items.len());
        }
    }
    body.push_str(tail);
    let mut answer = Answer::new(StatusCode::OK, body.into()).with(CONTENT_TYPE, &media);
    answer.set("cmr-hits", &hits.to_string());
    answer.set("cmr-took", &took.to_string());
    if let Some(next) = next {
        answer.set("cmr-search-after", &next);
    }
    answer
}

/// One record by its concept id, as `.umm_json`.
fn concept(ready: &Ready, id: &str) -> Answer {
    let id = id.strip_suffix(".umm_json").or_else(|| id.strip_suffix(".json")).unwrap_or(id);
    let media = "application/vnd.nasa.cmr.umm+json; charset=utf-8";
    for collection in &ready.holdings.collections {
        if collection.concept_id() == id {
            return Answer::json(StatusCode::OK, media, &collection.umm);
        }
        let is = |index: &usize| format!("G{}-{}", collection.granules.number(*index), collection.provider()) == id;
        if let Some(index) = (0..collection.granules.len()).find(is).filter(|_| id.starts_with('G')) {
            return Answer::json(StatusCode::OK, media, &filter::umm_of(collection, index));
        }
    }
    refuse(404, &[format!("Concept with concept-id [{id}] could not be found.")])
}

fn compressed(answer: &Answer) -> Answer {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let Some(bytes) = encoder.write_all(answer.body()).ok().and_then(|()| encoder.finish().ok()) else { return answer.clone() };
    answer.with_body(bytes.into()).with(CONTENT_ENCODING, "gzip")
}

impl Cmr {
    /// The results of a search, from memory if they are known.
    fn found(&self, key: String, search: impl FnOnce() -> Vec<Place>) -> Found {
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = known.iter().find(|(other, _)| *other == key) {
            return Arc::clone(found);
        }
        let found = Arc::new(search());
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((key, Arc::clone(&found)));
        found
    }
}
