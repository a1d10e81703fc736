//! `TemporalExtents` and `SpatialExtent` of a collection as its `extent` in STAC: every range, every box.

use serde_json::{Value, json};

use crate::{Footprint, json::Reader, time, umm};

/// `extent.temporal.interval`: the whole, then each range where there are several. `None` when the record states no time.
pub(super) fn temporal(extents: &Value) -> Option<Value> {
    let mut ranges: Vec<[Option<String>; 2]> = Vec::new();
    let when = |value: &Value| value.as_str().and_then(|t| time::stac(t).map(std::borrow::Cow::into_owned));
    let list = |extent: &Value, key: &str| extent.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for extent in extents.as_array().into_iter().flatten() {
        let present = extent.get("EndsAtPresentFlag") == Some(&Value::Bool(true));
        for range in list(extent, "RangeDateTimes") {
            let end = range.get("EndingDateTime").and_then(when).filter(|_| !present);
            ranges.push([range.get("BeginningDateTime").and_then(when), end]);
        }
        ranges.extend(list(extent, "SingleDateTimes").iter().map(|t| [when(t), when(t)]));
        for period in list(extent, "PeriodicDateTimes") {
            ranges.push([period.get("StartDate").and_then(when), period.get("EndDate").and_then(when)]);
        }
    }
    ranges.retain(|range| range.iter().any(Option::is_some));
    let instant = |text: &String| time::instant(text);
    let start = ranges.iter().map(|r| r[0].clone()).min_by_key(|t| t.as_ref().map(instant))?;
    // An open end is later than any other.
    let end = ranges.iter().map(|r| r[1].clone()).max_by_key(|t| (t.is_none(), t.as_ref().map(instant)))?;
    let mut intervals = vec![json!([start, end])];
    if ranges.len() > 1 {
        intervals.extend(ranges.iter().map(|r| json!(r)));
    }
    Some(intervals.into())
}

/// `extent.spatial.bbox`: the whole, then the box of each part where there are several. `None` when the record states no geometry.
pub(super) fn spatial(extent: &Value) -> Option<Value> {
    let text = extent.to_string();
    let mut reader = Reader::new(&text);
    let spatial = umm::read_spatial(&mut reader).ok().flatten()?;
    let geometry = spatial.geometry.as_ref()?;
    let alone = |part: umm::Geometry<'_>| umm::Spatial { geometry: Some(part), ..umm::Spatial::default() }.footprint();
    let parts = geometry
        .rectangles
        .iter()
        .map(|r| umm::Geometry { rectangles: vec![*r], ..umm::Geometry::default() })
        .chain(geometry.polygons.iter().map(|p| umm::Geometry { polygons: vec![p.clone()], ..umm::Geometry::default() }))
        .chain(geometry.lines.iter().map(|l| umm::Geometry { lines: vec![l.clone()], ..umm::Geometry::default() }))
        .chain(geometry.points.iter().map(|p| umm::Geometry { points: vec![*p], ..umm::Geometry::default() }));
    let mut boxes: Vec<[f64; 4]> = parts.filter_map(|p| alone(p).bbox).collect();
    let Footprint { bbox, .. } = spatial.footprint();
    if boxes.len() > 1 {
        boxes.insert(0, bbox?);
    }
    let number = |side: &f64| if side.fract() == 0.0 { json!(*side as i64) } else { json!(side) };
    (!boxes.is_empty())
        .then(|| boxes.iter().map(|b| b.iter().map(number).collect::<Vec<_>>()).collect::<Vec<_>>().into_iter().map(Value::from).collect())
}
