use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A coordinate reference system by name: an authority code such as `EPSG:32632`, a WKT text or a PROJ string.
///
/// Cheap to clone. Two values are equal when their texts are; what a text means is PROJ's to say (`cube_warp::proj`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Crs(Arc<str>);

impl Crs {
    /// Understands `EPSG:4326`, `epsg:4326`, `4326`, `urn:ogc:def:crs:EPSG::4326`, `OGC:CRS84`, WKT and PROJ strings.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        if text.is_empty() {
            return Err(Error::invalid("CRS", text, "is empty").with_hint("name one, for example `EPSG:32632`"));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(format!("EPSG:{text}").into()));
        }
        if matches!(upper.as_str(), "OGC:CRS84" | "CRS84" | "URN:OGC:DEF:CRS:OGC:1.3:CRS84" | "HTTP://WWW.OPENGIS.NET/DEF/CRS/OGC/1.3/CRS84") {
            return Ok(Self::wgs84());
        }
        for prefix in ["URN:OGC:DEF:CRS:EPSG:", "HTTP://WWW.OPENGIS.NET/DEF/CRS/EPSG/", "HTTPS://WWW.OPENGIS.NET/DEF/CRS/EPSG/"] {
            if let Some(rest) = upper.strip_prefix(prefix) {
                let code = rest.rsplit([':', '/']).next().unwrap_or_default();
                if !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()) {
                    return Ok(Self(format!("EPSG:{code}").into()));
                }
            }
        }
        if let Some((authority, code)) = upper.split_once(':')
            && authority.bytes().all(|b| b.is_ascii_alphanumeric())
            && !code.is_empty()
            && code.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Ok(Self(upper.into()));
        }
        if text.contains("+proj=") || text.contains("+init=") || text.contains('[') {
            return Ok(Self(text.into()));
        }
        Err(Error::invalid("CRS", text, "is not an authority code, WKT or PROJ string").with_hint("name one such as `EPSG:32632`"))
    }

    /// From an EPSG code.
    pub fn from_epsg(code: u32) -> Self {
        Self(format!("EPSG:{code}").into())
    }

    /// Longitude and latitude on WGS 84, in that order.
    pub fn wgs84() -> Self {
        Self::from_epsg(4326)
    }

    /// The EPSG code, when that is how the CRS is named.
    pub fn epsg(&self) -> Option<u32> {
        self.0.strip_prefix("EPSG:")?.parse().ok()
    }

    /// The text that names it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What people call it: the text that names it, or of WKT, which may be a page long, the name in it.
    pub fn label(&self) -> &str {
        let name = || self.0.split_once('[').and_then(|(_, rest)| rest.trim_start().strip_prefix('"')?.split('"').next());
        name().filter(|name| !name.is_empty()).unwrap_or(&self.0)
    }

    /// A name that is safe as a group or file name: `EPSG_32632`, or `CRS_` and a hash of the text.
    pub fn slug(&self) -> String {
        match self.0.split_once(':') {
            Some((authority, code)) if self.0.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':') => format!("{authority}_{code}"),
            _ => format!("CRS_{:016x}", xxhash_rust::xxh3::xxh3_64(self.0.as_bytes())),
        }
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Crs {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        Self::parse(s)
    }
}

impl TryFrom<String> for Crs {
    type Error = Error;
    fn try_from(s: String) -> Result<Self> {
        Self::parse(&s)
    }
}

impl From<Crs> for String {
    fn from(c: Crs) -> Self {
        c.0.to_string()
    }
}

/// A map between two coordinate systems, x before y (longitude before latitude, degrees) on both sides.
pub trait Transform: Send + Sync + fmt::Debug {
    /// Replaces each point by its image; a point that has none becomes NaN, the others are not affected.
    fn transform(&self, x: &mut [f64], y: &mut [f64]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        let wkt = r#"PROJCRS["WGS 84 / a stereographic",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984"]]]"#;
        for (text, label) in [("epsg:32632", "EPSG:32632"), (wkt, "WGS 84 / a stereographic"), ("+proj=sinu +R=6371007", "+proj=sinu +R=6371007")] {
            assert_eq!(Crs::parse(text).expect("a CRS").label(), label);
        }
        assert_eq!(Crs::parse("LOCAL_CS[]").expect("a CRS").label(), "LOCAL_CS[]");
    }
}
