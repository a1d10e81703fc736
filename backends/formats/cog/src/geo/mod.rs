//! Where the pixels lie on Earth (OGC GeoTIFF 1.1).

mod crs;
mod ellipsoid;
mod keys;
mod method;
mod transform;

use cube_backend::{Error, Result};
use cube_core::{Affine, Crs, GeoBox, Shape, SourceGrid};

use crate::header::Directory;
use keys::Keys;

/// The grid of the full image: what the file states; what it does not, from `stated`.
pub(crate) fn grid(directory: &Directory, name: &str, shape: Shape, stated: &SourceGrid) -> Result<GeoBox> {
    let keys = Keys::read(directory);
    let own = transform::affine(directory, keys.pixel_is_point());
    let affine = match (own, stated_affine(stated, shape)) {
        (transform::Placed::Affine(affine), _) | (_, Some(affine)) => affine,
        (transform::Placed::ControlPoints(n), None) => {
            return Err(Error::unsupported(format!("`{name}` is placed by {n} ground control points, not by a grid"))
                .with_hint("warp it to a grid first, for example with `gdalwarp`"));
        }
        (transform::Placed::Nowhere, None) => {
            return Err(Error::unsupported(format!("`{name}` does not say where its pixels lie (no geotransform)"))
                .with_hint("give it one, for example with `gdal_edit.py -a_ullr`, or state `proj:transform` in its STAC item"));
        }
    };
    GeoBox::new(crs(&keys, name, stated)?, affine, shape).map_err(|e| Error::corrupt(format!("`{name}` has a grid that cannot be: {e}")))
}

fn crs(keys: &Keys, name: &str, stated: &SourceGrid) -> Result<Crs> {
    match (crs::crs(keys), &stated.crs) {
        (Ok(Some(crs)), _) => Ok(crs),
        (Ok(None) | Err(_), Some(crs)) => Ok(crs.clone()),
        (Ok(None), None) => Err(Error::unsupported(format!("`{name}` does not say in which CRS it is"))
            .with_hint("give it one, for example with `gdal_edit.py -a_srs EPSG:32632`, or state `proj:code` in its STAC item")),
        (Err(problem), None) => {
            Err(Error::unsupported(format!("the CRS of `{name}` is not understood: {problem}")).with_hint("state `proj:code` in its STAC item"))
        }
    }
}

fn stated_affine(stated: &SourceGrid, shape: Shape) -> Option<Affine> {
    if stated.shape.is_some_and(|s| s != shape) {
        return None;
    }
    let from_extent = || Some(GeoBox::from_shape(Crs::wgs84(), stated.extent?, shape).ok()?.affine());
    stated.affine.or_else(from_extent)
}
