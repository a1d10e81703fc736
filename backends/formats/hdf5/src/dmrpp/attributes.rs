use cube_core::{DType, Number};
use cube_manifest::{Attribute, AttributeValue};

use super::{
    error::{Error, Fault},
    xml::{Cursor, Tag, shortened},
};

/// What the program that made the sidecar says of itself: nothing of the data file.
const SIDECAR: &str = "build_dmrpp_metadata";
/// Containers by which DAP2 named the attributes of the file itself.
const GLOBAL: [&str; 3] = ["HDF5_GLOBAL", "NC_GLOBAL", "HDF_GLOBAL"];
/// Container by which DAP2 told what it had no word for.
const EXTRA: &str = "DODS_EXTRA";
/// Bytes of the names of containers, which the name of each attribute in them repeats.
const MAX_CONTAINER: usize = 256;
const UNLIMITED: &str = "Unlimited_Dimension";
/// Attributes that only serve HDF5's dimension scales and the netCDF library.
const INTERNAL: [&str; 7] =
    ["DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties", "_IsNetcdf4"];

/// The attributes of a group or variable as they are read.
#[derive(Default)]
pub(super) struct Attributes {
    list: Vec<Attribute>,
    /// Names of dimensions that may grow.
    pub(super) unlimited: Vec<String>,
}

impl Attributes {
    /// Reads one `Attribute` element to its end.
    pub(super) fn read<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>) -> Result<(), Error> {
        self.read_in("", cursor, tag)
    }

    fn read_in<'x>(&mut self, container: &str, cursor: &mut Cursor<'x>, tag: &Tag<'x>) -> Result<(), Error> {
        let [name, kind] = tag.values(cursor, ["name", "type"])?;
        let (name, kind) = (name.unwrap_or_default(), kind.unwrap_or_default());
        if kind == "Container" {
            return match name.as_ref() {
                SIDECAR => cursor.skip(),
                EXTRA => self.read_extra(cursor),
                global if GLOBAL.contains(&global) => self.read_container(container, cursor),
                name if container.len() + name.len() > MAX_CONTAINER => Err(cursor.error(Fault::Name(shortened(name)))),
                name => self.read_container(&format!("{container}{name}."), cursor),
            };
        }
        let values = read_values(cursor)?;
        self.add(format!("{container}{name}"), value(&kind, values));
        Ok(())
    }

    fn read_container(&mut self, container: &str, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        cursor.children(|cursor, tag| if tag.name() == "Attribute" { self.read_in(container, cursor, tag) } else { cursor.skip() })
    }

    fn read_extra(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        cursor.children(|cursor, tag| {
            let [name] = tag.values(cursor, ["name"])?;
            let values = read_values(cursor)?;
            if name.is_some_and(|n| n == UNLIMITED) {
                self.unlimited.extend(values);
            }
            Ok(())
        })
    }

    fn add(&mut self, name: String, value: AttributeValue) {
        if !INTERNAL.contains(&name.as_str()) {
            self.list.push(Attribute { name, value });
        }
    }

    /// The attributes, each name once (the first of it), without those of a dimension scale.
    pub(super) fn finish(mut self) -> Vec<Attribute> {
        let scale = self.list.iter().any(|a| a.name == "CLASS" && matches!(&a.value, AttributeValue::Text(t) if t == "DIMENSION_SCALE"));
        let mut seen = std::collections::HashSet::new();
        self.list.retain(|a| !(scale && ["CLASS", "NAME"].contains(&a.name.as_str())) && seen.insert(a.name.clone()));
        self.list
    }
}

/// The `Value` children, each as text or as its `value` attribute.
fn read_values(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Error> {
    let mut values = Vec::new();
    cursor.children(|cursor, tag| {
        if tag.name() != "Value" {
            return cursor.skip();
        }
        let [stated] = tag.values(cursor, ["value"])?;
        let text = cursor.text()?;
        values.push(stated.unwrap_or(text).into_owned());
        Ok(())
    })?;
    Ok(values)
}

fn value(kind: &str, mut values: Vec<String>) -> AttributeValue {
    if ["String", "URL", "Url", "Char"].contains(&kind) {
        return if values.len() == 1 { AttributeValue::Text(values.swap_remove(0)) } else { AttributeValue::Texts(values) };
    }
    let Some(dtype) = number_type(kind) else { return AttributeValue::Other(kind.to_owned()) };
    match values.iter().map(|v| number(dtype, v)).collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.len() == 1 => AttributeValue::Number(dtype, numbers[0]),
        Some(numbers) => AttributeValue::Numbers(dtype, numbers),
        None => AttributeValue::Other(format!("{kind} that is not a number")),
    }
}

/// The type of a number by its name in DAP4.
pub(super) fn number_type(name: &str) -> Option<DType> {
    Some(match name {
        "Byte" | "UInt8" => DType::UInt8,
        "Int8" => DType::Int8,
        "Int16" => DType::Int16,
        "UInt16" => DType::UInt16,
        "Int32" => DType::Int32,
        "UInt32" => DType::UInt32,
        "Int64" => DType::Int64,
        "UInt64" => DType::UInt64,
        "Float32" => DType::Float32,
        "Float64" => DType::Float64,
        _ => return None,
    })
}

/// A number of some type as text, rounded as that type rounds it; `None` when it is none, or does not fit.
pub(super) fn number(dtype: DType, text: &str) -> Option<Number> {
    let text = text.trim();
    if dtype == DType::Float32
        && let Ok(single) = text.parse::<f32>()
    {
        return Some(Number::from(f64::from(single)));
    }
    let number = Number::parse(text).ok()?;
    let number = if dtype.is_float() { Number::from(number.as_f64()) } else { number };
    number.fits(dtype).then_some(number)
}
