//! Regions, and what meets them.

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use cube_core::{Extent, Roi, Shapes, Transform};
use geo::{Coord, Geometry, LineString, Polygon};

use crate::{
    Edges, Repaired, Result,
    exact::{extent, meet},
    geodesic,
    index::{Edge, EdgeIndex, Place, edges_of},
    repair, sphere,
};

/// A region in longitude and latitude, within ±180 and ±90: areas, lines and points.
///
/// Areas are valid and apart from each other (they may touch in points): outer rings counter-clockwise, holes clockwise, all closed. Edges
/// are straight in longitude and latitude. What crosses the antimeridian is in two pieces.
#[derive(Debug, Clone)]
pub struct Region {
    shapes: Shapes,
    index: OnceLock<Arc<EdgeIndex>>,
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.shapes == other.shapes
    }
}

impl Region {
    /// Reads a geometry in longitude and latitude and repairs what is wrong with it.
    ///
    /// * Heights are left out, rings closed, repeated points dropped.
    /// * Edges of more than 180 degrees are read as [`Shapes::read_long_edges`] says: mostly the short way round, over the antimeridian, which
    ///   then cuts; boxes that run counter-clockwise as they are written.
    /// * Polygons without area become lines or points.
    /// * A polygon whose rings cross themselves or each other covers what they go around an odd number of times, as everywhere (see [`Shapes::areas`]);
    ///   overlapping parts are united.
    ///
    /// Vertices stay where they are, but where a crossing is computed: there and near it by less than 1e-8 of the extent.
    ///
    /// [`crate::Error::Geometry`] for what has no place, or positions that are not longitude and latitude.
    pub fn repair(geometry: &geojson::Geometry) -> Result<Repaired> {
        repair::geojson(geometry)
    }

    /// As [`Region::repair`], of a region in any CRS. Neither transform is asked when it is in longitude and latitude.
    pub fn of_roi(roi: &Roi, to_lonlat: &dyn Transform, from_lonlat: &dyn Transform) -> Result<Repaired> {
        repair::roi(roi, to_lonlat, from_lonlat)
    }

    /// Of shapes that are known to be as a region has to be.
    pub(crate) fn of_valid(shapes: Shapes) -> Self {
        Self { shapes, index: OnceLock::new() }
    }

    /// The areas, lines and points.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// As one geometry.
    pub fn to_geojson(&self) -> geojson::Geometry {
        self.shapes.to_geojson()
    }

    /// Positions in all rings (the closing one included), lines and points.
    pub fn points(&self) -> usize {
        self.shapes.coords().count()
    }

    /// The box that this region is exactly, if it is one: bounded by meridians and parallels, with west beyond east across the antimeridian.
    /// Services take boxes as boxes, with no great circles.
    pub fn as_box(&self) -> Option<Extent> {
        if !(self.shapes.lines.is_empty() && self.shapes.points.is_empty()) {
            return None;
        }
        let boxes = self.shapes.areas.iter().map(box_of).collect::<Option<Vec<_>>>()?;
        match boxes[..] {
            [one] => Some(one),
            [a, b] => {
                let (east, west) = if a.west < b.west { (a, b) } else { (b, a) };
                let meet = west.east == 180.0 && east.west == -180.0 && west.south == east.south && west.north == east.north;
                (meet && west.west > east.east).then(|| Extent::new(west.west, west.south, east.east, west.north))
            }
            _ => None,
        }
    }

    /// The area on a sphere of radius 1 (the whole earth is 4π), with edges as they are read; overlaps count twice.
    pub fn area(&self, edges: Edges) -> f64 {
        let rings = self.shapes.areas.iter().flat_map(rings_of);
        rings.map(|r| sphere::ring_area(&r.0, edges)).sum()
    }

    /// Whether a footprint in longitude and latitude and this region share a point. `edges` says how the footprint is to be read: CMR's
    /// outlines run along great circles. Edges of more than 180 degrees are read as in [`Region::repair`].
    ///
    /// The first call builds an index over the region (one pass); calls after that take the time of the edges near the footprint.
    pub fn intersects(&self, footprint: &Geometry, edges: Edges) -> bool {
        let shapes = Shapes::of(footprint.clone());
        let read = if edges == Edges::Geodesic { geodesic::follow(&repair::unrolled(shapes)) } else { repair::unrolled(shapes) };
        self.meets(&repair::within_turn(read))
    }

    /// As [`Region::intersects`]. [`crate::Error::Geometry`] when the footprint cannot be understood.
    pub fn intersects_geojson(&self, footprint: &geojson::Geometry, edges: Edges) -> Result<bool> {
        Ok(self.intersects(&repair::to_geo(footprint)?, edges))
    }

    fn meets(&self, footprint: &Shapes) -> bool {
        footprint.areas.iter().any(|p| self.meets_area(p))
            || footprint.lines.iter().any(|l| self.meets_line(&l.0))
            || footprint.points.iter().any(|p| self.meets_line(&[*p]))
    }

    fn meets_area(&self, area: &Polygon) -> bool {
        let own = EdgeIndex::of_rings(rings_of(area).map(|r| r.0.as_slice()));
        let covers = |p: Coord| {
            let in_ring = |ring: u32| own.place(p, |r| r == ring) != Place::Winding(0);
            let in_hole = |ring: u32| !matches!(own.place(p, |r| r == ring), Place::Winding(0) | Place::Boundary);
            in_ring(0) && !(1..=area.interiors().len() as u32).any(in_hole)
        };
        self.holds(area.exterior().0.first().copied()) || self.near(&own, |e| covers(e.a) || covers(e.b))
    }

    fn meets_line(&self, line: &[Coord]) -> bool {
        self.holds(line.first().copied()) || self.near(&EdgeIndex::new(edges_of(line, 0).collect()), |_| false)
    }

    /// Whether a point lies in an area.
    fn holds(&self, p: Option<Coord>) -> bool {
        let rings = self.area_rings();
        p.is_some_and(|p| self.index().place(p, |r| r < rings) != Place::Winding(0))
    }

    /// Whether an edge of this region meets one of another index, or passes a test of its own.
    fn near(&self, other: &EdgeIndex, also: impl Fn(&Edge) -> bool) -> bool {
        let Some(window) = other.extent() else { return false };
        let index = self.index();
        let found = index.search(&|e| e.intersects(&window), &mut |i| {
            let edge = &index.edges()[i];
            let around = extent([&edge.a, &edge.b]);
            if !around.intersects(&window) {
                return ControlFlow::Continue(());
            }
            let crossed = other.search(&|e| e.intersects(&around), &mut |j| {
                let o = &other.edges()[j];
                if meet(edge.a, edge.b, o.a, o.b) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if crossed.is_break() || also(edge) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.is_break()
    }

    fn area_rings(&self) -> u32 {
        self.shapes.areas.iter().map(|p| 1 + p.interiors().len() as u32).sum()
    }

    /// Rings of areas first, then lines, then points; neighbours in space near each other.
    fn index(&self) -> &EdgeIndex {
        self.index.get_or_init(|| {
            let rings = self.shapes.areas.iter().flat_map(rings_of).chain(&self.shapes.lines).map(|l| l.0.as_slice());
            let mut all: Vec<(u32, &[Coord])> = (0..).zip(rings.chain(self.shapes.points.iter().map(std::slice::from_ref))).collect();
            all.sort_by_cached_key(|(_, line)| line.first().map_or(0, |c| place_in_curve(*c)));
            Arc::new(EdgeIndex::new(all.into_iter().flat_map(|(ring, line)| edges_of(line, ring)).collect()))
        })
    }
}

fn box_of(area: &Polygon) -> Option<Extent> {
    let ring = &area.exterior().0;
    let around = extent(ring);
    let corner = |c: &Coord| (c.x == around.west || c.x == around.east) && (c.y == around.south || c.y == around.north);
    (area.interiors().is_empty() && ring.len() == 5 && ring.iter().all(corner)).then_some(around)
}

/// The outer ring, then the holes.
pub(crate) fn rings_of(polygon: &Polygon) -> impl Iterator<Item = &LineString> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors())
}

/// The place of a position on a curve that fills the earth (bits of x and y in turn).
pub(crate) fn place_in_curve(c: Coord) -> u64 {
    let spread = |v: f64| (0..24).fold(0_u64, |all, bit| all | ((v as u64 >> bit) & 1) << (2 * bit));
    let scale = f64::from(1_u32 << 24) / 361.0;
    spread((c.x + 180.0) * scale) | spread((c.y + 90.0) * scale) << 1
}
