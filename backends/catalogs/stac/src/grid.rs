//! The grid that an item or an asset states (projection extension, versions 1 and 2).

use cube_core::{Affine, Crs, Extent, Shape, SourceGrid};
use serde_json::{Map, Value};

/// The grid of an asset: what it states itself, else what its item states.
///
/// Shape and transform come from one level, never one from each: an asset of 20 m that states its shape alone must not be given
/// the transform of the item's 10 m.
pub(crate) fn grid(asset: &Map<String, Value>, properties: &Map<String, Value>) -> SourceGrid {
    let own = [shape(asset).is_some(), affine(asset).is_some(), extent(asset).is_some()].contains(&true);
    let level = if own { asset } else { properties };
    SourceGrid {
        crs: crs(asset).or_else(|| crs(properties)),
        affine: affine(level),
        shape: shape(level),
        // The CRS decides what a box means, so an item's box does not stand under an asset's CRS.
        extent: extent(level).or_else(|| extent(properties).filter(|_| crs(asset).is_none())),
    }
}

/// The grid that an item states for all its assets.
pub(crate) fn item_grid(properties: &Map<String, Value>) -> SourceGrid {
    SourceGrid { crs: crs(properties), affine: affine(properties), shape: shape(properties), extent: extent(properties) }
}

/// `proj:code`, else `proj:epsg` (number or text), else `proj:wkt2`, else `proj:projjson`; `eo:epsg` is that of versions before 0.9.
fn crs(m: &Map<String, Value>) -> Option<Crs> {
    let parse = |text: &str| Crs::parse(text).ok();
    let code = |name: &str| match m.get(name)? {
        Value::String(s) => parse(s),
        Value::Number(n) => u32::try_from(n.as_u64()?).ok().map(Crs::from_epsg),
        _ => None,
    };
    code("proj:code")
        .or_else(|| code("proj:epsg"))
        .or_else(|| code("eo:epsg"))
        .or_else(|| parse(m.get("proj:wkt2")?.as_str()?))
        .or_else(|| projjson(m.get("proj:projjson")?))
}

fn projjson(value: &Value) -> Option<Crs> {
    let parsed;
    let value = match value {
        Value::String(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        other => other,
    };
    if let (Some(authority), Some(code)) = (value.pointer("/id/authority").and_then(Value::as_str), value.pointer("/id/code")) {
        let code = code.as_str().map_or_else(|| code.to_string(), str::to_owned);
        return Crs::parse(&format!("{authority}:{code}")).ok();
    }
    value.is_object().then(|| Crs::parse(&value.to_string()).ok()).flatten()
}

fn shape(m: &Map<String, Value>) -> Option<Shape> {
    match numbers(m.get("proj:shape")?)?[..] {
        [rows, cols] if rows >= 1.0 && cols >= 1.0 && rows.fract() == 0.0 && cols.fract() == 0.0 => Some(Shape::new(rows as usize, cols as usize)),
        _ => None,
    }
}

/// Six or nine numbers in `rasterio` order; nine must end in 0, 0, 1.
fn affine(m: &Map<String, Value>) -> Option<Affine> {
    match numbers(m.get("proj:transform")?)?[..] {
        [a, b, c, d, e, f] | [a, b, c, d, e, f, 0.0, 0.0, 1.0] => Some(Affine::new(a, b, c, d, e, f)).filter(|t| t.inverse().is_some()),
        _ => None,
    }
}

fn extent(m: &Map<String, Value>) -> Option<Extent> {
    match numbers(m.get("proj:bbox")?)?[..] {
        [w, s, e, n] | [w, s, _, e, n, _] if w < e && s < n => Some(Extent::new(w, s, e, n)),
        _ => None,
    }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    let all: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    all.iter().all(|v| v.is_finite()).then_some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_crs_is_found_however_it_is_named() {
        let utm = Some(Crs::from_epsg(32633));
        assert_eq!(crs(&map(json!({"proj:code": "EPSG:32633"}))), utm);
        assert_eq!(crs(&map(json!({"proj:code": null, "proj:epsg": 32633}))), utm);
        assert_eq!(crs(&map(json!({"proj:epsg": "32633"}))), utm);
        assert_eq!(crs(&map(json!({"proj:epsg": null, "proj:projjson": {"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 32633}}}))), utm);
        assert_eq!(crs(&map(json!({"proj:code": "EPSG:32633", "proj:epsg": 32634}))), utm, "the newer name wins");
        assert!(crs(&map(json!({"proj:epsg": null, "proj:wkt2": "PROJCRS[\"x\"]"}))).is_some());
        assert_eq!(crs(&map(json!({"proj:epsg": null}))), None);
    }

    #[test]
    fn levels_are_not_mixed() {
        let item =
            map(json!({"proj:epsg": 32633, "proj:shape": [100, 100], "proj:transform": [10, 0, 0, 0, -10, 1000], "proj:bbox": [0, 0, 1000, 1000]}));
        let coarse = grid(&map(json!({"proj:shape": [50, 50]})), &item);
        assert_eq!(coarse.affine, None);
        assert_eq!(coarse.geobox().map(|g| g.affine()), Some(Affine::new(20.0, 0.0, 0.0, 0.0, -20.0, 1000.0)), "from the item's box");
        let same = grid(&map(json!({})), &item);
        assert_eq!(same.geobox().map(|g| g.affine()), Some(Affine::new(10.0, 0.0, 0.0, 0.0, -10.0, 1000.0)));
        let nine = grid(&map(json!({"proj:shape": [50, 50], "proj:transform": [20, 0, 0, 0, -20, 1000, 0, 0, 1]})), &item);
        assert_eq!(nine.affine, Some(Affine::new(20.0, 0.0, 0.0, 0.0, -20.0, 1000.0)));
    }

    #[test]
    fn nonsense_is_not_a_grid() {
        for bad in [
            json!({"proj:transform": [1, 2, 3]}),
            json!({"proj:transform": [0, 0, 0, 0, 0, 0]}),
            json!({"proj:shape": [0, 5]}),
            json!({"proj:shape": [1.5, 2]}),
            json!({"proj:bbox": [5, 5, 1, 1]}),
            json!({"proj:shape": "10x10"}),
        ] {
            assert_eq!(grid(&map(bad.clone()), &Map::new()), SourceGrid::default(), "{bad}");
        }
    }
}
