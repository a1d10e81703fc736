//! A picture of what is loaded.

use cube_core::{BandLayout, ChunkIndex, GroupLayout, Layout, Number, Pixel, Pixels, TimeValue, Window};
use cube_store::{Snapshot, State};
use futures::{StreamExt, TryStreamExt};

use crate::{Error, Result, pixels::with_pixels, survey};

/// Pixels are stretched between these percentiles.
const STRETCH: (f64, f64) = (0.02, 0.98);
/// Units read at once.
const PARALLEL: usize = 4;

/// What to show.
#[derive(Debug, Clone)]
pub struct PreviewOptions {
    /// A time; the step that it belongs to is shown. The last step with pixels when absent.
    pub time: Option<TimeValue>,
    /// One band (grey) or three (red, green, blue); chosen when empty.
    pub bands: Vec<String>,
    /// Name of the group; the first that holds pixels when absent.
    pub group: Option<String>,
    /// The longer side of the picture is at most so many pixels.
    pub largest: usize,
}

impl Default for PreviewOptions {
    fn default() -> Self {
        Self { time: None, bands: Vec::new(), group: None, largest: 1024 }
    }
}

/// A picture: red, green, blue and opacity, a byte each, row by row.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `4 × rows × cols` bytes.
    pub rgba: Vec<u8>,
    /// The step that is shown.
    pub time: Option<TimeValue>,
    /// The bands that are shown.
    pub bands: Vec<String>,
    /// The part of the group's grid that is shown.
    pub window: Window,
    /// The group.
    pub group: String,
    /// Every n-th pixel of every n-th row is shown.
    pub stride: usize,
}

/// Shows the loaded part of one step: stretched, nodata transparent. Reads unit by unit, so memory is bounded by picture and unit.
pub async fn preview(snapshot: &Snapshot, options: &PreviewOptions) -> Result<Picture> {
    let layout = snapshot.layout();
    let bands = choose_bands(layout, &options.bands)?;
    let (group, time, loaded) = choose_place(snapshot, options, &bands).await?;
    let units = layout.unit_grid(group);
    let window = loaded.iter().map(|at| units.window(*at)).reduce(Window::union).unwrap_or(Window::new(0, 0, 1, 1));
    let stride = window.rows.max(window.cols).div_ceil(options.largest.max(1)).max(1);
    let (rows, cols) = (window.rows.div_ceil(stride), window.cols.div_ceil(stride));
    let mut planes: Vec<Vec<f32>> = Vec::with_capacity(bands.len());
    for band in &bands {
        let mut plane = vec![f32::NAN; rows * cols];
        let reads = loaded.iter().map(|at| {
            let window = units.window(*at);
            async move { Ok::<_, Error>((window, snapshot.read(&group.name, &band.name, time, window).await?)) }
        });
        let mut reads = futures::stream::iter(reads).buffer_unordered(PARALLEL);
        while let Some((part, pixels)) = reads.try_next().await? {
            sample(&pixels, part, band.nodata, window, stride, cols, &mut plane);
        }
        planes.push(plane);
    }
    Ok(Picture {
        rows,
        cols,
        rgba: paint(&planes, rows * cols),
        time,
        bands: bands.iter().map(|b| b.name.clone()).collect(),
        window,
        group: group.name.clone(),
        stride,
    })
}

fn choose_bands<'a>(layout: &'a Layout, wanted: &[String]) -> Result<Vec<&'a BandLayout>> {
    if !matches!(wanted.len(), 0 | 1 | 3) {
        return Err(Error::refused(format!("{} bands cannot be shown", wanted.len()), "give one band (grey) or three (red, green, blue)"));
    }
    let known = || layout.bands.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ");
    let find =
        |name: &String| layout.band(name).ok_or_else(|| Error::refused(format!("the cube has no variable `{name}`"), format!("it has {}", known())));
    if !wanted.is_empty() {
        return wanted.iter().map(find).collect();
    }
    let colours: Vec<_> = ["red", "green", "blue"].iter().filter_map(|n| layout.band(n)).collect();
    Ok(if colours.len() == 3 { colours } else { layout.bands.iter().take(1).collect() })
}

type Place<'a> = (&'a GroupLayout, Option<TimeValue>, Vec<ChunkIndex>);

/// The group and step to show, and the units in which a band has pixels there.
async fn choose_place<'a>(snapshot: &'a Snapshot, options: &PreviewOptions, bands: &[&BandLayout]) -> Result<Place<'a>> {
    let layout = snapshot.layout();
    if let Some(name) = &options.group
        && layout.group(name).is_none()
    {
        let known: Vec<_> = layout.groups.iter().map(|g| g.name.as_str()).collect();
        return Err(Error::refused(format!("the cube has no group `{name}`"), format!("it has {}", known.join(", "))));
    }
    let wanted = options.time.filter(|_| survey::has_time(layout)).map(|t| layout.time.step_of(t));
    let mut known = Vec::new();
    for group in layout.groups.iter().filter(|g| options.group.as_ref().is_none_or(|n| *n == g.name)) {
        let mut steps: Vec<(usize, Option<TimeValue>)> = vec![(0, None)];
        if survey::has_time(layout) {
            let all = snapshot.steps(&group.name).await?;
            known.extend(all.iter().copied());
            steps = all
                .iter()
                .enumerate()
                .rev()
                .map(|(i, t)| (i / layout.unit_time.max(1), Some(*t)))
                .filter(|(_, t)| wanted.is_none() || *t == wanted)
                .collect();
        }
        for (unit, step) in steps {
            let loaded = loaded_units(snapshot, group, unit, bands).await?;
            if !loaded.is_empty() {
                return Ok((group, step, loaded));
            }
        }
    }
    match wanted {
        Some(step) if !known.contains(&step) => {
            known.sort();
            let near: Vec<String> = known.iter().rev().take(5).map(ToString::to_string).collect();
            let hint = if near.is_empty() {
                "load something first: `cube load --help`".to_owned()
            } else {
                format!("the last steps are {}", near.join(", "))
            };
            Err(Error::refused(format!("the cube has no step {step}"), hint))
        }
        _ => Err(Error::refused("there are no pixels to show", "load something first (`cube load --help`); `cube status` shows what there is")),
    }
}

async fn loaded_units(snapshot: &Snapshot, group: &GroupLayout, time_unit: usize, bands: &[&BandLayout]) -> Result<Vec<ChunkIndex>> {
    let units = snapshot.layout().unit_grid(group);
    let whole = Window::whole(units.chunks());
    let mut found = std::collections::BTreeSet::new();
    for band in bands {
        let block = snapshot.ledger(&group.name, &band.name, time_unit, whole).await?;
        let loaded = units.iter(whole).zip(&block.state).filter(|(_, s)| matches!(s, State::Loaded | State::Partial));
        found.extend(loaded.map(|(at, _)| at));
    }
    Ok(found.into_iter().collect())
}

/// Takes every n-th pixel of a part of the window into the plane; nodata becomes NaN.
fn sample(pixels: &Pixels, part: Window, nodata: Option<Number>, window: Window, stride: usize, cols: usize, plane: &mut [f32]) {
    let fill = nodata.map(Number::as_f64);
    let first = |start: usize, origin: usize| (start - origin).div_ceil(stride);
    let rows = (first(part.row, window.row)..).take_while(|r| window.row + r * stride < part.row_end());
    with_pixels!(pixels, values => for row in rows {
        for col in (first(part.col, window.col)..).take_while(|c| window.col + c * stride < part.col_end()) {
            let at = (window.row + row * stride - part.row) * part.cols + window.col + col * stride - part.col;
            let value = values[at].to_f64();
            if fill != Some(value) {
                plane[row * cols + col] = value as f32;
            }
        }
    });
}

/// Stretches each plane between its percentiles; a pixel that no plane has is transparent.
fn paint(planes: &[Vec<f32>], len: usize) -> Vec<u8> {
    let stretched: Vec<Vec<u8>> = planes.iter().map(|p| stretch(p)).collect();
    let mut rgba = Vec::with_capacity(4 * len);
    for i in 0..len {
        let of = |c: usize| stretched[c.min(stretched.len() - 1)][i];
        let seen = planes.iter().any(|p| p[i].is_finite());
        rgba.extend([of(0), of(1), of(2), if seen { u8::MAX } else { 0 }]);
    }
    rgba
}

fn stretch(plane: &[f32]) -> Vec<u8> {
    let mut valid: Vec<f32> = plane.iter().copied().filter(|v| v.is_finite()).collect();
    if valid.is_empty() {
        return vec![0; plane.len()];
    }
    let mut percentile = |share: f64| {
        let at = (share * (valid.len() - 1) as f64).round() as usize;
        *valid.select_nth_unstable_by(at, f32::total_cmp).1
    };
    let (low, high) = (percentile(STRETCH.0), percentile(STRETCH.1));
    let span = if high > low { high - low } else { 1.0 };
    plane.iter().map(|v| if v.is_finite() { ((v - low) / span * 255.0).round().clamp(0.0, 255.0) as u8 } else { 0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_values_fills_the_scale() {
        let plane: Vec<f32> = (0..101).map(|v| v as f32).chain([f32::NAN]).collect();
        let out = stretch(&plane);
        assert_eq!((out[0], out[2], out[50], out[98], out[100], out[101]), (0, 0, 128, 255, 255, 0));
        assert_eq!(stretch(&[7.0, 7.0]), [0, 0]);
    }

    #[test]
    fn strides_agree_across_parts() {
        let window = Window::new(4, 6, 10, 9);
        let stride = 3;
        let (rows, cols) = (4, 3);
        let mut whole = vec![f32::NAN; rows * cols];
        let of = |w: Window| {
            let values: Vec<u16> = (0..w.rows * w.cols).map(|i| ((w.row + i / w.cols) * 100 + w.col + i % w.cols) as u16).collect();
            Pixel::wrap(values)
        };
        sample(&of(window), window, None, window, stride, cols, &mut whole);
        let mut parts = vec![f32::NAN; rows * cols];
        for part in [Window::new(4, 6, 5, 4), Window::new(4, 10, 5, 5), Window::new(9, 6, 5, 4), Window::new(9, 10, 5, 5)] {
            sample(&of(part), part, None, window, stride, cols, &mut parts);
        }
        assert_eq!(whole, parts);
        assert_eq!(whole[cols + 1], 709.0);
    }
}
