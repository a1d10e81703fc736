use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The type of a pixel, named as numpy and Zarr name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum DType {
    UInt8,
    Int8,
    UInt16,
    Int16,
    UInt32,
    Int32,
    UInt64,
    Int64,
    Float32,
    Float64,
}

impl DType {
    /// Every type, in order of size.
    pub const ALL: [Self; 10] =
        [Self::UInt8, Self::Int8, Self::UInt16, Self::Int16, Self::UInt32, Self::Int32, Self::Float32, Self::UInt64, Self::Int64, Self::Float64];

    /// The numpy name, e.g. `uint16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UInt8 => "uint8",
            Self::Int8 => "int8",
            Self::UInt16 => "uint16",
            Self::Int16 => "int16",
            Self::UInt32 => "uint32",
            Self::Int32 => "int32",
            Self::UInt64 => "uint64",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// Bytes per pixel.
    pub const fn size(self) -> usize {
        match self {
            Self::UInt8 | Self::Int8 => 1,
            Self::UInt16 | Self::Int16 => 2,
            Self::UInt32 | Self::Int32 | Self::Float32 => 4,
            Self::UInt64 | Self::Int64 | Self::Float64 => 8,
        }
    }

    /// Whether the type is a floating-point one.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// Reads a numpy name; also `byte`, `half` forms that STAC knows are refused by name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|d| d.name() == text).ok_or_else(|| {
            Error::invalid("dtype", text, "is not one that a cube can hold").with_hint(format!("use one of {}", Self::ALL.map(Self::name).join(", ")))
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number as a source or a user writes it (a nodata value, mostly): exact for every integer type, NaN and infinities included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawNumber", into = "RawNumber")]
pub enum Number {
    /// An integer.
    Int(i128),
    /// Anything else.
    Float(f64),
}

impl Number {
    /// Reads `0`, `-9999`, `1e20`, `nan`, `inf`, `-inf`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim().trim_end_matches('\0').trim();
        if let Ok(i) = text.parse::<i128>() {
            return Ok(Self::Int(i));
        }
        match text.to_ascii_lowercase().as_str() {
            "nan" | "-nan" | "+nan" | "nan(ind)" | "-nan(ind)" | "1.#qnan" | "-1.#ind" => return Ok(Self::Float(f64::NAN)),
            "inf" | "+inf" | "infinity" => return Ok(Self::Float(f64::INFINITY)),
            "-inf" | "-infinity" => return Ok(Self::Float(f64::NEG_INFINITY)),
            _ => {}
        }
        text.parse::<f64>().map(Self::from).map_err(|_| Error::invalid("number", text, "cannot be read"))
    }

    /// As a double, rounded where it must be.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
        }
    }

    /// Whether it is the same value, NaN being equal to itself.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (a, b) => {
                let (a, b) = (a.as_f64(), b.as_f64());
                a == b || (a.is_nan() && b.is_nan())
            }
        }
    }

    /// Whether a pixel of this type can hold it.
    pub fn fits(self, dtype: DType) -> bool {
        fn within<T: TryFrom<i128>>(n: Number) -> bool {
            matches!(n, Number::Int(i) if T::try_from(i).is_ok())
        }
        match dtype {
            DType::UInt8 => within::<u8>(self),
            DType::Int8 => within::<i8>(self),
            DType::UInt16 => within::<u16>(self),
            DType::Int16 => within::<i16>(self),
            DType::UInt32 => within::<u32>(self),
            DType::Int32 => within::<i32>(self),
            DType::UInt64 => within::<u64>(self),
            DType::Int64 => within::<i64>(self),
            DType::Float32 | DType::Float64 => true,
        }
    }
}

impl From<f64> for Number {
    /// A whole number becomes an integer, so that `0.0` and `0` are one value.
    fn from(f: f64) -> Self {
        if f.fract() == 0.0 && f.abs() < 1e30 && !(f == 0.0 && f.is_sign_negative()) { Self::Int(f as i128) } else { Self::Float(f) }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(v) if v.is_nan() => f.write_str("NaN"),
            Self::Float(v) => write!(f, "{v}"),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RawNumber {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

impl TryFrom<RawNumber> for Number {
    type Error = Error;
    fn try_from(raw: RawNumber) -> Result<Self> {
        Ok(match raw {
            RawNumber::Signed(i) => Self::Int(i.into()),
            RawNumber::Unsigned(i) => Self::Int(i.into()),
            RawNumber::Float(f) => Self::from(f),
            RawNumber::Text(t) => Self::parse(&t)?,
        })
    }
}

impl From<Number> for RawNumber {
    fn from(n: Number) -> Self {
        match n {
            Number::Int(i) => {
                i64::try_from(i).map(Self::Signed).or_else(|_| u64::try_from(i).map(Self::Unsigned)).unwrap_or_else(|_| Self::Text(i.to_string()))
            }
            Number::Float(f) if f.is_finite() => Self::Float(f),
            Number::Float(f) => Self::Text(Number::Float(f).to_string()),
        }
    }
}
