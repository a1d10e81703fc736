use cube_core::{DType, Number, Pixel, Resampling, Window, with_dtype};

use crate::{
    Canvas, Error, Mapping, Result, Source,
    area::each_cover,
    kernel::{Bilinear, Cubic, Filter, FilterShape, Missing, Nearest, Row, averages, statistics, sum},
    method,
    scale::{Division, Scale},
    store::{convert, keep_nodata_free, store_row},
    view::View,
};

/// Resamples source pixels into a window of the destination grid.
///
/// * The canvas has type `out`. Values are computed in double precision (`nearest`, `min`, `max`, `mode` and the quantiles exactly, in the
///   type of the source), rounded to integers as `⌊v + 0.5⌋`, and clamped to what `out` can hold.
/// * A pixel without data holds `nodata` (0 when there is none). A value that happens to equal `nodata` is moved to its neighbour, as GDAL
///   moves it: integers down by one (the smallest up), floats up by one unit of rounding.
/// * The result of a pixel depends neither on the window nor on how much of the source was read, as long as
///   [`Mapping::source_window`] was.
///
/// # Errors
/// [`Error::SourceTooSmall`] when pixels that are needed were not handed in, [`Error::DoesNotFit`] when `out` cannot hold `nodata`.
pub fn resample(mapping: &Mapping, source: &Source<'_>, dst: Window, method: Resampling, out: DType, nodata: Option<Number>) -> Result<Canvas> {
    let job = Job { mapping, source, dst, method, out, nodata };
    let too_small = |_: Missing| Error::SourceTooSmall { have: source.window, for_: dst };
    if let Some(shift) = mapping.paste(method) {
        return with_dtype!(source.pixels.dtype(), T => job.paste::<T>(shift))?.map_err(too_small);
    }
    with_dtype!(source.pixels.dtype(), T => job.run::<T>())?.map_err(too_small)
}

#[derive(Clone, Copy)]
struct Job<'a> {
    mapping: &'a Mapping,
    source: &'a Source<'a>,
    dst: Window,
    method: Resampling,
    out: DType,
    nodata: Option<Number>,
}

type Outcome = Result<Result<Canvas, Missing>>;

impl Job<'_> {
    fn run<T: Pixel>(&self) -> Outcome {
        let Some(view) = View::<T>::new(self.source, self.mapping.source()) else {
            return Ok(Ok(Canvas::new(self.dst.shape(), self.out, self.nodata)?));
        };
        match self.method {
            Resampling::Nearest => self.chosen(|canvas: &mut [T], valid| self.nearest(&view, canvas, valid)),
            Resampling::Average | Resampling::Rms => self.computed(|values, valid| self.averages(&view, values, valid)),
            Resampling::Sum => self.computed(|values, valid| sum(self.mapping, &view, self.dst, values, valid)),
            method if method::is_area(method) => self.chosen(|canvas: &mut [T], valid| self.statistics(&view, canvas, valid)),
            _ => self.interpolated(&view),
        }
    }

    /// The division of the destination that decides about kernels.
    fn division(&self) -> Division {
        let bytes = self.source.pixels.dtype().size().max(self.out.size());
        Division { radius: method::radius(self.method), bits: 8 * bytes + usize::from(self.nodata.is_some()) }
    }

    /// Methods whose results are pixels of the source.
    fn chosen<T: Pixel>(&self, fill: impl FnOnce(&mut [T], &mut [bool]) -> Result<(), Missing>) -> Outcome {
        let len = self.dst.shape().len();
        // The fill must be known to fit before any work is done.
        let mut canvas = Canvas::new(self.dst.shape(), self.out, self.nodata)?;
        if self.out == T::DTYPE {
            let Some(values) = T::unwrap_mut(&mut canvas.pixels) else { return Ok(Ok(canvas)) };
            if let Err(missing) = fill(values, &mut canvas.valid) {
                return Ok(Err(missing));
            }
        } else {
            let (mut values, mut valid) = (vec![T::default(); len], vec![false; len]);
            if let Err(missing) = fill(&mut values, &mut valid) {
                return Ok(Err(missing));
            }
            convert(&T::wrap(values), &valid, &mut canvas.pixels);
            canvas.valid = valid;
        }
        keep_nodata_free(&mut canvas, self.nodata, self.source.nodata);
        Ok(Ok(canvas))
    }

    /// Methods whose results are computed for a window at once.
    fn computed(&self, fill: impl FnOnce(&mut [f64], &mut [bool]) -> Result<(), Missing>) -> Outcome {
        let mut canvas = Canvas::new(self.dst.shape(), self.out, self.nodata)?;
        let mut values = vec![0.0; self.dst.shape().len()];
        if let Err(missing) = fill(&mut values, &mut canvas.valid) {
            return Ok(Err(missing));
        }
        store_row(&mut canvas.pixels, 0, &values, &canvas.valid, self.nodata);
        Ok(Ok(canvas))
    }

    fn nearest<T: Pixel>(&self, view: &View<'_, T>, values: &mut [T], valid: &mut [bool]) -> Result<(), Missing> {
        let mut nearest = Nearest::new(view);
        self.rows(self.dst, |at, x, y| {
            let here = at..at + x.len();
            nearest.row(view, x, y, &mut Row { values: &mut values[here.clone()], valid: &mut valid[here] })
        })
    }

    /// Bilinear, cubic, spline and lanczos.
    fn interpolated<T: Pixel>(&self, view: &View<'_, T>) -> Outcome {
        let mut canvas = Canvas::new(self.dst.shape(), self.out, self.nodata)?;
        let mut values = vec![0.0; self.dst.cols];
        for (part, scale) in self.mapping.scales(self.dst, self.division()) {
            let mut kernel = Kernel::new(view, self.method, scale);
            let done = self.rows(part, |at, x, y| {
                let (values, valid) = (&mut values[..x.len()], &mut canvas.valid[at..at + x.len()]);
                kernel.row(view, x, y, &mut Row { values, valid })?;
                store_row(&mut canvas.pixels, at, values, valid, self.nodata);
                Ok(())
            });
            if let Err(missing) = done {
                return Ok(Err(missing));
            }
        }
        Ok(Ok(canvas))
    }

    fn averages<T: Pixel>(&self, view: &View<'_, T>, values: &mut [f64], valid: &mut [bool]) -> Result<(), Missing> {
        let mut row = Row { values, valid };
        self.covers(|at, cover| averages(self.method, view, at, cover, &mut row))
    }

    fn statistics<T: Pixel>(&self, view: &View<'_, T>, values: &mut [T], valid: &mut [bool]) -> Result<(), Missing> {
        let mut found = statistics(self.method);
        let mut row = Row { values, valid };
        self.covers(|at, cover| found.pixel(view, at, cover, &mut row))
    }

    fn covers(&self, mut work: impl FnMut(usize, &crate::area::Cover) -> Result<(), Missing>) -> Result<(), Missing> {
        let mut outcome = Ok(());
        for (part, scale) in self.mapping.scales(self.dst, self.division()) {
            each_cover(self.mapping, part, scale, |row, col, cover| {
                if outcome.is_ok() {
                    outcome = work((row - self.dst.row) * self.dst.cols + col - self.dst.col, &cover);
                }
            });
        }
        outcome
    }

    /// Calls `work(index, columns, rows)` with the source coordinates of each row of a part; `index` is that of its first pixel.
    fn rows(&self, part: Window, mut work: impl FnMut(usize, &[f64], &[f64]) -> Result<(), Missing>) -> Result<(), Missing> {
        let mut coordinates = self.mapping.coordinates(part);
        let (mut x, mut y) = (vec![0.0; part.cols], vec![0.0; part.cols]);
        for row in part.row..part.row_end() {
            coordinates.centres(row, &mut x, &mut y);
            work((row - self.dst.row) * self.dst.cols + part.col - self.dst.col, &x, &y)?;
        }
        Ok(())
    }

    fn paste<T: Pixel>(&self, shift: (i64, i64)) -> Outcome {
        let Some((from, to)) = self.mapping.pasted(self.dst, shift) else {
            return Ok(Ok(Canvas::new(self.dst.shape(), self.out, self.nodata)?));
        };
        let Some(view) = View::<T>::new(self.source, self.mapping.source()) else {
            return Ok(Ok(Canvas::new(self.dst.shape(), self.out, self.nodata)?));
        };
        self.chosen(|values: &mut [T], valid| {
            if !view.holds(from.row, from.row_end(), from.col, from.col_end()) {
                return Err(Missing);
            }
            for i in 0..from.rows {
                let (source, at) = (view.index(from.row + i, from.col), (to.row + i) * self.dst.cols + to.col);
                let (values, valid) = (&mut values[at..at + from.cols], &mut valid[at..at + from.cols]);
                if view.is_run_valid(source, from.cols) {
                    values.copy_from_slice(view.run(source, from.cols));
                    valid.fill(true);
                } else {
                    for (k, (value, valid)) in values.iter_mut().zip(valid).enumerate() {
                        if view.is_valid(source + k) {
                            *value = view.value(source + k);
                            *valid = true;
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// The kernel of a method at a scale.
enum Kernel {
    Bilinear(Bilinear),
    Cubic(Cubic),
    Filter(Filter),
}

impl Kernel {
    fn new<T: Pixel>(view: &View<'_, T>, method: Resampling, scale: Scale) -> Self {
        let filter = |shape| Self::Filter(Filter::new(view, method, shape, scale));
        match method {
            Resampling::Bilinear if scale.is_plain() => Self::Bilinear(Bilinear::new(view)),
            Resampling::Cubic if scale.is_plain() => Self::Cubic(Cubic::new(view)),
            Resampling::Bilinear => filter(FilterShape::Triangle),
            Resampling::Cubic => filter(FilterShape::Cubic),
            Resampling::CubicSpline => filter(FilterShape::Spline),
            _ => filter(FilterShape::Lanczos),
        }
    }

    fn row<T: Pixel>(&mut self, view: &View<'_, T>, x: &[f64], y: &[f64], out: &mut Row<'_, f64>) -> Result<(), Missing> {
        match self {
            Self::Bilinear(bilinear) => bilinear.row(view, x, y, out),
            Self::Cubic(cubic) => cubic.row(view, x, y, out),
            Self::Filter(filter) => filter.row(view, x, y, out),
        }
    }
}
