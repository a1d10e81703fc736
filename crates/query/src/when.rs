//! Times: between which instants, and on which days of the year.

use chrono::{Datelike, SecondsFormat};
use cube_core::{Period, TimeValue, Toi};
use serde_json::{Value, json};

use crate::{
    field::{Item, Misread, Wire, number},
    problem::{Problem, plain},
};

const MILLISECOND: i64 = 1_000;
const HINT: &str = "write `2024`, `2024-06`, `2024-06-01`, `2024-06-01/2024-06-30`, `2024-06-01/..`, or [\"2024-06-01\", \"2024-06-30\"]";

/// A time, and within each of its years perhaps only some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// First instant inside, first instant after.
    pub period: Period,
    /// Only these days of each year.
    pub season: Option<Season>,
}

/// Days of the year, 1 to 366, both inclusive. A first day after the last reaches over the turn of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Season {
    /// The first day; absent for the first of the year.
    pub first: Option<u16>,
    /// The last day; absent for the last of the year.
    pub last: Option<u16>,
}

impl When {
    /// All of a period.
    pub const fn during(period: Period) -> Self {
        Self { period, season: None }
    }

    /// Whether what lasted from `first` to `last`, both inclusive, was there at such a time. Days begin in UTC.
    pub fn meets(&self, first: TimeValue, last: TimeValue) -> bool {
        let from = self.period.start.map_or(first, |start| start.max(first));
        let to = self.period.end.map_or(last, |end| TimeValue(end.0 - 1).min(last));
        from <= to && self.season.is_none_or(|season| season.has_day_within(from, to))
    }

    /// Reads what a person writes: a date, a month, a year, an interval `a/b` (both inclusive to their written precision; either may be
    /// `..`), or as CMR writes it `a,b` with perhaps a season, `a,b,1,31`.
    fn parse(given: &Value, text: &str) -> Result<Self, Misread> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let (interval, days) = match &parts[..] {
            [iso, days @ ..] if iso.contains('/') => ((*iso).to_owned(), days),
            [a, b, days @ ..] => (format!("{a}/{b}"), days),
            one => (text.to_owned(), &one[..0]),
        };
        Ok(Self { period: parse_period(given, &interval)?, season: season(given, days)? })
    }
}

impl Season {
    /// Whether a day of the year, from 1 on, belongs to it.
    pub fn contains(&self, day: u32) -> bool {
        let (first, last) = (self.first.map_or(1, u32::from), self.last.map_or(366, u32::from));
        if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last }
    }

    fn has_day_within(&self, from: TimeValue, to: TimeValue) -> bool {
        /// Between 1896 and 1904 no year had a day 366; nothing comes more rarely.
        const EIGHT_YEARS: usize = 8 * 366;
        let [from, to] = [from, to].map(|t| t.to_datetime().date_naive());
        from.iter_days().take_while(|day| *day <= to).take(EIGHT_YEARS).any(|day| self.contains(day.ordinal()))
    }
}

fn season(given: &Value, days: &[&str]) -> Result<Option<Season>, Misread> {
    let day = |i: usize| match days.get(i) {
        None | Some(&"") => Ok(None),
        Some(t) => t
            .parse()
            .map(Some)
            .map_err(|_| Misread::new(given, format!("has `{t}` where a day of the year should be"), "days of the year are 1 to 366")),
    };
    if days.len() > 2 {
        return Err(Misread::new(given, "has too many parts", HINT));
    }
    let season = Season { first: day(0)?, last: day(1)? };
    Ok((season.first.is_some() || season.last.is_some()).then_some(season))
}

/// One period as a person writes it.
fn parse_period(given: &Value, text: &str) -> Result<Period, Misread> {
    let text = if matches!(text, "/" | "../" | "/..") { ".." } else { text };
    let toi = Toi::parse(text).map_err(|e| {
        let message = match &e {
            cube_core::Error::Invalid { problem, .. } => problem.clone(),
            other => other.to_string(),
        };
        Misread::new(given, message, e.hint().unwrap_or_else(|| HINT.to_owned()))
    })?;
    match toi.periods() {
        [one] => Ok(*one),
        _ => Err(Misread::new(given, "is more than one time", HINT)),
    }
}

impl Item for When {
    /// A list of two dates, or of two dates and days, is one interval; a list of intervals is several.
    fn split(given: Value) -> Vec<Value> {
        match given {
            Value::Null => Vec::new(),
            Value::Array(all) if !is_pair(&all) => all,
            one => vec![one],
        }
    }

    fn read(given: &Value) -> Result<Self, Misread> {
        let text = |v: &Value| if v.is_null() || v == ".." { String::new() } else { plain(v) };
        match given {
            Value::String(t) => Self::parse(given, t),
            // A year.
            Value::Number(n) => Self::parse(given, &n.to_string()),
            Value::Array(all) if is_pair(all) => Self::parse(given, &all.iter().map(text).collect::<Vec<_>>().join(",")),
            Value::Object(map) => {
                let end = |name: &str| map.get(name).map(text).unwrap_or_default();
                let interval = map.get("interval").map_or_else(|| format!("{}/{}", end("start"), end("end")), plain);
                let days = match map.get("days") {
                    Some(Value::Array(days)) => days.iter().map(text).collect::<Vec<_>>(),
                    None => Vec::new(),
                    Some(other) => return Err(Misread::new(given, format!("has days `{other}`"), "write the days as [1, 31]")),
                };
                let days: Vec<&str> = days.iter().map(String::as_str).collect();
                Ok(Self { period: parse_period(given, &interval)?, season: season(given, &days)? })
            }
            _ => Err(Misread::new(given, "is not a time", HINT)),
        }
    }

    fn write_apart(&self) -> Value {
        let written = self.write();
        if written.is_object() { written } else { json!({ "interval": written }) }
    }

    fn write(&self) -> Value {
        match self.season {
            None => self.period.write(),
            Some(s) => json!({"interval": self.period.write(), "days": [s.first, s.last]}),
        }
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Some(season) = self.season else { return problems };
        for day in [season.first, season.last].into_iter().flatten().filter(|d| !(1..=366).contains(d)) {
            problems.push(Problem::wrong(field, day, "is not a day of the year", "days of the year are 1 to 366"));
        }
        if self.period.start.is_none() {
            let hint = "give the first year too: `2000-01-01/..` with days [1, 31]";
            problems.push(Problem::wrong(field, plain(&self.write()), "has a season and no beginning", hint));
        }
        problems
    }
}

/// `[start, end]`, `[start, end, first day, last day]`, with dates that hold neither `/` nor `,`.
fn is_pair(all: &[Value]) -> bool {
    let end = |v: &Value| v.is_null() || v.as_str().is_some_and(|t| !t.contains(['/', ',']));
    let day = |v: &Value| v.is_null() || number(v).is_some();
    matches!(all, [a, b, days @ ..] if days.len() <= 2 && end(a) && end(b) && days.iter().all(day))
}

impl Wire for When {
    fn send(&self) -> Option<String> {
        let interval = self.period.send();
        let Some(s) = self.season else { return interval };
        let day = |d: Option<u16>| d.map_or(String::new(), |d| d.to_string());
        let days = format!(",{},{}", day(s.first), day(s.last));
        Some(interval.unwrap_or_else(|| ",".into()) + &days)
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        let given = Value::from(text);
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let ends = if parts[0].contains('/') { 1 } else { 2.min(parts.len()) };
        Ok(Self { period: receive_period(&given, &parts[..ends].join(","))?, season: season(&given, &parts[ends..])? })
    }
}

/// Reads an interval as CMR does: a date is its first instant, and both ends are inclusive.
fn receive_period(given: &Value, text: &str) -> Result<Period, Misread> {
    let after = |t: TimeValue| TimeValue(t.0 + MILLISECOND);
    let period = match text.split_once(['/', ',']) {
        Some((a, b)) if a.starts_with('P') || b.starts_with('P') => {
            let p = parse_period(given, &format!("{a}/{b}"))?;
            Period { start: p.start, end: p.end.map(after) }
        }
        Some((a, b)) => {
            let end = |t: &str| if matches!(t.trim(), "" | "..") { Ok(None) } else { first_instant(given, t).map(Some) };
            Period { start: end(a)?, end: end(b)?.map(after) }
        }
        // What has no second end goes on.
        None => Period { start: Some(first_instant(given, text)?), end: None },
    };
    match (period.start, period.end) {
        (Some(s), Some(e)) if s >= e => Err(Misread::new(given, "ends before it begins", "write the earlier time first")),
        _ => Ok(period),
    }
}

fn first_instant(given: &Value, text: &str) -> Result<TimeValue, Misread> {
    parse_period(given, text.trim())?.start.ok_or_else(|| Misread::new(given, "has no beginning", HINT))
}

/// The first instant after another that CMR can tell from it.
pub(crate) fn next_millisecond(t: TimeValue) -> TimeValue {
    TimeValue((t.0.div_euclid(MILLISECOND) + 1) * MILLISECOND)
}

/// RFC 3339 in UTC, with as many decimals as are needed.
pub(crate) fn instant(t: TimeValue) -> String {
    t.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl Item for Period {
    fn split(given: Value) -> Vec<Value> {
        When::split(given)
    }

    fn read(given: &Value) -> Result<Self, Misread> {
        match When::read(given)? {
            When { period, season: None } => Ok(period),
            _ => Err(Misread::new(given, "has a season, which only `temporal` can have", HINT)),
        }
    }

    fn write_apart(&self) -> Value {
        json!({"interval": self.write()})
    }

    /// The shortest text that is read back as the same.
    fn write(&self) -> Value {
        Toi::from_periods([*self]).to_string().into()
    }
}

impl Wire for Period {
    /// `start,end`, both inclusive, to the millisecond, which is as fine as CMR reads; `None` for all of time.
    fn send(&self) -> Option<String> {
        if *self == Self::ALWAYS {
            return None;
        }
        let text = |t: Option<TimeValue>| t.map_or(String::new(), |t| instant(TimeValue(t.0.div_euclid(MILLISECOND) * MILLISECOND)));
        Some(format!("{},{}", text(self.start), text(self.end.map(|e| TimeValue(e.0 - 1)))))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        receive_period(&text.into(), text)
    }
}

impl Item for TimeValue {
    /// A date, month or year is its first instant.
    fn read(given: &Value) -> Result<Self, Misread> {
        let text = plain(given);
        if text.contains(['/', ',']) {
            return Err(Misread::new(given, "is an interval where one instant is wanted", "write one date or time, such as `2024-06-01`"));
        }
        first_instant(given, &text)
    }

    fn write(&self) -> Value {
        instant(*self).into()
    }
}

impl Wire for TimeValue {
    fn send(&self) -> Option<String> {
        Some(instant(*self))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        first_instant(&text.into(), text)
    }
}

/// A period as STAC's `datetime`: both ends inclusive, to the microsecond. `None` for all of time.
pub(crate) fn to_stac(p: &Period) -> Option<String> {
    // RFC 3339 knows the years 0 to 9999, and servers none before 1.
    let (first, last) = (TimeValue(-62_135_596_800_000_000), TimeValue(253_402_300_799_999_999));
    let text = |t: Option<TimeValue>| t.map_or_else(|| "..".to_owned(), |t| instant(t.clamp(first, last)));
    match (p.start, p.end) {
        (None, None) => None,
        (Some(s), Some(e)) if e.0 - s.0 == 1 => Some(text(Some(s))),
        (s, e) => Some(format!("{}/{}", text(s), text(e.map(|e| TimeValue(e.0 - 1))))),
    }
}

/// Reads STAC's `datetime`: full times are instants, both inclusive; a date, month or year is all of it.
pub(crate) fn from_stac(given: &Value) -> Result<Period, Misread> {
    let text = plain(given);
    let p = Period::read(given)?;
    let (a, b) = text.split_once('/').unwrap_or((&text, &text));
    if !b.contains(['T', 't', ' ']) || b.starts_with('P') || a.starts_with('P') {
        return Ok(p);
    }
    Ok(Period { start: p.start, end: Some(TimeValue(first_instant(given, b)?.0 + 1)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_what_cmr_takes() {
        for (given, wire) in [
            (json!("2024-06"), "2024-06-01T00:00:00Z,2024-06-30T23:59:59.999Z"),
            (json!(2024), "2024-01-01T00:00:00Z,2024-12-31T23:59:59.999Z"),
            (json!("2024-06-01"), "2024-06-01T00:00:00Z,2024-06-01T23:59:59.999Z"),
            (json!("2024-06-01/2024-06-10"), "2024-06-01T00:00:00Z,2024-06-10T23:59:59.999Z"),
            (json!("2024-06-01/.."), "2024-06-01T00:00:00Z,"),
            (json!("../2024-06-01"), ",2024-06-01T23:59:59.999Z"),
            (json!(["2024-06-01", "2024-06-10"]), "2024-06-01T00:00:00Z,2024-06-10T23:59:59.999Z"),
            (json!(["2024-06-01", null]), "2024-06-01T00:00:00Z,"),
            (json!([null, "2024-06"]), ",2024-06-30T23:59:59.999Z"),
            (json!(["..", "2024-06"]), ",2024-06-30T23:59:59.999Z"),
            (json!({"start": "2024-06-01"}), "2024-06-01T00:00:00Z,"),
            (json!({"start": "2000", "end": "2023-01", "days": [1, 31]}), "2000-01-01T00:00:00Z,2023-01-31T23:59:59.999Z,1,31"),
            (json!("2000-01-01,2023-01-31,1,31"), "2000-01-01T00:00:00Z,2023-01-31T23:59:59.999Z,1,31"),
            (json!("2000-01-01,,30"), "2000-01-01T00:00:00Z,,30,"),
            (json!("2024-06-01T10:30:00+02:00"), "2024-06-01T08:30:00Z,2024-06-01T08:30:00.999Z"),
            (json!("2024-06-01/P10D"), "2024-06-01T00:00:00Z,2024-06-10T23:59:59.999Z"),
        ] {
            let when = When::read(&given).expect("a time");
            assert_eq!(when.send().as_deref(), Some(wire), "{given}");
            assert_eq!(When::read(&when.write()), Ok(when), "{given}: written and read");
            assert_eq!(When::receive(wire), Ok(when), "{wire}");
        }
        assert_eq!(When::read(&json!("..")).map(|w| w.send()), Ok(None));
    }

    #[test]
    fn cmr_times_are_instants_and_inclusive() {
        for (wire, again) in [
            ("2024-02-27T00:00:00Z,2024-02-29T00:00:00Z", None),
            ("2020-01-01T00:00:00Z,2020-01-01T00:00:00Z", None),
            ("2021-02-01T00:00:00Z,2021-03-01T23:59:59Z", None),
            (",2021-03-01T23:59:59Z", None),
            ("2000-01-01T10:00:00Z,,30,", None),
            ("2024-10-11T00:00:01+00:00/2024-10-11T23:59:59+00:00", Some("2024-10-11T00:00:01Z,2024-10-11T23:59:59Z")),
            ("2000-01-01T10:00:00Z/P10Y2M10DT2H", Some("2000-01-01T10:00:00Z,2010-03-11T12:00:00Z")),
            ("2000-01-01,2001-01-01", Some("2000-01-01T00:00:00Z,2001-01-01T00:00:00Z")),
            ("/2010-03-10T12:00:00Z", Some(",2010-03-10T12:00:00Z")),
            ("2000-01-01T10:00:00Z/", Some("2000-01-01T10:00:00Z,")),
            ("2000-01-01T00:00:00.000Z,2023-01-31T23:59:59.999Z,1,31", Some("2000-01-01T00:00:00Z,2023-01-31T23:59:59.999Z,1,31")),
        ] {
            assert_eq!(When::receive(wire).expect("a time").send().as_deref(), Some(again.unwrap_or(wire)));
        }
        assert!(When::receive("2024-02-27T00:00:00Z,2023-02-01T00:00:00Z").is_err());
        assert!(When::receive("2024-02-30T00:00:00Z,").is_err());
    }

    #[test]
    fn stac_times_are_read_back() {
        for text in
            ["2024-06-01T00:00:00Z/2024-06-30T23:59:59.999999Z", "../2024-06-30T23:59:59Z", "2024-06-01T10:30:00Z", "2024-06-01T10:30:00.250Z/.."]
        {
            let p = from_stac(&text.into()).expect("a time");
            assert_eq!(to_stac(&p).as_deref(), Some(text));
        }
        let june = from_stac(&"2024-06-01/2024-06-30".into()).expect("a time");
        assert_eq!(to_stac(&june).as_deref(), Some("2024-06-01T00:00:00Z/2024-06-30T23:59:59.999999Z"));
    }

    #[test]
    fn seasons_hold_days_of_every_year() {
        let meets = |when: &str, item: &str| {
            let (when, item) = (When::read(&when.into()).expect("a time"), Period::read(&item.into()).expect("an interval"));
            when.meets(item.start.expect("a start"), TimeValue(item.end.expect("an end").0 - 1))
        };
        for (when, item, expected) in [
            ("2020-01-01,2024-12-31,152,243", "2023-06-01", true),
            ("2020-01-01,2024-12-31,152,243", "2023-05-31", false),
            ("2020-01-01,2024-12-31,152,243", "2024-05-31", true),
            ("2020-01-01,2024-12-31,152,243", "2023-08-31T23:59:59Z", true),
            ("2020-01-01,2024-12-31,152,243", "2023-09-01", false),
            ("2020-01-01,2024-12-31,152,243", "2025-07-01", false),
            ("2020-01-01,2024-12-31,335,59", "2024-01-10", true),
            ("2020-01-01,2024-12-31,335,59", "2024-12-10", true),
            ("2020-01-01,2024-12-31,335,59", "2024-07-01", false),
            ("2020-01-01,2024-12-31,335,59", "2024-06-01/2024-11-29", false),
            ("2020-01-01,2024-12-31,335,59", "2024-06-01/2024-11-30", true),
            ("2020-01-01,2024-06-30,152,243", "2024-01-01/2024-12-31", true),
            ("2020-01-01,2024-05-30,152,243", "2024-01-01/2024-12-31", false),
            ("2020-01-01,2024-12-31,366,366", "2021-01-01/2023-12-31", false),
            ("2020-01-01,2024-12-31,366,366", "2021-01-01/2024-12-31", true),
            ("2020-01-01,2024-12-31,335", "2024-12-31", true),
            ("2020-01-01,2024-12-31,,59", "2024-03-01", false),
            ("2020-01-01,2024-12-31", "2024-03-01", true),
        ] {
            assert_eq!(meets(when, item), expected, "{when} and {item}");
        }
    }

    #[test]
    fn lists_are_one_interval_or_several() {
        let count = |v: Value| When::split(v).len();
        assert_eq!(count(json!(["2024-06-01", "2024-06-10"])), 1);
        assert_eq!(count(json!(["2024-06-01/2024-06-02", "2024-07"])), 2);
        assert_eq!(count(json!(["2024-01", "2024-03", "2024-05"])), 3);
        assert_eq!(count(json!([["2024-01", "2024-03"], ["2024-05", null]])), 2);
        assert_eq!(count(json!("2024")), 1);
    }

    #[test]
    fn wrong_times_say_what_to_write() {
        for bad in [json!("June"), json!("2024-06-31"), json!(["2024-06-01", "2023-06-01"]), json!(true), json!("2024,2025,1,x"), json!({"days": 3})]
        {
            assert!(!When::read(&bad).expect_err("refused").hint.is_empty(), "{bad}");
        }
        let problems = When::read(&json!("2000,2001,0,400")).expect("read").check("temporal");
        assert_eq!(problems.len(), 2);
        assert_eq!(When::read(&json!("../2001,1,30")).expect("read").check("temporal").len(), 1);
    }
}
