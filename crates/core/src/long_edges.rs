//! Edges that span more than 180 degrees of longitude: one rule for everything that reads regions.

use geo::{Coord, LineString, Polygon};

use crate::{
    Extent, Shapes,
    outline::{close, unwrap},
    shapes::{double_area, has_area},
};

/// What is as good as a whole turn, in degrees.
const WHOLE_TURN: f64 = 359.999;

/// How edges were read that span more than 180 degrees of longitude and could be meant in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LongEdges {
    /// Edges that were taken the short way round, over the antimeridian.
    pub short_way: usize,
    /// Edges that were read as they are written, through longitude 0.
    pub as_written: usize,
    /// Rings that go around a pole by the short way, and were closed over it.
    pub poles: usize,
}

/// What a long edge means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    /// What is written, and nothing else can be meant.
    Plain,
    /// What is written, though the short way could be meant.
    AsWritten,
    ShortWay,
}

impl Shapes {
    /// Shapes in longitude and latitude, each edge read the one way that this engine reads it:
    ///
    /// * An edge of at most 180 degrees is straight between its ends, as in RFC 7946, section 3.1.1. Longitudes may run on beyond 180.
    /// * So is one along a pole, and one of a whole turn between -180 and 180: the border of a map.
    /// * In a *box* (a ring along two meridians and two parallels) longer edges are as they are written when the ring runs as
    ///   RFC 7946, section 3.1.6, has it, counter-clockwise (a hole clockwise); if it runs so by the short way alone, they go the short way.
    /// * In any other ring or line a longer edge goes the short way round, over the antimeridian; and in every ring that holds nothing as it is written.
    ///   A ring that so goes around the earth holds the nearer pole.
    /// * The rings of a polygon are read together, the outer one and its holes so that these lie inside of it; each by itself where that leaves a choice.
    ///
    /// What goes the short way runs on beyond ±180, holes perhaps by another turn than their polygon; [`Shapes::cut`] brings both within.
    /// Answers also what could have been meant otherwise. A box that begins at its south-west, as `west,south,east,north` becomes it, could not.
    #[must_use]
    pub fn read_long_edges(self) -> (Self, LongEdges) {
        let mut seen = LongEdges::default();
        let areas = self.areas.into_iter().map(|area| {
            let (exterior, interiors) = area.into_inner();
            let reading = reading_of_exterior(&exterior.0, &interiors);
            let exterior = ring(exterior, reading, &mut seen);
            let holes = interiors.into_iter().map(|hole| {
                let reading = reading_of_hole(&hole.0, &exterior.0, reading);
                ring(hole, reading, &mut seen)
            });
            let holes = holes.collect();
            Polygon::new(exterior, holes)
        });
        let areas = areas.collect();
        let lines = self.lines.into_iter().map(|l| line(l, &mut seen)).collect();
        (Self { areas, lines, points: self.points }, seen)
    }

    /// Whether an edge spans more than 180 degrees of longitude, other than along a pole.
    pub(crate) fn has_long_edges(&self) -> bool {
        let rings = self.areas.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()));
        rings.chain(&self.lines).any(|l| long_edges(&l.0).next().is_some())
    }
}

fn ring(ring: LineString, reading: Reading, seen: &mut LongEdges) -> LineString {
    let edges = long_edges(&ring.0).count();
    match reading {
        Reading::Plain => ring,
        Reading::AsWritten => {
            seen.as_written += edges;
            ring
        }
        Reading::ShortWay => {
            let latitudes: f64 = ring.0.iter().map(|c| c.y).sum();
            let mut short = close(ring.0.clone(), || 90.0_f64.copysign(latitudes));
            if !has_area(&short) {
                seen.as_written += edges;
                return ring;
            }
            seen.short_way += edges;
            // Closing over a pole adds its two corners.
            seen.poles += usize::from(short.len() > ring.0.len());
            short.dedup();
            LineString(short)
        }
    }
}

fn line(line: LineString, seen: &mut LongEdges) -> LineString {
    let edges = long_edges(&line.0).count();
    if edges == 0 {
        return line;
    }
    if long_edges(&line.0).any(is_whole_turn) {
        seen.as_written += edges;
        return line;
    }
    seen.short_way += edges;
    LineString(unwrap(line.0).0)
}

/// How the outer ring of a polygon is read: the other way where its holes lie inside of that alone.
fn reading_of_exterior(exterior: &[Coord], holes: &[LineString]) -> Reading {
    let by_itself = reading_of_ring(exterior, 1.0);
    if holes.is_empty() || long_edges(exterior).next().is_none() {
        return by_itself;
    }
    let hold = |ring: &[Coord]| holes.iter().all(|hole| lies_within(&hole.0, ring) || lies_within(&unwrap(hole.0.clone()).0, ring));
    match (by_itself, hold(exterior), hold(&unwrap(exterior.to_vec()).0)) {
        (Reading::ShortWay, true, false) if has_area(exterior) => Reading::AsWritten,
        (Reading::Plain | Reading::AsWritten, false, true) => Reading::ShortWay,
        _ => by_itself,
    }
}

/// How a hole is read in a ring that was read already. A hole that would be wider than its ring is not what is meant.
fn reading_of_hole(hole: &[Coord], exterior: &[Coord], outer: Reading) -> Reading {
    if long_edges(hole).next().is_none() {
        return Reading::Plain;
    }
    let short = unwrap(hole.to_vec()).0;
    match (lies_within(hole, exterior), lies_within(&short, exterior)) {
        // Where the ring is in no doubt, neither is its hole.
        (true, false) if outer != Reading::AsWritten => Reading::Plain,
        (true, false) => Reading::AsWritten,
        (false, true) => Reading::ShortWay,
        _ => reading_of_ring(hole, -1.0),
    }
}

/// Whether a ring lies between the meridians that bound another, perhaps some turns away.
fn lies_within(ring: &[Coord], around: &[Coord]) -> bool {
    let extent = |ring: &[Coord]| Extent::of(ring.iter().map(|c| (c.x, c.y)));
    let Some((inner, outer)) = extent(ring).zip(extent(around)) else { return false };
    // By how much sums of whole turns may be off.
    let slack = 1e-9;
    let turns = 360.0 * ((outer.west - slack - inner.west) / 360.0).ceil();
    outer.width() >= WHOLE_TURN || inner.east + turns <= outer.east + slack
}

/// `side` is 1 for a ring that has to run counter-clockwise, -1 for a hole.
fn reading_of_ring(ring: &[Coord], side: f64) -> Reading {
    if long_edges(ring).next().is_none() {
        return Reading::Plain;
    }
    if !has_area(ring) {
        return Reading::ShortWay;
    }
    if let Some(around) = box_of(ring) {
        let as_written = double_area(ring) * side > 0.0;
        let begins_south_west = ring[0].x == around.west && ring[0].y == around.south;
        return match () {
            () if around.width() >= WHOLE_TURN || (as_written && begins_south_west) => Reading::Plain,
            () if as_written => Reading::AsWritten,
            () => Reading::ShortWay,
        };
    }
    if long_edges(ring).any(is_whole_turn) { Reading::AsWritten } else { Reading::ShortWay }
}

/// Whether a ring in longitude and latitude is a box with edges of more than 180 degrees that runs counter-clockwise as it is written: a wide one, and none that
/// crosses the antimeridian. The rule of [`Shapes::read_long_edges`].
pub fn is_wide_box(ring: &[Coord]) -> bool {
    long_edges(ring).next().is_some() && box_of(ring).is_some() && double_area(ring) > 0.0
}

/// Whether a ring in longitude and latitude goes around the earth by the short way: it holds a pole, also where it runs along a parallel and so has no area on a
/// map.
pub fn winds(ring: &[Coord]) -> bool {
    let is_lonlat = ring.iter().all(|c| c.x.abs() <= 180.0 && c.y.abs() < 90.0);
    is_lonlat && ring.first() == ring.last() && unwrap(ring.to_vec()).1 != 0.0
}

/// Edges of more than 180 degrees that do not run along a pole.
fn long_edges(line: &[Coord]) -> impl Iterator<Item = &[Coord]> {
    let along_pole = |e: &[Coord]| e[0].y == e[1].y && e[0].y.abs() == 90.0;
    line.windows(2).filter(move |e| (e[1].x - e[0].x).abs() > 180.0 && !along_pole(e))
}

fn is_whole_turn(edge: &[Coord]) -> bool {
    (edge[1].x - edge[0].x).abs() >= WHOLE_TURN && edge.iter().all(|c| c.x.abs() <= 180.0)
}

/// The extent of a ring that is a box: along meridians and parallels, around all of its extent once.
fn box_of(ring: &[Coord]) -> Option<Extent> {
    let around = Extent::of(ring.iter().map(|c| (c.x, c.y)))?;
    let along_axis = |e: &[Coord]| e[0].x == e[1].x || e[0].y == e[1].y;
    let area = around.width() * around.height();
    let fills = (0.5 * double_area(ring).abs() - area).abs() <= 1e-9 * area;
    (area > 0.0 && fills && ring.windows(2).all(along_axis)).then_some(around)
}

#[cfg(test)]
#[path = "long_edges_tests.rs"]
mod tests;
