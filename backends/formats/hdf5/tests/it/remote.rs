//! Reading over byte ranges: the same granule as from memory, in few requests.

use std::sync::Arc;

use cube_backend::ByteSource;
use cube_format_hdf5::{read, read_bytes, read_counted, recognise};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};

use crate::dump::{corpus, files, origin, python, run};

async fn stored(bytes: Vec<u8>) -> ByteSource {
    let store = InMemory::new();
    let path = Path::from("granule");
    store.put(&path, bytes.into()).await.unwrap();
    ByteSource { store: Arc::new(store) as Arc<dyn ObjectStore>, path, name: "memory:///granule".into() }
}

#[tokio::test]
async fn the_corpus_reads_the_same_over_ranges() {
    let Some(corpus) = corpus("hdf5") else { return };
    let (mut count, mut rounds, mut most, mut received, mut size) = (0, 0, 0, 0, 0);
    for path in files(&corpus) {
        let bytes = std::fs::read(&path).unwrap();
        let url = path.to_str().unwrap();
        if recognise(&bytes).is_none() {
            continue;
        }
        let near = read_bytes(&bytes, origin(url));
        let far = read_counted(&stored(bytes.clone()).await, origin(url)).await;
        let (near, (far, requests)) = match (near, far) {
            (Ok(near), Ok(far)) => (near, far),
            (near, far) => {
                assert_eq!(near.unwrap_err().kind(), far.unwrap_err().kind(), "{url}");
                continue;
            }
        };
        // Attributes may be NaN, which is not equal to itself.
        assert_eq!(format!("{:?}", near.root), format!("{:?}", far.root), "{url}");
        assert!(far.origin.last_modified.is_some() && far.origin.size == Some(bytes.len() as u64));
        count += 1;
        rounds += requests.rounds;
        most = most.max(requests.rounds);
        received += requests.bytes;
        size += bytes.len() as u64;
    }
    println!("{count} files: {rounds} rounds, at most {most}; {received} bytes of {size}");
    assert!(count > 300 && rounds < 3 * count, "{rounds} rounds for {count} files");
}

/// Nodes of trees are fetched a level at a time, so that the waiting does not grow with the chunks.
#[tokio::test]
async fn many_chunks_take_few_rounds() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    run(&python, "hdf5_many.py", &[folder.path()]);
    for path in files(folder.path()) {
        let bytes = std::fs::read(&path).unwrap();
        let url = path.to_str().unwrap();
        let (far, requests) = read_counted(&stored(bytes.clone()).await, origin(url)).await.unwrap();
        println!("{}: {requests:?}", path.file_name().unwrap().display());
        assert_eq!(far.root, read_bytes(&bytes, origin(url)).unwrap().root);
        assert!(requests.rounds <= 12, "{requests:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_so() {
    let source = ByteSource { path: Path::from("other"), ..stored(vec![1]).await };
    assert_eq!(read(&source, origin("x")).await.unwrap_err().kind(), cube_backend::Kind::NotFound);
    assert_eq!(read(&stored(vec![1; 100_000]).await, origin("x")).await.unwrap_err().kind(), cube_backend::Kind::Corrupt);
}
