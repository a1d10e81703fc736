//! Where files were found behind a redirect: their further ranges are read straight from there, without credentials.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use http::{HeaderMap, header};
use url::Url;

use crate::{Secret, headers::text, secret::fingerprint};

/// Files that are remembered for sure; at most twice as many are.
const FILES: usize = 2048;
/// A target is not used so shortly before its end; of a short life, not in its second half.
const MARGIN: TimeDelta = TimeDelta::minutes(1);
/// Longest time that a target is used, whatever it says.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// How long a target is used that does not say until when it may be.
const UNSTATED: TimeDelta = TimeDelta::minutes(1);

/// Targets of redirects, by file. Whoever has one can read the file, so nothing prints, writes or ships them; the files' own addresses may hold
/// secrets too, and are kept as hashes.
#[derive(Debug, Default)]
pub(crate) struct Shortcuts(Mutex<Generations>);

/// When the young are many, they become the old, and the old are forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Shortcut>,
    old: HashMap<String, Shortcut>,
}

#[derive(Debug, Clone)]
enum Shortcut {
    Target {
        url: Secret,
        until: DateTime<Utc>,
        /// Whether it was good for a second read.
        proven: bool,
    },
    /// Its targets are good for one read each.
    Useless,
}

impl Shortcuts {
    /// Where a file was found, and until when that may be used.
    pub(crate) fn of(&self, file: &Url) -> Option<(Url, DateTime<Utc>)> {
        match self.lock().get(&key(file))? {
            Shortcut::Target { url, until, .. } if Utc::now() < *until => Some((Url::parse(url.expose()).ok()?, *until)),
            _ => None,
        }
    }

    /// The file was read from this target.
    pub(crate) fn remember(&self, file: &Url, target: &Url, until: DateTime<Utc>) {
        let (key, mut known) = (key(file), self.lock());
        match known.get(&key) {
            Some(Shortcut::Useless) => {}
            Some(Shortcut::Target { url, until, .. }) if url.expose() == target.as_str() => {
                let proven = Shortcut::Target { url: url.clone(), until: *until, proven: true };
                known.insert(key, proven);
            }
            _ => known.insert(key, Shortcut::Target { url: Secret::new(target.as_str()), until, proven: false }),
        }
    }

    /// The file is not to be had from this target any more. One that was good only once is not remembered again.
    pub(crate) fn lost(&self, file: &Url, target: &Url) {
        let (key, mut known) = (key(file), self.lock());
        match known.get(&key) {
            Some(Shortcut::Target { url, proven, .. }) if url.expose() == target.as_str() => {
                if *proven {
                    known.remove(&key);
                } else {
                    known.insert(key, Shortcut::Useless);
                }
            }
            _ => {}
        }
    }

    /// The next read begins at the file's own address.
    pub(crate) fn forget(&self, file: &Url) {
        self.lock().remove(&key(file));
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&self, key: &str) -> Option<&Shortcut> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn insert(&mut self, key: String, shortcut: Shortcut) {
        if self.young.len() >= FILES && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, shortcut);
    }

    fn remove(&mut self, key: &str) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

fn key(file: &Url) -> String {
    fingerprint(&[file.as_str()])
}

/// Until when the target of a redirect may be used without asking for it again: shortly before it ends, as its signature says (by the clock of who
/// redirects), never longer than the redirect itself may be kept (RFC 9111 section 5.2.2) nor than an hour. `None` when not at all.
pub(crate) fn usable_until(target: &Url, redirect: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if is_bound_to_request(target) {
        return None;
    }
    let theirs = text(redirect, header::DATE).and_then(|t| DateTime::parse_from_rfc2822(t).ok()).map_or(now, |t| t.with_timezone(&Utc));
    let control = text(redirect, header::CACHE_CONTROL).unwrap_or_default().to_ascii_lowercase();
    let directives = || control.split(',').map(str::trim);
    let kept = directives().find_map(|d| d.strip_prefix("max-age=")?.parse().ok()).and_then(TimeDelta::try_seconds);
    let life = match signed_until(target, theirs) {
        Some(end) => {
            let life = end - theirs;
            life - MARGIN.min(life / 2)
        }
        None if directives().any(|d| d == "no-store" || d == "no-cache") => return None,
        None => UNSTATED,
    };
    let life = kept.map_or(life, |kept| life.min(kept)).min(LONGEST);
    (life > TimeDelta::zero()).then(|| now + life)
}

/// Whether a signature holds for one range, or for another header that only this request has.
fn is_bound_to_request(target: &Url) -> bool {
    parameter(target, "X-Amz-SignedHeaders").is_some_and(|headers| !headers.eq_ignore_ascii_case("host"))
}

/// When a signature ends: `X-Amz-Date` and `X-Amz-Expires` of S3, or `Expires` of CloudFront and of S3's older form.
fn signed_until(target: &Url, theirs: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let seconds = |name| parameter(target, name)?.parse::<i64>().ok();
    if let Some(end) = seconds("Expires").and_then(|s| DateTime::from_timestamp(s, 0)) {
        return Some(end);
    }
    let start = parameter(target, "X-Amz-Date").and_then(|t| NaiveDateTime::parse_from_str(&t, "%Y%m%dT%H%M%SZ").ok());
    start.map_or(theirs, |t| t.and_utc()).checked_add_signed(TimeDelta::try_seconds(seconds("X-Amz-Expires")?)?)
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn minutes(query: &str, headers: &[(header::HeaderName, &str)]) -> Option<f64> {
        let now = "2026-08-18T12:00:00Z".parse().expect("a date");
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect();
        usable_until(&url(&format!("https://b.s3.amazonaws.com/k?{query}")), &headers, now).map(|t| (t - now).as_seconds_f64() / 60.0)
    }

    #[test]
    fn targets_are_used_until_shortly_before_their_end() {
        let (control, date) = (header::CACHE_CONTROL, header::DATE);
        let epoch = 1_787_054_400; // 2026-08-18T12:00:00Z
        for (query, headers, expected) in [
            ("X-Amz-Date=20260818T120000Z&X-Amz-Expires=1800&X-Amz-SignedHeaders=host", &[][..], Some(29.0)),
            ("X-Amz-Date=20260818T113000Z&X-Amz-Expires=3600", &[], Some(29.0)),
            ("X-Amz-Date=20260818T120000Z&X-Amz-Expires=86400", &[], Some(60.0)),
            ("X-Amz-Expires=600", &[], Some(9.0)),
            ("X-Amz-Date=20260818T120000Z&X-Amz-Expires=60", &[], Some(0.5)),
            ("X-Amz-Date=20260818T100000Z&X-Amz-Expires=3600", &[], None),
            ("X-Amz-Date=20260818T120000Z&X-Amz-Expires=1800&X-Amz-SignedHeaders=host%3Brange", &[], None),
            (&format!("Expires={}&Signature=s&Key-Pair-Id=k", epoch + 1200), &[], Some(19.0)),
            (&format!("expires={}", epoch + 1200), &[(control.clone(), "private, max-age=120")], Some(2.0)),
            // A clock that differs from ours: what counts is how long the signature is good for.
            (&format!("Expires={}", epoch + 1200 - 3600), &[(date, "Tue, 18 Aug 2026 11:00:00 GMT")], Some(19.0)),
            ("Policy=x&Signature=s", &[], Some(1.0)),
            ("Policy=x&Signature=s", &[(control.clone(), "no-store")], None),
            (&format!("Expires={}", epoch + 1200), &[(control.clone(), "no-cache, no-store")], Some(19.0)),
            ("Policy=x", &[(control, "max-age=0")], None),
            ("X-Amz-Expires=99999999999999999999", &[], Some(1.0)),
            ("X-Amz-Expires=9999999999999999", &[], Some(1.0)),
        ] {
            assert_eq!(minutes(query, headers), expected, "{query} {headers:?}");
        }
    }

    #[test]
    fn targets_are_remembered_lost_and_forgotten() {
        let (shortcuts, file) = (Shortcuts::default(), url("https://data/x?token=HUSH"));
        let until = Utc::now() + TimeDelta::minutes(5);
        let target = |n: i32| url(&format!("https://b/x?sig=HUSH-{n}"));
        let at = |shortcuts: &Shortcuts| shortcuts.of(&file).map(|(url, _)| url);
        shortcuts.remember(&file, &target(1), until);
        assert_eq!(at(&shortcuts), Some(target(1)));
        assert!(!format!("{shortcuts:?}").contains("HUSH"));
        shortcuts.lost(&file, &target(0));
        assert_eq!(at(&shortcuts), Some(target(1)), "another task has found a new one");
        shortcuts.remember(&file, &target(1), until);
        shortcuts.lost(&file, &target(1));
        assert_eq!(at(&shortcuts), None);
        shortcuts.remember(&file, &target(2), until);
        assert_eq!(at(&shortcuts), Some(target(2)), "one that was good for a while is followed by another");
        shortcuts.lost(&file, &target(2));
        shortcuts.remember(&file, &target(3), until);
        assert_eq!(at(&shortcuts), None, "those that are good once are of no use");
        shortcuts.forget(&file);
        shortcuts.remember(&file, &target(4), Utc::now());
        assert_eq!(at(&shortcuts), None, "it has ended");
    }

    #[test]
    fn memory_is_bounded() {
        let (shortcuts, until) = (Shortcuts::default(), Utc::now() + TimeDelta::minutes(5));
        let file = |n: usize| url(&format!("https://data/{n}"));
        for n in 0..5 * FILES {
            shortcuts.remember(&file(n), &file(n), until);
            let known = shortcuts.lock();
            assert!(known.young.len() + known.old.len() <= 2 * FILES);
        }
        assert!((4 * FILES..5 * FILES).all(|n| shortcuts.of(&file(n)).is_some()), "the latest are there");
    }
}
