//! When a file was taken: by its time coordinate (CF-1.11, 4.4 and 7.1), else by what its attributes state (ACDD 1.3, or NASA's metadata).

use std::sync::Arc;

use cube_backend::{ByteSource, Result, Taken};
use cube_core::TimeValue;
use cube_manifest::{Group, TimeUnits, Variable, instant};

use super::{
    file::File,
    values::{self, as_decimal, as_text},
};

/// Names of the attributes that state begin and end, in lower case.
const STATED: [(&str, &str); 2] = [("time_coverage_start", "time_coverage_end"), ("rangebeginningdatetime", "rangeendingdatetime")];
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

pub(super) async fn taken(source: &ByteSource, file: &File) -> Result<Option<Taken>> {
    let Some((path, time, units)) = coordinate(file) else { return Ok(file.stated) };
    let Some((first, last)) = ends(source, path, time, units).await? else { return Ok(file.stated) };
    let at = (first == last).then_some(first);
    let group = path.rsplit_once('/').map_or("", |(group, _)| group);
    let bounds = time.attribute("bounds").and_then(as_text).and_then(|name| file.near(group, name));
    if let Some(bounds) = bounds
        && let Some((from, to)) = ends(source, &bounds.name, bounds, own_units(bounds).unwrap_or(units)).await?
        && from <= first
        && last <= to
    {
        // A cell ends where the next one begins.
        return Ok(Some(Taken { at, first: from, last: last.max(TimeValue(to.0 - 1)) }));
    }
    Ok(Some(Taken { at, first, last }))
}

/// The time coordinate: a variable of one dimension or none that counts time and is called `time`, or says that it is; the one nearest to the root.
fn coordinate(file: &File) -> Option<(&str, &Arc<Variable>, TimeUnits)> {
    let rank = |path: &str, variable: &Variable| {
        let is_called_time = variable.name.eq_ignore_ascii_case("time");
        let is_time = is_called_time || variable.attribute("standard_name").and_then(as_text) == Some("time");
        is_time.then(|| (path.matches('/').count(), !is_called_time))
    };
    let candidates = file.variables().filter(|(_, variable)| variable.shape.len() < 2 && !variable.is_empty());
    candidates
        .filter_map(|(path, variable)| Some((rank(path, variable)?, (path, variable, own_units(variable)?))))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, found)| found)
}

/// Whether a dimension of the variable at `path` counts times: by its coordinate, or by its name.
pub(super) fn is_time(file: &File, path: &str, variable: &Variable, axis: usize) -> bool {
    let Some(dimension) = variable.dimensions.get(axis).and_then(Option::as_deref) else { return false };
    let name = dimension.rsplit('/').next().unwrap_or(dimension);
    let group = path.trim_matches('/').rsplit_once('/').map_or("", |(group, _)| group);
    let says_time = |coordinate: &Variable| {
        let text = |name: &str| coordinate.attribute(name).and_then(as_text).unwrap_or_default();
        text("standard_name") == "time" || text("axis").eq_ignore_ascii_case("t") || text("units").contains(" since ")
    };
    name.eq_ignore_ascii_case("time") || file.get(dimension).or_else(|| file.near(group, name)).is_some_and(|found| says_time(found))
}

fn own_units(variable: &Variable) -> Option<TimeUnits> {
    let calendar = variable.attribute("calendar").and_then(as_text);
    variable.attribute("units").and_then(as_text).and_then(|units| TimeUnits::parse(units, calendar))
}

/// The earliest and the latest value; `None` where all are missing.
async fn ends(source: &ByteSource, name: &str, variable: &Variable, units: TimeUnits) -> Result<Option<(TimeValue, TimeValue)>> {
    let missing: Vec<f64> = ["_FillValue", "missing_value"].iter().filter_map(|name| variable.attribute(name).and_then(as_decimal)).collect();
    let values = values::read(source, name, variable).await?;
    let times = values.into_iter().filter(|value| !missing.contains(value)).filter_map(|value| units.instant(value));
    Ok(times.fold(None, |ends, time| Some(ends.map_or((time, time), |(first, last)| (time.min(first), time.max(last))))))
}

/// What the attributes of a file state: those of the root first, then those of groups.
pub(super) fn stated(root: &Group) -> Option<Taken> {
    let mut found = None;
    root.walk("", &mut |_, group| found = found.or_else(|| stated_in(group)));
    found
}

fn stated_in(group: &Group) -> Option<Taken> {
    let text = |name: &str| group.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name)).and_then(|a| as_text(&a.value)).map(str::to_owned);
    let parted = |end: &str| Some(format!("{} {}", text(&format!("Range{end}Date"))?, text(&format!("Range{end}Time")).unwrap_or_default()));
    let named = STATED.iter().find_map(|(start, end)| Some((text(start)?, text(end))));
    let (start, end) = named.or_else(|| Some((parted("Beginning")?, parted("Ending"))))?;
    let first = instant(&start)?;
    let last = end.as_deref().and_then(last_instant).filter(|last| *last >= first).unwrap_or(first);
    Some(Taken { at: (first == last).then_some(first), first, last })
}

/// The last instant of what is stated: of a day without a time of day, its last microsecond.
fn last_instant(text: &str) -> Option<TimeValue> {
    let is_day = !text.trim().contains(['T', 't', ' ', ':']);
    instant(text).map(|time| if is_day { TimeValue(time.0 + DAY - 1) } else { time })
}
