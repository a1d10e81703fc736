//! Searches, patches, history, size, garbage.

use std::{sync::Arc, time::Duration};

use cube_core::{Extent, Period, Window};
use cube_store::{Batch, Cube, Kind, PatchFilter, Search};

use crate::support::*;

const KINDS: [Kind; 2] = [Kind::Icechunk, Kind::Zarr];

#[tokio::test]
async fn searches_are_kept_short() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        let search = |col, from, to| Search { cells: Window::new(0, col, 4, 1), period: Period::new(day(from), day(to)), at: day(100) };
        for col in [0, 2, 1, 4, 3] {
            cube.commit(&Batch { searches: vec![search(col, 0, 10)], ..Batch::default() }).await.expect("committed");
        }
        let always = Search { cells: Window::new(2, 2, 1, 1), period: Period::ALWAYS, at: day(101) };
        cube.commit(&Batch { searches: vec![always, search(2, 3, 4)], ..Batch::default() }).await.expect("committed");
        let cube = Cube::open(cube.location(), &options()).await.expect("opened");
        let all = cube.snapshot().await.expect("a snapshot").searches().await.expect("searches");
        let whole = Search { cells: Window::new(0, 0, 4, 5), period: Period::new(day(0), day(10)), at: day(100) };
        assert_eq!(all, [whole, always]);
    }
}

#[tokio::test]
async fn vanished_patches_are_not_listed_until_they_are_found_again() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        let (a, b) = (patch("a", "1", Some(day(1)), None), patch("b", "1", Some(day(2)), None));
        let listed = async |cube: &Cube, all_versions| {
            let filter = PatchFilter { all_versions, ..PatchFilter::default() };
            let list = cube.snapshot().await.expect("a snapshot").patches(&filter).await.expect("patches");
            list.into_iter().map(|p| format!("{}@{}", p.id, p.version)).collect::<Vec<_>>()
        };
        cube.commit(&Batch { patches: vec![a.clone(), b.clone()], ..Batch::default() }).await.expect("committed");
        cube.commit(&Batch { vanished: vec![a.id.clone()], ..Batch::default() }).await.expect("committed");
        assert_eq!(listed(&cube, false).await, ["c/b@1"]);
        cube.commit(&Batch { vanished: vec![a.id.clone()], ..Batch::default() }).await.expect("nothing new");
        assert_eq!(listed(&cube, true).await, ["c/a@1", "c/b@1"], "what was is still told");
        cube.commit(&Batch { patches: vec![a.clone()], ..Batch::default() }).await.expect("committed");
        let reopened = Cube::open(cube.location(), &options()).await.expect("opened");
        assert_eq!(listed(&reopened, false).await, ["c/b@1", "c/a@1"], "found again, in the same version");
    }
}

#[tokio::test]
async fn patches_are_listed_once_and_found() {
    for kind in KINDS {
        let cube = memory(kind, &layout()).await;
        let many: Vec<_> = (0..2500)
            .map(|i| patch(&format!("p{i}"), "1", Some(day(i)), Some([f64::from(i as i32) / 100.0, 0.0, f64::from(i as i32) / 100.0 + 0.005, 1.0])))
            .collect();
        for part in many.chunks(700) {
            cube.commit(&Batch { patches: part.to_vec(), ..Batch::default() }).await.expect("committed");
        }
        cube.commit(&Batch { patches: many[100..120].to_vec(), ..Batch::default() }).await.expect("the same again");
        let fresh = Cube::open(cube.location(), &options()).await.expect("opened");
        if kind == Kind::Icechunk {
            let odd = vec![
                patch("p7", "2", Some(day(7)), None),
                patch("p7", "2", Some(day(7)), None),
                patch("timeless", "", None, Some([179.0, 0.0, -179.0, 1.0])),
            ];
            fresh.commit(&Batch { patches: odd, ..Batch::default() }).await.expect("committed");
            cube.commit(&Batch { patches: vec![many[0].clone()], ..Batch::default() }).await.expect("known to the other handle only");
        }
        let snapshot = fresh.snapshot().await.expect("a snapshot");
        let ids = |list: Vec<cube_core::PatchIndex>| list.into_iter().map(|p| format!("{}@{}", p.id, p.version)).collect::<Vec<_>>();
        let all = snapshot.patches(&PatchFilter::default()).await.expect("patches");
        let extra = usize::from(kind == Kind::Icechunk);
        assert_eq!(all.len(), 2500 + extra);
        assert_eq!(all[0], *many[0].as_ref());
        let periods = vec![Period::new(day(5), day(8))];
        let found = ids(snapshot.patches(&PatchFilter { periods: periods.clone(), ..PatchFilter::default() }).await.expect("patches"));
        if kind == Kind::Icechunk {
            assert_eq!(found, ["c/p5@1", "c/p6@1", "c/p7@2", "c/timeless@"]);
            let everything = snapshot.patches(&PatchFilter { periods, all_versions: true, ..PatchFilter::default() }).await.expect("patches");
            assert_eq!(everything.len(), 5);
            let east = vec![Extent::new(179.5, 0.0, 179.6, 1.0)];
            assert_eq!(
                ids(snapshot.patches(&PatchFilter { boxes: east, ..PatchFilter::default() }).await.expect("patches")),
                ["c/p7@2", "c/timeless@"]
            );
        } else {
            assert_eq!(found, ["c/p5@1", "c/p6@1", "c/p7@1"]);
        }
        let boxes = vec![Extent::new(10.0, 0.0, 10.012, 1.0)];
        let found = ids(snapshot.patches(&PatchFilter { boxes, ..PatchFilter::default() }).await.expect("patches"));
        assert!(found.starts_with(&["c/p1000@1".to_string(), "c/p1001@1".to_string()]), "{found:?}");
    }
}

#[tokio::test]
async fn size_names_its_parts() {
    for name in ["cube", "cube.zarr"] {
        let (_directory, cube) = on_disk(name, &layout()).await;
        put(&cube, day(0), unit(0, 0), 1).await;
        cube.commit(&Batch { patches: vec![patch("a", "1", None, None)], ..Batch::default() }).await.expect("committed");
        let size = cube.size().await.expect("a size");
        assert!(size.data > 0 && size.ledger > 0 && size.patches > 0 && size.other > 0, "{size:?}");
        assert_eq!(size.total, size.data + size.ledger + size.patches + size.other);
    }
}

#[tokio::test]
async fn history_tells_newest_first() {
    let cube = memory(Kind::Icechunk, &layout()).await;
    for n in 0..3 {
        cube.commit(&Batch { steps: vec![(String::new(), day(n))], message: format!("step {n}"), ..Batch::default() }).await.expect("committed");
    }
    let messages: Vec<_> = cube.history(2).await.expect("a history").into_iter().map(|v| v.message).collect();
    assert_eq!(messages, ["step 2", "step 1"]);
}

#[tokio::test]
async fn garbage_goes_and_the_cube_stays() {
    for name in ["cube", "cube.zarr"] {
        let (directory, cube) = on_disk(name, &layout()).await;
        for n in 0..6 {
            put(&cube, day(n), unit(0, 0), n as u32 + 1).await;
        }
        put(&cube, day(2), unit(0, 0), 77).await;
        let before = cube.snapshot().await.expect("a snapshot");
        let want = contents(&before, "", "number").await;
        // What a killed process leaves behind.
        let writer = cube.writer().await.expect("a writer");
        let noise = cube_core::Pixels::UInt32((0..1024_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect());
        let lost = writer.encode("", "number", &noise).expect("encoded");
        let payload = writer.upload("", "number", lost.clone()).await.expect("uploaded");
        assert!(payload.len() > 512, "large enough to be an object");
        if name == "cube.zarr" {
            let chunk = directory.path().join(name).join("number/c/0/3");
            std::fs::create_dir_all(&chunk).expect("a directory");
            std::fs::write(chunk.join("4"), lost.expect("bytes")).expect("an unmarked chunk");
            std::fs::write(chunk.join("2#7"), "half").expect("a temporary file");
        }
        let kept = cube.gc(Duration::from_secs(3600)).await.expect("cleaned");
        assert_eq!((kept.chunks, kept.files, kept.versions), (0, 0, 0), "what is young is kept");
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let report = cube.gc(Duration::ZERO).await.expect("cleaned");
        assert_eq!(report.chunks, 1, "{report:?}");
        assert!(report.files > 0 && report.bytes > 0, "{report:?}");
        let fresh = Cube::open(cube.location(), &options()).await.expect("opened");
        assert_eq!(contents(&fresh.snapshot().await.expect("a snapshot"), "", "number").await, want);
        assert_eq!(fresh.gc(Duration::ZERO).await.is_ok(), name == "cube", "plain Zarr has one writer, and that is the first handle");
        put(&cube, day(9), unit(1, 1), 5).await;
        assert_eq!(contents(&cube.snapshot().await.expect("a snapshot"), "", "number").await.len(), want.len() + 1);
    }
}

#[test]
fn handles_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Cube>();
    shared::<cube_store::Snapshot>();
    shared::<cube_store::Writer>();
    shared::<Arc<cube_store::Error>>();
}
