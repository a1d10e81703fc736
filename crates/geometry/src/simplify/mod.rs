//! Regions of few points that contain a region of many.
//!
//! Every step only ever adds. A counter-clockwise ring loses a corner that points inwards, and so gains a triangle; or it loses an edge
//! between two corners that point outwards, its neighbours being drawn out until they meet, and so gains a triangle. What is gained is
//! counter-clockwise by exact predicates, so nowhere does the number of times that the rings wind around a place fall; it stays above zero
//! on all of the original. Rings may come to cross meanwhile: then they are united, a little wider than computed, and that the union
//! encloses them is proved edge by edge with exact predicates. If it cannot be proved, there is an error and no region.

mod bridge;
mod reduce;
mod squeeze;
mod tidy;

use cube_core::Shapes;
use geo::{LineString, Polygon};

use crate::{Error, Region, Result, corridor};

pub(crate) use reduce::outward;

/// What the edges of a geometry are between their points.
///
/// The great circle between two points on one parallel runs nearer to the pole than the parallel, in its middle by so much at 45° (most
/// there, none at the equator):
///
/// | edge | 1° | 5° | 10° | 20° | 60° |
/// |---|---|---|---|---|---|
/// | bulge | 0.0011° | 0.027° | 0.109° | 0.44° | 4.1° |
/// | | 0.12 km | 3.0 km | 12 km | 49 km | 456 km |
///
/// So a polygon whose southern border is one edge of ten degrees at 45° north, sent to CMR as it is, misses up to 12 km of land.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// Straight in longitude and latitude: GeoJSON, most STAC APIs, bounding boxes.
    #[default]
    Planar,
    /// Great circles: polygons and lines that CMR is asked with, outlines of its granules.
    Geodesic,
}

/// What a service can be asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Positions in all rings together, the closing ones included.
    pub max_points: usize,
    /// How the service reads edges.
    pub edges: Edges,
}

impl Default for Limits {
    /// 300 points, which is customary with CMR, and straight edges.
    fn default() -> Self {
        Self { max_points: 300, edges: Edges::Planar }
    }
}

/// A region that contains another, and what was done to get it.
#[derive(Debug, Clone, PartialEq)]
pub struct Simplified {
    /// The region to ask with: the given one where it fits as it is; points alone where there are only points and few; else areas without
    /// holes. With [`Edges::Geodesic`] it is cut into pieces where it is wider than half the earth, and pieces may overlap a little; a ring
    /// that reaches a pole has one corner there.
    pub region: Region,
    /// Positions of the given region.
    pub points_before: usize,
    /// Positions of the answer.
    pub points_after: usize,
    /// What was added, as a share of the area of the given region on the sphere (1 is as much again); `None` when that has no area.
    pub added_area_share: Option<f64>,
    /// What was changed. Empty when nothing was.
    pub steps: Vec<SimplifyStep>,
}

/// One kind of change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SimplifyStep {
    /// What was changed.
    pub kind: SimplifyKind,
    /// In words, for people.
    pub detail: String,
}

/// What a simplification changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SimplifyKind {
    /// Holes were filled.
    HolesFilled,
    /// Lines and points became thin areas.
    ThinAreas,
    /// Points were left out, with area added.
    PointsReduced,
    /// Parts near each other were joined.
    PartsJoined,
    /// The convex hull was taken.
    Hull,
    /// The bounding box was taken.
    Box,
    /// Corners were added so that great circles between points contain the region.
    EdgesWidened,
}

/// A region of at most so many points that contains the given one: nothing is missed by asking with it.
///
/// One pass over the points, and time that grows little faster than their number.
///
/// [`Error::TooFewPoints`] when the limit is below what a box around the region needs; [`Error::NotProved`] never without a defect here.
pub fn simplify_containing(region: &Region, limits: Limits) -> Result<Simplified> {
    let shapes = region.shapes();
    let points_before = region.points();
    let points_alone = shapes.areas.is_empty() && shapes.lines.is_empty();
    if points_before <= limits.max_points && (limits.edges == Edges::Planar || points_alone) {
        return Ok(unchanged(region, points_before));
    }
    let mut steps = Vec::new();
    let mut step = |kind, detail: String| steps.push(SimplifyStep { kind, detail });
    let holes: usize = shapes.areas.iter().map(|p| p.interiors().len()).sum();
    if holes > 0 {
        step(SimplifyKind::HolesFilled, format!("{holes} {} filled", if holes == 1 { "hole is" } else { "holes are" }));
    }
    let thin = corridor::of(shapes);
    if !thin.is_empty() {
        let text = format!("{} lines and {} points are taken as areas 0.2 m wide", shapes.lines.len(), shapes.points.len());
        step(SimplifyKind::ThinAreas, text);
    }
    let outer = shapes.areas.iter().map(|p| p.exterior().0.clone());
    let squeezed = squeeze::squeeze(outer.chain(thin).collect(), limits)?;
    steps.extend(squeezed.steps);
    let areas = squeezed.rings.into_iter().map(|r| Polygon::new(LineString(r), Vec::new())).collect();
    let simplified = Region::of_valid(Shapes { areas, ..Shapes::default() });
    let points_after = simplified.points();
    if points_after > limits.max_points {
        return Err(Error::TooFewPoints { max_points: limits.max_points, needed: points_after });
    }
    let before = region.area(Edges::Planar);
    let added_area_share = (before > 0.0).then(|| simplified.area(limits.edges) / before - 1.0);
    Ok(Simplified { region: simplified, points_before, points_after, added_area_share, steps })
}

fn unchanged(region: &Region, points: usize) -> Simplified {
    let added_area_share = (!region.shapes().areas.is_empty()).then_some(0.0);
    Simplified { region: region.clone(), points_before: points, points_after: points, added_area_share, steps: Vec::new() }
}
