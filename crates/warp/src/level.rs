use cube_core::GeoBox;

use crate::{Error, Mapping, Result};

/// How much larger than the target the pixels of a level may be and still count as not coarser: the scale of a projection varies by
/// more than rounding, and two levels of equal pixels should be one choice.
const TOLERANCE: f64 = 1e-3;

/// The coarsest level that is not coarser than the destination, as an index; `levels[0]` is the full resolution, and the choice when all
/// others are too coarse.
///
/// Measured as the step of one destination pixel, along its rows and its columns, in pixels of the source, in the middle of what source
/// and destination share: so it is the same for every part of the destination. Pixels up to 0.1% larger count as equal.
///
/// # Errors
/// [`Error::NoLevel`] without levels, and those of [`Mapping::new`].
pub fn choose_level(levels: &[GeoBox], destination: &GeoBox) -> Result<usize> {
    let full = levels.first().ok_or(Error::NoLevel)?;
    if levels.len() == 1 {
        return Ok(0);
    }
    let Some(step) = pixel_step(&Mapping::new(full, destination)?) else { return Ok(0) };
    let size = |level: &GeoBox| {
        let (x, y) = level.resolution();
        let (fx, fy) = full.resolution();
        (x / fx).max(y / fy)
    };
    let fits = levels.iter().enumerate().skip(1).map(|(i, level)| (i, size(level))).filter(|(_, s)| *s <= step * (1.0 + TOLERANCE));
    Ok(fits.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i))
}

/// Length of a step of one destination pixel in source pixels, the smaller of the two directions.
fn pixel_step(mapping: &Mapping) -> Option<f64> {
    let (x, y) = middle(mapping)?;
    let path = mapping.path();
    let here = path.point_to_source(x, y);
    let step = |(x, y): (f64, f64)| (x - here.0).hypot(y - here.1);
    let smaller = step(path.point_to_source(x + 1.0, y)).min(step(path.point_to_source(x, y + 1.0)));
    smaller.is_finite().then_some(smaller)
}

/// The middle, in destination pixels, of what the grids share.
fn middle(mapping: &Mapping) -> Option<(f64, f64)> {
    const PER_EDGE: usize = 21;
    let (source, destination) = (mapping.source(), mapping.destination());
    let along = |i: usize, n: usize| i as f64 / (PER_EDGE - 1) as f64 * n as f64;
    let (mut x, mut y): (Vec<f64>, Vec<f64>) =
        (0..PER_EDGE).flat_map(|i| (0..PER_EDGE).map(move |j| (along(j, source.cols), along(i, source.rows)))).unzip();
    mapping.path().to_destination(&mut x, &mut y);
    let (w, h) = (destination.cols as f64, destination.rows as f64);
    let inside: Vec<_> = x.iter().zip(&y).filter(|&(x, y)| (0.0..=w).contains(x) && (0.0..=h).contains(y)).collect();
    if inside.is_empty() {
        // The destination may lie between two of the points.
        let (x, y) = (w / 2.0, h / 2.0);
        return Some((x, y));
    }
    let mean = |values: Vec<f64>| {
        let (lo, hi) = values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        (lo + hi) / 2.0
    };
    Some((mean(inside.iter().map(|p| *p.0).collect()), mean(inside.iter().map(|p| *p.1).collect())))
}
