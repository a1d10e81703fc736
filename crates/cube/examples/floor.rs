//! The floor of a load: decoding every tile of the source files of a cube and encoding every chunk that it holds, alone, with the same
//! libraries. `floor CUBE` prints the CPU seconds of both as JSON; `make bench` compares a load with them.

use std::{collections::BTreeSet, error::Error, time::Duration};

use bytes::Bytes;
use cube_backend::{Block, Place};
use cube_core::{Number, Pixels, Shape, Window};
use eocube::{Environment, State, TimeValue};
use object_store::ObjectStoreExt;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example's result")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: floor CUBE")?;
    let environment = Environment::from_env()?;
    let cube = environment.open_cube(&path).await?;
    let (decode, decoded) = decode(&environment, &cube).await?;
    let (encode, encoded) = encode(&cube).await?;
    let (decode, encode) = (decode.as_secs_f64(), encode.as_secs_f64());
    println!("{}", serde_json::json!({ "cpu_s": decode + encode, "decode_s": decode, "encode_s": encode, "blocks": decoded, "chunks": encoded }));
    Ok(())
}

/// Units measured at once: the clock of a thread moves in steps of milliseconds.
const TOGETHER: usize = 64;

/// Decodes every stored tile of full resolution of every file; reading the bytes does not count.
async fn decode(environment: &Environment, cube: &eocube::Cube) -> Result<(Duration, usize), Box<dyn Error>> {
    let snapshot = cube.snapshot().await?;
    let patches = snapshot.patches(&cube_store::PatchFilter::default()).await?;
    let names = snapshot.layout().bands.iter().map(|b| b.asset.clone()).collect::<Vec<_>>();
    let files: BTreeSet<String> = patches.iter().flat_map(|p| names.iter().filter_map(|n| p.asset(n))).map(|a| a.href.clone()).collect();
    let (mut spent, mut count) = (Duration::ZERO, 0);
    for href in files {
        let image = environment.open_image(&href).await?;
        let mut read: Vec<(Block, Bytes)> = Vec::new();
        for block in image.blocks(0, &[0], Window::whole(image.levels()[0].shape())) {
            let Place::Range { offset, length } = block.place else { continue };
            let bytes = image.source().store.get_range(&image.source().path, offset..offset + length).await?;
            read.push((block, bytes));
        }
        let before = cpu()?;
        for (block, bytes) in read {
            std::hint::black_box(image.decode(&block, bytes, None)?);
            count += 1;
        }
        spent += cpu()? - before;
    }
    Ok((spent, count))
}

/// Encodes every chunk that the cube holds; reading its pixels does not count.
async fn encode(cube: &eocube::Cube) -> Result<(Duration, usize), Box<dyn Error>> {
    let (snapshot, writer) = (cube.snapshot().await?, cube.writer().await?);
    let layout = snapshot.layout();
    let (mut spent, mut count) = (Duration::ZERO, 0);
    for (group, band) in layout.groups.iter().flat_map(|g| layout.bands.iter().map(move |b| (g, b))) {
        let grid = layout.unit_grid(group);
        let units = Window::whole(grid.chunks());
        let steps: Vec<TimeValue> = snapshot.steps(&group.name).await?;
        for (index, step) in steps.iter().enumerate() {
            let ledger = snapshot.ledger(&group.name, &band.name, index, units).await?;
            let loaded: Vec<_> = grid.iter(units).filter(|at| ledger.at(*at).0 == State::Loaded).map(|at| grid.window(at)).collect();
            for windows in loaded.chunks(TOGETHER) {
                let mut read = Vec::new();
                for window in windows {
                    let pixels = snapshot.read(&group.name, &band.name, Some(*step), *window).await?;
                    read.push(padded(&pixels, window.shape(), layout.unit, band.fill).ok_or("a fill value that its dtype cannot hold")?);
                }
                let before = cpu()?;
                for pixels in read {
                    std::hint::black_box(writer.encode(&group.name, &band.name, &pixels)?);
                    count += 1;
                }
                spent += cpu()? - before;
            }
        }
    }
    Ok((spent, count))
}

/// The pixels of a unit as they are encoded: where the edge of the grid cuts it, the rest is fill.
fn padded(pixels: &Pixels, shape: Shape, unit: Shape, fill: Number) -> Option<Pixels> {
    let size = pixels.dtype().size();
    let mut bytes = Pixels::filled(pixels.dtype(), fill, unit.rows * unit.cols)?.as_bytes().to_vec();
    for (to, from) in bytes.chunks_exact_mut(unit.cols * size).zip(pixels.as_bytes().chunks_exact(shape.cols * size)) {
        to[..from.len()].copy_from_slice(from);
    }
    Pixels::from_bytes(pixels.dtype(), &bytes)
}

/// CPU time of this thread.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().and_then(|t| t.parse().ok()).ok_or("no scheduler statistics")?;
    Ok(Duration::from_nanos(nanoseconds))
}
