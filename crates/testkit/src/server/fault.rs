//! Misbehaviour on demand: which requests are answered wrongly, and how.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One kind of misbehaviour. In JSON the variant's name in snake case is the field `kind`: `{"kind": "status", "status": 503}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this status and an empty body instead of the content.
    Status {
        /// Such as 401, 429, 500 or 503.
        status: u16,
        /// Seconds for a Retry-After header.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Answers 302 to this URL.
    Redirect {
        /// Absolute URL.
        location: String,
    },
    /// Answers with this instead of the content: a login page with status 200, for example, or another redirect than 302.
    Answer {
        /// Status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Body.
        #[serde(default)]
        body: String,
    },
    /// Adds a header to the true answer, or replaces it.
    Header {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Declares the whole length, sends `after` bytes of body, then resets the connection (RST).
    Reset {
        /// Bytes of body that are still sent.
        after: u64,
    },
    /// Declares the whole length, sends `after` bytes of body, then closes the connection in order (FIN).
    Truncate {
        /// Bytes of body that are still sent.
        after: u64,
    },
    /// Declares the length of what it sends, but sends only the first `length` bytes: a wrong answer that is whole as HTTP.
    Short {
        /// Bytes of body that are sent and declared.
        length: u64,
    },
    /// Sends `after` bytes of body, then nothing more, and keeps the connection open.
    Stall {
        /// Bytes of body that are still sent.
        after: u64,
    },
    /// Waits before it answers.
    Slow {
        /// Milliseconds.
        millis: u64,
    },
    /// Inverts bytes of the body.
    WrongBytes {
        /// First byte of the body that is inverted.
        #[serde(default)]
        offset: u64,
        /// How many; all that follow if absent.
        #[serde(default)]
        length: Option<u64>,
    },
    /// States this ETag instead of the true one, also where a precondition is checked, as if the file had been replaced.
    Etag {
        /// With its quotes.
        etag: String,
    },
    /// Answers 200 with the whole file although a range was asked for.
    IgnoreRange,
}

/// Which requests a fault befalls.
///
/// JSON: `{"path": "*.tif", "first": 1, "count": 2, "fault": {"kind": "status", "status": 503}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Path (with its leading `/`), where `*` stands for any text.
    pub path: String,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// The first matching request that fails, from 1.
    #[serde(default = "one")]
    pub first: u64,
    /// How many matching requests fail from there on; all if `null`. One if absent.
    #[serde(default = "some_one")]
    pub count: Option<u64>,
    /// True: every path has its own counter, so that with `first = 1` each file fails once.
    #[serde(default)]
    pub per_path: bool,
    /// What happens.
    pub fault: Fault,
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn some_one() -> Option<u64> {
    Some(1)
}

impl Rule {
    /// The first request to each matching path fails, later ones do not.
    #[must_use]
    pub fn once_per_path(path: &str, fault: Fault) -> Self {
        Self { path: path.into(), method: None, first: 1, count: Some(1), per_path: true, fault }
    }

    /// The `nth` matching request (from 1) fails.
    #[must_use]
    pub fn nth(path: &str, nth: u64, fault: Fault) -> Self {
        Self { path: path.into(), method: None, first: nth, count: Some(1), per_path: false, fault }
    }

    /// Every matching request fails.
    #[must_use]
    pub fn always(path: &str, fault: Fault) -> Self {
        Self { path: path.into(), method: None, first: 1, count: None, per_path: false, fault }
    }
}

/// The rules in force. All rules that apply to a request act together (slow and then a wrong status, for example).
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    rules: Vec<Rule>,
    /// Matching requests so far, by rule and (for `per_path`) path.
    seen: HashMap<(usize, String), u64>,
}

impl Faults {
    /// Replaces all rules and starts their counters anew; an empty list ends all faults.
    pub fn set(&self, rules: Vec<Rule>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Plan { rules, seen: HashMap::new() };
    }

    /// Counts a request and says what befalls it.
    pub(super) fn strike(&self, method: &str, path: &str) -> Vec<Fault> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let Plan { rules, seen } = &mut *plan;
        let mut faults = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if !matches(&rule.path, path) || rule.method.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(method)) {
                continue;
            }
            let count = seen.entry((index, if rule.per_path { path.to_owned() } else { String::new() })).or_default();
            *count += 1;
            let age = count.checked_sub(rule.first);
            if age.is_some_and(|age| rule.count.is_none_or(|limit| age < limit)) {
                faults.push(rule.fault.clone());
            }
        }
        faults
    }
}

/// True if `text` is `pattern`, where `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut remaining) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match remaining.find(part) {
            Some(at) => remaining = &remaining[at + part.len()..],
            None => return false,
        }
    }
    remaining.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("/a.tif", "/a.tif", true),
            ("/a.tif", "/b.tif", false),
            ("*.tif", "/x/a.tif", true),
            ("*.tif", "/x/a.tiff", false),
            ("/x/*/red.tif", "/x/scene/red.tif", true),
            ("/x/*red*", "/x/nir.tif", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn counters() {
        let faults = Faults::default();
        let fault = Fault::IgnoreRange;
        faults.set(vec![Rule::nth("*.tif", 2, fault.clone())]);
        let struck: Vec<bool> = ["/a.tif", "/b.tif", "/c.txt", "/d.tif"].iter().map(|path| !faults.strike("GET", path).is_empty()).collect();
        assert_eq!(struck, [false, true, false, false]);
        faults.set(vec![Rule::once_per_path("*", fault)]);
        let struck: Vec<bool> = ["/a", "/b", "/a", "/b"].iter().map(|path| !faults.strike("GET", path).is_empty()).collect();
        assert_eq!(struck, [true, true, false, false]);
    }

    #[test]
    fn json_form() {
        let rules: Vec<Rule> = serde_json::from_str(
            r#"[{"path": "*.tif", "count": null, "fault": {"kind": "status", "status": 429, "retry_after": 2}},
                {"path": "*", "fault": {"kind": "ignore_range"}}]"#,
        )
        .expect("a plan");
        assert_eq!(rules[0], Rule::always("*.tif", Fault::Status { status: 429, retry_after: Some(2) }));
        assert_eq!(rules[1], Rule::nth("*", 1, Fault::IgnoreRange));
        assert!(serde_json::from_str::<Rule>(r#"{"path": "*", "fault": {"kind": "fire"}}"#).is_err());
    }
}
