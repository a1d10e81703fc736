//! Work on pixels whose type is known only when they are there.

/// Runs an expression on the vector in a [`Pixels`](cube_core::Pixels), whatever its type.
macro_rules! with_pixels {
    ($pixels:expr, $v:ident => $body:expr) => {
        match $pixels {
            cube_core::Pixels::UInt8($v) => $body,
            cube_core::Pixels::Int8($v) => $body,
            cube_core::Pixels::UInt16($v) => $body,
            cube_core::Pixels::Int16($v) => $body,
            cube_core::Pixels::UInt32($v) => $body,
            cube_core::Pixels::Int32($v) => $body,
            cube_core::Pixels::UInt64($v) => $body,
            cube_core::Pixels::Int64($v) => $body,
            cube_core::Pixels::Float32($v) => $body,
            cube_core::Pixels::Float64($v) => $body,
        }
    };
}

pub(crate) use with_pixels;
