use std::sync::Arc;

use cube_backend::{ByteSource, Format, Place, testing::Counting};
use cube_core::Window;
use cube_format_cog::Cog;
use cube_testkit::tiff::{Blocks, Compression, Options, Plane, SampleType};

use crate::{
    files::{in_memory, planes, written},
    hostile::{Tag, classic},
};

async fn reads_to_open(file: ByteSource) -> (u64, Arc<dyn cube_backend::Image>) {
    let counting = Arc::new(Counting::new(file.store.clone()));
    let image = Cog.open(ByteSource { store: counting.clone(), ..file }).await.expect("it opens");
    (counting.reads(), image)
}

#[tokio::test]
async fn an_ordinary_cog_opens_with_one_request() {
    let bands = planes(SampleType::U8, 1, 2000, 2000);
    let options = Options { blocks: Blocks::Tiles(64, 64), overviews: vec![2, 4, 8], compression: Compression::Zstd(1), ..Options::default() };
    assert_eq!(reads_to_open(written(&bands, &options).await).await.0, 1);
}

#[tokio::test]
async fn a_header_of_a_megabyte_opens_with_few_requests() {
    let band = Plane::from_fn(SampleType::U8, 4096, 4096, |_, _| 1.0).expect("a plane");
    let options = Options { blocks: Blocks::Tiles(16, 16), overviews: vec![2, 4, 8], ..Options::default() };
    let (reads, image) = reads_to_open(written(&[band], &options).await).await;
    assert_eq!(image.levels().len(), 4);
    assert!(reads <= 4, "{reads} requests");
}

#[tokio::test]
async fn a_directory_at_the_end_is_jumped_to() {
    let (rows, cols) = (3000, 2000);
    let pixels: Vec<u8> = (0..rows * cols).map(|i| (i % 253) as u8).collect();
    let tags = [
        Tag::long(256, cols as u32),
        Tag::long(257, rows as u32),
        Tag::short(258, 8),
        Tag::long(273, 8),
        Tag::long(278, rows as u32),
        Tag::long(279, pixels.len() as u32),
        Tag::doubles(33550, &[10.0, 10.0, 0.0]),
        Tag::doubles(33922, &[0.0, 0.0, 0.0, 6e5, 5e6, 0.0]),
        Tag::shorts(34735, &[1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32632]),
    ];
    let (reads, image) = reads_to_open(in_memory(classic(&pixels, &tags)).await).await;
    assert_eq!(reads, 2);
    let blocks = image.blocks(0, &[0], Window::new(2500, 100, 2, 2));
    let [block] = &blocks[..] else { panic!("one part of the only strip: {blocks:?}") };
    assert!(matches!(block.place, Place::Range { length, .. } if length < 5 << 20), "a part of the strip: {block:?}");
    let Place::Range { offset, length } = block.place else { panic!("stored") };
    let start = offset as usize - 8;
    let raster = image.decode(block, pixels[start..start + length as usize].to_vec().into(), None).expect("it decodes");
    assert_eq!(raster[0].pixels.as_bytes()[0], pixels[block.window.row * cols]);
}
