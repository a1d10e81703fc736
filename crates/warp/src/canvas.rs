use cube_core::{DType, Number, Pixels, Raster, Shape, Window, with_dtype};

use crate::{
    Error, Result,
    valid::{all, validity},
};

/// One band of source pixels, lying at `window` of the source grid.
#[derive(Debug)]
pub struct Source<'a> {
    pub(crate) pixels: &'a Pixels,
    pub(crate) window: Window,
    pub(crate) nodata: Option<Number>,
    /// Which pixels hold data; `None` when all do.
    pub(crate) valid: Option<Vec<bool>>,
}

impl<'a> Source<'a> {
    /// Pixels and mask of a window of the source grid; `nodata` is the value that stands for "no data", NaN always does.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when pixels and window differ.
    pub fn new(raster: &'a Raster, window: Window, nodata: Option<Number>) -> Result<Self> {
        let len = window.shape().len();
        let masked = raster.mask.as_ref().map_or(len, Vec::len);
        if let Some(got) = [raster.pixels.len(), masked].into_iter().find(|n| *n != len) {
            return Err(Error::WrongLength { window, got });
        }
        let valid = with_dtype!(raster.pixels.dtype(), T => validity::<T>(raster, nodata));
        Ok(Self { pixels: &raster.pixels, window, nodata, valid })
    }
}

/// Destination pixels, and which of them hold data.
#[derive(Debug, Clone, PartialEq)]
pub struct Canvas {
    /// Rows and columns.
    pub shape: Shape,
    /// `rows × cols` pixels; those without data hold nodata, or 0 where there is no nodata.
    pub pixels: Pixels,
    /// For each pixel whether it holds data.
    pub valid: Vec<bool>,
}

impl Canvas {
    /// A canvas without data, every pixel `fill` (0 when absent); an error when the type cannot hold it.
    pub fn new(shape: Shape, dtype: DType, fill: Option<Number>) -> Result<Self> {
        let fill = fill.unwrap_or(Number::Int(0));
        let pixels = Pixels::filled(dtype, fill, shape.len()).ok_or_else(|| Error::DoesNotFit { what: "nodata", value: fill.to_string(), dtype })?;
        Ok(Self { shape, pixels, valid: vec![false; shape.len()] })
    }

    /// Whether every pixel holds data.
    pub fn is_complete(&self) -> bool {
        all(&self.valid, |v| v)
    }

    /// Whether no pixel holds data.
    pub fn is_empty(&self) -> bool {
        all(&self.valid, |v| !v)
    }
}
