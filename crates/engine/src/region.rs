//! Boxes of cells × time: what is asked for, minus what has been searched.

use cube_core::{ChunkSet, Period, TimeValue, Window};

/// A rectangle of search cells during a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub cells: Window,
    pub period: Period,
}

impl Region {
    /// The parts of `self` that lie outside `other`: at most six boxes.
    fn minus(self, other: &Self, out: &mut Vec<Self>) {
        let (Some(cells), Some(period)) = (self.cells.intersection(other.cells), self.period.intersection(&other.period)) else {
            return out.push(self);
        };
        let (w, c) = (self.cells, cells);
        let mut side = |row: usize, col: usize, rows: usize, cols: usize| {
            if rows > 0 && cols > 0 {
                out.push(Self { cells: Window::new(row, col, rows, cols), period: self.period });
            }
        };
        side(w.row, w.col, c.row - w.row, w.cols);
        side(c.row_end(), w.col, w.row_end() - c.row_end(), w.cols);
        side(c.row, w.col, c.rows, c.col - w.col);
        side(c.row, c.col_end(), c.rows, w.col_end() - c.col_end());
        if self.period.start != period.start {
            out.push(Self { cells, period: Period { start: self.period.start, end: period.start } });
        }
        if self.period.end != period.end {
            out.push(Self { cells, period: Period { start: period.end, end: self.period.end } });
        }
    }
}

/// `wanted` minus `known`, exactly.
pub(crate) fn difference(wanted: Vec<Region>, known: &[Region]) -> Vec<Region> {
    known.iter().fold(wanted, |left, k| {
        let mut out = Vec::with_capacity(left.len());
        left.into_iter().for_each(|r| r.minus(k, &mut out));
        out
    })
}

/// `wanted` minus `known`, in few boxes, which may hold a little more.
pub(crate) fn subtract(wanted: Vec<Region>, known: &[Region]) -> Vec<Region> {
    merge(difference(wanted, known))
}

/// Joins boxes whose common hull is not much more than they are: a catalogue is better asked once for a little more than many times.
pub(crate) fn merge(mut boxes: Vec<Region>) -> Vec<Region> {
    const WASTE: f64 = 1.5;
    loop {
        let mut joined = false;
        let mut i = 0;
        while i < boxes.len() {
            let mut j = i + 1;
            while j < boxes.len() {
                let hull = hull(&boxes[i], &boxes[j]);
                if volume(&hull) <= WASTE * (volume(&boxes[i]) + volume(&boxes[j])) {
                    boxes[i] = hull;
                    boxes.swap_remove(j);
                    joined = true;
                } else {
                    j += 1;
                }
            }
            i += 1;
        }
        if !joined {
            boxes.sort_by_key(|b| (b.period.start, b.cells.row, b.cells.col));
            return boxes;
        }
    }
}

fn hull(a: &Region, b: &Region) -> Region {
    let start = a.period.start.zip(b.period.start).map(|(x, y)| x.min(y));
    let end = a.period.end.zip(b.period.end).map(|(x, y)| x.max(y));
    Region { cells: a.cells.union(b.cells), period: Period { start, end } }
}

fn volume(r: &Region) -> f64 {
    const CENTURY: f64 = 100.0 * 365.25 * 86_400e6;
    let length = match (r.period.start, r.period.end) {
        (Some(TimeValue(s)), Some(TimeValue(e))) => (e as f64 - s as f64).max(1.0),
        (None, None) => 2.0 * CENTURY,
        _ => CENTURY,
    };
    r.cells.rows as f64 * r.cells.cols as f64 * length
}

/// Chunks as rectangles: equal runs in neighbouring rows are one.
pub(crate) fn rectangles(chunks: &ChunkSet) -> Vec<Window> {
    let mut open: Vec<Window> = Vec::new();
    for run in chunks.runs() {
        let (row, col, n) = (run.row as usize, run.start as usize, (run.end - run.start) as usize);
        match open.iter_mut().find(|w| w.row_end() == row && w.col == col && w.cols == n) {
            Some(w) => w.rows += 1,
            None => open.push(Window::new(row, col, 1, n)),
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(row: usize, col: usize, rows: usize, cols: usize, a: i64, b: i64) -> Region {
        Region { cells: Window::new(row, col, rows, cols), period: Period::new(TimeValue(a), TimeValue(b)) }
    }

    fn cells(r: &[Region]) -> std::collections::BTreeSet<(usize, usize, i64)> {
        let t = |v: Option<TimeValue>| v.map_or(0, |t| t.0);
        r.iter()
            .flat_map(|b| {
                (b.cells.row..b.cells.row_end()).flat_map(move |y| {
                    (b.cells.col..b.cells.col_end()).flat_map(move |x| (t(b.period.start)..t(b.period.end)).map(move |z| (y, x, z)))
                })
            })
            .collect()
    }

    #[test]
    fn what_is_left_is_exactly_the_difference() {
        let wanted = region(0, 0, 6, 6, 0, 6);
        for known in [region(2, 2, 2, 2, 2, 4), region(0, 0, 6, 3, 0, 6), region(4, 4, 9, 9, 3, 9), region(7, 7, 1, 1, 0, 1)] {
            let mut left = Vec::new();
            wanted.minus(&known, &mut left);
            let expected = cells(&[wanted]).difference(&cells(&[known])).copied().collect();
            assert_eq!(cells(&left), expected, "minus {known:?}");
            assert_eq!(left.iter().map(|b| cells(&[*b]).len()).sum::<usize>(), cells(&left).len(), "the parts do not overlap");
        }
        assert!(subtract(vec![wanted], &[wanted]).is_empty());
        assert!(subtract(vec![wanted], &[region(0, 0, 6, 6, 0, 3), region(0, 0, 6, 6, 3, 6)]).is_empty());
    }

    #[test]
    fn merging_never_loses_a_cell() {
        let parts = vec![region(0, 0, 1, 4, 0, 4), region(1, 0, 1, 4, 0, 4), region(40, 40, 1, 1, 0, 4)];
        let merged = merge(parts.clone());
        assert!(cells(&merged).is_superset(&cells(&parts)));
        assert_eq!(merged.len(), 2, "neighbours join, what is far stays apart");
    }

    #[test]
    fn equal_runs_become_rectangles() {
        let run = |row, start, end| cube_core::ChunkRun { row, start, end };
        let set = ChunkSet::from_runs([run(3, 1, 5), run(4, 1, 5), run(5, 2, 5)]);
        assert_eq!(rectangles(&set), vec![Window::new(3, 1, 2, 4), Window::new(5, 2, 1, 3)]);
    }
}
