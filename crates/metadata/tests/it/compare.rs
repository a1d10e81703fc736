//! Comparing records by what they say.

use serde_json::Value;

/// The first place where two records differ, or nothing. Lists whose order means nothing are compared as such.
pub(crate) fn difference(a: &Value, b: &Value) -> Option<String> {
    differ(a, b, "")
}

fn differ(a: &Value, b: &Value, path: &str) -> Option<String> {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x == y || x.as_f64() == y.as_f64() => None,
        (Value::Object(x), Value::Object(y)) => {
            let missing = x.keys().find(|k| !y.contains_key(*k)).map(|k| format!("{path}.{k} is missing"));
            let new = || y.keys().find(|k| !x.contains_key(*k)).map(|k| format!("{path}.{k} is new: {}", y[k]));
            missing.or_else(new).or_else(|| x.iter().find_map(|(k, v)| differ(v, &y[k], &format!("{path}.{k}"))))
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() && is_a_set(path) => {
            let mut left: Vec<&Value> = y.iter().collect();
            x.iter().find_map(|v| match left.iter().position(|w| differ(v, w, "").is_none()) {
                Some(at) => {
                    left.remove(at);
                    None
                }
                None => Some(format!("{path}: {v} is missing, left are {left:?}")),
            })
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter().zip(y).enumerate().find_map(|(i, (v, w))| differ(v, w, &format!("{path}[{i}]")))
        }
        _ if a == b => None,
        _ => Some(format!("{path}: {a} became {b}")),
    }
}

/// UMM gives no meaning to the order of these.
fn is_a_set(path: &str) -> bool {
    ["RelatedUrls", "ArchiveAndDistributionInformation"].iter().any(|name| path.ends_with(name))
}

/// A geometry with every ring counter-clockwise: catalogues care little for the direction, and GeoJSON's readers must not.
pub(crate) fn turned(item: &Value) -> Value {
    let mut item = item.clone();
    let kind = item["geometry"]["type"].as_str().unwrap_or_default().to_owned();
    if let Some(coordinates) = item.get_mut("geometry").and_then(|g| g.get_mut("coordinates")) {
        match kind.as_str() {
            "Polygon" => turn(coordinates),
            "MultiPolygon" => coordinates.as_array_mut().into_iter().flatten().for_each(turn),
            _ => {}
        }
    }
    item
}

fn turn(polygon: &mut Value) {
    for ring in polygon.as_array_mut().into_iter().flatten().filter_map(Value::as_array_mut) {
        let at = |p: &Value, i: usize| p[i].as_f64().unwrap_or_default();
        let area: f64 = ring
            .windows(2)
            .map(|e| {
                (at(&e[0], 0) - at(&ring[0], 0)) * (at(&e[1], 1) - at(&ring[0], 1))
                    - (at(&e[1], 0) - at(&ring[0], 0)) * (at(&e[0], 1) - at(&ring[0], 1))
            })
            .sum();
        if area < 0.0 {
            ring.reverse();
        }
    }
}
