//! Files from a folder or from memory, with preconditions and ranges as RFC 9110 sections 13 and 14 want them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Method, StatusCode};

use super::Answer;

/// What is served: files in memory first, then those of the folder.
#[derive(Debug, Default)]
pub(crate) struct Files {
    directory: Option<PathBuf>,
    memory: Mutex<BTreeMap<String, (Bytes, DateTime<Utc>)>>,
}

/// One version of one file.
struct Entity {
    content: Content,
    length: u64,
    etag: String,
    modified: DateTime<Utc>,
}

enum Content {
    Memory(Bytes),
    Disk(PathBuf),
}

impl Files {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, memory: Mutex::default() }
    }

    pub(crate) fn put(&self, path: &str, bytes: Bytes) {
        self.put_at(path, bytes, Utc::now());
    }

    /// A file in memory that was last changed then.
    pub(crate) fn put_at(&self, path: &str, bytes: Bytes, modified: DateTime<Utc>) {
        let path = path.trim_start_matches('/').to_owned();
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(path, (bytes, modified));
    }

    /// True if there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    pub(crate) fn remove(&self, path: &str) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(path.trim_start_matches('/'));
    }

    fn find(&self, path: &str) -> Option<Entity> {
        let path = path.trim_start_matches('/');
        if let Some((bytes, modified)) = self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            let etag = format!("\"{:016x}-{:x}\"", fingerprint(bytes), bytes.len());
            return Some(Entity { length: bytes.len() as u64, content: Content::Memory(bytes.clone()), etag, modified: *modified });
        }
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.directory.as_ref().filter(|_| inside)?.join(path);
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let modified: DateTime<Utc> = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).into();
        let etag = format!("\"{:x}-{:x}\"", modified.timestamp_nanos_opt().unwrap_or_default(), metadata.len());
        Some(Entity { content: Content::Disk(file), length: metadata.len(), etag, modified })
    }

    /// Answers GET and HEAD. `etag` stands in for the true one; `whole` ignores any range.
    pub(crate) fn answer(&self, method: &Method, path: &str, headers: &HeaderMap, etag: Option<&str>, whole: bool) -> Answer {
        if method != Method::GET && method != Method::HEAD {
            return Answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Some(mut entity) = self.find(path) else { return Answer::empty(StatusCode::NOT_FOUND) };
        if let Some(etag) = etag {
            entity.etag = etag.to_owned();
        }
        let mut answer = match entity.precondition(headers) {
            Some(status) => Answer::empty(status),
            None => entity.content_for(method, headers, whole),
        };
        answer.header(ETAG, &entity.etag);
        answer.header(LAST_MODIFIED, &entity.modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        answer.header(ACCEPT_RANGES, "bytes");
        answer.header(CONTENT_TYPE, content_type(path));
        answer
    }
}

impl Entity {
    /// The status that a failed precondition asks for, in the order of RFC 9110 section 13.2.2.
    fn precondition(&self, headers: &HeaderMap) -> Option<StatusCode> {
        if let Some(wanted) = text(headers, IF_MATCH) {
            if !lists(wanted, &self.etag) {
                return Some(StatusCode::PRECONDITION_FAILED);
            }
        } else if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|date| self.modified.trunc_subsecs(0) > date) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
        if let Some(known) = text(headers, IF_NONE_MATCH) {
            return lists(known, &self.etag).then_some(StatusCode::NOT_MODIFIED);
        }
        date(headers, IF_MODIFIED_SINCE).filter(|date| self.modified.trunc_subsecs(0) <= *date).map(|_| StatusCode::NOT_MODIFIED)
    }

    fn content_for(&self, method: &Method, headers: &HeaderMap, whole: bool) -> Answer {
        let same = text(headers, IF_RANGE).is_none_or(|known| known == self.etag || self.unchanged_since(known));
        let asked = text(headers, RANGE).filter(|_| same && !whole && method == Method::GET);
        let (status, first, length) = match asked.and_then(|header| parse_range(header, self.length)) {
            None => (StatusCode::OK, 0, self.length),
            Some(Ok((first, length))) => (StatusCode::PARTIAL_CONTENT, first, length),
            Some(Err(())) => {
                let mut answer = Answer::empty(StatusCode::RANGE_NOT_SATISFIABLE);
                answer.header(CONTENT_RANGE, &format!("bytes */{}", self.length));
                return answer;
            }
        };
        let body = if method == Method::HEAD { Ok(Bytes::new()) } else { self.read(first, length) };
        let Ok(body) = body else { return Answer::empty(StatusCode::INTERNAL_SERVER_ERROR) };
        let mut answer = Answer::new(status, body);
        answer.header(CONTENT_LENGTH, &length.to_string());
        if status == StatusCode::PARTIAL_CONTENT {
            answer.header(CONTENT_RANGE, &format!("bytes {first}-{}/{}", first + length - 1, self.length));
        }
        answer
    }

    fn unchanged_since(&self, text: &str) -> bool {
        DateTime::parse_from_rfc2822(text).is_ok_and(|date| self.modified.trunc_subsecs(0) == date)
    }

    fn read(&self, first: u64, length: u64) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.slice(first as usize..(first + length) as usize)),
            Content::Disk(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(first))?;
                let mut bytes = vec![0; length as usize];
                file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

/// (first byte, length) of a Range header; `None` if it is to be ignored (malformed, or several ranges), an error if it lies outside.
fn parse_range(header: &str, length: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    if first.is_empty() {
        let suffix = number(last)?.min(length);
        return Some(if suffix == 0 { Err(()) } else { Ok((length - suffix, suffix)) });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= length { Err(()) } else { Ok((first, last.min(length - 1) - first + 1)) })
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn date(headers: &HeaderMap, name: http::HeaderName) -> Option<DateTime<Utc>> {
    text(headers, name).and_then(|text| DateTime::parse_from_rfc2822(text).ok()).map(|date| date.to_utc())
}

/// True if a list of entity tags holds this one or is `*`.
fn lists(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| entry == "*" || entry.trim_start_matches("W/") == etag)
}

/// FNV-1a over the content, so that equal bytes have equal tags.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(crate) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("tif" | "tiff") => "image/tiff; application=geotiff; profile=cloud-optimized",
        Some("json") => "application/json",
        Some("geojson") => "application/geo+json",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("html") => "text/html",
        Some("nc" | "nc4") => "application/x-netcdf",
        Some("h5" | "hdf5") => "application/x-hdf5",
        Some("xml" | "dmrpp") => "application/xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (header, expected) in [
            ("bytes=0-9", Some(Ok((0, 10)))),
            ("bytes=90-", Some(Ok((90, 10)))),
            ("bytes=90-1000", Some(Ok((90, 10)))),
            ("bytes=-5", Some(Ok((95, 5)))),
            ("bytes=-500", Some(Ok((0, 100)))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=100-", Some(Err(()))),
            ("bytes=5-4", None),
            ("bytes=0-1,5-6", None),
            ("bytes=a-b", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse_range(header, 100), expected, "{header}");
        }
    }
}
