//! Times and durations as people and catalogues write them.

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::{Error, Period, Result, TimeStep, TimeValue};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The time from the first to the last instant that a text such as `2024`, `2024-06`, `2024-06-01` or `2024-06-01T10:30:00.25Z` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// First instant inside.
    pub(crate) start: TimeValue,
    /// First instant after.
    pub(crate) end: TimeValue,
}

impl Written {
    /// Reads a year, month, day, or RFC 3339 time of minute or finer precision; UTC where no zone is written. `None` when it is none of these.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => Self::time(date, time),
            None => Self::date(text),
        }
    }

    fn date(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = digits(parts.next()?, 4)? as i32;
        let month = parts.next().map(|m| digits(m, 2)).map_or(Some(None), |m| m.map(Some))?;
        let day = parts.next().map(|d| digits(d, 2)).map_or(Some(None), |d| d.map(Some))?;
        if parts.next().is_some() {
            return None;
        }
        let start = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))?;
        let end = match (month, day) {
            (None, _) => start.checked_add_months(Months::new(12)),
            (_, None) => start.checked_add_months(Months::new(1)),
            _ => start.checked_add_days(Days::new(1)),
        }?;
        Some(Self { start: midnight(start), end: midnight(end) })
    }

    fn time(date: &str, time: &str) -> Option<Self> {
        let date = {
            let mut parts = date.split('-');
            let (y, m, d) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
            parts.next().is_none().then(|| NaiveDate::from_ymd_opt(y as i32, m, d))??
        };
        let (clock, offset) = split_zone(time)?;
        let (whole, fraction) = clock.split_once(['.', ',']).map_or((clock, None), |(w, f)| (w, Some(f)));
        let mut parts = whole.split(':');
        let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let second = parts.next().map(|s| digits(s, 2)).map_or(Some(None), |s| s.map(Some))?;
        if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
            return None;
        }
        let (micros, precision) = match (fraction, second) {
            (Some(f), _) => fraction_micros(f)?,
            (None, Some(_)) => (0, MICROS_PER_SECOND),
            (None, None) => (0, 60 * MICROS_PER_SECOND),
        };
        let naive = NaiveDateTime::new(date, NaiveTime::from_hms_micro_opt(hour, minute, second.unwrap_or(0), micros)?);
        let start = TimeValue::from_datetime(naive.and_local_timezone(offset).single()?.with_timezone(&Utc));
        Some(Self { start, end: TimeValue(start.0.checked_add(precision)?) })
    }
}

/// Exactly `n` decimal digits.
fn digits(text: &str, n: usize) -> Option<u32> {
    (text.len() == n && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Microseconds of a written fraction of a second, and how long its last digit is. Digits beyond the sixth are cut off.
fn fraction_micros(text: &str) -> Option<(u32, i64)> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = &text[..text.len().min(6)];
    let unit = 10_u32.pow(6 - kept.len() as u32);
    Some((kept.parse::<u32>().ok()? * unit, unit.into()))
}

/// The clock part and the zone (`Z`, `+02:00`, `+0200`, `+02`; none means UTC).
fn split_zone(time: &str) -> Option<(&str, FixedOffset)> {
    let utc = FixedOffset::east_opt(0)?;
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, utc));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, utc)) };
    let (clock, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let plain: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match plain.len() {
        2 => (digits(&plain, 2)?, 0),
        4 => (digits(&plain[..2], 2)?, digits(&plain[2..], 2)?),
        _ => return None,
    };
    (minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60) as i32).map(|o| (clock, o)))?
}

fn midnight(date: NaiveDate) -> TimeValue {
    TimeValue::from_datetime(date.and_time(NaiveTime::MIN).and_utc())
}

/// An ISO 8601 duration: whole months, and an exact rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration {
    months: u32,
    micros: i64,
}

impl Duration {
    /// Reads `P3D`, `P1M`, `P1Y6M`, `P2W`, `PT12H`, `P1DT6H30M`, `PT0.5S`. `None` when it is none of these.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().strip_prefix(['P', 'p'])?;
        let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(d, t)| (d, Some(t)));
        if time == Some("") || (date.is_empty() && time.is_none()) {
            return None;
        }
        let mut out = Self { months: 0, micros: 0 };
        for (number, unit) in fields(date)? {
            match unit {
                'Y' => out.months = out.months.checked_add(number.parse::<u32>().ok()?.checked_mul(12)?)?,
                'M' => out.months = out.months.checked_add(number.parse().ok()?)?,
                'W' => out.add(number, 7 * 86_400)?,
                'D' => out.add(number, 86_400)?,
                _ => return None,
            }
        }
        for (number, unit) in fields(time.unwrap_or_default())? {
            match unit {
                'H' => out.add(number, 3600)?,
                'M' => out.add(number, 60)?,
                'S' if number.contains('.') => {
                    let (whole, fraction) = number.split_once('.')?;
                    out.add(whole, 1)?;
                    out.micros = out.micros.checked_add(fraction_micros(fraction)?.0.into())?;
                }
                'S' => out.add(number, 1)?,
                _ => return None,
            }
        }
        Some(out)
    }

    fn add(&mut self, number: &str, seconds: i64) -> Option<()> {
        let micros = number.parse::<u32>().ok().map(i64::from)?.checked_mul(seconds)?.checked_mul(MICROS_PER_SECOND)?;
        self.micros = self.micros.checked_add(micros)?;
        Some(())
    }

    /// Its exact length in microseconds; `None` when it counts months or years, whose length differs.
    pub(crate) fn exact_micros(self) -> Option<i64> {
        (self.months == 0).then_some(self.micros)
    }

    /// The instant that much later; `None` beyond the calendar.
    pub(crate) fn after(self, t: TimeValue) -> Option<TimeValue> {
        let t = calendar(t)?.checked_add_months(Months::new(self.months))?.checked_add_signed(TimeDelta::microseconds(self.micros))?;
        writable(t)
    }

    /// The instant that much earlier; `None` beyond the calendar.
    pub(crate) fn before(self, t: TimeValue) -> Option<TimeValue> {
        let t = calendar(t)?.checked_sub_months(Months::new(self.months))?.checked_sub_signed(TimeDelta::microseconds(self.micros))?;
        writable(t)
    }
}

fn calendar(t: TimeValue) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(t.0)
}

/// The instant, unless its year could not be written with four digits.
fn writable(t: DateTime<Utc>) -> Option<TimeValue> {
    (0..10_000).contains(&t.year()).then(|| TimeValue::from_datetime(t))
}

/// Pairs of number and unit; a text that is not made of such pairs is `None`.
fn fields(text: &str) -> Option<Vec<(&str, char)>> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).filter(|e| *e > 0)?;
        out.push((&rest[..end], rest[end..].chars().next()?.to_ascii_uppercase()));
        rest = &rest[end + 1..];
    }
    Some(out)
}

/// The values of the time coordinate from the step that holds the first instant of `period` to the one that holds its last.
pub(crate) fn steps_between(step: TimeStep, start: TimeValue, end: TimeValue) -> Result<Vec<TimeValue>> {
    let first = start.to_datetime().date_naive();
    let last = TimeValue(end.0 - 1).to_datetime().date_naive();
    let (first, months) = match step {
        TimeStep::SolarDay | TimeStep::Day => (first, 0),
        TimeStep::Month => (first.with_day(1).unwrap_or(first), 1),
        TimeStep::Year => (first.with_ordinal(1).unwrap_or(first), 12),
        TimeStep::Instant | TimeStep::None => {
            return Err(Error::invalid("time range", format!("{start}/{end}"), format!("cannot be cut into steps of `{step}`"))
                .with_hint("declare the steps with `values = [...]`, or choose `solar_day`, `P1D`, `P1M` or `P1Y`"));
        }
    };
    let next = |i: u32| if months == 0 { first.checked_add_days(Days::new(i.into())) } else { first.checked_add_months(Months::new(months * i)) };
    Ok((0_u32..).map_while(next).take_while(|d| *d <= last).map(midnight).collect())
}

/// Reads `a/b` and its relatives (see [`crate::Toi::parse`]) as one period.
pub(crate) fn parse_period(text: &str) -> Result<Period> {
    let bad = |problem: &str| Error::invalid("time of interest", crate::error::shorten(text), problem).with_hint(TOI_HINT);
    let Some((a, b)) = text.split_once('/') else {
        if text == ".." {
            return Ok(Period::ALWAYS);
        }
        return Written::parse(text).map(|w| Period::new(w.start, w.end)).ok_or_else(|| bad("is not a date, a time or an interval"));
    };
    let (a, b) = (a.trim(), b.trim());
    if b.contains('/') {
        return Err(bad("has more than one `/`"));
    }
    let open = |t: &str| t.is_empty() || t == "..";
    let written = |t: &str| Written::parse(t).ok_or_else(|| bad(&format!("has an end `{}` that is not a date or a time", crate::error::shorten(t))));
    let period = match (Duration::parse(a), Duration::parse(b)) {
        (Some(_), Some(_)) => return Err(bad("names two durations and no date")),
        (Some(d), None) if !open(b) => {
            let end = written(b)?.start;
            Period { start: Some(d.before(end).ok_or_else(|| bad("reaches beyond the calendar"))?), end: Some(end) }
        }
        (None, Some(d)) if !open(a) => {
            let start = written(a)?.start;
            Period { start: Some(start), end: Some(d.after(start).ok_or_else(|| bad("reaches beyond the calendar"))?) }
        }
        (Some(_), None) | (None, Some(_)) => return Err(bad("gives a duration without a date to count from")),
        (None, None) => {
            let start = if open(a) { None } else { Some(written(a)?.start) };
            let end = if open(b) { None } else { Some(written(b)?.end) };
            Period { start, end }
        }
    };
    match (period.start, period.end) {
        (Some(s), Some(e)) if s == e => Err(bad("has no length")),
        (Some(s), Some(e)) if s > e => {
            Err(Error::invalid("time of interest", crate::error::shorten(text), "ends before it begins")
                .with_hint(format!("did you mean `{b}/{a}`?")))
        }
        _ => Ok(period),
    }
}

pub(crate) const TOI_HINT: &str = "write a time such as `2024`, `2024-06`, `2024-06-01`, `2024-06-01T10:30:00Z`, an interval `2024-06-01/2024-06-30`, `2024-06-01/..`, `2024-06-01/P10D`, or several of these with commas";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_what_is_written() {
        let length = |t: &str| Written::parse(t).map(|w| w.end.0 - w.start.0);
        assert_eq!(length("2024-06-01T10:30:00Z"), Some(1_000_000));
        assert_eq!(length("2024-06-01T10:30Z"), Some(60_000_000));
        assert_eq!(length("2024-06-01 10:30:00.5"), Some(100_000));
        assert_eq!(length("2024-06-01T10:30:00.123456789+02:00"), Some(1));
        assert_eq!(length("2024-02"), Some(29 * 86_400_000_000));
        assert_eq!(length("2023"), Some(365 * 86_400_000_000));
        for bad in [
            "",
            "24",
            "2024-6",
            "2024-06-31",
            "2024-06-01T25:00:00Z",
            "2024-06-01T10",
            "2024-06-01T10:30.5Z",
            "2024-06-01T10:30:60Z",
            "2024-06-01T10:30:00+2:00",
            "June 2024",
            "2024-06-01T10:30:00+99:00",
        ] {
            assert_eq!(length(bad), None, "{bad}");
        }
    }

    #[test]
    fn zones_are_brought_to_utc() {
        let start = |t: &str| Written::parse(t).map(|w| w.start);
        assert_eq!(start("2024-06-01T10:30:00+02:00"), start("2024-06-01T08:30:00Z"));
        assert_eq!(start("2024-06-01T10:30:00-0330"), start("2024-06-01T14:00:00"));
        assert_eq!(start("2024-06-01T10:30:00+02"), start("2024-06-01T08:30:00z"));
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(Duration::parse("P3D").and_then(Duration::exact_micros), Some(259_200_000_000));
        assert_eq!(Duration::parse("P1W"), Duration::parse("P7D"));
        assert_eq!(Duration::parse("PT0.5S").and_then(Duration::exact_micros), Some(500_000));
        assert_eq!(Duration::parse("P1Y2M"), Duration::parse("P14M"));
        assert_eq!(Duration::parse("P1M").and_then(Duration::exact_micros), None);
        for bad in ["", "P", "PT", "3D", "P3", "PD", "P-3D", "P1DT", "P1H", "P99999999999D"] {
            assert_eq!(Duration::parse(bad), None, "{bad}");
        }
    }
}
