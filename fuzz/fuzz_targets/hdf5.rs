//! The HDF5 reader, from memory and by ranges: the same answer, and no panic. Checksums of metadata are not compared here, so that what is
//! behind them is reached.
#![no_main]

mod common;

use std::ops::Range;

use cube_format_hdf5::{Fetch, read_bytes, read_ranges};
use libfuzzer_sys::fuzz_target;

struct Bytes<'a>(&'a [u8]);

type Answer = Result<Vec<bytes::Bytes>, cube_backend::Error>;

impl Fetch for Bytes<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> Answer {
        assert!(ranges.iter().all(|r| r.start < r.end && r.end <= self.size()), "{ranges:?}");
        Ok(ranges.iter().map(|r| bytes::Bytes::copy_from_slice(&self.0[r.start as usize..r.end as usize])).collect())
    }
}

fuzz_target!(|data: &[u8]| {
    let near = read_bytes(data, common::origin());
    if let Ok(granule) = &near {
        common::check(granule, data.len() as u64);
    }
    let far = read_ranges(&Bytes(data), common::origin());
    // Numbers may be NaN, which is not equal to itself.
    assert_eq!(near.ok().map(|g| format!("{:?}", g.root)), far.ok().map(|(g, _)| format!("{:?}", g.root)));
});
