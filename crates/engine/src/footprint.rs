//! Which storage units a region or a patch touches.

use std::{collections::HashMap, sync::Arc};

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

/// A region that holds a patch: its grid, else its outline.
pub(crate) fn roi_of(patch: &PatchIndex, layout: &Layout) -> Result<Roi> {
    if let Some(grid) = native::grid(patch, layout) {
        return Ok(Roi::from_geobox(&grid)?);
    }
    match (&patch.footprint, patch.bbox) {
        (Some(geometry), _) => Ok(Roi::new(geometry.clone(), Crs::wgs84())?),
        (None, Some([w, s, e, n])) => Ok(Roi::from_extent(Extent::new(w, s, if w > e { e + 360.0 } else { e }, n), Crs::wgs84())?),
        (None, None) => Err(Error::refused(format!("{} states neither a grid nor a footprint", patch.id))),
    }
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

    /// For each patch the units that it touches; patches on one grid are looked at once.
    pub(crate) fn units(&self, patches: &[Arc<PatchIndex>]) -> Result<Vec<Arc<ChunkSet>>> {
        let units = self.layout.unit_grid(self.group);
        let locator = UnitLocator::new(&self.group.grid, units, self.group.geographic, self.to_lonlat.as_ref(), self.from_lonlat.as_ref());
        let mut known: HashMap<(String, [u64; 8]), Arc<ChunkSet>> = HashMap::new();
        let each = patches.iter().map(|patch| {
            let Some(grid) = native::grid(patch, self.layout) else {
                return Ok(Arc::new(locator.touched_by_footprint(patch.footprint.as_ref(), patch.bbox)));
            };
            let key = (grid.crs().to_string(), signature(&grid));
            if let Some(set) = known.get(&key) {
                return Ok(Arc::clone(set));
            }
            let to_grid = proj::transform(grid.crs(), self.group.grid.crs())?;
            let set = Arc::new(locator.touched_by_grid(&grid, to_grid.as_ref()));
            known.insert(key, Arc::clone(&set));
            Ok(set)
        });
        each.collect()
    }
}

fn signature(g: &GeoBox) -> [u64; 8] {
    let t = <[f64; 6]>::from(g.affine()).map(f64::to_bits);
    [t[0], t[1], t[2], t[3], t[4], t[5], g.shape().rows as u64, g.shape().cols as u64]
}
