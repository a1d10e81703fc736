//! Exact answers about points and edges: adaptive predicates, so that no rounding decides.

use geo::Coord;

/// Twice the signed area of a triangle; its sign is exact: positive when `c` lies left of the way from `a` to `b`.
pub(crate) fn orient(a: Coord, b: Coord, c: Coord) -> f64 {
    let of = |p: Coord| robust::Coord { x: p.x, y: p.y };
    robust::orient2d(of(a), of(b), of(c))
}

/// Whether a point on the line through an edge lies within the edge's box.
fn within(a: Coord, b: Coord, p: Coord) -> bool {
    (a.x.min(b.x)..=a.x.max(b.x)).contains(&p.x) && (a.y.min(b.y)..=a.y.max(b.y)).contains(&p.y)
}

/// Whether a point lies on a closed edge.
pub(crate) fn on_edge(a: Coord, b: Coord, p: Coord) -> bool {
    within(a, b, p) && orient(a, b, p) == 0.0
}

/// Whether two closed edges share a point.
pub(crate) fn meet(a: Coord, b: Coord, c: Coord, d: Coord) -> bool {
    if a.x.max(b.x) < c.x.min(d.x) || c.x.max(d.x) < a.x.min(b.x) || a.y.max(b.y) < c.y.min(d.y) || c.y.max(d.y) < a.y.min(b.y) {
        return false;
    }
    let (c_side, d_side) = (orient(a, b, c), orient(a, b, d));
    if c_side * d_side > 0.0 {
        return false;
    }
    let (a_side, b_side) = (orient(c, d, a), orient(c, d, b));
    if a_side * b_side > 0.0 {
        return false;
    }
    let all_on_one_line = c_side == 0.0 && d_side == 0.0;
    !all_on_one_line || within(a, b, c) || within(a, b, d) || within(c, d, a)
}

/// Whether an edge turns straight back over the one before it: `a` to `b` to `c`.
pub(crate) fn turns_back(a: Coord, b: Coord, c: Coord) -> bool {
    orient(a, b, c) == 0.0 && (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y) < 0.0
}

/// Twice the signed area of a closed ring, around its first vertex so that large coordinates do not swamp small rings.
pub(crate) fn double_area(ring: &[Coord]) -> f64 {
    let Some(o) = ring.first().copied() else { return 0.0 };
    ring.windows(2).map(|e| (e[0].x - o.x) * (e[1].y - o.y) - (e[1].x - o.x) * (e[0].y - o.y)).sum()
}

/// The extent of some points.
pub(crate) fn extent<'a>(points: impl IntoIterator<Item = &'a Coord>) -> cube_core::Extent {
    let none = cube_core::Extent::new(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);
    points.into_iter().fold(none, |e, c| cube_core::Extent::new(e.west.min(c.x), e.south.min(c.y), e.east.max(c.x), e.north.max(c.y)))
}
