use std::sync::Arc;

use cube_core::{Affine, Crs, Extent, GeoBox, Transform};

use crate::{Result, proj};

/// The exact way between the pixels of two grids: affine, coordinate operation, affine.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    source: Affine,
    source_inverse: Affine,
    destination: Affine,
    destination_inverse: Affine,
    /// `None` when both grids have one CRS.
    operations: Option<Operations>,
    /// Longitude around which coordinates of a geographic source are wrapped, `± 180`.
    wrap: Option<f64>,
    /// Columns of the destination after which places repeat.
    period: Option<f64>,
}

#[derive(Debug, Clone)]
struct Operations {
    to_source: Arc<dyn Transform>,
    to_destination: Arc<dyn Transform>,
}

impl Operations {
    /// Among several operations, those for the area of the source, as in GDAL's warper.
    fn new(source: &GeoBox, from: &Crs, to: &Crs) -> Result<Self> {
        let e = source.extent();
        let (mut x, mut y) = ([e.west, e.east, e.west, e.east], [e.south, e.south, e.north, e.north]);
        proj::transform(from, &Crs::wgs84())?.transform(&mut x, &mut y);
        let area = Extent::of(x.into_iter().zip(y));
        Ok(Self { to_source: proj::transform_near(to, from, area)?, to_destination: proj::transform_near(from, to, area)? })
    }
}

impl Path {
    pub(crate) fn new(source: &GeoBox, destination: &GeoBox) -> Result<Self> {
        let (from, to) = (proj::canonical(source.crs())?, proj::canonical(destination.crs())?);
        let operations = if from == to { None } else { Some(Operations::new(source, &from, &to)?) };
        Ok(Self {
            source: source.affine(),
            source_inverse: inverse(source.affine()),
            destination: destination.affine(),
            destination_inverse: inverse(destination.affine()),
            operations,
            wrap: centre_of_wrap(source, &from)?,
            period: (is_in_degrees(&to)? && destination.affine().is_rectilinear()).then(|| 360.0 / destination.affine().a.abs()),
        })
    }

    /// Whether the grids have one CRS.
    pub(crate) fn is_affine(&self) -> bool {
        self.operations.is_none()
    }

    /// Whether column depends on column and row on row only.
    pub(crate) fn is_separable(&self) -> bool {
        self.is_affine() && self.source.is_rectilinear() && self.destination.is_rectilinear()
    }

    /// Longitude around which coordinates of a geographic source are wrapped.
    pub(crate) fn wrap(&self) -> Option<f64> {
        self.wrap
    }

    /// Columns of a geographic destination after which places repeat: 360 degrees.
    pub(crate) fn period(&self) -> Option<f64> {
        self.period
    }

    /// Pixel coordinates of the source (columns, rows) for those of the destination; NaN where there are none.
    pub(crate) fn to_source(&self, cols: &mut [f64], rows: &mut [f64]) {
        map(&self.destination, cols, rows);
        if let Some(o) = &self.operations {
            o.to_source.transform(cols, rows);
        }
        if let Some(centre) = self.wrap {
            cols.iter_mut().for_each(|x| *x = wrapped(*x, centre));
        }
        map(&self.source_inverse, cols, rows);
    }

    /// One point, see [`Self::to_source`].
    pub(crate) fn point_to_source(&self, col: f64, row: f64) -> (f64, f64) {
        let (mut x, mut y) = ([col], [row]);
        self.to_source(&mut x, &mut y);
        (x[0], y[0])
    }

    /// Pixel coordinates of the destination for those of the source; NaN where there are none.
    pub(crate) fn to_destination(&self, cols: &mut [f64], rows: &mut [f64]) {
        map(&self.source, cols, rows);
        if let Some(o) = &self.operations {
            o.to_destination.transform(cols, rows);
        }
        map(&self.destination_inverse, cols, rows);
    }

    /// Pixel coordinates in the destination of a place given in its CRS.
    pub(crate) fn world_to_destination(&self, x: f64, y: f64) -> (f64, f64) {
        self.destination_inverse.apply(x, y)
    }
}

fn map(affine: &Affine, x: &mut [f64], y: &mut [f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = affine.apply(*x, *y);
    }
}

fn wrapped(x: f64, centre: f64) -> f64 {
    if x < centre - 180.0 {
        x + 360.0
    } else if x > centre + 180.0 {
        x - 360.0
    } else {
        x
    }
}

/// The middle longitude of a geographic source that spans at most the globe: there longitudes that differ by 360 are one place.
/// GDAL's transformer does the same, also when both grids have one CRS.
fn centre_of_wrap(source: &GeoBox, crs: &Crs) -> Result<Option<f64>> {
    let e = source.extent();
    Ok((is_in_degrees(crs)? && e.width() <= 360.0).then(|| (e.west + e.east) / 2.0))
}

fn is_in_degrees(crs: &Crs) -> Result<bool> {
    let info = proj::describe(crs)?;
    Ok(info.geographic && info.unit.starts_with("degree"))
}

/// World to pixel, in the order of operations that GDAL uses: nearest neighbours at exact halves hang on the last bit.
fn inverse(t: Affine) -> Affine {
    if t.is_rectilinear() {
        return Affine::new(1.0 / t.a, 0.0, -t.c / t.a, 0.0, 1.0 / t.e, -t.f / t.e);
    }
    let by = 1.0 / (t.a * t.e - t.b * t.d);
    Affine::new(t.e * by, -t.b * by, (t.b * t.f - t.c * t.e) * by, -t.d * by, t.a * by, (-t.a * t.f + t.c * t.d) * by)
}
