//! Decodes every block of a file on one thread and says how many megabytes of pixels that makes a second: `decode_speed FILE [TIMES]`.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{sync::Arc, time::Instant};

use cube_backend::{ByteSource, Format, Place};
use cube_core::Window;
use cube_format_cog::Cog;
use object_store::{local::LocalFileSystem, path::Path};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("name a file")?;
    let times = std::env::args().nth(2).map_or(Ok(5), |n| n.parse())?;
    let source = ByteSource { store: Arc::new(LocalFileSystem::new()), path: Path::from_absolute_path(&file)?, name: file.as_str().into() };
    let image = Cog.open(source).await?;
    let bytes = bytes::Bytes::from(std::fs::read(&file)?);
    let bands: Vec<usize> = (0..image.bands()).collect();
    let blocks = image.blocks(0, &bands, Window::whole(image.levels()[0].shape()));
    for _ in 0..times {
        let (start, mut decoded) = (Instant::now(), 0);
        for block in &blocks {
            let at = |place: &Place| match place {
                Place::Range { offset, length } => bytes.slice(*offset as usize..(offset + length) as usize),
                _ => bytes::Bytes::new(),
            };
            let rasters = image.decode(block, at(&block.place), block.mask.as_ref().map(at))?;
            decoded += rasters.iter().map(|r| r.pixels.as_bytes().len()).sum::<usize>();
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{:.0} MB/s ({} blocks, {seconds:.3} s)", decoded as f64 / 1e6 / seconds, blocks.len());
    }
    Ok(())
}
