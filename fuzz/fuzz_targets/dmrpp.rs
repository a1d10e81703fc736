//! The DMR++ reader.
#![no_main]

mod common;

use cube_format_hdf5::dmrpp::{Location, read};
use libfuzzer_sys::fuzz_target;

const SIZE: u64 = 1 << 30;

fuzz_target!(|data: &[u8]| {
    let location = Location { size: Some(SIZE), ..Location::new("file:///granule.h5.dmrpp") };
    if let Ok(granule) = read(data, &location) {
        // Chunks may lie in other files, of which no size is known.
        common::check(&granule, u64::MAX);
    }
});
