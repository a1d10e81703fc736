//! `SpatialExtent` of a UMM-G record.

use crate::{Footprint, Number, Text, footprint::Builder};

/// Longitude and latitude as the record spells them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// Longitude in degrees.
    pub longitude: Number<'a>,
    /// Latitude in degrees.
    pub latitude: Number<'a>,
}

impl Point<'_> {
    /// Longitude and latitude.
    pub fn position(self) -> [f64; 2] {
        [self.longitude.value(), self.latitude.value()]
    }
}

/// `BoundingRectangle`: its sides are parallels and meridians; `west > east` when it crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle<'a> {
    /// `WestBoundingCoordinate`.
    pub west: Number<'a>,
    /// `SouthBoundingCoordinate`.
    pub south: Number<'a>,
    /// `EastBoundingCoordinate`.
    pub east: Number<'a>,
    /// `NorthBoundingCoordinate`.
    pub north: Number<'a>,
}

/// A polygon with its holes; its sides are great circles, and it lies to the left of its boundary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GPolygon<'a> {
    /// `Boundary.Points`.
    pub boundary: Vec<Point<'a>>,
    /// `ExclusiveZone.Boundaries`.
    pub holes: Vec<Vec<Point<'a>>>,
}

/// `HorizontalSpatialDomain.Geometry`: all that it lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geometry<'a> {
    /// `GPolygons`.
    pub polygons: Vec<GPolygon<'a>>,
    /// `BoundingRectangles`.
    pub rectangles: Vec<Rectangle<'a>>,
    /// `Lines`.
    pub lines: Vec<Vec<Point<'a>>>,
    /// `Points`.
    pub points: Vec<Point<'a>>,
    /// Whether the record says more of it.
    pub more: bool,
}

/// `Orbit`: a swath by where it begins and ends on its orbit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orbit<'a> {
    /// `AscendingCrossing`: longitude of the ascending equator crossing.
    pub ascending_crossing: Number<'a>,
    /// `StartLatitude`.
    pub start_latitude: Number<'a>,
    /// `StartDirection` is `A`: it begins on the way north.
    pub starts_ascending: bool,
    /// `EndLatitude`.
    pub end_latitude: Number<'a>,
    /// `EndDirection` is `A`.
    pub ends_ascending: bool,
}

/// `Track`: cycle and passes of an altimeter.
#[derive(Debug, Clone, PartialEq)]
pub struct Track<'a> {
    /// `Cycle`.
    pub cycle: Number<'a>,
    /// `Passes`: each with its tiles.
    pub passes: Vec<(Number<'a>, Vec<Text<'a>>)>,
}

/// `SpatialExtent`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spatial<'a> {
    /// `HorizontalSpatialDomain.Geometry`.
    pub geometry: Option<Geometry<'a>>,
    /// `HorizontalSpatialDomain.Orbit`.
    pub orbit: Option<Orbit<'a>>,
    /// `HorizontalSpatialDomain.Track`.
    pub track: Option<Track<'a>>,
    /// Whether the record says more than `geometry`: an orbit, a track, localities, heights, …
    pub more: bool,
}

impl Spatial<'_> {
    /// What is covered, ready for GeoJSON: every polygon with its holes, every rectangle, line and point; cut at the antimeridian.
    /// Empty where the record states no geometry.
    pub fn footprint(&self) -> Footprint {
        let mut builder = Builder::default();
        if let Some(geometry) = &self.geometry {
            let ring = |points: &[Point<'_>]| points.iter().map(|p| p.position()).collect::<Vec<_>>();
            for polygon in &geometry.polygons {
                builder.polygon(&ring(&polygon.boundary), polygon.holes.iter().map(|h| ring(h)));
            }
            for r in &geometry.rectangles {
                builder.rectangle([r.west.value(), r.south.value(), r.east.value(), r.north.value()]);
            }
            for line in &geometry.lines {
                builder.line(&ring(line));
            }
            for point in &geometry.points {
                builder.point(point.position());
            }
        }
        builder.finish()
    }
}

impl Spatial<'_> {
    /// Lowest and highest latitude of polygons and rectangles.
    pub(crate) fn latitudes(&self) -> Option<(f64, f64)> {
        let geometry = self.geometry.as_ref()?;
        let of_polygons = geometry.polygons.iter().flat_map(|p| &p.boundary).map(|p| p.latitude.value());
        let of_rectangles = geometry.rectangles.iter().flat_map(|r| [r.south.value(), r.north.value()]);
        of_polygons.chain(of_rectangles).fold(None, |range, l| Some(range.map_or((l, l), |(low, high): (f64, f64)| (low.min(l), high.max(l)))))
    }

    /// Whether the record says nothing of where it lies but a geometry.
    pub(crate) fn is_geometry_alone(&self) -> bool {
        !self.more && self.geometry.as_ref().is_some_and(|g| !g.more)
    }
}
