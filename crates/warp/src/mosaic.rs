use std::ops::Range;

use cube_core::{DType, MosaicMethod, Number, Pixel, Pixels, Shape, Window, with_dtype};

use crate::{Canvas, Error, Result, store::store_row, valid::all, wide::wide};

/// Lays canvases on each other in their declared order; where none has data, the result has none.
#[derive(Debug)]
pub struct Mosaic {
    method: MosaicMethod,
    nodata: Option<Number>,
    canvas: Canvas,
    /// Pixels that have no data yet.
    missing: usize,
    /// Valid values so far, for mean and count.
    counts: Vec<u32>,
    /// Sum of the valid values so far, for the mean.
    sums: Vec<f64>,
    /// All canvases, for the median.
    all: Vec<(Window, Canvas)>,
}

impl Mosaic {
    /// An empty mosaic of pixels of type `dtype`; pixels without data hold `nodata` (0 when there is none).
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] when the type cannot hold `nodata`.
    pub fn new(method: MosaicMethod, shape: Shape, dtype: DType, nodata: Option<Number>) -> Result<Self> {
        let counted = matches!(method, MosaicMethod::Mean | MosaicMethod::Count);
        Ok(Self {
            method,
            nodata,
            canvas: Canvas::new(shape, dtype, nodata)?,
            missing: shape.len(),
            counts: vec![0; if counted { shape.len() } else { 0 }],
            sums: vec![0.0; if method == MosaicMethod::Mean { shape.len() } else { 0 }],
            all: Vec::new(),
        })
    }

    /// Lays the next canvas in mosaic order on what is there. `count` takes canvases of any type, the others of the mosaic's.
    ///
    /// # Errors
    /// [`Error::CanvasMismatch`] when shape or type differ.
    pub fn add(&mut self, canvas: Canvas) -> Result<()> {
        let whole = self.whole();
        self.add_at(whole, canvas)
    }

    /// The same with a canvas that covers a part of the mosaic; the parts of one patch must not overlap.
    ///
    /// # Errors
    /// [`Error::CanvasMismatch`] when shape or type differ, or the part does not lie in the mosaic.
    pub fn add_at(&mut self, part: Window, canvas: Canvas) -> Result<()> {
        let same_type = self.method == MosaicMethod::Count || canvas.pixels.dtype() == self.canvas.pixels.dtype();
        if canvas.shape != part.shape() || part.union(self.whole()) != self.whole() || !same_type {
            let text = |shape: Shape, dtype: DType| format!("{shape} pixels of {dtype}");
            let (got, want) = (text(canvas.shape, canvas.pixels.dtype()), text(self.canvas.shape, self.canvas.pixels.dtype()));
            return Err(Error::CanvasMismatch { got, want });
        }
        match self.method {
            MosaicMethod::First | MosaicMethod::Last | MosaicMethod::Min | MosaicMethod::Max => {
                let untouched = self.missing == self.canvas.valid.len() && part == self.whole();
                if untouched && canvas.is_complete() {
                    self.canvas = canvas;
                    self.missing = 0;
                } else {
                    with_dtype!(canvas.pixels.dtype(), T => self.lay::<T>(part, &canvas));
                }
            }
            MosaicMethod::Mean => {
                with_dtype!(canvas.pixels.dtype(), T => self.total::<T>(part, &canvas));
                self.count(part, &canvas);
            }
            MosaicMethod::Count => self.count(part, &canvas),
            MosaicMethod::Median => self.all.push((part, canvas)),
        }
        Ok(())
    }

    /// Whether further canvases cannot change the result: with `first`, when every pixel has data.
    pub fn is_complete(&self) -> bool {
        self.method == MosaicMethod::First && self.missing == 0
    }

    /// The part that further canvases can change: with `first`, a box around the pixels that have no data yet. `None` when there is none.
    pub fn open(&self) -> Option<Window> {
        if self.method != MosaicMethod::First || self.missing == self.canvas.valid.len() {
            return Some(self.whole());
        }
        let missing = |row: &[bool]| (!all(row, |v| v)).then(|| row.iter().position(|v| !v).zip(row.iter().rposition(|v| !v))).flatten();
        let rows = self.canvas.valid.chunks_exact(self.canvas.shape.cols).enumerate();
        rows.filter_map(|(row, valid)| missing(valid).map(|(first, last)| Window::new(row, first, 1, last + 1 - first))).reduce(Window::union)
    }

    fn whole(&self) -> Window {
        Window::whole(self.canvas.shape)
    }

    /// The result. Means and medians of an even number are rounded and kept apart from nodata as resampled values are; a count of zero is
    /// no data.
    pub fn finish(mut self) -> Canvas {
        match self.method {
            MosaicMethod::Mean => {
                let values: Vec<f64> = self.sums.iter().zip(&self.counts).map(|(s, n)| s / f64::from(*n)).collect();
                self.store(&values);
            }
            MosaicMethod::Count => {
                let values: Vec<f64> = self.counts.iter().map(|n| f64::from(*n)).collect();
                self.store(&values);
            }
            MosaicMethod::Median => with_dtype!(self.canvas.pixels.dtype(), T => self.median::<T>()),
            _ => {}
        }
        self.canvas
    }

    fn lay<T: Pixel>(&mut self, part: Window, canvas: &Canvas) {
        match self.method {
            MosaicMethod::Last => self.lay_where(part, canvas, |_: T, _| true),
            MosaicMethod::Min => self.lay_where(part, canvas, |new: T, old| new < old),
            MosaicMethod::Max => self.lay_where(part, canvas, |new: T, old| new > old),
            _ => self.lay_where(part, canvas, |_: T, _| false),
        }
    }

    /// Takes the valid pixels of a part where there are none, and where they replace what is there.
    fn lay_where<T: Pixel>(&mut self, part: Window, canvas: &Canvas, replaces: impl Fn(T, T) -> bool) {
        let (Some(ours), Some(theirs)) = (T::unwrap_mut(&mut self.canvas.pixels), T::unwrap_ref(&canvas.pixels)) else { return };
        for (to, from) in rows(self.canvas.shape, part) {
            let (pixels, valid) = (&mut ours[to.clone()], &mut self.canvas.valid[to]);
            let (new, new_valid) = (&theirs[from.clone()], &canvas.valid[from]);
            let mut added = 0;
            wide(
                // Without branches, so that it becomes vector instructions.
                #[inline(always)]
                || {
                    for (((pixel, valid), &new), &new_valid) in pixels.iter_mut().zip(valid).zip(new).zip(new_valid) {
                        let first = new_valid & !*valid;
                        let takes = first | (new_valid & replaces(new, *pixel));
                        *pixel = if takes { new } else { *pixel };
                        *valid |= new_valid;
                        added += usize::from(first);
                    }
                },
            );
            self.missing -= added;
        }
    }

    fn total<T: Pixel>(&mut self, part: Window, canvas: &Canvas) {
        let Some(pixels) = T::unwrap_ref(&canvas.pixels) else { return };
        for (to, from) in rows(self.canvas.shape, part) {
            for ((sum, pixel), _) in self.sums[to].iter_mut().zip(&pixels[from.clone()]).zip(&canvas.valid[from]).filter(|(_, v)| **v) {
                *sum += pixel.to_f64();
            }
        }
    }

    fn count(&mut self, part: Window, canvas: &Canvas) {
        for (to, from) in rows(self.canvas.shape, part) {
            for (n, valid) in self.counts[to].iter_mut().zip(&canvas.valid[from]) {
                *n += u32::from(*valid);
            }
        }
    }

    fn store(&mut self, values: &[f64]) {
        self.canvas.valid = self.counts.iter().map(|n| *n > 0).collect();
        store_row(&mut self.canvas.pixels, 0, values, &self.canvas.valid, self.nodata);
    }

    fn median<T: Pixel>(&mut self) {
        let layers: Vec<(Window, &[T], &[bool])> =
            self.all.iter().filter_map(|(part, c)| Some((*part, T::unwrap_ref(&c.pixels)?.as_slice(), c.valid.as_slice()))).collect();
        let mut values = Vec::with_capacity(layers.len());
        let cols = self.canvas.shape.cols;
        for at in 0..self.canvas.valid.len() {
            let within = |part: &Window| {
                Window::new(at / cols, at % cols, 1, 1).intersection(*part).map(|p| (p.row - part.row) * part.cols + p.col - part.col)
            };
            values.clear();
            values.extend(layers.iter().filter_map(|(part, pixels, valid)| within(part).filter(|i| valid[*i]).map(|i| pixels[i])));
            if values.is_empty() {
                continue;
            }
            values.sort_unstable_by(|a: &T, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            let n = values.len();
            self.canvas.valid[at] = true;
            if n % 2 == 1 {
                set(&mut self.canvas.pixels, at, values[n / 2]);
            } else {
                let mean = values[n / 2 - 1].to_f64() / 2.0 + values[n / 2].to_f64() / 2.0;
                store_row(&mut self.canvas.pixels, at, &[mean], &[true], self.nodata);
            }
        }
    }
}

/// The pixels of each row of a part: where in the mosaic, and where in the part.
fn rows(mosaic: Shape, part: Window) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    (0..part.rows).map(move |row| {
        let (to, from) = ((part.row + row) * mosaic.cols + part.col, row * part.cols);
        (to..to + part.cols, from..from + part.cols)
    })
}

fn set<T: Pixel>(pixels: &mut Pixels, at: usize, value: T) {
    if let Some(pixels) = T::unwrap_mut(pixels) {
        pixels[at] = value;
    }
}
