//! From GeoKeys to a CRS that PROJ understands: a code, an embedded WKT, or a PROJ string of method and parameters.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use cube_core::Crs;

use super::{
    ellipsoid::{self, Datum},
    keys::{Keys, key},
    method,
};

pub(super) const USER_DEFINED: u16 = 32767;

/// The CRS that the keys describe, its horizontal part; `None` if they describe none. The error says what is not understood.
pub(super) fn crs(keys: &Keys) -> Result<Option<Crs>, String> {
    let model = keys.code(key::MODEL_TYPE);
    let projected = keys.code(key::PROJECTED_TYPE);
    let geographic = keys.code(key::GEOGRAPHIC_TYPE);
    if model == Some(3) {
        return Err("it is geocentric (GTModelTypeGeoKey 3)".to_owned());
    }
    let is_projected = model == Some(1) || model != Some(2) && (projected.is_some() || keys.code(key::METHOD).is_some());
    if is_projected && let Some(code) = projected.filter(|c| *c != USER_DEFINED) {
        return named(code).map(Some);
    }
    // Programs that cannot express a CRS in keys put it here, beside the keys of its datum.
    if let Some(wkt) = [key::PROJECTED_CITATION, key::CITATION, key::GEOG_CITATION].into_iter().find_map(|k| embedded(keys.text(k)?)) {
        return canonical(&wkt).map(Some);
    }
    match geographic {
        _ if is_projected => own(keys).map(Some),
        Some(code) if code != USER_DEFINED => named(code).map(Some),
        None if model != Some(2) => Ok(None),
        _ => match ellipsoid::datum(keys)? {
            Datum::Proj(datum) => canonical(&format!("+proj=longlat {datum} +no_defs +type=crs")).map(Some),
            Datum::Epsg(code) => named(code).map(Some),
        },
    }
}

/// A projection of the file's own.
fn own(keys: &Keys) -> Result<Crs, String> {
    match ellipsoid::datum(keys)? {
        Datum::Proj(datum) => canonical(&method::projected(keys, &datum)?),
        Datum::Epsg(code) => {
            // Parameters that PROJ writes as WKT, on the datum that EPSG defines.
            let wkt = |text: &str| -> Result<String, String> {
                let crs = Crs::parse(text).map_err(|e| e.to_string())?;
                Ok(cube_warp::proj::describe(&crs).map_err(|e| e.to_string())?.wkt)
            };
            let whole = wkt(&method::projected(keys, "+ellps=WGS84")?)?;
            let base = wkt(&format!("EPSG:{code}"))?;
            canonical(&on_base(&whole, &base).ok_or_else(|| format!("it has a projection of its own on the datum of EPSG:{code}"))?)
        }
    }
}

/// The WKT2 of a projected CRS with another base: the `GEOGCRS` without its axes.
fn on_base(projected: &str, geographic: &str) -> Option<String> {
    let start = projected.find("BASEGEOGCRS[")?;
    let length = bracketed(&projected[start..])?;
    let inside = geographic.trim().strip_prefix("GEOGCRS[")?;
    let datum = inside[..inside.find("CS[ellipsoidal")?].trim_end().strip_suffix(',')?;
    Some(format!("{}BASEGEOGCRS[{datum}]{}", &projected[..start], &projected[start + length..]))
}

/// Bytes up to the bracket that closes the first one.
fn bracketed(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes()
        .position(|b| {
            depth += i32::from(b == b'[') - i32::from(b == b']');
            b == b']' && depth == 0
        })
        .map(|at| at + 1)
}

/// A registered code. Those above 32767 are Esri's, where they are not EPSG's.
fn named(code: u16) -> Result<Crs, String> {
    if code < USER_DEFINED {
        return Ok(Crs::from_epsg(code.into()));
    }
    canonical(&format!("EPSG:{code}")).or_else(|_| canonical(&format!("ESRI:{code}"))).map_err(|_| format!("the code {code} is not registered"))
}

/// The WKT that some programs put into a citation; a vertical part is left out.
fn embedded(citation: &str) -> Option<String> {
    let text = citation.split_once("ESRI PE String = ")?.1.trim();
    let Some(at) = text.find(",VERTCS[") else { return Some(text.to_owned()) };
    let length = bracketed(&text[at..])?;
    Some(format!("{}{}", &text[..at], &text[at + length..]))
}

/// The shortest name of a CRS. The answers are kept, since a collection repeats one CRS in every file and PROJ takes its time.
fn canonical(text: &str) -> Result<Crs, String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Result<Crs, String>>>> = LazyLock::new(Mutex::default);
    const MOST: usize = 1024;
    if let Some(answer) = KNOWN.lock().ok().and_then(|known| known.get(text).cloned()) {
        return answer;
    }
    let answer = Crs::parse(text).map_err(|e| e.to_string()).and_then(|crs| cube_warp::proj::canonical(&crs).map_err(|e| e.to_string()));
    if let Ok(mut known) = KNOWN.lock()
        && known.len() < MOST
    {
        known.insert(text.to_owned(), answer.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vertical_part_of_an_embedded_wkt_is_left_out() {
        let wkt = r#"ESRI PE String = PROJCS["a",UNIT["Meter",1.0],VERTCS["n",VDATUM["d"],UNIT["cm",0.01]]]"#;
        assert_eq!(embedded(wkt).as_deref(), Some(r#"PROJCS["a",UNIT["Meter",1.0]]"#));
        assert_eq!(embedded("unnamed"), None);
    }

    #[test]
    fn a_projection_can_stand_on_another_datum() {
        let projected = r#"PROJCRS["p",BASEGEOGCRS["unknown",DATUM["u",ELLIPSOID["e",1,2]]],CONVERSION["c"],CS[Cartesian,2]]"#;
        let base = r#"GEOGCRS["ED50",DATUM["d",ELLIPSOID["i",3,4]],CS[ellipsoidal,2],AXIS["a",north]]"#;
        assert_eq!(
            on_base(projected, base).as_deref(),
            Some(r#"PROJCRS["p",BASEGEOGCRS["ED50",DATUM["d",ELLIPSOID["i",3,4]]],CONVERSION["c"],CS[Cartesian,2]]"#)
        );
    }
}
