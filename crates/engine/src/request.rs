//! What is asked for, in whole storage units and whole steps.

use cube_core::{ChunkGrid, ChunkSet, Crs, Extent, GeoBox, GroupLayout, Layout, Period, Resolution, Roi, Shape, TimeAxis, TimeStep, TimeValue, Toi};

use crate::{
    Error, Result, footprint,
    region::{Region, rectangles},
};

/// A region and a time of interest, and the variables wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Where.
    pub roi: Roi,
    /// When.
    pub toi: Toi,
    /// Names of the variables; empty means all.
    pub bands: Vec<String>,
}

/// A request, resolved against a cube.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Indices into [`Layout::bands`].
    pub bands: Vec<usize>,
    /// The periods, widened to whole steps (and whole time units of a declared axis).
    pub periods: Vec<Period>,
    /// The search cells touched, as rectangles.
    pub cells: Vec<cube_core::Window>,
}

impl Wanted {
    pub(crate) fn resolve(request: &Request, layout: &Layout) -> Result<Self> {
        Ok(Self { bands: bands(request, layout)?, periods: periods(&request.toi, layout)?, cells: rectangles(&cells(&request.roi, layout)?) })
    }

    /// The boxes of cells × time that must have been searched.
    pub(crate) fn regions(&self) -> Vec<Region> {
        self.cells.iter().flat_map(|&cells| self.periods.iter().map(move |&period| Region { cells, period })).collect()
    }

    /// Whether a step is asked for.
    pub(crate) fn wants(&self, axis: &TimeAxis, step: TimeValue) -> bool {
        let period = axis.period_of(step);
        self.periods.iter().any(|p| p.intersection(&period).is_some())
    }
}

fn bands(request: &Request, layout: &Layout) -> Result<Vec<usize>> {
    if request.bands.is_empty() {
        return Ok((0..layout.bands.len()).collect());
    }
    let find = |name: &String| {
        layout.bands.iter().position(|b| b.name == *name).ok_or_else(|| {
            let known: Vec<_> = layout.bands.iter().map(|b| b.name.as_str()).collect();
            Error::refused_with(format!("the cube has no variable `{name}`"), format!("it has {}", known.join(", ")))
        })
    };
    let mut found = request.bands.iter().map(find).collect::<Result<Vec<_>>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn periods(toi: &Toi, layout: &Layout) -> Result<Vec<Period>> {
    let axis = &layout.time;
    if axis.step == TimeStep::None {
        return Ok(vec![source_period(layout)?]);
    }
    let Some(declared) = &axis.declared else {
        let source = source_period(layout)?;
        let widened: Vec<_> = toi.periods().iter().map(|p| axis.widen(*p)).filter_map(|p| p.intersection(&source)).collect();
        if widened.is_empty() {
            return Err(Error::refused_with(
                format!("the source is narrowed to `{}`, outside the time asked for", layout.spec.source.datetime.as_deref().unwrap_or("..")),
                "ask for a time inside it",
            ));
        }
        return Ok(union(widened));
    };
    let asked = |step: &TimeValue| toi.periods().iter().any(|p| p.intersection(&axis.period_of(*step)).is_some());
    let units = declared.chunks(layout.unit_time.max(1));
    let touched: Vec<_> = units.filter(|unit| unit.iter().any(asked)).flatten().map(|s| axis.period_of(*s)).collect();
    let span = declared.first().zip(declared.last()).and_then(|(a, b)| axis.period_of(*a).start.zip(axis.period_of(*b).end));
    let within = |p: &Period| span.is_some_and(|(a, b)| p.intersection(&Period::new(a, b)).is_some());
    // A time between two steps holds nothing, which is an answer; a time off the axis is a mistake.
    if touched.is_empty() && !toi.periods().iter().any(within) {
        let ends = declared.first().zip(declared.last()).map_or_else(String::new, |(a, b)| format!(" ({a} to {b})"));
        return Err(Error::refused_with(
            format!("the time asked for, `{toi}`, lies off the declared time axis of the cube"),
            format!("ask for a time on its {} steps{ends}", declared.len()),
        ));
    }
    Ok(union(touched))
}

fn source_period(layout: &Layout) -> Result<Period> {
    let Some(text) = &layout.spec.source.datetime else { return Ok(Period::ALWAYS) };
    let toi = Toi::parse(text)?;
    let (first, last) = (toi.periods().first(), toi.periods().last());
    Ok(Period { start: first.and_then(|p| p.start), end: last.and_then(|p| p.end) })
}

fn union(mut periods: Vec<Period>) -> Vec<Period> {
    periods.sort_by_key(|p| p.start);
    let mut out: Vec<Period> = Vec::new();
    for p in periods {
        match out.last_mut() {
            Some(last) if last.end.is_none_or(|e| p.start.is_none_or(|s| s <= e)) => last.end = last.end.zip(p.end).map(|(a, b)| a.max(b)),
            _ => out.push(p),
        }
    }
    out
}

/// The search grid of a cube: the storage units of its one group, or cells of one degree where groups come and go.
pub(crate) fn search_grid(layout: &Layout) -> Result<(GeoBox, ChunkGrid)> {
    if !layout.spec.grid.is_native() {
        let root = root(layout)?;
        return Ok((root.grid.clone(), layout.unit_grid(root)));
    }
    let world = GeoBox::from_extent(Crs::wgs84(), Extent::new(-180.0, -90.0, 180.0, 90.0), Resolution::Square(1.0), cube_core::Anchor::Edge)?;
    let chunks = ChunkGrid { shape: world.shape(), chunk: Shape::new(1, 1) };
    Ok((world, chunks))
}

pub(crate) fn root(layout: &Layout) -> Result<&GroupLayout> {
    layout.groups.first().ok_or_else(|| Error::Internal("a cube of one CRS has no group".into()))
}

fn cells(roi: &Roi, layout: &Layout) -> Result<ChunkSet> {
    let (grid, cells) = search_grid(layout)?;
    let runs = footprint::roi_units(roi, &grid, &cells)?;
    let Some(extent) = layout.spec.grid.extent.filter(|_| layout.spec.grid.is_native()) else { return Ok(runs) };
    let allowed = footprint::roi_units(&Roi::from_extent(extent, Crs::wgs84())?, &grid, &cells)?;
    let inside = runs.intersection(&allowed);
    if inside.is_empty() {
        return Err(Error::refused_with("the region lies outside the extent of the cube", format!("ask for a place inside {extent}")));
    }
    Ok(inside)
}
