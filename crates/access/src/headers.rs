//! What the headers of a file say.

use chrono::{DateTime, Utc};
use http::{HeaderMap, header};

/// `bytes first-last/size` (RFC 9110 section 14.4).
pub(crate) struct ContentRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) size: Option<u64>,
}

pub(crate) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

pub(crate) fn is_page_type(media: &str) -> bool {
    ["text/html", "application/xhtml+xml"].iter().any(|page| media.to_ascii_lowercase().starts_with(page))
}

pub(crate) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (range, size) = text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some(ContentRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()?, size: size.trim().parse().ok() })
}

/// Size of the file from `bytes */size`.
pub(crate) fn content_size(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_RANGE)?.rsplit('/').next()?.trim().parse().ok()
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.parse().ok()
}

pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    text(headers, header::ETAG).filter(|e| !e.is_empty()).map(str::to_owned)
}

pub(crate) fn modified(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text(headers, header::LAST_MODIFIED)?).ok().map(|t| t.with_timezone(&Utc))
}
