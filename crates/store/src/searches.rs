//! Which time intervals of which area were searched, and when.

use cube_core::{Period, TimeValue, Window};
use serde::{Deserialize, Serialize};

use crate::documents::SEARCH_COLUMNS;

/// A finished search of the cube's source: everything that it has for these cells and this period was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Cells of the search grid: storage units of the root group, or one-degree cells of longitude and latitude for a cube with several CRSs.
    pub cells: Window,
    /// The instants searched.
    pub period: Period,
    /// When. Steps that had not settled by then are to be searched again.
    pub at: TimeValue,
}

impl Search {
    /// Whether `other` adds nothing to this.
    fn covers(&self, other: &Self) -> bool {
        let (a, b) = (&self.cells, &other.cells);
        let area = a.row <= b.row && b.row_end() <= a.row_end() && a.col <= b.col && b.col_end() <= a.col_end();
        area && start(&self.period) <= start(&other.period) && end(&other.period) <= end(&self.period) && self.at >= other.at
    }

    /// One search that says exactly what both say, when there is one. `settle` is how long after its end a period may still gain patches:
    /// searches later than that are final, so it no longer matters when they were made.
    fn merged(&self, other: &Self, settle: i64) -> Option<Self> {
        let period = Period {
            start: open(start(&self.period).min(start(&other.period)), i64::MIN),
            end: open(end(&self.period).max(end(&other.period)), i64::MAX),
        };
        let at = self.at.min(other.at);
        if self.at != other.at && at.0 < end(&period).saturating_add(settle) {
            return None;
        }
        let same_period = self.period == other.period;
        let (a, b) = (&self.cells, &other.cells);
        let touch = |a0: usize, a1: usize, b0: usize, b1: usize| a0 <= b1 && b0 <= a1;
        let same_rows = (a.row, a.rows) == (b.row, b.rows);
        let same_cols = (a.col, a.cols) == (b.col, b.cols);
        let joined = match (same_rows, same_cols, same_period) {
            (true, true, _) => start(&self.period) <= end(&other.period) && start(&other.period) <= end(&self.period),
            (true, false, true) => touch(a.col, a.col_end(), b.col, b.col_end()),
            (false, true, true) => touch(a.row, a.row_end(), b.row, b.row_end()),
            _ => false,
        };
        joined.then(|| Self { cells: a.union(*b), period, at })
    }

    pub(crate) fn to_row(self) -> [i64; SEARCH_COLUMNS] {
        let c = self.cells;
        [c.row as i64, c.col as i64, c.rows as i64, c.cols as i64, start(&self.period), end(&self.period), self.at.0]
    }

    /// From a row of the list; `None` for a row of fill values.
    pub(crate) fn from_row(row: &[i64]) -> Option<Self> {
        let &[r, c, rows, cols, start, end, at] = row else { return None };
        if rows <= 0 || cols <= 0 {
            return None;
        }
        let cells = Window::new(r as usize, c as usize, rows as usize, cols as usize);
        Some(Self { cells, period: Period { start: open(start, i64::MIN), end: open(end, i64::MAX) }, at: TimeValue(at) })
    }
}

fn start(p: &Period) -> i64 {
    p.start.map_or(i64::MIN, |t| t.0)
}

fn end(p: &Period) -> i64 {
    p.end.map_or(i64::MAX, |t| t.0)
}

fn open(value: i64, limit: i64) -> Option<TimeValue> {
    (value != limit).then_some(TimeValue(value))
}

/// Adds a search to a list, which stays as short as merging two at a time makes it.
pub(crate) fn add(list: &mut Vec<Search>, mut new: Search, settle: i64) {
    if new.cells.is_empty() {
        return;
    }
    loop {
        if list.iter().any(|s| s.covers(&new)) {
            return;
        }
        list.retain(|s| !new.covers(s));
        let Some((index, merged)) = list.iter().enumerate().find_map(|(i, s)| Some((i, s.merged(&new, settle)?))) else {
            list.push(new);
            return;
        };
        list.swap_remove(index);
        new = merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(cells: [usize; 4], from: i64, to: i64, at: i64) -> Search {
        let [row, col, rows, cols] = cells;
        Search { cells: Window::new(row, col, rows, cols), period: Period::new(TimeValue(from), TimeValue(to)), at: TimeValue(at) }
    }

    fn list(all: &[Search]) -> Vec<Search> {
        let mut list = Vec::new();
        for s in all {
            add(&mut list, *s, 10);
        }
        list
    }

    #[test]
    fn what_touches_becomes_one() {
        let quarters =
            [search([0, 0, 1, 1], 0, 9, 100), search([1, 1, 1, 1], 0, 9, 100), search([0, 1, 1, 1], 0, 9, 100), search([1, 0, 1, 1], 0, 9, 100)];
        assert_eq!(list(&quarters), [search([0, 0, 2, 2], 0, 9, 100)]);
        assert_eq!(list(&[search([0, 0, 1, 1], 0, 5, 50), search([0, 0, 1, 1], 5, 9, 60)]), [search([0, 0, 1, 1], 0, 9, 50)], "both are final");
    }

    #[test]
    fn a_fresh_search_is_not_stretched() {
        let (old, young) = (search([0, 0, 1, 1], 0, 5, 20), search([0, 0, 1, 1], 5, 99, 101));
        assert_eq!(list(&[old, young]), [old, young], "one at 20 saw nothing of what came later");
        let (first, again) = (search([0, 0, 1, 1], 0, 99, 50), search([0, 0, 1, 1], 0, 99, 70));
        assert_eq!(list(&[first, again]), [again], "the later one replaces it");
        assert_eq!(list(&[again, first]), [again]);
    }

    #[test]
    fn rows_hold_open_ends() {
        let s = Search { cells: Window::new(0, 3, 2, 1), period: Period::ALWAYS, at: TimeValue(7) };
        assert_eq!(Search::from_row(&s.to_row()), Some(s));
        assert_eq!(Search::from_row(&[0; SEARCH_COLUMNS]), None);
    }
}
