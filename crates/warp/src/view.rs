use cube_core::{Pixel, Shape, Window};

use crate::{Source, kernel::Missing, method::EDGE};

/// Source pixels of one type, addressed in the source grid, and which of them hold data.
#[derive(Debug)]
pub(crate) struct View<'a, T> {
    pixels: &'a [T],
    /// `None` when all do.
    valid: Option<&'a [bool]>,
    /// Where the pixels lie.
    pub(crate) window: Window,
    /// The whole source grid.
    pub(crate) image: Shape,
}

impl<'a, T: Pixel> View<'a, T> {
    /// `None` when the pixels are of another type.
    pub(crate) fn new(source: &'a Source<'_>, image: Shape) -> Option<Self> {
        let pixels = T::unwrap_ref(source.pixels)?;
        Some(Self { pixels, valid: source.valid.as_deref(), window: source.window, image })
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
        self.valid.is_none_or(|v| v[index])
    }

    /// Whether neighbouring pixels of a row all hold data.
    #[inline(always)]
    pub(crate) fn is_run_valid(&self, index: usize, n: usize) -> bool {
        self.valid.is_none_or(|v| v[index..index + n].iter().all(|v| *v))
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
