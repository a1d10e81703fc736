use std::sync::Arc;

use cube_backend::{
    ByteSource,
    testing::format::{Expectation, Level},
};
use cube_core::{Affine, Crs, DType, GeoBox, Number, Pixels, Raster, Shape};
use cube_testkit::tiff::{Georeference, Options, Plane, SampleType, encode};
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};

pub(crate) const AFFINE: [f64; 6] = [10.0, 0.0, 600_000.0, 0.0, -10.0, 5_000_000.0];

/// Bands that differ, with values over the whole range of the type.
pub(crate) fn planes(sample: SampleType, bands: usize, rows: usize, cols: usize) -> Vec<Plane> {
    (0..bands)
        .map(|band| {
            let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(band as u64 + 1);
            let bytes: Vec<u8> = (0..rows * cols)
                .flat_map(|i| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let smooth = (i / cols) as f64 * 3.5 - (i % cols) as f64 * 1.25 + band as f64 * 40.0;
                    let noise = (state >> 61) as f64;
                    let mut one = Vec::new();
                    sample.push(if i % 97 == 0 { f64::from((state >> 40) as u32) } else { smooth + noise }, &mut one);
                    one
                })
                .collect();
            Plane::from_bytes(sample, rows, cols, bytes).expect("a plane")
        })
        .collect()
}

/// The file in memory, with a georeference.
pub(crate) async fn written(planes: &[Plane], options: &Options) -> ByteSource {
    let georeference = options.georeference.clone().or(Some(Georeference { epsg: 32632, affine: AFFINE, pixel_is_point: false }));
    in_memory(encode(planes, &Options { georeference, ..options.clone() }).expect("a file")).await
}

pub(crate) async fn in_memory(bytes: Vec<u8>) -> ByteSource {
    let store = Arc::new(InMemory::new());
    let path = Path::from("file.tif");
    store.put(&path, bytes.into()).await.expect("it is put");
    ByteSource { store, path, name: "file.tif".into() }
}

/// What a reader must find in a file written with these options.
pub(crate) fn expectation(planes: &[Plane], options: &Options) -> Expectation {
    let nodata = options.nodata.as_deref().map(|t| Number::parse(t).expect("a number"));
    let reduced = |factor: usize| -> Vec<Plane> { planes.iter().map(|p| p.reduced(factor, options.reduce, nodata.map(Number::as_f64))).collect() };
    let factors = std::iter::once(1).chain(options.overviews.iter().copied());
    let full = grid(planes[0].shape());
    let levels = factors.map(|factor| {
        let bands = if factor == 1 { planes.to_vec() } else { reduced(factor) };
        let (rows, cols) = bands[0].shape();
        let mask = options.mask.as_ref().map(|mask| {
            let valid = |i: usize| mask.valid[i / cols * factor * planes[0].shape().1 + i % cols * factor];
            (0..rows * cols).map(valid).collect()
        });
        let grid = full.zoom_to(Shape::new(rows, cols)).expect("a grid");
        Level { grid, bands: bands.iter().map(|p| Raster { mask: Option::clone(&mask), ..raster(p) }).collect() }
    });
    Expectation { levels: levels.collect(), nodata, header_requests: 1 }
}

pub(crate) fn grid((rows, cols): (usize, usize)) -> GeoBox {
    GeoBox::new(Crs::from_epsg(32632), Affine::from(AFFINE), Shape::new(rows, cols)).expect("a grid")
}

pub(crate) fn raster(plane: &Plane) -> Raster {
    let (rows, cols) = plane.shape();
    let dtype = DType::parse(plane.sample().name()).expect("a type");
    // The testkit keeps little-endian bytes, as do all machines that tests run on.
    let pixels = Pixels::from_bytes(dtype, plane.bytes()).expect("whole pixels");
    Raster { shape: Shape::new(rows, cols), pixels, mask: None }
}
