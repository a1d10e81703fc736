//! Granules appended to a store.

use std::path::Path;

use cube_manifest::Granule;
use cube_virtual::{
    Error, LocalFiles, combine,
    write::icechunk::{self, Existing, Target},
};
use serde_json::json;

use crate::{
    combining::{Day, along_time},
    python,
};

fn options(granules: &[Granule]) -> icechunk::Options {
    icechunk::Options { granules: granules.iter().map(|g| g.origin.url.to_string()).collect(), batch: Some(5), ..icechunk::Options::default() }
}

async fn written(directory: &Path, granules: Vec<Granule>) -> (Target, Vec<String>) {
    let target = Target::local(&directory.join("ice")).await.unwrap();
    let options = options(&granules);
    let combined = combine(granules, &LocalFiles, along_time()).await.unwrap();
    let written = icechunk::write(&combined.into_dataset().0, &target, &options).await.unwrap();
    (target, written.containers)
}

async fn append(target: &Target, granule: Granule) -> Result<icechunk::Appended, Error> {
    let options = options(std::slice::from_ref(&granule));
    let combined = combine([granule], &LocalFiles, along_time()).await?;
    Existing::open(target).await?.append(&combined.into_dataset().0, "time", &options).await
}

#[tokio::test]
async fn a_granule_is_appended_once() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let days: Vec<Day> = (0..4).map(Day::new).collect();
    let first = [days[0].make(directory.path(), 0), days[1].make(directory.path(), 24)];
    let (target, mut containers) = written(&directory.path().join("."), first.to_vec()).await;
    let mut third = days[2].clone();
    third.units = "days since 2020-01-03".into();
    let third = third.make(directory.path(), 0);
    append(&target, third.clone()).await.unwrap();
    let fourth = days[3].make(&elsewhere, 72);
    containers.extend(append(&target, fourth.clone()).await.unwrap().containers);

    let existing = Existing::open(&target).await.unwrap();
    assert!([&first[0], &first[1], &third, &fourth].iter().all(|g| existing.contains(&g.origin.url)));
    assert!(!existing.contains("/another.nc"));
    let again = append(&target, third).await.unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");

    let pixels: Vec<_> = days.iter().flat_map(Day::pixels).collect();
    let times: Vec<_> = (1..=4).map(|d| format!("2020-01-0{d}T00:00:00")).collect();
    let stores = [json!({"kind": "icechunk", "path": directory.path().join("ice"), "containers": containers})];
    python::check(directory.path(), "decoded", &json!({"stores": stores, "groups": {"/": {"sst": pixels, "time": times, "lat": days[0].lat}}}));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let days = [Day::new(0), Day::new(2)];
    let (target, containers) = written(directory.path(), vec![days[0].make(directory.path(), 0), days[1].make(directory.path(), 48)]).await;
    let mut scaled = Day::new(3);
    scaled.scale = 2.0;
    let error = append(&target, scaled.make(directory.path(), 72)).await.unwrap_err();
    assert!(matches!(&error, Error::Mismatch { mismatches, .. } if mismatches[0].reason.contains("scale_factor")), "{error}");
    let mut moved = Day::new(3);
    moved.lat[0] = 40.5;
    let error = append(&target, moved.make(directory.path(), 72)).await.unwrap_err();
    assert!(matches!(&error, Error::Mismatch { mismatches, .. } if mismatches[0].variable == "/lat"), "{error}");
    let error = append(&target, Day::new(1).make(directory.path(), 24)).await.unwrap_err();
    assert!(matches!(error, Error::Order { .. }), "{error}");
    let missing = Target::local(&directory.path().join("nowhere")).await.unwrap();
    assert!(matches!(Existing::open(&missing).await.unwrap_err(), Error::NotFound { .. }));

    let pixels: Vec<_> = days.iter().flat_map(Day::pixels).collect();
    let stores = [json!({"kind": "icechunk", "path": directory.path().join("ice"), "containers": containers})];
    python::check(directory.path(), "decoded", &json!({"stores": stores, "groups": {"/": {"sst": pixels}}}));
}
