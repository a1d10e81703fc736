use crate::method::EDGE;

/// Coordinates split into a whole pixel and the fraction after it, a row at a time and without branches, so that they are computed
/// several at once.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) index: Vec<i32>,
    pub(crate) fraction: Vec<f64>,
}

/// Stands for coordinates left of the source, beyond reach, or NaN.
const NOWHERE: f64 = -1e9;
/// Beyond any source.
const FAR: f64 = 2e9;
/// 1.5 · 2⁵²: a double of this size has no room for fractions, and its lowest bits are an integer.
const WHOLE: f64 = 6_755_399_441_055_744.0;

impl Steps {
    /// The last pixel whose centre lies at or before each coordinate.
    #[inline(always)]
    pub(crate) fn of_centres(&mut self, coordinates: &[f64]) {
        self.index.resize(coordinates.len(), 0);
        self.fraction.resize(coordinates.len(), 0.0);
        for ((&v, index), fraction) in coordinates.iter().zip(&mut self.index).zip(&mut self.fraction) {
            let (t, floor) = floor(v, -0.5);
            *index = whole(floor);
            *fraction = t - floor;
        }
    }

    /// The pixel under each coordinate; fractions are not found.
    #[inline(always)]
    pub(crate) fn of_pixels(&mut self, coordinates: &[f64]) {
        self.index.resize(coordinates.len(), 0);
        for (&v, index) in coordinates.iter().zip(&mut self.index) {
            *index = whole(floor(v, EDGE).1);
        }
    }
}

/// A coordinate moved by `shift`, and the whole number at or below that.
#[inline(always)]
#[expect(clippy::manual_range_contains, reason = "without a branch")]
fn floor(v: f64, shift: f64) -> (f64, f64) {
    let t = if (v >= 0.0) & (v <= FAR) { v + shift } else { NOWHERE };
    let nearest = (t + WHOLE) - WHOLE;
    (t, if nearest > t { nearest - 1.0 } else { nearest })
}

#[inline(always)]
fn whole(floor: f64) -> i32 {
    (floor + WHOLE).to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_is_floor_and_rest() {
        let values = [0.0, 0.3, 0.5, 0.499_999_999_999_999_94, 0.7, 1.5, 2.5, 3.499_999, 12_345.678, 1e9, f64::NAN, -0.1, f64::INFINITY];
        let mut steps = Steps::default();
        steps.of_centres(&values);
        for (k, v) in values.into_iter().enumerate() {
            if (0.0..FAR).contains(&v) {
                assert_eq!(f64::from(steps.index[k]), (v - 0.5).floor(), "{v}");
                assert_eq!(steps.fraction[k], v - 0.5 - (v - 0.5).floor(), "{v}");
            } else {
                assert_eq!(steps.index[k], NOWHERE as i32, "{v}");
            }
        }
    }
}
