use cube_core::{DType, Number, Pixels, Raster, Shape, Window};

use crate::{Error, Result};

/// One band of source pixels, lying at `window` of the source grid.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The pixels of the window, and their mask.
    pub raster: &'a Raster,
    /// Where they lie in the source grid.
    pub window: Window,
    /// The value that stands for "no data". NaN always does.
    pub nodata: Option<Number>,
}

impl Source<'_> {
    pub(crate) fn check(&self) -> Result<()> {
        let len = self.window.shape().len();
        let got = self.raster.pixels.len();
        let masked = self.raster.mask.as_ref().map_or(len, Vec::len);
        if got != len || masked != len { Err(Error::WrongLength { window: self.window, got: if got == len { masked } else { got } }) } else { Ok(()) }
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
        self.valid.iter().all(|v| *v)
    }

    /// Whether no pixel holds data.
    pub fn is_empty(&self) -> bool {
        self.valid.iter().all(|v| !v)
    }
}
