//! Instants and intervals as the item-search parameter `datetime` writes them.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A closed interval; `None` is an open end.
pub(super) type Interval = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// An RFC 3339 date-time.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(|_| format!("`{text}` is not an RFC 3339 date-time"))
}

/// `instant`, `a/b`, `a/..`, `../b` (an empty end is open as well).
pub(super) fn interval(text: &str) -> Result<Interval, String> {
    let Some((start, end)) = text.split_once('/') else {
        let time = instant(text)?;
        return Ok((Some(time), Some(time)));
    };
    let end_of = |text: &str| if text.is_empty() || text == ".." { Ok(None) } else { instant(text).map(Some) };
    let (start, end) = (end_of(start)?, end_of(end)?);
    match (start, end) {
        (None, None) => Err(format!("`{text}` is open at both ends")),
        (Some(start), Some(end)) if start > end => Err(format!("`{text}` ends before it starts")),
        ends => Ok(ends),
    }
}

/// When an item was taken: its datetime, or from start_datetime to end_datetime.
pub(super) fn of_item(item: &Value) -> Interval {
    let property = |name: &str| item["properties"][name].as_str().and_then(|text| instant(text).ok());
    match property("datetime") {
        Some(time) => (Some(time), Some(time)),
        None => (property("start_datetime"), property("end_datetime")),
    }
}

/// True if two closed intervals share an instant.
pub(super) fn overlap(a: Interval, b: Interval) -> bool {
    let before = |end: Option<DateTime<Utc>>, start: Option<DateTime<Utc>>| end.zip(start).is_some_and(|(end, start)| end < start);
    !before(a.1, b.0) && !before(b.1, a.0)
}
