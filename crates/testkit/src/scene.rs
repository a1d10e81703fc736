//! Scenes whose pixels encode their own place and time.
//!
//! The value of a pixel is known without reading it:
//!
//! ```text
//! value = level + contrast · terrain(place) + drift · (days since 1970 mod 64) + noise · (hash(place, band) - 0.5)
//! ```
//!
//! rounded for integers; in a hole it is nodata. *Terrain* is a smooth function of longitude and latitude between -1 and 1, so
//! that scenes of different CRSs show the same land and a reprojection can be judged without a second program. *Noise* depends
//! on the projected position, to a hundredth of a metre: two overlapping scenes on one grid agree wherever both have data, up to
//! the term of the date, and deflate finds about as much to do as in real imagery.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::geography::{is_geographic, to_lonlat, wave};
use crate::tiff::{self, Georeference, Plane, SampleType};
use crate::{Error, Result};

/// One band of a scene and the numbers of its pixel function (in stored units).
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Asset key, such as `red`; also the seed of the noise.
    pub name: String,
    /// Common name of the eo extension, if it has one.
    pub common_name: Option<String>,
    /// Type of the stored numbers.
    pub sample: SampleType,
    /// Stored number that means "no data".
    pub nodata: Option<f64>,
    /// Factor from stored to physical numbers, as the item declares it.
    pub scale: f64,
    /// Summand from stored to physical numbers, as the item declares it.
    pub offset: f64,
    /// Mean value.
    pub level: f64,
    /// Weight of the terrain.
    pub contrast: f64,
    /// Difference from day to day.
    pub drift: f64,
    /// Width of the noise, peak to peak.
    pub noise: f64,
}

impl Band {
    /// A reflectance band as Sentinel-2 stores it: uint16, nodata 0, scale 0.0001, offset -0.1.
    #[must_use]
    pub fn reflectance(name: &str, level: f64, contrast: f64) -> Self {
        Self {
            name: name.into(),
            common_name: Some(name.into()),
            sample: SampleType::U16,
            nodata: Some(0.0),
            scale: 0.0001,
            offset: -0.1,
            level,
            contrast,
            drift: 11.0,
            noise: 90.0,
        }
    }

    /// FNV-1a of the name.
    fn seed(&self) -> u64 {
        self.name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Pixels without data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hole {
    /// All pixels with `col · cols + row · rows < limit`: the slanted edge of a swath.
    Edge {
        /// Weight of the column.
        cols: f64,
        /// Weight of the row.
        rows: f64,
        /// Limit of the sum.
        limit: f64,
    },
    /// A rectangle.
    Rectangle {
        /// First row.
        top: usize,
        /// First column.
        left: usize,
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        cols: usize,
    },
}

impl Hole {
    fn holds(&self, row: usize, col: usize) -> bool {
        match *self {
            Self::Edge { cols, rows, limit } => col as f64 * cols + row as f64 * rows < limit,
            Self::Rectangle { top, left, rows, cols } => (top..top + rows).contains(&row) && (left..left + cols).contains(&col),
        }
    }
}

/// One synthetic scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Id, unique in its collection.
    pub id: String,
    /// Id of the collection.
    pub collection: String,
    /// Time of acquisition.
    pub datetime: DateTime<Utc>,
    /// EPSG code of the CRS.
    pub epsg: u32,
    /// (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f, of pixel corners.
    pub affine: [f64; 6],
    /// (rows, columns).
    pub shape: (usize, usize),
    /// Bands; each is one asset and one file.
    pub bands: Vec<Band>,
    /// Pixels without data, in all bands.
    pub holes: Vec<Hole>,
    /// Further properties of the item, such as `eo:cloud_cover`.
    pub properties: Map<String, Value>,
    /// Ring of (longitude, latitude); needed for CRSs that [`to_lonlat`] does not know.
    pub ring: Option<Vec<(f64, f64)>>,
}

/// The terrain under a scene's pixels in row order: computed once for scenes that share a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Terrain(Vec<f32>);

impl Scene {
    /// (x, y) of a place in the grid; whole numbers are pixel corners, `+ 0.5` centres.
    #[must_use]
    pub fn place(&self, row: f64, col: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.affine;
        (a * col + b * row + c, d * col + e * row + f)
    }

    /// The stored value of a pixel: what a reader must return. Nodata (or 0 if none is declared) in a hole.
    #[must_use]
    pub fn pixel(&self, band: &Band, row: usize, col: usize) -> f64 {
        self.value(band, band.seed(), row, col, self.terrain_at(row, col))
    }

    fn value(&self, band: &Band, seed: u64, row: usize, col: usize, terrain: f32) -> f64 {
        if self.is_hole(row, col) {
            return band.nodata.unwrap_or(0.0);
        }
        let (x, y) = self.place(row as f64 + 0.5, col as f64 + 0.5);
        let noise = if band.noise == 0.0 { 0.0 } else { band.noise * (self.noise(seed, x, y) - 0.5) };
        let value = band.level + band.contrast * f64::from(terrain) + band.drift * self.day() + noise;
        band.sample.stored(value)
    }

    /// True where the scene has no data.
    #[must_use]
    pub fn is_hole(&self, row: usize, col: usize) -> bool {
        self.holes.iter().any(|hole| hole.holds(row, col))
    }

    /// The part of a value that two scenes of one place do not share, before the band's `drift`: days since 1970 modulo 64.
    #[must_use]
    pub fn day(&self) -> f64 {
        self.datetime.timestamp().div_euclid(86_400).rem_euclid(64) as f64
    }

    /// A number in 0 … 1 that looks random.
    fn noise(&self, seed: u64, x: f64, y: f64) -> f64 {
        let quantum = if is_geographic(self.epsg) { 1e7 } else { 100.0 };
        let mut hash = seed;
        for coordinate in [x, y] {
            hash = mixed(hash ^ ((coordinate * quantum).round() as i64).cast_unsigned());
        }
        (hash >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn terrain_at(&self, row: usize, col: usize) -> f32 {
        let (x, y) = self.place(row as f64 + 0.5, col as f64 + 0.5);
        // An unknown CRS gets a land of its own, in units of 100 km instead of degrees.
        let (lon, lat) = to_lonlat(self.epsg, x, y).unwrap_or((x / 1e5, y / 1e5));
        terrain(lon, lat) as f32
    }

    /// The terrain of all pixels.
    #[must_use]
    pub fn terrain(&self) -> Terrain {
        let (rows, cols) = self.shape;
        Terrain((0..rows * cols).map(|index| self.terrain_at(index / cols, index % cols)).collect())
    }

    /// All pixels of a band.
    ///
    /// # Errors
    /// [`Error::Scene`] if the scene has no pixels.
    pub fn plane(&self, band: &Band) -> Result<Plane> {
        self.plane_over(band, &self.terrain())
    }

    /// All pixels of a band, over the terrain of a scene with the same grid.
    ///
    /// # Errors
    /// [`Error::Scene`] if the terrain has another shape.
    pub fn plane_over(&self, band: &Band, terrain: &Terrain) -> Result<Plane> {
        let (rows, cols) = self.shape;
        if rows * cols == 0 || terrain.0.len() != rows * cols {
            return Err(Error::Scene { id: self.id.clone(), problem: format!("terrain of {} pixels for {rows} x {cols}", terrain.0.len()) });
        }
        let seed = band.seed();
        Plane::from_fn(band.sample, rows, cols, |row, col| self.value(band, seed, row, col, terrain.0[row * cols + col]))
    }

    /// Options of [`tiff::encode`] that fit a band: its nodata and the scene's place; tiles of 256, deflate with the predictor of the type.
    #[must_use]
    pub fn tiff_options(&self, band: &Band) -> tiff::Options {
        let predictor = if band.sample.is_float() { tiff::Predictor::FloatingPoint } else { tiff::Predictor::Horizontal };
        tiff::Options {
            predictor,
            nodata: band.nodata.map(|nodata| nodata.to_string()),
            georeference: Some(Georeference { epsg: self.epsg, affine: self.affine, pixel_is_point: false }),
            ..tiff::Options::default()
        }
    }

    /// Ring of (longitude, latitude) along the edge of the grid, eight points a side, counter-clockwise for north-up grids.
    ///
    /// # Errors
    /// [`Error::Scene`] if the CRS is not known here and no `ring` is given.
    pub fn lonlat_ring(&self) -> Result<Vec<(f64, f64)>> {
        if let Some(ring) = &self.ring {
            return Ok(ring.clone());
        }
        let (rows, cols) = (self.shape.0 as f64, self.shape.1 as f64);
        let corners = [(0.0, 0.0), (rows, 0.0), (rows, cols), (0.0, cols), (0.0, 0.0)];
        let mut ring = Vec::new();
        for side in corners.windows(2) {
            for step in 0..8 {
                let share = f64::from(step) / 8.0;
                let row = side[0].0 + share * (side[1].0 - side[0].0);
                let col = side[0].1 + share * (side[1].1 - side[0].1);
                let (x, y) = self.place(row, col);
                let unknown = || Error::Scene { id: self.id.clone(), problem: format!("EPSG:{} needs a `ring`", self.epsg) };
                ring.push(to_lonlat(self.epsg, x, y).ok_or_else(unknown)?);
            }
        }
        Ok(ring)
    }
}

/// The land of all scenes: three systems of waves, between -1 and 1, with lengths of about 70, 20 and 4 km.
#[must_use]
pub fn terrain(lon: f64, lat: f64) -> f64 {
    0.5 * wave(lon, 0.9) * wave(lat + 0.1, 0.6) + 0.35 * wave(lon + 1.3 * lat, 0.23) + 0.15 * wave(1.7 * lon - lat, 0.047)
}

/// Finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(left: f64, day: &str) -> Scene {
        Scene {
            id: "a".into(),
            collection: "c".into(),
            datetime: day.parse().expect("a time"),
            epsg: 32632,
            affine: [100.0, 0.0, left, 0.0, -100.0, 5_200_000.0],
            shape: (64, 64),
            bands: vec![Band::reflectance("red", 2000.0, 800.0)],
            holes: vec![Hole::Edge { cols: 1.0, rows: 1.0, limit: 10.0 }],
            properties: Map::new(),
            ring: None,
        }
    }

    #[test]
    fn overlapping_scenes_agree_up_to_the_date() {
        let (a, b) = (scene(600_000.0, "2024-06-03T10:10:00Z"), scene(603_200.0, "2024-06-08T10:10:00Z"));
        let band = &a.bands[0];
        for row in 20..40 {
            assert_eq!(a.pixel(band, row, 50) + 5.0 * band.drift, b.pixel(band, row, 18));
        }
        assert_eq!(a.pixel(band, 4, 5), 0.0);
        assert_ne!(a.pixel(band, 5, 5), 0.0);
    }

    #[test]
    fn plane_is_pixel() {
        let scene = scene(600_000.0, "2024-06-03T10:10:00Z");
        let plane = scene.plane(&scene.bands[0]).expect("a plane");
        for (row, col) in [(0, 0), (5, 5), (63, 63), (10, 40)] {
            assert_eq!(plane.value(row, col), scene.pixel(&scene.bands[0], row, col));
        }
    }
}
