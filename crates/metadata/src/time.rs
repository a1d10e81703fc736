//! Dates and times as texts: UMM and STAC both write RFC 3339; UMM is read generously, STAC is written strictly (UTC).

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use cube_core::TimeValue;

/// The instant that a text names; a date alone is its first instant, and without a zone it is UTC.
pub(crate) fn instant(text: &str) -> Option<TimeValue> {
    parse(text).map(TimeValue::from_datetime)
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(at) =
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
    {
        return Some(at.and_utc());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
}

/// The text as STAC wants it: as it stands where that is RFC 3339 in UTC, else written anew.
pub(crate) fn stac<'t>(text: &'t str) -> Option<Cow<'t, str>> {
    if is_utc(text.as_bytes()) {
        return Some(Cow::Borrowed(text));
    }
    parse(text).map(|at| Cow::Owned(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

/// `2024-06-01T00:00:00.123Z`, with a date and a time that exist.
pub(crate) fn is_utc(text: &[u8]) -> bool {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, rest @ ..] = text else { return false };
    let two = |a: &u8, b: &u8| if a.is_ascii_digit() && b.is_ascii_digit() { Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')) } else { None };
    let zone = match rest {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &rest[digits..]
        }
        rest => rest,
    };
    let (Some(century), Some(year), Some(month), Some(day)) = (two(y0, y1), two(y2, y3), two(m0, m1), two(d0, d1)) else { return false };
    let (Some(hour), Some(minute), Some(second)) = (two(h0, h1), two(i0, i1), two(s0, s1)) else { return false };
    let year = (century * 100 + year) as i32;
    let date = (1..=28).contains(&day) && (1..=12).contains(&month) || NaiveDate::from_ymd_opt(year, month, day).is_some();
    date && hour < 24 && minute < 60 && second < 60 && matches!(zone, b"Z" | b"+00:00")
}
