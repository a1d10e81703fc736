//! Instants as STAC writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use cube_core::{Period, TimeValue};

/// Reads RFC 3339 and what is found in its place: no zone (then UTC), a blank for the `T`, a date alone (its first instant).
pub(crate) fn parse(text: &str) -> Option<TimeValue> {
    let text = text.trim();
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return Some(TimeValue::from_datetime(t.with_timezone(&Utc)));
    }
    for zoned in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(t) = DateTime::parse_from_str(text, zoned) {
            return Some(TimeValue::from_datetime(t.with_timezone(&Utc)));
        }
    }
    let bare = text.trim_end_matches(" UTC").trim_end_matches('Z');
    for local in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(t) = NaiveDateTime::parse_from_str(bare, local) {
            return Some(TimeValue::from_datetime(t.and_utc()));
        }
    }
    NaiveDate::parse_from_str(bare, "%Y-%m-%d").ok().map(|d| TimeValue::from_datetime(d.and_time(NaiveTime::MIN).and_utc()))
}

/// RFC 3339 in UTC with as many decimals as are needed.
pub(crate) fn text(t: TimeValue) -> String {
    t.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A period as STAC's `datetime` parameter: both ends inclusive, so the caller must leave out what lies on the end itself.
pub(crate) fn interval(p: &Period) -> Option<String> {
    // RFC 3339 knows the years 0 to 9999, and servers none before 1.
    let (first, last) = (TimeValue(-62_135_596_800_000_000), TimeValue(253_402_300_799_999_999));
    let end = |t: Option<TimeValue>| t.map_or_else(|| "..".to_owned(), |t| text(t.clamp(first, last)));
    (p.start.is_some() || p.end.is_some()).then(|| format!("{}/{}", end(p.start), end(p.end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_form_is_read() {
        let noon = parse("2022-01-25T12:00:00Z").expect("RFC 3339");
        for same in [
            "2022-01-25T12:00:00+00:00",
            "2022-01-25T12:00:00",
            "2022-01-25 12:00:00",
            "2022-01-25T13:00:00.000000+01:00",
            "2022-01-25 12:00:00+00:00",
            "2022-01-25T12:00Z",
            "2022-01-25 12:00:00 UTC",
        ] {
            assert_eq!(parse(same), Some(noon), "{same}");
        }
        assert_eq!(parse("2022-01-25").map(|t| t.0), Some(noon.0 - 12 * 3_600_000_000));
        assert_eq!(parse("2022-01-25T12:00:00.123456789Z").map(|t| t.0 - noon.0), Some(123_456));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(text(noon), "2022-01-25T12:00:00Z");
        assert_eq!(text(TimeValue(noon.0 + 1)), "2022-01-25T12:00:00.000001Z");
        assert_eq!(interval(&Period { start: Some(noon), end: None }).as_deref(), Some("2022-01-25T12:00:00Z/.."));
        assert_eq!(interval(&Period::ALWAYS), None);
        assert_eq!(
            interval(&Period::new(TimeValue(i64::MIN), TimeValue(i64::MAX))).as_deref(),
            Some("0001-01-01T00:00:00Z/9999-12-31T23:59:59.999999Z")
        );
    }
}
