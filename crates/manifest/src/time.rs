//! Times as CF says them: a number of units since an epoch, in a calendar.

use cube_core::{Number, TimeValue};

/// `units` and `calendar` of a time coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeUnits {
    /// Nanoseconds of one unit.
    unit: i128,
    /// Nanoseconds from day 0 of the calendar to the epoch.
    epoch: i128,
    calendar: Calendar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calendar {
    /// `standard`, `gregorian` (Julian before 1582-10-15).
    Mixed,
    /// `proleptic_gregorian`
    Gregorian,
    /// `noleap`, `365_day`
    NoLeap,
    /// `all_leap`, `366_day`
    AllLeap,
    /// `360_day`
    Days360,
    /// `julian`
    Julian,
}

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Days from day 0 of the Gregorian calendar to 1970-01-01.
const UNIX: i128 = 719_528;

impl TimeUnits {
    /// Reads e.g. `days since 1970-01-01 00:00:00`; `None` for what is no time, or one in months or years, whose length varies.
    pub fn parse(units: &str, calendar: Option<&str>) -> Option<Self> {
        let calendar = match calendar.unwrap_or("standard").to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Calendar::Mixed,
            "proleptic_gregorian" => Calendar::Gregorian,
            "noleap" | "365_day" => Calendar::NoLeap,
            "all_leap" | "366_day" => Calendar::AllLeap,
            "360_day" => Calendar::Days360,
            "julian" => Calendar::Julian,
            _ => return None,
        };
        let lower = units.trim().to_ascii_lowercase();
        let (unit, since) = lower.split_once(" since ")?;
        let unit = match unit.trim() {
            "days" | "day" | "d" => DAY,
            "hours" | "hour" | "hrs" | "hr" | "h" => 3600 * SECOND,
            "minutes" | "minute" | "mins" | "min" => 60 * SECOND,
            "seconds" | "second" | "secs" | "sec" | "s" => SECOND,
            "milliseconds" | "millisecond" | "msecs" | "msec" | "ms" => SECOND / 1_000,
            "microseconds" | "microsecond" | "us" => SECOND / 1_000_000,
            "nanoseconds" | "nanosecond" | "ns" => 1,
            _ => return None,
        };
        Some(Self { unit, epoch: calendar.instant(since.trim())?, calendar })
    }

    /// Whether two say times in the same calendar, so that one can be said as the other.
    pub fn is_comparable(self, other: Self) -> bool {
        self.calendar == other.calendar
    }

    /// Whether two times in these units are the same to a microsecond, or to as many digits as a double has.
    pub fn is_near(self, a: Number, b: Number) -> bool {
        let (x, y) = (a.as_f64(), b.as_f64());
        a.same(b) || (x - y).abs() * self.unit as f64 <= 1_000.0 || (x - y).abs() <= 4.0 * f64::EPSILON * x.abs().max(y.abs())
    }

    /// A time in these units as one in others of the same calendar; `None` when a whole number would need a fraction.
    pub fn convert(self, n: Number, to: Self) -> Option<Number> {
        let shift = self.epoch - to.epoch;
        match n {
            Number::Int(i) => {
                let time = i.checked_mul(self.unit)?.checked_add(shift)?;
                (time % to.unit == 0).then_some(Number::Int(time / to.unit))
            }
            Number::Float(f) if f.is_nan() => Some(n),
            // The whole part of the shift first, so that it costs no digits.
            Number::Float(f) => Some(Number::Float(f * (self.unit as f64 / to.unit as f64) + shift as f64 / to.unit as f64)),
        }
    }

    /// The instant of a time in these units, to a microsecond; `None` for what is no number, or outside the years 1 to 9999. In a calendar of years of one
    /// length it is the instant with the same date, or with the last of the month where there is no such day.
    pub fn instant(self, n: f64) -> Option<TimeValue> {
        // The whole part by itself, so that the fraction keeps its digits.
        let (whole, fraction) = (n.trunc(), n.fract());
        if whole.is_nan() || whole.abs() >= 1e18 {
            return None;
        }
        let time = (whole as i128).checked_mul(self.unit)? + (fraction * self.unit as f64).round() as i128 + self.epoch;
        let (day, clock) = (time.div_euclid(DAY), time.rem_euclid(DAY));
        let day = self.calendar.gregorian(i64::try_from(day).ok()?)?;
        let micros = ((i128::from(day) - UNIX) * DAY + clock + 500).div_euclid(1_000);
        (MOST.0..=MOST.1).contains(&micros).then(|| i64::try_from(micros).ok().map(TimeValue)).flatten()
    }
}

/// The first and the last microsecond of the years 1 to 9999.
const MOST: (i128, i128) = ((366 - UNIX) * DAY / 1_000, (3_652_425 - UNIX) * DAY / 1_000 - 1);

/// The instant that a text such as `2024-06-01T12:00:00.5Z`, `2024-06-01 12:00`, `20240601T120000Z` or `2024-06-01` states, by the Gregorian calendar
/// and in UTC where no zone is named.
pub fn instant(text: &str) -> Option<TimeValue> {
    let text = text.trim().to_ascii_lowercase();
    let digits = |text: &str, n: usize| text.get(..n).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let compact = digits(&text, 8).then(|| {
        let clock = text[8..].strip_prefix(['t', ' ']).unwrap_or(&text[8..]);
        let clock = if digits(clock, 6) { format!("t{}:{}:{}", &clock[..2], &clock[2..4], &clock[4..]) } else { text[8..].to_owned() };
        format!("{}-{}-{}{clock}", &text[..4], &text[4..6], &text[6..8])
    });
    let epoch = Calendar::Gregorian.instant(compact.as_deref().unwrap_or(&text))?;
    TimeUnits { unit: 1, epoch, calendar: Calendar::Gregorian }.instant(0.0)
}

impl Calendar {
    /// Nanoseconds from day 0 of `2000-01-02`, `2000-01-02 03:04:05.5`, `2000-01-02T03:04:05Z`, `… +01:00`.
    fn instant(self, text: &str) -> Option<i128> {
        let (date, rest) = match text.find([' ', 't']) {
            Some(at) => (&text[..at], text[at + 1..].trim()),
            None => (text.trim_end_matches('z'), ""),
        };
        let (negative, date) = date.strip_prefix('-').map_or((false, date), |d| (true, d));
        let mut parts = date.split('-').map(str::parse::<i64>);
        let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) || year.abs() > 1_000_000 {
            return None;
        }
        let year = if negative { -year } else { year };
        let (clock, offset) = zone(rest)?;
        let mut time = i128::from(self.days(year, month, day)) * DAY - offset;
        for (part, unit) in clock.split(':').zip([3600 * SECOND, 60 * SECOND, SECOND]) {
            if part.is_empty() {
                continue;
            }
            let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
            time += i128::from(whole.trim().parse::<u32>().ok()?) * unit;
            if !fraction.is_empty() {
                let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
                time += i128::from(digits.parse::<u32>().ok()?) * unit / SECOND;
            }
        }
        Some(time)
    }

    /// A day of this calendar as one of the Gregorian calendar: the same, or in calendars of years of one length the one of that date.
    fn gregorian(self, day: i64) -> Option<i64> {
        let length = match self {
            Self::Mixed | Self::Gregorian => return Some(day),
            Self::Julian => return Some(day - 2),
            Self::NoLeap => 365,
            Self::AllLeap => 366,
            Self::Days360 => 360,
        };
        let year = day.div_euclid(length);
        let month = (1..=12).rev().find(|month| self.days(year, *month, 1) <= day)?;
        let next = if month == 12 { Self::Gregorian.days(year + 1, 1, 1) } else { Self::Gregorian.days(year, month + 1, 1) };
        Some((Self::Gregorian.days(year, month, 1) + day - self.days(year, month, 1)).min(next - 1))
    }

    fn days(self, year: i64, month: i64, day: i64) -> i64 {
        const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let before = BEFORE[(month - 1) as usize];
        let leap_days = |count: i64, leap: bool| count + i64::from(leap && month > 2);
        match self {
            Self::Days360 => year * 360 + (month - 1) * 30 + day - 1,
            Self::NoLeap => year * 365 + before + day - 1,
            Self::AllLeap => year * 366 + before + i64::from(month > 2) + day - 1,
            Self::Julian => year * 365 + leap_days((year + 3).div_euclid(4), year.rem_euclid(4) == 0) + before + day - 1,
            // Both count from the same day; the Gregorian calendar began with 1582-10-15, which would have been 1582-10-05.
            Self::Mixed if (year, month, day) < (1582, 10, 15) => Self::Julian.days(year, month, day) - 2,
            Self::Mixed | Self::Gregorian => {
                let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
                let leaps = (year + 3).div_euclid(4) - (year + 99).div_euclid(100) + (year + 399).div_euclid(400);
                year * 365 + leap_days(leaps, leap) + before + day - 1
            }
        }
    }
}

/// The clock and how far its zone is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i128)> {
    let text = text.trim_end_matches("utc").trim_end_matches("gmt").trim_end_matches('z').trim();
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.parse::<i128>().ok()?, 0),
        3 => (digits[..1].parse().ok()?, digits[1..].parse().ok()?),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    let offset = (hours * 3600 + minutes * 60) * SECOND;
    Some((text[..at].trim(), if text[at..].starts_with('-') { -offset } else { offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, calendar: &str) -> TimeUnits {
        TimeUnits::parse(text, Some(calendar)).expect("units of time")
    }

    /// What cftime gives: `date2num(num2date(n, from), to)`.
    #[test]
    fn times_are_said_from_another_epoch() {
        let cases: [(&str, i128, &str, &str, i128); 9] = [
            ("days since 2020-03-01", 0, "days since 2020-02-28", "standard", 2),
            ("days since 2020-03-01", 0, "days since 2020-02-28", "noleap", 1),
            ("days since 2020-03-01", 0, "days since 2020-02-28", "360_day", 3),
            ("days since 1900-03-01", 0, "days since 1900-02-28", "julian", 2),
            ("days since 1900-03-01", 0, "days since 1900-02-28", "proleptic_gregorian", 1),
            ("days since 1582-10-15", 0, "days since 1582-10-04", "standard", 1),
            ("hours since 1981-01-01 00:00:00", 48, "seconds since 1981-01-02T12:00:00Z", "gregorian", 43_200),
            ("seconds since 1970-01-01 01:00:00 +01:00", 5, "seconds since 1970-01-01", "standard", 5),
            ("days since 0001-01-01", 719_162, "days since 1970-01-01", "proleptic_gregorian", 0),
        ];
        for (from, n, to, calendar, expected) in cases {
            assert_eq!(
                units(from, calendar).convert(Number::Int(n), units(to, calendar)),
                Some(Number::Int(expected)),
                "{n} {from} as {to}, {calendar}"
            );
        }
        let half = units("days since 2020-01-01", "standard").convert(Number::Float(0.25), units("hours since 2020-01-01 01:00", "standard"));
        assert_eq!(half, Some(Number::Float(5.0)));
    }

    /// What cftime and pandas give.
    #[test]
    fn times_are_instants() {
        for (text, calendar, n, expected) in [
            ("days since 1970-01-01", "standard", 0.0, "1970-01-01"),
            ("days since 1964-03-12 12:09:00 -9:00", "gregorian", 1.0, "1964-03-13T21:09:00Z"),
            ("hours since 1800-01-01", "standard", 1_882_104.0, "2014-09-17"),
            ("seconds since 2000-01-01 12:00:00", "standard", 562_236_740.337_372, "2017-10-25T20:52:20.337372Z"),
            ("days since 2013-01-01", "julian", 59.0, "2013-03-14"),
            ("days since 2013-01-01", "365_day", 59.0, "2013-03-01"),
            ("days since 2012-01-01", "noleap", 59.25, "2012-03-01T06:00:00Z"),
            ("days since 2013-01-01", "360_day", 59.0, "2013-02-28"),
            ("days since 2013-01-01", "366_day", 59.0, "2013-02-28"),
            ("days since 2013-01-01", "360_day", 359.0, "2013-12-30"),
            ("days since 2013-01-01", "all_leap", 366.0, "2014-01-01"),
            ("days since 0001-01-01", "proleptic_gregorian", 0.0, "0001-01-01"),
        ] {
            assert_eq!(units(text, calendar).instant(n).map(|t| t.to_string()).as_deref(), Some(expected), "{n} {text}, {calendar}");
        }
        for n in [f64::NAN, f64::INFINITY, 9.969_209_968_386_869e36, 1e17, -800_000.0] {
            assert_eq!(units("days since 1970-01-01", "standard").instant(n), None, "{n}");
        }
    }

    #[test]
    fn stated_times_are_read() {
        for (text, expected) in [
            ("2017-10-25T20:52:20.3Z", "2017-10-25T20:52:20.300Z"),
            ("20241011T120000Z", "2024-10-11T12:00:00Z"),
            ("20241011 120000+0100", "2024-10-11T11:00:00Z"),
            ("20241011", "2024-10-11"),
            ("20241011120000", "2024-10-11T12:00:00Z"),
            ("2022-04-15T00:00:00.000+0000", "2022-04-15"),
            ("2021-01-10 23:59:59.000000", "2021-01-10T23:59:59Z"),
            ("2021-01-10", "2021-01-10"),
        ] {
            assert_eq!(instant(text).map(|t| t.to_string()).as_deref(), Some(expected), "{text}");
        }
        for none in ["", "yesterday", "12:00", "2024", "20241311", "20241011Tnoon", "€€€€€€€€€"] {
            assert_eq!(instant(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_time_or_would_lose_its_fraction_is_refused() {
        for text in ["m s-1", "months since 2000-01-01", "days since yesterday", "days since 2000-13-01", "days"] {
            assert_eq!(TimeUnits::parse(text, None), None, "{text}");
        }
        let (hours, days) = (units("hours since 2000-01-01", "standard"), units("days since 2000-01-01", "standard"));
        assert_eq!(hours.convert(Number::Int(12), days), None);
        assert!(!hours.is_comparable(units("days since 2000-01-01", "noleap")));
    }
}
