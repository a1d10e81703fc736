use std::collections::HashMap;

use cube_core::{Pixel, Resampling};

use super::{Missing, Row};
use crate::{area::Cover, view::View};

/// Distinct values that are searched one by one before a table is made.
const FEW: usize = 32;

/// Average and root mean square of the pixels that a destination pixel covers, each weighed by how much of it is covered.
pub(crate) fn averages<T: Pixel>(method: Resampling, view: &View<'_, T>, at: usize, cover: &Cover, out: &mut Row<'_, f64>) -> Result<(), Missing> {
    let (mut sum, mut total) = (0.0, 0.0);
    let squares = method == Resampling::Rms;
    each(view, cover, |value: T, weight| {
        let v = value.to_f64();
        // GDAL's average leaves out weights that are not positive, its root mean square does not.
        if weight > 0.0 || squares {
            total += weight;
            sum += weight * if squares { v * v } else { v };
        }
    })?;
    if total > 0.0 {
        let mean = sum / total;
        out.values[at] = if squares { mean.sqrt() } else { mean };
        out.valid[at] = true;
    }
    Ok(())
}

/// What is found by choosing among the pixels that a destination pixel covers: least, greatest, quantiles, most common. Exact for every
/// type.
#[derive(Debug)]
pub(crate) struct Statistics<T> {
    method: Resampling,
    values: Vec<T>,
    mode: Mode<T>,
}

/// See [`Statistics`].
pub(crate) fn statistics<T: Pixel>(method: Resampling) -> Statistics<T> {
    Statistics { method, values: Vec::new(), mode: Mode::new() }
}

impl<T: Pixel> Statistics<T> {
    pub(crate) fn pixel(&mut self, view: &View<'_, T>, at: usize, cover: &Cover, out: &mut Row<'_, T>) -> Result<(), Missing> {
        let found = match self.method {
            Resampling::Min => self.extreme(view, cover, |new, old| new < old)?,
            Resampling::Max => self.extreme(view, cover, |new, old| new > old)?,
            Resampling::Mode => {
                self.mode.clear();
                each(view, cover, |value, weight| self.mode.add(value, weight as f32))?;
                self.mode.found()
            }
            method => self.quantile(view, cover, method)?,
        };
        if let Some(value) = found {
            out.values[at] = value;
            out.valid[at] = true;
        }
        Ok(())
    }

    fn extreme(&self, view: &View<'_, T>, cover: &Cover, better: impl Fn(T, T) -> bool) -> Result<Option<T>, Missing> {
        let mut found = None;
        each(view, cover, |value, _| {
            if found.is_none_or(|old| better(value, old)) {
                found = Some(value);
            }
        })?;
        Ok(found)
    }

    /// The value at `⌈q·n − 1⌉` of the sorted pixels: of an even number the lower of the middle two.
    fn quantile(&mut self, view: &View<'_, T>, cover: &Cover, method: Resampling) -> Result<Option<T>, Missing> {
        let q = match method {
            Resampling::Q1 => 0.25,
            Resampling::Q3 => 0.75,
            _ => 0.5,
        };
        self.values.clear();
        let values = &mut self.values;
        each(view, cover, |value, _| values.push(value))?;
        if values.is_empty() {
            return Ok(None);
        }
        let at = (q * values.len() as f64 - 1.0).ceil().max(0.0) as usize;
        // Pixels that hold data are numbers, so they have an order.
        let (_, found, _) = values.select_nth_unstable_by(at, |a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        Ok(Some(*found))
    }
}

/// Every pixel with data under a destination pixel, row by row, with the share of it that is covered.
fn each<T: Pixel>(view: &View<'_, T>, cover: &Cover, mut visit: impl FnMut(T, f64)) -> Result<(), Missing> {
    let cols = if cover.wraps { 0..view.image.cols } else { cover.x0..cover.x1 };
    if !view.holds(cover.y0, cover.y1, cols.start, cols.end) {
        return Err(Missing);
    }
    for row in cover.y0..cover.y1 {
        let row_weight = cover.row_weight(row);
        for col in cover.x0..cover.x1 {
            let index = view.index(row, if cover.wraps { col % view.image.cols } else { col });
            if view.is_valid(index) {
                visit(view.value(index), row_weight * cover.col_weight(col));
            }
        }
    }
    Ok(())
}

/// The most common value, ties to the first met.
///
/// For small integers that is the value whose weight is first to exceed all others. For the others GDAL compares only when a value is met
/// again, so that a single pixel of great weight does not displace one of little weight met before it.
#[derive(Debug)]
struct Mode<T> {
    values: Vec<(T, f32)>,
    table: HashMap<Vec<u8>, usize>,
    best: Option<usize>,
    on_sight: bool,
}

impl<T: Pixel> Mode<T> {
    fn new() -> Self {
        Self { values: Vec::new(), table: HashMap::new(), best: None, on_sight: T::DTYPE.size() <= 2 }
    }

    fn clear(&mut self) {
        self.values.clear();
        self.table.clear();
        self.best = None;
    }

    fn add(&mut self, value: T, weight: f32) {
        if let Some(i) = self.position(value) {
            self.values[i].1 += weight;
            self.compare(i);
            return;
        }
        let i = self.values.len();
        self.values.push((value, weight));
        if i >= FEW {
            self.remember(i);
        }
        if self.best.is_none() || self.on_sight {
            self.compare(i);
        }
    }

    fn compare(&mut self, i: usize) {
        if self.best.is_none_or(|b| self.values[i].1 > self.values[b].1) {
            self.best = Some(i);
        }
    }

    fn position(&self, value: T) -> Option<usize> {
        if self.values.len() <= FEW { self.values.iter().position(|(v, _)| *v == value) } else { self.table.get(&key(value)).copied() }
    }

    /// Moves to a table once there are many values.
    fn remember(&mut self, i: usize) {
        if self.table.is_empty() {
            self.table.extend(self.values[..i].iter().enumerate().map(|(i, (v, _))| (key(*v), i)));
        }
        self.table.insert(key(self.values[i].0), i);
    }

    fn found(&self) -> Option<T> {
        self.best.map(|i| self.values[i].0)
    }
}

/// The bytes of a value, the two zeros being one.
fn key<T: Pixel>(value: T) -> Vec<u8> {
    let value = if value == T::default() { T::default() } else { value };
    bytemuck::bytes_of(&value).to_vec()
}
