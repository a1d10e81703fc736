//! Tiles as plain Zarr: a small cube of their own, on the exact grid, with the steps that were asked for.

use std::path::Path;

use cube_core::{ChunkIndex, GroupLayout, Layout, Pixel, Pixels, Shape, TimeAxis, TimeStep, TimeValue, Window};
use cube_store::{Batch, Cube, Location, Receipt, Snapshot, State, Writer};

use super::{Part, TileFile};
use crate::{Environment, Error, Result, pixels::with_pixels};

/// Encoded bytes that wait for one commit.
const COMMIT_BYTES: u64 = 64 << 20;

pub(super) async fn write(snapshot: &Snapshot, parts: &[Part<'_>], path: &Path, environment: &Environment) -> Result<Vec<TileFile>> {
    let layout = layout(snapshot.layout(), parts);
    let location = Location::parse(&path.display().to_string())?;
    let cube = Cube::create(&location, &environment.storage_options(), &layout).await?;
    let written = fill(snapshot, parts, &layout, &cube).await;
    cube.close().await;
    if let Err(error) = written {
        // Half a tile is of no use to anybody; that it cannot be removed either is not what went wrong.
        let _ = std::fs::remove_dir_all(path);
        return Err(error);
    }
    Ok(parts.iter().map(|p| p.file(path, &p.steps)).collect())
}

/// The layout of the cube, cut to the tile.
fn layout(of: &Layout, parts: &[Part<'_>]) -> Layout {
    let bands: Vec<_> = parts.first().map(|p| p.bands.iter().map(|b| (*b).clone()).collect()).unwrap_or_default();
    let mut steps: Vec<TimeValue> = parts.iter().flat_map(|p| &p.steps).flatten().copied().collect();
    steps.sort();
    steps.dedup();
    let declared = (of.time.step != TimeStep::None).then(|| steps.clone());
    let groups: Vec<GroupLayout> = parts.iter().map(|p| GroupLayout { grid: p.grid.clone(), ..p.group.clone() }).collect();
    let most = groups.iter().map(|g| g.grid.shape()).reduce(|a, b| Shape::new(a.rows.max(b.rows), a.cols.max(b.cols))).unwrap_or(of.chunk);
    let unit = Shape::new(of.chunk.rows.min(most.rows), of.chunk.cols.min(most.cols));
    let mut spec = of.spec.clone();
    spec.bands.retain(|name, _| bands.iter().any(|b| b.name == *name));
    spec.encoding.shard = None;
    (spec.chunks.time, spec.chunks.y, spec.chunks.x) = (1, unit.rows, unit.cols);
    spec.time.range = None;
    spec.time.values = declared.as_ref().map(|steps| steps.iter().map(ToString::to_string).collect());
    if let [one] = &groups[..]
        && !spec.grid.is_native()
    {
        spec.grid.resolution = None;
        spec.grid.like = None;
        spec.grid.shape = Some(one.grid.shape());
        spec.grid.extent = Some(one.grid.extent());
    }
    let time = TimeAxis { declared, ..of.time.clone() };
    Layout { spec, groups, bands, time, unit_time: 1, unit, chunk_time: 1, chunk: unit }
}

async fn fill(snapshot: &Snapshot, parts: &[Part<'_>], layout: &Layout, cube: &Cube) -> Result<()> {
    let writer = cube.writer().await?;
    let mut batch = Batch { message: "tile".into(), ..Batch::default() };
    for part in parts {
        for band in &part.bands {
            for step in &part.steps {
                for piece in part.pieces(layout.unit.rows, layout.unit.cols) {
                    let pixels = part.read(snapshot, band, *step, piece).await?;
                    for unit in units(piece, layout.unit) {
                        let pixels = cut(&pixels, piece, unit, layout.unit, band.fill)?;
                        let receipt = put(&writer, &part.group.name, &band.name, *step, unit, layout.unit, &pixels).await?;
                        batch.receipts.push(receipt);
                    }
                    if batch.receipts.iter().map(|r| r.payload.len()).sum::<u64>() > COMMIT_BYTES {
                        cube.commit(&batch).await?;
                        batch.receipts.clear();
                    }
                }
            }
        }
    }
    cube.commit(&batch).await?;
    Ok(())
}

/// The units of a piece that begins at one.
fn units(piece: Window, unit: Shape) -> Vec<Window> {
    let cols = (piece.col..piece.col_end()).step_by(unit.cols);
    cols.map(|col| Window::new(piece.row, col, piece.rows.min(unit.rows), unit.cols.min(piece.col_end() - col))).collect()
}

/// The pixels of a unit, filled up beyond the edge of the tile.
fn cut(pixels: &Pixels, piece: Window, window: Window, unit: Shape, fill: cube_core::Number) -> Result<Pixels> {
    let no_fill = || Error::refused(format!("the fill value {fill} is not one of {}", pixels.dtype()), "make a cube with another `nodata`");
    let mut out = Pixels::filled(pixels.dtype(), fill, unit.len()).ok_or_else(no_fill)?;
    fn copy<T: Pixel>(from: &[T], out: &mut [T], piece: Window, window: Window, unit: Shape) {
        for row in 0..window.rows {
            let start = (window.row - piece.row + row) * piece.cols + window.col - piece.col;
            out[row * unit.cols..row * unit.cols + window.cols].copy_from_slice(&from[start..start + window.cols]);
        }
    }
    with_pixels!(pixels, from => if let Some(out) = Pixel::unwrap_mut(&mut out) {
        copy(from, out, piece, window, unit);
    });
    Ok(out)
}

async fn put(writer: &Writer, group: &str, band: &str, step: Option<TimeValue>, window: Window, unit: Shape, pixels: &Pixels) -> Result<Receipt> {
    let bytes = writer.encode(group, band, pixels)?;
    let state = if bytes.is_some() { State::Loaded } else { State::Empty };
    let payload = writer.upload(group, band, bytes).await?;
    let at = ChunkIndex { row: (window.row / unit.rows) as u32, col: (window.col / unit.cols) as u32 };
    Ok(Receipt { group: group.into(), band: band.into(), step: step.unwrap_or(TimeValue(0)), at, payload, state, fingerprint: 0 })
}
