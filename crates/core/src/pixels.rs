use crate::{DType, Number, Shape};

/// A type that a pixel can have.
pub trait Pixel: bytemuck::Pod + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + Default {
    /// Its name at run time.
    const DTYPE: DType;

    /// As a double; 64-bit integers beyond 2⁵³ are rounded.
    fn to_f64(self) -> f64;

    /// The nearest value that the type can hold: `floor(v + 0.5)` for integers, as GDAL rounds, clamped to the range of the type.
    /// NaN becomes 0 for integers.
    fn from_f64(v: f64) -> Self;

    /// The value, if the type can hold it exactly (floats: after rounding to the type).
    fn from_number(n: Number) -> Option<Self>;

    /// The value as a [`Number`].
    fn to_number(self) -> Number;

    /// Equality in which NaN equals NaN.
    fn same(self, other: Self) -> bool;

    /// A typed vector as a [`Pixels`].
    fn wrap(v: Vec<Self>) -> Pixels;

    /// The vector in `p`, when it is of this type.
    fn unwrap_ref(p: &Pixels) -> Option<&Vec<Self>>;

    /// The vector in `p`, when it is of this type.
    fn unwrap_mut(p: &mut Pixels) -> Option<&mut Vec<Self>>;
}

macro_rules! pixels {
    ($($variant:ident $t:ty, $float:tt;)*) => {
        /// A typed buffer of pixels, row by row.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Pixels {
            $($variant(Vec<$t>),)*
        }

        impl Pixels {
            /// `len` pixels of one value; `None` when the type cannot hold it.
            pub fn filled(dtype: DType, value: Number, len: usize) -> Option<Self> {
                Some(match dtype { $(DType::$variant => Self::$variant(vec![<$t as Pixel>::from_number(value)?; len]),)* })
            }

            /// From bytes in native order; `None` when the length is not a multiple of the pixel size.
            pub fn from_bytes(dtype: DType, bytes: &[u8]) -> Option<Self> {
                if bytes.len() % dtype.size() != 0 { return None }
                Some(match dtype { $(DType::$variant => Self::$variant(bytemuck::allocation::pod_collect_to_vec(bytes)),)* })
            }

            /// The pixels as bytes in native order.
            pub fn as_bytes(&self) -> &[u8] {
                match self { $(Self::$variant(v) => bytemuck::cast_slice(v),)* }
            }

            /// The type of the pixels.
            pub fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant,)* }
            }

            /// How many pixels there are.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(v) => v.len(),)* }
            }

            /// Whether every pixel is `value` (NaN being equal to itself).
            pub fn all_same(&self, value: Number) -> bool {
                match self { $(Self::$variant(v) => <$t as Pixel>::from_number(value).is_some_and(|f| v.iter().all(|p| p.same(f))),)* }
            }
        }

        $(pixels!(@impl $variant $t, $float);)*
    };
    (@impl $variant:ident $t:ty, float) => {
        impl Pixel for $t {
            const DTYPE: DType = DType::$variant;
            fn to_f64(self) -> f64 { self as f64 }
            fn from_f64(v: f64) -> Self { v as $t }
            fn from_number(n: Number) -> Option<Self> { Some(n.as_f64() as $t) }
            fn to_number(self) -> Number { Number::from(self as f64) }
            fn same(self, other: Self) -> bool { self == other || (self.is_nan() && other.is_nan()) }
            pixels!(@wrap $variant $t);
        }
    };
    (@impl $variant:ident $t:ty, int) => {
        impl Pixel for $t {
            const DTYPE: DType = DType::$variant;
            fn to_f64(self) -> f64 { self as f64 }
            fn from_f64(v: f64) -> Self { (v + 0.5).floor() as $t }
            fn from_number(n: Number) -> Option<Self> {
                match n { Number::Int(i) => <$t>::try_from(i).ok(), Number::Float(_) => None }
            }
            fn to_number(self) -> Number { Number::Int(self.into()) }
            fn same(self, other: Self) -> bool { self == other }
            pixels!(@wrap $variant $t);
        }
    };
    (@wrap $variant:ident $t:ty) => {
        fn wrap(v: Vec<Self>) -> Pixels { Pixels::$variant(v) }
        fn unwrap_ref(p: &Pixels) -> Option<&Vec<Self>> { if let Pixels::$variant(v) = p { Some(v) } else { None } }
        fn unwrap_mut(p: &mut Pixels) -> Option<&mut Vec<Self>> { if let Pixels::$variant(v) = p { Some(v) } else { None } }
    };
}

pixels! {
    UInt8 u8, int;
    Int8 i8, int;
    UInt16 u16, int;
    Int16 i16, int;
    UInt32 u32, int;
    Int32 i32, int;
    UInt64 u64, int;
    Int64 i64, int;
    Float32 f32, float;
    Float64 f64, float;
}

/// Runs an expression with a name standing for the pixel type that a [`DType`] names: `with_dtype!(dtype, T => f::<T>())`.
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $p:ident => $body:expr) => {
        match $dtype {
            $crate::DType::UInt8 => {
                type $p = u8;
                $body
            }
            $crate::DType::Int8 => {
                type $p = i8;
                $body
            }
            $crate::DType::UInt16 => {
                type $p = u16;
                $body
            }
            $crate::DType::Int16 => {
                type $p = i16;
                $body
            }
            $crate::DType::UInt32 => {
                type $p = u32;
                $body
            }
            $crate::DType::Int32 => {
                type $p = i32;
                $body
            }
            $crate::DType::UInt64 => {
                type $p = u64;
                $body
            }
            $crate::DType::Int64 => {
                type $p = i64;
                $body
            }
            $crate::DType::Float32 => {
                type $p = f32;
                $body
            }
            $crate::DType::Float64 => {
                type $p = f64;
                $body
            }
        }
    };
}

impl Pixels {
    /// Whether there are no pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A rectangle of one band: its pixels row by row and, where the source has one, its mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Rows and columns.
    pub shape: Shape,
    /// `rows × cols` pixels.
    pub pixels: Pixels,
    /// For each pixel whether it holds data; absent when the source has no mask (nodata is a matter of values).
    pub mask: Option<Vec<bool>>,
}
