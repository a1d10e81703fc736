//! What is wrong with geometries as people bring them, put right and reported.

mod positions;
mod turns;
mod valid;

use cube_core::{Crs, Roi, Shapes, Transform};
use geo::Geometry;

use crate::{Error, Region, Result};

pub(crate) use positions::to_geo;
pub use turns::steps_of_long_edges;
pub(crate) use turns::{unrolled, within_turn};
pub(crate) use valid::apart_and_simple;

/// A region, and what was repaired to get it.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// The region.
    pub region: Region,
    /// What was changed, in the order in which it was done. Empty when nothing was.
    pub steps: Vec<RepairStep>,
}

/// One kind of change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RepairStep {
    /// What was changed.
    pub kind: RepairKind,
    /// How often: positions, rings, edges or parts, as the kind says.
    pub count: usize,
    /// In words, for people.
    pub detail: String,
}

/// What a repair changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairKind {
    /// Positions had heights or measures, which were left out.
    HeightsDropped,
    /// Rings did not end where they began.
    RingsClosed,
    /// Points were repeated in succession.
    DuplicatePointsDropped,
    /// Edges of more than 180 degrees were taken over the antimeridian.
    AntimeridianJump,
    /// Edges of more than 180 degrees that could be meant over the antimeridian were read as they are written.
    LongEdgeKept,
    /// Rings around a pole were closed over it.
    PoleEnclosed,
    /// Longitudes beyond ±180 were brought within.
    LongitudesWrapped,
    /// Parts across the antimeridian were cut there.
    AntimeridianCut,
    /// Polygons without area became lines or points.
    AreaCollapsed,
    /// Rings crossed or touched themselves or another ring of their polygon.
    SelfIntersection,
    /// Parts overlapped or shared a border, and were united.
    PartsUnited,
    /// Rings ran the wrong way round.
    RingsReversed,
    /// The region was in another CRS.
    Reprojected,
}

impl RepairStep {
    pub(crate) fn new(kind: RepairKind, count: usize) -> Option<Self> {
        let (one, many) = match kind {
            RepairKind::HeightsDropped => {
                ("position has a height or measure, which is left out", "positions have a height or measure, which is left out")
            }
            RepairKind::RingsClosed => {
                ("ring did not end with its first point, and is closed", "rings did not end with their first point, and are closed")
            }
            RepairKind::DuplicatePointsDropped => ("point repeats the one before, and is left out", "points repeat the one before, and are left out"),
            RepairKind::AntimeridianJump => (
                "edge spans more than 180 degrees, and goes the short way round (a point on it would lead it through 0)",
                "edges span more than 180 degrees, and go the short way round (a point on each would lead them through 0)",
            ),
            RepairKind::LongEdgeKept => (
                "edge spans more than 180 degrees, and goes through 0 as it is written (longitudes beyond 180 would cross the antimeridian)",
                "edges span more than 180 degrees, and go through 0 as they are written (longitudes beyond 180 would cross the antimeridian)",
            ),
            RepairKind::PoleEnclosed => {
                ("ring goes around a pole, which is taken to lie inside", "rings go around a pole, which is taken to lie inside")
            }
            RepairKind::LongitudesWrapped => {
                ("longitude lay beyond ±180, and is brought within", "longitudes lay beyond ±180, and are brought within")
            }
            RepairKind::AntimeridianCut => ("part crosses the antimeridian, and is cut there", "parts cross the antimeridian, and are cut there"),
            RepairKind::AreaCollapsed => {
                ("polygon has no area, and is taken as lines or points", "polygons have no area, and are taken as lines or points")
            }
            RepairKind::SelfIntersection => (
                "polygon crossed itself: what it goes around an odd number of times is inside",
                "polygons crossed themselves: what they go around an odd number of times is inside",
            ),
            RepairKind::PartsUnited => {
                ("part overlaps or borders another, and is united with it", "parts overlap or border each other, and are united")
            }
            RepairKind::RingsReversed => ("ring ran the wrong way round, and is reversed", "rings ran the wrong way round, and are reversed"),
            RepairKind::Reprojected => ("position is carried to longitude and latitude", "positions are carried to longitude and latitude"),
        };
        (count > 0).then(|| Self { kind, count, detail: format!("{count} {}", if count == 1 { one } else { many }) })
    }
}

/// Steps as they are found.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<RepairStep>);

impl Report {
    fn add(&mut self, kind: RepairKind, count: usize) {
        self.0.extend(RepairStep::new(kind, count));
    }
}

pub(crate) fn geojson(geometry: &geojson::Geometry) -> Result<Repaired> {
    let mut report = Report::default();
    let read = positions::read(geometry, &mut report)?;
    if let Some(c) = read.coords().find(|c| !(c.y.abs() <= 90.0 && c.x.abs() <= 540.0)) {
        let swapped = c.x.abs() <= 90.0 && c.y.abs() <= 180.0;
        let hint = if swapped { "coordinates are longitude first, then latitude" } else { "give longitude and latitude in degrees, or name the CRS" };
        return Err(Error::geometry(format!("has a vertex ({}, {}) that is not a longitude and latitude", c.x, c.y), hint));
    }
    finish(turns::bring_within(read, &mut report), report)
}

pub(crate) fn roi(roi: &Roi, to_lonlat: &dyn Transform, from_lonlat: &dyn Transform) -> Result<Repaired> {
    if roi.crs == Crs::wgs84() {
        return geojson(&roi.geometry);
    }
    let mut report = Report::default();
    let read = positions::read(&roi.geometry, &mut report)?;
    report.add(RepairKind::Reprojected, read.coords().count());
    let own = Roi { geometry: read.to_geojson(), crs: roi.crs.clone() };
    finish(own.to_lonlat(to_lonlat, from_lonlat)?, report)
}

/// Areas made valid and apart.
fn finish(shapes: Shapes, mut report: Report) -> Result<Repaired> {
    let areas = valid::make_valid(shapes.areas, &mut report);
    let shapes = Shapes { areas, ..shapes };
    if shapes.is_empty() {
        return Err(Error::geometry("has no place on earth", "give an area, a line or a point"));
    }
    Ok(Repaired { region: Region::of_valid(shapes), steps: report.0 })
}

/// A geometry for footprints: no report, nothing made valid.
pub(crate) fn as_geometry(shapes: Shapes) -> Geometry {
    let areas = Geometry::MultiPolygon(geo::MultiPolygon(shapes.areas));
    let lines = Geometry::MultiLineString(geo::MultiLineString(shapes.lines));
    let points = Geometry::MultiPoint(geo::MultiPoint(shapes.points.into_iter().map(geo::Point).collect()));
    Geometry::GeometryCollection(geo::GeometryCollection(vec![areas, lines, points]))
}
