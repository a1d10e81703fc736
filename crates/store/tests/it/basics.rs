//! Creating, opening, writing, reading.

use cube_core::{ChunkIndex, Codec, DType, Number, Pixels, Shape, Shuffle, TimeStep, TimeValue, Window};
use cube_store::{Batch, Cube, Error, Kind, Location, Payload, Receipt, State};

use crate::support::*;

const KINDS: [Kind; 2] = [Kind::Icechunk, Kind::Zarr];

#[tokio::test]
async fn what_was_committed_is_read() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        put(&cube, day(0), unit(3, 4), 700).await;
        put(&cube, day(1), unit(0, 0), 800).await;
        let cube = Cube::open(cube.location(), &options()).await.expect("opened again");
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert_eq!(snapshot.layout(), &layout());
        assert_eq!(snapshot.steps("").await.expect("steps"), [day(0), day(1)]);
        let all = contents(&snapshot, "", "number").await;
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [((day(0), unit(3, 4)), 700), ((day(1), unit(0, 0)), 800)]);
        assert!(contents(&snapshot, "", "red").await.is_empty());
    }
}

#[tokio::test]
async fn a_snapshot_does_not_change() {
    let cube = memory(Kind::Icechunk, &layout()).await;
    let before = cube.snapshot().await.expect("a snapshot");
    put(&cube, day(0), unit(0, 0), 1).await;
    assert!(before.steps("").await.expect("steps").is_empty());
    assert_eq!(cube.snapshot().await.expect("a snapshot").steps("").await.expect("steps"), [day(0)]);
}

#[tokio::test]
async fn every_type_codec_and_shard_comes_back() {
    let kinds_of_chunk = [(Shape::new(32, 32), Shape::new(32, 32), 1), (Shape::new(64, 64), Shape::new(16, 32), 2)];
    let codecs = [(Codec::Blosc, 1), (Codec::Zstd, 3), (Codec::Gzip, 5), (Codec::None, 0)];
    for kind in KINDS {
        for (unit_shape, chunk, steps) in kinds_of_chunk {
            let mut layout = layout();
            (layout.unit, layout.chunk, layout.unit_time) = (unit_shape, chunk, steps);
            layout.time.declared = Some((0..4).map(day).collect());
            layout.bands = DType::ALL.iter().enumerate().map(|(i, d)| encoded(band(d.name(), *d, 7.0), codecs[i % codecs.len()])).collect();
            let cube = memory(kind, &layout).await;
            let writer = cube.writer().await.expect("a writer");
            let mut receipts = Vec::new();
            for dtype in DType::ALL {
                let pixels = ramp(dtype, steps * unit_shape.len());
                let bytes = writer.encode("", dtype.name(), &pixels).expect("encoded");
                assert_eq!(bytes, writer.encode("", dtype.name(), &pixels).expect("encoded again"), "{dtype}: the same bytes");
                let payload = writer.upload("", dtype.name(), bytes).await.expect("uploaded");
                receipts.push(Receipt {
                    group: String::new(),
                    band: dtype.name().into(),
                    step: day(2),
                    at: unit(1, 1),
                    payload,
                    state: State::Loaded,
                    fingerprint: 1,
                });
            }
            if steps == 1 {
                receipts.iter_mut().for_each(|r| r.step = day(3));
            }
            cube.commit(&batch(receipts)).await.expect("committed");
            let snapshot = cube.snapshot().await.expect("a snapshot");
            let window = Window::new(unit_shape.rows + 3, unit_shape.cols + 1, 20, 30);
            for dtype in DType::ALL {
                let read = snapshot.read("", dtype.name(), Some(day(3)), window).await.expect("pixels");
                assert_eq!(read, cut(&ramp(dtype, steps * unit_shape.len()), (steps - 1) * unit_shape.len(), unit_shape, window), "{kind:?} {dtype}");
                let unwritten = snapshot.read("", dtype.name(), Some(day(0)), window).await.expect("fill");
                assert!(unwritten.all_same(Number::Int(7)) && unwritten.len() == 600);
            }
        }
    }
}

fn encoded(band: cube_core::BandLayout, (codec, level): (Codec, u8)) -> cube_core::BandLayout {
    let shuffle = if band.dtype.size() > 2 { Shuffle::Byte } else { Shuffle::Bit };
    cube_core::BandLayout { codec, level, shuffle, ..band }
}

fn ramp(dtype: DType, len: usize) -> Pixels {
    let mut pixels = Pixels::filled(dtype, Number::Int(0), len).expect("pixels");
    match &mut pixels {
        Pixels::UInt8(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = (i % 251) as u8),
        Pixels::Int8(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = (i % 113) as i8 - 50),
        Pixels::UInt16(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i as u16),
        Pixels::Int16(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i as i16 - 999),
        Pixels::UInt32(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i as u32 * 70_000),
        Pixels::Int32(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = -(i as i32) * 70_000),
        Pixels::UInt64(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = u64::MAX - i as u64),
        Pixels::Int64(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i64::MIN + i as i64),
        Pixels::Float32(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i as f32 / 3.0),
        Pixels::Float64(v) => v.iter_mut().enumerate().for_each(|(i, p)| *p = i as f64 / 3.0),
    }
    pixels
}

/// What a window of the grid shows of a unit at row 1, column 1 whose pixels start at `from`.
fn cut(pixels: &Pixels, from: usize, unit: Shape, window: Window) -> Pixels {
    let size = pixels.dtype().size();
    let mut bytes = Vec::new();
    for row in window.row..window.row_end() {
        let start = (from + (row - unit.rows) * unit.cols + window.col - unit.cols) * size;
        bytes.extend_from_slice(&pixels.as_bytes()[start..start + window.cols * size]);
    }
    Pixels::from_bytes(pixels.dtype(), &bytes).expect("pixels")
}

#[tokio::test]
async fn a_cube_without_time_has_two_dimensions() {
    for kind in KINDS {
        let mut layout = layout();
        layout.time.step = TimeStep::None;
        let cube = memory(kind, &layout).await;
        put(&cube, TimeValue(0), unit(2, 2), 5).await;
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert_eq!(snapshot.steps("").await.expect("steps"), [TimeValue(0)]);
        assert_eq!(contents(&snapshot, "", "number").await.into_values().collect::<Vec<_>>(), [5]);
    }
}

#[tokio::test]
async fn groups_are_added_as_they_are_met() {
    for kind in KINDS {
        let mut layout = layout();
        layout.groups.clear();
        let cube = memory(kind, &layout).await;
        let writer = cube.writer().await.expect("a writer");
        let groups = vec![utm(32, "EPSG_32632", Shape::new(70, 70)), utm(33, "EPSG_32633", Shape::new(40, 40))];
        // Uploaded before the group exists.
        let early = receipt(&writer, &layout, ("EPSG_32633", "number"), day(5), unit(1, 1), 55).await;
        let first = Batch { groups: groups.clone(), receipts: vec![early], ..Batch::default() };
        cube.commit(&first).await.expect("committed");
        cube.commit(&Batch { groups: groups.clone(), ..Batch::default() }).await.expect("the same groups again");
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert_eq!(snapshot.layout().groups, groups);
        assert!(snapshot.steps("EPSG_32632").await.expect("steps").is_empty());
        assert_eq!(contents(&snapshot, "EPSG_32633", "number").await.into_values().collect::<Vec<_>>(), [55]);
        let other = vec![utm(32, "EPSG_32632", Shape::new(71, 70))];
        let error = cube.commit(&Batch { groups: other, ..Batch::default() }).await.expect_err("another grid");
        assert!(matches!(error, Error::GroupDiffers { .. }), "{error}");
    }
}

#[tokio::test]
async fn all_fill_is_not_stored_and_replaces_what_was() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        put(&cube, day(0), unit(0, 1), 9).await;
        put(&cube, day(0), unit(0, 1), 0).await;
        put(&cube, day(0), unit(0, 2), 0).await;
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert!(contents(&snapshot, "", "number").await.is_empty());
        let ledger = snapshot.ledger("", "number", 0, Window::new(0, 0, 1, 4)).await.expect("a ledger");
        assert_eq!(ledger.state, [State::NotLoaded, State::Empty, State::Empty, State::NotLoaded]);
        assert_eq!(cube.size().await.expect("a size").data, 0);
    }
}

#[tokio::test]
async fn what_the_cube_holds_is_left_out() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        let writer = cube.writer().await.expect("a writer");
        let twice = batch(vec![receipt(&writer, &layout(), ("", "number"), day(0), unit(0, 0), 3).await]);
        let first = cube.commit(&twice).await.expect("committed");
        let second = cube.commit(&twice).await.expect("committed again");
        assert_eq!((first.written, first.dropped, second.written, second.dropped), (1, 0, 0, 1));
        assert_eq!(second.version, None, "nothing new makes no version");
        let mut partial = twice.clone();
        partial.receipts[0].state = State::Partial;
        assert_eq!(cube.commit(&partial).await.expect("committed").written, 1, "another state is news");
        assert_eq!(cube.commit(&partial).await.expect("committed").written, 1, "a partial unit is never final");
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let cube = memory(Kind::Icechunk, &layout()).await;
    let writer = cube.writer().await.expect("a writer");
    let good = receipt(&writer, &layout(), ("", "number"), day(0), unit(0, 0), 3).await;
    let commit = |change: fn(&mut Receipt)| {
        let (cube, mut bad) = (cube.clone(), good.clone());
        change(&mut bad);
        async move { cube.commit(&batch(vec![bad])).await.expect_err("refused") }
    };
    assert!(matches!(commit(|r| r.group = "x".into()).await, Error::NoGroup { .. }));
    assert!(matches!(commit(|r| r.band = "blue".into()).await, Error::NoBand { .. }));
    assert!(matches!(commit(|r| r.at = ChunkIndex { row: 4, col: 0 }).await, Error::Misfit { .. }));
    let short = Pixels::UInt32(vec![1; 10]);
    assert!(matches!(writer.encode("", "number", &short), Err(Error::Misfit { .. })));
    assert!(matches!(writer.encode("", "blue", &short), Err(Error::NoBand { .. })));
    let snapshot = cube.snapshot().await.expect("a snapshot");
    assert!(snapshot.steps("").await.expect("steps").is_empty(), "a refused batch leaves nothing behind");
    assert!(matches!(snapshot.read("", "number", Some(day(9)), Window::new(0, 0, 1, 1)).await, Err(Error::NoStep { .. })));
    assert!(matches!(snapshot.read("", "number", None, Window::new(0, 0, 1, 1)).await, Err(Error::Misfit { .. })));
    assert!(matches!(snapshot.read("", "number", Some(day(9)), Window::new(0, 0, 101, 1)).await, Err(Error::Misfit { .. })));
}

#[tokio::test]
async fn receipts_travel_as_json() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        let writer = cube.writer().await.expect("a writer");
        let mut sent = vec![
            receipt(&writer, &layout(), ("", "number"), day(0), unit(0, 0), 3).await,
            receipt(&writer, &layout(), ("", "number"), day(0), unit(0, 1), 0).await,
            receipt(&writer, &layout(), ("", "number"), day(0), unit(0, 2), 4).await,
        ];
        assert_eq!(sent[1].payload, Payload::NOTHING);
        let noise = Pixels::UInt32((0..1024_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect());
        let bytes = writer.encode("", "number", &noise).expect("encoded");
        sent[2].payload = writer.upload("", "number", bytes).await.expect("uploaded");
        assert!(sent[2].payload.len() > 512, "not kept in a manifest");
        let text = serde_json::to_string(&sent).expect("written");
        let received: Vec<Receipt> = serde_json::from_str(&text).expect("read");
        assert_eq!(received, sent);
        cube.commit(&batch(received)).await.expect("committed");
        let read = cube.snapshot().await.expect("a snapshot").read("", "number", Some(day(0)), Window::new(0, 64, 32, 32)).await.expect("pixels");
        assert_eq!(read, noise);
    }
}

#[tokio::test]
async fn what_is_there_is_not_overwritten() {
    for name in ["cube", "cube.zarr"] {
        let (directory, cube) = on_disk(name, &layout()).await;
        put(&cube, day(0), unit(0, 0), 3).await;
        let error = Cube::create(cube.location(), &options(), &layout()).await.expect_err("exists");
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
        let names: Vec<_> = std::fs::read_dir(directory.path()).expect("a listing").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(names, [name], "nothing is left beside it");
        let other = directory.path().join(format!("other-{name}"));
        std::fs::create_dir_all(&other).expect("a directory");
        let location = Location::parse(&other.to_string_lossy()).expect("a location");
        assert!(matches!(Cube::open(&location, &options()).await, Err(Error::NotFound { .. })));
        std::fs::write(other.join("thesis.txt"), "do not lose").expect("a file");
        let error = Cube::create(&location, &options(), &layout()).await.expect_err("something is there");
        assert!(matches!(error, Error::NotACube { .. }), "{error}");
        assert!(matches!(Cube::open(&location, &options()).await, Err(Error::NotACube { .. })));
        assert_eq!(std::fs::read_to_string(other.join("thesis.txt")).expect("still there"), "do not lose");
    }
}

#[tokio::test]
async fn an_empty_directory_may_become_a_cube() {
    let directory = tempfile::tempdir().expect("a directory");
    let location = Location::parse(&directory.path().to_string_lossy()).expect("a location");
    Cube::create(&location, &options(), &layout()).await.expect("created");
    let missing = Location::parse("/nowhere/at/all").expect("a location");
    let error = Cube::open(&missing, &options()).await.expect_err("nothing there");
    assert!(matches!(error, Error::NotFound { .. }) && error.hint().is_some());
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name() {
    let (_directory, cube) = on_disk("cube.zarr", &layout()).await;
    let path = cube.location().local_path().expect("a path").join("zarr.json");
    let text = std::fs::read_to_string(&path).expect("metadata");
    std::fs::write(&path, text.replace("\"format\": 1", "\"format\": 7")).expect("written");
    let error = Cube::open(cube.location(), &options()).await.expect_err("too new");
    assert!(matches!(error, Error::TooNew { found: 7, known: 1, .. }), "{error}");
    let error = Cube::create(cube.location(), &options(), &layout()).await.expect_err("exists");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn layouts_that_cannot_be_stored_are_refused() {
    let refused = |change: fn(&mut cube_core::Layout)| {
        let mut bad = layout();
        change(&mut bad);
        async move {
            let error = Cube::create(&Location::memory(Kind::Icechunk), &options(), &bad).await.expect_err("refused");
            assert!(matches!(error, Error::Layout(_)), "{error}");
        }
    };
    refused(|l| l.bands[0].name = "time".into()).await;
    refused(|l| l.bands[0].name = "a/b".into()).await;
    refused(|l| l.bands[0].fill = Number::Int(70_000)).await;
    refused(|l| l.bands[0].level = 99).await;
    refused(|l| l.bands[0].compressor = "rar".into()).await;
    refused(|l| l.unit_time = 3).await;
    refused(|l| l.chunk = Shape::new(20, 32)).await;
}
