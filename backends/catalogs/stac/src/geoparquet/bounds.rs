//! Which row groups and rows can hold an answer, from the columns of boxes and times.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch, StructArray, cast::AsArray, types::Float64Type};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use cube_core::{Extent, Period, TimeValue};
use parquet::{
    arrow::arrow_reader::ArrowReaderMetadata,
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};
use serde_json::Value;

use super::rows;
use crate::wanted::Wanted;

/// The leaves that bound an item in space and time.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Leaves of `xmin, ymin, xmax, ymax`, doubles.
    sides: Option<[usize; 4]>,
    /// Names of the struct and its members.
    covering: Option<(String, [String; 4])>,
    /// Leaves and units of `datetime`, `start_datetime`, `end_datetime`.
    times: [Option<(usize, TimeUnit)>; 3],
}

const TIMES: [&str; 3] = ["datetime", "start_datetime", "end_datetime"];

impl Bounds {
    /// From the metadata of a file: the covering that `geo` announces, else a struct `bbox`.
    pub(super) fn of(metadata: &ArrowReaderMetadata) -> Self {
        let parquet = metadata.parquet_schema();
        let leaf = |path: &[&str]| parquet.columns().iter().position(|c| c.path().parts().iter().map(String::as_str).eq(path.iter().copied()));
        let covering = announced(metadata).unwrap_or_else(|| ("bbox".to_owned(), ["xmin", "ymin", "xmax", "ymax"].map(str::to_owned)));
        let double = |i: &usize| parquet.column(*i).physical_type() == parquet::basic::Type::DOUBLE;
        let sides = covering.1.each_ref().map(|member| leaf(&[&covering.0, member]).filter(double));
        let sides = if let [Some(a), Some(b), Some(c), Some(d)] = sides { Some([a, b, c, d]) } else { None };
        let time = |name: &str| match metadata.schema().field_with_name(name).ok()?.data_type() {
            DataType::Timestamp(unit, _) => Some((leaf(&[name])?, *unit)),
            _ => None,
        };
        Self { covering: sides.map(|_| covering), sides, times: TIMES.map(time) }
    }

    /// The leaves that [`Self::admits`] reads.
    pub(super) fn leaves(&self) -> impl Iterator<Item = usize> {
        self.sides.into_iter().flatten().chain(self.times.into_iter().flatten().map(|t| t.0))
    }

    /// Whether a row group can hold an answer.
    pub(super) fn may_hold(&self, group: &RowGroupMetaData, wanted: &Wanted) -> bool {
        let touches = |area: &Extent| self.sides.is_none_or(|sides| touches_group(group, sides, area));
        (wanted.boxes.is_empty() || wanted.boxes.iter().any(touches) || self.may_be_placeless(group))
            && (wanted.periods.is_empty() || wanted.periods.iter().any(|p| self.meets_group(group, p)))
    }

    fn meets_group(&self, group: &RowGroupMetaData, period: &Period) -> bool {
        let [at, start, end] = self.times.map(|t| t.map(|(leaf, unit)| instants(group, leaf, unit)));
        let Some(at) = at else { return true };
        let meets = |low: TimeValue, high: TimeValue| period.end.is_none_or(|e| low < e) && period.start.is_none_or(|s| s <= high);
        let by_time = match at {
            Range::Unknown => true,
            Range::Empty => false,
            Range::Of(low, high) => meets(low, high),
        };
        // Some items state one end alone, and some have the two the wrong way round.
        let by_interval = match (start, end) {
            (Some(Range::Unknown), _) | (_, Some(Range::Unknown)) => true,
            (Some(Range::Of(a, b)), Some(Range::Of(c, d))) => meets(a.min(c), b.max(d)),
            (Some(Range::Of(low, high)), _) | (_, Some(Range::Of(low, high))) => meets(low, high),
            _ => false,
        };
        by_time || by_interval || self.may_be_timeless(group)
    }

    /// Whether there may be a row without any time: such rows are read, so that they can be told.
    fn may_be_timeless(&self, group: &RowGroupMetaData) -> bool {
        self.times.iter().flatten().all(|(leaf, _)| has_nulls(group, *leaf))
    }

    /// Whether there may be a row without a box: its place may be known otherwise, and if not, that is told.
    fn may_be_placeless(&self, group: &RowGroupMetaData) -> bool {
        self.sides.is_some_and(|sides| sides.iter().any(|leaf| has_nulls(group, *leaf)))
    }

    /// Which rows can be an answer; a row without box or time can.
    pub(super) fn admits(&self, batch: &RecordBatch, boxes: &[Extent], periods: &[Period]) -> Result<BooleanArray, ArrowError> {
        let columns = self.covering.as_ref().and_then(|(name, members)| {
            let bbox: &StructArray = batch.column_by_name(name)?.as_struct_opt()?;
            let member = |m: &String| bbox.column_by_name(m).and_then(|c| c.as_primitive_opt::<Float64Type>());
            let [w, s, e, n] = members.each_ref().map(member);
            Some((bbox, [w?, s?, e?, n?]))
        });
        let times = TIMES.map(|name| match batch.column_by_name(name) {
            Some(c) => match c.data_type() {
                DataType::Timestamp(unit, _) => Some((Arc::clone(c), *unit)),
                _ => None,
            },
            None => None,
        });
        let in_space = |row: usize| {
            let Some((bbox, [w, s, e, n])) = columns else { return true };
            if boxes.is_empty() || bbox.is_null(row) || [w, s, e, n].iter().any(|c| c.is_null(row)) {
                return true;
            }
            let (w, s, e, n) = (w.value(row), s.value(row), e.value(row), n.value(row));
            let (s, n) = (s.min(n), s.max(n));
            let meets = |b: &Extent| if w > e { w <= b.east || b.west <= e } else { w <= b.east && b.west <= e };
            boxes.iter().any(|b| s <= b.north && b.south <= n && (is_doubtful(w, e) || meets(b)))
        };
        let in_time = |row: usize| {
            let [at, start, end] = times.each_ref().map(|t| t.as_ref().and_then(|(c, unit)| rows::instant(c, *unit, row)));
            if periods.is_empty() || (at.is_none() && start.zip(end).is_none()) {
                return true;
            }
            let meets = |p: &Period| {
                at.is_some_and(|t| p.contains(t))
                    || start.zip(end).is_some_and(|(s, e)| p.end.is_none_or(|pe| s.min(e) < pe) && p.start.is_none_or(|ps| ps <= e.max(s)))
            };
            periods.iter().any(meets)
        };
        Ok((0..batch.num_rows()).map(|row| Some(in_space(row) && in_time(row))).collect())
    }
}

fn has_nulls(group: &RowGroupMetaData, leaf: usize) -> bool {
    group.column(leaf).statistics().is_none_or(|statistics| statistics.null_count_opt().is_none_or(|count| count > 0))
}

/// Whether longitudes of a box say nothing: beyond ±180, and as libraries write them for a crossing of the antimeridian, least and greatest. The outline tells.
fn is_doubtful(west: f64, east: f64) -> bool {
    (west < -90.0 && east > 90.0) || [west, east].iter().any(|x| x.abs() > 180.0)
}

/// Whether the boxes of a row group leave room. Where some may cross the antimeridian (west and east more than half the world
/// apart), longitude says nothing.
fn touches_group(group: &RowGroupMetaData, [w, s, e, n]: [usize; 4], area: &Extent) -> bool {
    let range = |leaf| double_range(group, leaf).unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let (w, s, e, n) = (range(w), range(s), range(e), range(n));
    let may_cross = w.1 - e.0 > 180.0 || is_doubtful(w.0, e.1);
    s.0.min(n.0) <= area.north && area.south <= s.1.max(n.1) && (may_cross || (w.0 <= area.east && area.west <= e.1))
}

fn double_range(group: &RowGroupMetaData, leaf: usize) -> Option<(f64, f64)> {
    match group.column(leaf).statistics()? {
        Statistics::Double(s) => Some((*s.min_opt()?, *s.max_opt()?)),
        _ => None,
    }
}

enum Range {
    /// Nothing is known.
    Unknown,
    /// There are nulls alone.
    Empty,
    Of(TimeValue, TimeValue),
}

fn instants(group: &RowGroupMetaData, leaf: usize, unit: TimeUnit) -> Range {
    match group.column(leaf).statistics() {
        Some(Statistics::Int64(s)) => match (s.min_opt(), s.max_opt()) {
            (Some(low), Some(high)) => Range::Of(rows::micros(*low, unit), TimeValue(rows::micros(*high, unit).0.saturating_add(1))),
            _ if s.null_count_opt() == Some(group.num_rows().unsigned_abs()) => Range::Empty,
            _ => Range::Unknown,
        },
        _ => Range::Unknown,
    }
}

/// The covering of the primary geometry, as GeoParquet 1.1 announces it.
fn announced(metadata: &ArrowReaderMetadata) -> Option<(String, [String; 4])> {
    let geo: Value = serde_json::from_str(metadata.schema().metadata().get("geo")?).ok()?;
    let column = geo.get("primary_column").and_then(Value::as_str).unwrap_or("geometry");
    let bbox = geo.pointer(&format!("/columns/{}/covering/bbox", column.replace('~', "~0").replace('/', "~1")))?;
    let path = |side: &str| match bbox.get(side)?.as_array()?.as_slice() {
        [a, b] => Some((a.as_str()?.to_owned(), b.as_str()?.to_owned())),
        _ => None,
    };
    let [w, s, e, n] = ["xmin", "ymin", "xmax", "ymax"].map(path);
    let (w, s, e, n) = (w?, s?, e?, n?);
    (w.0 == s.0 && s.0 == e.0 && e.0 == n.0).then_some((w.0, [w.1, s.1, e.1, n.1]))
}
