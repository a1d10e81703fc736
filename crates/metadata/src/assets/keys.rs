use std::collections::{BTreeMap, btree_map::Entry};

/// Gives out the keys of one granule or item; no two are the same.
///
/// ```
/// use cube_metadata::assets::AssetKeys;
///
/// let mut keys = AssetKeys::default();
/// assert_eq!(keys.claim("browse"), "browse");
/// assert_eq!(keys.claim("browse"), "browse_2");
/// assert_eq!(keys.claim("browse_2"), "browse_2_2");
/// assert_eq!(keys.claim("browse"), "browse_3");
/// assert_eq!(keys.claim(""), "asset");
/// ```
#[derive(Debug, Clone, Default)]
pub struct AssetKeys {
    /// The hash of each key given out, with the number to try next for it. Two keys of one hash only mean a number that was not needed.
    taken: BTreeMap<u64, u64>,
}

impl AssetKeys {
    /// `wanted` where it is free, else the first free one of `wanted_2`, `wanted_3`, …; `asset` for an empty text.
    pub fn claim(&mut self, wanted: impl Into<String>) -> String {
        let mut wanted = wanted.into();
        if wanted.is_empty() {
            wanted.push_str("asset");
        }
        let mut number = match self.taken.entry(hash(&wanted)) {
            Entry::Vacant(free) => {
                free.insert(2);
                return wanted;
            }
            Entry::Occupied(taken) => *taken.get(),
        };
        loop {
            let key = format!("{wanted}_{number}");
            number += 1;
            if let Entry::Vacant(free) = self.taken.entry(hash(&key)) {
                free.insert(2);
                self.taken.insert(hash(&wanted), number);
                return key;
            }
        }
    }
}

/// The same on every machine, as keys must be: FNV-1a.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
