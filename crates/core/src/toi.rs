use std::fmt;

use chrono::{Datelike, Months, SecondsFormat, TimeDelta, Timelike};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Period, Result, TimeValue,
    written::{TOI_HINT, parse_period},
};

/// A time of interest: one or more periods, sorted and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Toi(pub(crate) Vec<Period>);

impl Toi {
    /// All of time.
    pub fn always() -> Self {
        Self(vec![Period::ALWAYS])
    }

    /// Reads an instant (`2024-06-01T10:30:00Z`: that second; `…:00.250Z`: that millisecond), a day, a month (`2024-06`), a year, an interval
    /// `a/b` whose end is inclusive to its written precision, `a/..`, `../b`, `..`, a time with an ISO 8601 duration (`2024-06-01/P10D`: the
    /// ten days from that day on; `P1M/2024-07-01`: the month before that day), or several of these with commas. UTC where no zone is written.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |problem: &str| Error::invalid("time of interest", crate::error::shorten(text), problem).with_hint(TOI_HINT);
        if text.trim().is_empty() {
            return Err(bad("is empty"));
        }
        let parts = text.split(',').map(|part| match part.trim() {
            "" => Err(bad("has an empty entry")),
            part => parse_period(part),
        });
        Ok(Self::from_periods(parts.collect::<Result<Vec<_>>>()?))
    }

    /// From periods in any order; those that overlap or adjoin become one, those without length are left out.
    pub fn from_periods(periods: impl IntoIterator<Item = Period>) -> Self {
        let mut sorted: Vec<_> = periods.into_iter().filter(|p| p.start.zip(p.end).is_none_or(|(s, e)| s < e)).collect();
        sorted.sort_by_key(|p| p.start);
        let mut merged: Vec<Period> = Vec::with_capacity(sorted.len());
        for period in sorted {
            match merged.last_mut() {
                Some(last) if last.end.is_none_or(|e| period.start.is_none_or(|s| s <= e)) => {
                    last.end = last.end.zip(period.end).map(|(a, b)| a.max(b));
                }
                _ => merged.push(period),
            }
        }
        Self(merged)
    }

    /// The periods, sorted and apart.
    pub fn periods(&self) -> &[Period] {
        &self.0
    }

    /// Whether an instant lies inside.
    pub fn contains(&self, t: TimeValue) -> bool {
        self.0.iter().any(|p| p.contains(t))
    }

    /// Whether it shares an instant with a period.
    pub fn meets(&self, period: &Period) -> bool {
        self.0.iter().any(|p| p.intersection(period).is_some())
    }

    /// The time that lies in both; `None` when nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let both = Self::from_periods(self.0.iter().flat_map(|a| other.0.iter().filter_map(|b| a.intersection(b))));
        (!both.0.is_empty()).then_some(both)
    }
}

impl std::str::FromStr for Toi {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        Self::parse(s)
    }
}

impl fmt::Display for Toi {
    /// The shortest form that [`Toi::parse`] reads back as the same time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, period) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match (period.start, period.end) {
                (None, None) => f.write_str("..")?,
                (Some(s), Some(e)) => match calendar_unit(s, e) {
                    Some(unit) => f.write_str(&unit)?,
                    None => write!(f, "{}/{}", first(s), last(e))?,
                },
                (s, e) => write!(f, "{}/{}", s.map_or("..".into(), first), e.map_or("..".into(), last))?,
            }
        }
        Ok(())
    }
}

/// `2024`, `2024-06`, `2024-06-01`, a second, a millisecond or a microsecond, when the period is just that.
fn calendar_unit(start: TimeValue, end: TimeValue) -> Option<String> {
    let (s, e) = (start.to_datetime(), end.to_datetime());
    let midnight = s.num_seconds_from_midnight() == 0 && s.nanosecond() == 0;
    if midnight && s.day() == 1 && s.month() == 1 && s.checked_add_months(Months::new(12)) == Some(e) {
        return Some(s.format("%Y").to_string());
    }
    if midnight && s.day() == 1 && s.checked_add_months(Months::new(1)) == Some(e) {
        return Some(s.format("%Y-%m").to_string());
    }
    if midnight && e - s == TimeDelta::days(1) {
        return Some(s.format("%Y-%m-%d").to_string());
    }
    let format = match end.0 - start.0 {
        1_000_000 if start.0 % 1_000_000 == 0 => SecondsFormat::Secs,
        1_000 if start.0 % 1_000 == 0 => SecondsFormat::Millis,
        1 => SecondsFormat::Micros,
        _ => return None,
    };
    Some(s.to_rfc3339_opts(format, true))
}

fn first(start: TimeValue) -> String {
    start.to_string()
}

/// The last written unit before an exclusive end.
fn last(end: TimeValue) -> String {
    const DAY: i64 = 86_400_000_000;
    let (unit, format) = match end.0 {
        e if e % DAY == 0 => return TimeValue(e - DAY).to_string(),
        e if e % 1_000_000 == 0 => (1_000_000, SecondsFormat::Secs),
        e if e % 1_000 == 0 => (1_000, SecondsFormat::Millis),
        _ => (1, SecondsFormat::Micros),
    };
    TimeValue(end.0 - unit).to_datetime().to_rfc3339_opts(format, true)
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests say what they met")]
mod tests {
    use super::*;

    fn toi(text: &str) -> Toi {
        Toi::parse(text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn equal_times_are_written_in_many_ways() {
        for (a, b) in [
            ("2024-06", "2024-06-01/2024-06-30"),
            ("2024", "2024-01/2024-12"),
            ("2024-06-01/P10D", "2024-06-01/2024-06-10"),
            ("P1M/2024-07-01", "2024-06"),
            ("2024-06-03,2024-06-01,2024-06-02", "2024-06-01/2024-06-03"),
            ("2024-06-01/2024-06-10, 2024-06-05/2024-06-20", "2024-06-01/2024-06-20"),
            ("2024-06-01/..,2024-07", "2024-06-01/"),
            ("../2024-06-01,2024-06-02/..", ".."),
            ("2024-06-01T00:00:00Z/2024-06-01T23:59:59Z", "2024-06-01"),
            ("2024-06-01T02:00:00+02:00", "2024-06-01T00:00:00"),
            ("2024-01-31/P1M", "2024-01-31/2024-02-28"),
        ] {
            assert_eq!(toi(a), toi(b), "{a} and {b}");
        }
    }

    #[test]
    fn ends_are_inclusive_to_their_precision() {
        let t = |s: &str| toi(s).periods()[0].start.expect("a start");
        assert!(toi("2024-06-01/2024-06-30").contains(t("2024-06-30T23:59:59.999999Z")));
        assert!(!toi("2024-06-01/2024-06-30").contains(t("2024-07-01")));
        assert!(toi("2024-06-01T10:30:00Z").contains(t("2024-06-01T10:30:00.999Z")));
        assert!(!toi("2024-06-01T10:30:00.0Z").contains(t("2024-06-01T10:30:00.1Z")));
    }

    #[test]
    fn canonical_text_is_read_back() {
        for (text, canonical) in [
            ("2024-06-01/2024-06-30", "2024-06"),
            ("2024-01-01/2024-12-31", "2024"),
            ("2024-06-01/P10D", "2024-06-01/2024-06-10"),
            ("../2024-06", "../2024-06-30"),
            ("2024-06-01T10:30:00.250Z", "2024-06-01T10:30:00.250Z"),
            ("2024-06-01T10:30:00.25Z", "2024-06-01T10:30:00.250Z/2024-06-01T10:30:00.259Z"),
            ("2024-06-01T10:30Z", "2024-06-01T10:30:00Z/2024-06-01T10:30:59Z"),
            ("/..", ".."),
        ] {
            assert_eq!(toi(text).to_string(), canonical);
        }
    }

    /// Every pair of a pool of bounds, written, read, printed and read again.
    #[test]
    fn printing_and_reading_are_inverse() {
        let pool = [
            "1899",
            "1969-12-31T23:59:59.999999Z",
            "1970",
            "2023-12",
            "2024-02-29",
            "2024-02-29T12:00Z",
            "2024-03-01T00:00:00.5Z",
            "2024-03-01T00:00:00.000001Z",
            "2100-01-01",
        ];
        for a in pool {
            for b in pool {
                for text in [format!("{a}/{b}"), format!("{a},{b}"), format!("{a}/.."), format!("../{b}"), format!("{a}/P1Y2M3DT4H5M6S")] {
                    let Ok(toi) = Toi::parse(&text) else { continue };
                    assert_eq!(Toi::parse(&toi.to_string()).expect("canonical text"), toi, "{text} → {toi}");
                    assert!(
                        toi.periods().windows(2).all(|w| w[0].end.is_some_and(|e| w[1].start.is_some_and(|s| e < s))),
                        "{toi} is sorted and apart"
                    );
                }
            }
        }
    }

    #[test]
    fn wrong_times_say_what_to_write() {
        for (text, problem) in [
            ("", "is empty"),
            ("2024-06-01,", "empty entry"),
            ("June", "is not a date"),
            ("2024-07-01/2024-06-01", "ends before it begins"),
            ("2024-13", "is not a date"),
            ("a/b/c", "more than one"),
            ("P1D/P2D", "two durations"),
            ("P1D/..", "without a date"),
            ("2024-06-01/P0D", "has no length"),
            ("2024-06-01/P99999Y", "beyond the calendar"),
        ] {
            let e = Toi::parse(text).expect_err(text);
            assert!(e.to_string().contains(problem), "{text}: {e}");
            assert!(e.hint().is_some(), "{text}");
        }
        let e = Toi::parse("2024-07-01/2024-06-01").expect_err("reversed");
        assert_eq!(e.hint().as_deref(), Some("did you mean `2024-06-01/2024-07-01`?"));
    }

    #[test]
    fn merging_keeps_membership() {
        let day = 86_400_000_000_i64;
        let mut seed = 7_u64;
        let mut random = |n: i64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) as i64) % n
        };
        for _ in 0..500 {
            let periods: Vec<_> = (0..1 + random(6))
                .map(|_| {
                    let start = random(40);
                    Period {
                        start: (random(8) > 0).then_some(TimeValue(start * day)),
                        end: (random(8) > 0).then_some(TimeValue((start + 1 + random(5)) * day)),
                    }
                })
                .collect();
            let toi = Toi::from_periods(periods.clone());
            for t in (-5..60).map(|d| TimeValue(d * day)) {
                assert_eq!(toi.contains(t), periods.iter().any(|p| p.contains(t)), "{periods:?} at {t}");
            }
        }
    }
}
