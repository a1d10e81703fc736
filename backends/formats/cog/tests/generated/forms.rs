use async_trait::async_trait;
use cube_backend::{
    ByteSource, Format, Result, Sources,
    testing::format::{conforms, downloads, endures, read_level, reads, tiles},
};
use cube_core::{Affine, PatchIndex, Window};
use cube_format_cog::Cog;
use cube_testkit::tiff::{Blocks, Compression, Endian, Georeference, Interleave, Mask, MaskDepth, Options, Plane, Predictor, SampleType};

use crate::files::{expectation, grid, planes, written};

#[tokio::test]
async fn every_type_layout_predictor_and_byte_order() {
    let compressions = [Compression::None, Compression::Lzw, Compression::Deflate(6), Compression::Zstd(3)];
    let mut count = 0;
    for sample in SampleType::ALL {
        for blocks in [Blocks::Tiles(32, 48), Blocks::Strips(9), Blocks::Strips(1000)] {
            for interleave in [Interleave::Pixel, Interleave::Band] {
                for endian in [Endian::Little, Endian::Big] {
                    for predictor in [Predictor::None, Predictor::Horizontal, Predictor::FloatingPoint] {
                        let compression = compressions[count % 4];
                        let (compressed, float) = (compression != Compression::None, sample.is_float());
                        if predictor == Predictor::FloatingPoint && !float || predictor != Predictor::None && !compressed {
                            count += 1;
                            continue;
                        }
                        let bands = planes(sample, 1 + count % 5, 70, 101);
                        let options = Options { blocks, interleave, endian, predictor, compression, big: count % 3 == 0, ..Options::default() };
                        let image = reads(&Cog, &written(&bands, &options).await, &expectation(&bands, &options)).await;
                        tiles(&*image);
                        count += 1;
                    }
                }
            }
        }
    }
    assert!(count > 300, "{count} files");
}

#[tokio::test]
async fn overviews_masks_and_scales() {
    let bands = planes(SampleType::I16, 3, 150, 203);
    let valid = (0..150 * 203).map(|i| i % 7 != 0 && i / 203 > 20).collect::<Vec<_>>();
    for depth in [MaskDepth::Bit, MaskDepth::Byte] {
        for blocks in [Blocks::Tiles(64, 64), Blocks::Strips(11)] {
            for interleave in [Interleave::Pixel, Interleave::Band] {
                let options = Options {
                    blocks,
                    interleave,
                    overviews: vec![2, 5],
                    mask: Some(Mask { valid: valid.clone(), depth }),
                    scale_offset: vec![(1e-4, -0.1), (1.0, 0.0), (2.75e-5, -0.2)],
                    ..Options::default()
                };
                let file = written(&bands, &options).await;
                conforms(&Cog, &file, &expectation(&bands, &options)).await;
                let image = Cog.open(file).await.expect("it opens");
                assert_eq!(image.scaling(2), Some((2.75e-5, -0.2)));
            }
        }
    }
}

#[tokio::test]
async fn blocks_that_are_not_stored_are_nodata_and_masked() {
    let bands: Vec<_> = (0..2)
        .map(|b| Plane::from_fn(SampleType::U16, 100, 100, |r, c| if r > 60 && c > 60 { 7.0 + b as f64 } else { 9.0 }).expect("a plane"))
        .collect();
    for interleave in [Interleave::Pixel, Interleave::Band] {
        let options = Options { blocks: Blocks::Tiles(32, 32), sparse: true, interleave, nodata: Some("9".to_owned()), ..Options::default() };
        let image = reads(&Cog, &written(&bands, &options).await, &expectation(&bands, &options)).await;
        let blocks = image.blocks(0, &[0], Window::new(0, 0, 1, 1));
        assert_eq!(blocks[0].place, cube_backend::Place::Absent);
        let first = &read_level(&*image, 0).await[0];
        let mask = first.mask.as_ref().expect("absent blocks have a mask");
        assert!(!mask[0] && mask[99 * 100 + 99]);
    }
}

#[tokio::test]
async fn damaged_files_are_errors() {
    let bands = planes(SampleType::F32, 2, 64, 96);
    for compression in [Compression::None, Compression::Lzw, Compression::Deflate(6), Compression::Zstd(3)] {
        for predictor in [Predictor::None, Predictor::FloatingPoint] {
            if compression == Compression::None && predictor != Predictor::None {
                continue;
            }
            for (blocks, interleave) in [(Blocks::Tiles(32, 48), Interleave::Band), (Blocks::Strips(20), Interleave::Pixel)] {
                let options = Options { blocks, interleave, compression, predictor, overviews: vec![2], ..Options::default() };
                endures(&Cog, &written(&bands, &options).await).await;
            }
        }
    }
}

#[tokio::test]
async fn a_point_is_the_centre_of_a_pixel_and_matrices_may_turn_or_run_north() {
    let bands = planes(SampleType::U8, 1, 20, 30);
    for pixel_is_point in [false, true] {
        for affine in [[10.0, 0.0, 6e5, 0.0, -10.0, 5e6], [10.0, 2.0, 6e5, 3.0, -10.0, 5e6], [10.0, 0.0, 6e5, 0.0, 10.0, 5e6]] {
            let options = Options { georeference: Some(Georeference { epsg: 32632, affine, pixel_is_point }), ..Options::default() };
            let image = Cog.open(written(&bands, &options).await).await.expect("it opens");
            assert_eq!(image.levels()[0].affine(), Affine::from(affine), "point: {pixel_is_point}");
        }
    }
    assert_eq!(grid((20, 30)).affine(), Affine::from(crate::files::AFFINE));
}

#[derive(Debug)]
struct One(ByteSource);

#[async_trait]
impl Sources for One {
    async fn source(&self, _href: &str) -> Result<ByteSource> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn patches_are_downloaded_once() {
    let file = written(&planes(SampleType::U16, 1, 64, 64), &Options::default()).await;
    let patch: PatchIndex = serde_json::from_value(serde_json::json!({
        "id": "c/p", "time": null, "assets": { "red": { "href": "https://host/a/red.tif" }, "B04": { "href": "https://host/a/red.tif" } }
    }))
    .expect("a patch");
    downloads(&Cog, &patch, &One(file)).await;
}

#[test]
fn assets_are_recognised_by_media_type_or_name() {
    let recognised = |href: &str, media: Option<&str>| {
        let asset = serde_json::from_value(serde_json::json!({ "href": href, "media_type": media })).expect("an asset");
        Cog.recognises(&asset)
    };
    assert!(recognised("s3://b/x", Some("image/tiff; application=geotiff; profile=cloud-optimized")));
    assert!(recognised("https://host/a/B04.TIF?sig=a.b", None));
    assert!(!recognised("https://host/a/B04.jp2", Some("image/jp2")));
}
