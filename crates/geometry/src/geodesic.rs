//! Edges as great circles.
//!
//! Over longitude λ, with u = tan φ, a great circle is `u = A cos λ + B sin λ`, so `u″ + u = 0`. An edge that is straight in longitude and
//! latitude has `u″ + u = tan φ (1 + 2 s² / cos² φ)`, with the slope s: in the north it lies below the great circle through its ends (the
//! chord) and above every great circle that touches it (its tangents); in the south the other way round. So where the inside of a ring lies
//! on the equator's side of an edge, the chord only adds to it; where it lies on the pole's side, the chord cuts into it, and one corner
//! more, where the tangents at both ends meet or below, keeps all of it. Read with straight edges, that corner lies outside as well: what
//! [`contain`] answers contains the ring under both readings.

use cube_core::Shapes;
use geo::{Coord, LineString, Polygon};

use crate::simplify::outward;

/// How far a great circle may run from the pieces that stand for it, in degrees (about 1 m).
const TOLERANCE: f64 = 1e-5;
/// Pieces that stand for one edge at most.
const MOST_PIECES: usize = 256;

/// Shapes whose straight edges follow the great circles between their points. Edges run on beyond ±180 as they do.
pub(crate) fn follow(shapes: &Shapes) -> Shapes {
    let line = |l: &LineString| LineString(followed(&l.0));
    Shapes {
        areas: shapes.areas.iter().map(|p| Polygon::new(line(p.exterior()), p.interiors().iter().map(line).collect())).collect(),
        lines: shapes.lines.iter().map(line).collect(),
        points: shapes.points.clone(),
    }
}

/// A line with points added along its great circles.
pub(crate) fn followed(line: &[Coord]) -> Vec<Coord> {
    let mut out = Vec::with_capacity(line.len());
    for e in line.windows(2) {
        let (a, b) = (e[0], e[1]);
        out.push(a);
        let bulge = (chord_at(a, b, 0.5) - 0.5 * (a.y + b.y)).abs();
        // The deviation falls with the square of the number of pieces.
        let pieces = ((bulge / TOLERANCE).sqrt().ceil() as usize).min(MOST_PIECES);
        out.extend((1..pieces).map(|i| {
            let t = i as f64 / pieces as f64;
            Coord { x: a.x + t * (b.x - a.x), y: chord_at(a, b, t) }
        }));
    }
    out.extend(line.last());
    out
}

/// The latitude of the great circle between two points at a share of their longitudes. Straight where it runs along a meridian, over a pole,
/// or half around the earth.
fn chord_at(a: Coord, b: Coord, t: f64) -> f64 {
    let turn = (b.x - a.x).to_radians();
    let straight = a.y + t * (b.y - a.y);
    if turn == 0.0 || turn.abs() >= std::f64::consts::PI || a.y.abs() == 90.0 || b.y.abs() == 90.0 {
        return straight;
    }
    let u = |lat: f64| lat.to_radians().tan();
    ((u(a.y) * ((1.0 - t) * turn).sin() + u(b.y) * (t * turn).sin()) / turn.sin()).atan().to_degrees()
}

/// How far, in degrees at its middle, an edge of a counter-clockwise ring adds to the ring: by its chord, or by its corner.
fn excess(a: Coord, b: Coord) -> f64 {
    let middle = 0.5 * (a.y + b.y);
    corner(a, b).map_or_else(|| (chord_at(a, b, 0.5) - middle).abs(), |c| (c.y - middle).abs())
}

/// The corner that an edge needs whose great circle would cut into the inside on its left.
fn corner(a: Coord, b: Coord) -> Option<Coord> {
    let turn = (b.x - a.x).to_radians();
    // One end may lie a hair beyond the equator, where the edge was cut.
    let side = 1.0_f64.copysign(if a.y.abs() < b.y.abs() { b.y } else { a.y });
    if turn * side <= 0.0 || (a.y == 0.0 && b.y == 0.0) || a.y.abs() == 90.0 || b.y.abs() == 90.0 {
        return None;
    }
    // Mirrored to the north, with longitude running from either end to the middle.
    let half = 0.5 * turn.abs();
    let slope = side * (b.y - a.y).to_radians() / turn.abs();
    let tangent = |lat: f64, slope: f64| {
        let (u, cos) = ((side * lat).to_radians().tan(), lat.to_radians().cos());
        u * half.cos() + slope / (cos * cos) * half.sin()
    };
    let lowest = tangent(a.y, slope).min(tangent(b.y, -slope)).atan().to_degrees();
    let middle = side * 0.5 * (a.y + b.y);
    // A little more than needed, so that no rounding counts.
    let below = (middle - lowest).max(0.0) * (1.0 + 1e-6) + 1e-11;
    let meant = Coord { x: 0.5 * (a.x + b.x), y: side * (middle - below) };
    outward(a, b, meant)
}

/// A ring that contains a counter-clockwise closed one also when its edges are great circles: edges over the equator are cut there, corners
/// added, corners at a pole made one. `share` is what may be added at edges, of the area; `most` the number of positions up to which edges
/// are cut to keep below it.
pub(crate) fn contain(ring: &[Coord], most: usize, share: f64) -> Vec<Coord> {
    let mut base = over_poles(&over_equator(ring));
    let area = 0.5 * crate::exact::double_area(ring).abs();
    loop {
        let added: Vec<f64> = base.windows(2).map(|e| excess(e[0], e[1]) * (e[1].x - e[0].x).abs()).collect();
        let out = with_corners(&base);
        if added.iter().sum::<f64>() <= share * area && is_simple(&out) {
            return out;
        }
        let worst = added.iter().copied().fold(0.0, f64::max);
        let halved = halve(&base, |i| added[i] > 0.3 * worst);
        if halved.len() == base.len() || with_corners(&halved).len() > most {
            return out;
        }
        base = halved;
    }
}

/// Whether the great circles of a closed ring meet only where they follow each other.
pub(crate) fn is_simple(ring: &[Coord]) -> bool {
    crate::repair::apart_and_simple(&[followed(ring)])
}

fn with_corners(ring: &[Coord]) -> Vec<Coord> {
    let mut out = Vec::with_capacity(2 * ring.len());
    for e in ring.windows(2) {
        out.push(e[0]);
        out.extend(corner(e[0], e[1]));
    }
    out.extend(ring.last());
    out
}

fn halve(ring: &[Coord], chosen: impl Fn(usize) -> bool) -> Vec<Coord> {
    let mut out = Vec::with_capacity(2 * ring.len());
    for (i, e) in ring.windows(2).enumerate() {
        out.push(e[0]);
        if chosen(i) && (e[1].x - e[0].x).abs() > 1e-6 {
            out.extend(outward(e[0], e[1], Coord { x: 0.5 * (e[0].x + e[1].x), y: 0.5 * (e[0].y + e[1].y) }));
        }
    }
    out.extend(ring.last());
    out
}

fn over_equator(ring: &[Coord]) -> Vec<Coord> {
    let mut out = Vec::with_capacity(ring.len() + 8);
    for e in ring.windows(2) {
        out.push(e[0]);
        if e[0].y * e[1].y < 0.0 && e[0].x != e[1].x {
            let t = e[0].y / (e[0].y - e[1].y);
            out.extend(outward(e[0], e[1], Coord { x: e[0].x + t * (e[1].x - e[0].x), y: 0.0 }));
        }
    }
    out.extend(ring.last());
    out
}

/// Positions along a pole made one; the edges to it run along meridians then, so the outermost of them are taken.
fn over_poles(ring: &[Coord]) -> Vec<Coord> {
    let open = &ring[..ring.len().saturating_sub(1)];
    let polar = |c: &Coord| c.y.abs() == 90.0;
    let Some(first) = open.iter().position(|c| !polar(c)) else { return ring.to_vec() };
    if !open.iter().any(polar) {
        return ring.to_vec();
    }
    let turned: Vec<Coord> = open[first..].iter().chain(&open[..=first]).copied().collect();
    let mut out: Vec<Coord> = Vec::with_capacity(turned.len() + 4);
    let mut at = 0;
    while at < turned.len() {
        let run = turned[at..].iter().take_while(|c| polar(c)).count();
        if run == 0 {
            out.push(turned[at]);
            at += 1;
            continue;
        }
        let (start, end, before, after) = (turned[at], turned[at + run - 1], turned[at - 1], turned[at + run]);
        let side = start.y.signum();
        // In the north a counter-clockwise ring comes to the pole in the east and leaves it in the west.
        if (start.x - before.x) * side > 0.0 {
            out.push(Coord { x: start.x, y: before.y });
        }
        out.push(Coord { x: 0.5 * (start.x + end.x), y: start.y });
        if (after.x - end.x) * side > 0.0 {
            out.push(Coord { x: end.x, y: after.y });
        }
        at += run;
    }
    out
}
