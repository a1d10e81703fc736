//! Which storage units a region or a patch touches.

use std::{
    collections::HashMap,
    sync::{Arc, Once},
};

use cube_core::{ChunkGrid, ChunkSet, Crs, Extent, GeoBox, GroupLayout, Layout, PatchIndex, Roi, Transform, UnitLocator};
use cube_warp::proj;

use crate::{Error, Result, native};

/// The units of a grid that a region touches; an error, with both extents, when it touches none.
pub(crate) fn roi_units(roi: &Roi, grid: &GeoBox, units: &ChunkGrid) -> Result<ChunkSet> {
    let lonlat = Crs::wgs84();
    let (to_lonlat, from_lonlat) = (proj::transform(grid.crs(), &lonlat)?, proj::transform(&lonlat, grid.crs())?);
    let locator = UnitLocator::new(grid, *units, proj::describe(grid.crs())?.geographic, to_lonlat.as_ref(), from_lonlat.as_ref());
    let roi = Roi { geometry: roi.geometry.clone(), crs: proj::canonical(&roi.crs)? };
    let (roi_to_lonlat, roi_from_lonlat) = (proj::transform(&roi.crs, &lonlat)?, proj::transform(&lonlat, &roi.crs)?);
    Ok(locator.touched(&roi, roi_to_lonlat.as_ref(), roi_from_lonlat.as_ref())?)
}

/// The extent of a region in a CRS, where it has an image there.
pub(crate) fn roi_extent(roi: &Roi, crs: &Crs) -> Result<Option<Extent>> {
    let from_lonlat = proj::transform(&Crs::wgs84(), crs)?;
    let corners = roi_boxes(roi)?.into_iter().flat_map(|b| {
        let (mut x, mut y) = (vec![b.west, b.east, b.east, b.west], vec![b.south, b.south, b.north, b.north]);
        from_lonlat.transform(&mut x, &mut y);
        x.into_iter().zip(y)
    });
    Ok(Extent::of(corners))
}

/// The boxes in longitude and latitude that hold a region.
pub(crate) fn roi_boxes(roi: &Roi) -> Result<Vec<Extent>> {
    let lonlat = Crs::wgs84();
    let (to, from) = (proj::transform(&roi.crs, &lonlat)?, proj::transform(&lonlat, &roi.crs)?);
    Ok(roi.lonlat_extents(to.as_ref(), from.as_ref())?)
}

/// A region that holds a patch: its grid where all bands have that one, else its outline.
pub(crate) fn roi_of(patch: &PatchIndex, layout: &Layout) -> Result<Roi> {
    let grids = native::grids(patch, layout);
    if let [grid] = &grids[..]
        && agrees(patch, &boxes_of(grid))
    {
        return Ok(Roi::from_geobox(grid)?);
    }
    match (&patch.footprint, patch.bbox, grids.first()) {
        (Some(geometry), ..) => Ok(Roi::new(geometry.clone(), Crs::wgs84())?),
        (None, Some(bbox), _) => Ok(Roi::from_extent(box_of(bbox), Crs::wgs84())?),
        (None, None, Some(grid)) => Ok(Roi::from_geobox(grid)?),
        (None, None, None) => Err(Error::refused(format!("{} states neither a grid nor a footprint", patch.id))),
    }
}

/// A bounding box whose east is beyond 180 where it crosses the antimeridian.
fn box_of([w, s, e, n]: [f64; 4]) -> Extent {
    Extent::new(w, s, if w > e { e + 360.0 } else { e }, n)
}

/// Where a grid lies in longitude and latitude; empty where that is not known.
pub(crate) fn boxes_of(grid: &GeoBox) -> Vec<Extent> {
    let to_lonlat = proj::transform(grid.crs(), &Crs::wgs84());
    to_lonlat.map_or_else(|_| Vec::new(), |to_lonlat| cube_core::roi::lonlat_boxes(grid, to_lonlat.as_ref()))
}

/// Whether the boxes of a stated grid are near the outline of its patch. Where they are not, as with the code of another UTM zone, one of
/// the two is wrong, and there is no telling which.
pub(crate) fn agrees(patch: &PatchIndex, boxes: &[Extent]) -> bool {
    /// Degrees: outlines are rounded and simplified.
    const NEAR: f64 = 0.1;
    let bbox = || patch.bbox.filter(|b| b.iter().all(|v| v.is_finite())).map(box_of);
    let outline = || Roi { geometry: patch.footprint.clone()?, crs: Crs::wgs84() }.shapes().ok()?.extent();
    let outlines = || bbox().into_iter().chain(std::iter::once_with(outline).flatten());
    let is_near = |e: Extent| {
        let turned = |turn: f64| Extent::new(e.west + turn - NEAR, e.south - NEAR, e.east + turn + NEAR, e.north + NEAR);
        [-360.0, 0.0, 360.0].map(turned).iter().any(|e| boxes.iter().any(|b| b.intersects(e)))
    };
    boxes.is_empty() || outlines().any(is_near) || outlines().next().is_none()
}

/// Finds the units of one group that patches touch. The answer depends on patch and group alone, never on a request.
pub(crate) struct Locator<'a> {
    layout: &'a Layout,
    group: &'a GroupLayout,
    to_lonlat: Arc<dyn Transform>,
    from_lonlat: Arc<dyn Transform>,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(layout: &'a Layout, group: &'a GroupLayout) -> Result<Self> {
        let lonlat = Crs::wgs84();
        let crs = group.grid.crs();
        Ok(Self { layout, group, to_lonlat: proj::transform(crs, &lonlat)?, from_lonlat: proj::transform(&lonlat, crs)? })
    }

    /// For each patch the units that it touches with any band of the cube; patches on one grid are looked at once.
    pub(crate) fn units(&self, patches: &[Arc<PatchIndex>]) -> Result<Vec<Arc<ChunkSet>>> {
        let units = self.layout.unit_grid(self.group);
        let locator = UnitLocator::new(&self.group.grid, units, self.group.geographic, self.to_lonlat.as_ref(), self.from_lonlat.as_ref());
        let mut known: HashMap<(String, [u64; 8]), Known> = HashMap::new();
        let mut of_grid = |grid: &GeoBox| -> Result<Known> {
            let key = (grid.crs().to_string(), signature(grid));
            if let Some(found) = known.get(&key) {
                return Ok(found.clone());
            }
            let to_grid = proj::transform(grid.crs(), self.group.grid.crs())?;
            let found = Known { units: Arc::new(locator.touched_by_grid(grid, to_grid.as_ref())), boxes: boxes_of(grid).into() };
            known.insert(key, found.clone());
            Ok(found)
        };
        let each = patches.iter().map(|patch| {
            let by_outline = || locator.touched_by_footprint(patch.footprint.as_ref(), patch.bbox);
            let grids = native::grids(patch, self.layout);
            let found = grids.iter().map(&mut of_grid).collect::<Result<Vec<_>>>()?;
            let together = found.iter().map(|f| Arc::clone(&f.units)).reduce(|a, b| Arc::new(a.union(&b)));
            let Some(together) = together else { return Ok(Arc::new(by_outline())) };
            // The file decides where its pixels lie: a unit too many costs a look at its header, one too few would lose pixels.
            let Some((grid, _)) = grids.iter().zip(&found).find(|(_, f)| !agrees(patch, &f.boxes)) else { return Ok(together) };
            warn_elsewhere(patch, grid);
            Ok(Arc::new(together.union(&by_outline())))
        });
        each.collect()
    }
}

/// What is known of a grid: the units that it touches, and where it lies in longitude and latitude.
#[derive(Clone)]
struct Known {
    units: Arc<ChunkSet>,
    boxes: Arc<[Extent]>,
}

/// One warning for all patches: a catalogue that is wrong once is so often.
pub(crate) fn warn_elsewhere(patch: &PatchIndex, grid: &GeoBox) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let crs = grid.crs().label();
        tracing::warn!("{} states a grid in {crs} that lies elsewhere than its geometry: its pixels go where its file says", patch.id);
    });
}

fn signature(g: &GeoBox) -> [u64; 8] {
    let t = <[f64; 6]>::from(g.affine()).map(f64::to_bits);
    [t[0], t[1], t[2], t[3], t[4], t[5], g.shape().rows as u64, g.shape().cols as u64]
}

#[cfg(test)]
#[path = "footprint_tests.rs"]
mod tests;
