//! Gzip, zstd and anything else, as an artifact whose form is to be found out.

#![no_main]

use lighter_artifacts::archive::Unpacking;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lighter_fuzz::unpack_bytes(bytes.to_vec(), Unpacking::Detect);
    lighter_fuzz::unpack_bytes(bytes.to_vec(), Unpacking::Tar);
});
