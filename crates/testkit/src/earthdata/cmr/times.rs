//! Ranges of numbers, and times.

use chrono::{DateTime, Datelike, Months, TimeDelta};

use super::params::Params;
use super::rules::{instant, interval_ends};

/// `min,max`, either of which may be empty; a single number is both.
pub(super) fn in_range(range: &str, number: f64) -> bool {
    let (low, high) = range.split_once(',').unwrap_or((range, range));
    let bound = |text: &str| text.trim().parse::<f64>().ok();
    bound(low).is_none_or(|low| number >= low) && bound(high).is_none_or(|high| number <= high)
}

/// True if a time lies in what a parameter asks; several are alternatives.
pub(super) fn in_time(params: &Params, name: &str, start: i64, end: i64) -> bool {
    let wanted = params.all(name);
    let open = params.option(name, "exclude_boundary");
    wanted.is_empty() || wanted.iter().any(|text| overlaps(text, start, end, open))
}

fn overlaps(text: &str, start: i64, end: i64, open: bool) -> bool {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (ends, days) = if parts[0].contains('/') {
        (interval(parts[0]), parts.get(1..))
    } else {
        (bounds(parts[0], parts.get(1).copied().unwrap_or_default()), parts.get(2..))
    };
    let (low, high) = ends;
    let inside = if open { end > low && start < high } else { end >= low && start <= high };
    let days: Vec<u32> = days.unwrap_or_default().iter().filter_map(|day| day.parse().ok()).collect();
    let day_of = |time: i64| DateTime::from_timestamp_millis(time).unwrap_or_default().ordinal();
    inside
        && match days[..] {
            // A season is judged by the first day of a granule; one that begins late in the year goes on into the next.
            [first, last] if first <= last => (first..=last).contains(&day_of(start)),
            [first, last] => day_of(start) >= first || day_of(start) <= last,
            _ => true,
        }
}

fn bounds(low: &str, high: &str) -> (i64, i64) {
    (instant(low).unwrap_or(i64::MIN), instant(high).unwrap_or(i64::MAX))
}

/// ISO 8601: two times, or a time and a duration.
fn interval(text: &str) -> (i64, i64) {
    let ends = interval_ends(text);
    let (first, last) = (ends[0], ends.get(1).copied().unwrap_or_default());
    match (first.starts_with('P'), last.starts_with('P')) {
        (false, true) => {
            let (low, _) = bounds(first, "");
            (low, shifted(low, last, true))
        }
        (true, false) => {
            let (_, high) = bounds("", last);
            (shifted(high, first, false), high)
        }
        _ => bounds(first, last),
    }
}

fn shifted(time: i64, duration: &str, later: bool) -> i64 {
    let mut result = DateTime::from_timestamp_millis(time).unwrap_or_default();
    let mut number = String::new();
    let mut clock = false;
    for char in duration.trim_start_matches('P').chars() {
        match char {
            'T' => clock = true,
            '0'..='9' => number.push(char),
            _ => {
                let count: i64 = std::mem::take(&mut number).parse().unwrap_or_default();
                let months = |count: i64| Months::new(u32::try_from(count).unwrap_or_default());
                let calendar = |count| if later { result.checked_add_months(months(count)) } else { result.checked_sub_months(months(count)) };
                let span = |seconds: i64| result.checked_add_signed(TimeDelta::seconds(if later { seconds } else { -seconds }));
                let moved = match (char, clock) {
                    ('Y', _) => calendar(12 * count),
                    ('M', false) => calendar(count),
                    ('W', _) => span(count * 604_800),
                    ('D', _) => span(count * 86_400),
                    ('H', _) => span(count * 3600),
                    ('M', true) => span(count * 60),
                    _ => span(count),
                };
                result = moved.unwrap_or(result);
            }
        }
    }
    result.timestamp_millis()
}
