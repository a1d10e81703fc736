//! Layouts, receipts and checks that the tests share.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{
    Affine, BandLayout, ChunkIndex, Codec, Crs, CubeSpec, DType, GeoBox, GroupLayout, Layout, Number, PatchId, PatchIndex, Pixels, Resampling, Shape,
    Shuffle, TimeAxis, TimeStep, TimeValue, Values, Window,
};
use cube_store::{Batch, Cube, Kind, Location, Receipt, Snapshot, State, StorageOptions, Writer};

pub(crate) const DAY: i64 = 86_400_000_000;

/// Day `n` after 2024-01-01.
pub(crate) fn day(n: i64) -> TimeValue {
    TimeValue(1_704_067_200_000_000 + n * DAY)
}

pub(crate) fn unit(row: u32, col: u32) -> ChunkIndex {
    ChunkIndex { row, col }
}

pub(crate) fn band(name: &str, dtype: DType, fill: f64) -> BandLayout {
    BandLayout {
        name: name.into(),
        asset: name.into(),
        dtype,
        fill: Number::from(fill),
        nodata: Some(Number::from(fill)),
        resampling: Resampling::Nearest,
        values: Values::Raw,
        scale: None,
        offset: None,
        units: None,
        long_name: None,
        codec: Codec::Blosc,
        level: 1,
        compressor: "zstd".into(),
        shuffle: Shuffle::Bit,
    }
}

pub(crate) fn utm(zone: u32, name: &str, shape: Shape) -> GroupLayout {
    let affine = Affine::new(20.0, 0.0, 600_000.0, 0.0, -20.0, 5_000_000.0);
    let grid = GeoBox::new(Crs::from_epsg(32600 + zone), affine, shape).expect("a grid");
    let meridian = f64::from(zone) * 6.0 - 183.0;
    let crs_wkt = format!(
        "PROJCRS[\"WGS 84 / UTM zone {zone}N\",BASEGEOGCRS[\"WGS 84\",DATUM[\"World Geodetic System 1984\",ELLIPSOID[\"WGS 84\",6378137,298.257223563,\
         LENGTHUNIT[\"metre\",1]]],PRIMEM[\"Greenwich\",0,ANGLEUNIT[\"degree\",0.0174532925199433]],ID[\"EPSG\",4326]],CONVERSION[\"UTM zone {zone}N\",\
         METHOD[\"Transverse Mercator\",ID[\"EPSG\",9807]],PARAMETER[\"Latitude of natural origin\",0,ANGLEUNIT[\"degree\",0.0174532925199433],ID[\"EPSG\",8801]],\
         PARAMETER[\"Longitude of natural origin\",{meridian},ANGLEUNIT[\"degree\",0.0174532925199433],ID[\"EPSG\",8802]],PARAMETER[\"Scale factor at natural origin\",\
         0.9996,SCALEUNIT[\"unity\",1],ID[\"EPSG\",8805]],PARAMETER[\"False easting\",500000,LENGTHUNIT[\"metre\",1],ID[\"EPSG\",8806]],PARAMETER[\"False northing\",0,\
         LENGTHUNIT[\"metre\",1],ID[\"EPSG\",8807]]],CS[Cartesian,2],AXIS[\"(E)\",east,ORDER[1],LENGTHUNIT[\"metre\",1]],AXIS[\"(N)\",north,ORDER[2],\
         LENGTHUNIT[\"metre\",1]],ID[\"EPSG\",{}]]",
        32600 + zone
    );
    GroupLayout { name: name.into(), grid, crs_wkt, geographic: false }
}

/// 100 × 130 pixels of UTM zone 32 in units of 32 × 32, days as steps, `red` and `number`.
pub(crate) fn layout() -> Layout {
    let spec = serde_json::json!({
        "title": "a test cube",
        "source": {"backend": "stac", "url": "items.json"},
        "grid": {"crs": "EPSG:32632", "resolution": 20.0},
        "bands": {"red": {}, "number": {}},
    });
    let spec: CubeSpec = serde_json::from_value(spec).expect("a spec");
    Layout {
        spec,
        groups: vec![utm(32, "", Shape::new(100, 130))],
        bands: vec![band("red", DType::UInt16, 0.0), band("number", DType::UInt32, 0.0)],
        time: TimeAxis { step: TimeStep::Day, utc_offset_hours: 0, declared: None, settle_micros: 3 * DAY },
        unit_time: 1,
        unit: Shape::new(32, 32),
        chunk_time: 1,
        chunk: Shape::new(32, 32),
    }
}

pub(crate) fn options() -> StorageOptions {
    StorageOptions::default()
}

pub(crate) async fn memory(kind: Kind, layout: &Layout) -> Cube {
    Cube::create(&Location::memory(kind), &options(), layout).await.expect("a new cube")
}

/// A directory and a cube in it; Icechunk or, when the name ends in `.zarr`, plain.
pub(crate) async fn on_disk(name: &str, layout: &Layout) -> (tempfile::TempDir, Cube) {
    let directory = tempfile::tempdir().expect("a directory");
    let location = Location::parse(&directory.path().join(name).to_string_lossy()).expect("a location");
    let cube = Cube::create(&location, &options(), layout).await.expect("a new cube");
    (directory, cube)
}

/// Pixels of one unit that are `value` everywhere, except that the first two say which row and column of units it is.
pub(crate) fn pixels(layout: &Layout, name: &str, at: ChunkIndex, value: u32) -> Pixels {
    let len = layout.unit_time * layout.unit.len();
    let mut all = vec![value; len];
    if value != 0 {
        (all[0], all[1]) = (at.row + 1, at.col + 1);
    }
    match layout.band(name).expect("a band").dtype {
        DType::UInt16 => Pixels::UInt16(all.iter().map(|v| *v as u16).collect()),
        DType::UInt32 => Pixels::UInt32(all),
        DType::Float32 => Pixels::Float32(all.iter().map(|v| *v as f32).collect()),
        other => panic!("no pattern for {other}"),
    }
}

/// Encodes and uploads a unit of `value`; its fingerprint is the value.
pub(crate) async fn receipt(writer: &Writer, layout: &Layout, (group, name): (&str, &str), step: TimeValue, at: ChunkIndex, value: u32) -> Receipt {
    let bytes = writer.encode(group, name, &pixels(layout, name, at, value)).expect("encoded");
    let state = if bytes.is_some() { State::Loaded } else { State::Empty };
    let payload = writer.upload(group, name, bytes).await.expect("uploaded");
    Receipt { group: group.into(), band: name.into(), step, at, payload, state, fingerprint: value.into() }
}

pub(crate) fn batch(receipts: Vec<Receipt>) -> Batch {
    Batch { receipts, message: "test".into(), ..Batch::default() }
}

/// Commits one unit of `number`.
pub(crate) async fn put(cube: &Cube, step: TimeValue, at: ChunkIndex, value: u32) {
    let snapshot = cube.snapshot().await.expect("a snapshot");
    let writer = cube.writer().await.expect("a writer");
    let receipt = receipt(&writer, snapshot.layout(), ("", "number"), step, at, value).await;
    cube.commit(&batch(vec![receipt])).await.expect("committed");
}

/// Every loaded unit of a variable with the value that its pixels have. Fails where ledger and pixels differ.
pub(crate) async fn contents(snapshot: &Snapshot, group: &str, name: &str) -> BTreeMap<(TimeValue, ChunkIndex), u32> {
    let layout = snapshot.layout();
    let units = layout.unit_grid(layout.group(group).expect("a group"));
    let mut all = BTreeMap::new();
    let has_time = layout.time.step != TimeStep::None;
    for (index, step) in snapshot.steps(group).await.expect("steps").into_iter().enumerate() {
        let ledger = snapshot.ledger(group, name, index / layout.unit_time, Window::whole(units.chunks())).await.expect("a ledger");
        for at in units.iter(Window::whole(units.chunks())) {
            let (state, fingerprint) = ledger.at(at);
            let found = snapshot.read(group, name, has_time.then_some(step), units.window(at)).await.expect("pixels");
            let found = match &found {
                Pixels::UInt16(v) => v.iter().map(|p| u32::from(*p)).collect(),
                Pixels::UInt32(v) => v.clone(),
                other => panic!("no pattern for {}", other.dtype()),
            };
            match state {
                State::Loaded => {
                    assert_eq!(found[0], at.row + 1, "the chunk of {at:?} at {step} is that of another row");
                    assert_eq!(found[1], at.col + 1, "the chunk of {at:?} at {step} is that of another column");
                    assert!(
                        found[2..].iter().all(|v| u64::from(*v) == fingerprint),
                        "{name} {at:?} at {step} holds {} but the ledger says {fingerprint}",
                        found[2]
                    );
                    all.insert((step, at), found[2]);
                }
                State::Empty | State::NotLoaded => {
                    assert!(found.iter().all(|v| *v == 0), "{name} {at:?} at {step} holds pixels that the ledger does not know")
                }
                State::Partial => panic!("no test makes partial units"),
            }
        }
    }
    all
}

pub(crate) fn patch(id: &str, version: &str, time: Option<TimeValue>, bbox: Option<[f64; 4]>) -> Arc<PatchIndex> {
    Arc::new(PatchIndex {
        id: PatchId::new("c", id),
        time,
        interval: None,
        footprint: None,
        bbox,
        version: version.into(),
        assets: BTreeMap::new(),
        properties: BTreeMap::new(),
    })
}
