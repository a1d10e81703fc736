//! Asking the catalogue, and only for what no recorded search covers.

use std::sync::Arc;

use cube_backend::PatchQuery;
use cube_core::{Layout, PatchIndex, Period, TimeStep, TimeValue, Window};
use cube_store::Search;
use futures::TryStreamExt;

use crate::{
    Context, Error, Event, Result,
    region::{Region, subtract},
    request,
};

/// The parts of a request that must be searched: all of it for a refresh, else what earlier searches do not cover.
/// A search covers a time only when it was made after the time had settled.
pub(crate) fn missing(wanted: Vec<Region>, searches: &[Search], layout: &Layout, refresh: bool) -> Vec<Region> {
    let known: Vec<Region> = if refresh { Vec::new() } else { searches.iter().filter_map(|s| settled(s, layout)).collect() };
    subtract(wanted, &known)
}

fn settled(search: &Search, layout: &Layout) -> Option<Region> {
    let period = match layout.time.step {
        // Without a time axis there is nothing that could settle: only a refresh searches again.
        TimeStep::None => search.period,
        _ => search.period.intersection(&Period { start: None, end: Some(TimeValue(search.at.0.saturating_sub(layout.time.settle_micros))) })?,
    };
    Some(Region { cells: search.cells, period })
}

/// What one search brought.
#[derive(Debug)]
pub(crate) struct Found {
    pub region: Region,
    pub patches: Vec<Arc<PatchIndex>>,
    pub record: Search,
}

/// Searches regions one after another; one that holds too many patches is halved, in time or in space.
pub(crate) struct Searcher<'a> {
    pub layout: &'a Layout,
    pub context: &'a Context,
    pub open: Vec<Region>,
}

impl<'a> Searcher<'a> {
    pub(crate) fn new(layout: &'a Layout, context: &'a Context, mut regions: Vec<Region>) -> Self {
        regions.reverse();
        Self { layout, context, open: regions }
    }

    /// The next region with its patches; `None` when all is searched.
    pub(crate) async fn next(&mut self) -> Result<Option<Found>> {
        while let Some(region) = self.open.pop() {
            self.context.progress.on(Event::Searching);
            let at = self.context.now;
            let halves = self.halves(&region);
            let limit = if halves.is_some() { self.context.limits.patches } else { usize::MAX };
            if let Some(patches) = self.patches(&region, limit).await? {
                return Ok(Some(Found { region, patches, record: Search { cells: region.cells, period: region.period, at } }));
            }
            if let Some((first, second)) = halves {
                self.open.extend([second, first]);
            }
        }
        Ok(None)
    }

    /// The patches of a region, sorted by time and id; `None` when there are more than `limit`.
    async fn patches(&self, region: &Region, limit: usize) -> Result<Option<Vec<Arc<PatchIndex>>>> {
        let query = query(self.layout, region)?;
        let catalog = self.context.catalog.open().await?;
        let mut stream = catalog.patches(&query);
        let mut patches: Vec<Arc<PatchIndex>> = Vec::new();
        while let Some(patch) = stream.try_next().await.map_err(Error::from)? {
            if patch.time.is_none() && self.layout.time.step != TimeStep::None {
                return Err(Error::refused_with(
                    format!("{} has no time", patch.id),
                    "declare `[time] step = \"none\"` for a cube without a time axis; `cube index --datetime` gives files a time",
                ));
            }
            patches.push(Arc::new(patch));
            if patches.len() > limit {
                return Ok(None);
            }
            if patches.len().is_multiple_of(100) {
                self.context.progress.on(Event::Found(patches.len()));
            }
        }
        self.context.progress.on(Event::Found(patches.len()));
        patches.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        Ok(Some(patches))
    }

    fn halves(&self, region: &Region) -> Option<(Region, Region)> {
        self.halves_in_time(region).or_else(|| halves_in_space(region))
    }

    fn halves_in_time(&self, region: &Region) -> Option<(Region, Region)> {
        let axis = &self.layout.time;
        if axis.step == TimeStep::None {
            return None;
        }
        // An open end is cut where it makes sense to cut: between the first Earth-observation satellites and the present.
        let start = region.period.start.unwrap_or(TimeValue(0)).0;
        let end = region.period.end.unwrap_or(self.context.now).0;
        let middle = axis.period_of(axis.step_of(TimeValue(start + (end - start) / 2))).start?;
        let cut = |period| Region { period, ..*region };
        let (a, b) = (Period { end: Some(middle), ..region.period }, Period { start: Some(middle), ..region.period });
        (start < middle.0 && middle.0 < end).then(|| (cut(a), cut(b)))
    }
}

fn halves_in_space(region: &Region) -> Option<(Region, Region)> {
    let w = region.cells;
    let (a, b) = if w.rows >= w.cols && w.rows > 1 {
        (Window { rows: w.rows / 2, ..w }, Window { row: w.row + w.rows / 2, rows: w.rows - w.rows / 2, ..w })
    } else if w.cols > 1 {
        (Window { cols: w.cols / 2, ..w }, Window { col: w.col + w.cols / 2, cols: w.cols - w.cols / 2, ..w })
    } else {
        return None;
    };
    Some((Region { cells: a, ..*region }, Region { cells: b, ..*region }))
}

/// What the catalogue is asked for a region: the outline of its cells, its period, and all that the spec says of the source.
pub(crate) fn query(layout: &Layout, region: &Region) -> Result<PatchQuery> {
    let (grid, cells) = request::search_grid(layout)?;
    let w = region.cells;
    let (top, bottom) = (cells.window(at(w.row, w.col)), cells.window(at(w.row_end() - 1, w.col_end() - 1)));
    let outline = grid.crop(top.union(bottom))?;
    let to_lonlat = cube_warp::proj::transform(outline.crs(), &cube_core::Crs::wgs84())?;
    let source = &layout.spec.source;
    Ok(PatchQuery {
        collections: source.collections.clone(),
        boxes: cube_core::roi::lonlat_boxes(&outline, to_lonlat.as_ref()),
        periods: if region.period == Period::ALWAYS { Vec::new() } else { vec![region.period] },
        query: source.query.clone(),
        filter: source.filter.clone(),
        assets: assets(layout),
    })
}

fn at(row: usize, col: usize) -> cube_core::ChunkIndex {
    cube_core::ChunkIndex { row: row as u32, col: col as u32 }
}

/// Names of the assets that the cube's variables come from; of `asset.2` also `asset`, of `asset#variable` the asset alone.
pub(crate) fn assets(layout: &Layout) -> Vec<String> {
    let file = |name: &str| name.split_once('#').map_or(name, |(asset, _)| asset).to_owned();
    let whole = |name: &str| name.rsplit_once('.').filter(|(_, n)| n.parse::<usize>().is_ok()).map(|(asset, _)| asset.to_owned());
    layout.bands.iter().map(|b| file(&b.asset)).flat_map(|name| [whole(&name), Some(name)]).flatten().collect()
}
