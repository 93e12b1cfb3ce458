//! Zip archives.

#![no_main]

use lighter_artifacts::archive::Unpacking;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lighter_fuzz::unpack_bytes(bytes.to_vec(), Unpacking::Zip);
});
