//! When to try again, and after how long.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use crate::HttpOptions;

/// Counts the tries of one piece of work.
#[derive(Debug)]
pub(crate) struct Tries {
    left: u32,
    made: u32,
    backoff: Duration,
    max_wait: Duration,
    limit: u32,
}

impl Tries {
    pub(crate) fn new(options: &HttpOptions) -> Self {
        Self { left: options.retries, made: 0, backoff: options.backoff, max_wait: options.max_wait, limit: options.retries }
    }

    /// How long to wait before the next try: a random part of a time that doubles, after what the server asks for. `None` when there is none left.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let longest = self.backoff.saturating_mul(1 << self.made.min(16)).min(self.max_wait);
        self.made += 1;
        // Between half and all of it: hosts are given time, and workers that failed together come back apart.
        let wait = longest.mul_f64(0.5 + 0.5 * random());
        Some(asked.unwrap_or_default().saturating_add(wait).min(self.max_wait))
    }

    /// After real progress the count starts anew.
    pub(crate) fn progress(&mut self) {
        self.left = self.limit;
        self.made = 0;
    }
}

/// Within 0 … 1. Not for secrets.
fn random() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

/// Whether a status says that trying again may help.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 520..=524)
}

/// What a Retry-After header asks for: seconds, or a date (RFC 9110 section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.clamp(0.0, 1e6)).ok();
    }
    let at = SystemTime::from(chrono::DateTime::parse_from_rfc2822(text).ok()?);
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_end() {
        let options = HttpOptions { retries: 4, backoff: Duration::from_secs(1), max_wait: Duration::from_secs(3), ..HttpOptions::default() };
        let mut tries = Tries::new(&options);
        let waits: Vec<_> = std::iter::from_fn(|| tries.next(None)).map(|d| d.as_secs_f64()).collect();
        assert_eq!(waits.len(), 4);
        for (wait, longest) in waits.iter().zip([1.0, 2.0, 3.0, 3.0]) {
            assert!((longest / 2.0..=longest).contains(wait), "{waits:?}");
        }
        tries.progress();
        assert_eq!(tries.next(Some(Duration::from_secs(500))), Some(Duration::from_secs(3)), "a server does not make us wait for ever");
        let after = tries.next(Some(Duration::from_secs(1))).expect("a wait").as_secs_f64();
        assert!(after > 1.5 && after <= 3.0, "who was told the same time comes back apart: {after}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let with = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a header"))]));
        assert_eq!(with("7"), Some(Duration::from_secs(7)));
        assert_eq!(with("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = chrono::Utc::now() + chrono::TimeDelta::seconds(100);
        let wait = with(&later.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).expect("a date");
        assert!((90..=100).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(with("soon"), None);
    }
}
