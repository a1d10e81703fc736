use serde::{Deserialize, Serialize};

/// Maps pixel *corner* coordinates to world coordinates: `x = a·col + b·row + c`, `y = d·col + e·row + f`.
///
/// `(0, 0)` is the outer corner of the first pixel, `(0.5, 0.5)` its centre. The order of the numbers is that of
/// `rasterio` and the `affine` package; GDAL's geotransform is `(c, a, b, f, d, e)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 6]", into = "[f64; 6]")]
pub struct Affine {
    /// Change of x per column.
    pub a: f64,
    /// Change of x per row.
    pub b: f64,
    /// x of the outer corner of the first pixel.
    pub c: f64,
    /// Change of y per column.
    pub d: f64,
    /// Change of y per row (negative when north is up).
    pub e: f64,
    /// y of the outer corner of the first pixel.
    pub f: f64,
}

impl Affine {
    /// From six numbers in `rasterio` order.
    pub const fn new(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64) -> Self {
        Self { a, b, c, d, e, f }
    }

    /// From a GDAL geotransform.
    pub const fn from_gdal([c, a, b, f, d, e]: [f64; 6]) -> Self {
        Self { a, b, c, d, e, f }
    }

    /// As a GDAL geotransform.
    pub const fn to_gdal(self) -> [f64; 6] {
        [self.c, self.a, self.b, self.f, self.d, self.e]
    }

    /// World coordinates of a pixel coordinate.
    pub fn apply(&self, col: f64, row: f64) -> (f64, f64) {
        (self.a * col + self.b * row + self.c, self.d * col + self.e * row + self.f)
    }

    /// `self` after `first`: applies `first`, then `self`.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let (c, f) = self.apply(first.c, first.f);
        Self {
            a: self.a * first.a + self.b * first.d,
            b: self.a * first.b + self.b * first.e,
            c,
            d: self.d * first.a + self.e * first.d,
            e: self.d * first.b + self.e * first.e,
            f,
        }
    }

    /// The map back from world to pixel coordinates; `None` when the pixels have no area.
    pub fn inverse(&self) -> Option<Self> {
        let det = self.a * self.e - self.b * self.d;
        if det == 0.0 || !det.is_finite() {
            return None;
        }
        let (a, b, d, e) = (self.e / det, -self.b / det, -self.d / det, self.a / det);
        Some(Self { a, b, c: -(a * self.c + b * self.f), d, e, f: -(d * self.c + e * self.f) })
    }

    /// Whether rows and columns run along the axes of the CRS.
    pub fn is_rectilinear(&self) -> bool {
        self.b == 0.0 && self.d == 0.0
    }

    /// The grid moved by whole or partial pixels.
    #[must_use]
    pub fn shifted(&self, cols: f64, rows: f64) -> Self {
        let (c, f) = self.apply(cols, rows);
        Self { c, f, ..*self }
    }

    /// The grid with pixels `sx`, `sy` times as large, same origin.
    #[must_use]
    pub fn scaled(&self, sx: f64, sy: f64) -> Self {
        Self { a: self.a * sx, b: self.b * sy, d: self.d * sx, e: self.e * sy, ..*self }
    }
}

impl From<[f64; 6]> for Affine {
    fn from([a, b, c, d, e, f]: [f64; 6]) -> Self {
        Self { a, b, c, d, e, f }
    }
}

impl From<Affine> for [f64; 6] {
    fn from(t: Affine) -> Self {
        [t.a, t.b, t.c, t.d, t.e, t.f]
    }
}
