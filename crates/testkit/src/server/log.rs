//! What was asked of the server and what it sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Method, upper case.
    pub method: String,
    /// Path, percent-decoded, starting with `/`.
    pub path: String,
    /// Query string as sent, empty if there is none.
    pub query: String,
    /// The Range header as sent.
    pub range: Option<String>,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of body that were sent (fewer than declared where a fault cut them).
    pub bytes: u64,
    /// All request headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body of the request as text.
    pub body: String,
}

impl Record {
    /// Value of a request header; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Requests and bytes, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Number of requests.
    pub requests: u64,
    /// Bytes of body sent.
    pub bytes: u64,
}

/// The requests since the start or the last reset, in the order of their answers. Control paths (`/_log`, `/_faults`) are not counted.
#[derive(Debug, Default)]
pub struct Log {
    records: Mutex<Vec<Record>>,
    at_once: Mutex<AtOnce>,
}

/// Requests that have come and are not answered yet.
#[derive(Debug, Default)]
struct AtOnce {
    now: usize,
    most: usize,
}

impl Log {
    fn records_locked(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self) {
        let mut at_once = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
        at_once.now += 1;
        at_once.most = at_once.most.max(at_once.now);
    }

    /// Most requests that waited for their answers at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap_or_else(PoisonError::into_inner).most
    }

    pub(crate) fn add(&self, record: Record) {
        self.at_once.lock().unwrap_or_else(PoisonError::into_inner).now -= 1;
        self.records_locked().push(record);
    }

    /// A copy of all records.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records_locked().clone()
    }

    /// Forgets all records.
    pub fn reset(&self) {
        self.records_locked().clear();
    }

    /// Totals over all records.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals_where(|_| true)
    }

    /// Totals over the records that `keep` accepts.
    #[must_use]
    pub fn totals_where(&self, keep: impl Fn(&Record) -> bool) -> Totals {
        self.records_locked()
            .iter()
            .filter(|record| keep(record))
            .fold(Totals::default(), |sum, record| Totals { requests: sum.requests + 1, bytes: sum.bytes + record.bytes })
    }

    /// `{"requests", "bytes", "paths": {path: {"requests", "bytes", "methods": {GET: n}, "statuses": {"206": n}}}}`.
    #[must_use]
    pub fn summary(&self) -> Value {
        #[derive(Default, Serialize)]
        struct Path {
            requests: u64,
            bytes: u64,
            methods: BTreeMap<String, u64>,
            statuses: BTreeMap<String, u64>,
        }
        let mut paths: BTreeMap<String, Path> = BTreeMap::new();
        for record in self.records_locked().iter() {
            let path = paths.entry(record.path.clone()).or_default();
            path.requests += 1;
            path.bytes += record.bytes;
            *path.methods.entry(record.method.clone()).or_default() += 1;
            *path.statuses.entry(record.status.to_string()).or_default() += 1;
        }
        let totals = self.totals();
        json!({ "requests": totals.requests, "bytes": totals.bytes, "paths": paths })
    }
}
