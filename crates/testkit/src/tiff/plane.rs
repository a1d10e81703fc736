//! One band of samples, typed at run time.

use crate::{Error, Result};

/// Type of one sample, as the TIFF tags BitsPerSample and SampleFormat say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Rust's own")]
pub enum SampleType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl SampleType {
    /// Every type, for tests that try all.
    pub const ALL: [Self; 10] = [Self::U8, Self::I8, Self::U16, Self::I16, Self::U32, Self::I32, Self::U64, Self::I64, Self::F32, Self::F64];

    /// Bytes of one sample.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// SampleFormat: 1 unsigned, 2 signed, 3 floating point (TIFF 6.0, section 19).
    #[must_use]
    pub fn format(self) -> u16 {
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => 1,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => 2,
            Self::F32 | Self::F64 => 3,
        }
    }

    /// True for f32 and f64.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Name as numpy and the STAC raster extension spell it (`uint16`, `float32`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// One value as little-endian bytes: rounded half away from zero and clamped for integers. Appends [`Self::size`] bytes.
    pub fn push(self, value: f64, out: &mut Vec<u8>) {
        let whole = value.round();
        match self {
            Self::U8 => out.push(whole as u8),
            Self::I8 => out.extend((whole as i8).to_le_bytes()),
            Self::U16 => out.extend((whole as u16).to_le_bytes()),
            Self::I16 => out.extend((whole as i16).to_le_bytes()),
            Self::U32 => out.extend((whole as u32).to_le_bytes()),
            Self::I32 => out.extend((whole as i32).to_le_bytes()),
            Self::U64 => out.extend((whole as u64).to_le_bytes()),
            Self::I64 => out.extend((whole as i64).to_le_bytes()),
            Self::F32 => out.extend((value as f32).to_le_bytes()),
            Self::F64 => out.extend(value.to_le_bytes()),
        }
    }

    /// What a value becomes when it is stored: rounded half away from zero and clamped for integers, rounded to a float for f32.
    #[must_use]
    pub fn stored(self, value: f64) -> f64 {
        let whole = value.round();
        match self {
            Self::U8 => f64::from(whole as u8),
            Self::I8 => f64::from(whole as i8),
            Self::U16 => f64::from(whole as u16),
            Self::I16 => f64::from(whole as i16),
            Self::U32 => f64::from(whole as u32),
            Self::I32 => f64::from(whole as i32),
            Self::U64 => whole as u64 as f64,
            Self::I64 => whole as i64 as f64,
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }

    /// One value from its little-endian bytes (64-bit integers beyond 2⁵³ lose their last digits).
    #[must_use]
    #[inline]
    pub fn read(self, bytes: &[u8]) -> f64 {
        let mut wide = [0_u8; 8];
        wide[..self.size()].copy_from_slice(&bytes[..self.size()]);
        let raw = u64::from_le_bytes(wide);
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => raw as f64,
            Self::I8 => f64::from(raw as u8 as i8),
            Self::I16 => f64::from(raw as u16 as i16),
            Self::I32 => f64::from(raw as u32 as i32),
            Self::I64 => raw as i64 as f64,
            Self::F32 => f64::from(f32::from_bits(raw as u32)),
            Self::F64 => f64::from_bits(raw),
        }
    }
}

/// A Rust number that a [`Plane`] can be made from.
pub trait Sample: Copy {
    /// Its type at run time.
    const TYPE: SampleType;
    /// Appends its little-endian bytes.
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! samples {
    ($($rust:ty => $name:ident),*) => {$(
        impl Sample for $rust {
            const TYPE: SampleType = SampleType::$name;
            fn put(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
        }
    )*};
}
samples!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64, f32 => F32, f64 => F64);

/// One band: `rows` × `cols` samples in row order, kept as little-endian bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub(super) sample: SampleType,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) bytes: Vec<u8>,
}

impl Plane {
    /// From values in row order.
    ///
    /// # Errors
    /// [`Error::Tiff`] if there are not `rows * cols` values, or none.
    pub fn new<T: Sample>(rows: usize, cols: usize, values: &[T]) -> Result<Self> {
        let mut bytes = Vec::with_capacity(values.len() * T::TYPE.size());
        values.iter().for_each(|value| value.put(&mut bytes));
        Self::from_bytes(T::TYPE, rows, cols, bytes)
    }

    /// From little-endian bytes in row order.
    ///
    /// # Errors
    /// [`Error::Tiff`] if there are not `rows * cols` samples, or none.
    pub fn from_bytes(sample: SampleType, rows: usize, cols: usize, bytes: Vec<u8>) -> Result<Self> {
        if rows == 0 || cols == 0 || bytes.len() != rows * cols * sample.size() {
            return Err(Error::Tiff(format!("{} bytes are not {rows} x {cols} samples of {}", bytes.len(), sample.name())));
        }
        Ok(Self { sample, rows, cols, bytes })
    }

    /// From a function of (row, column), rounded and clamped as [`SampleType::push`] says.
    ///
    /// # Errors
    /// [`Error::Tiff`] if there are no pixels.
    pub fn from_fn(sample: SampleType, rows: usize, cols: usize, mut value: impl FnMut(usize, usize) -> f64) -> Result<Self> {
        let mut bytes = Vec::with_capacity(rows * cols * sample.size());
        for row in 0..rows {
            for col in 0..cols {
                sample.push(value(row, col), &mut bytes);
            }
        }
        Self::from_bytes(sample, rows, cols, bytes)
    }

    /// Type of the samples.
    #[must_use]
    pub fn sample(&self) -> SampleType {
        self.sample
    }

    /// (rows, columns).
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The samples as little-endian bytes in row order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One sample as f64.
    #[must_use]
    pub fn value(&self, row: usize, col: usize) -> f64 {
        let size = self.sample.size();
        self.sample.read(&self.bytes[(row * self.cols + col) * size..])
    }

    /// The bytes of `count` samples of a row.
    pub(super) fn raw(&self, row: usize, col: usize, count: usize) -> &[u8] {
        let size = self.sample.size();
        let start = (row * self.cols + col) * size;
        &self.bytes[start..start + count * size]
    }

    /// This band at 1/`factor`: rows and columns rounded up, as GDAL's overviews are.
    #[must_use]
    pub fn reduced(&self, factor: usize, method: Reduce, nodata: Option<f64>) -> Self {
        let (rows, cols) = (self.rows.div_ceil(factor), self.cols.div_ceil(factor));
        let mut bytes = Vec::with_capacity(rows * cols * self.sample.size());
        for row in 0..rows {
            for col in 0..cols {
                match method {
                    Reduce::Nearest => bytes.extend_from_slice(self.raw(row * factor, col * factor, 1)),
                    Reduce::Average => self.sample.push(self.mean(row * factor, col * factor, factor, nodata), &mut bytes),
                }
            }
        }
        Self { sample: self.sample, rows, cols, bytes }
    }

    /// Mean of the valid samples of a square; nodata (or NaN) if there is none.
    fn mean(&self, top: usize, left: usize, factor: usize, nodata: Option<f64>) -> f64 {
        let (mut sum, mut count) = (0.0, 0_u32);
        for row in top..(top + factor).min(self.rows) {
            for col in left..(left + factor).min(self.cols) {
                let value = self.value(row, col);
                if !value.is_nan() && Some(value) != nodata {
                    sum += value;
                    count += 1;
                }
            }
        }
        if count == 0 { nodata.unwrap_or(f64::NAN) } else { sum / f64::from(count) }
    }
}

/// How an overview is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduce {
    /// The upper left pixel of each square.
    #[default]
    Nearest,
    /// The mean of each square's valid pixels.
    Average,
}
