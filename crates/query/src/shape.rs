//! Places on the earth: boxes, polygons, lines, points, circles, in degrees of longitude and latitude (circles: metres).

use serde_json::{Value, json};

use crate::{
    field::{Item, Misread, Wire, digits, json_number, number},
    problem::{Problem, plain},
    shape_rules,
};

/// Longitude and latitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Degrees east.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
}

/// A box between two meridians and two parallels; west beyond east crosses the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Degrees east.
    pub west: f64,
    /// Degrees north.
    pub south: f64,
    /// Degrees east.
    pub east: f64,
    /// Degrees north.
    pub north: f64,
}

/// A line of two or more points.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line(pub Vec<Point>);

/// A polygon: closed rings, the outer one counter-clockwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Polygon {
    /// The outer ring; the last point is the first.
    pub exterior: Vec<Point>,
    /// Holes. CMR knows none.
    pub holes: Vec<Vec<Point>>,
}

/// All that lies within a distance of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// The middle.
    pub center: Point,
    /// In metres.
    pub radius: f64,
}

/// How deep lists nest: 0 for what is no list.
pub(crate) fn depth(v: &Value) -> usize {
    v.as_array().map_or(0, |a| 1 + a.first().map_or(0, depth))
}

/// A list of so many levels is one value, a deeper one is several; so is a flat one whose texts hold several numbers each.
fn split(given: Value, levels: usize) -> Vec<Value> {
    let texts = |all: &[Value]| all.iter().any(|v| v.is_object() || v.as_str().is_some_and(|t| t.contains(',')));
    match given {
        Value::Null => Vec::new(),
        Value::Array(all) if all.is_empty() || texts(&all) => all,
        Value::Array(all) => {
            let given = Value::Array(all);
            match given {
                Value::Array(all) if 1 + all.first().map_or(0, depth) > levels => all,
                one => vec![one],
            }
        }
        one => vec![one],
    }
}

/// The numbers of a flat list or of a text with commas.
fn numbers(given: &Value, hint: &str) -> Result<Vec<f64>, Misread> {
    let parts: Vec<Value> = match given {
        Value::Array(all) => all.clone(),
        Value::String(text) => text.split(',').map(|t| t.trim().into()).collect(),
        _ => return Err(Misread::new(given, "is not a list of numbers", hint)),
    };
    let one = |v: &Value| number(v).ok_or_else(|| Misread::new(given, format!("has `{}` where a number should be", plain(v)), hint));
    parts.iter().map(one).collect()
}

/// Points as `[[lon, lat], …]`, `[lon, lat, lon, lat, …]` or `"lon,lat,lon,lat"`. A height in a nested point is left out.
fn points(given: &Value, hint: &str) -> Result<Vec<Point>, Misread> {
    if let Value::Array(all) = given
        && depth(given) == 2
    {
        return all.iter().map(Point::read).collect();
    }
    let flat = numbers(given, hint)?;
    if flat.len() % 2 == 1 {
        return Err(Misread::new(given, format!("has {} numbers, which are not pairs", flat.len()), hint));
    }
    Ok(flat.chunks_exact(2).map(|p| Point { lon: p[0], lat: p[1] }).collect())
}

fn coordinates<'a>(given: &'a Value, kind: &str) -> Option<&'a Value> {
    (given.get("type")? == kind).then(|| given.get("coordinates"))?
}

fn pair(p: &Point) -> Value {
    json!([json_number(p.lon), json_number(p.lat)])
}

pub(crate) fn pairs(ring: &[Point]) -> Value {
    ring.iter().map(pair).collect()
}

fn joined<'a>(points: impl IntoIterator<Item = &'a Point>) -> String {
    points.into_iter().map(|p| format!("{},{}", digits(p.lon), digits(p.lat))).collect::<Vec<_>>().join(",")
}

impl Item for Point {
    fn split(given: Value) -> Vec<Value> {
        split(given, 1)
    }

    /// `[lon, lat]`, `"lon,lat"`, `{lon, lat}`, or a GeoJSON point; a height is left out.
    fn read(given: &Value) -> Result<Self, Misread> {
        let hint = "write [longitude, latitude]";
        if let (Some(lon), Some(lat)) = (given.get("lon").and_then(number), given.get("lat").and_then(number)) {
            return Ok(Self { lon, lat });
        }
        match numbers(coordinates(given, "Point").unwrap_or(given), hint)?[..] {
            [lon, lat] | [lon, lat, _] => Ok(Self { lon, lat }),
            ref other => Err(Misread::new(given, format!("has {} numbers", other.len()), hint)),
        }
    }

    fn write(&self) -> Value {
        pair(self)
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        shape_rules::check_points(field, &[*self])
    }
}

impl Wire for Point {
    fn send(&self) -> Option<String> {
        Some(joined([self]))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl Item for BoundingBox {
    fn split(given: Value) -> Vec<Value> {
        split(given, 1)
    }

    /// `[west, south, east, north]`, the same with commas in a text, or an object with these names.
    fn read(given: &Value) -> Result<Self, Misread> {
        let hint = "write [west, south, east, north]";
        let sides = ["west", "south", "east", "north"].map(|n| given.get(n).and_then(number));
        if let [Some(west), Some(south), Some(east), Some(north)] = sides {
            return Ok(Self { west, south, east, north });
        }
        match numbers(given, hint)?[..] {
            [west, south, east, north] => Ok(Self { west, south, east, north }),
            [_, _, _, _, _, _] => Err(Misread::new(given, "has heights", hint)),
            ref other => Err(Misread::new(given, format!("has {} numbers", other.len()), hint)),
        }
    }

    fn write(&self) -> Value {
        json!([json_number(self.west), json_number(self.south), json_number(self.east), json_number(self.north)])
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        shape_rules::check_box(field, self)
    }
}

impl Wire for BoundingBox {
    fn send(&self) -> Option<String> {
        Some([self.west, self.south, self.east, self.north].map(digits).join(","))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl BoundingBox {
    /// The rings around it, counter-clockwise: two when it crosses the antimeridian.
    pub(crate) fn rings(&self) -> Vec<Vec<Point>> {
        let ring = |west: f64, east: f64| {
            let corners = [(west, self.south), (east, self.south), (east, self.north), (west, self.north), (west, self.south)];
            corners.into_iter().map(|(lon, lat)| Point { lon, lat }).collect()
        };
        if self.west <= self.east { vec![ring(self.west, self.east)] } else { vec![ring(self.west, 180.0), ring(-180.0, self.east)] }
    }
}

impl Item for Line {
    fn split(given: Value) -> Vec<Value> {
        split(given, 2)
    }

    /// Points as a list, a flat list, a text with commas, or a GeoJSON line.
    fn read(given: &Value) -> Result<Self, Misread> {
        points(coordinates(given, "LineString").unwrap_or(given), "write [[lon, lat], [lon, lat], …]").map(Self)
    }

    fn write(&self) -> Value {
        pairs(&self.0)
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        shape_rules::check_line(field, self)
    }
}

impl Wire for Line {
    fn send(&self) -> Option<String> {
        Some(joined(&self.0))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl Item for Polygon {
    fn split(given: Value) -> Vec<Value> {
        split(given, 2)
    }

    /// The outer ring as a list of points, a flat list or a text with commas; with holes, a GeoJSON polygon.
    fn read(given: &Value) -> Result<Self, Misread> {
        let hint = "write the outer ring [[lon, lat], …], or a GeoJSON polygon";
        match coordinates(given, "Polygon") {
            Some(Value::Array(rings)) => {
                let mut rings = rings.iter().map(|r| points(r, hint)).collect::<Result<Vec<_>, _>>()?.into_iter();
                Ok(Self { exterior: rings.next().unwrap_or_default(), holes: rings.collect() })
            }
            Some(_) => Err(Misread::new(given, "has no rings", hint)),
            None => points(given, hint).map(|exterior| Self { exterior, holes: Vec::new() }),
        }
    }

    fn write(&self) -> Value {
        if self.holes.is_empty() { pairs(&self.exterior) } else { json!({"type": "Polygon", "coordinates": self.rings()}) }
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        shape_rules::check_polygon(field, self)
    }
}

impl Polygon {
    /// The coordinates of a GeoJSON polygon.
    pub(crate) fn rings(&self) -> Vec<Value> {
        std::iter::once(&self.exterior).chain(&self.holes).map(|r| pairs(r)).collect()
    }
}

impl Wire for Polygon {
    /// The outer ring alone.
    fn send(&self) -> Option<String> {
        Some(joined(&self.exterior))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl Item for Circle {
    fn split(given: Value) -> Vec<Value> {
        split(given, 1)
    }

    /// `[lon, lat, radius]`, `"lon,lat,radius"`, or an object with these names.
    fn read(given: &Value) -> Result<Self, Misread> {
        let hint = "write [longitude, latitude, radius in metres]";
        if let [Some(lon), Some(lat), Some(radius)] = ["lon", "lat", "radius"].map(|n| given.get(n).and_then(number)) {
            return Ok(Self { center: Point { lon, lat }, radius });
        }
        match numbers(given, hint)?[..] {
            [lon, lat, radius] => Ok(Self { center: Point { lon, lat }, radius }),
            ref other => Err(Misread::new(given, format!("has {} numbers", other.len()), hint)),
        }
    }

    fn write(&self) -> Value {
        json!([json_number(self.center.lon), json_number(self.center.lat), json_number(self.radius)])
    }

    fn check(&self, field: &str) -> Vec<Problem> {
        shape_rules::check_circle(field, self)
    }
}

impl Wire for Circle {
    fn send(&self) -> Option<String> {
        Some(format!("{},{}", joined([&self.center]), digits(self.radius)))
    }

    fn receive(text: &str) -> Result<Self, Misread> {
        Self::read(&text.into())
    }
}

impl Circle {
    /// The smallest box of meridians and parallels around it, on a sphere as small as the earth is at its flattest, so that nothing is missed.
    pub fn bounds(&self) -> BoundingBox {
        const SMALLEST_RADIUS: f64 = 6_335_000.0;
        let angle = self.radius / SMALLEST_RADIUS;
        let (south, north) = (self.center.lat - angle.to_degrees(), self.center.lat + angle.to_degrees());
        let ratio = angle.sin() / self.center.lat.to_radians().cos();
        if south <= -90.0 || north >= 90.0 || angle >= std::f64::consts::FRAC_PI_2 || ratio >= 1.0 {
            return BoundingBox { west: -180.0, south: south.max(-90.0), east: 180.0, north: north.min(90.0) };
        }
        let half = ratio.asin().to_degrees();
        let wrap = |lon: f64| {
            if lon > 180.0 {
                lon - 360.0
            } else if lon < -180.0 {
                lon + 360.0
            } else {
                lon
            }
        };
        BoundingBox { west: wrap(self.center.lon - half), south, east: wrap(self.center.lon + half), north }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Field;

    fn read<T: Item>(given: Value) -> Vec<T> {
        let mut all = Vec::new();
        let misread = Field::read(&mut all, given);
        assert!(misread.is_empty(), "{misread:?}");
        all
    }

    #[test]
    fn shapes_are_read_in_many_ways() {
        let wire = |all: Vec<String>| all.join(" ");
        let boxes = |v| wire(read::<BoundingBox>(v).iter().filter_map(Wire::send).collect());
        assert_eq!(boxes(json!([-10, -5, 10, 5.5])), "-10,-5,10,5.5");
        assert_eq!(boxes(json!("-10, -5, 10, 5.5")), "-10,-5,10,5.5");
        assert_eq!(boxes(json!(["-10", "-5", "10", "5.5"])), "-10,-5,10,5.5");
        assert_eq!(boxes(json!([[1, 2, 3, 4], [5, 6, 7, 8]])), "1,2,3,4 5,6,7,8");
        assert_eq!(boxes(json!(["1,2,3,4", "5,6,7,8"])), "1,2,3,4 5,6,7,8");
        assert_eq!(boxes(json!({"west": 1, "south": 2, "east": 3, "north": 4})), "1,2,3,4");
        let points = |v| wire(read::<Point>(v).iter().filter_map(Wire::send).collect());
        assert_eq!(points(json!([100, 20])), "100,20");
        assert_eq!(points(json!([[100, 20], [80, 20, 7]])), "100,20 80,20");
        assert_eq!(points(json!({"type": "Point", "coordinates": [1, 2]})), "1,2");
        assert_eq!(points(json!([{"lon": 1, "lat": 2}])), "1,2");
        let lines = |v| wire(read::<Line>(v).iter().filter_map(Wire::send).collect());
        assert_eq!(lines(json!([[0, 1], [2, 3]])), "0,1,2,3");
        assert_eq!(lines(json!([0, 1, 2, 3])), "0,1,2,3");
        assert_eq!(lines(json!([[[0, 1], [2, 3]], [[4, 5], [6, 7]]])), "0,1,2,3 4,5,6,7");
        let polygons = |v| wire(read::<Polygon>(v).iter().filter_map(Wire::send).collect());
        assert_eq!(polygons(json!("10,10,30,10,30,20,10,20,10,10")), "10,10,30,10,30,20,10,20,10,10");
        assert_eq!(polygons(json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]})), "0,0,1,0,1,1,0,0");
        assert_eq!(polygons(json!([[[0, 0], [1, 0], [1, 1], [0, 0]], [[4, 4], [5, 4], [5, 5], [4, 4]]])), "0,0,1,0,1,1,0,0 4,4,5,4,5,5,4,4");
        let circles = |v| wire(read::<Circle>(v).iter().filter_map(Wire::send).collect());
        assert_eq!(circles(json!([-87.629717, 41.878112, 1000])), "-87.629717,41.878112,1000");
        assert_eq!(circles(json!([[1, 2, 3], [4, 5, 6]])), "1,2,3 4,5,6");
        for bad in [json!([1, 2, 3]), json!([1, 2, 3, 4, 5, 6]), json!("1,2,3,x"), json!([1, 2, 3, null]), json!(7), json!(true)] {
            assert_eq!(Field::read(&mut Vec::<BoundingBox>::new(), bad.clone()).len(), 1, "{bad}");
        }
    }

    #[test]
    fn numbers_have_no_exponent() {
        assert_eq!(Point { lon: 1e-7, lat: -0.0 }.send().as_deref(), Some("0.0000001,0"));
    }

    /// Points of the circle, found with the haversine formula, lie in the box.
    #[test]
    fn the_box_holds_the_circle() {
        for (lon, lat, radius) in
            [(0.0, 0.0, 1e6), (179.5, 60.0, 3e5), (-179.9, -80.0, 9e5), (10.0, 89.0, 5e5), (20.0, -45.0, 10.0), (0.0, 10.0, 6e6)]
        {
            let circle = Circle { center: Point { lon, lat }, radius };
            let b = circle.bounds();
            for i in 0..720 {
                let (bearing, d, phi) = (f64::from(i).to_radians() / 2.0, radius / 6_371_000.0, f64::to_radians(lat));
                let lat2 = (phi.sin() * d.cos() + phi.cos() * d.sin() * bearing.cos()).asin();
                let dlon = (bearing.sin() * d.sin() * phi.cos()).atan2(d.cos() - phi.sin() * lat2.sin());
                let lon2 = (lon + dlon.to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
                let inside = if b.west <= b.east { (b.west..=b.east).contains(&lon2) } else { lon2 >= b.west || lon2 <= b.east };
                assert!(inside && (b.south..=b.north).contains(&lat2.to_degrees()), "{circle:?} {b:?} {lon2} {}", lat2.to_degrees());
            }
        }
    }
}
