//! Steps in any order, and many writers at once.

use std::collections::BTreeMap;

use cube_core::TimeStep;
use cube_store::{Batch, Cube, Error, Kind};

use crate::support::*;

/// Every order of four steps, one commit each, and all in one commit.
#[tokio::test]
async fn the_order_of_arrival_does_not_show() {
    let orders = permutations(&[0, 1, 2, 3]);
    assert_eq!(orders.len(), 24);
    for order in orders {
        let cube = memory(Kind::Icechunk, &layout()).await;
        let writer = cube.writer().await.expect("a writer");
        let mut want = BTreeMap::new();
        for (i, n) in order.iter().enumerate() {
            let at = unit(i as u32, *n as u32);
            cube.commit(&batch(vec![receipt(&writer, &layout(), ("", "number"), day(*n), at, 100 + *n as u32).await])).await.expect("committed");
            want.insert((day(*n), at), 100 + *n as u32);
        }
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert_eq!(snapshot.steps("").await.expect("steps"), [day(0), day(1), day(2), day(3)], "{order:?}");
        assert_eq!(contents(&snapshot, "", "number").await, want, "{order:?}");
    }
}

fn permutations(of: &[i64]) -> Vec<Vec<i64>> {
    if of.is_empty() {
        return vec![vec![]];
    }
    let rest = |i: usize| of.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, v)| *v).collect::<Vec<_>>();
    (0..of.len()).flat_map(|i| permutations(&rest(i)).into_iter().map(move |p| [vec![of[i]], p].concat())).collect()
}

#[tokio::test]
async fn holes_move_with_their_steps() {
    let cube = memory(Kind::Icechunk, &layout()).await;
    let writer = cube.writer().await.expect("a writer");
    let mut want = BTreeMap::new();
    let mut receipts = Vec::new();
    for n in [10, 20, 30, 40] {
        for at in [unit(0, (n / 10) as u32), unit(3, 0)] {
            if n != 20 || at.row == 0 {
                receipts.push(receipt(&writer, &layout(), ("", "number"), day(n), at, n as u32).await);
                want.insert((day(n), at), n as u32);
            }
        }
    }
    cube.commit(&batch(receipts)).await.expect("committed");
    // Steps without pixels, before, between and after, in one commit.
    let steps = [45, 5, 15, 25, 1].map(|n| (String::new(), day(n))).to_vec();
    cube.commit(&Batch { steps, ..Batch::default() }).await.expect("committed");
    let snapshot = cube.snapshot().await.expect("a snapshot");
    assert_eq!(snapshot.steps("").await.expect("steps"), [1, 5, 10, 15, 20, 25, 30, 40, 45].map(day));
    assert_eq!(contents(&snapshot, "", "number").await, want);
}

#[tokio::test]
async fn plain_zarr_grows_only_at_its_end() {
    let cube = memory(Kind::Zarr, &layout()).await;
    put(&cube, day(3), unit(0, 0), 1).await;
    put(&cube, day(5), unit(0, 0), 2).await;
    put(&cube, day(3), unit(1, 0), 3).await;
    let writer = cube.writer().await.expect("a writer");
    let early = batch(vec![receipt(&writer, &layout(), ("", "number"), day(4), unit(0, 0), 9).await]);
    let error = cube.commit(&early).await.expect_err("out of order");
    assert!(matches!(&error, Error::StepOrder { step, last } if step == "2024-01-05" && last == "2024-01-06"), "{error}");
    assert!(error.hint().is_some_and(|h| h.contains("Icechunk")));
    assert_eq!(contents(&cube.snapshot().await.expect("a snapshot"), "", "number").await.len(), 3);
}

#[tokio::test]
async fn a_declared_axis_takes_only_its_steps() {
    for kind in [Kind::Icechunk, Kind::Zarr] {
        let mut layout = layout();
        layout.time.declared = Some(vec![day(0), day(7), day(14)]);
        let cube = memory(kind, &layout).await;
        put(&cube, day(14), unit(0, 0), 1).await;
        put(&cube, day(0), unit(0, 0), 2).await;
        let error = cube.commit(&Batch { steps: vec![(String::new(), day(3))], ..Batch::default() }).await.expect_err("off the axis");
        assert!(matches!(&error, Error::OffAxis { step } if step == "2024-01-04"), "{error}");
        let snapshot = cube.snapshot().await.expect("a snapshot");
        assert_eq!(snapshot.steps("").await.expect("steps").len(), 3);
        assert_eq!(contents(&snapshot, "", "number").await.into_values().collect::<Vec<_>>(), [2, 1]);
    }
}

#[tokio::test]
async fn each_group_has_its_own_axis() {
    let mut layout = layout();
    layout.groups = vec![utm(32, "EPSG_32632", cube_core::Shape::new(64, 64)), utm(33, "EPSG_32633", cube_core::Shape::new(64, 64))];
    let cube = memory(Kind::Icechunk, &layout).await;
    let writer = cube.writer().await.expect("a writer");
    for (group, n) in [("EPSG_32632", 2), ("EPSG_32633", 3), ("EPSG_32632", 1), ("EPSG_32633", 0)] {
        cube.commit(&batch(vec![receipt(&writer, &layout, (group, "number"), day(n), unit(0, 0), n as u32 + 10).await])).await.expect("committed");
    }
    let snapshot = cube.snapshot().await.expect("a snapshot");
    assert_eq!(snapshot.steps("EPSG_32632").await.expect("steps"), [day(1), day(2)]);
    assert_eq!(snapshot.steps("EPSG_32633").await.expect("steps"), [day(0), day(3)]);
    assert_eq!(contents(&snapshot, "EPSG_32633", "number").await.into_values().collect::<Vec<_>>(), [10, 13]);
}

/// Handles of their own, so that nothing but the store keeps them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_that_commit_at_once_lose_nothing() {
    for (name, kind) in [("memory", None), ("cube", Some(()))] {
        let (_directory, cube) = match kind {
            None => (None, memory(Kind::Icechunk, &layout()).await),
            Some(()) => {
                let (directory, cube) = on_disk(name, &layout()).await;
                (Some(directory), cube)
            }
        };
        let tasks: Vec<_> = (0..4_u32)
            .map(|w| {
                let location = cube.location().clone();
                tokio::spawn(async move {
                    let cube = Cube::open(&location, &options()).await.expect("opened");
                    for k in 0..8_u32 {
                        put(&cube, day(i64::from((w * 7 + k * 5) % 13)), unit(w, k % 5), w * 100 + k + 1).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task");
        }
        let snapshot = cube.snapshot().await.expect("a snapshot");
        let mut want = BTreeMap::new();
        for w in 0..4_u32 {
            for k in 0..8_u32 {
                want.insert((day(i64::from((w * 7 + k * 5) % 13)), unit(w, k % 5)), w * 100 + k + 1);
            }
        }
        assert_eq!(contents(&snapshot, "", "number").await, want, "{name}");
        assert_eq!(cube.history(1000).await.expect("a history").len(), 32 + 2);
    }
}

#[tokio::test]
async fn a_cube_without_time_ignores_steps() {
    let mut layout = layout();
    layout.time.step = TimeStep::None;
    let cube = memory(Kind::Zarr, &layout).await;
    cube.commit(&Batch { steps: vec![(String::new(), cube_core::TimeValue(0))], ..Batch::default() }).await.expect("committed");
    assert_eq!(cube.snapshot().await.expect("a snapshot").steps("").await.expect("steps").len(), 1);
}
