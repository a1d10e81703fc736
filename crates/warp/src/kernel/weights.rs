use std::f64::consts::PI;

/// A kernel as a function of distance in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A triangle, 1 wide.
    Triangle,
    /// Cubic convolution with a = −0.5, 2 wide.
    Cubic,
    /// Cubic B-spline, 2 wide, not normalised.
    Spline,
    /// Windowed sinc, 3 wide.
    Lanczos,
}

/// Fills in the weights of the pixels `first`, `first + 1`, … of a kernel whose middle is `delta` right of pixel 0 and which is
/// stretched by `1 / scale`.
#[inline(always)]
pub(crate) fn fill(shape: Shape, first: i64, delta: f64, scale: f64, out: &mut [f64]) {
    let start = (first as f64 - delta) * scale;
    match shape {
        Shape::Triangle => each(start, scale, out, |x| (1.0 - x.abs()).max(0.0)),
        Shape::Cubic => each(start, scale, out, cubic),
        Shape::Spline => each(start, scale, out, spline),
        Shape::Lanczos => lanczos(start, scale, out),
    }
}

#[inline(always)]
fn each(start: f64, step: f64, out: &mut [f64], weight: impl Fn(f64) -> f64) {
    let mut k = 0.0;
    for w in out {
        *w = weight(start + k * step);
        k += 1.0;
    }
}

#[inline(always)]
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    let near = x * x * (1.5 * x - 2.5) + 1.0;
    let far = x * x * (-0.5 * x + 2.5) - 4.0 * x + 2.0;
    if x <= 1.0 {
        near
    } else if x <= 2.0 {
        far
    } else {
        0.0
    }
}

/// GDAL does not cut the spline at its right end: a stretched kernel can reach there, and then these weights are negative.
#[inline(always)]
fn spline(x: f64) -> f64 {
    let middle = 4.0 + x * x * (3.0 * x.abs() - 6.0);
    let rest = 2.0 - x.max(-x);
    let side = rest * rest * rest;
    if x.abs() < 1.0 {
        middle
    } else if x <= -2.0 {
        0.0
    } else {
        side
    }
}

/// `sinc(x)·sinc(x/3)` at `x`, `x + step`, …, 0 beyond 3: two sines for all of them, by the rule for sums of angles.
#[inline(always)]
fn lanczos(start: f64, step: f64, out: &mut [f64]) {
    let (mut sin3, mut cos3) = (start * (PI / 3.0)).sin_cos();
    // The step is 1 unless the kernel is stretched.
    let (step_sin3, step_cos3) = if step == 1.0 { (SIN_60, 0.5) } else { (step * (PI / 3.0)).sin_cos() };
    let mut k = 0.0;
    for w in out {
        let x = start + k * step;
        // sin 3a = (3 − 4 sin² a) sin a
        let product = (3.0 - 4.0 * sin3 * sin3) * (sin3 * sin3);
        *w = if x == 0.0 { 1.0 } else { product * (3.0 / (PI * PI)) / (x * x) };
        if x.abs() > 3.0 {
            *w = 0.0;
        }
        (sin3, cos3) = (sin3 * step_cos3 + cos3 * step_sin3, cos3 * step_cos3 - sin3 * step_sin3);
        k += 1.0;
    }
}

/// sin 60°
const SIN_60: f64 = 0.866_025_403_784_438_6;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(shape: Shape, x: f64) -> f64 {
        let mut w = [0.0];
        fill(shape, 0, -x, 1.0, &mut w);
        w[0]
    }

    #[test]
    fn kernels_are_one_in_the_middle_and_zero_at_their_ends() {
        for (shape, middle, end) in [(Shape::Triangle, 1.0, 1.0), (Shape::Cubic, 1.0, 2.0), (Shape::Spline, 4.0, 2.0), (Shape::Lanczos, 1.0, 3.0)] {
            assert_eq!(at(shape, 0.0), middle, "{shape:?}");
            assert!(at(shape, end).abs() < 1e-15, "{shape:?}");
            assert_eq!(at(shape, 0.3), at(shape, -0.3), "{shape:?}");
        }
    }

    #[test]
    fn lanczos_by_recurrence_is_lanczos() {
        let direct = |x: f64| if x == 0.0 { 1.0 } else { 3.0 * (PI * x).sin() * (PI * x / 3.0).sin() / (PI * x).powi(2) };
        for scale in [1.0, 0.5, 0.123] {
            let n = (6.0 / scale) as usize;
            let mut w = vec![0.0; n];
            fill(Shape::Lanczos, -((n / 2) as i64), 0.37, scale, &mut w);
            for (k, w) in w.iter().enumerate() {
                let x = ((k as i64 - (n / 2) as i64) as f64 - 0.37) * scale;
                assert!((w - if x.abs() > 3.0 { 0.0 } else { direct(x) }).abs() < 1e-12, "{x}: {w}");
            }
        }
    }
}
