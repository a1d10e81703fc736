//! From computed values to pixels of a type.

use cube_core::{DType, Number, Pixel, Pixels, with_dtype};

use crate::Canvas;

/// [`Pixel::from_f64`] without the call to `floor` that baseline x86-64 makes of it.
trait Round: Pixel {
    fn round(v: f64) -> Self;
}

macro_rules! round {
    (unsigned $($t:ty)*) => { $(impl Round for $t {
        #[inline(always)]
        fn round(v: f64) -> Self { (v + 0.5) as $t }
    })* };
    (signed $($t:ty)*) => { $(impl Round for $t {
        #[inline(always)]
        fn round(v: f64) -> Self {
            let t = v + 0.5;
            let towards_zero = t as $t;
            towards_zero.saturating_sub(<$t>::from((towards_zero as f64) > t))
        }
    })* };
    (float $($t:ty)*) => { $(impl Round for $t {
        #[inline(always)]
        fn round(v: f64) -> Self { v as $t }
    })* };
}

round!(unsigned u8 u16 u32 u64);
round!(signed i8 i16 i32 i64);
round!(float f32 f64);

/// Writes a row of values where they are valid, rounded and clamped, none equal to nodata.
pub(crate) fn store_row(pixels: &mut Pixels, at: usize, values: &[f64], valid: &[bool], nodata: Option<Number>) {
    fn typed<T: Round>(pixels: &mut Pixels, at: usize, values: &[f64], valid: &[bool], nodata: Option<Number>) {
        let Some(pixels) = T::unwrap_mut(pixels) else { return };
        let nodata = nodata.and_then(T::from_number);
        for ((pixel, &value), &valid) in pixels[at..at + values.len()].iter_mut().zip(values).zip(valid) {
            if valid {
                let v = T::round(value);
                *pixel = if nodata == Some(v) { neighbour(v) } else { v };
            }
        }
    }
    with_dtype!(pixels.dtype(), T => typed::<T>(pixels, at, values, valid, nodata));
}

/// Writes pixels of one type as another where they are valid, rounded and clamped; integers exactly.
pub(crate) fn convert(from: &Pixels, valid: &[bool], to: &mut Pixels) {
    fn typed<S: Pixel, D: Pixel>(from: &[S], valid: &[bool], to: &mut [D]) {
        let exact = S::DTYPE.size() == 8 && D::DTYPE.size() == 8 && !S::DTYPE.is_float() && !D::DTYPE.is_float();
        for ((value, &valid), to) in from.iter().zip(valid).zip(to) {
            if valid {
                *to = exact.then(|| D::from_number(value.to_number())).flatten().unwrap_or_else(|| D::from_f64(value.to_f64()));
            }
        }
    }
    with_dtype!(from.dtype(), S => with_dtype!(to.dtype(), D => {
        if let (Some(from), Some(to)) = (<S as Pixel>::unwrap_ref(from), <D as Pixel>::unwrap_mut(to)) {
            typed(from, valid, to);
        }
    }));
}

/// Moves valid pixels that equal nodata to their neighbour. Nothing to do when the source has the same nodata: its pixels are not valid.
pub(crate) fn keep_nodata_free(canvas: &mut Canvas, nodata: Option<Number>, source: Option<Number>) {
    if let Some(nodata) = nodata
        && !source.is_some_and(|s| s.same(nodata))
    {
        avoid_nodata(canvas, nodata);
    }
}

/// Moves valid pixels that equal nodata to their neighbour.
pub(crate) fn avoid_nodata(canvas: &mut Canvas, nodata: Number) {
    fn typed<T: Pixel>(pixels: &mut Pixels, valid: &[bool], nodata: Number) {
        let (Some(pixels), Some(nodata)) = (T::unwrap_mut(pixels), T::from_number(nodata)) else { return };
        for (pixel, _) in pixels.iter_mut().zip(valid).filter(|(p, v)| **v && **p == nodata) {
            *pixel = neighbour(*pixel);
        }
    }
    with_dtype!(canvas.pixels.dtype(), T => typed::<T>(&mut canvas.pixels, &canvas.valid, nodata));
}

/// The value that stands in for nodata where nodata was computed: GDAL takes the next smaller integer (for the smallest, the next
/// greater) and the next greater float (for the greatest, the next smaller).
fn neighbour<T: Pixel>(v: T) -> T {
    let moved = match (T::DTYPE, v.to_number()) {
        (DType::Float32, n) => {
            let f = n.as_f64() as f32;
            Number::Float(f64::from(if f == f32::MAX { f.next_down() } else { f.next_up() }))
        }
        (DType::Float64, n) => {
            let f = n.as_f64();
            Number::Float(if f == f64::MAX { f.next_down() } else { f.next_up() })
        }
        (_, Number::Int(i)) => match T::from_number(Number::Int(i - 1)) {
            Some(_) => Number::Int(i - 1),
            None => Number::Int(i + 1),
        },
        (_, n) => n,
    };
    T::from_number(moved).unwrap_or(v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_pixels() {
        let values =
            [0.5, 1.5, -1.5, -3.5, 4.5, -0.2, -0.5, -0.6, 254.5, 255.7, 300.0, -129.0, 127.49, 1e19, -1e19, f64::INFINITY, f64::NAN, 0.499_999_9];
        fn check<T: Round>(values: &[f64]) {
            for v in values {
                assert!(T::round(*v).same(T::from_f64(*v)), "{v} as {}: {:?} and {:?}", T::DTYPE, T::round(*v), T::from_f64(*v));
            }
        }
        for dtype in DType::ALL {
            with_dtype!(dtype, T => check::<T>(&values));
        }
    }

    #[test]
    fn nodata_is_avoided_as_gdal_does() {
        assert_eq!(neighbour(3u8), 2);
        assert_eq!(neighbour(0u8), 1);
        assert_eq!(neighbour(-9999i16), -10_000);
        assert_eq!(neighbour(i16::MIN), i16::MIN + 1);
        assert_eq!(neighbour(u64::MAX), u64::MAX - 1);
        assert_eq!(neighbour(3.0f32), 3.0f32.next_up());
        assert_eq!(neighbour(f32::MAX), f32::MAX.next_down());
        assert_eq!(neighbour(-9999.0f64), (-9999.0f64).next_up());
    }
}
