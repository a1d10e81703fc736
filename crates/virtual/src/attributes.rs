//! Attributes as JSON.

use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue};

use crate::json::Json;

/// The members that attributes become; those of a kind that is not read are left out.
pub(crate) fn members(attributes: &[Attribute]) -> Vec<(String, Json)> {
    attributes.iter().filter_map(|a| Some((a.name.clone(), value(&a.value)?))).collect()
}

/// The value of an attribute; `None` for a kind that is not read. One number in a list is that number, as in netCDF.
pub(crate) fn value(value: &AttributeValue) -> Option<Json> {
    Some(match value {
        AttributeValue::Text(text) => Json::Text(text.clone()),
        AttributeValue::Texts(texts) => Json::List(texts.iter().cloned().map(Json::Text).collect()),
        AttributeValue::Number(dtype, n) => number(*dtype, *n),
        AttributeValue::Numbers(dtype, list) if list.len() == 1 => number(*dtype, list[0]),
        AttributeValue::Numbers(dtype, list) => Json::List(list.iter().map(|n| number(*dtype, *n)).collect()),
        AttributeValue::Other(_) => return None,
    })
}

/// The one number that an attribute holds.
pub(crate) fn single(value: &AttributeValue) -> Option<(DType, Number)> {
    match value {
        AttributeValue::Number(dtype, n) => Some((*dtype, *n)),
        AttributeValue::Numbers(dtype, list) if list.len() == 1 => Some((*dtype, list[0])),
        _ => None,
    }
}

fn number(dtype: DType, n: Number) -> Json {
    match n {
        Number::Int(i) if !dtype.is_float() => Json::Int(i),
        n => Json::Float(n.as_f64()),
    }
}
