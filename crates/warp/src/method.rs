//! Facts about resampling methods that several modules need.

use cube_core::Resampling;

use crate::scale::Scale;

/// How far beyond an edge, in source pixels, a coordinate still counts as on it (GDAL's warp kernel).
pub(crate) const EDGE: f64 = 1e-10;

/// Whether a method looks at all source pixels under a destination pixel.
pub(crate) fn is_area(method: Resampling) -> bool {
    use Resampling::{Average, Max, Med, Min, Mode, Q1, Q3, Rms};
    matches!(method, Average | Mode | Min | Max | Med | Q1 | Q3 | Rms)
}

/// Radius of the kernel at scale 1, in source pixels.
pub(crate) fn radius(method: Resampling) -> usize {
    match method {
        Resampling::Bilinear => 1,
        Resampling::Cubic | Resampling::CubicSpline => 2,
        Resampling::Lanczos => 3,
        _ => 0,
    }
}

/// Radius of the kernel at a scale, along columns and rows.
pub(crate) fn radii(method: Resampling, scale: Scale) -> (usize, usize) {
    let radius = radius(method);
    let at = |s: f64| if s < 1.0 { (radius as f64 / s).ceil() as usize } else { radius };
    (at(scale.x), at(scale.y))
}

/// Source pixels on either side of the one under a centre that a kernel may read.
pub(crate) fn reach(method: Resampling, scale: Scale) -> (usize, usize) {
    let (x, y) = radii(method, scale);
    (x + 1, y + 1)
}

/// Whether a source coordinate lies on the source.
#[inline(always)]
pub(crate) fn is_inside(x: f64, y: f64, w: f64, h: f64) -> bool {
    (x >= 0.0) & (y >= 0.0) & (x + EDGE <= w) & (y + EDGE <= h)
}
