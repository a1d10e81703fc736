//! Unions and differences. They are computed on a grid of 2³⁰ steps across the extent, so that vertices may move by a step or two.

use std::collections::HashMap;

use cube_core::Extent;
use geo::{
    BooleanOps, Buffer, Coord, LineString, MultiPolygon, Polygon,
    algorithm::{
        bool_ops::{FillRule, OpType},
        buffer::{BufferStyle, LineJoin},
    },
    unary_union,
};

use crate::region::rings_of;

/// No smaller than the step of the grid on which shapes of an extent are overlaid.
pub(crate) fn step(extent: Extent) -> f64 {
    0.5 * extent.width().max(extent.height()) * f64::powi(2.0, -28)
}

/// What a polygon means whose rings may cross themselves and each other: what they go around an odd number of times. Where that is nothing, as of a ring that
/// runs over all of its course twice, all that they go around.
pub(crate) fn untangled(polygon: &Polygon) -> MultiPolygon {
    let filled = |rule| polygon.boolean_op_with_fill_rule(&MultiPolygon(Vec::new()), OpType::Union, rule);
    let odd = filled(FillRule::EvenOdd);
    if odd.0.is_empty() { filled(FillRule::NonZero) } else { odd }
}

/// The union of valid polygons.
pub(crate) fn united(polygons: &[Polygon]) -> MultiPolygon {
    unary_union(polygons)
}

/// What counter-clockwise rings wind around, wider by `by` all round.
pub(crate) fn wound_around(rings: &[Vec<Coord>], by: f64) -> MultiPolygon {
    let all: Vec<Polygon> = rings.iter().map(|r| Polygon::new(LineString(r.clone()), Vec::new())).collect();
    let union = MultiPolygon(all).boolean_op_with_fill_rule(&MultiPolygon(Vec::new()), OpType::Union, FillRule::Positive);
    let filled = MultiPolygon(union.0.into_iter().map(|p| Polygon::new(p.into_inner().0, Vec::new())).collect());
    // A spike is cut off where its tip is sharper than this angle (radians).
    filled.buffer_with_style(BufferStyle::new(by).line_join(LineJoin::Miter(0.01)))
}

/// The polygons with every vertex that lies within a step or two of an original one put back onto it.
pub(crate) fn put_back(computed: &MultiPolygon, originals: &[Polygon], reach: f64) -> MultiPolygon {
    let cell = |c: Coord| ((c.x / reach).round() as i64, (c.y / reach).round() as i64);
    let mut cells: HashMap<(i64, i64), Vec<Coord>> = HashMap::new();
    for c in originals.iter().flat_map(rings_of).flat_map(|r| &r.0) {
        cells.entry(cell(*c)).or_default().push(*c);
    }
    let nearest = |c: &Coord| {
        let (x, y) = cell(*c);
        let around = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (x + dx, y + dy)));
        let candidates = around.filter_map(|key| cells.get(&key)).flatten();
        let distance = |o: &Coord| (o.x - c.x).hypot(o.y - c.y);
        candidates.filter(|o| distance(o) <= reach).min_by(|a, b| distance(a).total_cmp(&distance(b))).copied().unwrap_or(*c)
    };
    let ring = |l: &LineString| {
        let mut moved: Vec<Coord> = l.0.iter().map(nearest).collect();
        moved.dedup();
        LineString(moved)
    };
    MultiPolygon(computed.0.iter().map(|p| Polygon::new(ring(p.exterior()), p.interiors().iter().map(ring).collect())).collect())
}
