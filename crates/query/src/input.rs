//! What a field may be given.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use cube_core::{Period, TimeValue, Toi};
use serde_json::Value;

use crate::{Attribute, BoundingBox, Circle, CollectionId, DayNight, Line, Pass, Point, Polygon, Range, ScienceKeywords, SortKey, When, field::Item};

/// What a setter takes: texts, numbers, booleans, dates, lists and tuples of these, or JSON. What it means is up to the field; what a
/// field cannot read is kept, and named by `validate`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input(pub(crate) Value);

macro_rules! as_json {
    ($($type:ty),*) => { $(impl From<$type> for Input {
        fn from(v: $type) -> Self {
            Self(v.into())
        }
    })* };
}
as_json!(&str, String, bool, i32, i64, u16, u32, u64, usize, Value);

// Also in a list of several, each is a value of its own.
macro_rules! as_written {
    ($($type:ty),*) => { $(impl From<$type> for Input {
        fn from(v: $type) -> Self {
            Self(v.write_apart())
        }
    })* };
}
as_written!(Attribute, BoundingBox, Circle, CollectionId, DayNight, Line, Pass, Period, Point, Polygon, Range, ScienceKeywords, SortKey, When);

impl From<&String> for Input {
    fn from(v: &String) -> Self {
        v.as_str().into()
    }
}

impl From<f64> for Input {
    /// What is not finite has no JSON number; as a text no field reads it as one.
    fn from(v: f64) -> Self {
        Self(if v.is_finite() { v.into() } else { v.to_string().into() })
    }
}

impl From<f32> for Input {
    fn from(v: f32) -> Self {
        f64::from(v).into()
    }
}

impl<T: Into<Self>> From<Option<T>> for Input {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self(Value::Null), Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Input {
    fn from(v: Vec<T>) -> Self {
        Self(v.into_iter().map(|i| i.into().0).collect())
    }
}

impl<T: Into<Self>, const N: usize> From<[T; N]> for Input {
    fn from(v: [T; N]) -> Self {
        Self(v.into_iter().map(|i| i.into().0).collect())
    }
}

impl<T: Into<Self> + Clone> From<&[T]> for Input {
    fn from(v: &[T]) -> Self {
        Self(v.iter().map(|i| i.clone().into().0).collect())
    }
}

macro_rules! tuples {
    ($(($($t:ident $at:tt),*)),*) => { $(impl<$($t: Into<Input>),*> From<($($t,)*)> for Input {
        fn from(v: ($($t,)*)) -> Self {
            Self(Value::Array(vec![$(v.$at.into().0),*]))
        }
    })* };
}
tuples!((A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3));

impl From<NaiveDate> for Input {
    /// The whole day.
    fn from(d: NaiveDate) -> Self {
        d.format("%Y-%m-%d").to_string().into()
    }
}

impl From<DateTime<Utc>> for Input {
    fn from(t: DateTime<Utc>) -> Self {
        t.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
    }
}

impl From<NaiveDateTime> for Input {
    /// As UTC.
    fn from(t: NaiveDateTime) -> Self {
        t.and_utc().into()
    }
}

impl From<TimeValue> for Input {
    fn from(t: TimeValue) -> Self {
        t.to_datetime().into()
    }
}

impl From<Toi> for Input {
    /// Each period of it.
    fn from(toi: Toi) -> Self {
        match toi.periods() {
            [one] => (*one).into(),
            all => Self(all.iter().map(Item::write_apart).collect()),
        }
    }
}
