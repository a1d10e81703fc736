//! Times as CF says them: a number of units since an epoch, in a calendar.

use cube_core::Number;

/// `units` and `calendar` of a time coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeUnits {
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

impl TimeUnits {
    /// Reads e.g. `days since 1970-01-01 00:00:00`; `None` for what is no time, or one in months or years, whose length varies.
    pub(crate) fn parse(units: &str, calendar: Option<&str>) -> Option<Self> {
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
    pub(crate) fn is_comparable(self, other: Self) -> bool {
        self.calendar == other.calendar
    }

    /// Whether two times in these units are the same to a microsecond, or to as many digits as a double has.
    pub(crate) fn is_near(self, a: Number, b: Number) -> bool {
        let (x, y) = (a.as_f64(), b.as_f64());
        a.same(b) || (x - y).abs() * self.unit as f64 <= 1_000.0 || (x - y).abs() <= 4.0 * f64::EPSILON * x.abs().max(y.abs())
    }

    /// A time in these units as one in others of the same calendar; `None` when a whole number would need a fraction.
    pub(crate) fn convert(self, n: Number, to: Self) -> Option<Number> {
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
        TimeUnits::parse(text, Some(calendar)).unwrap()
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
