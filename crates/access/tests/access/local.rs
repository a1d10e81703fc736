//! Local files by path and by URL.

use cube_access::{Access, AccessOptions, Kind};
use object_store::ObjectStoreExt;

use crate::support::Test;

#[tokio::test]
async fn names_of_every_form_are_found() -> Test {
    let folder = tempfile::tempdir()?;
    let access = Access::new(AccessOptions::default())?;
    for name in ["plain.tif", "a b.tif", "a+b,c.tif", "a%2Bb.tif", "100%.tif", "é.tif", "a#b.tif", "a?b.tif", "a:b.tif", "[x]'.tif"] {
        let file = folder.path().join(name);
        std::fs::write(&file, name)?;
        let text = file.to_str().ok_or("not a text")?;
        assert_eq!(access.read(text).await?, name.as_bytes(), "{name}");
        let (store, path) = access.object(text).await?;
        assert_eq!(store.get(&path).await.map_err(|e| format!("{name}: {e}"))?.bytes().await?, name.as_bytes());
        let url = url::Url::from_file_path(&file).map_err(|()| "no URL")?;
        let (store, path) = access.object(url.as_str()).await?;
        assert_eq!(store.get_range(&path, 0..3).await?, name.as_bytes()[..3]);
    }
    assert_eq!(access.stats().requests, 0, "local files are no requests");
    Ok(())
}

#[tokio::test]
async fn relative_paths_are_understood() -> Test {
    let (store, path) = Access::new(AccessOptions::default())?.object("Cargo.toml").await?;
    assert!(store.head(&path).await?.size > 0);
    let (store, path) = Access::new(AccessOptions::default())?.object("./src/../Cargo.toml").await?;
    assert!(store.head(&path).await?.size > 0);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_named() -> Test {
    let access = Access::new(AccessOptions::default())?;
    let e = access.read("/nowhere/spec.toml").await.expect_err("not there");
    assert!(e.kind() == Kind::NotFound && e.to_string() == "`/nowhere/spec.toml` does not exist", "{e}");
    let folder = tempfile::tempdir()?;
    let e = access.read(folder.path().to_str().ok_or("not a text")?).await.expect_err("a folder");
    assert!(e.kind() == Kind::Invalid && e.to_string().contains("is a folder"), "{e}");
    let e = access.object("gs://bucket/key").await.expect_err("not yet");
    assert!(e.to_string().contains("later release") && e.hint().is_some(), "{e}");
    Ok(())
}
