use std::collections::HashMap;

use crate::header::{Directory, tag};

/// The GeoKeys of a file.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<u16, Value>);

#[derive(Debug)]
enum Value {
    Short(u16),
    Doubles(Vec<f64>),
    Text(String),
}

/// Numbers of the keys that are read (OGC GeoTIFF 1.1, annex B; 2062 is GeogTOWGS84, 3096 ProjRectifiedGridAngle).
pub(super) mod key {
    pub(crate) const MODEL_TYPE: u16 = 1024;
    pub(crate) const RASTER_TYPE: u16 = 1025;
    pub(crate) const CITATION: u16 = 1026;
    pub(crate) const GEOGRAPHIC_TYPE: u16 = 2048;
    pub(crate) const GEOG_CITATION: u16 = 2049;
    pub(crate) const GEOG_DATUM: u16 = 2050;
    pub(crate) const GEOG_PRIME_MERIDIAN: u16 = 2051;
    pub(crate) const GEOG_ANGULAR_UNITS: u16 = 2054;
    pub(crate) const GEOG_ANGULAR_UNIT_SIZE: u16 = 2055;
    pub(crate) const GEOG_ELLIPSOID: u16 = 2056;
    pub(crate) const GEOG_SEMI_MAJOR: u16 = 2057;
    pub(crate) const GEOG_SEMI_MINOR: u16 = 2058;
    pub(crate) const GEOG_INVERSE_FLATTENING: u16 = 2059;
    pub(crate) const GEOG_PRIME_MERIDIAN_LONG: u16 = 2061;
    pub(crate) const GEOG_TO_WGS84: u16 = 2062;
    pub(crate) const PROJECTED_TYPE: u16 = 3072;
    pub(crate) const PROJECTED_CITATION: u16 = 3073;
    pub(crate) const PROJECTION: u16 = 3074;
    pub(crate) const METHOD: u16 = 3075;
    pub(crate) const LINEAR_UNITS: u16 = 3076;
    pub(crate) const LINEAR_UNIT_SIZE: u16 = 3077;
    pub(crate) const STD_PARALLEL_1: u16 = 3078;
    pub(crate) const STD_PARALLEL_2: u16 = 3079;
    pub(crate) const NAT_ORIGIN_LONG: u16 = 3080;
    pub(crate) const NAT_ORIGIN_LAT: u16 = 3081;
    pub(crate) const FALSE_EASTING: u16 = 3082;
    pub(crate) const FALSE_NORTHING: u16 = 3083;
    pub(crate) const FALSE_ORIGIN_LONG: u16 = 3084;
    pub(crate) const FALSE_ORIGIN_LAT: u16 = 3085;
    pub(crate) const FALSE_ORIGIN_EASTING: u16 = 3086;
    pub(crate) const FALSE_ORIGIN_NORTHING: u16 = 3087;
    pub(crate) const CENTER_LONG: u16 = 3088;
    pub(crate) const CENTER_LAT: u16 = 3089;
    pub(crate) const CENTER_EASTING: u16 = 3090;
    pub(crate) const CENTER_NORTHING: u16 = 3091;
    pub(crate) const SCALE_AT_NAT_ORIGIN: u16 = 3092;
    pub(crate) const SCALE_AT_CENTER: u16 = 3093;
    pub(crate) const AZIMUTH: u16 = 3094;
    pub(crate) const STRAIGHT_POLE_LONG: u16 = 3095;
    pub(crate) const RECTIFIED_ANGLE: u16 = 3096;
}

impl Keys {
    /// Reads the directory of keys; a key that points to nowhere is left out.
    pub(super) fn read(directory: &Directory) -> Self {
        let shorts: Vec<u16> = directory.numbers(tag::GEO_KEY_DIRECTORY).map(|n| n.map(|v| v as u16).collect()).unwrap_or_default();
        let doubles = directory.floats(tag::GEO_DOUBLE_PARAMS).unwrap_or_default();
        let text = directory.bytes(tag::GEO_ASCII_PARAMS);
        let value = |entry: &[u16; 4]| {
            let (count, at) = (usize::from(entry[2]), usize::from(entry[3]));
            match entry[1] {
                0 => Some(Value::Short(entry[3])),
                tag::GEO_DOUBLE_PARAMS => Some(Value::Doubles(doubles.get(at..at + count)?.to_vec())),
                tag::GEO_ASCII_PARAMS => {
                    let all = text?;
                    let part = all.get(at..(at + count).min(all.len()))?;
                    let part: String = part.iter().map(|b| char::from(*b)).collect();
                    Some(Value::Text(part.trim_end_matches(['|', '\0', ' ']).to_owned()))
                }
                tag::GEO_KEY_DIRECTORY => shorts.get(at).map(|v| Value::Short(*v)),
                _ => None,
            }
        };
        let entries = shorts.as_chunks::<4>().0.iter().skip(1);
        Self(entries.filter_map(|entry| Some((entry[0], value(entry)?))).collect())
    }

    /// Whether tie points mean the centre of a pixel.
    pub(super) fn pixel_is_point(&self) -> bool {
        self.short(key::RASTER_TYPE) == Some(2)
    }

    /// A code that is not 0 (undefined).
    pub(super) fn code(&self, key: u16) -> Option<u16> {
        self.short(key).filter(|code| *code != 0)
    }

    fn short(&self, key: u16) -> Option<u16> {
        match self.0.get(&key)? {
            Value::Short(v) => Some(*v),
            Value::Doubles(v) => v.first().map(|v| *v as u16),
            Value::Text(_) => None,
        }
    }

    /// A number.
    pub(super) fn double(&self, key: u16) -> Option<f64> {
        self.doubles(key)?.first().copied()
    }

    /// The number of the first of some keys that is there.
    pub(super) fn first(&self, keys: &[u16]) -> Option<f64> {
        keys.iter().find_map(|k| self.double(*k))
    }

    /// All numbers of a key.
    pub(super) fn doubles(&self, key: u16) -> Option<Vec<f64>> {
        match self.0.get(&key)? {
            Value::Doubles(v) => Some(v.clone()),
            Value::Short(v) => Some(vec![f64::from(*v)]),
            Value::Text(_) => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, key: u16) -> Option<&str> {
        match self.0.get(&key)? {
            Value::Text(v) => Some(v),
            Value::Short(_) | Value::Doubles(_) => None,
        }
    }
}
