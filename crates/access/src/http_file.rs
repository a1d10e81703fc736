//! One file on an HTTP server as a read-only object store.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{HeaderMap, Method, StatusCode, header};
use object_store::{
    Attributes, CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, path::Path,
};
use url::Url;

use crate::{
    Error, Kind, Result,
    earthdata::refusal::is_page,
    headers::{content_length, content_range, content_size, is_page_type, text},
    http::{Ask, Failure, Http, Live, RequestOptions, status_error},
    is_called_page,
    name::public_name,
    retry::Tries,
    version::Version,
};

/// Most bytes that are read and thrown away because a server ignores ranges.
const MAX_SKIP: u64 = 64 << 20;
/// Bytes after which a connection that keeps breaking counts as working.
const PROGRESS: u64 = 1 << 20;
/// Largest part of a web page that is looked at when it comes instead of a file.
const MAX_PAGE: usize = 64 << 10;

/// One file. Remembers the version it saw first; an answer from another version is an error.
#[derive(Clone)]
pub(crate) struct HttpFile(Arc<File>);

struct File {
    http: Http,
    url: Url,
    path: Path,
    seen: Mutex<Option<Version>>,
}

impl HttpFile {
    pub(crate) fn new(http: Http, url: Url) -> Self {
        let path = Path::from_url_path(url.path()).unwrap_or_else(|_| Path::from(url.path()));
        Self(Arc::new(File { http, url, path, seen: Mutex::default() }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }
}

impl File {
    fn name(&self) -> &str {
        self.url.as_str()
    }

    /// Holds on to the first version, and compares every later one with it.
    fn check_version(&self, found: &Version) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.as_mut() {
            None => *seen = Some(found.clone()),
            Some(first) if !first.agrees(found) => return Err(Error::changed(self.name())),
            Some(first) => first.complete(found),
        }
        Ok(())
    }

    fn version(&self) -> Option<Version> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ask(&self, method: Method, range: Option<String>) -> Result<Ask> {
        let mut headers = HeaderMap::new();
        if let Some(range) = range {
            let value = range.parse().map_err(|_| Error::invalid(self.name(), "cannot be asked for that range"))?;
            headers.insert(header::RANGE, value);
        }
        Ok(Ask { method, url: self.url.clone(), headers, body: None, options: RequestOptions::default() })
    }

    /// The answer of where the file was found before, as long as it is there; else of its own address.
    async fn send(&self, ask: &Ask) -> Result<Live, Failure> {
        if let Some(live) = self.http.send_straight(ask).await? {
            if self.is_here(&live.response) {
                return Ok(live);
            }
            self.http.lost(&self.url, &live.url);
        }
        self.http.send_file(ask).await
    }

    /// Whether an answer brings bytes of the version that was seen first.
    fn is_here(&self, answer: &reqwest::Response) -> bool {
        let found = Version::of(answer.status(), answer.headers());
        let is_page = text(answer.headers(), header::CONTENT_TYPE).is_some_and(is_page_type) && !is_called_page(&self.url);
        matches!(answer.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) && !is_page && self.version().is_none_or(|seen| seen.agrees(&found))
    }

    /// Opens the body from `at` on, up to `end` where that is known, positioned at `at` exactly.
    async fn open(&self, at: u64, end: Option<u64>) -> Result<Opened, Failure> {
        let range = match end {
            Some(end) => Some(format!("bytes={at}-{}", end - 1)),
            None if at > 0 => Some(format!("bytes={at}-")),
            None => None,
        };
        let mut live = self.send(&self.ask(Method::GET, range).map_err(Failure::Final)?).await?;
        let headers = live.response.headers();
        if headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity") {
            return Err(Failure::Final(Error::new(Kind::Corrupt, self.name(), "comes compressed although it was asked for as it is")));
        }
        if live.response.status().is_success() && text(headers, header::CONTENT_TYPE).is_some_and(is_page_type) && !is_called_page(&self.url) {
            return Err(self.page_instead(live, None).await);
        }
        let headers = live.response.headers();
        let length = content_length(headers);
        let (size, stop) = match live.response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = content_range(headers).ok_or_else(|| self.wrong_range("states no range"))?;
                if range.first != at || range.last < at || end.is_some_and(|e| range.last >= e) {
                    return Err(self.wrong_range("answers another range than it was asked for"));
                }
                (range.size, range.last.saturating_add(1))
            }
            StatusCode::OK => (length, length.unwrap_or(u64::MAX)),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let problem = content_size(headers).map_or_else(
                    || "is shorter than what is looked for in it".to_owned(),
                    |s| format!("has {s} bytes, and byte {at} is looked for in it"),
                );
                return Err(Failure::Final(Error::new(Kind::Corrupt, self.name(), problem)));
            }
            status => return Err(Failure::Final(status_error(self.name(), status))),
        };
        self.check_version(&Version::of(live.response.status(), headers)).map_err(Failure::Final)?;
        let mut ready = None;
        if live.response.status() == StatusCode::OK && at > 0 {
            ready = self.skip(&mut live, at, size).await?;
        }
        if at == 0 && live.response.status().is_success() && !is_called_page(&self.url) {
            // A page that calls itself a file.
            ready = self.http.part(&mut live).await?;
            if ready.as_ref().is_some_and(|part| is_page(part)) {
                return Err(self.page_instead(live, ready).await);
            }
        }
        self.http.found(&self.url, &live);
        // A server may send less than was asked for, and the file may end before the range does.
        let stop = end.map_or(stop, |e| e.min(stop));
        let end = end.map(|e| size.map_or(e, |s| e.min(s))).or(size);
        Ok(Opened { live, ready, stop, end, size })
    }

    /// The error of a web page that came instead of the file: mostly one that asks for something.
    async fn page_instead(&self, mut live: Live, ready: Option<Bytes>) -> Failure {
        let mut body = Vec::from(ready.unwrap_or_default());
        while body.len() < MAX_PAGE
            && let Ok(Some(part)) = self.http.part(&mut live).await
        {
            body.extend_from_slice(&part);
        }
        Failure::Final(self.http.page_instead(&self.url, live.url.as_str(), &body.into()))
    }

    fn wrong_range(&self, problem: &str) -> Failure {
        Failure::Passing(Error::new(Kind::Corrupt, self.name(), problem), None)
    }

    /// Reads over the start of a body that came whole although a part was asked for; answers what was read too far.
    async fn skip(&self, live: &mut Live, at: u64, size: Option<u64>) -> Result<Option<Bytes>, Failure> {
        if at > MAX_SKIP {
            let hint = "copy the file to a server that answers ranges, or download it";
            return Err(Failure::Final(Error::new(Kind::Invalid, self.name(), "comes from a server that ignores ranges").with_hint(hint)));
        }
        if size.is_some_and(|s| s <= at) {
            return Err(Failure::Final(Error::new(
                Kind::Corrupt,
                self.name(),
                format!("has {} bytes, and byte {at} is looked for in it", size.unwrap_or(0)),
            )));
        }
        let mut passed = 0;
        while let Some(mut part) = self.http.part(live).await? {
            if passed + part.len() as u64 > at {
                return Ok(Some(part.split_off((at - passed) as usize)));
            }
            passed += part.len() as u64;
        }
        Err(Failure::Passing(Error::new(Kind::Unavailable, self.name(), "broke off"), None))
    }

    /// Size and version, by HEAD, or by asking for the first byte where HEAD is refused (as signed URLs do).
    async fn head(&self) -> Result<u64> {
        let mut tries = Tries::new(self.http.options());
        loop {
            let failure = match self.try_head().await {
                Ok(Some(size)) => return Ok(size),
                Ok(None) => match self.open(0, Some(1)).await {
                    Ok(Opened { size: Some(size), .. }) => return Ok(size),
                    Ok(_) => Failure::Final(Error::new(Kind::Invalid, self.name(), "comes from a server that does not state its size")),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            self.http.wait(failure, &mut tries, &self.url).await?;
        }
    }

    async fn try_head(&self) -> Result<Option<u64>, Failure> {
        let live = self.http.send_file(&self.ask(Method::HEAD, None).map_err(Failure::Final)?).await?;
        let (status, headers) = (live.response.status(), live.response.headers());
        match status.as_u16() {
            400 | 403 | 405 | 501 => return Ok(None),
            _ if !status.is_success() => return Err(Failure::Final(status_error(self.name(), status))),
            _ => {}
        }
        let Some(size) = content_length(headers) else { return Ok(None) };
        self.check_version(&Version::of(status, headers)).map_err(Failure::Final)?;
        Ok(Some(size))
    }

    fn meta(&self, size: u64) -> ObjectMeta {
        let seen = self.version();
        let last_modified = seen.as_ref().and_then(|v| v.modified).unwrap_or_default();
        ObjectMeta { location: self.path.clone(), last_modified, size, e_tag: seen.and_then(|v| v.etag), version: None }
    }
}

/// An answer, positioned at the byte that is wanted next.
#[derive(Debug)]
struct Opened {
    live: Live,
    /// Bytes that were read already.
    ready: Option<Bytes>,
    /// One past the last byte that this answer brings.
    stop: u64,
    /// One past the last byte that is wanted, as far as known.
    end: Option<u64>,
    /// Size of the file, where stated.
    size: Option<u64>,
}

/// Bytes from `at` to `end`, opened again where the connection breaks.
struct Reader {
    file: Arc<File>,
    at: u64,
    end: Option<u64>,
    open: Option<Opened>,
    tries: Tries,
    since_break: u64,
}

impl Reader {
    /// The next bytes, or `None` when all are there.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.end.is_none_or(|end| self.at < end) {
            match self.step().await {
                Ok(Some(part)) => return Ok(Some(part)),
                Ok(None) => return Ok(None),
                Err(failure) => {
                    self.open = None;
                    let file = Arc::clone(&self.file);
                    file.http.wait(failure, &mut self.tries, &file.url).await?;
                }
            }
        }
        self.open = None;
        Ok(None)
    }

    async fn step(&mut self) -> Result<Option<Bytes>, Failure> {
        let opened = match &mut self.open {
            Some(opened) => opened,
            None => {
                let opened = self.file.open(self.at, self.end).await?;
                self.end = opened.end;
                self.open.insert(opened)
            }
        };
        let part = match opened.ready.take() {
            Some(part) => Some(part),
            None => self.file.http.part(&mut opened.live).await?,
        };
        match part {
            Some(mut part) => {
                // Never more than was announced, and never beyond the end.
                part.truncate((opened.stop.saturating_sub(self.at)).min(part.len() as u64) as usize);
                self.at += part.len() as u64;
                self.since_break += part.len() as u64;
                if self.since_break >= PROGRESS {
                    self.tries.progress();
                    self.since_break = 0;
                }
                if self.at >= opened.stop && self.end.is_some_and(|e| self.at < e) {
                    self.open = None;
                }
                Ok(Some(part))
            }
            None if self.end.is_none() => {
                // The server stated no length: its end is the end.
                self.end = Some(self.at);
                Ok(None)
            }
            None => Err(Failure::Passing(
                Error::new(Kind::Unavailable, self.file.name(), format!("ended after {} bytes of {}", self.at, self.end.unwrap_or(0))),
                None,
            )),
        }
    }
}

impl fmt::Debug for HttpFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for HttpFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpFile({})", public_name(self.0.name()))
    }
}

impl HttpFile {
    fn refuse(&self, operation: &str) -> object_store::Error {
        object_store::Error::NotImplemented { operation: operation.to_owned(), implementer: self.to_string() }
    }

    fn check_path(&self, location: &Path) -> object_store::Result<()> {
        if *location == self.0.path {
            return Ok(());
        }
        Err(object_store::Error::NotFound { path: location.to_string(), source: format!("this store holds `{}` only", self.0.path).into() })
    }

    async fn read(&self, range: Option<GetRange>) -> Result<(Reader, Range<u64>, u64)> {
        let file = &self.0;
        let (at, end) = match range {
            None => (0, None),
            Some(GetRange::Bounded(r)) if r.start < r.end => (r.start, Some(r.end)),
            Some(GetRange::Bounded(r)) => return Err(Error::invalid(file.name(), format!("cannot be read from byte {} to {}", r.start, r.end))),
            Some(GetRange::Offset(at)) => (at, None),
            Some(GetRange::Suffix(n)) => {
                let size = file.head().await?;
                (size.saturating_sub(n), Some(size))
            }
        };
        let mut tries = Tries::new(file.http.options());
        if end.is_some_and(|end| end <= at) {
            // The end of an empty file, or none of it.
            return Ok((Reader { file: Arc::clone(file), at, end, open: None, tries, since_break: 0 }, at..at, end.unwrap_or(at)));
        }
        let opened = loop {
            match file.open(at, end).await {
                Ok(opened) => break opened,
                Err(failure) => file.http.wait(failure, &mut tries, &file.url).await?,
            }
        };
        let end = opened.end;
        let stop = end.unwrap_or(at);
        let size = opened.size.unwrap_or(stop);
        Ok((Reader { file: Arc::clone(file), at, end, open: Some(opened), tries, since_break: 0 }, at..stop, size))
    }
}

#[async_trait]
impl ObjectStore for HttpFile {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.check_path(location)?;
        if options.version.is_some() {
            return Err(self.refuse("reading a version"));
        }
        if options.head {
            let size = self.0.head().await.map_err(Error::into_store)?;
            let meta = self.0.meta(size);
            options.check_preconditions(&meta)?;
            let payload = GetResultPayload::Stream(futures::stream::empty().boxed());
            return Ok(GetResult { payload, meta, range: 0..size, attributes: Attributes::default(), extensions: Default::default() });
        }
        let (reader, range, size) = self.read(options.range.clone()).await.map_err(Error::into_store)?;
        let meta = self.0.meta(size);
        options.check_preconditions(&meta)?;
        let parts = futures::stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(part)) => Some((Ok(part), Some(reader))),
                Ok(None) => None,
                Err(e) => Some((Err(e.into_store()), None)),
            }
        });
        Ok(GetResult {
            // `object_store` asks an empty stream twice for its first part.
            payload: GetResultPayload::Stream(parts.fuse().boxed()),
            meta,
            range,
            attributes: Attributes::default(),
            extensions: Default::default(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        Err(self.refuse("writing"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(self.refuse("writing"))
    }

    fn delete_stream(&self, _: BoxStream<'static, object_store::Result<Path>>) -> BoxStream<'static, object_store::Result<Path>> {
        futures::stream::iter([Err(self.refuse("deleting"))]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        futures::stream::iter([Err(self.refuse("listing"))]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> object_store::Result<ListResult> {
        Err(self.refuse("listing"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        Err(self.refuse("copying"))
    }
}
