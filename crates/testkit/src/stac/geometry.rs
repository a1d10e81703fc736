//! Do two GeoJSON geometries touch? In the plane of longitude and latitude, as STAC servers see it.

use serde_json::{Value, json};

pub(crate) type Point = (f64, f64);

/// A geometry taken apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parts {
    pub(crate) points: Vec<Point>,
    pub(crate) lines: Vec<Vec<Point>>,
    /// Polygons as rings: the outer one and its holes.
    pub(crate) polygons: Vec<Vec<Vec<Point>>>,
}

/// True if the two geometries share a point. An error says which part is not GeoJSON.
pub(super) fn intersects(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(parts(a)?.meets(&parts(b)?))
}

/// A box as a polygon; as two if its west lies east of its east (RFC 7946 section 5.2).
pub(super) fn from_bbox(bbox: &[f64]) -> Result<Value, String> {
    let [west, south, east, north] = match *bbox {
        [west, south, east, north] | [west, south, _, east, north, _] => [west, south, east, north],
        _ => return Err(format!("a bbox has 4 or 6 numbers, not {}", bbox.len())),
    };
    if south > north {
        return Err("bbox: south is north of north".into());
    }
    let ring = |west: f64, east: f64| json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    Ok(if west <= east {
        json!({ "type": "Polygon", "coordinates": ring(west, east) })
    } else {
        json!({ "type": "MultiPolygon", "coordinates": [ring(west, 180.0), ring(-180.0, east)] })
    })
}

fn parts(geometry: &Value) -> Result<Parts, String> {
    let kind = geometry["type"].as_str().ok_or("a geometry without type")?;
    let coordinates = &geometry["coordinates"];
    Ok(match kind {
        "Point" => Parts { points: vec![point(coordinates)?], ..Parts::default() },
        "MultiPoint" => Parts { points: list(coordinates, point)?, ..Parts::default() },
        "LineString" => Parts { lines: vec![list(coordinates, point)?], ..Parts::default() },
        "MultiLineString" => Parts { lines: list(coordinates, |line| list(line, point))?, ..Parts::default() },
        "Polygon" => Parts { polygons: vec![list(coordinates, |ring| list(ring, point))?], ..Parts::default() },
        "MultiPolygon" => Parts { polygons: list(coordinates, |polygon| list(polygon, |ring| list(ring, point)))?, ..Parts::default() },
        "GeometryCollection" => {
            let mut all = Parts::default();
            for part in list(&geometry["geometries"], parts)? {
                all.points.extend(part.points);
                all.lines.extend(part.lines);
                all.polygons.extend(part.polygons);
            }
            all
        }
        other => return Err(format!("`{other}` is not a geometry type")),
    })
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.as_array().ok_or("coordinates are not a list")?.iter().map(item).collect()
}

fn point(value: &Value) -> Result<Point, String> {
    value[0].as_f64().zip(value[1].as_f64()).ok_or_else(|| format!("`{value}` is not a position"))
}

impl Parts {
    /// True if the two share a point.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.segments(), other.segments());
        mine.iter().any(|a| theirs.iter().any(|b| cross(*a, *b)))
            || self.vertices().any(|point| other.holds(point))
            || other.vertices().any(|point| self.holds(point))
    }

    fn segments(&self) -> Vec<(Point, Point)> {
        let rings = self.polygons.iter().flatten().chain(&self.lines);
        rings.flat_map(|ring| ring.windows(2).map(|pair| (pair[0], pair[1]))).chain(self.points.iter().map(|point| (*point, *point))).collect()
    }

    pub(crate) fn vertices(&self) -> impl Iterator<Item = Point> {
        self.points.iter().chain(self.lines.iter().flatten()).chain(self.polygons.iter().flatten().flatten()).copied()
    }

    /// True if the point lies inside a polygon: an odd number of its rings' edges lie to the east.
    fn holds(&self, (x, y): Point) -> bool {
        self.polygons.iter().any(|rings| {
            let edges = rings.iter().flat_map(|ring| ring.windows(2));
            let east = edges.filter(|pair| {
                let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
                (y1 > y) != (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1)
            });
            east.count() % 2 == 1
        })
    }
}

/// True if two closed segments share a point.
fn cross((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let turn = |p: Point, q: Point, r: Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    let within = |p: Point, q: Point, r: Point| (p.0.min(q.0)..=p.0.max(q.0)).contains(&r.0) && (p.1.min(q.1)..=p.1.max(q.1)).contains(&r.1);
    let on = |p, q, r| turn(p, q, r) == 0.0 && within(p, q, r);
    on(a, b, c) || on(a, b, d) || on(c, d, a) || on(c, d, b) || (turn(a, b, c) * turn(a, b, d) < 0.0 && turn(c, d, a) * turn(c, d, b) < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_and_holes() {
        let square = |west: f64, size: f64| from_bbox(&[west, 0.0, west + size, size]).expect("a box");
        let ring = json!({ "type": "Polygon", "coordinates": [
            [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]],
            [[2.0, 2.0], [8.0, 2.0], [8.0, 8.0], [2.0, 8.0], [2.0, 2.0]]] });
        let inside = json!({ "type": "Point", "coordinates": [5.0, 5.0] });
        let corner = json!({ "type": "Point", "coordinates": [0.0, 0.0] });
        let line = json!({ "type": "LineString", "coordinates": [[5.0, 5.0], [5.0, 20.0]] });
        for (a, b, expected) in [
            (&square(0.0, 1.0), &square(2.0, 1.0), false),
            (&square(0.0, 1.0), &square(1.0, 1.0), true),
            (&square(0.0, 9.0), &square(3.0, 1.0), true),
            (&ring, &inside, false),
            (&ring, &corner, true),
            (&ring, &line, true),
            (&corner, &corner, true),
        ] {
            assert_eq!(intersects(a, b), Ok(expected), "{a} {b}");
            assert_eq!(intersects(b, a), Ok(expected), "{b} {a}");
        }
        assert!(intersects(&json!({ "type": "Circle" }), &ring).is_err());
    }

    #[test]
    fn across_the_antimeridian() {
        let bbox = from_bbox(&[170.0, -10.0, -170.0, 10.0]).expect("a box");
        for (lon, expected) in [(175.0, true), (-175.0, true), (0.0, false)] {
            assert_eq!(intersects(&bbox, &json!({ "type": "Point", "coordinates": [lon, 0.0] })), Ok(expected));
        }
    }
}
