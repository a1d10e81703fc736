use cube_core::{DType, MosaicMethod, Number, Pixel, Pixels, Shape, with_dtype};

use crate::{Canvas, Error, Result, store::store_row};

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
    all: Vec<Canvas>,
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
        let same_type = self.method == MosaicMethod::Count || canvas.pixels.dtype() == self.canvas.pixels.dtype();
        if canvas.shape != self.canvas.shape || !same_type {
            let text = |c: &Canvas| format!("{} pixels of {}", c.shape, c.pixels.dtype());
            return Err(Error::CanvasMismatch { got: text(&canvas), want: text(&self.canvas) });
        }
        match self.method {
            MosaicMethod::First | MosaicMethod::Last | MosaicMethod::Min | MosaicMethod::Max => {
                if self.missing == self.canvas.valid.len() {
                    self.replace(canvas);
                } else {
                    with_dtype!(canvas.pixels.dtype(), T => self.lay::<T>(&canvas));
                }
            }
            MosaicMethod::Mean => {
                with_dtype!(canvas.pixels.dtype(), T => self.total::<T>(&canvas));
                self.count(&canvas);
            }
            MosaicMethod::Count => self.count(&canvas),
            MosaicMethod::Median => self.all.push(canvas),
        }
        Ok(())
    }

    /// Whether further canvases cannot change the result: with `first`, when every pixel has data.
    pub fn is_complete(&self) -> bool {
        self.method == MosaicMethod::First && self.missing == 0
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

    /// The first canvas with data becomes the mosaic; its pixels without data may hold another fill.
    fn replace(&mut self, canvas: Canvas) {
        let n = canvas.valid.iter().filter(|v| **v).count();
        if n == canvas.valid.len() {
            self.canvas = canvas;
        } else {
            with_dtype!(canvas.pixels.dtype(), T => self.lay::<T>(&canvas));
            return;
        }
        self.missing -= n;
    }

    fn lay<T: Pixel>(&mut self, canvas: &Canvas) {
        let (Some(ours), Some(theirs)) = (T::unwrap_mut(&mut self.canvas.pixels), T::unwrap_ref(&canvas.pixels)) else { return };
        let replaces: fn(T, T) -> bool = match self.method {
            MosaicMethod::Last => |_, _| true,
            MosaicMethod::Min => |new, old| new < old,
            MosaicMethod::Max => |new, old| new > old,
            _ => |_, _| false,
        };
        for (((pixel, valid), &new), _) in ours.iter_mut().zip(&mut self.canvas.valid).zip(theirs).zip(&canvas.valid).filter(|(_, v)| **v) {
            if !*valid {
                *valid = true;
                self.missing -= 1;
                *pixel = new;
            } else if replaces(new, *pixel) {
                *pixel = new;
            }
        }
    }

    fn total<T: Pixel>(&mut self, canvas: &Canvas) {
        let Some(pixels) = T::unwrap_ref(&canvas.pixels) else { return };
        for ((sum, pixel), _) in self.sums.iter_mut().zip(pixels).zip(&canvas.valid).filter(|(_, v)| **v) {
            *sum += pixel.to_f64();
        }
    }

    fn count(&mut self, canvas: &Canvas) {
        for (n, valid) in self.counts.iter_mut().zip(&canvas.valid) {
            *n += u32::from(*valid);
        }
    }

    fn store(&mut self, values: &[f64]) {
        self.canvas.valid = self.counts.iter().map(|n| *n > 0).collect();
        store_row(&mut self.canvas.pixels, 0, values, &self.canvas.valid, self.nodata);
    }

    fn median<T: Pixel>(&mut self) {
        let layers: Vec<(&[T], &[bool])> = self.all.iter().filter_map(|c| Some((T::unwrap_ref(&c.pixels)?.as_slice(), c.valid.as_slice()))).collect();
        let mut values = Vec::with_capacity(layers.len());
        for at in 0..self.canvas.valid.len() {
            values.clear();
            values.extend(layers.iter().filter(|(_, valid)| valid[at]).map(|(pixels, _)| pixels[at]));
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

fn set<T: Pixel>(pixels: &mut Pixels, at: usize, value: T) {
    if let Some(pixels) = T::unwrap_mut(pixels) {
        pixels[at] = value;
    }
}
