use cube_core::Shape;

use crate::method::EDGE;

/// A box of source coordinates: smallest and largest column, smallest and largest row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) x: [f64; 2],
    pub(crate) y: [f64; 2],
}

impl Bounds {
    pub(crate) const fn point(x: f64, y: f64) -> Self {
        Self { x: [x, x], y: [y, y] }
    }

    /// Of the places at all these columns and rows, as far as they lie on the source.
    pub(crate) fn of_sides(x: &[f64], y: &[f64], source: Shape) -> Option<Self> {
        let side = |all: &[f64], size: usize| all.iter().filter_map(|v| cut([*v, *v], size)).reduce(union);
        Some(Self { x: side(x, source.cols)?, y: side(y, source.rows)? })
    }

    /// What of it lies on the source.
    pub(crate) fn on(self, source: Shape) -> Option<Self> {
        Some(Self { x: cut(self.x, source.cols)?, y: cut(self.y, source.rows)? })
    }

    /// Makes a box around both.
    pub(crate) fn extend(all: &mut Option<Self>, other: Option<Self>) {
        *all = match (*all, other) {
            (Some(a), Some(b)) => Some(Self { x: union(a.x, b.x), y: union(a.y, b.y) }),
            (a, b) => a.or(b),
        };
    }
}

fn union(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0].min(b[0]), a[1].max(b[1])]
}

/// The part of an interval that lies on `0..=size`.
fn cut([lo, hi]: [f64; 2], size: usize) -> Option<[f64; 2]> {
    let size = size as f64;
    (hi >= 0.0 && lo + EDGE <= size).then(|| [lo.max(0.0), hi.min(size)])
}
