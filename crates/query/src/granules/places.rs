//! Where granules have to lie, as geometries.

use serde_json::{Value, json};

use super::GranuleQuery;
use crate::{
    field::Item,
    shape::{BoundingBox, pairs},
};

impl GranuleQuery {
    /// The places of the query as GeoJSON geometries, each of which has to be met; shapes of which any is enough are one geometry. Of a circle the box
    /// around it.
    pub fn places(&self) -> Vec<Value> {
        let of_box =
            |b: &BoundingBox| json!({"type": "MultiPolygon", "coordinates": b.rings().iter().map(|r| json!([pairs(r)])).collect::<Vec<_>>()});
        let groups: [(&str, Vec<Value>); 5] = [
            ("bounding_box", self.bounding_box.iter().map(of_box).collect()),
            ("polygon", self.polygon.iter().map(|p| json!({"type": "Polygon", "coordinates": p.rings()})).collect()),
            ("line", self.line.iter().map(|l| json!({"type": "LineString", "coordinates": pairs(&l.0)})).collect()),
            ("point", self.point.iter().map(|p| json!({"type": "Point", "coordinates": p.write()})).collect()),
            ("circle", self.circle.iter().map(|c| of_box(&c.bounds())).collect()),
        ];
        let or = |name: &str| self.options.get(name, "or") == Some(true);
        if or("spatial") {
            return union(groups.into_iter().flat_map(|(_, group)| group).collect()).into_iter().collect();
        }
        groups.into_iter().flat_map(|(name, group)| if or(name) { union(group).into_iter().collect() } else { group }).collect()
    }

    /// The query without its places.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for kind in ["spatial", "bounding_box", "polygon", "line", "point", "circle"] {
            self.options.0.remove(kind);
        }
        Self { bounding_box: Vec::new(), polygon: Vec::new(), line: Vec::new(), point: Vec::new(), circle: Vec::new(), ..self }
    }
}

/// One geometry of all parts; polygons stay polygons.
fn union(mut parts: Vec<Value>) -> Option<Value> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let areas: Option<Vec<Value>> = parts.iter().map(areas).collect::<Option<Vec<_>>>().map(|all| all.concat());
    Some(match areas {
        Some(areas) => json!({"type": "MultiPolygon", "coordinates": areas}),
        None => json!({"type": "GeometryCollection", "geometries": parts}),
    })
}

fn areas(geometry: &Value) -> Option<Vec<Value>> {
    let coordinates = geometry.get("coordinates")?;
    match geometry.get("type")?.as_str()? {
        "Polygon" => Some(vec![coordinates.clone()]),
        "MultiPolygon" => coordinates.as_array().cloned(),
        _ => None,
    }
}
