//! What tells one version of a file from another.

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};

use crate::headers::{content_length, content_range, etag, modified};

/// A version, as far as an answer states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<DateTime<Utc>>,
    pub(crate) size: Option<u64>,
}

impl Version {
    /// What an answer that brings the file, or a part of it, says.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let size = if status == StatusCode::PARTIAL_CONTENT { content_range(headers).and_then(|r| r.size) } else { content_length(headers) };
        Self { etag: etag(headers), modified: modified(headers), size }
    }

    /// Whether two answers may come from one version: what both state is equal.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        let opaque = |v: &Self| v.etag.as_ref().map(|e| e.trim_start_matches("W/").to_owned());
        let (a, b) = (opaque(self), opaque(other));
        // Where an ETag speaks, a mirror's differing date does not matter.
        same(a.as_ref(), b.as_ref())
            && same(self.size.as_ref(), other.size.as_ref())
            && (a.is_some() && b.is_some() || same(self.modified.as_ref(), other.modified.as_ref()))
    }

    /// Adds what another answer of the same version states besides.
    pub(crate) fn complete(&mut self, other: &Self) {
        self.etag = self.etag.take().or_else(|| other.etag.clone());
        self.modified = self.modified.or(other.modified);
        self.size = self.size.or(other.size);
    }
}
