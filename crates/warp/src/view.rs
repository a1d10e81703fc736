use cube_core::{Number, Pixel, Raster, Shape, Window};

use crate::{Source, kernel::Missing, method::EDGE};

/// Source pixels of one type, addressed in the source grid, and which of them hold data.
#[derive(Debug)]
pub(crate) struct View<'a, T> {
    pixels: &'a [T],
    /// `None` when all do.
    valid: Option<Vec<bool>>,
    /// Where the pixels lie.
    pub(crate) window: Window,
    /// The whole source grid.
    pub(crate) image: Shape,
}

impl<'a, T: Pixel> View<'a, T> {
    pub(crate) fn new(source: &Source<'a>, image: Shape) -> Option<Self> {
        let pixels = T::unwrap_ref(&source.raster.pixels)?;
        Some(Self { pixels, valid: validity(pixels, source.raster, source.nodata), window: source.window, image })
    }

    /// Whether every pixel at hand holds data.
    pub(crate) fn is_full(&self) -> bool {
        self.valid.is_none()
    }

    /// Whether the rows and columns (half-open) are all at hand.
    #[inline(always)]
    pub(crate) fn holds(&self, y0: usize, y1: usize, x0: usize, x1: usize) -> bool {
        let w = &self.window;
        (y0 >= w.row) & (y1 <= w.row + w.rows) & (x0 >= w.col) & (x1 <= w.col + w.cols)
    }

    /// Index of a pixel that is at hand.
    #[inline(always)]
    pub(crate) fn index(&self, row: usize, col: usize) -> usize {
        (row - self.window.row) * self.window.cols + (col - self.window.col)
    }

    /// Index of the pixel under a coordinate that lies on the source.
    pub(crate) fn under(&self, x: f64, y: f64) -> Result<usize, Missing> {
        let (col, row) = (((x + EDGE) as usize).min(self.image.cols - 1), ((y + EDGE) as usize).min(self.image.rows - 1));
        if self.holds(row, row + 1, col, col + 1) { Ok(self.index(row, col)) } else { Err(Missing) }
    }

    #[inline(always)]
    pub(crate) fn value(&self, index: usize) -> T {
        self.pixels[index]
    }

    /// Neighbouring pixels of a row.
    #[inline(always)]
    pub(crate) fn run(&self, index: usize, n: usize) -> &[T] {
        &self.pixels[index..index + n]
    }

    #[inline(always)]
    pub(crate) fn is_valid(&self, index: usize) -> bool {
        self.valid.as_ref().is_none_or(|v| v[index])
    }

    /// Whether neighbouring pixels of a row all hold data.
    #[inline(always)]
    pub(crate) fn is_run_valid(&self, index: usize, n: usize) -> bool {
        self.valid.as_ref().is_none_or(|v| v[index..index + n].iter().all(|v| *v))
    }
}

/// The pixels around which a kernel finds all of its pixels at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interior {
    row: i32,
    col: i32,
    rows: u32,
    cols: u32,
    stride: usize,
}

impl Interior {
    /// For a kernel that reads from `before` pixels before to `after` pixels after, along columns and along rows.
    pub(crate) fn new<T: Pixel>(view: &View<'_, T>, before: (usize, usize), after: (usize, usize)) -> Self {
        let w = view.window;
        let span = |first: usize, n: usize, before: usize, after: usize| ((first + before) as i32, n.saturating_sub(before + after) as u32);
        let ((col, cols), (row, rows)) = (span(w.col, w.cols, before.0, after.0), span(w.row, w.rows, before.1, after.1));
        Self { row, col, rows, cols, stride: w.cols }
    }

    /// Index of the first pixel that a kernel at a row and column reads.
    #[inline(always)]
    pub(crate) fn first(&self, row: i32, col: i32) -> Option<usize> {
        let (down, right) = (row.wrapping_sub(self.row) as u32, col.wrapping_sub(self.col) as u32);
        ((down < self.rows) & (right < self.cols)).then(|| down as usize * self.stride + right as usize)
    }
}

/// Which pixels hold data: those that the mask has, that are not nodata, and that are numbers.
fn validity<T: Pixel>(pixels: &[T], raster: &Raster, nodata: Option<Number>) -> Option<Vec<bool>> {
    let is_data = data_test::<T>(nodata);
    match &raster.mask {
        Some(mask) if mask.iter().any(|v| !v) => Some(pixels.iter().zip(mask).map(|(p, m)| *m && is_data(*p)).collect()),
        _ if pixels.iter().all(|p| is_data(*p)) => None,
        _ => Some(pixels.iter().map(|p| is_data(*p)).collect()),
    }
}

/// Tells data from nodata. Floats are nodata when they are NaN or, as in GDAL, within two units of rounding of nodata.
fn data_test<T: Pixel>(nodata: Option<Number>) -> impl Fn(T) -> bool + Copy {
    // NaN is no data anyway.
    let exact = nodata.filter(|n| !n.as_f64().is_nan()).and_then(T::from_number);
    let epsilon = match T::DTYPE {
        cube_core::DType::Float32 => f64::from(f32::EPSILON),
        cube_core::DType::Float64 => f64::EPSILON,
        _ => 0.0,
    };
    let float = T::DTYPE.is_float();
    move |p: T| {
        if !float {
            return exact.is_none_or(|n| p != n);
        }
        // NaN is not equal to itself.
        #[expect(clippy::eq_op, reason = "the test for NaN that every pixel type has")]
        let number = p == p;
        number
            && exact.is_none_or(|n| {
                let (p, n) = (p.to_f64(), n.to_f64());
                p != n && (p - n).abs() >= epsilon * (p + n).abs() * 2.0
            })
    }
}
