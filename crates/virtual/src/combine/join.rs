//! Axes that granules share, by the values of their coordinates.

use std::cmp::Ordering;

use cube_core::Number;

use super::Join;

/// An axis of the result, and where each granule lies on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Joined {
    pub(super) values: Vec<Number>,
    pub(super) places: Vec<Place>,
}

/// Elements `from..to` of a granule's axis begin at `start` of the result's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// The order of two numbers.
pub(crate) fn compare(a: &Number, b: &Number) -> Ordering {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => a.cmp(b),
        _ => a.as_f64().total_cmp(&b.as_f64()),
    }
}

/// Joins the axes of some granules; `Err` has the number of the granule that cannot be joined, and why.
pub(super) fn join(axes: &[Vec<Number>], how: Join) -> Result<Joined, (usize, String)> {
    let descending = axes.iter().find(|a| a.len() > 1).is_some_and(|a| compare(&a[0], &a[1]) == Ordering::Greater);
    let order = |a: &Number, b: &Number| if descending { compare(b, a) } else { compare(a, b) };
    for (granule, axis) in axes.iter().enumerate() {
        if axis.windows(2).any(|w| order(&w[0], &w[1]) != Ordering::Less) {
            return Err((granule, "its coordinate is not sorted as that of the first".to_owned()));
        }
    }
    let mut values: Vec<Number> = axes.iter().flatten().copied().collect();
    values.sort_by(order);
    values.dedup_by(|a, b| order(a, b) == Ordering::Equal);
    if how == Join::Inner {
        values.retain(|v| axes.iter().all(|axis| axis.binary_search_by(|x| order(x, v)).is_ok()));
    }
    let mut places = Vec::with_capacity(axes.len());
    for (granule, axis) in axes.iter().enumerate() {
        let shared = |v: &&Number| values.binary_search_by(|x| order(x, v)).is_ok();
        let Some(from) = axis.iter().position(|v| shared(&v)) else {
            places.push(Place::default());
            continue;
        };
        let count = axis.iter().filter(shared).count();
        let start = values.binary_search_by(|x| order(x, &axis[from])).unwrap_or(0);
        let run = values.get(start..start + count);
        if run.is_none_or(|run| run.iter().zip(&axis[from..]).any(|(a, b)| order(a, b) != Ordering::Equal)) {
            return Err((granule, "values of others lie between those of its coordinate".to_owned()));
        }
        places.push(Place { start: start as u64, from: from as u64, to: (from + count) as u64 });
    }
    Ok(Joined { values, places })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[i128]) -> Vec<Number> {
        values.iter().map(|v| Number::Int(*v)).collect()
    }

    #[test]
    fn axes_are_joined_as_sets() {
        let axes = [axis(&[4, 3, 2]), axis(&[2, 1])];
        let outer = join(&axes, Join::Outer).unwrap();
        assert_eq!(outer.values, axis(&[4, 3, 2, 1]));
        assert_eq!(outer.places, [Place { start: 0, from: 0, to: 3 }, Place { start: 2, from: 0, to: 2 }]);
        let inner = join(&axes, Join::Inner).unwrap();
        assert_eq!(
            (inner.values, inner.places[0], inner.places[1]),
            (axis(&[2]), Place { start: 0, from: 2, to: 3 }, Place { start: 0, from: 0, to: 1 })
        );
    }

    #[test]
    fn what_cannot_be_said_in_blocks_is_refused() {
        assert_eq!(join(&[axis(&[1, 3]), axis(&[2])], Join::Outer).unwrap_err().0, 0);
        assert_eq!(join(&[axis(&[1, 2]), axis(&[2, 1])], Join::Outer).unwrap_err().0, 1);
        assert!(join(&[axis(&[1]), axis(&[2])], Join::Inner).unwrap().values.is_empty());
    }
}
