//! From rows of a stac-geoparquet file to items.

use arrow_array::{
    Array, ArrayRef, RecordBatch,
    cast::AsArray,
    types::{
        ArrowTimestampType, Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
};
use arrow_schema::{DataType, Field, TimeUnit};
use cube_backend::{Error, Result};
use cube_core::TimeValue;
use serde_json::{Map, Value, json};

use super::{JSON_EXTENSION, wkb};
use crate::{item::Item, location::Location, time};

/// Columns that are members of the item itself; all others are properties.
const MEMBERS: [&str; 9] = ["type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "links", "assets", "collection"];

/// The items of a batch of rows.
pub(super) fn items(batch: &RecordBatch, at: &Location) -> Result<Vec<Item>> {
    (0..batch.num_rows()).map(|row| item(batch, row, at)).collect()
}

fn item(batch: &RecordBatch, row: usize, at: &Location) -> Result<Item> {
    let schema = batch.schema_ref();
    let (mut item, mut properties) = (Map::new(), Map::new());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name().as_str();
        let value = value(column, field, row);
        match name {
            "bbox" => drop(value.map(|v| item.insert("bbox".into(), bbox(v)))),
            "assets" => drop(item.insert("assets".into(), value.unwrap_or_else(|| json!({})))),
            "properties" => {
                if let Some(Value::Object(inner)) = value {
                    properties.extend(inner);
                }
            }
            _ if MEMBERS.contains(&name) => drop(value.map(|v| item.insert(name.to_owned(), v))),
            _ => drop(value.map(|v| properties.insert(name.to_owned(), v))),
        }
    }
    properties.entry("datetime").or_insert(Value::Null);
    item.insert("properties".into(), properties.into());
    item.entry("assets").or_insert_with(|| json!({}));
    item.entry("geometry").or_insert(Value::Null);
    Item::new(item.into(), at, None).map_err(|e| Error::corrupt(format!("row {row} of a batch of `{at}` is not an item")).with_source(e))
}

/// `{xmin, ymin, xmax, ymax}`, perhaps with heights, as the list that STAC writes.
fn bbox(value: Value) -> Value {
    match value {
        Value::Object(sides) => {
            let names = if sides.contains_key("zmin") && sides.contains_key("zmax") {
                &["xmin", "ymin", "zmin", "xmax", "ymax", "zmax"][..]
            } else {
                &["xmin", "ymin", "xmax", "ymax"][..]
            };
            names.iter().map(|n| sides.get(*n).cloned().unwrap_or(Value::Null)).collect()
        }
        other => other,
    }
}

/// The value of a cell; `None` for null, which STAC leaves out.
fn value(array: &ArrayRef, field: &Field, row: usize) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    macro_rules! number {
        ($t:ty) => {
            Some(json!(array.as_primitive::<$t>().value(row)))
        };
    }
    match array.data_type() {
        DataType::Null => None,
        DataType::Boolean => Some(array.as_boolean().value(row).into()),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => Some(float(array.as_primitive::<Float16Type>().value(row).to_f64())),
        DataType::Float32 => Some(float(array.as_primitive::<Float32Type>().value(row).into())),
        DataType::Float64 => Some(float(array.as_primitive::<Float64Type>().value(row))),
        DataType::Decimal128(_, scale) => Some(float(array.as_primitive::<Decimal128Type>().value(row) as f64 / 10f64.powi((*scale).into()))),
        DataType::Utf8 => Some(text(array.as_string::<i32>().value(row), field)),
        DataType::LargeUtf8 => Some(text(array.as_string::<i64>().value(row), field)),
        DataType::Utf8View => Some(text(array.as_string_view().value(row), field)),
        DataType::Binary => geometry(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => geometry(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => geometry(array.as_binary_view().value(row)),
        DataType::Timestamp(unit, _) => instant(array, *unit, row).map(|t| time::text(t).into()),
        DataType::Date32 => Some(time::text(TimeValue(i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400_000_000)).into()),
        DataType::Date64 => Some(time::text(TimeValue(array.as_primitive::<Date64Type>().value(row) * 1000)).into()),
        DataType::List(inner) => Some(list(&array.as_list::<i32>().value(row), inner)),
        DataType::LargeList(inner) => Some(list(&array.as_list::<i64>().value(row), inner)),
        DataType::FixedSizeList(inner, _) => Some(list(&array.as_fixed_size_list().value(row), inner)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            let key = *dictionary.normalized_keys().get(row)?;
            value(values, field, key)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct();
            let members = fields.iter().zip(columns.columns()).filter_map(|(f, c)| Some((f.name().clone(), value(c, f, row)?)));
            Some(Value::Object(members.collect()))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let fields = entries.fields();
            let pair = |i: usize, column: usize| value(entries.column(column), fields.get(column)?, i);
            let members = (0..entries.len()).filter_map(|i| Some((pair(i, 0)?.as_str()?.to_owned(), pair(i, 1)?)));
            Some(Value::Object(members.collect()))
        }
        _ => None,
    }
}

fn list(values: &ArrayRef, field: &Field) -> Value {
    (0..values.len()).map(|i| value(values, field, i).unwrap_or(Value::Null)).collect()
}

/// NaN and infinities are texts, as the raster extension writes them.
fn float(f: f64) -> Value {
    if f.is_finite() {
        return json!(f);
    }
    if f.is_nan() {
        "nan".into()
    } else if f > 0.0 {
        "inf".into()
    } else {
        "-inf".into()
    }
}

fn text(text: &str, field: &Field) -> Value {
    let is_json = field.metadata().get("ARROW:extension:name").is_some_and(|n| n == JSON_EXTENSION);
    if is_json && let Ok(value) = serde_json::from_str(text) { value } else { text.into() }
}

fn geometry(bytes: &[u8]) -> Option<Value> {
    serde_json::to_value(wkb::read(bytes)?).ok()
}

/// The instant in a timestamp column.
pub(super) fn instant(array: &dyn Array, unit: TimeUnit, row: usize) -> Option<TimeValue> {
    fn raw<T: ArrowTimestampType>(array: &dyn Array, row: usize) -> i64 {
        array.as_primitive::<T>().value(row)
    }
    if array.is_null(row) {
        return None;
    }
    Some(micros(
        match unit {
            TimeUnit::Second => raw::<TimestampSecondType>(array, row),
            TimeUnit::Millisecond => raw::<TimestampMillisecondType>(array, row),
            TimeUnit::Microsecond => raw::<TimestampMicrosecondType>(array, row),
            TimeUnit::Nanosecond => raw::<TimestampNanosecondType>(array, row),
        },
        unit,
    ))
}

/// A count of some unit since 1970 as an instant.
pub(super) fn micros(n: i64, unit: TimeUnit) -> TimeValue {
    TimeValue(match unit {
        TimeUnit::Second => n.saturating_mul(1_000_000),
        TimeUnit::Millisecond => n.saturating_mul(1000),
        TimeUnit::Microsecond => n,
        TimeUnit::Nanosecond => n.div_euclid(1000),
    })
}
