//! Map projections of the sphere, for tests: enough to have poles, tears and bent edges where PROJ has them.

use crate::Transform;

const R: f64 = 6_371_000.0;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Projection {
    LonLat,
    /// +1 north, -1 south; longitude that runs down (north) or up (south).
    PolarStereographic(f64, f64),
    /// Central meridian; 500 km false easting.
    TransverseMercator(f64),
    Sinusoidal(f64),
    Mercator(f64),
}

use Projection::{LonLat, Mercator, PolarStereographic, Sinusoidal, TransverseMercator};

/// Within ±180, both of which stay what they are, as in PROJ.
fn wrap(lon: f64) -> f64 {
    if lon.abs() <= 180.0 { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

impl Projection {
    fn forward(self, lon: f64, lat: f64) -> (f64, f64) {
        let p = lat.to_radians();
        let nan = (f64::NAN, f64::NAN);
        match self {
            LonLat => (lon, lat),
            PolarStereographic(pole, lon0) => {
                let (l, p) = ((lon - lon0).to_radians(), p * pole);
                if p < -89.99_f64.to_radians() {
                    return nan;
                }
                let rho = 2.0 * R * (std::f64::consts::FRAC_PI_4 - p / 2.0).tan();
                (rho * l.sin(), -pole * rho * l.cos())
            }
            TransverseMercator(lon0) => {
                let l = wrap(lon - lon0).to_radians();
                let b = p.cos() * l.sin();
                if l.abs() > 1.3 || b.abs() > 0.98 {
                    return nan;
                }
                (500_000.0 + R * b.atanh(), R * p.tan().atan2(l.cos()))
            }
            Sinusoidal(lon0) => (R * wrap(lon - lon0).to_radians() * p.cos(), R * p),
            Mercator(lon0) if lat.abs() < 89.9 => (R * wrap(lon - lon0).to_radians(), R * (std::f64::consts::FRAC_PI_4 + p / 2.0).tan().ln()),
            Mercator(_) => nan,
        }
    }

    fn inverse(self, x: f64, y: f64) -> (f64, f64) {
        let (lon, lat) = match self {
            LonLat => (x, y),
            PolarStereographic(pole, lon0) => {
                let lat = 90.0 - 2.0 * (x.hypot(y) / (2.0 * R)).atan().to_degrees();
                (lon0 + x.atan2(-pole * y).to_degrees(), pole * lat)
            }
            TransverseMercator(lon0) => {
                let (x, d) = ((x - 500_000.0) / R, y / R);
                (lon0 + x.sinh().atan2(d.cos()).to_degrees(), (d.sin() / x.cosh()).asin().to_degrees())
            }
            Sinusoidal(lon0) => {
                let lat = y / R;
                let l = (x / (R * lat.cos())).to_degrees();
                if lat.abs() > std::f64::consts::FRAC_PI_2 || l.abs() > 180.0 + 1e-9 {
                    return (f64::NAN, f64::NAN);
                }
                (lon0 + l, lat.to_degrees())
            }
            Mercator(lon0) => (lon0 + (x / R).to_degrees(), 2.0 * (y / R).exp().atan().to_degrees() - 90.0),
        };
        (if matches!(self, LonLat) { lon } else { wrap(lon) }, lat)
    }

    /// From longitude and latitude.
    pub(crate) fn of_lonlat(self) -> Map {
        Map(LonLat, self)
    }

    /// To longitude and latitude.
    pub(crate) fn to_lonlat(self) -> Map {
        Map(self, LonLat)
    }
}

/// From one projection to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map(pub(crate) Projection, pub(crate) Projection);

impl Transform for Map {
    fn transform(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            let (lon, lat) = self.0.inverse(*x, *y);
            (*x, *y) = self.1.forward(lon, lat);
        }
    }
}

impl Map {
    pub(crate) fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let (mut x, mut y) = ([x], [y]);
        self.transform(&mut x, &mut y);
        (x[0], y[0])
    }
}
