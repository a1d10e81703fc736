//! From projected coordinates to longitude and latitude, for the few CRSs that scenes are usually made in.
//!
//! UTM by the Krüger series to the third order in n (L. Krüger 1912, as in Karney 2011, equations 7 to 11 and 35): right to a millimetre.

use std::f64::consts::{FRAC_PI_2, PI};

/// (longitude, latitude) in degrees of a point, or `None` if the CRS is not known here: WGS 84 UTM (326xx, 327xx), EPSG:3857, EPSG:4326.
#[must_use]
pub fn to_lonlat(epsg: u32, x: f64, y: f64) -> Option<(f64, f64)> {
    match epsg {
        4326 => Some((x, y)),
        3857 => {
            let radius = 6_378_137.0;
            Some(((x / radius).to_degrees(), (2.0 * (y / radius).exp().atan() - FRAC_PI_2).to_degrees()))
        }
        32601..=32660 => Some(from_utm(epsg - 32600, x, y)),
        32701..=32760 => Some(from_utm(epsg - 32700, x, y - 10_000_000.0)),
        _ => None,
    }
}

fn from_utm(zone: u32, easting: f64, northing: f64) -> (f64, f64) {
    let (major, flattening) = (6_378_137.0, 1.0 / 298.257_223_563);
    let n = flattening / (2.0 - flattening);
    let (n2, n3) = (n * n, n * n * n);
    let radius = 0.9996 * major / (1.0 + n) * (1.0 + n2 / 4.0 + n2 * n2 / 64.0);
    let beta = [n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3, n2 / 48.0 + n3 / 15.0, 17.0 / 480.0 * n3];
    let delta = [2.0 * n - 2.0 / 3.0 * n2 - 2.0 * n3, 7.0 / 3.0 * n2 - 8.0 / 5.0 * n3, 56.0 / 15.0 * n3];

    let (xi, eta) = (northing / radius, (easting - 500_000.0) / radius);
    let (mut xi_sphere, mut eta_sphere) = (xi, eta);
    for (coefficient, order) in beta.iter().zip([2.0, 4.0, 6.0]) {
        xi_sphere -= coefficient * (order * xi).sin() * (order * eta).cosh();
        eta_sphere -= coefficient * (order * xi).cos() * (order * eta).sinh();
    }
    let conformal = (xi_sphere.sin() / eta_sphere.cosh()).asin();
    let latitude = conformal + delta.iter().zip([2.0, 4.0, 6.0]).map(|(coefficient, order)| coefficient * (order * conformal).sin()).sum::<f64>();
    let meridian = f64::from(zone) * 6.0 - 183.0;
    let longitude = meridian + eta_sphere.sinh().atan2(xi_sphere.cos()).to_degrees();
    (wrapped(longitude), latitude.to_degrees())
}

/// A longitude in -180 … 180.
fn wrapped(longitude: f64) -> f64 {
    if longitude > 180.0 {
        longitude - 360.0
    } else if longitude < -180.0 {
        longitude + 360.0
    } else {
        longitude
    }
}

/// Footprint of a ring in longitude and latitude: a GeoJSON geometry and its bounding box `[west, south, east, north]`.
///
/// A ring that crosses the antimeridian becomes two polygons and a box whose west is greater than its east (RFC 7946 sections 3.1.9 and 5.2).
#[must_use]
pub fn footprint(ring: &[(f64, f64)]) -> (serde_json::Value, [f64; 4]) {
    let [west, south, east, north] = bounds(ring);
    if east - west <= 180.0 {
        let geometry = serde_json::json!({ "type": "Polygon", "coordinates": [closed(ring)] });
        return (geometry, [west, south, east, north]);
    }
    let eastern: Vec<_> = ring.iter().map(|(lon, lat)| (if *lon < 0.0 { lon + 360.0 } else { *lon }, *lat)).collect();
    let before = clipped(&eastern, |lon| 180.0 - lon);
    let after: Vec<_> = clipped(&eastern, |lon| lon - 180.0).into_iter().map(|(lon, lat)| (lon - 360.0, lat)).collect();
    let bbox = [bounds(&before)[0], south, bounds(&after)[2], north];
    (serde_json::json!({ "type": "MultiPolygon", "coordinates": [[closed(&before)], [closed(&after)]] }), bbox)
}

fn bounds(ring: &[(f64, f64)]) -> [f64; 4] {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    ring.iter().fold(start, |b, (x, y)| [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)])
}

fn closed(ring: &[(f64, f64)]) -> Vec<[f64; 2]> {
    ring.iter().chain(ring.first()).map(|(x, y)| [*x, *y]).collect()
}

/// The part of a ring where `inside` of the longitude is not negative.
fn clipped(ring: &[(f64, f64)], inside: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let mut kept = Vec::new();
    for (index, &(x, y)) in ring.iter().enumerate() {
        let (next_x, next_y) = ring[(index + 1) % ring.len()];
        let (here, there) = (inside(x), inside(next_x));
        if here >= 0.0 {
            kept.push((x, y));
        }
        if here * there < 0.0 {
            let share = here / (here - there);
            kept.push((x + share * (next_x - x), y + share * (next_y - y)));
        }
    }
    kept
}

/// True if coordinates of this CRS are degrees.
pub(crate) fn is_geographic(epsg: u32) -> bool {
    (4000..5000).contains(&epsg)
}

/// Degrees of arc, for functions of place that repeat with a wavelength in degrees.
pub(crate) fn wave(degrees: f64, wavelength: f64) -> f64 {
    (2.0 * PI * degrees / wavelength).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of PROJ, through `rasterio.warp.transform(crs, "EPSG:4326", x, y)`.
    #[test]
    fn utm_agrees_with_proj() {
        for (epsg, x, y, lon, lat) in PROJ_VALUES {
            let (mine_lon, mine_lat) = to_lonlat(epsg, x, y).expect("a known CRS");
            assert!((mine_lon - lon).abs() < 1e-8 && (mine_lat - lat).abs() < 1e-8, "{epsg} {x} {y}: {mine_lon} {mine_lat}");
        }
        assert_eq!(to_lonlat(3413, 0.0, 0.0), None);
    }

    const PROJ_VALUES: [(u32, f64, f64, f64, f64); 6] = [
        (32632, 600_000.0, 5_200_000.0, 10.314_030_876_589_106, 46.945_988_323_922_72),
        (32633, 300_000.0, 5_100_000.0, 12.415_934_879_614_607, 46.024_353_395_822_914),
        (32632, 809_760.0, 4_990_200.0, 12.930_033_391_077_62, 44.997_587_612_01),
        (32660, 800_000.0, 100_000.0, 179.695_356_505_232_04, 0.903_723_120_926_877_8),
        (32701, 210_000.0, 8_000_000.0, -179.739_622_131_378_5, -18.069_261_343_910_405),
        (3857, 1_300_000.0, 5_800_000.0, 11.678_098_693_553_778, 46.122_489_356_732_6),
    ];

    #[test]
    fn antimeridian() {
        let (geometry, bbox) = footprint(&[(179.0, 10.0), (-179.0, 10.0), (-179.0, 11.0), (179.0, 11.0)]);
        assert_eq!(bbox, [179.0, 10.0, -179.0, 11.0]);
        assert_eq!(geometry["type"], "MultiPolygon");
        assert_eq!(geometry["coordinates"][0][0][1], serde_json::json!([180.0, 10.0]));
        let (geometry, bbox) = footprint(&[(9.0, 46.0), (10.0, 46.0), (10.0, 47.0), (9.0, 47.0)]);
        assert_eq!((geometry["type"].as_str(), bbox), (Some("Polygon"), [9.0, 46.0, 10.0, 47.0]));
    }
}
