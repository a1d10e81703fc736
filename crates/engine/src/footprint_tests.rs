use std::collections::BTreeMap;

use cube_core::{
    Affine, Asset, BandLayout, ChunkIndex, Codec, DType, Number, PatchId, Resampling, Shape, Shuffle, SourceGrid, TimeAxis, TimeStep, TimeValue,
    Values,
};

use super::*;

fn band(name: &str) -> BandLayout {
    BandLayout {
        name: name.into(),
        asset: name.into(),
        dtype: DType::UInt16,
        fill: Number::from(0.0),
        nodata: Some(Number::from(0.0)),
        resampling: Resampling::Nearest,
        values: Values::Raw,
        scale: None,
        offset: None,
        units: None,
        long_name: None,
        codec: Codec::Zstd,
        level: 1,
        compressor: "zstd".into(),
        shuffle: Shuffle::None,
    }
}

/// One row of four units of 64 × 64 pixels, from 600000 to 602560 in UTM zone 32, or a cube of native pixels.
fn layout(crs: &str, bands: [&str; 2]) -> Layout {
    let affine = Affine::new(10.0, 0.0, 600_000.0, 0.0, -10.0, 5_000_000.0);
    let grid = GeoBox::new(Crs::from_epsg(32632), affine, Shape::new(64, 256)).expect("a grid");
    let spec = serde_json::json!({
        "source": {"backend": "stac", "url": "items.json"},
        "grid": {"crs": crs, "resolution": 10.0},
        "bands": {"a": {}, "b": {}},
    });
    Layout {
        spec: serde_json::from_value(spec).expect("a spec"),
        groups: vec![GroupLayout { name: String::new(), grid, crs_wkt: String::new(), geographic: false }],
        bands: bands.map(band).into(),
        time: TimeAxis { step: TimeStep::None, utc_offset_hours: 0, declared: None, settle_micros: 0 },
        unit_time: 1,
        unit: Shape::new(64, 64),
        chunk_time: 1,
        chunk: Shape::new(64, 64),
    }
}

/// 640 m of a row, with pixels of some size.
fn asset(epsg: u32, west: f64, size: f64) -> Asset {
    let pixels = (640.0 / size) as usize;
    let grid = SourceGrid {
        crs: Some(Crs::from_epsg(epsg)),
        affine: Some(Affine::new(size, 0.0, west, 0.0, -size, 5_000_000.0)),
        shape: Some(Shape::new(pixels, pixels)),
        extent: None,
    };
    Asset { grid: Some(grid), ..Asset::bare("file.tif") }
}

/// An item whose outline is about the first unit of the row.
fn patch(a: Asset, b: Asset) -> Arc<PatchIndex> {
    Arc::new(PatchIndex {
        id: PatchId::new("c", "an item"),
        time: Some(TimeValue(0)),
        interval: None,
        footprint: None,
        bbox: Some([10.2705, 45.1410, 10.2775, 45.1450]),
        version: String::new(),
        assets: BTreeMap::from([("a".to_owned(), Arc::new(a)), ("b".to_owned(), Arc::new(b))]),
        properties: BTreeMap::new(),
    })
}

fn columns(layout: &Layout, patch: &Arc<PatchIndex>) -> Vec<u32> {
    let found = Locator::new(layout, &layout.groups[0]).expect("a locator").units(&[Arc::clone(patch)]).expect("units");
    found[0].iter().map(|ChunkIndex { col, .. }| col).collect()
}

#[test]
fn every_band_finds_its_own_units() {
    let apart = patch(asset(32632, 600_000.0, 10.0), asset(32632, 601_280.0, 10.0));
    for bands in [["a", "b"], ["b", "a"]] {
        assert_eq!(columns(&layout("EPSG:32632", bands), &apart), [0, 2], "{bands:?}");
    }
    let whole = roi_of(&apart, &layout("EPSG:32632", ["a", "b"])).expect("a region");
    assert_eq!(whole.crs, Crs::wgs84(), "no one grid holds it");
}

#[test]
fn bands_on_the_same_ground_are_looked_at_once() {
    let layout = layout("EPSG:32632", ["a", "b"]);
    let finer = patch(asset(32632, 600_000.0, 10.0), asset(32632, 600_000.0, 20.0));
    assert_eq!(native::grids(&finer, &layout).len(), 1);
    assert_eq!(columns(&layout, &finer), [0]);
    assert_eq!(roi_of(&finer, &layout).expect("a region").crs, Crs::from_epsg(32632));
}

#[test]
fn a_grid_that_lies_elsewhere_than_its_item_is_not_trusted_alone() {
    let layout = layout("EPSG:32632", ["a", "b"]);
    let wrong = patch(asset(32633, 600_000.0, 10.0), asset(32633, 600_000.0, 10.0));
    assert!(columns(&layout, &wrong).contains(&0), "found by its outline");
    assert_eq!(roi_of(&wrong, &layout).expect("a region").crs, Crs::wgs84());
    let without = |patch: &PatchIndex| Arc::new(PatchIndex { bbox: None, ..patch.clone() });
    assert_eq!(columns(&layout, &without(&wrong)), [0; 0], "without an outline there is nothing to hold it against");
}

#[test]
fn an_outline_agrees_across_the_antimeridian_and_in_any_turn() {
    let boxes = [Extent::new(179.0, 0.0, 180.0, 1.0), Extent::new(-180.0, 0.0, -179.0, 1.0)];
    let agrees = |bbox| agrees(&PatchIndex { bbox: Some(bbox), ..PatchIndex::clone(&patch(Asset::bare(""), Asset::bare(""))) }, &boxes);
    assert!(agrees([179.5, 0.2, -179.5, 0.4]) && agrees([180.2, 0.2, 180.4, 0.4]) && agrees([178.0, 0.0, 178.95, 1.0]));
    assert!(!agrees([10.0, 0.0, 11.0, 1.0]) && !agrees([179.0, 2.0, 180.0, 3.0]));
}
