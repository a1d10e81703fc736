//! Cubes with one group per source CRS: native pixels, no resampling.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use cube_core::{
    Affine, Anchor, Asset, BandLayout, ChunkIndex, ChunkSet, Crs, Extent, GeoBox, GroupLayout, Layout, PatchIndex, Resolution, Roi, SourceGrid,
    Window,
};
use futures::{StreamExt, TryStreamExt};

use crate::{Context, Error, Result, area, footprint, region, request};

/// Headers opened at once.
const PARALLEL_HEADERS: usize = 8;

/// Whether a patch goes into a group.
pub(crate) fn belongs(patch: &PatchIndex, group: &GroupLayout, layout: &Layout) -> bool {
    !layout.spec.grid.is_native() || grid(patch, layout).is_some_and(|g| g.crs().slug() == group.name)
}

/// The grid of a patch: that of the first of the cube's bands that states one.
pub(crate) fn grid(patch: &PatchIndex, layout: &Layout) -> Option<GeoBox> {
    stated(patch, layout).next()
}

/// The grids of a patch: those of the cube's bands that cover different ground, mostly one.
pub(crate) fn grids(patch: &PatchIndex, layout: &Layout) -> Vec<GeoBox> {
    let corners = |g: &GeoBox| {
        let (t, shape) = (g.affine(), g.shape());
        let (cols, rows) = (shape.cols as f64, shape.rows as f64);
        [t.apply(0.0, 0.0), t.apply(cols, 0.0), t.apply(0.0, rows), t.apply(cols, rows)]
    };
    stated(patch, layout).fold(Vec::new(), |mut all, grid| {
        if !all.iter().any(|g| corners(g) == corners(&grid) && g.crs() == grid.crs()) {
            all.push(grid);
        }
        all
    })
}

/// The grids that the cube's bands state, each CRS under the name that PROJ gives it.
fn stated(patch: &PatchIndex, layout: &Layout) -> impl Iterator<Item = GeoBox> {
    let assets = layout.bands.iter().filter_map(|b| patch.asset(&b.asset));
    assets.filter_map(|a| a.grid.as_ref().and_then(SourceGrid::geobox)).filter_map(|stated| {
        let crs = cube_warp::proj::canonical(stated.crs()).ok()?;
        GeoBox::new(crs, stated.affine(), stated.shape()).ok()
    })
}

/// The units of a group that a region touches; none where the region lies elsewhere.
pub(crate) fn runs(roi: &Roi, group: &GroupLayout, layout: &Layout) -> Result<ChunkSet> {
    let runs = footprint::roi_units(roi, &group.grid, &layout.unit_grid(group));
    if layout.spec.grid.is_native() { Ok(runs.unwrap_or_default()) } else { runs }
}

/// The search cells that a region needs: those it touches (`cells`), and those under the units that it touches in any group.
pub(crate) fn cells(roi: &Roi, cells: &[Window], layout: &Layout) -> Result<Vec<Window>> {
    let (world, grid) = request::search_grid(layout)?;
    let to_pixel = world.world_to_pixel();
    let mut all = cells.to_vec();
    for group in &layout.groups {
        let units = layout.unit_grid(group);
        let to_lonlat = cube_warp::proj::transform(group.grid.crs(), world.crs())?;
        for rect in region::rectangles(&runs(roi, group, layout)?) {
            let corner = |row: usize, col: usize| units.window(ChunkIndex { row: row as u32, col: col as u32 });
            let pixels = corner(rect.row, rect.col).union(corner(rect.row_end() - 1, rect.col_end() - 1));
            for b in cube_core::roi::lonlat_boxes(&group.grid.crop(pixels)?, to_lonlat.as_ref()) {
                let ((col, row), (col_end, row_end)) = (to_pixel.apply(b.west, b.north), to_pixel.apply(b.east, b.south));
                let (row, col) = (row.floor().max(0.0) as usize, col.floor().max(0.0) as usize);
                let (rows, cols) = (row_end.ceil() as usize - row, col_end.ceil() as usize - col);
                all.extend(Window::new(row, col, rows.max(1), cols.max(1)).intersection(Window::whole(grid.shape)));
            }
        }
    }
    Ok(all)
}

/// Completes what a catalogue says: where a patch lies is read from its file when nothing else tells. For native pixels the grid is always
/// needed, and read where the stated one lies elsewhere than the outline.
pub(crate) async fn locate(patches: Vec<Arc<PatchIndex>>, layout: &Layout, context: &Context) -> Result<Vec<Arc<PatchIndex>>> {
    let native = layout.spec.grid.is_native();
    let complete = |p: &PatchIndex| match grid(p, layout) {
        Some(grid) if native && !footprint::agrees(p, &footprint::boxes_of(&grid)) => {
            footprint::warn_elsewhere(p, &grid);
            false
        }
        Some(_) => true,
        None => !native && (p.footprint.is_some() || p.bbox.is_some()),
    };
    let each = patches.into_iter().map(|patch| async move {
        if complete(&patch) {
            return Ok(patch);
        }
        let of_band = |b: &BandLayout| patch.asset(&b.asset).zip(patch.assets.get_key_value(b.asset.split('#').next()?));
        let Some((band, (key, asset))) = layout.bands.iter().find_map(of_band) else { return Ok(patch) };
        let image = context.fetcher.image(&band).await?;
        let grid = image.levels()[0].clone();
        let known = SourceGrid { crs: Some(grid.crs().clone()), affine: Some(grid.affine()), shape: Some(grid.shape()), extent: None };
        let mut located = PatchIndex::clone(&patch);
        located.assets.insert(key.clone(), Arc::new(Asset { grid: Some(known), ..Asset::clone(asset) }));
        Ok::<_, Error>(Arc::new(located))
    });
    futures::stream::iter(each).buffered(PARALLEL_HEADERS).try_collect().await
}

/// Groups that some patches need and the cube does not have; each patch must fit the grid of its group.
pub(crate) fn new_groups(patches: &[Arc<PatchIndex>], layout: &Layout) -> Result<Vec<GroupLayout>> {
    if !layout.spec.grid.is_native() {
        return Ok(Vec::new());
    }
    let mut new: Vec<GroupLayout> = Vec::new();
    let mut fitting: BTreeSet<[u64; 7]> = BTreeSet::new();
    let mut reaches: BTreeMap<String, Option<Extent>> = BTreeMap::new();
    for patch in patches {
        let Some(source) = grid(patch, layout) else {
            return Err(Error::refused(format!("{} states no grid, so it has no place in a cube of native pixels", patch.id)));
        };
        if !source.affine().is_rectilinear() {
            return Err(Error::refused_with(
                format!("{} lies on a rotated grid", patch.id),
                "declare one CRS for the cube, so that it is reprojected",
            ));
        }
        let slug = source.crs().slug();
        if layout.group(&slug).is_none() && new.iter().all(|g| g.name != slug) {
            new.push(group(&source, layout)?);
        }
        let group = layout.group(&slug).or_else(|| new.iter().find(|g| g.name == slug));
        if let (Some(group), Entry::Vacant(unknown)) = (group, reaches.entry(slug.clone())) {
            unknown.insert(reach(group, layout)?);
        }
        if let Some(Some(reach)) = reaches.get(&slug) {
            check_reach(patch, &source, *reach)?;
        }
        if layout.spec.grid.resolution.is_some() || !fitting.insert(signature(&source)) {
            continue;
        }
        if let Some(group) = group
            && let Err(e) = group.grid.overlap(&upright(&source))
        {
            return Err(Error::refused_with(
                format!("{} does not fit the grid of group `{slug}`: {e}", patch.id),
                "give `resolution` in the spec to resample, or make a cube for each resolution",
            ));
        }
    }
    Ok(new)
}

/// What patches of a group must not reach beyond, where that follows from the CRS and not from an extent that was declared.
fn reach(group: &GroupLayout, layout: &Layout) -> Result<Option<Extent>> {
    if layout.spec.grid.extent.is_none() {
        return Ok(Some(group.grid.extent()));
    }
    let area_of_use = cube_warp::proj::describe(group.grid.crs())?.area_of_use.filter(|area| !area::goes_round(*area));
    area_of_use.map(|area| area::extent(group.grid.crs(), Some(area), None)).transpose()
}

/// Refuses a patch whose pixels would have no place in the grid of its group.
fn check_reach(patch: &PatchIndex, source: &GeoBox, reach: Extent) -> Result<()> {
    let (e, (rx, ry)) = (source.extent(), source.resolution());
    // Less than a pixel is a matter of where the group's pixels begin.
    let is_inside = e.west > reach.west - rx && e.east < reach.east + rx && e.south > reach.south - ry && e.north < reach.north + ry;
    if is_inside {
        return Ok(());
    }
    let to_lonlat = cube_warp::proj::transform(source.crs(), &Crs::wgs84())?;
    let around = Extent::of(source.footprint(to_lonlat.as_ref(), 32));
    let example = around.map_or_else(String::new, |e| {
        let [west, south, east, north] = [e.west.floor(), e.south.floor().max(-90.0), e.east.ceil(), e.north.ceil().min(90.0)];
        format!(", for example `extent = [{west:.1}, {south:.1}, {east:.1}, {north:.1}]`")
    });
    Err(Error::refused_with(
        format!("{} reaches beyond the area where the CRS `{}` is used", patch.id, cube_warp::proj::describe(source.crs())?.name),
        format!("make the cube anew with an `extent` in longitude and latitude{example}, or with one CRS, so that it is reprojected"),
    ))
}

fn signature(g: &GeoBox) -> [u64; 7] {
    let a = <[f64; 6]>::from(g.affine()).map(f64::to_bits);
    [a[0], a[1], a[2], a[3], a[4], a[5], xxhash_rust::xxh3::xxh3_64(g.crs().as_str().as_bytes())]
}

/// The same pixels with north up and west left.
fn upright(g: &GeoBox) -> GeoBox {
    let (t, shape) = (g.affine(), g.shape());
    let (a, c) = if t.a < 0.0 { (-t.a, t.c + t.a * shape.cols as f64) } else { (t.a, t.c) };
    let (e, f) = if t.e > 0.0 { (-t.e, t.f + t.e * shape.rows as f64) } else { (t.e, t.f) };
    GeoBox::new(g.crs().clone(), Affine::new(a, 0.0, c, 0.0, e, f), shape).unwrap_or_else(|_| g.clone())
}

/// The group of a CRS: the cube's extent there, on the source's resolution and anchor. It depends on the CRS and the spec,
/// and on the source only by its resolution and anchor, which every source of the group shares.
fn group(source: &GeoBox, layout: &Layout) -> Result<GroupLayout> {
    let crs = source.crs();
    let info = cube_warp::proj::describe(crs)?;
    let t = upright(source).affine();
    let (rx, ry) = layout.spec.grid.resolution.map_or((t.a, -t.e), Resolution::xy);
    let fraction = |edge: f64, res: f64| {
        let f = (edge / res).rem_euclid(1.0);
        if !(1e-9..1.0 - 1e-9).contains(&f) { 0.0 } else { f }
    };
    let extent = area::extent(crs, info.area_of_use, layout.spec.grid.extent)?;
    let anchor = Anchor::Fraction(fraction(t.c, rx), fraction(t.f, ry));
    let grid = GeoBox::from_extent(crs.clone(), extent, Resolution::Rectangular([rx, ry]), anchor)?;
    Ok(GroupLayout { name: crs.slug(), grid, crs_wkt: info.wkt, geographic: info.geographic })
}
