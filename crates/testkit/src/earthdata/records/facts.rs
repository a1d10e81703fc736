//! What a search looks at first, and where granules lie.

use serde_json::Value;

use crate::stac::geometry::{Parts, Point};

/// What a search looks at first; times in milliseconds since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) revised: i64,
    pub(crate) cloud: Option<f64>,
    /// `Day`, `Night`, `Both` or `Unspecified`.
    pub(crate) day_night: String,
    pub(crate) shape: Shape,
}

/// A place on the Earth, with longitudes that go on beyond 180 where an outline crosses the antimeridian.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    parts: Parts,
    /// west, south, east, north.
    bounds: Option<[f64; 4]>,
}

impl Shape {
    pub(crate) fn new(parts: Parts) -> Self {
        let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let bounds = parts.vertices().fold(start, |b, (x, y)| [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)]);
        Self { bounds: bounds[0].is_finite().then_some(bounds), parts }
    }

    /// A box; its east may lie west of its west.
    pub(crate) fn rectangle([west, south, east, north]: [f64; 4]) -> Self {
        let east = if east < west { east + 360.0 } else { east };
        let ring = vec![(west, south), (east, south), (east, north), (west, north), (west, south)];
        Self::new(Parts { polygons: vec![vec![ring]], ..Parts::default() })
    }

    pub(crate) fn polygon(rings: &[Vec<Point>]) -> Self {
        let mut rings: Vec<Vec<Point>> = rings.iter().map(|ring| unwrapped(ring)).collect();
        // Holes beside the outline, not a turn of the Earth away from it.
        if let Some(west) = rings.first().map(|ring| ring.iter().map(|(x, _)| *x).fold(f64::INFINITY, f64::min)) {
            for hole in rings.iter_mut().skip(1).filter(|hole| hole.iter().any(|(x, _)| *x < west)) {
                hole.iter_mut().for_each(|(x, _)| *x += 360.0);
            }
        }
        Self::new(Parts { polygons: vec![rings], ..Parts::default() })
    }

    pub(crate) fn line(points: &[Point]) -> Self {
        Self::new(Parts { lines: vec![unwrapped(points)], ..Parts::default() })
    }

    pub(crate) fn point(point: Point) -> Self {
        Self::new(Parts { points: vec![point], ..Parts::default() })
    }

    /// A circle as a polygon of 64 corners around it; radius in metres.
    pub(crate) fn circle((lon, lat): Point, radius: f64) -> Self {
        let (angle, lat) = (radius / 6_371_000.0, lat.to_radians());
        let ring: Vec<Point> = (0..=64)
            .map(|step| {
                let bearing = -f64::from(step) / 64.0 * std::f64::consts::TAU;
                let y = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos()).asin();
                let x = (bearing.sin() * angle.sin() * lat.cos()).atan2(angle.cos() - lat.sin() * y.sin());
                (lon + x.to_degrees(), y.to_degrees())
            })
            .collect();
        Self::polygon(&[ring])
    }

    /// All of them together.
    pub(crate) fn union(shapes: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Parts::default();
        for shape in shapes {
            parts.points.extend(shape.parts.points);
            parts.lines.extend(shape.parts.lines);
            parts.polygons.extend(shape.parts.polygons);
        }
        Self::new(parts)
    }

    /// True if the two share a point, wherever the count of their longitudes begins.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (self.bounds, other.bounds) else { return false };
        [-360.0, 0.0, 360.0].into_iter().any(|turn| {
            let near = mine[0] <= theirs[2] + turn && theirs[0] + turn <= mine[2] && mine[1] <= theirs[3] && theirs[1] <= mine[3];
            near && self.parts.meets(&other.turned(turn))
        })
    }

    fn turned(&self, turn: f64) -> Parts {
        let moved = |points: &Vec<Point>| points.iter().map(|(x, y)| (x + turn, *y)).collect::<Vec<Point>>();
        Parts {
            points: moved(&self.parts.points),
            lines: self.parts.lines.iter().map(moved).collect(),
            polygons: self.parts.polygons.iter().map(|rings| rings.iter().map(moved).collect()).collect(),
        }
    }

    /// The horizontal extent of a UMM record.
    pub(crate) fn of_record(umm: &Value) -> Self {
        let geometry = &umm["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"];
        let list = |name: &str| geometry[name].as_array().cloned().unwrap_or_default();
        let boxes = list("BoundingRectangles").into_iter().map(|rectangle| {
            let side = |name: &str| rectangle[format!("{name}BoundingCoordinate")].as_f64().unwrap_or_default();
            Self::rectangle([side("West"), side("South"), side("East"), side("North")])
        });
        let polygons = list("GPolygons").into_iter().map(|polygon| {
            let holes = polygon["ExclusiveZone"]["Boundaries"].as_array().cloned().unwrap_or_default();
            let rings: Vec<Vec<Point>> = std::iter::once(&polygon["Boundary"]).chain(&holes).map(|ring| points(&ring["Points"])).collect();
            Self::polygon(&rings)
        });
        let lines = list("Lines").into_iter().map(|line| Self::line(&points(&line["Points"])));
        let single = list("Points").into_iter().map(|point| Self::point(position(&point)));
        Self::union(boxes.chain(polygons).chain(lines).chain(single))
    }
}

fn points(list: &Value) -> Vec<Point> {
    list.as_array().into_iter().flatten().map(position).collect()
}

fn position(point: &Value) -> Point {
    (point["Longitude"].as_f64().unwrap_or_default(), point["Latitude"].as_f64().unwrap_or_default())
}

/// Neighbours never more than half a turn apart.
fn unwrapped(ring: &[Point]) -> Vec<Point> {
    let mut turn = 0.0;
    let mut last: Option<f64> = None;
    ring.iter()
        .map(|(x, y)| {
            match last {
                Some(before) if x - before > 180.0 => turn -= 360.0,
                Some(before) if x - before < -180.0 => turn += 360.0,
                _ => {}
            }
            last = Some(*x);
            (x + turn, *y)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_meet_across_the_antimeridian() {
        let strip = Shape::polygon(&[vec![(179.0, 0.0), (-179.0, 0.0), (-179.0, 1.0), (179.0, 1.0), (179.0, 0.0)]]);
        for (lon, expected) in [(179.5, true), (-179.5, true), (180.0, true), (-180.0, true), (0.0, false), (178.0, false)] {
            assert_eq!(strip.meets(&Shape::point((lon, 0.5))), expected, "{lon}");
        }
        assert!(Shape::rectangle([170.0, -5.0, -170.0, 5.0]).meets(&strip));
        assert!(!Shape::rectangle([-170.0, -5.0, 170.0, 5.0]).meets(&strip));
    }

    #[test]
    fn circles_reach_as_far_as_they_say() {
        let circle = Shape::circle((10.0, 60.0), 111_195.0);
        for (place, expected) in [((10.0, 60.98), true), ((10.0, 61.02), false), ((11.95, 60.0), true), ((12.05, 60.0), false)] {
            assert_eq!(circle.meets(&Shape::point(place)), expected, "{place:?}");
        }
    }
}
