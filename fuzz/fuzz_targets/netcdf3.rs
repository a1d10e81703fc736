//! The classic netCDF reader.
#![no_main]

mod common;

use cube_format_hdf5::read_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(granule) = read_bytes(data, common::origin()) {
        common::check(&granule, data.len() as u64);
    }
});
