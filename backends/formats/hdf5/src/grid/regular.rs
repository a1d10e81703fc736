/// Coordinates at equal steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Regular {
    /// The first one.
    pub(super) first: f64,
    /// From one to the next; negative when they fall.
    pub(super) step: f64,
    pub(super) count: usize,
}

/// How far a coordinate may be from its place, in steps: archives round coordinates to a few digits (twelfths of a degree to three: 0.006).
/// Gaussian latitudes are further away than that (0.008 to 0.015) and have other steps at the poles.
const TOLERANCE: f64 = 0.007;

impl Regular {
    /// What coordinates are regular, or where they are not: index, value, and the value that would be.
    pub(super) fn of(values: &[f64]) -> Result<Self, Irregular> {
        let count = values.len();
        let [first, .., last] = values else { return Err(Irregular::Few(count)) };
        let step = (last - first) / (count - 1) as f64;
        if step == 0.0 && values.iter().all(|value| value == first) {
            return Err(Irregular::Constant(*first));
        }
        if !step.is_finite() || step == 0.0 {
            return Err(Irregular::At { index: count - 1, value: *last, expected: first + step });
        }
        for (index, value) in values.iter().enumerate() {
            let expected = first + step * index as f64;
            if value.is_nan() || (value - expected).abs() > TOLERANCE * step.abs() {
                return Err(Irregular::At { index, value: *value, expected });
            }
        }
        Ok(Self { first: *first, step, count })
    }

    /// The edge before the first.
    pub(super) fn start(&self) -> f64 {
        self.first - self.step / 2.0
    }

    /// Multiplied by a unit.
    pub(super) fn times(self, unit: f64) -> Self {
        Self { first: self.first * unit, step: self.step * unit, ..self }
    }

    /// Longitudes brought to -180 to 180, and how many columns lie before the first then: a grid round the Earth is cut at 180.
    pub(super) fn turned(self) -> (Self, usize) {
        let span = self.step * self.count as f64;
        let centre = |index: usize| self.first + self.step * index as f64;
        if self.step <= 0.0 {
            return (self, 0);
        }
        if self.first >= 180.0 {
            return (Self { first: self.first - 360.0, ..self }, 0);
        }
        let beyond = (0..self.count).find(|i| centre(*i) >= 180.0);
        match beyond {
            Some(cut) if (span - 360.0).abs() <= TOLERANCE * self.step => (Self { first: centre(cut) - 360.0, ..self }, cut),
            _ => (self, 0),
        }
    }
}

/// Why coordinates are not regular.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Irregular {
    /// Too few to tell a step.
    Few(usize),
    /// All are this one: they were never written, or they are fill values.
    Constant(f64),
    /// One of them is not in its place.
    At {
        /// From 0.
        index: usize,
        /// As it is.
        value: f64,
        /// As it would be.
        expected: f64,
    },
}

impl std::fmt::Display for Irregular {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Few(count) => write!(f, "{count} coordinate does not tell the size of a pixel"),
            Self::Constant(value) => write!(f, "all coordinates are {value}"),
            Self::At { index, value, expected } => write!(f, "coordinate {index} is {value}, at equal steps it would be {expected}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_coordinates_are_regular_and_gaussian_ones_are_not() {
        let twelfths: Vec<f64> = (0..100).map(|i| (f64::from(i) / 12.0 * 1000.0).round() / 1000.0).collect();
        let found = Regular::of(&twelfths).expect("rounded, but regular");
        assert!((found.step - 1.0 / 12.0).abs() < 1e-5);
        let gaussian: Vec<f64> = [-0.9, -0.65, -0.2, 0.2, 0.65, 0.9].map(|s: f64| s.asin().to_degrees()).to_vec();
        assert!(matches!(Regular::of(&gaussian), Err(Irregular::At { index: 1, .. })));
        assert_eq!(Regular::of(&[5.0]), Err(Irregular::Few(1)));
        assert!(Regular::of(&[0.0, f64::NAN, 2.0]).is_err());
        let constant = Regular::of(&[0.0; 1800]).expect_err("no step");
        assert_eq!(constant.to_string(), "all coordinates are 0");
        assert!(matches!(Regular::of(&[3.0, 4.0, 3.0]), Err(Irregular::At { .. })));
    }

    #[test]
    fn longitudes_beyond_180_are_turned() {
        let world = Regular { first: 0.5, step: 1.0, count: 360 };
        assert_eq!(world.turned(), (Regular { first: -179.5, ..world }, 180));
        let centred = Regular { first: 0.0, step: 0.25, count: 1440 };
        assert_eq!(centred.turned(), (Regular { first: -180.0, ..centred }, 720));
        let pacific = Regular { first: 200.0, step: 1.0, count: 20 };
        assert_eq!(pacific.turned(), (Regular { first: -160.0, ..pacific }, 0));
        let europe = Regular { first: -10.0, step: 1.0, count: 30 };
        assert_eq!(europe.turned(), (europe, 0));
    }
}
