//! What the emulated services do that is not the happy way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::server::Rule;

/// The plan of a run. As JSON, every field may be left out; URLs in it may hold `{hostile}` and the like for the root of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Faults of the transport, by the name of the role.
    pub rules: BTreeMap<String, Vec<Rule>>,
    /// Pages of granules that are not as they should be.
    pub pages: Vec<PageFault>,
    /// How the pages of a search end.
    pub end: End,
    /// True: answers of the CMR are compressed for clients that accept it.
    pub gzip: bool,
    /// Seconds until a token expires; also in its claims.
    pub token_seconds: u64,
    /// Requests that a token is good for; afterwards it counts as expired, whatever its claims say.
    pub token_uses: Option<u64>,
    /// Seconds until temporary S3 keys expire.
    pub keys_seconds: u64,
    /// Seconds until a presigned URL expires.
    pub presigned_seconds: u64,
    /// Data hosts whose licence agreement the user has not accepted.
    pub eula: Vec<String>,
    /// Data hosts whose application the user has not approved.
    pub unapproved: Vec<String>,
    /// Data hosts that know no bearer tokens: only the way through the login helps.
    pub no_bearer: Vec<String>,
    /// Data hosts that send the bytes themselves instead of redirecting to a presigned URL.
    pub direct: Vec<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            pages: Vec::new(),
            end: End::Empty,
            gzip: false,
            token_seconds: 60 * 86_400,
            token_uses: None,
            keys_seconds: 3600,
            presigned_seconds: 3600,
            eula: Vec::new(),
            unapproved: Vec::new(),
            no_bearer: Vec::new(),
            direct: Vec::new(),
        }
    }
}

/// Pages of granules that are not as they should be. Only requests with a `page_size` above 0 count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageFault {
    /// The first page it befalls, from 1.
    #[serde(default = "one")]
    pub first: u64,
    /// How many pages from there on; all if `null`, one if absent.
    #[serde(default = "some_one")]
    pub count: Option<u64>,
    /// At most so many items, although there are more.
    #[serde(default)]
    pub items: Option<usize>,
    /// Name of a header that says `true`: the search ran out of time, and what is missing on this page comes on no other.
    #[serde(default)]
    pub timed_out: Option<String>,
    /// Added to the number of hits.
    #[serde(default)]
    pub hits: i64,
}

/// How the pages of a search end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// As the CMR: the last page says what comes after it, then there is an empty page that does not.
    #[default]
    Empty,
    /// The empty page names a next one again.
    EmptyWithHeader,
    /// The last page with items does not say what comes after it.
    LastWithoutHeader,
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn some_one() -> Option<u64> {
    Some(1)
}

impl Plan {
    /// What befalls the `nth` page, from 1.
    pub(super) fn page(&self, nth: u64) -> PageFault {
        let mut all = PageFault { first: nth, count: Some(1), items: None, timed_out: None, hits: 0 };
        for fault in &self.pages {
            let age = nth.checked_sub(fault.first);
            if age.is_some_and(|age| fault.count.is_none_or(|count| age < count)) {
                all.items = fault.items.or(all.items);
                all.timed_out = fault.timed_out.clone().or(all.timed_out);
                all.hits += fault.hits;
            }
        }
        all
    }
}
