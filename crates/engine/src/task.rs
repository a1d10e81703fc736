//! One task: fetch, decode, warp, mosaic, encode, upload. Everything it needs is in the task, the layout and the context.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cube_core::{
    Asset, BandLayout, GeoBox, GroupLayout, Layout, MosaicMethod, Number, PatchId, PatchIndex, Pixels, Resampling, TASK_VERSION, Task, Values, Window,
};
use cube_store::{Receipt, State, Writer};
use cube_warp::{Canvas, Mosaic, Source};
use rayon::prelude::*;

use crate::{
    Context, Error, Event, Result,
    fetch::check_time,
    stated::{self, FileSays},
};

/// Source pixels read at once for one patch: a larger need is met in pieces.
const PIECE_PIXELS: usize = 24 << 20;

/// What a task brought.
#[derive(Debug, Default)]
pub struct TaskOutput {
    /// What was written, to be committed.
    pub receipts: Vec<Receipt>,
    /// What could not be read.
    pub failures: Vec<(PatchId, Error)>,
}

/// Work on the CPU threads was lost to a panic.
#[derive(Debug)]
pub(crate) struct Lost;

impl From<Lost> for cube_backend::Error {
    fn from(_: Lost) -> Self {
        Self::corrupt("decoding stopped with an internal error")
    }
}

impl From<Lost> for Error {
    fn from(_: Lost) -> Self {
        Self::Internal("a computation stopped with a panic; please report it".into())
    }
}

/// Runs a computation on the CPU threads: the one place where async code hands over to them.
pub(crate) async fn compute<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Lost> + Send + 'static,
{
    let (send, receive) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(E::from(Lost)));
        // The receiver is gone when the task was cancelled; then nobody wants the result.
        let _ = send.send(result);
    });
    receive.await.unwrap_or_else(|_| Err(E::from(Lost)))
}

/// Carries out one task. With `skip_failed`, units are written without the patches that cannot be read, and marked partial;
/// without it, such units are not written at all. The same task gives the same bytes, whatever the context.
pub async fn run_task(task: &Task, layout: &Arc<Layout>, context: &Context, writer: &Arc<Writer>, skip_failed: bool) -> Result<TaskOutput> {
    if task.version != TASK_VERSION {
        return Err(Error::refused_with(
            format!("the task is of version {}, this program carries out version {TASK_VERSION}", task.version),
            "make the plan and do the work with the same release",
        ));
    }
    let group = layout.group(&task.group).ok_or_else(|| Error::refused(format!("the cube has no group `{}`", task.group)))?;
    let mut output = TaskOutput::default();
    for (index, name) in task.bands.iter().enumerate() {
        let band = layout.band(name).ok_or_else(|| Error::refused(format!("the cube has no variable `{name}`")))?;
        let run = BandRun { task, layout, group, band, context };
        let mut units = run.cells(index)?;
        for patch in 0..task.patches.len() as u32 {
            run.add_patch(patch, &mut units, skip_failed, &mut output.failures).await?;
        }
        output.receipts.extend(run.write(units, writer).await?);
    }
    Ok(output)
}

/// One variable of a task.
struct BandRun<'a> {
    task: &'a Task,
    layout: &'a Arc<Layout>,
    group: &'a GroupLayout,
    band: &'a BandLayout,
    context: &'a Context,
}

/// One storage unit while it is filled: a mosaic for each step.
struct Cell {
    /// Index into [`Task::units`].
    unit: usize,
    window: Window,
    steps: Vec<Mosaic>,
    partial: bool,
    failed: bool,
}

impl BandRun<'_> {
    fn cells(&self, band: usize) -> Result<Vec<Cell>> {
        let grid = self.layout.unit_grid(self.group);
        let wanted = self.task.units.iter().enumerate().filter(|(_, u)| u.bands.get(band).copied().unwrap_or(false));
        wanted
            .map(|(unit, u)| {
                let window = grid.window(u.at);
                let mosaic = || Mosaic::new(self.layout.spec.mosaic.method, window.shape(), self.band.dtype, self.band.nodata);
                let steps = self.task.steps.iter().map(|_| Ok(mosaic()?)).collect::<Result<_>>()?;
                Ok(Cell { unit, window, steps, partial: false, failed: false })
            })
            .collect()
    }

    /// Adds one patch to every unit that names it and is not complete without it.
    async fn add_patch(&self, index: u32, cells: &mut Vec<Cell>, skip_failed: bool, failures: &mut Vec<(PatchId, Error)>) -> Result<()> {
        let patch = &self.task.patches[index as usize];
        let Some(asset) = patch.asset(&self.band.asset) else {
            tracing::debug!("{} has no `{}`", patch.id, self.band.asset);
            return Ok(());
        };
        for step in 0..self.task.steps.len() {
            let open: Piece = (0..cells.len())
                .filter(|&i| !cells[i].failed && self.task.units[cells[i].unit].patches.get(step).is_some_and(|p| p.contains(&index)))
                .filter_map(|i| Some((i, within(cells[i].window, cells[i].steps[step].open()?))))
                .collect();
            if open.is_empty() {
                continue;
            }
            match self.canvases(patch, &asset, open.clone()).await {
                Ok(canvases) => {
                    let below = std::mem::take(cells);
                    *cells = compute(move || lay(below, step, canvases)).await?;
                }
                Err(error) => {
                    self.context.progress.on(Event::UnitFailed { patch: patch.id.clone(), reason: error.to_string() });
                    failures.push((patch.id.clone(), error));
                    for (i, _) in open {
                        cells[i].partial |= skip_failed;
                        cells[i].failed |= !skip_failed;
                    }
                }
            }
        }
        Ok(())
    }

    /// A patch warped to some windows of the group's grid, perhaps in parts, without those where it has no pixel.
    async fn canvases(&self, patch: &PatchIndex, asset: &Asset, wanted: Piece) -> Result<Vec<(usize, Window, Canvas)>> {
        let image = self.context.fetcher.image(asset).await?;
        check_time(image.as_ref(), self.layout.time.step)?;
        if asset.band >= image.bands() {
            return Err(Error::refused(format!("`{}` has {} bands, band {} was asked for", image.source().name, image.bands(), asset.band + 1)));
        }
        // Overviews are means, most of them: they have no extremes, no sums, no classes.
        let levels = if self.band.resampling.is_of_single_pixels() { &image.levels()[..1] } else { image.levels() };
        let (level, mapping) = self.context.mappings.get(levels, &self.group.grid)?;
        let source = SourceInfo::new(self, patch, asset, image.as_ref())?;
        let together = self.together(patch, asset);
        let mut done = Vec::with_capacity(wanted.len());
        let mut queue: Vec<Piece> = vec![wanted];
        while let Some(piece) = queue.pop() {
            let Some(window) = needed(&mapping, &piece, self.band.resampling).await? else { continue };
            if window.shape().len() > PIECE_PIXELS
                && let Some((a, b)) = halves(&piece)
            {
                queue.extend([b, a]);
                continue;
            }
            let raster = self.context.fetcher.read(&image, level, asset.band, &together, window).await?;
            let (mapping, source, band) = (Arc::clone(&mapping), source, self.band.clone());
            let warped = compute(move || {
                let input = Source::new(&raster, window, source.nodata)?;
                let each = piece.into_par_iter().map(|(i, dst)| {
                    let canvas = cube_warp::resample(&mapping, &input, dst, band.resampling, source.warp_dtype, source.warp_nodata)?;
                    Ok::<_, Error>((i, dst, source.bring(canvas, &band)?))
                });
                each.collect::<Result<Vec<_>>>()
            })
            .await?;
            done.extend(warped);
        }
        Ok(done)
    }

    /// The bands of an asset's file that the task reads.
    fn together(&self, patch: &PatchIndex, asset: &Asset) -> Vec<usize> {
        let assets = self.task.bands.iter().filter_map(|name| patch.asset(&self.layout.band(name)?.asset));
        assets.filter(|a| a.href == asset.href && a.variable == asset.variable).map(|a| a.band).collect()
    }

    /// Encodes and uploads what has been filled.
    async fn write(&self, cells: Vec<Cell>, writer: &Arc<Writer>) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::with_capacity(cells.len());
        let (layout, band, group) = (Arc::clone(self.layout), Arc::new(self.band.clone()), self.group.name.clone());
        let done: Vec<Cell> = cells.into_iter().filter(|c| !c.failed).collect();
        let encoder = Arc::clone(writer);
        let name = group.clone();
        let encoded = compute(move || {
            let each = done.into_par_iter().map(|cell| {
                let (unit, partial) = (cell.unit, cell.partial);
                let (pixels, any) = stack(cell, &layout, &band)?;
                let bytes = if any { encoder.encode(&name, &band.name, &pixels)? } else { None };
                Ok::<_, Error>((unit, partial, any, bytes))
            });
            each.collect::<Result<Vec<_>>>()
        })
        .await?;
        for (unit, partial, any, bytes) in encoded {
            let unit = &self.task.units[unit];
            let payload = writer.upload(&group, &self.band.name, bytes).await?;
            let state = match (partial, any) {
                (true, _) => State::Partial,
                (false, true) => State::Loaded,
                (false, false) => State::Empty,
            };
            receipts.push(Receipt {
                group: group.clone(),
                band: self.band.name.clone(),
                step: self.task.steps[0],
                at: unit.at,
                payload,
                state,
                fingerprint: unit.fingerprint,
            });
        }
        Ok(receipts)
    }
}

/// Windows of the destination that are filled from one read, each with its place in the caller's list.
type Piece = Vec<(usize, Window)>;

/// Splits windows into two lists, or a single window into two halves; `None` when there is but one row.
fn halves(piece: &[(usize, Window)]) -> Option<(Piece, Piece)> {
    if let [(i, w)] = piece {
        let top = w.rows / 2;
        let left = w.cols / 2;
        return if top > 0 {
            Some((vec![(*i, Window { rows: top, ..*w })], vec![(*i, Window { row: w.row + top, rows: w.rows - top, ..*w })]))
        } else if left > 0 {
            Some((vec![(*i, Window { cols: left, ..*w })], vec![(*i, Window { col: w.col + left, cols: w.cols - left, ..*w })]))
        } else {
            None
        };
    }
    let (a, b) = piece.split_at(piece.len() / 2);
    Some((a.to_vec(), b.to_vec()))
}

/// The source pixels under some windows of the destination; `None` when there are none.
async fn needed(mapping: &Arc<cube_warp::Mapping>, piece: &Piece, method: Resampling) -> Result<Option<Window>> {
    let (mapping, piece) = (Arc::clone(mapping), piece.clone());
    compute(move || Ok(piece.into_iter().filter_map(|(_, window)| mapping.source_window(window, method)).reduce(Window::union))).await
}

/// Lays the canvases of one patch on the mosaics of a step.
fn lay(mut cells: Vec<Cell>, step: usize, canvases: Vec<(usize, Window, Canvas)>) -> Result<Vec<Cell>> {
    for (i, part, canvas) in canvases {
        let cell = &mut cells[i];
        let part = Window { row: part.row - cell.window.row, col: part.col - cell.window.col, ..part };
        cell.steps[step].add_at(part, canvas)?;
    }
    Ok(cells)
}

/// A part of a window as a window of the grid.
fn within(window: Window, part: Window) -> Window {
    Window { row: window.row + part.row, col: window.col + part.col, ..part }
}

/// The steps of a unit one after another, as its chunk is stored: cut windows are padded with the fill value.
fn stack(cell: Cell, layout: &Layout, band: &BandLayout) -> Result<(Pixels, bool)> {
    let (shape, window) = (layout.unit, cell.window.shape());
    let mut canvases: Vec<_> = cell.steps.into_iter().map(Mosaic::finish).collect();
    let any = canvases.iter().any(|c| !c.is_empty());
    let fits = layout.unit_time == 1 && window == shape && canvases.iter().all(|c| c.pixels.dtype() == band.dtype);
    if fits && let Some(canvas) = canvases.pop() {
        return Ok((canvas.pixels, any));
    }
    let mut pixels = Pixels::filled(band.dtype, band.fill, layout.unit_time * shape.len())
        .ok_or_else(|| Error::Internal(format!("{} cannot hold the fill value {}", band.dtype, band.fill)))?;
    for (step, canvas) in canvases.iter().enumerate() {
        copy_rows(&canvas.pixels, &mut pixels, step * shape.len(), window.cols, shape.cols)?;
    }
    Ok((pixels, any))
}

fn copy_rows(from: &Pixels, to: &mut Pixels, offset: usize, width: usize, stride: usize) -> Result<()> {
    fn typed<T: cube_core::Pixel>(from: &Pixels, to: &mut Pixels, offset: usize, width: usize, stride: usize) -> Option<()> {
        let (from, to) = (T::unwrap_ref(from)?, T::unwrap_mut(to)?);
        for (row, line) in from.chunks_exact(width).enumerate() {
            to.get_mut(offset + row * stride..offset + row * stride + width)?.copy_from_slice(line);
        }
        Some(())
    }
    let (dtype, expected) = (from.dtype(), to.dtype());
    let mixed = || Error::Internal(format!("{dtype} where {expected} was expected"));
    let result = cube_core::with_dtype!(dtype, T => typed::<T>(from, to, offset, width, stride));
    result.ok_or_else(mixed)
}

/// How the pixels of one file become the numbers of a band.
#[derive(Clone, Copy)]
struct SourceInfo {
    nodata: Option<Number>,
    warp_dtype: cube_core::DType,
    warp_nodata: Option<Number>,
    /// `stored = pixel × gain + bias`, where that changes anything.
    change: Option<(f64, f64)>,
}

impl SourceInfo {
    fn new(run: &BandRun<'_>, patch: &PatchIndex, asset: &Asset, image: &dyn cube_backend::Image) -> Result<Self> {
        let (band, spec, name) = (run.band, &run.layout.spec, &image.source().name);
        let file = FileSays::of(image, asset.band);
        let from = file.dtype;
        let stated = file.nodata(asset);
        if let (Some(own), Some(other), true) = (file.nodata, asset.nodata, file.contradicts_nodata(asset)) {
            run.context.warn_once(format!("nodata {}", band.name), || {
                format!("`{name}` states nodata {own} for `{}`, its item {other}: the files' own is taken wherever they differ", band.name)
            });
        }
        if spec.mosaic.method == MosaicMethod::Count {
            // What is counted is whether a pixel is valid, whatever its type and scale.
            return Ok(Self { nodata: stated, warp_dtype: from, warp_nodata: None, change: None });
        }
        let nodata = stated.or(band.nodata.filter(|n| n.fits(from)));
        let source = stated::scaling(asset, Some(&file));
        if let (Some(a), Some(b), true) = (source, file.scaling, file.contradicts_scaling(asset)) {
            run.context.warn_once(format!("scaling {}", band.name), || {
                format!(
                    "`{name}` states scale {} and offset {} for `{}`, its item {} and {}: the items' are taken wherever they differ",
                    b.0, b.1, band.name, a.0, a.1
                )
            });
        }
        let declared = spec.bands.get(&band.name).map(|b| (b.scale, b.offset)).unwrap_or_default();
        let (scale, offset) = stated::of_pixels(source, declared, band.values);
        if let Some(s) = source.filter(|s| band.values == Values::Scaled && !stated::alike(*s, (scale, offset))) {
            run.context.warn_once(format!("declared {}", band.name), || {
                format!(
                    "{} states scale {} and offset {} for `{}`, the spec {scale} and {offset}: the spec's are taken wherever they differ",
                    patch.id, s.0, s.1, band.name
                )
            });
        }
        let (to_scale, to_offset) = (band.scale.unwrap_or(1.0), band.offset.unwrap_or(0.0));
        let same = scale == to_scale && offset == to_offset;
        let change = match band.values {
            Values::Raw if same => None,
            Values::Raw => {
                return Err(Error::refused_with(
                    format!(
                        "{} states scale {scale} and offset {offset} for `{}`, the cube holds scale {to_scale} and offset {to_offset}",
                        patch.id, band.name
                    ),
                    format!("declare `values = \"harmonized\"` for `{}` to bring patches to the cube's scale and offset", band.name),
                ));
            }
            Values::Scaled => Some((scale, offset)).filter(|c| *c != (1.0, 0.0)),
            Values::Harmonized if same => None,
            Values::Harmonized => Some((scale / to_scale, (offset - to_offset) / to_scale)),
        };
        if change.is_none() && !widens(from, band.dtype) && band.dtype != from {
            return Err(Error::refused_with(
                format!("`{}` holds {from}, the cube's `{}` holds {}", image.source().name, band.name, band.dtype),
                format!("declare `dtype = \"{from}\"` for `{}`, or a type that holds both", band.name),
            ));
        }
        // What is changed afterwards is warped in floating point, so that it is rounded once.
        let (warp_dtype, warp_nodata) = match change {
            Some(_) => (cube_core::DType::Float64, None),
            None => (band.dtype, band.nodata),
        };
        Ok(Self { nodata, warp_dtype, warp_nodata, change })
    }

    fn bring(&self, canvas: Canvas, band: &BandLayout) -> Result<Canvas> {
        match self.change {
            None => Ok(canvas),
            Some((gain, bias)) => Ok(cube_warp::rescale(&canvas, gain, bias, band.dtype, band.nodata)?),
        }
    }
}

/// Whether every value of one type is a value of the other.
fn widens(from: cube_core::DType, to: cube_core::DType) -> bool {
    use cube_core::DType::{Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    match (from, to) {
        (a, b) if a == b => true,
        (UInt8, UInt16 | Int16 | UInt32 | Int32 | UInt64 | Int64 | Float32 | Float64)
        | (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (UInt16, UInt32 | Int32 | UInt64 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (UInt32, UInt64 | Int64 | Float64)
        | (Int32, Int64 | Float64)
        | (Float32, Float64) => true,
        _ => false,
    }
}

/// Which level of a file is read for a grid, and how it lies under it: found once for all tasks.
#[derive(Debug, Default)]
pub(crate) struct Mappings(std::sync::Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    levels: Vec<GeoBox>,
    destination: GeoBox,
    level: usize,
    mapping: Arc<cube_warp::Mapping>,
}

impl Mappings {
    /// Mappings kept; the oldest gives way.
    const MOST: usize = 64;

    fn get(&self, levels: &[GeoBox], destination: &GeoBox) -> Result<(usize, Arc<cube_warp::Mapping>)> {
        let find = |all: &[Known]| {
            let same = |k: &&Known| k.levels == levels && k.destination == *destination;
            all.iter().find(same).map(|k| (k.level, Arc::clone(&k.mapping)))
        };
        let lock = || self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = find(&lock()) {
            return Ok(found);
        }
        let level = cube_warp::choose_level(levels, destination)?;
        let mapping = Arc::new(cube_warp::Mapping::new(&levels[level], destination)?);
        let mut all = lock();
        if all.len() >= Self::MOST {
            all.remove(0);
        }
        all.push(Known { levels: levels.to_vec(), destination: destination.clone(), level, mapping: Arc::clone(&mapping) });
        Ok((level, mapping))
    }
}
