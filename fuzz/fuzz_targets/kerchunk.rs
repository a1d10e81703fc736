//! The reader of Kerchunk references.
#![no_main]

mod common;

use cube_virtual::{Dataset, read::kerchunk::read_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(granule) = read_json(data, "file:///references.json") {
        common::check(&granule, u64::MAX);
        let arrays = Dataset::from_granule(granule);
        for (_, array) in arrays.arrays() {
            assert_eq!(array.grid().len(), array.shape.len(), "{}", array.name);
        }
    }
});
