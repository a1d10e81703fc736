//! No permission, a full disk.

use cube_store::{Cube, Error, Location};

use crate::support::*;

/// Root may write anywhere, so this test needs another user.
#[cfg(unix)]
#[tokio::test]
async fn without_permission_the_cube_stays_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, cube) = on_disk("cube", &layout()).await;
    put(&cube, day(0), unit(0, 0), 1).await;
    let set = |mode| {
        let mut all = vec![directory.path().to_path_buf()];
        while let Some(path) = all.pop() {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changed");
            all.extend(std::fs::read_dir(&path).expect("a listing").map(|e| e.expect("an entry").path()).filter(|p| p.is_dir()));
        }
    };
    set(0o555);
    if std::fs::write(directory.path().join("probe"), "").is_ok() {
        println!("this user may write anywhere: skipped");
        return;
    }
    let writer = cube.writer().await.expect("a writer");
    let error = match receipt_or_error(&writer).await {
        Ok(receipt) => cube.commit(&batch(vec![receipt])).await.expect_err("may not write"),
        Err(error) => error,
    };
    let elsewhere = Location::parse(&directory.path().join("new").to_string_lossy()).expect("a location");
    let not_created = Cube::create(&elsewhere, &options(), &layout()).await.expect_err("may not create");
    set(0o755);
    assert!(error.to_string().contains("cube") && error.hint().is_some(), "{error}");
    assert!(not_created.to_string().contains("new") && not_created.hint().is_some(), "{not_created}");
    assert_eq!(contents(&cube.snapshot().await.expect("a snapshot"), "", "number").await.len(), 1);
}

#[cfg(unix)]
async fn receipt_or_error(writer: &cube_store::Writer) -> Result<cube_store::Receipt, Error> {
    let bytes = writer.encode("", "number", &pixels(&layout(), "number", unit(0, 0), 2))?;
    let payload = writer.upload("", "number", bytes).await?;
    let state = cube_store::State::Loaded;
    Ok(cube_store::Receipt { group: String::new(), band: "number".into(), step: day(1), at: unit(0, 0), payload, state, fingerprint: 2 })
}

/// A process that may not write files of more than a few kilobytes, which is how a full disk shows: part of a file is written, then nothing.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_is_named_and_the_cube_stays_as_it_was() {
    for name in ["cube", "cube.zarr"] {
        let mut layout = layout();
        (layout.unit, layout.chunk) = (cube_core::Shape::new(256, 256), cube_core::Shape::new(256, 256));
        let (directory, cube) = on_disk(name, &layout).await;
        let log = directory.path().join("log");
        let limited = crate::processes::spawn_limited("overflow", &cube.location().to_string(), &log);
        crate::processes::finish(limited);
        let told = std::fs::read_to_string(&log).expect("a log");
        let [message, hint] = told.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {told}") };
        assert!(message.contains(&cube.location().to_string()), "{message}");
        assert!(hint.contains("free some space"), "{hint}");
        let fresh = Cube::open(cube.location(), &options()).await.expect("opens");
        assert!(contents(&fresh.snapshot().await.expect("a snapshot"), "", "number").await.is_empty());
        put(&fresh, day(0), unit(0, 0), 5).await;
    }
}
