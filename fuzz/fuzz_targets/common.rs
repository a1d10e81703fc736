//! What must hold of every granule that a reader gives, whatever the bytes were.

use cube_manifest::{Data, Granule, Origin, Place, decode};

/// Chunks of one granule that are looked at.
const MOST_CHUNKS: usize = 4096;
/// Longest chunk that is decoded.
const LONGEST: usize = 1 << 20;

pub fn origin() -> Origin {
    Origin { url: "file:///granule".into(), size: None, etag: None, last_modified: None }
}

/// Fails when a granule contradicts itself or refers beyond a file of `size` bytes.
pub fn check(granule: &Granule, size: u64) {
    let mut left = MOST_CHUNKS;
    granule.root.walk("", &mut |_, group| {
        for variable in &group.variables {
            let Ok(data) = &variable.data else { continue };
            assert_eq!(variable.dimensions.len(), variable.shape.len(), "{}", variable.name);
            match data {
                Data::Text(texts) => assert_eq!(Some(texts.len() as u64), variable.len(), "{}", variable.name),
                Data::Chunks(refs) => {
                    assert_eq!(refs.grid().len(), variable.shape.len());
                    assert!(variable.fill.as_ref().is_none_or(|f| Some(f.len()) == variable.element.size()), "{}", variable.name);
                    let element = variable.element.size().unwrap_or(0) as u64;
                    let length = refs.chunk_shape().iter().try_fold(element, |n, s| n.checked_mul(*s)).and_then(|n| usize::try_from(n).ok());
                    for chunk in refs.iter() {
                        assert!(chunk.index < refs.capacity());
                        match chunk.place {
                            Place::Reference(r) => assert!(r.length > 0 && r.offset + r.length <= size, "{}", variable.name),
                            Place::Inline(bytes) => {
                                if let Some(length) = length.filter(|l| *l <= LONGEST) {
                                    let _ = decode(&variable.codecs, chunk.filter_mask, bytes, length);
                                }
                            }
                        }
                        left = left.saturating_sub(1);
                        if left == 0 {
                            return;
                        }
                    }
                }
            }
        }
    });
}
