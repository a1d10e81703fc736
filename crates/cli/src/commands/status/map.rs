//! The states of chunks as a picture: a square for each chunk, groups below each other, and a legend.

use std::path::Path;

use eocube::{Error, GroupStatus, Result, State, Status, TimeValue};

use crate::picture::{self, Canvas, LETTER};

/// The map of a group is at most so many pixels wide or high.
const LARGEST: usize = 1200;
/// A chunk is drawn at most so large.
const LARGEST_CHUNK: usize = 24;
const MARGIN: usize = 8;
const SCALE: usize = 2;

const PAPER: [u8; 3] = [255, 255, 255];
const INK: [u8; 3] = [40, 40, 40];
/// Told apart by people who see colours differently, and by lightness.
const LEGEND: [(&str, [u8; 3]); 4] =
    [("not loaded", [225, 225, 225]), ("loaded", [0, 114, 178]), ("empty", [240, 228, 66]), ("partial", [213, 94, 0])];

/// What is drawn of a chunk over all its bands and steps.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    loaded: u32,
    empty: u32,
    partial: u32,
}

impl Tally {
    /// Index into the legend: partial when some of it is missing, empty when all is.
    fn index(self, of: u32) -> usize {
        match self {
            t if t.loaded + t.empty + t.partial == 0 => 0,
            t if t.partial > 0 || t.loaded + t.empty < of => 3,
            t if t.loaded == 0 => 2,
            _ => 1,
        }
    }
}

/// Draws one step, or all steps in one: then a chunk of which some steps or bands are missing counts as partial.
pub(super) fn draw(status: &Status, step: Option<TimeValue>, path: &Path) -> Result<()> {
    let step = step.filter(|_| status.step != eocube::TimeStep::None).map(|t| t.to_string());
    if let Some(step) = &step
        && !status.groups.iter().any(|g| g.steps.contains(step))
    {
        return Err(Error::refused(format!("the cube has no step {step}"), "`cube status` shows its steps; without --time all are drawn in one"));
    }
    // A run is named by the first step of its time unit.
    let unit_of = |g: &GroupStatus| {
        let at = g.steps.iter().position(|s| Some(s) == step.as_ref())?;
        g.steps.get(at - at % status.unit_steps).cloned()
    };
    let time = |g: &GroupStatus| step.as_ref().map(|s| unit_of(g).unwrap_or_else(|| s.clone()));
    let maps: Vec<Map> = status.groups.iter().map(|g| Map::new(g, time(g).as_deref())).collect();
    let legend_cols = LEGEND.iter().map(|(name, _)| (name.len() + 3) * LETTER.1 * SCALE).sum::<usize>();
    let cols = maps.iter().map(|m| m.cols * m.side).max().unwrap_or(0).max(legend_cols) + 2 * MARGIN;
    let line = LETTER.0 * SCALE + MARGIN;
    let rows = maps.iter().map(|m| m.rows * m.side + MARGIN).sum::<usize>() + line + MARGIN;
    let mut canvas = Canvas::new(rows, cols, PAPER);
    let mut top = MARGIN;
    for map in &maps {
        map.paint(&mut canvas, top);
        top += map.rows * map.side + MARGIN;
    }
    let mut left = MARGIN;
    for (name, colour) in LEGEND {
        let side = LETTER.0 * SCALE;
        canvas.fill(top, left, side, side, colour);
        canvas.text(top, left + 2 * LETTER.1 * SCALE, name, SCALE, INK);
        left += (name.len() + 3) * LETTER.1 * SCALE;
    }
    picture::write(path, canvas.rows, canvas.cols, &canvas.rgba)
}

/// The chunks of one group; where there are too many, each square stands for several.
struct Map {
    rows: usize,
    cols: usize,
    side: usize,
    cells: Vec<usize>,
}

impl Map {
    fn new(group: &GroupStatus, step: Option<&str>) -> Self {
        let [rows, cols] = group.units;
        let several = rows.max(cols).div_ceil(LARGEST).max(1);
        let (rows, cols) = (rows.div_ceil(several), cols.div_ceil(several));
        let side = (LARGEST / rows.max(cols).max(1)).clamp(1, LARGEST_CHUNK);
        let mut tallies = vec![Tally::default(); rows * cols];
        for run in group.bands.iter().flat_map(|b| &b.chunks).filter(|r| step.is_none() || r.time.as_deref() == step) {
            for [row, first, last] in &run.runs {
                for col in *first..=*last {
                    let tally = &mut tallies[*row as usize / several * cols + col as usize / several];
                    *match run.state {
                        State::Loaded => &mut tally.loaded,
                        State::Empty => &mut tally.empty,
                        _ => &mut tally.partial,
                    } += 1;
                }
            }
        }
        let time_units = if step.is_some() { 1 } else { group.time_units };
        let full = (group.bands.len() * time_units.max(1)) as u32;
        let in_square = |i: usize| {
            let covered = |at: usize, n: usize| several.min(n - at * several) as u32;
            full * covered(i / cols, group.units[0]) * covered(i % cols, group.units[1])
        };
        let cells = tallies.iter().enumerate().map(|(i, t)| t.index(in_square(i))).collect();
        Self { rows, cols, side, cells }
    }

    fn paint(&self, canvas: &mut Canvas, top: usize) {
        // Large squares leave a line between them.
        let gap = usize::from(self.side > 4);
        for (i, cell) in self.cells.iter().enumerate() {
            let (row, col) = (i / self.cols, i % self.cols);
            canvas.fill(top + row * self.side, MARGIN + col * self.side, self.side - gap, self.side - gap, LEGEND[*cell].1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_what_all_of_it_is() {
        let tally = |loaded, empty, partial| Tally { loaded, empty, partial };
        assert_eq!(tally(0, 0, 0).index(4), 0);
        assert_eq!(tally(3, 1, 0).index(4), 1);
        assert_eq!(tally(0, 4, 0).index(4), 2);
        assert_eq!(tally(3, 0, 0).index(4), 3);
        assert_eq!(tally(3, 0, 1).index(4), 3);
    }
}
