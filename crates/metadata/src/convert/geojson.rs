//! GeoJSON to `HorizontalSpatialDomain.Geometry`.

use serde_json::{Map, Value, json};

use super::{geometry::rectangle_of, value::same};

type Ring = Vec<[f64; 2]>;

/// `Geometry` of UMM for a geometry of GeoJSON; heights are left out. `None` when nothing in it can be read.
pub(super) fn to_umm(geometry: &Value) -> Option<Value> {
    let mut parts = Parts::default();
    parts.add(geometry);
    let lists = [("GPolygons", parts.polygons), ("BoundingRectangles", parts.rectangles), ("Lines", parts.lines), ("Points", parts.points)];
    let filled: Map<_, _> =
        lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), Value::Array(list))).collect();
    (!filled.is_empty()).then_some(Value::Object(filled))
}

#[derive(Default)]
struct Parts {
    polygons: Vec<Value>,
    rectangles: Vec<Value>,
    lines: Vec<Value>,
    points: Vec<Value>,
}

impl Parts {
    fn add(&mut self, geometry: &Value) {
        let coordinates = geometry.get("coordinates").unwrap_or(&Value::Null);
        let each = || coordinates.as_array().into_iter().flatten();
        match geometry.get("type").and_then(Value::as_str).unwrap_or_default() {
            "Point" => self.point(coordinates),
            "MultiPoint" => each().for_each(|c| self.point(c)),
            "LineString" => self.line(coordinates),
            "MultiLineString" => each().for_each(|c| self.line(c)),
            "Polygon" => self.polygon(coordinates),
            "MultiPolygon" => each().for_each(|c| self.polygon(c)),
            "GeometryCollection" => geometry.get("geometries").and_then(Value::as_array).into_iter().flatten().for_each(|g| self.add(g)),
            _ => {}
        }
    }

    fn point(&mut self, coordinates: &Value) {
        self.points.extend(position(coordinates).map(point));
    }

    fn line(&mut self, coordinates: &Value) {
        self.lines.extend(positions(coordinates).filter(|l| l.len() >= 2).map(|line| points(&line)));
    }

    fn polygon(&mut self, coordinates: &Value) {
        let rings: Option<Vec<Ring>> = coordinates.as_array().and_then(|rings| rings.iter().map(positions).collect());
        let Some((outer, holes)) = rings.as_deref().and_then(<[Ring]>::split_first) else { return };
        if let (Some([west, south, east, north]), true) = (rectangle_of(outer), holes.is_empty()) {
            self.rectangles.push(json!({
                "WestBoundingCoordinate": number(west), "SouthBoundingCoordinate": number(south),
                "EastBoundingCoordinate": number(east), "NorthBoundingCoordinate": number(north),
            }));
            return;
        }
        let mut polygon = Map::new();
        polygon.insert("Boundary".into(), points(&counter_clockwise(outer)));
        if !holes.is_empty() {
            let boundaries: Vec<_> = holes.iter().map(|h| points(&counter_clockwise(h))).collect();
            polygon.insert("ExclusiveZone".into(), json!({"Boundaries": boundaries}));
        }
        self.polygons.push(polygon.into());
    }
}

fn position(value: &Value) -> Option<[f64; 2]> {
    let [x, y, ..] = value.as_array()?.as_slice() else { return None };
    Some([x.as_f64()?, y.as_f64()?])
}

fn positions(value: &Value) -> Option<Ring> {
    value.as_array()?.iter().map(position).collect()
}

/// UMM knows longitudes within ±180 alone; a shape that runs on beyond lies across the antimeridian there.
fn point([x, y]: [f64; 2]) -> Value {
    let x = if (-180.0..=180.0).contains(&x) { x } else { (x + 180.0).rem_euclid(360.0) - 180.0 };
    json!({"Longitude": number(x), "Latitude": number(y)})
}

fn points(ring: &[[f64; 2]]) -> Value {
    json!({"Points": ring.iter().map(|p| point(*p)).collect::<Vec<_>>()})
}

/// A whole number without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { value.into() }
}

fn double_area(ring: &[[f64; 2]]) -> f64 {
    let Some(o) = ring.first() else { return 0.0 };
    ring.windows(2).map(|e| (e[0][0] - o[0]) * (e[1][1] - o[1]) - (e[1][0] - o[0]) * (e[0][1] - o[1])).sum()
}

/// UMM lists every boundary counter-clockwise, holes too.
fn counter_clockwise(ring: &[[f64; 2]]) -> Ring {
    let mut ring = ring.to_vec();
    if double_area(&ring) < 0.0 {
        ring.reverse();
    }
    ring
}

/// Whether two geometries are the same but for the direction of their rings.
pub(super) fn same_shape(a: &Value, b: &Value) -> bool {
    same(a, b) || same(&turned(a), &turned(b))
}

/// With every ring counter-clockwise.
fn turned(geometry: &Value) -> Value {
    let mut out = geometry.clone();
    let turn = |rings: &mut Value| {
        for ring in rings.as_array_mut().into_iter().flatten() {
            if positions(ring).is_some_and(|r| double_area(&r) < 0.0)
                && let Some(list) = ring.as_array_mut()
            {
                list.reverse();
            }
        }
    };
    match geometry.get("type").and_then(Value::as_str) {
        Some("Polygon") => out.get_mut("coordinates").into_iter().for_each(turn),
        Some("MultiPolygon") => out.get_mut("coordinates").and_then(Value::as_array_mut).into_iter().flatten().for_each(turn),
        _ => {}
    }
    out
}
