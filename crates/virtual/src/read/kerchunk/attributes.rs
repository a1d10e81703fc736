use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue, Element};

use crate::{element, json::Json};

/// Attributes from the members of an object, without those that only serve Zarr.
pub(super) fn attributes(document: Option<&Json>) -> Vec<Attribute> {
    let Some(Json::Object(members)) = document else { return Vec::new() };
    let kept = members.iter().filter(|(name, _)| name != "_ARRAY_DIMENSIONS");
    kept.map(|(name, value)| Attribute { name: name.clone(), value: attribute(value) }).collect()
}

/// The fill value of an array as the attribute that readers take it for.
pub(super) fn missing(kind: Element, bytes: &[u8]) -> Option<Attribute> {
    let dtype = dtype(kind)?;
    let number = element::number(kind, bytes)?;
    Some(Attribute { name: "_FillValue".to_owned(), value: AttributeValue::Number(dtype, number) })
}

/// The type of attributes that speak of elements.
pub(super) fn dtype(element: Element) -> Option<DType> {
    match element {
        Element::Number(dtype, _) => Some(dtype),
        Element::Float16(_) => Some(DType::Float32),
        _ => None,
    }
}

fn attribute(value: &Json) -> AttributeValue {
    let other = || AttributeValue::Other(kind(value).to_owned());
    match value {
        Json::Text(text) => AttributeValue::Text(text.clone()),
        Json::List(items) => match (numbers(items), texts(items)) {
            (Some((dtype, numbers)), _) => AttributeValue::Numbers(dtype, numbers),
            (None, Some(texts)) => AttributeValue::Texts(texts),
            (None, None) => other(),
        },
        _ => number(value).map_or_else(other, |(dtype, n)| AttributeValue::Number(dtype, n)),
    }
}

fn number(value: &Json) -> Option<(DType, Number)> {
    match value {
        Json::Int(i) if i64::try_from(*i).is_ok() => Some((DType::Int64, Number::Int(*i))),
        Json::Int(i) if u64::try_from(*i).is_ok() => Some((DType::UInt64, Number::Int(*i))),
        Json::Int(i) => Some((DType::Float64, Number::Float(*i as f64))),
        Json::Float(f) => Some((DType::Float64, Number::Float(*f))),
        _ => None,
    }
}

fn numbers(items: &[Json]) -> Option<(DType, Vec<Number>)> {
    let all: Vec<(DType, Number)> = items.iter().map(number).collect::<Option<_>>()?;
    let has = |dtype: DType| all.iter().any(|(d, _)| *d == dtype);
    let dtype = [DType::Float64, DType::UInt64].into_iter().find(|d| has(*d)).unwrap_or(DType::Int64);
    Some((dtype, all.into_iter().map(|(_, n)| if dtype == DType::Float64 { Number::Float(n.as_f64()) } else { n }).collect()))
}

fn texts(items: &[Json]) -> Option<Vec<String>> {
    items.iter().map(|i| i.text().map(str::to_owned)).collect()
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Object(_) => "object",
        _ => "mixed list",
    }
}
