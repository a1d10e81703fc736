//! No permission, a full disk.

use cube_core::TimeValue;
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

/// A disk that is always full, with what every Linux has.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_error_of_the_system_is_recognised() {
    let error = std::fs::write("/dev/full", "x").expect_err("full");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let _ = TimeValue(0);
}
