//! What the name of a raster file says: its scene, its band, its time.
//!
//! Without a pattern a file is a scene of its own, and its time is the first of these that stands in its name, between things that are no digits:
//! `20240601T103021` (also with `_` or nothing between date and time), `2024-06-01T10:30:21` (also `-` for `:`), `2024-06-01`, `2024_06_01`,
//! `20240601`, `2024153` (year and day of the year), `2024-06`. A pattern says more: `{scene}_{time:%Y%j}_{band}.tif`.
//!
//! A name that states a day means that day from its first to its last instant, in UTC; the time that names it is then noon, which lies on that day
//! in mean solar time everywhere. A month likewise is a month, named by noon of its first day.

use chrono::{DateTime, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use cube_backend::{Error, Kind, Result};
use cube_core::TimeValue;
use regex::Regex;

/// When something was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The time that names it.
    pub nominal: TimeValue,
    /// First and last instant, where it was longer than a second.
    pub interval: Option<(TimeValue, TimeValue)>,
}

/// What a file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Files of one scene have the same; without a pattern, the name without its ending.
    pub scene: String,
    /// The band, where a pattern names one.
    pub band: Option<String>,
    /// The time, where the name states one.
    pub taken: Option<Taken>,
}

/// How the names of a folder's files are to be read: text with `{scene}`, `{band}`, `{time}` or `{time:FORMAT}` (as `strftime`) and `*`.
#[derive(Debug, Clone)]
pub struct Naming {
    regex: Regex,
    format: Option<String>,
}

impl Taken {
    /// An instant.
    pub fn at(t: DateTime<Utc>) -> Self {
        Self { nominal: TimeValue::from_datetime(t), interval: None }
    }

    /// A whole day.
    pub fn on(day: NaiveDate) -> Self {
        Self::during(day, day.succ_opt().unwrap_or(day))
    }

    fn during(first: NaiveDate, end: NaiveDate) -> Self {
        let midnight = |d: NaiveDate| d.and_time(NaiveTime::MIN).and_utc();
        let nominal = TimeValue::from_datetime(midnight(first) + TimeDelta::hours(12));
        Self { nominal, interval: Some((TimeValue::from_datetime(midnight(first)), TimeValue(TimeValue::from_datetime(midnight(end)).0 - 1))) }
    }

    /// Reads `YYYY:MM:DD hh:mm:ss`, the form of TIFF's tag `DateTime`; the tag knows no zone, and UTC is assumed.
    pub fn from_tiff(text: &str) -> Option<Self> {
        let t = NaiveDateTime::parse_from_str(text.trim_end_matches('\0').trim(), "%Y:%m:%d %H:%M:%S").ok()?;
        sensible(t.date()).then(|| Self::at(t.and_utc()))
    }

    /// The first time in a name.
    pub fn in_name(name: &str) -> Option<Self> {
        FORMS.iter().find_map(|(digits, format)| find(name, digits, format))
    }
}

impl Naming {
    /// Reads a pattern.
    ///
    /// # Errors
    /// An unknown placeholder, or one that stands twice, is [`Kind::Invalid`].
    pub fn parse(pattern: &str) -> Result<Self> {
        let bad = |what: String| {
            Error::new(Kind::Invalid, format!("the pattern `{pattern}` {what}")).with_hint("write for example `{scene}_{time:%Y%m%d}_{band}.tif`")
        };
        let (mut regex, mut format) = ("^".to_owned(), None);
        let mut rest = pattern;
        while let Some(open) = rest.find(['{', '*']) {
            regex.push_str(&regex::escape(&rest[..open]));
            if rest.as_bytes()[open] == b'*' {
                regex.push_str(".*?");
                rest = &rest[open + 1..];
                continue;
            }
            let close = rest[open..].find('}').ok_or_else(|| bad("has a `{` without `}`".into()))? + open;
            let (name, form) = rest[open + 1..close].split_once(':').map_or((&rest[open + 1..close], None), |(n, f)| (n, Some(f)));
            if !matches!(name, "scene" | "band" | "time") || (form.is_some() && name != "time") {
                return Err(bad(format!("has a placeholder `{}` that is not known", &rest[open..=close])));
            }
            if regex.contains(&format!("(?P<{name}>")) {
                return Err(bad(format!("has `{{{name}}}` twice")));
            }
            regex.push_str(&format!("(?P<{name}>.+?)"));
            format = form.map(str::to_owned).or(format);
            rest = &rest[close + 1..];
        }
        regex.push_str(&regex::escape(rest));
        regex.push('$');
        Ok(Self { regex: Regex::new(&regex).map_err(|e| bad("cannot be used".into()).with_source(e))?, format })
    }

    /// What a file name says; `None` when it does not have this form, or its time cannot be read.
    pub fn read(&self, file_name: &str) -> Option<FileName> {
        let found = self.regex.captures(file_name)?;
        let part = |name: &str| found.name(name).map(|m| m.as_str());
        let taken = match (part("time"), &self.format) {
            (None, _) => None,
            (Some(text), Some(format)) => Some(by_format(text, format)?),
            (Some(text), None) => Some(Taken::in_name(text)?),
        };
        let scene = part("scene").map_or_else(|| scene_without(file_name, part("band")), str::to_owned);
        let scene = match part("time") {
            // Scenes of one place differ in their time.
            Some(time) if part("scene").is_some_and(|s| !s.contains(time)) => format!("{scene}_{time}"),
            _ => scene,
        };
        Some(FileName { scene, band: part("band").map(str::to_owned), taken })
    }
}

/// What a name says by itself.
pub fn read_name(file_name: &str) -> FileName {
    let scene = stem(file_name);
    FileName { taken: Taken::in_name(scene), scene: scene.to_owned(), band: None }
}

fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

/// The name without its band, which is what the files of one scene share.
fn scene_without(file_name: &str, band: Option<&str>) -> String {
    let stem = stem(file_name);
    let Some(band) = band else { return stem.to_owned() };
    let rest = stem.replacen(band, "", 1);
    rest.trim_matches(['_', '-', '.']).replace("__", "_")
}

/// Forms of a time: digits are `9`, other characters stand for themselves.
const FORMS: [(&str, &str); 11] = [
    ("99999999T999999", "%Y%m%dT%H%M%S"),
    ("99999999_999999", "%Y%m%d_%H%M%S"),
    ("99999999999999", "%Y%m%d%H%M%S"),
    ("9999-99-99T99:99:99", "%Y-%m-%dT%H:%M:%S"),
    ("9999-99-99T99-99-99", "%Y-%m-%dT%H-%M-%S"),
    ("9999-99-99T999999", "%Y-%m-%dT%H%M%S"),
    ("9999-99-99", "%Y-%m-%d"),
    ("9999_99_99", "%Y_%m_%d"),
    ("99999999", "%Y%m%d"),
    ("9999999", "%Y%j"),
    ("9999-99", "%Y-%m"),
];

fn find(name: &str, digits: &str, format: &str) -> Option<Taken> {
    let (name, form) = (name.as_bytes(), digits.as_bytes());
    let fits = |at: usize| {
        let window = &name[at..at + form.len()];
        let edge = |i: Option<&u8>| i.is_none_or(|b| !b.is_ascii_digit());
        window.iter().zip(form).all(|(b, f)| if *f == b'9' { b.is_ascii_digit() } else { b == f })
            && edge(at.checked_sub(1).and_then(|i| name.get(i)))
            && edge(name.get(at + form.len()))
    };
    (0..(name.len() + 1).saturating_sub(form.len()))
        .filter(|at| fits(*at))
        .find_map(|at| by_format(std::str::from_utf8(&name[at..at + form.len()]).ok()?, format))
}

fn by_format(text: &str, format: &str) -> Option<Taken> {
    if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
        return sensible(t.date()).then(|| Taken::at(t.and_utc()));
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, format) {
        return sensible(day).then(|| Taken::on(day));
    }
    let month = NaiveDate::parse_from_str(&format!("{text} 1"), &format!("{format} %d")).ok().filter(|d| sensible(*d))?;
    Some(Taken::during(month, month.checked_add_months(Months::new(1))?))
}

/// Numbers that are no dates are seldom dates of this age.
fn sensible(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (1950..2100).contains(&day.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn text(t: Taken) -> String {
        match t.interval {
            None => time::text(t.nominal),
            Some((a, b)) => format!("{} in {}/{}", time::text(t.nominal), time::text(a), time::text(b)),
        }
    }

    #[test]
    fn times_are_found_in_names() {
        for (name, expected) in [
            ("S2B_MSIL2A_20220130T102159_N0400_R065_T32TLR", Some("2022-01-30T10:21:59Z")),
            ("ndvi_20240601", Some("2024-06-01T12:00:00Z in 2024-06-01T00:00:00Z/2024-06-01T23:59:59.999999Z")),
            ("x-2024-06-01-v2", Some("2024-06-01T12:00:00Z in 2024-06-01T00:00:00Z/2024-06-01T23:59:59.999999Z")),
            ("LC08_L1TP_198029_20220331_20220406_02_T1", Some("2022-03-31T12:00:00Z in 2022-03-31T00:00:00Z/2022-03-31T23:59:59.999999Z")),
            ("MCD43A4.A2022073.h28v08.006.2022082044758", Some("2022-03-14T12:00:00Z in 2022-03-14T00:00:00Z/2022-03-14T23:59:59.999999Z")),
            ("rain_2024-02", Some("2024-02-01T12:00:00Z in 2024-02-01T00:00:00Z/2024-02-29T23:59:59.999999Z")),
            ("2024-06-01T10-30-21_B04", Some("2024-06-01T10:30:21Z")),
            ("dem_2048_1024", None),
            ("tile_99999999", None),
            ("dem", None),
            ("é20240601é", Some("2024-06-01T12:00:00Z in 2024-06-01T00:00:00Z/2024-06-01T23:59:59.999999Z")),
        ] {
            assert_eq!(Taken::in_name(name).map(text).as_deref(), expected, "{name}");
        }
        assert_eq!(Taken::from_tiff("2024:06:01 10:30:21\0").map(text).as_deref(), Some("2024-06-01T10:30:21Z"));
        assert_eq!(Taken::from_tiff("0000:00:00 00:00:00"), None);
    }

    #[test]
    fn patterns_name_scene_band_and_time() {
        let read = |pattern: &str, name: &str| {
            Naming::parse(pattern).expect(pattern).read(name).map(|f| (f.scene, f.band, f.taken.map(|t| time::text(t.nominal))))
        };
        let some = |scene: &str, band: Option<&str>, t: Option<&str>| Some((scene.to_owned(), band.map(str::to_owned), t.map(str::to_owned)));
        assert_eq!(
            read("{scene}_{time:%Y%m%d}_{band}.tif", "32TLR_20240601_B04.tif"),
            some("32TLR_20240601", Some("B04"), Some("2024-06-01T12:00:00Z"))
        );
        assert_eq!(read("{scene}_{band}.tif", "a_b_c.tif"), some("a", Some("b_c"), None));
        assert_eq!(read("*_{time:%y%j}.tif", "x_24153.tif"), some("x_24153", None, Some("2024-06-01T12:00:00Z")));
        assert_eq!(read("{time}_{band}.tif", "20240601T101112_red.tif"), some("20240601T101112", Some("red"), Some("2024-06-01T10:11:12Z")));
        assert_eq!(read("{time:%Y}_{band}.tif", "nothing.tif"), None);
        assert_eq!(read("y{time:%Y}.tif", "y2020.tif"), None, "a year alone is no format that chrono can read");
        for (bad, what) in [("{scene", "without `}`"), ("{tile}.tif", "{tile}"), ("{band}_{band}", "twice"), ("{band:%Y}", "{band:%Y}")] {
            let e = Naming::parse(bad).expect_err(bad);
            assert!(e.to_string().contains(what) && e.hint().is_some(), "{e}");
        }
    }
}
