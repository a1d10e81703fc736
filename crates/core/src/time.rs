use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// An instant: microseconds since 1970-01-01T00:00:00Z, as a cube's time coordinate stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeValue(pub i64);

impl TimeValue {
    /// From a date and time.
    pub fn from_datetime(t: DateTime<Utc>) -> Self {
        Self(t.timestamp_micros())
    }

    /// As a date and time; the far ends of the calendar stand for what lies beyond them.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
    }

    fn from_date(d: NaiveDate) -> Self {
        Self::from_datetime(d.and_time(NaiveTime::MIN).and_utc())
    }
}

impl fmt::Display for TimeValue {
    /// RFC 3339; midnight is written as a date alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.to_datetime();
        if t.time() == NaiveTime::MIN { write!(f, "{}", t.format("%Y-%m-%d")) } else { f.write_str(&t.to_rfc3339_opts(SecondsFormat::AutoSi, true)) }
    }
}

/// A half-open interval of time, `start ≤ t < end`; an end that is absent is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// First instant inside.
    pub start: Option<TimeValue>,
    /// First instant after.
    pub end: Option<TimeValue>,
}

impl Period {
    /// All of time.
    pub const ALWAYS: Self = Self { start: None, end: None };

    /// Between two instants.
    pub const fn new(start: TimeValue, end: TimeValue) -> Self {
        Self { start: Some(start), end: Some(end) }
    }

    /// Whether an instant lies inside.
    pub fn contains(&self, t: TimeValue) -> bool {
        self.start.is_none_or(|s| s <= t) && self.end.is_none_or(|e| t < e)
    }

    /// What lies in both; `None` when nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = match (self.end, other.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (start.zip(end).is_none_or(|(s, e)| s < e)).then_some(Self { start, end })
    }
}

/// How acquisitions are gathered into steps of the time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TimeStep {
    /// No time axis: everything goes into one array.
    None,
    /// One step for each acquisition time.
    Instant,
    /// One step for each day of mean solar time, at the longitude of the centre of the cube's grid:
    /// UTC shifted by `trunc(longitude / 15)` whole hours (odc-stac's rule).
    #[default]
    SolarDay,
    /// One step for each UTC day.
    Day,
    /// One step for each UTC month.
    Month,
    /// One step for each UTC year.
    Year,
}

impl TryFrom<String> for TimeStep {
    type Error = Error;
    fn try_from(s: String) -> Result<Self> {
        Ok(match s.as_str() {
            "none" => Self::None,
            "instant" => Self::Instant,
            "solar_day" => Self::SolarDay,
            "P1D" => Self::Day,
            "P1M" => Self::Month,
            "P1Y" => Self::Year,
            _ => return Err(Error::invalid("time step", s, "is not known").with_hint("use `instant`, `solar_day`, `P1D`, `P1M`, `P1Y` or `none`")),
        })
    }
}

impl From<TimeStep> for String {
    fn from(s: TimeStep) -> Self {
        s.to_string()
    }
}

impl fmt::Display for TimeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Instant => "instant",
            Self::SolarDay => "solar_day",
            Self::Day => "P1D",
            Self::Month => "P1M",
            Self::Year => "P1Y",
        })
    }
}

/// The time axis of a cube: how instants become steps, and which steps there can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeAxis {
    /// How acquisitions are gathered.
    pub step: TimeStep,
    /// Hours added to UTC before a day is cut (`solar_day` only).
    #[serde(default)]
    pub utc_offset_hours: i32,
    /// The steps of a declared axis, sorted; absent when the axis grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Vec<TimeValue>>,
    /// How long after its end a step may still gain patches, in microseconds: a search made earlier is not final.
    pub settle_micros: i64,
}

impl TimeAxis {
    /// The step that an instant belongs to: the value of the time coordinate. For a cube without time always 0.
    pub fn step_of(&self, t: TimeValue) -> TimeValue {
        let local = t.to_datetime() + TimeDelta::hours(self.utc_offset_hours.into());
        let date = local.date_naive();
        match self.step {
            TimeStep::None => TimeValue(0),
            TimeStep::Instant => t,
            TimeStep::SolarDay | TimeStep::Day => TimeValue::from_date(date),
            TimeStep::Month => TimeValue::from_date(date.with_day(1).unwrap_or(date)),
            TimeStep::Year => TimeValue::from_date(date.with_ordinal(1).unwrap_or(date)),
        }
    }

    /// The instants (UTC) that belong to a step. An instant's own step is one microsecond long.
    pub fn period_of(&self, step: TimeValue) -> Period {
        let start = step.to_datetime();
        let end = match self.step {
            TimeStep::None => return Period::ALWAYS,
            TimeStep::Instant => return Period::new(step, TimeValue(step.0 + 1)),
            TimeStep::SolarDay | TimeStep::Day => start.checked_add_days(Days::new(1)),
            TimeStep::Month => start.checked_add_months(Months::new(1)),
            TimeStep::Year => start.checked_add_months(Months::new(12)),
        };
        let shift = TimeDelta::hours(self.utc_offset_hours.into());
        Period { start: Some(TimeValue::from_datetime(start - shift)), end: end.map(|e| TimeValue::from_datetime(e - shift)) }
    }

    /// The smallest union of whole steps that holds a period, in UTC.
    #[must_use]
    pub fn widen(&self, p: Period) -> Period {
        let start = p.start.and_then(|s| self.period_of(self.step_of(s)).start);
        let end = p.end.and_then(|e| self.period_of(self.step_of(TimeValue(e.0 - 1))).end);
        Period { start, end }
    }

    /// Whether new steps may appear.
    pub fn grows(&self) -> bool {
        self.step != TimeStep::None && self.declared.is_none()
    }
}
