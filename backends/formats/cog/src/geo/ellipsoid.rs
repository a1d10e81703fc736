use super::{
    crs::USER_DEFINED,
    keys::{Keys, key},
};

/// Geographic CRSs and datums that PROJ strings can name, by EPSG code: those whose datum is one of PROJ's, and those that differ from WGS 84
/// by less than their own accuracy, which EPSG (and so PROJ) transforms unshifted.
const KNOWN: [(&[u16], &str); 5] = [
    (&[4326, 6326], "+datum=WGS84"),
    (&[4269, 6269], "+datum=NAD83"),
    (&[4267, 6267], "+datum=NAD27"),
    (
        // ETRS89, GDA94, NZGD2000, SIRGAS 2000, CGCS2000 (whose ellipsoid differs by 0.1 mm), NAD83(CSRS, 2007, 2011), JGD2000, JGD2011, RGF93.
        &[4258, 6258, 4283, 6283, 4167, 6167, 4674, 6674, 4490, 4617, 6140, 4759, 6759, 6318, 4612, 6612, 6668, 4171, 6171, 4019],
        "+ellps=GRS80",
    ),
    (&[4030], "+ellps=WGS84"),
];

/// Ellipsoids by EPSG code, as PROJ calls them.
const ELLIPSOIDS: [(u16, &str); 16] = [
    (7001, "airy"),
    (7002, "mod_airy"),
    (7003, "aust_SA"),
    (7004, "bessel"),
    (7008, "clrk66"),
    (7012, "clrk80"),
    (7013, "+a=6378249.145 +rf=293.4663077"),
    (7015, "evrst30"),
    (7018, "evrstSS"),
    (7019, "GRS80"),
    (7022, "intl"),
    (7024, "krass"),
    (7030, "WGS84"),
    (7036, "GRS67"),
    (7043, "WGS72"),
    (7048, "+R=6371007"),
];

/// What a CRS stands on.
pub(super) enum Datum {
    /// Datum or ellipsoid, prime meridian and shift to WGS 84 as PROJ parameters.
    Proj(String),
    /// A geographic CRS that PROJ parameters cannot name.
    Epsg(u16),
}

/// Reads the geographic keys.
pub(super) fn datum(keys: &Keys) -> Result<Datum, String> {
    if let Some(unit) = keys.code(key::GEOG_ANGULAR_UNITS)
        && !is_degree(unit, keys.double(key::GEOG_ANGULAR_UNIT_SIZE))
    {
        return Err(format!("its angles are in the unit {unit} (GeogAngularUnitsGeoKey), not in degrees"));
    }
    let mut text = match figure(keys)? {
        Datum::Proj(text) => text,
        epsg => return Ok(epsg),
    };
    match (keys.code(key::GEOG_PRIME_MERIDIAN), keys.double(key::GEOG_PRIME_MERIDIAN_LONG)) {
        (Some(USER_DEFINED) | None, Some(longitude)) if longitude != 0.0 => text.push_str(&format!(" +pm={longitude}")),
        (Some(USER_DEFINED | 8901) | None, _) => {}
        (Some(code), _) => return Err(format!("its prime meridian is {code} (GeogPrimeMeridianGeoKey)")),
    }
    if let Some(shift) = keys.doubles(key::GEOG_TO_WGS84).filter(|s| matches!(s.len(), 3 | 7)) {
        let shift: Vec<_> = shift.iter().map(f64::to_string).collect();
        text.push_str(&format!(" +towgs84={}", shift.join(",")));
    }
    Ok(Datum::Proj(text))
}

fn is_degree(code: u16, size: Option<f64>) -> bool {
    match code {
        9102 | 9122 => true,
        USER_DEFINED => size.is_some_and(|s| (s - 1.0_f64.to_radians()).abs() < 1e-14),
        _ => false,
    }
}

/// Axes that are stated come before codes, as in GDAL: archives write 4326 with the ellipsoid of another.
fn figure(keys: &Keys) -> Result<Datum, String> {
    let code = |k| keys.code(k).filter(|c| *c != USER_DEFINED);
    let (geographic, datum) = (code(key::GEOGRAPHIC_TYPE), code(key::GEOG_DATUM));
    let known = [geographic, datum].into_iter().flatten().find_map(|c| KNOWN.iter().find(|(codes, _)| codes.contains(&c)));
    let axes = axes(keys);
    match (known, geographic, axes) {
        (Some((_, text)), _, axes) if axes.as_ref().is_none_or(|a| a.is_close_to_named(text)) => Ok(Datum::Proj((*text).to_owned())),
        (None, Some(code), _) => Ok(Datum::Epsg(code)),
        (_, _, Some(axes)) => Ok(Datum::Proj(axes.text())),
        (_, _, None) => {
            let code = keys.code(key::GEOG_ELLIPSOID).ok_or("it names neither datum nor ellipsoid")?;
            let (_, name) = ELLIPSOIDS.iter().find(|(c, _)| *c == code).ok_or(format!("its ellipsoid is {code} (GeogEllipsoidGeoKey)"))?;
            Ok(Datum::Proj(if name.starts_with('+') { (*name).to_owned() } else { format!("+ellps={name}") }))
        }
    }
}

/// Semi-major axis and inverse flattening (0 for a sphere).
struct Axes {
    major: f64,
    inverse: f64,
}

fn axes(keys: &Keys) -> Option<Axes> {
    let major = keys.double(key::GEOG_SEMI_MAJOR).filter(|a| *a > 0.0)?;
    let from_minor = || keys.double(key::GEOG_SEMI_MINOR).map(|minor| if (major - minor).abs() < 1e-9 { 0.0 } else { major / (major - minor) });
    let inverse = keys.double(key::GEOG_INVERSE_FLATTENING).or_else(from_minor)?;
    Some(Axes { major, inverse })
}

impl Axes {
    fn text(&self) -> String {
        if self.inverse == 0.0 { format!("+R={}", self.major) } else { format!("+a={} +rf={}", self.major, self.inverse) }
    }

    /// Whether these are, to the digits that are usually written, the axes of a name in the table.
    fn is_close_to_named(&self, name: &str) -> bool {
        let (major, inverse) = match name {
            "+datum=WGS84" | "+ellps=WGS84" => (6_378_137.0, 298.257_223_563),
            "+datum=NAD27" => (6_378_206.4, 294.978_698_213_898),
            _ => (6_378_137.0, 298.257_222_101),
        };
        (self.major - major).abs() < 1e-3 && (self.inverse - inverse).abs() < 1e-6
    }
}
