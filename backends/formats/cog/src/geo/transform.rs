use cube_core::Affine;

use crate::header::{Directory, tag};

/// How a file says where its pixels lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Placed {
    /// By a grid.
    Affine(Affine),
    /// By this many ground control points.
    ControlPoints(usize),
    /// Not at all.
    Nowhere,
}

/// Tie point and pixel scale, else the matrix, as GDAL reads them: rows always run to the south with a pixel scale, and with
/// PixelIsPoint the grid begins half a pixel before the point.
pub(super) fn affine(directory: &Directory, pixel_is_point: bool) -> Placed {
    let scale = directory.floats(tag::MODEL_PIXEL_SCALE).unwrap_or_default();
    let tie = directory.floats(tag::MODEL_TIEPOINT).unwrap_or_default();
    let matrix = directory.floats(tag::MODEL_TRANSFORMATION).unwrap_or_default();
    let affine = match (&*scale, &*tie, &*matrix) {
        ([sx, sy, ..], [i, j, _, x, y, _, ..], _) if *sx != 0.0 && *sy != 0.0 => {
            let sy = -sy.abs();
            Affine::new(*sx, 0.0, x - i * sx, 0.0, sy, y - j * sy)
        }
        (_, _, [a, b, _, c, d, e, _, f, ..]) if matrix.len() >= 16 => Affine::new(*a, *b, *c, *d, *e, *f),
        _ if tie.len() >= 12 => return Placed::ControlPoints(tie.len() / 6),
        _ => return Placed::Nowhere,
    };
    Placed::Affine(if pixel_is_point { affine.shifted(-0.5, -0.5) } else { affine })
}
