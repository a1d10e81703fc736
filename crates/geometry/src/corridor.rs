//! Lines and points as thin areas, for services that are asked with areas alone.

use cube_core::Shapes;
use geo::{ConvexHull, Coord, LineString, MultiPoint};

/// Half the width, in degrees: about 0.1 m.
const HALF: f64 = 1e-6;

/// Counter-clockwise rings that cover every line and point.
pub(crate) fn of(shapes: &Shapes) -> Vec<Vec<Coord>> {
    let pieces = shapes.lines.iter().flat_map(|l| l.0.windows(2).map(|e| around(e, HALF)));
    pieces.chain(shapes.points.iter().map(|p| around(&[*p], HALF))).collect()
}

/// The convex ring around boxes about some points, within the world.
pub(crate) fn around(points: &[Coord], half: f64) -> Vec<Coord> {
    let corner = |c: Coord, dx: f64, dy: f64| Coord { x: (c.x + dx * half).clamp(-180.0, 180.0), y: (c.y + dy * half).clamp(-90.0, 90.0) };
    let corners = points.iter().flat_map(|c| [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(dx, dy)| corner(*c, dx, dy)));
    hull(corners)
}

/// The convex hull, counter-clockwise and closed.
pub(crate) fn hull(points: impl Iterator<Item = Coord>) -> Vec<Coord> {
    let all: MultiPoint = MultiPoint(points.map(geo::Point).collect());
    let LineString(mut ring) = all.convex_hull().into_inner().0;
    if crate::exact::double_area(&ring) < 0.0 {
        ring.reverse();
    }
    ring
}
