//! Areas on the sphere.

use geo::Coord;

use crate::Edges;

/// The signed area of a closed ring on a sphere of radius 1; positive when it runs counter-clockwise.
pub(crate) fn ring_area(ring: &[Coord], edges: Edges) -> f64 {
    ring.windows(2).map(|e| -below(e[0], e[1], edges)).sum()
}

/// The area between an edge and the equator, signed by its direction: positive for one that runs east in the north.
fn below(a: Coord, b: Coord, edges: Edges) -> f64 {
    let turn = (b.x - a.x).to_radians();
    let (p, q) = (a.y.to_radians(), b.y.to_radians());
    match edges {
        Edges::Geodesic => {
            let (s, t) = ((p / 2.0).tan(), (q / 2.0).tan());
            2.0 * ((turn / 2.0).tan() * (s + t)).atan2(1.0 + s * t)
        }
        // The mean of the sine along a straight edge; the difference of cosines is written so that it does not cancel.
        Edges::Planar => {
            let half = 0.5 * (q - p);
            let sinc = if half.abs() < 1e-9 { 1.0 } else { half.sin() / half };
            turn * (0.5 * (p + q)).sin() * sinc
        }
    }
}
