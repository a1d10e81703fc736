use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cube_core::Asset;
use futures::TryStreamExt;
use md5::Md5;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, path::Path};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::{ByteSource, Error, Kind, Result, Sources};

/// Bytes that are held while a file is copied; S3 takes no parts below 5 MiB.
const PART: usize = 8 << 20;

/// A place for whole source files, kept for use offline.
#[derive(Debug, Clone)]
pub struct PatchStore {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// Where in it.
    pub prefix: Path,
}

/// A file in a patch store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// What it is a copy of.
    pub href: String,
    /// Where it lies.
    pub path: Path,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it had to be fetched.
    pub fetched: bool,
}

impl PatchStore {
    /// Where the copy of an href lies: host and path of its URL, query and secrets left out.
    pub fn path_of(&self, href: &str) -> Path {
        let bare = href.split(['?', '#']).next().unwrap_or(href);
        let parts = bare.split('/').filter(|p| !p.is_empty() && !p.ends_with(':') && *p != "." && *p != "..");
        parts.fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Copies the file of an asset here, unless a copy of its size is here already.
    ///
    /// The copy is streamed; it appears under its name only when its size, and its checksum where the asset states one in a known
    /// algorithm (MD5, SHA-1, SHA-256, SHA-512), are right. Else the error is [`Kind::Corrupt`].
    pub async fn download(&self, asset: &Asset, sources: &dyn Sources) -> Result<Downloaded> {
        let path = self.path_of(&asset.href);
        let have = match self.store.head(&path).await {
            Ok(meta) => Some(meta.size),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let (Some(have), Some(stated)) = (have, asset.size)
            && have == stated
        {
            return Ok(Downloaded { href: asset.href.clone(), path, size: have, fetched: false });
        }
        let source = sources.source(&sources.addressed(asset).await?.href).await?;
        let expected = match asset.size {
            Some(size) => size,
            None => source.store.head(&source.path).await?.size,
        };
        let fetched = have != Some(expected);
        if fetched {
            self.copy(&source, &path, expected, asset.checksum.as_deref()).await?;
        }
        Ok(Downloaded { href: asset.href.clone(), path, size: expected, fetched })
    }

    async fn copy(&self, source: &ByteSource, path: &Path, expected: u64, checksum: Option<&str>) -> Result<()> {
        let mut upload = self.store.put_multipart(path).await?;
        match stream(source, &mut *upload, expected, checksum).await {
            Ok(()) => {
                upload.complete().await?;
                Ok(())
            }
            Err(error) => {
                // The first error is the one that matters; what an abort leaves behind has no name.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }
}

/// Sends a file to an upload, part by part, and verifies it.
async fn stream(source: &ByteSource, upload: &mut dyn MultipartUpload, expected: u64, checksum: Option<&str>) -> Result<()> {
    let mut bytes = source.store.get(&source.path).await?.into_stream();
    let mut checksum = checksum.and_then(Checksum::parse);
    let (mut part, mut size) = (BytesMut::new(), 0_u64);
    while let Some(chunk) = bytes.try_next().await? {
        size += chunk.len() as u64;
        if size > expected {
            break;
        }
        if let Some(c) = &mut checksum {
            c.update(&chunk);
        }
        part.extend_from_slice(&chunk);
        while part.len() >= PART {
            let full: Bytes = part.split_to(PART).freeze();
            upload.put_part(full.into()).await?;
        }
    }
    if size != expected {
        let more = if size > expected { "more than " } else { "" };
        let have = size.min(expected);
        return Err(Error::new(Kind::Corrupt, format!("`{}` has {more}{have} bytes where {expected} were announced", source.name)));
    }
    if let Some((have, stated)) = checksum.and_then(Checksum::differs) {
        return Err(Error::new(Kind::Corrupt, format!("`{}` has the checksum {have} where {stated} was announced", source.name)));
    }
    if !part.is_empty() || size == 0 {
        upload.put_part(part.freeze().into()).await?;
    }
    Ok(())
}

/// A checksum that is being computed, and what it must be.
struct Checksum {
    state: State,
    stated: String,
}

enum State {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Checksum {
    /// From a multihash in hexadecimal digits: code of the algorithm, length, digest. `None` for algorithms that are not known.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let with = |prefix: &str, length: usize| text.strip_prefix(prefix).filter(|rest| rest.len() == 2 * length).map(str::to_owned);
        if let Some(stated) = with("d50110", 16) {
            return Some(Self { state: State::Md5(Md5::new()), stated });
        }
        if let Some(stated) = with("1114", 20) {
            return Some(Self { state: State::Sha1(Sha1::new()), stated });
        }
        if let Some(stated) = with("1220", 32) {
            return Some(Self { state: State::Sha256(Sha256::new()), stated });
        }
        with("1340", 64).map(|stated| Self { state: State::Sha512(Sha512::new()), stated })
    }

    fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Md5(h) => h.update(bytes),
            State::Sha1(h) => h.update(bytes),
            State::Sha256(h) => h.update(bytes),
            State::Sha512(h) => h.update(bytes),
        }
    }

    /// What it is and what was stated, if these differ.
    fn differs(self) -> Option<(String, String)> {
        let have = match self.state {
            State::Md5(h) => hex(&h.finalize()),
            State::Sha1(h) => hex(&h.finalize()),
            State::Sha256(h) => hex(&h.finalize()),
            State::Sha512(h) => hex(&h.finalize()),
        };
        (have != self.stated).then_some((have, self.stated))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use object_store::memory::InMemory;

    use super::*;

    #[derive(Debug)]
    struct One(ByteSource);

    #[async_trait]
    impl Sources for One {
        async fn source(&self, _href: &str) -> Result<ByteSource> {
            Ok(self.0.clone())
        }
    }

    async fn download(content: Vec<u8>, size: Option<u64>, checksum: Option<&str>) -> (Result<Downloaded>, PatchStore) {
        let store = Arc::new(InMemory::new());
        let path = Path::from("a.tif");
        store.put(&path, content.into()).await.expect("it is put");
        let source = ByteSource { store, path, name: "a.tif".into() };
        let asset: Asset =
            serde_json::from_value(serde_json::json!({ "href": "https://host/x/a.tif?token=secret", "size": size, "checksum": checksum }))
                .expect("an asset");
        let patches = PatchStore { store: Arc::new(InMemory::new()), prefix: Path::from("kept") };
        (patches.download(&asset, &One(source)).await, patches)
    }

    /// Digests of `abc` from RFC 1321, RFC 3174 and FIPS 180-2.
    #[tokio::test]
    async fn checksums_are_verified() {
        let right = [
            "d50110900150983cd24fb0d6963f7d28e17f72",
            "1114a9993e364706816aba3e25717850c26c9cd0d89d",
            "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "99990001",
        ];
        for checksum in right {
            let (done, patches) = download(b"abc".to_vec(), Some(3), Some(checksum)).await;
            let done = done.expect("it is right");
            assert!(done.fetched && done.path == Path::from("kept/host/x/a.tif"));
            assert_eq!(patches.store.get(&done.path).await.expect("kept").bytes().await.expect("read"), &b"abc"[..]);
        }
        let (failed, patches) = download(b"abd".to_vec(), None, Some(right[2])).await;
        assert_eq!(failed.expect_err("it is wrong").kind(), Kind::Corrupt);
        assert!(patches.store.head(&Path::from("kept/host/x/a.tif")).await.is_err(), "nothing is kept");
    }

    #[tokio::test]
    async fn sizes_are_verified_and_large_files_are_copied_in_parts() {
        for stated in [2, 4] {
            let (failed, _) = download(b"abc".to_vec(), Some(stated), None).await;
            assert_eq!(failed.expect_err("it is wrong").kind(), Kind::Corrupt);
        }
        let content: Vec<u8> = (0..2 * PART + 77).map(|i| (i % 251) as u8).collect();
        let (done, patches) = download(content.clone(), None, None).await;
        let kept = patches.store.get(&done.expect("done").path).await.expect("kept").bytes().await.expect("read");
        assert_eq!(kept, content);
    }
}
