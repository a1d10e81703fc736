//! The area where a CRS is used, in its own coordinates: the extent of a grid that declares none.

use cube_core::{Crs, Extent};

use crate::{Error, Result};

/// Source tiles reach beyond the area of use of their CRS: so far, in degrees, a grid does too.
const OVERRUN: (f64, f64) = (3.0, 1.0);
/// Steps along each side of an extent.
const POINTS: usize = 32;
/// How far from where it came a point may return, in degrees.
const NEAR: f64 = 1e-6;

/// Whether an area (longitude and latitude) goes round the earth: of the whole globe, or of a cap of it.
pub(crate) fn goes_round(area: Extent) -> bool {
    area.width() > 359.9
}

/// An extent in longitude and latitude, brought to a CRS: what is `wanted`, as far as the CRS is used there, or all of its area of use, and a little around
/// it. Beside the antimeridian there is nothing around an area that goes round the earth.
pub(crate) fn extent(crs: &Crs, area_of_use: Option<Extent>, wanted: Option<Extent>) -> Result<Extent> {
    let Some(area) = area_of_use.map(widened) else {
        let image = image(crs, wanted.unwrap_or(WORLD))?;
        let (what, hint) = match wanted {
            Some(_) => ("the extent of the cube cannot be said in it", "give a smaller `extent`, in longitude and latitude"),
            None => ("not all of the earth can be said in it", "give `extent = [west, south, east, north]`"),
        };
        let name = cube_warp::proj::describe(crs)?.name;
        return image.sound.ok_or_else(|| Error::refused_with(format!("the CRS `{name}` states no area of use, and {what}"), hint));
    };
    let Some(wanted) = wanted else { return whole(crs, area) };
    // A CRS of a cap of the globe is recommended there, and reaches further.
    if goes_round(area)
        && let Some(sound) = image(crs, wanted)?.sound
    {
        return Ok(sound);
    }
    let cut = Extent::new(wanted.west.max(area.west), wanted.south.max(area.south), wanted.east.min(area.east), wanted.north.min(area.north));
    if cut.width() <= 0.0 || cut.height() <= 0.0 {
        return Err(Error::refused(format!("the extent of the cube lies outside the area where {crs} is used")));
    }
    whole(crs, cut)
}

const WORLD: Extent = Extent { west: -180.0, south: -90.0, east: 180.0, north: 90.0 };

fn widened(area: Extent) -> Extent {
    if goes_round(area) {
        return area;
    }
    let (dx, dy) = (OVERRUN.0.min((360.0 - area.width()) / 2.0), OVERRUN.1);
    Extent::new(area.west - dx, (area.south - dy).max(-90.0), area.east + dx, (area.north + dy).min(90.0))
}

fn whole(crs: &Crs, extent: Extent) -> Result<Extent> {
    image(crs, extent)?.any.ok_or_else(|| Error::refused(format!("the extent of the cube has no image in {crs}")))
}

/// What an extent in longitude and latitude becomes.
struct Image {
    /// Of the points on its outline that have an image.
    any: Option<Extent>,
    /// The same, when every point, also inside, has one and comes back from it.
    sound: Option<Extent>,
}

fn image(crs: &Crs, extent: Extent) -> Result<Image> {
    let (lons, lats) = lattice(extent);
    let (mut x, mut y) = (lons.clone(), lats.clone());
    cube_warp::proj::transform(&Crs::wgs84(), crs)?.transform(&mut x, &mut y);
    let on_outline =
        |i: &usize| [lons[*i] == extent.west, lons[*i] == extent.east, lats[*i] == extent.south, lats[*i] == extent.north].contains(&true);
    let any = Extent::of((0..x.len()).filter(on_outline).map(|i| (x[i], y[i])));
    cube_warp::proj::transform(crs, &Crs::wgs84())?.transform(&mut x, &mut y);
    let returns = |i: usize| {
        let turn = (x[i] - lons[i]).rem_euclid(360.0);
        // At a pole every longitude is the same place.
        (y[i] - lats[i]).abs() < NEAR && (turn.min(360.0 - turn) < NEAR || lats[i].abs() > 90.0 - NEAR)
    };
    let is_sound = (0..x.len()).all(returns);
    Ok(Image { any, sound: any.filter(|_| is_sound) })
}

/// Points of an extent, those along its sides among them: a meridian may have an image where the land beside it has none.
fn lattice(e: Extent) -> (Vec<f64>, Vec<f64>) {
    let along = |i: usize, from: f64, to: f64| if i == POINTS { to } else { from + (to - from) * i as f64 / POINTS as f64 };
    let row = |r: usize| (0..=POINTS).map(move |c| (along(c, e.west, e.east), along(r, e.north, e.south)));
    (0..=POINTS).flat_map(row).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, wanted: Option<Extent>) -> Result<[f64; 4]> {
        let crs = cube_warp::proj::canonical(&Crs::parse(text)?)?;
        extent(&crs, cube_warp::proj::describe(&crs)?.area_of_use, wanted).map(<[f64; 4]>::from)
    }

    fn near(a: [f64; 4], b: [f64; 4]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1.0)
    }

    #[test]
    fn a_grid_round_the_earth_ends_where_the_earth_does() {
        assert_eq!(of("EPSG:4326", None).expect("an extent"), [-180.0, -90.0, 180.0, 90.0]);
        // EPSG:3857: half the circumference of the sphere; the parallels of 85.06 degrees.
        let mercator = of("EPSG:3857", None).expect("an extent");
        assert!(near(mercator, [-20_037_508.34, -20_048_966.10, 20_037_508.34, 20_048_966.10]), "{mercator:?}");
    }

    #[test]
    fn an_area_that_is_not_stated_is_the_earth_or_unknown() {
        let sinusoidal = of("+proj=sinu +R=6371007.181 +units=m +no_defs", None).expect("the whole earth");
        assert!(near(sinusoidal, [-20_015_109.354, -10_007_554.677, 20_015_109.354, 10_007_554.677]), "{sinusoidal:?}");
        let utm = Crs::parse("EPSG:32652").expect("a CRS");
        assert!(extent(&utm, None, None).is_err(), "the other side of the earth has no place in UTM");
        let korea = <[f64; 4]>::from(extent(&utm, None, Some(Extent::new(126.0, 33.0, 132.0, 39.0))).expect("an extent"));
        assert!(korea[0] > 200_000.0 && korea[2] < 800_000.0, "{korea:?}");
    }

    #[test]
    fn a_cap_reaches_further_than_it_is_recommended() {
        // The corners of the sea ice grids of NSIDC lie at 30.98 degrees north.
        let polar = of("EPSG:3413", Some(Extent::new(-180.0, 30.9, 180.0, 90.0))).expect("an extent");
        assert!(polar[0] < -5_850_000.0 && polar[3] > 5_850_000.0, "{polar:?}");
        let zone = of("EPSG:32632", Some(WORLD)).expect("an extent");
        assert!(zone[0] > -200_000.0 && zone[2] < 1_200_000.0, "a zone does not: {zone:?}");
    }
}
