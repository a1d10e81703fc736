//! The bands of an asset: their names, and what is said of their pixels (raster extension versions 1 and 2, `eo:bands`, `bands`).

use cube_core::{DType, Number};
use serde_json::{Map, Value};

/// One band of an asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Band {
    /// `name`, e.g. `B04`.
    pub(crate) name: Option<String>,
    /// `common_name`, e.g. `red`.
    pub(crate) common_name: Option<String>,
    pub(crate) dtype: Option<DType>,
    pub(crate) nodata: Option<Number>,
    pub(crate) scale: Option<f64>,
    pub(crate) offset: Option<f64>,
    /// The offset is not stated, and follows from what is known of the product.
    pub(crate) presumed: bool,
    pub(crate) unit: Option<String>,
    pub(crate) title: Option<String>,
    /// Pixel size in metres, where stated.
    pub(crate) resolution: Option<f64>,
}

/// The bands of an asset, in the order of its file; empty when the asset says nothing of bands.
///
/// Versions before 1.0 listed in an asset the indices of the item's `eo:bands`.
pub(crate) fn bands(asset: &Map<String, Value>, properties: &Map<String, Value>) -> Vec<Band> {
    let lists = [list(asset, "raster:bands"), list(asset, "bands"), list(asset, "eo:bands")];
    let count = lists.iter().map(Vec::len).max().unwrap_or(0);
    let shared = list(properties, "eo:bands");
    (0..count)
        .map(|i| {
            let [raster, band, eo] = lists.each_ref().map(|l| l.get(i).copied());
            let eo = match eo.and_then(Value::as_u64) {
                Some(index) => shared.get(index as usize).copied(),
                None => eo,
            };
            let [raster, band, eo] = [raster, band, eo].map(|v| v.and_then(Value::as_object));
            Band::read(&[raster, band, eo], asset, properties)
        })
        .collect()
}

/// What an asset says of all its bands together, when it lists none.
pub(crate) fn whole(asset: &Map<String, Value>, properties: &Map<String, Value>) -> Band {
    Band::read(&[], asset, properties)
}

impl Band {
    fn read(levels: &[Option<&Map<String, Value>>], asset: &Map<String, Value>, properties: &Map<String, Value>) -> Self {
        let own = |names: &[&str]| levels.iter().flatten().find_map(|m| names.iter().find_map(|n| m.get(*n).filter(|v| !v.is_null())));
        // Band wins over asset, asset over item; `scale` and `offset` carry their prefix outside `raster:bands`.
        let inherited =
            |names: &[&str], prefixed: &str| own(names).or_else(|| [asset, properties].iter().find_map(|m| m.get(prefixed).filter(|v| !v.is_null())));
        let text = |v: Option<&Value>| v.and_then(Value::as_str).map(str::to_owned);
        Self {
            name: text(own(&["name"])),
            common_name: text(own(&["eo:common_name", "common_name"])),
            dtype: inherited(&["data_type"], "data_type").and_then(Value::as_str).and_then(|d| DType::parse(d).ok()),
            nodata: inherited(&["nodata", "raster:nodata"], "nodata").and_then(number),
            scale: inherited(&["scale", "raster:scale"], "raster:scale").and_then(float),
            offset: inherited(&["offset", "raster:offset"], "raster:offset").and_then(float),
            presumed: false,
            unit: text(inherited(&["unit"], "unit")).filter(|u| !u.is_empty()),
            title: text(own(&["description", "title"])),
            resolution: inherited(&["spatial_resolution", "raster:spatial_resolution"], "raster:spatial_resolution").and_then(float),
        }
    }
}

fn list<'a>(m: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
    m.get(name).and_then(Value::as_array).map(|l| l.iter().collect()).unwrap_or_default()
}

/// A number, also one that stands in a text (`"nan"`, `"-inf"`, `"0"`).
pub(crate) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(n) => {
            n.as_i64().map(|i| Number::Int(i.into())).or_else(|| n.as_u64().map(|i| Number::Int(i.into()))).or_else(|| n.as_f64().map(Number::from))
        }
        Value::String(s) => Number::parse(s).ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    number(value).map(Number::as_f64).filter(|f| f.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(asset: Value, properties: Value) -> Vec<Band> {
        bands(asset.as_object().expect("an object"), properties.as_object().expect("an object"))
    }

    #[test]
    fn both_versions_say_the_same() {
        let v1 = json!({"eo:bands": [{"name": "B04", "common_name": "red"}], "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1, "unit": "m"}]});
        let v2 = json!({"bands": [{"name": "B04", "eo:common_name": "red", "nodata": 0, "data_type": "uint16", "raster:scale": 0.0001, "raster:offset": -0.1, "unit": "m"}]});
        let flat = json!({"bands": [{"name": "B04", "eo:common_name": "red"}], "nodata": 0, "data_type": "uint16", "raster:scale": 0.0001, "raster:offset": -0.1, "unit": "m"});
        let first = read(v1, json!({}));
        assert_eq!(first[0].nodata, Some(Number::Int(0)));
        assert_eq!(first, read(v2, json!({})));
        assert_eq!(first, read(flat, json!({})));
    }

    #[test]
    fn nodata_is_also_a_text() {
        let nan = read(json!({"raster:bands": [{"nodata": "nan"}, {"nodata": "-inf"}, {"nodata": null}, {"nodata": "-9999"}]}), json!({}));
        assert!(nan[0].nodata.is_some_and(|n| n.as_f64().is_nan()));
        assert_eq!(nan[1].nodata, Some(Number::Float(f64::NEG_INFINITY)));
        assert_eq!(nan[2].nodata, None);
        assert_eq!(nan[3].nodata, Some(Number::Int(-9999)));
    }

    #[test]
    fn unknown_types_are_unknown() {
        assert_eq!(read(json!({"raster:bands": [{"data_type": "other"}]}), json!({}))[0].dtype, None);
        assert_eq!(read(json!({"raster:bands": [{"data_type": "cint16"}]}), json!({}))[0].dtype, None);
    }

    #[test]
    fn indices_lead_to_the_items_bands() {
        let old = read(json!({"eo:bands": [1]}), json!({"eo:bands": [{"name": "B1"}, {"name": "B2", "common_name": "green"}]}));
        assert_eq!((old[0].name.as_deref(), old[0].common_name.as_deref()), (Some("B2"), Some("green")));
    }
}
