//! JSON to [`Value`] with every number read to the last digit: `serde_json` rounds some of many digits differently unless a feature says otherwise.

use serde_json::{Map, Value};

use super::{Fault, Number, Reader, reader::Result};
use crate::MetadataError;

/// The value of a whole document.
///
/// # Errors
/// When the text is not JSON, or holds a number beyond the range of a double.
pub(crate) fn parse(text: &str) -> std::result::Result<Value, MetadataError> {
    let mut reader = Reader::new(text);
    // Checked first, so that no depth of nesting ends the program.
    let mut check = reader;
    check.raw().and_then(|_| check.end()).map_err(|fault| check.error(fault))?;
    read(&mut reader).map_err(|fault| reader.error(fault))
}

fn read(reader: &mut Reader<'_>) -> Result<Value> {
    match reader.peek() {
        b'{' => {
            let mut fields = Map::new();
            reader.object(|reader, key| {
                fields.insert(key.into_owned(), read(reader)?);
                Ok(())
            })?;
            Ok(fields.into())
        }
        b'[' => {
            let mut values = Vec::new();
            reader.array(|reader| {
                values.push(read(reader)?);
                Ok(())
            })?;
            Ok(values.into())
        }
        b'"' => Ok(reader.text()?.map_or(Value::Null, |text| text.into_owned().into())),
        b't' | b'f' | b'n' => Ok(match reader.raw()?.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => Value::Null,
        }),
        _ => match reader.number()? {
            Some(number) => of_number(number).ok_or(Fault::Range),
            None => reader.raw().map(|_| Value::Null),
        },
    }
}

fn of_number(number: Number<'_>) -> Option<Value> {
    let text = number.as_str();
    let whole = || text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok().filter(|_| text != "-0");
    whole().or_else(|| serde_json::Number::from_f64(number.value()).map(Value::Number))
}
